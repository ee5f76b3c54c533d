import { describe, expect, it } from "vitest";

import { renderChanges, renderDetails } from "./details.ts";

describe("the details of a run", () => {
  it("show each tool with its arguments and its result as code, what cannot be seen as well", () => {
    const { text, entities } = renderDetails({
      ...{ kind: "details", page: 2, pages: 3 },
      details: [
        { kind: "forgotten", tools: 3 },
        { kind: "tool", name: "Bash", target: "npm test", state: "ok", input: "npm test", result: "3 passed" },
        { kind: "tool", name: "Read", target: "src/a.ts", state: "failed", input: null, result: "no\u202E\u0000" },
        { kind: "thinking", text: "So it **is** there." },
        { kind: "notice", text: "Denied." },
      ],
    });
    expect(text).toBe(
      "What the run did, page 2 of 3\n\n\u2026 3 earlier tools not kept\n\n\u2714 Bash npm test\n3 passed\n\n\u2716 Read src/a.ts\nno\u27E8U+202E\u27E9\u27E8U+0\u27E9\n\n\u{1F4AD}\nSo it **is** there.\n\nDenied.",
    );
    expect(entities.map(({ type }) => type)).toEqual([
      ...["bold", "italic", "bold", "code", "pre", "bold", "code", "pre", "blockquote"],
    ]);
  });
});

describe("what a run changed", () => {
  const diff = (lines: number): string =>
    `--- a/src/a.ts\n+++ b/src/a.ts\n@@ -1 +1 @@\n-old\n${"+new\n".repeat(lines)}`;

  it("is the diff as code after how much it is", () => {
    const { text, whole } = renderChanges(diff(2));
    expect(text.text).toBe(`1 file changed\nsrc/a.ts +2 \u22121\n\n${diff(2).trimEnd()}`);
    expect(text.entities.at(-1)).toMatchObject({ type: "pre", language: "diff" });
    expect(whole).toBeNull();
  });

  it("goes as a file when it is long, after the names of what was changed", () => {
    const { text, whole } = renderChanges(`${diff(2_000)}--- a/gone.ts\n+++ /dev/null\n-x\n`);
    expect(text.text).toBe(
      "2 files changed\nsrc/a.ts +2000 \u22121\ngone.ts +0 \u22121\n\nThe whole diff is in the file.",
    );
    expect(whole).toContain("+++ /dev/null");
  });

  it("says so when there is nothing", () => {
    expect(renderChanges(" \n").text.text).toBe("Nothing was changed.");
  });
});
