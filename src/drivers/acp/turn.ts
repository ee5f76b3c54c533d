/**
 * One turn of an ACP agent, from the moment it is asked for until it is proven quiet.
 *
 * 1. It exists before anything is awaited: a stop before the agent is ready means that the prompt is never sent.
 * 2. It has ended when the prompt is answered and everything that was told before is shown. A stop is repeated until then.
 * 3. Nothing that the agent asks for is done once the turn was told to stop: an open question is answered with "cancelled".
 * 4. A stopped turn is quiet when, after its end, nothing it started is alive (agents leave children of their own session alive). A
 *    finished one adopts what it left running.
 * 5. If the process dies, everything of it is swept, and only then is the turn quiet (I2). Time is never evidence.
 */
import { realpathSync } from "node:fs";
import { dirname, join, basename } from "node:path";
import type { TurnEnd } from "../../domain/agent-event.ts";
import type { AskAnswer } from "../../domain/ask.ts";
import type { PermissionMode } from "../../domain/permission-mode.ts";
import type { Fault } from "../../domain/faults.ts";
import type { Clock, InterruptLevel, Log, Quiet, Turn, TurnRequest } from "../../engine/ports.ts";
import { accountOf, evidenceOf, refOf } from "../agent-process.ts";
import type { AgentExit } from "../agent-process.ts";
import { createTurnEvents } from "../turn-events.ts";
import type { WirePermission, WireUpdate } from "./decode.ts";
import { askOf, decide, optionFor, optionToAllow } from "./permissions.ts";
import type { AcpSession, PromptOutcome, TurnSink } from "./session.ts";
import {
  bounded,
  deathOf,
  endOf,
  faultOf,
  gatherTool,
  nothingGathered,
  targetOf,
  toolOf,
  translate,
  usageOf,
} from "./translate.ts";
import type { AgentTitle } from "./translate.ts";

export type Acquired =
  | { readonly kind: "session"; readonly session: AcpSession }
  | { readonly kind: "unavailable"; readonly fault: Fault };

export type TurnDeps = {
  readonly title: AgentTitle;
  /** The agent's own name of a mode for each of ours; it is chosen where the agent offers it. */
  readonly modes: Readonly<Partial<Record<PermissionMode, string>>>;
  readonly clock: Clock;
  readonly log: Log;
  /** The process of this turn's session; resolves, never rejects. */
  readonly acquire: () => Promise<Acquired>;
  /** The turn needs its session no more. */
  readonly release: (session: AcpSession) => void;
};

/** A cancel may meet an agent that has not yet begun with the prompt: it is repeated until the prompt is answered. */
const cancelEveryMs = 100;

const strength: Readonly<Record<InterruptLevel, number>> = { ask: 1, terminate: 2, kill: 3 };

type Phase =
  /** The prompt was not sent: there is nothing to stop but the intention. */
  | { readonly kind: "waiting"; readonly session: AcpSession | null }
  | { readonly kind: "live"; readonly session: AcpSession }
  | { readonly kind: "over"; readonly session: AcpSession | null };

