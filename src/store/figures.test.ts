import { DatabaseSync } from "node:sqlite";
import { expect, onTestFinished, test } from "vitest";
import {
  accept,
  addNotice,
  alice,
  bob,
  claimed,
  finished,
  openLanes,
  settle,
  settleIn,
} from "../../test/contracts/store/kit.ts";
import type { Ask, AskId, AskState } from "../domain/ask.ts";
import type { RunOutcome } from "../domain/run.ts";
import type { ItemId } from "../domain/inbox-item.ts";
import type { Schedule } from "../domain/schedule.ts";
import type { Lateness, Store } from "../engine/ports.ts";
import { openSqliteStore } from "./sqlite-store.ts";

const stopped: RunOutcome = { kind: "stopped", why: "user" };

const someSchedule: Omit<Schedule, "id"> = {
  ...{ home: alice, lane: alice, name: "job", user: "1", state: "active", nextAtMs: 1, failures: 0, createdAtMs: 0 },
  plan: {
    ...{ timing: { kind: "every", everyMs: 60_000, fromMs: 0 }, zone: "UTC", work: { kind: "prompt", text: "Look" } },
    ...{
      missed: { kind: "latest" },
      overlap: "skip",
      view: "shown",
      memory: "kept",
      permissions: "ask",
      runMsMax: null,
    },
  },
};
const used = { inputTokens: 1, outputTokens: 2, cacheReadTokens: 3, cacheWriteTokens: 4, costUsd: 0.5 };

async function open(database = new DatabaseSync(":memory:")): Promise<{ store: Store; database: DatabaseSync }> {
  const store = await openSqliteStore({ database, now: () => 100, newId: () => "id" });
  onTestFinished(() => store[Symbol.asyncDispose]());
  return { store, database };
}

test("an empty store has figures too", async () => {
  const { store } = await open();
  expect(await store.history.figures()).toEqual({
    ...{ pending: 0, oldestPendingAtMs: null, live: [], undelivered: [], used: [], ended: [], stops: [] },
    ...{ decisions: [], uncertain: 0, lateness: latenessOf() },
  });
});

/** What is told of times that fired so many milliseconds late. */
function latenessOf(...late: readonly number[]): Lateness {
  const within = [10, 50, 250, 1_000, 5_000, 60_000].map((boundMs) => ({
    boundMs,
    fired: late.filter((ms) => ms <= boundMs).length,
  }));
  return { fired: late.length, lateMs: late.reduce((sum, ms) => sum + ms, 0), within };
}

test("a time that fired is counted once with how late it was; none that was missed, skipped or asked for by a person", async () => {
  const { store, database } = await open();
  await openLanes(store, alice);
  const [item = 0] = await accept(store, alice, "a");
  const schedule = await store.transact((tx) => tx.addSchedule(someSchedule));
  const fire = (dueAtMs: number, lateMs: number, more: object = {}) =>
    store.transact((tx) =>
      tx.addOccurrence({
        schedule,
        trigger: "timer",
        dueAtMs,
        firedAtMs: dueAtMs + lateMs,
        became: { kind: "fired", item: item as ItemId },
        ...more,
      }),
    );
  await fire(1_000, 3);
  const skipped = { why: "overlap", fromMs: 2_000, toMs: 2_000, count: 1 } as const;
  await fire(2_000, 1, { became: { kind: "skipped", skipped } });
  await fire(3_000, 1, { trigger: "person" });
  await fire(4_000, 60_001);
  await fire(5_000, 51);
  await fire(6_000, -2);
  for (const looks of [1, 2])
    expect((await store.history.figures()).lateness, `look ${looks}`).toEqual(latenessOf(3, 51, 0));
  const later = await openSqliteStore({ database, now: () => 100, newId: () => "later" });
  expect((await later.history.figures()).lateness).toEqual(latenessOf());
});

test("what waits, what is live, what is not delivered and what was used is counted as it is now", async () => {
  const { store } = await open();
  await openLanes(store, alice, bob);
  await accept(store, alice, "a", "b");
  const run = await claimed(store, "r1");
  await store.transact((tx) => addNotice(tx, alice, "n"));
  for (const session of ["s", "t"]) await store.transact((tx) => tx.addUsage(session, "2026-11-23", "scripted", used));
  expect(await store.history.figures()).toMatchObject({
    ...{ pending: 1, oldestPendingAtMs: 10 },
    live: [{ driver: "scripted", state: "starting", count: 1 }],
    undelivered: [{ channel: "telegram", count: 1 }],
    used: [
      {
        driver: "scripted",
        runs: 2,
        ...{ inputTokens: 2, outputTokens: 4, cacheReadTokens: 6, cacheWriteTokens: 8 },
        costUsd: 1,
      },
    ],
  });
  await settle(store, run);
  expect((await store.history.figures()).live).toEqual([]);
});

test("a run is counted once when it has ended, however often one looks, also when a later one ended first", async () => {
  const { store } = await open();
  await openLanes(store, alice, bob);
  await accept(store, alice, "a");
  await accept(store, bob, "b");
  const [first, second] = [await claimed(store, "r1"), await claimed(store, "r2")];
  await settle(store, second);
  const one = { driver: "scripted", trigger: "interactive", outcome: "finished", runs: 1, durationMs: 10, waitMs: 10 };
  for (const looks of [1, 2]) expect((await store.history.figures()).ended, `look ${looks}`).toEqual([one]);
  await store.transact((tx) => tx.markStopping(first.owner, "user", 25));
  await store.transact((tx) => settleIn(tx, first, stopped));
  const both = await Promise.all([store.history.figures(), store.history.figures()]);
  for (const { ended, stops } of both) {
    expect(ended).toEqual([one, { ...one, outcome: "stopped" }]);
    expect(stops).toEqual([{ driver: "scripted", runs: 1, toQuietMs: 5 }]);
  }
});

