/**
 * The one timer of all schedules. It is a hint: what is due is read from the database by the clock's present time whenever the timer looks, so
 * that a jump of the clock, a sleep of the machine or a lost wake-up delays a time and loses none (I11).
 */
import type { Clock, Engine, Log } from "../engine/ports.ts";

/** It looks again after this long at the latest: so late at most is noticed that the clock was set. In milliseconds. */
const lookAgainMs = 30_000;

/** A database that refused is asked again at this pace. In milliseconds. */
const retryMs = 1_000;

export type TimerDeps = {
  readonly engine: Pick<Engine, "fire" | "watch">;
  readonly clock: Clock;
  readonly log: Log;
};

/** Begins at once; disposing waits for what it is doing. Never throws, never rejects. */
export function startTimer({ engine, clock, log }: TimerDeps): AsyncDisposable {
  const ended = new AbortController();
  let changed = new AbortController();
  const watching = engine.watch({ changed() {}, progressed() {}, rescheduled: () => changed.abort() });
  const running = run();
  return {
    async [Symbol.asyncDispose]() {
      watching[Symbol.dispose]();
      ended.abort();
      await running;
    },
  };

  async function run(): Promise<void> {
    while (!ended.signal.aborted) {
      changed = new AbortController(); // before looking: what changes meanwhile is looked at again
      const waitMs = await fire();
      // Pacing: until the next time that is due, or a change.
      await clock.sleep(waitMs, AbortSignal.any([ended.signal, changed.signal]));
    }
  }

  /** Resolves with how long nothing is due. */
  async function fire(): Promise<number> {
    try {
      const nextAtMs = await engine.fire();
      return nextAtMs === null ? lookAgainMs : Math.min(Math.max(0, nextAtMs - clock.now()), lookAgainMs);
    } catch (error) {
      log.error({ error }, "what is due could not be fired; trying again");
      return retryMs;
    }
  }
}
