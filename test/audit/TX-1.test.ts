/**
 * TX-1. There: a stalled run was retried by whoever had started it, beside the `!` message that had replaced it; the stop was a flag
 * that a timer cleared, so the retry saw none.
 * Here: a retry belongs to its run, and loses to its signal (I10); a run that was told to stop occupies its lane until proof (I2).
 */
import { expect, test } from "vitest";
import { createHouse } from "../engine-house.ts";
import { asked, turnOf } from "./kit.ts";

const stalled = { kind: "retrying", fault: { kind: "overloaded" }, attempt: 1, delayMs: 60_000 } as const;

test("the message that replaces a stalled run waits for its proof, and the stalled one is not tried again", async () => {
  const house = await createHouse();
  await house.send("a", "one");
  const first = turnOf(house, 0);
  first.emit(stalled);
  await house.send("a", "!two");
  expect(first.interrupts).toEqual(["ask"]);
  await house.clock.advance(5_000); // the stalled one goes on retrying meanwhile
  first.emit({ ...stalled, attempt: 2 });
  await house.settled();
  expect(asked(house)).toEqual(["one"]);
  first.end({ kind: "failed", fault: { kind: "overloaded" } }); // retries are used up: still a stop, not a failure
  first.becomeQuiet();
  await house.settled();
  expect(asked(house)).toEqual(["one", "two"]);
  turnOf(house, 1).finish("2");
  await house.clock.advance(600_000);
  expect(asked(house)).toEqual(["one", "two"]);
  expect((await house.notices("a")).filter((kind) => kind !== "queued")).toEqual(["stopping", "stopped"]);
  expect(await house.items("a")).toEqual(["cancelled", "done"]);
});
