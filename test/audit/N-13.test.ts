/**
 * N-13. There: a run that stalled before its first tool was "recovered" by throwing the conversation away.
 * Here: whatever becomes of a run, the session is kept; only a person begins another one. What is tried again is tried in it.
 */
import { expect, test } from "vitest";
import type { Fault } from "../../src/domain/faults.ts";
import { createHouse, type House } from "../engine-house.ts";
import type { ScriptedTurn } from "../scripted-driver.ts";
import { turnOf, wholeEscalationMs } from "./kit.ts";

const endings: readonly [name: string, end: (house: House, turn: ScriptedTurn) => Promise<unknown>][] = [
  [
    "stalls before any tool and fails",
    async (_house, turn) => {
      turn.emit({ kind: "retrying", fault: { kind: "overloaded" }, attempt: 1, delayMs: 1_000 });
      turn.end({ kind: "failed", fault: { kind: "overloaded" } });
      turn.becomeQuiet();
    },
  ],
  [
    "dies without a word",
    async (_house, turn) => {
      turn.end({ kind: "failed", fault: { kind: "agent-died", agent: "scripted", detail: "gone" } });
      turn.becomeQuiet();
    },
  ],
  [
    "is stopped",
    async (house, turn) => {
      turn.obey("ask");
      await house.send("a", "stop");
    },
  ],
  [
    "has to be released by force",
    async (house) => {
      await house.send("a", "stop");
      await house.clock.advance(wholeEscalationMs);
      await house.press("a", "force-release");
    },
  ],
];

test.each(endings)("the session outlives a run that %s", async (_name, end) => {
  const house = await createHouse();
  await house.send("a", "one");
  turnOf(house, 0).emit({ kind: "session", resume: "memory" });
  turnOf(house, 0).finish("1");
  await house.send("a", "two");
  await end(house, turnOf(house, 1));
  await house.send("a", "three");
  expect(turnOf(house, 2).request.session).toEqual({ id: turnOf(house, 0).request.session.id, resume: "memory" });
  expect(house.driver.forgotten).toEqual([]);
});

const passing: readonly Fault[] = [
  { kind: "overloaded" },
  { kind: "agent-died", agent: "scripted", detail: "gone" },
  { kind: "rate-limited", resetsAtMs: null },
];

test.each(passing.map((fault) => [fault.kind, fault] as const))(
  "a turn that fails before any tool (%s) is tried again in its session",
  async (_kind, fault) => {
    const house = await createHouse({ limits: { retries: 2 } });
    await house.send("a", "one");
    turnOf(house, 0).emit({ kind: "session", resume: "memory" });
    await house.settled();
    turnOf(house, 0).end({ kind: "failed", fault });
    turnOf(house, 0).becomeQuiet();
    await house.settled();
    await house.clock.advance(5_000);
    expect(turnOf(house, 1).request.session).toEqual({ id: turnOf(house, 0).request.session.id, resume: "memory" });
    expect(turnOf(house, 1).request.prompt.text).toContain("one");
    expect(house.driver.forgotten).toEqual([]);
  },
);

test("a turn that is silent before any tool is cut with proof, and goes on in its session", async () => {
  const house = await createHouse({ limits: { retries: 2, stallMs: 60_000 } });
  await house.send("a", "one");
  turnOf(house, 0).emit({ kind: "session", resume: "memory" });
  await house.settled();
  await house.clock.advance(60_000);
  expect(turnOf(house, 0).interrupts).toEqual(["ask"]);
  turnOf(house, 0).obey("ask");
  await house.settled();
  await house.clock.advance(0);
  expect(turnOf(house, 1).request.session).toEqual({ id: turnOf(house, 0).request.session.id, resume: "memory" });
});

test("the session outlives a crash", async () => {
  const before = await createHouse();
  await before.send("a", "one");
  turnOf(before, 0).emit({ kind: "session", resume: "memory" });
  await before.settled();
  const house = await createHouse({ database: before.database });
  await house.press("a", "run-again");
  expect(turnOf(house, 0).request.session).toEqual({ id: turnOf(before, 0).request.session.id, resume: "memory" });
});
