/**
 * The lane of a conversation as a state machine: pure, total, and the only place that decides what an input does.
 * The caller reads the state from the database inside a transaction, and carries out the effects in the same one.
 *
 * I1: `claim` is accepted by an idle lane only.
 * I2: only `quiet` (or a person's `force-release`) leads back to idle from stopping; time has no input here.
 * I3: an input that names an owner other than the present one is ignored by the one guard at the top.
 * I8: a run that was told to stop settles as stopped, however its turn ended.
 */
import type { TurnEnd } from "./agent-event.ts";
import type { Priority } from "./inbox-item.ts";
import { type Evidence, type RunOutcome, type RunOwner, sameOwner, type StopWhy } from "./run.ts";

export type LaneState =
  | { readonly kind: "idle" }
  | { readonly kind: "running"; readonly owner: RunOwner }
  | { readonly kind: "stopping"; readonly owner: RunOwner; readonly why: StopWhy }
  | {
      readonly kind: "quarantined";
      readonly owner: RunOwner;
      readonly why: StopWhy | null;
      readonly evidence: Evidence;
    };

/** What is known of the queue when a decision is made; counts of items. */
export type LaneQueue = { readonly queued: number; readonly capacity: number };

export type LaneInput =
  /** `over` is what runs: background work makes room and goes back in line, whatever else would be replaced. */
  | { readonly kind: "prompt"; readonly placement: "queue" | "interrupt"; readonly over: Priority }
  | { readonly kind: "stop"; readonly why: StopWhy; readonly owner: RunOwner | null }
  | { readonly kind: "claim"; readonly owner: RunOwner }
  /** The turn ended and proof is in that nothing of it still runs. */
  | { readonly kind: "quiet"; readonly owner: RunOwner; readonly end: TurnEnd }
  | { readonly kind: "unconfirmed"; readonly owner: RunOwner; readonly evidence: Evidence }
  | { readonly kind: "force-release"; readonly owner: RunOwner };

export type LaneEffect =
  | { readonly kind: "enqueue"; readonly place: "front" | "back" }
  | { readonly kind: "reject-full" }
  | { readonly kind: "start"; readonly owner: RunOwner }
  /** Record the intent on the run's row, then fire its signal after the commit. A second one strengthens. */
  | { readonly kind: "stop-run"; readonly owner: RunOwner; readonly why: StopWhy; readonly first: boolean }
  | { readonly kind: "hold-queue" }
  | { readonly kind: "quarantine"; readonly owner: RunOwner; readonly evidence: Evidence }
  | { readonly kind: "settle"; readonly owner: RunOwner; readonly outcome: RunOutcome; readonly forced: boolean }
  | { readonly kind: "nothing-to-stop" };

export type LaneDecision = { readonly state: LaneState; readonly effects: readonly LaneEffect[] };

export function decide(state: LaneState, input: LaneInput, queue: LaneQueue): LaneDecision {
  if (isStale(state, input)) return { state, effects: [] };
  switch (input.kind) {
    case "prompt":
      return decidePrompt(state, input, queue);
    case "stop":
      return decideStop(state, input.why, queue);
    case "claim":
      return state.kind === "idle"
        ? { state: { kind: "running", owner: input.owner }, effects: [{ kind: "start", owner: input.owner }] }
        : { state, effects: [] };
    case "quiet":
      return settle(state, input.owner, input.end, false);
    case "unconfirmed":
      return decideUnconfirmed(state, input.owner, input.evidence);
    case "force-release":
      return state.kind === "quarantined"
        ? settle(state, input.owner, { kind: "interrupted" }, true)
        : { state, effects: [] };
    default:
      return input satisfies never;
  }
}

/** I3: what names an owner must name the present one; a claim names the owner to be. */
function isStale(state: LaneState, input: LaneInput): boolean {
  if (input.kind === "prompt" || input.kind === "claim") return false;
  if (input.kind === "stop" && input.owner === null) return false;
  return state.kind === "idle" || input.owner === null || !sameOwner(state.owner, input.owner);
}

function decidePrompt(
  state: LaneState,
  { placement, over }: LaneInput & { kind: "prompt" },
  queue: LaneQueue,
): LaneDecision {
  if (queue.queued >= queue.capacity) return { state, effects: [{ kind: "reject-full" }] };
  if (placement === "queue") return { state, effects: [{ kind: "enqueue", place: "back" }] };
  const stopped =
    state.kind === "running" || state.kind === "stopping"
      ? stopRun(state, over === "background" ? "preempted" : "replaced")
      : { state, effects: [] };
  return { state: stopped.state, effects: [{ kind: "enqueue", place: "front" }, ...stopped.effects] };
}

function decideStop(state: LaneState, why: StopWhy, queue: LaneQueue): LaneDecision {
  const hold: LaneEffect[] = why === "user" && queue.queued > 0 ? [{ kind: "hold-queue" }] : [];
  switch (state.kind) {
    case "idle":
      return { state, effects: hold.length > 0 ? hold : [{ kind: "nothing-to-stop" }] };
    case "running":
    case "stopping": {
      const stopped = stopRun(state, why);
      return { state: stopped.state, effects: [...stopped.effects, ...hold] };
    }
    case "quarantined":
      return { state, effects: hold };
    default:
      return state satisfies never;
  }
}

function stopRun(state: LaneState & { kind: "running" | "stopping" }, why: StopWhy): LaneDecision {
  const first = state.kind === "running";
  const strongest = first ? why : stronger(state.why, why);
  return {
    state: { kind: "stopping", owner: state.owner, why: strongest },
    effects: [{ kind: "stop-run", owner: state.owner, why: strongest, first }],
  };
}

/** A person's plain stop outranks every other reason; apart from it the first reason stays. */
function stronger(before: StopWhy, now: StopWhy): StopWhy {
  return now === "user" && before !== "crash" ? "user" : before;
}

function decideUnconfirmed(state: LaneState, owner: RunOwner, evidence: Evidence): LaneDecision {
  if (state.kind === "idle" || state.kind === "quarantined") return { state, effects: [] };
  const why = state.kind === "stopping" ? state.why : null;
  return { state: { kind: "quarantined", owner, why, evidence }, effects: [{ kind: "quarantine", owner, evidence }] };
}

function settle(state: LaneState, owner: RunOwner, end: TurnEnd, forced: boolean): LaneDecision {
  if (state.kind === "idle") return { state, effects: [] };
  const why = state.kind === "running" ? null : state.why;
  return { state: { kind: "idle" }, effects: [{ kind: "settle", owner, outcome: outcomeOf(why, end), forced }] };
}

function outcomeOf(why: StopWhy | null, end: TurnEnd): RunOutcome {
  switch (why) {
    case "user":
    case "replaced":
      return { kind: "stopped", why }; // I8: a natural end in the middle of a stop is still a stop
    case "preempted":
      // Nobody was told of it, and what was done is not to be done again (I11).
      return end.kind === "completed" ? { kind: "finished" } : { kind: "preempted" };
    case "shutdown":
      return end.kind === "completed" ? { kind: "finished" } : { kind: "interrupted" };
    case "crash":
      return { kind: "interrupted" };
    case null:
      return end.kind === "completed"
        ? { kind: "finished" }
        : end.kind === "failed"
          ? { kind: "failed", fault: end.fault }
          : { kind: "interrupted" };
    default:
      return why satisfies never;
  }
}
