/**
 * Markdown (CommonMark with GFM) as a tree, for whoever draws it. Runs in Node and in a browser.
 *
 * 1. Never throws and never takes long, whatever the text: what an agent wrote may be anything.
 */
import { fromMarkdown } from "mdast-util-from-markdown";
import { gfmFromMarkdown } from "mdast-util-gfm";
import { gfm } from "micromark-extension-gfm";

export type MarkdownRoot = ReturnType<typeof fromMarkdown>;

export type MarkdownParser = (text: string) => MarkdownRoot | null;

/** The parser's answer is null for a text that it gives up on, or would take seconds for: draw that as plain text. */
export function createMarkdownParser(): MarkdownParser {
  // Made once: putting it together costs more than parsing a short answer.
  const dialect = { extensions: [gfm()], mdastExtensions: [gfmFromMarkdown()] };
  return (text) => {
    if (isCostly(text)) return null;
    try {
      return fromMarkdown(text, dialect);
    } catch {
      return null; // a parser that gives up on a text must not cost the person the text
    }
  };
}

/**
 * What no person or agent writes, and the parser takes seconds for (measured: 20,000 units of "- " 50 s, of "*[" 9 s; within
 * these bounds at most 0.4 s).
 */
function isCostly(text: string): boolean {
  if (text.split("[").length > bracketsMax) return true;
  return Array.from(text.matchAll(deepLine)).some(([line]) => !/^[-+*_ \t]*$/.test(line));
}

const bracketsMax = 2000;

/** A line that opens more than a dozen quotes or lists inside each other; a row of dashes only looks like one. */
const deepLine = /^[ \t]*(?:(?:>|[-+*][ \t]|\d{1,9}[.)][ \t])[ \t]*){13}.*$/gm;
