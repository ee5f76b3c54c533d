/** What is particular to ACP agents, with real ones and, for what these do too seldom, a small one. The general promises: contract.cli.test.ts. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { agentScope } from "../../../test/agents/scope.ts";
import { pngPicture } from "../../../test/emulator/pictures.ts";
import { noTools } from "../../../test/no-tools.ts";
import { scripted } from "../../../test/model/script.ts";
import { webConversation } from "../../domain/conversation.ts";
import type { HostTool, HostToolResult } from "../../domain/host-tool.ts";
import type { RunId } from "../../domain/run.ts";
import type { Driver, HostTools, Turn, TurnRequest } from "../../engine/ports.ts";
import { belonging } from "../../lib/process-scan.ts";
import { readTurn, type Reading } from "../test-reading.ts";
import { createAcpStage, toolsOf } from "./test-stage.ts";
import type { AcpStage, RealAgent } from "./test-stage.ts";

/** Real agents take up to 20 s to start on a loaded machine. */
const timeout = 180_000;

/** Declares what is held only where the whole of the agents' tests is asked for: they take minutes. */
const whole: (title: string, options: { timeout: number }, body: () => Promise<void>) => void =
  agentScope() === "whole" ? test : () => undefined;

let stage: AcpStage;

type Played = Reading & { readonly turn: Turn };

let serial = 0;

function play(text: string, more: Partial<TurnRequest> = {}, driver: Driver = stage.driver): Played {
  const turn = driver.start({
    owner: { conversation: webConversation("one"), run: `r${(serial += 1)}` as RunId, epoch: serial },
    session: { id: "one", resume: null },
    workspace: stage.workspace,
    prompt: { text },
    permissions: "bypass",
    model: null,
    tools: noTools,
    ...more,
  });
  onTestFinished(() => turn[Symbol.asyncDispose](), timeout);
  const reading = readTurn(turn);
  reading.end.catch(() => undefined); // every test that cares awaits it
  return { turn, ...reading };
}

const resumeOf = (played: Played): string =>
  played.events.findLast((event) => event.kind === "session")?.resume ?? "no session";
const textOf = (played: Played): string =>
  played.events.flatMap((event) => (event.kind === "text" ? [event.delta] : [])).join("");
const noticesOf = (played: Played): string =>
  played.events.flatMap((event) => (event.kind === "notice" ? [event.text] : [])).join();

const notify: HostTool = {
  name: "notify",
  description: "Tells the person something.",
  input: { type: "object", properties: { text: { type: "string" } }, required: ["text"] },
};

function toolsFor(answer: string): HostTools & { readonly calls: unknown[] } {
  const calls: unknown[] = [];
  return {
    list: [notify],
    calls,
    call: (name, input) => {
      calls.push([name, input]);
      return Promise.resolve<HostToolResult>({ kind: "ok", text: answer });
    },
  };
}

