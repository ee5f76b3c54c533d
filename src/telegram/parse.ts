/**
 * What an update means. Pure: an update and who we are in, a reading out.
 *
 * 1. Fail closed (T2): only the update types and senders that are named here are read; everything else, a type that does not
 *    exist yet included, is denied.
 * 2. Who may speak is decided by the numeric id of `from` alone (T3): never by name, chat, or on whose behalf.
 * 3. The same update always has the same key, so that a redelivery is admitted once (I5).
 */
import type { CallbackQuery, Message, Update } from "grammy/types";

import type { ButtonId } from "../domain/button.ts";
import { type ConversationId, telegramConversation } from "../domain/conversation.ts";
import type { Command, InboxItem, ItemKey, Request } from "../domain/inbox-item.ts";
import type { Prompt } from "../domain/prompt.ts";
import { readCommand as readTypedCommand, readText } from "../domain/typed-text.ts";
import type { BotIdentity } from "./client.ts";
import { contextOf, partOf, sentFile } from "./sent.ts";

export type Reading =
  | { readonly kind: "item"; readonly item: InboxItem }
  /** A press is answered after its item is stored. */
  | { readonly kind: "press"; readonly item: InboxItem; readonly query: string }
  /** A press that can be no button of ours: answered at once, stored nowhere. */
  | { readonly kind: "dead-press"; readonly query: string }
  | {
      readonly kind: "denied";
      readonly reason: Denial;
      /** Someone who wrote to the bot in their own private chat, and may be told why nothing happens. */
      readonly stranger: number | null;
      readonly query: string | null;
    }
  | { readonly kind: "ignored"; readonly reason: string };

export type Denial = "stranger" | "bot" | "on-behalf" | "channel" | "business" | "guest" | "unknown-type" | "malformed";

export type ParseContext = {
  readonly me: BotIdentity;
  readonly allowedUsers: ReadonlySet<number>;
  /** Groups and topics in which everything that those users write is for the bot. */
  readonly listening: ReadonlySet<ConversationId>;
  /** A press carries no time of its own. Epoch milliseconds. */
  readonly nowMs: number;
};

/** Throws on an update that is not shaped like one: the poll loop reads each in its own try. */
export function parseUpdate(update: Update, context: ParseContext): Reading {
  if (update.message !== undefined) return parseMessage(update.update_id, update.message, context);
  if (update.edited_message !== undefined) return parseEdited(update.update_id, update.edited_message, context);
  if (update.callback_query !== undefined) return parsePress(update.update_id, update.callback_query, context);
  const stopped = update.stopped_message_generation;
  if (stopped !== undefined) return parseDraftStop(update.update_id, stopped, context);
  if (update.my_chat_member !== undefined) return ignored("membership");
  if (update.channel_post !== undefined || update.edited_channel_post !== undefined) return denied("channel");
  if (update.business_message !== undefined || update.edited_business_message !== undefined) return denied("business");
  if (update.business_connection !== undefined || update.deleted_business_messages !== undefined)
    return denied("business");
  if (update.guest_message !== undefined) return denied("guest");
  return denied("unknown-type");
}

/** The chat that an update is about, for whoever keeps something per chat; null when it has none. */
export function chatOf(update: Update): number | null {
  return (
    (update.message ?? update.edited_message ?? update.callback_query?.message ?? update.my_chat_member)?.chat.id ??
    null
  );
}

// ---------------------------------------------------------------- messages

function parseMessage(updateId: number, message: Message, context: ParseContext): Reading {
  const refusal = refuse(message, context);
  if (refusal !== null) return refusal;
  const ear: Ear = { ...context.me, hearsAll: context.listening.has(conversationOf(message)) };
  const request = readMessage(message, ear);
  if (request === null) return ignored(isAddressed(message, ear) ? "service message" : "not addressed to the bot");
  const item = itemOf(updateKey(updateId), message, request);
  const answered = messageAnswered(message, context.me);
  const part = request.kind === "prompt" ? partOf(message, isAddressed(message, ear)) : undefined;
  return {
    kind: "item",
    item: {
      ...item,
      ...(answered === null ? {} : { repliesTo: String(answered) }),
      ...(part === undefined ? {} : { part }),
    },
  };
}

