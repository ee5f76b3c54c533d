/**
 * N-16. There: `!text` killed the run first and asked the rate limiter second; refused, the text was dropped, and the run was dead.
 * Here: an admission is one decision: accepted with all its effects, or refused before any (and told).
 */
import { expect, test } from "vitest";
import { laneCapacity } from "../../src/engine/waiting-line.ts";
import { createHouse } from "../engine-house.ts";
import { createManualFiles, promptWithFiles } from "../manual-files.ts";
import { asked, turnOf } from "./kit.ts";

test("an interrupt that is refused leaves the run alone, and says that it was refused", async () => {
  const house = await createHouse();
  await house.send("a", "one");
  await house.sendTogether("a", ...Array.from({ length: laneCapacity }, (_, n) => `waits ${n}`));
  await house.send("a", "!urgent");
  expect((await house.notices("a")).at(-1)).toBe("lane-full");
  expect((await house.items("a")).at(-1)).toBe("rejected");
  expect(turnOf(house, 0).interrupts).toEqual([]);
  turnOf(house, 0).finish("1");
  expect((await house.items("a"))[0]).toBe("done");
});

test("an interrupt that could not be stored has not stopped anything; given again, it does both", async () => {
  const house = await createHouse();
  await house.send("a", "one");
  house.database.exec(`CREATE TRIGGER full BEFORE INSERT ON outbox WHEN NEW.body LIKE '%"queued"%'
    BEGIN SELECT RAISE(ABORT, 'the disk is full'); END`);
  // The last row of the transaction, after all was decided: what is told to the message behind it.
  await expect(house.sendTogether("a", "!urgent", "later")).rejects.toThrow("disk is full");
  expect(turnOf(house, 0).interrupts).toEqual([]);
  expect(await house.items("a")).toEqual(["running"]);
  house.database.exec("DROP TRIGGER full");
  await house.sendTogether("a", "!urgent", "later");
  turnOf(house, 0).obey("ask");
  await house.settled();
  expect(asked(house)).toEqual(["one", "urgent"]);
});

test("an interrupt with a picture that is refused leaves the run alone, and fetches nothing", async () => {
  const incoming = createManualFiles();
  const house = await createHouse({ incoming });
  await house.send("a", "one");
  await house.sendTogether("a", ...Array.from({ length: laneCapacity }, (_, n) => `waits ${n}`));
  await house.give("a", promptWithFiles(["1"], { text: "urgent", placement: "interrupt" }));
  expect((await house.notices("a")).at(-1)).toBe("lane-full");
  expect(turnOf(house, 0).interrupts).toEqual([]);
  expect(incoming.fetches).toEqual([]);
});
