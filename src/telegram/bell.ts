/** One sleeper that can be woken: a ring while it is awake is not lost, many rings wake it once. */
import type { Clock } from "../engine/ports.ts";

export type Bell = {
  ring(): void;
  /** Resolves at the next ring, at once when it rang since the last wait, or after `ms`. */
  wait(ms: number): Promise<void>;
};

export function createBell(clock: Clock): Bell {
  let hasRung = false;
  let sleeper: AbortController | null = null;
  return {
    ring() {
      hasRung = true;
      sleeper?.abort();
    },
    async wait(ms) {
      if (!hasRung && ms > 0) {
        sleeper = new AbortController();
        // Pacing: the caller said when there will be more to do; a ring comes first.
        await clock.sleep(ms, sleeper.signal);
        sleeper = null;
      }
      hasRung = false;
    },
  };
}
