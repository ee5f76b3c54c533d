/**
 * What schedules cost: while ten thousand of them rest, how late a time that is due fires and its agent starts, and what ten thousand
 * missed times add to a start. The real program (the demo agent, the page on, Telegram off) in homes whose database was filled
 * beforehand; lateness in process as well, with an agent that takes no time.
 *
 * 1. Processor time is what /proc says of the program; the floor is the same home without a schedule, beside it at the same time.
 * 2. A due time is a moment of the wall clock, so lateness is read from it: from the row that says when it fired, and from the row of its run.
 * 3. Every round of a start has a fresh copy of the database.
 */
import { copyFileSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as pause } from "node:timers/promises";
import { type ConversationId, sideConversation, webConversation } from "../src/domain/conversation.ts";
import type { Schedule, SchedulePlan, Timing } from "../src/domain/schedule.ts";
import { createSystemClock } from "../src/lib/clock.ts";
import { newId } from "../src/lib/ids.ts";
import { startTimer } from "../src/schedule/timer.ts";
import { openSqliteStore } from "../src/store/sqlite-store.ts";
import { type Bridge, spawnBridge } from "../test/e2e/bridge.ts";
import { createHome, type Home } from "../test/e2e/home.ts";
import { createEmptyDriver, createScratch, freeWorkspaces, openEngineHouse, silent } from "./engine-house.ts";
import { atMost, type Figure, type Section } from "./figure.ts";
import { cpuTicks } from "./proc.ts";
import { spreadOf } from "./spread.ts";

const schedulesCount = 10_000;
const dayMs = 24 * 60 * 60 * 1_000;
const hourMs = 60 * 60 * 1_000;

const env = {
  NODE_OPTIONS: `--import ${new URL("../scripts/compile-cache.mjs", import.meta.url).href} --max-semi-space-size=2`,
  SIGNALBOX_WEB: "127.0.0.1:0",
  SIGNALBOX_LOG: "info",
  SIGNALBOX_MAX_RUNS: "32",
};

export const idleSchedules: Section = {
  name: "schedules-idle",
  title: "10,000 schedules that rest, and how late one of them fires beside them, in the real program",
  async measure(say) {
    return [...(await measureIdle(say)), ...(await measureLateness(say)), await measureStartOfAgent(say)];
  },
};

export const missedSchedules: Section = {
  name: "schedules-missed",
  title: "start after 10,000 times were missed, in the real program",
  measure: measureMissed,
};

// ---- The database

type Filling = {
  readonly schedules: number;
  readonly conversations: number;
  readonly timing: (index: number) => { readonly timing: Timing; readonly nextAtMs: number };
};

/** Each schedule with a side conversation of its own, in the directory of its conversation. */
async function fill(path: string, workspaceOf: (name: string) => string, filling: Filling): Promise<void> {
  await using store = await openSqliteStore({ path, now: () => Date.now(), newId });
  const { schedules, conversations, timing } = filling;
  await store.transact(async (tx) => {
    for (let index = 0; index < schedules; index += 1) {
      const chat = `thread-${index % conversations}`;
      const home = webConversation(chat);
      if (index < conversations) await tx.openLane(home, workspaceOf(chat), true, newId());
      const name = `job-${index}`;
      const lane = sideConversation(home, name);
      await tx.openLane(lane, workspaceOf(chat), true, newId());
      const when = timing(index);
      await tx.addSchedule(scheduleOf(home, lane, name, when.timing, when.nextAtMs));
    }
  });
}

function scheduleOf(
  home: ConversationId,
  lane: ConversationId,
  name: string,
  timing: Timing,
  nextAtMs: number,
): Omit<Schedule, "id"> {
  const plan: SchedulePlan = {
    timing,
    zone: "UTC",
    work: { kind: "prompt", text: "Look at what changed" },
    missed: { kind: "latest" },
    overlap: "skip",
    view: "shown",
    permissions: "ask",
    memory: "kept",
    runMsMax: null,
  };
  const state = { state: "active" as const, nextAtMs, failures: 0, createdAtMs: nextAtMs - dayMs };
  return { home, lane, name, user: "7", plan, ...state };
}

/** Due in 2 to 9 days: intervals, and some expressions as people write them. */
function restful(index: number): ReturnType<Filling["timing"]> {
  const nextAtMs = Date.now() + 2 * dayMs + (index % 10_080) * 60_000;
  const expressions = ["0 7 * * 1-5", "30 6 * * *", "*/15 8-18 * * *", "0 0 1 * *"];
  const expression = expressions[index % (2 * expressions.length)];
  return expression === undefined
    ? { timing: { kind: "every", everyMs: dayMs, fromMs: nextAtMs - dayMs }, nextAtMs }
    : { timing: { kind: "cron", expression }, nextAtMs };
}

