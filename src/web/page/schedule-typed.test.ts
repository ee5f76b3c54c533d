import { describe, expect, it } from "vitest";

import { readScheduleCommand } from "../../domain/schedule-words.ts";
import { emptyDraft, type ScheduleDraft, type Typed, typedAdd, typedEdit } from "./schedule-typed.ts";

const draft = (changes: Partial<ScheduleDraft>): ScheduleDraft => ({
  ...emptyDraft,
  when: "daily 7:00",
  text: "Read the news",
  ...changes,
});

/** As the server reads it. */
const read = (typed: Typed) => (typed.kind === "typed" ? typed.lines.map(readScheduleCommand) : typed);
const added = (changes: Partial<ScheduleDraft>) => read(typedAdd(draft(changes)));
const edited = (changes: Partial<ScheduleDraft>) => read(typedEdit("news", draft({}), draft(changes)));

const daily = { kind: "cron", expression: "0 7 * * *" };

describe("a new schedule", () => {
  it("with nothing but a time and a text is read as that", () => {
    expect(added({})).toEqual([{ kind: "add", when: daily, text: "Read the news", options: {} }]);
  });

  it("with everything set is read with every option", () => {
    const all = {
      name: "news",
      zone: "Europe/Berlin",
      session: "named",
      sessionName: "press",
      view: "silent",
      memory: "fresh",
      missed: "all",
      missedWindow: "6h",
      overlap: "queue",
      mode: "plan",
      agent: "codex",
      model: "gpt",
      project: "/home/ada/my site",
      limit: "1h30m",
    } as const;
    expect(added(all)).toEqual([
      {
        kind: "add",
        when: daily,
        text: "Read the news",
        options: {
          name: "news",
          zone: "Europe/Berlin",
          session: "press",
          view: "silent",
          memory: "fresh",
          missed: { kind: "all", windowMs: 21_600_000 },
          overlap: "queue",
          permissions: "plan",
          driver: "codex",
          model: "gpt",
          workspace: "/home/ada/my site",
          runMsMax: 5_400_000,
        },
      },
    ]);
  });

  it.each([
    "am Montag wird aufger\u00e4umt",
    "pm or am, that is the question",
    "--silent is an option",
    "\u2014 begin with a dash",
    'say "hello" to all',
    "two\nlines",
    "every day the same",
  ])("keeps its text as it was written: %j", (text) => {
    expect(added({ text })).toEqual([{ kind: "add", when: daily, text, options: {} }]);
  });

  it.each(["0 7 * * mon", '"0 7 * * mon"', "  0 7 * * mon "])("takes an expression, in quotes or not: %s", (when) => {
    expect(added({ when })).toMatchObject([{ kind: "add", when: { kind: "cron", expression: "0 7 * * mon" } }]);
  });

  it("that is a reminder or a digest says nothing of agents", () => {
    const options = { agent: "codex", session: "conversation", view: "silent", mode: "plan" } as const;
    expect(added({ kind: "reminder", ...options })).toMatchObject([{ options: { work: "reminder" } }]);
    expect(added({ kind: "digest", text: "left over", ...options })).toEqual([
      { kind: "add", when: daily, text: "", options: { work: "digest" } },
    ]);
  });

  it("in the conversation's session leaves out what is not its to change", () => {
    const changes = { session: "conversation", agent: "codex", project: "/srv", memory: "fresh" } as const;
    expect(added(changes)).toEqual([
      { kind: "add", when: daily, text: "Read the news", options: { session: "conversation" } },
    ]);
    const before = draft({ memory: "fresh" });
    expect(read(typedEdit("news", before, { ...before, session: "conversation" }))).toMatchObject([
      { options: { session: "conversation", memory: "kept" } },
    ]);
  });

  it.each<[Partial<ScheduleDraft>, string]>([
    [{ when: " " }, "When?"],
    [{ text: " " }, "It needs a text."],
    [{ project: '/home/"ada"' }, "no quotes in the project"],
    [{ text: '--say "x"' }, "begins with a dash"],
    [{ session: "named" }, "a name"],
  ])("that cannot be said so is told what is wrong: %j", (changes, what) => {
    expect(added(changes)).toMatchObject({ kind: "wrong", what: expect.stringContaining(what) });
  });
});

describe("a changed schedule", () => {
  it("says what changed and nothing else", () => {
    expect(edited({ when: "hourly", view: "silent", limit: "30m" })).toEqual([
      {
        kind: "edit",
        name: "news",
        when: { kind: "cron", expression: "0 * * * *" },
        text: null,
        options: { view: "silent", runMsMax: 1_800_000 },
      },
    ]);
    expect(edited({ text: "--new words" })).toEqual([
      { kind: "edit", name: "news", when: null, text: "--new words", options: {} },
    ]);
    expect(edited({ text: "New words", overlap: "queue" })).toHaveLength(2);
    expect(edited({})).toMatchObject({ kind: "wrong" });
  });

  it("goes back to what is usual", () => {
    const before = draft({ limit: "30m", view: "silent", memory: "fresh", missed: "skip", session: "conversation" });
    expect(read(typedEdit("news", before, draft({})))).toMatchObject([
      { options: { runMsMax: null, view: "shown", memory: "kept", missed: { kind: "latest" }, session: "own" } },
    ]);
  });
});
