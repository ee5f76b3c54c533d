/**
 * One life of the engine inside the soak's own process: real store on a file, real processes, real locks, the demo driver. It ends as the
 * program ends (drain), or is abandoned as by a crash: from then on nothing that it waits for happens and nothing it does counts.
 *
 * 1. After `crash` the life reaches neither the database nor the clock; its locks and its database handle are given back, as the
 *    operating system would. The processes that it had started live on, for the next life to find.
 * 2. Every second life borrows its connection from here, so that the database can really run full (max_page_count) in the middle of
 *    a commit; the others open it by its path, as the program does.
 */
import { noFiles, noIncomingFiles } from "../no-files.ts";
import { DatabaseSync } from "node:sqlite";
import { createDemoDriver } from "../../src/drivers/demo/driver.ts";
import { createProcesses } from "../../src/drivers/processes.ts";
import { createWorkspaces } from "../../src/drivers/workspaces.ts";
import { createEngine } from "../../src/engine/engine.ts";
import type { Clock, Engine, Log, OutboxQueue, Processes, Store, Workspaces } from "../../src/engine/ports.ts";
import { newId } from "../../src/lib/ids.ts";
import { type Scan, withMarkers } from "../../src/lib/process-scan.ts";
import { startTimer } from "../../src/schedule/timer.ts";
import { createTimetable } from "../../src/schedule/timetable.ts";
import { openSqliteStore } from "../../src/store/sqlite-store.ts";
import { StoreFault } from "../../src/engine/ports.ts";

export type SoakLifeDeps = {
  readonly databasePath: string;
  readonly workspace: string;
  readonly tmpDir: string;
  readonly scan: Scan;
  readonly runsMax: number;
  readonly log: Log;
  /** Asked before and inside each decision: true makes it fail as a full disk does. */
  readonly commitFails: () => boolean;
  readonly connection: "own" | "borrowed";
};

export type SoakLife = {
  readonly engine: Engine;
  readonly outbox: OutboxQueue;
  readonly instance: string;
  /** The marker of what this life starts. */
  readonly marker: string;
  readonly isOver: boolean;
  /** Resolves with what `work` resolves to, or with "cut" when the life ends by a crash before. Rejects as `work` does. */
  during<T>(work: Promise<T>): Promise<T | "cut">;
  /** The database takes no further page until `relieve`; null where the connection is the store's own. */
  readonly disk: { squeeze(): void; relieve(): void } | null;
  crash(): Promise<void>;
  /** Drains and gives everything back. */
  end(graceMs: number): Promise<void>;
};

/** What waited longer through a time off is offered instead of run: never, in a soak without long times off. */
const downtimeMs = 10 * 60_000;
const pagesMax = 0x3fff_fffe;

const never = <T>(): Promise<T> => new Promise<T>(() => {});

/** Rejects when the engine does not boot. */
export async function beginSoakLife(deps: SoakLifeDeps): Promise<SoakLife> {
  let state: "alive" | "crashed" | "ended" = "alive";
  const isCrashed = (): boolean => state === "crashed";
  const cuts = new Set<() => void>();
  const clock = createMortalClock(isCrashed);
  const borrowed = deps.connection === "borrowed" ? borrow(deps.databasePath) : null;
  const options = { now: clock.now, newId };
  const opened = await openSqliteStore(
    borrowed === null ? { path: deps.databasePath, ...options } : { database: borrowed, ...options },
  );
  const marker = `${opened.instance}.${opened.incarnation}`;
  const store = mortalStore(opened, isCrashed, deps.commitFails);
  const locks = new Set<AsyncDisposable>();
  const environment = withMarkers({ PATH: "/usr/bin:/bin" }, [opened.instance, marker]);
  const driver = createDemoDriver({ clock, scan: deps.scan, environment });
  const engine = createEngine({
    store,
    clock,
    newId,
    log: deps.log,
    driverFor: () => driver,
    drivers: [driver],
    openDriver: () => Promise.resolve(null),
    files: noFiles,
    incoming: noIncomingFiles,
    processes: mortalProcesses(
      createProcesses({ scan: deps.scan, instance: opened.instance, life: marker }),
      isCrashed,
    ),
    workspaces: mortalWorkspaces(
      createWorkspaces({ tmpDir: deps.tmpDir, uid: process.getuid?.() ?? 0 }),
      isCrashed,
      locks,
    ),
    settings: {
      runsMax: deps.runsMax,
      permissions: "bypass",
      owners: new Set(["1"]),
      workspace: deps.workspace,
      downtimeMs,
      driverName: driver.name,
      driverNames: [driver.name],
      recentErrors: () => [],
      limits: { stallMs: 600_000, retries: 0, runMsMax: null, costUsdMax: null },
      terminalCommand: () => null,
      pool: () => null,
      timetable: createTimetable("UTC"),
      version: "soak",
    },
  });
  await engine.boot();
  const timer = startTimer({ engine, clock, log: deps.log });

  async function close(): Promise<void> {
    clock.end();
    for (const cut of cuts) cut();
    await Promise.all([...locks].map((lock) => lock[Symbol.asyncDispose]()));
    await opened[Symbol.asyncDispose]();
    if (borrowed?.isOpen === true) borrowed.close();
  }

  return {
    engine,
    outbox: store.outbox,
    instance: opened.instance,
    marker,
    get isOver() {
      return state !== "alive";
    },
    disk: borrowed === null ? null : diskOf(borrowed),
    // Not a race: its loser would be remembered for as long as the life lasts.
    during: (work) =>
      new Promise((resolve, reject) => {
        const cut = (): void => resolve("cut");
        cuts.add(cut);
        void work.then(resolve, reject).finally(() => cuts.delete(cut)); // handled by the two before
      }),
    async crash() {
      state = "crashed";
      await close();
    },
    async end(graceMs) {
      await engine.drain(graceMs);
      await timer[Symbol.asyncDispose]();
      await engine[Symbol.asyncDispose]();
      await driver[Symbol.asyncDispose]();
      state = "ended";
      await close();
    },
  };
}

