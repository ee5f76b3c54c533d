/**
 * FLD-8. Seen: the answer of a send was lost, so it was sent again: every answer twice, and nobody could tell.
 * Here: an unknown delivery is repeated once at most and says so, and the agent is never asked again for it (I6).
 */
import { expect, test } from "vitest";
import { createHouse } from "../engine-house.ts";
import { asked, turnOf } from "./kit.ts";
import { createUpdateQueue, startPolling, startSending } from "./telegram-line.ts";

test.each([
  { lost: 1, seen: ["text 7: 42", "text 7: (possibly repeated) 42"] },
  { lost: 9, seen: ["text 7: 42", "text 7: (possibly repeated) 42"] },
])("with $lost answers of Telegram lost, the repetition is marked and is the last", async ({ lost, seen }) => {
  const house = await createHouse();
  const updates = createUpdateQueue(house.clock);
  startPolling(house, updates);
  const line = startSending(house);
  let left = lost;
  line.telegram.meet = ({ method }) => (method === "text" && left-- > 0 ? { kind: "unknown", detail: "reset" } : null);
  updates.message("what is the answer?");
  await house.settled();
  turnOf(house, 0).finish("42");
  await house.clock.advance(600_000);
  await line.end();
  expect(line.telegram.seen).toEqual(seen);
  expect(asked(house)).toHaveLength(1);
});
