import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { type Ask, type AskedAction, type AskState, openAsk, type Question } from "../domain/ask.ts";
import { renderAsk } from "./ask-card.ts";
import { entitiesMax, type FormattedText, partCharsMax } from "./formatted-text.ts";
import { renderMarkdown } from "./markdown.ts";

const draw = (ask: Ask, state: AskState = openAsk) => renderAsk(ask, state, renderMarkdown);
const approval = (action: AskedAction, reason: string | null = null): Ask & { kind: "approval" } => ({
  ...{ kind: "approval", action, reason },
  scopes: ["once", "session"],
});
const command = (text: string, directory: string | null = null): Ask & { kind: "approval" } =>
  approval({ kind: "command", command: text, directory });
const questions = (...list: readonly Partial<Question>[]): Ask => ({
  kind: "questions",
  questions: list.map((one) => ({ header: "", text: "?", options: [], choice: "one", takesText: true, ...one })),
});
const options = (...labels: readonly string[]) => labels.map((label) => ({ label, description: "" }));

/** What stands in blocks of its own. */
function marked({ text, entities }: FormattedText, type: string): string[] {
  return entities.flatMap((entity) =>
    entity.type === type ? [text.slice(entity.offset, entity.offset + entity.length)] : [],
  );
}

describe("an open approval", () => {
  it("shows a command as it is, line by line, with its directory and the agent's reason quoted", () => {
    const action = { kind: "command", command: "  cd x &&\n\trm -rf *", directory: "/srv/app" } as const;
    const { text, whole } = draw(approval(action, "It is old.\nAllowed once"));
    expect(text.text).toBe(
      [
        "Run this command?\n  cd x &&\n\trm -rf *\nin /srv/app\nThe agent says:\nIt is old.\nAllowed once",
        "A reply to this message denies it, with your words.",
      ].join("\n\n"),
    );
    expect([marked(text, "pre"), marked(text, "code"), marked(text, "blockquote")]).toEqual([
      ["  cd x &&\n\trm -rf *"],
      ["/srv/app"],
      ["It is old.\nAllowed once"],
    ]);
    expect(whole).toBeNull();
  });

  it("says of what the driver had to cut that it cannot be allowed, and that the file has not all (T5)", () => {
    const long = { ...command("x".repeat(10_000)), isCut: true } as const;
    const { text } = draw(long);
    expect(marked(text, "bold")).toContain("This is too long to be shown whole, so it cannot be allowed.");
    expect(text.text).toContain("the file above has more, not all");
    expect(draw(command("x".repeat(10_000))).text.text).not.toContain("cannot be allowed");
    const plan = draw({ kind: "plan", plan: "x".repeat(10_000), isCut: true });
    expect(plan.text.text).toContain("cannot be allowed");
  });

  it("makes visible what cannot be seen, what turns the writing around, and what Telegram would take out (T5)", () => {
    const { text } = draw(command("rm \u202Etxt.exe\u200B a\u030A \uD800\u2028x"));
    expect(marked(text, "pre")).toEqual([
      "rm \u27E8U+202E\u27E9txt.exe\u27E8U+200B\u27E9 a\u27E8U+30A\u27E9 \u27E8U+D800\u27E9\u27E8U+2028\u27E9x",
    ]);
  });

  it("never lets a command say that something is not shown: such words of ours stand outside of the blocks", () => {
    const long = `${"a".repeat(3_000)}\n… 5 characters not shown …\n${"b".repeat(3_000)}`;
    const { text, whole } = draw(command(long));
    const [head = "", tail = "", ...more] = marked(text, "pre");
    expect(more).toEqual([]);
    expect([long.startsWith(head), long.endsWith(tail), head.length > 1000, tail.length > 500]).toEqual(
      Array(4).fill(true),
    );
    const left = long.length - head.length - tail.length;
    expect(marked(text, "italic")[0]).toBe(`… ${left} characters not shown; the file above has all …`);
    expect(whole).toEqual({ name: "command.txt", content: long });
  });

  it("shows each file of an edit as a diff of its own, and counts those for which there is no room", () => {
    const files = Array.from({ length: 7 }, (_, index) => ({ path: `src/${index}.ts`, diff: "@@ -1 +1 @@\n-a\n+b" }));
    const { text, whole } = draw(approval({ kind: "edit", files }));
    expect(text.text).toContain("Make these edits in 7 files?");
    const shown = files.slice(0, 5);
    expect(marked(text, "code")).toEqual(shown.map(({ path }) => path));
    expect(text.entities.filter(({ type }) => type === "pre")).toMatchObject(shown.map(() => ({ language: "diff" })));
    expect(text.text).toContain("… and 2 more; all of them are in the file above.");
    expect(whole?.content).toContain("--- src/6.ts\n@@ -1 +1 @@\n-a\n+b\n");
    expect(draw(approval({ kind: "edit", files: files.slice(0, 1) })).text.text).toMatch(
      /^Make this edit\?\nsrc\/0\.ts\n@@/,
    );
  });

  it("shows a tool with its input, and says where there is none", () => {
    expect(draw(approval({ kind: "tool", name: "Fetch", input: '{"url":"x"}' })).text.text).toMatch(
      /^Use this tool\? Fetch\n\{"url":"x"\}\n/,
    );
    expect(draw(approval({ kind: "tool", name: "", input: " " })).text.text).toMatch(
      /^Use this tool\? \?\n\(blank\)\n/,
    );
  });
});

