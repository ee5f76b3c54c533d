/**
 * How fast Telegram may be written to (telegram.md section 2): about one message a second to a person, 20 a minute to a group,
 * 30 a second overall. Short bursts pass, so that a quick answer leaves at once.
 */
import type { Clock } from "../engine/ports.ts";
import { createTokenBucket, type Rate } from "./token-bucket.ts";

export type ChatPace = {
  /** The least time between two edits of a live status: below it, penalties of minutes were seen. */
  readonly editEveryMs: number;
  /** Waits for the chat's and the overall rate, then counts one request. False when `signal` fired first. */
  take(signal: AbortSignal): Promise<boolean>;
  /** Counts one edit and returns 0; or counts nothing and returns the milliseconds until one may go. */
  takeForEdit(): number;
  /** Whether nothing was sent here for so long that the rate is as good as new. */
  isRested(): boolean;
};

const overallRate: Rate = { burst: 30, perSecond: 30 };
const privateRate: Rate = { burst: 5, perSecond: 1 };
/** The burst and 55 seconds of refill stay below 20 in any minute; edits count. */
const groupRate: Rate = { burst: 5, perSecond: 0.25 };
const privateEditEveryMs = 1_500;
const groupEditEveryMs = 4_000;
/** What an edit leaves over for messages: an answer of up to four parts need not wait for the status it replaces. */
const spareForMessages = 3;

export function createPacing(clock: Clock): { chat(chat: number): ChatPace } {
  const overall = createTokenBucket(overallRate, clock.now());
  return {
    chat(chat) {
      const isGroup = chat < 0;
      const rate = isGroup ? groupRate : privateRate;
      const own = createTokenBucket(rate, clock.now());
      const takeBoth = (): void => {
        own.take(clock.now());
        overall.take(clock.now());
      };
      return {
        editEveryMs: isGroup ? groupEditEveryMs : privateEditEveryMs,
        async take(signal) {
          while (!signal.aborted) {
            const waitMs = Math.max(own.waitMs(clock.now()), overall.waitMs(clock.now()));
            if (waitMs === 0) {
              takeBoth();
              return true;
            }
            // Pacing: until the chat and the bot may send again.
            await clock.sleep(waitMs, signal);
          }
          return false;
        },
        takeForEdit() {
          const waitMs = Math.max(own.waitMs(clock.now(), spareForMessages), overall.waitMs(clock.now()));
          if (waitMs === 0) takeBoth();
          return waitMs;
        },
        isRested: () => own.waitMs(clock.now(), rate.burst - 1) === 0,
      };
    },
  };
}
