/**
 * One live run, from claim to settled outcome, in the process that owns it. The database row is the truth; this is the handle of
 * the turn, and losing it loses nothing but the turn.
 *
 * I2: `live` resolves after proof (or a person's force release): "the run ended" means that nothing of it still runs.
 * I3: each write names the owner; a deposed run ends its turn and writes nothing more.
 * I8: a stop is recorded on the row before it reaches this handle, so whatever the turn does now, it settles as stopped.
 * I10: a further attempt is made by the same run, which looks at its row again first; a stop or a replacement wins over it. A wait for a
 * failing database keeps the lane occupied.
 */
import { toAgentPrompt } from "../domain/agent-prompt.ts";
import type { AgentEvent, TurnEnd } from "../domain/agent-event.ts";
import type { Ask, AskAnswer } from "../domain/ask.ts";
import { describeFault, type Fault } from "../domain/faults.ts";
import { joinPrompts, type Prompt } from "../domain/prompt.ts";
import { retryDelay, retryPrompt } from "../domain/retry.ts";
import type { Evidence, ProcessRef, RunOwner } from "../domain/run.ts";
import { emptyTranscript, reduce, type Transcript } from "../domain/transcript.ts";
import type { PermissionMode } from "../domain/permission-mode.ts";
import type { Clock, Driver, Lane, Log, Processes, RunSnapshot, Turn, Workspaces, HostTools } from "./ports.ts";
import { raiseAsk, withdrawAsk, withdrawAsks } from "./asks.ts";
import { proveQuiet, untilEnded } from "./quiescence.ts";
import { type RunLimits, type WatchedTurn, watchTurn } from "./run-watch.ts";
import { quarantine, settleQuiet } from "./settlement.ts";
import { createToolAsks } from "./tool-asks.ts";
import { type Commit, Deposed, persist, type Work } from "./work.ts";

export type LiveRunDeps = {
  readonly workspaces: Workspaces;
  readonly processes: Processes;
  readonly clock: Clock;
  readonly log: Log;
  /** Of conversations that did not choose. */
  readonly permissions: PermissionMode;
  readonly limits: RunLimits;
  /** What this run's agent may call; they act for it alone. `ask` resolves with null when the run is over before the answer. */
  readonly tools: (lane: Lane, owner: RunOwner, ask: HostAsk) => HostTools;
  readonly commit: Commit;
  readonly progressed: (snapshot: RunSnapshot) => void;
};

export type HostAsk = (ask: Ask, signal: AbortSignal) => Promise<AskAnswer | null>;

export type Claim = {
  readonly owner: RunOwner;
  readonly lane: Lane;
  readonly prompt: Prompt;
  readonly driver: Driver;
  readonly startedAtMs: number;
  /** What a schedule allows its runs; null follows the program's limit. */
  readonly runMsMax: number | null;
};

export type LiveRun = {
  readonly owner: RunOwner;
  /** Starts the turn. Resolves when the run has settled, was released or was deposed; never rejects. */
  readonly live: () => Promise<void>;
  /** The stop is on the row already; the first call asks, each further one strengthens. Returns at once. */
  readonly stop: () => void;
  /** The row was settled by force: this handle lets go. */
  readonly release: () => void;
  readonly steer: (prompt: Prompt) => Promise<"accepted" | "too-late">;
  readonly answer: (ask: string, answer: AskAnswer) => Promise<"accepted" | "too-late">;
  readonly snapshot: () => RunSnapshot;
};

/** After proof, the last events of the turn are still on their way through the driver for at most this long. */
const lastEventsMs = 1_000;

type LastWord = { readonly end: TurnEnd; readonly adopted: readonly ProcessRef[] };

/** A stop that came before the agent was asked anything. */
const nothingStarted: LastWord = { end: { kind: "interrupted" }, adopted: [] };

