import { describe, expect, test } from "vitest";
import type { Timing } from "../domain/schedule.ts";
import { splitWhen } from "../domain/schedule-words.ts";
import { createTimetable } from "./timetable.ts";

const nowMs = Date.parse("2026-11-23T15:30:00Z");
const hourMs = 3_600_000;

function read(words: string, zone = "UTC", at = nowMs): Timing | string {
  const split = splitWhen(words);
  if (typeof split === "string") return split;
  const timing = createTimetable("UTC").read(split.when, zone, at);
  return timing.kind === "timing" ? timing.timing : timing.what;
}

function times(words: string, zone: string, from: string, count: number): string[] {
  const timing = read(words, zone, Date.parse(from));
  if (typeof timing === "string") throw new Error(timing);
  const found: string[] = [];
  for (let at: number | null = Date.parse(from); found.length < count;) {
    at = createTimetable().next(timing, zone, at);
    if (at === null) break;
    found.push(new Date(at).toISOString().slice(0, 16));
  }
  return found;
}

describe("words become times, in the zone", () => {
  test.each([
    ["in 20m", "UTC", "2026-11-23T15:50"],
    ["in 1h30m", "UTC", "2026-11-23T17:00"],
    ["in 2 days", "UTC", "2026-11-25T15:30"],
    ["at 16:00", "UTC", "2026-11-23T16:00"],
    ["at 7:00", "UTC", "2026-11-24T07:00"],
    ["at 7pm", "Europe/Berlin", "2026-11-23T18:00"],
    ["at 2026-12-01T07:00", "Europe/Berlin", "2026-12-01T06:00"],
    ["at 2026-12-01 07:00", "America/New_York", "2026-12-01T12:00"],
    ["at 2026-12-01T07:00+05:30", "UTC", "2026-12-01T01:30"],
    ["tomorrow 7:00", "Asia/Kolkata", "2026-11-24T01:30"],
    ["today 23:59", "UTC", "2026-11-23T23:59"],
    ["every 10m", "UTC", "2026-11-23T15:40"],
    ["daily 7:00", "Europe/Berlin", "2026-11-24T06:00"],
    ["weekdays 9:30", "UTC", "2026-11-24T09:30"],
    ["every sunday 8am", "UTC", "2026-11-29T08:00"],
    ['"0 7 * * 1-5"', "UTC", "2026-11-24T07:00"],
    ['"every 2h"', "UTC", "2026-11-23T17:30"],
    ["\u201c0 12 * * MON\u201d", "UTC", "2026-11-30T12:00"],
  ])("%s (%s): %s", (words, zone, expected) => {
    const timing = read(words, zone);
    if (typeof timing === "string") throw new Error(timing);
    const at = createTimetable().next(timing, zone, nowMs);
    expect(at === null ? null : new Date(at).toISOString().slice(0, 16)).toBe(expected);
  });

  test.each([
    ["at 2026-11-22T07:00", /is past; it is Mon 23 Nov 2026, 15:30 now/],
    ["today 7:00", /is past/],
    ["at 2026-02-30T07:00", /There is no 2026-02-30/],
    ["at 25:00", /is no time/],
    ["in nothing", /"in" needs a time/],
    ["every 10s", /Every minute is as often as it gets/],
    ["every", /"every" needs an interval/],
    ["daily", /At what time of the day/],
    ["sometimes", /"sometimes" is no time/],
    ['"61 * * * *"', /Invalid value for minute: 61/],
    ['"* * *"', /five fields/],
    ['"0 0 31 2 *"', /is never due/],
    ['"* * * * * *"', /five fields|exactly 5/],
  ])("%s is told to be wrong", (words, why) => {
    expect(read(words)).toMatch(why);
  });
});

describe("daylight saving", () => {
  const daily = '"30 2 * * *"';

  test("a time that spring leaves out is due an hour later on that day, and only then", () => {
    expect(times(daily, "Europe/Berlin", "2026-03-28T12:00:00Z", 3)).toEqual([
      ...["2026-03-29T01:00", "2026-03-30T00:30", "2026-03-31T00:30"],
    ]);
    expect(times("at 2026-03-29T02:30", "Europe/Berlin", "2026-03-01T00:00:00Z", 2)).toEqual(["2026-03-29T01:30"]);
  });

  test("a time that autumn has twice is due once", () => {
    expect(times(daily, "Europe/Berlin", "2026-10-24T12:00:00Z", 3)).toEqual([
      ...["2026-10-25T00:30", "2026-10-26T01:30", "2026-10-27T01:30"],
    ]);
  });

  test("what is due every half hour is due in both of autumn's hours, and an interval knows no zone", () => {
    expect(times('"*/30 * * * *"', "Europe/Berlin", "2026-10-24T23:45:00Z", 5)).toEqual([
      ...["2026-10-25T00:00", "2026-10-25T00:30", "2026-10-25T01:00", "2026-10-25T01:30", "2026-10-25T02:00"],
    ]);
    expect(times("every 12h", "America/New_York", "2026-11-01T00:00:00Z", 2)).toEqual([
      "2026-11-01T12:00",
      "2026-11-02T00:00",
    ]);
  });

  test("seven in the morning stays seven in the morning", () => {
    const table = createTimetable("UTC");
    for (const at of times("daily 7:00", "America/New_York", "2026-10-30T00:00:00Z", 5))
      expect(table.say(Date.parse(`${at}Z`), "America/New_York")).toMatch(/07:00$/);
  });
});

describe("what is due between two moments", () => {
  const table = createTimetable("UTC");
  const from = Date.parse("2026-11-01T00:00:00Z");

  test("an interval's times are counted without being looked at", () => {
    const due = table.due(
      { kind: "every", everyMs: hourMs, fromMs: from - hourMs },
      "UTC",
      from,
      from + 1_000_000 * hourMs,
    );
    expect(due).toMatchObject({ first: from, count: 1_000_001 });
    expect(due.newest).toHaveLength(20);
    expect(due.newest.at(-1)).toBe(from + 1_000_000 * hourMs);
  });

  test("an expression's are counted up to a bound, and the newest are known beyond it", () => {
    const hourly: Timing = { kind: "cron", expression: "0 * * * *" };
    expect(table.due(hourly, "UTC", from, from + 5 * hourMs + 1)).toEqual({
      first: from,
      newest: [0, 1, 2, 3, 4, 5].map((hour) => from + hour * hourMs),
      count: 6,
    });
    const many = table.due(hourly, "UTC", from, from + 2_000 * hourMs);
    expect(many.count).toBeNull();
    expect(many.newest).toHaveLength(20);
    expect(many.newest.at(-1)).toBe(from + 2_000 * hourMs);
  });

  test("what was found for an expression holds until its time, and no longer", () => {
    const hourly: Timing = { kind: "cron", expression: "0 * * * *" };
    const shared = createTimetable("UTC");
    for (const offset of [0, 1, hourMs - 1, hourMs, hourMs + 1, 10, 5 * hourMs, 0])
      expect(shared.next(hourly, "UTC", from + offset)).toBe(from + (Math.floor(offset / hourMs) + 1) * hourMs);
  });
});

test("a moment is said in its zone, and a zone is known by its name alone", () => {
  const table = createTimetable("UTC");
  expect(table.say(nowMs, "Asia/Tokyo")).toBe("Tue 24 Nov 2026, 00:30");
  expect(table.isZone("Europe/Berlin")).toBe(true);
  expect(table.isZone("Mars/Olympus")).toBe(false);
});
