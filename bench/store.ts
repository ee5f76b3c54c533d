/**
 * What the store costs: full cycles (accept, claim, settle) per second on a durable file, and whether a message costs more when
 * many are stored. Both from one run on one machine, so that ratios mean something. Run: node bench/store.ts
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ConversationId } from "../src/domain/conversation.ts";
import type { InboxItem, ItemKey } from "../src/domain/inbox-item.ts";
import type { RunId } from "../src/domain/run.ts";
import { emptyTranscript } from "../src/domain/transcript.ts";
import type { Store } from "../src/engine/ports.ts";
import { newId } from "../src/lib/ids.ts";
import { openSqliteStore } from "../src/store/sqlite-store.ts";

const conversationCount = 1_000;
const runsMax = 64;
const conversations = Array.from(
  { length: conversationCount },
  (_, index) => `telegram:${index + 1}` as ConversationId,
);

const directory = mkdtempSync(join(tmpdir(), "signalbox-bench-"));
let keys = 0;

function prompt(conversation: ConversationId): InboxItem {
  keys += 1;
  const request = { kind: "prompt", placement: "queue", prompt: { text: "Why is the sky blue? ".repeat(5) } } as const;
  const key = `tg:update:${keys}` as ItemKey;
  return { key, conversation, user: "7", message: "70", priority: "interactive", request, sentAtMs: 0 };
}

async function openStore(name: string): Promise<Store> {
  const store = await openSqliteStore({ path: join(directory, name), now: () => Date.now(), newId });
  await store.transact(async (tx) => {
    for (const each of conversations) await tx.openLane(each, `/work/${each}`, true, newId());
  });
  return store;
}

const acceptOne = (store: Store, conversation: ConversationId): Promise<unknown> =>
  store.transact((tx) => tx.addItem(prompt(conversation), "queued", 0));

/** One dispatcher and the runs it started: each claim and each settlement is a transaction of its own. */
async function runAll(store: Store, count: number): Promise<void> {
  let started = 0;
  const runOne = async (): Promise<void> => {
    while (started < count) {
      started += 1;
      const run = await store.transact(async (tx) => {
        const next = await tx.nextReady(runsMax);
        if (next === null) return null;
        const owner = await tx.insertRun(newId() as RunId, next.lane, next.item.id, next.slot, "bench", 0);
        await tx.moveItem(next.item.id, "queued", "running", owner.run);
        return { owner, item: next.item.id };
      });
      if (run === null) {
        started -= 1; // its message is not accepted yet
        continue;
      }
      await store.transact(async (tx) => {
        await tx.moveItem(run.item, "running", "done");
        await tx.settleRun(run.owner, { kind: "finished" }, emptyTranscript, 0);
      });
    }
  };
  await Promise.all(Array.from({ length: runsMax }, runOne));
}

async function cycles(store: Store, count: number): Promise<number> {
  const begin = performance.now();
  const accepted = Array.from({ length: count }, (_, index) =>
    acceptOne(store, conversations[index % conversationCount]!),
  );
  await Promise.all([...accepted, runAll(store, count)]);
  return count / ((performance.now() - begin) / 1_000);
}

/** The same work one transaction after the other: what a commit of its own costs. */
async function lonelyCycles(store: Store, count: number): Promise<number> {
  const begin = performance.now();
  for (let index = 0; index < count; index += 1) {
    await acceptOne(store, conversations[index % conversationCount]!);
    const run = await store.transact(async (tx) => {
      const next = await tx.nextReady(runsMax);
      const owner = await tx.insertRun(newId() as RunId, next!.lane, next!.item.id, next!.slot, "bench", 0);
      await tx.moveItem(next!.item.id, "queued", "running", owner.run);
      return { owner, item: next!.item.id };
    });
    await store.transact(async (tx) => {
      await tx.moveItem(run.item, "running", "done");
      await tx.settleRun(run.owner, { kind: "finished" }, emptyTranscript, 0);
    });
  }
  return count / ((performance.now() - begin) / 1_000);
}

async function fill(store: Store, count: number): Promise<void> {
  for (let stored = 0; stored < count; stored += conversationCount) {
    await store.transact(async (tx) => {
      for (const each of conversations) await tx.addItem(prompt(each), "done", 0);
    });
  }
}

/** Best of three: the other tenants of a small machine disturb one run, seldom all. */
async function best(measure: () => Promise<number>): Promise<number> {
  let most = 0;
  for (let turn = 0; turn < 3; turn += 1) most = Math.max(most, await measure());
  return most;
}

const row = (what: string, value: string): void => console.log(`${what.padEnd(66)}${value.padStart(12)}`);

const cyclesCount = 4_000;
const lonelyCount = 300;

const few = await openStore("few.db");
await fill(few, 1_000);
const many = await openStore("many.db");
await fill(many, 100_000);

console.log(`${conversationCount} conversations, ${runsMax} slots, SQLite in a file, WAL, synchronous=FULL\n`);
row(
  "full cycles (accept, claim, settle) per second, group commit",
  (await best(() => cycles(few, cyclesCount))).toFixed(0),
);
const fewLonely = await best(() => lonelyCycles(few, lonelyCount));
row("the same, one transaction at a time", fewLonely.toFixed(0));
const manyGroup = await best(() => cycles(many, cyclesCount));
row("full cycles per second with 100,000 messages stored, group commit", manyGroup.toFixed(0));
const fewGroup = await best(() => cycles(few, cyclesCount));
row("cost of a message at 100,000 stored, as a multiple of 1,000 stored", `${(fewGroup / manyGroup).toFixed(2)}x`);

for (const store of [few, many]) await store[Symbol.asyncDispose]();
rmSync(directory, { recursive: true });
