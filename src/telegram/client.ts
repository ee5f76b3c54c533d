/**
 * The Bot API as this program uses it. grammY makes the requests; its errors end here, as outcomes named for the choice
 * that the caller has.
 *
 * 1. Every verb resolves, never rejects. No foreign error and no text of one leaves this file (T10): grammY's HttpError
 *    carries the bot token inside.
 * 2. An outcome is `unknown` unless it is proven that Telegram did not do what was asked (I6).
 * 3. Link previews are off on everything that is sent (T9), and the topic is always named.
 */
import { createReadStream } from "node:fs";
import { Api, GrammyError, HttpError, InputFile } from "grammy/web";
import type { InlineKeyboardButton, MessageEntity, ReactionType, Update } from "grammy/types";

import { createFetch } from "./fetch.ts";
import { createFileServer, type Download } from "./file-server.ts";
import type { FormattedText } from "./formatted-text.ts";

export type Address = { readonly chat: number; readonly thread: number | null };

/** Why Telegram refused for good. `forbidden`: the bot was blocked, removed, or may not write there. */
export type Refusal =
  | "forbidden"
  | "formatting"
  | "not-modified"
  | "message-gone"
  | "topic-gone"
  | "chat-gone"
  | "press-expired"
  /** Of an album: what it says nothing of may have been sent. */
  | "part-refused"
  | "file-too-big"
  | "other";

export type Outcome<T> =
  | { readonly kind: "done"; readonly value: T }
  | { readonly kind: "rejected"; readonly code: number; readonly why: Refusal; readonly description: string }
  | { readonly kind: "retry-later"; readonly afterMs: number }
  /** The group is a supergroup now, with another id. Nothing was done. */
  | { readonly kind: "moved"; readonly chat: number }
  /** No connection could be made: Telegram never saw the request. */
  | { readonly kind: "unreachable"; readonly detail: string }
  /** The answer was lost, late, or a server's failure: it may have been done. */
  | { readonly kind: "unknown"; readonly detail: string }
  | { readonly kind: "unauthorised" }
  | { readonly kind: "conflict" };

export type BotIdentity = { readonly id: number; readonly username: string };

export type Keyboard = readonly (readonly { readonly label: string; readonly data: string }[])[];

export type TextMessage = {
  readonly text: FormattedText;
  readonly keyboard: Keyboard;
  readonly replyTo: number | null;
};

export type FileMessage = {
  readonly name: string;
  readonly content: FileContent;
  /** Photos and videos are shown in the chat, a photo smaller than it is; Telegram may refuse one for its shape. */
  readonly shownAs: "document" | "photo" | "video";
  readonly caption: FormattedText;
  /** An album has none. */
  readonly keyboard: Keyboard;
};

/** `path` is read while it is sent. */
export type FileContent =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "stored"; readonly path: string };

export type OpenFile = { readonly bytes: AsyncIterable<Uint8Array> };

