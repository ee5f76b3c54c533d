/**
 * Any agent that speaks the Agent Client Protocol, as a driver: which one is configuration.
 *
 * 1. Each session has a process of its own (session-pool.ts), though the protocol could share one: so a marker per process tells which
 *    commands belong to which session, also where the agent leaves children alive after a stop.
 * 2. A process that died or was killed is replaced, and its session is taken up again where the agent can; else it begins anew and says so.
 * 3. What it is asked beside its turns ends with the driver.
 */
import { methods } from "@agentclientprotocol/sdk";
import type { StoredSession } from "../../domain/agent-session.ts";
import type { Fault } from "../../domain/faults.ts";
import type { HostTool } from "../../domain/host-tool.ts";
import type { PermissionMode } from "../../domain/permission-mode.ts";
import type { Asked, Clock, Driver, Log, TurnRequest } from "../../engine/ports.ts";
import { closeAgent } from "../agent-process.ts";
import { createSessionPool, shutDown } from "../session-pool.ts";
import type { Scan } from "../../lib/process-scan.ts";
import { connect } from "./connection.ts";
import type { AcpConnection } from "./connection.ts";
import { decodeSessionId, decodeSessions } from "./decode.ts";
import type { WireAgent } from "./decode.ts";
import { createHostToolsServer } from "./host-tools.ts";
import { knownAgents } from "./known-agents.ts";
import { createSession } from "./session.ts";
import type { AcpSession, SessionDeps, SessionOptions } from "./session.ts";
import { deathOf, faultOf, strangerFault } from "./translate.ts";
import type { AgentTitle } from "./translate.ts";
import { startTurn } from "./turn.ts";

/** An agent, as it is configured. */
export type AcpAgent = {
  /** Names the driver: "opencode". */
  readonly name: string;
  /** For people: "OpenCode". */
  readonly title: string;
  readonly command: string;
  readonly args: readonly string[];
  /** Added to what every agent inherits. */
  readonly env: Readonly<Record<string, string>>;
  /**
   * What the agent's environment needs beside that so that its user's own finer rules have the last word; null where it has them anyway.
   * In plan mode they have not: what they allow would be done there without asking.
   */
  readonly ownRules: ((environment: Readonly<Record<string, string>>) => Readonly<Record<string, string>>) | null;
  /** What to do when it is not logged in. */
  readonly loginRemedy: string;
  /** The line that goes on with a session in the terminal, with `{session}` for its id; null where it has no such thing. */
  readonly terminal: string | null;
  /** The agent's own name of a permission mode; chosen where it offers it. The others are its mode at the beginning. */
  readonly modes: Readonly<Partial<Record<PermissionMode, string>>>;
};

export type AcpDriverDeps = {
  readonly agent: AcpAgent;
  /** What the agent inherits, already without secrets of ours (I13). */
  readonly environment: Readonly<Record<string, string>>;
  /** The tools that every turn has (their calls are the turn's own). */
  readonly tools: readonly HostTool[];
  /** Of this program. */
  readonly version: string;
  /** The marker element of this instance of Signalbox. */
  readonly instance: string;
  readonly scan: Scan;
  readonly clock: Clock;
  readonly log: Log;
};

/** A warm process holds 260 MB (gemini-cli) to 510 MB (opencode), and 45 MB for the pipe of our tools (measured). */
const idleProcessesMax = 3;
/** Pages of a list of sessions that are asked for: an agent that never stops must not be asked for ever. */
const listPagesMax = 20;

type Wish = Omit<SessionOptions, "rules"> & Pick<TurnRequest, "permissions">;

