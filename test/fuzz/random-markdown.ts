/**
 * Markdown as agents write it, and as nobody would: documents of nested blocks, cut where a stream may be cut, damaged, or a soup of markup.
 *
 * Words that a reader has to see are numbered ("w7"); a document tells them in their order. A damaged one tells none: what is visible in it
 * is the parser's to say.
 */
import type { Random } from "./random.ts";

export type MarkdownCase = {
  readonly source: string;
  /** In the order in which they must appear; null where the source was cut or damaged. */
  readonly words: readonly string[] | null;
};

export function randomMarkdown(random: Random): MarkdownCase {
  if (random.chance(0.25)) return { source: soup(random), words: null };
  const writer: Writer = { random, words: [], count: 0 };
  const source = blocks(writer, 1 + random.int(random.chance(0.01) ? 40 : 4), 0);
  if (random.chance(0.3)) return { source: source.slice(0, random.int(source.length + 1)), words: null };
  if (random.chance(0.3)) return { source: damaged(random, source), words: null };
  return { source, words: writer.words };
}

type Writer = { readonly random: Random; readonly words: string[]; count: number };

// ---------------------------------------------------------------- words

const strange = [
  "\u{1F468}\u200D\u{1F469}\u200D\u{1F467}\u200D\u{1F466}", // a family of four, joined by ZWJ
  "\u{1F3F3}\uFE0F\u200D\u{1F308}",
  "\u{1F600}",
  "\u0645\u0631\u062D\u0628\u0627 \u0628\u0627\u0644\u0639\u0627\u0644\u0645",
  "\u05E9\u05DC\u05D5\u05DD",
  "\u4F60\u597D\u4E16\u754C",
  "e\u0301",
  "a\u030A",
  "a\u202Eb\u202C",
  "x\u0000y",
  "\uD83D",
  "snake_case_name",
  "2 * 3 * 4",
  "C:\\path\\to",
  "a&amp;b &lt; c",
  "tg://resolve?domain=x",
  "https://x.y/a_b?c=d&e=(f)",
  "someone@example.com",
  "/command @mention #tag",
  "$100",
  "~tilde~",
  "[brackets]",
  "\tindent",
] as const;

function word(writer: Writer): string {
  writer.count += 1;
  const text = `w${writer.count}`;
  writer.words.push(text);
  return text;
}

function phrase(writer: Writer): string {
  const { random } = writer;
  const parts: string[] = [];
  for (let n = random.int(5); n >= 0; n -= 1) parts.push(random.chance(0.12) ? random.pick(strange) : word(writer));
  return parts.join(random.chance(0.05) ? "\n" : " ");
}

// ---------------------------------------------------------------- inline

function inline(writer: Writer, depth: number): string {
  const { random } = writer;
  if (depth > 3) return word(writer);
  switch (random.int(14)) {
    case 0:
      return `**${inline(writer, depth + 1)}**`;
    case 1:
      return `*${inline(writer, depth + 1)}*`;
    case 2:
      return `_${word(writer)}_`;
    case 3: {
      const struck = inline(writer, depth + 1);
      return struck.startsWith("~") ? struck : `~~${struck}~~`; // three of them would begin a fence
    }
    case 4:
      return `\`${word(writer)} = ${random.pick(["*a*", "<b>", "|", "[x](y)", "1"])}\``;
    case 5:
      return `[${inline(writer, depth + 1)}](${random.pick(["https://en.wikipedia.org/wiki/A_(b)", "src/a.ts", "javascript:alert(1)", "mailto:a@b.cd", "<https://x.y/a b>", "#top", "https://x.y/q?(a(b))"])})`;
    case 6:
      return `![${word(writer)}](https://x.y/p.png)`;
    case 7:
      return `<b>${word(writer)}</b>`;
    case 8:
      return `***${word(writer)}** ${word(writer)}*`;
    case 9:
      return `**${word(writer)} \`${word(writer)}\` ${word(writer)}**`;
    default:
      return phrase(writer);
  }
}

function sentence(writer: Writer): string {
  const parts: string[] = [];
  for (let n = writer.random.int(4); n >= 0; n -= 1) parts.push(inline(writer, 0));
  return parts.join(" ");
}

/** On one line, without what would end a cell. */
function cell(writer: Writer): string {
  return sentence(writer).replace(/\n/g, " ").replace(/\|/g, "\\|");
}

// ---------------------------------------------------------------- blocks

function blocks(writer: Writer, count: number, depth: number): string {
  const parts: string[] = [];
  for (let n = 0; n < count; n += 1) parts.push(block(writer, depth));
  return parts.join("\n\n");
}