describe("open questions", () => {
  it("say which of how many, their options, and that own words are welcome", () => {
    const one = { header: "Base", text: "Which database?", options: [{ label: "SQLite", description: "A file" }] };
    const { text } = draw(questions({ text: "First?" }, one), { kind: "open", answers: [["yes", "no"]], ticked: [] });
    expect(text.text).toBe(
      [
        "✔ First?: yes, no\nQuestion 2 of 2 · Base\nWhich database?\n\n• SQLite: A file",
        "Tap an answer, or reply to this message with your own words.",
      ].join("\n\n"),
    );
  });

  it("leave to the buttons what they can say, and say how to answer", () => {
    const last = (question: Partial<Question>) => draw(questions(question)).text.text;
    expect(last({ options: options("a", "b"), takesText: false })).toBe("Question\n?\n\nTap an answer.");
    expect(last({ options: options("a"), choice: "many" })).toContain("Tick what applies, then Done, or reply");
    expect(last({})).toBe("Question\n?\n\nReply to this message with your answer.");
    expect(last({ options: options("a".repeat(50)) })).toContain(`• ${"a".repeat(50)}`);
  });

  it("go whole as a file when their options together are too long for a message", () => {
    const option = { label: "l".repeat(120), description: "d".repeat(120) };
    const { text, whole } = draw(
      questions({ text: "w".repeat(1500), options: Array.from({ length: 12 }, () => option) }),
    );
    expect(text.text.length).toBeLessThanOrEqual(partCharsMax);
    expect(text.text).toMatch(/\d+ characters not shown; the file above has all/);
    expect(whole?.content).toContain(option.description);
  });

  it("go whole as a file when one of them is too long to be shown", () => {
    const { whole } = draw(questions({ text: "Short?" }, { text: "long ".repeat(1000), options: options("a") }));
    expect(whole?.content).toBe(`Short?\n\n${"long ".repeat(1000)}\n- a`);
  });
});

describe("a plan", () => {
  it("is formatted, and goes whole as a file when it is long", () => {
    const { text, whole } = draw({ kind: "plan", plan: "# Plan\n\n1. **First**" });
    expect(text.text).toMatch(/^Carry out this plan\?\n\nPlan\n\n1\. First\n\n/);
    expect([marked(text, "bold"), whole]).toEqual([["Carry out this plan?", "Plan", "First"], null]);
    const long = `# Plan\n\n${"step by step ".repeat(500)}\n\nat last`;
    const cut = draw({ kind: "plan", plan: long });
    expect(cut.text.text).toMatch(/\d+ characters not shown[^]*at last\n\n/);
    expect(cut.whole).toEqual({ name: "plan.md", content: long });
  });
});

