/** A copy of the sources with one guarantee broken. */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Mutant } from "./mutants.ts";

/** What the engine and the store need of `src/`. */
const folders = ["domain", "engine", "lib", "store"] as const;

export type MutatedSources = { readonly path: string } & Disposable;

/** Throws when an edit does not match exactly once: a mutant that changes nothing proves nothing. */
export function mutateSources(sources: string, mutant: Mutant): MutatedSources {
  const path = mkdtempSync(join(tmpdir(), "signalbox-mutant-"));
  const dispose = (): void => rmSync(path, { recursive: true, force: true });
  try {
    for (const folder of folders) {
      const isSource = (name: string): boolean => !name.endsWith(".test.ts");
      cpSync(join(sources, folder), join(path, folder), { recursive: true, filter: isSource });
    }
    for (const { file, find, replace } of mutant.edits) {
      const before = readFileSync(join(path, file), "utf8");
      const count = before.split(find).length - 1;
      if (count !== 1) throw new Error(`mutant "${mutant.name}": its text occurs ${count} times in ${file}, not once`);
      writeFileSync(
        join(path, file),
        before.replace(find, () => replace),
      );
    }
  } catch (error) {
    dispose();
    throw error;
  }
  return { path, [Symbol.dispose]: dispose };
}
