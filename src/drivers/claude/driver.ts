/**
 * Claude Code as a driver: one warm process per session, a few of them, and one prepared for the next new session.
 *
 * 1. A process is never shared between sessions; a prepared one becomes the process of the session that takes it, and is replaced
 *    when that session's first turn is over.
 * 2. A process that died, was killed or was started with other options is replaced, and its session is resumed.
 * 3. Processes are bounded in number and in idle time; closing one never touches what its turns left running on purpose.
 * 4. Disposing ends everything, that included, with proof.
 */
import type { Options } from "@anthropic-ai/claude-agent-sdk";
import type { Fault } from "../../domain/faults.ts";
import type { Clock, Driver, Log, PermissionMode, TurnRequest } from "../../engine/ports.ts";
import { endProcesses } from "../../lib/process-group.ts";
import type { Scan } from "../../lib/process-scan.ts";
import { withoutCatalogue } from "../without-catalogue.ts";
import { askCli, findCli, loadSdk, notLoggedIn } from "./locate.ts";
import type { ClaudeSdk, Found } from "./locate.ts";
import { createSession } from "./session.ts";
import type { ClaudeSession, SessionOptions } from "./session.ts";
import { startTurn } from "./turn.ts";
import type { Acquired } from "./turn.ts";

export type ClaudeDriverDeps = {
  /** What the agent inherits, already without secrets of ours (I13). Its PATH is where `claude` is looked for. */
  readonly environment: Readonly<Record<string, string>>;
  /** The configured program; null to look for it. */
  readonly cli: string | null;
  /** The permission mode that a prepared process gets. */
  readonly permissions: PermissionMode;
  /** Which settings files of the user count; tests pass none. */
  readonly settingSources?: NonNullable<Options["settingSources"]>;
  /** The marker element of this instance of Signalbox. */
  readonly instance: string;
  readonly scan: Scan;
  readonly clock: Clock;
  readonly log: Log;
};

/** A warm process holds about 265 MB (measured). Four runs at once is the default cap, and two more people may come back. */
const idleProcessesMax = 6;
/** A person who comes back within this time meets a warm process; later, resuming costs 0.7 s once. */
const idleMsMax = 15 * 60_000;

/** Every process is terminated, killed after 3 s and then gone within milliseconds. */
const disposeMsMax = 15_000;

type Warm = {
  readonly session: ClaudeSession;
  /** Fires when the process is taken or closed: ends the idle bound. */
  idle: AbortController | null;
};

