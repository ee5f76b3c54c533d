/** What is particular to Codex, with the real program against a scripted model. The general promises: contract.cli.test.ts. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, onTestFinished, test } from "vitest";
import { mcpServer } from "../../../test/agents/mcp-server.ts";
import { scripted } from "../../../test/model/script.ts";
import type { Script } from "../../../test/model/script.ts";
import { noTools } from "../../../test/no-tools.ts";
import type { AgentEvent, TurnEnd } from "../../domain/agent-event.ts";
import type { AgentModel } from "../../domain/agent-model.ts";
import type { Ask } from "../../domain/ask.ts";
import { webConversation } from "../../domain/conversation.ts";
import type { RunId } from "../../domain/run.ts";
import type { Driver, HostTools, Turn, TurnRequest } from "../../engine/ports.ts";
import { belonging, createScan } from "../../lib/process-scan.ts";
import { readTurn, type Reading } from "../test-reading.ts";
import { createCodexStage } from "./test-stage.ts";
import type { CodexStage } from "./test-stage.ts";

let stage: CodexStage;
beforeEach(async () => {
  stage = await createCodexStage();
});
afterEach(() => stage[Symbol.asyncDispose]());

type Session = TurnRequest["session"];

type Played = Reading & { readonly turn: Turn };

let serial = 0;
const newSession = (resume: string | null = null): Session => ({ id: `s${(serial += 1)}`, resume });

function play(
  script: Script | string,
  more: Partial<Omit<TurnRequest, "prompt" | "owner">> = {},
  driver: Driver = stage.driver,
): Played {
  const session = more.session ?? newSession();
  const turn = driver.start({
    owner: { conversation: webConversation(session.id), run: `r${(serial += 1)}` as RunId, epoch: serial },
    workspace: stage.workspace,
    permissions: "bypass",
    model: null,
    tools: noTools,
    ...more,
    session,
    prompt: { text: typeof script === "string" ? script : scripted(script) },
  });
  onTestFinished(() => turn[Symbol.asyncDispose]());
  return { turn, ...readTurn(turn) };
}

const bash = (command: string, more: object = {}) => ({ tool: "Bash", input: { command, ...more } });
const patch = (text: string) => ({
  tool: "apply_patch",
  input: { patch: `*** Begin Patch\n${text}\n*** End Patch` },
});
const resumeOf = (played: Played): string | null =>
  played.events.findLast((event) => event.kind === "session")?.resume ?? null;
const noticesOf = (played: Played): string[] =>
  played.events.flatMap((event) => (event.kind === "notice" ? [event.text] : []));
const completed = (answer: string): TurnEnd => ({ kind: "completed", answer });
const inWorkspace = (name: string): string => join(stage.workspace, name);

/** What the model was sent last. */
const lastInput = (): string => JSON.stringify(stage.model.requests.at(-1)?.body.input);

async function settled(played: Played): Promise<TurnEnd> {
  const end = await played.end;
  await played.turn.quiet;
  return end;
}

/** The processes that are `sleep <seconds>`, from the operating system. */
function sleepersOf(seconds: string): number[] {
  const lines = execFileSync("ps", ["-axo", "pid=,stat=,args="], { encoding: "utf8" }).split("\n");
  const found = lines.map((line) => /^\s*(?<pid>\d+)\s+(?<state>\S+)\s+(?<args>.*)$/.exec(line)?.groups);
  return found.flatMap((one) =>
    one?.["args"] === `sleep ${seconds}` && !one["state"]?.startsWith("Z") ? [Number(one["pid"])] : [],
  );
}

const sleeps = (seconds: string): boolean => sleepersOf(seconds).length > 0;

let sleepSerial = 0;

/** What is left of it ends with the test, however the test ends. */
function uniqueSeconds(): string {
  const seconds = `1003.${process.pid}${String((sleepSerial += 1)).padStart(3, "0")}`;
  onTestFinished(() => sleepersOf(seconds).forEach((pid) => process.kill(pid, "SIGKILL")));
  return seconds;
}

const alive = async (seconds: string): Promise<void> => {
  await expect.poll(() => sleeps(seconds), { timeout: 20_000 }).toBe(true);
};

