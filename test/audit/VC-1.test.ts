/**
 * VC-1. There: a button ("resume", "run this") started a run without asking whether one was active.
 * Here: a press puts a message in line, by the same admission as everything else, and the line alone starts runs.
 */
import { expect, test } from "vitest";
import { createHouse, type House } from "../engine-house.ts";
import { laneCapacity } from "../../src/engine/waiting-line.ts";
import { asked, createJealousDriver, turnOf } from "./kit.ts";

async function failedOnce(house: House): Promise<void> {
  await house.send("a", "one");
  turnOf(house, 0).end({ kind: "failed", fault: { kind: "overloaded" } });
  turnOf(house, 0).becomeQuiet();
  await house.settled();
}

test("run again, pressed while a run is active, waits for its end", async () => {
  const driver = createJealousDriver();
  const house = await createHouse({ driver });
  await failedOnce(house);
  await house.send("a", "two");
  await house.press("a", "run-again");
  expect(asked(house)).toEqual(["one", "two"]);
  turnOf(house, 1).finish("2");
  await house.settled();
  expect(asked(house)).toEqual(["one", "two", "one"]);
  expect(driver.overlaps()).toBe(0);
});

test("held messages that are released while a run is active wait for its end", async () => {
  const driver = createJealousDriver();
  const house = await createHouse({ driver });
  for (const text of ["one", "two", "three"]) await house.send("a", text);
  turnOf(house, 0).obey("ask");
  await house.send("a", "stop");
  await house.send("a", "four");
  await house.press("a", "held", { how: "run-each" });
  expect(asked(house)).toEqual(["one", "four"]);
  for (const n of [1, 2, 3]) {
    turnOf(house, n).finish("done");
    await house.settled();
  }
  expect(asked(house)).toEqual(["one", "four", "two", "three"]);
  expect(driver.overlaps()).toBe(0);
});

test("run again is refused, and told, where a typed message would be", async () => {
  const house = await createHouse();
  await failedOnce(house);
  await house.send("a", "two");
  await house.sendTogether("a", ...Array.from({ length: laneCapacity }, (_, n) => `waits ${n}`));
  await house.press("a", "run-again");
  expect((await house.notices("a")).at(-1)).toBe("lane-full");
  expect((await house.items("a")).filter((state) => state === "queued")).toHaveLength(laneCapacity);
});
