/**
 * A tree in which one test file of the audit runs against sources of its own: copies of `src/` and of what the tests need, side by
 * side as in the repository, so that every relative import means the copy.
 */
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { Edit } from "./mutants.ts";

const root = dirname(dirname(import.meta.dirname));

/** The page is no part of any row, and the largest. */
const leftOut = ["page"];

/** Copied beside `src/`: what a test of the audit imports. */
const besides = ["test/model", "test/engine-house.ts", "test/no-files.ts", "test/scripted-driver.ts"];

export function testFileOf(row: string): string {
  const found = [`${row}.test.ts`, `${row}.cli.test.ts`].find((name) => existsSync(join(import.meta.dirname, name)));
  if (found === undefined) throw new Error(`the row ${row} has no test file`);
  return found;
}

/** Throws when an edit does not match exactly once: a mutant that changes nothing proves nothing. */
export function applyEdits(sources: string, edits: readonly Edit[], write: (path: string, text: string) => void): void {
  const texts = new Map<string, string>();
  for (const { file, find, replace } of edits) {
    const before = texts.get(file) ?? readFileSync(join(sources, file), "utf8");
    const count = before.split(find).length - 1;
    if (count !== 1) throw new Error(`the text to replace occurs ${count} times in src/${file}, not once: ${find}`);
    texts.set(
      file,
      before.replace(find, () => replace),
    );
  }
  for (const [file, text] of texts) write(file, text);
}

/** Creates the tree at `path`, which must not exist, with the test files of `rows`. */
export function plantTree(path: string, rows: readonly string[], edits: readonly Edit[]): void {
  const isNeeded = (name: string): boolean => !leftOut.includes(basename(name)) && !name.endsWith(".test.ts");
  cpSync(join(root, "src"), join(path, "src"), { recursive: true, filter: isNeeded });
  for (const name of besides) cpSync(join(root, name), join(path, name), { recursive: true, filter: isNeeded });
  mkdirSync(join(path, "test/audit"));
  const kit = ["kit.ts", "telegram-line.ts"];
  for (const name of [...kit, ...rows.map(testFileOf)]) {
    cpSync(join(import.meta.dirname, name), join(path, "test/audit", name));
  }
  applyEdits(join(path, "src"), edits, (file, text) => writeFileSync(join(path, "src", file), text));
}
