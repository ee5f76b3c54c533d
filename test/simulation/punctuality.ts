/**
 * Liveness of schedules: what is due fires within the timer's bound by the time that passes, wherever the wall clock is set, as long as the
 * program claims and no commit is under way.
 */
import type { RuleContext } from "./rule.ts";
import type { Scheduler } from "./scheduler.ts";
import type { VirtualClock } from "./virtual-clock.ts";

export interface Punctuality {
  /** Between two steps. `isOpen`: the program is neither booting nor draining. */
  check(isOpen: boolean): void;
}

/** The timer looks at least every half minute, a second after the database refused, and a loaded machine wakes it late. */
const boundMs = 30_000 + 1_000 + 2_000;

/** `isSound`: the database takes what is committed. */
export function createPunctuality(
  { mirror, life, violated }: RuleContext,
  scheduler: Scheduler,
  clock: VirtualClock,
  isSound: () => boolean,
): Punctuality {
  /** Since when each is due, by the time that passes. */
  const dueSince = new Map<number, { readonly nextAtMs: number; readonly sinceMs: number }>();
  return {
    check: (isOpen) => {
      if (mirror.schedules.size === 0) return;
      // Time that passes while a commit is under way is the database's.
      if (!isOpen || !isSound() || scheduler.waiting(["flush", "resolve"], life()) > 0) return dueSince.clear();
      for (const { id, nextAtMs } of mirror.schedules.values()) {
        if (nextAtMs === null || nextAtMs > clock.now()) {
          dueSince.delete(id);
          continue;
        }
        const since = dueSince.get(id);
        if (since?.nextAtMs !== nextAtMs) dueSince.set(id, { nextAtMs, sinceMs: clock.passedMs() });
        else if (clock.passedMs() - since.sinceMs > boundMs)
          violated("liveness", `schedule ${id} is due since ${clock.passedMs() - since.sinceMs} ms and does not fire`);
      }
    },
  };
}
