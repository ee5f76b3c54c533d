/** A rate with a burst: tokens come back at a steady pace up to a capacity, and what is sent takes one. */

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
