/**
 * One `codex app-server`: it is started, serves every thread of this program, and is ended with proof.
 *
 * 1. Its messages go to the thread that they name, a subagent's to the thread that began it. Those of a thread that is just being opened
 *    wait until it is known.
 * 2. Each thread's commands carry the thread's own marker: Codex gives it to them, because we set it in the thread's settings. So the
 *    commands of one thread are told from another's although one process started them all. The server and its MCP servers carry the
 *    server's marker only: they are no part of any turn.
 * 3. A server that dies takes its turns with it; whoever closes it sweeps what it leaves (I2).
 */
import type { Fault } from "../../domain/faults.ts";
import type { Clock, Log } from "../../engine/ports.ts";
import type { Spared } from "../../lib/process-group.ts";
import { MARKER_VARIABLE } from "../../lib/process-scan.ts";
import type { Scan } from "../../lib/process-scan.ts";
import { closeAgent, spawnAgent } from "../agent-process.ts";
import type { AgentExit, AgentProcess } from "../agent-process.ts";
import { refusalOf } from "./asks.ts";
import { connect } from "./connection.ts";
import type { RpcAnswer, RpcMessage } from "./connection.ts";
import { decode, decodeRequest, decodeVersion } from "./decode.ts";
import type { Wire, WireConfig, WireRequest } from "./decode.ts";
import { deathOf, refusalOf as faultOfRefusal } from "./translate.ts";

export type ServerDeps = {
  readonly program: string;
  readonly environment: Readonly<Record<string, string>>;
  /** Where it is started; threads name their own directory. */
  readonly directory: string;
  /** Elements of the marker list, the server's own last. */
  readonly markers: readonly [...string[], string];
  readonly scan: Scan;
  readonly clock: Clock;
  readonly log: Log;
};

export type Readiness =
  | { readonly kind: "ready"; readonly version: string }
  | { readonly kind: "dead"; readonly fault: Fault };

/** Whoever speaks for a thread. None of these may throw. */
export type ThreadSink = {
  wire(wire: Wire): void;
  /** To be answered with `answer`. */
  asked(request: WireRequest): void;
  died(exit: AgentExit): void;
};

export type CodexServer = {
  readonly process: AgentProcess;
  /** Resolves, never rejects. */
  readonly ready: Promise<Readiness>;
  readonly isAlive: boolean;
  /** Resolves, never rejects. */
  request(method: string, params: object): Promise<RpcAnswer>;
  /** Null: there is no answer but an error. */
  answer(request: WireRequest, response: object | null): void;
  /** The marker of a thread's commands: a fresh one, or the one that this thread has had on this server. */
  markerOf(thread: string | null): string;
  /** What a thread's settings must say beyond the user's own. */
  settings(marker: string, config: WireConfig): object;
  /** From now on the thread's messages go to `sink`, those that have come already first. */
  register(thread: string, marker: string, sink: ThreadSink): void;
  unregister(thread: string): void;
  /** Ends the server and everything of it but the spared. Resolves when that is proven; idempotent. */
  close(how: "gently" | "at once", spared: readonly Spared[]): Promise<void>;
};

/** It is ready in 0.3 s. Longer than this it hangs. */
const startMsMax = 30_000;
/** Every request is answered within a second; resuming a very long thread may take several. Longer than this the server hangs. */
const answerMsMax = 60_000;
/** Messages of threads that are not known yet: those of one that is being opened, a handful. */
const unclaimedMax = 500;

