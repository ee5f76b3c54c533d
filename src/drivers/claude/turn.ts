/**
 * One turn of Claude Code, from the moment it is asked for until it is proven quiet.
 *
 * 1. It exists before anything is awaited: a stop before the process is ready means that the prompt is never sent.
 * 2. It has ended when the CLI is idle, every message we sent is accounted for and no background agent thinks on. A result alone is
 *    not the end: a message pushed just before it would begin a turn of its own.
 * 3. A stopped turn is quiet when, after that, nothing it started is alive. A finished one adopts what it left running.
 * 4. What it asks a person is open only while it goes on: a stop withdraws it, and an answer after that is too late.
 * 5. If the process dies, everything of it is swept, and only then is the turn quiet (I2). Time is never evidence.
 */
import type { AgentPrompt } from "../../domain/agent-prompt.ts";
import type { AgentEvent, TurnEnd } from "../../domain/agent-event.ts";
import { faultDetailCharsMax } from "../../domain/faults.ts";
import type { Fault } from "../../domain/faults.ts";
import type { Clock, InterruptLevel, Log, Quiet, Turn, TurnRequest } from "../../engine/ports.ts";
import { accountOf, evidenceOf, refOf } from "../agent-process.ts";
import type { AgentExit } from "../agent-process.ts";
import { createTurnEvents } from "../turn-events.ts";
import { createAsks } from "./asks.ts";
import type { Wire, WireTask } from "./decode.ts";
import { interruptEveryMs } from "./session.ts";
import type { ClaudeSession, TurnSink } from "./session.ts";
import { agentName, deathOf, nothingGathered, saidOf, translate } from "./translate.ts";

export type Acquired =
  | { readonly kind: "session"; readonly session: ClaudeSession }
  | { readonly kind: "unavailable"; readonly fault: Fault };

export type TurnDeps = {
  readonly clock: Clock;
  readonly log: Log;
  /** The process of this turn's session, or of a new one where that is lost; resolves, never rejects. */
  readonly acquire: (how: "continued" | "afresh") => Promise<Acquired>;
  /** The turn needs its session no more. */
  readonly release: (session: ClaudeSession) => void;
};

/** A request refused for its credentials is retried by the CLI for minutes. The second attempt may carry a renewed token. */
const authenticationAttemptsMax = 2;
/** A background agent that ended wakes the CLI within 50 ms (measured). If nothing comes in this time, nothing will. */
const wakeMsMax = 5_000;

const strength: Readonly<Record<InterruptLevel, number>> = { ask: 1, terminate: 2, kill: 3 };

type Verdict = { readonly kind: "ended" } | { readonly kind: "died"; readonly exit: AgentExit };

type Phase =
  /** Nothing was sent: there is nothing to stop but the intention. */
  | { readonly kind: "waiting"; readonly prompts: AgentPrompt[] }
  | { readonly kind: "live"; readonly session: ClaudeSession; readonly unanswered: Set<string> }
  | { readonly kind: "over"; readonly session: ClaudeSession | null };

