/**
 * Claude Code as a driver: one warm process per session, a few of them, and one prepared for the next new session.
 *
 * 1. A process is never shared between sessions; a prepared one becomes the process of the session that takes it, and is replaced
 *    when that session's first turn is over.
 * 2. A process that died, was killed or cannot become what a turn wants is replaced, and its session is resumed.
 * 3. Processes are bounded in number and in idle time; closing one never touches what its turns left running on purpose.
 * 4. Disposing ends everything, that included, with proof.
 */
import type { Options } from "@anthropic-ai/claude-agent-sdk";
import type { Fault } from "../../domain/faults.ts";
import type { PermissionMode } from "../../domain/permission-mode.ts";
import type { ModelChoice } from "../../domain/agent-model.ts";
import type { HostTool } from "../../domain/host-tool.ts";
import type { Clock, Driver, Log, TurnRequest } from "../../engine/ports.ts";
import { noProcesses } from "../no-processes.ts";
import { endProcesses } from "../../lib/process-group.ts";
import type { Scan } from "../../lib/process-scan.ts";
import { askCli, findCli, loadSdk, notLoggedIn } from "./locate.ts";
import type { ClaudeSdk, Found } from "./locate.ts";
import { createSession } from "./session.ts";
import type { ClaudeSession, SessionOptions } from "./session.ts";
import type { TurnSettings } from "./settings.ts";
import { forkSession, listSessions, ownModel } from "./transcripts.ts";
import { agentName } from "./translate.ts";
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
  /** The tools of the newest turn: what a prepared process will be asked for. */
  let tools: readonly HostTool[] = [];
  /** Programs that are asked how the agent is, or what it has stored: they end with the driver. */
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
    const own = (workspace: string): Promise<ModelChoice> =>
      asked(disposal.signal, (bound) => ownModel(workspace, settingSources, environment, bound));
    const session = createSession({ ...parts, environment, settingSources, scan, clock, ownModel: own }, options, [
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
    const { workspace } = request;
    tools = request.tools.list;
    const settings: TurnSettings = { permissions: request.permissions, model: request.model, tools };
    const own = warm.get(id);
    if (own?.session.fits(workspace, settings)) return taken(id, own);
    if (own) {
      warm.delete(id);
      // One writer per transcript: the next process of this session starts when the last one is gone.
      await retire(own);
      if (isDisposed) return { kind: "unavailable", fault: shutDown };
    }
    if (resume === null && spare?.session.fits(workspace, settings)) {
      const prepared = spare;
      spare = null;
      takers.add(prepared.session);
      return taken(id, prepared);
    }
    try {
      return taken(id, open(found.value, { ...settings, workspace, resume }));
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

  /** Null when there is nothing to run; else the process that is prepared for this directory. */
  async function prepare(workspace: string): Promise<Warm | null> {
    const settings: TurnSettings = { permissions: deps.permissions, model: null, tools };
    const found = await equip();
    if (found.kind === "missing" || isDisposed) return null;
    if (spare?.session.fits(workspace, settings)) return spare;
    const old = spare;
    const next = open(found.value, { ...settings, workspace, resume: null });
    spare = next;
    const drop = (): void => {
      if (spare === next) spare = null;
    };
    rest(next, drop);
    void next.session.process.exited.then(drop); // never rejects
    if (old) await retire(old);
    return next;
  }

  function prewarm(workspace: string): void {
    prepare(workspace).catch((error: unknown) => {
      deps.log.warn({ error }, "no process of Claude Code could be prepared");
    });
  }

  return {
    name: "claude",

    async health(signal) {
      const found = await equip();
      if (found.kind === "missing") return { kind: "unavailable", fault: found.fault };
      const { version, isLoggedIn } = await asked(signal, (bound) => askCli(found.value.cli, deps.environment, bound));
      return isLoggedIn ? { kind: "ready", version } : { kind: "unavailable", fault: notLoggedIn };
    },

    async models(workspace, signal) {
      const found = await equip();
      if (found.kind === "missing") return { kind: "unavailable", fault: found.fault };
      // Any process knows it, but the settings of a workspace may narrow it down.
      const [live] = [...warm.values()].filter(
        ({ session }) => session.isAlive && session.options.workspace === workspace,
      );
      const patience = AbortSignal.any([signal, disposal.signal]);
      const given = new Promise<null>((resolve) =>
        patience.addEventListener("abort", () => resolve(null), { once: true }),
      );
      const told = live
        ? live.session.models()
        : prepare(workspace).then(
            (entry) => entry?.session.models() ?? null,
            () => null, // it could not be started
          );
      const models = patience.aborted ? null : await Promise.race([told, given]);
      if (models !== null) return { kind: "known", value: models };
      return {
        kind: "unavailable",
        fault: { kind: "agent-error", agent: agentName, detail: "it did not tell its models" },
      };
    },

    sessions: (workspace, limit, signal) =>
      asked(signal, (bound) => listSessions(workspace, limit, deps.environment, bound)),

    fork: (resume, workspace, signal) =>
      asked(signal, (bound) => forkSession(resume, workspace, deps.environment, bound)),

    terminalCommand: (resume) => (sessionId.test(resume) ? `claude --resume ${resume}` : null),

    start(request) {
      const id = request.session.id;
      const before = lines.get(id) ?? Promise.resolve();
      const turn = startTurn(request, {
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

    pool: () => noProcesses,

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

  /** Asks a program that ends with the driver. */
  async function asked<T>(signal: AbortSignal, ask: (bound: AbortSignal) => Promise<T>): Promise<T> {
    const question = ask(AbortSignal.any([signal, disposal.signal]));
    questions.add(question);
    try {
      return await question;
    } finally {
      questions.delete(question);
    }
  }

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

/** A UUID, and never anything that a shell would read as more than a word. */
const sessionId = /^[\w-]+$/;