export function startServer(deps: ServerDeps): CodexServer {
  const { program, environment, directory, markers, scan } = deps;
  const process = spawnAgent(
    { command: program, args: ["app-server"], cwd: directory, env: environment, markers },
    scan,
  );
  const sinks = new Map<string, ThreadSink>();
  /** A subagent's thread, and the thread that began it. A few words each, for the life of the server, like the markers. */
  const parents = new Map<string, string>();
  const threadMarkers = new Map<string, string>();
  let unclaimed: { readonly thread: string; readonly give: (sink: ThreadSink) => void }[] = [];
  let markerSerial = 0;
  let isAlive = true;
  let closing: Promise<void> | undefined;
  const own = markers.at(-1) ?? "";

  const connection = connect(process.child, receive);
  const ready = becomeReady();
  const watched = watch(); // never rejects

  async function becomeReady(): Promise<Readiness> {
    const late = new AbortController();
    // A bound, told as the death of the agent: without it a hanging start would hold its conversations for ever.
    void deps.clock
      .sleep(startMsMax, late.signal)
      .then(() => (late.signal.aborted ? undefined : process.signal("SIGKILL")));
    const answer = await connection.request("initialize", {
      clientInfo: { name: "signalbox", title: "Signalbox", version: "1" },
      capabilities: { experimentalApi: true, requestAttestation: false },
    });
    late.abort();
    if (answer.kind === "result") {
      connection.notify("initialized");
      return { kind: "ready", version: decodeVersion(answer.value) };
    }
    process.signal("SIGKILL");
    if (answer.kind === "refused") return { kind: "dead", fault: faultOfRefusal("initialize", answer.message) };
    return { kind: "dead", fault: deathOf(await process.exited) };
  }

  async function watch(): Promise<void> {
    await Promise.race([connection.closed, process.exited]);
    // Without its output the server is of no use, whether it still runs or not.
    process.signal("SIGKILL");
    const exit = await process.exited;
    isAlive = false;
    await connection.closed;
    for (const sink of new Set(sinks.values())) sink.died(exit);
    sinks.clear();
  }

  function receive(message: RpcMessage): void {
    if (message.id !== null) return receiveRequest(message, decodeRequest(message));
    const wire = decode(message);
    noteParent(wire);
    if (wire.kind === "warning" && wire.thread === null) deps.log.warn({ text: wire.text }, "Codex warns");
    if (wire.thread === null) for (const sink of new Set(sinks.values())) sink.wire(wire);
    else deliver(wire.thread, (sink) => sink.wire(wire));
  }

  /** A subagent's thread is named by an item of the thread that began it, before anything is told of itself. */
  function noteParent(wire: Wire): void {
    if (wire.thread === null) return;
    if (wire.kind === "thread-started" && wire.parent !== null) parents.set(wire.thread, wire.parent);
    if ((wire.kind === "item-started" || wire.kind === "item-ended") && wire.item.kind === "subagent") {
      if (wire.item.agent !== wire.thread) parents.set(wire.item.agent, wire.thread);
    }
  }

  /** Requests are answered with the id that they came with, which may be a number. */
  const requestIds = new Map<string, string | number>();

  function receiveRequest(message: RpcMessage, request: WireRequest): void {
    if (message.id === null) return;
    requestIds.set(request.request, message.id);
    if (request.kind === "unknown" || request.thread === null) return answer(request, refusalOf(request));
    deliver(request.thread, (sink) => sink.asked(request));
  }

  function answer(request: WireRequest, response: object | null): void {
    const id = requestIds.get(request.request);
    if (id === undefined) return;
    requestIds.delete(request.request);
    if (response === null) connection.refuse(id, "Signalbox does not know this request.");
    else connection.respond(id, response);
  }

  function sinkOf(thread: string): ThreadSink | undefined {
    const seen = new Set<string>();
    for (let at: string | undefined = thread; at !== undefined && !seen.has(at); at = parents.get(at)) {
      const sink = sinks.get(at);
      if (sink !== undefined) return sink;
      seen.add(at);
    }
    return undefined;
  }

  function deliver(thread: string, give: (sink: ThreadSink) => void): void {
    const sink = sinkOf(thread);
    if (sink !== undefined) return give(sink);
    unclaimed = [...unclaimed.slice(1 - unclaimedMax), { thread, give }];
  }

  /** Resolves with "closed" when there is no answer in time: the server is of no use then, and is killed. */
  async function request(method: string, params: object): Promise<RpcAnswer> {
    const late = new AbortController();
    // A bound: a server that answers nothing would hold every conversation for ever.
    const bound = deps.clock.sleep(answerMsMax, late.signal).then((): RpcAnswer => {
      if (!late.signal.aborted) process.signal("SIGKILL");
      return { kind: "closed" };
    });
    const answered = await Promise.race([connection.request(method, params), bound]);
    late.abort();
    return answered;
  }

  async function close(how: "gently" | "at once", spared: readonly Spared[]): Promise<void> {
    process.child.stdin.end();
    await closeAgent(process, spared, how, deps.clock);
    await watched;
  }

  return {
    process,
    ready,
    get isAlive() {
      return isAlive && process.isRunning && closing === undefined;
    },
    request,
    answer,
    markerOf(thread) {
      const known = thread === null ? undefined : threadMarkers.get(thread);
      return known ?? `${own}.t${(markerSerial += 1)}`;
    },
    settings(marker, config) {
      const variable = `shell_environment_policy.set.${MARKER_VARIABLE}`;
      const passed = config.passedVariables;
      const plain = config.mcpPrograms.filter((name) => /^[\w-]+$/.test(name));
      return {
        [variable]: [...markers, marker].join(","),
        ...(passed.length === 0 ? {} : { "shell_environment_policy.include_only": [...passed, MARKER_VARIABLE] }),
        // An MCP server is started without our environment: the marker finds it when it outlives a killed server.
        ...Object.fromEntries(plain.map((name) => [`mcp_servers.${name}.env.${MARKER_VARIABLE}`, markers.join(",")])),
        // Without it the model may ask a person only while it plans.
        "features.default_mode_request_user_input": true,
      };
    },
    register(thread, marker, sink) {
      threadMarkers.set(thread, marker);
      sinks.set(thread, sink);
      const waiting = unclaimed;
      unclaimed = [];
      for (const { thread: of, give } of waiting) deliver(of, give);
    },
    unregister(thread) {
      sinks.delete(thread);
    },
    close(how, spared) {
      closing ??= close(how, spared);
      return closing;
    },
  };
}
