/** Two ways to count a rate: tokens that come back at a steady pace up to a capacity, and a window over the last while. */

export type TokenBucket = {
  /** Milliseconds until `spare + 1` tokens are there; 0 when they are. */
  waitMs(nowMs: number, spare?: number): number;
  take(nowMs: number): void;
};

export type Rate = { readonly burst: number; readonly perSecond: number };

export function createTokenBucket(rate: Rate, nowMs: number): TokenBucket {
  let tokens = rate.burst;
  let countedAtMs = nowMs;
  const refill = (atMs: number): void => {
    const elapsedMs = Math.max(0, atMs - countedAtMs);
    tokens = Math.min(rate.burst, tokens + (elapsedMs / 1000) * rate.perSecond);
    countedAtMs = atMs;
  };
  return {
    waitMs(atMs, spare = 0) {
      refill(atMs);
      const missing = spare + 1 - tokens;
      return missing <= 0 ? 0 : Math.ceil((missing / rate.perSecond) * 1000);
    },
    take(atMs) {
      refill(atMs);
      tokens -= 1;
    },
  };
}

export type SlidingWindow = {
  /** Milliseconds until `spare + 1` more fit into the window; 0 when they do. */
  waitMs(nowMs: number, spare?: number): number;
  take(nowMs: number): void;
  /** How many more fit into the window now. */
  room(nowMs: number): number;
  isEmpty(nowMs: number): boolean;
};

/** At most `max` in any `perMs` milliseconds: all of them at once, if they come so. */
export function createSlidingWindow({ max, perMs }: { readonly max: number; readonly perMs: number }): SlidingWindow {
  /** When each was taken, oldest first; at most `max` of them, unless more were taken than was asked for. */
  let taken: readonly number[] = [];
  const forget = (atMs: number): void => void (taken = taken.filter((at) => at > atMs - perMs));
  return {
    waitMs(atMs, spare = 0) {
      forget(atMs);
      const inTheWay = taken[taken.length - (max - spare)];
      return inTheWay === undefined ? 0 : inTheWay + perMs - atMs;
    },
    take(atMs) {
      forget(atMs);
      taken = [...taken, atMs];
    },
    room(atMs) {
      forget(atMs);
      return Math.max(0, max - taken.length);
    },
    isEmpty(atMs) {
      forget(atMs);
      return taken.length === 0;
    },
  };
}
