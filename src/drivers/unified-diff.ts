/**
 * The difference of two texts as a unified diff without its file header. Pure.
 *
 * 1. Its work is bounded: where two texts differ in too many lines to be aligned, the old lines are all removed and the new ones added.
 * 2. "" when they are the same.
 */

/** Unchanged lines around a change. */
const contextLines = 3;
/** Cells of the table that aligns the differing middles: 1 M take some 10 ms and 4 MB. */
const cellsMax = 1_000_000;

type Line = { readonly kind: " " | "-" | "+"; readonly text: string };

export function unifiedDiff(before: string, after: string): string {
  const lines = align(linesOf(before), linesOf(after));
  return hunksOf(lines).join("\n");
}

/** A last line without its line break is another line than one with it. */
const unbroken = "\n\\ No newline at end of file";

function linesOf(text: string): string[] {
  if (text === "") return [];
  const lines = text.split("\n");
  const last = lines.pop() ?? "";
  return last === "" ? lines : [...lines, `${last}${unbroken}`];
}

function align(before: readonly string[], after: readonly string[]): Line[] {
  const shorter = Math.min(before.length, after.length);
  let head = 0;
  while (head < shorter && before[head] === after[head]) head += 1;
  let tail = 0;
  while (tail < shorter - head && before.at(-1 - tail) === after.at(-1 - tail)) tail += 1;
  const old = before.slice(head, before.length - tail);
  const fresh = after.slice(head, after.length - tail);
  return [
    ...as(" ", before.slice(0, head)),
    ...alignMiddle(old, fresh),
    ...as(" ", before.slice(before.length - tail)),
  ];
}

function as(kind: Line["kind"], lines: readonly string[]): Line[] {
  return lines.map((text) => ({ kind, text }));
}

/** By the longest common subsequence. */
function alignMiddle(old: readonly string[], fresh: readonly string[]): Line[] {
  const width = fresh.length + 1;
  if (old.length * fresh.length > cellsMax || old.length * fresh.length === 0)
    return [...as("-", old), ...as("+", fresh)];
  /** At i, j: how many lines the rests of both from there have in common. */
  const common = new Uint32Array((old.length + 1) * width);
  const at = (i: number, j: number): number => common[i * width + j] ?? 0;
  for (let i = old.length - 1; i >= 0; i -= 1) {
    for (let j = fresh.length - 1; j >= 0; j -= 1) {
      common[i * width + j] = old[i] === fresh[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  const lines: Line[] = [];
  let [i, j] = [0, 0];
  while (i < old.length && j < fresh.length) {
    if (old[i] === fresh[j]) {
      lines.push(...as(" ", old.slice(i, i + 1)));
      i += 1;
      j += 1;
    } else if (at(i + 1, j) >= at(i, j + 1)) lines.push(...as("-", old.slice(i, (i += 1))));
    else lines.push(...as("+", fresh.slice(j, (j += 1))));
  }
  return [...lines, ...as("-", old.slice(i)), ...as("+", fresh.slice(j))];
}

function hunksOf(lines: readonly Line[]): string[] {
  const changes = lines.flatMap((line, index) => (line.kind === " " ? [] : [index]));
  const hunks: string[] = [];
  let [oldLine, newLine, done] = [1, 1, 0];
  for (let at = 0; at < changes.length;) {
    let last = at;
    while ((changes[last + 1] ?? Number.POSITIVE_INFINITY) - (changes[last] ?? 0) <= 2 * contextLines) last += 1;
    const from = Math.max(0, (changes[at] ?? 0) - contextLines);
    const to = Math.min(lines.length, (changes[last] ?? 0) + contextLines + 1);
    oldLine += from - done;
    newLine += from - done;
    const hunk = lines.slice(from, to);
    const oldCount = hunk.filter((line) => line.kind !== "+").length;
    const newCount = hunk.filter((line) => line.kind !== "-").length;
    const body = hunk.map((line) => `${line.kind}${line.text}`);
    hunks.push([`@@ -${rangeOf(oldLine, oldCount)} +${rangeOf(newLine, newCount)} @@`, ...body].join("\n"));
    oldLine += oldCount;
    newLine += newCount;
    done = to;
    at = last + 1;
  }
  return hunks;
}

/** Of nothing, the line before is named. */
function rangeOf(line: number, count: number): string {
  return count === 0 ? `${line - 1},0` : `${line},${count}`;
}