// ---- The program

type Stand = AsyncDisposable & {
  readonly home: Home;
  readonly database: string;
  workspaceOf(name: string): string;
  /** From the start to the page's link: it has recovered from its last life, and its timer looks. */
  start(): Promise<{ readonly bridge: Bridge; readonly readyMs: number }>;
};

/** A home whose program has run once: its database is made, the compile cache is filled. */
async function openStand(): Promise<Stand> {
  await using stack = new AsyncDisposableStack();
  const home = stack.use(createHome());
  const database = join(home.state, "signalbox.db");
  const start: Stand["start"] = async () => {
    const begin = performance.now();
    const bridge = spawnBridge({ home, driver: "demo", env });
    await bridge.printed(/^Page: /m, 60_000);
    return { bridge, readyMs: performance.now() - begin };
  };
  await end((await start()).bridge);
  const owned = stack.move();
  return {
    home,
    database,
    start,
    workspaceOf(name) {
      const path = join(home.workspace, name);
      mkdirSync(path, { recursive: true });
      return path;
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function end(bridge: Bridge): Promise<void> {
  const code = await bridge.terminate();
  if (code !== 0) throw new Error(`the program ended with ${code}`);
}

// ---- At rest

const idleWindows = 3;
const idleWindowMs = 20_000;
/** Of Linux, for what /proc tells. */
const tickMs = 10;

async function measureIdle(say: (line: string) => void): Promise<readonly Figure[]> {
  await using full = await openStand();
  await using bare = await openStand();
  await fill(full.database, full.workspaceOf, { schedules: schedulesCount, conversations: 200, timing: restful });
  const lives = [(await full.start()).bridge, (await bare.start()).bridge] as const;
  await pause(5_000); // what a start leaves to do is no rest
  const shares: [number[], number[]] = [[], []];
  for (let window = 0; window < idleWindows; window += 1) {
    say(`schedules: at rest, ${window + 1} of ${idleWindows}`);
    const before = lives.map(({ pid }) => cpuTicks(pid));
    const begin = performance.now();
    await pause(idleWindowMs);
    const ms = performance.now() - begin;
    lives.forEach(({ pid }, index) =>
      shares[index]?.push((100 * tickMs * (cpuTicks(pid) - (before[index] ?? 0))) / ms),
    );
  }
  for (const bridge of lives) await end(bridge);
  return [
    {
      name: "processor time at rest with 10,000 schedules",
      unit: "% of a core",
      spread: spreadOf(shares[0]),
      beside: [{ name: "without a schedule", spread: spreadOf(shares[1]) }],
      targets: [atMost("max", 1)],
    },
  ];
}

// ---- Lateness

const firings = 240;
const firingEveryMs = 200;
/** From filling the database until the first is due: the start, with room. */
const firstInMs = 8_000;

async function measureLateness(say: (line: string) => void): Promise<readonly Figure[]> {
  say("schedules: lateness in the program");
  await using stand = await openStand();
  const fromMs = Date.now() + firstInMs;
  await fill(stand.database, stand.workspaceOf, {
    schedules: schedulesCount,
    conversations: schedulesCount / 25, // directories enough for no two runs to meet in one
    timing(index) {
      if (index >= firings) return restful(index);
      const atMs = fromMs + index * firingEveryMs;
      return { timing: { kind: "once", atMs }, nextAtMs: atMs };
    },
  });
  const { bridge } = await stand.start();
  if (Date.now() > fromMs) throw new Error("the start took longer than the first time allows");
  await pause(fromMs - Date.now() + firings * firingEveryMs + 2_000);
  await end(bridge);
  using database = new DatabaseSync(stand.database, { readOnly: true });
  const rows = database
    .prepare(
      `SELECT fired_at_ms - due_at_ms AS fired, started_at_ms - due_at_ms AS claimed
       FROM occurrence JOIN run ON run.item = occurrence.item WHERE "trigger" = 'timer'`,
    )
    .all();
  if (rows.length !== firings) throw new Error(`${rows.length} of ${firings} times fired and ran`);
  return [
    {
      name: "due to fired and claimed, in one commit, 10,000 schedules beside it",
      unit: "ms",
      spread: spreadOf(rows.map((row) => Number(row["claimed"]))),
      beside: [],
      targets: [atMost("p99", 50)],
    },
  ];
}

async function measureStartOfAgent(say: (line: string) => void): Promise<Figure> {
  say("schedules: lateness in process");
  using scratch = createScratch();
  const path = `${scratch.path}/signalbox.db`;
  const everyMs = 50;
  const fromMs = Date.now() + firstInMs;
  const atOf = (index: number): number => fromMs + index * everyMs;
  await fill(path, (name) => scratch.directory(name), {
    schedules: schedulesCount,
    conversations: 400,
    timing: (index) =>
      index >= firings ? restful(index) : { timing: { kind: "once", atMs: atOf(index) }, nextAtMs: atOf(index) },
  });
  const late: number[] = [];
  const all = Promise.withResolvers<void>();
  const driver = createEmptyDriver(({ owner }) => {
    const index = Number(/job-(\d+)$/.exec(owner.conversation)?.[1]);
    late.push(performance.timeOrigin + performance.now() - atOf(index));
    if (late.length === firings) all.resolve();
  });
  const workspaceOf = (name: string) => scratch.directory(name);
  const house = { path, driver, runsMax: 32, workspaces: freeWorkspaces, workspaceOf };
  await using opened = await openEngineHouse(house);
  await using _timer = startTimer({ engine: opened.engine, clock: createSystemClock(), log: silent });
  if (Date.now() > fromMs) throw new Error("filling the database took longer than the first time allows");
  await all.promise;
  return {
    name: "due to the start of its agent, commit included, in process",
    unit: "ms",
    spread: spreadOf(late),
    beside: [],
    targets: [atMost("p99", 50)],
  };
}

// ---- Missed

const startRounds = 7;

async function measureMissed(say: (line: string) => void): Promise<readonly Figure[]> {
  const missedAtMs = Date.now() - hourMs;
  return [
    ...(await measureStarts(say, "10,000 schedules of 200 conversations missed one each", {
      schedules: schedulesCount,
      conversations: 200,
      timing: () => ({
        timing: { kind: "every", everyMs: dayMs, fromMs: missedAtMs - dayMs },
        nextAtMs: missedAtMs,
      }),
    })),
    ...(await measureStarts(say, "100 schedules missed 100 each", {
      schedules: 100,
      conversations: 10,
      timing: () => ({
        timing: { kind: "every", everyMs: hourMs, fromMs: missedAtMs - 100 * hourMs },
        nextAtMs: missedAtMs - 99 * hourMs,
      }),
    })),
  ];
}

/** The same schedules with all of their times to come are the floor. */
async function measureStarts(say: (line: string) => void, what: string, missed: Filling): Promise<readonly Figure[]> {
  await using stand = await openStand();
  const files = { missed: join(stand.home.path, "missed.db"), none: join(stand.home.path, "none.db") };
  for (const [name, filling] of [
    ["missed", missed],
    ["none", { ...missed, timing: restful }],
  ] as const) {
    copyFileSync(stand.database, files[name]);
    await fill(files[name], stand.workspaceOf, filling);
  }
  const ready = { missed: [] as number[], none: [] as number[] };
  const recorded: number[] = [];
  for (let round = 0; round < startRounds; round += 1) {
    say(`schedules: ${what}, ${round + 1} of ${startRounds}`);
    for (const name of ["missed", "none"] as const) {
      for (const suffix of ["-wal", "-shm"]) rmSync(`${stand.database}${suffix}`, { force: true });
      copyFileSync(files[name], stand.database);
      const begin = performance.now();
      const { bridge, readyMs } = await stand.start();
      ready[name].push(readyMs);
      if (name === "missed") {
        await untilRecorded(stand.database);
        recorded.push(performance.now() - begin);
      }
      await end(bridge);
    }
  }
  const floor = { name: "the same schedules, none missed", spread: spreadOf(ready.none) };
  return [
    {
      name: `start to ready: ${what}`,
      unit: "ms",
      spread: spreadOf(ready.missed),
      beside: [floor],
      targets: [atMost("median", 1_000)],
    },
    {
      name: "start until the last of them is in its record",
      unit: "ms",
      spread: spreadOf(recorded),
      beside: [floor],
      targets: [atMost("difference", 1_000)],
    },
  ];
}

/** Looked at from outside, as seldom as the figure allows. */
async function untilRecorded(path: string): Promise<void> {
  using database = new DatabaseSync(path, { readOnly: true });
  const left = database.prepare("SELECT count(*) AS n FROM schedule WHERE next_at_ms <= ?");
  const atMs = Date.now();
  while (Number(left.get(atMs)?.["n"]) > 0) await pause(20);
}
