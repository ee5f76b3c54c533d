/** The clock of the operating system. Whoever waits gets a clock passed in, so that tests can own time. */

/** Node fires a longer timer at once. Waking early is harmless: a sleeper looks again and concludes nothing from the time. */
const timerMsMax = 2 ** 31 - 1;

export type SystemClock = {
  /** Epoch milliseconds. */
  now(): number;
  /** Resolves after `ms` (at most 24.8 days), or at once when `signal` fires. Never rejects. Leaves no timer and no listener. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
};

export function createSystemClock(): SystemClock {
  return { now: () => Date.now(), sleep };
}

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const wake = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", wake);
      resolve();
    };
    // This is what a pacing is made of: it wakes the caller to look.
    const timer = setTimeout(wake, Math.min(Math.max(ms, 0), timerMsMax));
    signal.addEventListener("abort", wake, { once: true });
  });
}