export interface TelegramClient {
  getMe(signal: AbortSignal): Promise<Outcome<BotIdentity>>;
  /**
   * What has come in; with `patience` "long" it waits up to `pollWaitSeconds` for something to come. `offset` confirms
   * everything below it; null confirms nothing.
   */
  getUpdates(
    offset: number | null,
    patience: "long" | "none",
    signal: AbortSignal,
  ): Promise<Outcome<readonly Update[]>>;
  /** Resolves to the message's id. */
  sendText(to: Address, message: TextMessage, signal: AbortSignal): Promise<Outcome<number>>;
  sendFile(to: Address, file: FileMessage, signal: AbortSignal): Promise<Outcome<number>>;
  /**
   * 2 to 10 files as one album; documents stay among themselves. Resolves to the ids of their messages, in the same order. `unknown` also
   * when one of them was refused: the others may have been sent.
   */
  sendAlbum(to: Address, files: readonly FileMessage[], signal: AbortSignal): Promise<Outcome<readonly number[]>>;
  /** An edit that changes nothing is done. */
  editText(
    to: Address,
    message: number,
    text: FormattedText,
    keyboard: Keyboard,
    signal: AbortSignal,
  ): Promise<Outcome<null>>;
  /** Begins to download a file that a message names. Its bytes throw when the connection breaks; they are to be read to their end, or not. */
  openFile(file: string, signal: AbortSignal): Promise<Outcome<OpenFile>>;
  showTyping(to: Address, signal: AbortSignal): Promise<Outcome<null>>;
  /**
   * Shows a text that is being written, with a Stop button; in private chats only. It is gone after 30 s, or with the bot's next message.
   * `draft` is not 0; a further one of the same number replaces it.
   */
  sendDraft(to: Address, draft: number, text: FormattedText, signal: AbortSignal): Promise<Outcome<null>>;
  /** Puts a reaction on a message in the place of ours before; null takes it away. */
  react(chat: number, message: number, emoji: string | null, signal: AbortSignal): Promise<Outcome<null>>;
  answerPress(query: string, text: string | null, signal: AbortSignal): Promise<Outcome<null>>;
  setCommands(
    commands: readonly { readonly command: string; readonly description: string }[],
    scope: "private" | "group",
    signal: AbortSignal,
  ): Promise<Outcome<null>>;
  /** Removes a webhook if one is set; resolves to whether there was one. Waiting updates are kept. */
  removeWebhook(signal: AbortSignal): Promise<Outcome<boolean>>;
}

/** Telegram holds a poll for at most 50 seconds (its documents). */
const pollWaitSeconds = 50;
/** Telegram's most per poll. */
const updatesMax = 100;
/** A poll's 50 s and a margin. grammY's own 500 s would leave a dead connection unnoticed for eight minutes. */
const requestTimeoutSeconds = 60;
/** Telegram takes 50 MB; a slow line (85 kB/s) brings them there in this. */
const uploadTimeoutSeconds = 600;
/** A message that is not answered by now will not be; what waits behind it in its chat should not wait a minute. */
const sendTimeoutMs = 30_000;
/** Typing, toasts and edits are worth nothing later. */
const shortTimeoutMs = 10_000;
/** When a 429 does not say how long: as long as Telegram's shortest usual penalty. */
const retryAfterDefaultSeconds = 3;
/** The head of a description names the cause; the rest may quote a text. In UTF-16 units. */
const descriptionCharsMax = 160;
/** Telegram shows at most this much of a toast. In UTF-16 units. */
const toastCharsMax = 200;

/** What this program reads; a type that is not named here is never queued for us, and would be denied if it were (T2). */
export const allowedUpdates = [
  "message",
  "edited_message",
  "callback_query",
  "my_chat_member",
  "stopped_message_generation",
] as const;