describe.each(["opencode", "gemini"] as const)("%s", { timeout }, (name: RealAgent) => {
  const { shell, write, host } = toolsOf[name];
  let home: AcpStage;
  beforeAll(async () => {
    home = await createAcpStage(name);
  }, timeout);
  afterAll(() => home[Symbol.asyncDispose](), timeout);
  // A home that is not fresh any more spares each test seconds; the workspace and the driver, and so the agent, are the test's own.
  beforeEach(() => {
    stage = { ...home, workspace: mkdtempSync(join(home.home, "workspace-")), driver: home.create() };
  });
  afterEach(() => stage.driver[Symbol.asyncDispose](), timeout);

  whole(
    "under ask a command is shown exactly and runs only after it was allowed; denied, it does not run",
    { timeout },
    async () => {
      const file = join(stage.workspace, "touched");
      const command = `touch '${file}' && echo "a  b"\n# and ${"x".repeat(300)}`;
      const turn = play(scripted([[shell(command)], ["done"]]), { permissions: "ask" });
      const { id, ask } = await turn.first("asked");
      expect(ask).toMatchObject({
        kind: "approval",
        action: { kind: "command", command },
        scopes: ["once", "session"],
      });
      expect(existsSync(file)).toBe(false);
      expect(await turn.turn.answer(id, { kind: "allow", scope: "once" })).toBe("accepted");
      expect(await turn.turn.answer(id, { kind: "allow", scope: "once" })).toBe("too-late");
      expect(await turn.end).toEqual({ kind: "completed", answer: "done" });
      expect(existsSync(file)).toBe(true);

      const other = join(stage.workspace, "other");
      await turn.turn.quiet;
      const denied = play(scripted([[shell(`touch '${other}'`)], ["done"]]), {
        permissions: "ask",
        session: { id: "one", resume: resumeOf(turn) },
      });
      const again = await denied.first("asked");
      expect(await denied.turn.answer(again.id, { kind: "deny", reason: null })).toBe("accepted");
      expect((await denied.end).kind).toBe("completed");
      expect(existsSync(other)).toBe(false);
    },
  );

  test("a stop while it asks ends the turn, and what was asked for never happens", async () => {
    const file = join(stage.workspace, "touched");
    const turn = play(scripted([[shell(`touch '${file}'`)], ["done"]]), { permissions: "ask" });
    const { id } = await turn.first("asked");
    turn.turn.interrupt("ask");
    expect(await turn.turn.answer(id, { kind: "allow", scope: "once" })).toBe("too-late");
    expect(await turn.end).toEqual({ kind: "interrupted" });
    expect(await turn.turn.quiet).toEqual({ adopted: [] });
    expect(existsSync(file)).toBe(false);
  });

  whole(
    "an edit is shown as its diff; under edit it is made in the workspace without asking, under plan not at all",
    { timeout },
    async () => {
      const file = join(stage.workspace, "file.txt");
      const edited = play(scripted([[write(file, "one\ntwo\n")], ["done"]]), { permissions: "ask" });
      const { id, ask } = await edited.first("asked");
      expect(ask).toMatchObject({
        action: { kind: "edit", files: [{ path: file, diff: "@@ -0,0 +1,2 @@\n+one\n+two" }] },
      });
      expect(existsSync(file)).toBe(false);
      await edited.turn.answer(id, { kind: "allow", scope: "once" });
      await edited.end;
      expect(readFileSync(file, "utf8")).toBe("one\ntwo\n");

      await edited.turn.quiet;
      const session = { id: "one", resume: resumeOf(edited) };
      const inside = join(stage.workspace, "inside.txt");
      const free = play(scripted([[write(inside, "x")], ["done"]]), { permissions: "edit", session });
      await free.end;
      expect(free.events.filter((event) => event.kind === "asked")).toEqual([]);
      expect(readFileSync(inside, "utf8")).toBe("x");

      await free.turn.quiet;
      const planned = play(scripted([[write(join(stage.workspace, "never.txt"), "x")], ["done"]]), {
        permissions: "plan",
        session,
      });
      await planned.end;
      expect(planned.events.filter((event) => event.kind === "asked")).toEqual([]);
      expect(existsSync(join(stage.workspace, "never.txt"))).toBe(false);
    },
  );

  whole("a tool of ours acts for the turn that is attached, and its pipe outlives a stop", { timeout }, async () => {
    const driver = stage.create({ tools: [notify] });
    onTestFinished(() => driver[Symbol.asyncDispose](), timeout);
    const first = toolsFor("told the first");
    const script = scripted([[host("notify", { text: "hi" })], ["done"]]);
    const one = play(script, { tools: first }, driver);
    expect(await one.end).toEqual({ kind: "completed", answer: "done" });
    expect(first.calls).toEqual([["notify", { text: "hi" }]]);
    expect(JSON.stringify(stage.model.requests.at(-1)?.body.messages)).toContain("told the first");
    expect(await one.turn.quiet).toEqual({ adopted: [] });

    const session = { id: "one", resume: resumeOf(one) };
    const endless = play(scripted([[shell("(sleep 1000.77); echo")], ["never"]]), { tools: first, session }, driver);
    await endless.first("tool-started");
    endless.turn.interrupt("ask");
    await endless.turn.quiet;
    const second = toolsFor("told the second");
    const two = play(script, { tools: second, session, permissions: "ask" }, driver);
    expect(await two.end).toEqual({ kind: "completed", answer: "done" });
    expect([first.calls.length, second.calls.length]).toEqual([1, 1]);
  });

  whole(
    "its models are told without a turn, and one of them is used for a turn and given back after it",
    { timeout },
    async () => {
      const models = await stage.driver.models(stage.workspace, AbortSignal.timeout(timeout));
      if (models.kind !== "known") throw new Error(JSON.stringify(models));
      const wanted = { opencode: "anthropic/claude-haiku-4-5", gemini: "gemini-2.5-pro" }[name];
      expect(models.value.map((model) => model.id)).toContain(wanted);
      const turn = play(scripted([["done"]]), { model: { id: wanted, effort: null } });
      await turn.end;
      await turn.turn.quiet;
      const used = (): string | undefined =>
        stage.model.requests.findLast((request) => request.body.tools?.length)?.body.model;
      expect(wanted).toContain(used());
      const session = { id: "one", resume: resumeOf(turn) };
      const next = play(scripted([["done"]]), { session });
      await next.end;
      expect(wanted).not.toContain(used());
      await next.turn.quiet;
      const wrong = play(scripted([["done"]]), { session, model: { id: "no-such-model", effort: null } });
      if (name === "opencode")
        expect(await wrong.end).toMatchObject({ kind: "failed", fault: { kind: "agent-error" } });
    },
  );

  whole("two sessions are two processes, each known by a marker of its own", { timeout }, async () => {
    const [one, two] = [
      play(scripted([["done"]]), { session: { id: "one", resume: null } }),
      play(scripted([["done"]]), { session: { id: "two", resume: null } }),
    ];
    await Promise.all([one.end, two.end]);
    await Promise.all([one.turn.quiet, two.turn.quiet]);
    const snapshot = await stage.scan([]);
    const agents = belonging(snapshot, { marker: `test.${process.pid}.${name}`, roots: [] });
    const marks = [1, 2].map((number) =>
      belonging(snapshot, { marker: `test.${process.pid}.${name}.${process.pid}.${number}`, roots: [] }).map(
        ({ pid }) => pid,
      ),
    );
    expect(marks.map((pids) => pids.length)).toEqual([1, 1]);
    expect(new Set(agents.map(({ pid }) => pid))).toEqual(new Set(marks.flat()));
  });
});

