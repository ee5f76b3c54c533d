// Everything Telegram remembers of chats: who is in them, their topics and their messages.
//
// C1 Private chats and basic groups of one bot share one message counter; every supergroup counts for itself. So a
//    message id means nothing without its chat, and a test cannot get away with forgetting that.
// C2 A deleted message keeps its record, so that views and late taps can still name it; the Bot API no longer finds it.

import type { Chat, InlineKeyboardMarkup, Message, MessageEntity, User } from "grammy/types";
import type { StoredFile } from "./files.ts";
import type { MediaKind } from "./media.ts";
import type { TelegramClock } from "./telegram-clock.ts";

export type ChatKind = "private" | "group" | "supergroup" | "forum";
export type BotStanding = "member" | "administrator" | "removed";

export interface StoredMessage {
  readonly id: number;
  readonly chatId: number;
  /** As the message shows it: an anonymous administrator is shown as the group. */
  readonly from: User;
  /** Who really wrote it. */
  readonly author: number;
  readonly date: number;
  readonly thread: number | undefined;
  readonly replyTo: number | undefined;
  readonly content: MessageContent;
  /** Whatever else Telegram says of it: the album it belongs to, whom it was forwarded from, what it quotes. */
  readonly marks: Partial<Message>;
  text: string;
  entities: MessageEntity[];
  markup: InlineKeyboardMarkup | undefined;
  /** Keyboards this message had before: a slow client may still show one. */
  readonly pastMarkups: InlineKeyboardMarkup[];
  editDate: number | undefined;
  edits: number;
  state: "there" | "deleted";
  /** Who put which emoji, by user id. */
  readonly reactions: Map<number, string[]>;
}

export type MessageContent =
  | { readonly kind: "text" }
  /** A file, with the fields that describe it; its caption is the message's text. */
  | {
      readonly kind: "media";
      readonly media: MediaKind;
      readonly file: StoredFile;
      readonly fields: Partial<Message>;
    }
  /** Neither text nor file: a place, a poll. */
  | { readonly kind: "bare"; readonly fields: Partial<Message> }
  | { readonly kind: "service"; readonly fields: Partial<Message> };

export interface Topic {
  name: string;
  state: "open" | "closed";
  readonly iconColor: number;
}

export interface Draft {
  readonly draftId: number;
  readonly text: string;
  readonly thread: number | undefined;
  readonly canStop: boolean;
  /** keep_on_stop: the person's Stop leaves what is written so far. */
  readonly staysWhenStopped: boolean;
  readonly shownMs: number;
}

export interface StoredChat {
  readonly id: number;
  readonly kind: ChatKind;
  readonly title: string;
  readonly members: Map<number, User>;
  readonly messages: StoredMessage[];
  readonly topics: Map<number, Topic>;
  readonly pinned: number[];
  /** Of a private chat: whether the person has started the bot, and has not blocked it. */
  door: "never-started" | "open" | "blocked";
  bot: BotStanding;
  migratedTo: number | undefined;
  draft: Draft | undefined;
  action: { readonly name: string; readonly shownMs: number } | undefined;
}

export interface NewMessage {
  readonly from: User;
  /** `from` unless told. */
  readonly author?: number;
  readonly thread?: number | undefined;
  readonly replyTo?: number | undefined;
  readonly content?: MessageContent;
  readonly marks?: Partial<Message>;
  readonly text?: string;
  readonly entities?: MessageEntity[];
  readonly markup?: InlineKeyboardMarkup | undefined;
}

export interface Chats {
  all(): StoredChat[];
  find(chatId: number): StoredChat | undefined;
  /** The chat, or an Error that names the ids there are: for the driving side, where a wrong id is the test's mistake. */
  get(chatId: number): StoredChat;
  open(kind: ChatKind, title: string, members: readonly User[]): StoredChat;
  add(chat: StoredChat, message: NewMessage): StoredMessage;
  /** A message that still exists. */
  message(chat: StoredChat, messageId: number): StoredMessage | undefined;
  toChat(chat: StoredChat): Exclude<Chat, Chat.ChannelChat>;
  toMessage(message: StoredMessage): Message;
}

