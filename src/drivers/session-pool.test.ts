import { expect, test } from "vitest";
import type { Asked, Clock, Log } from "../engine/ports.ts";
import type { Scan } from "../lib/process-scan.ts";
import type { AgentExit } from "./agent-process.ts";
import { createSessionPool } from "./session-pool.ts";
import type { Lease, PoolDeps, PooledSession, Taken } from "./session-pool.ts";

type Wish = { readonly workspace: string; readonly resume: string | null; readonly mode?: string };

/** A process that does what the test says. */
type Fake = PooledSession & {
  readonly name: string;
  readonly mode: string;
  /** Told to end; gone only when the test says so. */
  readonly isClosing: boolean;
  /** What the process table says of it. */
  look: Promise<boolean>;
  bytes: number;
  die(): void;
  /** Ends the closing: proven gone, or not. */
  proveGone(): void;
  failProof(): void;
};

function fake(name: string, wish: Wish, endsAtOnce: boolean): Fake {
  const exited = Promise.withResolvers<AgentExit>();
  const proof = Promise.withResolvers<void>();
  let isClosing = false;
  let isRunning = true;
  const exit = (): void => {
    isRunning = false;
    exited.resolve({ code: 0, signal: null, failure: null, stderr: "" });
  };
  const session: Fake = {
    name,
    mode: wish.mode ?? "plain",
    options: { workspace: wish.workspace },
    adopted: [],
    get isAlive() {
      return isRunning && !isClosing;
    },
    get isClosing() {
      return isClosing;
    },
    look: Promise.resolve(true),
    bytes: 0,
    process: {
      exited: exited.promise,
      isAsStarted: () => session.look,
      residentBytes: () => Promise.resolve(session.bytes),
    },
    close() {
      isClosing = true;
      if (endsAtOnce || !isRunning) session.proveGone();
      return proof.promise;
    },
    die: exit,
    proveGone() {
      exit();
      proof.resolve();
    },
    failProof: () => proof.reject(new Error("no process table")),
  };
  return session;
}

/** Sleepers wake when the test says that their time is up. */
function manualClock(): Clock & { pass(ms: number): Promise<void>; readonly waiting: number } {
  let nowMs = 0;
  const sleepers = new Set<{ readonly atMs: number; readonly wake: () => void }>();
  return {
    now: () => nowMs,
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        if (signal.aborted) return resolve();
        const sleeper = {
          atMs: nowMs + ms,
          wake: () => {
            sleepers.delete(sleeper);
            resolve();
          },
        };
        sleepers.add(sleeper);
        signal.addEventListener("abort", sleeper.wake, { once: true });
      }),
    get waiting() {
      return sleepers.size;
    },
    async pass(ms) {
      nowMs += ms;
      for (const sleeper of sleepers) if (sleeper.atMs <= nowMs) sleeper.wake();
      await settled();
    },
  };
}

/** Everything that can go on without a step of the test has gone on. */
async function settled(): Promise<void> {
  for (let round = 0; round < 5; round += 1) await new Promise((resolve) => setImmediate(resolve));
}

const noProcess: Scan = () => Promise.resolve({ byPid: new Map(), unsure: new Set(), carries: () => false });

function stage(more: Partial<PoolDeps<Fake, Wish>> & { readonly endsAtOnce?: boolean } = {}) {
  const clock = manualClock();
  const started: Fake[] = [];
  const errors: string[] = [];
  const log: Log = {
    debug: () => undefined,
    info: () => undefined,
    warn: () => undefined,
    error: (_fields, message) => void errors.push(message),
  };
  const pool = createSessionPool<Fake, Wish>({
    agent: "fake",
    marker: "m",
    idleMax: 2,
    idleBytesMax: 1_000,
    open(wish) {
      const session = fake(`p${started.length + 1}`, wish, more.endsAtOnce ?? true);
      started.push(session);
      return session;
    },
    fits: (session, { workspace, mode }) =>
      session.isAlive && session.options.workspace === workspace && session.mode === (mode ?? "plain"),
    nextWish: (workspace) => Promise.resolve({ workspace, resume: null }),
    scan: noProcess,
    clock,
    log,
    ...more,
  });

  /** A turn of the session, which goes on until the test ends it. */
  function begin(session: string, wish: Partial<Wish> = {}, wanted?: () => Promise<Asked<Wish>>) {
    const quiet = Promise.withResolvers<void>();
    const taken: { now: Taken<Fake> | null } = { now: null };
    let claim: Lease<Fake, Wish> | null = null;
    const turn = pool.begin(session, (lease) => {
      claim = lease;
      const want = { workspace: "/w", resume: null, ...wish };
      const take = lease.take(wanted ?? (() => Promise.resolve({ kind: "known", value: want })));
      return { quiet: quiet.promise, take };
    });
    void turn.take.then((given) => (taken.now = given));
    return {
      taken: turn.take,
      /** What it has been given until now. */
      get now() {
        return taken.now === null ? "waits" : taken.now.kind === "session" ? taken.now.session.name : "refused";
      },
      async process(): Promise<Fake> {
        const given = await turn.take;
        if (given.kind === "unavailable") throw new Error(JSON.stringify(given.fault));
        return given.session;
      },
      release(process: Fake): void {
        claim?.release(process);
      },
      /** As a turn that is over. */
      async end(): Promise<Fake> {
        const given = await turn.take;
        if (given.kind === "session") claim?.release(given.session);
        quiet.resolve();
        await settled();
        return given.kind === "session" ? given.session : started[0]!;
      },
      becomeQuiet: quiet.resolve,
    };
  }
  return { pool, clock, started, errors, begin };
}

