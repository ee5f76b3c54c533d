/**
 * Who may use Signalbox, and for what (C5). A person is the numeric id that the channel vouches for, never a name (T3).
 *
 * 1. What somebody may do is one table: `roleNeeded` for what they send, `roleNeededToPress` for what a button does.
 * 2. Whoever has no role may do nothing.
 */
import type { ButtonAction } from "./button.ts";
import type { Command, ItemKey, Request } from "./inbox-item.ts";
import { parsePermissionMode } from "./permission-mode.ts";
import { readScheduleCommand } from "./schedule-words.ts";

/** Who sits at the page. There is one: whoever opened the printed link; they own it all. No channel gives a person this id. */
export const pageUser = "web";

/** From the least to the most: each may do what those before it may. */
export const roles = ["viewer", "operator", "owner"] as const;

export type Role = (typeof roles)[number];

/** What can be given to a person who asks. Owners are named in the configuration, or read a code in its terminal. */
export const pairedRoles = ["operator", "viewer"] as const;

export type PairedRole = (typeof pairedRoles)[number];

/**
 * Somebody who was let in. `user` is the channel's id, `name` what they called themselves then, cleaned. `admittedBy` is the key of what
 * let them in: what the channel brought before it counts for nothing (T18).
 */
export type Person = {
  readonly user: string;
  readonly name: string;
  readonly role: Role;
  readonly admittedBy: ItemKey;
  readonly admittedAtMs: number;
};

/** Somebody who asks to be let in, with the code that they were told. */
export type Pairing = {
  readonly user: string;
  readonly name: string;
  readonly code: string;
  readonly askedAtMs: number;
};

/** A code is good for this long, and nobody is told one more often. In milliseconds. */
export const pairingLifeMs = 60 * 60 * 1000;

/** Strangers who may wait for an answer at once: each costs the owner's attention and the bot's message rate (T1). */
export const pairingsMax = 3;

export function mayAct(role: Role | null, needed: Role): boolean {
  return role !== null && roles.indexOf(role) >= roles.indexOf(needed);
}

/** Of a press it is the button's action that counts. */
export function roleNeeded(request: Exclude<Request, { kind: "press" }>): Role {
  switch (request.kind) {
    case "command":
      return roleNeededToCommand(request.command);
    case "prompt":
    case "answer":
    case "edit":
    case "occurrence":
    case "unsupported":
      return "operator";
    default:
      return request satisfies never;
  }
}

function roleNeededToCommand(command: Command): Role {
  switch (command.name) {
    case "start":
    case "help":
    case "status":
    case "queue":
    case "usage":
    case "context":
    case "unknown":
      return "viewer";
    case "stop":
    case "new":
    case "switch":
    case "model":
    case "resume":
    case "fork":
    case "terminal":
    case "files":
    case "debug":
    case "logs":
    case "settings":
      return "operator";
    // Another directory than those that work is done in already is the owner's to open; without a path it offers those.
    case "project":
      return command.typed === null ? "operator" : "owner";
    case "permissions":
      return command.mode !== null && parsePermissionMode(command.mode) === "bypass" ? "owner" : "operator";
    case "cron":
      return roleNeededToSchedule(command.typed);
    case "people":
    case "pair":
      return "owner";
    default:
      return command satisfies never;
  }
}

/** As with /permissions and /project: what asks for nothing, and where no work is done yet, is the owner's to say (T16). */
function roleNeededToSchedule(typed: string): Role {
  const command = readScheduleCommand(typed);
  switch (command.kind) {
    case "list":
    case "show":
    case "history":
    case "wrong":
      return "viewer";
    case "run":
    case "pause":
    case "resume":
    case "delete":
      return "operator";
    case "add":
    case "edit":
      return command.options.permissions === "bypass" || command.options.workspace !== undefined ? "owner" : "operator";
    default:
      return command satisfies never;
  }
}

export function roleNeededToPress(action: ButtonAction): Role {
  switch (action.kind) {
    case "details":
    case "changes":
      return "viewer";
    case "permissions":
      return action.mode === "bypass" ? "owner" : "operator";
    case "schedule":
      return action.how === "more" || action.how === "history" || action.how === "edit" ? "viewer" : "operator";
    case "pair":
    case "remove-person":
      return "owner";
    case "stop":
    case "force-release":
    case "steer":
    case "stop-and-run":
    case "cancel":
    case "move-first":
    case "clear-queue":
    case "run-again":
    case "held":
    case "held-item":
    case "remove-file":
    case "end-background":
    case "answer":
    case "switch":
    case "model":
    case "continue-with":
    case "project":
    case "resume":
    case "fork":
    case "settings":
      return "operator";
    default:
      return action satisfies never;
  }
}

export function parsePairedRole(text: string): PairedRole | null {
  const word = text.toLowerCase();
  return pairedRoles.find((role) => role === word) ?? null;
}

/** More is no name. In UTF-16 units. */
const nameCharsMax = 48;

/** A stranger's name on an owner's card: one line, nothing invisible (T5), nothing that a chat would turn into a link or a command. */
export function cleanName(name: string): string {
  const clean = name
    .toWellFormed()
    .normalize("NFC")
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu, " ")
    .replace(/[/\\@#:<>]|\.(?=\S)/g, " ")
    .replace(/\s+/g, " ")
    .trim();
  return (
    clean
      .slice(0, nameCharsMax)
      .replace(/[\uD800-\uDBFF]$/, "")
      .trim() || "Somebody without a name"
  );
}

export function describeRole(role: Role): string {
  switch (role) {
    case "viewer":
      return "viewer: sees what runs and what waits, changes nothing";
    case "operator":
      return "operator: sends messages, stops, answers and chooses";
    case "owner":
      return "owner: everything";
    default:
      return role satisfies never;
  }
}

export function describeRefusal(role: Role | null, needed: Role): string {
  if (role === null) return "You may not use this bot any more. Nothing was done.";
  return `You are a ${role} here; this takes an ${needed}. Nothing was done.`;
}
