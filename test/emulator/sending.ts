// What every method that sends has in common: the text or caption it carries, and the checks in the server's order (F4, F5, F9).

import type { Message, MessageEntity } from "grammy/types";
import { badRequest } from "./bot-api-error.ts";
import type { BotWorld } from "./bot-world.ts";
import type { MessageContent, StoredChat, StoredMessage } from "./chats.ts";
import { checkKeyboard } from "./keyboards.ts";
import { captionUnitsMax, formatText, textUnitsMax, type FormattedText } from "./message-text.ts";

export interface SendParams {
  readonly chat_id: number | string;
  readonly message_thread_id?: number;
  readonly reply_parameters?: { readonly message_id?: number; readonly allow_sending_without_reply?: boolean };
  readonly reply_markup?: unknown;
}

export interface TextParams {
  readonly parse_mode?: string;
  readonly entities?: readonly MessageEntity[];
}

export interface CaptionParams {
  readonly caption?: string;
  readonly parse_mode?: string;
  readonly caption_entities?: readonly MessageEntity[];
}

export interface Parcel {
  readonly formatted: FormattedText;
  readonly content: MessageContent;
  readonly marks?: Partial<Message>;
}

export interface Sending {
  /** Throws BotApiError, like all of them. */
  formatMessage(text: string, params: TextParams, mayBeEmpty?: boolean): FormattedText;
  formatCaption(params: CaptionParams): FormattedText;
  /** One message. */
  send(params: SendParams, formatted: FormattedText, content: MessageContent): Message;
  /** Several, all or none of them; they reply to the same message. */
  sendAll(params: SendParams, parcels: readonly Parcel[]): Message[];
}

export function createSending(world: BotWorld): Sending {
  const { me, changes, chats, access, rateLimits, mutations } = world;

  function replyTarget(chat: StoredChat, params: SendParams): number | undefined {
    const messageId = params.reply_parameters?.message_id;
    if (messageId === undefined || chats.message(chat, messageId) !== undefined) return messageId;
    if (params.reply_parameters?.allow_sending_without_reply === true) return undefined;
    if (mutations.has("reply-to-missing-accepted")) return undefined;
    throw badRequest("message to be replied not found", "missing");
  }

  function sendAll(params: SendParams, parcels: readonly Parcel[]): Message[] {
    const chat = access.writable(params.chat_id);
    access.topic(chat, params.message_thread_id);
    const replyTo = replyTarget(chat, params);
    const markup = checkKeyboard(params.reply_markup, mutations);
    access.door(chat);
    rateLimits.spend(chat, "send", mutations.has("album-counts-once") ? 1 : parcels.length);
    const stored = parcels.map(({ formatted, content, marks = {} }): StoredMessage =>
      chats.add(chat, {
        from: me,
        thread: params.message_thread_id,
        replyTo,
        content,
        marks,
        text: formatted.text,
        entities: formatted.entities,
        markup,
      }),
    );
    changes.ring();
    return stored.map((message) => chats.toMessage(message));
  }

  return {
    formatMessage: (text, params, mayBeEmpty = false) =>
      formatText(
        {
          text,
          parseMode: params.parse_mode,
          entities: params.entities,
          unitsMax: textUnitsMax,
          tooLong: "message is too long",
          mayBeEmpty,
        },
        mutations,
      ),
    formatCaption: (params) =>
      formatText(
        {
          text: params.caption ?? "",
          parseMode: params.parse_mode,
          entities: params.caption_entities,
          unitsMax: captionUnitsMax,
          tooLong: "message caption is too long",
          mayBeEmpty: true,
        },
        mutations,
      ),
    send(params, formatted, content) {
      const [message] = sendAll(params, [{ formatted, content }]);
      if (message === undefined) throw new Error("one parcel is one message");
      return message;
    },
    sendAll,
  };
}
