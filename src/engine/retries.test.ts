import { expect, test } from "vitest";
import { createHouse, type House, type HouseOptions } from "../../test/engine-house.ts";
import { createScriptedDriver, type ScriptedDriver, type ScriptedTurn } from "../../test/scripted-driver.ts";
import type { AgentEvent } from "../domain/agent-event.ts";
import type { Fault } from "../domain/faults.ts";
import { askMs, killMs, terminateMs } from "./quiescence.ts";

const overloaded: Fault = { kind: "overloaded" };
const died: Fault = { kind: "agent-died", agent: "scripted", detail: "gone" };

async function retrying(more: HouseOptions["limits"] = {}): Promise<House> {
  const house = await createHouse({ limits: { retries: 2, ...more } });
  await house.send("a", "fix it");
  return house;
}

function turnOf(house: House, index: number): ScriptedTurn {
  const turn = house.driver.turns[index];
  if (turn === undefined) throw new Error(`no turn ${index}`);
  return turn;
}

/** What an agent says, on its way for ever. */
const silence: AsyncIterable<AgentEvent> = { [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => {}) }) };

async function fail(house: House, index: number, fault: Fault): Promise<void> {
  turnOf(house, index).end({ kind: "failed", fault });
  turnOf(house, index).becomeQuiet();
  await house.settled();
}

test("what is likely to pass is tried again by the same run, in its session, and the agent is told to look first", async () => {
  await using house = await retrying();
  turnOf(house, 0).emit({ kind: "session", resume: "memory" });
  await fail(house, 0, overloaded);
  expect(house.driver.turns).toHaveLength(1);
  await house.clock.advance(5_000);
  const { request } = turnOf(house, 1);
  expect(request.owner).toEqual(turnOf(house, 0).request.owner);
  expect(request.session.resume).toBe("memory");
  expect(request.prompt.text).toMatch(/present state[^]*fix it$/);
  turnOf(house, 1).finish("done");
  expect((await house.said("a")).filter((body) => body.kind === "answer")).toHaveLength(1);
  expect(await house.notices("a")).toEqual([]);
});

test("a run is tried again twice and then has failed, with a button to run it again", async () => {
  await using house = await retrying();
  await fail(house, 0, overloaded);
  await house.clock.advance(5_000);
  await fail(house, 1, overloaded);
  await house.clock.advance(30_000);
  await fail(house, 2, overloaded);
  await house.clock.advance(600_000);
  expect(house.driver.turns).toHaveLength(3);
  expect(await house.notices("a")).toEqual(["failed"]);
  await house.press("a", "run-again");
  expect(turnOf(house, 3).request.prompt.text).toBe("fix it");
});

test("a stop wins over a retry that waits", async () => {
  await using house = await retrying();
  await fail(house, 0, overloaded);
  await house.send("a", "stop");
  expect(await house.notices("a")).toEqual(["stopping", "stopped"]);
  await house.clock.advance(600_000);
  expect(house.driver.turns).toHaveLength(1);
});

test("a replacement wins over a retry that waits", async () => {
  await using house = await retrying();
  await fail(house, 0, overloaded);
  await house.send("a", "!something else");
  await house.clock.advance(600_000);
  expect(house.driver.turns.map((turn) => turn.request.prompt.text)).toEqual(["fix it", "something else"]);
});

test("what waits in line does not begin while a retry waits", async () => {
  await using house = await retrying();
  await house.send("a", "next");
  await fail(house, 0, overloaded);
  await house.clock.advance(4_000);
  expect(house.driver.turns).toHaveLength(1);
});

test("an agent that died is tried again only when it had used no tool", async () => {
  await using house = await retrying();
  await fail(house, 0, died);
  await house.clock.advance(5_000);
  expect(house.driver.turns).toHaveLength(2);
  turnOf(house, 1).emit({ kind: "tool-started", tool: { id: "1", name: "Bash", target: "make" } });
  await fail(house, 1, died);
  await house.clock.advance(600_000);
  expect(house.driver.turns).toHaveLength(2);
  expect(await house.notices("a")).toEqual(["failed"]);
});

