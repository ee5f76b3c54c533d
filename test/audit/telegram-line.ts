/**
 * The line between a house and Telegram, with every step taken by the test: a queue of updates that forgets exactly what an offset
 * confirms, the real poll loop, and the real sender.
 */
import type { Update, User } from "grammy/types";
import { onTestFinished } from "vitest";
import { noFiles } from "../no-files.ts";
import type { ButtonId } from "../../src/domain/button.ts";
import { telegramConversation } from "../../src/domain/conversation.ts";
import type { Clock, Log } from "../../src/engine/ports.ts";
import type { Outcome } from "../../src/telegram/client.ts";
import { createTelegramCounts } from "../../src/telegram/counts.ts";
import { renderMarkdown } from "../../src/telegram/markdown.ts";
import { createTelegramOutbox } from "../../src/telegram/outbox.ts";
import { poll, type PollEnd } from "../../src/telegram/poll.ts";
import { createScriptedTelegram, noChance, type ScriptedTelegram } from "../../src/telegram/test-ports.ts";
import type { House } from "../engine-house.ts";

const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {} };

export const ada: User = { id: 7, is_bot: false, first_name: "Ada" };
export const mallory: User = { id: 666, is_bot: false, first_name: "Mallory" };
export const adasChat = telegramConversation(ada.id, null);

/** Telegram's queue of updates, as getUpdates shows it. An offset confirms, a negative one forgets all but the newest. */
export type UpdateQueue = {
  /** Not confirmed yet: what a crash brings again. */
  readonly pending: readonly Update[];
  readonly offsets: readonly (number | null)[];
  message(text: string, from?: User, chat?: number): void;
  /** A voice message of Ada's, its file by this name. */
  voice(file: string): void;
  press(button: ButtonId, from?: User, chat?: number): void;
  getUpdates(
    offset: number | null,
    patience: "long" | "none",
    signal: AbortSignal,
  ): Promise<Outcome<readonly Update[]>>;
};

export function createUpdateQueue(clock: Clock): UpdateQueue {
  const pending: Update[] = [];
  const offsets: (number | null)[] = [];
  let nextId = 40;
  let arrived = new AbortController();
  let poller: AbortController | null = null;
  const push = (update: Omit<Update, "update_id">): void => {
    pending.push({ update_id: (nextId += 1), ...update });
    arrived.abort();
  };
  const chatOf = (from: User, chat: number) =>
    chat === from.id
      ? { id: chat, type: "private" as const, first_name: from.first_name }
      : { id: chat, type: "group" as const, title: "Team" };
  return {
    pending,
    offsets,
    message(text, from = ada, chat = from.id) {
      const date = Math.trunc(clock.now() / 1000);
      push({ message: { message_id: nextId, date, chat: chatOf(from, chat), from, text } });
    },
    voice(file) {
      const voice = { file_id: file, file_unique_id: file, duration: 1 };
      const date = Math.trunc(clock.now() / 1000);
      push({ message: { message_id: nextId, date, chat: chatOf(ada, ada.id), from: ada, voice } });
    },
    press(data, from = ada, chat = from.id) {
      const message = { message_id: 5, date: 1, chat: chatOf(from, chat), text: "card" };
      push({ callback_query: { id: `query-${nextId}`, from, chat_instance: "1", data, message } });
    },
    async getUpdates(offset, patience, signal) {
      offsets.push(offset);
      poller?.abort(); // the newest poller wins: the other one is told that there is a conflict
      const mine = new AbortController();
      poller = mine;
      const confirmed = offset === null ? 0 : offset < 0 ? pending.length + offset : confirmedBy(pending, offset);
      pending.splice(0, Math.max(0, confirmed));
      if (pending.length === 0 && patience === "long") {
        arrived = new AbortController();
        await clock.sleep(50_000, AbortSignal.any([signal, arrived.signal, mine.signal]));
      }
      if (mine.signal.aborted) return { kind: "conflict" };
      poller = null;
      return { kind: "done", value: [...pending] };
    },
  };
}

function confirmedBy(pending: readonly Update[], offset: number): number {
  return pending.findLastIndex(({ update_id }) => update_id < offset) + 1;
}

export type Polling = {
  readonly ended: Promise<PollEnd>;
  readonly answers: readonly (string | null)[];
  /** The life of the poller ends here, whatever it was doing. */
  end(): Promise<void>;
};

/** Polls into the house, for Ada alone. */
export function startPolling(house: House, queue: UpdateQueue): Polling {
  const life = new AbortController();
  const answers: (string | null)[] = [];
  const ended = poll(
    {
      client: {
        getUpdates: queue.getUpdates,
        removeWebhook: () => Promise.resolve({ kind: "done", value: false }),
      },
      engine: house.engine,
      me: { id: 99, username: "box_bot" },
      owners: new Set([ada.id]),
      presses: { answer: (_query, text) => void answers.push(text), settled: () => Promise.resolve() },
      onStranger: () => undefined,
      onChat: () => undefined,
      onHealth: () => undefined,
      counts: createTelegramCounts(),
      clock: house.clock,
      random: noChance,
      log: silentLog,
    },
    life.signal,
  );
  const end = async (): Promise<void> => {
    life.abort();
    await ended;
  };
  onTestFinished(end);
  return { ended, answers, end };
}

/** Sends what the house has to say to a Telegram that does what `telegram.meet` says. */
export function startSending(house: House): { readonly telegram: ScriptedTelegram; end(): Promise<void> } {
  const life = new AbortController();
  const telegram = createScriptedTelegram();
  const sender = createTelegramOutbox({
    client: telegram,
    engine: house.engine,
    outbox: house.store.outbox,
    files: noFiles,
    markdown: () => Promise.resolve(renderMarkdown),
    waiting: () => Promise.resolve(0),
    reacts: () => Promise.resolve(true),
    clock: house.clock,
    random: noChance,
    log: silentLog,
  });
  const ended = sender.run(life.signal);
  const end = async (): Promise<void> => {
    life.abort();
    await house.settled();
    await house.clock.advance(10_000); // past the last words
    await ended;
  };
  return { telegram, end };
}
