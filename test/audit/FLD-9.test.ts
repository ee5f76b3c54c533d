/**
 * FLD-9. Seen: whoever sat in the right chat could press the buttons and approve: the chat was checked, not the person.
 * Here: every message and every press is held against the list of people, wherever it comes from.
 */
import { expect, test } from "vitest";
import type { ButtonId } from "../../src/domain/button.ts";
import { telegramConversation } from "../../src/domain/conversation.ts";
import { newId } from "../../src/lib/ids.ts";
import { createHouse } from "../engine-house.ts";
import { asked, turnOf } from "./kit.ts";
import { ada, createUpdateQueue, mallory, startPolling } from "./telegram-line.ts";

const team = -5;
const button = newId() as ButtonId;

test("in a group that both are in, a stranger can neither press the owner's button nor say a word", async () => {
  const house = await createHouse();
  const updates = createUpdateQueue(house.clock);
  const { answers } = startPolling(house, updates);
  updates.message("@box_bot go", ada, team);
  await house.settled();
  const [run] = await house.store.history.liveRuns();
  if (run === undefined) throw new Error("nothing runs");
  const conversation = telegramConversation(team, null);
  await house.store.transact((tx) =>
    tx.addButton({ id: button, action: { kind: "stop", owner: run.owner } }, conversation, Number.MAX_SAFE_INTEGER),
  );
  updates.press(button, mallory, team);
  updates.message("@box_bot stop", mallory, team);
  updates.message("@box_bot rm -rf /", mallory, team);
  await house.settled();
  expect(turnOf(house, 0).interrupts).toEqual([]);
  expect(answers).toEqual(["This bot is private."]);
  updates.press(button, ada, team);
  await house.settled();
  expect(turnOf(house, 0).interrupts).toEqual(["ask"]);
  expect(asked(house)).toEqual(["go"]);
});
