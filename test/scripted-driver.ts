/**
 * A driver whose every step is taken by the test: what the agent says, when its turn ends, and when that is proven quiet.
 *
 * 1. No timer, no process, nothing random: the same steps give the same events.
 * 2. Nothing happens by itself: an interrupted turn stays alive and not quiet until the test says otherwise (I2 is tested so).
 *    A test that wants an obedient agent passes `onTurn`, or calls `obey` on the turn.
 */
import type { AgentEvent, TurnEnd } from "../src/domain/agent-event.ts";
import type { AgentModel } from "../src/domain/agent-model.ts";
import type { StoredSession } from "../src/domain/agent-session.ts";
import type { AskAnswer } from "../src/domain/ask.ts";
import type { Fault } from "../src/domain/faults.ts";
import type { AgentPrompt } from "../src/domain/agent-prompt.ts";
import type { Evidence, ProcessRef } from "../src/domain/run.ts";
import { createTurnEvents } from "../src/drivers/turn-events.ts";
import { noProcesses } from "../src/drivers/no-processes.ts";
import { withoutCatalogue } from "../src/drivers/without-catalogue.ts";
import type { Driver, InterruptLevel, PoolCounts, Quiet, Turn, TurnRequest } from "../src/engine/ports.ts";

export type ScriptedTurn = {
  readonly request: TurnRequest;
  /** Every interrupt so far, in order, repetitions included. */
  readonly interrupts: readonly InterruptLevel[];
  /** What was steered into the turn and accepted. */
  readonly steered: readonly AgentPrompt[];
  /** What was answered to its asks and accepted, in order. */
  readonly answers: readonly { readonly id: string; readonly answer: AskAnswer }[];
  readonly isEnded: boolean;
  readonly isQuiet: boolean;
  /** Ignored after `end`, like everything that a real agent says too late. */
  emit(...events: readonly AgentEvent[]): void;
  /** Says `text` in one delta and ends with it as its answer; not yet quiet. */
  answer(text: string): void;
  end(end: TurnEnd): void;
  /** The proof: nothing of the turn runs any more. Only now does `Turn.quiet` resolve. */
  becomeQuiet(adopted?: readonly ProcessRef[]): void;
  /** Answers and becomes quiet, as most turns do. */
  finish(text: string): void;
  /** What `survivors` reports until the turn is quiet. */
  survive(evidence: Evidence): void;
  /** How `steer` answers from now on while the turn goes on; "accepted" at first. */
  steerWith(answer: "accepted" | "too-late"): void;
  /** Resolves with the turn's next interrupt; at once with the newest when there was one already. */
  interrupted(): Promise<InterruptLevel>;
  /** From `level` on (also when it was reached before) the turn ends as interrupted and becomes quiet. */
  obey(level: InterruptLevel): void;
};

export type ScriptedDriver = Driver & {
  /** All turns that were started, in order. */
  readonly turns: readonly ScriptedTurn[];
  /** Resolves with the turns in the order of their start, each once; waits for the next when all were taken. */
  nextTurn(): Promise<ScriptedTurn>;
  readonly prewarmed: readonly string[];
  readonly forgotten: readonly string[];
  /** What its own store holds from now on. */
  setSessions(sessions: readonly StoredSession[]): void;
  setHealth(health: { kind: "ready"; version: string } | { kind: "unavailable"; fault: Fault }): void;
};

export type ScriptedDriverOptions = {
  readonly name?: string;
  /** Called with each new turn inside `start`, before `start` returns: may emit, end, obey. Must not throw. */
  readonly onTurn?: (turn: ScriptedTurn) => void;
  /** Its line for the terminal, without the session; none: null. */
  readonly terminal?: string;
  /** None: it has no catalogue. */
  readonly models?: readonly AgentModel[] | Promise<readonly AgentModel[]>;
  /** None: it keeps no processes. */
  readonly pool?: PoolCounts;
};

const strength: readonly InterruptLevel[] = ["ask", "terminate", "kill"];