// ---- what a turn shows

test("thinking, text, tools, the plan, the diff, tokens and the model's memory are told as they come", async () => {
  const turn = play([
    [
      { thinking: ["let me ", "see"] },
      "I look. ",
      bash("echo hi"),
      { usage: { input_tokens: 100, cache_read_input_tokens: 40, output_tokens: 7 } },
    ],
    [patch("*** Add File: x.txt\n+hello"), { usage: { input_tokens: 10, output_tokens: 3 } }],
    ["Done.", { usage: { input_tokens: 20, output_tokens: 1 } }],
  ]);
  expect(await settled(turn)).toEqual(completed("Done."));
  const of = (kind: AgentEvent["kind"]) => turn.events.filter((event) => event.kind === kind);
  expect(
    of("thinking")
      .map((event) => event.kind === "thinking" && event.delta)
      .join(""),
  ).toContain("let me see");
  expect(of("tool-started")).toMatchObject([
    { tool: { name: "Shell", target: "echo hi" } },
    { tool: { name: "Edit", target: inWorkspace("x.txt") } },
  ]);
  expect(of("tool-ended")).toMatchObject([{ ok: true }, { ok: true }]);
  expect(of("diff").at(-1)).toMatchObject({ diff: expect.stringContaining("+hello") });
  expect(of("usage").at(-1)).toEqual({
    kind: "usage",
    usage: { inputTokens: 130, outputTokens: 11, cacheReadTokens: 40, cacheWriteTokens: 0, costUsd: null },
  });
  expect(of("context").at(-1)).toMatchObject({ usedTokens: 21, windowTokens: expect.any(Number) });
});

test("tokens of a turn are its own, not the thread's total", async () => {
  const session = newSession();
  const first = play([["a", { usage: { input_tokens: 1000, output_tokens: 50 } }]], { session });
  await settled(first);
  const second = play([["b", { usage: { input_tokens: 7, output_tokens: 2 } }]], { session });
  await settled(second);
  expect(second.events.findLast((event) => event.kind === "usage")?.usage).toMatchObject({
    inputTokens: 7,
    outputTokens: 2,
  });
});

test("AGENTS.md of the workspace reaches the model", async () => {
  writeFileSync(inWorkspace("AGENTS.md"), "Always say porcupine.");
  await settled(play("hello"));
  expect(lastInput()).toContain("Always say porcupine.");
});

// ---- faults

test.each([
  [401, "authentication_error", "agent-not-logged-in"],
  [429, "rate_limit_exceeded", "rate-limited"],
  [429, "insufficient_quota", "quota-exhausted"],
  [529, "overloaded_error", "overloaded"],
  [400, "invalid_request_error", "agent-error"],
])("HTTP %i %s fails the turn as its fault, and the session works afterwards", async (status, type, kind) => {
  const session = newSession();
  const failed = play([[{ status, type, message: "no" }]], { session });
  expect(await settled(failed)).toMatchObject({ kind: "failed", fault: { kind } });
  expect(await play([["fine"]], { session }).end).toEqual(completed("fine"));
});

test("a connection that drops is told as a retry, and in the end as a service that cannot be reached", async () => {
  const turn = play([["begin", { drop: true }]]);
  expect(await turn.end).toEqual({ kind: "failed", fault: { kind: "model-unreachable" } });
  expect(await turn.first("retrying")).toMatchObject({ fault: { kind: "model-unreachable" }, attempt: 1 });
});

test("a session that Codex has no memory of begins anew and says so", async () => {
  const turn = play([["hello"]], { session: newSession("00000000-0000-4000-8000-000000000000") });
  expect(await settled(turn)).toEqual(completed("hello"));
  expect(noticesOf(turn).join()).toContain("no memory of this session");
  expect(resumeOf(turn)).not.toBe("00000000-0000-4000-8000-000000000000");
});

