/**
 * A schedule puts a prompt in line at its times, says a reminder, or tells what was done. An occurrence is one of those times: it fires
 * once, or is skipped with a record (I11). What is decided here is pure; which times there are is the timetable's to say (ports.ts).
 */
import type { ConversationId } from "./conversation.ts";
import type { PermissionMode } from "./permission-mode.ts";

export type ScheduleId = number & { readonly brand: "ScheduleId" };

/** `expression` is five fields of cron, read in the schedule's zone. Times are epoch milliseconds. */
export type Timing =
  | { readonly kind: "once"; readonly atMs: number }
  | { readonly kind: "every"; readonly everyMs: number; readonly fromMs: number }
  | { readonly kind: "cron"; readonly expression: string };

export type ScheduleWork =
  | { readonly kind: "prompt"; readonly text: string }
  /** Said as it is; no agent runs. */
  | { readonly kind: "reminder"; readonly text: string }
  /** What the agents did since the day before, what it cost, and what failed. */
  | { readonly kind: "digest" };

/** What becomes of times that passed while nobody was there to fire: the newest alone, none, or all that are not older than the window. */
export type MissedPolicy =
  | { readonly kind: "latest" }
  | { readonly kind: "skip" }
  | { readonly kind: "all"; readonly windowMs: number };

/** What becomes of a time that comes while the one before is not over: skipped, or one waits. */
export const overlaps = ["skip", "queue"] as const;

/** Whether its runs are seen in the chat, or only what they say by `notify` and what goes wrong. */
export const scheduleViews = ["shown", "silent"] as const;

export const memories = ["kept", "fresh"] as const;

/** What a person decides about a schedule; an edit replaces it. `zone` is an IANA name. */
export type SchedulePlan = {
  readonly timing: Timing;
  readonly zone: string;
  readonly work: ScheduleWork;
  readonly missed: MissedPolicy;
  readonly overlap: (typeof overlaps)[number];
  readonly view: (typeof scheduleViews)[number];
  /** Whether a run remembers those before it, or begins with an empty memory. */
  readonly memory: (typeof memories)[number];
  /** What its runs may do without asking, whatever its conversation allows. */
  readonly permissions: PermissionMode;
  /** A run that takes longer is stopped; null follows the program's limit. */
  readonly runMsMax: number | null;
};

/** `over`: it has fired for the last time. A deleted one is kept for its records. */
export type ScheduleState = "active" | "paused" | "over" | "deleted";

/**
 * `home` is the conversation that it belongs to and speaks in, `lane` the one that its prompts wait and run in: a side conversation of its
 * own, or `home` itself. `name` is unique among those of its home. `user` made it: what it does is done in their name. `failures` counts
 * those in a row. `nextAtMs` null: it will not fire.
 */
export type Schedule = {
  readonly id: ScheduleId;
  readonly home: ConversationId;
  readonly lane: ConversationId;
  readonly name: string;
  readonly user: string;
  readonly plan: SchedulePlan;
  readonly state: ScheduleState;
  readonly nextAtMs: number | null;
  readonly failures: number;
  readonly createdAtMs: number;
};

/** `person-gone`: who made the schedule has no right to any more. */
export type SkipWhy = "missed" | "overlap" | "full" | "person-gone";

/** `timer`: it was due. `person`: somebody asked for it now. */
export type OccurrenceTrigger = "timer" | "person";

/** Times that did not fire, in one record: from the first to the last of them. `count` null: more than were counted. */
export type Skipped = {
  readonly why: SkipWhy;
  readonly fromMs: number;
  readonly toMs: number;
  readonly count: number | null;
};

/** The times that are due: `first` is the oldest, `newest` the youngest `dueTimesMax` of them, oldest first. `count` null: more than those. */
export type DueTimes = { readonly first: number; readonly newest: readonly number[]; readonly count: number | null };

/** How many times that were missed are looked at one by one: as many as a line holds. */
export const dueTimesMax = 20;

/** A timer that is late by less was busy; by more, it was not there. In milliseconds. */
export const onTimeMs = 60_000;

/** In one conversation: each is somebody's, and an agent may make them (T16). Reaching it is told. */
export const schedulesMax = 50;

/** Failures in a row after which a schedule pauses itself. */
export const failuresMax = 5;

