/**
 * The warm processes of one agent: one per session, and one prepared for the next new session.
 *
 * 1. A process is never shared between sessions; a prepared one becomes the process of the session that takes it, and is replaced
 *    when that session's first turn is over.
 * 2. One writer per session: its turns come one after the other, and its next process starts when its last one is proven gone.
 *    Where that cannot be proven, none starts.
 * 3. A process is given out after a look at it: it is alive, and it is the one that was started.
 * 4. What no turn is using is bounded in number, memory and time; the least recently used goes first, the prepared one last. What a
 *    turn is using is never touched, nor what its turns left running on purpose.
 * 5. Disposing ends everything, that included, with proof; nothing is started once it has begun.
 */
import { totalmem } from "node:os";
import type { Fault } from "../domain/faults.ts";
import type { Asked, Clock, Log, PoolCounts } from "../engine/ports.ts";
import { endProcesses } from "../lib/process-group.ts";
import type { Spared } from "../lib/process-group.ts";
import type { Scan } from "../lib/process-scan.ts";
import type { AgentProcess } from "./agent-process.ts";

/** One warm process of an agent, as far as the pool has to know it. */
export type PooledSession = {
  readonly options: { readonly workspace: string };
  readonly isAlive: boolean;
  /** What earlier turns left running on purpose: no part of what closing the process would give back. */
  readonly adopted: readonly Spared[];
  readonly process: Pick<AgentProcess, "exited" | "isAsStarted" | "residentBytes">;
  /** Ends it. Resolves when that is proven, rejects when it cannot be; idempotent. */
  close(how: "gently"): Promise<void>;
};

/** What a turn wants of its process. `resume`: the agent's own id of a session to go on with; null begins one. */
export type PoolWish = { readonly workspace: string; readonly resume: string | null };

export type PoolDeps<Session extends PooledSession, Wish extends PoolWish> = {
  /** For the log. */
  readonly agent: string;
  /** Carried by every process of the pool and by whatever they start. */
  readonly marker: string;
  /** How many processes wait for their session's next turn. */
  readonly idleMax: number;
  /** Starts a process; throws when there can be none. */
  readonly open: (wish: Wish) => Session;
  /** False for a process that is not alive, too. */
  readonly fits: (session: Session, wish: Wish) => boolean;
  /** What the next new session there will want; null where there is nothing to run. */
  readonly nextWish: (workspace: string) => Promise<Wish | null>;
  /** Of all processes that no turn is using, in bytes. */
  readonly idleBytesMax?: number;
  readonly scan: Scan;
  readonly clock: Clock;
  readonly log: Log;
};

export type Taken<Session> =
  | { readonly kind: "session"; readonly session: Session }
  | { readonly kind: "unavailable"; readonly fault: Fault };

/** One turn's claim on the process of its session. */
export type Lease<Session, Wish> = {
  /**
   * Asks for the wish when it is this turn's time. Resolves, never rejects. To be called before `begin` returns; again only after a
   * release.
   */
  take(wanted: () => Promise<Asked<Wish>>): Promise<Taken<Session>>;
  /** The turn needs the process no more. */
  release(session: Session): void;
};

export type SessionPool<Session extends PooledSession, Wish extends PoolWish> = {
  /** Begins a turn of a session; `quiet` never rejects. */
  begin<Turn extends { readonly quiet: Promise<unknown> }>(
    session: string,
    start: (lease: Lease<Session, Wish>) => Turn,
  ): Turn;
  /** The prepared process, which is then right for `workspace`; null when there can be none. Rejects when it cannot be started. */
  prepare(workspace: string): Promise<Session | null>;
  /** The same as a hint: never throws, never blocks. */
  prewarm(workspace: string): void;
  /** Those of sessions, least recently used first. */
  readonly alive: readonly Session[];
  /** The one that is nobody's yet. */
  readonly prepared: Session | null;
  /** Resolves when the session has no process any more, as far as that can be proven; never rejects. */
  forget(session: string): Promise<void>;
  counts(): PoolCounts;
  /** Resolves, never rejects, within a bound. `others` is waited for as well. */
  dispose(others: Iterable<Promise<unknown>>): Promise<void>;
};

/** A person who comes back within this time meets a warm process; later, resuming costs 0.7 s (Claude Code) to 5 s (opencode) once. */
const idleMsMax = 15 * 60_000;
/**
 * As many processes as a driver keeps hold 1.6 GB (measured: 265 MB of Claude Code, 510 MB of opencode); MCP servers of a user can make
 * them many times larger.
 */
const idleBytesMaxUsual = 2 * 2 ** 30;
/** On a small machine the rest is needed by what the agents run. */
const idleShareMax = 1 / 4;
/** Every process is terminated, killed after 3 s and then gone within milliseconds. */
const disposeMsMax = 15_000;

type Entry<Session> = {
  readonly session: Session;
  /** Ours; null while it is only prepared. */
  holder: string | null;
  /** Of the turn that is using it. */
  lease: object | null;
  /** Fires when it is taken or closed: ends the bound of being idle. */
  idle: AbortController;
  ending: Promise<"gone" | "unproven"> | null;
};

