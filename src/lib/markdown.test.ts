import { expect, it } from "vitest";
import { createMarkdownParser } from "./markdown.ts";

const parse = createMarkdownParser();

it("reads GFM: tables, task lists, strikethrough", () => {
  const kinds = parse("| a |\n| - |\n| 1 |\n\n- [x] done\n\n~~no~~")?.children.map((node) => node.type);
  expect(kinds).toEqual(["table", "list", "paragraph"]);
});

it.each([
  ["nested lists", `${"- ".repeat(200)}x`],
  ["nested quotes", `${">".repeat(200)} x`],
  ["nested numbers", `${"1. ".repeat(200)}x`],
  ["brackets", "*[".repeat(5_000)],
])("gives up at once on %s that would keep the parser busy for seconds", (_, text) => {
  expect(parse(text)).toBeNull();
});

it("takes a long row of dashes for the line that it is", () => {
  expect(parse("- ".repeat(50))?.children.map((node) => node.type)).toEqual(["thematicBreak"]);
});
