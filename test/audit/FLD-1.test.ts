/**
 * FLD-1. Seen: the offset of an update was moved before the update was stored; what came in before a crash was gone.
 * Here: an offset is sent after the commit (I5), and the key of an update admits it once however often it comes.
 */
import { expect, test } from "vitest";
import type { Clock } from "../../src/engine/ports.ts";
import { createHouse } from "../engine-house.ts";
import { asked } from "./kit.ts";
import { createUpdateQueue, startPolling, type UpdateQueue } from "./telegram-line.ts";

test("a message that could not be stored before a crash is still with Telegram, and runs in the next life", async () => {
  const before = await createHouse();
  const updates = createUpdateQueue(before.clock);
  before.database.exec(`CREATE TRIGGER full BEFORE INSERT ON inbox BEGIN SELECT RAISE(ABORT, 'the disk is full'); END`);
  const polling = startPolling(before, updates);
  updates.message("do not lose me");
  await before.settled();
  await before.clock.advance(120_000);
  expect([updates.pending.length, updates.offsets]).toEqual([1, [null]]);
  await polling.end(); // the crash
  before.database.exec("DROP TRIGGER full");
  const house = await createHouse({ database: before.database });
  startPolling(house, updates);
  await house.settled();
  expect(asked(house)).toEqual(["do not lose me"]);
  expect(updates.pending).toEqual([]);
});

test("a message that was stored before a crash and not confirmed comes again, and is not run again", async () => {
  const before = await createHouse();
  const polling = startPolling(before, updatesWith("once", before.clock));
  await before.settled();
  expect(asked(before)).toEqual(["once"]);
  await polling.end(); // the crash
  const house = await createHouse({ database: before.database });
  const updates = updatesWith("once", house.clock);
  startPolling(house, updates);
  updates.message("and me");
  await house.settled();
  expect(asked(house)).toEqual(["and me"]);
});

/** A queue whose first update always has the same id: what Telegram brings again. */
function updatesWith(text: string, clock: Clock): UpdateQueue {
  const updates = createUpdateQueue(clock);
  updates.message(text);
  return updates;
}
