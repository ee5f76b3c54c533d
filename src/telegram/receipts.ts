/**
 * Reactions on a person's message that say how far it is: seen, being worked on, done, failed. They decorate: each is tried once, only while
 * nothing else wants to be sent, and whatever comes of it changes nothing.
 *
 * 1. Of several for one message the newest is shown; they never queue up.
 * 2. A chat that does not take them (a group that keeps reactions to its administrators) is left alone for a while.
 * 3. A conversation that does not want them gets none; one that stands on a message is taken away with its next news.
 */
import type { ConversationId } from "../domain/conversation.ts";
import type { Clock } from "../engine/ports.ts";
import type { TelegramClient } from "./client.ts";

/** `none` takes away what was there: the run was stopped, and says so in words. */
export type Receipt = "queued" | "running" | "done" | "failed" | "none";

export type WantedReceipt = {
  readonly conversation: ConversationId;
  readonly chat: number;
  readonly message: number;
  readonly receipt: Receipt;
};

export type ReceiptDeps = {
  readonly client: Pick<TelegramClient, "react">;
  /** Whether the conversation wants reactions. Never rejects. */
  readonly reacts: (conversation: ConversationId) => Promise<boolean>;
  readonly clock: Clock;
};

export interface Receipts {
  /** Returns at once. Without a message there is nothing to react to. */
  want(conversation: ConversationId, chat: number, message: string | null | undefined, receipt: Receipt): void;
  waiting(): readonly WantedReceipt[];
  /** Never rejects; false when no further one may be on its way now. */
  send(wanted: WantedReceipt, signal: AbortSignal): boolean;
  /** Resolves when none is on its way. */
  settled(): Promise<void>;
}

/** All of them are from Telegram's list of reactions that anybody may use. */
const emojis: Readonly<Record<Receipt, string | null>> = {
  queued: "\u{1F440}",
  running: "\u270D",
  done: "\u{1F44D}",
  failed: "\u{1F44E}",
  none: null,
};

/** More than people look at; the oldest is forgotten. */
const waitingMax = 100;
const atOnceMax = 4;
/** A refusal is hardly ever about one message only. */
const refusedPauseMs = 10 * 60_000;

/** Messages that have one of ours are remembered so long, at most this many: a turned-off reaction stands no longer than need be. */
const shownMax = 1_000;

export function createReceipts({ client, reacts, clock }: ReceiptDeps): Receipts {
  const waiting = new Map<string, WantedReceipt>();
  const quietUntilMs = new Map<number, number>();
  const requests = new Set<Promise<void>>();
  const shown = new Set<string>();

  async function react({ conversation, chat, message, receipt }: WantedReceipt, signal: AbortSignal): Promise<void> {
    const key = keyOf(chat, message);
    const isWelcome = await reacts(conversation);
    if (!isWelcome && !shown.has(key)) return;
    const emoji = isWelcome ? emojis[receipt] : null;
    const outcome = await client.react(chat, message, emoji, signal);
    if (outcome.kind === "done") return remember(key, emoji);
    quietUntilMs.set(chat, clock.now() + (outcome.kind === "retry-later" ? outcome.afterMs : refusedPauseMs));
  }

  function remember(key: string, emoji: string | null): void {
    shown.delete(key);
    if (emoji !== null) shown.add(key);
    const [oldest] = shown;
    if (shown.size > shownMax && oldest !== undefined) shown.delete(oldest);
  }

  return {
    want(conversation, chat, message, receipt) {
      if (message === null || message === undefined || (quietUntilMs.get(chat) ?? 0) > clock.now()) return;
      quietUntilMs.delete(chat);
      const key = keyOf(chat, message);
      waiting.delete(key);
      waiting.set(key, { conversation, chat, message: Number(message), receipt });
      const [oldest] = waiting.keys();
      if (waiting.size > waitingMax && oldest !== undefined) waiting.delete(oldest);
    },
    waiting: () => [...waiting.values()],
    send(wanted, signal) {
      if (requests.size >= atOnceMax) return false;
      waiting.delete(keyOf(wanted.chat, wanted.message));
      const request = react(wanted, signal).finally(() => requests.delete(request));
      requests.add(request);
      return true;
    },
    async settled() {
      await Promise.all(requests);
    },
  };
}

function keyOf(chat: number, message: string | number): string {
  return `${chat}:${message}`;
}