export function createTelegramClient(deps: { readonly token: string; readonly apiRoot: string }): TelegramClient {
  const apiRoot = deps.apiRoot.replace(/\/+$/, "");
  const fetch = createFetch(apiRoot);
  const openUrl = createFileServer(apiRoot);
  const api = new Api(deps.token, { apiRoot, timeoutSeconds: requestTimeoutSeconds, fetch }).raw;
  const uploads = new Api(deps.token, { apiRoot, timeoutSeconds: uploadTimeoutSeconds, fetch }).raw;
  const attempt = <T>(call: () => Promise<T>): Promise<Outcome<T>> => attemptCall(call, deps.token);
  const attemptNull = async (call: () => Promise<unknown>): Promise<Outcome<null>> => {
    const outcome = await attempt(call);
    return outcome.kind === "done" ? { kind: "done", value: null } : outcome;
  };

  function upload(to: ReturnType<typeof addressed>, file: FileMessage, signal: AbortSignal) {
    const content = contentOf(file);
    const caption = { ...captionOf(file), ...markup(file.keyboard) };
    switch (file.shownAs) {
      case "photo":
        return uploads.sendPhoto({ ...to, photo: content, ...caption }, foreign(signal));
      case "video":
        return uploads.sendVideo({ ...to, video: content, ...caption }, foreign(signal));
      case "document":
        return uploads.sendDocument({ ...to, document: content, ...caption }, foreign(signal));
      default:
        return file.shownAs satisfies never;
    }
  }

  return {
    async getMe(signal) {
      const outcome = await attempt(() => api.getMe(within(signal, shortTimeoutMs)));
      if (outcome.kind === "done") {
        return { kind: "done", value: { id: outcome.value.id, username: outcome.value.username } };
      }
      // A token that is not even shaped like one gets 404 where others get 401.
      return outcome.kind === "rejected" && outcome.code === 404 ? { kind: "unauthorised" } : outcome;
    },
    getUpdates(offset, patience, signal) {
      const position = offset === null ? {} : { offset };
      return attempt(() =>
        api.getUpdates(
          {
            ...position,
            limit: updatesMax,
            timeout: patience === "long" ? pollWaitSeconds : 0,
            allowed_updates: allowedUpdates,
          },
          foreign(signal),
        ),
      );
    },
    async sendText(to, message, signal) {
      const reply =
        message.replyTo === null
          ? {}
          : { reply_parameters: { message_id: message.replyTo, allow_sending_without_reply: true } };
      return idOf(
        await attempt(() =>
          api.sendMessage(
            { ...addressed(to), ...written(message.text), ...markup(message.keyboard), ...reply },
            within(signal, sendTimeoutMs),
          ),
        ),
      );
    },
    async sendFile(to, file, signal) {
      return idOf(await attempt<{ readonly message_id: number }>(() => upload(addressed(to), file, signal)));
    },
    async sendAlbum(to, files, signal) {
      const outcome = await attempt(() =>
        uploads.sendMediaGroup({ ...addressed(to), media: albumOf(files) }, foreign(signal)),
      );
      if (outcome.kind === "rejected" && outcome.why === "part-refused")
        return { kind: "unknown", detail: outcome.why };
      if (outcome.kind !== "done") return outcome;
      // Which file an id belongs to is known by its place alone.
      return outcome.value.length === files.length
        ? { kind: "done", value: outcome.value.map(({ message_id: id }) => id) }
        : { kind: "unknown", detail: "album" };
    },
    async editText(to, message, text, keyboard, signal) {
      const outcome = await attemptNull(() =>
        api.editMessageText(
          { chat_id: to.chat, message_id: message, ...written(text), ...markup(keyboard) },
          within(signal, shortTimeoutMs),
        ),
      );
      return outcome.kind === "rejected" && outcome.why === "not-modified" ? { kind: "done", value: null } : outcome;
    },
    async openFile(file, signal) {
      const about = await attempt(() => api.getFile({ file_id: file }, within(signal, sendTimeoutMs)));
      if (about.kind !== "done") return about;
      const path = about.value.file_path;
      if (path === undefined || !isFilePath(path)) {
        return { kind: "rejected", code: 0, why: "other", description: "the path of the file is none" };
      }
      try {
        return opened(await openUrl(`${apiRoot}/file/bot${deps.token}/${path}`, signal));
      } catch (error) {
        return failed(error);
      }
    },
    showTyping(to, signal) {
      return attemptNull(() =>
        api.sendChatAction({ ...addressed(to), action: "typing" }, within(signal, shortTimeoutMs)),
      );
    },
    sendDraft(to, draft, text, signal) {
      const { link_preview_options: _, ...words } = written(text);
      return attemptNull(() =>
        api.sendMessageDraft(
          { ...addressed(to), draft_id: draft, ...words, can_stop: true },
          within(signal, shortTimeoutMs),
        ),
      );
    },
    react(chat, message, emoji, signal) {
      const reaction = emoji === null ? [] : [{ type: "emoji", emoji } as ReactionType];
      return attemptNull(() =>
        api.setMessageReaction({ chat_id: chat, message_id: message, reaction }, within(signal, shortTimeoutMs)),
      );
    },
    answerPress(query, text, signal) {
      const toast = text === null ? {} : { text: cut(text, toastCharsMax).toWellFormed() };
      return attemptNull(() =>
        api.answerCallbackQuery({ callback_query_id: query, ...toast }, within(signal, shortTimeoutMs)),
      );
    },
    setCommands(commands, scope, signal) {
      return attemptNull(() =>
        api.setMyCommands(
          { commands: [...commands], scope: { type: scope === "private" ? "all_private_chats" : "all_group_chats" } },
          foreign(signal),
        ),
      );
    },
    async removeWebhook(signal) {
      const info = await attempt(() => api.getWebhookInfo(foreign(signal)));
      if (info.kind !== "done") return info;
      if (info.value.url === undefined || info.value.url === "") return { kind: "done", value: false };
      const removed = await attempt(() => api.deleteWebhook({ drop_pending_updates: false }, foreign(signal)));
      return removed.kind === "done" ? { kind: "done", value: true } : removed;
    },
  };
}

