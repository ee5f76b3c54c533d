/**
 * Codex as a driver: one warm `codex app-server` for all sessions.
 *
 * 1. There is at most one server. It is started when it is first needed, and replaced when it has died: its turns fail, and the next
 *    turn of each session resumes it.
 * 2. A thread of Codex is open for one session at a time; two of ours never work in the same memory at once.
 * 3. Open threads are bounded in number, the server in idle time; neither bound touches what a finished turn left running on purpose.
 * 4. Disposing ends everything, that included, with proof.
 */
import type { Fault } from "../../domain/faults.ts";
import type { Asked, Clock, Driver, Log, TurnRequest } from "../../engine/ports.ts";
import { endProcesses, survivors } from "../../lib/process-group.ts";
import type { Spared } from "../../lib/process-group.ts";
import type { Scan } from "../../lib/process-scan.ts";
import {
  agentModels,
  effortOf,
  known,
  ownChoice,
  readConfig,
  readLogin,
  readModels,
  readSessions,
} from "./catalogue.ts";
import { decodeThread } from "./decode.ts";
import type { WireConfig, WireThread } from "./decode.ts";
import { findCodex, measuredVersion } from "./locate.ts";
import { permissionsOf } from "./permissions.ts";
import { startServer } from "./server.ts";
import type { CodexServer } from "./server.ts";
import { openThread } from "./thread.ts";
import type { CodexThread } from "./thread.ts";
import { agentName, refusalOf } from "./translate.ts";
import { startTurn } from "./turn.ts";
import type { Acquired } from "./turn.ts";

export type CodexDriverDeps = {
  /** What the agent inherits, already without secrets of ours (I13). Its PATH is where `codex` is looked for, its HOME where it starts. */
  readonly environment: Readonly<Record<string, string>>;
  /** The configured program; null to look for it. */
  readonly cli: string | null;
  /** The marker element of this instance of Signalbox. */
  readonly instance: string;
  readonly scan: Scan;
  readonly clock: Clock;
  readonly log: Log;
};

/** An open thread costs about 1.3 MB (measured), and its MCP servers as much as they like. */
const idleThreadsMax = 64;
/** A copy is taken by the turn that follows it; a person makes a few before they go on. */
const shelfMax = 8;
/** A person who comes back within this time meets a warm server (147 MB, measured); later, it costs 0.3 s once. */
const idleMsMax = 15 * 60_000;
/** The server is ended, killed after 3 s and then gone within milliseconds. */
const disposeMsMax = 15_000;

type Serving =
  | { readonly kind: "server"; readonly server: CodexServer; readonly version: string }
  | { readonly kind: "unavailable"; readonly fault: Fault };

type Opened =
  | { readonly kind: "thread"; readonly thread: CodexThread; readonly notice: string | null }
  | { readonly kind: "unavailable"; readonly fault: Fault };