export function startTurn(request: TurnRequest, deps: TurnDeps): Turn {
  const { title } = deps;
  const events = createTurnEvents();
  const over = new AbortController();
  const stop = new AbortController();
  const stopAsked = new Promise<"stop">((resolve) => stop.signal.addEventListener("abort", () => resolve("stop")));
  const died = Promise.withResolvers<AgentExit>();
  const asks = new Map<string, (answer: AskAnswer) => void>();
  let asked = 0;
  let mode = request.permissions;
  let phase: Phase = { kind: "waiting", session: null };
  let level: InterruptLevel | null = null;
  let gathered = nothingGathered(null);
  let helpersSeen: Promise<void> | null = null;

  const sink: TurnSink = {
    tools: request.tools,
    update(update: WireUpdate) {
      if (phase.kind === "live") show(translate(gathered, update));
    },
    permission,
    died: died.resolve,
  };
  const quiet = Promise.withResolvers<Quiet>();
  run().then(quiet.resolve, (error: unknown) => {
    // Only an unreadable process table gets here. Without it there is no proof: `quiet` stays pending, which quarantines.
    deps.log.error({ error, agent: title.name }, "a turn cannot be proven quiet");
    events.emit({ kind: "ended", end: { kind: "failed", fault: { kind: "internal", detail: String(error) } } });
  });

  async function run(): Promise<Quiet> {
    const acquiring = deps.acquire();
    const acquired = await Promise.race([acquiring, stopAsked]);
    if (acquired === "stop") {
      // It is still being found or started for this session: the next turn will want it.
      void acquiring.then((late) => (late.kind === "session" ? deps.release(late.session) : undefined));
      return endUnsent({ kind: "interrupted" }, null);
    }
    if (acquired.kind === "unavailable") return endUnsent({ kind: "failed", fault: acquired.fault }, null);
    const { session } = acquired;
    phase = { kind: "waiting", session };
    session.attach(sink);
    const start = await Promise.race([session.ready, stopAsked]);
    if (start === "stop") return endUnsent({ kind: "interrupted" }, session);
    if (start.kind === "dead") return endDead(session, await session.process.exited);
    if (start.kind === "refused") return endRefused(session, start.fault);
    events.emit({ kind: "session", resume: start.id });
    if (start.hasForgotten && request.session.resume !== null && request.session.resume !== start.id) {
      events.emit({ kind: "notice", text: "The agent has no memory of this session any more: it begins a new one." });
    }
    // Also when a stop comes meanwhile: what is being chosen must not meet the next turn.
    const fault = await session.choose(request.model, deps.modes[mode] ?? null);
    if (!session.isAlive) return endDead(session, await session.process.exited);
    if (level !== null) return endUnsent({ kind: "interrupted" }, session);
    if (fault !== null) return endUnsent({ kind: "failed", fault }, session);
    await session.regardAsHelpers();
    if (stop.signal.aborted) return endUnsent({ kind: "interrupted" }, session);
    phase = { kind: "live", session };
    gathered = nothingGathered(session.spentUsd);
    const outcome = await Promise.race([session.prompt(request.prompt), died.promise]);
    if (outcome === null || !("kind" in outcome)) return endDead(session, await session.process.exited);
    return endLive(session, outcome);
  }

  function show({ events: shown, after }: ReturnType<typeof translate>): void {
    gathered = after;
    for (const event of shown) events.emit(event);
  }

  /** Resolves with the id of an option; null cancels. */
  async function permission(asking: WirePermission, withdrawn: AbortSignal): Promise<string | null> {
    if (phase.kind !== "live" || level !== null) return null;
    const { session } = phase;
    // Nothing of the agent has run yet, and this waits for us: what is alive now is a helper that started late. Looked at once: beside
    // a second question the tool of the first may be at work.
    if (helpersSeen === null && !gathered.hasUsedTools) helpersSeen = session.regardAsHelpers().catch(() => undefined); // the end of the turn will tell
    await helpersSeen;
    if (level !== null) return null;
    show(gatherTool(gathered, asking.tool, "as told"));
    const tool = toolOf(gathered, asking.tool.id);
    const names = request.tools.list.map((one) => one.name);
    switch (decide(mode, tool, names, request.workspace, realPath)) {
      case "allow":
        return allowed(asking, optionToAllow(asking));
      case "deny": {
        const why = "The permission mode is 'plan', in which nothing is changed.";
        events.emit({ kind: "notice", text: bounded(`Denied: ${targetOf(tool)}. ${why}`) });
        return optionFor(asking, { kind: "deny", reason: null });
      }
      case "ask":
        return person(session, asking, withdrawn);
      default:
        return null;
    }
  }

  async function person(session: AcpSession, asking: WirePermission, withdrawn: AbortSignal): Promise<string | null> {
    const id = `${(asked += 1)}`;
    const ask = askOf(asking, toolOf(gathered, asking.tool.id));
    const answered = new Promise<AskAnswer | null>((resolve) => {
      asks.set(id, resolve);
      for (const signal of [withdrawn, stop.signal, over.signal]) {
        if (signal.aborted) resolve(null);
        else signal.addEventListener("abort", () => resolve(null), { once: true });
      }
    });
    events.emit({ kind: "asked", id, ask });
    const answer = await answered;
    asks.delete(id);
    if (answer === null && withdrawn.aborted) events.emit({ kind: "ask-withdrawn", id });
    if (answer === null || level !== null) return null;
    if (answer.kind !== "allow") {
      if (answer.kind === "deny" && answer.reason !== null) {
        const text = `${title.name} cannot be told why; send it as a message.`;
        events.emit({ kind: "notice", text });
      }
      return optionFor(asking, answer);
    }
    if (ask.kind === "plan") mode = answer.scope === "once" ? "ask" : "edit";
    else if (answer.scope === "session") session.hasStandingAllowance = true;
    return allowed(asking, optionFor(asking, answer));
  }

  /** I8: asked again, since a stop may have come meanwhile. */
  function allowed(asking: WirePermission, option: string | null): string | null {
    if (level !== null || option === null) return null;
    show(gatherTool(gathered, asking.tool, "allowed"));
    return option;
  }

  async function cancelUntilOver(session: AcpSession): Promise<void> {
    while (!over.signal.aborted) {
      session.cancel();
      // Pacing: the end of the turn ends the loop.
      await deps.clock.sleep(cancelEveryMs, over.signal);
    }
  }

  function interrupt(next: InterruptLevel): void {
    if (phase.kind === "over" || (level !== null && strength[next] <= strength[level])) return;
    const isFirst = level === null;
    level = next;
    stop.abort();
    if (phase.kind === "live" && isFirst) void cancelUntilOver(phase.session); // never rejects
    if (next !== "ask") phase.session?.process.signal(next === "terminate" ? "SIGTERM" : "SIGKILL");
  }

  function emitEnd(end: TurnEnd, session: AcpSession | null): void {
    phase = { kind: "over", session };
    over.abort();
    events.emit({ kind: "ended", end: level === null ? end : { kind: "interrupted" } });
  }

  function endUnsent(end: TurnEnd, session: AcpSession | null): Quiet {
    emitEnd(end, session);
    session?.detach(sink);
    if (session) deps.release(session);
    return { adopted: [] };
  }

  async function endRefused(session: AcpSession, fault: Fault): Promise<Quiet> {
    emitEnd({ kind: "failed", fault }, session);
    return sweep(session);
  }

  async function endDead(session: AcpSession, exit: AgentExit): Promise<Quiet> {
    emitEnd({ kind: "failed", fault: deathOf(exit, title) }, session);
    return sweep(session);
  }

  async function sweep(session: AcpSession): Promise<Quiet> {
    session.detach(sink);
    await session.close("at once");
    deps.release(session);
    return { adopted: [] };
  }

  async function endLive(session: AcpSession, outcome: PromptOutcome): Promise<Quiet> {
    const isStopped = level !== null;
    session.detach(sink);
    if (outcome.kind === "ended") events.emit({ kind: "usage", usage: usageOf(gathered, outcome.end) });
    const end: TurnEnd =
      outcome.kind === "ended"
        ? endOf(gathered, outcome.end, title)
        : { kind: "failed", fault: faultOf(outcome.error, title) };
    emitEnd(end, session);
    const left = await session.leftovers();
    if (isStopped) {
      await session.process.end(session.spared, "SIGKILL", new AbortController().signal);
      // No tool has run, so what was killed may have been a helper that started late: a fresh process has all of them.
      if (left.length > 0 && !gathered.hasUsedTools) session.close("gently").catch(() => undefined); // release() owns and reports it
      // A cancel still on its way could stop the next turn.
      await session.calm();
    } else if (gathered.hasUsedTools) session.adopt(left);
    // A login that the person renews meanwhile is read by a fresh process.
    if (end.kind === "failed" && end.fault.kind === "agent-not-logged-in")
      session.close("gently").catch(() => undefined); // as above
    deps.release(session);
    return { adopted: !isStopped && gathered.hasUsedTools ? left.map(refOf) : [] };
  }

  return {
    events: events.events,
    quiet: quiet.promise,
    interrupt,
    steer: () => Promise.resolve("too-late"), // the protocol has no word for it
    answer(id, answer) {
      const waiting = asks.get(id);
      if (waiting === undefined || level !== null || events.end !== null) return Promise.resolve("too-late");
      waiting(answer);
      return Promise.resolve("accepted");
    },
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

/** Follows links as far as the path exists. */
function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    // Not there yet: it lies where its directory lies.
    return dirname(path) === path ? path : join(realPath(dirname(path)), basename(path));
  }
}