/** T11: what is put behind the host is a path and nothing else: no way up, no query, no other host. */
function isFilePath(path: string): boolean {
  return /^(?:[\w-][\w.-]*\/)*[\w-][\w.-]*$/.test(path) && !path.includes("..");
}

function opened({ status, body }: Download): Outcome<OpenFile> {
  if (status === 200) return { kind: "done", value: { bytes: body } };
  if (status === 401) return { kind: "unauthorised" };
  if (status >= 500 || status === 429) return { kind: "unknown", detail: `server ${status}` };
  return { kind: "rejected", code: status, why: "other", description: "the file server refused" };
}

function addressed(to: Address): { chat_id: number; message_thread_id?: number } {
  return to.thread === null ? { chat_id: to.chat } : { chat_id: to.chat, message_thread_id: to.thread };
}

function contentOf({ name, content }: FileMessage): InputFile {
  // grammY writes the name unquoted and the server reads to `;` and decodes it like a URL.
  return new InputFile(bytesOf(content), encodeURIComponent(name));
}

function albumOf(files: readonly FileMessage[]) {
  const contents = files.map((file) => ({ media: contentOf(file), ...captionOf(file) }));
  return files.some(({ shownAs }) => shownAs === "document")
    ? contents.map((file) => ({ type: "document" as const, ...file }))
    : contents.map((file, index) => ({
        type: files[index]?.shownAs === "video" ? ("video" as const) : ("photo" as const),
        ...file,
      }));
}

function captionOf({ caption }: FileMessage): { caption: string; caption_entities: MessageEntity[] } {
  return { caption: caption.text.toWellFormed(), caption_entities: [...caption.entities] };
}

function bytesOf(content: FileContent): Uint8Array | AsyncIterable<Uint8Array> {
  return content.kind === "text" ? Buffer.from(content.text, "utf8") : read(content.path);
}

/** Opened when the first byte is asked for, closed with the last, or when nobody asks any more. */
async function* read(path: string): AsyncGenerator<Uint8Array> {
  yield* createReadStream(path) as AsyncIterable<Uint8Array>;
}

function written(text: FormattedText): {
  text: string;
  entities: MessageEntity[];
  link_preview_options: { is_disabled: true };
} {
  // Half a surrogate pair would make the whole request invalid UTF-8.
  return { text: text.text.toWellFormed(), entities: [...text.entities], link_preview_options: { is_disabled: true } };
}

function markup(keyboard: Keyboard): { reply_markup?: { inline_keyboard: InlineKeyboardButton[][] } } {
  if (keyboard.length === 0) return {};
  const rows = keyboard.map((row) => row.map(({ label, data }) => ({ text: label, callback_data: data })));
  return { reply_markup: { inline_keyboard: rows } };
}

