import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decideDue, type DueTimes, dueTimesMax, type MissedPolicy, nameFor, type Standing } from "./schedule.ts";

const minuteMs = 60_000;

const missed: fc.Arbitrary<MissedPolicy> = fc.oneof(
  fc.constant<MissedPolicy>({ kind: "latest" }),
  fc.constant<MissedPolicy>({ kind: "skip" }),
  fc.record({ kind: fc.constant("all" as const), windowMs: fc.integer({ min: 0, max: 100 * minuteMs }) }),
);

const standing: fc.Arbitrary<Standing> = fc.record({
  waiting: fc.nat({ max: 3 }),
  isRunning: fc.boolean(),
  room: fc.integer({ min: 0, max: 20 }),
});

/** Times that came at one interval, as the timetable tells of them. */
function dueEvery(intervalMs: number, count: number): { readonly all: readonly number[]; readonly due: DueTimes } {
  const all = Array.from({ length: count }, (_, index) => 1_000_000 + index * intervalMs);
  return { all, due: { first: all[0] ?? 0, newest: all.slice(-dueTimesMax), count } };
}

describe("I11: each due time", () => {
  test("fires or is in exactly one record, whatever is missed, waits or runs", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 60 }),
        fc.integer({ min: minuteMs, max: 10 * minuteMs }),
        fc.nat({ max: 20 * minuteMs }),
        missed,
        fc.constantFrom("skip" as const, "queue" as const),
        standing,
        (count, intervalMs, lateMs, policy, overlap, stands) => {
          const { all, due } = dueEvery(intervalMs, count);
          const atMs = (all.at(-1) ?? 0) + lateMs;
          const { fire, skipped } = decideDue({ missed: policy, overlap }, due, stands, atMs);
          for (const time of all) {
            const records = skipped.filter(({ fromMs, toMs }) => fromMs <= time && time <= toMs);
            const isFired = fire.includes(time);
            // A record stands for its whole range, but never for what fired inside of it.
            expect(records.length + (isFired ? 1 : 0)).toBe(1);
          }
          const told = skipped.reduce((sum, { count: some }) => sum + (some ?? 0), 0);
          expect(told + fire.length).toBe(count);
          expect(fire.length).toBeLessThanOrEqual(stands.room);
          if (stands.waiting > 0 || (stands.isRunning && overlap === "skip")) expect(fire).toEqual([]);
        },
      ),
      { numRuns: 2_000 },
    );
  });

  test("of more than were counted, the record says that there were many", () => {
    const due: DueTimes = { first: 0, newest: [90 * minuteMs, 91 * minuteMs], count: null };
    expect(
      decideDue({ missed: { kind: "latest" }, overlap: "skip" }, due, { waiting: 0, isRunning: false, room: 20 }, 1e9),
    ).toEqual({
      fire: [91 * minuteMs],
      skipped: [{ why: "missed", fromMs: 0, toMs: 90 * minuteMs, count: null }],
    });
  });
});

test.each([
  ["Summarize what changed since yesterday", "summarize-what"],
  ["Check the build, please!", "check-build"],
  ["\u00dcberpr\u00fcfe die Z\u00e4hler", "uberprufe-die-zahler"],
  ["\u4f60\u597d", "schedule"],
  ["supercalifragilisticexpialidocious", "supercalifragilistic"],
])("%s is named %s", (text, name) => {
  expect(nameFor(text, new Set())).toBe(name);
  expect(nameFor(text, new Set([name]))).toBe(`${name}-2`);
});
