/**
 * What a message holds besides its words: the files that are sent with it, what it answers, from whom it was forwarded, and what it is a
 * piece of. Pure; nothing that a sender's client says is verified here.
 */
import type { Message, MessageOrigin } from "grammy/types";

import type { FileKind, SentFile } from "../domain/attachment.ts";
import type { Part } from "../domain/inbox-item.ts";
import type { Prompt } from "../domain/prompt.ts";
import { readable, visibleLine } from "./visible.ts";

/** The file of a message; null for one that has none that an agent could be given. */
export function sentFile(message: Message): SentFile | null {
  const { photo, voice, audio, video, video_note: videoNote, document } = message;
  if (photo !== undefined) {
    // The largest is what was sent; the others are smaller copies of it.
    const largest = photo.toSorted((a, b) => b.width * b.height - a.width * a.height)[0];
    return largest === undefined ? null : fileOf(message, "photo", { ...largest, mime_type: "image/jpeg" });
  }
  if (voice !== undefined) return fileOf(message, "voice", voice);
  if (audio !== undefined) return fileOf(message, "audio", audio);
  if (video !== undefined) return fileOf(message, "video", video);
  if (videoNote !== undefined) return fileOf(message, "video", videoNote);
  // An animation is also a document.
  return document === undefined ? null : fileOf(message, "document", document);
}

type TelegramFile = {
  readonly file_id: string;
  readonly file_name?: string;
  readonly mime_type?: string;
  readonly file_size?: number;
  readonly duration?: number;
};

function fileOf(message: Message, kind: FileKind, file: TelegramFile): SentFile {
  return {
    kind,
    source: file.file_id,
    message: String(message.message_id),
    name: file.file_name ?? null,
    mediaType: file.mime_type ?? null,
    bytes: file.file_size ?? null,
    seconds: file.duration ?? null,
  };
}

/** More of what is answered says nothing that the agent needs. In UTF-16 units. */
const quoteCharsMax = 2_000;
/** Of an own answer, which the agent remembers, enough to know which one is meant. */
const ownQuoteCharsMax = 300;

/** What the message answers (M10): the words that its sender picked, or else the whole message. */
function quoteOf(message: Message, ownId: number): string | undefined {
  if (message.quote !== undefined) return shortened(message.quote.text, quoteCharsMax);
  const answered = message.reply_to_message;
  // In a topic every message "answers" the service message that opened it.
  const text = answered?.text ?? answered?.caption;
  if (answered === undefined || text === undefined) return undefined;
  return shortened(text, answered.from?.id === ownId ? ownQuoteCharsMax : quoteCharsMax);
}

function shortened(text: string, charsMax: number): string {
  const clean = readable(text).trim();
  return clean.length <= charsMax ? clean : `${clean.slice(0, charsMax).toWellFormed()}\u2026`;
}

/** Who wrote a forwarded message (M11); undefined for one that is not forwarded. A name is what its bearer chose: it proves nothing. */
function forwardedFrom({ forward_origin: origin }: Message): string | undefined {
  return origin === undefined ? undefined : visibleLine(originName(origin)).slice(0, quoteCharsMax);
}

function originName(origin: MessageOrigin): string {
  switch (origin.type) {
    case "user": {
      const { first_name: first, last_name: last, username } = origin.sender_user;
      return [first, last, username === undefined ? undefined : `(@${username})`].filter(Boolean).join(" ");
    }
    case "hidden_user":
      return origin.sender_user_name;
    case "chat":
      return nameOfChat(origin.sender_chat);
    case "channel":
      return nameOfChat(origin.chat);
    default:
      origin satisfies never;
      return "someone";
  }
}

function nameOfChat(chat: { readonly title?: string | undefined; readonly first_name?: string | undefined }): string {
  return chat.title ?? chat.first_name ?? "a chat";
}

/** What the message carries beside its words, as fields of its prompt. */
export function contextOf(message: Message, ownId: number): Omit<Prompt, "text"> {
  const quote = quoteOf(message, ownId);
  const origin = forwardedFrom(message);
  const file = sentFile(message);
  return {
    ...(quote === undefined || quote === "" ? {} : { quote }),
    ...(origin === undefined ? {} : { forwardedFrom: origin }),
    ...(file === null ? {} : { files: [{ state: "sent", file }] }),
  };
}

/** A client cuts what it sends at 4,096 characters, at a space before them where there is one: so long a text may go on. */
const splitCharsMin = 4_000;

/**
 * What the message may be a piece of: its album, or a text that its sender's client has cut (M13). A piece that nobody addressed to us
 * is one only together with what was addressed.
 */
export function partOf(message: Message, isAddressed: boolean): Part | undefined {
  const user = message.from?.id;
  const otherwise = isAddressed ? "message" : "nothing";
  if (message.media_group_id !== undefined)
    return { of: `album:${user}:${message.media_group_id}`, opens: isAddressed, otherwise };
  if (message.text === undefined) return undefined;
  return { of: `split:${user}`, opens: isAddressed && message.text.length >= splitCharsMin, otherwise };
}
