/** What is particular to Claude Code, with the real program against a scripted model. The general promises: contract.cli.test.ts. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { mcpServer } from "../../../test/agents/mcp-server.ts";
import { scripted } from "../../../test/model/script.ts";
import type { Script } from "../../../test/model/script.ts";
import type { PermissionMode } from "../../domain/permission-mode.ts";
import type { Driver } from "../../engine/ports.ts";
import { belonging, createScan } from "../../lib/process-scan.ts";
import { bash, play as playOn } from "./test-play.ts";
import type { Played, Session } from "./test-play.ts";
import { createClaudeStage } from "./test-stage.ts";
import type { ClaudeStage } from "./test-stage.ts";

let stage: ClaudeStage;
beforeEach(async () => {
  stage = await createClaudeStage();
});
afterEach(() => stage[Symbol.asyncDispose]());

let serial = 0;

function play(
  script: Script | string,
  session: Session = { id: `s${(serial += 1)}`, resume: null },
  driver: Driver = stage.driver,
  permissions: PermissionMode = "bypass",
): Played {
  return playOn(stage, script, { session, driver, permissions });
}

const resumeOf = (played: Played): string | null => played.session().resume;
const noticesOf = (played: Played): string[] =>
  played.events.flatMap((event) => (event.kind === "notice" ? [event.text] : []));

// ---- faults

test.each([
  [401, "authentication_error", "agent-not-logged-in"],
  [429, "rate_limit_error", "rate-limited"],
  [529, "overloaded_error", "overloaded"],
])(
  "HTTP %i of the model service fails the turn as its fault, and the session works afterwards",
  async (status, type, kind) => {
    const session = { id: "one", resume: null };
    const failed = play([[{ status, type }]], session);
    expect(await failed.end).toMatchObject({ kind: "failed", fault: { kind } });
    expect(failed.events.find((event) => event.kind === "retrying")).toMatchObject({ fault: { kind } });
    await failed.turn.quiet;
    expect(await play([["fine"]], { ...session, resume: resumeOf(failed) }).end).toEqual({
      kind: "completed",
      answer: "fine",
    });
  },
);

test("a refused key ends the turn at its second attempt, not after minutes of retries", async () => {
  const environment = { ...stage.environment, CLAUDE_CODE_MAX_RETRIES: "10" };
  const turn = play([[{ status: 401, type: "authentication_error" }]], undefined, stage.create({ environment }));
  expect(await turn.end).toMatchObject({ kind: "failed", fault: { kind: "agent-not-logged-in" } });
  expect(turn.events.filter((event) => event.kind === "retrying")).toHaveLength(2);
});

test("a connection that drops in the middle is retried by the agent, and its turn completes", async () => {
  const turn = play([["fine"]]);
  expect(await turn.end).toEqual({ kind: "completed", answer: "fine" });
  const dropped = play([["begin", { drop: true }]]);
  expect(await dropped.end).toEqual({ kind: "failed", fault: { kind: "model-unreachable" } });
});

test("a session that the agent has no memory of begins anew and says so (it was killed before it saved anything)", async () => {
  const turn = play([["hello"]], { id: "gone", resume: "00000000-0000-4000-8000-000000000000" });
  expect(await turn.end).toEqual({ kind: "completed", answer: "hello" });
  expect(noticesOf(turn).join()).toContain("no memory of this session");
  expect(resumeOf(turn)).not.toBe("00000000-0000-4000-8000-000000000000");
  expect(await turn.turn.quiet).toEqual({ adopted: [] });
});

test("an agent that cannot start for a cause it names is not started again in vain", async () => {
  const { IS_SANDBOX: _sandbox, ...environment } = stage.environment;
  const driver = stage.create({ environment });
  const turn = play("hello", { id: "gone", resume: "00000000-0000-4000-8000-000000000000" }, driver);
  if (process.getuid?.() !== 0) return; // only root is refused to bypass permissions
  expect(await turn.end).toMatchObject({ kind: "failed", fault: { detail: expect.stringContaining("bypass_root") } });
  expect(noticesOf(turn)).toEqual([]);
});

test("a missing program and a missing login are told before any turn, with what to do", async () => {
  const signal = AbortSignal.timeout(20_000);
  const missing = await stage.create({ cli: join(stage.home, "no-such-claude") }).health(signal);
  expect(missing).toMatchObject({ kind: "unavailable", fault: { kind: "agent-missing" } });
  const { ANTHROPIC_API_KEY: _key, ...environment } = stage.environment;
  const anonymous = await stage.create({ environment }).health(signal);
  expect(anonymous).toMatchObject({ kind: "unavailable", fault: { kind: "agent-not-logged-in" } });
});

test("a driver that is disposed while it asks the program how it is leaves nobody behind who still answers", async () => {
  const cli = join(stage.home, "claude");
  writeFileSync(cli, `#!/bin/sh\ntrap '' TERM\necho $$ > "${stage.home}/asked-$1"\nexec sleep 1000\n`, { mode: 0o755 });
  const driver = stage.create({ cli });
  const health = driver.health(new AbortController().signal);
  const pidOf = (question: string): number => {
    const pid = Number(readFileSync(join(stage.home, `asked-${question}`), "utf8"));
    expect(pid).toBeGreaterThan(0);
    return pid;
  };
  const bound = { timeout: 10_000, interval: 20 };
  const pids = await vi.waitFor(() => ["--version", "auth"].map(pidOf), bound);
  await driver[Symbol.asyncDispose]();
  for (const pid of pids) expect(() => process.kill(pid, 0)).toThrow("ESRCH");
  expect((await health).kind).toBe("ready"); // nothing was said against it
});

test("a program that cannot be started fails the turn, which is quiet", async () => {
  const cli = join(stage.home, "claude");
  writeFileSync(cli, "#!/no/such/interpreter\n", { mode: 0o755 });
  const turn = play("hello", undefined, stage.create({ cli }));
  expect(await turn.end).toMatchObject({ kind: "failed", fault: { kind: "agent-missing" } });
  expect(await turn.turn.quiet).toEqual({ adopted: [] });
});

// ---- permissions

test("under ask, what the user's own settings allow is done without asking", async () => {
  const config = stage.environment["CLAUDE_CONFIG_DIR"] ?? "";
  mkdirSync(config, { recursive: true });
  const settings = { permissions: { allow: ["Bash(touch *)"] } };
  writeFileSync(join(config, "settings.json"), JSON.stringify(settings));
  const driver = stage.create({ settingSources: ["user", "project"] });
  const turn = play([[bash("touch allowed")], ["done"]], undefined, driver, "ask");
  expect(await turn.end).toEqual({ kind: "completed", answer: "done" });
  expect(existsSync(join(stage.workspace, "allowed"))).toBe(true);
  expect(noticesOf(turn)).toEqual([]);
});

test.each([
  ["plan", false],
  ["edit", true],
  ["bypass", true],
] as const)("under %s a file in the workspace is written: %s", async (mode, isWritten) => {
  const file = join(stage.workspace, "file.txt");
  const write = { tool: "Write", input: { file_path: file, content: "x" } };
  await play([[write], ["done"]], undefined, stage.driver, mode).end;
  expect(existsSync(file)).toBe(isWritten);
});

// ---- steering, background work

test("a steer that arrives too late to be taken in belongs to the turn, which ends with both answers", async () => {
  const turn = play([[{ text: ["first", { gate: "late" }] }]]);
  await turn.first("text");
  expect(await turn.turn.steer({ text: scripted([["second"]]) })).toBe("accepted");
  stage.model.gate("late").release();
  expect(await turn.end).toEqual({ kind: "completed", answer: "first\n\nsecond" });
});

test("a stop drops what was steered in and not yet taken (it must not run as a turn of its own)", async () => {
  const session = { id: "one", resume: null };
  const turn = play([[{ text: ["first", { gate: "shut" }] }]], session);
  await turn.first("text");
  await turn.turn.steer({ text: scripted([["second"]]) });
  turn.turn.interrupt("ask");
  expect(await turn.end).toEqual({ kind: "interrupted" });
  await turn.turn.quiet;
  expect(await play([["third"]], { ...session, resume: resumeOf(turn) }).end).toEqual({
    kind: "completed",
    answer: "third",
  });
  const texts = stage.model.requests.map((request) => request.prompt);
  expect(texts).not.toContain(scripted([["second"]]));
});

const agent = (prompt: string) => ({
  tool: "Agent",
  input: { description: "look", prompt, subagent_type: "general-purpose", run_in_background: true },
});

test("a turn goes on while its background agent thinks, and ends with what is said after its return", async () => {
  const turn = play([[agent(scripted([[{ gate: "thinking" }, "seen"]]))], ["On its way."], ["It is back."]]);
  await stage.model.gate("thinking").reached;
  stage.model.gate("thinking").release();
  expect(await turn.end).toEqual({ kind: "completed", answer: "On its way.\n\nIt is back." });
});

test("a stop ends the turn's background agent as well", async () => {
  const turn = play([
    [agent(scripted([[{ gate: "thinking" }, bash("touch late")]]))],
    ["On its way."],
    ["It is back."],
  ]);
  await stage.model.gate("thinking").reached;
  turn.turn.interrupt("ask");
  expect(await turn.end).toEqual({ kind: "interrupted" });
  await turn.turn.quiet;
  stage.model.gate("thinking").release();
  const next = play([["next"]], { id: "other", resume: null });
  await next.end;
  expect(existsSync(join(stage.workspace, "late"))).toBe(false);
});

test("an agent that wakes by itself is interrupted and may use no tool: nobody owns that run", async () => {
  const session = { id: "one", resume: null };
  const go = join(stage.workspace, "go");
  const turn = play(
    [
      [bash(`while [ ! -e ${go} ]; do sleep 0.02; done`, { run_in_background: true })],
      ["Left running."],
      [bash("touch unowned")],
    ],
    session,
  );
  expect(await turn.end).toEqual({ kind: "completed", answer: "Left running." });
  expect((await turn.turn.quiet).adopted.length).toBeGreaterThan(0);
  writeFileSync(go, "");
  // The transcript is where the CLI notes what woke it, and that it was interrupted.
  const wasInterrupted = (): boolean => /<task-notification>.*Request interrupted/s.test(transcripts());
  await expect.poll(wasInterrupted, { timeout: 20_000 }).toBe(true);
  const next = play([["next"]], { ...session, resume: resumeOf(turn) });
  expect(await next.end).toEqual({ kind: "completed", answer: "next" });
  expect(existsSync(join(stage.workspace, "unowned"))).toBe(false);
});

function transcripts(): string {
  const projects = join(stage.environment["CLAUDE_CONFIG_DIR"] ?? "", "projects");
  const files = readdirSync(projects, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".jsonl"));
  return files.map((file) => readFileSync(join(projects, file), "utf8")).join("\n");
}

// ---- processes

test("turns of one session use one warm process, other sessions another, and a prepared process is taken once", async () => {
  stage.driver.prewarm(stage.workspace);
  const pidOf = async (session: Session): Promise<string> => {
    const turn = play([[bash("echo $PPID")], [{ tell: "later words" }]], session);
    await turn.end;
    await turn.turn.quiet;
    return (
      /"content":"(?<pid>\d+)"/.exec(JSON.stringify(stage.model.requests.at(-1)?.body.messages))?.groups?.["pid"] ?? ""
    );
  };
  const one = await pidOf({ id: "one", resume: null });
  const other = await pidOf({ id: "two", resume: null });
  expect(one).toMatch(/^\d+$/);
  expect(other).not.toBe(one);
  const again = play([[bash("echo $PPID")], ["x"]], { id: "one", resume: null });
  await again.end;
  expect(JSON.stringify(stage.model.requests.at(-1)?.body.messages)).toContain(`"${one}"`);
});

test("a prepared process that was taken is replaced after the turn, and the next new session takes that one", async () => {
  const instance = `prepared.${process.pid}`;
  const driver = stage.create({ instance });
  const scan = createScan();
  /** Their pids, once there are so many; looked for in the process table, which nobody is told of. */
  const agentsOf = async (count: number): Promise<number[] | false> => {
    const found = belonging(await scan([]), { marker: instance, roots: [] });
    const pids = found.flatMap(({ pid, name }) => (name.startsWith("claude") ? [pid] : []));
    return pids.length === count ? pids : false;
  };
  const waiting = { timeout: 15_000, interval: 20 };
  const firstTurn = async (id: string): Promise<void> => {
    const { end, turn } = play("hello", { id, resume: null }, driver);
    await end;
    await turn.quiet;
  };
  driver.prewarm(stage.workspace);
  const [first] = await vi.waitUntil(() => agentsOf(1), waiting);
  await firstTurn("one");
  const both = await vi.waitUntil(() => agentsOf(2), waiting);
  expect(both).toContain(first);
  await firstTurn("two");
  // Taken, not started anew: with the next prepared one there are three, and the two from before are among them.
  const all = await vi.waitUntil(() => agentsOf(3), waiting);
  expect(all).toEqual(expect.arrayContaining(both));
});

