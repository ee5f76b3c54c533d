/**
 * What a row of the outbox says, as the messages that Telegram takes: every kind of row is composed here, with its buttons. Pure.
 *
 * 1. Buttons stand under the last message of a row, a reply on the first.
 * 2. What would bury the chat goes as a file, with its beginning.
 */
import { type Button, buttonLabel } from "../domain/button.ts";
import { describeNotice } from "../domain/notice.ts";
import type { Outgoing, RunSnapshot } from "../engine/ports.ts";
import type { FileMessage, Keyboard, TextMessage } from "./client.ts";
import { concat, type FormattedText, head, plain, repetitionMark, split } from "./formatted-text.ts";
import { type RenderMarkdown, renderStatus } from "./render.ts";
import { readable } from "./visible.ts";

export type Part =
  | { readonly kind: "text"; readonly message: TextMessage }
  | { readonly kind: "file"; readonly file: FileMessage };

/** A summary is not sent: it is drawn over the status of its run. */
export type Sendable = Exclude<Outgoing, { kind: "summary" }>;

/** More messages than this in a row bury the chat: the whole goes as a file then, with its beginning. */
const answerPartsMax = 4;
/** Longer Markdown is not even drawn to be counted: four parts of it would have to be half markup. In UTF-16 units. */
const answerCharsMax = 30_000;
/** The beginning that goes with a file: a caption has at most 1,024 units. */
const captionCharsMax = 900;

/** `live` is the run of a status as it is now; without it there is nothing to say any more: null. */
export function compose(
  body: Sendable,
  live: RunSnapshot | null,
  nowMs: number,
  renderMarkdown: RenderMarkdown,
): Part[] | null {
  switch (body.kind) {
    case "status":
      return live && [textPart(renderStatus(live, nowMs, renderMarkdown), keyboardOf([[body.stop]]))];
    case "answer":
      return answerParts(body.text, renderMarkdown);
    case "notice":
      return noticeParts(body);
    default:
      return body satisfies never;
  }
}

function answerParts(text: string, renderMarkdown: RenderMarkdown): Part[] {
  const parts = text.length > answerCharsMax ? null : split(renderMarkdown(text));
  if (parts === null || parts.length > answerPartsMax) return [filePart(text, renderMarkdown)];
  return parts.length === 0 ? [textPart(plain("The turn ended without a text."))] : parts.map((part) => textPart(part));
}

function filePart(text: string, renderMarkdown: RenderMarkdown): Part {
  const beginning = head(renderMarkdown(text.slice(0, captionCharsMax * 3)), captionCharsMax);
  const caption = concat(beginning, plain("\n\nThe whole answer is in the file."));
  return { kind: "file", file: { name: "answer.md", content: text, caption } };
}

function noticeParts({ notice, buttons, replyTo }: Outgoing & { kind: "notice" }): Part[] {
  const texts = split(plain(readable(describeNotice(notice, "telegram"))));
  return texts.map((text, index) =>
    textPart(
      text,
      index === texts.length - 1 ? keyboardOf(buttons) : [],
      index === 0 && replyTo !== null ? Number(replyTo) : null,
    ),
  );
}

function textPart(text: FormattedText, keyboard: Keyboard = [], replyTo: number | null = null): Part {
  return { kind: "text", message: { text, keyboard, replyTo } };
}

export function keyboardOf(rows: readonly (readonly Button[])[]): Keyboard {
  return rows.map((row) => row.map((button) => ({ label: buttonLabel(button.action), data: button.id })));
}

/** The same, saying that it may have been said before (I6). */
export function marked(part: Part): Part {
  return mapText(part, (text) => concat(plain(repetitionMark), text));
}

/** Null when it has none. */
export function withoutFormatting(part: Part): Part | null {
  const text = part.kind === "text" ? part.message.text : part.file.caption;
  return text.entities.length === 0 ? null : mapText(part, ({ text: bare }) => plain(bare));
}

function mapText(part: Part, map: (text: FormattedText) => FormattedText): Part {
  return part.kind === "text"
    ? { kind: "text", message: { ...part.message, text: map(part.message.text) } }
    : { kind: "file", file: { ...part.file, caption: map(part.file.caption) } };
}