/** A silent schedule that failed this often in a row is heard. */
export const silentFailuresMax = 3;

/** Shorter intervals are a loop, and belong into one run. In milliseconds. */
export const everyMsMin = 60_000;

/** Of what was fired before: how many wait, and whether one runs. `room` is what the line still takes. */
export type Standing = { readonly waiting: number; readonly isRunning: boolean; readonly room: number };

export type DueDecision = { readonly fire: readonly number[]; readonly skipped: readonly Skipped[] };

/** I11: each due time is in `fire` or in exactly one of `skipped`. */
export function decideDue(
  { missed, overlap }: Pick<SchedulePlan, "missed" | "overlap">,
  due: DueTimes,
  standing: Standing,
  atMs: number,
): DueDecision {
  const wanted = due.newest.filter((time, index) => isWanted(missed, time, index === due.newest.length - 1, atMs));
  const room = overlapRoom(overlap, standing);
  // Of several that are wanted at once because they were missed, only the room of the line counts; behind one of before, the newest.
  const fits = standing.waiting > 0 || standing.isRunning ? wanted.slice(wanted.length - Math.min(room, 1)) : wanted;
  const fire = fits.slice(0, Math.max(0, Math.min(standing.room, room)));
  const skipped = [
    ...recordOf("missed", due, (time) => !wanted.includes(time), true),
    ...recordOf("overlap", due, (time) => wanted.includes(time) && !fits.includes(time), false),
    ...recordOf("full", due, (time) => fits.includes(time) && !fire.includes(time), false),
  ];
  return { fire, skipped };
}

function isWanted(missed: MissedPolicy, time: number, isNewest: boolean, atMs: number): boolean {
  if (isNewest && atMs - time <= onTimeMs) return true;
  switch (missed.kind) {
    case "latest":
      return isNewest;
    case "skip":
      return false;
    case "all":
      return atMs - time <= missed.windowMs;
    default:
      return missed satisfies never;
  }
}

function overlapRoom(overlap: SchedulePlan["overlap"], { waiting, isRunning }: Standing): number {
  if (waiting === 0 && !isRunning) return dueTimesMax;
  return overlap === "queue" && waiting === 0 ? 1 : 0;
}

/** The times for which `isIn` holds, as one record; with `older`, also those before the ones that were looked at. */
function recordOf(
  why: SkipWhy,
  { first, newest, count }: DueTimes,
  isIn: (time: number) => boolean,
  older: boolean,
): readonly Skipped[] {
  const times = newest.filter(isIn);
  const before = older ? (count === null ? null : count - newest.length) : 0;
  if (times.length === 0 && before === 0) return [];
  const toMs = times.at(-1) ?? (newest[0] ?? first) - 1;
  const fromMs = before === 0 ? (times[0] ?? first) : first;
  return [{ why, fromMs, toMs, count: before === null ? null : before + times.length }];
}

/** The time limit that a person may set for a run. In milliseconds. */
export const runMsLeast = 60_000;
export const runMsMost = 24 * 60 * 60 * 1000;

/** A name for what was asked, unlike those that are taken: lower case letters, digits and hyphens. */
export function nameFor(text: string, taken: ReadonlySet<string>): string {
  const words = text
    .normalize("NFKD")
    .toLowerCase()
    .replace(/[^a-z0-9\s-]/g, "")
    .split(/[\s-]+/)
    .filter((word) => word !== "" && !fillers.has(word));
  let name = "";
  for (const word of words) {
    if (name !== "" && name.length + 1 + word.length > nameCharsAimed) break;
    name = name === "" ? word.slice(0, nameCharsAimed) : `${name}-${word}`;
  }
  const base = name === "" ? "schedule" : name;
  for (let number = 1; ; number += 1) {
    const candidate = number === 1 ? base : `${base}-${number}`;
    if (!taken.has(candidate)) return candidate;
  }
}

const fillers = new Set(["the", "a", "an", "and", "of", "to", "in", "on", "for", "my", "me", "please", "all"]);

/** A name is typed on a phone. */
const nameCharsAimed = 20;

const namePattern = /^[a-z0-9][a-z0-9-]{0,31}$/;

/** A name as a person typed it; null when it is none. */
export function parseScheduleName(typed: string): string | null {
  const name = typed.toLowerCase();
  return namePattern.test(name) ? name : null;
}