test("a missing program, and a login that the model service needs, are told before any turn, with what to do", async () => {
  const signal = AbortSignal.timeout(20_000);
  const missing = await stage.create({ cli: join(stage.home, "no-such-codex") }).health(signal);
  expect(missing).toMatchObject({ kind: "unavailable", fault: { kind: "agent-missing" } });
  expect(await stage.driver.health(signal)).toEqual({ kind: "ready", version: "0.169.0" });
  const elsewhere = join(stage.home, "elsewhere");
  mkdirSync(elsewhere);
  const settings = "check_for_update_on_startup = false\n[analytics]\nenabled = false\n[features]\nplugins = false\n";
  writeFileSync(join(elsewhere, "config.toml"), settings);
  const anonymous = await stage.create({ environment: { ...stage.environment, CODEX_HOME: elsewhere } }).health(signal);
  expect(anonymous).toMatchObject({ kind: "unavailable", fault: { kind: "agent-not-logged-in" } });
});

test("a program that is no app-server fails its turns with what it said, and is not waited for", async () => {
  const cli = join(stage.home, "no-codex");
  writeFileSync(cli, "#!/bin/sh\necho 'error: unrecognized subcommand' >&2\nexit 2\n", { mode: 0o755 });
  const turn = play("hello", {}, stage.create({ cli }));
  expect(await settled(turn)).toMatchObject({
    kind: "failed",
    fault: { kind: "agent-died", detail: expect.stringContaining("unrecognized subcommand") },
  });
});

test("a wrong MCP server of the user is a notice, and the turn goes on", async () => {
  stage.configure('[mcp_servers.broken]\ncommand = "/no/such/server"\n');
  const turn = play([["fine"]]);
  expect(await settled(turn)).toEqual(completed("fine"));
  expect(noticesOf(turn).join()).toContain('"broken"');
});

// ---- approvals

test("under `ask` a command is shown as it is, and runs only after the answer", async () => {
  const turn = play([[bash("touch allowed")], ["done"]], { permissions: "ask" });
  const asked = await turn.first("asked");
  expect(asked.ask).toEqual({
    kind: "approval",
    action: { kind: "command", command: "touch allowed", directory: stage.workspace },
    reason: null,
    scopes: ["once", "session"],
  } satisfies Ask);
  expect(existsSync(inWorkspace("allowed"))).toBe(false);
  expect(await turn.turn.answer(asked.id, { kind: "allow", scope: "once" })).toBe("accepted");
  expect(await turn.turn.answer(asked.id, { kind: "allow", scope: "once" })).toBe("too-late");
  expect(await settled(turn)).toEqual(completed("done"));
  expect(existsSync(inWorkspace("allowed"))).toBe(true);
});

test("what is denied is not done, the reason reaches the model, and the turn goes on", async () => {
  const turn = play([[bash("touch denied")], [{ tell: "later words" }]], { permissions: "ask" });
  const asked = await turn.first("asked");
  expect(await turn.turn.answer(asked.id, { kind: "deny", reason: "not on a Monday" })).toBe("accepted");
  expect(await settled(turn)).toEqual(completed(expect.stringContaining("not on a Monday")));
  expect(existsSync(inWorkspace("denied"))).toBe(false);
});

test("allowed for the session, the same command is not asked again", async () => {
  const turn = play([[bash("touch again")], [bash("touch again")], ["done"]], { permissions: "ask" });
  const asked = await turn.first("asked");
  await turn.turn.answer(asked.id, { kind: "allow", scope: "session" });
  expect(await settled(turn)).toEqual(completed("done"));
  expect(turn.events.filter((event) => event.kind === "asked")).toHaveLength(1);
});

test("an edit is asked for with its diff; a new file's is all of it", async () => {
  writeFileSync(inWorkspace("old.txt"), "one\ntwo\n");
  const edit = patch("*** Add File: new.txt\n+fresh\n*** Update File: old.txt\n@@\n one\n-two\n+three");
  const turn = play([[edit], ["done"]], { permissions: "ask" });
  const asked = await turn.first("asked");
  expect(asked.ask).toMatchObject({
    action: {
      kind: "edit",
      files: [
        { path: inWorkspace("new.txt"), diff: "@@ -0,0 +1,1 @@\n+fresh" },
        { path: inWorkspace("old.txt"), diff: expect.stringContaining("-two\n+three") },
      ],
    },
  });
  expect(existsSync(inWorkspace("new.txt"))).toBe(false);
  await turn.turn.answer(asked.id, { kind: "allow", scope: "once" });
  await settled(turn);
  expect(readFileSync(inWorkspace("old.txt"), "utf8")).toBe("one\nthree\n");
});

