import { join } from "node:path";
import { expect, test } from "vitest";
import { mutants as auditMutants } from "./audit/mutants.ts";
import { editedTexts } from "./planted-fault.ts";
import { mutants as simulationMutants } from "./simulation/mutants.ts";

const sources = join(import.meta.dirname, "../src");

test.each([
  ["audit", auditMutants],
  ["simulation", simulationMutants],
] as const)("every fault that the %s plants still has its place in the sources", (_, mutants) => {
  for (const { edits } of mutants) editedTexts(sources, edits);
  const names = mutants.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
});
