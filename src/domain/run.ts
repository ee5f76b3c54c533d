/**
 * A run is one agent turn from claim to settled outcome. It is a value with an owner and a state.
 *
 * I1: at most one run is live (starting, running, stopping, quarantined) per conversation and per workspace.
 * I3: every write by a run names its owner; an owner whose epoch is no longer its conversation's newest is deposed.
 */
import type { ConversationId } from "./conversation.ts";
import type { Fault } from "./faults.ts";

export type RunId = string & { readonly brand: "RunId" };

/** The token that every write of a run carries. `epoch` only grows per conversation. */
export type RunOwner = { readonly conversation: ConversationId; readonly run: RunId; readonly epoch: number };

/**
 * Why a run is being ended before its turn was over.
 * user: a stop asked for by a person; replaced: `!text`, the new text runs next; preempted: background work makes room;
 * shutdown: the program ends; crash: the program that ran it is gone.
 */
export type StopWhy = "user" | "replaced" | "preempted" | "shutdown" | "crash";

/** How a run settled, named for what happens next with its message. */
export type RunOutcome =
  | { readonly kind: "finished" }
  | { readonly kind: "failed"; readonly fault: Fault }
  | { readonly kind: "stopped"; readonly why: "user" | "replaced" }
  | { readonly kind: "preempted" }
  | { readonly kind: "interrupted" };

/** A process, named so that a reused pid is never mistaken for it. `startTime` is the operating system's own, opaque. */
export type ProcessRef = { readonly pid: number; readonly startTime: string; readonly command: string };

/** What was still alive when proof was asked for; shown to the user. */
export type Evidence = { readonly processes: readonly ProcessRef[]; readonly note: string };

/** The verdict of an escalation. I2: only `quiet` frees a conversation and its workspace. */
export type Quiescence = { readonly kind: "quiet" } | { readonly kind: "unconfirmed"; readonly evidence: Evidence };

export const sameOwner = (a: RunOwner, b: RunOwner): boolean =>
  a.run === b.run && a.epoch === b.epoch && a.conversation === b.conversation;
