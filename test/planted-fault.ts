/**
 * A guarantee taken away in a copy of the sources, as exact replacements: the audit and the simulation have to notice each. That every
 * replacement still finds its place is checked with the unit tests, long before the mutants run.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** `file` is relative to the sources; `find` occurs in it exactly once. */
export type Edit = { readonly file: string; readonly find: string; readonly replace: string };

/** By file, the text with all of its edits. Throws when one does not match exactly once: a fault that changes nothing shows nothing. */
export function editedTexts(sources: string, edits: readonly Edit[]): ReadonlyMap<string, string> {
  const texts = new Map<string, string>();
  for (const { file, find, replace } of edits) {
    const before = texts.get(file) ?? readFileSync(join(sources, file), "utf8");
    const count = before.split(find).length - 1;
    if (count !== 1) throw new Error(`the text to replace occurs ${count} times in ${file}, not once: ${find}`);
    texts.set(
      file,
      before.replace(find, () => replace),
    );
  }
  return texts;
}

/** Writes the edits into the copy of the sources at `path`. Throws as `editedTexts` does, having written nothing. */
export function applyEdits(path: string, edits: readonly Edit[]): void {
  for (const [file, text] of editedTexts(path, edits)) writeFileSync(join(path, file), text);
}
