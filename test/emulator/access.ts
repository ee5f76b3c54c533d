// Whether the bot may write here (F9), worded as Client::check_chat_access and the MTProto errors are.

import { badRequest, forbidden } from "./bot-api-error.ts";
import type { Chats, StoredChat, StoredMessage } from "./chats.ts";
import type { Mutation } from "./mutations.ts";

export interface Access {
  /** The chat, if the bot can name it at all. Throws BotApiError. */
  chat(chatId: number | string): StoredChat;
  /** The chat, if the bot belongs there and it has not moved. Does not look at the person's door yet. Throws BotApiError. */
  writable(chatId: number | string): StoredChat;
  /** Throws when the topic is gone, or closed to a bot that is no administrator. */
  topic(chat: StoredChat, thread: number | undefined): void;
  /** The last check, as Telegram does it: throws when the person blocked the bot or never started it. */
  door(chat: StoredChat): void;
  /** A message that still exists; `role` names it in the error: "message to edit". */
  message(chat: StoredChat, messageId: number | undefined, role: string): StoredMessage;
}

export function createAccess(chats: Chats, mutations: ReadonlySet<Mutation>): Access {
  /** A stranger the bot has met in a group can be named, but not written to. */
  const hasMet = (chat: StoredChat) =>
    chats.all().some((other) => other.kind !== "private" && other.members.has(chat.id));

  const access: Access = {
    chat(chatId) {
      const chat = typeof chatId === "number" ? chats.find(chatId) : undefined;
      if (chat === undefined) throw badRequest("chat not found", "missing");
      return chat;
    },
    writable(chatId) {
      const chat = access.chat(chatId);
      if (chat.migratedTo !== undefined && !mutations.has("migrated-group-accepts")) {
        throw badRequest("group chat was upgraded to a supergroup chat", "access", {
          migrate_to_chat_id: chat.migratedTo,
        });
      }
      if (chat.bot === "removed" && !mutations.has("removed-bot-speaks")) {
        throw forbidden(`bot was kicked from the ${chat.kind === "group" ? "group" : "supergroup"} chat`);
      }
      return chat;
    },
    topic(chat, thread) {
      if (thread === undefined) return;
      const topic = chat.topics.get(thread);
      if (topic === undefined && !mutations.has("missing-topic-accepts")) {
        throw badRequest("message thread not found", "access");
      }
      const shut = topic?.state === "closed" && chat.bot !== "administrator";
      if (shut && !mutations.has("closed-topic-accepts")) throw badRequest("TOPIC_CLOSED", "access");
    },
    door(chat) {
      switch (chat.door) {
        case "open":
          return;
        case "blocked":
          if (!mutations.has("blocked-still-receives")) throw forbidden("bot was blocked by the user");
          return;
        case "never-started":
          if (mutations.has("stranger-receives")) return;
          if (!hasMet(chat)) throw badRequest("chat not found", "missing");
          throw forbidden("bot can't initiate conversation with a user");
        default:
          chat.door satisfies never;
      }
    },
    message(chat, messageId, role) {
      const message = messageId === undefined ? undefined : chats.message(chat, messageId);
      if (message === undefined) throw badRequest(`${role} not found`, "missing");
      return message;
    },
  };
  return access;
}