export function startTurn(request: TurnRequest, deps: TurnDeps): Turn {
  const events = createTurnEvents();
  const asks = createAsks(events.emit);
  const over = new AbortController();
  const stopAsked = Promise.withResolvers<"stop">();
  let verdict = Promise.withResolvers<Verdict>();
  let phase: Phase = { kind: "waiting", prompts: [request.prompt] };
  let level: InterruptLevel | null = null;
  let gathered = nothingGathered;
  /** A fault that we ended the turn for, though the CLI would have gone on. */
  let givenUp: Fault | null = null;
  /** Background tasks that were there before this turn. */
  let older: ReadonlySet<string> = new Set();
  let agents = 0;
  let awaitsWake = false;

  const sink: TurnSink = {
    get isStopping() {
      return level !== null || givenUp !== null;
    },
    show: (event) => events.emit(event),
    wire: receive,
    died: (exit) => verdict.resolve({ kind: "died", exit }),
    ask: (ask, signal) => asks.put(ask, signal),
    get said() {
      return saidOf(gathered);
    },
    tools: request.tools,
    over: over.signal,
  };
  const quiet = Promise.withResolvers<Quiet>();
  run("continued").then(quiet.resolve, (error: unknown) => {
    // Only an unreadable process table gets here. Without it there is no proof: `quiet` stays pending, which quarantines.
    deps.log.error({ error }, "a turn of Claude Code cannot be proven quiet");
    events.emit({ kind: "ended", end: { kind: "failed", fault: { kind: "internal", detail: String(error) } } });
  });

  async function run(how: "continued" | "afresh"): Promise<Quiet> {
    const acquiring = deps.acquire(how);
    const acquired = await Promise.race([acquiring, stopAsked.promise]);
    if (acquired === "stop") {
      // It is still being found or started for this session: the next turn will want it.
      void acquiring.then((late) => (late.kind === "session" ? deps.release(late.session) : undefined));
      return endUnsent({ kind: "interrupted" }, null);
    }
    if (acquired.kind === "unavailable") return endUnsent({ kind: "failed", fault: acquired.fault }, null);
    const { session } = acquired;
    session.attach(sink);
    older = new Set(session.tasks.map((task) => task.id));
    const start = await Promise.race([session.ready, stopAsked.promise]);
    if (start === "ready") await Promise.race([session.calm(), stopAsked.promise]);
    if (start === "dead") {
      const exit = await session.process.exited;
      return isLost(session, exit) ? runAfresh(session) : endDead(session, exit);
    }
    if (start === "ready" && level === null) {
      const { permissions, model, tools } = request;
      const settled = await Promise.race([
        session.settle({ permissions, model, tools: tools.list }),
        stopAsked.promise,
      ]);
      if (settled !== "stop" && settled.kind === "dead") return endDead(session, await session.process.exited);
      if (settled !== "stop" && settled.kind === "refused") return endRefused(session, settled.detail);
    }
    if (phase.kind !== "waiting" || level !== null) return endUnsent({ kind: "interrupted" }, session);
    phase = { kind: "live", session, unanswered: new Set(phase.prompts.map((prompt) => session.push(prompt))) };
    const outcome = await verdict.promise;
    return outcome.kind === "died" ? endDead(session, outcome.exit) : endLive(session);
  }

  /**
   * The CLI reported by itself, before it took the prompt and without naming a known cause, that it cannot go on with the session: it
   * was killed before it had saved anything of it. Without a way out the conversation would fail like this for ever.
   */
  function isLost(session: ClaudeSession, exit: AgentExit): boolean {
    if (session.options.resume === null || exit.signal !== null || level !== null) return false;
    return gathered.end?.kind === "failed" && gathered.end.fault.kind === "agent-error" && !gathered.hasStartupFailure;
  }

  async function runAfresh(session: ClaudeSession): Promise<Quiet> {
    session.detach(sink);
    await session.close("at once");
    deps.release(session);
    gathered = nothingGathered;
    verdict = Promise.withResolvers<Verdict>();
    events.emit({ kind: "notice", text: "The agent has no memory of this session any more: it begins a new one." });
    return run("afresh");
  }

  function receive(wire: Wire): void {
    const translated = translate(gathered, wire);
    gathered = translated.after;
    for (const event of translated.events) events.emit(event);
    if (phase.kind !== "live") return;
    if (wire.kind === "result") for (const message of wire.answered) phase.unanswered.delete(message);
    if (wire.kind === "lifecycle" && wire.state !== "queued" && wire.state !== "started") {
      phase.unanswered.delete(wire.message);
    }
    if (wire.kind === "retry") giveUpOn(translated.events, wire.attempt);
    if (wire.kind === "tasks") followAgents(wire.tasks);
    if (wire.kind === "state" && wire.state !== "idle") awaitsWake = false;
    if (hasEnded()) verdict.resolve({ kind: "ended" });
  }

  function hasEnded(): boolean {
    if (phase.kind !== "live" || phase.unanswered.size > 0 || agents > 0 || awaitsWake) return false;
    const isIdle = phase.session.state === "idle" || (phase.session.state === "untold" && gathered.end !== null);
    return isIdle && (gathered.end !== null || sink.isStopping);
  }

  function followAgents(tasks: readonly WireTask[]): void {
    if (sink.isStopping) stopTasks();
    const now = tasks.filter((task) => task.kind === "agent").length;
    // While the CLI is running, its return is part of what runs; only an idle CLI has to be waited for.
    const isIdle = phase.kind === "live" && phase.session.state === "idle";
    awaitsWake = agents > 0 && now === 0 && isIdle && !sink.isStopping;
    agents = now;
    if (!awaitsWake) return;
    // A bound of waiting for more, not a proof of quiet: the CLI has said that it is idle.
    void deps.clock.sleep(wakeMsMax, over.signal).then(() => {
      awaitsWake = false;
      if (hasEnded()) verdict.resolve({ kind: "ended" });
    });
  }

  /** An interrupt leaves background tasks alone; those of this turn are part of it. */
  function stopTasks(): void {
    if (phase.kind !== "live") return;
    const { session } = phase;
    for (const task of session.tasks) if (!older.has(task.id)) void session.stopTask(task.id); // never rejects
  }

  function giveUpOn(shown: readonly AgentEvent[], attempt: number): void {
    const fault = shown.find((event) => event.kind === "retrying")?.fault;
    if (fault?.kind !== "agent-not-logged-in" || attempt < authenticationAttemptsMax || sink.isStopping) return;
    givenUp = fault;
    asks.close();
    void askUntilOver(); // never rejects
  }

  /** agents.md: an interrupt may be missed by a turn that is just beginning. */
  async function askUntilOver(): Promise<void> {
    stopTasks();
    while (phase.kind === "live") {
      void phase.session.interrupt(); // never rejects
      // Pacing: the end of the turn ends the loop.
      await deps.clock.sleep(interruptEveryMs, over.signal);
    }
  }

  function interrupt(next: InterruptLevel): void {
    if (phase.kind === "over" || (level !== null && strength[next] <= strength[level])) return;
    const isFirst = level === null;
    level = next;
    asks.close();
    stopAsked.resolve("stop");
    if (phase.kind !== "live") return;
    if (isFirst) void askUntilOver(); // never rejects
    if (hasEnded()) verdict.resolve({ kind: "ended" });
    if (next === "ask") return;
    phase.session.process.signal(next === "terminate" ? "SIGTERM" : "SIGKILL");
  }

  function emitEnd(end: TurnEnd, session: ClaudeSession | null): void {
    phase = { kind: "over", session };
    asks.close();
    over.abort();
    events.emit({ kind: "ended", end: level === null ? end : { kind: "interrupted" } });
  }

  function endUnsent(end: TurnEnd, session: ClaudeSession | null): Quiet {
    emitEnd(end, session);
    session?.detach(sink);
    if (session) deps.release(session);
    return { adopted: [] };
  }

  function endRefused(session: ClaudeSession, detail: string): Quiet {
    const fault: Fault = { kind: "agent-error", agent: agentName, detail: detail.slice(0, faultDetailCharsMax) };
    return endUnsent({ kind: "failed", fault }, session);
  }

  async function endLive(session: ClaudeSession): Promise<Quiet> {
    const isStopped = sink.isStopping;
    session.detach(sink);
    emitEnd(givenUp ? { kind: "failed", fault: givenUp } : (gathered.end ?? { kind: "interrupted" }), session);
    const left = await session.leftovers();
    if (isStopped) {
      await session.process.end(session.spared, "SIGKILL", new AbortController().signal);
      // No tool has run, so what was killed may have been a helper that started late: a fresh process has all of them.
      if (left.length > 0 && !session.hasUsedTools) session.close("gently").catch(() => undefined); // release() owns and reports it
    } else if (session.hasUsedTools) session.adopt(left);
    else session.regardAsHelpers(left);
    await session.calm();
    deps.release(session);
    return { adopted: !isStopped && session.hasUsedTools ? left.map(refOf) : [] };
  }

  async function endDead(session: ClaudeSession, exit: AgentExit): Promise<Quiet> {
    emitEnd(gathered.end ?? { kind: "failed", fault: deathOf(exit) }, session);
    session.detach(sink);
    await session.close("at once");
    deps.release(session);
    return { adopted: [] };
  }

  return {
    events: events.events,
    quiet: quiet.promise,
    interrupt,
    steer(more) {
      if (level !== null || events.end !== null) return Promise.resolve("too-late");
      switch (phase.kind) {
        case "waiting":
          phase.prompts.push(more);
          return Promise.resolve("accepted");
        case "live":
          phase.unanswered.add(phase.session.push(more));
          return Promise.resolve("accepted");
        case "over":
          return Promise.resolve("too-late");
        default:
          phase satisfies never;
          return Promise.resolve("too-late");
      }
    },
    answer: (ask, answer) => Promise.resolve(asks.answer(ask, answer)),
    async survivors() {
      if (phase.kind === "waiting") return evidenceOf([], "The agent has not been given the prompt.");
      if (phase.session === null) return evidenceOf([], "The agent was not started.");
      const { session } = phase;
      return phase.kind === "over"
        ? accountOf("over", () => session.process.survivors(session.spared))
        : accountOf("going on", () => session.process.survivors(session.adopted));
    },
    async [Symbol.asyncDispose]() {
      interrupt("kill");
      await quiet.promise;
    },
  };
}
