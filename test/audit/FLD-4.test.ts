/**
 * FLD-4. Seen: a stop went through the same queue as the messages, behind the very turn that it was to stop.
 * Here: a stop is decided in the transaction that stores it, and answered before acknowledgements (I7).
 */
import { expect, test } from "vitest";
import { createHouse } from "../engine-house.ts";
import { turnOf } from "./kit.ts";
import { createUpdateQueue, startPolling, startSending } from "./telegram-line.ts";

test("a stop passes a stuck turn, the messages behind it, and what is still to be said about those", async () => {
  const house = await createHouse();
  const updates = createUpdateQueue(house.clock);
  startPolling(house, updates);
  updates.message("stuck");
  await house.settled();
  for (let n = 1; n <= 15; n += 1) updates.message(`waits ${n}`);
  await house.settled();
  updates.message("stop");
  await house.settled();
  expect(turnOf(house, 0).interrupts).toEqual(["ask"]);
  const line = startSending(house); // only now does anything get through to Telegram
  await house.settled();
  expect(line.telegram.seen[0]).toBe("text 7: Stopping\u2026");
  turnOf(house, 0).obey("ask");
  await house.settled();
  await line.end();
});

test.each(["stop", "!", "/stop", "please stop", "Stop it now."])("%j is a stop, not a message", async (text) => {
  const house = await createHouse();
  await house.send("a", "stuck");
  await house.send("a", text);
  expect(turnOf(house, 0).interrupts).toEqual(["ask"]);
});
