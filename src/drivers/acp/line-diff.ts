/**
 * The difference between two texts as a unified diff without a file header, for a person who decides on an edit. Pure.
 *
 * Exact for edits of usual size; where the changed middle is larger than `cellsMax` allows, it is shown as one replacement.
 */

/** Unchanged lines around a change. */
const contextLines = 3;
/** Cells of the table that finds the longest common subsequence: 2,000 by 2,000 changed lines, some milliseconds. */
const cellsMax = 4_000_000;

type Line = { readonly mark: " " | "-" | "+"; readonly text: string };

export function unifiedDiff(before: string, after: string): string {
  const lines = compare(linesOf(before), linesOf(after));
  return hunksOf(lines)
    .map(({ from, to }) => hunk(lines, from, to))
    .join("\n");
}

function linesOf(text: string): readonly string[] {
  if (text === "") return [];
  return (text.endsWith("\n") ? text.slice(0, -1) : text).split("\n");
}

function compare(a: readonly string[], b: readonly string[]): readonly Line[] {
  let head = 0;
  while (head < a.length && head < b.length && a[head] === b[head]) head += 1;
  let tail = 0;
  while (tail < a.length - head && tail < b.length - head && a[a.length - 1 - tail] === b[b.length - 1 - tail])
    tail += 1;
  return [
    ...marked(" ", a.slice(0, head)),
    ...changed(a.slice(head, a.length - tail), b.slice(head, b.length - tail)),
    ...marked(" ", a.slice(a.length - tail)),
  ];
}

function marked(mark: Line["mark"], texts: readonly string[]): readonly Line[] {
  return texts.map((text) => ({ mark, text }));
}

function changed(a: readonly string[], b: readonly string[]): readonly Line[] {
  if (a.length === 0 || b.length === 0 || a.length * b.length > cellsMax) return [...marked("-", a), ...marked("+", b)];
  const width = b.length + 1;
  // common[i * width + j]: the length of the longest common subsequence of a from i on and b from j on.
  const common = new Uint32Array((a.length + 1) * width);
  const at = (i: number, j: number): number => common[i * width + j] ?? 0;
  for (let i = a.length - 1; i >= 0; i -= 1) {
    for (let j = b.length - 1; j >= 0; j -= 1) {
      common[i * width + j] = a[i] === b[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  const lines: Line[] = [];
  let [i, j] = [0, 0];
  while (i < a.length && j < b.length) {
    if (a[i] === b[j]) {
      lines.push({ mark: " ", text: a[i] ?? "" });
      [i, j] = [i + 1, j + 1];
    } else if (at(i + 1, j) >= at(i, j + 1)) lines.push({ mark: "-", text: a[i++] ?? "" });
    else lines.push({ mark: "+", text: b[j++] ?? "" });
  }
  return [...lines, ...marked("-", a.slice(i)), ...marked("+", b.slice(j))];
}

/** Changes whose contexts touch are one hunk. */
function hunksOf(lines: readonly Line[]): readonly { readonly from: number; readonly to: number }[] {
  const hunks: { from: number; to: number }[] = [];
  for (const [index, line] of lines.entries()) {
    if (line.mark === " ") continue;
    const from = Math.max(0, index - contextLines);
    const to = Math.min(lines.length, index + 1 + contextLines);
    const last = hunks.at(-1);
    if (last && from <= last.to) last.to = to;
    else hunks.push({ from, to });
  }
  return hunks;
}

function hunk(lines: readonly Line[], from: number, to: number): string {
  const inside = lines.slice(from, to);
  const [old, next] = (["+", "-"] as const).map((left) => {
    const start = lines.slice(0, from).filter((line) => line.mark !== left).length;
    const count = inside.filter((line) => line.mark !== left).length;
    return `${count === 0 ? start : start + 1},${count}`;
  });
  return [`@@ -${old} +${next} @@`, ...inside.map((line) => line.mark + line.text)].join("\n");
}
