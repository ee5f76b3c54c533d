/**
 * DR-1. There: between "running" being set and the abort handle being there, a stop found nothing to abort and said "nothing to stop",
 * while the run began.
 * Here: the run's handle and its signal exist before its row can be seen, so there is no such window.
 */
import { expect, test } from "vitest";
import { createHouse } from "../engine-house.ts";
import { createScriptedDriver } from "../scripted-driver.ts";
import { moments, ticks } from "./kit.ts";

test.each(moments)("a stop %i turns of the event loop after the message stops its run", async (moment) => {
  const driver = createScriptedDriver({ onTurn: (turn) => turn.obey("ask") });
  const house = await createHouse({ driver });
  const sent = house.send("a", "one");
  await ticks(moment);
  await Promise.all([sent, house.send("a", "stop")]);
  expect(await house.notices("a")).toEqual(["stopping", "stopped"]);
  expect(await house.items("a")).toEqual(["cancelled", "done"]);
  expect(await house.store.history.liveRuns()).toEqual([]);
});

test("a stop that arrives with its message finds the run before the agent: the agent is asked nothing", async () => {
  const house = await createHouse();
  await house.sendTogether("a", "one", "stop");
  expect(house.driver.turns).toHaveLength(0);
  expect(await house.notices("a")).toEqual(["stopping", "stopped"]);
});