test("under `edit` the workspace is free, and what would leave its sandbox is asked with the agent's reason", async () => {
  const outside = { sandbox_permissions: "require_escalated", justification: "it lives outside" };
  const turn = play([[bash("touch inside")], [bash("touch ../outside", outside)], ["done"]], { permissions: "edit" });
  const asked = await turn.first("asked");
  expect(existsSync(inWorkspace("inside"))).toBe(true);
  expect(asked.ask).toMatchObject({ reason: "it lives outside", action: { command: "touch ../outside" } });
  await turn.turn.answer(asked.id, { kind: "deny", reason: null });
  expect(await settled(turn)).toEqual(completed("done"));
  expect(existsSync(join(stage.home, "outside"))).toBe(false);
});

test("under `plan` nothing can be changed and nobody is asked; the next turn may work again", async () => {
  const session = newSession();
  const plan = play([[bash("touch planned")], ["<proposed_plan>\nFirst this.\n</proposed_plan>"]], {
    session,
    permissions: "plan",
  });
  expect(await settled(plan)).toEqual(completed(expect.stringContaining("First this.")));
  expect(existsSync(inWorkspace("planned"))).toBe(false);
  expect(plan.events.some((event) => event.kind === "asked")).toBe(false);
  const work = play([[bash("touch worked")], ["done"]], { session });
  expect(await settled(work)).toEqual(completed("done"));
  expect(existsSync(inWorkspace("worked"))).toBe(true);
});

test("a stop while an approval is pending ends the turn, and nothing of it runs", async () => {
  const turn = play([[bash("touch late")], [bash("touch later")]], { permissions: "ask" });
  const asked = await turn.first("asked");
  turn.turn.interrupt("ask");
  expect(await turn.turn.answer(asked.id, { kind: "allow", scope: "once" })).toBe("too-late");
  expect(await settled(turn)).toEqual({ kind: "interrupted" });
  expect([existsSync(inWorkspace("late")), existsSync(inWorkspace("later"))]).toEqual([false, false]);
});

test("a question of the agent is answered by its options or by a text of one's own", async () => {
  const questions = [
    { id: "colour", header: "Colour", question: "Which?", options: [{ label: "Red", description: "warm" }] },
    { id: "size", header: "Size", question: "How big?", options: [{ label: "Big", description: "very" }] },
  ];
  const turn = play([[{ tool: "request_user_input", input: { questions } }], ["thanks"]]);
  const asked = await turn.first("asked");
  expect(asked.ask).toMatchObject({
    kind: "questions",
    questions: [
      { header: "Colour", text: "Which?", options: [{ label: "Red" }], choice: "one", takesText: true },
      { header: "Size" },
    ],
  });
  expect(await turn.turn.answer(asked.id, { kind: "allow", scope: "once" })).toBe("too-late");
  await turn.turn.answer(asked.id, { kind: "answers", answers: [["Red"], ["as big as a house"]] });
  expect(await settled(turn)).toEqual(completed("thanks"));
  expect(lastInput()).toContain("as big as a house");
});

test("a question that is pending at a stop ends with the turn", async () => {
  const questions = [{ id: "q", header: "Q", question: "Well?", options: [{ label: "A", description: "a" }] }];
  const turn = play([[{ tool: "request_user_input", input: { questions } }], ["no"]]);
  await turn.first("asked");
  turn.turn.interrupt("ask");
  expect(await settled(turn)).toEqual({ kind: "interrupted" });
});

// ---- tools of ours

function hostTools(call: HostTools["call"]): HostTools {
  const input = { type: "object", properties: { text: { type: "string" } }, required: ["text"] };
  return { list: [{ name: "notify", description: "tells the user", input }], call };
}