const idleMs = 15 * 60_000;

test("a session meets its own process again, and never another session's", async () => {
  const { begin, pool, started } = stage();
  const [one, two] = [begin("a"), begin("b")];
  expect((await one.process()).name).toBe("p1");
  expect((await two.process()).name).toBe("p2");
  await one.end();
  await two.end();
  expect((await begin("b").process()).name).toBe("p2");
  expect((await begin("a").process()).name).toBe("p1");
  expect(started).toHaveLength(2);
  expect(pool.counts()).toEqual({ live: 2, idle: 0, takenWarm: 2, takenPrepared: 0, started: 2 });
});

test("the turns of a session come one after the other", async () => {
  const { begin } = stage();
  const first = begin("a");
  const second = begin("a");
  await settled();
  expect([first.now, second.now]).toEqual(["p1", "waits"]);
  await first.end();
  expect(second.now).toBe("p1");
});

test("a turn stopped while it waited for its time does not give back what the turn after it is using", async () => {
  const { begin, clock, started, pool } = stage();
  const first = begin("a");
  await first.process();
  const stopped = begin("a");
  stopped.becomeQuiet();
  const third = begin("a");
  await settled();
  expect([stopped.now, third.now]).toEqual(["waits", "waits"]);
  await first.end();
  expect(third.now).toBe("p1");
  stopped.release(await stopped.process());
  await clock.pass(idleMs);
  expect(started[0]?.isClosing).toBe(false);
  expect(pool.counts()).toMatchObject({ live: 1, idle: 0 });
});

test("a turn waits for what a stopped one before it has still asked for", async () => {
  const { begin } = stage();
  await begin("a").end();
  const wanted = Promise.withResolvers<Asked<Wish>>();
  const stopped = begin("a", {}, () => wanted.promise);
  stopped.becomeQuiet();
  const next = begin("a");
  await settled();
  expect(next.now).toBe("waits");
  wanted.resolve({ kind: "known", value: { workspace: "/w", resume: null } });
  expect([(await stopped.process()).name, (await next.process()).name]).toEqual(["p1", "p1"]);
});

test("a process that cannot become what a turn wants is replaced when it is proven gone, and not before", async () => {
  const { begin, started } = stage({ endsAtOnce: false });
  await begin("a").end();
  const next = begin("a", { mode: "other", resume: "memory" });
  await settled();
  expect(started[0]?.isClosing).toBe(true);
  expect([next.now, started.length]).toEqual(["waits", 1]);
  started[0]?.proveGone();
  expect((await next.process()).name).toBe("p2");
});

test("where a process cannot be proven gone, its session gets no second one until it is forgotten", async () => {
  const { begin, started, errors, pool } = stage({ endsAtOnce: false });
  await begin("a").end();
  const next = begin("a", { mode: "other" });
  await settled();
  started[0]?.failProof();
  expect((await next.taken).kind).toBe("unavailable");
  next.becomeQuiet();
  const again = begin("a");
  expect((await again.taken).kind).toBe("unavailable");
  again.becomeQuiet();
  expect(errors).toEqual(["an agent's process cannot be proven gone"]);
  await pool.forget("a");
  expect((await begin("a").process()).name).toBe("p2");
});

test("a process that died, or is not the one that was started, is not given out", async () => {
  const { begin, started } = stage();
  await begin("a").end();
  started[0]!.look = Promise.resolve(false);
  expect((await begin("a", { resume: "memory" }).end()).name).toBe("p2");
  started[1]!.die();
  expect((await begin("a", { resume: "memory" }).process()).name).toBe("p3");
});

test("a process that dies while it is being looked at is not given out", async () => {
  const { begin, started } = stage();
  await begin("a").end();
  const look = Promise.withResolvers<boolean>();
  started[0]!.look = look.promise;
  const next = begin("a");
  await settled();
  started[0]!.die();
  look.resolve(true);
  expect((await next.process()).name).toBe("p2");
});