function idOf(outcome: Outcome<{ readonly message_id: number }>): Outcome<number> {
  return outcome.kind === "done" ? { kind: "done", value: outcome.value.message_id } : outcome;
}

function within(signal: AbortSignal, ms: number): GrammySignal {
  // A bound on one request: what it may mean that time is up is said by the outcome, `unknown`.
  return foreign(AbortSignal.any([signal, AbortSignal.timeout(ms)]));
}

/** grammY types its signals by a package from before Node had them; what it does with them, ours can do. */
type GrammySignal = NonNullable<Parameters<Api["raw"]["getMe"]>[0]>;

function foreign(signal: AbortSignal): GrammySignal {
  return signal as unknown as GrammySignal;
}

// ---------------------------------------------------------------- outcomes

async function attemptCall<T>(call: () => Promise<T>, token: string): Promise<Outcome<T>> {
  try {
    return { kind: "done", value: await call() };
  } catch (error) {
    if (error instanceof GrammyError) return refused(error, token);
    if (error instanceof HttpError) return failed(error);
    return { kind: "unknown", detail: "client" };
  }
}

function refused(error: GrammyError, token: string): Outcome<never> {
  const code = error.error_code;
  const movedTo = error.parameters.migrate_to_chat_id;
  if (movedTo !== undefined) return { kind: "moved", chat: movedTo };
  if (code === 401) return { kind: "unauthorised" };
  if (code === 409) return { kind: "conflict" };
  if (code === 429) {
    return { kind: "retry-later", afterMs: (error.parameters.retry_after ?? retryAfterDefaultSeconds) * 1000 };
  }
  if (code >= 500) return { kind: "unknown", detail: `server ${code}` };
  const description = cut(error.description.replaceAll(token, "***"), descriptionCharsMax);
  return { kind: "rejected", code, why: code === 403 ? "forbidden" : refusalOf(description), description };
}

/**
 * The one place that reads Telegram's words: for these causes it gives the code 400 and nothing else to tell them apart.
 * Wording from the public source of the Bot API server; a wording that changes falls to `other`, the careful choice.
 */
const refusals: readonly (readonly [beginning: string, why: Refusal])[] = [
  ["message is not modified", "not-modified"],
  ["can't parse entities", "formatting"],
  ["message to edit not found", "message-gone"],
  ["message can't be edited", "message-gone"],
  ["MESSAGE_ID_INVALID", "message-gone"],
  ["message thread not found", "topic-gone"],
  ["TOPIC_CLOSED", "topic-gone"],
  ["TOPIC_DELETED", "topic-gone"],
  ["chat not found", "chat-gone"],
  ["query is too old", "press-expired"],
  ["file is too big", "file-too-big"],
  ["failed to send message #", "part-refused"],
];

function refusalOf(description: string): Refusal {
  const words = description.replace(/^Bad Request: /, "");
  return refusals.find(([beginning]) => words.startsWith(beginning))?.[1] ?? "other";
}

/** Codes of the operating system and the resolver that are met before a request leaves this machine. */
const unreachableCodes = new Set(["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH", "ENETDOWN"]);

function failed(error: unknown): Outcome<never> {
  const code = codeOf(error instanceof HttpError ? error.error : error);
  return unreachableCodes.has(code) ? { kind: "unreachable", detail: code } : { kind: "unknown", detail: code };
}

/** The foreign error's code, or its class: never its message, which holds the URL and the token. */
function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return "network";
  const { code, type } = error as { code?: unknown; type?: unknown };
  if (typeof code === "string" && /^[A-Z0-9_]{1,64}$/.test(code)) return code;
  return typeof type === "string" && /^[a-z-]{1,32}$/.test(type) ? type : "network";
}

function cut(text: string, charsMax: number): string {
  return text.length <= charsMax ? text : `${text.slice(0, charsMax - 1)}\u2026`;
}
