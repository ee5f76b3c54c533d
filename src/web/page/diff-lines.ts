/**
 * A unified diff, read for drawing. Pure.
 *
 * 1. Inside a hunk a line is what its first character says, for as many lines as the hunk's head counts: a removed "-- a" is not
 *    the head of a file.
 * 2. Whatever the text is, every line of it is in what comes out, but for the heads of files.
 */

export type DiffLine = { readonly kind: "hunk" | "added" | "removed" | "same" | "note"; readonly text: string };

/** `path` null: the text names none. */
export type DiffFile = {
  readonly path: string | null;
  readonly lines: readonly DiffLine[];
  readonly added: number;
  readonly removed: number;
};

export function readDiff(text: string): readonly DiffFile[] {
  const files: { path: string | null; lines: DiffLine[]; hasHunk: boolean }[] = [];
  let old = 0;
  let fresh = 0;

  function file(): (typeof files)[number] {
    const last = files.at(-1);
    if (last !== undefined) return last;
    files.push({ path: null, lines: [], hasHunk: true });
    return file();
  }

  function begin(path: string | null): void {
    files.push({ path, lines: [], hasHunk: false });
  }

  for (const line of linesOf(text)) {
    const kind = kindOf(line);
    if ((old > 0 || fresh > 0) && kind !== null) {
      file().lines.push({ kind, text: line });
      if (kind !== "added" && kind !== "note") old -= 1;
      if (kind !== "removed" && kind !== "note") fresh -= 1;
      continue;
    }
    [old, fresh] = [0, 0]; // a hunk that was cut ends where something else begins
    const hunk = /^@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@/.exec(line);
    if (hunk !== null) {
      [old, fresh] = [Number(hunk[1] ?? 1), Number(hunk[2] ?? 1)];
      file().hasHunk = true;
      file().lines.push({ kind: "hunk", text: line });
    } else if (line.startsWith("diff --git ")) {
      begin(/ b\/(.+)$/.exec(line)?.[1] ?? null);
    } else if (line.startsWith("--- ")) {
      if (files.at(-1)?.hasHunk !== false) begin(null);
      file().path ??= pathOf(line);
    } else if (line.startsWith("+++ ")) {
      file().path = pathOf(line) ?? file().path;
    } else if (!isHead(line)) {
      file().lines.push({ kind: kind ?? "note", text: line });
    }
  }
  return files.map(({ path, lines }) => ({
    path,
    lines,
    added: count(lines, "added"),
    removed: count(lines, "removed"),
  }));
}

function linesOf(text: string): readonly string[] {
  const lines = text.split("\n");
  if (lines.at(-1) === "") lines.pop();
  return lines;
}

/** Null for a line that no hunk has. Some programs leave out the space of an empty line. */
function kindOf(line: string): DiffLine["kind"] | null {
  switch (line[0]) {
    case "+":
      return "added";
    case "-":
      return "removed";
    case " ":
    case undefined:
      return "same";
    case "\\":
      return "note";
    default:
      return null;
  }
}

function pathOf(line: string): string | null {
  const path = line.slice(4).split("\t")[0] ?? "";
  return path === "/dev/null" || path === "" ? null : path.replace(/^[ab]\//, "");
}

/** What git says of a file beside its names; a mode or a rename is told by the names and lines well enough. */
function isHead(line: string): boolean {
  return /^index [0-9a-f]+\.\./.test(line);
}

function count(lines: readonly DiffLine[], kind: DiffLine["kind"]): number {
  return lines.filter((line) => line.kind === kind).length;
}