export function createSessionPool<Session extends PooledSession, Wish extends PoolWish>(
  deps: PoolDeps<Session, Wish>,
): SessionPool<Session, Wish> {
  const { agent, clock, log } = deps;
  const idleBytesMax = deps.idleBytesMax ?? Math.min(idleBytesMaxUsual, totalmem() * idleShareMax);
  /** By our session id, least recently used first; those that are ending as well. */
  const entries = new Map<string, Entry<Session>>();
  /** What a session's next turn waits for. */
  const lines = new Map<string, Promise<void>>();
  /** Everything that was started here and is waited for at the end. None of it rejects. */
  const chores = new Set<Promise<unknown>>();
  /** Prepared processes that were taken and not yet replaced. */
  const takers = new Set<Session>();
  const met = { takenWarm: 0, takenPrepared: 0, started: 0 };
  let spare: Entry<Session> | null = null;
  let measuring = Promise.resolve();
  let isDisposed = false;

  const isResting = (entry: Entry<Session>): boolean => entry.lease === null && entry.ending === null;
  const resting = (): Entry<Session>[] => [...entries.values()].filter(isResting);

  function own<T>(chore: Promise<T>): Promise<T> {
    chores.add(chore);
    void chore.then(() => chores.delete(chore)); // none of them rejects
    return chore;
  }

  function line(session: string, done: Promise<unknown>): void {
    const end = done.then(() => undefined);
    lines.set(session, end);
    void end.then(() => (lines.get(session) === end ? lines.delete(session) : false)); // never rejects
  }

  // ---- a turn

  async function take(id: string, wanted: () => Promise<Asked<Wish>>, lease: object): Promise<Taken<Session>> {
    if (isDisposed) return unavailable(shutDown);
    const asked = await wanted();
    if (asked.kind === "unavailable") return asked;
    if (isDisposed) return unavailable(shutDown);
    const wish = asked.value;
    const known = entries.get(id);
    if (known !== undefined) {
      hold(known, lease);
      if (await isGood(known, wish)) return given(id, known, "takenWarm");
      if ((await retire(known)) === "unproven") return unavailable(unproven);
      if (isDisposed) return unavailable(shutDown);
    }
    const prepared = wish.resume === null ? spare : null;
    if (prepared !== null && deps.fits(prepared.session, wish)) {
      // From here on it is nobody else's, and only this session's if it is good.
      spare = null;
      hold(prepared, lease);
      assign(id, prepared);
      const good = await isGood(prepared, wish);
      if (!good) void retire(prepared); // owned
      if (isDisposed) return unavailable(shutDown);
      if (good) takers.add(prepared.session);
      if (good) return given(id, prepared, "takenPrepared");
    }
    try {
      const entry = enter(deps.open(wish));
      entry.lease = lease;
      return given(id, entry, "started");
    } catch (error) {
      return unavailable({ kind: "internal", detail: String(error) });
    }
  }

  function hold(entry: Entry<Session>, lease: object): void {
    entry.idle.abort();
    entry.lease = lease;
  }

  /** Asked again after the look: it may have died, or been closed, meanwhile. */
  async function isGood(entry: Entry<Session>, wish: Wish): Promise<boolean> {
    const seems = (): boolean => entry.ending === null && deps.fits(entry.session, wish);
    return seems() && (await entry.session.process.isAsStarted()) && seems();
  }

  function given(id: string, entry: Entry<Session>, how: keyof typeof met): Taken<Session> {
    met[how] += 1;
    assign(id, entry);
    return { kind: "session", session: entry.session };
  }

  /** As the most recently used. */
  function assign(id: string, entry: Entry<Session>): void {
    entry.holder = id;
    entries.delete(id);
    entries.set(id, entry);
  }

  function release(id: string, session: Session, lease: object): void {
    // Now and not when it was taken: the start of a process would have slowed down the turn.
    if (takers.delete(session)) prewarm(session.options.workspace);
    const entry = entries.get(id);
    // A turn that was stopped while it waited may give back what the next one has by now.
    if (entry?.session !== session || entry.lease !== lease) return;
    entry.lease = null;
    if (!session.isAlive || isDisposed) return void retire(entry); // owned
    assign(id, entry);
    rest(entry);
    trim();
  }

  // ---- processes

  function enter(session: Session): Entry<Session> {
    const entry: Entry<Session> = { session, holder: null, lease: null, idle: new AbortController(), ending: null };
    // A turn sees by itself that its process has died; what nobody is using goes at once.
    void session.process.exited.then(() => (entry.lease === null ? retire(entry) : undefined)); // neither rejects
    return entry;
  }

  /** Starts the bound of being idle. */
  function rest(entry: Entry<Session>): void {
    const idle = new AbortController();
    entry.idle = idle;
    // A bound: a process nobody uses gives its memory back. Its session is resumed when it is used again.
    void clock.sleep(idleMsMax, idle.signal).then(() => (idle.signal.aborted ? undefined : retire(entry)));
  }

  function retire(entry: Entry<Session>): Promise<"gone" | "unproven"> {
    entry.idle.abort();
    if (spare === entry) spare = null;
    entry.ending ??= own(end(entry));
    return entry.ending;
  }

  async function end(entry: Entry<Session>): Promise<"gone" | "unproven"> {
    try {
      await entry.session.close("gently");
    } catch (error) {
      log.error({ error, agent }, "an agent's process cannot be proven gone");
      return "unproven";
    }
    if (entry.holder !== null && entries.get(entry.holder) === entry) entries.delete(entry.holder);
    return "gone";
  }

  function trim(): void {
    const idle = resting();
    for (const eldest of idle.slice(0, Math.max(0, idle.length - deps.idleMax))) void retire(eldest); // owned
    measuring = own(measuring.then(trimMemory));
  }

  async function trimMemory(): Promise<void> {
    const held: { readonly entry: Entry<Session>; readonly bytes: number }[] = [];
    try {
      for (const entry of [...resting(), ...(spare === null ? [] : [spare])]) {
        held.push({ entry, bytes: await entry.session.process.residentBytes(entry.session.adopted) });
      }
    } catch (error) {
      log.warn({ error, agent }, "the memory of an agent's processes cannot be measured");
    }
    const still = held.filter(({ entry }) => isResting(entry));
    let bytes = still.reduce((sum, one) => sum + one.bytes, 0);
    for (const eldest of still) {
      if (bytes <= idleBytesMax) return;
      bytes -= eldest.bytes;
      void retire(eldest.entry); // owned
    }
  }

  async function prepare(workspace: string): Promise<Session | null> {
    const wish = await deps.nextWish(workspace);
    if (wish === null || isDisposed) return null;
    if (spare !== null && deps.fits(spare.session, wish)) return spare.session;
    const old = spare;
    const next = enter(deps.open(wish));
    spare = next;
    rest(next);
    if (old !== null) void retire(old); // owned
    return next.session;
  }

  function prewarm(workspace: string): void {
    const preparing = prepare(workspace).catch((error: unknown) => {
      log.warn({ error, agent }, "no process of an agent could be prepared");
    });
    void own(preparing);
  }

  async function endAll(others: Iterable<Promise<unknown>>): Promise<void> {
    const all = [...entries.values(), ...(spare === null ? [] : [spare])];
    await Promise.all([...all.map(retire), ...chores, ...others]);
    await Promise.all(lines.values());
    // What turns left running on purpose carries the marker as well.
    const query = { marker: deps.marker, roots: [] };
    await endProcesses(query, [], "SIGKILL", deps.scan, new AbortController().signal).catch((error: unknown) => {
      log.error({ error, agent }, "the process table cannot be read");
    });
  }

  return {
    begin(session, start) {
      const before = lines.get(session) ?? Promise.resolve();
      const lease = {};
      let taking: Promise<unknown> = before;
      const turn = start({
        take(wanted) {
          const taken = before.then(() => take(session, wanted, lease));
          taking = taken;
          return taken;
        },
        release: (process) => release(session, process, lease),
      });
      // A turn that was stopped before it was its time is quiet at once, and what it has asked for still comes.
      const end = turn.quiet.then(() => taking);
      line(
        session,
        end.then(() => before),
      );
      return turn;
    },
    prepare,
    prewarm,
    get alive() {
      return [...entries.values()].map((entry) => entry.session).filter((session) => session.isAlive);
    },
    get prepared() {
      return spare?.session ?? null;
    },
    forget(session) {
      return (lines.get(session) ?? Promise.resolve()).then(async () => {
        const entry = entries.get(session);
        if (entry === undefined) return;
        await retire(entry);
        if (entries.get(session) === entry) entries.delete(session);
      });
    },
    counts() {
      const all = [...entries.values(), ...(spare === null ? [] : [spare])].filter((entry) => entry.session.isAlive);
      return { live: all.length, idle: all.filter(isResting).length, ...met };
    },
    async dispose(others) {
      isDisposed = true;
      const patience = new AbortController();
      // A bound: a process that not even SIGKILL ends must not keep Signalbox from exiting. It is an orphan for the next start.
      const late = clock.sleep(disposeMsMax, patience.signal);
      const done = await Promise.race([endAll(others).then(() => true), late.then(() => false)]);
      patience.abort();
      if (!done) log.error({ agent }, "processes of an agent are still alive");
    },
  };
}

function unavailable(fault: Fault): { readonly kind: "unavailable"; readonly fault: Fault } {
  return { kind: "unavailable", fault };
}

export const shutDown: Fault = { kind: "internal", detail: "Signalbox is shutting down." };
const unproven: Fault = {
  kind: "internal",
  detail:
    "The last process of this session cannot be proven gone, and there must not be two. /new begins a new session.",
};
