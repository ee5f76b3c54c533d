// Every request the bot made, with what came of it: also the refused ones and those whose answer was lost.
//
// J1 An entry exists from the moment the request was read; it is settled exactly once.
// J2 The token is never written down.

import type { BotApiError, BrokenRule } from "./bot-api-error.ts";
import type { Changes } from "./changes.ts";
import type { TelegramClock } from "./telegram-clock.ts";

export type Params = { readonly [name: string]: unknown };

export type Outcome =
  | { readonly kind: "pending" }
  | { readonly kind: "ok"; readonly result: unknown }
  | { readonly kind: "rejected"; readonly code: number; readonly description: string; readonly rule: BrokenRule }
  /** The caller got no usable answer. `processed` says whether Telegram did what was asked all the same. */
  | { readonly kind: "lost"; readonly how: string; readonly processed: boolean; readonly result?: unknown };

export interface JournalEntry {
  readonly seq: number;
  /** As Telegram spells it, whatever the caller's capitals. */
  readonly method: string;
  readonly params: Params;
  readonly chatId: number | undefined;
  /** Milliseconds on Telegram's clock, when the request was read. */
  readonly at: number;
  /** Parameters that no method of that name has: a typing error of ours that Telegram would ignore. */
  readonly strayParams: readonly string[];
  readonly outcome: Outcome;
}

export interface Journal {
  readonly entries: readonly JournalEntry[];
  open(method: string, params: Params, strayParams: readonly string[]): number;
  settle(seq: number, outcome: Exclude<Outcome, { kind: "pending" }>): void;
  calls(method: string): JournalEntry[];
  /** Messages that really reached the chat (every `send*` but drafts and actions), also those whose answer was lost. */
  sends(chatId?: number): JournalEntry[];
  /** Edits of that message which took effect. */
  edits(messageId: number, chatId?: number): JournalEntry[];
  rejected(rule?: BrokenRule): JournalEntry[];
  unmodelled(): JournalEntry[];
  /** The last n entries, one line each, for people. Long polls that found nothing are left out. */
  tail(n: number): string;
  /** Throws when the bot called something we do not model, or broke a rule that correct code never breaks. */
  assertClean(): void;
  clear(): void;
}

/** Being told off for these is life (someone blocked us, a message is gone); for the others it is a bug of the bot. */
const rulesOfCode: ReadonlySet<BrokenRule> = new Set(["schema", "text", "unknown-method", "unmodelled"]);

export function createJournal(clock: TelegramClock, changes: Changes): Journal {
  let entries: JournalEntry[] = [];
  let nextSeq = 1;

  const tookEffect = (entry: JournalEntry) =>
    entry.outcome.kind === "ok" || (entry.outcome.kind === "lost" && entry.outcome.processed);

  const journal: Journal = {
    get entries() {
      return entries;
    },
    open(method, params, strayParams) {
      const seq = nextSeq++;
      const outcome = { kind: "pending" } as const;
      entries.push({ seq, method, params, chatId: chatIdOf(params), at: clock.nowMs(), strayParams, outcome });
      changes.ring();
      return seq;
    },
    settle(seq, outcome) {
      const index = entries.findIndex((entry) => entry.seq === seq);
      const entry = entries[index];
      // A journal cleared while a call was under way has no place for its end.
      if (entry === undefined) return;
      if (entry.outcome.kind !== "pending") throw new Error(`J1: entry ${seq} settled twice`);
      entries[index] = { ...entry, outcome };
      changes.ring();
    },
    calls: (method) => entries.filter((entry) => entry.method === method),
    sends: (chatId) =>
      entries.filter(
        (entry) =>
          entry.method.startsWith("send") &&
          !entry.method.endsWith("Draft") &&
          entry.method !== "sendChatAction" &&
          (chatId === undefined || entry.chatId === chatId) &&
          tookEffect(entry),
      ),
    edits: (messageId, chatId) =>
      entries.filter(
        (entry) =>
          entry.method.startsWith("editMessage") &&
          entry.params["message_id"] === messageId &&
          (chatId === undefined || entry.chatId === chatId) &&
          tookEffect(entry),
      ),
    rejected: (rule) =>
      entries.filter(
        (entry) => entry.outcome.kind === "rejected" && (rule === undefined || entry.outcome.rule === rule),
      ),
    unmodelled: () =>
      entries.filter(
        (entry) =>
          entry.outcome.kind === "rejected" &&
          (entry.outcome.rule === "unmodelled" || entry.outcome.rule === "unknown-method"),
      ),
    tail: (n) =>
      entries
        .filter((entry) => !isIdlePoll(entry))
        .slice(-n)
        .map(oneLine)
        .join("\n"),
    assertClean() {
      const dirty = entries.filter(
        (entry) =>
          entry.strayParams.length > 0 || (entry.outcome.kind === "rejected" && rulesOfCode.has(entry.outcome.rule)),
      );
      if (dirty.length > 0) throw new Error(`the bot misused the Bot API:\n${dirty.map(oneLine).join("\n")}`);
    },
    clear() {
      entries = [];
      changes.ring();
    },
  };
  return journal;
}

export function rejection(error: BotApiError): Extract<Outcome, { kind: "rejected" }> {
  return { kind: "rejected", code: error.code, description: error.description, rule: error.rule };
}

function chatIdOf(params: Params): number | undefined {
  const chatId = params["chat_id"];
  return typeof chatId === "number" ? chatId : undefined;
}

function isIdlePoll(entry: JournalEntry): boolean {
  if (entry.method !== "getUpdates") return false;
  const { outcome } = entry;
  return (
    outcome.kind === "pending" || (outcome.kind === "ok" && Array.isArray(outcome.result) && !outcome.result.length)
  );
}

function oneLine(entry: JournalEntry): string {
  const stray = entry.strayParams.length > 0 ? ` STRAY ${entry.strayParams.join(", ")}` : "";
  return `#${entry.seq} ${entry.method} ${shorten(JSON.stringify(entry.params))}${stray} -> ${inWords(entry.outcome)}`;
}

function inWords(outcome: Outcome): string {
  switch (outcome.kind) {
    case "pending":
      return "pending";
    case "ok":
      return `ok ${shorten(JSON.stringify(outcome.result))}`;
    case "rejected":
      return `${outcome.code} ${outcome.description}`;
    case "lost":
      return `answer lost (${outcome.how}), ${outcome.processed ? "processed" : "not processed"}`;
    default:
      return outcome satisfies never;
  }
}

function shorten(text: string): string {
  const lineMax = 220;
  return text.length > lineMax ? `${text.slice(0, lineMax)}…` : text;
}