whole("opencode lists its sessions, copies one, and says how to go on in the terminal", { timeout }, async () => {
  stage = await createAcpStage("opencode");
  onTestFinished(() => stage[Symbol.asyncDispose](), timeout);
  const turn = play("remember this");
  await turn.end;
  await turn.turn.quiet;
  const resume = resumeOf(turn);
  const signal = AbortSignal.timeout(timeout);
  const listed = await stage.driver.sessions(stage.workspace, 10, signal);
  expect(listed).toMatchObject({ kind: "known", value: [{ resume, workspace: stage.workspace }] });
  expect(stage.driver.terminalCommand(resume)).toBe(`opencode --session ${resume}`);
  const copy = await stage.driver.fork(resume, stage.workspace, signal);
  if (copy.kind !== "known") throw new Error(JSON.stringify(copy));
  expect(copy.value).not.toBe(resume);
  const next = play(scripted([[{ tell: "earlier answers" }]]), { session: { id: "two", resume: copy.value } });
  expect(await next.end).toEqual({ kind: "completed", answer: "1 earlier answers" });
});

whole("gemini says that it can neither list nor copy its sessions", { timeout }, async () => {
  stage = await createAcpStage("gemini");
  onTestFinished(() => stage[Symbol.asyncDispose](), timeout);
  const signal = AbortSignal.timeout(timeout);
  const unsupported = { kind: "unavailable", fault: { kind: "unsupported" } };
  expect(await stage.driver.sessions(stage.workspace, 10, signal)).toMatchObject(unsupported);
  expect(await stage.driver.fork("x", stage.workspace, signal)).toMatchObject(unsupported);
});

