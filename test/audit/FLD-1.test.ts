/**
 * FLD-1. Seen: the offset of an update was moved before the update was stored; what came in before a crash was gone.
 * Here: an offset is sent after the commit (I5), and the key of an update admits it once however often it comes.
 */
import { expect, test } from "vitest";
import { createHouse } from "../engine-house.ts";
import { asked } from "./kit.ts";
import { createUpdateQueue, startPolling } from "./telegram-line.ts";

test("a message that could not be stored is still with Telegram after a crash, and one that was is not run twice", async () => {
  const before = await createHouse();
  const updates = createUpdateQueue(before.clock);
  before.database.exec(`CREATE TRIGGER full BEFORE INSERT ON inbox BEGIN SELECT RAISE(ABORT, 'the disk is full'); END`);
  const polling = startPolling(before, updates);
  updates.message("do not lose me");
  await before.clock.advance(120_000);
  expect([updates.pending.length, updates.offsets]).toEqual([1, [null]]);
  before.database.exec("DROP TRIGGER full");
  const confirmation = Promise.withResolvers<never>();
  const { getUpdates } = updates;
  updates.getUpdates = (offset, ...rest) => (offset === null ? getUpdates(offset, ...rest) : confirmation.promise);
  await before.clock.advance(120_000); // stored; the poll that would confirm it never gets through
  expect(asked(before)).toEqual(["do not lose me"]);
  confirmation.reject(new Error("the machine lost its power"));
  await expect(polling.ended).rejects.toThrow("power");

  await using house = await createHouse({ database: before.database });
  updates.getUpdates = getUpdates;
  startPolling(house, updates);
  updates.message("and me");
  await house.settled();
  expect(asked(house)).toEqual(["and me"]); // the first one was cut by the crash: told, not repeated
  expect(updates.pending).toEqual([]);
});
