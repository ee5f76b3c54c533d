// The people who use the bot, and the groups they are in: the other side of the Bot API.
//
// P1 What a person does has happened when the call returns: the message exists and its update is queued.
// P2 A person acts only in chats they are in. A test that wants the impossible uses pushUpdate.

import type { Message, MessageEntity, User } from "grammy/types";
import type { FileSource, Share } from "./attachments.ts";
import type { BotWorld } from "./bot-world.ts";
import type { CallbackAnswer } from "./callbacks.ts";
import { viewChat, type ChatView } from "./chat-view.ts";
import type { StoredChat, StoredMessage } from "./chats.ts";
import { findButton } from "./keyboards.ts";
import { createLetters, type AlbumItem, type FileOptions, type Letter, type SendOptions } from "./letters.ts";
import type { MediaKind } from "./media.ts";
import { automatic } from "./message-text.ts";
import type { UntilOptions } from "./until.ts";

export interface PersonOptions {
  readonly id?: number;
  readonly firstName?: string;
  readonly username?: string;
  /** Whether they have started the bot already, silently. */
  readonly started?: boolean;
}

export interface TapOptions {
  readonly chat?: number;
  readonly message?: number;
  /** Also buttons the message had before its last edit: a slow client still shows them. */
  readonly stale?: boolean;
  /** A malicious client: sends the data although no such button exists. Needs `message`. */
  readonly forge?: boolean;
}

export interface Person {
  readonly id: number;
  readonly user: User;
  readonly chatId: number;
  /** Over 4096 units it arrives as several messages (F8); the first is returned. */
  sends(text: string, options?: SendOptions): Message;
  /** A file of any kind, with what its phone says of it. */
  sendsFile(kind: MediaKind, source: FileSource, options?: FileOptions): Message;
  sendsDocument(name: string, bytes: Uint8Array, options?: FileOptions & { readonly mimeType?: string }): Message;
  sendsPhoto(bytes: Uint8Array, options?: FileOptions): Message;
  /** Two to ten files as one album: all at once, in order. */
  sendsAlbum(items: readonly AlbumItem[], options?: SendOptions): readonly Message[];
  /** A place, a contact, a poll, a die, anything that is neither text nor file. */
  shares(share: Share, options?: SendOptions): Message;
  /** Writes without delivering: the test says which part arrives when. */
  composes(what: string | readonly AlbumItem[], options?: SendOptions): Letter;
  /** Changes the text, or the caption of a file. */
  edits(messageId: number, text: string, options?: { chat?: number; entities?: MessageEntity[] }): void;
  /** Takes a message of theirs away. The bot is not told: Telegram has no update for it. */
  deletes(messageId: number, options?: { chat?: number }): void;
  /** Taps the newest message with that button. Returns the id of the callback query. */
  presses(button: string | { readonly data: string }, options?: TapOptions): string;
  /** Taps and waits for the answer. Rejects, with a dump, when none comes within the bound. */
  taps(button: string | { readonly data: string }, options?: TapOptions & UntilOptions): Promise<CallbackAnswer>;
  reacts(messageId: number, emoji: string | undefined, options?: { chat?: number }): void;
  /** The native Stop of a draft that offers it. */
  stopsDraft(): void;
  createsTopic(name: string): number;
  blocksBot(): void;
  unblocksBot(): void;
  chat(thread?: number): ChatView;
}

export interface PeopleDeps {
  readonly world: BotWorld;
  readonly privacyMode: boolean;
  readonly until: <T>(look: () => T | undefined | false | null | "" | 0, options?: UntilOptions) => Promise<T>;
}

export interface People {
  readonly person: (options: PersonOptions) => Person;
}

