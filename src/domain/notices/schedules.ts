/** What is said about schedules: which there are, what became of their times, what is wrong with a new one. Times come as words. */
import type { UsageTally } from "../agent-event.ts";
import type { SkipWhy } from "../schedule.ts";
import { plural } from "../wording.ts";

/** `next` null: it will not fire. */
export type ScheduleLine = {
  readonly name: string;
  readonly when: string;
  readonly next: string | null;
  readonly state: "active" | "paused" | "over";
  readonly text: string;
};

export type ScheduleNotice =
  | { readonly kind: "schedules"; readonly schedules: readonly ScheduleLine[] }
  | {
      readonly kind: "schedule";
      readonly event: "added" | "edited" | "paused" | "resumed" | "shown";
      readonly schedule: ScheduleLine;
      readonly zone: string;
      /** Its next times, at most five. */
      readonly times: readonly string[];
      /** How it differs from what is usual, a line each. */
      readonly details: readonly string[];
    }
  | { readonly kind: "schedule-help"; readonly name: string }
  | { readonly kind: "schedule-run"; readonly name: string; readonly isFull: boolean }
  | {
      readonly kind: "schedule-deleted";
      readonly name: string;
      readonly cancelled: number;
      readonly isRunning: boolean;
    }
  | { readonly kind: "schedule-history"; readonly name: string; readonly entries: readonly ScheduleHistoryEntry[] }
  | { readonly kind: "schedule-unknown"; readonly name: string; readonly names: readonly string[] }
  /** `times` are the next of a right one, `like`. */
  | { readonly kind: "schedule-wrong"; readonly what: string; readonly like: string; readonly times: readonly string[] }
  /** What was due while nothing could fire. */
  | {
      readonly kind: "schedules-missed";
      readonly schedules: readonly {
        readonly name: string;
        /** Null: more than were counted. */
        readonly missed: number | null;
        readonly fired: number;
      }[];
    }
  | { readonly kind: "schedule-skipped"; readonly name: string; readonly why: SkipWhy }
  | {
      readonly kind: "schedule-paused";
      readonly name: string;
      readonly why: "failures" | "person-gone";
      readonly failures: number;
    }
  | { readonly kind: "reminder"; readonly name: string; readonly text: string }
  | {
      readonly kind: "digest";
      readonly name: string;
      readonly day: string;
      readonly finished: number;
      readonly failed: number;
      readonly stopped: number;
      readonly interrupted: number;
      readonly used: readonly UsageTally[];
      /** Schedules that have failed in a row, and how often. */
      readonly failing: readonly { readonly name: string; readonly failures: number }[];
    };

export type ScheduleHistoryEntry = {
  readonly due: string;
  readonly became:
    | { readonly kind: "waits" | "on hold" | "runs" | "done" | "failed" | "interrupted" | "cancelled" | "rejected" }
    | { readonly kind: "skipped"; readonly why: SkipWhy; readonly count: number | null };
  readonly byPerson: boolean;
  /** Of one that failed. */
  readonly why: string | null;
};

export function describeScheduleNotice(notice: ScheduleNotice): string {
  switch (notice.kind) {
    case "schedules":
      return list(notice);
    case "schedule":
      return one(notice);
    case "schedule-help":
      return [
        `To change ${notice.name}:`,
        `/cron edit ${notice.name} when daily 8:00`,
        `/cron edit ${notice.name} text The new words`,
        `/cron edit ${notice.name} --silent`,
        "Options: --shown, --silent, --fresh, --remember, --zone, --session, --missed, --overlap, --mode, --agent, --model, --project, --limit.",
      ].join("\n");
    case "schedule-run":
      return notice.isFull
        ? `${notice.name} was not started: its line is full. Nothing else changed; /queue shows what waits.`
        : `${notice.name} is in line now, besides its times.`;
    case "schedule-deleted":
      return deleted(notice);
    case "schedule-history":
      return history(notice);
    case "schedule-unknown":
      return `There is no schedule "${notice.name}" here. Nothing was changed. ${notice.names.length === 0 ? "There is none yet." : `There are: ${notice.names.join(", ")}.`}`;
    case "schedule-wrong":
      return [
        `${notice.what} Nothing was scheduled or changed.`,
        ...(notice.times.length === 0
          ? []
          : ["", `Like this: /cron add ${notice.like}`, "That would be due:", ...bullets(notice.times)]),
      ].join("\n");
    case "schedules-missed":
      return ["While Signalbox was not running:", ...notice.schedules.map(missedLine)].join("\n");
    case "schedule-skipped":
      return `\u23F0 ${notice.name} was due and did not start: ${skipReason(notice.why)}. It is in its history and goes on at its next time.`;
    case "schedule-paused":
      return notice.why === "failures"
        ? `\u23F0 ${notice.name} failed ${notice.failures} times in a row, so it was paused. Nothing of it is lost: /cron history ${notice.name} shows what happened, /cron resume ${notice.name} lets it go on.`
        : `\u23F0 ${notice.name} was paused: who made it may not use Signalbox any more. /cron resume ${notice.name} lets it go on in your name.`;
    case "reminder":
      return `\u23F0 ${notice.text}`;
    case "digest":
      return digest(notice);
    default:
      return notice satisfies never;
  }
}

