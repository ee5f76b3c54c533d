import { expect, test } from "vitest";
import type { EngineListener } from "../engine/ports.ts";
import { startTimer } from "./timer.ts";

/** A clock and an engine whose every step the test takes. */
function stage(answers: readonly (number | null | Error)[]) {
  let nowMs = 1_000_000;
  const sleeps: number[] = [];
  const wakes: (() => void)[] = [];
  let fired = 0;
  let listener: EngineListener | null = null;
  const errors: unknown[] = [];
  const timer = startTimer({
    clock: {
      now: () => nowMs,
      sleep: (ms, signal) =>
        new Promise((resolve) => {
          sleeps.push(ms);
          wakes.push(resolve);
          if (signal.aborted) resolve();
          signal.addEventListener("abort", () => resolve(), { once: true });
        }),
    },
    engine: {
      fire: () => {
        const answer = answers[Math.min(fired, answers.length - 1)] ?? null;
        fired += 1;
        return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
      },
      watch: (given) => {
        listener = given;
        return { [Symbol.dispose]: () => void (listener = null) };
      },
    },
    log: { debug() {}, info() {}, warn() {}, error: (fields) => void errors.push(fields) },
  });
  return {
    timer,
    sleeps,
    errors,
    fired: () => fired,
    isWatched: () => listener !== null,
    async wake(ms = 0) {
      nowMs += ms;
      wakes.at(-1)?.();
      await settled();
    },
    async reschedule() {
      listener?.rescheduled?.();
      await settled();
    },
  };
}

async function settled(): Promise<void> {
  for (let round = 0; round < 5; round += 1) await new Promise((resolve) => setImmediate(resolve));
}

test("the timer looks at once, sleeps until the next time, and looks again", async () => {
  const house = stage([1_005_000, 1_009_000, null]);
  await settled();
  expect(house.sleeps).toEqual([5_000]);
  await house.wake(5_000);
  expect(house.sleeps).toEqual([5_000, 4_000]);
  await house.wake(4_000);
  expect(house.sleeps).toEqual([5_000, 4_000, 30_000]);
  await house.timer[Symbol.asyncDispose]();
});

test("it never sleeps longer than it may take to notice that the clock was set", async () => {
  const house = stage([2_000_000_000]);
  await settled();
  expect(house.sleeps).toEqual([30_000]);
  await house.timer[Symbol.asyncDispose]();
});

test("a change wakes it, also one that comes while it looks", async () => {
  const house = stage([2_000_000_000]);
  await house.reschedule();
  expect(house.fired()).toBe(2);
  await house.reschedule();
  expect(house.fired()).toBe(3);
  await house.timer[Symbol.asyncDispose]();
});

test("a database that refuses is asked again, and that is in the log", async () => {
  const house = stage([new Error("disk full"), 1_000_500]);
  await settled();
  expect(house.sleeps).toEqual([1_000]);
  expect(house.errors).toHaveLength(1);
  await house.wake(0);
  expect(house.sleeps).toEqual([1_000, 500]);
  await house.timer[Symbol.asyncDispose]();
});

test("it ends with its life", async () => {
  const house = stage([null]);
  await settled();
  await house.timer[Symbol.asyncDispose]();
  expect(house.isWatched()).toBe(false);
  expect(house.fired()).toBe(1);
});
