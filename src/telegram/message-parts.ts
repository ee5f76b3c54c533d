/**
 * What a row of the outbox says, as the messages that Telegram takes: every kind of row is composed here, with its buttons. Pure.
 *
 * 1. Buttons stand under the last message of a row, a reply on the first: before a person can decide, all that they decide on is there.
 * 2. What would bury the chat goes as a file, with its beginning.
 */
import { type Button, buttonLabel } from "../domain/button.ts";
import { describeNotice } from "../domain/notice.ts";
import { plural } from "../domain/wording.ts";
import type { Outgoing, OutgoingFile, RunSnapshot } from "../engine/ports.ts";
import { renderAsk } from "./ask-card.ts";
import { renderChanges, renderDetails } from "./details.ts";
import type { FileMessage, Keyboard, TextMessage } from "./client.ts";
import {
  concat,
  entitiesMax,
  type FormattedText,
  head,
  plain,
  ofOrigin,
  repetitionMark,
  split,
  styled,
} from "./formatted-text.ts";
import { clip, renderLine, type RenderMarkdown, renderStatus } from "./render.ts";
import { readable } from "./visible.ts";

export type Part =
  | { readonly kind: "text"; readonly message: TextMessage }
  | { readonly kind: "file"; readonly file: FileMessage };

/** A summary is not sent: it is drawn over the status of its run. */
export type Sendable = Exclude<Outgoing, { kind: "summary" }>;

/** What a row is drawn with, besides its own words. */
export type Drawing = {
  /** The run of a status as it is now; without it a status has nothing to say any more. */
  readonly live: RunSnapshot | null;
  /** Where the copy of a file is; without it there is nothing to send. */
  readonly copy: string | null;
  readonly nowMs: number;
  readonly renderMarkdown: RenderMarkdown;
};

/** More messages than this in a row bury the chat: the whole goes as a file then, after its beginning and what it is about. */
const answerPartsMax = 4;
/** Longer Markdown is not even drawn to be counted: a fifth of it would have to be markup. Drawing costs some 3 us a unit. */
const answerCharsMax = 20_000;
/** Somewhat more than a screen of a phone: who wants to read on opens the file. In UTF-16 units. */
const beginningCharsMax = 1_400;
/** Markup that is not seen, on top. */
const beginningSourceCharsMax = 2_000;
/** What the rest is about, on one more screen. */
const headingsMax = 12;
const headingCharsMax = 80;
/** A caption has at most 1,024 units; a mark may come before it. */
const captionCharsMax = 900;

/** Null when there is nothing to say any more. */
export function compose(body: Sendable, { live, copy, nowMs, renderMarkdown }: Drawing): Part[] | null {
  switch (body.kind) {
    case "status":
      return (
        live && [
          textPart(
            renderStatus(live, nowMs, renderMarkdown, { view: body.view ?? "normal", waiting: 0 }),
            keyboardOf([[body.stop]]),
          ),
        ]
      );
    case "answer":
      return answerParts(body, renderMarkdown);
    case "notice":
      return noticeParts(body);
    case "ask":
      return askParts(body, renderMarkdown);
    case "file":
      return copy === null ? null : [{ kind: "file", file: storedFile(body, copy) }];
    default:
      return body satisfies never;
  }
}

/** What the run came to, and its buttons, stand under all of it. */
function answerParts(body: Outgoing & { kind: "answer" }, renderMarkdown: RenderMarkdown): Part[] {
  const { text, line = null, buttons = [] } = body;
  const end = { line: line === null ? [] : [plain("\n\n"), renderLine(line)], keyboard: keyboardOf(buttons) };
  if (text.length > answerCharsMax) return summarised(text, end, renderMarkdown);
  const drawn = renderMarkdown(text);
  const said = drawn.text.trim() === "" ? plain("The turn ended without a text.") : drawn;
  const parts = split(concat(said, ...end.line));
  if (parts.length > answerPartsMax) return summarised(text, end, renderMarkdown);
  return parts.map((part, index) => textPart(part, index === parts.length - 1 ? end.keyboard : []));
}

type AnswerEnd = { readonly line: readonly FormattedText[]; readonly keyboard: Keyboard };

/** How it begins, what comes after that, and the whole of it as a file. */
function summarised(text: string, end: AnswerEnd, renderMarkdown: RenderMarkdown): Part[] {
  const source = beginningOf(text.trimStart());
  const beginning = head(renderMarkdown(source), beginningCharsMax);
  const follows = headingsOf(text.trimStart(), source.length);
  const shown = follows.slice(0, headingsMax).map((heading) => `\n\u2022 ${clip(heading, headingCharsMax)}`);
  const more = follows.length > shown.length ? `\n\u2026 and ${follows.length - shown.length} more parts` : "";
  const size = `${plural(text.split("\n").length, "line")}, ${Math.ceil(Buffer.byteLength(text) / 1_024)} kB`;
  const what = shown.length === 0 ? [] : [styled("bold", "What follows"), plain(`${shown.join("")}${more}\n\n`)];
  // Telegram drops what goes beyond: the formatting of the beginning's end.
  const opening = { ...beginning, entities: beginning.entities.slice(0, entitiesMax - 2) };
  return [
    textPart(concat(opening, plain("\n\n"), ...what, styled("italic", `The whole answer is in the file (${size}).`))),
    writtenFilePart("answer.md", text, concat(plain("The whole answer."), ...end.line), end.keyboard),
  ];
}

