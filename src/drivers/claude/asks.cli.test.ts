/** Approvals, questions and plans of Claude Code, with the real program against a scripted model. */
import { existsSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { bash, play } from "./test-play.ts";
import type { Played, Session } from "./test-play.ts";
import { createClaudeStage } from "./test-stage.ts";
import type { ClaudeStage } from "./test-stage.ts";

let stage: ClaudeStage;
beforeEach(async () => {
  stage = await createClaudeStage();
});
afterEach(() => stage[Symbol.asyncDispose]());

const inWorkspace = (name: string): string => join(stage.workspace, name);
const isDone = (name: string): boolean => existsSync(inWorkspace(name));
/** What the agent was given last, as text. */
const heard = (): string => JSON.stringify(stage.model.requests.at(-1)?.body.messages);

async function allow(turn: Played, number = 1, scope: "once" | "session" = "once"): Promise<void> {
  const { id } = await turn.asked(number);
  expect(await turn.turn.answer(id, { kind: "allow", scope })).toBe("accepted");
}

// ---- approvals

test("under ask a command is shown exactly, runs only after it was allowed, and then as it was shown", async () => {
  const turn = play(stage, [[bash("touch asked-for; echo $PWD > where")], ["done"]], { permissions: "ask" });
  const { id, ask } = await turn.asked();
  expect(ask).toMatchObject({
    kind: "approval",
    action: { kind: "command", command: "touch asked-for; echo $PWD > where", directory: stage.workspace },
    reason: expect.stringContaining("test"),
  });
  expect(readdirSync(stage.workspace)).toEqual([]);
  expect(await turn.turn.answer(id, { kind: "allow", scope: "once" })).toBe("accepted");
  expect(await turn.turn.answer(id, { kind: "allow", scope: "once" })).toBe("too-late");
  expect(await turn.end).toEqual({ kind: "completed", answer: "done" });
  expect(readFileSync(inWorkspace("where"), "utf8")).toBe(`${stage.workspace}\n`);
});

test("allowed once, the same command is asked for again; allowed for the session, it is not, in later turns either", async () => {
  const run = (word: string) => bash(`mkdir -p made && echo ${word} >> made/log`);
  const once = play(stage, [[run("a")], [run("a")], ["done"]], { permissions: "ask" });
  await allow(once, 1);
  await allow(once, 2);
  await once.end;
  await once.turn.quiet;
  const npm = bash("npm run nothing-of-this-name");
  const session = play(stage, [[npm], [npm], ["done"]], { permissions: "ask", session: once.session() });
  const { ask } = await session.asked();
  expect(ask).toMatchObject({
    scopes: ["once", "session"],
    reason: expect.stringMatching(/for this session covers: Bash\(npm run/),
  });
  await allow(session, 1, "session");
  expect(await session.end).toEqual({ kind: "completed", answer: "done" });
  expect(session.events.filter((event) => event.kind === "asked")).toHaveLength(1);
  await session.turn.quiet;
  const later = play(stage, [[npm], ["done"]], { permissions: "ask", session: session.session() });
  expect(await later.end).toEqual({ kind: "completed", answer: "done" });
  expect(later.events.filter((event) => event.kind === "asked")).toEqual([]);
  expect(existsSync(inWorkspace(".claude"))).toBe(false); // nothing was written to the user's settings
});

test("what is allowed for the session is the shown rule, and not the wider mode that the CLI suggests beside it", async () => {
  const turn = play(stage, [[bash("touch one")], [bash("touch other")], ["done"]], { permissions: "ask" });
  await allow(turn, 1, "session");
  const { ask } = await turn.asked(2);
  expect(ask).toMatchObject({ action: { command: "touch other" } });
  expect(isDone("other")).toBe(false);
  await allow(turn, 2);
  await turn.end;
});

test("a denied command does not run, and its reason reaches the agent, which goes on", async () => {
  const turn = play(stage, [[bash("touch forbidden")], ["I did without."]], { permissions: "ask" });
  const { id } = await turn.asked();
  await turn.turn.answer(id, { kind: "deny", reason: "Use the other directory." });
  expect(await turn.end).toEqual({ kind: "completed", answer: "I did without." });
  expect(isDone("forbidden")).toBe(false);
  expect(heard()).toContain("They say: Use the other directory.");
});

test("an answer of the wrong kind allows nothing", async () => {
  const turn = play(stage, [[bash("touch forbidden")], ["on"]], { permissions: "ask" });
  const { id } = await turn.asked();
  await turn.turn.answer(id, { kind: "answers", answers: [["yes"]] });
  await turn.end;
  expect(isDone("forbidden")).toBe(false);
});

test("an edit is asked for with its diff against the file as it is, and made after it was allowed", async () => {
  writeFileSync(inWorkspace("file.txt"), "one\ntwo\nthree\n");
  const path = inWorkspace("file.txt");
  const turn = play(
    stage,
    [
      [{ tool: "Read", input: { file_path: path } }],
      [{ tool: "Edit", input: { file_path: path, old_string: "two", new_string: "zwei" } }],
      [{ tool: "Write", input: { file_path: inWorkspace("new.txt"), content: "fresh\n" } }],
      ["done"],
    ],
    { permissions: "ask" },
  );
  const { ask } = await turn.asked(1);
  const diff = "@@ -1,3 +1,3 @@\n one\n-two\n+zwei\n three";
  expect(ask).toMatchObject({ action: { kind: "edit", files: [{ path, diff }] }, scopes: ["once", "session"] });
  expect(readFileSync(path, "utf8")).toBe("one\ntwo\nthree\n");
  await allow(turn, 1);
  const second = await turn.asked(2);
  expect(readFileSync(path, "utf8")).toBe("one\nzwei\nthree\n");
  expect(second.ask).toMatchObject({ action: { files: [{ diff: "@@ -0,0 +1,1 @@\n+fresh" }] } });
  expect(isDone("new.txt")).toBe(false);
  await allow(turn, 2);
  await turn.end;
  expect(isDone("new.txt")).toBe(true);
});

test("edits allowed for the session are made without asking in the next turn", async () => {
  const write = (name: string) => ({ tool: "Write", input: { file_path: inWorkspace(name), content: "x" } });
  const turn = play(stage, [[write("one")], ["done"]], { permissions: "ask" });
  await allow(turn, 1, "session");
  await turn.end;
  await turn.turn.quiet;
  const next = play(stage, [[write("two")], ["done"]], { permissions: "ask", session: turn.session() });
  expect(await next.end).toEqual({ kind: "completed", answer: "done" });
  expect(isDone("two")).toBe(true);
});

test("a tool that is neither command nor edit is asked for with its input", async () => {
  const fetch = { tool: "WebFetch", input: { url: "http://127.0.0.1:1/page", prompt: "read" } };
  const turn = play(stage, [[fetch], ["on"]], { permissions: "ask" });
  const { id, ask } = await turn.asked();
  expect(ask).toMatchObject({
    action: { kind: "tool", name: "WebFetch", input: expect.stringContaining("127.0.0.1:1/page") },
  });
  await turn.turn.answer(id, { kind: "deny", reason: null });
  await turn.end;
});

// ---- a stop while something is asked

test.each([
  ["an approval", () => [bash("touch forbidden")]],
  ["a question", () => [{ tool: "AskUserQuestion", input: { questions: [question("Which?", ["a", "b"])] } }]],
  ["a plan", () => [{ tool: "ExitPlanMode", input: { plan: "# Plan" } }]],
] as const)(
  "stopped while %s is open: it is withdrawn, nothing happens, and an answer is too late",
  async (_name, steps) => {
    const turn = play(stage, [steps(), [bash("touch forbidden")]], {
      permissions: _name === "a plan" ? "plan" : "ask",
    });
    const { id } = await turn.asked();
    turn.turn.interrupt("ask");
    expect(await turn.turn.answer(id, { kind: "allow", scope: "session" })).toBe("too-late");
    expect(await turn.end).toEqual({ kind: "interrupted" });
    expect(turn.events).toContainEqual({ kind: "ask-withdrawn", id });
    expect(await turn.turn.quiet).toEqual({ adopted: [] });
    expect(await turn.turn.answer(id, { kind: "allow", scope: "once" })).toBe("too-late");
    expect(isDone("forbidden")).toBe(false);
    const next = play(stage, [["on we go"]], { session: turn.session() });
    expect(await next.end).toEqual({ kind: "completed", answer: "on we go" });
    expect(isDone("forbidden")).toBe(false);
  },
);

test("stopped right after the answer, nothing of it outlives the turn", async () => {
  const turn = play(stage, [[bash("(sleep 0.3); touch late")], ["not reached"]], { permissions: "ask" });
  const { id } = await turn.asked();
  const answered = turn.turn.answer(id, { kind: "allow", scope: "once" });
  turn.turn.interrupt("ask");
  await answered;
  expect(await turn.end).toEqual({ kind: "interrupted" });
  await turn.turn.quiet;
  await play(stage, [[bash("(sleep 0.5); true")], ["waited"]]).end;
  expect(isDone("late")).toBe(false);
});

test("an agent that dies while it asks withdraws its ask, and fails its turn", async () => {
  const turn = play(stage, [[bash("touch forbidden")]], { permissions: "ask" });
  const { id } = await turn.asked();
  const { processes } = await turn.turn.survivors();
  process.kill(processes[0]?.pid ?? 0, "SIGKILL");
  expect(await turn.end).toMatchObject({ kind: "failed", fault: { kind: "agent-died" } });
  expect(turn.events).toContainEqual({ kind: "ask-withdrawn", id });
  expect(await turn.turn.answer(id, { kind: "allow", scope: "once" })).toBe("too-late");
  await turn.turn.quiet;
});

// ---- questions

function question(text: string, labels: readonly string[], multiSelect = false): object {
  const options = labels.map((label) => ({ label, description: `about ${label}` }));
  return { question: text, header: "Pick", multiSelect, options };
}

test.each(["ask", "bypass", "plan"] as const)(
  "questions are asked under %s: one choice, several, and own words reach the agent",
  async (permissions) => {
    const questions = [
      question("Which?", ["a", "b"]),
      question("Many?", ["x", "y", "z"], true),
      question("Who?", ["c", "d"]),
    ];
    const turn = play(stage, [[{ tool: "AskUserQuestion", input: { questions } }], ["I see."]], { permissions });
    const { id, ask } = await turn.asked();
    expect(ask).toEqual({
      kind: "questions",
      questions: [
        expect.objectContaining({ header: "Pick", text: "Which?", choice: "one", takesText: true }),
        expect.objectContaining({ text: "Many?", choice: "many" }),
        expect.objectContaining({ options: [{ label: "c", description: "about c" }, expect.anything()] }),
      ],
    });
    const answers = [["b"], ["x", "z"], ["nobody, really"]];
    expect(await turn.turn.answer(id, { kind: "answers", answers })).toBe("accepted");
    expect(await turn.end).toEqual({ kind: "completed", answer: "I see." });
    expect(heard()).toContain(String.raw`\"Which?\"=\"b\", \"Many?\"=\"x, z\", \"Who?\"=\"nobody, really\"`);
  },
);

test("a question that the person does not want to answer is told so, and the turn goes on", async () => {
  const input = { questions: [question("Which?", ["a", "b"])] };
  const turn = play(stage, [[{ tool: "AskUserQuestion", input }], ["Never mind."]]);
  const { id } = await turn.asked();
  await turn.turn.answer(id, { kind: "deny", reason: "Decide yourself." });
  expect(await turn.end).toEqual({ kind: "completed", answer: "Never mind." });
  expect(heard()).toContain("Decide yourself.");
});

// ---- plans

const write = (name: string) => ({ tool: "Write", input: { file_path: inWorkspace(name), content: "x" } });
const exit = { tool: "ExitPlanMode", input: {} };

test("under plan a command or an edit is refused without asking, and the person is told", async () => {
  const turn = play(stage, [[write("one")], [bash("touch two")], ["planned"]], { permissions: "plan" });
  expect(await turn.end).toEqual({ kind: "completed", answer: "planned" });
  expect(readdirSync(stage.workspace)).toEqual([]);
  expect(turn.events.some((event) => event.kind === "asked")).toBe(false);
  expect(turn.notices()).toMatch(/Denied: Write.*\n.*Denied: Bash \(touch two\)/);
});

test("a plan allowed once is carried out with every edit asked for", async () => {
  const turn = play(stage, [["1. Write it.", exit], [write("one")], ["done"]], { permissions: "plan" });
  const { id, ask } = await turn.asked();
  expect(ask).toEqual({ kind: "plan", plan: "1. Write it." }); // it wrote no plan file, so what it said is shown
  await turn.turn.answer(id, { kind: "allow", scope: "once" });
  const second = await turn.asked(2);
  expect(second.ask).toMatchObject({ kind: "approval", action: { kind: "edit" } });
  expect(isDone("one")).toBe(false);
  await allow(turn, 2);
  expect(await turn.end).toMatchObject({ kind: "completed" });
  expect(isDone("one")).toBe(true);
});

test("a plan that the agent has written to its plan file is shown as it stands there", async () => {
  const first = play(stage, "hello", { permissions: "plan" });
  await first.end;
  await first.turn.quiet;
  const [file] = /[^ "`]*\/plans\/[^ "`\\]*\.md/.exec(heard()) ?? [];
  expect(file).toBeDefined();
  const plan = { tool: "Write", input: { file_path: file ?? "", content: "# The plan\n\n1. First." } };
  const turn = play(stage, [[plan], [exit], ["left"]], { permissions: "plan", session: first.session() });
  expect((await turn.asked()).ask).toEqual({ kind: "plan", plan: "# The plan\n\n1. First." });
  await allow(turn);
  await turn.end;
});

test("a plan allowed for the session is carried out without asking for edits, in the next turn as well", async () => {
  const turn = play(stage, [[exit], [write("one")], ["done"]], { permissions: "plan" });
  await allow(turn, 1, "session");
  expect(await turn.end).toEqual({ kind: "completed", answer: "done" });
  expect(isDone("one")).toBe(true);
  await turn.turn.quiet;
  const next = play(stage, [[write("two")], ["done"]], { permissions: "plan", session: turn.session() });
  await next.end;
  expect(isDone("two")).toBe(true);
});

test("a denied plan keeps the agent planning, with the person's words", async () => {
  const turn = play(stage, [[exit], [write("one")], ["still planning"]], { permissions: "plan" });
  const { id } = await turn.asked();
  await turn.turn.answer(id, { kind: "deny", reason: "Also think of the tests." });
  expect(await turn.end).toEqual({ kind: "completed", answer: "still planning" });
  expect(heard()).toContain("Also think of the tests.");
  expect(isDone("one")).toBe(false);
});

// ---- the mode of a turn

test("each turn has its own mode, in the same process: bypass, ask, plan, edit, and bypass again", async () => {
  const turns = ["bypass", "ask", "plan", "edit", "bypass"] as const;
  let session: Session = { id: "modes", resume: null };
  const pids: string[] = [];
  for (const [index, permissions] of turns.entries()) {
    const turn = play(stage, [[write(`file${index}`)], [bash("echo $PPID; true")], ["done"]], { permissions, session });
    if (permissions === "ask") {
      await turn.asked(1);
      expect(isDone(`file${index}`)).toBe(false);
      await allow(turn, 1);
    }
    // The command is asked for under both, the edit only under ask.
    if (permissions === "ask" || permissions === "edit") await allow(turn, permissions === "ask" ? 2 : 1);
    await turn.end;
    expect(isDone(`file${index}`)).toBe(permissions !== "plan");
    pids.push(/"content":"(?<pid>\d+)"/.exec(heard())?.groups?.["pid"] ?? "");
    await turn.turn.quiet;
    session = turn.session();
  }
  expect(new Set(pids.filter((pid) => pid !== "")).size).toBe(1);
});

test("a session that began without bypassing gets another process for it, and its memory goes on", async () => {
  const first = play(stage, [["remember"]], { permissions: "ask" });
  await first.end;
  await first.turn.quiet;
  const next = play(stage, [[bash("touch free")], [{ tell: "earlier answers" }]], { session: first.session() });
  expect(await next.end).toMatchObject({
    kind: "completed",
    answer: expect.stringMatching(/[1-9]\d* earlier answers/),
  });
  expect(isDone("free")).toBe(true);
});