function block(writer: Writer, depth: number): string {
  const { random } = writer;
  const kind = random.int(depth > 3 ? 4 : 12);
  switch (kind) {
    case 0:
      return `${"#".repeat(1 + random.int(6))} ${sentence(writer).replace(/\n/g, " ")}`;
    case 1:
      return fence(writer);
    case 2:
      return random.pick(["---", "***", "- - -"]);
    case 3:
    case 4:
      return sentence(writer);
    case 5:
    case 6:
      return list(writer, depth);
    case 7:
      return nested(blocks(writer, 1 + random.int(3), depth + 1), "> ", "> ");
    case 8:
      return table(writer);
    case 9:
      return `<div>\n${word(writer)} <span>${word(writer)}</span>\n</div>`;
    case 10:
      return `${sentence(writer)}[^n${writer.count}]\n\n[^n${writer.count}]: ${word(writer)} ${word(writer)}`;
    default:
      return random.chance(0.02) ? long(writer) : sentence(writer);
  }
}

function fence(writer: Writer): string {
  const { random } = writer;
  const mark = random.pick(["```", "~~~", "````"]);
  const language = random.pick(["", "ts", "python", "c++", "diff", "src/a.ts", 'js title="x"', "objective-c"]);
  const lines = Array.from(
    { length: 1 + random.int(6) },
    () =>
      `${random.pick(["", "  ", "\t", "\t\t", "+ ", "- ", "# ", "> ", "| "])}${word(writer)} ${random.pick(strange)}`,
  );
  return `${mark}${language}\n${lines.join("\n")}\n${mark}`;
}

function list(writer: Writer, depth: number): string {
  const { random } = writer;
  const isOrdered = random.chance(0.4);
  const isTask = random.chance(0.3);
  const start = 1 + random.int(12);
  return Array.from({ length: 1 + random.int(4) }, (_, index) => {
    const mark = isOrdered ? `${start + index}. ` : "- ";
    const box = isTask ? random.pick(["[ ] ", "[x] "]) : "";
    const indent = " ".repeat(mark.length);
    const own = isTask ? word(writer) : sentence(writer);
    const inner = random.chance(0.35) ? `\n\n${blocks(writer, 1 + random.int(2), depth + 1)}` : "";
    return nested(`${box}${own}${inner}`, mark, indent);
  }).join("\n");
}

function nested(text: string, first: string, rest: string): string {
  return text
    .split("\n")
    .map((line, index) => `${index === 0 ? first : rest}${line}`)
    .join("\n");
}

function table(writer: Writer): string {
  const { random } = writer;
  const columns = 1 + random.int(4);
  const row = (): string => `| ${Array.from({ length: columns }, () => cell(writer)).join(" | ")} |`;
  const header = row();
  const rule = `|${Array.from({ length: columns }, () => random.pick(["---", ":--", "--:", ":-:"])).join("|")}|`;
  return [header, rule, ...Array.from({ length: random.int(5) }, row)].join("\n");
}

function long(writer: Writer): string {
  const { random } = writer;
  const piece = random.pick(["word ", "**b** `c` ", "\u{1F600}", "x", "line\n", "- item\n"]);
  const filler = piece.repeat(Math.ceil((1_000 + random.int(8_000)) / piece.length));
  return `${sentence(writer)}\n\n${filler}\n\n${word(writer)}`;
}

// ---------------------------------------------------------------- damage

const marks =
  "* ** *** _ __ ~~ ~ ` `` ``` ~~~ # ## > - + 1. [ ] ( ) ]( [^ ]: ! | < > </ <!-- --> & &amp; \\ : [x] [ ] |-|-| \n \n\n \t".split(
    " ",
  );

function damaged(random: Random, source: string): string {
  let text = source;
  for (let n = 1 + random.int(6); n > 0; n -= 1) {
    const at = random.int(text.length + 1);
    const skipped = random.chance(0.5) ? random.int(4) : 0;
    const mark = marks[random.int(marks.length)] ?? "";
    text = text.slice(0, at) + mark + text.slice(at + skipped);
  }
  return text;
}

function soup(random: Random): string {
  const parts: string[] = [];
  for (let n = 1 + random.int(40); n > 0; n -= 1) {
    if (random.chance(0.45)) parts.push(marks[random.int(marks.length)] ?? "");
    else if (random.chance(0.2)) parts.push(random.pick(strange));
    else parts.push(random.pick(["word", "a", "x1", "https://x.y", " ", "\n", "\n\n", "    ", "\r\n", "\u2028", "."]));
  }
  const text = parts.join(random.pick(["", "", " "]));
  return random.chance(0.01) ? text.repeat(20 + random.int(40)) : text;
}
