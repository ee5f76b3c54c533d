/**
 * The soak: one process, many lives of the engine, many conversations, faults of the store, for as long as is asked. Sampled at an
 * even pace: memory after a collection, handles, open files, and the books of the database.
 *
 * 1. What it measures is itself, so nothing here remembers what it saw beyond bounded rings and one line per sample.
 * 2. The load yields: it keeps the process at a share of one core, so that other work on the machine is not disturbed.
 */
import { mkdirSync, mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Log } from "../../src/engine/ports.ts";
import { endProcesses } from "../../src/lib/process-group.ts";
import { belonging, createScan } from "../../src/lib/process-scan.ts";
import { createRandom } from "../simulation/random.ts";
import { telegramConversation } from "../../src/domain/conversation.ts";
import { newId } from "../../src/lib/ids.ts";
import { openSqliteStore } from "../../src/store/sqlite-store.ts";
import { type BeatFigures, endBeats, giveBeat, judgeBeats } from "./beats.ts";
import { type Books, idleThoughReady, keysStored, readBooks, unrest } from "./books.ts";
import type { Growth } from "./growth.ts";
import { type Messenger, startMessenger } from "./messenger.ts";
import { createMeter, type Sample } from "./meter.ts";
import { pause } from "./pause.ts";
import { createShown } from "./shown.ts";
import { createSoakCrowd } from "./soak-crowd.ts";
import { beginSoakLife, type SoakLife } from "./soak-life.ts";

export type SoakOptions = {
  readonly seconds: number;
  readonly conversations: number;
  readonly seed: number;
  readonly sampleEverySeconds: number;
  readonly restartEverySeconds: number;
  /** Of one core, 0 to 1. */
  readonly cpuShare: number;
  readonly tell: (line: string) => void;
};

export type SoakReport = {
  readonly options: SoakOptions;
  readonly books: Books;
  readonly growth: ReadonlyMap<string, Growth>;
  readonly restarts: { readonly drained: number; readonly crashed: number };
  readonly faults: { readonly refusals: number; readonly squeezes: number };
  readonly acts: ReadonlyMap<string, number>;
  readonly delivered: number;
  /** What became of the times of schedules. */
  readonly beats: BeatFigures;
  readonly cpuShare: number;
  /** What the engine logged as errors, and how often. */
  readonly errors: ReadonlyMap<string, number>;
  readonly bootMs: readonly number[];
  readonly violations: readonly string[];
};

/** As many runs at once as a busy machine of one person has. */
const runsMax = 16;
/** So many pairs of conversations share a workspace and wait for each other. */
const sharedPairs = 10;
/** One conversation in so many has a schedule. */
const beatEvery = 20;
/** At the end everything that waits has to run; a longer wait is a hang. */
const settleMaxMs = 120_000;
/** The longest grace, a whole escalation (9 s) and room. */
const drainMaxMs = 60_000;

const emptyBooks: Books = {
  ...{ received: 0, rows: 0, runs: 0, liveRuns: 0 },
  ...{ byState: new Map(), outcomes: new Map(), violations: [] },
};

