/** That the mutants still fit the sources, and that every row has one. Whether each is caught: `npm run audit:mutants`. */
import { readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { mutants } from "./mutants.ts";
import { applyEdits, testFileOf } from "./mutated-tree.ts";

const sources = join(dirname(dirname(import.meta.dirname)), "src");

test.each(mutants.map(({ name, edits }) => [name, edits] as const))(
  "its text is in the sources once: %s",
  (_, edits) => {
    applyEdits(sources, edits, () => undefined);
  },
);

test("every row has a mutant, and every mutant a row", () => {
  const rows = [...new Set(mutants.flatMap((mutant) => mutant.rows))];
  const files = readdirSync(import.meta.dirname).filter(
    (name) => name.endsWith(".test.ts") && name !== "mutants.test.ts",
  );
  expect(rows.map(testFileOf).toSorted()).toEqual(files.toSorted());
});
