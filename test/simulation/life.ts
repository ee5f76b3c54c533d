/**
 * One life of the program: the real engine on the real store, with every promise that it waits for in the scheduler's hands. A
 * life can end at any moment: at a choice, or in the middle of one, at any call that it makes (a fuse). From then on nothing
 * that it waits for happens, what it calls does nothing, and what it had not committed is gone.
 */
import { noFiles, noIncomingFiles } from "../no-files.ts";
import type { DatabaseSync } from "node:sqlite";
import type { Driver, Engine, Log, OutboxQueue, Processes, Store, Tx, Workspaces } from "../../src/engine/ports.ts";
import type { AskId } from "../../src/domain/ask.ts";
import type { RunOwner } from "../../src/domain/run.ts";
import type { Fault, Meet } from "./faults.ts";
import { createTimetable } from "../../src/schedule/timetable.ts";
import { emptyTranscript } from "../../src/domain/transcript.ts";
import type { Incoming } from "./incoming.ts";
import type { Journal } from "./journal.ts";
import type { Machine } from "./machine.ts";
import type { Random } from "./random.ts";
import { agentNames, type Scenario } from "./scenario.ts";
import type { Scheduler } from "./scheduler.ts";
import type { ScriptedAgents } from "./scripted-driver.ts";
import type { Subject } from "./subject.ts";
import type { VirtualClock } from "./virtual-clock.ts";

export type LifeDeps = {
  readonly number: number;
  readonly subject: Subject;
  readonly database: DatabaseSync;
  readonly journal: Journal;
  /** Told when the store may have committed something. */
  readonly flushed: () => void;
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly clock: VirtualClock;
  readonly machine: Machine;
  readonly agents: ScriptedAgents;
  readonly incoming: Incoming;
  readonly scenario: Scenario;
  readonly workspace: string;
  readonly newId: () => string;
  /** A number for the next transaction. */
  readonly nextDecision: () => number;
  /**
   * The engine asks for a directory, in the very step in which it heard of the transaction `heard` (null: of none): what it knows of the
   * run's row is that old.
   */
  readonly holding: (workspace: string, heard: number | null) => void;
  readonly commitFails: () => boolean;
  readonly outboxFails: () => "before" | "after" | null;
  /** Whether this run's settlement throws now. */
  readonly isCursed: (run: RunOwner) => boolean;
  readonly meet: Meet;
  readonly log: Log;
};

export interface Life {
  readonly number: number;
  readonly engine: Engine;
  readonly outbox: OutboxQueue;
  /**
   * Writes as somebody would who once owned a run: past the engine, by every verb that a run has. Resolves with the verbs that were
   * granted, none of which is kept.
   */
  writeLate(owner: RunOwner): Promise<readonly string[]>;
  /** The timer of schedules, which a program has from its boot to its end. */
  beginTimer(): void;
  /** It ends before the engine does. */
  endTimer(): Promise<void>;
  /** Ends this life after so many further calls of the engine, in the middle of whatever it does then. */
  arm(calls: number): void;
  /** The fuse burnt down. */
  isCut(): boolean;
  /** It goes on without knowing that it was succeeded: its writes must be refused (I3). */
  haunt(): void;
  end(): void;
}

/** What waited longer than this through a time off is offered instead of run, in milliseconds. */
export const downtimeMs = 10 * 60 * 1000;

/** A promise that never settles: what a dead program waits for. */
const never = <T>(): Promise<T> => new Promise<T>(() => {});

class DiskFull extends Error {}

/** Takes back what a late writer was granted. */
class Probed extends Error {}

