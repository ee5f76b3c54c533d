import fc from "fast-check";
import type { MessageEntity } from "grammy/types";
import { describe, expect, it } from "vitest";

import { entitiesMax, type FormattedText, partCharsMax, split } from "./formatted-text.ts";
import { renderMarkdown } from "./markdown.ts";

const shown = ({ text, entities }: FormattedText) => ({
  text,
  entities: entities.map((entity) => [entity.type, text.slice(entity.offset, entity.offset + entity.length)]),
});

describe("Markdown as Telegram shows it", () => {
  it.each([
    [
      "**a** _b_ ~~c~~ `d`",
      "a b c d",
      [
        ["bold", "a"],
        ["italic", "b"],
        ["strikethrough", "c"],
        ["code", "d"],
      ],
    ],
    ["# Title\n\ntext", "Title\n\ntext", [["bold", "Title"]]],
    ["- a\n- b\n  - c\n    more", "\u2022 a\n\u2022 b\n  \u2022 c\n    more", []],
    ["3. a\n4. b", "3. a\n4. b", []],
    ["- [ ] open\n- [x] done", "\u2610 open\n\u2611 done", []],
    ["```ts\nlet a = 1;\n```", "let a = 1;", [["pre", "let a = 1;"]]],
    ["- a:\n  ```\n  x\n    y\n  ```", "\u2022 a:\n  x\n  y", [["pre", "x\n  y"]]],
    ["```src/a.ts:3\nx\n```", "src/a.ts:3\nx", [["pre", "x"]]],
    ["```go\nif\tx {\n\treturn\n\t\t1\n```", "if  x {\n    return\n        1", [["pre", expect.any(String)]]],
    ["> quote\n> more", "quote\nmore", [["blockquote", "quote\nmore"]]],
    ["> a\n> > b", "a\nb", [["blockquote", "a\nb"]]],
    [
      "> see `x`",
      "see x",
      [
        ["blockquote", "see x"],
        ["code", "x"],
      ],
    ],
    ["a  \nb", "a\nb", []],
    ["---", "\u2014\u2014\u2014", []],
    ["<b>not bold</b> <script>", "<b>not bold</b> <script>", []],
    ["<div>\nraw\n</div>", "<div>\nraw\n</div>", []],
    [
      "**bold `code` bold**",
      "bold code bold",
      [
        ["bold", "bold "],
        ["code", "code"],
        ["bold", " bold"],
      ],
    ],
    ["# a **b** c", "a b c", [["bold", "a b c"]]],
    ["![cat](https://x.y/c.png)", "\u{1F5BC} cat", [["text_link", "\u{1F5BC} cat"]]],
    ["text[^1]\n\n[^1]: note", "text[1]\n\n[1] note", []],
    ["snake_case_name and 2*3*4", "snake_case_name and 234", [["italic", "3"]]],
    ["[note]: later", "[note]: later", []],
  ])("draws %j", (source, text, entities) => {
    const drawn = shown(renderMarkdown(source));
    expect(drawn.entities).toEqual(entities);
    expect(drawn.text).toBe(text);
  });

  it("makes links only of http, https, mailto and tel, and writes other targets out (T9)", () => {
    expect(renderMarkdown("[a](https://x.y/z?q=1) [b](mailto:a@b.c) [c](tel:+123)").entities).toEqual([
      { type: "text_link", offset: 0, length: 1, url: "https://x.y/z?q=1" },
      { type: "text_link", offset: 2, length: 1, url: "mailto:a@b.c" },
      { type: "text_link", offset: 4, length: 1, url: "tel:+123" },
    ]);
    for (const url of ["javascript:alert(1)", "file:///etc/passwd", "data:text/html,x", "src/a.ts", "//x.y"]) {
      expect(renderMarkdown(`[label](${url})`)).toEqual({ text: `label (${url})`, entities: [] });
    }
    expect(renderMarkdown("[src/a.ts](src/a.ts)").text).toBe("src/a.ts");
    expect(renderMarkdown("[a][ref] [b][bad]\n\n[ref]: https://x.y\n[bad]: javascript:x")).toEqual({
      text: "a b (javascript:x)",
      entities: [{ type: "text_link", offset: 0, length: 1, url: "https://x.y" }],
    });
  });

  it("shows addresses that Telegram would make live by itself as code", () => {
    const drawn = shown(renderMarkdown("**open tg://resolve?domain=x now**, [b](tg://user?id=1), `ton://c`"));
    expect(drawn.entities).toEqual([
      ["bold", "open "],
      ["code", "tg://resolve?domain=x"],
      ["bold", " now"],
      ["code", "tg://user?id=1),"],
      ["code", "ton://c"],
    ]);
  });

  it("spends no entity on a bare address, which Telegram finds by itself", () => {
    expect(renderMarkdown("see https://x.y/z or a@b.cd")).toEqual({
      text: "see https://x.y/z or a@b.cd",
      entities: [],
    });
  });

  it("aligns tables in a fixed-width block, wide characters included", () => {
    const table = "| name | n |\n|---|--:|\n| `a` | 1 |\n| \u4F60\u597D | **22** |";
    expect(shown(renderMarkdown(table))).toEqual({
      text: "name |  n\n-----+---\na    |  1\n\u4F60\u597D | 22".replace("-----+---", "-----+---"),
      entities: [["pre", expect.any(String)]],
    });
  });

  it("takes out what turns the direction of writing around, and whole characters only", () => {
    expect(renderMarkdown("a\u202Eb\u2066c\u0007\uD83D d").text).toBe("abc\uFFFD d");
  });

  it("keeps the ring and the lines of a letter, which Telegram takes off, where they can be part of it", () => {
    expect(renderMarkdown("A\u030Angstro\u0308m x\u0333y").text).toBe("\u00C5ngstr\u00F6m xy");
  });

  it("makes a link of what a browser would read, blanks and all", () => {
    expect(renderMarkdown("[a](<\thttps://x.y/a b>)").entities).toMatchObject([{ url: "https://x.y/a%20b" }]);
  });

  it("shows markup that says nothing as it is, instead of an empty message", () => {
    expect(renderMarkdown("````").text).toBe("````");
  });

  it.each([
    ["lists in lists", "- ".repeat(10_000) + "a"],
    ["numbers in numbers", "1. ".repeat(10_000) + "a"],
    ["quotes with lists", "> - ".repeat(7_000) + "a"],
    ["brackets", "*[".repeat(10_000)],
    ["emphasis", "*a _b ".repeat(4_000)],
  ])("does not stop the program for a text made of %s", (_name, source) => {
    const startedAt = performance.now();
    renderMarkdown(source);
    // Far above what it takes on a busy machine, far below the tens of seconds that it takes unguarded.
    expect(performance.now() - startedAt).toBeLessThan(5_000);
  });
});

