import { expect, test } from "vitest";
import type { ConversationId } from "../domain/conversation.ts";
import { newId } from "../lib/ids.ts";
import { openSqliteStore } from "./sqlite-store.ts";

const conversation = "telegram:1" as ConversationId;

test("a wait that was counted before the clock was set back, and written after it, is over; the next one is a wait again", async () => {
  let nowMs = 1_000_000;
  await using store = await openSqliteStore({ path: ":memory:", now: () => nowMs, newId });
  const body = { kind: "notice", notice: { kind: "help" }, buttons: [], replyTo: null } as const;
  await store.transact(async (tx) => {
    await tx.openLane(conversation, "/w", true, newId());
    await tx.addOutgoing({ conversation, run: null, dedupe: "a", body, notBeforeMs: 0 }, nowMs);
  });
  const due = () => store.outbox.due("telegram", 1);
  const { id } = (await due())[0]!;
  nowMs += 20_000;
  await store.outbox.begin(id);
  const waitMs = 30_000;
  const countedMs = nowMs + waitMs;
  nowMs -= 10_000;
  await store.outbox.again(id, countedMs, "refused");
  expect(await due()).toMatchObject([{ id, notBeforeMs: nowMs }]);

  await store.outbox.begin(id);
  await store.outbox.again(id, nowMs + waitMs, "refused");
  expect(await due()).toEqual([]);
  nowMs += waitMs;
  expect(await due()).toMatchObject([{ id }]);
});