export async function beginLife(deps: LifeDeps): Promise<Life> {
  const { number, scheduler, database, subject } = deps;
  let state: "alive" | "cut" | "ghost" | "ended" = "alive";
  let fuse: number | null = null;
  let heard: { readonly decision: number; readonly step: number } | null = null;

  /** Counts one call of the engine; true when the program is dead by then. */
  function burn(): boolean {
    if (state === "alive" && fuse !== null) {
      fuse -= 1;
      if (fuse <= 0) state = "cut";
    }
    return state === "cut" || state === "ended";
  }

  const gate = <T>(call: () => Promise<T>): Promise<T> => (burn() ? never() : call());
  /** A ghost still reaches the database, and nothing else of the world. */
  const bodily = <T>(call: () => Promise<T>): Promise<T> => (burn() || state === "ghost" ? never() : call());

  const store = await subject.openSqliteStore({
    database,
    now: deps.clock.now,
    newId: deps.newId,
    defer: (flush) => {
      if (state === "cut" || state === "ended") return;
      const run = (): void => {
        deps.flushed();
        void flush(); // never rejects; drained within the step
      };
      scheduler.offer({ kind: "flush", label: `life ${number}`, life: number, run });
    },
  });

  /** News of a commit travels on its own: a crash may come between. */
  function news<T>(label: string, committed: Promise<T>): Promise<T> {
    return committed.then(
      (value) => scheduler.pending("resolve", label, number, () => value),
      (error: unknown) =>
        scheduler.pending("resolve", `${label} rejected`, number, () => Promise.reject<T>(error as Error)),
    );
  }

  function transact<T>(decide: (tx: Tx) => Promise<T>): Promise<T> {
    const decision = deps.nextDecision();
    const committed = store.transact(async (tx) => {
      deps.journal.mark(number, decision, deps.clock.now());
      const cursed = deps.scenario.settlementFails > 0 ? cursedTx(tx) : tx;
      const value = await decide(fuse === null ? cursed : fusedTx(cursed));
      if (deps.commitFails()) {
        deps.meet("a decision is not committed");
        throw new DiskFull("the disk is full");
      }
      return value;
    });
    return news("decision", committed).then((value) => {
      heard = { decision, step: scheduler.steps() };
      return value;
    });
  }

  function cursedTx(tx: Tx): Tx {
    return {
      ...tx,
      settleRun: async (owner, ...given) => {
        if (deps.isCursed(owner)) throw new Error("the settlement contradicts itself");
        return tx.settleRun(owner, ...given);
      },
    };
  }

  /** A program that dies inside a transaction leaves nothing of it. */
  function fusedTx(tx: Tx): Tx {
    return new Proxy(tx, {
      get: (target, name) => {
        const verb = Reflect.get(target, name) as (...given: unknown[]) => Promise<unknown>;
        return (...given: unknown[]) => {
          if (!burn()) return verb(...given);
          if (database.isTransaction) {
            deps.meet("a crash inside a transaction");
            database.exec("ROLLBACK");
          }
          return never();
        };
      },
    });
  }

  function gatedVerbs<T extends object>(verbs: T, label: string): T {
    const gated = Object.entries(verbs).map(([name, verb]: [string, (...given: unknown[]) => Promise<unknown>]) => [
      name,
      (...given: unknown[]) => gate(() => news(`${label} ${name}`, verb(...given))),
    ]);
    return Object.fromEntries(gated) as T;
  }

  /** Each verb may reject, and then it was kept or it was not. The messenger of the simulation sends every message by itself: no `behind`. */
  function failingVerbs(verbs: OutboxQueue): OutboxQueue {
    const failing = Object.entries(verbs).map(([name, verb]: [string, (...given: unknown[]) => Promise<unknown>]) => [
      name,
      async (...given: unknown[]) => {
        const when = deps.outboxFails();
        const value = when === "before" ? null : await verb(...given);
        if (when === null) return value;
        deps.meet(`${name as Exclude<keyof OutboxQueue, "behind">} fails ${when} its commit` satisfies Fault);
        throw new DiskFull("the disk is full");
      },
    ]);
    return Object.fromEntries(failing) as OutboxQueue;
  }

  const outbox = gatedVerbs(deps.scenario.outboxFails > 0 ? failingVerbs(store.outbox) : store.outbox, "outbox");
  const gatedStore: Store = {
    instance: store.instance,
    incarnation: store.incarnation,
    transact: (decide) => gate(() => transact(decide)),
    outbox,
    history: gatedVerbs(store.history, "history"),
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
  const processes = deps.machine.processes(number);
  const gatedProcesses: Processes = {
    endOrphans: (signal) => bodily(() => processes.endOrphans(signal)),
    end: (refs, signal) => bodily(() => processes.end(refs, signal)),
    alive: (refs) => bodily(() => processes.alive(refs)),
  };
  const workspaces = deps.machine.workspaces(number);
  const gatedWorkspaces: Workspaces = {
    hold: (path) =>
      bodily(() => {
        deps.holding(path, heard?.step === scheduler.steps() ? heard.decision : null);
        return workspaces.hold(path);
      }),
    choose: (typed) => bodily(() => workspaces.choose(typed)),
  };
  const drivers = agentNames.map((name): Driver => {
    const driver = deps.agents.driver(name, number);
    return {
      ...driver,
      start: (request) => (burn() || state === "ghost" ? deadTurn() : driver.start(request)),
      health: (signal) => bodily(() => driver.health(signal)),
      models: (workspace, signal) => bodily(() => driver.models(workspace, signal)),
      sessions: (workspace, limit, signal) => bodily(() => driver.sessions(workspace, limit, signal)),
      fork: (resume, workspace, signal) => bodily(() => driver.fork(resume, workspace, signal)),
    };
  });
  const driverOf = (name: string | null): Driver | null => drivers.find((driver) => driver.name === name) ?? null;
  const [first] = drivers;
  if (first === undefined) throw new Error("a world without agents");
  const clock = deps.clock.forLife(number);
  const incoming = deps.incoming.forLife(number);

  let timer: AsyncDisposable | null = null;
  const gatedClock = {
    now: clock.now,
    sleep: (ms: number, signal: AbortSignal) => gate(() => clock.sleep(ms, signal)),
  };

  const engine = subject.createEngine({
    store: gatedStore,
    processes: gatedProcesses,
    workspaces: gatedWorkspaces,
    driverFor: (lane) => driverOf(lane.driver) ?? first,
    drivers,
    openDriver: (name) => Promise.resolve(driverOf(name)),
    files: noFiles,
    incoming: {
      ...noIncomingFiles,
      read: (file, conversation, signal) => bodily(() => incoming.read(file, conversation, signal)),
    },
    clock: gatedClock,
    newId: deps.newId,
    log: deps.log,
    settings: {
      runsMax: deps.scenario.runsMax,
      permissions: "bypass",
      owners: new Set(["7"]),
      workspace: deps.workspace,
      downtimeMs,
      driverName: first.name,
      driverNames: agentNames,
      recentErrors: () => [],
      limits: deps.scenario.limits,
      terminalCommand: () => null,
      pool: () => null,
      timetable: createTimetable("UTC"),
      version: "0",
    },
  });

  async function writeLate(owner: RunOwner): Promise<readonly string[]> {
    const granted: string[] = [];
    const atMs = deps.clock.now();
    const write = store.transact(async (tx) => {
      deps.journal.mark(number, deps.nextDecision(), deps.clock.now());
      const verbs = {
        run: async () => (await tx.run(owner)) !== null,
        confirmRun: () => tx.confirmRun(owner, "late"),
        markStopping: () => tx.markStopping(owner, "user", atMs),
        quarantineRun: () => tx.quarantineRun(owner, { processes: [], note: "late" }),
        addAsk: () => tx.addAsk(owner, { id: "late" as AskId, agentId: "q1", ask: { kind: "plan", plan: "late" } }),
        settleRun: () => tx.settleRun(owner, { kind: "finished" }, emptyTranscript, atMs),
      };
      for (const [name, verb] of Object.entries(verbs)) if (await isGranted(verb)) granted.push(name);
      throw new Probed();
    });
    try {
      return await write;
    } catch (error) {
      return error instanceof Probed ? granted : []; // the whole commit was refused
    }
  }

  return {
    number,
    engine,
    outbox,
    writeLate,
    beginTimer: () => {
      timer = subject.startTimer({ engine, clock: gatedClock, log: deps.log });
    },
    endTimer: async () => {
      await timer?.[Symbol.asyncDispose]();
    },
    arm: (calls) => {
      if (state === "alive") fuse = calls;
    },
    isCut: () => state === "cut",
    haunt: () => {
      if (state === "alive") state = "ghost";
    },
    end: () => {
      state = "ended";
      if (database.isTransaction) database.exec("ROLLBACK");
    },
  };
}

/** A verb that the database itself refuses has written nothing. */
async function isGranted(verb: () => Promise<boolean>): Promise<boolean> {
  try {
    return await verb();
  } catch {
    return false;
  }
}

/** What a dead program started: nothing. */
function deadTurn() {
  return {
    events: { [Symbol.asyncIterator]: () => ({ next: () => never<IteratorResult<never>>() }) },
    steer: () => never<"too-late">(),
    answer: () => never<"too-late">(),
    interrupt: () => {},
    quiet: never<never>(),
    survivors: () => never<never>(),
    [Symbol.asyncDispose]: () => never<void>(),
  };
}