// ---------------------------------------------------------------- properties

/** A few seconds of searching with every test run; SIGNALBOX_FUZZ_RUNS searches for longer. */
const fuzzRuns = Number(process.env["SIGNALBOX_FUZZ_RUNS"] ?? 120);
const fuzzTimeoutMs = 20_000 + fuzzRuns * 100;

const words = fc.constantFrom(
  "word",
  "two words",
  "\u{1F600}",
  "e\u0301",
  "\u4F60\u597D",
  "a\uD800b",
  "tg://x",
  "https://x.y",
  "\t",
  "\r\n",
);
const marks = fc.constantFrom(
  ..."* ** _ ~~ ` ``` ~~~ > # - 1. [ ] ( ) | < & ! \\ : [^1] [x] |-|-| \n \n\n".split(" "),
  "\n",
  "\n\n",
  "\n    ",
  "   ",
);
const markdown = fc.oneof(
  fc.array(fc.oneof(words, marks), { maxLength: 40 }).map((pieces) => pieces.join("")),
  fc.string({ unit: "binary", maxLength: 200 }),
  fc.array(fc.oneof(words, marks), { minLength: 5, maxLength: 20 }).map((pieces) => pieces.join("").repeat(30)),
);

/** What Telegram checks of a message and what it would quietly change. */
function faults({ text, entities }: FormattedText): string[] {
  const found: string[] = [];
  if (text.length > partCharsMax) found.push("too long");
  if (text !== text.trim() || text === "") found.push("blank at an end");
  if (!text.isWellFormed()) found.push("half a character");
  if (entities.length > entitiesMax) found.push("too many entities");
  const cuts = (at: number): boolean =>
    /[\uD800-\uDBFF]$/.test(text.slice(0, at)) && /^[\uDC00-\uDFFF]/.test(text.slice(at));
  for (const entity of entities) {
    const end = entity.offset + entity.length;
    if (entity.offset < 0 || entity.length < 1 || end > text.length) found.push(`${entity.type} out of range`);
    if (cuts(entity.offset) || cuts(end)) found.push(`${entity.type} cuts a character`);
    for (const other of entities) if (other !== entity) found.push(...overlap(entity, other));
  }
  return found;
}

