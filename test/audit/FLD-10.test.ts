/**
 * FLD-10. Seen: two programs polled one bot, threw each other out with 409 for ever, and updates went to either.
 * Here: after five conflicts in a row one of them leaves the bot to the other, and says so.
 */
import { expect, test } from "vitest";
import { createHouse } from "../engine-house.ts";
import { asked } from "./kit.ts";
import { createUpdateQueue, startPolling } from "./telegram-line.ts";

test("of two programs that poll one bot, one gives up; the other goes on and takes each message once", async () => {
  const house = await createHouse();
  const updates = createUpdateQueue(house.clock);
  const ends: string[] = [];
  for (const name of ["first", "second"]) {
    void startPolling(house, updates).ended.then((end) => ends.push(`${name}: ${end}`));
  }
  await house.clock.advance(600_000);
  expect(ends).toEqual(["first: conflict"]);
  updates.message("hello");
  await house.settled();
  expect(asked(house)).toEqual(["hello"]);
  expect(updates.pending).toEqual([]);
});