export async function soak(options: SoakOptions): Promise<SoakReport> {
  const random = createRandom(options.seed);
  /** A stream of its own: how lives end must not hang on how often a busy machine let the rest ask for chance. */
  const ends = createRandom(options.seed + 2);
  const home = realpathSync(mkdtempSync(join(tmpdir(), "signalbox soak ")));
  const scan = createScan();
  const violations: string[] = [];
  const errors = new Map<string, number>();
  const databasePath = join(home, "signalbox.db");
  const shown = createShown();
  const restarts = { drained: 0, crashed: 0 };
  const faults = { refusals: 0, squeezes: 0 };
  const bootMs: number[] = [];
  const meter = createMeter(options.cpuShare);
  let lastBooks: Books | null = null;
  let lastBeats: BeatFigures = { fired: 0, skipped: 0 };
  let delivered = 0;
  let faultChance = 0;
  let connection: "own" | "borrowed" = "own";
  let life: SoakLife | null = null;
  let instance = "";

  const workspaceOf = (index: number): string =>
    join(home, `w${index < 2 * sharedPairs ? index - (index % 2) : index}`);
  for (let index = 0; index < options.conversations; index += 1) mkdirSync(workspaceOf(index), { recursive: true });

  const log: Log = {
    debug() {},
    info() {},
    warn() {},
    error: (fields, message) => {
      const fault = "error" in fields && fields.error instanceof Error ? fields.error.name : "";
      const key = `${message}${fault === "" ? "" : ` [${fault}]`}`;
      errors.set(key, (errors.get(key) ?? 0) + 1);
      if (fault !== "StoreFault") violations.push(`logged as an error: ${key}: ${describe(fields)}`);
    },
  };

  const crowd = createSoakCrowd({
    conversations: options.conversations,
    workspaceOf,
    random: createRandom(options.seed + 1),
    shown,
    life: () => life,
  });

  try {
    await inLives();
  } finally {
    await endProcesses({ marker: instance, roots: [] }, [], "SIGKILL", scan, AbortSignal.timeout(5_000));
    rmSync(home, { recursive: true, force: true });
  }
  return report();

  async function giveBeats(): Promise<void> {
    await using store = await openSqliteStore({ path: databasePath, now: () => Date.now(), newId });
    for (let index = 0; index < options.conversations; index += beatEvery) {
      const conversation = telegramConversation(1_000 + index, null);
      await store.transact((tx) => tx.openLane(conversation, workspaceOf(index), true, newId()));
      await giveBeat(store, conversation, "1", workspaceOf(index));
    }
  }

  async function inLives(): Promise<void> {
    await giveBeats();
    const begunMs = performance.now();
    const endMs = begunMs + options.seconds * 1000;
    let sampleAtMs = begunMs + options.sampleEverySeconds * 1000;
    for (let last = false; !last;) {
      const restartMs = options.restartEverySeconds * 1000 * (0.5 + random.next());
      const lifeEndMs = performance.now() + restartMs;
      last = lifeEndMs + restartMs / 2 >= endMs;
      const present = await begin();
      const stopSending = new AbortController();
      const messenger = startMessenger(present, shown, createRandom(options.seed + bootMs.length), stopSending.signal);
      while (performance.now() < (last ? endMs : lifeEndMs)) {
        crowd.act();
        disturb(present);
        if (performance.now() >= sampleAtMs) {
          sampleAtMs += options.sampleEverySeconds * 1000;
          sample(present);
        }
        await pause(meter.gapMs());
      }
      if (last) await comeToRest(present);
      await finish(present, messenger, stopSending, last);
    }
  }

  async function begin(): Promise<SoakLife> {
    faultChance = 0;
    const begunMs = performance.now();
    const deps = { databasePath, workspace: home, tmpDir: home, scan, runsMax, log, connection };
    const present = await beginSoakLife({ ...deps, commitFails });
    bootMs.push(performance.now() - begunMs);
    connection = connection === "own" ? "borrowed" : "own";
    ({ instance } = present);
    await expectNoOrphan(present);
    life = present;
    return present;
  }

  function commitFails(): boolean {
    if (!random.chance(faultChance)) return false;
    faults.refusals += 1;
    return true;
  }

  /** A store that refuses now and then, and a disk that is full for a moment. */
  function disturb(present: SoakLife): void {
    // Asked a dozen times a second: trouble comes every few seconds and lasts about two.
    if (random.chance(faultChance > 0 ? 0.04 : 0.015))
      faultChance = faultChance > 0 ? 0 : random.pick([0.02, 0.1, 0.4]);
    if (present.disk === null || !random.chance(0.01)) return;
    if (random.chance(0.4)) {
      faults.squeezes += 1;
      present.disk.squeeze();
    } else {
      present.disk.relieve();
    }
  }

  async function finish(
    present: SoakLife,
    messenger: Messenger,
    stopSending: AbortController,
    last: boolean,
  ): Promise<void> {
    life = null;
    faultChance = 0;
    present.disk?.relieve();
    if (last || ends.chance(0.4)) {
      restarts.drained += 1;
      stopSending.abort();
      await messenger.done;
      if (await endsInTime(present)) await expectNothingRuns();
    } else {
      restarts.crashed += 1;
      await present.crash();
      await messenger.done;
    }
    delivered += messenger.delivered;
    examine("between two lives");
    if (!last) return;
    violations.push(...unrest(databasePath).map((line) => `at the end: ${line}`));
    const stored = keysStored(databasePath, "soak:");
    if (stored !== crowd.keys) violations.push(`I4 ${crowd.keys} messages were handed over, ${stored} are stored`);
  }

  /** A drain that does not come to its end is a violation; the life is then abandoned. */
  async function endsInTime(present: SoakLife): Promise<boolean> {
    const ended = present.end(random.pick([0, 500, 3_000])).then(() => true);
    const { promise: late, resolve } = Promise.withResolvers<boolean>();
    const bound = setTimeout(resolve, drainMaxMs, false);
    const isInTime = await Promise.race([ended, late]);
    clearTimeout(bound);
    if (isInTime) return true;
    violations.push(`a drain did not end within ${drainMaxMs / 1000} s`);
    await present.crash();
    return false;
  }

  /** The load stops; everything that waits runs, everything owed is sent. */
  async function comeToRest(present: SoakLife): Promise<void> {
    faultChance = 0;
    present.disk?.relieve();
    endBeats(databasePath);
    const untilMs = performance.now() + settleMaxMs;
    while (crowd.open > 0 || unrest(databasePath).length > 0) {
      if (performance.now() > untilMs) {
        violations.push(`not at rest ${settleMaxMs / 1000} s after the load ended: ${unrest(databasePath).join("; ")}`);
        return;
      }
      await pause(200);
    }
  }

  function sample(present: SoakLife): void {
    const one = meter.sample();
    const books = examine(`at ${Math.round(one.atMs / 1000)} s`);
    violations.push(...idleThoughReady(databasePath, runsMax));
    options.tell(sampleLine(one, books, present));
  }

  function sampleLine(one: Sample, books: Books, present: SoakLife): string {
    const runs = present.engine.snapshots().length;
    const held = books.byState.get("held") ?? 0;
    const queued = books.byState.get("queued") ?? 0;
    return [
      `${String(Math.round(one.atMs / 1000)).padStart(5)} s`,
      `heap ${one.heapMb.toFixed(1)} of ${one.heapKeptMb.toFixed(0)} MB`,
      `rss ${one.rssMb.toFixed(0)} MB`,
      `cpu ${(100 * one.cpuShare).toFixed(0)} %`,
      `handles ${one.handles}`,
      `files ${one.files}`,
      `${books.received} received, ${books.runs} runs (${runs} live, ${queued} queued, ${held} held)`,
      `${restarts.drained + restarts.crashed} restarts`,
      `${violations.length} violations`,
    ].join("  ");
  }

  function examine(when: string): Books {
    const books = readBooks(databasePath);
    lastBooks = books;
    const beats = judgeBeats(databasePath);
    lastBeats = beats.figures;
    violations.push(...[...books.violations, ...beats.violations].map((line) => `${when}: ${line}`));
    return books;
  }

  /** I2: after the boot nothing of an earlier life is alive. A process between fork and exec still shows its parent's environment. */
  async function expectNoOrphan(present: SoakLife): Promise<void> {
    let left: readonly string[] = [];
    for (let look = 0; look < 3; look += 1) {
      const snapshot = await scan([]);
      left = belonging(snapshot, { marker: present.instance, roots: [] })
        .filter((entry) => !snapshot.carries(entry, present.marker))
        .map((entry) => `${entry.pid} ${entry.name}`);
      if (left.length === 0) return;
    }
    violations.push(`I2 orphans after a boot: ${left.join(", ")}`);
  }

  async function expectNothingRuns(): Promise<void> {
    const left = belonging(await scan([]), { marker: instance, roots: [] });
    if (left.length > 0)
      violations.push(`alive after a drain: ${left.map(({ pid, name }) => `${pid} ${name}`).join(", ")}`);
  }

  function report(): SoakReport {
    violations.push(...crowd.violations);
    const growth = meter.growth();
    for (const [name, { isGrowing, first, last }] of growth) {
      if (!isGrowing) continue;
      violations.push(`${name} grows: ${first.toFixed(1)} in the first third, ${last.toFixed(1)} in the last`);
    }
    const books = lastBooks ?? emptyBooks;
    return {
      ...{ options, books, growth, restarts, faults, delivered, errors, bootMs, violations },
      acts: crowd.counts,
      beats: lastBeats,
      cpuShare: meter.cpuShare(),
    };
  }
}

/** One line of what was logged, short enough to be read. */
function describe(fields: object): string {
  const error = "error" in fields && fields.error instanceof Error ? fields.error : null;
  return (error?.stack ?? JSON.stringify(fields)).slice(0, 600);
}