test("a process that died while nobody was using it is gone from the counts and no longer waited for", async () => {
  const { begin, started, pool, clock } = stage();
  await begin("a").end();
  started[0]?.die();
  await settled();
  expect(pool.counts()).toMatchObject({ live: 0, idle: 0 });
  expect(clock.waiting).toBe(0);
});

// ---- bounds

test("a process that nobody uses for a quarter of an hour is closed, and a use begins that time anew", async () => {
  const { begin, clock, started } = stage();
  await begin("a").end();
  await clock.pass(idleMs - 1);
  await begin("a").end();
  await clock.pass(idleMs - 1);
  expect(started[0]?.isClosing).toBe(false);
  await clock.pass(1);
  expect(started[0]?.isClosing).toBe(true);
});

test("a process that a turn is using is not closed, however long that takes", async () => {
  const { begin, clock, started } = stage();
  await begin("a").end();
  await begin("a").process();
  await clock.pass(10 * idleMs);
  expect(started[0]?.isClosing).toBe(false);
});

test("a turn that comes while the idle time runs out waits for the end of that process", async () => {
  const { begin, clock, started } = stage({ endsAtOnce: false });
  await begin("a").end();
  await clock.pass(idleMs);
  const next = begin("a", { resume: "memory" });
  await settled();
  expect([next.now, started.length]).toEqual(["waits", 1]);
  started[0]?.proveGone();
  expect((await next.process()).name).toBe("p2");
});

test("a turn that comes just before the idle time runs out keeps its process", async () => {
  const { begin, clock, started } = stage();
  await begin("a").end();
  const look = Promise.withResolvers<boolean>();
  started[0]!.look = look.promise;
  const next = begin("a");
  await settled();
  await clock.pass(idleMs);
  look.resolve(true);
  expect((await next.process()).name).toBe("p1");
});

test("of too many idle processes the one that was used longest ago goes, and never one that is used", async () => {
  const { begin, started } = stage();
  await begin("used").process();
  for (const session of ["a", "b", "c"]) await begin(session).end();
  expect(started.map((one) => one.isClosing)).toEqual([false, true, false, false]);
  await begin("b").end();
  await begin("d").end();
  expect(started.map((one) => one.isClosing)).toEqual([false, true, false, true, false]);
});

test("a long turn that has just ended is the most recently used one", async () => {
  const { begin, started } = stage();
  const long = begin("long");
  await long.process();
  await begin("a").end();
  await begin("b").end();
  await long.end();
  expect(started.map((one) => one.isClosing)).toEqual([false, true, false]);
});

test("of idle processes that hold too much memory the one that was used longest ago goes, the prepared one last", async () => {
  const { begin, started, pool } = stage({ idleMax: 9 });
  await pool.prepare("/elsewhere");
  started[0]!.bytes = 300;
  const turns = ["a", "b"].map((session) => begin(session));
  for (const turn of turns) (await turn.process()).bytes = 400;
  await turns[0]?.end();
  expect(started.map((one) => one.isClosing)).toEqual([false, false, false]);
  await turns[1]?.end();
  expect(started.map((one) => one.isClosing)).toEqual([false, true, false]);
  started[0]!.bytes = 5_000;
  await begin("b").end();
  expect(started.map((one) => one.isClosing)).toEqual([true, true, true]);
});

test("what is taken while memory is being measured stays", async () => {
  const { begin, started } = stage({ idleMax: 9 });
  const first = begin("a");
  const process = await first.process();
  const measured = Promise.withResolvers<number>();
  Object.assign(process.process, { residentBytes: () => measured.promise });
  await first.end();
  const next = begin("a");
  await next.process();
  measured.resolve(5_000);
  await settled();
  expect(started[0]?.isClosing).toBe(false);
});

// ---- the prepared one

test("a new session takes the prepared process, which is replaced when that turn is over", async () => {
  const { begin, pool, started } = stage();
  pool.prewarm("/w");
  await settled();
  const turn = begin("a");
  expect((await turn.process()).name).toBe("p1");
  await settled();
  expect(started).toHaveLength(1);
  await turn.end();
  expect(started).toHaveLength(2);
  expect((await begin("b").end()).name).toBe("p2");
  expect(pool.counts()).toEqual({ live: 3, idle: 3, takenWarm: 0, takenPrepared: 2, started: 0 });
});

test("the prepared process is for new sessions of its directory alone", async () => {
  const { begin, pool } = stage();
  await pool.prepare("/w");
  expect((await begin("a", { resume: "memory" }).process()).name).toBe("p2");
  expect((await begin("b", { workspace: "/x" }).process()).name).toBe("p3");
  expect((await begin("c", { mode: "other" }).process()).name).toBe("p4");
  expect(pool.prepared?.name).toBe("p1");
});

