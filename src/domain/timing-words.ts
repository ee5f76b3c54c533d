/** When a schedule is due, as a person says it and as they would type it. Pure. */
import type { Timing } from "./schedule.ts";

/** The words for a moment. */
type Sayer = { readonly say: (atMs: number, zone: string) => string };

/** "daily at 07:00", "every 10 minutes", "once, Tue 1 Dec 2026, 07:00"; an expression that has no such words stands for itself. */
export function timingWords(timing: Timing, zone: string, timetable: Sayer): string {
  switch (timing.kind) {
    case "once":
      return `once, ${timetable.say(timing.atMs, zone)}`;
    case "every":
      return `every ${intervalWords(timing.everyMs)}`;
    case "cron":
      return expressionWords(timing.expression);
    default:
      return timing satisfies never;
  }
}

/** As many as show what a timing means. */
const timesShownMax = 5;

/** `first` and the times after it, each with its words. */
export function nextTimes(
  timetable: Sayer & { readonly next: (timing: Timing, zone: string, afterMs: number) => number | null },
  timing: Timing,
  zone: string,
  first: number,
): readonly { readonly atMs: number; readonly said: string }[] {
  const times: { atMs: number; said: string }[] = [];
  for (let at: number | null = first; at !== null && times.length < timesShownMax;) {
    times.push({ atMs: at, said: timetable.say(at, zone) });
    at = timetable.next(timing, zone, at);
  }
  return times;
}

/** What would be typed for it; what was typed is not kept. */
export function timingTyped(timing: Timing, zone: string): string {
  switch (timing.kind) {
    case "once":
      return `at ${localTime(timing.atMs, zone)}`;
    case "every":
      return `every ${intervalTyped(timing.everyMs)}`;
    case "cron":
      return timing.expression;
    default:
      return timing satisfies never;
  }
}

// ---------------------------------------------------------------- intervals

const units = [
  { ms: 604_800_000, sign: "w", noun: "week" },
  { ms: 86_400_000, sign: "d", noun: "day" },
  { ms: 3_600_000, sign: "h", noun: "hour" },
  { ms: 60_000, sign: "m", noun: "minute" },
  { ms: 1_000, sign: "s", noun: "second" },
] as const;

/** "10m", "2h30m" */
export function intervalTyped(ms: number): string {
  return parts(ms)
    .map(([count, { sign }]) => `${count}${sign}`)
    .join("");
}

/** "10 minutes", "2 hours 30 minutes", "day". */
function intervalWords(ms: number): string {
  const found = parts(ms);
  const [[count, unit] = [], ...more] = found;
  if (count === 1 && unit !== undefined && more.length === 0) return unit.noun;
  return found.map(([one, { noun }]) => `${one} ${noun}${one === 1 ? "" : "s"}`).join(" ");
}

function parts(ms: number): (readonly [number, (typeof units)[number]])[] {
  let left = ms;
  return units.flatMap((unit) => {
    const count = Math.floor(left / unit.ms);
    left -= count * unit.ms;
    return count === 0 ? [] : [[count, unit] as const];
  });
}

// ---------------------------------------------------------------- expressions

const dayNames = [
  "Sundays",
  "Mondays",
  "Tuesdays",
  "Wednesdays",
  "Thursdays",
  "Fridays",
  "Saturdays",
  "Sundays",
] as const;

/** Those that people write; the rest is left as it is, since half an explanation would be a wrong one. */
function expressionWords(expression: string): string {
  const [minute = "", hour = "", day = "", month = "", weekday = ""] = expression.trim().split(/\s+/);
  const everyDay = day === "*" && month === "*";
  if (everyDay && hour === "*" && weekday === "*") return hourlyWords(minute) ?? expression;
  if (!isNumber(minute) || !isNumber(hour)) return expression;
  const time = `${hour.padStart(2, "0")}:${minute.padStart(2, "0")}`;
  if (everyDay) {
    const days = weekdayWords(weekday);
    return days === null ? expression : `${days} at ${time}`;
  }
  if (isNumber(day) && month === "*" && weekday === "*") return `monthly on day ${Number(day)} at ${time}`;
  return expression;
}

function hourlyWords(minute: string): string | null {
  if (minute === "*") return "every minute";
  if (isNumber(minute)) return Number(minute) === 0 ? "every hour" : `every hour, at minute ${Number(minute)}`;
  const [, step] = /^\*\/(\d{1,2})$/.exec(minute) ?? [];
  return step === undefined || 60 % Number(step) !== 0 ? null : `every ${intervalWords(Number(step) * 60_000)}`;
}

function weekdayWords(weekday: string): string | null {
  if (weekday === "*") return "daily";
  if (weekday === "1-5") return "weekdays";
  const days = weekday.split(",").map((one) => (/^[0-7]$/.test(one) ? dayNames[Number(one)] : undefined));
  if (days.some((one) => one === undefined)) return null;
  return days.join(", ").replace(/, ([^,]*)$/, " and $1");
}

function isNumber(field: string): boolean {
  return /^\d{1,2}$/.test(field);
}

/** "2026-12-01T07:00" */
function localTime(atMs: number, zone: string): string {
  const format = new Intl.DateTimeFormat("en-GB", {
    timeZone: zone,
    hourCycle: "h23",
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
    hour: "2-digit",
    minute: "2-digit",
  });
  const given = Object.fromEntries(format.formatToParts(new Date(atMs)).map(({ type, value }) => [type, value]));
  return `${given["year"]}-${given["month"]}-${given["day"]}T${given["hour"]}:${given["minute"]}`;
}
