/** What this channel counts of itself from its beginning: what came in, what was refused at the door, and what was asked of Telegram. */
import type { Update } from "grammy/types";

import { type Count, createCounter } from "../lib/counter.ts";
import { allowedUpdates, type Outcome, type TelegramClient } from "./client.ts";
import type { Denial } from "./parse.ts";

/** Another one than those that are asked for could only come by a change at Telegram. */
type UpdateType = (typeof allowedUpdates)[number] | "other";

export type TelegramFigures = {
  /** Also those that come again because they were not confirmed. */
  readonly updates: readonly Count<{ readonly type: UpdateType }>[];
  /** By Telegram's names of its methods, and by what the caller was left with. */
  readonly requests: readonly Count<{ readonly method: string; readonly outcome: Outcome<never>["kind"] }>[];
  /** What Telegram asked for with its 429s, all together. */
  readonly retryAfterMs: number;
  readonly denied: readonly Count<{ readonly reason: Denial }>[];
};

export type TelegramCounts = {
  received(update: Update): void;
  denied(reason: Denial): void;
  asked(method: string, outcome: Outcome<unknown>): void;
  read(): TelegramFigures;
};

export function createTelegramCounts(): TelegramCounts {
  const updates = createCounter<{ readonly type: UpdateType }>();
  const requests = createCounter<{ readonly method: string; readonly outcome: Outcome<never>["kind"] }>();
  const denied = createCounter<{ readonly reason: Denial }>();
  let retryAfterMs = 0;
  return {
    received: (update) => updates.add({ type: allowedUpdates.find((type) => update[type] !== undefined) ?? "other" }),
    denied: (reason) => denied.add({ reason }),
    asked(method, outcome) {
      requests.add({ method, outcome: outcome.kind });
      if (outcome.kind === "retry-later") retryAfterMs += outcome.afterMs;
    },
    read: () => ({ updates: updates.read(), requests: requests.read(), retryAfterMs, denied: denied.read() }),
  };
}

/** The same client, each request counted when its outcome is known. */
export function countRequests(client: TelegramClient, counts: Pick<TelegramCounts, "asked">): TelegramClient {
  async function counted<T>(method: string, request: Promise<Outcome<T>>): Promise<Outcome<T>> {
    const outcome = await request;
    counts.asked(method, outcome);
    return outcome;
  }
  return {
    getMe: (signal) => counted("getMe", client.getMe(signal)),
    getUpdates: (offset, patience, signal) => counted("getUpdates", client.getUpdates(offset, patience, signal)),
    sendText: (to, message, signal) => counted("sendMessage", client.sendText(to, message, signal)),
    sendFile: (to, file, signal) => counted(uploads[file.shownAs], client.sendFile(to, file, signal)),
    sendAlbum: (to, files, signal) => counted("sendMediaGroup", client.sendAlbum(to, files, signal)),
    editText: (to, message, text, keyboard, signal) =>
      counted("editMessageText", client.editText(to, message, text, keyboard, signal)),
    openFile: (file, signal) => counted("getFile", client.openFile(file, signal)),
    showTyping: (to, signal) => counted("sendChatAction", client.showTyping(to, signal)),
    sendDraft: (to, draft, text, signal) => counted("sendMessageDraft", client.sendDraft(to, draft, text, signal)),
    react: (chat, message, emoji, signal) => counted("setMessageReaction", client.react(chat, message, emoji, signal)),
    answerPress: (query, text, signal) => counted("answerCallbackQuery", client.answerPress(query, text, signal)),
    setCommands: (commands, scope, signal) => counted("setMyCommands", client.setCommands(commands, scope, signal)),
    removeWebhook: (signal) => counted("deleteWebhook", client.removeWebhook(signal)),
  };
}

const uploads = { document: "sendDocument", photo: "sendPhoto", video: "sendVideo" } as const;