/** An edit never starts anything by itself (M12): which message it changes, and whether it still can, is the engine's to say. */
function parseEdited(updateId: number, message: Message, context: ParseContext): Reading {
  const refusal = refuse(message, context);
  if (refusal !== null) return refusal;
  const words = message.text ?? message.caption;
  if (words === undefined) return ignored("edit of no text");
  const text = (message.chat.type === "private" ? words : withoutMention(words, context.me)).trim();
  const request: Request = { kind: "edit", message: String(message.message_id), text };
  return { kind: "item", item: itemOf(updateKey(updateId), message, request) };
}

function refuse(message: Message, { allowedUsers }: ParseContext): Reading | null {
  const { from, chat } = message;
  if (message.guest_query_id !== undefined) return denied("guest");
  if (message.business_connection_id !== undefined) return denied("business");
  if (chat.type === "channel") return denied("channel");
  if (chat.type !== "private" && chat.type !== "group" && chat.type !== "supergroup") return denied("unknown-type");
  // An anonymous administrator, or a channel that speaks in its group: `from` is a stand-in then.
  if (message.sender_chat !== undefined || from === undefined) return denied("on-behalf");
  if (from.is_bot) return denied("bot");
  if (!allowedUsers.has(from.id)) return denied("stranger", chat.type === "private" ? from.id : null);
  return null;
}

/** Null: nothing for us. */
function readMessage(message: Message, me: Ear): Request | null {
  if (message.text !== undefined || sentFile(message) !== null) return readWords(message, me);
  const what = describeMedia(message);
  return what === null || !isAddressed(message, me) ? null : { kind: "unsupported", what };
}

/** The words of a text or of a caption, with what came beside them. */
function readWords(message: Message, me: Ear): Request | null {
  const text = message.text ?? message.caption ?? "";
  const context = contextOf(message, me.id);
  const words = message.chat.type === "private" ? text : withoutMention(text, me);
  // A forwarded message is somebody else's: it is no command of the person who sends it on.
  if (context.forwardedFrom === undefined) {
    const command = readCommand(text, me, message.chat.type === "private");
    if (command === "not-ours") return null;
    if (command !== null) return { kind: "command", command };
  }
  if (!isAddressed(message, me)) return mayBePiece(message) ? asPrompt(words, context) : null;
  if (words.trim() === "" && context.files === undefined) return null;
  if (context.forwardedFrom !== undefined) return asPrompt(words, context);
  const request = readText(words);
  if (request.kind !== "prompt") return request;
  return { ...request, prompt: { ...context, text: request.prompt.text } };
}

function asPrompt(words: string, context: Omit<Prompt, "text">): Request {
  return { kind: "prompt", placement: "queue", prompt: { ...context, text: words.trim() } };
}

/** A further piece names nobody: whether it is one of something that was addressed to us is the engine's to say. */
function mayBePiece(message: Message): boolean {
  return message.media_group_id !== undefined || message.text !== undefined;
}

/** Who listens: the bot, in one conversation. */
type Ear = BotIdentity & { readonly hearsAll: boolean };

/** In a group the bot hears only what names it, or answers it, unless it was told to hear all. In a private chat everything is for it. */
function isAddressed(message: Message, me: Ear): boolean {
  if (message.chat.type === "private" || me.hearsAll) return true;
  if (mention(me).test(message.text ?? message.caption ?? "")) return true;
  return messageAnswered(message, me) !== null;
}

/** The message of ours that this one replies to. In a topic every message "replies" to the service message that opened it. */
function messageAnswered({ reply_to_message: repliedTo }: Message, me: BotIdentity): number | null {
  if (repliedTo?.from?.id !== me.id || repliedTo.forum_topic_created !== undefined) return null;
  return repliedTo.message_id;
}

function mention(me: BotIdentity): RegExp {
  return new RegExp(`(?<![\\w@])@${me.username}(?!\\w)`, "i");
}

function withoutMention(text: string, me: BotIdentity): string {
  return text.replace(new RegExp(`\\s*${mention(me).source}`, "gi"), " ").trim();
}

// ---------------------------------------------------------------- commands

