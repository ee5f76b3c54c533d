import fc from "fast-check";
import { expect, test } from "vitest";
import { unifiedDiff } from "./line-diff.ts";

test("a new file is all additions, a removed one all removals, and an unchanged one nothing", () => {
  expect(unifiedDiff("", "one\ntwo\n")).toBe("@@ -0,0 +1,2 @@\n+one\n+two");
  expect(unifiedDiff("one\n", "")).toBe("@@ -1,1 +0,0 @@\n-one");
  expect(unifiedDiff("same\n", "same\n")).toBe("");
});

test("a change is shown with three lines around it; changes far apart are hunks of their own", () => {
  const lines = Array.from({ length: 20 }, (_, index) => `line ${index + 1}`);
  const after = lines.with(1, "second").with(18, "nineteenth");
  expect(unifiedDiff(lines.join("\n"), after.join("\n"))).toBe(
    [
      "@@ -1,5 +1,5 @@",
      " line 1",
      "-line 2",
      "+second",
      " line 3",
      " line 4",
      " line 5",
      "@@ -16,5 +16,5 @@",
      " line 16",
      " line 17",
      " line 18",
      "-line 19",
      "+nineteenth",
      " line 20",
    ].join("\n"),
  );
});

test("whatever the texts, the kept and removed lines are the old text and the kept and added ones the new", () => {
  const text = fc.array(fc.constantFrom("a", "b", "c", ""), { maxLength: 12 });
  fc.assert(
    fc.property(text, text, (before, after) => {
      const [a, b] = [before, after].map((lines) => lines.map((line) => `${line}\n`).join(""));
      // Enough context to hold the whole of so short a text.
      const diff = unifiedDiff(a ?? "", b ?? "")
        .split("\n")
        .filter((line) => !line.startsWith("@@") && line !== "");
      const changed = (left: string) => diff.filter((line) => line.startsWith(left)).map((line) => line.slice(1));
      const count = (lines: readonly string[], line: string): number => lines.filter((one) => one === line).length;
      for (const line of ["a", "b", "c", ""]) {
        expect(count(changed("+"), line) - count(changed("-"), line)).toBe(count(after, line) - count(before, line));
      }
    }),
  );
});

test("texts too different to compare line by line are shown as one replacement, at once", () => {
  const many = (word: string): string => Array.from({ length: 5_000 }, (_, index) => `${word} ${index}`).join("\n");
  const lines = unifiedDiff(many("old"), many("new")).split("\n");
  expect(lines[0]).toBe("@@ -1,5000 +1,5000 @@");
  expect(lines).toHaveLength(10_001);
});
