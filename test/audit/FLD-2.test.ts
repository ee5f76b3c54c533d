/**
 * FLD-2. Seen: at its start a bot asked for the newest update alone and confirmed everything before it: the backlog was thrown away.
 * Here: no offset is sent at the start; what waited is stored in its order, and what waited too long is offered, not dropped (I4).
 */
import { expect, test } from "vitest";
import { createHouse } from "../engine-house.ts";
import { asked, turnOf } from "./kit.ts";
import { adasChat, createUpdateQueue, startPolling } from "./telegram-line.ts";

test("what was sent while the program was off is all there after its start", async () => {
  const house = await createHouse();
  const updates = createUpdateQueue(house.clock);
  updates.message("old one");
  updates.message("old two");
  await house.clock.advance(3_600_000);
  updates.message("young one");
  updates.message("young two");
  startPolling(house, updates);
  await house.settled();
  expect(updates.offsets[0]).toBeNull();
  const items = await house.store.history.items(adasChat, 10);
  expect(items.map(({ request, state }) => [request.kind === "prompt" && request.prompt.text, state])).toEqual([
    ["old one", "held"],
    ["old two", "held"],
    ["young one", "running"],
    ["young two", "queued"],
  ]);
  turnOf(house, 0).finish("1");
  await house.settled();
  expect(asked(house)).toEqual(["young one", "young two"]);
  const offered = (await house.store.history.messages(adasChat, 10)).map(({ body }) => body);
  expect(offered).toContainEqual(
    expect.objectContaining({ notice: expect.objectContaining({ kind: "held", count: 2, reason: "downtime" }) }),
  );
});
