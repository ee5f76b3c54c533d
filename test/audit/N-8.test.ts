/**
 * N-8, N-9. There: a tick every minute ran beside the tick before when that took longer, and both fired the same job; a job without an
 * interval was due at every tick.
 * Here: one transaction reads what is due by the present time, moves each schedule forward past it, and stores what became of its times; the
 * database has a due time once; an interval is at least a minute (I11).
 */
import { expect, test } from "vitest";
import { createHouse, type House } from "../engine-house.ts";
import { turnOf } from "./kit.ts";

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;

async function became(house: House): Promise<readonly string[]> {
  await house.settled();
  const [schedule] = await house.store.history.schedules();
  if (schedule === undefined) throw new Error("no schedule");
  const rows = await house.store.history.occurrences(schedule.id, 100);
  return rows.map(({ became: it }) => (it.kind === "fired" ? it.state : `skipped: ${it.skipped.why}`)).toReversed();
}

test("as many ticks as there are at once fire a due time once", async () => {
  const house = await createHouse();
  await house.send("a", "/cron add --name job --overlap queue every 10m Work");
  await house.clock.advance(10 * minuteMs);
  await Promise.all(Array.from({ length: 20 }, () => house.engine.fire()));
  expect(await became(house)).toEqual(["running"]);
  await Promise.all(Array.from({ length: 20 }, () => house.engine.fire())); // beside the run, which takes long
  expect(await became(house)).toEqual(["running"]);
  expect(house.driver.turns).toHaveLength(1);
});

test("the next time is one that is to come: a tick after a long pause fires no backlog, however often it is repeated", async () => {
  const house = await createHouse();
  await house.send("a", "/cron add --name job --overlap queue every 10m Work");
  await house.clock.advance(5 * hourMs);
  for (let tick = 0; tick < 40; tick += 1) {
    expect(await house.engine.fire()).toBe(house.clock.now() + 10 * minuteMs);
    await house.settled();
  }
  expect(await became(house)).toEqual(["running", "skipped: missed"]);
});

test("a clock that is set back makes nothing due again", async () => {
  const house = await createHouse();
  await house.send("a", "/cron add --name job every 1h Work");
  await house.clock.advance(hourMs);
  const nextAtMs = await house.engine.fire();
  await house.settled();
  turnOf(house, 0).finish("done");
  await house.clock.advance(-2 * hourMs);
  for (let minute = 0; minute < 150; minute += 10) {
    expect(await house.engine.fire()).toBe(nextAtMs);
    await house.clock.advance(10 * minuteMs);
  }
  expect(await became(house)).toEqual(["done"]);
});

test("a program that was succeeded by another one fires nothing more", async () => {
  const before = await createHouse();
  await before.send("a", "/cron add --name job every 10m Work");
  const house = await createHouse({ database: before.database });
  for (const one of [before, house]) await one.clock.advance(10 * minuteMs);
  const [old] = await Promise.allSettled([before.engine.fire(), house.engine.fire()]);
  expect(old).toMatchObject({ status: "rejected", reason: { kind: "deposed" } });
  expect(await became(house)).toEqual(["running"]);
  expect(before.driver.turns).toEqual([]);
});

test.each([
  "every 0m",
  "every 1s",
  "every 59s",
  "every",
  "in 0m",
  '"* * * * * *"',
  '"* * 31 2 *"',
  "at 2020-01-01T07:00",
])("%s is no time of a schedule, and there is none after it", async (when) => {
  const house = await createHouse();
  await house.send("a", `/cron add --name job ${when} Work`);
  expect(await house.notices("a")).toEqual(["schedule-wrong"]);
  expect(await house.store.history.schedules()).toEqual([]);
  await house.clock.advance(hourMs);
  await house.engine.fire();
  await house.settled();
  expect(house.driver.turns).toEqual([]);
});

test("what was due once is over after it, and is due at no further tick", async () => {
  const house = await createHouse();
  await house.send("a", "/cron add --name job in 1m Work");
  for (let minute = 0; minute < 5; minute += 1) {
    await house.clock.advance(minuteMs);
    expect(await house.engine.fire()).toBeNull();
  }
  expect(await became(house)).toEqual(["running"]);
});