export function createCodexDriver(deps: CodexDriverDeps): Driver {
  const driverMarker = `${deps.instance}.codex`;
  /** By our session id, least recently used first. */
  const threads = new Map<string, CodexThread>();
  /**
   * Open threads of no session, by Codex's id: copies that none has taken yet, and what was closed but has commands left running on
   * purpose, which Codex would end if it opened the thread again.
   */
  const shelf = new Map<string, CodexThread>();
  /** Turns of one session come one after the other; the engine sees to it, this makes it so. */
  const lines = new Map<string, Promise<void>>();
  const closings = new Map<CodexServer, Promise<void>>();
  /** Fires when the server is used: ends the idle bound. */
  let idle = new AbortController();
  let current: CodexServer | null = null;
  let serial = 0;
  /** The server that a turn has used, and how this life's turns met theirs. */
  let used: CodexServer | null = null;
  const met = { takenWarm: 0, takenPrepared: 0, started: 0 };
  let isDisposed = false;

  // ---- the server

  async function serve(): Promise<Serving> {
    if (isDisposed) return { kind: "unavailable", fault: shutDown };
    if (current === null || !current.isAlive) {
      const found = findCodex(deps.cli, deps.environment["PATH"]);
      if (found.kind === "missing") return { kind: "unavailable", fault: found.fault };
      current = start(found.program);
    }
    const server = current;
    const readiness = await server.ready;
    if (readiness.kind === "dead") return { kind: "unavailable", fault: readiness.fault };
    if (isDisposed) return { kind: "unavailable", fault: shutDown };
    rest();
    return { kind: "server", server, version: readiness.version };
  }

  function start(program: string): CodexServer {
    const { environment, scan, clock, log } = deps;
    const marker = `${driverMarker}.${process.pid}.${(serial += 1)}`;
    const markers = [deps.instance, driverMarker, marker] as const;
    const directory = environment["HOME"] ?? "/";
    const server = startServer({ program, environment, directory, markers, scan, clock, log });
    void server.ready.then((readiness) => {
      if (readiness.kind === "ready" && readiness.version !== measuredVersion) {
        log.info({ version: readiness.version, measuredVersion }, "this version of Codex was not measured");
      }
    });
    // Whoever of its turns is live waits for the same end of it.
    void server.process.exited.then(() => bury(server)); // neither rejects
    return server;
  }

  /** The server is dead: what it left is ended, except what finished turns left on purpose. Resolves, never rejects. */
  function bury(server: CodexServer): Promise<void> {
    return retire(server, "at once");
  }

  function retire(server: CodexServer, how: "gently" | "at once"): Promise<void> {
    if (current === server) current = null;
    const closing =
      closings.get(server) ??
      server.close(how, sparedOf(server)).catch((error: unknown) => {
        deps.log.error({ error }, "the server of Codex cannot be proven gone");
      });
    closings.set(server, closing);
    for (const map of [threads, shelf]) {
      for (const [id, thread] of map) if (thread.server === server) map.delete(id);
    }
    return closing;
  }

  function sparedOf(server: CodexServer): Spared[] {
    const open = [...threads.values(), ...shelf.values()];
    return open.flatMap((thread) => (thread.server === server ? thread.adopted : []));
  }

  /** Starts the bound of being idle anew. */
  function rest(): void {
    idle.abort();
    const mine = new AbortController();
    idle = mine;
    // A bound: a server that nobody uses gives its memory back. It is started when it is needed again.
    void deps.clock.sleep(idleMsMax, mine.signal).then(async () => {
      if (mine.signal.aborted || current === null) return;
      const server = current;
      if (lines.size > 0 || (await isHolding(sparedOf(server)))) return rest();
      if (!mine.signal.aborted) await retire(server, "gently");
    });
  }

  /** Codex ends with a thread or a server the commands that it still knows: a dev server that was left running keeps them. */
  async function isHolding(adopted: readonly Spared[]): Promise<boolean> {
    if (adopted.length === 0) return false;
    try {
      return (await survivors({ marker: null, roots: adopted }, [], deps.scan)).length > 0;
    } catch {
      return true; // the process table cannot be read: whoever needs a proof is told
    }
  }

  // ---- threads

  async function acquire(request: TurnRequest): Promise<Acquired> {
    const there = current?.isAlive === true ? current : null;
    const serving = await serve();
    if (serving.kind === "unavailable") return serving;
    const { server } = serving;
    met[server !== there ? "started" : server === used ? "takenWarm" : "takenPrepared"] += 1;
    used = server;
    const opened = await open(request, server);
    if (opened.kind === "unavailable") return opened;
    const { thread, notice } = opened;
    threads.delete(request.session.id);
    threads.set(request.session.id, thread);
    return { kind: "thread", thread, notice, settings: await settingsOf(request, thread) };
  }

  async function open(request: TurnRequest, server: CodexServer): Promise<Opened> {
    const { id, resume } = request.session;
    const own = threads.get(id);
    if (own && own.server === server && (resume === null || own.id === resume)) {
      return { kind: "thread", thread: own, notice: null };
    }
    if (own) await close(id, own); // another memory was chosen for the session
    if (resume === null) return openNew(request, server, null);
    const holder = [...threads].find(([, thread]) => thread.id === resume && thread.server === server);
    if (holder) {
      const [session, thread] = holder;
      if (lines.has(session)) return { kind: "unavailable", fault: inUse };
      threads.delete(session);
      return { kind: "thread", thread, notice: null };
    }
    const shelved = shelf.get(resume);
    shelf.delete(resume);
    if (shelved && shelved.server === server) return { kind: "thread", thread: shelved, notice: null };
    return openStored(request, server, resume);
  }

  async function openNew(request: TurnRequest, server: CodexServer, notice: string | null): Promise<Opened> {
    const tools = request.tools.list.map(({ name, description, input }) => ({
      type: "function",
      name,
      description,
      inputSchema: input,
    }));
    const more = tools.length === 0 ? {} : { dynamicTools: tools };
    const opened = await load(server, "thread/start", null, request.workspace, more);
    return opened.kind === "known"
      ? { kind: "thread", thread: opened.value, notice }
      : { kind: "unavailable", fault: opened.fault };
  }

  async function openStored(request: TurnRequest, server: CodexServer, resume: string): Promise<Opened> {
    const more = { threadId: resume, excludeTurns: true };
    const opened = await load(server, "thread/resume", resume, request.workspace, more);
    if (opened.kind === "known") return { kind: "thread", thread: opened.value, notice: null };
    // Its codes do not tell a memory that is gone from one that cannot be had now (the terminal has it): only a look at it does.
    const stored = await server.request("thread/read", { threadId: resume, includeTurns: false });
    if (stored.kind !== "refused") return { kind: "unavailable", fault: opened.fault };
    // Without a way out the conversation would fail like this for ever.
    return openNew(request, server, "The agent has no memory of this session any more: it begins a new one.");
  }

  async function load(
    server: CodexServer,
    method: "thread/start" | "thread/resume" | "thread/fork",
    known_: string | null,
    workspace: string,
    more: object,
  ): Promise<Asked<CodexThread>> {
    const config = await readConfig(server, workspace);
    if (config.kind === "unavailable") return config;
    const marker = server.markerOf(known_);
    const settings = { cwd: workspace, config: server.settings(marker, config.value) };
    const answer = known(await server.request(method, { ...settings, ...more }), method, decodeThread);
    if (answer.kind === "unavailable") return answer;
    if (answer.value === null) return { kind: "unavailable", fault: refusalOf(method, "no thread was named") };
    const isChanged = method !== "thread/start";
    return { kind: "known", value: threadOf(answer.value, marker, server, config.value, workspace, isChanged) };
  }

  function threadOf(
    { id, model, isPlanning }: WireThread,
    marker: string,
    server: CodexServer,
    config: WireConfig,
    workspace: string,
    isChanged: boolean,
  ): CodexThread {
    const state = { model, isPlanning, isChanged, workspace };
    return openThread({ id, marker, server, config, state, scan: deps.scan, clock: deps.clock });
  }

  /** Of turn/start. A thread keeps what the turn before was told, so whatever may differ is said again. */
  async function settingsOf(request: TurnRequest, thread: CodexThread): Promise<object> {
    const { state, config, server } = thread;
    const { workspace, permissions } = request;
    const choice = await choiceOf(request, thread);
    const model = choice?.id ?? state.model;
    const effort = choice?.effort ?? null;
    const isPlan = permissions === "plan" && model !== "";
    const settings = { model, reasoning_effort: effort, developer_instructions: null };
    const mode =
      isPlan || state.isPlanning ? { collaborationMode: { mode: isPlan ? "plan" : "default", settings } } : {};
    const directory = workspace === state.workspace ? {} : { cwd: workspace, runtimeWorkspaceRoots: [workspace] };
    state.model = model;
    state.isChanged = request.model !== null;
    state.isPlanning = isPlan;
    state.workspace = workspace;
    deps.log.debug({ thread: thread.id, server: server.process.child.pid }, "a turn of Codex begins");
    return {
      ...permissionsOf(permissions, config.sandbox),
      ...(choice === null ? {} : { model: choice.id, effort: choice.effort }),
      ...mode,
      ...directory,
    };
  }

  /** Null: what the thread uses by itself is right. */
  async function choiceOf(request: TurnRequest, thread: CodexThread): Promise<TurnRequest["model"]> {
    const { model } = request;
    if (model === null && !thread.state.isChanged) return null;
    if (model !== null && model.effort !== null) return model;
    const catalogue = await readModels(thread.server);
    const models = catalogue.kind === "known" ? catalogue.value : [];
    return model === null ? ownChoice(models, thread.config) : { id: model.id, effort: effortOf(models, model.id) };
  }

  function release(session: string, thread: CodexThread): void {
    rest();
    if (!thread.server.isAlive || threads.get(session) !== thread) return;
    const resting = [...threads].filter(([id, other]) => id !== session && !other.isAttached && !lines.has(id));
    for (const [id, eldest] of resting.slice(0, Math.max(0, resting.length - idleThreadsMax))) void close(id, eldest); // never rejects
  }

  /** The session needs its thread no more. Resolves with whether Codex was told, never rejects. */
  async function close(session: string, thread: CodexThread): Promise<boolean> {
    if (threads.get(session) === thread) threads.delete(session);
    if (!thread.server.isAlive) return false;
    if (await isHolding(thread.adopted)) return shelve(thread);
    await thread.request("thread/unsubscribe", {});
    thread.server.unregister(thread.id);
    return true;
  }

  function shelve(thread: CodexThread): false {
    shelf.set(thread.id, thread);
    const [eldest] = [...shelf.values()].filter((one) => one.adopted.length === 0);
    // A bound: a copy that no session has taken by now is opened again from Codex's store when one does.
    if (eldest && shelf.size > shelfMax) {
      shelf.delete(eldest.id);
      void close(eldest.id, eldest); // never rejects
    }
    return false;
  }

  /**
   * A thread that nobody subscribes to keeps its file for half an hour, and the terminal could not go on with it. Archiving is the one
   * way to make Codex let go at once, and taking it back leaves it where it was.
   */
  async function letGo(thread: CodexThread): Promise<void> {
    const archived = await thread.request("thread/archive", {});
    if (archived.kind === "result") await thread.request("thread/unarchive", {});
  }

  async function asked<T>(
    signal: AbortSignal,
    ask: (server: CodexServer, version: string) => Promise<Asked<T>>,
  ): Promise<Asked<T>> {
    const answer = serve().then((serving) =>
      serving.kind === "unavailable" ? serving : ask(serving.server, serving.version),
    );
    const gone = Promise.withResolvers<Asked<T>>();
    const leave = (): void => gone.resolve({ kind: "unavailable", fault: noLongerAsked });
    if (signal.aborted) leave();
    signal.addEventListener("abort", leave, { once: true });
    const first = await Promise.race([answer, gone.promise]); // an answer that nobody waits for does no harm: it never rejects
    signal.removeEventListener("abort", leave);
    return first;
  }

  return {
    name: "codex",

    async health(signal) {
      const answer = await asked(signal, async (server, version): Promise<Asked<string>> => {
        const login = await readLogin(server);
        return login.kind === "known" ? { kind: "known", value: version } : login;
      });
      return answer.kind === "known" ? { kind: "ready", version: answer.value || "unknown" } : answer;
    },

    models: (workspace, signal) =>
      asked(signal, async (server) => {
        const config = await readConfig(server, workspace);
        if (config.kind === "unavailable") return config;
        const models = await readModels(server);
        return models.kind === "known" ? { kind: "known", value: agentModels(models.value, config.value) } : models;
      }),

    sessions: (workspace, limit, signal) => asked(signal, (server) => readSessions(server, workspace, limit)),

    fork: (resume, workspace, signal) =>
      asked(signal, async (server) => {
        const more = { threadId: resume, excludeTurns: true };
        const copy = await load(server, "thread/fork", null, workspace, more);
        if (copy.kind === "unavailable") return copy;
        shelve(copy.value);
        return { kind: "known", value: copy.value.id };
      }),

    terminalCommand: (resume) => (/^[\w-]+$/.test(resume) ? `codex resume ${resume}` : null),

    start(request) {
      const { id } = request.session;
      const before = lines.get(id) ?? Promise.resolve();
      const turn = startTurn(request.prompt, {
        clock: deps.clock,
        log: deps.log,
        tools: request.tools,
        acquire: async () => {
          await before;
          return acquire(request);
        },
        release: (thread) => release(id, thread),
        bury: (thread) => bury(thread.server),
      });
      const line = turn.quiet.then(() => undefined);
      lines.set(id, line);
      void line.then(() => (lines.get(id) === line ? lines.delete(id) : false)); // `quiet` never rejects
      return turn;
    },

    prewarm() {
      serve().catch((error: unknown) => {
        deps.log.warn({ error }, "no server of Codex could be prepared");
      });
    },

    pool() {
      const live = current?.isAlive === true ? 1 : 0;
      return { live, idle: lines.size === 0 ? live : 0, ...met };
    },

    async forget(session) {
      await lines.get(session);
      const thread = threads.get(session);
      if (!thread) return;
      if (await close(session, thread)) await letGo(thread);
    },

    async [Symbol.asyncDispose]() {
      isDisposed = true;
      idle.abort();
      const patience = new AbortController();
      // A bound: a process that not even SIGKILL ends must not keep Signalbox from exiting. It is an orphan for the next start.
      const late = deps.clock.sleep(disposeMsMax, patience.signal);
      const done = await Promise.race([endAll().then(() => true), late.then(() => false)]);
      patience.abort();
      if (!done) deps.log.error({}, "processes of Codex are still alive");
    },
  };

  async function endAll(): Promise<void> {
    if (current) await retire(current, "gently");
    await Promise.all(closings.values());
    await Promise.all(lines.values());
    // What turns left running on purpose carries the driver's marker as well.
    const query = { marker: driverMarker, roots: [] };
    await endProcesses(query, [], "SIGKILL", deps.scan, new AbortController().signal).catch((error: unknown) => {
      deps.log.error({ error }, "the process table cannot be read");
    });
  }
}

const shutDown: Fault = { kind: "internal", detail: "Signalbox is shutting down." };
const noLongerAsked: Fault = { kind: "internal", detail: "Codex did not answer in time." };
const inUse: Fault = {
  kind: "agent-error",
  agent: agentName,
  detail: "Another conversation is working in this session. Wait until it is done, or copy the session with /fork.",
};
