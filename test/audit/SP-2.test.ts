/**
 * SP-2. There: a pending stop was a flag, and a timer erased it before the run that it was meant for had looked.
 * Here: it is a column of that run's row: nothing but the run's own end takes it away, and the next run has none.
 */
import { expect, test } from "vitest";
import { createHouse } from "../engine-house.ts";
import { asked, turnOf } from "./kit.ts";

test("a stop that no turn has answered yet outlasts any time, and the first sign of life of the turn", async () => {
  const house = await createHouse();
  await house.send("a", "one");
  await house.send("a", "stop");
  await house.clock.advance(2_500);
  const first = turnOf(house, 0);
  first.emit({ kind: "session", resume: "s1" }); // the agent comes up only now, and knows of no stop
  await house.settled();
  expect(await house.store.history.liveRuns()).toMatchObject([{ state: "stopping", stopWhy: "user" }]);
  first.finish("here you are");
  expect(await house.notices("a")).toEqual(["stopping", "stopped"]);
  expect((await house.items("a"))[0]).toBe("cancelled");
});

test("a stop is used up by the run that it was meant for", async () => {
  const house = await createHouse();
  await house.send("a", "one");
  await house.send("a", "stop");
  turnOf(house, 0).obey("ask");
  await house.send("a", "two");
  expect(asked(house)).toEqual(["one", "two"]);
  expect(turnOf(house, 1).interrupts).toEqual([]);
  turnOf(house, 1).finish("2");
  expect((await house.items("a")).at(-1)).toBe("done");
});