test("two new sessions that come together share no process", async () => {
  const { begin, pool } = stage();
  await pool.prepare("/w");
  const [one, two] = [begin("a"), begin("b")];
  expect(new Set([(await one.process()).name, (await two.process()).name])).toEqual(new Set(["p1", "p2"]));
});

test("a prepared process that died is not given out, nor one that turns out to be another", async () => {
  const { begin, pool, started } = stage();
  await pool.prepare("/w");
  started[0]?.die();
  await settled();
  expect(pool.prepared).toBeNull();
  await pool.prepare("/w");
  started[1]!.look = Promise.resolve(false);
  expect((await begin("a").process()).name).toBe("p3");
  expect(started[1]?.isClosing).toBe(true);
});

test("preparing twice for a directory starts one process, and for another directory replaces it", async () => {
  const { pool, started } = stage();
  pool.prewarm("/w");
  pool.prewarm("/w");
  await settled();
  expect(started).toHaveLength(1);
  expect((await pool.prepare("/x"))?.name).toBe("p2");
  expect(started.map((one) => one.isClosing)).toEqual([true, false]);
  expect(pool.prepared?.name).toBe("p2");
});

test("a prepared process that nobody takes is closed after the idle time", async () => {
  const { pool, started, clock } = stage();
  await pool.prepare("/w");
  await clock.pass(idleMs);
  expect([started[0]?.isClosing, pool.prepared]).toEqual([true, null]);
});

// ---- forgetting and disposing

test("to forget a session waits for its turn and closes its process; a turn that comes meanwhile waits for that", async () => {
  const { begin, pool, started } = stage({ endsAtOnce: false });
  const turn = begin("a");
  await turn.process();
  const forgotten = pool.forget("a");
  const next = begin("a");
  await settled();
  expect(started[0]?.isClosing).toBe(false);
  await turn.end();
  expect([started[0]?.isClosing, next.now, started.length]).toEqual([true, "waits", 1]);
  started[0]?.proveGone();
  await forgotten;
  expect((await next.process()).name).toBe("p2");
});

test("nothing is started once the pool is being disposed of, whatever was under way", async () => {
  const wish = Promise.withResolvers<Wish | null>();
  const { begin, pool, started } = stage({ nextWish: () => wish.promise });
  await begin("a").end();
  started[0]!.look = new Promise(() => undefined);
  const wanted = Promise.withResolvers<Asked<Wish>>();
  const late = begin("b", {}, () => wanted.promise);
  pool.prewarm("/w");
  await settled();
  const disposed = pool.dispose([]);
  wanted.resolve({ kind: "known", value: { workspace: "/w", resume: null } });
  wish.resolve({ workspace: "/w", resume: null });
  expect((await late.taken).kind).toBe("unavailable");
  late.becomeQuiet();
  await disposed;
  expect(started.map((one) => one.isClosing)).toEqual([true]);
  expect((await begin("c").taken).kind).toBe("unavailable");
  expect(await pool.prepare("/w")).toBeNull();
  expect(started).toHaveLength(1);
});

test("a process that is being looked at when the pool is disposed of is closed and not given out", async () => {
  const { begin, pool, started } = stage();
  await pool.prepare("/w");
  const look = Promise.withResolvers<boolean>();
  started[0]!.look = look.promise;
  const turn = begin("a");
  await settled();
  const disposed = pool.dispose([]);
  await settled();
  expect(started[0]?.isClosing).toBe(true);
  look.resolve(true);
  expect((await turn.taken).kind).toBe("unavailable");
  turn.becomeQuiet();
  await disposed;
});

test("disposing resolves when every process is proven gone and every turn quiet, or after its bound, which is told", async () => {
  const { begin, pool, started, errors } = stage({ endsAtOnce: false });
  const turn = begin("a");
  await turn.process();
  await begin("b").end();
  let isDone = false;
  const disposed = pool.dispose([]).then(() => (isDone = true));
  await settled();
  expect(started.map((one) => one.isClosing)).toEqual([true, true]);
  started[0]?.proveGone();
  await settled();
  expect(isDone).toBe(false);
  started[1]?.proveGone();
  await settled();
  expect(isDone).toBe(false);
  await turn.end();
  await disposed;
  expect(errors).toEqual([]);

  const stuck = stage({ endsAtOnce: false });
  await stuck.begin("a").end();
  const given = stuck.pool.dispose([]);
  await stuck.clock.pass(15_000);
  await given;
  expect(stuck.errors).toEqual(["processes of an agent are still alive"]);
});
