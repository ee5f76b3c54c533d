/**
 * A thread of Codex that a server has open, with the turn that is attached to it.
 *
 * 1. A thread belongs to one of our sessions at a time and runs one turn of it at a time.
 * 2. Codex works only while a turn is attached. It can also begin by itself (it follows a goal): that is interrupted until it is idle
 *    again, and its questions are refused meanwhile, because nobody owns such a run (I1).
 * 3. What runs of a thread is found by the thread's marker, without what earlier turns left running on purpose.
 */
import type { AgentEvent } from "../../domain/agent-event.ts";
import type { Clock } from "../../engine/ports.ts";
import { endProcesses, survivors } from "../../lib/process-group.ts";
import type { Spared } from "../../lib/process-group.ts";
import type { ProcessEntry, ProcessRef, Scan } from "../../lib/process-scan.ts";
import type { AgentExit } from "../agent-process.ts";
import { refusalOf } from "./asks.ts";
import type { RpcAnswer } from "./connection.ts";
import { decodeTerminals } from "./decode.ts";
import type { Wire, WireConfig, WireRequest } from "./decode.ts";
import type { CodexServer } from "./server.ts";
import { mcpFailure } from "./translate.ts";

/** The turn that is attached. None of these may throw. */
export type TurnSink = {
  wire(wire: Wire): void;
  asked(request: WireRequest): void;
  show(event: AgentEvent): void;
  died(exit: AgentExit): void;
};

/** What the thread's next turn goes on with, as far as it is known. */
export type ThreadState = {
  /** What it uses now; "" where that is not known. */
  model: string;
  /** Whether it may have been told another model or effort than the user's own. */
  isChanged: boolean;
  isPlanning: boolean;
  workspace: string;
};

export type CodexThread = {
  readonly id: string;
  readonly server: CodexServer;
  readonly config: WireConfig;
  readonly state: ThreadState;
  readonly adopted: readonly Spared[];
  readonly isAttached: boolean;
  /** Whether Codex is working on it, or on a subagent of it. */
  readonly isBusy: boolean;
  attach(sink: TurnSink): void;
  detach(sink: TurnSink): void;
  /** Resolves when nothing that nobody asked for is going on, or when the server is dead. */
  calm(): Promise<void>;
  /** A turn that was begun and has not ended: for the time before the server tells of it. */
  expect(turn: string): void;
  request(method: string, params: object): Promise<RpcAnswer>;
  /** One interrupt of each turn that goes on. Returns at once. */
  interrupt(): void;
  /** What is alive of the thread and was not left by earlier turns. */
  leftovers(): Promise<ProcessEntry[]>;
  /** What is alive now stays: later turns and their stops leave it alone. */
  adopt(entries: readonly ProcessRef[]): Promise<void>;
  /** Ends what is not adopted, with proof; when `signal` fires first, gives up. Rejects when the process table cannot be read. */
  sweep(kill: "SIGTERM" | "SIGKILL", signal: AbortSignal): Promise<void>;
  /** Makes Codex end the commands that it still has and that are not adopted. Resolves, never rejects. */
  endTerminals(): Promise<void>;
};

/** agents.md: an interrupt may be missed by a turn that is just beginning, so it is repeated until the turn has ended. */
export const interruptEveryMs = 25;
/** An MCP server that fails is told once; a user has a few. */
const noticesMax = 20;

