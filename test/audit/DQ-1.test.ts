/**
 * DQ-1. There: a message that was queued because another conversation ran was looked at only when its own conversation had new
 * traffic. Nobody wrote again, so it waited for ever.
 * Here: whatever frees a directory or a slot claims the next run in the same transaction (I9).
 */
import { expect, test } from "vitest";
import { createHouse, type House } from "../engine-house.ts";
import type { ScriptedTurn } from "../scripted-driver.ts";
import { asked, turnOf, wholeEscalationMs } from "./kit.ts";

const ways: readonly [name: string, end: (house: House, turn: ScriptedTurn) => Promise<unknown>][] = [
  ["finishes", async (_house, turn) => turn.finish("1")],
  [
    "fails",
    async (_house, turn) => {
      turn.end({ kind: "failed", fault: { kind: "overloaded" } });
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
    "is released by force",
    async (house) => {
      await house.send("a", "stop");
      await house.clock.advance(wholeEscalationMs);
      await house.press("a", "force-release");
    },
  ],
];

test.each(ways)(
  "what waits for another's directory starts when that one %s, with no new traffic",
  async (_name, end) => {
    const house = await createHouse();
    await house.send("a", "one", { workspace: "/projects/shared" });
    await house.send("b", "two", { workspace: "/projects/shared" });
    expect(asked(house)).toEqual(["one"]);
    await end(house, turnOf(house, 0));
    await house.settled();
    expect(asked(house)).toEqual(["one", "two"]);
  },
);

test("what waits for a slot starts when one is free, in the order of the waiting", async () => {
  const house = await createHouse({ runsMax: 1 });
  for (const name of ["a", "b", "c"]) await house.send(name, name);
  for (const [index, name] of ["a", "b", "c"].entries()) {
    expect(asked(house).at(-1)).toBe(name);
    turnOf(house, index).finish("done");
    await house.settled();
  }
});