/** Of a source whose drawn beginning fills what is shown; cut between two paragraphs where there is such a place. */
function beginningOf(text: string): string {
  const most = text.slice(0, beginningSourceCharsMax).replace(/[\uD800-\uDBFF]$/, "");
  const paragraph = most.lastIndexOf("\n\n");
  return paragraph > beginningCharsMax / 2 ? most.slice(0, paragraph) : most;
}

/** The headings of a Markdown text that begin at `from` or later, outside of its code. */
function headingsOf(text: string, from: number): readonly string[] {
  const found: string[] = [];
  let isInCode = false;
  for (const { index, 1: heading } of text.matchAll(/^ {0,3}(?:(?:`{3}|~{3}).*|#{1,6}[ \t]+(.*))$/gm)) {
    if (heading === undefined) isInCode = !isInCode;
    else if (!isInCode && index >= from) found.push(readable(heading.replace(/[*_`]+|[ \t]+#+[ \t]*$/g, "")).trim());
  }
  return found.filter((heading) => heading !== "");
}

function askParts({ ask, state, buttons }: Outgoing & { kind: "ask" }, renderMarkdown: RenderMarkdown): Part[] {
  const { text, whole } = renderAsk(ask, state, renderMarkdown);
  const card = textPart(text, keyboardOf(buttons));
  return whole === null ? [card] : [writtenFilePart(whole.name, whole.content, plain("")), card];
}

/** Telegram shows these in the chat; what is larger goes as a document. */
const photoNames = /\.(?:jpe?g|png|webp)$/i;
/** The only kind that Telegram's clients play. */
const videoNames = /\.mp4$/i;
/** Telegram's bound on photos. */
const photoBytesMax = 10 * 1024 * 1024;

export function storedFile({ file, caption }: Outgoing & { kind: "file" }, path: string): FileMessage {
  const words = head(plain(readable(caption ?? "")), captionCharsMax);
  return { name: file.name, content: { kind: "stored", path }, shownAs: shownAs(file), caption: words, keyboard: [] };
}

function shownAs({ name, bytes }: OutgoingFile): FileMessage["shownAs"] {
  if (photoNames.test(name) && bytes <= photoBytesMax) return "photo";
  return videoNames.test(name) ? "video" : "document";
}

function writtenFilePart(name: string, text: string, caption: FormattedText, keyboard: Keyboard = []): Part {
  return { kind: "file", file: { name, content: { kind: "text", text }, shownAs: "document", caption, keyboard } };
}

function noticeParts({ notice, buttons, replyTo }: Outgoing & { kind: "notice" }): Part[] {
  if (notice.kind === "changes") return changesParts(notice.diff);
  const drawn = notice.kind === "details" ? renderDetails(notice) : plain(readable(describeNotice(notice, "telegram")));
  const texts = split(drawn);
  return texts.map((text, index) =>
    textPart(
      text,
      index === texts.length - 1 ? keyboardOf(buttons) : [],
      index === 0 && replyTo !== null ? Number(replyTo) : null,
    ),
  );
}

function changesParts(diff: string): Part[] {
  const { text, whole } = renderChanges(diff);
  return [textPart(text), ...(whole === null ? [] : [writtenFilePart("changes.diff", whole, plain(""))])];
}

function textPart(text: FormattedText, keyboard: Keyboard = [], replyTo: number | null = null): Part {
  return { kind: "text", message: { text, keyboard, replyTo } };
}

/** Some labels were written by an agent. Telegram refuses a button without one; phones show about half of this. */
const labelCharsMax = 64;

export function keyboardOf(rows: readonly (readonly Button[])[]): Keyboard {
  return rows.map((row) => row.map((button) => ({ label: label(button), data: button.id })));
}

function label({ action }: Button): string {
  return clip(readable(buttonLabel(action)).replace(/\s+/g, " ").trim(), labelCharsMax) || "\u2026";
}

/** The first says of which schedule they are. */
export function partsOfOrigin(origin: string | null, parts: readonly Part[]): Part[] {
  return parts.map((part, index) => (index === 0 ? mapText(part, (text) => ofOrigin(origin, text)) : part));
}

/** The same, saying that it may have been said before (I6). */
export function marked(part: Part): Part {
  return mapText(part, (text) => concat(plain(repetitionMark), text));
}

/** What Telegram may take when it refused this: a picture as a document, a text without formatting. Null when it is as plain as can be. */
export function plainer(part: Part): Part | null {
  if (part.kind === "file" && part.file.shownAs !== "document")
    return { kind: "file", file: { ...part.file, shownAs: "document" } };
  const text = part.kind === "text" ? part.message.text : part.file.caption;
  return text.entities.length === 0 ? null : mapText(part, ({ text: bare }) => plain(bare));
}

function mapText(part: Part, map: (text: FormattedText) => FormattedText): Part {
  return part.kind === "text"
    ? { kind: "text", message: { ...part.message, text: map(part.message.text) } }
    : { kind: "file", file: { ...part.file, caption: map(part.file.caption) } };
}
