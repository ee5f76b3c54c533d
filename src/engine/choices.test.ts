import { expect, test } from "vitest";
import { createHouse, type House } from "../../test/engine-house.ts";
import { createScriptedDriver, type ScriptedDriver } from "../../test/scripted-driver.ts";
import { describeNotice, type Notice } from "../domain/notice.ts";

const models = [
  { id: "big", name: "Big", description: null, efforts: ["low", "high"], isDefault: true },
  { id: "small", name: "Small", description: null, efforts: [], isDefault: false },
];

async function twoAgents(): Promise<{ house: House; other: ScriptedDriver }> {
  const driver = createScriptedDriver({ models });
  const other = createScriptedDriver({ name: "other", models });
  const house = await createHouse({ driver, others: [other] });
  return { house, other };
}

async function lastNotice(house: House, name = "a"): Promise<Notice> {
  const said = (await house.said(name)).flatMap((body) => (body.kind === "notice" ? [body.notice] : []));
  const last = said.at(-1);
  if (last === undefined) throw new Error("nothing was said");
  return last;
}

test("/switch takes effect where the next run begins, and each agent goes on in its own session", async () => {
  const { house, other } = await twoAgents();
  await using _house = house;
  await house.send("a", "one");
  house.driver.turns[0]?.emit({ kind: "session", resume: "first's memory" });
  await house.command("a", { name: "switch", driver: "other" });
  expect(await lastNotice(house)).toMatchObject({ kind: "agent-chosen", driver: "other", isRunActive: true });
  house.driver.turns[0]?.finish("1");
  await house.send("a", "two");
  expect(other.turns[0]?.request.session.resume).toBeNull();
  other.turns[0]?.emit({ kind: "session", resume: "other's memory" });
  other.turns[0]?.finish("2");
  await house.settled();
  await house.command("a", { name: "switch", driver: "scripted" });
  expect(await lastNotice(house)).toMatchObject({ kind: "agent-chosen", driver: "scripted", continues: true });
  await house.send("a", "three");
  expect(house.driver.turns[1]?.request.session).toEqual({
    id: house.driver.turns[0]?.request.session.id,
    resume: "first's memory",
  });
});

test("an agent that cannot work, or does not exist, is not switched to", async () => {
  const { house, other } = await twoAgents();
  await using _house = house;
  other.setHealth({ kind: "unavailable", fault: { kind: "agent-missing", agent: "other", remedy: "Install it." } });
  await house.command("a", { name: "switch", driver: "other" });
  expect(await lastNotice(house)).toMatchObject({ kind: "agent-cannot", fault: { kind: "agent-missing" } });
  await house.command("a", { name: "switch", driver: "nobody" });
  expect(await lastNotice(house)).toMatchObject({ kind: "not-a-choice", choices: ["scripted", "other"] });
  await house.send("a", "one");
  expect(house.driver.turns).toHaveLength(1);
  expect(await house.items("a")).toEqual(["done", "done", "running"]);
});

test("a model and its effort are those of the next turn, also in the sessions after it", async () => {
  const { house } = await twoAgents();
  await using _house = house;
  await house.send("a", "one");
  await house.command("a", { name: "model", choice: { id: "BIG", effort: "high" } });
  expect(house.driver.turns[0]?.request.model).toBeNull();
  house.driver.turns[0]?.finish("1");
  await house.send("a", "two");
  expect(house.driver.turns[1]?.request.model).toEqual({ id: "big", effort: "high" });
  house.driver.turns[1]?.finish("2");
  await house.command("a", { name: "new", title: null });
  await house.send("a", "three");
  expect(house.driver.turns[2]?.request.model).toEqual({ id: "big", effort: "high" });
});

test("a model or an effort that the agent does not have changes nothing, and the choices are named", async () => {
  const { house } = await twoAgents();
  await using _house = house;
  await house.command("a", { name: "model", choice: { id: "huge", effort: null } });
  expect(await lastNotice(house)).toMatchObject({ kind: "not-a-choice", given: "huge", choices: ["big", "small"] });
  await house.command("a", { name: "model", choice: { id: "small", effort: "high" } });
  expect(await lastNotice(house)).toMatchObject({ kind: "not-a-choice", given: "high" });
  await house.send("a", "one");
  expect(house.driver.turns[0]?.request.model).toBeNull();
});

