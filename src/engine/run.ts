/**
 * One live run, from claim to settled outcome, in the process that owns it. The database row is the truth; this is the handle of
 * the turn, and losing it loses nothing but the turn.
 *
 * I2: `finished` resolves after proof (or a person's force release): "the run ended" means that nothing of it still runs.
 * I3: each write names the owner; a deposed run ends its turn and writes nothing more.
 * I8: a stop is recorded on the row before it reaches this handle, so whatever the turn does now, it settles as stopped.
 * I10: nothing here outlives `stopAsked`; a wait for a failing database is the one retry, and it keeps the lane occupied.
 */
import type { AgentEvent, TurnEnd } from "../domain/agent-event.ts";
import type { Prompt } from "../domain/inbox-item.ts";
import type { Evidence, RunOwner } from "../domain/run.ts";
import { emptyTranscript, reduce, type Transcript } from "../domain/transcript.ts";
import type { Clock, Driver, Lane, Log, PermissionMode, RunSnapshot, Turn, Workspaces } from "./ports.ts";
import { proveQuiet } from "./quiescence.ts";
import { quarantine, settleQuiet } from "./settlement.ts";
import { Deposed, type Work } from "./work.ts";

export type LiveRunDeps = {
  readonly workspaces: Workspaces;
  readonly clock: Clock;
  readonly log: Log;
  readonly permissions: PermissionMode;
  /** One engine transaction; rejects when it did not commit. */
  readonly commit: <T>(decide: (work: Work) => Promise<T>) => Promise<T>;
  readonly progressed: (snapshot: RunSnapshot) => void;
};

export type Claim = {
  readonly owner: RunOwner;
  readonly lane: Lane;
  readonly prompt: Prompt;
  readonly driver: Driver;
  readonly startedAtMs: number;
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
  readonly snapshot: () => RunSnapshot;
};

/** After proof, the last events of the turn are still on their way through the driver for at most this long. */
const lastEventsMs = 1_000;
/** A database that refuses to commit (disk full) is asked again at this pace, doubling up to the bound. */
const commitRetryMs = 200;
const commitRetryMsMax = 30_000;

export function createLiveRun(deps: LiveRunDeps, claim: Claim): LiveRun {
  const { owner, lane, driver } = claim;
  const { clock, commit, log } = deps;
  const stopAsked = new AbortController();
  const released = new AbortController();
  let strengthened = new AbortController();
  let transcript: Transcript = emptyTranscript;
  let state: RunSnapshot["state"] = "starting";
  let turn: Turn | null = null;

  const snapshot = (): RunSnapshot => ({
    owner,
    driver: driver.name,
    state,
    startedAtMs: claim.startedAtMs,
    transcript,
  });
  return { owner, live, stop, release, steer, snapshot };

  async function live(): Promise<void> {
    try {
      await runTurn();
    } catch (error) {
      if (!(error instanceof Deposed)) throw error;
      log.warn({ run: owner.run, epoch: owner.epoch }, "deposed: this run writes nothing more");
      turn?.interrupt("kill");
    }
  }

  function stop(): void {
    if (state === "starting" || state === "running") state = "stopping";
    if (!stopAsked.signal.aborted) return stopAsked.abort();
    const before = strengthened;
    strengthened = new AbortController();
    before.abort();
  }

  function release(): void {
    released.abort();
  }

  async function steer(prompt: Prompt): Promise<"accepted" | "too-late"> {
    return turn === null || stopAsked.signal.aborted ? "too-late" : turn.steer(prompt);
  }

  async function runTurn(): Promise<void> {
    if (stopAsked.signal.aborted) return settle({ kind: "interrupted" });
    const hold = await deps.workspaces.hold(lane.workspace);
    if (hold.kind === "refused") return settle({ kind: "failed", fault: hold.fault });
    await using _lock = hold.lock; // kept until the outcome is durable
    if (stopAsked.signal.aborted) return await settle({ kind: "interrupted" });
    const request = {
      owner,
      session: lane.session,
      workspace: lane.workspace,
      prompt: claim.prompt,
      permissions: deps.permissions,
    };
    turn = driver.start(request);
    await seeThrough(turn);
  }

  async function seeThrough(started: Turn): Promise<void> {
    const ended = consume(started);
    const verdict = await proveQuiet(started, ended, stopAsked.signal, () => strengthened.signal, clock);
    if (verdict.kind === "unconfirmed") {
      if ((await waitInQuarantine(started, verdict.evidence)) === "released") return;
    }
    const quiet = await started.quiet;
    await started[Symbol.asyncDispose]();
    await settle(await lastWord(ended), quiet.adopted.length === 0 ? null : quiet.adopted);
  }

  /** Reads the turn to its end. The first `ended` is the end; a driver that breaks off without one has failed. */
  async function consume(started: Turn): Promise<TurnEnd> {
    try {
      for await (const event of started.events) {
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
    if (state === "starting") {
      state = "running";
      confirm(event.kind === "session" ? event.resume : lane.session.resume);
    } else if (event.kind === "session") {
      confirm(event.resume);
    }
    transcript = reduce(transcript, event);
    deps.progressed(snapshot());
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

  async function waitInQuarantine(started: Turn, evidence: Evidence): Promise<"quiet" | "released"> {
    state = "quarantined";
    await persist((work) => quarantine(work, owner, evidence, transcript));
    const isReleased = new Promise<"released">((resolve) => {
      if (released.signal.aborted) resolve("released");
      released.signal.addEventListener("abort", () => resolve("released"), { once: true });
    });
    return Promise.race([started.quiet.then(() => "quiet" as const), isReleased]);
  }

  /** The events may trail the proof by a moment. A turn that is proven gone and gives no end was cut. */
  async function lastWord(ended: Promise<TurnEnd>): Promise<TurnEnd> {
    const over = new AbortController();
    // Bound: a driver that never says the end must not hold a lane whose turn is proven gone.
    const silence = clock.sleep(lastEventsMs, over.signal).then((): TurnEnd => ({ kind: "interrupted" }));
    const end = await Promise.race([ended, silence]);
    over.abort();
    return end;
  }

  async function settle(end: TurnEnd, adopted: Parameters<Work["tx"]["adopt"]>[2] | null = null): Promise<void> {
    await persist(async (work) => {
      await settleQuiet(work, owner, end, transcript);
      if (adopted !== null) await work.tx.adopt(owner.conversation, owner.run, adopted);
    });
  }

  /** The lane stays occupied until the outcome is durable: a full disk delays the next run, it never loses this one's end. */
  async function persist(decide: (work: Work) => Promise<void>): Promise<void> {
    for (let delayMs = commitRetryMs; ; delayMs = Math.min(delayMs * 2, commitRetryMsMax)) {
      try {
        return await commit(decide);
      } catch (error) {
        if (error instanceof Deposed || released.signal.aborted)
          throw error instanceof Deposed ? error : new Deposed(owner);
        log.error({ run: owner.run, error }, "the database refused to record this run; trying again");
      }
      // Pacing: the next attempt at a database that just refused.
      await clock.sleep(delayMs, released.signal);
    }
  }
}
