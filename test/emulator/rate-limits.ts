// How fast a bot may write (F3): token buckets per chat, per group and overall; a strict mode that punishes fast edits.
//
// Telegram publishes about one message a second in a chat (short bursts pass), 20 a minute in a group (edits count) and
// about 30 a second overall. Edits 500 ms apart earned penalties of 126 to 137 seconds in practice; strict mode gives one.

import { tooManyRequests } from "./bot-api-error.ts";
import type { StoredChat } from "./chats.ts";
import type { Mutation } from "./mutations.ts";
import type { TelegramClock } from "./telegram-clock.ts";

export type RateLimitMode = "off" | "buckets" | "strict";

export interface RateLimits {
  /** `count` messages at once: an album counts each of its own. Throws 429 when the chat, the group or the bot has written too much. */
  spend(chat: StoredChat, deed: "send" | "edit", count?: number): void;
}

interface Bucket {
  level: number;
  atMs: number;
}

interface Limit {
  readonly burst: number;
  readonly perSecond: number;
}

const privateChat: Limit = { burst: 5, perSecond: 1 };
const group: Limit = { burst: 20, perSecond: 20 / 60 };
const overall: Limit = { burst: 30, perSecond: 30 };
const editGapMs = 1000;
const penaltySeconds = 126;

export interface RateLimitDeps {
  readonly mode: RateLimitMode;
  readonly clock: TelegramClock;
  readonly mutations: ReadonlySet<Mutation>;
}

export function createRateLimits({ mode, clock, mutations }: RateLimitDeps): RateLimits {
  const buckets = new Map<number | "overall", Bucket>();
  const lastEditMs = new Map<number, number>();
  const penaltyUntilMs = new Map<number, number>();

  function take(key: number | "overall", limit: Limit, count: number): void {
    const nowMs = clock.nowMs();
    const bucket = buckets.get(key) ?? { level: limit.burst, atMs: nowMs };
    bucket.level = Math.min(limit.burst, bucket.level + ((nowMs - bucket.atMs) / 1000) * limit.perSecond);
    bucket.atMs = nowMs;
    buckets.set(key, bucket);
    // What fits into no bucket at once passes when the bucket is full, and leaves it in debt.
    const needed = Math.min(count, limit.burst);
    if (bucket.level < needed) {
      throw tooManyRequests(Math.ceil((needed - bucket.level) / limit.perSecond), "rate", told);
    }
    bucket.level -= count;
  }

  function punish(chat: StoredChat, deed: "send" | "edit"): void {
    const nowMs = clock.nowMs();
    const untilMs = penaltyUntilMs.get(chat.id) ?? 0;
    if (untilMs > nowMs) throw tooManyRequests(Math.ceil((untilMs - nowMs) / 1000), "rate", told);
    if (deed === "send") return;
    const sinceMs = nowMs - (lastEditMs.get(chat.id) ?? Number.NEGATIVE_INFINITY);
    lastEditMs.set(chat.id, nowMs);
    if (sinceMs >= editGapMs) return;
    penaltyUntilMs.set(chat.id, nowMs + penaltySeconds * 1000);
    throw tooManyRequests(penaltySeconds, "rate", told);
  }

  const told = !mutations.has("no-retry-after");
  return {
    spend(chat, deed, count = 1) {
      if (mode === "off" || mutations.has("no-buckets")) return;
      if (mode === "strict" && !mutations.has("no-penalty")) punish(chat, deed);
      const isGroup = chat.kind !== "private";
      // In private chats an edit is not a message; in groups it counts like one.
      if (isGroup && !(deed === "edit" && mutations.has("group-edits-free"))) take(chat.id, group, count);
      if (!isGroup && deed === "send") take(chat.id, privateChat, count);
      take("overall", overall, count);
    },
  };
}
