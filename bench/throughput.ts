/**
 * Full cycles (accept, claim, settle) of the real engine with an agent that does nothing, durable: how many a second, and whether a
 * message costs more when many are stored. The store alone is the floor. Processor time is what other tenants of a small machine disturb
 * least, so costs are compared in it.
 */
import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { ConversationId } from "../src/domain/conversation.ts";
import type { RunId } from "../src/domain/run.ts";
import { emptyTranscript } from "../src/domain/transcript.ts";
import type { Store, Workspaces } from "../src/engine/ports.ts";
import { newId } from "../src/lib/ids.ts";
import { openSqliteStore } from "../src/store/sqlite-store.ts";
import {
  conversationsOf,
  createEmptyDriver,
  createScratch,
  type EngineHouse,
  freeWorkspaces,
  itemOf,
  openEngineHouse,
  promptOf,
  type Scratch,
} from "./engine-house.ts";
import { atLeast, atMost, type Figure, type Section } from "./figure.ts";
import { spreadOf } from "./spread.ts";

const conversations = conversationsOf(1_000);
const messages = 4_000;
/** So many messages are on their way at once, and so many may run: the most that a Signalbox can be set to. */
const atOnce = 100;
const fullRounds = 3;
/** For the growth: few, so that the smaller database stays small. */
const growthRounds = 6;
const growthMessages = 500;
const manyStored = 100_000;
const text = "Why is the sky blue? ".repeat(5);

export const throughput: Section = {
  name: "throughput",
  title: "accept, claim, settle: 1,000 conversations, WAL, synchronous FULL",
  async measure(say) {
    using scratch = createScratch();
    return [...(await measureRate(scratch, say)), await measureGrowth(scratch, say)];
  },
};

async function measureRate(scratch: Scratch, say: (line: string) => void): Promise<readonly Figure[]> {
  await using subject = await openSubject(scratch, "rate", freeWorkspaces);
  await using locked = await openSubject(scratch, "locked", scratch.workspaces);
  await using floor = await openSqliteStore({ path: join(scratch.path, "floor.db"), now: () => Date.now(), newId });
  await floor.transact(async (tx) => {
    for (const each of conversations) await tx.openLane(each, `/projects/${each}`, true, newId());
  });
  const engine: Cost[] = [];
  const withLock: Cost[] = [];
  const flood: Cost[] = [];
  const store: Cost[] = [];
  await runThrough(subject, conversations.length); // opens the lanes
  await runThrough(locked, conversations.length);
  for (let round = 0; round < fullRounds; round += 1) {
    say(`throughput: round ${round + 1} of ${fullRounds}`);
    engine.push(await costOf(messages, () => runThrough(subject, messages)));
    withLock.push(await costOf(messages, () => runThrough(locked, messages)));
    store.push(await costOf(messages, () => cyclesOfStore(floor, messages)));
    flood.push(await costOf(messages, () => runFlood(subject, messages)));
  }
  const rate = (costs: readonly Cost[]) => spreadOf(costs.map(({ perSecond }) => perSecond));
  const beside = [{ name: "the store alone, the same three transactions", spread: rate(store) }];
  return [
    {
      name: `messages, ${atOnce} on their way at once`,
      unit: "per second",
      spread: rate(engine),
      beside,
      targets: [atLeast("median", 1_200)],
    },
    {
      name: "the same with the operating system's lock on each directory",
      unit: "per second",
      spread: rate(withLock),
      beside,
      targets: [],
    },
    {
      name: `messages, all ${messages} at once: each that waits is told its place`,
      unit: "per second",
      spread: rate(flood),
      beside,
      targets: [],
    },
  ];
}

async function measureGrowth(scratch: Scratch, say: (line: string) => void): Promise<Figure> {
  say("throughput: storing 100,000 messages");
  await using few = await openSubject(scratch, "few", freeWorkspaces);
  await runThrough(few, conversations.length);
  copyDatabase(few.path, join(scratch.path, "many.db"));
  multiply(join(scratch.path, "many.db"), manyStored / conversations.length - 1);
  await using many = await openSubject(scratch, "many", freeWorkspaces);
  await runThrough(many, growthMessages);
  const fewCosts: number[] = [];
  const manyCosts: number[] = [];
  for (let round = 0; round < growthRounds; round += 1) {
    say(`throughput: growth round ${round + 1} of ${growthRounds}`);
    for (const [subject, costs] of [
      [few, fewCosts],
      [many, manyCosts],
    ] as const)
      costs.push((await costOf(growthMessages, () => runThrough(subject, growthMessages))).cpuUs);
  }
  return {
    name: "processor time of a message with 100,000 stored",
    unit: "us",
    spread: spreadOf(manyCosts),
    beside: [{ name: "with 1,000 stored", spread: spreadOf(fewCosts) }],
    targets: [atMost("ratio", 1.2)],
  };
}

// ---- The engine

