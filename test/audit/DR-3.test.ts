/**
 * DR-3. There: a stop asked a mutable "active driver" after an await; when it had changed meanwhile, the wrong agent was stopped and the
 * running one never heard of it.
 * Here: a stop names a run, and the run knows its own turn.
 */
import { expect, test } from "vitest";
import { createHouse } from "../engine-house.ts";
import { createScriptedDriver } from "../scripted-driver.ts";

test("a stop reaches the run that it names, whichever agent has become the active one since", async () => {
  const before = createScriptedDriver({ name: "before" });
  const after = createScriptedDriver({ name: "after" });
  let active = before;
  const house = await createHouse({ driver: { ...before, start: (request) => active.start(request) } });
  await house.send("a", "one");
  active = after;
  await house.send("b", "two");
  const [ours] = before.turns;
  const [theirs] = after.turns;
  await house.send("a", "stop");
  expect([ours?.interrupts, theirs?.interrupts]).toEqual([["ask"], []]);
  ours?.obey("ask");
  await house.settled();
  expect(await house.notices("a")).toEqual(["stopping", "stopped"]);
  expect(await house.notices("b")).toEqual([]);
  theirs?.finish("2");
  expect(await house.items("b")).toEqual(["done"]);
});
