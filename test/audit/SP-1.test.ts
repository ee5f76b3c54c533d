/**
 * SP-1. There: "stop everything" told every run to stop, and answered before any of them had.
 * Here: it is answered by the settlement of the last run that it stopped (I2, I8).
 */
import { expect, test } from "vitest";
import { createHouse } from "../engine-house.ts";
import { turnOf, wholeEscalationMs } from "./kit.ts";

const everything = { name: "stop", scope: "all" } as const;

test("a stop of everything is done when the last run is proven gone, not before", async () => {
  const house = await createHouse();
  for (const name of ["a", "b", "c"]) await house.send(name, name);
  await house.command("d", everything);
  for (const n of [0, 1, 2]) {
    expect(await house.notices("d")).toEqual(["stopping-all"]);
    expect(await house.items("d")).toEqual(["running"]);
    turnOf(house, n).obey("ask");
    await house.settled();
  }
  expect((await house.said("d")).at(-1)).toMatchObject({ notice: { kind: "stopped-all", stopped: 3, quarantined: 0 } });
  expect(await house.store.history.liveRuns()).toEqual([]);
});

test("a run that does not end is not counted among the stopped", async () => {
  const house = await createHouse();
  await house.send("a", "one");
  await house.send("b", "two");
  await house.command("d", everything);
  turnOf(house, 0).obey("ask");
  await house.clock.advance(wholeEscalationMs);
  expect((await house.said("d")).at(-1)).toMatchObject({ notice: { kind: "stopped-all", stopped: 1, quarantined: 1 } });
});