test("a rate limit that ends soon is waited for; one that ends later is told", async () => {
  await using house = await retrying();
  await fail(house, 0, { kind: "rate-limited", resetsAtMs: house.clock.now() + 60_000 });
  await house.clock.advance(59_000);
  expect(house.driver.turns).toHaveLength(1);
  await house.clock.advance(1_000);
  expect(house.driver.turns).toHaveLength(2);
  await fail(house, 1, { kind: "rate-limited", resetsAtMs: house.clock.now() + 3_600_000 });
  expect(await house.notices("a")).toEqual(["failed"]);
});

test("a turn that is silent while nothing works is cut, with proof, and tried again", async () => {
  await using house = await retrying({ stallMs: 60_000 });
  turnOf(house, 0).emit({ kind: "text", delta: "hm" });
  await house.settled();
  await house.clock.advance(60_000);
  expect(turnOf(house, 0).interrupts).toEqual(["ask"]);
  expect(house.driver.turns).toHaveLength(1); // not before it is proven quiet
  turnOf(house, 0).obey("ask");
  await house.settled();
  await house.clock.advance(0);
  expect(house.driver.turns).toHaveLength(2);
});

test("a turn that is gone and whose last word is still on its way is no stall: it may have finished", async () => {
  const scripted = createScriptedDriver();
  const driver: ScriptedDriver = {
    ...scripted,
    start: (request) => ({ ...scripted.start(request), events: silence }),
  };
  await using house = await createHouse({ driver, limits: { retries: 2, stallMs: 60_000 } });
  await house.send("a", "fix it");
  await house.clock.advance(59_500);
  turnOf(house, 0).finish("done");
  await house.settled();
  await house.clock.advance(600_000);
  expect(house.driver.turns).toHaveLength(1);
  expect(await house.notices("a")).toEqual(["interrupted"]);
});

test("neither a long tool nor an open question is a stall", async () => {
  await using house = await retrying({ stallMs: 60_000 });
  turnOf(house, 0).emit({ kind: "tool-started", tool: { id: "1", name: "Bash", target: "make" } });
  await house.settled();
  await house.clock.advance(3_600_000);
  turnOf(house, 0).emit({ kind: "tool-ended", id: "1", ok: true });
  turnOf(house, 0).emit({ kind: "asked", id: "q", ask: { kind: "plan", plan: "p" } });
  await house.settled();
  await house.clock.advance(3_600_000);
  expect(turnOf(house, 0).interrupts).toEqual([]);
  await house.press("a", "answer", { how: "Go, edit freely" });
  await house.clock.advance(60_000);
  expect(turnOf(house, 0).interrupts).toEqual(["ask"]);
});

test("a stalled turn that cannot be proven gone is quarantined, not tried again", async () => {
  await using house = await retrying({ stallMs: 60_000 });
  await house.clock.advance(60_000);
  for (const waitMs of [askMs, terminateMs, killMs]) await house.clock.advance(waitMs);
  expect(house.driver.turns).toHaveLength(1);
  expect(await house.notices("a")).toEqual(["quarantined"]);
});

test("a run that reaches its time or its cost is stopped with proof, told, and not tried again", async () => {
  await using house = await createHouse({ limits: { retries: 2, runMsMax: 60_000, costUsdMax: 1 } });
  await house.send("a", "long");
  turnOf(house, 0).obey("ask");
  await house.clock.advance(60_000);
  expect((await house.said("a")).at(-1)).toMatchObject({
    notice: { kind: "failed", fault: { limit: "time", value: 1 } },
  });
  await house.send("a", "dear");
  turnOf(house, 1).obey("ask");
  const usage = { inputTokens: 1, outputTokens: 1, cacheReadTokens: 0, cacheWriteTokens: 0, costUsd: 1.2 };
  turnOf(house, 1).emit({ kind: "usage", usage });
  await house.settled();
  expect((await house.said("a")).at(-1)).toMatchObject({
    notice: { kind: "failed", fault: { limit: "cost", value: 1 } },
  });
  await house.clock.advance(600_000);
  expect(house.driver.turns).toHaveLength(2);
});

