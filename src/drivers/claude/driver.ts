/**
 * Claude Code as a driver: its sessions, each in a warm process of its own (session-pool.ts).
 *
 * 1. A process that died, was killed or cannot become what a turn wants is replaced, and its session is resumed.
 * 2. What it is asked beside its turns ends with the driver.
 */
import type { Options } from "@anthropic-ai/claude-agent-sdk";
import type { PermissionMode } from "../../domain/permission-mode.ts";
import type { ModelChoice } from "../../domain/agent-model.ts";
import type { HostTool } from "../../domain/host-tool.ts";
import type { Asked, Clock, Driver, Log, TurnRequest } from "../../engine/ports.ts";
import type { Scan } from "../../lib/process-scan.ts";
import { createSessionPool } from "../session-pool.ts";
import { askCli, findCli, loadSdk, notLoggedIn } from "./locate.ts";
import type { ClaudeSdk, Found } from "./locate.ts";
import { createSession } from "./session.ts";
import type { ClaudeSession, SessionOptions } from "./session.ts";
import { forkSession, listSessions, ownModel } from "./transcripts.ts";
import { agentName } from "./translate.ts";
import { startTurn } from "./turn.ts";

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

type Parts = { readonly sdk: ClaudeSdk; readonly cli: string };
type Wish = SessionOptions & { readonly parts: Parts };

export function createClaudeDriver(deps: ClaudeDriverDeps): Driver {
  /** The tools of the newest turn: what a prepared process will be asked for. */
  let tools: readonly HostTool[] = [];
  /** Programs that are asked how the agent is, or what it has stored: they end with the driver. */
  const questions = new Set<Promise<unknown>>();
  const disposal = new AbortController();
  const driverMarker = `${deps.instance}.claude`;
  const pool = createSessionPool<ClaudeSession, Wish>({
    agent: "claude",
    marker: driverMarker,
    idleMax: idleProcessesMax,
    open,
    fits: (session, { workspace, ...settings }) => session.fits(workspace, settings),
    async nextWish(workspace) {
      const found = await equip();
      if (found.kind === "missing") return null;
      return { parts: found.value, workspace, resume: null, permissions: deps.permissions, model: null, tools };
    },
    scan: deps.scan,
    clock: deps.clock,
    log: deps.log,
  });
  let serial = 0;
  let equipment: Promise<Found<Parts>> | null = null;

  /** A missing part is looked for again each time: the user may have installed it meanwhile. */
  async function equip(): Promise<Found<Parts>> {
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

  function open({ parts, ...options }: Wish): ClaudeSession {
    const { environment, scan, clock } = deps;
    const settingSources = deps.settingSources ?? ["user", "project"];
    const marker = `${driverMarker}.${process.pid}.${(serial += 1)}`;
    const own = (workspace: string): Promise<ModelChoice> =>
      asked(disposal.signal, (bound) => ownModel(workspace, settingSources, environment, bound));
    return createSession({ ...parts, environment, settingSources, scan, clock, ownModel: own }, options, [
      deps.instance,
      driverMarker,
      marker,
    ]);
  }

  async function wanted(request: TurnRequest, resume: string | null): Promise<Asked<Wish>> {
    const found = await equip();
    if (found.kind === "missing") return { kind: "unavailable", fault: found.fault };
    const { workspace, permissions, model } = request;
    tools = request.tools.list;
    return { kind: "known", value: { parts: found.value, workspace, resume, permissions, model, tools } };
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
      const live = pool.alive.find((session) => session.options.workspace === workspace);
      const patience = AbortSignal.any([signal, disposal.signal]);
      const given = new Promise<null>((resolve) =>
        patience.addEventListener("abort", () => resolve(null), { once: true }),
      );
      const told = live
        ? live.models()
        : pool.prepare(workspace).then(
            (session) => session?.models() ?? null,
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

    start: (request) =>
      pool.begin(request.session.id, (lease) =>
        startTurn(request, {
          clock: deps.clock,
          log: deps.log,
          acquire: (how) => lease.take(() => wanted(request, how === "afresh" ? null : request.session.resume)),
          release: lease.release,
        }),
      ),

    prewarm: pool.prewarm,
    pool: pool.counts,
    forget: pool.forget,

    async [Symbol.asyncDispose]() {
      disposal.abort();
      await pool.dispose(questions);
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
}

/** A UUID, and never anything that a shell would read as more than a word. */
const sessionId = /^[\w-]+$/;
