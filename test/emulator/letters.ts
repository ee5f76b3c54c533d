// A person's message on its way: written at once, delivered as the test likes (F8).
//
// L1 Written means that the messages exist, in order, with their ids. Delivering one queues its update.
// L2 A letter of several parts (an album, a long text) may arrive in any order, with anything in between, and twice.

import { setTimeout as pause } from "node:timers/promises";
import type { Chat, Message, MessageEntity, MessageOrigin, User } from "grammy/types";
import { fileOf, shareFields, type FileSource, type Share } from "./attachments.ts";
import type { BotWorld } from "./bot-world.ts";
import type { MessageContent, StoredChat, StoredMessage } from "./chats.ts";
import { mediaContent, mediaShapes, type MediaKind } from "./media.ts";
import { automatic, splitLongText } from "./message-text.ts";

/** As whom a person writes in a group: as the group itself, or as a channel of theirs. */
export type Mask = "anonymous-admin" | { readonly channel: string };

export type ForwardedFrom =
  | { readonly kind: "user"; readonly user: User }
  /** Someone whose settings hide who they are: only a name. */
  | { readonly kind: "hidden"; readonly name: string }
  /** An anonymous administrator of a group. */
  | { readonly kind: "chat"; readonly title: string; readonly signature?: string }
  | { readonly kind: "channel"; readonly title: string; readonly message?: number; readonly signature?: string };

export interface SendOptions {
  /** The private chat unless told. */
  readonly chat?: number;
  readonly thread?: number;
  readonly replyTo?: number;
  /** A part of the text of `replyTo`. */
  readonly quote?: string;
  readonly forwardedFrom?: ForwardedFrom;
  readonly as?: Mask;
  readonly entities?: MessageEntity[];
  /** Messages of one album share it. */
  readonly albumId?: string;
  /** Any further fields of the message, as Telegram writes them. */
  readonly marks?: Partial<Message>;
}

export interface FileOptions extends SendOptions {
  readonly caption?: string;
}

export interface AlbumItem extends FileSource {
  /** photo unless told. */
  readonly kind?: MediaKind;
  readonly caption?: string;
}

export interface Arrival {
  /** Which parts arrive, by index, one after the other; each once in order unless told. A part named twice arrives twice. */
  readonly order?: readonly number[];
  /** The pause before each arrival but the first: real time, since that is what the bot waits for. */
  readonly gapMs?: number;
}

export interface Letter {
  readonly messages: readonly Message[];
  readonly albumId: string | undefined;
  /** Queues the update of one part. Undefined when the bot is not to hear of it. */
  delivers(part: number): number | undefined;
  /** Resolves when the last part is queued. Rejects with the signal's reason. */
  arrives(arrival?: Arrival, signal?: AbortSignal): Promise<void>;
}

interface Part {
  readonly text: string;
  readonly content: MessageContent;
}

export interface Letters {
  /** Over 4096 units it has several parts. */
  text(text: string, options: SendOptions): Letter;
  file(kind: MediaKind, source: FileSource, options: FileOptions): Letter;
  album(items: readonly AlbumItem[], options: SendOptions): Letter;
  share(share: Share, options: SendOptions): Letter;
}

export interface LettersDeps {
  readonly world: BotWorld;
  readonly user: User;
  /** Throws when the person is not there. */
  readonly chatOf: (chatId: number | undefined) => StoredChat;
  readonly botHears: (chat: StoredChat, message: StoredMessage) => boolean;
}

/** As in Telegram's own apps. */
const albumItemsMin = 2;
const albumItemsMax = 10;

