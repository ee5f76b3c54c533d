/** Models, stored sessions and what a turn tells of itself, with the real Claude Code against a scripted model. */
import { execFile } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { ModelChoice } from "../../domain/agent-model.ts";
import { findCli } from "./locate.ts";
import { bash, play } from "./test-play.ts";
import type { Played, Session } from "./test-play.ts";
import { createClaudeStage } from "./test-stage.ts";
import type { ClaudeStage } from "./test-stage.ts";

let stage: ClaudeStage;
beforeEach(async () => {
  stage = await createClaudeStage();
});
afterEach(() => stage[Symbol.asyncDispose]());

const signal = new AbortController().signal;

/** What the newest request asked the model service for. */
function wanted(): { readonly model: string | undefined; readonly effort: unknown } {
  const body = stage.model.requests.at(-1)?.body as { model?: string; output_config?: { effort?: unknown } };
  return { model: body.model, effort: body.output_config?.effort };
}

async function turn(
  session: Session,
  model: ModelChoice | null,
  script = "hello",
  driver = stage.driver,
): Promise<Played> {
  const played = play(stage, script, { session, model, driver });
  await played.end;
  await played.turn.quiet;
  return played;
}

const processOf = (played: Played): string =>
  /"content":"(?<pid>\d+)"/.exec(JSON.stringify(stage.model.requests.at(-1)?.body.messages))?.groups?.["pid"] ??
  `none of ${played.events.length}`;

// ---- models

test("the live catalogue names models with their efforts, before any turn and without a request to the model", async () => {
  const models = await stage.driver.models(stage.workspace, signal);
  if (models.kind !== "known") throw new Error(JSON.stringify(models));
  const ids = models.value.map((model) => model.id);
  expect(ids).toEqual(expect.arrayContaining(["opus", "sonnet", "haiku"]));
  expect(models.value.filter((model) => model.isDefault)).toHaveLength(1);
  expect(models.value.find((model) => model.id === "opus")?.efforts).toEqual(expect.arrayContaining(["low", "high"]));
  expect(stage.model.requests).toEqual([]);
  expect(stage.model.others).toEqual([]);
});

test("a catalogue that nobody can tell any more is unavailable: no program, a caller that gives up, a disposed driver", async () => {
  const missing = await stage.create({ cli: join(stage.home, "none") }).models(stage.workspace, signal);
  expect(missing).toMatchObject({ kind: "unavailable", fault: { kind: "agent-missing" } });
  expect((await stage.driver.models(stage.workspace, AbortSignal.abort())).kind).toBe("unavailable");
  await stage.driver[Symbol.asyncDispose]();
  expect((await stage.driver.models(stage.workspace, signal)).kind).toBe("unavailable");
});

test("each turn has its own model and effort, in one warm process; the next turn keeps what it is not told to change", async () => {
  const pid = JSON.stringify([[bash("echo $PPID")], ["x"]]);
  const first = await turn({ id: "one", resume: null }, { id: "opus", effort: "low" }, `SCRIPT:${pid}`);
  expect(wanted()).toEqual({ model: expect.stringContaining("opus"), effort: "low" });
  const process = processOf(first);
  expect(process).toMatch(/^\d+$/);
  const second = await turn(first.session(), { id: "sonnet", effort: "high" });
  expect(wanted()).toEqual({ model: expect.stringContaining("sonnet"), effort: "high" });
  const third = await turn(second.session(), { id: "sonnet", effort: null }, `SCRIPT:${pid}`);
  expect(wanted()).toEqual({ model: expect.stringContaining("sonnet"), effort: expect.not.stringMatching("low") });
  expect(processOf(third)).toBe(process);
});

test("back to the agent's own model, the user's settings count again", async () => {
  const config = stage.environment["CLAUDE_CONFIG_DIR"] ?? "";
  mkdirSync(config, { recursive: true });
  writeFileSync(join(config, "settings.json"), JSON.stringify({ model: "haiku" }));
  const driver = stage.create({ settingSources: ["user", "project"] });
  const own = await turn({ id: "one", resume: null }, null, "hello", driver);
  expect(wanted().model).toContain("haiku");
  const chosen = await turn(own.session(), { id: "opus", effort: null }, "hello", driver);
  expect(wanted().model).toContain("opus");
  await turn(chosen.session(), null, "hello", driver);
  expect(wanted().model).toContain("haiku");
});

test("an effort that the agent does not know fails the turn before anything is sent, and the next one works", async () => {
  const first = await turn({ id: "one", resume: null }, null);
  const before = stage.model.requests.length;
  const odd = play(stage, "hello", { session: first.session(), model: { id: "opus", effort: "sideways" } });
  expect(await odd.end).toMatchObject({ kind: "failed", fault: { kind: "agent-error" } });
  expect(await odd.turn.quiet).toEqual({ adopted: [] });
  expect(stage.model.requests).toHaveLength(before);
  const next = await turn(first.session(), { id: "opus", effort: "low" });
  expect(await next.end).toMatchObject({ kind: "completed" });
  expect(wanted().effort).toBe("low");
});

// ---- sessions