/** Whether `sleep <seconds>` runs, from the operating system. */
function sleeps(seconds: string): boolean {
  const lines = execFileSync("ps", ["-axo", "stat=,args="], { encoding: "utf8" }).split("\n");
  return lines.some((line) => !line.startsWith("Z") && line.trimEnd().endsWith(` sleep ${seconds}`));
}

test.each([
  ["a tool that ignores TERM", (seconds: string) => `trap '' TERM; (trap '' TERM; sleep ${seconds}); echo x`],
  [
    "a daemon that a tool has started",
    (seconds: string) => `setsid -f bash -c "trap '' TERM; sleep ${seconds}; :"; (sleep 303); echo x`,
  ],
])("after an interrupt alone, %s is gone when the turn is quiet", async (_name, command) => {
  const seconds = `1001.${process.pid}${(serial += 1)}`;
  const turn = play([[bash(command(seconds))], ["no"]]);
  await expect.poll(() => sleeps(seconds), { timeout: 20_000 }).toBe(true);
  turn.turn.interrupt("ask");
  await turn.turn.quiet;
  expect(sleeps(seconds)).toBe(false);
});

test("an MCP server is a helper: it lives through a stop, and is not taken for something the turn left running", async () => {
  const config = stage.environment["CLAUDE_CONFIG_DIR"] ?? "";
  const server = join(stage.home, "server.mjs");
  const log = join(stage.home, "server.log");
  mkdirSync(config, { recursive: true });
  writeFileSync(server, mcpServer(log));
  const mcpServers = { helper: { command: process.execPath, args: [server] } };
  writeFileSync(join(config, ".claude.json"), JSON.stringify({ mcpServers }));
  const driver = stage.create({ settingSources: ["user", "project"] });
  const seconds = `1002.${process.pid}`;
  const session = { id: "one", resume: null };

  const finished = play([[bash("true")], ["done"]], session, driver);
  await finished.end;
  expect(await finished.turn.quiet).toEqual({ adopted: [] });
  const stopped = play(
    [[bash(`(sleep ${seconds}); echo x`)], ["no"]],
    { ...session, resume: resumeOf(finished) },
    driver,
  );
  await expect.poll(() => sleeps(seconds), { timeout: 20_000 }).toBe(true);
  stopped.turn.interrupt("ask");
  await stopped.turn.quiet;
  const next = play([["on we go"]], { ...session, resume: resumeOf(stopped) }, driver);
  expect(await next.end).toEqual({ kind: "completed", answer: "on we go" });
  expect(readFileSync(log, "utf8").trim().split("\n")).toHaveLength(1);
});

test("usage and cost of a turn are its own, not the session's total", async () => {
  const session = { id: "one", resume: null };
  const first = play([["a", { usage: { input_tokens: 1000 } }]], session);
  await first.end;
  await first.turn.quiet;
  const second = play([["b", { usage: { input_tokens: 7 } }]], { ...session, resume: resumeOf(first) });
  await second.end;
  const usage = second.events.findLast((event) => event.kind === "usage")?.usage;
  expect(usage?.inputTokens).toBe(7);
  expect(usage?.costUsd).toBeGreaterThan(0);
});