export function createLetters({ world, user, chatOf, botHears }: LettersDeps): Letters {
  const { chats, clock, changes, updates, files, mutations } = world;

  function write(parts: readonly Part[], options: SendOptions, albumId?: string): Letter {
    const chat = chatOf(options.chat);
    openDoor(chat, user);
    if (options.thread !== undefined && !chat.topics.has(options.thread)) {
      throw new Error(`chat ${chat.id} has no topic ${options.thread}`);
    }
    const marks = { ...marksOf(world, chat, options), ...(albumId === undefined ? {} : { media_group_id: albumId }) };
    const written = parts.map(({ text, content }) =>
      chats.add(chat, {
        from: options.as === undefined ? user : maskOf(options.as),
        author: user.id,
        thread: options.thread,
        replyTo: options.replyTo,
        content,
        marks,
        text,
        entities: [...(options.entities ?? []), ...automatic(text)],
      }),
    );
    changes.ring();
    return sealed(chat, written, albumId);
  }

  function sealed(chat: StoredChat, written: readonly StoredMessage[], albumId: string | undefined): Letter {
    const messages = written.map((message) => chats.toMessage(message));
    function delivers(part: number): number | undefined {
      const stored = written[part];
      const message = messages[part];
      if (stored === undefined || message === undefined) throw new Error(`the letter has no part ${part}`);
      const id = botHears(chat, stored) ? updates.push({ message: asUpdate(chat, message) }) : undefined;
      changes.ring();
      return id;
    }
    return {
      messages,
      albumId,
      delivers,
      async arrives({ order = messages.map((_, index) => index), gapMs = 0 } = {}, signal) {
        const isOrderly = mutations.has("album-in-order");
        const parts = isOrderly ? messages.keys() : order;
        let isFirst = true;
        for (const part of parts) {
          if (!isFirst && gapMs > 0 && !isOrderly)
            await pause(gapMs, undefined, signal === undefined ? {} : { signal });
          isFirst = false;
          delivers(part);
        }
      },
    };
  }

  function asUpdate(chat: StoredChat, message: Message) {
    return { ...message, chat: chats.toChat(chat), from: message.from ?? user };
  }

  return {
    text(text, options) {
      const parts = mutations.has("long-text-unsplit") ? [text] : splitLongText(text);
      return write(
        parts.map((part) => ({ text: part, content: { kind: "text" } })),
        options,
        options.albumId,
      );
    },
    file(kind, source, options) {
      const text = options.caption ?? "";
      if (text !== "" && mediaShapes[kind].caption === "never") throw new Error(`a ${kind} has no caption`);
      return write([{ text, content: contentOf(kind, source) }], options, options.albumId);
    },
    album(items, options) {
      if (items.length < albumItemsMin || items.length > albumItemsMax) {
        throw new Error(`an album has ${albumItemsMin} to ${albumItemsMax} items, not ${items.length}`);
      }
      const parts = items.map(({ kind = "photo", caption = "", ...source }) => ({
        text: caption,
        content: contentOf(kind, source),
      }));
      const albumId = options.albumId ?? `135${clock.nowMs()}${Math.floor(Math.random() * 1000)}`;
      return write(parts, options, mutations.has("album-without-group") ? undefined : albumId);
    },
    share(share, options) {
      const fields = shareFields(share, clock.nowMs());
      return write([{ text: "", content: { kind: "bare", fields } }], options);
    },
  };

  function contentOf(kind: MediaKind, source: FileSource): MessageContent {
    return mediaContent(files, kind, fileOf(kind, source), source);
  }
}

/** Writing to a bot starts it; whoever blocked it cannot write. */
function openDoor(chat: StoredChat, user: User): void {
  if (chat.door === "blocked") throw new Error(`${user.first_name} has blocked the bot: unblock first`);
  chat.door = "open";
}

function marksOf(world: BotWorld, chat: StoredChat, options: SendOptions): Partial<Message> {
  const { replyTo, quote, forwardedFrom, as } = options;
  return {
    ...(quote === undefined ? {} : { quote: quoteOf(world, chat, replyTo, quote) }),
    ...(forwardedFrom === undefined ? {} : { forward_origin: originOf(forwardedFrom, world.clock.nowSeconds()) }),
    ...(as === undefined
      ? {}
      : { sender_chat: as === "anonymous-admin" ? world.chats.toChat(chat) : channelOf(as.channel) }),
    ...options.marks,
  };
}

function quoteOf(
  { chats }: BotWorld,
  chat: StoredChat,
  replyTo: number | undefined,
  text: string,
): Message["quote"] & {} {
  const position = chats.message(chat, replyTo ?? 0)?.text.indexOf(text) ?? -1;
  if (position < 0) throw new Error(`message ${replyTo} does not say "${text}"`);
  return { text, position, is_manual: true };
}

/** A channel has the same id whenever it is named, so that tests can compare. */
export function channelOf(title: string): Chat.ChannelChat {
  const serial = Buffer.from(title).reduce((sum, byte) => (sum * 31 + byte) % 1_000_000_007, 7);
  return { id: -1_009_000_000_000 - serial, type: "channel", title };
}

export function originOf(from: ForwardedFrom, date: number): MessageOrigin {
  switch (from.kind) {
    case "user":
      return { type: "user", date, sender_user: from.user };
    case "hidden":
      return { type: "hidden_user", date, sender_user_name: from.name };
    case "chat": {
      const { id } = channelOf(from.title);
      const signature = from.signature === undefined ? {} : { author_signature: from.signature };
      return { type: "chat", date, sender_chat: { id, type: "supergroup", title: from.title }, ...signature };
    }
    case "channel": {
      const signature = from.signature === undefined ? {} : { author_signature: from.signature };
      return { type: "channel", date, chat: channelOf(from.title), message_id: from.message ?? 1, ...signature };
    }
    default:
      return from satisfies never;
  }
}

/** The accounts that Telegram shows in place of the writer: documented ids. */
function maskOf(as: Mask): User {
  if (as === "anonymous-admin") {
    return { id: 1_087_968_824, is_bot: true, first_name: "Group", username: "GroupAnonymousBot" };
  }
  return { id: 136_817_688, is_bot: true, first_name: "Channel", username: "Channel_Bot" };
}