/** `/word`, `/word@bot`, `/word rest`. A path such as /etc/hosts is no command. Null: not a command at all. */
function readCommand(text: string, me: BotIdentity, isPrivate: boolean): Command | "not-ours" | null {
  const match = /^\/([A-Za-z0-9_]{1,64})(?:@(\w{1,64}))?(?:\s+([\s\S]*))?$/.exec(text.trim());
  if (match === null) return null;
  const [, word = "", bot, rest = ""] = match;
  if (bot !== undefined && bot.toLowerCase() !== me.username.toLowerCase()) return "not-ours";
  const command = readTypedCommand(word, isPrivate ? rest : withoutMention(rest, me));
  // In a group an unknown command without a name is probably another bot's.
  return command.name === "unknown" && bot === undefined && !isPrivate && !mention(me).test(rest)
    ? "not-ours"
    : command;
}

// ---------------------------------------------------------------- media

/** What no agent can be given. First match wins: a venue is also a location. Null: a service message. */
const media: readonly (readonly [field: keyof Message, what: string])[] = [
  ["live_photo", "A live photo"],
  ["sticker", "A sticker"],
  ["venue", "A place"],
  ["location", "A location"],
  ["contact", "A contact"],
  ["poll", "A poll"],
  ["dice", "A dice"],
  ["game", "A game"],
  ["story", "A story"],
  ["checklist", "A checklist"],
  ["paid_media", "Paid media"],
  ["rich_message", "A rich message"],
  ["invoice", "An invoice"],
  ["giveaway", "A giveaway"],
];

function describeMedia(message: Message): string | null {
  return media.find(([field]) => message[field] !== undefined)?.[1] ?? null;
}

// ---------------------------------------------------------------- a draft's own Stop

/** The Stop that Telegram draws on a draft is the ordinary one (S1). Only a private chat has drafts: its id is the person's. */
function parseDraftStop(
  updateId: number,
  { chat, message_thread_id: thread }: NonNullable<Update["stopped_message_generation"]>,
  { allowedUsers, nowMs }: ParseContext,
): Reading {
  if (chat.type !== "private") return denied("unknown-type");
  if (!allowedUsers.has(chat.id)) return denied("stranger");
  const item: InboxItem = {
    key: updateKey(updateId),
    conversation: telegramConversation(chat.id, thread ?? null),
    user: String(chat.id),
    message: null,
    priority: "interactive",
    request: { kind: "command", command: { name: "stop", scope: "conversation" } },
    sentAtMs: nowMs,
  };
  return { kind: "item", item };
}

// ---------------------------------------------------------------- presses

const buttonIdPattern = /^[A-Za-z0-9_-]{30}$/;

function parsePress(updateId: number, query: CallbackQuery, context: ParseContext): Reading {
  const { from, message, data } = query;
  if (from.is_bot) return denied("bot", null, query.id);
  if (!context.allowedUsers.has(from.id)) return denied("stranger", null, query.id);
  if (message === undefined || message.chat.type === "channel") return denied("channel", null, query.id);
  if (data === undefined || !buttonIdPattern.test(data)) return { kind: "dead-press", query: query.id };
  const item: InboxItem = {
    key: updateKey(updateId),
    conversation: conversationOf(message),
    user: String(from.id),
    message: String(message.message_id),
    priority: "interactive",
    request: { kind: "press", button: data as ButtonId },
    sentAtMs: context.nowMs,
  };
  return { kind: "press", item, query: query.id };
}

// ---------------------------------------------------------------- parts of an item

function itemOf(key: ItemKey, message: Message, request: Request): InboxItem {
  return {
    key,
    conversation: conversationOf(message),
    user: String(message.from?.id),
    message: String(message.message_id),
    priority: "interactive",
    request,
    sentAtMs: message.date * 1000,
  };
}

/** A thread id alone is no topic: in an ordinary group it only says which message is replied to. */
function conversationOf(message: Pick<Message, "chat" | "message_thread_id" | "is_topic_message">): ConversationId {
  const isTopic = message.is_topic_message === true && message.message_thread_id !== undefined;
  return telegramConversation(message.chat.id, isTopic ? (message.message_thread_id ?? null) : null);
}

export function updateKey(updateId: number): ItemKey {
  return `tg:update:${updateId}` as ItemKey;
}

/** The number of the update that a key stands for; null for a key that is none of ours. */
export function updateOf(key: ItemKey): number | null {
  const [, id] = /^tg:update:(\d+)$/.exec(key) ?? [];
  return id === undefined ? null : Number(id);
}

function denied(reason: Denial, stranger: number | null = null, query: string | null = null): Reading {
  return { kind: "denied", reason, stranger, query };
}

function ignored(reason: string): Reading {
  return { kind: "ignored", reason };
}