export function createAcpDriver(deps: AcpDriverDeps): Driver {
  const { agent, clock, scan } = deps;
  const title: AgentTitle = { name: agent.title, loginRemedy: agent.loginRemedy };
  // A marker's element may hold no comma, and a configured name is the user's own.
  const driverMarker = `${deps.instance}.${agent.name.replaceAll(/[^\w-]/g, "_")}`;
  const tools = createHostToolsServer();
  /** Programs that are asked one thing: they end with the driver. */
  const questions = new Set<Promise<unknown>>();
  const disposal = new AbortController();
  let serial = 0;

  const sessionDeps: SessionDeps = {
    command: agent.command,
    args: agent.args,
    environment: { ...deps.environment, ...agent.env },
    version: deps.version,
    scan,
    clock,
    title,
    tools,
    toolList: deps.tools,
  };

  const ownEnvironment = { ...sessionDeps.environment, ...agent.ownRules?.(sessionDeps.environment) };

  function rulesOf(permissions: PermissionMode): SessionOptions["rules"] {
    return agent.ownRules !== null && permissions !== "plan" ? "own" : "asked";
  }

  /**
   * What its user's rules allow, or an allowance that it was given for its session, would let an agent change things in plan mode: that
   * needs a fresh process.
   */
  function fits(session: AcpSession, { workspace, permissions }: Wish): boolean {
    if (!session.isAlive || session.options.workspace !== workspace) return false;
    if (session.options.rules !== rulesOf(permissions)) return false;
    return permissions !== "plan" || !session.hasStandingAllowance;
  }

  function markers(): readonly [...string[], string] {
    return [deps.instance, driverMarker, `${driverMarker}.${process.pid}.${(serial += 1)}`];
  }

  const pool = createSessionPool<AcpSession, Wish>({
    agent: agent.name,
    marker: driverMarker,
    idleMax: idleProcessesMax,
    open: ({ workspace, resume, permissions }) => {
      const rules = rulesOf(permissions);
      const environment = rules === "own" ? ownEnvironment : sessionDeps.environment;
      return createSession({ ...sessionDeps, environment }, { workspace, resume, rules }, markers());
    },
    fits,
    nextWish: (workspace) => Promise.resolve({ workspace, resume: null, permissions: "ask" }),
    scan,
    clock,
    log: deps.log,
  });

  /** A session that can be asked: one that is there, or a prepared one. */
  async function consultant(workspace: string, signal: AbortSignal): Promise<Asked<AcpSession>> {
    const session = pool.alive.find((one) => one.agent !== null) ?? (await pool.prepare(workspace));
    if (session === null) return { kind: "unavailable", fault: shutDown };
    const start = await Promise.race([session.ready, fired(signal)]);
    if (start === "fired") return { kind: "unavailable", fault: gaveUp };
    switch (start.kind) {
      case "ready":
        return { kind: "known", value: session };
      case "refused":
        return { kind: "unavailable", fault: start.fault };
      case "dead":
        return { kind: "unavailable", fault: deathOf(await session.process.exited, title) };
      default:
        return start satisfies never;
    }
  }

  /** Starts the agent for one question, without a session; it is gone, with proof, when this resolves. Never rejects. */
  async function question<T>(
    cwd: string,
    signal: AbortSignal,
    work: (connection: AcpConnection, agent: WireAgent) => Promise<Asked<T>>,
  ): Promise<Asked<T>> {
    const connection = connect(sessionDeps, cwd, markers(), {
      update: () => undefined,
      permission: () => Promise.resolve(null),
    });
    const answer = await Promise.race([asked(connection, work), fired(AbortSignal.any([signal, disposal.signal]))]);
    connection.process.signal(answer === "fired" ? "SIGKILL" : "SIGTERM");
    try {
      await closeAgent(connection.process, [], "gently", clock);
    } catch (error) {
      deps.log.error({ error, agent: agent.name }, "the process table cannot be read");
    }
    return answer === "fired" ? { kind: "unavailable", fault: gaveUp } : answer;
  }

  async function asked<T>(
    connection: AcpConnection,
    work: (connection: AcpConnection, agent: WireAgent) => Promise<Asked<T>>,
  ): Promise<Asked<T>> {
    const introduced = await connection.introduced;
    switch (introduced.kind) {
      case "agent":
        return work(connection, introduced.agent);
      case "stranger":
        return { kind: "unavailable", fault: strangerFault(introduced.said, title) };
      case "refused":
        return { kind: "unavailable", fault: faultOf(introduced.error, title) };
      case "dead":
        return { kind: "unavailable", fault: deathOf(await connection.process.exited, title) };
      default:
        return introduced satisfies never;
    }
  }

  async function owned<T>(work: Promise<T>): Promise<T> {
    questions.add(work);
    try {
      return await work;
    } finally {
      questions.delete(work);
    }
  }

  const lacks = (what: string): { readonly kind: "unavailable"; readonly fault: Fault } => ({
    kind: "unavailable",
    fault: { kind: "unsupported", agent: agent.title, what },
  });

  return {
    name: agent.name,

    async health(signal) {
      if (disposal.signal.aborted) return { kind: "unavailable", fault: shutDown };
      const known = [...pool.alive, pool.prepared].find((session) => session?.isAlive)?.agent ?? null;
      if (known !== null) return { kind: "ready", version: known.version };
      // Whether somebody is logged in is only known when a session begins.
      const answer = await owned(
        question(process.cwd(), signal, (_connection, { version }) =>
          Promise.resolve({ kind: "known", value: version }),
        ),
      );
      return answer.kind === "known" ? { kind: "ready", version: answer.value } : answer;
    },

    async models(workspace, signal) {
      const session = await owned(consultant(workspace, signal));
      if (session.kind === "unavailable") return session;
      const { models } = session.value;
      return models.length === 0 ? lacks("choosing a model") : { kind: "known", value: models };
    },

    async sessions(workspace, limit, signal) {
      const session = await owned(consultant(workspace, signal));
      if (session.kind === "unavailable") return session;
      if (session.value.agent?.can.list !== true) return lacks("listing its sessions");
      return owned(list(session.value, workspace, limit));
    },

    async fork(resume, workspace, signal) {
      if (disposal.signal.aborted) return { kind: "unavailable", fault: shutDown };
      return owned(
        question<string>(workspace, signal, async (connection, { can }) => {
          if (!can.fork) return lacks("copying a session");
          const where = { cwd: workspace, mcpServers: [] };
          const forked = await connection.ask("session/fork", { ...where, sessionId: resume });
          return forked.kind === "answered"
            ? { kind: "known", value: decodeSessionId(forked.value) }
            : { kind: "unavailable", fault: faultOf(forked.error, title) };
        }),
      );
    },

    terminalCommand: (resume) => agent.terminal?.replaceAll("{session}", quoted(resume)) ?? null,

    start: (request) =>
      pool.begin(request.session.id, (lease) =>
        startTurn(request, {
          title,
          modes: agent.modes,
          clock,
          log: deps.log,
          acquire: () => lease.take(() => Promise.resolve({ kind: "known", value: wishOf(request) })),
          release: lease.release,
        }),
      ),

    prewarm: pool.prewarm,
    pool: pool.counts,
    forget: pool.forget,

    async [Symbol.asyncDispose]() {
      disposal.abort();
      await pool.dispose(questions);
      await tools[Symbol.asyncDispose]();
    },
  };

  async function list(session: AcpSession, workspace: string, limit: number): Promise<Asked<readonly StoredSession[]>> {
    const unused = pool.prepared === null ? "" : await idOf(pool.prepared);
    const found: StoredSession[] = [];
    let cursor: string | null = null;
    for (let page = 1; page <= listPagesMax && found.length < limit; page += 1) {
      const params = { cwd: workspace, ...(cursor === null ? {} : { cursor }) };
      const answer = await session.ask(methods.agent.session.list, params);
      if (answer.kind === "refused") return { kind: "unavailable", fault: faultOf(answer.error, title) };
      for (const one of decodeSessions(answer.value)) {
        // The prepared one is nobody's yet.
        if (one.workspace !== workspace || one.id === unused) continue;
        found.push({ resume: one.id, workspace, title: one.title, preview: null, updatedAtMs: one.updatedAtMs });
      }
      cursor = cursorOf(answer.value);
      if (cursor === null) break;
    }
    return { kind: "known", value: found.toSorted((a, b) => b.updatedAtMs - a.updatedAtMs).slice(0, limit) };
  }
}