export function createClaudeDriver(deps: ClaudeDriverDeps): Driver {
  /** By our session id, least recently used first. */
  const warm = new Map<string, Warm>();
  /** Turns of one session come one after the other; the engine sees to it, this makes it so. */
  const lines = new Map<string, Promise<void>>();
  const closings = new Set<Promise<void>>();
  /** Programs that are asked how the agent is: they end with the driver. */
  const questions = new Set<Promise<unknown>>();
  const disposal = new AbortController();
  const driverMarker = `${deps.instance}.claude`;
  let spare: Warm | null = null;
  /** Prepared processes that were taken and not yet replaced. */
  const takers = new Set<ClaudeSession>();
  let serial = 0;
  let isDisposed = false;
  let equipment: Promise<Found<{ readonly sdk: ClaudeSdk; readonly cli: string }>> | null = null;

  /** A missing part is looked for again each time: the user may have installed it meanwhile. */
  async function equip(): Promise<Found<{ readonly sdk: ClaudeSdk; readonly cli: string }>> {
    equipment ??= (async () => {
      const sdk = await loadSdk();
      if (sdk.kind === "missing") return sdk;
      const cli = findCli(deps.cli, deps.environment["PATH"]);
      return cli.kind === "missing" ? cli : { kind: "found", value: { sdk: sdk.value, cli: cli.value } };
    })();
    const found = await equipment;
    if (found.kind === "missing") equipment = null;
    return found;
  }

  function open(parts: { readonly sdk: ClaudeSdk; readonly cli: string }, options: SessionOptions): Warm {
    const { environment, scan, clock } = deps;
    const settingSources = deps.settingSources ?? ["user", "project"];
    const marker = `${driverMarker}.${process.pid}.${(serial += 1)}`;
    const session = createSession({ ...parts, environment, settingSources, scan, clock }, options, [
      deps.instance,
      driverMarker,
      marker,
    ]);
    return { session, idle: null };
  }

  async function acquire(request: TurnRequest, resume: string | null): Promise<Acquired> {
    const id = request.session.id;
    const found = await equip();
    if (found.kind === "missing") return { kind: "unavailable", fault: found.fault };
    if (isDisposed) return { kind: "unavailable", fault: shutDown };
    const { workspace, permissions } = request;
    const own = warm.get(id);
    if (own && fits(own.session, workspace, permissions)) return taken(id, own);
    if (own) {
      warm.delete(id);
      // One writer per transcript: the next process of this session starts when the last one is gone.
      await retire(own);
      if (isDisposed) return { kind: "unavailable", fault: shutDown };
    }
    if (resume === null && spare && fits(spare.session, workspace, permissions)) {
      const prepared = spare;
      spare = null;
      takers.add(prepared.session);
      return taken(id, prepared);
    }
    try {
      return taken(id, open(found.value, { workspace, permissions, resume }));
    } catch (error) {
      return { kind: "unavailable", fault: { kind: "internal", detail: String(error) } };
    }
  }

  function taken(id: string, entry: Warm): Acquired {
    entry.idle?.abort();
    entry.idle = null;
    warm.delete(id);
    warm.set(id, entry);
    return { kind: "session", session: entry.session };
  }

  function release(id: string, session: ClaudeSession): void {
    // Now and not when it was taken: the start of a process would have slowed down the turn.
    if (takers.delete(session)) prewarm(session.options.workspace);
    const entry = warm.get(id);
    if (entry?.session !== session) return;
    if (!session.isAlive || isDisposed) {
      warm.delete(id);
      void retire(entry); // owned by `closings`
      return;
    }
    rest(entry, () => {
      if (warm.get(id) === entry) warm.delete(id);
    });
    const idle = [...warm].filter(([, other]) => other.idle !== null);
    for (const [other, eldest] of idle.slice(0, Math.max(0, idle.length - idleProcessesMax))) {
      warm.delete(other);
      void retire(eldest); // owned by `closings`
    }
  }

  /** Starts the bound of being idle. */
  function rest(entry: Warm, forgetIt: () => void): void {
    const idle = new AbortController();
    entry.idle = idle;
    // A bound: a process nobody uses gives its memory back. It is resumed when its session is used again.
    void deps.clock.sleep(idleMsMax, idle.signal).then(() => {
      if (idle.signal.aborted) return;
      forgetIt();
      void retire(entry); // owned by `closings`
    });
  }

  async function retire(entry: Warm): Promise<void> {
    entry.idle?.abort();
    const closing = entry.session.close("gently").catch((error: unknown) => {
      deps.log.error({ error }, "a process of Claude Code cannot be proven gone");
    });
    closings.add(closing);
    await closing;
    closings.delete(closing);
  }

  async function prepare(workspace: string): Promise<void> {
    if (spare && fits(spare.session, workspace, deps.permissions)) return;
    const found = await equip();
    if (found.kind === "missing" || isDisposed) return;
    if (spare && fits(spare.session, workspace, deps.permissions)) return;
    const old = spare;
    const next = open(found.value, { workspace, permissions: deps.permissions, resume: null });
    spare = next;
    const drop = (): void => {
      if (spare === next) spare = null;
    };
    rest(next, drop);
    void next.session.process.exited.then(drop); // never rejects
    if (old) await retire(old);
  }

  function prewarm(workspace: string): void {
    prepare(workspace).catch((error: unknown) => {
      deps.log.warn({ error }, "no process of Claude Code could be prepared");
    });
  }

  return {
    name: "claude",
    ...withoutCatalogue("claude"),

    async health(signal) {
      const found = await equip();
      if (found.kind === "missing") return { kind: "unavailable", fault: found.fault };
      const question = askCli(found.value.cli, deps.environment, AbortSignal.any([signal, disposal.signal]));
      questions.add(question);
      const { version, isLoggedIn } = await question;
      questions.delete(question);
      return isLoggedIn ? { kind: "ready", version } : { kind: "unavailable", fault: notLoggedIn };
    },

    start(request) {
      const id = request.session.id;
      const before = lines.get(id) ?? Promise.resolve();
      const turn = startTurn(request.prompt, {
        clock: deps.clock,
        log: deps.log,
        acquire: async (how) => {
          await before;
          return acquire(request, how === "afresh" ? null : request.session.resume);
        },
        release: (session) => release(id, session),
      });
      const line = turn.quiet.then(() => undefined);
      lines.set(id, line);
      void line.then(() => (lines.get(id) === line ? lines.delete(id) : false)); // `quiet` never rejects
      return turn;
    },

    prewarm,

    async forget(session) {
      await lines.get(session);
      const entry = warm.get(session);
      warm.delete(session);
      if (entry) await retire(entry);
    },

    async [Symbol.asyncDispose]() {
      isDisposed = true;
      disposal.abort();
      const patience = new AbortController();
      // A bound: a process that not even SIGKILL ends must not keep Signalbox from exiting. It is an orphan for the next start.
      const late = deps.clock.sleep(disposeMsMax, patience.signal);
      const done = await Promise.race([endAll().then(() => true), late.then(() => false)]);
      patience.abort();
      if (!done) deps.log.error({}, "processes of Claude Code are still alive");
    },
  };

  async function endAll(): Promise<void> {
    const all = [...warm.values(), ...(spare ? [spare] : [])];
    warm.clear();
    spare = null;
    await Promise.all([...all.map(retire), ...closings, ...questions]);
    await Promise.all(lines.values());
    // What turns left running on purpose carries the driver's marker as well.
    const query = { marker: driverMarker, roots: [] };
    await endProcesses(query, [], "SIGKILL", deps.scan, new AbortController().signal).catch((error: unknown) => {
      deps.log.error({ error }, "the process table cannot be read");
    });
  }
}

const shutDown: Fault = { kind: "internal", detail: "Signalbox is shutting down." };

function fits(session: ClaudeSession, workspace: string, permissions: PermissionMode): boolean {
  return session.isAlive && session.options.workspace === workspace && session.options.permissions === permissions;
}
