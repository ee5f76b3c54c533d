/**
 * How fast Telegram may be written to (telegram.md section 2): about one message a second to a person, 20 a minute to a group where edits
 * count, 30 a second overall. Short bursts pass, so that a quick answer leaves at once.
 *
 * 1. What is less urgent leaves room for what is more: an answer never waits because of a status, a status never because of a draft.
 * 2. Edits of one chat keep a distance, whatever they draw over: below it, penalties of minutes were seen. It is counted from the answer
 *    to the one before: on a slow line two that leave in time may arrive together.
 */
import type { Clock } from "../engine/ports.ts";
import { createSlidingWindow, createTokenBucket, type Rate, type TokenBucket } from "./token-bucket.ts";

/** Most urgent first. `final`: what a person waits for or must know; `status`: how a run stands, its last line included. */
export type Urgency = "final" | "question" | "status" | "draft" | "typing";

/** `redraw` is an edit that is made once; `edit` one of a live status, which is followed by more. */
export type Deed = "message" | "redraw" | "edit" | "action";

export type ChatPace = {
  /** The least time between two edits of a live status. */
  readonly editEveryMs: number;
  /**
   * Milliseconds until this may go; 0 when it may go now. Counts nothing. `runs` are live in the chat: each will have an answer, for which
   * a group's minute keeps room.
   */
  waitMs(urgency: Urgency, deed: Deed, runs: number): number;
  /** Counts one request, which goes now. */
  count(deed: Deed): void;
  /** An edit that was counted has its answer. */
  answered(): void;
  /** Waits until a further message may go, then counts it. False when `signal` fired first. */
  take(signal: AbortSignal): Promise<boolean>;
  /**
   * For an album whose first message was counted: waits until the rest of it may go as well, then counts that. Resolves with how many
   * messages that is: a group's minute is not waited for, what it has no room for stays behind. 0 when `signal` fired first.
   */
  takeMore(messages: number, signal: AbortSignal): Promise<number>;
  /** Whether nothing was sent here for so long that the rate is as good as new. */
  isRested(): boolean;
};

/** Somewhat below Telegram's 30: requests do not arrive in the rhythm in which they leave. */
const overallRate: Rate = { burst: 25, perSecond: 28 };
/** One a second, less what the way there takes from the distance between two. */
const chatRate: Rate = { burst: 5, perSecond: 0.95 };
/** What a group takes in a minute, edits included, and one less for the same reason. */
const groupWindow = { max: 19, perMs: 60_000 };
const privateEditEveryMs = 1_500;
const groupEditEveryMs = 4_000;
/** The last line of a run, or what came of a question: Telegram was seen to punish 500 ms, and a stop is told behind it. */
const redrawAfterMs = 1_000;

type Spare = { readonly chat: number; readonly group: number; readonly overall: number };

/** What each leaves over for those before it: in a chat the four parts of an answer, in a group the answers of some topics. */
const spares: Readonly<Record<Urgency, Spare>> = {
  final: { chat: 0, group: 0, overall: 0 },
  question: { chat: 0, group: 2, overall: 2 },
  status: { chat: 3, group: 3, overall: 10 },
  draft: { chat: 3, group: 3, overall: 14 },
  typing: { chat: 0, group: 0, overall: 18 },
};

/** What a run that is live in a group may still say that cannot wait: its answer, a question, a few parts more. */
const groupSparePerRun = 3;

export function createPacing(clock: Clock): { chat(chat: number): ChatPace } {
  const overall = createTokenBucket(overallRate, clock.now());
  return {
    chat(chat) {
      const isGroup = chat < 0;
      const own = createTokenBucket(chatRate, clock.now());
      const minute = createSlidingWindow(groupWindow);
      const editEveryMs = isGroup ? groupEditEveryMs : privateEditEveryMs;
      let editedAtMs = Number.NEGATIVE_INFINITY;

      function waitMs(urgency: Urgency, deed: Deed, runs: number): number {
        const nowMs = clock.now();
        const spare = spares[urgency];
        const overallMs = overall.waitMs(nowMs, spare.overall);
        if (deed === "action") return overallMs; // shown, not written: the chat's own rate does not know it
        return Math.max(
          overallMs,
          own.waitMs(nowMs, spare.chat),
          isGroup ? minute.waitMs(nowMs, groupSpare(urgency, runs)) : 0,
          deed === "message" ? 0 : editedAtMs + (deed === "redraw" ? redrawAfterMs : editEveryMs) - nowMs,
        );
      }

      function count(deed: Deed): void {
        const nowMs = clock.now();
        overall.take(nowMs);
        if (deed === "action") return;
        own.take(nowMs);
        if (isGroup) minute.take(nowMs);
        if (deed !== "message") editedAtMs = nowMs;
      }

      return {
        editEveryMs,
        waitMs,
        count,
        answered() {
          editedAtMs = clock.now();
        },
        async take(signal) {
          while (!signal.aborted) {
            const pauseMs = waitMs("final", "message", 0);
            if (pauseMs === 0) {
              count("message");
              return true;
            }
            // Pacing: until the chat and the bot may send again.
            await clock.sleep(pauseMs, signal);
          }
          return false;
        },
        async takeMore(messages, signal) {
          while (!signal.aborted) {
            const nowMs = clock.now();
            const more = isGroup ? Math.min(messages, minute.room(nowMs)) : messages;
            if (more === 0) return 0;
            const pauseMs = Math.max(wholeMs(own, chatRate, more, nowMs), wholeMs(overall, overallRate, more, nowMs));
            if (pauseMs === 0) {
              for (let taken = 0; taken < more; taken += 1) count("message");
              return more;
            }
            // Pacing: until the chat and the bot may send as much at once; a few seconds at most.
            await clock.sleep(pauseMs, signal);
          }
          return 0;
        },
        isRested() {
          const nowMs = clock.now();
          const isFull = own.waitMs(nowMs, chatRate.burst - 1) === 0 && minute.isEmpty(nowMs);
          return isFull && editedAtMs + editEveryMs <= nowMs;
        },
      };
    },
  };
}

/** A full bucket lets an album of any size pass, and is in debt after it. One of its messages was counted before. */
function wholeMs(bucket: TokenBucket, { burst }: Rate, messages: number, nowMs: number): number {
  return bucket.waitMs(nowMs, Math.min(messages, burst - 1) - 1);
}

function groupSpare(urgency: Urgency, runs: number): number {
  const { group } = spares[urgency];
  const isForLook = urgency === "status" || urgency === "draft";
  // One is always left for looks: a group of many topics still sees that something happens.
  return isForLook ? Math.min(groupWindow.max - 1, group + groupSparePerRun * runs) : group;
}