test("/model offers the live catalogue as buttons", async () => {
  const { house } = await twoAgents();
  await using _house = house;
  await house.command("a", { name: "model", choice: null });
  await house.press("a", "model", { how: "Small" });
  expect(await lastNotice(house)).toMatchObject({ kind: "model-chosen", model: { id: "small" } });
  await house.send("a", "one");
  expect(house.driver.turns[0]?.request.model).toEqual({ id: "small", effort: null });
});

test("/permissions are the conversation's own, and the next turn's", async () => {
  const { house } = await twoAgents();
  await using _house = house;
  await house.command("a", { name: "permissions", mode: "Edit" });
  await house.send("a", "one");
  await house.send("b", "one");
  expect(house.driver.turns.map((turn) => turn.request.permissions)).toEqual(["edit", "ask"]);
  await house.command("a", { name: "permissions", mode: "everything" });
  expect(await lastNotice(house)).toMatchObject({ kind: "not-a-choice", given: "everything" });
});

test("/resume lists the agent's sessions, and the chosen one is what the next turn resumes; no turn begins by itself", async () => {
  const { house } = await twoAgents();
  await using _house = house;
  house.driver.setSessions([
    { resume: "s1", workspace: "/projects/a", title: "Parser", preview: "fix the parser", updatedAtMs: 0 },
    { resume: "s2", workspace: "/projects/a", title: null, preview: "write docs", updatedAtMs: 0 },
  ]);
  await house.command("a", { name: "resume", search: "docs" });
  expect(await lastNotice(house)).toMatchObject({ kind: "sessions", sessions: [{ resume: "s2" }], more: 0 });
  await house.press("a", "resume");
  expect(await lastNotice(house)).toMatchObject({ kind: "session-taken", how: "resumed", title: "write docs" });
  expect(house.driver.turns).toEqual([]);
  await house.send("a", "go on");
  expect(house.driver.turns[0]?.request.session.resume).toBe("s2");
});

test("a session in which another conversation works is not taken, but can be copied", async () => {
  const { house } = await twoAgents();
  await using _house = house;
  await house.send("b", "one");
  house.driver.turns[0]?.emit({ kind: "session", resume: "s1" });
  house.driver.turns[0]?.finish("1");
  house.driver.setSessions([{ resume: "s1", workspace: "/", title: "B's", preview: null, updatedAtMs: 0 }]);
  await house.command("a", { name: "resume", search: null });
  await house.press("a", "resume");
  expect(await lastNotice(house)).toMatchObject({ kind: "session-held" });
  await house.press("a", "fork");
  expect(await lastNotice(house)).toMatchObject({ kind: "session-taken", how: "forked" });
  await house.send("a", "go on");
  expect(house.driver.turns[1]?.request.session.resume).toBe("copy of s1");
});

test("a session to which its conversation will come back from another agent is not taken either", async () => {
  const { house } = await twoAgents();
  await using _house = house;
  await house.send("b", "one");
  house.driver.turns[0]?.emit({ kind: "session", resume: "s1" });
  house.driver.turns[0]?.finish("1");
  await house.command("b", { name: "switch", driver: "other" });
  house.driver.setSessions([{ resume: "s1", workspace: "/", title: "B's", preview: null, updatedAtMs: 0 }]);
  await house.command("a", { name: "resume", search: null });
  await house.press("a", "resume");
  expect(await lastNotice(house)).toMatchObject({ kind: "session-held" });
});