test("more runs than one look at the table takes are all counted", async () => {
  const { store } = await open();
  await openLanes(store, alice);
  const runs = 1_001;
  for (let index = 0; index < runs; index += 1) {
    await accept(store, alice, `k${index}`);
    await settle(store, await claimed(store, `r${index}`));
  }
  const { ended } = await store.history.figures();
  expect(ended.map((sum) => sum.runs)).toEqual([runs]);
});

test("runs are counted from the opening of the store, those that it found unsettled among them", async () => {
  const { store: before, database } = await open();
  await openLanes(before, alice, bob);
  await accept(before, alice, "a");
  await accept(before, bob, "b");
  const cut = await claimed(before, "cut");
  await settle(before, await claimed(before, "old"));
  const { store } = await open(database);
  expect((await store.history.figures()).ended).toEqual([]);
  await store.transact((tx) => settleIn(tx, cut, { kind: "interrupted" }));
  await accept(store, alice, "c");
  await settle(store, await claimed(store, "new"));
  expect((await store.history.figures()).ended).toMatchObject([
    { outcome: "interrupted", runs: 1 },
    { outcome: finished.kind, runs: 1 },
  ]);
});

test("what became of approvals and plans is counted when it is decided, and questions are not", async () => {
  const { store } = await open();
  await openLanes(store, alice);
  await accept(store, alice, "a");
  const { owner } = await claimed(store, "r1");
  const approval: Ask = { kind: "plan", plan: "" };
  const questions: Ask = { kind: "questions", questions: [] };
  const ask = (name: string, asked: Ask = approval) =>
    store.transact((tx) => tx.addAsk(owner, { id: name as AskId, agentId: name, ask: asked }));
  const becomes = (name: string, state: AskState) => store.transact((tx) => tx.setAsk(name as AskId, state));
  const decisions = async () =>
    (await store.history.figures()).decisions.map(({ labels, value }) => [labels.decision, value]);
  for (const name of ["a", "b", "c", "d", "e"]) await ask(name);
  await ask("q", questions);
  expect(await decisions()).toEqual([]);
  await becomes("b", { kind: "answered", answer: { kind: "allow", scope: "session" } });
  await becomes("c", { kind: "answered", answer: { kind: "deny", reason: "No." } });
  expect(await decisions()).toEqual([
    ["allowed_session", 1],
    ["denied", 1],
  ]);
  await becomes("a", { kind: "answered", answer: { kind: "allow", scope: "once" } });
  await becomes("d", { kind: "answered", answer: { kind: "deny", reason: null } });
  await becomes("e", { kind: "expired" });
  await becomes("q", { kind: "answered", answer: { kind: "answers", answers: [] } });
  expect(await decisions()).toEqual([
    ["allowed_session", 1],
    ["denied", 2],
    ["allowed_once", 1],
    ["expired", 1],
  ]);
});

test("a message whose delivery was unknown is counted when it is over, however it went, and no other", async () => {
  const { store, database } = await open();
  const uncertain = async (of = store) => (await of.history.figures()).uncertain;
  await openLanes(store, alice, bob);
  await store.transact((tx) => addNotice(tx, alice, "plain"));
  await store.transact((tx) => addNotice(tx, bob, "lost"));
  const [plain, lost] = await store.outbox.due("telegram", 2);
  for (const row of [plain, lost]) if (row !== undefined) await store.outbox.begin(row.id);
  if (plain === undefined || lost === undefined) throw new Error("there are two messages");
  await store.outbox.sent(plain.id, "1");
  await store.outbox.again(lost.id, 0, "unknown");
  expect(await uncertain()).toBe(0);
  await store.outbox.begin(lost.id);
  await store.outbox.sent(lost.id, "2");
  for (const _ of [1, 2]) expect(await uncertain()).toBe(1);
  const { store: next } = await open(database);
  expect(await uncertain(next)).toBe(0);
});

test("a look reads no table as a whole: only what waits, what is live, the sums by day and the newest runs", async () => {
  const statements = new Set<string>();
  class ListeningDatabase extends DatabaseSync {
    override prepare(text: string): ReturnType<DatabaseSync["prepare"]> {
      statements.add(text);
      return super.prepare(text);
    }
  }
  const database = new ListeningDatabase(":memory:");
  const { store } = await open(database);
  await openLanes(store, alice);
  await accept(store, alice, "a");
  await claimed(store, "r1");
  statements.clear();
  for (const _ of [1, 2]) await store.history.figures();
  const steps = [...statements]
    .filter((text) => text.startsWith("SELECT"))
    .flatMap((text) => database.prepare(`EXPLAIN QUERY PLAN ${text}`).all())
    .map((row) => String(row["detail"]))
    .filter((step) => step.startsWith("SCAN"));
  for (const step of steps)
    expect(step).toMatch(
      /USING (COVERING )?INDEX (inbox_order|inbox_waiting_of|run_one_per_\w+|outbox_undelivered|usage_of_day)/,
    );
});
