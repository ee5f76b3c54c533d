/** The doctor's verdicts on values; what it finds on a real machine is tested in test/e2e/program.test.ts. */
import { expect, test } from "vitest";
import { itemStates, type ItemState } from "./domain/inbox-item.ts";
import type { Counts } from "./engine/ports.ts";
import { checkBooks, checkNode } from "./doctor.ts";

test.each([
  ["24.12.0", "ok"],
  ["24.21.3", "ok"],
  ["26.0.0", "ok"],
  ["24.11.9", "problem"],
  ["22.20.0", "problem"],
])("Node %s: %s", (version, mark) => {
  expect(checkNode(version).mark).toBe(mark);
});

function counts(received: number, byState: Partial<Record<ItemState, number>>): Counts {
  const all = Object.fromEntries(itemStates.map((state) => [state, byState[state] ?? 0]));
  return { received, byState: all as Record<ItemState, number> };
}

test("every state counts as accounted for (I4)", () => {
  const one = Object.fromEntries(itemStates.map((state) => [state, 1]));
  expect(checkBooks(counts(itemStates.length, one)).mark).toBe("ok");
});

test("a lost message and one counted twice are both a problem, with the numbers", () => {
  expect(checkBooks(counts(3, { done: 2 }))).toEqual({
    mark: "problem",
    text: "The books do not balance: 3 messages were received, but 2 are recorded (2 done). Please report this.",
  });
  expect(checkBooks(counts(1, { done: 1, queued: 1 })).mark).toBe("problem");
});
