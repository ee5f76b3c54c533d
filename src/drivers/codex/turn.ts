/**
 * One turn of Codex, from the moment it is asked for until it is proven quiet.
 *
 * 1. It exists before anything is awaited: a stop before its thread is open means that the prompt is never sent.
 * 2. It has ended when Codex has ended the turn, no subagent of it goes on and everything that was steered in was taken. What was steered
 *    just before the end and not taken begins a turn of Codex that is still this one.
 * 3. Nothing that is asked is done before its answer; what is unanswered at a stop is refused.
 * 4. A stopped turn is quiet when, after that, nothing that carries its thread's marker is alive. A finished one adopts what it left
 *    running. The server and the other threads' commands are no part of it.
 * 5. If the server dies, everything of it is swept, and only then is the turn quiet (I2). Time is never evidence.
 */
import type { TurnEnd } from "../../domain/agent-event.ts";
import type { AskAnswer } from "../../domain/ask.ts";
import type { Fault } from "../../domain/faults.ts";
import type { AgentPrompt } from "../../domain/agent-prompt.ts";
import type { Clock, HostTools, InterruptLevel, Log, Quiet, Turn } from "../../engine/ports.ts";
import { accountOf, evidenceOf, refOf } from "../agent-process.ts";
import type { AgentExit } from "../agent-process.ts";
import { createTurnEvents } from "../turn-events.ts";
import { answerOf, askOf, refusalOf, toolAnswer } from "./asks.ts";
import type { Wire, WireChange, WireRequest } from "./decode.ts";
import { interruptEveryMs } from "./thread.ts";
import type { CodexThread, TurnSink } from "./thread.ts";
import { deathOf, nothingGathered, refusalOf as faultOfRefusal, translate } from "./translate.ts";

export type Acquired =
  /** `settings` are those of turn/start beside the prompt. */
  | {
      readonly kind: "thread";
      readonly thread: CodexThread;
      readonly settings: object;
      readonly notice: string | null;
    }
  | { readonly kind: "unavailable"; readonly fault: Fault };

export type TurnDeps = {
  readonly clock: Clock;
  readonly log: Log;
  readonly tools: HostTools;
  /** The thread of this turn's session, opened where it is not open; resolves, never rejects. */
  readonly acquire: () => Promise<Acquired>;
  /** The turn needs its thread no more. */
  readonly release: (thread: CodexThread) => void;
  /** The thread's server is dead: ends what it left, with proof. */
  readonly bury: (thread: CodexThread) => Promise<void>;
};

/** An interrupt is answered within 20 ms (measured), and a kill comes after the milder words. A server that is silent this long hangs. */
const confirmMsMax = 5_000;

const strength: Readonly<Record<InterruptLevel, number>> = { ask: 1, terminate: 2, kill: 3 };

type Verdict =
  | { readonly kind: "ended" }
  | { readonly kind: "refused"; readonly fault: Fault }
  | { readonly kind: "died"; readonly exit: AgentExit };

type Phase =
  /** Nothing was sent: there is nothing to stop but the intention. */
  | { readonly kind: "waiting"; readonly prompts: AgentPrompt[] }
  /** Codex was told to begin and has not said which turn it is. */
  | { readonly kind: "starting"; readonly thread: CodexThread; readonly prompts: AgentPrompt[] }
  | { readonly kind: "live"; readonly thread: CodexThread; readonly turn: string }
  | { readonly kind: "over"; readonly thread: CodexThread | null };

