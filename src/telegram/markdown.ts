/**
 * An agent's Markdown as Telegram's text and entities.
 *
 * 1. Never throws, whatever the text: half of a table, a fence that is still open, half a surrogate pair.
 * 2. What the text says is there, in its order. Unknown or unwanted markup stays as the characters it is (html), and the
 *    target of a link that may not be live is written out.
 * 3. Only http, https, mailto and tel become links (T9); other schemes that Telegram would make live by itself are shown as code.
 * 4. `pre` and `code` hold nothing else, and nothing but a quote holds them (Bot API, MessageEntity).
 */
import type { MessageEntity } from "grammy/types";
import { createMarkdownParser, type MarkdownRoot } from "../lib/markdown.ts";
import { type FormattedText, plain } from "./formatted-text.ts";
import { readable } from "./visible.ts";

type Root = MarkdownRoot;
type Node = Root["children"][number];
type Of<Kind extends Node["type"]> = Extract<Node, { type: Kind }>;

const parse = createMarkdownParser();

export function renderMarkdown(source: string): FormattedText {
  const text = readable(source);
  const root = parse(text);
  if (root === null) return plain(text);
  const drawn = draw(root);
  return drawn.text.trim() === "" ? plain(text) : drawn; // nothing but markup: shown as it is, not as nothing
}

// ---------------------------------------------------------------- drawing

type Style = "bold" | "italic" | "strikethrough" | "blockquote" | "text_link" | "pre" | "code";
type Extra = { readonly url?: string; readonly language?: string };

/** What is being written: its text so far, finished ranges, the styles that are open, and where a new line begins. */
type Page = {
  text: string;
  readonly ranges: { readonly style: Style; readonly from: number; readonly to: number; readonly extra: Extra }[];
  readonly open: Set<Style>;
  readonly targets: ReadonlyMap<string, string>;
  /** Identifiers of definitions that some link or image refers to. */
  readonly referred: ReadonlySet<string>;
  indent: string;
};

function draw(root: Root): FormattedText {
  const definitions = root.children.filter((node) => node.type === "definition");
  const targets = new Map(definitions.map((node) => [node.identifier, node.url]));
  const page: Page = { text: "", ranges: [], open: new Set(), targets, referred: references(root), indent: "" };
  blocks(page, root.children, "\n\n");
  return { text: page.text, entities: entitiesOf(page) };
}

function write(page: Page, text: string): void {
  page.text += page.indent === "" ? text : text.replaceAll("\n", `\n${page.indent}`);
}

/** Draws inside a style. The same style twice is once, and what is inside a link or code has none of its own. */
function styled(page: Page, style: Style, extra: Extra, inner: () => void): void {
  if (page.open.has(style)) return inner();
  const from = page.text.length;
  page.open.add(style);
  inner();
  page.open.delete(style);
  if (page.text.length > from) page.ranges.push({ style, from, to: page.text.length, extra });
}

function blocks(page: Page, nodes: readonly Node[], gap: string): void {
  let isFirst = true;
  for (const node of nodes) {
    // A definition that nothing refers to is a sentence that happens to have its shape ("[note]: later").
    if (node.type === "definition" && page.referred.has(node.identifier)) continue;
    if (!isFirst) write(page, gap);
    isFirst = false;
    block(page, node);
  }
}

function references(node: Root | Node, found: Set<string> = new Set()): Set<string> {
  if (node.type === "linkReference" || node.type === "imageReference") found.add(node.identifier);
  if ("children" in node) for (const child of node.children) references(child, found);
  return found;
}

function block(page: Page, node: Node): void {
  switch (node.type) {
    case "paragraph":
      return inlines(page, node.children);
    case "heading":
      return styled(page, "bold", {}, () => inlines(page, node.children));
    case "thematicBreak":
      return write(page, "\u2014\u2014\u2014");
    case "blockquote":
      return styled(page, "blockquote", {}, () => blocks(page, node.children, "\n"));
    case "list":
      return list(page, node);
    case "code":
      return fenced(page, node);
    case "table":
      return preformatted(page, table(node), "");
    case "html":
      return write(page, node.value);
    case "definition":
      return write(page, `[${node.label ?? node.identifier}]: ${node.url}${node.title ? ` "${node.title}"` : ""}`);
    case "footnoteDefinition":
      write(page, `[${node.label ?? node.identifier}] `);
      return blocks(page, node.children, "\n");
    default:
      return inline(page, node);
  }
}

