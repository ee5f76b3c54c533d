/** A copy of the sources with one guarantee broken. */
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { applyEdits } from "../planted-fault.ts";
import type { Mutant } from "./mutants.ts";

/** What the engine, the store and the timer need of `src/`. */
const folders = ["domain", "engine", "lib", "schedule", "store"] as const;

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
    applyEdits(path, mutant.edits);
  } catch (error) {
    dispose();
    throw error;
  }
  return { path, [Symbol.dispose]: dispose };
}
