/**
 * CR-1. There: a tick read the due jobs into a list and ran them one after the other; a job that was cancelled or edited while an earlier one
 * ran still fired from the list, as it had been.
 * Here: a time that is due waits as a row that names its schedule, and the claim reads the schedule anew in its own transaction (I11).
 */
import { expect, test } from "vitest";
import { createHouse, type House } from "../engine-house.ts";
import { asked, moments, ticks, turnOf } from "./kit.ts";

const minuteMs = 60_000;

/** Three schedules were due together and wait behind the only slot. */
async function threeDue(): Promise<House> {
  const house = await createHouse({ runsMax: 1 });
  await house.send("busy", "hold the slot");
  for (const name of ["one", "two", "three"])
    await house.send("a", `/cron add --name ${name} --session ${name} in 1m Old words of ${name}`);
  await house.clock.advance(minuteMs);
  await house.engine.fire();
  await house.settled();
  return house;
}

test("of several that were due together, one that is deleted or paused while another runs does not run", async () => {
  const house = await threeDue();
  turnOf(house, 0).finish("free");
  await house.settled();
  expect(house.driver.turns).toHaveLength(2); // the first of the three
  await house.send("a", "/cron rm two");
  await house.send("a", "/cron pause three");
  turnOf(house, 1).finish("done");
  await house.settled();
  expect(house.driver.turns).toHaveLength(2);
  expect(await house.items("a~two")).toEqual(["cancelled"]);
  expect(await house.items("a~three")).toEqual(["cancelled"]);
});

test("one that is edited while another runs, runs as it is now", async () => {
  const house = await threeDue();
  await house.send("a", "/cron edit three text New words");
  await house.send("a", "/cron edit three --mode plan");
  for (const n of [0, 1, 2]) {
    turnOf(house, n).finish("done");
    await house.settled();
  }
  const { request } = turnOf(house, 3);
  expect(request.prompt.text).toContain("New words");
  expect(request.prompt.text).not.toContain("Old words");
  expect(request.permissions).toBe("plan");
});

test("one that is gone from the database by whatever way is not claimed, and what waits behind it is", async () => {
  const house = await threeDue();
  const [, two] = await house.store.history.schedules();
  if (two === undefined) throw new Error("no second schedule");
  await house.store.transact((tx) => tx.changeSchedule({ ...two, state: "deleted", nextAtMs: null }));
  turnOf(house, 0).finish("free");
  await house.settled();
  turnOf(house, 1).finish("done");
  await house.settled();
  expect(asked(house).map((text) => /of (\w+)$/.exec(text)?.[1])).toEqual([undefined, "one", "three"]);
  expect(await house.items("a~two")).toEqual(["cancelled"]);
});

test.each(moments)("deleted %i ticks after it is due, it runs and that is said, or it never runs", async (tick) => {
  const house = await createHouse();
  await house.send("a", "/cron add --name job in 1m Work");
  await house.clock.advance(minuteMs);
  const firing = house.engine.fire();
  await ticks(tick);
  await house.send("a", "/cron rm job");
  await firing;
  const deleted = (await house.said("a")).flatMap((body) =>
    body.kind === "notice" && body.notice.kind === "schedule-deleted" ? [body.notice] : [],
  );
  expect(deleted).toMatchObject([{ isRunning: house.driver.turns.length === 1, cancelled: 0 }]);
  await house.engine.fire();
  await house.settled();
  expect(house.driver.turns).toHaveLength(deleted[0]?.isRunning === true ? 1 : 0);
});