function borrow(path: string): DatabaseSync {
  const database = new DatabaseSync(path, { timeout: 1_000 });
  database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
  return database;
}

function diskOf(database: DatabaseSync): { squeeze(): void; relieve(): void } {
  return {
    squeeze: () => {
      const pages = Number(database.prepare("PRAGMA page_count").get()?.["page_count"]);
      database.exec(`PRAGMA max_page_count = ${pages}`);
    },
    relieve: () => database.exec(`PRAGMA max_page_count = ${pagesMax}`),
  };
}

/** The system's clock, whose sleepers die with the life. */
function createMortalClock(isCrashed: () => boolean): Clock & { end(): void } {
  const timers = new Set<NodeJS.Timeout>();
  return {
    now: () => Date.now(),
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        if (isCrashed()) return;
        if (signal.aborted) return resolve();
        const wake = (): void => {
          clearTimeout(timer);
          timers.delete(timer);
          signal.removeEventListener("abort", wake);
          if (!isCrashed()) resolve();
        };
        const timer = setTimeout(wake, ms);
        timers.add(timer);
        signal.addEventListener("abort", wake, { once: true });
      }),
    end: () => {
      for (const timer of timers) clearTimeout(timer);
      timers.clear();
    },
  };
}

function mortalStore(store: Store, isCrashed: () => boolean, commitFails: () => boolean): Store {
  const full = (): StoreFault => new StoreFault("disk-full", "the disk of this soak is full for a moment");
  const gate = async <T>(call: () => Promise<T>): Promise<T> => {
    if (isCrashed()) return never();
    try {
      if (commitFails()) throw full();
      const value = await call();
      return isCrashed() ? await never<T>() : value;
    } catch (error) {
      if (isCrashed()) return never();
      throw error;
    }
  };
  const { outbox } = store;
  return {
    instance: store.instance,
    incarnation: store.incarnation,
    history: store.history,
    transact: (decide) =>
      gate(() =>
        store.transact(async (tx) => {
          const value = await decide(tx);
          if (commitFails()) throw full(); // undone after it was decided
          return value;
        }),
      ),
    outbox: {
      due: (channel, limit) => gate(() => outbox.due(channel, limit)),
      behind: (row, limit) => gate(() => outbox.behind(row, limit)),
      begin: (id) => gate(() => outbox.begin(id)),
      sent: (id, message) => gate(() => outbox.sent(id, message)),
      again: (id, notBeforeMs, outcome) => gate(() => outbox.again(id, notBeforeMs, outcome)),
      end: (id, how) => gate(() => outbox.end(id, how)),
      sentAs: (dedupe) => gate(() => outbox.sentAs(dedupe)),
      recover: (channel) => gate(() => outbox.recover(channel)),
    },
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
}

function mortalProcesses(processes: Processes, isCrashed: () => boolean): Processes {
  const gate = async <T>(call: () => Promise<T>): Promise<T> => {
    if (isCrashed()) return never();
    const value = await call();
    return isCrashed() ? never() : value;
  };
  return {
    endOrphans: (signal) => gate(() => processes.endOrphans(signal)),
    end: (refs, signal) => gate(() => processes.end(refs, signal)),
    alive: (refs) => gate(() => processes.alive(refs)),
  };
}

/** A dead process holds no lock: whoever ends the life gives back what is left in `locks`. */
function mortalWorkspaces(workspaces: Workspaces, isCrashed: () => boolean, locks: Set<AsyncDisposable>): Workspaces {
  return {
    choose: (typed) => workspaces.choose(typed),
    async hold(path) {
      const hold = await workspaces.hold(path);
      if (hold.kind === "refused") return hold;
      if (isCrashed()) {
        await hold.lock[Symbol.asyncDispose](); // it came too late to be among those that were given back
        return never();
      }
      const lock: AsyncDisposable = {
        async [Symbol.asyncDispose]() {
          locks.delete(lock);
          await hold.lock[Symbol.asyncDispose]();
        },
      };
      locks.add(lock);
      return { kind: "held", lock };
    },
  };
}