export function createPeople({ world, privacyMode, until }: PeopleDeps): People {
  const { me, clock, changes, chats, updates, callbacks, mutations } = world;
  let nextId = 5_100_000_001;

  /** In privacy mode a bot in a group hears commands, replies to itself and its own name (unless it is an administrator). */
  function botHears(chat: StoredChat, message: StoredMessage): boolean {
    if (chat.bot === "removed") return false;
    if (!privacyMode || chat.kind === "private" || chat.bot === "administrator") return true;
    const replied = message.replyTo === undefined ? undefined : chats.message(chat, message.replyTo);
    const named = message.text.includes(`@${me.username}`);
    return message.text.startsWith("/") || named || replied?.from.id === me.id;
  }

  function person(options: PersonOptions): Person {
    const id = options.id ?? nextId++;
    const user: User = {
      id,
      is_bot: false,
      first_name: options.firstName ?? `Person ${id}`,
      language_code: "en",
      ...(options.username === undefined ? {} : { username: options.username }),
    };
    const own = chats.open("private", user.first_name, [user]);
    if (options.started === true) own.door = "open";

    function chatOf(chatId: number | undefined): StoredChat {
      const chat = chats.get(chatId ?? own.id);
      if (!chat.members.has(id)) throw new Error(`P2: ${user.first_name} is not in chat ${chat.id}`);
      return chat;
    }

    function ownMessage(chat: StoredChat, messageId: number): StoredMessage {
      const message = chats.message(chat, messageId);
      if (message?.author !== id) throw new Error(`message ${messageId} is not theirs`);
      return message;
    }

    const letters = createLetters({ world, user, chatOf, botHears });

    /** Delivers every part at once; the first message. */
    function post(letter: Letter): Message {
      for (const part of letter.messages.keys()) letter.delivers(part);
      const [first] = letter.messages;
      if (first === undefined) throw new Error("a letter has at least one part");
      return first;
    }

    function pressable(button: string | { readonly data: string }, options: TapOptions): [StoredMessage, string] {
      const chat = chatOf(options.chat);
      const candidates =
        options.message === undefined
          ? chat.messages.filter((message) => message.state === "there" || options.stale === true).toReversed()
          : chat.messages.filter((message) => message.id === options.message);
      for (const message of candidates) {
        const keyboards = [message.markup, ...(options.stale === true ? message.pastMarkups.toReversed() : [])];
        for (const keyboard of keyboards) {
          const found = findButton(keyboard, button);
          if (found?.data !== undefined) return [message, found.data];
        }
      }
      const target = candidates[0];
      if (options.forge === true && typeof button !== "string" && target !== undefined) return [target, button.data];
      const wanted = typeof button === "string" ? button : `data ${button.data}`;
      throw new Error(`no button "${wanted}" to tap in\n${viewChat(world, chat).rendered}`);
    }

    function press(button: string | { readonly data: string }, options: TapOptions): string {
      const [message, data] = pressable(button, options);
      const chat = chats.get(message.chatId);
      const stranger = mutations.has("stranger-tap-as-owner") ? [...chat.members.values()][0] : undefined;
      const tap = callbacks.tap(stranger ?? user, data);
      const merged = mutations.has("double-tap-merged") && callbacks.countOf(user.id, data) > 1;
      const there = message.state === "there";
      if (!merged) {
        updates.push({
          callback_query: {
            id: tap.id,
            from: tap.from,
            message: there
              ? chats.toMessage(message)
              : { chat: chats.toChat(chat), message_id: message.id, date: 0 as const },
            chat_instance: `${chat.id * 7919}`,
            data,
          },
        });
      }
      changes.ring();
      return tap.id;
    }

    function standingChanged(from: "member" | "kicked", to: "member" | "kicked"): void {
      const member = (status: "member" | "kicked") =>
        status === "member" ? ({ status, user: me } as const) : ({ status, user: me, until_date: 0 } as const);
      updates.push({
        my_chat_member: {
          chat: chats.toChat(own),
          from: user,
          date: clock.nowSeconds(),
          old_chat_member: member(from),
          new_chat_member: member(to),
        },
      });
      changes.ring();
    }

    return {
      id,
      user,
      chatId: own.id,
      sends: (text, options = {}) => post(letters.text(text, options)),
      sendsFile: (kind, source, options = {}) => post(letters.file(kind, source, options)),
      sendsDocument: (name, bytes, { mimeType, ...options } = {}) =>
        post(letters.file("document", { name, bytes, ...(mimeType === undefined ? {} : { mimeType }) }, options)),
      sendsPhoto: (bytes, options = {}) => post(letters.file("photo", { bytes }, options)),
      sendsAlbum(items, options = {}) {
        const letter = letters.album(items, options);
        post(letter);
        return letter.messages;
      },
      shares: (share, options = {}) => post(letters.share(share, options)),
      composes: (what, options = {}) =>
        typeof what === "string" ? letters.text(what, options) : letters.album(what, options),
      edits(messageId, text, options = {}) {
        const chat = chatOf(options.chat);
        const message = ownMessage(chat, messageId);
        message.text = text;
        message.entities = [...(options.entities ?? []), ...automatic(text)];
        message.editDate = clock.nowSeconds();
        message.edits += 1;
        const edited = {
          ...chats.toMessage(message),
          chat: chats.toChat(chat),
          from: message.from,
          edit_date: message.editDate,
        };
        if (mutations.has("edit-as-new-message")) updates.push({ message: edited });
        else if (botHears(chat, message)) updates.push({ edited_message: edited });
        changes.ring();
      },
      deletes(messageId, options = {}) {
        ownMessage(chatOf(options.chat), messageId).state = "deleted";
        changes.ring();
      },
      presses: (button, options = {}) => press(button, options),
      async taps(button, options = {}) {
        const tapId = press(button, options);
        const what = `an answer to the tap on ${JSON.stringify(button)}`;
        return until(() => callbacks.find(tapId)?.answer, { what, ...options });
      },
      reacts(messageId, emoji, options = {}) {
        const chat = chatOf(options.chat);
        const message = chats.message(chat, messageId);
        if (message === undefined) throw new Error(`no message ${messageId} in chat ${chat.id}`);
        // The Bot API's list of emoji is long and typed; what a person may tap is not our concern here.
        const asReaction = (text: string) => ({ type: "emoji", emoji: text as "👍" }) as const;
        const before = (message.reactions.get(id) ?? []).map(asReaction);
        const after = emoji === undefined ? [] : [asReaction(emoji)];
        if (emoji === undefined) message.reactions.delete(id);
        else message.reactions.set(id, [emoji]);
        // In groups Telegram tells only administrators.
        const isTold =
          chat.kind === "private" || chat.bot === "administrator" || mutations.has("reactions-told-to-all");
        if (isTold) {
          updates.push({
            message_reaction: {
              chat: chats.toChat(chat),
              message_id: messageId,
              user,
              date: clock.nowSeconds(),
              old_reaction: before,
              new_reaction: after,
            },
          });
        }
        changes.ring();
      },
      stopsDraft() {
        const { draft } = viewChat(world, own);
        if (draft?.canStop !== true) throw new Error("there is no draft to stop");
        const chat = chats.toChat(own);
        if (chat.type !== "private") throw new Error("drafts are for private chats");
        const kept = own.draft?.staysWhenStopped === true ? { ...own.draft, canStop: false } : undefined;
        own.draft = kept;
        if (mutations.has("stop-untold")) return;
        updates.push({
          stopped_message_generation: {
            chat,
            draft_id: draft.draftId,
            ...(draft.thread === undefined ? {} : { message_thread_id: draft.thread }),
          },
        });
        changes.ring();
      },
      createsTopic(name) {
        if (!me.has_topics_enabled)
          throw new Error("topics in private chats are off: createEmulator({ privateTopics: true })");
        return openTopic(world, own, user, name);
      },
      blocksBot() {
        own.door = "blocked";
        standingChanged("member", "kicked");
      },
      unblocksBot() {
        own.door = "open";
        standingChanged("kicked", "member");
      },
      chat: (thread) => viewChat(world, own, thread),
    };
  }

  return { person };
}

const blueIcon = 0x6fb9f0;

/** A person creates a topic; its id is that of the service message which announces it. */
export function openTopic({ chats, updates, changes }: BotWorld, chat: StoredChat, by: User, name: string): number {
  const fields = { forum_topic_created: { name, icon_color: blueIcon } };
  const created = chats.add(chat, { from: by, content: { kind: "service", fields } });
  chat.topics.set(created.id, { name, state: "open", iconColor: blueIcon });
  const message = { ...chats.toMessage(created), message_thread_id: created.id, is_topic_message: true };
  updates.push({ message: { ...message, chat: chats.toChat(chat), from: by } });
  changes.ring();
  return created.id;
}
