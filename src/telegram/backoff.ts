/** How long to wait after the n-th failure in a row: doubling, bounded, and spread so that many waiters do not march in step. */

export type Backoff = {
  /** The pause before the next try, in milliseconds; longer each time. */
  next(): number;
  /** What was tried worked: the next failure begins at the shortest pause again. */
  reset(): void;
  readonly failures: number;
};

/** `random` is in 0..1; half of every pause is fixed, half is spread. */
export function createBackoff(
  limits: { readonly firstMs: number; readonly maxMs: number },
  random: () => number,
): Backoff {
  let failures = 0;
  return {
    next() {
      const wholeMs = Math.min(limits.maxMs, limits.firstMs * 2 ** Math.min(failures, 20));
      failures += 1;
      return Math.round(Math.max(limits.firstMs, wholeMs * (0.5 + random() / 2)));
    },
    reset() {
      failures = 0;
    },
    get failures() {
      return failures;
    },
  };
}
