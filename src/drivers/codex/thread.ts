/**
 * A thread of Codex that a server has open, with the turn that is attached to it.
 *
 * 1. A thread belongs to one of our sessions at a time and runs one turn of it at a time.
 * 2. Codex works only for a turn that is attached and has asked it to. It can also begin by itself (it follows a goal): such a stray is
 *    interrupted until it is over, what it asks is refused, and nothing of it reaches the turn that is attached meanwhile, because
 *    nobody owns such a run (I1). Ours begins after the strays are over.
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
import { decodeTerminals, decodeTurn } from "./decode.ts";
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

export type Begun =
  /** `joined`: Codex was already at it, and has put the words to that turn. */
  | { readonly kind: "began" | "joined"; readonly turn: string }
  | { readonly kind: "refused"; readonly message: string }
  | { readonly kind: "closed" };

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
  /** Whether Codex is working for the turn that is attached, or a subagent of that is. */
  readonly isBusy: boolean;
  attach(sink: TurnSink): void;
  detach(sink: TurnSink): void;
  /** Resolves when nothing that nobody asked for is going on, or when the server is dead. */
  calm(): Promise<void>;
  /** Asks Codex for a turn. What it begins from here to its answer is ours. Resolves, never rejects. */
  begin(params: object): Promise<Begun>;
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

type Whose = "ours" | "stray";

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
  const active = new Map<string, { readonly threadId: string; readonly whose: Whose }>();
  const over = new Map<string, Whose>();
  const interrupts = new Map<string, Promise<void>>();
  const notices = new Map<string, "told" | "untold">();
  let adopted: readonly Spared[] = [];
  let adoptedTerminals: ReadonlySet<string> = new Set();
  let sink: TurnSink | null = null;
  /** Turns that Codex was asked for and has not answered about. */
  let outstanding = 0;
  /** The turn of the thread that began last while one was outstanding. */
  let begunMeanwhile: string | null = null;
  let straying: Promise<void> | null = null;

  server.register(id, marker, {
    wire(wire) {
      if (wire.kind === "turn-started") return started(wire);
      if (wire.kind === "turn-ended") return ended(wire);
      if (wire.kind === "mcp-failed") return note(mcpFailure(wire.name, wire.error));
      if (!hasStray(wire.thread)) sink?.wire(wire);
    },
    asked(request) {
      if (sink && isOurs(request.thread)) sink.asked(request);
      else server.answer(request, refusalOf(request));
    },
    died(exit) {
      active.clear();
      sink?.died(exit);
    },
  });

  function started(wire: Extract<Wire, { kind: "turn-started" }>): void {
    if (over.has(wire.turn)) return;
    const threadId = wire.thread ?? id;
    const whose = whoseIs(wire.turn, wire.root, threadId);
    active.set(wire.turn, { threadId, whose });
    if (whose === "stray") return chase();
    if (threadId === id && outstanding > 0) begunMeanwhile = wire.turn;
    sink?.wire(wire);
  }

  /** I1: it is ours when we asked for it, or for the turn that it serves. */
  function whoseIs(turn: string, root: string, threadId: string): Whose {
    const known = active.get(turn)?.whose ?? active.get(root)?.whose ?? over.get(root);
    if (sink === null || known !== undefined) return known ?? "stray";
    return outstanding > 0 || (threadId !== id && isBusy()) ? "ours" : "stray";
  }

  function isBusy(): boolean {
    return [...active.values()].some(({ whose }) => whose === "ours");
  }

  function strays(): string[] {
    return [...active].flatMap(([turn, { whose }]) => (whose === "stray" ? turn : []));
  }

  function hasStray(threadId: string | null): boolean {
    return [...active.values()].some((turn) => turn.whose === "stray" && turn.threadId === threadId);
  }

  function isOurs(threadId: string | null): boolean {
    return (outstanding > 0 || isBusy()) && !hasStray(threadId);
  }

  function ended(wire: Extract<Wire, { kind: "turn-ended" }>): void {
    const whose = over.get(wire.turn) ?? whoseIs(wire.turn, wire.turn, wire.thread ?? id);
    over.set(wire.turn, whose);
    active.delete(wire.turn);
    // Only the newest can still be mixed up with one that goes on.
    for (const old of [...over.keys()].slice(0, Math.max(0, over.size - endedTurnsMax))) over.delete(old);
    if (whose === "ours") sink?.wire(wire);
  }

  /** What goes on or comes late of the turns until now is no turn's of ours any more. */
  function disown(): void {
    for (const [turn, { threadId }] of active) active.set(turn, { threadId, whose: "stray" });
    for (const turn of over.keys()) over.set(turn, "stray");
    if (active.size > 0) chase();
  }

  async function begin(params: object): Promise<Begun> {
    outstanding += 1;
    begunMeanwhile = null;
    const answer = await server.request("turn/start", { threadId: id, ...params });
    outstanding -= 1;
    if (answer.kind === "closed") return answer;
    if (answer.kind === "refused") return { kind: "refused", message: answer.message };
    const turn = decodeTurn(answer.value);
    if (turn === null) return { kind: "refused", message: "no turn was named" };
    if (over.has(turn) || active.has(turn)) return { kind: "began", turn };
    // agents.md: what is asked for during a turn joins it, and the turn that the answer names never begins.
    if (begunMeanwhile !== null) return { kind: "joined", turn: begunMeanwhile };
    active.set(turn, { threadId: id, whose: "ours" }); // before the server tells of it
    return { kind: "began", turn };
  }

  function note(text: string): void {
    if (notices.has(text) || notices.size >= noticesMax) return;
    notices.set(text, sink ? "told" : "untold");
    sink?.show({ kind: "notice", text });
  }

  /** I1: Codex began by itself. */
  function chase(): void {
    straying ??= tame().then(() => {
      straying = null;
      if (server.isAlive && strays().length > 0) chase(); // more, since the last look
    });
  }

  /** Resolves, never rejects. */
  async function tame(): Promise<void> {
    while (server.isAlive && strays().length > 0) {
      interrupt(strays());
      // Pacing: the ends of the turns end the loop.
      await Promise.race([clock.sleep(interruptEveryMs, never), server.process.exited]);
    }
  }

  function interrupt(turns: readonly string[]): void {
    for (const turn of turns) {
      const threadId = active.get(turn)?.threadId ?? id;
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
      return isBusy();
    },
    attach(turn) {
      if (sink) throw new Error("the thread has a turn already");
      disown();
      sink = turn;
      for (const [text, state] of notices) if (state === "untold") turn.show({ kind: "notice", text });
      for (const text of notices.keys()) notices.set(text, "told");
    },
    detach(turn) {
      if (sink !== turn) return;
      sink = null;
      disown();
    },
    async calm() {
      // An answer still on its way could interrupt the next turn.
      while (straying !== null || interrupts.size > 0) await Promise.all([straying, ...interrupts.values()]);
    },
    begin,
    request: (method, params) => server.request(method, { threadId: id, ...params }),
    interrupt: () => interrupt([...active.keys()]),
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
