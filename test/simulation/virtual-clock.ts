/**
 * Time that passes only when the scheduler lets it. Sleepers follow a monotonic time; `now()` is the wall clock, which may
 * jump forward or a little back without waking anybody.
 */
import type { Clock } from "../../src/engine/ports.ts";
import type { Random } from "./random.ts";
import type { Choice, Scheduler } from "./scheduler.ts";

type Sleeper = { readonly atMs: number; readonly life: number; readonly wake: () => void; readonly forget: () => void };

export interface VirtualClock {
  now(): number;
  forLife(life: number): Clock;
  /** The wall clock alone moves. */
  jump(ms: number): void;
  /** Time passes while nothing runs. */
  pass(ms: number): void;
  /** Someone outside the program waits for this moment of the wall clock too. */
  alarm(wallMs: () => number | null): void;
  endLife(life: number): void;
  sleepers(life: number): number;
  /** How much time has passed, wherever the wall clock was set. */
  passedMs(): number;
}

/** 2026-11-23T07:00:00Z: any fixed moment would do. */
const beginMs = 1_795_417_200_000;

/** A loaded machine wakes sleepers late; up to this late, in milliseconds. */
const lateMsMax = 400;

export function createVirtualClock(scheduler: Scheduler, random: Random): VirtualClock {
  let passedMs = 0;
  let skewMs = 0;
  let sleepers: Sleeper[] = [];
  let alarm: () => number | null = () => null;
  const now = (): number => beginMs + passedMs + skewMs;

  const clock: VirtualClock = {
    now,
    forLife: (life) => ({
      now,
      sleep: (ms, signal) =>
        new Promise((resolve) => {
          if (signal.aborted) {
            resolve();
            return;
          }
          const wake = (): void => {
            sleepers = sleepers.filter((other) => other !== sleeper);
            forget();
            resolve();
          };
          // Node holds on to a signal of several as long as somebody listens to it.
          const forget = (): void => signal.removeEventListener("abort", wake);
          const sleeper: Sleeper = { atMs: passedMs + Math.max(0, ms), life, wake, forget };
          sleepers.push(sleeper);
          signal.addEventListener("abort", wake, { once: true });
        }),
    }),
    jump: (ms) => {
      skewMs += ms;
    },
    pass: (ms) => {
      passedMs += ms;
    },
    alarm: (wallMs) => {
      alarm = wallMs;
    },
    endLife: (life) => {
      for (const sleeper of sleepers) if (sleeper.life === life) sleeper.forget();
      sleepers = sleepers.filter((sleeper) => sleeper.life !== life);
    },
    passedMs: () => passedMs,
    sleepers: (life) => sleepers.filter((sleeper) => sleeper.life === life).length,
  };
  scheduler.addSource({
    kind: "timer",
    isPossible: () => sleepers.length > 0 || (alarm() ?? Number.NEGATIVE_INFINITY) > now(),
    choice: nextTimer,
  });
  return clock;

  /** Lets time pass to the next deadline (now and then beyond it) and wakes that sleeper. */
  function nextTimer(): Choice | null {
    const first = sleepers.reduce<Sleeper | null>((a, b) => (a === null || b.atMs < a.atMs ? b : a), null);
    const alarmMs = alarm();
    const alarmAtMs = alarmMs === null ? null : passedMs + alarmMs - now();
    if (alarmAtMs !== null && alarmAtMs > passedMs && (first === null || alarmAtMs < first.atMs)) {
      return { kind: "timer", label: `alarm`, life: null, run: () => (passedMs = alarmAtMs) };
    }
    if (first === null) return null;
    const lateMs = random.chance(0.2) ? random.int(lateMsMax) : 0;
    const run = (): void => {
      passedMs = Math.max(passedMs, first.atMs + lateMs);
      first.wake();
    };
    return { kind: "timer", label: `+${Math.max(0, first.atMs - passedMs)}ms`, life: first.life, run };
  }
}