type Subject = AsyncDisposable & { readonly path: string; readonly house: EngineHouse; next(): Promise<RunId> };

async function openSubject(scratch: Scratch, name: string, workspaces: Workspaces): Promise<Subject> {
  const path = join(scratch.path, `${name}.db`);
  const started: RunId[] = [];
  const waiting: ((run: RunId) => void)[] = [];
  const driver = createEmptyDriver(({ owner }) => {
    const taker = waiting.shift();
    if (taker === undefined) started.push(owner.run);
    else taker(owner.run);
  });
  const workspaceOf = (conversation: ConversationId): string => scratch.directory(conversation.replace(":", "-"));
  const house = await openEngineHouse({ path, driver, runsMax: atOnce, workspaces, workspaceOf });
  return {
    path,
    house,
    /** The next run that starts and that nobody has taken yet. */
    next: () => {
      const run = started.shift();
      return run === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(run);
    },
    [Symbol.asyncDispose]: () => house[Symbol.asyncDispose](),
  };
}

/** A conversation gets its next message when its last one has settled. */
async function runThrough({ house, next }: Subject, count: number): Promise<void> {
  let begun = 0;
  const walk = async (): Promise<void> => {
    while (begun < count) {
      const conversation = conversationAt(begun);
      begun += 1;
      const run = next();
      await house.accept(conversation, promptOf(text));
      await house.settled(await run);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, walk));
}

async function runFlood({ house, next }: Subject, count: number): Promise<void> {
  const settled = Array.from({ length: count }, async () => house.settled(await next()));
  const accepted = Array.from({ length: count }, (_, index) => house.accept(conversationAt(index), promptOf(text)));
  await Promise.all([...accepted, ...settled]);
}

function conversationAt(index: number): ConversationId {
  const conversation = conversations[index % conversations.length];
  if (conversation === undefined) throw new Error("there are no conversations");
  return conversation;
}

// ---- The store alone

async function cyclesOfStore(store: Store, count: number): Promise<void> {
  let begun = 0;
  const walk = async (): Promise<void> => {
    while (begun < count) {
      const conversation = conversationAt(begun);
      begun += 1;
      await store.transact((tx) => tx.addItem(itemOf(conversation, promptOf(text)), "queued", 0));
      const claimed = await store.transact(async (tx) => {
        const ready = await tx.nextReady(atOnce);
        if (ready === null) throw new Error("nothing is ready although something was accepted");
        const owner = await tx.insertRun(newId() as RunId, ready.lane, ready.item.id, ready.slot, "bench", 0);
        await tx.moveItem(ready.item.id, "queued", "running", owner.run);
        return { owner, item: ready.item.id };
      });
      await store.transact(async (tx) => {
        await tx.moveItem(claimed.item, "running", "done");
        await tx.settleRun(claimed.owner, { kind: "finished" }, emptyTranscript, 0);
      });
    }
  };
  await Promise.all(Array.from({ length: atOnce }, walk));
}

// ---- Costs

type Cost = { readonly perSecond: number; readonly cpuUs: number };

async function costOf(count: number, work: () => Promise<void>): Promise<Cost> {
  const cpu = process.cpuUsage();
  const begin = performance.now();
  await work();
  const seconds = (performance.now() - begin) / 1_000;
  const { user, system } = process.cpuUsage(cpu);
  return { perSecond: count / seconds, cpuUs: (user + system) / count };
}

// ---- Many stored messages

/** The write-ahead log goes into the file first, so that the file is all there is. */
function copyDatabase(from: string, to: string): void {
  const database = new DatabaseSync(from);
  try {
    database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
  } finally {
    database.close();
  }
  copyFileSync(from, to);
}

/** What belongs to a message, and how a copy of its row differs: `n` counts the copies. */
const copies: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  inbox: { id: "id + n * 1000000", key: "key || ':' || n", run: "run || ':' || n" },
  run: { id: "id || ':' || n", epoch: "epoch - n", item: "item + n * 1000000" },
  outbox: { id: "id + n * 1000000", dedupe: "dedupe || ':' || n", run: "run || ':' || n" },
  button: { id: "id || ':' || n" },
};

/** Stores every message, with its run, what was said and its buttons, `times` more times. */
function multiply(path: string, times: number): void {
  const database = new DatabaseSync(path, { enableForeignKeyConstraints: false });
  try {
    database.exec("BEGIN");
    for (const [table, changes] of Object.entries(copies)) {
      const names = database
        .prepare(`PRAGMA table_info(${table})`)
        .all()
        .map(({ name }) => String(name));
      const values = names.map((name) => changes[name] ?? name);
      database.exec(
        `WITH RECURSIVE series (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM series WHERE n < ${times})
         INSERT INTO ${table} (${names.join(", ")}) SELECT ${values.join(", ")} FROM ${table}, series`,
      );
    }
    database.exec(`UPDATE instance SET received = received * ${times + 1}`);
    database.exec("COMMIT");
  } finally {
    database.close();
  }
}
