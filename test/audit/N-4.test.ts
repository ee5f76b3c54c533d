/**
 * N-4. There: when a tool was blocked, or the agent asked a question, the handler went away and left the agent running in the same
 * session; the next message began a second one beside it.
 * Here: a turn that says its end is over when it is proven quiet, and leaving it means waiting for that (I2).
 */
import { expect, test } from "vitest";
import { endedMs } from "../../src/engine/quiescence.ts";
import { createHouse } from "../engine-house.ts";
import { asked, createJealousDriver, turnOf, wholeEscalationMs } from "./kit.ts";

test("an agent that lives on after the end it gave is ended, and the next message waits until it is gone", async () => {
  const driver = createJealousDriver();
  const house = await createHouse({ driver });
  await house.send("a", "one");
  const first = turnOf(house, 0);
  first.emit({ kind: "tool-started", tool: { id: "1", name: "AskUserQuestion", target: "which one?" } });
  first.end({ kind: "failed", fault: { kind: "agent-error", agent: "scripted", detail: "a tool was blocked" } });
  await house.send("a", "two");
  expect(asked(house)).toEqual(["one"]);
  await house.clock.advance(endedMs + 1);
  expect(first.interrupts).toEqual(["ask"]);
  expect(asked(house)).toEqual(["one"]);
  first.becomeQuiet();
  await house.settled();
  expect(asked(house)).toEqual(["one", "two"]);
  expect(turnOf(house, 1).request.session.id).toBe(first.request.session.id);
  expect(driver.overlaps()).toBe(0);
});

test("an agent that waits for an answer keeps its conversation until it is gone, and a stop ends it", async () => {
  const driver = createJealousDriver();
  const house = await createHouse({ driver });
  await house.send("a", "one");
  turnOf(house, 0).emit({ kind: "asked", id: "q", ask: { kind: "plan", plan: "p" } });
  await house.send("a", "!two");
  await house.clock.advance(wholeEscalationMs);
  expect(asked(house)).toEqual(["one"]);
  turnOf(house, 0).end({ kind: "interrupted" });
  turnOf(house, 0).becomeQuiet();
  await house.settled();
  expect(asked(house)).toEqual(["one", "two"]);
  expect(driver.overlaps()).toBe(0);
});
