// The methods that write, change and remove messages (F4, F5, F9).

import type { Message } from "grammy/types";
import { badRequest, BotApiError } from "./bot-api-error.ts";
import type { BotMethods } from "./bot-methods.ts";
import type { BotWorld } from "./bot-world.ts";
import type { StoredChat, StoredMessage } from "./chats.ts";
import { mediaShapes } from "./media.ts";
import { checkKeyboard } from "./keyboards.ts";
import type { FormattedText } from "./message-text.ts";
import { createSending } from "./sending.ts";

/** A bot may remove what is younger than this. */
const deletableSeconds = 48 * 60 * 60;

export function messageMethods(world: BotWorld): BotMethods {
  const { me, clock, changes, chats, access, rateLimits, mutations } = world;

  const { formatMessage, formatCaption, send } = createSending(world);

  function editable(params: { chat_id?: number | string; message_id?: number }): [StoredChat, StoredMessage] {
    if (params.chat_id === undefined) {
      throw new BotApiError(501, "Not Implemented: inline messages are not modelled", "unmodelled");
    }
    const chat = access.writable(params.chat_id);
    const message = access.message(chat, params.message_id, "message to edit");
    if (message.from.id !== me.id && !mutations.has("edit-anyones-message")) {
      throw badRequest("message can't be edited", "edit");
    }
    return [chat, message];
  }

  /** F5: the same text, entities and buttons are "not modified"; buttons that are not repeated are removed. */
  function edit(
    chat: StoredChat,
    message: StoredMessage,
    to: FormattedText | undefined,
    replyMarkup: unknown,
  ): Message {
    const given = checkKeyboard(replyMarkup, mutations);
    const markup = given === undefined && mutations.has("edit-keeps-buttons") ? message.markup : given;
    const text = to ?? { text: message.text, entities: message.entities };
    const same =
      text.text === message.text &&
      sameJson(text.entities, message.entities) &&
      sameJson(markup ?? null, message.markup ?? null);
    if (same && !mutations.has("not-modified-accepted")) {
      throw badRequest(
        "message is not modified: specified new message content and reply markup are exactly the same as a current content and reply markup of the message",
        "edit",
      );
    }
    access.door(chat);
    rateLimits.spend(chat, "edit");
    if (message.markup !== undefined && !sameJson(message.markup, markup ?? null))
      message.pastMarkups.push(message.markup);
    message.text = text.text;
    message.entities = text.entities;
    message.markup = markup;
    message.editDate = clock.nowSeconds();
    message.edits += 1;
    changes.ring();
    return chats.toMessage(message);
  }

  function remove(chat: StoredChat, message: StoredMessage): void {
    message.state = "deleted";
    const pin = chat.pinned.indexOf(message.id);
    if (pin >= 0) chat.pinned.splice(pin, 1);
    changes.ring();
  }

  function mayRemove(chat: StoredChat, message: StoredMessage): boolean {
    const isOld = clock.nowSeconds() - message.date > deletableSeconds;
    if (isOld && !mutations.has("old-message-deleted")) return false;
    const isOurs = message.from.id === me.id || chat.kind === "private" || chat.bot === "administrator";
    return isOurs || mutations.has("deletes-without-rights");
  }

  return {
    sendMessage(params) {
      if (params.text === "") throw badRequest("message text is empty", "text");
      access.chat(params.chat_id);
      return send(params, formatMessage(params.text, params), { kind: "text" }) as Message.TextMessage;
    },
    sendMessageDraft(params) {
      const chat = access.writable(params.chat_id);
      if (chat.kind !== "private" && !mutations.has("draft-in-group")) throw badRequest("chat not found", "missing");
      if (params.draft_id === 0 && !mutations.has("draft-without-id")) throw badRequest("RANDOM_ID_INVALID", "schema");
      access.topic(chat, params.message_thread_id);
      const { text } = formatMessage(params.text ?? "", params, true);
      access.door(chat);
      chat.draft = {
        draftId: params.draft_id,
        text,
        thread: params.message_thread_id,
        canStop: params.can_stop ?? false,
        staysWhenStopped: params.keep_on_stop ?? false,
        shownMs: clock.nowMs(),
      };
      changes.ring();
      return true;
    },
    sendChatAction(params) {
      const chat = access.writable(params.chat_id);
      access.topic(chat, params.message_thread_id);
      access.door(chat);
      chat.action = { name: params.action, shownMs: clock.nowMs() };
      changes.ring();
      return true;
    },
    editMessageText(params) {
      const text = "text" in params ? params.text : undefined;
      if (text === undefined || text === "") throw badRequest("message text is empty", "text");
      if (mutations.has("edit-missing-accepted") && !exists(params)) return true;
      const [chat, message] = editable(params);
      if (message.content.kind !== "text") throw badRequest("there is no text in the message to edit", "edit");
      return edit(chat, message, formatMessage(text, params), params.reply_markup) as EditAnswer<"editMessageText">;
    },
    editMessageCaption(params) {
      const [chat, message] = editable(params);
      if (!mayHaveCaption(message) && !mutations.has("caption-anywhere")) {
        throw badRequest("there is no caption in the message to edit", "edit");
      }
      return edit(chat, message, formatCaption(params), params.reply_markup) as EditAnswer<"editMessageCaption">;
    },
    editMessageReplyMarkup(params) {
      const [chat, message] = editable(params);
      return edit(chat, message, undefined, params.reply_markup) as EditAnswer<"editMessageReplyMarkup">;
    },
    deleteMessage(params) {
      const chat = access.writable(params.chat_id);
      const message = access.message(chat, params.message_id, "message to delete");
      if (!mayRemove(chat, message)) throw badRequest("message can't be deleted", "access");
      remove(chat, message);
      return true;
    },
    deleteMessages(params) {
      const chat = access.writable(params.chat_id);
      const count = params.message_ids.length;
      if (count === 0) throw badRequest("message identifiers are not specified", "schema");
      if (count > 100) throw badRequest("too many message identifiers specified", "schema");
      for (const messageId of params.message_ids) {
        const message = chats.message(chat, messageId);
        // What is already gone is skipped in silence.
        if (message !== undefined && mayRemove(chat, message)) remove(chat, message);
      }
      return true;
    },
    setMessageReaction(params) {
      const chat = access.writable(params.chat_id);
      const message = access.message(chat, params.message_id, "message to react");
      const emoji = (params.reaction ?? []).map((reaction) => (reaction.type === "emoji" ? reaction.emoji : "?"));
      // A bot is no premium user: one reaction a message.
      if (emoji.length > 1 && !mutations.has("many-reactions-accepted"))
        throw badRequest("REACTIONS_TOO_MANY", "schema");
      if (emoji.includes("?")) throw badRequest("REACTION_INVALID", "schema");
      access.door(chat);
      if (emoji.length === 0) message.reactions.delete(me.id);
      else message.reactions.set(me.id, emoji);
      changes.ring();
      return true;
    },
  };

  function exists(params: { chat_id?: number | string; message_id?: number }): boolean {
    const chat = chats.find(Number(params.chat_id));
    return (
      chat !== undefined && params.message_id !== undefined && chats.message(chat, params.message_id) !== undefined
    );
  }
}

function mayHaveCaption({ content }: StoredMessage): boolean {
  return content.kind === "media" && mediaShapes[content.media].caption === "may have";
}

type EditAnswer<M extends keyof BotMethods> = Awaited<ReturnType<NonNullable<BotMethods[M]>>>;

function sameJson(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