test("a tool of ours is called for the turn that is running, and its words reach the model, also in a resumed session", async () => {
  const calls: string[] = [];
  const toolsOf = (run: string) =>
    hostTools((name, input) => {
      calls.push(`${run} ${name} ${JSON.stringify(input)}`);
      return Promise.resolve({ kind: "ok", text: `told by ${run}` });
    });
  const script: Script = [[{ tool: "notify", input: { text: "hello" } }], [{ tell: "later words" }]];
  const first = play(script, { tools: toolsOf("first") });
  await settled(first);
  expect(lastInput()).toContain("told by first");
  expect(first.events.find((event) => event.kind === "tool-started")).toMatchObject({
    tool: { name: "notify", target: "hello" },
  });
  await stage.driver[Symbol.asyncDispose]();
  const driver = stage.create();
  await settled(play(script, { session: newSession(resumeOf(first)), tools: toolsOf("second") }, driver));
  expect(lastInput()).toContain("told by second");
  expect(calls).toEqual(['first notify {"text":"hello"}', 'second notify {"text":"hello"}']);
});

test("a tool call that is under way at a stop is told by its signal", async () => {
  const told = Promise.withResolvers<string>();
  const called = Promise.withResolvers<void>();
  const tools = hostTools((_name, _input, signal) => {
    called.resolve();
    signal.addEventListener("abort", () => told.resolve("stopped"), { once: true });
    return told.promise.then((text) => ({ kind: "failed", text }));
  });
  const turn = play([[{ tool: "notify", input: { text: "x" } }], ["no"]], { tools });
  await called.promise;
  turn.turn.interrupt("ask");
  expect(await told.promise).toBe("stopped");
  expect(await settled(turn)).toEqual({ kind: "interrupted" });
});

// ---- models, sessions

test("the catalogue names the user's own model as the default, with the efforts of each", async () => {
  const answer = await stage.driver.models(stage.workspace, AbortSignal.timeout(20_000));
  const models: readonly AgentModel[] = answer.kind === "known" ? answer.value : [];
  expect(models.filter((model) => model.isDefault)).toMatchObject([{ id: "gpt-5.5" }]);
  expect(models.some((model) => model.efforts.includes("low") && model.efforts.includes("high"))).toBe(true);
});

test("a model and an effort hold for their turn; without a choice the user's own are used again", async () => {
  const session = newSession();
  const used = () => {
    const { body } = stage.model.requests.at(-1) ?? {};
    return [body?.model, (body as { reasoning?: { effort?: string } } | undefined)?.reasoning?.effort];
  };
  await settled(play("a", { session }));
  const [own, ownEffort] = used();
  await settled(play("b", { session, model: { id: "gpt-5.4", effort: "low" } }));
  expect(used()).toEqual(["gpt-5.4", "low"]);
  await settled(play("c", { session }));
  expect(used()[0]).toBe(own);
  expect([ownEffort, "medium"]).toContain(used()[1]);
});

test("the sessions of a directory are listed newest first with what they began with, also those of the terminal", async () => {
  const mine = play("plant the marigold");
  await settled(mine);
  const driver = stage.create({ environment: { ...stage.environment } });
  await settled(play("water the foxglove", {}, driver)); // another server, as a terminal would be
  const answer = await stage.driver.sessions(stage.workspace, 5, AbortSignal.timeout(20_000));
  const sessions = answer.kind === "known" ? answer.value : [];
  expect(new Set(sessions.map((session) => session.preview))).toEqual(
    new Set(["plant the marigold", "water the foxglove"]),
  );
  expect(sessions.map((session) => session.resume)).toContain(resumeOf(mine));
  expect(sessions[0]?.updatedAtMs).toBeGreaterThan(1_700_000_000_000);
  const elsewhere = await stage.driver.sessions(stage.home, 5, AbortSignal.timeout(20_000));
  expect(elsewhere).toEqual({ kind: "known", value: [] });
});

test("a copy goes on from where its original stands, and the original stays as it is", async () => {
  const session = newSession();
  const original = play("remember this", { session });
  await settled(original);
  const resume = resumeOf(original) ?? "";
  const copy = await stage.driver.fork(resume, stage.workspace, AbortSignal.timeout(20_000));
  const id = copy.kind === "known" ? copy.value : "";
  expect(id).not.toBe(resume);
  const told: Script = [[{ tell: "earlier answers" }]];
  const onCopy = play(told, { session: newSession(id) });
  expect(await settled(onCopy)).toEqual(completed("1 earlier answers"));
  expect(resumeOf(onCopy)).toBe(id);
  expect(await play(told, { session }).end).toEqual(completed("1 earlier answers"));
});

