/**
 * CR-2. There: a message of the user aborted the scheduled job that ran; the job was marked as run, and what it was to do was lost.
 * Here: a background run makes room with proof, settles as preempted, and its time goes back in line; only its own end counts it done (I11).
 */
import { expect, test } from "vitest";
import { createHouse, type House } from "../engine-house.ts";
import { asked, moments, ticks, turnOf } from "./kit.ts";

const minuteMs = 60_000;

async function working(): Promise<House> {
  const house = await createHouse();
  await house.send("a", "/cron add --name job in 1m Work");
  await house.clock.advance(minuteMs);
  await house.engine.fire();
  await house.settled();
  return house;
}

test("as often as messages take its place, it is in line again, and is done once it ends by itself", async () => {
  const house = await working();
  for (const round of [0, 1, 2]) {
    const work = turnOf(house, 2 * round);
    await house.send("a", `message ${round}`);
    expect(work.interrupts).toEqual(["ask"]);
    expect(await house.items("a~job")).toEqual(["running"]); // until the proof
    work.end({ kind: "interrupted" });
    work.becomeQuiet();
    await house.settled();
    expect(await house.items("a~job")).toEqual(["queued"]);
    turnOf(house, 2 * round + 1).finish("answered");
    await house.settled();
  }
  turnOf(house, 6).finish("worked");
  expect(await house.items("a~job")).toEqual(["done"]);
  const texts = asked(house).map((text) => (text.endsWith("Work") ? "Work" : text));
  expect(texts).toEqual(["Work", "message 0", "Work", "message 1", "Work", "message 2", "Work"]);
  expect(await house.notices("a~job")).toEqual([]); // nobody is told "stopped" of what nobody stopped
});

test.each(moments)("a message %i ticks after it is due loses neither itself nor the job", async (tick) => {
  const house = await createHouse();
  await house.send("a", "/cron add --name job in 1m Work");
  await house.clock.advance(minuteMs);
  const firing = house.engine.fire();
  await ticks(tick);
  await house.send("a", "message");
  await firing;
  await house.settled();
  // Bound: the message, the job, and the job again.
  for (let n = 0; n < 3 && n < house.driver.turns.length; n += 1) {
    const turn = turnOf(house, n);
    if (turn.interrupts.length > 0) {
      turn.end({ kind: "interrupted" });
      turn.becomeQuiet();
    } else turn.finish("done");
    await house.settled();
  }
  expect((await house.items("a")).at(-1)).toBe("done");
  expect(await house.items("a~job")).toEqual(["done"]);
});

test("what ends by itself while it is asked to make room is done, and does not run again", async () => {
  const house = await working();
  await house.send("a", "message");
  turnOf(house, 0).finish("worked");
  await house.settled();
  expect(await house.items("a~job")).toEqual(["done"]);
  turnOf(house, 1).finish("answered");
  await house.settled();
  expect(house.driver.turns).toHaveLength(2);
});

test("a crash while it makes room loses it neither: it is told as cut, and runs again on demand", async () => {
  const before = await working();
  await before.send("a", "message");
  expect(turnOf(before, 0).interrupts).toEqual(["ask"]);
  const house = await createHouse({ database: before.database });
  await house.settled();
  expect(asked(house)).toEqual(["message"]);
  expect(await house.items("a~job")).toEqual(["interrupted"]);
  expect(await house.notices("a~job")).toEqual(["interrupted"]);
  turnOf(house, 0).finish("answered");
  await house.settled();
  await house.press("a~job", "run-again");
  expect(asked(house).at(-1)).toContain("Work");
});