export function createChats(clock: TelegramClock, botId: number): Chats {
  const chats = new Map<number, StoredChat>();
  let nextSharedId = 1;
  let nextGroupId = 4_000_000_001;

  function newChatId(kind: ChatKind, members: readonly User[]): number {
    if (kind === "private") {
      const person = members[0];
      if (person === undefined) throw new Error("a private chat needs its person");
      return person.id;
    }
    const serial = nextGroupId++;
    return kind === "group" ? -serial : -1_000_000_000_000 - serial;
  }

  const store: Chats = {
    all: () => [...chats.values()],
    find: (chatId) => chats.get(chatId),
    get(chatId) {
      const chat = chats.get(chatId);
      if (chat === undefined) throw new Error(`no chat ${chatId}; there are ${[...chats.keys()].join(", ")}`);
      return chat;
    },
    open(kind, title, members) {
      const chat: StoredChat = {
        id: newChatId(kind, members),
        kind,
        title,
        members: new Map(members.map((member) => [member.id, member])),
        messages: [],
        topics: new Map(),
        pinned: [],
        door: kind === "private" ? "never-started" : "open",
        bot: "member",
        migratedTo: undefined,
        draft: undefined,
        action: undefined,
      };
      chats.set(chat.id, chat);
      return chat;
    },
    add(chat, message) {
      const sharesIds = chat.kind === "private" || chat.kind === "group";
      const stored: StoredMessage = {
        id: sharesIds ? nextSharedId++ : (chat.messages.at(-1)?.id ?? 0) + 1,
        chatId: chat.id,
        from: plainUser(message.from),
        author: message.author ?? message.from.id,
        date: clock.nowSeconds(),
        thread: message.thread,
        replyTo: message.replyTo,
        content: message.content ?? { kind: "text" },
        marks: message.marks ?? {},
        text: message.text ?? "",
        entities: message.entities ?? [],
        markup: message.markup,
        pastMarkups: [],
        editDate: undefined,
        edits: 0,
        state: "there",
        reactions: new Map(),
      };
      chat.messages.push(stored);
      if (message.from.id === botId) {
        // A message ends what announced it.
        chat.draft = undefined;
        chat.action = undefined;
      }
      return stored;
    },
    message: (chat, messageId) =>
      chat.messages.find((message) => message.id === messageId && message.state === "there"),
    toChat(chat) {
      if (chat.kind === "private") {
        const person = chat.members.get(chat.id);
        return {
          id: chat.id,
          type: "private",
          first_name: person?.first_name ?? "",
          ...(person?.username === undefined ? {} : { username: person.username }),
        };
      }
      if (chat.kind === "group") return { id: chat.id, type: "group", title: chat.title };
      return {
        id: chat.id,
        type: "supergroup",
        title: chat.title,
        ...(chat.kind === "forum" ? { is_forum: true } : {}),
      };
    },
    toMessage(message) {
      const chat = store.get(message.chatId);
      const reply = message.replyTo === undefined ? undefined : store.message(chat, message.replyTo);
      return {
        message_id: message.id,
        from: message.from,
        chat: store.toChat(chat),
        date: message.date,
        ...(message.thread === undefined ? {} : { message_thread_id: message.thread }),
        ...(message.thread !== undefined && chat.topics.has(message.thread) ? { is_topic_message: true } : {}),
        ...(message.editDate === undefined ? {} : { edit_date: message.editDate }),
        ...(reply === undefined ? {} : { reply_to_message: withoutReply(store.toMessage(reply)) }),
        ...message.marks,
        ...contentFields(message),
        ...(message.markup === undefined ? {} : { reply_markup: message.markup }),
      };
    },
  };
  return store;
}

/** getMe tells more of the bot than its messages do. */
function plainUser({ id, is_bot, first_name, username, language_code }: User): User {
  return {
    id,
    is_bot,
    first_name,
    ...(username === undefined ? {} : { username }),
    ...(language_code === undefined ? {} : { language_code }),
  };
}

function contentFields(message: StoredMessage): Partial<Message> {
  const { content, text, entities } = message;
  const caption = {
    ...(text === "" ? {} : { caption: text }),
    ...(entities.length === 0 ? {} : { caption_entities: entities }),
  };
  switch (content.kind) {
    case "text":
      return { text, ...(entities.length === 0 ? {} : { entities }) };
    case "media":
      return { ...content.fields, ...caption };
    case "bare":
    case "service":
      return content.fields;
    default:
      return content satisfies never;
  }
}

/** A quoted message does not quote in turn. */
function withoutReply({ reply_to_message: _dropped, ...message }: Message): NonNullable<Message["reply_to_message"]> {
  return message as NonNullable<Message["reply_to_message"]>;
}
