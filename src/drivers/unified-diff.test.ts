import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import { unifiedDiff } from "./unified-diff.ts";

test("a change is shown with three lines around it, and far changes in hunks of their own", () => {
  const lines = Array.from({ length: 20 }, (_, index) => `line ${index + 1}`);
  const after = lines.with(1, "second").with(17, "eighteenth");
  expect(unifiedDiff(`${lines.join("\n")}\n`, `${after.join("\n")}\n`)).toBe(
    [
      "@@ -1,5 +1,5 @@",
      " line 1",
      "-line 2",
      "+second",
      " line 3",
      " line 4",
      " line 5",
      "@@ -15,6 +15,6 @@",
      " line 15",
      " line 16",
      " line 17",
      "-line 18",
      "+eighteenth",
      " line 19",
      " line 20",
    ].join("\n"),
  );
});

test("a new file, an emptied file and a lost last line break are told", () => {
  expect(unifiedDiff("", "a\n")).toBe("@@ -0,0 +1,1 @@\n+a");
  expect(unifiedDiff("a\n", "")).toBe("@@ -1,1 +0,0 @@\n-a");
  expect(unifiedDiff("a\n", "a")).toBe("@@ -1,1 +1,1 @@\n-a\n+a\n\\ No newline at end of file");
  expect(unifiedDiff("same\n", "same\n")).toBe("");
});

test("patch(1) makes the new text of the old one with it, whatever the texts are", () => {
  const directory = mkdtempSync(join(tmpdir(), "signalbox-diff-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const file = join(directory, "file");
  const someLines = fc
    .array(fc.constantFrom("a", "b", "c", "", "d e"), { maxLength: 30 })
    .map((lines) => lines.join("\n"));
  fc.assert(
    fc.property(someLines, someLines, (before, after) => {
      writeFileSync(file, before);
      const diff = unifiedDiff(before, after);
      if (diff !== "") {
        const input = `--- file\n+++ file\n${diff}\n`;
        execFileSync("patch", ["--silent", "--no-backup-if-mismatch", file], { input });
      }
      // patch removes a file that becomes empty.
      expect(after === "" ? after : readFileSync(file, "utf8")).toBe(after);
    }),
    { numRuns: 60 },
  );
});

test("texts that differ in too many lines are shown whole, in bounded time", () => {
  const text = (word: string): string => Array.from({ length: 3_000 }, (_, index) => `${word} ${index}\n`).join("");
  const diff = unifiedDiff(text("a"), text("b"));
  expect(diff.split("\n")).toHaveLength(6_001);
});
