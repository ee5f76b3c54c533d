/**
 * Text with Telegram's formatting beside it, and how it is cut into messages.
 *
 * 1. Entities count in UTF-16 units, lie inside their text, and never begin or end inside a surrogate pair.
 * 2. A part is at most `partCharsMax` units and `entitiesMax` entities, and neither begins nor ends with blanks (Telegram
 *    would trim it and shift everything).
 */
import type { MessageEntity } from "grammy/types";

export type FormattedText = { readonly text: string; readonly entities: readonly MessageEntity[] };

/** Put before a message whose first sending has an unknown outcome (I6). */
export const repetitionMark = "(possibly repeated) ";

/** The line before what a schedule's run says (T16): whose it is. A name has at most 32 characters. */
const originLine = (name: string): string => `\u23F0 ${name}\n`;
const originCharsMax = originLine("").length + 32;

/** Telegram's 4,096 units, less the room for what may come before them, so that a repeated part is cut where the first one was. */
export const partCharsMax = 4096 - repetitionMark.length - originCharsMax;
/** Telegram drops what goes beyond, without a word. */
export const entitiesMax = 100;

export function plain(text: string): FormattedText {
  return { text, entities: [] };
}

export function code(text: string): FormattedText {
  return { text, entities: text === "" ? [] : [{ type: "code", offset: 0, length: text.length }] };
}

/** Null language: none. */
export function pre(text: string, language: string | null): FormattedText {
  if (text.trim() === "") return plain("(blank)"); // Telegram drops an entity that holds nothing
  const entity = { type: "pre" as const, offset: 0, length: text.length };
  return { text, entities: [language === null ? entity : { ...entity, language }] };
}

export function styled(type: "bold" | "italic" | "blockquote", text: string): FormattedText {
  return { text, entities: text.trim() === "" ? [] : [{ type, offset: 0, length: text.length }] };
}

export function concat(...pieces: readonly FormattedText[]): FormattedText {
  let text = "";
  const entities: MessageEntity[] = [];
  for (const piece of pieces) {
    for (const entity of piece.entities) entities.push({ ...entity, offset: entity.offset + text.length });
    text += piece.text;
  }
  return { text, entities };
}

/** Says of which schedule it is; null: of none. */
export function ofOrigin(origin: string | null, text: FormattedText): FormattedText {
  return origin === null ? text : concat(plain(originLine(origin)), text);
}

/** Cuts at a blank line, else a line, else a space, else anywhere but inside a surrogate pair. No part is blank. */
export function split(whole: FormattedText, charsMax: number = partCharsMax): readonly FormattedText[] {
  const entities = whole.entities.toSorted((a, b) => a.offset - b.offset);
  const parts: FormattedText[] = [];
  let from = skipBlank(whole.text, 0);
  while (from < whole.text.length) {
    const to = cutPoint(whole.text, entities, from, charsMax);
    const part = slice(whole.text, entities, from, to);
    if (part.text !== "") parts.push(part);
    from = skipBlank(whole.text, to);
  }
  return parts;
}

/** The first part of at most `charsMax` units, with an ellipsis when something was left out. */
export function head(whole: FormattedText, charsMax: number): FormattedText {
  const [first, ...rest] = split(whole, charsMax - 2);
  if (first === undefined) return plain("");
  return rest.length === 0 ? first : concat(first, plain(" \u2026"));
}

/**
 * The beginning and the end of a text of more than `charsMax` units, and between them what `left` says of the number of units that are
 * not shown. Shorter ones stay as they are.
 */
export function cutMiddle(
  whole: FormattedText,
  charsMax: number,
  left: (units: number) => FormattedText,
): FormattedText {
  if (whole.text.length <= charsMax) return whole;
  const to = cutPoint(whole.text, [], 0, Math.floor((charsMax * 2) / 3));
  const from = whole.text.length - tail(whole.text, Math.floor(charsMax / 3)).length;
  return concat(piece(whole, 0, to), left(from - to), piece(whole, from, whole.text.length));
}

/** As it stands, blanks and all: other text is put around it. */
function piece({ text, entities }: FormattedText, from: number, to: number): FormattedText {
  const kept = entities.flatMap((entity) => {
    const first = Math.max(entity.offset, from);
    const last = Math.min(entity.offset + entity.length, to);
    if (first >= last || text.slice(first, last).trim() === "") return [];
    return [{ ...entity, offset: first - from, length: last - first }];
  });
  return { text: text.slice(from, to), entities: kept };
}

/** The newest `charsMax` units of a text, cut at a line when one is near, never inside a surrogate pair. */
export function tail(text: string, charsMax: number): string {
  if (text.length <= charsMax) return text;
  const from = text.length - charsMax;
  const line = text.indexOf("\n", from);
  if (line !== -1 && line - from < charsMax / 4) return text.slice(line + 1);
  return text.slice(splitsSymbol(text, from) ? from + 1 : from);
}

/** A cut that leaves less than this share of a message used is not worth its neater place. */
const neatShareMin = 0.4;

function cutPoint(text: string, entities: readonly MessageEntity[], from: number, charsMax: number): number {
  const crowded = entitiesEnd(entities, from, text.length);
  const limit = Math.min(from + charsMax, crowded);
  if (limit >= text.length) return text.length;
  const least = from + Math.floor((limit - from) * neatShareMin);
  for (const neat of ["\n\n", "\n", " "]) {
    const at = text.lastIndexOf(neat, limit);
    if (at > least && at <= limit) return at;
  }
  return splitsSymbol(text, limit) && limit - 1 > from ? limit - 1 : limit;
}

/** Where the entity begins that would be one too many for a part that starts at `from`. */
function entitiesEnd(entities: readonly MessageEntity[], from: number, end: number): number {
  let count = 0;
  for (const entity of entities) {
    if (entity.offset + entity.length <= from) continue;
    count += 1;
    if (count > entitiesMax && entity.offset > from) return entity.offset;
  }
  return end;
}

function slice(text: string, entities: readonly MessageEntity[], from: number, to: number): FormattedText {
  const untrimmed = text.slice(from, to);
  const start = from + (untrimmed.length - untrimmed.trimStart().length);
  const end = from + untrimmed.trimEnd().length;
  if (end <= start) return plain("");
  const kept: MessageEntity[] = [];
  for (const entity of entities) {
    const first = Math.max(entity.offset, start);
    const last = Math.min(entity.offset + entity.length, end);
    if (first < last && text.slice(first, last).trim() !== "") {
      kept.push({ ...entity, offset: first - start, length: last - first });
    }
  }
  return { text: text.slice(start, end), entities: kept.slice(0, entitiesMax) };
}

function skipBlank(text: string, from: number): number {
  let at = from;
  while (at < text.length && text.charAt(at).trim() === "") at += 1;
  return at;
}

function splitsSymbol(text: string, at: number): boolean {
  return /[\uD800-\uDBFF]/.test(text.charAt(at - 1)) && /[\uDC00-\uDFFF]/.test(text.charAt(at));
}
