/**
 * A button is a row: an opaque id on the outside, what it does on the inside. It belongs to a conversation, works once
 * (one atomic update), and expires.
 */
import type { ModelChoice } from "./agent-model.ts";
import type { AskId, AskStep } from "./ask.ts";
import { describeSetting, type SettingChange } from "./conversation-settings.ts";
import type { ItemId } from "./inbox-item.ts";
import type { PermissionMode } from "./permission-mode.ts";
import type { PairedRole } from "./person.ts";
import type { RunId, RunOwner } from "./run.ts";
import type { ScheduleId } from "./schedule.ts";

/** 30 characters of base64url, 122 bits of them random: fits Telegram's 64 bytes and cannot be guessed. */
export type ButtonId = string & { readonly brand: "ButtonId" };

export type ButtonAction =
  | { readonly kind: "stop"; readonly owner: RunOwner }
  | { readonly kind: "force-release"; readonly owner: RunOwner }
  | { readonly kind: "steer"; readonly item: ItemId }
  | { readonly kind: "stop-and-run"; readonly item: ItemId }
  /** `ordinal` is the item's number in the list that the button stands under; none where it stands beside its item. */
  | { readonly kind: "cancel"; readonly item: ItemId; readonly ordinal?: number }
  | { readonly kind: "move-first"; readonly item: ItemId; readonly ordinal?: number }
  | { readonly kind: "clear-queue" }
  | { readonly kind: "run-again"; readonly item: ItemId }
  | { readonly kind: "held"; readonly how: "run-each" | "run-as-one" | "discard" }
  /** For one message that is on hold by itself, and what was asked about it. */
  /** `files` are those that could not be fetched when it was asked; others may have joined since. Not in what older versions stored. */
  | { readonly kind: "held-item"; readonly item: ItemId; readonly how: HeldItemWay; readonly files?: readonly string[] }
  | { readonly kind: "end-background" }
  /** The file's id, or `all`; `ordinal` is its number in the list. */
  | { readonly kind: "remove-file"; readonly file: string; readonly ordinal: number | null }
  /** `label` is what the person reads on it. */
  | { readonly kind: "answer"; readonly ask: AskId; readonly step: AskStep; readonly label: string }
  | { readonly kind: "switch"; readonly driver: string }
  | { readonly kind: "model"; readonly driver: string; readonly model: ModelChoice; readonly label: string }
  /** What an agent could not go on with is given to another one. */
  | { readonly kind: "continue-with"; readonly driver: string; readonly item: ItemId }
  | { readonly kind: "project"; readonly typed: string; readonly label: string }
  | { readonly kind: "permissions"; readonly mode: PermissionMode }
  | { readonly kind: "settings"; readonly change: SettingChange }
  /** `role` null: the person is not let in. */
  | { readonly kind: "pair"; readonly user: string; readonly role: PairedRole | null; readonly label: string }
  | { readonly kind: "remove-person"; readonly user: string; readonly label: string }
  | {
      readonly kind: "resume";
      readonly driver: string;
      readonly resume: string;
      readonly title: string | null;
      readonly label: string;
    }
  | { readonly kind: "fork"; readonly driver: string; readonly resume: string; readonly title: string | null }
  /** `name` is given where the button stands under a list. */
  | {
      readonly kind: "schedule";
      readonly schedule: ScheduleId;
      readonly how: ScheduleWay;
      readonly name: string | null;
    }
  /** These two only show something: they work as often as they are pressed. */
  | { readonly kind: "details"; readonly run: RunId; readonly page: number }
  | { readonly kind: "changes"; readonly run: RunId };

/** `again` tries again what its files need; `without` runs it without those that could not be had. */
export type HeldItemWay = "run" | "again" | "without" | "steer" | "stop-and-run" | "discard";

/** `more` opens one of a list; `edit` says how. */
export type ScheduleWay = "more" | "run" | "pause" | "resume" | "edit" | "delete" | "history";

export type Button = { readonly id: ButtonId; readonly action: ButtonAction };

/** Buttons older than this say that they expired: a day-old decision is made anew. In milliseconds. */
export const buttonLifeMs = 24 * 60 * 60 * 1000;

export function buttonLabel(action: ButtonAction): string {
  switch (action.kind) {
    case "stop":
      return "■ Stop";
    case "force-release":
      return "Force release";
    case "steer":
      return "Steer now";
    case "stop-and-run":
      return "Stop and run";
    case "cancel":
      return action.ordinal === undefined ? "Cancel" : `Cancel ${action.ordinal}`;
    case "move-first":
      return action.ordinal === undefined ? "Move to front" : `${action.ordinal} to the front`;
    case "clear-queue":
      return "Clear the queue";
    case "run-again":
      return "Run again";
    case "held":
      return { "run-each": "Run each", "run-as-one": "Run as one", discard: "Discard" }[action.how];
    case "held-item":
      return heldItemLabels[action.how];
    case "end-background":
      return "Stop background tasks";
    case "remove-file":
      return action.ordinal === null ? "Remove all" : `Remove ${action.ordinal}`;
    case "answer":
    case "model":
    case "project":
    case "resume":
    case "pair":
    case "remove-person":
      return action.label;
    case "settings":
      return describeSetting(action.change);
    case "switch":
      return `Use ${action.driver}`;
    case "continue-with":
      return `Continue with ${action.driver}`;
    case "permissions":
      return action.mode;
    case "fork":
      return "Work in a copy of it";
    case "schedule":
      return action.how === "more" ? (action.name ?? "More") : scheduleLabels[action.how];
    case "details":
      return action.page === 0 ? "Details" : `Page ${action.page + 1}`;
    case "changes":
      return "Changes";
    default:
      action satisfies never;
      return "";
  }
}

const scheduleLabels: Readonly<Record<Exclude<ScheduleWay, "more">, string>> = {
  run: "Run now",
  pause: "Pause",
  resume: "Resume",
  edit: "Edit",
  delete: "Delete",
  history: "History",
};

const heldItemLabels: Readonly<Record<HeldItemWay, string>> = {
  run: "Run",
  again: "Try again",
  without: "Run without it",
  steer: "Steer now",
  "stop-and-run": "Stop and run",
  discard: "Discard",
};
