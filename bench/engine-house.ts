/** The real engine on the real store in a file (WAL, synchronous FULL), in this process, with the system's clock. */
import { noFiles, noIncomingFiles } from "../test/no-files.ts";
import { mkdirSync, mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ConversationId, webConversation } from "../src/domain/conversation.ts";
import type { InboxItem, ItemKey, Request } from "../src/domain/inbox-item.ts";
import type { RunId } from "../src/domain/run.ts";
import { noProcesses } from "../src/drivers/no-processes.ts";
import { withoutCatalogue } from "../src/drivers/without-catalogue.ts";
import { createWorkspaces } from "../src/drivers/workspaces.ts";
import { createEngine } from "../src/engine/engine.ts";
import type { Driver, Engine, IncomingFiles, Log, Store, Turn, TurnRequest, Workspaces } from "../src/engine/ports.ts";
import { createSystemClock } from "../src/lib/clock.ts";
import { newId } from "../src/lib/ids.ts";
import { createTimetable } from "../src/schedule/timetable.ts";
import { openSqliteStore } from "../src/store/sqlite-store.ts";

export type EngineHouse = AsyncDisposable & {
  readonly engine: Engine;
  readonly store: Store;
  /** One item in one transaction; resolves after its commit. The conversation's directory is its own. */
  accept(conversation: ConversationId, request: Request): Promise<void>;
  /** Resolves when the run has settled. To be called while the run is live. */
  settled(run: RunId): Promise<void>;
};

export type EngineHouseOptions = {
  /** Where the database is; made if it is not there. */
  readonly path: string;
  readonly driver: Driver;
  readonly runsMax: number;
  readonly workspaces: Workspaces;
  readonly workspaceOf: (conversation: ConversationId) => string;
  /** None: no file can be received. */
  readonly incoming?: IncomingFiles;
};

export async function openEngineHouse(options: EngineHouseOptions): Promise<EngineHouse> {
  const clock = createSystemClock();
  const store = await openSqliteStore({ path: options.path, now: () => clock.now(), newId });
  const engine = createEngine({
    store,
    clock,
    newId,
    log: silent,
    driverFor: () => options.driver,
    drivers: [options.driver],
    openDriver: () => Promise.resolve(null),
    files: noFiles,
    incoming: options.incoming ?? noIncomingFiles,
    workspaces: options.workspaces,
    processes: {
      endOrphans: () => Promise.resolve({ kind: "quiet" }),
      end: () => Promise.resolve({ kind: "quiet" }),
      alive: () => Promise.resolve([]),
    },
    settings: {
      runsMax: options.runsMax,
      permissions: "bypass",
      owners: new Set(["7"]),
      workspace: "/nowhere",
      downtimeMs: 600_000,
      driverName: options.driver.name,
      driverNames: [options.driver.name],
      recentErrors: () => [],
      limits: { stallMs: 600_000, retries: 0, runMsMax: null, costUsdMax: null },
      terminalCommand: () => null,
      pool: () => null,
      timetable: createTimetable("UTC"),
      version: "bench",
    },
  });
  await engine.boot();
  const unsettled = new Map<ConversationId, { readonly run: RunId; readonly resolve: () => void }>();
  const watching = engine.watch({
    progressed: () => undefined,
    changed: (conversation) => {
      const waiting = unsettled.get(conversation);
      if (waiting === undefined || engine.snapshot(waiting.run) !== null) return;
      unsettled.delete(conversation);
      waiting.resolve();
    },
  });
  return {
    engine,
    store,
    async accept(conversation, request) {
      await engine.accept([itemOf(conversation, request)], { workspace: options.workspaceOf(conversation) });
    },
    settled(run) {
      const snapshot = engine.snapshot(run);
      if (snapshot === null) return Promise.resolve();
      return new Promise((resolve) => unsettled.set(snapshot.owner.conversation, { run, resolve }));
    },
    async [Symbol.asyncDispose]() {
      watching[Symbol.dispose]();
      await engine[Symbol.asyncDispose]();
      await store[Symbol.asyncDispose]();
    },
  };
}

export const promptOf = (text: string): Request => ({ kind: "prompt", placement: "queue", prompt: { text } });

export function itemOf(conversation: ConversationId, request: Request): InboxItem {
  return {
    key: `bench:${newId()}` as ItemKey,
    conversation,
    user: "7",
    message: null,
    priority: "interactive",
    request,
    sentAtMs: Date.now(),
  };
}

export const conversationsOf = (count: number): readonly ConversationId[] =>
  Array.from({ length: count }, (_, index) => webConversation(`thread-${index}`));

/** Every turn has ended and is quiet when it starts. `onStart` may not throw. */
export function createEmptyDriver(onStart: (request: TurnRequest) => void): Driver {
  return {
    name: "empty",
    ...withoutCatalogue("empty"),
    health: () => Promise.resolve({ kind: "ready", version: "1" }),
    start(request) {
      onStart(request);
      return emptyTurn();
    },
    prewarm: () => undefined,
    pool: () => noProcesses,
    forget: () => Promise.resolve(),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

function emptyTurn(): Turn {
  async function* events(): AsyncGenerator<{ kind: "ended"; end: { kind: "completed"; answer: string } }, void, void> {
    yield { kind: "ended", end: { kind: "completed", answer: "It is done." } };
  }
  return {
    events: events(),
    steer: () => Promise.resolve("too-late"),
    answer: () => Promise.resolve("too-late"),
    interrupt: () => undefined,
    quiet: Promise.resolve({ adopted: [] }),
    survivors: () => Promise.resolve({ processes: [], note: "" }),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

/** Directories that nobody checks or locks. */
export const freeWorkspaces: Workspaces = {
  choose: (typed) => Promise.resolve({ kind: "ok", path: typed }),
  hold: () => Promise.resolve({ kind: "held", lock: { [Symbol.asyncDispose]: () => Promise.resolve() } }),
};

export type Scratch = Disposable & {
  readonly path: string;
  /** A directory below it, made if it is not there. */
  directory(name: string): string;
  /** Directories below it, with the operating system's lock that the product takes. */
  readonly workspaces: Workspaces;
};

export function createScratch(): Scratch {
  const path = realpathSync(mkdtempSync(join(tmpdir(), "signalbox-bench-")));
  const made = new Set<string>(); // asked for again and again, in the middle of what is measured
  const directory = (name: string): string => {
    const whole = join(path, name);
    if (!made.has(whole)) mkdirSync(whole, { recursive: true });
    made.add(whole);
    return whole;
  };
  return {
    path,
    directory,
    workspaces: createWorkspaces({ tmpDir: path, uid: process.getuid?.() ?? 0 }),
    [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }),
  };
}

export const silent: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};
