import { describe, expect, it } from "vitest";

import { readScheduleCommand } from "./schedule-words.ts";
import { createTimetable } from "../schedule/timetable.ts";
import { timingTyped, timingWords } from "./timing-words.ts";

const timetable = createTimetable("UTC");
const zone = "Europe/Berlin";
const nowMs = Date.UTC(2026, 10, 23, 9, 0, 0);

const cron = (expression: string): string => timingWords({ kind: "cron", expression }, zone, timetable);

describe("an expression", () => {
  it.each([
    ["0 7 * * *", "daily at 07:00"],
    ["30 18 * * 1-5", "weekdays at 18:30"],
    ["0 9 * * 1", "Mondays at 09:00"],
    ["0 9 * * 1,3,5", "Mondays, Wednesdays and Fridays at 09:00"],
    ["0 9 * * 7", "Sundays at 09:00"],
    ["0 * * * *", "every hour"],
    ["15 * * * *", "every hour, at minute 15"],
    ["*/10 * * * *", "every 10 minutes"],
    ["* * * * *", "every minute"],
    ["0 7 1 * *", "monthly on day 1 at 07:00"],
  ])("%s is said as %s", (expression, words) => {
    expect(cron(expression)).toBe(words);
  });

  it.each(["*/7 * * * *", "0 7 1 * 1", "0 7 * 12 *", "0 8-18 * * 1-5", "0 9 * * mon", "0 7 L * *", "0 9 * * 1#2"])(
    "%s stands for itself: half of it would be wrong",
    (expression) => {
      expect(cron(expression)).toBe(expression);
    },
  );
});

it("an interval and a single time are said in words", () => {
  const every = (everyMs: number) => timingWords({ kind: "every", everyMs, fromMs: 0 }, zone, timetable);
  expect([every(600_000), every(3_600_000), every(9_000_000), every(86_400_000)]).toEqual([
    "every 10 minutes",
    "every hour",
    "every 2 hours 30 minutes",
    "every day",
  ]);
  expect(timingWords({ kind: "once", atMs: nowMs }, zone, timetable)).toBe("once, Mon 23 Nov 2026, 10:00");
});

it.each([
  { kind: "once", atMs: Date.UTC(2026, 11, 1, 6, 0, 0) },
  { kind: "every", everyMs: 5_400_000, fromMs: nowMs },
  { kind: "cron", expression: "0 7 1 * *" },
] as const)("what would be typed for it means the same again: $kind", (timing) => {
  const command = readScheduleCommand(`edit it when ${timingTyped(timing, zone)}`);
  const when = command.kind === "edit" ? command.when : null;
  expect(when === null ? null : timetable.read(when, zone, nowMs)).toEqual({ kind: "timing", timing });
});