test("sessions are listed from the agent's own store, newest first, those of the terminal too, with the person's first words", async () => {
  expect(await stage.driver.sessions(stage.workspace, 10, signal)).toEqual({ kind: "known", value: [] });
  const ours = await turn({ id: "one", resume: null }, null, "Water the\nplants, please");
  const found = findCli(null, stage.environment["PATH"]);
  if (found.kind === "missing") throw new Error("no program");
  const terminal = promisify(execFile)(found.value, ["-p", "said in the terminal"], {
    cwd: stage.workspace,
    env: stage.environment,
  });
  terminal.child.stdin?.end();
  await terminal;
  const sessions = await stage.driver.sessions(stage.workspace, 10, signal);
  if (sessions.kind !== "known") throw new Error(JSON.stringify(sessions));
  expect(sessions.value.map(({ preview }) => preview)).toEqual(["said in the terminal", "Water the plants, please"]);
  expect(sessions.value[1]).toMatchObject({ resume: ours.session().resume, workspace: stage.workspace, title: null });
  expect(sessions.value[0]?.updatedAtMs).toBeGreaterThanOrEqual(sessions.value[1]?.updatedAtMs ?? 0);
  const newest = await stage.driver.sessions(stage.workspace, 1, signal);
  expect(newest).toMatchObject({ value: [{ preview: "said in the terminal" }] });
  const requests = stage.model.requests.length;
  const continued = play(stage, "and go on", { session: { id: "two", resume: sessions.value[0]?.resume ?? null } });
  await continued.end;
  expect(stage.model.requests).toHaveLength(requests + 1); // nothing but the turn that was asked for
  expect(JSON.stringify(stage.model.requests.at(-1)?.body.messages)).toContain("said in the terminal");
});

test("a copy remembers what was said before it and not what is said after; no turn begins for it", async () => {
  const first = await turn({ id: "one", resume: null }, null, "remember the marigold");
  const requests = stage.model.requests.length;
  const copy = await stage.driver.fork(first.session().resume ?? "", stage.workspace, signal);
  if (copy.kind !== "known") throw new Error(JSON.stringify(copy));
  expect(stage.model.requests).toHaveLength(requests);
  await turn(first.session(), null, "and the foxglove");
  await turn({ id: "copy", resume: copy.value }, null, "what was it");
  const heard = JSON.stringify(stage.model.requests.at(-1)?.body.messages);
  expect(heard).toContain("marigold");
  expect(heard).not.toContain("foxglove");
  const listed = await stage.driver.sessions(stage.workspace, 10, signal);
  expect(listed).toMatchObject({ value: [{ resume: copy.value, title: expect.stringContaining("(fork)") }, {}] });
});

test("a session that does not exist cannot be copied, and a question that is given up is answered at once", async () => {
  const none = await stage.driver.fork("00000000-0000-4000-8000-000000000000", stage.workspace, signal);
  expect(none).toMatchObject({ kind: "unavailable", fault: { detail: expect.stringContaining("not found") } });
  const given = await stage.driver.sessions(stage.workspace, 10, AbortSignal.abort());
  expect(given.kind).toBe("unavailable");
});

test("the terminal's line names the session, and never holds what a shell would read otherwise", () => {
  expect(stage.driver.terminalCommand("0f2e-1")).toBe("claude --resume 0f2e-1");
  expect(stage.driver.terminalCommand("x; rm -rf ~")).toBeNull();
});

// ---- what a turn tells, and the user's own world

test("a turn tells how full the model's memory is", async () => {
  const script = JSON.stringify([
    ["a", { usage: { input_tokens: 1000, cache_read_input_tokens: 500, output_tokens: 20 } }],
  ]);
  const played = await turn({ id: "one", resume: null }, null, `SCRIPT:${script}`);
  const context = played.events.find((event) => event.kind === "context");
  expect(context).toEqual({ kind: "context", usedTokens: 1520, windowTokens: expect.any(Number) });
});

test("CLAUDE.md of the workspace and the user's skills reach the model, and a wrong MCP server is told once and is not fatal", async () => {
  const config = stage.environment["CLAUDE_CONFIG_DIR"] ?? "";
  mkdirSync(join(config, "skills", "gardening"), { recursive: true });
  const skill = "---\nname: gardening\ndescription: How we water MARIGOLDS here\n---\nWith care.\n";
  writeFileSync(join(config, "skills", "gardening", "SKILL.md"), skill);
  writeFileSync(join(stage.workspace, "CLAUDE.md"), "Always mention the FOXGLOVE.\n");
  const mcpServers = { broken: { command: join(stage.home, "no-such-server"), args: [] } };
  writeFileSync(join(config, ".claude.json"), JSON.stringify({ mcpServers }));
  const driver = stage.create({ settingSources: ["user", "project"] });
  const first = await turn({ id: "one", resume: null }, null, "hello", driver);
  expect(await first.end).toEqual({ kind: "completed", answer: "echo: hello" });
  const heard = JSON.stringify(stage.model.requests.at(-1)?.body);
  expect(heard).toContain("FOXGLOVE");
  expect(heard).toContain("MARIGOLDS");
  expect(first.notices()).toContain('MCP server "broken"');
  const second = await turn(first.session(), null, "hello", driver);
  expect(second.notices()).toBe("");
});
