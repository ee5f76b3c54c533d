/**
 * When schedules are due, by the calendar of their zone. Cron expressions and local times are croner's; intervals are arithmetic.
 *
 * 1. A local time that the spring change leaves out is taken an hour later on that day; one that the autumn change has twice is taken once, the
 *    first time. What is due every so many minutes is due in both hours.
 * 2. A time that was found for an expression holds until that time: ten thousand schedules of a few expressions cost a few searches.
 */
import { Cron } from "croner";
import type { Timetable } from "../engine/ports.ts";
import { type DueTimes, dueTimesMax, type Timing } from "../domain/schedule.ts";
import type { When } from "../domain/schedule-words.ts";

/** Expressions that are remembered with what was found for them; the oldest is forgotten. */
const expressionsMax = 1_000;

/** Times between two moments that are counted one by one; of more it is said that there were many. */
const countedMax = 500;

/** `zone` is this machine's, unless another is given. It is looked up when it is needed: Node's `Intl` takes 7 MB at its first use. */
export function createTimetable(given?: string): Timetable {
  let zone = given;
  const gaps = new Map<string, Gap>();
  const zones = new Map<string, Intl.DateTimeFormat | null>();

  return {
    get zone() {
      return (zone ??= Intl.DateTimeFormat().resolvedOptions().timeZone);
    },
    isZone: (name) => formatOf(name) !== null,
    read,
    next,
    due,
    say,
  };

  function read(when: When, inZone: string, nowMs: number): ReturnType<Timetable["read"]> {
    switch (when.kind) {
      case "in":
        return { kind: "timing", timing: { kind: "once", atMs: nowMs + when.ms } };
      case "every":
        return { kind: "timing", timing: { kind: "every", everyMs: when.everyMs, fromMs: nowMs } };
      case "instant":
        return once(when.atMs, inZone, nowMs);
      case "at":
        return readLocal(when, inZone, nowMs);
      case "cron":
        return readCron(when.expression, inZone, nowMs);
      default:
        return when satisfies never;
    }
  }

  function once(atMs: number, inZone: string, nowMs: number): ReturnType<Timetable["read"]> {
    return atMs > nowMs
      ? { kind: "timing", timing: { kind: "once", atMs } }
      : { kind: "wrong", what: `${say(atMs, inZone)} is past; it is ${say(nowMs, inZone)} now (${inZone}).` };
  }

  function readLocal(
    { date, time }: When & { kind: "at" },
    inZone: string,
    nowMs: number,
  ): ReturnType<Timetable["read"]> {
    const today = dateIn(nowMs, inZone);
    const day = date === null || date === "today" ? today : date === "tomorrow" ? dayAfter(today) : date;
    const atMs = localTime(day, time, inZone);
    if (atMs === null) return { kind: "wrong", what: `There is no ${day}.` };
    const isToday = date === null && atMs <= nowMs;
    return once(isToday ? (localTime(dayAfter(today), time, inZone) ?? atMs) : atMs, inZone, nowMs);
  }

  function next(timing: Timing, inZone: string, afterMs: number): number | null {
    switch (timing.kind) {
      case "once":
        return timing.atMs > afterMs ? timing.atMs : null;
      case "every": {
        const { everyMs, fromMs } = timing;
        return fromMs + Math.max(1, Math.floor((afterMs - fromMs) / everyMs) + 1) * everyMs;
      }
      case "cron":
        return gapAt(timing.expression, inZone, afterMs).nextMs;
      default:
        return timing satisfies never;
    }
  }

  function due(timing: Timing, inZone: string, fromMs: number, atMs: number): DueTimes {
    switch (timing.kind) {
      case "once":
        return { first: fromMs, newest: [fromMs], count: 1 };
      case "every": {
        const count = Math.floor((atMs - fromMs) / timing.everyMs) + 1;
        const shown = Math.min(count, dueTimesMax);
        const newest = Array.from({ length: shown }, (_, i) => fromMs + (count - shown + i) * timing.everyMs);
        return { first: fromMs, newest, count };
      }
      case "cron":
        return dueOfCron(timing, inZone, fromMs, atMs);
      default:
        return timing satisfies never;
    }
  }

  function dueOfCron(timing: Timing & { kind: "cron" }, inZone: string, fromMs: number, atMs: number): DueTimes {
    const times = [fromMs];
    // Bound: countedMax turns, and mostly one.
    for (let at = next(timing, inZone, fromMs); at !== null && at <= atMs; at = next(timing, inZone, at)) {
      if (times.push(at) > countedMax) return { first: fromMs, newest: newestOf(timing, inZone, atMs), count: null };
    }
    return { first: fromMs, newest: times.slice(-dueTimesMax), count: times.length };
  }

  function newestOf({ expression }: Timing & { kind: "cron" }, inZone: string, atMs: number): readonly number[] {
    const newest = patternOf(expression, inZone).previousRuns(dueTimesMax, new Date(atMs + 1));
    return newest.map((date) => date.getTime()).toReversed();
  }

  /** The time after `atMs`, from what was found before if that says it. */
  function gapAt(expression: string, inZone: string, atMs: number): Gap {
    const key = `${inZone} ${expression}`;
    const known = gaps.get(key);
    if (known !== undefined && known.fromMs <= atMs && (known.nextMs === null || atMs < known.nextMs)) return known;
    const nextMs = patternOf(expression, inZone).nextRun(new Date(atMs))?.getTime() ?? null;
    const gap = { fromMs: atMs, nextMs };
    gaps.delete(key);
    gaps.set(key, gap);
    const [oldest] = gaps.keys();
    if (gaps.size > expressionsMax && oldest !== undefined) gaps.delete(oldest);
    return gap;
  }

  function say(atMs: number, inZone: string): string {
    const parts = partsIn(atMs, inZone);
    return `${parts.weekday} ${Number(parts.day)} ${parts.monthName} ${parts.year}, ${parts.hour}:${parts.minute}`;
  }

  function dateIn(atMs: number, inZone: string): string {
    const { year, month, day } = partsIn(atMs, inZone);
    return `${year}-${month}-${day}`;
  }

  function partsIn(atMs: number, inZone: string): Parts {
    const format = formatOf(inZone) ?? formatOf("UTC");
    const given: Record<string, string> = {};
    for (const { type, value } of format?.formatToParts(new Date(atMs)) ?? []) given[type] = value;
    const { year = "", month = "", day = "", hour = "", minute = "", weekday = "" } = given;
    return { year, month, day, hour, minute, weekday, monthName: monthNames[Number(month) - 1] ?? month };
  }

  /** Null: no zone of that name. */
  function formatOf(name: string): Intl.DateTimeFormat | null {
    const known = zones.get(name);
    if (known !== undefined) return known;
    const format = newFormat(name);
    if (format !== null) zones.set(name, format); // bound: there are some hundred zones
    return format;
  }
}

