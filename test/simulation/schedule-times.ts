/**
 * When schedules are due, by a model of its own: minute by minute, in UTC. It knows what the people of the simulation write, and nothing of how
 * the program computes it.
 */
import type { Timing } from "../../src/domain/schedule.ts";

const minuteMs = 60_000;
/** An expression of the simulation is due at least once in so many days. */
const daysMax = 8;

/** Later than the first moment, and not later than the last; oldest first. */
export function timesBetween(timing: Timing, afterMs: number, untilMs: number): readonly number[] {
  switch (timing.kind) {
    case "once":
      return timing.atMs > afterMs && timing.atMs <= untilMs ? [timing.atMs] : [];
    case "every": {
      const times: number[] = [];
      for (let at = timing.fromMs + timing.everyMs; at <= untilMs; at += timing.everyMs)
        if (at > afterMs) times.push(at);
      return times;
    }
    case "cron":
      return minutes(timing.expression, afterMs, untilMs, Number.POSITIVE_INFINITY);
    default:
      return timing satisfies never;
  }
}

/** Null: never again. */
export function timeAfter(timing: Timing, afterMs: number): number | null {
  switch (timing.kind) {
    case "once":
      return timing.atMs > afterMs ? timing.atMs : null;
    case "every":
      return timesBetween(timing, afterMs, Math.max(afterMs, timing.fromMs) + 2 * timing.everyMs)[0] ?? null;
    case "cron":
      return minutes(timing.expression, afterMs, afterMs + daysMax * 24 * 60 * minuteMs, 1)[0] ?? null;
    default:
      return timing satisfies never;
  }
}

function minutes(expression: string, afterMs: number, untilMs: number, timesMax: number): readonly number[] {
  const fields = expression.split(" ").map(readField);
  const times: number[] = [];
  const first = Math.floor(afterMs / minuteMs) * minuteMs + minuteMs;
  for (let at = first; at <= untilMs && times.length < timesMax; at += minuteMs) if (isDue(fields, at)) times.push(at);
  return times;
}

type Field = (value: number) => boolean;

function isDue([minute, hour, day, month, weekday]: readonly Field[], atMs: number): boolean {
  const date = new Date(atMs);
  return (
    minute!(date.getUTCMinutes()) &&
    hour!(date.getUTCHours()) &&
    day!(date.getUTCDate()) &&
    month!(date.getUTCMonth() + 1) &&
    weekday!(date.getUTCDay())
  );
}

/** Stars, numbers, ranges and steps. */
function readField(text: string): Field {
  const parts = text.split(",").map((part): Field => {
    const [range = "", step = "1"] = part.split("/");
    if (range === "*") return (value) => value % Number(step) === 0;
    const [from = "", to = from] = range.split("-");
    return (value) => value >= Number(from) && value <= Number(to) && (value - Number(from)) % Number(step) === 0;
  });
  return (value) => parts.some((part) => part(value));
}
