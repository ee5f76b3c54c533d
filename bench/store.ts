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

async function cycles(store: Store, count: number): Promise<void> {
  const accepted = Array.from({ length: count }, (_, index) =>
    acceptOne(store, conversations[index % conversationCount]!),
  );
  await Promise.all([...accepted, runAll(store, count)]);
}

/** The same work one transaction after the other: what a commit of its own costs. */
async function lonelyCycles(store: Store, count: number): Promise<void> {
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
}

async function fill(store: Store, count: number): Promise<void> {
  for (let stored = 0; stored < count; stored += conversationCount) {
    await store.transact(async (tx) => {
      for (const each of conversations) await tx.addItem(prompt(each), "done", 0);
    });
  }
}

type Cost = { readonly perSecond: number; readonly cpuUs: number };

/** Wall time tells what a person gets; processor time is what other tenants of a small machine disturb least. */
async function measured(count: number, work: (count: number) => Promise<void>): Promise<Cost> {
  const cpu = process.cpuUsage();
  const begin = performance.now();
  await work(count);
  const ms = performance.now() - begin;
  const { user, system } = process.cpuUsage(cpu);
  return { perSecond: count / (ms / 1_000), cpuUs: (user + system) / count };
}

const best = (costs: readonly Cost[]): Cost => ({
  perSecond: Math.max(...costs.map(({ perSecond }) => perSecond)),
  cpuUs: Math.min(...costs.map(({ cpuUs }) => cpuUs)),
});

const row = (what: string, { perSecond, cpuUs }: Cost): void =>
  console.log(`${what.padEnd(52)}${perSecond.toFixed(0).padStart(12)}${cpuUs.toFixed(0).padStart(18)}`);

const rounds = 5;
const cyclesPerRound = 2_000;

const few = await openStore("few.db");
await fill(few, 1_000);
const many = await openStore("many.db");
await fill(many, 100_000);

const fewCosts: Cost[] = [];
const manyCosts: Cost[] = [];
const lonelyCosts: Cost[] = [];
for (let round = 0; round < rounds; round += 1) {
  // Side by side, so that whatever else the machine does weighs on both.
  fewCosts.push(await measured(cyclesPerRound, (count) => cycles(few, count)));
  manyCosts.push(await measured(cyclesPerRound, (count) => cycles(many, count)));
  lonelyCosts.push(await measured(200, (count) => lonelyCycles(few, count)));
}

console.log(`${conversationCount} conversations, ${runsMax} slots, SQLite in a file, WAL, synchronous=FULL`);
console.log(`A cycle is accept, claim, settle: three transactions. The best of ${rounds} rounds.\n`);
console.log(`${"".padEnd(52)}${"cycles/s".padStart(12)}${"processor us each".padStart(18)}`);
row("1,000 messages stored, sharing commits", best(fewCosts));
row("100,000 messages stored, sharing commits", best(manyCosts));
row("1,000 messages stored, a commit for each", best(lonelyCosts));
const growth = best(manyCosts).cpuUs / best(fewCosts).cpuUs;
console.log(
  `\nProcessor time of a message at 100,000 stored: ${growth.toFixed(2)}x of 1,000 stored (target: at most 1.2x)`,
);

for (const store of [few, many]) await store[Symbol.asyncDispose]();
rmSync(directory, { recursive: true });