describe("what came of it, in one line, and what it was about", () => {
  const deny = (reason: string | null): AskState => ({ kind: "answered", answer: { kind: "deny", reason } });
  const allow = (scope: "once" | "session"): AskState => ({ kind: "answered", answer: { kind: "allow", scope } });
  const run = command("npm run build\nnpm test");
  const plan: Ask = { kind: "plan", plan: "# Build it\nthen test it" };

  it.each<[Ask, AskState, string]>([
    [run, allow("once"), "✔ Allowed once\nnpm run build ⏎ npm test"],
    [run, allow("session"), "✔ Allowed for this session\nnpm run build ⏎ npm test"],
    [run, deny(null), "✖ Denied\nnpm run build ⏎ npm test"],
    [run, deny("not\nhere"), "✖ Denied: not here\nnpm run build ⏎ npm test"],
    [
      run,
      { kind: "expired" },
      "⌛ Expired: the run that asked is over. Nothing of it was done.\nnpm run build ⏎ npm test",
    ],
    [run, { kind: "withdrawn" }, "✖ Withdrawn: the agent does not ask this any more.\nnpm run build ⏎ npm test"],
    [
      run,
      { kind: "late" },
      "✖ The answer came too late: the agent did not wait for it any more.\nnpm run build ⏎ npm test",
    ],
    [
      approval({ kind: "edit", files: [{ path: "a.ts", diff: "@@ -1 +1,2 @@\n-x\n+y\n+z" }] }),
      allow("once"),
      "✔ Allowed once\na.ts +2 -1",
    ],
    [plan, allow("once"), "✔ Go, asking before edits\n# Build it then test it"],
    [plan, allow("session"), "✔ Go, editing freely\n# Build it then test it"],
    [plan, deny("tests first"), "✖ Not carried out: tests first\n# Build it then test it"],
    [
      questions({ header: "Base", text: "Which?" }, { text: "Who?" }, { text: "Any?" }),
      { kind: "answered", answer: { kind: "answers", answers: [["SQLite"], ["me", "you"], []] } },
      "✔ Base: SQLite\n✔ Who?: me, you\n✔ Any?: nothing",
    ],
    [questions({ text: "Which?" }), deny(null), "✖ Not answered\nWhich?"],
  ])("%j %j", (ask, state, words) => {
    expect(draw(ask, state)).toMatchObject({ text: { text: words }, whole: null });
  });
});

it("whatever is asked, a card is one message that Telegram takes", { timeout: 30_000 }, () => {
  const text = fc.oneof(
    fc.string({ unit: "binary", maxLength: 60 }),
    fc
      .tuple(fc.string({ unit: "binary", minLength: 1, maxLength: 8 }), fc.integer({ min: 1, max: 900 }))
      .map(([unit, times]) => unit.repeat(times)),
  );
  const action = fc.oneof(
    fc.record({ kind: fc.constant("command" as const), command: text, directory: fc.option(text) }),
    fc.record({
      kind: fc.constant("edit" as const),
      files: fc.array(fc.record({ path: text, diff: text }), { maxLength: 9 }),
    }),
    fc.record({ kind: fc.constant("tool" as const), name: text, input: text }),
  );
  const question = fc.record({
    header: text,
    text,
    options: fc.array(fc.record({ label: text, description: text }), { maxLength: 12 }),
    choice: fc.constantFrom("one" as const, "many" as const),
    takesText: fc.boolean(),
  });
  const ask: fc.Arbitrary<Ask> = fc.oneof(
    fc.record({ kind: fc.constant("approval" as const), action, reason: fc.option(text), scopes: fc.constant([]) }),
    fc.record({ kind: fc.constant("plan" as const), plan: text }),
    fc.record({
      kind: fc.constant("questions" as const),
      questions: fc.array(question, { minLength: 1, maxLength: 8 }),
    }),
  );
  const answers = fc.array(fc.array(text, { maxLength: 3 }), { maxLength: 7 });
  const state: fc.Arbitrary<AskState> = fc.oneof(
    answers.map((given): AskState => ({ kind: "open", answers: given, ticked: [] })),
    answers.map((given): AskState => ({ kind: "answered", answer: { kind: "answers", answers: given } })),
    fc.option(text).map((reason): AskState => ({ kind: "answered", answer: { kind: "deny", reason } })),
    fc.constant<AskState>({ kind: "expired" }),
  );
  fc.assert(
    fc.property(ask, state, (asked, now) => {
      const drawn = draw(asked, now).text;
      expect(drawn.text.length).toBeLessThanOrEqual(partCharsMax);
      expect(drawn.text.isWellFormed()).toBe(true);
      expect(drawn.entities.length).toBeLessThanOrEqual(entitiesMax);
      for (const { offset, length } of drawn.entities) {
        const inside = drawn.text.slice(offset, offset + length);
        expect([offset >= 0, inside.length === length, inside.trim() !== "", inside.isWellFormed()]).toEqual(
          Array(4).fill(true),
        );
      }
    }),
    { numRuns: 300 },
  );
});