export function createScriptedDriver(options: ScriptedDriverOptions = {}): ScriptedDriver {
  const name = options.name ?? "scripted";
  const turns: ScriptedTurn[] = [];
  const waiting: ((turn: ScriptedTurn) => void)[] = [];
  const live = new Set<Turn>();
  const prewarmed: string[] = [];
  const forgotten: string[] = [];
  let taken = 0;
  let isDisposed = false;
  let sessions: readonly StoredSession[] = [];
  let health: Awaited<ReturnType<Driver["health"]>> = { kind: "ready", version: "scripted" };

  return {
    name,
    ...withoutCatalogue(name),
    turns,
    prewarmed,
    forgotten,
    health: () => Promise.resolve(health),
    ...(options.models === undefined
      ? {}
      : { models: async () => ({ kind: "known" as const, value: await (options.models ?? []) }) }),
    sessions: () => Promise.resolve({ kind: "known", value: sessions }),
    terminalCommand: (resume) => (options.terminal === undefined ? null : `${options.terminal} ${resume}`),
    fork: (resume) => Promise.resolve({ kind: "known", value: `copy of ${resume}` }),
    setSessions(next) {
      sessions = next;
    },
    setHealth(next) {
      health = next;
    },
    nextTurn() {
      const turn = turns[taken];
      taken += 1;
      return turn === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(turn);
    },
    start(request) {
      const { script, turn } = createTurn(request);
      live.add(turn);
      void turn.quiet.then(() => live.delete(turn)); // never rejects
      turns.push(script);
      if (isDisposed) refuse(script, name);
      else options.onTurn?.(script);
      waiting.shift()?.(script);
      return turn;
    },
    prewarm(workspace) {
      prewarmed.push(workspace);
    },
    pool: () => options.pool ?? noProcesses,
    forget(session) {
      forgotten.push(session);
      return Promise.resolve();
    },
    async [Symbol.asyncDispose]() {
      isDisposed = true;
      await Promise.all([...live].map((turn) => turn[Symbol.asyncDispose]()));
    },
  };
}

function refuse(script: ScriptedTurn, agent: string): void {
  script.end({ kind: "failed", fault: { kind: "agent-died", agent, detail: "the driver is shut down" } });
  script.becomeQuiet();
}

function createTurn(request: TurnRequest): { script: ScriptedTurn; turn: Turn } {
  const stream = createTurnEvents();
  const quiet = Promise.withResolvers<Quiet>();
  const interrupts: InterruptLevel[] = [];
  const steered: AgentPrompt[] = [];
  const answers: { id: string; answer: AskAnswer }[] = [];
  const listeners: ((level: InterruptLevel) => void)[] = [];
  let isQuiet = false;
  let steerAnswer: "accepted" | "too-late" = "accepted";
  let evidence: Evidence = { processes: [], note: "the scripted turn is not quiet" };
  let obeys: InterruptLevel | null = null;

  const obeyIfReached = (): void => {
    const wanted = obeys;
    if (wanted === null || isQuiet) return;
    if (!interrupts.some((level) => strength.indexOf(level) >= strength.indexOf(wanted))) return;
    script.end({ kind: "interrupted" });
    script.becomeQuiet();
  };

  const script: ScriptedTurn = {
    request,
    interrupts,
    steered,
    answers,
    get isEnded() {
      return stream.end !== null;
    },
    get isQuiet() {
      return isQuiet;
    },
    emit: (...events) => events.forEach((event) => stream.emit(event)),
    answer(text) {
      stream.emit({ kind: "text", delta: text });
      stream.emit({ kind: "ended", end: { kind: "completed", answer: text } });
    },
    end: (end) => stream.emit({ kind: "ended", end }),
    becomeQuiet(adopted = []) {
      if (stream.end === null) throw new Error("a turn that has not ended cannot be quiet: call end() first");
      isQuiet = true;
      quiet.resolve({ adopted });
    },
    finish(text) {
      script.answer(text);
      script.becomeQuiet();
    },
    survive(next) {
      evidence = next;
    },
    steerWith(answer) {
      steerAnswer = answer;
    },
    interrupted() {
      const newest = interrupts.at(-1);
      return newest === undefined ? new Promise((resolve) => listeners.push(resolve)) : Promise.resolve(newest);
    },
    obey(level) {
      obeys = level;
      obeyIfReached();
    },
  };

  const turn: Turn = {
    events: stream.events,
    quiet: quiet.promise,
    steer(prompt) {
      const answer = stream.end === null && interrupts.length === 0 ? steerAnswer : "too-late";
      if (answer === "accepted") steered.push(prompt);
      return Promise.resolve(answer);
    },
    answer(id, answer) {
      if (stream.end !== null || interrupts.length > 0) return Promise.resolve("too-late");
      answers.push({ id, answer });
      return Promise.resolve("accepted");
    },
    interrupt(level) {
      if (isQuiet) return;
      interrupts.push(level);
      for (const told of listeners.splice(0)) told(level);
      obeyIfReached();
    },
    survivors: () => Promise.resolve(isQuiet ? { processes: [], note: "" } : evidence),
    async [Symbol.asyncDispose]() {
      if (stream.end === null || interrupts.length > 0) turn.interrupt("kill");
      await quiet.promise;
    },
  };
  return { script, turn };
}