test("the line for the terminal names the session, and nothing that a shell would read otherwise", () => {
  expect(stage.driver.terminalCommand("01a207b8-1c78-7400-9f4d-a36a864ff161")).toBe(
    "codex resume 01a207b8-1c78-7400-9f4d-a36a864ff161",
  );
  expect(stage.driver.terminalCommand("x; rm -rf /")).toBeNull();
});

test("a session that was forgotten can be gone on with elsewhere at once; one that is in use cannot", async () => {
  const session = newSession();
  const mine = play("remember this", { session });
  await settled(mine);
  const resume = resumeOf(mine);
  const elsewhere = stage.create();
  const told: Script = [[{ tell: "earlier answers" }]];
  const early = play(told, { session: newSession(resume) }, elsewhere);
  expect(await settled(early)).toMatchObject({ kind: "failed", fault: { kind: "agent-error" } });
  await stage.driver.forget(session.id);
  const late = play(told, { session: newSession(resume) }, elsewhere);
  expect(await settled(late)).toEqual(completed("1 earlier answers"));
});

test("forgetting a session leaves alone what it left running on purpose, and so does a stop after it was taken up again", async () => {
  const seconds = uniqueSeconds();
  const session = newSession();
  const turn = play([[bash(`sleep ${seconds}`, { run_in_background: true })], ["It runs."]], { session });
  await settled(turn);
  await stage.driver.forget(session.id);
  expect(sleeps(seconds)).toBe(true);
  const later = uniqueSeconds();
  const stopped = play([[bash(`(sleep ${later}); echo x`)], ["no"]], { session: newSession(resumeOf(turn)) });
  await alive(later);
  stopped.turn.interrupt("ask");
  await settled(stopped);
  expect([later, seconds].map(sleeps)).toEqual([false, true]);
});

test("two conversations do not work in one session at once", async () => {
  const first = play("hello");
  await settled(first);
  const resume = resumeOf(first);
  const holder = newSession(resume);
  const busy = play([[{ text: ["a ", { gate: "held" }] }]], { session: holder });
  await busy.first("text");
  const second = play("me too", { session: newSession(resume) });
  expect(await settled(second)).toMatchObject({ kind: "failed", fault: { kind: "agent-error" } });
  busy.turn.interrupt("ask");
  await settled(busy);
});

// ---- processes

async function pidsOf(marker: string): Promise<{ readonly pid: number; readonly name: string }[]> {
  return belonging(await createScan()([]), { marker, roots: [] }).map(({ pid, name }) => ({ pid, name }));
}

const serversOf = async (instance: string): Promise<number[]> =>
  (await pidsOf(`${instance}.codex`)).flatMap(({ pid, name }) => (name === "codex" ? [pid] : []));

test("fifty sessions work on one process", { timeout: 120_000 }, async () => {
  const instance = `fifty.${process.pid}`;
  const driver = stage.create({ instance });
  const sessions = Array.from({ length: 50 }, () => newSession());
  for (const session of sessions) expect(await settled(play("hi", { session }, driver))).toEqual(completed("echo: hi"));
  expect(await serversOf(instance)).toHaveLength(1);
  const again = await Promise.all(
    sessions.slice(0, 5).map((session) => settled(play("and again", { session }, driver))),
  );
  expect(again).toEqual(Array.from({ length: 5 }, () => completed("echo: and again")));
  expect(await serversOf(instance)).toHaveLength(1);
});

