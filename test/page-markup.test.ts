/**
 * The page makes no markup out of text (T15): whatever a model, a tool or a file wrote reaches the document as text nodes and attributes of
 * elements that we chose. The Content-Security-Policy (src/web/web.test.ts) is the second wall, and test/browser sees both hold.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const web = join(import.meta.dirname, "../src/web");

/** Every way that browsers and preact have to read text as markup or as a program. */
const ways =
  /innerHTML|outerHTML|insertAdjacentHTML|setHTML|dangerouslySetInnerHTML|document\.write|createContextualFragment|DOMParser|srcdoc|\beval\(|new Function|javascript:/;

/** The lines in which one of them stands; comments count too, so that nobody has to tell them apart. */
function found(text: string): readonly string[] {
  return text.split("\n").filter((line) => ways.test(line));
}

test("no source of the page reads text as markup or as a program", () => {
  const sources = readdirSync(web, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(tsx?|html)$/.test(entry.name) && !/\.test\.tsx?$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name));
  expect(sources.length).toBeGreaterThan(20);
  expect(sources.flatMap((path) => found(readFileSync(path, "utf8")).map((line) => `${path}: ${line.trim()}`))).toEqual(
    [],
  );
});

test("the page's own document has no script and no style inside of it, so that the policy needs no exception", () => {
  const html = readFileSync(join(web, "page/index.html"), "utf8");
  expect(html).not.toMatch(/<style|<script(?![^>]*\bsrc=)|\son\w+=|\sstyle=/i);
});

test("each of those ways would be found", () => {
  for (const line of ["at.innerHTML = text", "<p dangerouslySetInnerHTML={{ __html: text }} />", "eval(text)"])
    expect(found(line)).toEqual([line]);
});
