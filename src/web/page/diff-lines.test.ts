import { expect, test } from "vitest";
import { readDiff } from "./diff-lines.ts";

const git = `diff --git a/src/a.ts b/src/a.ts
index 3f1c..9b2e 100644
--- a/src/a.ts
+++ b/src/a.ts
@@ -1,3 +1,3 @@ head
 same
--- not a file
+++ not a file
 end
diff --git a/gone.sql b/gone.sql
deleted file mode 100644
--- a/gone.sql
+++ /dev/null
@@ -1 +0,0 @@
-select 1
\\ No newline at end of file
`;

test("a diff of git comes apart into its files, and a removed line that begins with dashes is no head", () => {
  const files = readDiff(git);
  expect(files.map(({ path, added, removed }) => [path, added, removed])).toEqual([
    ["src/a.ts", 1, 1],
    ["gone.sql", 0, 1],
  ]);
  expect(files[0]?.lines.map(({ kind }) => kind)).toEqual(["hunk", "same", "removed", "added", "same"]);
  expect(files[1]?.lines).toEqual([
    { kind: "note", text: "deleted file mode 100644" },
    { kind: "hunk", text: "@@ -1 +0,0 @@" },
    { kind: "removed", text: "-select 1" },
    { kind: "note", text: "\\ No newline at end of file" },
  ]);
});

test("a diff without heads is one file without a name", () => {
  expect(readDiff("@@ -1 +1 @@\n-a\n+b\n")).toEqual([
    {
      path: null,
      added: 1,
      removed: 1,
      lines: [
        { kind: "hunk", text: "@@ -1 +1 @@" },
        { kind: "removed", text: "-a" },
        { kind: "added", text: "+b" },
      ],
    },
  ]);
  expect(readDiff("+only\n+added")[0]).toMatchObject({ path: null, added: 2 });
});

test("plain heads without git's line begin a file each", () => {
  const text = "--- a/one\n+++ b/one\n@@ -1 +1 @@\n-a\n+b\n--- /dev/null\n+++ b/two\n@@ -0,0 +1 @@\n+c\n";
  expect(readDiff(text).map(({ path }) => path)).toEqual(["one", "two"]);
});

test("a diff that was cut in the middle loses no line, and goes on with the next file", () => {
  const cut =
    "@@ -1,90 +1,90 @@\n-a\n\u2026 80 lines left out \u2026\n diff of it\ndiff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n+b\n";
  const files = readDiff(cut);
  expect(files.map(({ path }) => path)).toEqual([null, "x"]);
  expect(files[0]?.lines.map(({ text }) => text)).toEqual([
    "@@ -1,90 +1,90 @@",
    "-a",
    "\u2026 80 lines left out \u2026",
    " diff of it",
  ]);
  expect(files[1]?.lines.map(({ text }) => text)).toEqual(["@@ -1 +1 @@", "+b"]);
});