function list(page: Page, node: Of<"list">): void {
  const start = node.start ?? 1;
  node.children.forEach((item, index) => {
    if (index > 0) write(page, "\n");
    const bullet = node.ordered === true ? `${start + index}. ` : "\u2022 ";
    const box = item.checked === true ? "\u2611 " : item.checked === false ? "\u2610 " : "";
    write(page, box === "" || node.ordered === true ? bullet + box : box);
    const outer = page.indent;
    page.indent = `${outer}  `;
    blocks(page, item.children, "\n");
    page.indent = outer;
  });
}

/** Behind the opening fence stands a highlighter's name, or whatever an author wants to say of the code: a file, a title. */
function fenced(page: Page, { lang, meta, value }: Of<"code">): void {
  const info = [lang ?? "", meta ?? ""].join(" ").trim();
  const isLanguage = /^[\w+#-]{1,32}$/.test(info);
  if (info !== "" && !isLanguage) write(page, `${info}\n`);
  preformatted(page, value, isLanguage ? info : "");
}

function preformatted(page: Page, value: string, language: string): void {
  const outer = page.indent;
  page.indent = ""; // a line of code begins where its author began it
  styled(page, "pre", language === "" ? {} : { language }, () => write(page, untabbed(value)));
  page.indent = outer;
}

/** Telegram makes one blank of a tab: code would lose its indentation. */
function untabbed(code: string): string {
  if (!code.includes("\t")) return code;
  return code.replace(/^.*\t.*$/gm, (line) => {
    let text = "";
    for (const piece of line.split("\t").slice(0, -1)) {
      text += piece;
      text += " ".repeat(tabColumns - (text.length % tabColumns));
    }
    return text + line.slice(line.lastIndexOf("\t") + 1);
  });
}

/** A phone is narrow. */
const tabColumns = 4;

function inlines(page: Page, nodes: readonly Node[]): void {
  for (const node of nodes) inline(page, node);
}

function inline(page: Page, node: Node): void {
  switch (node.type) {
    case "text":
    case "html":
      return write(page, node.value);
    case "emphasis":
      return styled(page, "italic", {}, () => inlines(page, node.children));
    case "strong":
      return styled(page, "bold", {}, () => inlines(page, node.children));
    case "delete":
      return styled(page, "strikethrough", {}, () => inlines(page, node.children));
    case "inlineCode":
      return page.open.has("text_link")
        ? write(page, node.value)
        : styled(page, "code", {}, () => write(page, node.value));
    case "break":
      return write(page, "\n");
    case "link":
      return link(page, node.url, () => inlines(page, node.children));
    case "linkReference":
      return link(page, page.targets.get(node.identifier) ?? "", () => inlines(page, node.children));
    case "image":
      return link(page, node.url, () => write(page, `\u{1F5BC} ${node.alt ?? ""}`));
    case "imageReference":
      return link(page, page.targets.get(node.identifier) ?? "", () => write(page, `\u{1F5BC} ${node.alt ?? ""}`));
    case "footnoteReference":
      return write(page, `[${node.label ?? node.identifier}]`);
    case "paragraph":
    case "heading":
    case "thematicBreak":
    case "blockquote":
    case "list":
    case "code":
    case "table":
    case "definition":
    case "footnoteDefinition":
      return block(page, node);
    case "listItem":
    case "tableRow":
    case "tableCell":
      return blocks(page, node.children, "\n"); // never outside their parents; drawn rather than lost
    case "yaml":
      return write(page, node.value);
    default:
      node satisfies never;
  }
}

/** A link to a place that may be live; of any other the target is written beside its label, unless the label says it. */
function link(page: Page, url: string, label: () => void): void {
  const target = linkTarget(url);
  const from = page.text.length;
  if (target === null) label();
  else styled(page, "text_link", { url: target }, label);
  const shown = page.text.slice(from);
  if (target === null && url !== "" && !shown.includes(url)) write(page, ` (${url})`);
  // A bare address is made live by Telegram itself; the entities of a message are too few to spend one on it.
  if (shown === url || `mailto:${shown}` === url) dropLast(page, "text_link", from);
}

function dropLast(page: Page, style: Style, from: number): void {
  const last = page.ranges.at(-1);
  if (last?.style === style && last.from === from) page.ranges.pop();
}

const liveSchemes = new Set(["http:", "https:", "mailto:", "tel:"]);

/** The URL when it may become a link, else null. A name without a scheme is a file of the workspace, not a place. */
function linkTarget(url: string): string | null {
  if (!URL.canParse(url)) return null;
  const { protocol, href } = new URL(url);
  if (!liveSchemes.has(protocol)) return null;
  return /^[!-~]+$/.test(url) ? url : href; // blanks around and inside of it, letters of other scripts
}

// ---------------------------------------------------------------- tables

/** Columns padded to the same width; Telegram has no tables, but a fixed-width block. */
function table(node: Of<"table">): string {
  const rows = node.children.map((row) => row.children.map((cell) => plainText(cell)));
  const columns = Math.max(0, ...rows.map((row) => row.length));
  const widths = Array.from({ length: columns }, (_, column) =>
    Math.max(...rows.map((row) => width(row[column] ?? ""))),
  );
  const line = (row: readonly string[]): string =>
    widths
      .map((wide, column) => {
        const cell = row[column] ?? "";
        const padding = " ".repeat(wide - width(cell));
        return node.align?.[column] === "right" ? padding + cell : cell + padding;
      })
      .join(" | ")
      .trimEnd();
  const [header = [], ...body] = rows;
  return [line(header), widths.map((wide) => "-".repeat(wide)).join("-+-"), ...body.map(line)].join("\n");
}

function plainText(node: Node): string {
  if (node.type === "break") return " ";
  if (node.type === "link" && !liveText(node).includes(node.url)) return `${liveText(node)} (${node.url})`;
  if ("children" in node) return liveText(node);
  if ("alt" in node) return node.alt ?? "";
  if (node.type === "footnoteReference") return `[${node.label ?? node.identifier}]`;
  return "value" in node ? node.value.replaceAll("\n", " ") : "";
}

function liveText(node: { readonly children: readonly Node[] }): string {
  return node.children.map(plainText).join("");
}

/** Characters that take two columns of a fixed-width font, and those that take none. */
const wide =
  /[\u1100-\u115F\u2E80-\uA4CF\uAC00-\uD7A3\uF900-\uFAFF\uFE30-\uFE6F\uFF00-\uFF60\uFFE0-\uFFE6]|\p{Emoji_Presentation}/u;
const narrow = /\p{M}|\p{Cf}/u;

function width(text: string): number {
  let columns = 0;
  for (const character of text) columns += narrow.test(character) ? 0 : wide.test(character) ? 2 : 1;
  return columns;
}

// ---------------------------------------------------------------- entities

/** Schemes that Telegram's apps make live in plain text, beside those we allow. Inside code nothing is live. */
const foreignLink = /\b(?:tg|ton|tonsite|ftp):\/{0,2}[^\s<>"']+/gi;

function entitiesOf(page: Page): MessageEntity[] {
  const solid = page.ranges.filter(({ style }) => style === "pre" || style === "code");
  for (const match of page.text.matchAll(foreignLink)) {
    const found = { style: "code" as const, from: match.index, to: match.index + match[0].length, extra: {} };
    for (const piece of without(found, solid.toSorted(byPlace))) solid.push({ ...found, ...piece });
  }
  solid.sort(byPlace);
  const soft = page.ranges.filter(({ style }) => style !== "pre" && style !== "code");
  const entities: MessageEntity[] = solid.map(entityOf);
  for (const range of soft) {
    // A quote may hold code; every other style is interrupted by it.
    if (range.style === "blockquote") entities.push(entityOf(range));
    else for (const piece of without(range, solid)) entities.push(entityOf({ ...range, ...piece }));
  }
  return entities
    .filter(({ offset, length }) => page.text.slice(offset, offset + length).trim() !== "")
    .toSorted((a, b) => a.offset - b.offset || b.length - a.length);
}

type Range = Page["ranges"][number];

const byPlace = (a: { from: number }, b: { from: number }): number => a.from - b.from;

/** The pieces of a range that lie outside `holes`, which are sorted and do not overlap. */
function without(range: Range, holes: readonly Range[]): { readonly from: number; readonly to: number }[] {
  const pieces: { from: number; to: number }[] = [];
  let from = range.from;
  for (const hole of holes) {
    if (hole.to <= from) continue;
    if (hole.from >= range.to) break;
    if (hole.from > from) pieces.push({ from, to: hole.from });
    from = hole.to;
  }
  if (from < range.to) pieces.push({ from, to: range.to });
  return pieces;
}

function entityOf({ style, from, to, extra }: Range): MessageEntity {
  return { type: style, offset: from, length: to - from, ...extra } as MessageEntity;
}