test(
  "what opencode's user allows is not asked for, what they deny is denied, and the rest is asked for; not so in plan mode",
  { timeout },
  async () => {
    stage = await createAcpStage("opencode");
    onTestFinished(() => stage[Symbol.asyncDispose](), timeout);
    const directory = join(stage.home, "config", "opencode");
    mkdirSync(directory, { recursive: true });
    const bash = { "touch mine*": "allow", "touch never*": "deny" };
    writeFileSync(join(directory, "opencode.json"), JSON.stringify({ permission: { bash, edit: "allow" } }));
    const { shell, write } = toolsOf.opencode;
    const made = (name: string): boolean => existsSync(join(stage.workspace, name));
    const steps = [
      [shell("touch mine1")],
      [shell("touch never1")],
      [write(join(stage.workspace, "edited"), "x")],
      ["done"],
    ];
    const free = play(scripted(steps), { permissions: "ask" });
    expect((await free.end).kind).toBe("completed");
    expect(free.events.map((event) => event.kind)).not.toContain("asked");
    expect([made("mine1"), made("never1"), made("edited")]).toEqual([true, false, true]);
    await free.turn.quiet;
    const session = { id: "one", resume: resumeOf(free) };
    const other = play(scripted([[shell("touch other")], ["done"]]), { permissions: "ask", session });
    const { id } = await other.first("asked");
    expect(made("other")).toBe(false);
    expect(await other.turn.answer(id, { kind: "allow", scope: "once" })).toBe("accepted");
    expect((await other.end).kind).toBe("completed");
    expect(made("other")).toBe(true);
    await other.turn.quiet;
    const plan = play(scripted([[shell("touch mine2")], ["planned"]]), { permissions: "plan", session });
    expect((await plan.end).kind).toBe("completed");
    expect(made("mine2")).toBe(false);
  },
);

