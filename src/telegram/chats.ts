/**
 * What requests have taught about chats: which group became another chat, and who wants to hear nothing.
 *
 * 1. A group that became a supergroup has another chat than its conversation says; the conversation stays the same.
 * 2. A chat that forbids us is closed until it speaks again, or for `closedMs`.
 */
import { type ConversationId, telegramAddress } from "../domain/conversation.ts";
import type { Clock } from "../engine/ports.ts";
import type { Address } from "./client.ts";

/** What the chat's next request has to know of the one before. */
export type Delivered =
  | { readonly kind: "free" }
  | { readonly kind: "held"; readonly untilMs: number }
  | { readonly kind: "unauthorised" };

export interface Chats {
  /** Where a conversation is written to now; null when it is none of Telegram's. */
  addressOf(conversation: ConversationId): Address | null;
  addressNow(address: Address): Address;
  /** False when that was known already: whoever asks again gets the same answer. */
  moved(from: number, to: number): boolean;
  close(chat: number): void;
  reopen(chat: number): void;
  isClosed(chat: number): boolean;
}

/** Someone who blocked the bot and unblocks it without a word is noticed after this. */
const closedMs = 60 * 60 * 1000;

export function createChats(clock: Clock): Chats {
  const closed = new Map<number, number>();
  const movedTo = new Map<number, number>();

  function addressNow(address: Address): Address {
    return { ...address, chat: movedTo.get(address.chat) ?? address.chat };
  }

  return {
    addressOf(conversation) {
      const address = telegramAddress(conversation);
      return address === null ? null : addressNow(address);
    },
    addressNow,
    moved(from, to) {
      if (movedTo.get(from) === to) return false;
      movedTo.set(from, to);
      return true;
    },
    close(chat) {
      const nowMs = clock.now();
      for (const [other, untilMs] of closed) if (untilMs <= nowMs) closed.delete(other);
      closed.set(chat, nowMs + closedMs);
    },
    reopen: (chat) => void closed.delete(chat),
    isClosed: (chat) => (closed.get(chat) ?? 0) > clock.now(),
  };
}