test("what a failed turn asked is closed with it: an answer reaches no later turn, whatever names its asks have", async () => {
  await using house = await retrying();
  const ask = { kind: "plan", plan: "p" } as const;
  turnOf(house, 0).emit({ kind: "asked", id: "q", ask });
  await house.settled();
  const go = await house.button("a", "answer", "Go, edit freely");
  await fail(house, 0, overloaded);
  await house.clock.advance(5_000);
  turnOf(house, 1).emit({ kind: "asked", id: "q", ask });
  await house.settled();
  expect((await house.press("a", "answer", { id: go })).toast).toBe("The agent does not ask this any more.");
  expect(turnOf(house, 1).answers).toEqual([]);
  await house.press("a", "answer", { how: "Keep planning" });
  expect(turnOf(house, 1).answers).toEqual([{ id: "q", answer: { kind: "deny", reason: null } }]);
});

test("what a failed turn left running belongs to its run, also when a later turn finishes, and ends with a stop", async () => {
  await using house = await retrying();
  const server = { pid: 7, startTime: "1", command: "serve" };
  turnOf(house, 0).end({ kind: "failed", fault: overloaded });
  turnOf(house, 0).becomeQuiet([server]);
  await house.settled();
  await house.clock.advance(5_000);
  turnOf(house, 1).finish("done");
  await house.settled();
  expect((await house.store.transact((tx) => tx.adopted(null))).map(({ process }) => process)).toEqual([server]);
  const another = { pid: 8, startTime: "2", command: "serve" };
  await house.send("a", "more");
  turnOf(house, 2).end({ kind: "failed", fault: overloaded });
  turnOf(house, 2).becomeQuiet([another]);
  await house.settled();
  await house.send("a", "stop");
  expect(house.endedProcesses).toContainEqual(another);
});

test("what was steered into a failed turn is part of what is tried again", async () => {
  await using house = await retrying();
  turnOf(house, 0).emit({ kind: "text", delta: "hm" });
  await house.send("a", "and the docs");
  await house.press("a", "steer");
  await fail(house, 0, overloaded);
  await house.clock.advance(5_000);
  expect(turnOf(house, 1).request.prompt.text).toMatch(/fix it\n\nand the docs$/);
});

test("the tools of a run count its calls through all its turns: nothing that is said to be told is lost", async () => {
  await using house = await retrying();
  const notify = (index: number, text: string) =>
    turnOf(house, index).request.tools.call("notify", { text }, new AbortController().signal);
  turnOf(house, 0).emit({ kind: "text", delta: "hm" });
  await house.settled();
  expect(await notify(0, "first")).toMatchObject({ kind: "ok" });
  await fail(house, 0, overloaded);
  await house.clock.advance(5_000);
  expect(await notify(1, "second")).toMatchObject({ kind: "ok" });
  const told = (await house.said("a")).flatMap((body) =>
    body.kind === "notice" && body.notice.kind === "from-agent" ? [body.notice.text] : [],
  );
  expect(told).toEqual(["first", "second"]);
});

test("a tool that died with a failed turn does not hide that the next one is silent", async () => {
  await using house = await retrying({ stallMs: 60_000 });
  turnOf(house, 0).emit({ kind: "tool-started", tool: { id: "1", name: "Bash", target: "make" } });
  await fail(house, 0, overloaded);
  await house.clock.advance(5_000);
  await house.clock.advance(60_000);
  expect(turnOf(house, 1).interrupts).toEqual(["ask"]);
});

test("a tool that asks a person after the end of its turn is told so at once", async () => {
  await using house = await retrying();
  const { tools } = turnOf(house, 0).request;
  turnOf(house, 0).finish("done");
  await house.settled();
  const result = await tools.call("ask_user", { question: "Well?" }, new AbortController().signal);
  expect(result).toMatchObject({ kind: "failed" });
  expect((await house.said("a")).filter((body) => body.kind === "ask")).toEqual([]);
});