test("a server that dies fails the turns that were live with it, each once; the sessions go on in the next", async () => {
  const instance = `dies.${process.pid}`;
  const driver = stage.create({ instance });
  const sessions = [newSession(), newSession()];
  const seconds = [uniqueSeconds(), uniqueSeconds()];
  const turns = sessions.map((session, at) =>
    play([[bash(`setsid --wait sleep ${seconds[at]}; echo x`)], ["no"]], { session }, driver),
  );
  await Promise.all(seconds.map(alive));
  await Promise.all(turns.map((turn) => turn.first("session")));
  const [server] = await serversOf(instance);
  process.kill(server ?? 0, "SIGKILL");
  for (const turn of turns) {
    expect(await turn.end).toMatchObject({ kind: "failed", fault: { kind: "agent-died" } });
    await turn.turn.quiet;
  }
  expect(seconds.map(sleeps)).toEqual([false, false]);
  for (const [at, session] of sessions.entries()) {
    const resume = resumeOf(turns[at]!);
    const next = play([[{ tell: "earlier answers" }]], { session: { ...session, resume } }, driver);
    expect(await settled(next)).toEqual(completed(expect.stringMatching(/^[1-9]/)));
  }
  expect(await serversOf(instance)).not.toContain(server);
});

test("a stop of one session leaves the other's command alone, and what that one did in the background too", async () => {
  const [mine, theirs, left] = [uniqueSeconds(), uniqueSeconds(), uniqueSeconds()];
  const session = newSession();
  const before = play([[bash(`sleep ${left}`, { run_in_background: true })], ["It runs."]], { session });
  await before.end;
  expect((await before.turn.quiet).adopted.length).toBeGreaterThan(0);
  const other = play([[bash(`(sleep ${theirs}); echo x`)], ["no"]]);
  const stopped = play([[bash(`setsid sleep ${mine} & (sleep ${mine}); echo x`)], ["no"]], { session });
  await Promise.all([mine, theirs].map(alive));
  stopped.turn.interrupt("ask");
  expect(await settled(stopped)).toEqual({ kind: "interrupted" });
  expect([mine, theirs, left].map(sleeps)).toEqual([false, true, true]);
  other.turn.interrupt("ask");
  await settled(other);
  expect([theirs, left].map(sleeps)).toEqual([false, true]);
});

test.each(["ask", "edit"] as const)(
  "a sandboxed command under `%s` is gone when the stop is proven",
  async (permissions) => {
    const seconds = uniqueSeconds();
    const turn = play([[bash(`setsid sleep ${seconds} & (trap '' TERM; sleep ${seconds}); echo x`)], ["no"]], {
      permissions,
    });
    if (permissions === "ask") {
      const asked = await turn.first("asked");
      await turn.turn.answer(asked.id, { kind: "allow", scope: "once" });
    }
    await alive(seconds);
    turn.turn.interrupt("ask");
    expect(await settled(turn)).toEqual({ kind: "interrupted" });
    expect(sleeps(seconds)).toBe(false);
  },
);

// The models that Codex offers first work by scripts of their own ("code mode") and by subagents.
const team = { id: "gpt-6.1-sol", effort: null };

test("a stop ends the script that a model runs its commands by, and what it runs", async () => {
  const seconds = uniqueSeconds();
  const loop = `for (;;) { await tools.exec_command({ cmd: "setsid sleep ${seconds} & echo x >> log" }); }`;
  const turn = play([["x", { tool: "exec", input: { input: loop } }], ["no"]], { model: team });
  await alive(seconds);
  turn.turn.interrupt("ask");
  expect(await settled(turn)).toEqual({ kind: "interrupted" });
  expect(sleeps(seconds)).toBe(false);
  const written = readFileSync(inWorkspace("log"), "utf8");
  expect(await settled(play([["next"]], { model: team }))).toEqual(completed("next"));
  expect(readFileSync(inWorkspace("log"), "utf8")).toBe(written);
});

const delegating = (task: Script, then: Script): Script => [
  ["x", { tool: "spawn_agent", input: { task_name: "helper", message: scripted(task), fork_turns: "none" } }],
  ...then,
];

test("a subagent and its command end with the turn that began it", async () => {
  const seconds = uniqueSeconds();
  const task: Script = [[bash(`setsid --wait sleep ${seconds}; echo x`)], ["no"]];
  const turn = play(delegating(task, [[{ text: ["waiting ", { gate: "never" }] }]]), { model: team });
  await alive(seconds);
  turn.turn.interrupt("ask");
  expect(await settled(turn)).toEqual({ kind: "interrupted" });
  expect(sleeps(seconds)).toBe(false);
});

