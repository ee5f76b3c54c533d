import { expect, test } from "vitest";
import type { ConversationId } from "../domain/conversation.ts";
import { newId } from "../lib/ids.ts";
import { openSqliteStore } from "./sqlite-store.ts";

const conversation = "telegram:1" as ConversationId;
const body = { kind: "notice", notice: { kind: "help" }, buttons: [], replyTo: null } as const;

test("a message that is begun because the clock was set back, and found so after a crash, does not wait for the old clock", async () => {
  let nowMs = 1_000_000;
  await using store = await openSqliteStore({ path: ":memory:", now: () => nowMs, newId });
  await store.transact(async (tx) => {
    await tx.openLane(conversation, "/w", true, newId());
    await tx.addOutgoing({ conversation, run: null, dedupe: "a", body, notBeforeMs: nowMs + 30_000 }, nowMs);
  });
  nowMs = 500_000;
  const { id } = (await store.outbox.due("telegram", 1))[0]!;
  await store.outbox.begin(id);
  nowMs += 1;
  await store.outbox.recover("telegram");
  expect(await store.outbox.due("telegram", 1)).toMatchObject([{ id, uncertain: true }]);
});

test("a wait that was counted before the clock was set back, and written after it, is over; the next one is a wait again", async () => {
  let nowMs = 1_000_000;
  await using store = await openSqliteStore({ path: ":memory:", now: () => nowMs, newId });
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
