import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, expect, onTestFinished, test } from "vitest";
import { editsOf } from "./edits.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "signalbox-edits-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
});

const present = (name: string, text: string): string => {
  writeFileSync(join(directory, name), text);
  return join(directory, name);
};
const diffOf = async (tool: string, input: Record<string, unknown>): Promise<string | undefined> =>
  (await editsOf(tool, input, directory))?.[0]?.diff;

test("an edit is shown where it falls in the file as it is, everywhere when it says so", async () => {
  const file_path = present("a", "x\ny\nx\n");
  const edit = { file_path, old_string: "x", new_string: "$&" };
  expect(await diffOf("Edit", edit)).toBe("@@ -1,3 +1,3 @@\n-x\n+$&\n y\n x");
  expect(await diffOf("Edit", { ...edit, replace_all: true })).toBe("@@ -1,3 +1,3 @@\n-x\n+$&\n y\n-x\n+$&");
  expect(await diffOf("Edit", { ...edit, file_path: "a" })).toBe("@@ -1,3 +1,3 @@\n-x\n+$&\n y\n x");
});

test("several edits of a file are one diff, each made on what the one before left", async () => {
  const file_path = present("a", "one\n");
  const edits = [
    { old_string: "one", new_string: "two" },
    { old_string: "two", new_string: "three" },
  ];
  expect(await diffOf("MultiEdit", { file_path, edits })).toBe("@@ -1,1 +1,1 @@\n-one\n+three");
});

test("an edit that does not fit the file is shown by itself", async () => {
  const file_path = present("a", "other\n");
  const edit = { file_path, old_string: "one", new_string: "two" };
  expect(await diffOf("Edit", edit)).toBe("@@ -1,1 +1,1 @@\n-one\n+two");
});

test("a written file is compared with the one that it replaces, or shown whole when it is new", async () => {
  const file_path = present("a", "old\n");
  expect(await diffOf("Write", { file_path, content: "new\n" })).toBe("@@ -1,1 +1,1 @@\n-old\n+new");
  expect(await diffOf("Write", { file_path: join(directory, "b"), content: "new\n" })).toBe("@@ -0,0 +1,1 @@\n+new");
});

test("of a notebook the cell's source is compared", async () => {
  const notebook_path = present("n.ipynb", JSON.stringify({ cells: [{ id: "c1", source: ["a\n", "b\n"] }] }));
  const cell = { notebook_path, cell_id: "c1", new_source: "a\nc\n" };
  expect(await diffOf("NotebookEdit", cell)).toBe("@@ -1,2 +1,2 @@\n a\n-b\n+c");
  expect(await diffOf("NotebookEdit", { ...cell, edit_mode: "delete" })).toBe("@@ -1,2 +0,0 @@\n-a\n-b");
  expect(await diffOf("NotebookEdit", { ...cell, edit_mode: "insert" })).toBe("@@ -0,0 +1,2 @@\n+a\n+c");
});

test("what cannot be compared says so, and what is no edit has no diff", async () => {
  expect(await diffOf("Write", { file_path: directory, content: "x\n" })).toBe(
    "(This is not a plain file.)\n@@ -0,0 +1,1 @@\n+x",
  );
  const file_path = present("big", "x".repeat(2_000_001));
  expect(await diffOf("Write", { file_path, content: "x\n" })).toContain("2000001 bytes now");
  expect(await editsOf("Bash", { command: "true" }, directory)).toBeNull();
});