test("a turn has not ended while a subagent of it works on", async () => {
  const task: Script = [[{ text: ["working ", { gate: "helper" }] }]];
  const turn = play(delegating(task, [["I have delegated it."]]), { model: team });
  await stage.model.gate("helper").reached;
  await turn.first("session");
  // Codex itself notes that the turn which delegated is complete.
  await expect.poll(() => rolloutOf(resumeOf(turn)), { timeout: 20_000 }).toContain('"task_complete"');
  await stage.driver.models(stage.workspace, AbortSignal.timeout(20_000)); // whatever it told of it has arrived
  expect(turn.events.some((event) => event.kind === "ended")).toBe(false);
  stage.model.gate("helper").release();
  expect((await settled(turn)).kind).toBe("completed");
});

function rolloutOf(thread: string | null): string {
  const sessions = join(stage.codexHome, "sessions");
  const files = readdirSync(sessions, { recursive: true, encoding: "utf8" });
  const file = files.find((name) => name.endsWith(`${thread}.jsonl`));
  return file === undefined ? "" : readFileSync(join(sessions, file), "utf8");
}

test("a user who lets only some variables through to commands does not blind the stop", async () => {
  stage.configure('[shell_environment_policy]\ninherit = "core"\ninclude_only = ["PATH", "HOME"]\n');
  const seconds = uniqueSeconds();
  const turn = play([[bash(`env > seen; setsid --wait sleep ${seconds}; echo x`)], ["no"]]);
  await alive(seconds);
  expect(readFileSync(inWorkspace("seen"), "utf8")).not.toContain("SCRIPTED_MODEL_KEY");
  turn.turn.interrupt("ask");
  await settled(turn);
  expect(sleeps(seconds)).toBe(false);
});

test("an MCP server lives through a stop, is nothing that a turn left running, and is gone with a killed server", async () => {
  const script = join(stage.home, "server.mjs");
  const log = join(stage.home, "server.log");
  writeFileSync(script, mcpServer(log));
  stage.configure(
    `[mcp_servers.helper]\ncommand = ${JSON.stringify(process.execPath)}\nargs = [${JSON.stringify(script)}]\n`,
  );
  const instance = `mcp.${process.pid}`;
  const driver = stage.create({ instance });
  const session = newSession();
  const finished = play([[bash("true")], ["done"]], { session }, driver);
  await finished.end;
  expect(await finished.turn.quiet).toEqual({ adopted: [] });
  const seconds = uniqueSeconds();
  const stopped = play([[bash(`(sleep ${seconds}); echo x`)], ["no"]], { session }, driver);
  await alive(seconds);
  stopped.turn.interrupt("ask");
  await settled(stopped);
  expect(await settled(play([["on we go"]], { session }, driver))).toEqual(completed("on we go"));
  const helpers = readFileSync(log, "utf8").trim().split("\n");
  expect(helpers).toHaveLength(1);
  expect(isAlive(helpers[0])).toBe(true);
  const busy = play([[{ text: ["a ", { gate: "held" }] }]], { session }, driver);
  await busy.first("text");
  const [server] = await serversOf(instance);
  process.kill(server ?? 0, "SIGKILL");
  await settled(busy);
  expect(isAlive(helpers[0])).toBe(false);
});

/** From the operating system: without the marker nobody would look for it. */
function isAlive(pid: string | undefined): boolean {
  const states = execFileSync("ps", ["-axo", "pid=,stat="], { encoding: "utf8" }).split("\n");
  return states.some((line) => line.trim().split(/\s+/)[0] === pid && !line.includes("Z"));
}

test("what is steered in at the very end is not lost: it begins a turn of Codex that is still this one", async () => {
  const turn = play([[{ text: ["almost ", { gate: "end" }, "done"] }]]);
  await turn.first("text");
  expect(await turn.turn.steer({ text: "and the foxglove" })).toBe("accepted");
  stage.model.gate("end").release();
  expect(await settled(turn)).toEqual(completed(expect.stringContaining("echo: and the foxglove")));
});
