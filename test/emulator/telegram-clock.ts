// Telegram's idea of the time. A test moves it forward to age updates, callbacks and drafts; it never runs backwards.

export interface TelegramClock {
  nowMs(): number;
  /** Unix seconds, as every `date` field has it. */
  nowSeconds(): number;
  advance(ms: number): void;
}

export function createTelegramClock(): TelegramClock {
  let aheadMs = 0;
  const nowMs = () => Date.now() + aheadMs;
  return {
    nowMs,
    nowSeconds: () => Math.floor(nowMs() / 1000),
    advance(ms) {
      if (ms < 0) throw new RangeError("the clock never runs backwards");
      aheadMs += ms;
    },
  };
}
