/**
 * An inbox item is one thing that came in: a prompt, a command, the press of a button. It is stored before it is
 * acknowledged (I5), and its state says at any time what became of it (I4).
 */
import type { ModelChoice } from "./agent-model.ts";
import type { AskId } from "./ask.ts";
import type { ButtonId } from "./button.ts";
import type { ConversationId } from "./conversation.ts";
import type { Prompt } from "./prompt.ts";
import type { OccurrenceTrigger, ScheduleId } from "./schedule.ts";

/** The dedupe key: the same key is admitted once ("tg:update:912", "web:<uuid>"). */
export type ItemKey = string & { readonly brand: "ItemKey" };

/** The stored row's id; grows in the order of admission. */
export type ItemId = number & { readonly brand: "ItemId" };

export type Priority = "interactive" | "background";

export type Command =
  | { readonly name: "start" }
  | { readonly name: "help" }
  | { readonly name: "status" }
  | { readonly name: "queue" }
  | { readonly name: "stop"; readonly scope: "conversation" | "all" }
  | { readonly name: "new"; readonly title: string | null }
  /** Null: shows the choices. */
  | { readonly name: "switch"; readonly driver: string | null }
  | { readonly name: "model"; readonly choice: ModelChoice | null }
  | { readonly name: "project"; readonly typed: string | null }
  | { readonly name: "permissions"; readonly mode: string | null }
  | { readonly name: "resume"; readonly search: string | null }
  | { readonly name: "fork" }
  | { readonly name: "terminal" }
  | { readonly name: "files" }
  | { readonly name: "usage" }
  | { readonly name: "context" }
  | { readonly name: "debug" }
  | { readonly name: "logs" }
  /** Null: shows them. */
  | { readonly name: "settings"; readonly setting: string | null; readonly value: string | null }
  /** What follows the word is read by schedule-words.ts. */
  | { readonly name: "cron"; readonly typed: string }
  | { readonly name: "people" }
  | { readonly name: "pair"; readonly code: string | null; readonly role: string | null }
  | { readonly name: "unknown"; readonly text: string };

export type Request =
  /** `interrupt` is `!text`: stop what runs, with proof, then run this. */
  | { readonly kind: "prompt"; readonly prompt: Prompt; readonly placement: "queue" | "interrupt" }
  | { readonly kind: "command"; readonly command: Command }
  | { readonly kind: "press"; readonly button: ButtonId }
  /** An answer in words to what an agent asks. */
  | { readonly kind: "answer"; readonly ask: AskId; readonly text: string }
  /** The sender changed an earlier message, which the channel knows as `message`. */
  | { readonly kind: "edit"; readonly message: string; readonly text: string }
  /**
   * A schedule's time has come. What it asks for is read from the schedule when it is claimed, so that nothing runs from a stale copy; `name`
   * is only shown.
   */
  | {
      readonly kind: "occurrence";
      readonly schedule: ScheduleId;
      readonly name: string;
      readonly trigger: OccurrenceTrigger;
      readonly dueAtMs: number;
    }
  | { readonly kind: "unsupported"; readonly what: string };

/**
 * `user` is the channel's id of the person. `message` is the channel's id of the message, for replies to it; null where
 * there is none; `repliesTo` that of the message it answers. `sentAtMs` is when the person sent it by the channel's clock, epoch milliseconds.
 */
export type InboxItem = {
  readonly key: ItemKey;
  readonly conversation: ConversationId;
  readonly user: string;
  readonly message: string | null;
  readonly repliesTo?: string;
  readonly priority: Priority;
  readonly request: Request;
  readonly sentAtMs: number;
  readonly part?: Part;
};

/**
 * Several messages that are one (an album, a long text in pieces) name the same thing in `of`. One that `opens` begins to gather the
 * others where nothing does yet. One that does not, and finds nothing to join, is a message of its own, or nothing: a piece that nobody
 * addressed to us.
 */
export type Part = { readonly of: string; readonly opens: boolean; readonly otherwise: "message" | "nothing" };

/** It only changes or completes what is there already. */
export function isNothingAlone({ part, request }: InboxItem): boolean {
  return request.kind === "edit" || part?.otherwise === "nothing";
}

/**
 * I4: received = queued + held + running + done + failed + interrupted + cancelled + rejected + merged.
 * `held` items wait for the person's decision (after a stop, or after a long time off) and are never claimed.
 */
export type ItemState =
  | "queued"
  | "held"
  | "running"
  | "done"
  | "failed"
  | "interrupted"
  | "cancelled"
  | "rejected"
  | "merged";

export const itemStates: readonly ItemState[] = [
  "queued",
  "held",
  "running",
  "done",
  "failed",
  "interrupted",
  "cancelled",
  "rejected",
  "merged",
];
