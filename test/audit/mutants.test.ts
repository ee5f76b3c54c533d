/** That every row has a mutant. Whether each is caught: `npm run audit:mutants`. */
import { readdirSync } from "node:fs";
import { expect, test } from "vitest";
import { mutants } from "./mutants.ts";
import { testFileOf } from "./mutated-tree.ts";

test("every row has a mutant, and every mutant a row", () => {
  const rows = [...new Set(mutants.flatMap((mutant) => mutant.rows))];
  const files = readdirSync(import.meta.dirname).filter(
    (name) => name.endsWith(".test.ts") && name !== "mutants.test.ts",
  );
  expect(rows.map(testFileOf).toSorted()).toEqual(files.toSorted());
});