export function createLiveRun(deps: LiveRunDeps, claim: Claim): LiveRun {
  const { owner, lane, driver } = claim;
  const { clock, commit, log } = deps;
  const stopAsked = new AbortController();
  const released = new AbortController();
  /** Fires when the last word is taken: what the driver still says of this turn is heard by nobody (I12). */
  let over = new AbortController();
  /** Fires when the present turn is to end, by a stop or by `cutFor`. */
  let ending = new AbortController();
  /** Why the present turn has to end though nobody stopped it. */
  let cut: Fault | null = null;
  let strengthened = new AbortController();
  let transcript: Transcript = emptyTranscript;
  let state: RunSnapshot["state"] = "starting";
  let turn: Turn | null = null;
  let resume = lane.session.resume;
  let heardAtMs = claim.startedAtMs;
  /** How many turns failed before this one. Their agents' names for asks are used again: an ask is known by both. */
  let retries = 0;
  /** Of the present turn, as the rows know them. */
  const openAsks = new Set<string>();
  const runningTools = new Set<string>();
  /** What the present turn asks is stored in its order. */
  let asksTold = Promise.resolve();
  /** What was steered into any of its turns: a further one may not remember it. */
  const steered: Prompt[] = [];

  const watched: WatchedTurn = {
    heardAtMs: () => heardAtMs,
    isWaiting: () => openAsks.size > 0 || runningTools.size > 0,
  };
  const toolAsks = createToolAsks(observe, () => AbortSignal.any([stopAsked.signal, over.signal]));
  // One for all its turns: what they may do is bounded for the run.
  const tools = deps.tools(lane, owner, (ask, signal) => toolAsks.ask(ask, signal));

  const snapshot = (): RunSnapshot => ({
    owner,
    driver: driver.name,
    state,
    startedAtMs: claim.startedAtMs,
    transcript,
  });
  return { owner, live, stop, release, steer, answer, snapshot };

  async function live(): Promise<void> {
    try {
      await runTurn();
    } catch (error) {
      if (!(error instanceof Deposed)) throw error;
      log.warn({ run: owner.run, epoch: owner.epoch }, "deposed: this run writes nothing more");
      over.abort();
      turn?.interrupt("kill");
    }
  }

  function stop(): void {
    if (state === "starting" || state === "running") state = "stopping";
    ending.abort();
    if (!stopAsked.signal.aborted) return stopAsked.abort();
    const before = strengthened;
    strengthened = new AbortController();
    before.abort();
  }

  function release(): void {
    released.abort();
    over.abort();
  }

  async function steer(prompt: Prompt): Promise<"accepted" | "too-late"> {
    if (turn === null || stopAsked.signal.aborted) return "too-late";
    const taken = await turn.steer(toAgentPrompt(prompt));
    if (taken === "accepted") steered.push(prompt);
    return taken;
  }

  /** An ask of an earlier turn is not open here, whatever its row says. */
  async function answer(ask: string, given: AskAnswer): Promise<"accepted" | "too-late"> {
    if (turn === null || stopAsked.signal.aborted || !openAsks.delete(ask)) return "too-late";
    heardAtMs = clock.now();
    const id = ask.slice(nameOf("").length);
    return toolAsks.answer(id, given) ? "accepted" : turn.answer(id, given);
  }

  function nameOf(ask: string): string {
    return `${retries}/${ask}`;
  }

  async function runTurn(): Promise<void> {
    const last = await attempts();
    if (last === "released") return;
    transcript = reduce(transcript, { kind: "ended", end: last.end });
    if ((await settle(last.end, last.adopted)) === "settled") return;
    if ((await endLeftovers(last.adopted)) === "quiet") await settle(last.end, []);
  }

  /** One turn, and further ones while what failed is likely to pass. Between two the lane stays taken, and nothing runs. */
  async function attempts(): Promise<LastWord | "released"> {
    let { prompt } = claim;
    const adopted: ProcessRef[] = [];
    for (;;) {
      const word = await turnUnderLock(prompt);
      if (word === "released") return word;
      adopted.push(...word.adopted);
      const last = { ...word, adopted };
      // What was in quarantine has been told to a person, who decides what comes next.
      if (last.end.kind !== "failed" || state === "quarantined") return last;
      const { fault } = last.end;
      const facts = {
        retries,
        allowed: deps.limits.retries,
        hasUsedTools: transcript.toolCount > 0,
        nowMs: clock.now(),
      };
      const delayMs = retryDelay(last.end, facts);
      if (delayMs === null || stopAsked.signal.aborted) return last;
      const cause = describeFault(fault);
      observe({ kind: "notice", text: `${cause} Trying again.` });
      observe({ kind: "retrying", fault, attempt: retries + 1, delayMs });
      await keep((work) => withdrawAsks(work, owner));
      // Pacing: what failed is given this time to recover. A stop ends it.
      await clock.sleep(delayMs, stopAsked.signal);
      if (stopAsked.signal.aborted || !(await isStillOurs())) return { ...nothingStarted, adopted };
      retries += 1;
      prompt = retryPrompt(withSteered(), cause);
    }
  }

  function withSteered(): Prompt {
    return joinPrompts([claim.prompt, ...steered], "\n\n");
  }

  async function isStillOurs(): Promise<boolean> {
    const live = await keep((work) => work.tx.run(owner));
    if (live === null) throw new Deposed(owner);
    return live.stopWhy === null;
  }

  /** A turn that finished may leave tasks behind; one that was stopped leaves nothing, even when the stop came just after its end. */
  async function settle(end: TurnEnd, adopted: readonly ProcessRef[]): Promise<"settled" | "leftovers"> {
    return keep(async (work) => {
      const live = adopted.length > 0 ? await work.tx.run(owner) : null;
      if (live !== null && live.stopWhy !== null) return "leftovers";
      await settleQuiet(work, owner, end, transcript);
      if (adopted.length > 0) await work.tx.adopt(owner.conversation, owner.run, adopted);
      return "settled";
    });
  }

  async function endLeftovers(adopted: readonly ProcessRef[]): Promise<"quiet" | "released"> {
    const end = () => deps.processes.end(adopted, released.signal);
    const verdict = await end();
    return verdict.kind === "quiet"
      ? "quiet"
      : waitInQuarantine(untilEnded(end, clock, released.signal), verdict.evidence);
  }

  /**
   * The operating system's lock is let go before the settlement is committed: that commit may claim the directory's next run, and
   * until then the run's row holds it. Nothing of the turn runs any more at that point.
   */
  async function turnUnderLock(prompt: Prompt): Promise<LastWord | "released"> {
    if (stopAsked.signal.aborted) return nothingStarted;
    const hold = await deps.workspaces.hold(lane.workspace);
    if (hold.kind === "refused") return { end: { kind: "failed", fault: hold.fault }, adopted: [] };
    await using _lock = hold.lock;
    if (stopAsked.signal.aborted) return nothingStarted;
    const request = {
      owner,
      session: { id: lane.session.id, resume },
      workspace: lane.workspace,
      prompt: toAgentPrompt(prompt),
      permissions: lane.permissions ?? deps.permissions,
      model: lane.model,
      tools,
    };
    turn = driver.start(request);
    return await seeThrough(turn);
  }

  async function seeThrough(started: Turn): Promise<LastWord | "released"> {
    over = new AbortController();
    ending = new AbortController();
    if (stopAsked.signal.aborted) ending.abort();
    cut = null;
    heardAtMs = clock.now();
    openAsks.clear();
    runningTools.clear();
    const turnOver = new AbortController();
    const ended = consume(started).finally(() => turnOver.abort("the turn is over"));
    const limits = claim.runMsMax === null ? deps.limits : { ...deps.limits, runMsMax: claim.runMsMax };
    void watchTurn(driver.name, watched, limits, claim.startedAtMs, clock, turnOver.signal).then(cutFor); // never rejects
    const verdict = await proveQuiet(started, ended, ending.signal, () => strengthened.signal, clock);
    // What is proven gone, or was ended by every means, is not cut: as a stall it would be tried again, and it may have finished.
    turnOver.abort("there is a verdict");
    if (verdict.kind === "unconfirmed" && (await waitInQuarantine(started.quiet, verdict.evidence)) === "released")
      return "released";
    const { adopted } = await started.quiet;
    await started[Symbol.asyncDispose]();
    const end = await lastWord(ended);
    openAsks.clear(); // an answer finds none of this turn from here on
    return { end: cut !== null && end.kind !== "completed" ? { kind: "failed", fault: cut } : end, adopted };
  }

  /** Ends the turn as a stop would, and says why. */
  function cutFor(fault: Fault | null): void {
    if (fault === null || cut !== null) return;
    cut = fault;
    ending.abort();
  }

  /** Reads the turn to its end. The first `ended` is the end; a driver that breaks off without one has failed. */
  async function consume(started: Turn): Promise<TurnEnd> {
    try {
      for await (const event of started.events) {
        if (over.signal.aborted) break;
        observe(event);
        if (event.kind === "ended") return event.end;
      }
      return { kind: "failed", fault: { kind: "agent-died", agent: driver.name, detail: "it ended without a result" } };
    } catch (error) {
      log.error({ run: owner.run, error }, "a driver broke its contract: its events rejected");
      return { kind: "failed", fault: { kind: "internal", detail: "the agent's events could not be read" } };
    }
  }

  function observe(event: AgentEvent): void {
    if (event.kind === "session") resume = event.resume;
    if (state === "starting" || event.kind === "session") confirm(resume);
    if (state === "starting") state = "running";
    heardAtMs = clock.now();
    if (event.kind === "tool-started") runningTools.add(event.tool.id);
    else if (event.kind === "tool-ended") runningTools.delete(event.id);
    else if (event.kind === "asked") {
      const name = nameOf(event.id);
      openAsks.add(name);
      tellAsk((work) => raiseAsk(work, owner, name, event.ask));
    } else if (event.kind === "ask-withdrawn") {
      const name = nameOf(event.id);
      openAsks.delete(name);
      tellAsk((work) => withdrawAsk(work, owner, name));
    } else if (event.kind === "limits") tell(({ tx, atMs }) => tx.setLimits(driver.name, event.limits, atMs));
    else if (event.kind === "usage") checkCost(event.usage.costUsd);
    // The end is shown once it is the run's: there may be another attempt, and I8 wants proof first.
    if (event.kind !== "ended") transcript = reduce(transcript, event);
    deps.progressed(snapshot());
  }

  function checkCost(costUsd: number | null): void {
    const { costUsdMax } = deps.limits;
    if (costUsdMax !== null && costUsd !== null && costUsd >= costUsdMax)
      cutFor({ kind: "limit-reached", limit: "cost", value: costUsdMax });
  }

  /** Its failure is seen by the settlement, which names the same owner and is retried. */
  function confirm(resume: string | null): void {
    commit(async ({ tx }) => {
      if (!(await tx.confirmRun(owner, resume))) throw new Deposed(owner);
    }).catch((error: unknown) => {
      if (error instanceof Deposed) turn?.interrupt("kill");
      log.warn({ run: owner.run, error }, "the run could not be confirmed");
    });
  }

  function tell(decide: (work: Work) => Promise<void>): void {
    persist(deps, decide, over.signal).catch((error: unknown) => {
      log.warn({ run: owner.run, error }, "what a turn that is over said was not stored");
    });
  }

  /** What the agent waits for must reach the person: tried until it is stored, or the turn is over and asks nothing more. */
  function tellAsk(decide: (work: Work) => Promise<void>): void {
    const turnOver = over.signal;
    const decideInTime = async (work: Work): Promise<void> => {
      if (!turnOver.aborted) await decide(work);
    };
    asksTold = asksTold
      .then(() => persist(deps, decideInTime, turnOver))
      .catch((error: unknown) => log.warn({ run: owner.run, error }, "an ask of a turn that is over was not stored"));
  }

  async function waitInQuarantine(quiet: Promise<unknown>, evidence: Evidence): Promise<"quiet" | "released"> {
    await keep((work) => quarantine(work, owner, evidence, transcript));
    state = "quarantined"; // after the commit: a shutdown may leave a quarantined run behind, never one that only will be
    deps.progressed(snapshot());
    const isReleased = new Promise<"released">((resolve) => {
      if (released.signal.aborted) resolve("released");
      released.signal.addEventListener("abort", () => resolve("released"), { once: true });
    });
    return Promise.race([quiet.then(() => "quiet" as const), isReleased]);
  }

  /** The events may trail the proof by a moment. A turn that is proven gone and gives no end was cut. */
  async function lastWord(ended: Promise<TurnEnd>): Promise<TurnEnd> {
    // Bound: a driver that never says the end must not hold a lane whose turn is proven gone.
    const silence = clock.sleep(lastEventsMs, over.signal).then((): TurnEnd => ({ kind: "interrupted" }));
    const end = await Promise.race([ended, silence]);
    over.abort();
    return end;
  }

  /** The lane stays occupied until this is durable. A release by force settled the row already: then nothing is left to write. */
  async function keep<T>(decide: (work: Work) => Promise<T>): Promise<T> {
    try {
      return await persist(deps, decide, released.signal);
    } catch (error) {
      throw released.signal.aborted ? new Deposed(owner) : error;
    }
  }
}