function overlap(a: MessageEntity, b: MessageEntity): string[] {
  const [aEnd, bEnd] = [a.offset + a.length, b.offset + b.length];
  if (a.offset >= bEnd || b.offset >= aEnd) return [];
  const isSolid = (entity: MessageEntity): boolean => entity.type === "pre" || entity.type === "code";
  if (isSolid(a) && !(b.type === "blockquote" && b.offset <= a.offset && bEnd >= aEnd))
    return [`${a.type} meets ${b.type}`];
  if (a.type === b.type) return [`${a.type} twice`];
  const isNested = (a.offset <= b.offset && aEnd >= bEnd) || (b.offset <= a.offset && bEnd >= aEnd);
  return isNested ? [] : [`${a.type} crosses ${b.type}`];
}

describe("every text whatever", { timeout: fuzzTimeoutMs }, () => {
  it("becomes messages that Telegram takes as they are", () => {
    fc.assert(
      fc.property(markdown, (source) => {
        for (const part of split(renderMarkdown(source))) expect(faults(part)).toEqual([]);
      }),
      { numRuns: fuzzRuns },
    );
  });

  it("loses nothing when it is cut into messages", () => {
    const bare = (text: string): string => text.replace(/\s+/g, "");
    fc.assert(
      fc.property(markdown, fc.integer({ min: 5, max: 200 }), (source, charsMax) => {
        const whole = renderMarkdown(source);
        const parts = split(whole, charsMax);
        expect(bare(parts.map(({ text }) => text).join(""))).toBe(bare(whole.text));
        expect(parts.every(({ text }) => text.length <= charsMax)).toBe(true);
      }),
      { numRuns: fuzzRuns },
    );
  });

  it("keeps every word that is not markup, in order", () => {
    const prose = fc.array(fc.stringMatching(/^[a-z]{1,8}$/), { minLength: 1, maxLength: 30 });
    const wrap = fc.constantFrom(
      "$",
      "**$**",
      "_$_",
      "`$`",
      "\n\n# $\n\n",
      "\n- $\n",
      "\n> $\n\n",
      "\n```\n$\n```\n",
      "[$](src/x)",
      "<$>",
      "\n\n| $ | b |\n|-|-|\n\n",
    );
    fc.assert(
      fc.property(prose, fc.array(wrap, { minLength: 1, maxLength: 30 }), (list, wraps) => {
        const source = list.map((word, index) => wraps[index % wraps.length]!.replace("$", word)).join(" ");
        const text = renderMarkdown(source).text;
        let at = 0;
        for (const word of list) {
          at = text.indexOf(word, at);
          expect(at, `${word} in ${JSON.stringify(text)}`).toBeGreaterThanOrEqual(0);
          at += word.length;
        }
      }),
      { numRuns: fuzzRuns },
    );
  });

  it("can be drawn at every moment of its streaming", () => {
    fc.assert(
      fc.property(markdown, fc.double({ min: 0, max: 1, noNaN: true }), (source, share) => {
        const prefix = source.slice(0, Math.floor(source.length * share));
        for (const part of split(renderMarkdown(prefix))) expect(faults(part)).toEqual([]);
      }),
      { numRuns: fuzzRuns },
    );
  });
});

describe("long texts", () => {
  it("cuts a long fence into valid blocks of the same language", () => {
    const source = `\`\`\`ts\n${"const value = compute(1, 2);\n".repeat(700)}\`\`\``;
    const parts = split(renderMarkdown(source));
    expect(parts.length).toBe(Math.ceil(parts.map(({ text }) => text.length).reduce((a, b) => a + b) / partCharsMax));
    for (const part of parts) {
      expect(part.entities).toEqual([{ type: "pre", offset: 0, length: part.text.length, language: "ts" }]);
      expect(part.text.startsWith("const")).toBe(true);
    }
  });

  it("cuts at a blank line before a line, at a line before a space, and never inside a character", () => {
    const cut = (text: string) => split({ text, entities: [] }, 20).map((part) => part.text);
    expect(cut("aaaa bbbb\n\ncc\ndd ee ff gg")).toEqual(["aaaa bbbb", "cc\ndd ee ff gg"]);
    expect(cut("aaaa bbbb cccc\ndddd eeee")).toEqual(["aaaa bbbb cccc", "dddd eeee"]);
    expect(cut("aaaa bbbb cccc dddd eeee")).toEqual(["aaaa bbbb cccc dddd", "eeee"]);
    expect(cut(`a${"\u{1F600}".repeat(12)}`)).toEqual([`a${"\u{1F600}".repeat(9)}`, "\u{1F600}".repeat(3)]);
  });

  it("begins a new message before it would hold more entities than Telegram keeps", () => {
    const parts = split(renderMarkdown("`a` ".repeat(250)));
    expect(parts.map(({ entities }) => entities.length)).toEqual([100, 100, 50]);
  });
});