test("a session that may be the new one of another conversation's run, which has not said so yet, is not taken either", async () => {
  const { house } = await twoAgents();
  await using _house = house;
  const workspace = "/projects/shared";
  const sessions = ["older", "s1"].map((resume) => ({ resume, workspace, title: null, preview: null, updatedAtMs: 0 }));
  house.driver.setSessions(sessions);
  await house.send("a", "before", { workspace });
  house.driver.turns[0]?.emit({ kind: "session", resume: "older" });
  house.driver.turns[0]?.finish("0");
  await house.settled();
  await house.command("a", { name: "new", title: null });
  await house.send("b", "one", { workspace });
  const take = async (resume: string): Promise<Notice> => {
    await house.command("a", { name: "resume", search: resume });
    await house.press("a", "resume");
    return lastNotice(house);
  };
  expect(await take("s1")).toMatchObject({ kind: "session-held" });
  expect(await take("older")).toMatchObject({ kind: "session-taken" });
  house.driver.turns[1]?.emit({ kind: "session", resume: "s1" });
  await house.settled();
  expect(await take("s1")).toMatchObject({ kind: "session-held" });
});

test("/fork copies the present session; without a memory there is nothing to copy", async () => {
  const { house } = await twoAgents();
  await using _house = house;
  await house.command("a", { name: "fork" });
  expect(await lastNotice(house)).toMatchObject({ kind: "nothing-to-fork" });
  await house.send("a", "one");
  house.driver.turns[0]?.emit({ kind: "session", resume: "s1" });
  house.driver.turns[0]?.finish("1");
  await house.settled();
  await house.command("a", { name: "fork" });
  await house.send("a", "two");
  expect(house.driver.turns[1]?.request.session.resume).toBe("copy of s1");
});

test("a command whose agent was still being asked at a crash is told, and changes nothing", async () => {
  const driver = createScriptedDriver({ models: new Promise(() => {}) });
  const before = await createHouse({ driver });
  await before.command("a", { name: "model", choice: { id: "big", effort: null } });
  expect(await before.items("a")).toEqual(["running"]);
  await using house = await createHouse({ database: before.database });
  expect(await house.items("a")).toEqual(["interrupted"]);
  expect(await lastNotice(house)).toEqual({ kind: "unanswered", command: "/model" });
});

test("/usage tells the run's, the session's and the day's tokens, and the account's limits", async () => {
  const { house } = await twoAgents();
  await using _house = house;
  const usage = { inputTokens: 1_000, outputTokens: 50, cacheReadTokens: 3_000, cacheWriteTokens: 0, costUsd: 0.25 };
  for (const index of [0, 1]) {
    await house.send("a", "go");
    const turn = house.driver.turns[index];
    turn?.emit({ kind: "usage", usage }, { kind: "context", usedTokens: 4_050, windowTokens: 10_000 });
    turn?.emit({ kind: "limits", limits: [{ window: "5 h", usedPercent: 40, resetsAtMs: null }] });
    turn?.finish("done");
    await house.settled();
  }
  await house.command("a", { name: "usage" });
  expect(await lastNotice(house)).toMatchObject({
    kind: "usage",
    run: usage,
    session: { runs: 2, inputTokens: 2_000, costUsd: 0.5 },
    day: [{ driver: "scripted", runs: 2, outputTokens: 100 }],
    limits: [{ driver: "scripted", limits: [{ usedPercent: 40 }] }],
  });
  await house.command("a", { name: "context" });
  expect(describeNotice(await lastNotice(house), "web")).toBe(
    "scripted has 4.0k of 10.0k tokens in its memory (41 %).",
  );
});

test("/debug tells how many processes the agent keeps, and how many turns met one", async () => {
  const pool = { live: 2, idle: 1, takenWarm: 9, takenPrepared: 5, started: 3 };
  await using house = await createHouse({ driver: createScriptedDriver({ pool }) });
  await house.command("a", { name: "debug" });
  const facts = [{ name: "Processes", value: "2 warm (1 idle), 14 of 17 turns met one" }];
  expect(await lastNotice(house)).toMatchObject({ kind: "debug", facts: expect.arrayContaining(facts) });
});