describe("any agent", () => {
  beforeEach(async () => {
    stage = await createAcpStage("opencode");
  });
  afterEach(() => stage[Symbol.asyncDispose]());

  /** The small agent, with its oddities. */
  function odd(...quirks: string[]): Driver {
    return oddWith([], ...quirks);
  }

  function oddWith(tools: readonly HostTool[], ...quirks: string[]): Driver {
    const command = process.execPath;
    const args = [join(import.meta.dirname, "test-agent.mjs")];
    return stage.create({
      tools,
      agent: { ...stage.agent, command, args, env: { QUIRKS: quirks.join(",") }, ownRules: null, modes: {} },
    });
  }

  const permission = {
    toolCall: { toolCallId: "t", kind: "execute", title: "make" },
    options: [{ optionId: "no", kind: "reject_once" }],
  };
  const ask = (more: object = {}): string => `ask ${JSON.stringify({ ...permission, ...more })}`;

  test("what trails the answer to a prompt belongs to its turn", async () => {
    const driver = odd();
    const turn = play("say one\ntrail two", {}, driver);
    expect(await turn.end).toEqual({ kind: "completed", answer: "onetwo" });
    await turn.turn.quiet;
    expect(await play("say three", {}, driver).end).toEqual({ kind: "completed", answer: "three" });
  });

  test("the history that a loaded session repeats is shown nowhere, not even what comes after the answer", async () => {
    const turn = play("say new", { session: { id: "one", resume: "old-session" } }, odd());
    expect(await turn.end).toEqual({ kind: "completed", answer: "new" });
    expect(textOf(turn)).toBe("new");
    expect(resumeOf(turn)).toBe("old-session");
  });

  test("the pipe of our tools outlives a stop though the agent started it in the middle of the turn", async () => {
    const driver = oddWith([notify]);
    const first = toolsFor("told the first");
    const turn = play("pipe\ncall notify\ncancels 1", { tools: first }, driver);
    expect(await turn.first("text")).toEqual({ kind: "text", delta: "told the first" });
    turn.turn.interrupt("ask");
    expect(await turn.turn.quiet).toEqual({ adopted: [] });
    const second = toolsFor("told the second");
    expect(await play("call notify", { tools: second }, driver).end).toEqual({
      kind: "completed",
      answer: "told the second",
    });
    expect([first.calls.length, second.calls.length]).toEqual([1, 1]);
  });

  test("images go to an agent that says it takes them; another one gets the text, which names their paths", async () => {
    const path = join(stage.workspace, "seen.png");
    writeFileSync(path, pngPicture(4, 4));
    const prompt = { text: "parts", images: [{ path, mediaType: "image/png" }] };
    expect(await play("", { prompt }, odd("sees")).end).toEqual({ kind: "completed", answer: "text+image" });
    expect(await play("", { prompt }, odd()).end).toEqual({ kind: "completed", answer: "text" });
  });

  test("what the agent tells of another session is not shown", async () => {
    expect(await play("stray lost\nsay found", {}, odd()).end).toEqual({ kind: "completed", answer: "found" });
  });

  test("a session that the agent has forgotten begins anew and says so", async () => {
    const turn = play("say new", { session: { id: "one", resume: "old-session" } }, odd("forgetful"));
    expect(await turn.end).toEqual({ kind: "completed", answer: "new" });
    expect(noticesOf(turn)).toContain("no memory of this session");
    expect(resumeOf(turn)).toBe("new-session");
  });

  test("a cancel is repeated until the prompt is answered", async () => {
    const turn = play("say begun\ncancels 3", {}, odd());
    await turn.first("text");
    turn.turn.interrupt("ask");
    expect(await turn.end).toEqual({ kind: "interrupted" });
    expect(await turn.turn.quiet).toEqual({ adopted: [] });
  });

  test("an agent that does not hear a cancel is ended by the next level, and the next turn has a fresh one", async () => {
    const driver = odd();
    const turn = play("say begun\ndeaf", {}, driver);
    await turn.first("text");
    turn.turn.interrupt("ask");
    turn.turn.interrupt("terminate");
    expect(await turn.end).toEqual({ kind: "interrupted" });
    await turn.turn.quiet;
    expect(await play("say again", {}, driver).end).toEqual({ kind: "completed", answer: "again" });
  });

  test.each([
    [-32_000, "agent-not-logged-in"],
    [401, "agent-not-logged-in"],
    [402, "quota-exhausted"],
    [429, "rate-limited"],
    [503, "overloaded"],
    [529, "overloaded"],
    [404, "model-refused"],
    [-32_603, "agent-error"],
  ])("error code %i is the fault %s, and the session goes on", async (code, kind) => {
    const driver = odd();
    const turn = play(`fail ${code}`, {}, driver);
    expect(await turn.end).toMatchObject({ kind: "failed", fault: { kind } });
    await turn.turn.quiet;
    expect(await play("say fine", {}, driver).end).toEqual({ kind: "completed", answer: "fine" });
  });

  test("an agent that wants a login says so when a session begins, and not in its health", async () => {
    const driver = odd("logged out");
    expect(await driver.health(AbortSignal.timeout(20_000))).toEqual({ kind: "ready", version: "7" });
    const turn = play("say hello", {}, driver);
    expect(await turn.end).toMatchObject({ kind: "failed", fault: { kind: "agent-not-logged-in" } });
    expect(await turn.turn.quiet).toEqual({ adopted: [] });
  });

  test("after a refused login the session's next turn has a fresh process, which reads the new one", async () => {
    const driver = odd();
    const turn = play("pid\nfail 401", {}, driver);
    expect(await turn.end).toMatchObject({ kind: "failed", fault: { kind: "agent-not-logged-in" } });
    await turn.turn.quiet;
    const next = play("pid", {}, driver);
    await next.end;
    expect(textOf(next)).not.toBe(textOf(turn));
  });

  test("a program that prints something else is told from an agent, in words that show it", async () => {
    const driver = odd("garbage");
    const fault = { kind: "agent-error", detail: expect.stringContaining("Welcome to my shop") };
    expect(await driver.health(AbortSignal.timeout(20_000))).toMatchObject({ kind: "unavailable", fault });
    const turn = play("say hello", {}, driver);
    expect(await turn.end).toMatchObject({ kind: "failed", fault });
    expect(await turn.turn.quiet).toEqual({ adopted: [] });
  });

  test("a program that is missing, exits at once, or speaks another version fails the turn, which is quiet", async () => {
    const agent = { ...stage.agent, command: join(stage.home, "no-such-agent") };
    const script = join(stage.home, "exits");
    writeFileSync(script, "#!/bin/sh\necho 'out of order' >&2\nexit 3\n", { mode: 0o755 });
    const faults = [
      [stage.create({ agent }), { kind: "agent-missing" }],
      [
        stage.create({ agent: { ...agent, command: script } }),
        { kind: "agent-died", detail: expect.stringContaining("exit code 3") },
      ],
      [odd("version 2"), { kind: "agent-error", detail: expect.stringContaining("version 2") }],
    ] as const;
    for (const [driver, fault] of faults) {
      const turn = play("say hello", {}, driver);
      expect(await turn.end).toMatchObject({ kind: "failed", fault });
      expect(await turn.turn.quiet).toEqual({ adopted: [] });
    }
  });

  test("an ask without the option that fits is cancelled and never allowed", async () => {
    const turn = play(ask(), {}, odd());
    expect(await turn.end).toMatchObject({ kind: "completed" });
    expect(textOf(turn)).toBe('{"outcome":"cancelled"}');
  });

  test("under plan what the agent asks for is denied with its own word for it", async () => {
    const turn = play(
      ask({ options: [{ optionId: "yes", kind: "allow_once" }, ...permission.options] }),
      { permissions: "plan" },
      odd(),
    );
    await turn.end;
    expect(textOf(turn)).toBe('{"outcome":"selected","optionId":"no"}');
    expect(noticesOf(turn)).toContain("Denied: make");
  });

  test("a plan that is allowed for the session is carried out without asking for edits, and asks for the rest", async () => {
    const options = [{ optionId: "yes", kind: "allow_once" }, ...permission.options];
    const plan = {
      toolCallId: "p",
      kind: "switch_mode",
      content: [{ type: "content", content: { type: "text", text: "1." } }],
    };
    const edit = { toolCallId: "e", kind: "edit", locations: [{ path: join(stage.workspace, "a.txt") }] };
    const lines = [ask({ toolCall: plan, options }), ask({ toolCall: edit, options }), ask({ options })];
    const turn = play(lines.join("\n"), { permissions: "plan" }, odd());
    const first = await turn.first("asked");
    expect(first.ask).toEqual({ kind: "plan", plan: "1." });
    await turn.turn.answer(first.id, { kind: "allow", scope: "session" });
    const second = await turn.first("asked", 2);
    expect(second.ask).toMatchObject({ kind: "approval", action: { kind: "command", command: "make" } });
    await turn.turn.answer(second.id, { kind: "deny", reason: "too slow" });
    await turn.end;
    const picked = ["yes", "yes", "no"].map((optionId) => JSON.stringify({ outcome: "selected", optionId }));
    expect(textOf(turn)).toBe(picked.join(""));
    expect(noticesOf(turn)).toContain("cannot be told why");
  });

  test("an allowance for the session does not reach into plan mode: that has a fresh process", async () => {
    const driver = odd();
    const options = [{ optionId: "always", kind: "allow_always" }];
    const turn = play(`pid\n${ask({ options })}`, { permissions: "ask" }, driver);
    await turn.turn.answer((await turn.first("asked")).id, { kind: "allow", scope: "session" });
    await turn.end;
    await turn.turn.quiet;
    const pids = [textOf(turn).split("{")[0]];
    for (const permissions of ["ask", "plan"] as const) {
      const next = play("pid", { permissions }, driver);
      await next.end;
      await next.turn.quiet;
      pids.push(textOf(next));
    }
    expect(pids[1]).toBe(pids[0]);
    expect(pids[2]).not.toBe(pids[0]);
  });

  test("an edit through a link that leads out of the workspace is asked for", async () => {
    const outside = join(stage.home, "outside");
    mkdirSync(outside);
    const { symlinkSync } = await import("node:fs");
    symlinkSync(outside, join(stage.workspace, "link"));
    const path = join(stage.workspace, "link", "file.txt");
    const toolCall = {
      toolCallId: "t",
      kind: "edit",
      title: "edit",
      content: [{ type: "diff", path, oldText: "", newText: "x" }],
    };
    const turn = play(
      ask({ toolCall, options: [{ optionId: "yes", kind: "allow_once" }] }),
      { permissions: "edit" },
      odd(),
    );
    expect((await turn.first("asked")).ask).toMatchObject({ action: { kind: "edit" } });
  });

  test("an ask that the agent takes back is withdrawn", async () => {
    const turn = play("withdraw", { permissions: "ask" }, odd());
    const { id } = await turn.first("ask-withdrawn");
    expect(await turn.turn.answer(id, { kind: "deny", reason: null })).toBe("too-late");
  });
});