export function openThread(deps: {
  readonly id: string;
  readonly marker: string;
  readonly server: CodexServer;
  readonly config: WireConfig;
  readonly state: ThreadState;
  readonly scan: Scan;
  readonly clock: Clock;
}): CodexThread {
  const { id, marker, server, scan, clock } = deps;
  const query = { marker, roots: [] };
  const never = new AbortController().signal;
  /** Turns that go on, by their id, with the thread (a subagent's, too) that they are of. */
  const active = new Map<string, string>();
  const over = new Set<string>();
  const interrupts = new Map<string, Promise<void>>();
  const notices = new Map<string, "told" | "untold">();
  let adopted: readonly Spared[] = [];
  let adoptedTerminals: ReadonlySet<string> = new Set();
  let sink: TurnSink | null = null;
  let straying: Promise<void> = Promise.resolve();

  server.register(id, marker, {
    wire(wire) {
      if (wire.kind === "turn-started" && !over.has(wire.turn)) active.set(wire.turn, wire.thread ?? id);
      if (wire.kind === "turn-ended") end(wire.turn);
      if (wire.kind === "mcp-failed") return note(mcpFailure(wire.name, wire.error));
      if (sink) sink.wire(wire);
      else if (wire.kind === "turn-started") straying = tame();
    },
    asked(request) {
      if (sink) sink.asked(request);
      else server.answer(request, refusalOf(request));
    },
    died(exit) {
      active.clear();
      sink?.died(exit);
    },
  });

  function end(turn: string): void {
    active.delete(turn);
    over.add(turn);
    // Only the newest can still be mixed up with one that goes on.
    for (const old of [...over].slice(0, Math.max(0, over.size - endedTurnsMax))) over.delete(old);
  }

  function note(text: string): void {
    if (notices.has(text) || notices.size >= noticesMax) return;
    notices.set(text, sink ? "told" : "untold");
    sink?.show({ kind: "notice", text });
  }

  /** I1: Codex began by itself. */
  async function tame(): Promise<void> {
    while (server.isAlive && !sink && active.size > 0) {
      interrupt();
      // Pacing: the ends of the turns end the loop.
      await Promise.race([clock.sleep(interruptEveryMs, never), server.process.exited]);
    }
  }

  function interrupt(): void {
    for (const [turn, threadId] of active) {
      if (interrupts.has(turn)) continue; // not answered yet
      const asked = server.request("turn/interrupt", { threadId, turnId: turn }).then(() => {
        interrupts.delete(turn);
      });
      interrupts.set(turn, asked);
    }
  }

  async function terminals(): Promise<ReturnType<typeof decodeTerminals>> {
    const answer = await server.request("thread/backgroundTerminals/list", { threadId: id });
    return answer.kind === "result" ? decodeTerminals(answer.value) : [];
  }

  return {
    id,
    server,
    config: deps.config,
    state: deps.state,
    get adopted() {
      return adopted;
    },
    get isAttached() {
      return sink !== null;
    },
    get isBusy() {
      return active.size > 0;
    },
    attach(turn) {
      if (sink) throw new Error("the thread has a turn already");
      sink = turn;
      for (const [text, state] of notices) if (state === "untold") turn.show({ kind: "notice", text });
      for (const text of notices.keys()) notices.set(text, "told");
    },
    detach(turn) {
      if (sink !== turn) return;
      sink = null;
      if (active.size > 0) straying = tame();
    },
    async calm() {
      await straying;
      // An answer still on its way could interrupt the next turn.
      await Promise.all(interrupts.values());
    },
    expect(turn) {
      if (!over.has(turn)) active.set(turn, id);
    },
    request: (method, params) => server.request(method, { threadId: id, ...params }),
    interrupt,
    leftovers: () => survivors(query, adopted, scan),
    async adopt(entries) {
      if (entries.length === 0) return;
      const { byPid } = await scan(adopted);
      const alive = adopted.filter((one) => byPid.get(one.pid)?.startTime === one.startTime);
      adopted = [...alive, ...entries.map((entry) => ({ ...entry, reach: "tree" as const }))];
      adoptedTerminals = new Set((await terminals()).map((terminal) => terminal.process));
    },
    async sweep(kill, signal) {
      await endProcesses(query, adopted, kill, scan, signal);
    },
    async endTerminals() {
      const ours = (await terminals()).filter((terminal) => !adoptedTerminals.has(terminal.process));
      await Promise.all(
        ours.map(({ process }) =>
          server.request("thread/backgroundTerminals/terminate", { threadId: id, processId: process }),
        ),
      );
    },
  };
}

/** A turn's end can overtake the answer that names the turn, not more than that. */
const endedTurnsMax = 16;
