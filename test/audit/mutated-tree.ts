/**
 * A tree in which one test file of the audit runs against sources of its own: copies of `src/` and of what the tests need, side by
 * side as in the repository, so that every relative import means the copy.
 */
import { cpSync, existsSync, mkdirSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { applyEdits, type Edit } from "../planted-fault.ts";

const root = dirname(dirname(import.meta.dirname));

/** The page is no part of any row, and the largest. */
const leftOut = ["page"];

/** Copied beside `src/`: what a test of the audit imports. */
const besides = [
  "test/model",
  "test/engine-house.ts",
  "test/manual-files.ts",
  "test/no-files.ts",
  "test/scripted-driver.ts",
];

export function testFileOf(row: string): string {
  const found = [`${row}.test.ts`, `${row}.cli.test.ts`].find((name) => existsSync(join(import.meta.dirname, name)));
  if (found === undefined) throw new Error(`the row ${row} has no test file`);
  return found;
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
  applyEdits(join(path, "src"), edits);
}