function list({ schedules }: ScheduleNotice & { kind: "schedules" }): string {
  if (schedules.length === 0)
    return "Nothing is scheduled here.\nFor example: /cron add daily 7:00 Summarize what changed since yesterday";
  return [
    `${plural(schedules.length, "schedule")}:`,
    ...schedules.map((one) => `${mark(one.state)} ${one.name} \u2013 ${one.when}${nextWords(one)}\n   ${one.text}`),
  ].join("\n");
}

function mark(state: ScheduleLine["state"]): string {
  return { active: "\u23F0", paused: "\u23F8", over: "\u2713" }[state];
}

function nextWords({ next, state, when }: ScheduleLine): string {
  if (next !== null) return when.includes(next) ? "" : `, next ${next}`; // what is due once says when by itself
  return state === "paused" ? ", paused" : ", over";
}

function one({ event, schedule, zone, times, details }: ScheduleNotice & { kind: "schedule" }): string {
  const head = {
    added: `Scheduled as ${schedule.name}: ${schedule.when}.`,
    edited: `Changed: ${schedule.name}, ${schedule.when}.`,
    paused: `Paused: ${schedule.name}. It keeps everything and fires no more until you resume it.`,
    resumed: `${schedule.name} goes on: ${schedule.when}.`,
    shown: `${schedule.name}: ${schedule.when}${schedule.state === "active" ? "" : ` (${schedule.state})`}.`,
  }[event];
  return [
    head,
    schedule.text,
    ...details,
    ...(times.length === 0 ? [] : ["", `Next (${zone}):`, ...bullets(times)]),
  ].join("\n");
}

function bullets(lines: readonly string[]): readonly string[] {
  return lines.map((line) => `\u2022 ${line}`);
}

function deleted({ name, cancelled, isRunning }: ScheduleNotice & { kind: "schedule-deleted" }): string {
  const waiting = cancelled === 0 ? "" : ` ${plural(cancelled, "waiting run")} of it cancelled.`;
  const running = isRunning ? " Its present run goes on; its Stop button ends it." : "";
  return `Deleted: ${name}. It fires no more.${waiting}${running}`;
}

function history({ name, entries }: ScheduleNotice & { kind: "schedule-history" }): string {
  if (entries.length === 0) return `${name} has not been due yet.`;
  return [
    `${name}, newest first:`,
    ...entries.map(
      ({ due, became, byPerson, why }) =>
        `${due}${byPerson ? " (run now)" : ""}: ${becameWords(became)}${why === null ? "" : `: ${why}`}`,
    ),
  ].join("\n");
}

function becameWords(became: ScheduleHistoryEntry["became"]): string {
  if (became.kind !== "skipped") return became.kind;
  const times = became.count === null ? "many times" : became.count === 1 ? "" : `${became.count} times`;
  return `skipped${times === "" ? "" : ` ${times}`}: ${skipReason(became.why)}`;
}

export function skipReason(why: SkipWhy): string {
  switch (why) {
    case "missed":
      return "Signalbox was not running";
    case "overlap":
      return "the one before was not over";
    case "full":
      return "the line was full";
    case "person-gone":
      return "who made it may not use Signalbox any more";
    default:
      return why satisfies never;
  }
}

function missedLine({
  name,
  missed,
  fired,
}: (ScheduleNotice & { kind: "schedules-missed" })["schedules"][number]): string {
  const times = missed === null ? "many times" : plural(missed, "time");
  const now = fired === 0 ? "skipped" : fired === 1 ? "runs once now" : `runs ${fired} times now`;
  return `\u23F0 ${name} was due ${times}: ${now}`;
}

function digest(notice: ScheduleNotice & { kind: "digest" }): string {
  const { day, finished, failed, stopped, interrupted, used, failing } = notice;
  const runs = finished + failed + stopped + interrupted;
  if (runs === 0 && failing.length === 0) return `\u23F0 ${day}: no agent ran.`;
  const parts = [
    [finished, "finished"],
    [failed, "failed"],
    [stopped, "stopped"],
    [interrupted, "interrupted"],
  ] as const;
  const outcomes = parts.flatMap(([count, word]) => (count === 0 ? [] : [`${count} ${word}`]));
  return [
    `\u23F0 ${day}: ${plural(runs, "run")}${outcomes.length === 0 ? "" : ` (${outcomes.join(", ")})`}`,
    ...used.map(
      ({ driver, runs: count, inputTokens, outputTokens, costUsd }) =>
        `${driver}: ${plural(count, "run")}, ${inputTokens + outputTokens} tokens${costUsd === null ? "" : `, ${costUsd.toFixed(2)} USD`}`,
    ),
    ...failing.map(({ name, failures }) => `Fails since ${plural(failures, "time")}: ${name}`),
  ].join("\n");
}