test("/debug and /logs answer at once, also while a run is live", async () => {
  const { house } = await twoAgents();
  await using _house = house;
  await house.send("a", "go");
  await house.command("a", { name: "debug" });
  expect(describeNotice(await lastNotice(house), "web")).toMatch(/State: running, epoch 1\nRun: \S+, scripted, slot 1/);
  await house.command("a", { name: "logs" });
  expect(describeNotice(await lastNotice(house), "web")).toBe("No errors since the start.");
});

test("a used-up account is told with the time it ends, and another agent can go on with the request in a new session", async () => {
  const { house, other } = await twoAgents();
  await using _house = house;
  await house.send("a", "fix the parser");
  const turn = house.driver.turns[0];
  turn?.emit({ kind: "text", delta: "I found the bug in lexer.ts" });
  turn?.end({ kind: "failed", fault: { kind: "quota-exhausted", resetsAtMs: Date.parse("2026-11-24T00:00:00Z") } });
  turn?.becomeQuiet();
  await house.settled();
  expect(describeNotice(await lastNotice(house), "web")).toMatch(
    /limit of this account is reached until 2026-11-24 00:00 UTC/,
  );
  await house.press("a", "continue-with");
  expect(other.turns[0]?.request.prompt.text).toMatch(/I found the bug in lexer\.ts[^]*fix the parser$/);
  expect(other.turns[0]?.request.session.resume).toBeNull();
});

test("/terminal gives the exact line, and the agent lets go of the session so that there is one writer", async () => {
  const driver = createScriptedDriver({ terminal: "agent --resume" });
  await using house = await createHouse({ driver });
  await house.command("a", { name: "terminal" });
  expect(await lastNotice(house)).toMatchObject({ kind: "terminal", line: null });
  await house.send("a", "one");
  driver.turns[0]?.emit({ kind: "session", resume: "s1" });
  await house.settled();
  await house.command("a", { name: "terminal" });
  expect(await lastNotice(house)).toMatchObject({ isRunActive: true });
  expect(driver.forgotten).toEqual([]);
  driver.turns[0]?.finish("1");
  await house.settled();
  await house.command("a", { name: "terminal" });
  expect(await lastNotice(house)).toMatchObject({ line: "cd /projects/a && agent --resume s1", isRunActive: false });
  expect(driver.forgotten).toEqual([driver.turns[0]?.request.session.id]);
});

test("/project moves the conversation's next run, into a new session of the same agent; the running turn stays where it is", async () => {
  const { house } = await twoAgents();
  await using _house = house;
  await house.send("a", "one");
  await house.send("b", "elsewhere");
  house.driver.turns[0]?.emit({ kind: "session", resume: "s1" });
  await house.command("a", { name: "project", typed: "/projects/b" });
  expect(await lastNotice(house)).toMatchObject({
    kind: "project-chosen",
    workspace: "/projects/b",
    isRunActive: true,
  });
  house.driver.turns[0]?.finish("1");
  await house.send("a", "two");
  expect(house.driver.turns).toHaveLength(2); // the directory is taken by the other conversation (I1)
  house.driver.turns[1]?.finish("done");
  await house.settled();
  expect(house.driver.turns[2]?.request).toMatchObject({ workspace: "/projects/b", session: { resume: null } });
});

test("a directory that cannot be used is told and changes nothing; the known ones are offered", async () => {
  const { house } = await twoAgents();
  await using _house = house;
  await house.command("a", { name: "project", typed: "relative" });
  expect(await lastNotice(house)).toMatchObject({ kind: "project-refused" });
  await house.send("b", "elsewhere");
  await house.command("a", { name: "project", typed: null });
  await house.press("a", "project", { how: "projects/b" });
  expect(await lastNotice(house)).toMatchObject({ kind: "project-chosen", workspace: "/projects/b" });
});

test("an agent that never answers is told as such, and changes nothing", async () => {
  const driver = createScriptedDriver({ models: new Promise(() => {}) });
  await using house = await createHouse({ driver });
  await house.command("a", { name: "model", choice: null });
  await house.clock.advance(30_000);
  expect(await lastNotice(house)).toMatchObject({ kind: "agent-cannot", fault: { kind: "agent-error" } });
  expect(await house.items("a")).toEqual(["done"]);
});