/** What is left out of the configuration is what is known of an agent of this name; of an unknown one, its name is its command. */
export function configuredAgent(
  name: string,
  configured: {
    readonly command: string | null;
    readonly args: readonly string[] | null;
    readonly env: Readonly<Record<string, string>>;
  } | null,
): AcpAgent {
  const known = knownAgents[name];
  const command = configured?.command ?? known?.command ?? name;
  return {
    name,
    title: known?.title ?? name,
    command,
    args: configured?.args ?? known?.args ?? [],
    env: { ...known?.env, ...configured?.env },
    ownRules: known?.ownRules ?? null,
    loginRemedy: known?.loginRemedy ?? `Run \`${command}\` in a terminal on this machine and log in.`,
    terminal: known?.terminal ?? null,
    modes: known?.modes ?? { plan: "plan" },
  };
}

const gaveUp: Fault = { kind: "internal", detail: "The agent did not answer in time." };

function wishOf({ workspace, permissions, session }: TurnRequest): Wish {
  return { workspace, permissions, resume: session.resume };
}

function fired(signal: AbortSignal): Promise<"fired"> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve("fired");
    else signal.addEventListener("abort", () => resolve("fired"), { once: true });
  });
}

async function idOf(session: AcpSession): Promise<string> {
  const start = await session.ready;
  return start.kind === "ready" ? start.id : "";
}

function cursorOf(result: unknown): string | null {
  const cursor = typeof result === "object" && result !== null && "nextCursor" in result ? result.nextCursor : null;
  return typeof cursor === "string" && cursor !== "" ? cursor : null;
}

/** For a shell: ids of agents are plain words, and what is not is put in quotes. */
function quoted(text: string): string {
  return /^[\w.:@/-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