export function startTurn(prompt: AgentPrompt, deps: TurnDeps): Turn {
  const events = createTurnEvents();
  const over = new AbortController();
  const stopped = new AbortController();
  const stopAsked = Promise.withResolvers<"stop">();
  const verdict = Promise.withResolvers<Verdict>();
  const pending = new Map<string, WireRequest>();
  const changes = new Map<string, readonly WireChange[]>();
  /** What was steered in and not taken yet, by our id of it. */
  const unseen = new Map<string, readonly AgentPrompt[]>();
  let phase: Phase = { kind: "waiting", prompts: [prompt] };
  let level: InterruptLevel | null = null;
  let gathered = nothingGathered;

  const sink: TurnSink = {
    wire: receive,
    asked: receiveRequest,
    show: (event) => events.emit(event),
    died: (exit) => verdict.resolve({ kind: "died", exit }),
  };
  const quiet = Promise.withResolvers<Quiet>();
  run().then(quiet.resolve, (error: unknown) => {
    // Only an unreadable process table gets here. Without it there is no proof: `quiet` stays pending, which quarantines.
    deps.log.error({ error }, "a turn of Codex cannot be proven quiet");
    events.emit({ kind: "ended", end: { kind: "failed", fault: { kind: "internal", detail: String(error) } } });
  });

  async function run(): Promise<Quiet> {
    const acquiring = deps.acquire();
    const acquired = await Promise.race([acquiring, stopAsked.promise]);
    if (acquired === "stop") {
      // It is still being opened for this session: the next turn will want it.
      void acquiring.then((late) => (late.kind === "thread" ? deps.release(late.thread) : undefined));
      return endUnsent({ kind: "interrupted" }, null);
    }
    if (acquired.kind === "unavailable") return endUnsent({ kind: "failed", fault: acquired.fault }, null);
    const { thread, settings, notice } = acquired;
    thread.attach(sink);
    if (notice !== null) events.emit({ kind: "notice", text: notice });
    await Promise.race([thread.calm(), stopAsked.promise]);
    if (phase.kind !== "waiting" || level !== null) return endUnsent({ kind: "interrupted" }, thread);
    void begin(thread, phase.prompts, settings); // never rejects: its outcome is the verdict
    const outcome = await verdict.promise;
    switch (outcome.kind) {
      case "died":
        return endDead(thread, outcome.exit);
      case "refused":
        return endLive(thread, { kind: "failed", fault: outcome.fault });
      case "ended":
        return endLive(thread, gathered.end ?? { kind: "interrupted" });
      default:
        return outcome satisfies never;
    }
  }

  async function begin(thread: CodexThread, prompts: readonly AgentPrompt[], settings: object): Promise<void> {
    const later: AgentPrompt[] = [];
    phase = { kind: "starting", thread, prompts: later };
    gathered = { ...gathered, end: null };
    const client = crypto.randomUUID();
    unseen.set(client, prompts);
    const begun = await thread.begin({ ...settings, clientUserMessageId: client, input: prompts.flatMap(inputOf) });
    if (begun.kind !== "joined") unseen.delete(client); // a turn of its own takes it in
    if (begun.kind === "closed") {
      return verdict.resolve({ kind: "died", exit: await thread.server.process.exited });
    }
    if (begun.kind === "refused") {
      return verdict.resolve({ kind: "refused", fault: faultOfRefusal("turn/start", begun.message) });
    }
    const { turn } = begun;
    phase = { kind: "live", thread, turn };
    events.emit({ kind: "session", resume: thread.id });
    for (const more of later) void send(thread, turn, more); // what is not taken begins a turn of its own
    look();
  }

  /** Resolves with whether Codex has it; what it then does not take in is in `unseen`. */
  async function send(thread: CodexThread, turn: string, prompt: AgentPrompt): Promise<boolean> {
    const client = crypto.randomUUID();
    unseen.set(client, [prompt]);
    const answer = await thread.request("turn/steer", {
      expectedTurnId: turn,
      clientUserMessageId: client,
      input: inputOf(prompt),
    });
    if (answer.kind === "result") return true;
    unseen.delete(client);
    return false;
  }

  function receive(wire: Wire): void {
    if (phase.kind !== "starting" && phase.kind !== "live") return;
    const { thread } = phase;
    const translated = translate(gathered, wire, thread.id);
    gathered = translated.after;
    for (const event of translated.events) events.emit(event);
    switch (wire.kind) {
      case "item-started":
        if (wire.item.kind === "prompt") unseen.delete(wire.item.client);
        if (wire.item.kind === "tool") changes.set(wire.item.id, wire.item.changes);
        return;
      case "item-ended":
        changes.delete(wire.item.id);
        return;
      case "resolved":
        if (pending.delete(wire.request)) events.emit({ kind: "ask-withdrawn", id: wire.request });
        return;
      case "turn-ended":
        return look();
      default:
        return;
    }
  }

  function look(): void {
    if (phase.kind !== "live" || phase.thread.isBusy || gathered.end === null) return;
    if (level === null && gathered.end.kind === "completed" && unseen.size > 0) {
      const texts = [...unseen.values()].flat();
      unseen.clear();
      void begin(phase.thread, texts, {}); // never rejects: its outcome is the verdict
      return;
    }
    verdict.resolve({ kind: "ended" });
  }

  // ---- what Codex asks

  function receiveRequest(request: WireRequest): void {
    if (phase.kind !== "starting" && phase.kind !== "live") return;
    const { server } = phase.thread;
    if (request.kind === "tool-call") return void callTool(request, server); // never rejects
    const ask =
      level === null ? askOf(request, request.kind === "edit" ? (changes.get(request.item) ?? []) : []) : null;
    if (ask === null) {
      if (level === null && request.kind === "elicitation") {
        const text = `The MCP server "${request.server}" wants an input that cannot be given here: ${request.message}`;
        events.emit({ kind: "notice", text });
      }
      return server.answer(request, refusalOf(request));
    }
    pending.set(request.request, request);
    events.emit({ kind: "asked", id: request.request, ask });
  }

  async function callTool(
    request: Extract<WireRequest, { kind: "tool-call" }>,
    server: CodexThread["server"],
  ): Promise<void> {
    if (level !== null) return server.answer(request, refusalOf(request));
    server.answer(request, toolAnswer(await deps.tools.call(request.name, request.input, stopped.signal)));
  }

  async function answer(ask: string, given: AskAnswer): Promise<"accepted" | "too-late"> {
    const request = pending.get(ask); // a stop has left none
    if (request === undefined || phase.kind !== "live") return "too-late";
    const response = answerOf(request, given);
    if (response === null) return "too-late";
    pending.delete(ask);
    const { thread, turn } = phase;
    // The protocol has no place for a reason, so it is said as the person's own words, and first: after the answer Codex goes on.
    if (given.kind === "deny" && given.reason !== null) await send(thread, turn, { text: given.reason });
    thread.server.answer(request, response);
    return "accepted";
  }

  function refuseAll(thread: CodexThread): void {
    for (const request of pending.values()) thread.server.answer(request, refusalOf(request));
    pending.clear();
  }

  // ---- stopping

  function interrupt(next: InterruptLevel): void {
    if (phase.kind === "over" || (level !== null && strength[next] <= strength[level])) return;
    const isFirst = level === null;
    level = next;
    stopAsked.resolve("stop");
    stopped.abort();
    if (phase.kind === "waiting") return;
    const { thread } = phase;
    if (isFirst) {
      refuseAll(thread);
      void askUntilOver(thread); // never rejects
    }
    if (next === "terminate") endChildren(thread, "SIGTERM");
    if (next === "kill") {
      endChildren(thread, "SIGKILL");
      void killSilent(thread); // never rejects
    }
  }

  /** agents.md: an interrupt may be missed by a turn that is just beginning. */
  async function askUntilOver(thread: CodexThread): Promise<void> {
    while (!over.signal.aborted) {
      thread.interrupt();
      // Pacing: the end of the turn ends the loop.
      await deps.clock.sleep(interruptEveryMs, over.signal);
    }
  }

  function endChildren(thread: CodexThread, kill: "SIGTERM" | "SIGKILL"): void {
    thread.sweep(kill, over.signal).catch((error: unknown) => {
      // The proof comes later and reads the table again.
      deps.log.warn({ error }, "the process table cannot be read");
    });
  }

  /** The server is everybody's, so it is killed only when it does not even confirm the end of a turn. */
  async function killSilent(thread: CodexThread): Promise<void> {
    // A bound for a server that hangs: its other turns are lost with it, and are told.
    await deps.clock.sleep(confirmMsMax, over.signal);
    if (!over.signal.aborted) thread.server.process.signal("SIGKILL");
  }

  // ---- ends

  function emitEnd(end: TurnEnd, thread: CodexThread | null): void {
    phase = { kind: "over", thread };
    over.abort();
    stopped.abort();
    if (end.kind === "completed") {
      for (const id of gathered.tools) events.emit({ kind: "tool-ended", id, ok: true }); // they go on in the background
    }
    events.emit({ kind: "ended", end: level === null ? end : { kind: "interrupted" } });
  }

  function endUnsent(end: TurnEnd, thread: CodexThread | null): Quiet {
    emitEnd(end, thread);
    thread?.detach(sink);
    if (thread) deps.release(thread);
    return { adopted: [] };
  }

  async function endLive(thread: CodexThread, end: TurnEnd): Promise<Quiet> {
    const isStopped = level !== null;
    refuseAll(thread);
    thread.detach(sink);
    emitEnd(end, thread);
    if (isStopped) {
      await thread.endTerminals();
      await thread.sweep("SIGKILL", new AbortController().signal);
    }
    const left = isStopped ? [] : await thread.leftovers();
    await thread.adopt(left);
    await thread.calm();
    deps.release(thread);
    return { adopted: left.map(refOf) };
  }

  async function endDead(thread: CodexThread, exit: AgentExit): Promise<Quiet> {
    thread.detach(sink);
    emitEnd(gathered.end ?? { kind: "failed", fault: deathOf(exit) }, thread);
    await deps.bury(thread);
    await thread.sweep("SIGKILL", new AbortController().signal);
    deps.release(thread);
    return { adopted: [] };
  }

  return {
    events: events.events,
    quiet: quiet.promise,
    interrupt,
    answer,
    async steer(more) {
      if (level !== null || events.end !== null) return "too-late";
      switch (phase.kind) {
        case "waiting":
        case "starting":
          phase.prompts.push(more);
          return "accepted";
        case "live":
          return (await send(phase.thread, phase.turn, more)) ? "accepted" : "too-late";
        case "over":
          return "too-late";
        default:
          phase satisfies never;
          return "too-late";
      }
    },
    async survivors() {
      if (phase.kind === "waiting") return evidenceOf([], "The agent has not been given the prompt.");
      if (phase.thread === null) return evidenceOf([], "The agent was not started.");
      const { thread } = phase;
      return accountOf(phase.kind === "over" ? "over" : "going on", () => thread.leftovers());
    },
    async [Symbol.asyncDispose]() {
      interrupt("kill");
      await quiet.promise;
    },
  };
}

/** Codex reads the images itself. */
function inputOf({ text, images = [] }: AgentPrompt): readonly object[] {
  return [{ type: "text", text, text_elements: [] }, ...images.map(({ path }) => ({ type: "localImage", path }))];
}
