/**
 * DR-2. There: stop() aborted, slept for 100 ms and returned; a teardown that took longer overlapped the next run.
 * Here: the next run starts on proof. Time only makes the stop stronger (I2).
 */
import { expect, test } from "vitest";
import { createHouse } from "../engine-house.ts";
import { asked, createJealousDriver, turnOf, wholeEscalationMs } from "./kit.ts";

test("however slow the teardown of a stopped run is, the next one begins after it", async () => {
  const driver = createJealousDriver();
  const house = await createHouse({ driver });
  await house.send("a", "one");
  await house.send("a", "!two");
  const first = turnOf(house, 0);
  for (const ms of [101, 301, 2_001, wholeEscalationMs, 3_600_000]) {
    await house.clock.advance(ms);
    expect(asked(house)).toEqual(["one"]);
  }
  first.end({ kind: "interrupted" }); // said, but not proven
  await house.clock.advance(3_600_000);
  expect(asked(house)).toEqual(["one"]);
  first.becomeQuiet();
  await house.settled();
  expect(asked(house)).toEqual(["one", "two"]);
  expect(driver.overlaps()).toBe(0);
});