/** Between the two nothing is due: `fromMs` is where the search began. */
type Gap = { readonly fromMs: number; readonly nextMs: number | null };

type Parts = Readonly<Record<"year" | "month" | "day" | "hour" | "minute" | "weekday" | "monthName", string>>;

const monthNames = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"] as const;

function newFormat(timeZone: string): Intl.DateTimeFormat | null {
  try {
    return new Intl.DateTimeFormat("en-GB", {
      timeZone,
      hourCycle: "h23",
      weekday: "short",
      year: "numeric",
      month: "2-digit",
      day: "2-digit",
      hour: "2-digit",
      minute: "2-digit",
    });
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}

function patternOf(expression: string, timezone: string): Cron {
  return new Cron(expression, { timezone, mode: "5-part", paused: true });
}

/** croner says what is wrong with an expression, in the text of its errors only; it is for the person. */
function readCron(expression: string, inZone: string, nowMs: number): ReturnType<Timetable["read"]> {
  try {
    const isEver = patternOf(expression, inZone).nextRun(new Date(nowMs)) !== null;
    return isEver
      ? { kind: "timing", timing: { kind: "cron", expression } }
      : { kind: "wrong", what: `"${expression}" is never due.` };
  } catch (error) {
    const why =
      error instanceof Error ? error.message.replace(/^Cron\w+: /, "").replace(/\.$/, "") : "it cannot be read";
    return {
      kind: "wrong",
      what: `"${expression}" is no cron expression of five fields (minute, hour, day, month, weekday): ${why}.`,
    };
  }
}

/** Null: there is no such day. */
function localTime(day: string, time: string, timezone: string): number | null {
  const midnight = new Date(`${day}T00:00:00Z`);
  // The 30th of February is read as the 2nd of March.
  if (Number.isNaN(midnight.getTime()) || !midnight.toISOString().startsWith(day)) return null;
  const local = new Cron(`${day}T${time}:00`, { timezone, paused: true });
  return local.nextRun(new Date(0))?.getTime() ?? null;
}

function dayAfter(day: string): string {
  return new Date(Date.parse(`${day}T00:00:00Z`) + 86_400_000).toISOString().slice(0, 10);
}
