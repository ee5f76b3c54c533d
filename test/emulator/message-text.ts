// What Telegram does to a text and its entities before a message exists (F4).
//
// Offsets and lengths count UTF-16 units, which is what JavaScript strings count. Wording follows TDLib's MessageEntity.

import type { MessageEntity } from "grammy/types";
import { badRequest, BotApiError } from "./bot-api-error.ts";
import type { Mutation } from "./mutations.ts";

export interface FormattedText {
  readonly text: string;
  readonly entities: MessageEntity[];
}

export const textUnitsMax = 4096;
export const captionUnitsMax = 1024;
const rawBytesMax = 32_768;
/** Further entities are dropped without a word by the real server. */
const entitiesMax = 100;

const invisible = /^[\s\u200b-\u200f\u2060-\u2064\ufeff]*$/;

/** Entities of these types are found by the server itself; what a bot sends of them is ignored. */
const automaticTypes = new Set([
  "mention",
  "hashtag",
  "cashtag",
  "bot_command",
  "url",
  "email",
  "phone_number",
  "bank_card_number",
]);

export interface RawText {
  readonly text: string;
  readonly parseMode: string | undefined;
  readonly entities: readonly MessageEntity[] | undefined;
  readonly unitsMax: number;
  readonly tooLong: string;
  readonly mayBeEmpty: boolean;
}

/** Throws BotApiError as the server would. */
export function formatText(raw: RawText, mutations: ReadonlySet<Mutation>): FormattedText {
  if (raw.parseMode !== undefined && raw.parseMode.toLowerCase() !== "none") {
    throw new BotApiError(501, `Not Implemented: parse_mode ${raw.parseMode} is not modelled`, "unmodelled");
  }
  if (Buffer.byteLength(raw.text) > rawBytesMax) throw badRequest("text is too long", "text");
  const manual = (raw.entities ?? []).filter((entity) => !automaticTypes.has(entity.type));
  const entities = manual.slice(0, entitiesMax).toSorted((a, b) => a.offset - b.offset || b.length - a.length);
  for (const entity of entities) checkRange(raw.text, entity, mutations);
  const trimmed = trim({ text: raw.text, entities }, mutations);
  if (invisible.test(trimmed.text) && !raw.mayBeEmpty && !mutations.has("blank-text-accepted")) {
    throw badRequest("text must be non-empty", "text");
  }
  const units = mutations.has("length-in-bytes") ? Buffer.byteLength(trimmed.text) : trimmed.text.length;
  if (units > raw.unitsMax && !mutations.has("long-text-accepted")) throw badRequest(raw.tooLong, "text");
  return { text: trimmed.text, entities: [...unnest(trimmed.entities, mutations), ...automatic(trimmed.text)] };
}

function checkRange(text: string, entity: MessageEntity, mutations: ReadonlySet<Mutation>): void {
  const end = entity.offset + entity.length;
  if (entity.offset < 0) throw badRequest(`receive an entity with incorrect offset ${entity.offset}`, "text");
  if (entity.length < 0) throw badRequest(`receive an entity with incorrect length ${entity.length}`, "text");
  if (end > text.length && !mutations.has("entity-beyond-end-accepted")) {
    throw badRequest(
      `entity beginning at UTF-16 offset ${entity.offset} ends after the end of the text at UTF-16 offset ${end}`,
      "text",
    );
  }
  if (mutations.has("entity-splits-symbol-accepted")) return;
  if (splitsSymbol(text, entity.offset)) {
    throw badRequest(
      `entity begins in a middle of a UTF-16 symbol at byte offset ${bytesTo(text, entity.offset)}`,
      "text",
    );
  }
  if (splitsSymbol(text, end)) {
    throw badRequest(
      `entity beginning at UTF-16 offset ${entity.offset} ends in a middle of a UTF-16 symbol at byte offset ${bytesTo(text, end)}`,
      "text",
    );
  }
}

function splitsSymbol(text: string, at: number): boolean {
  const before = text.charCodeAt(at - 1);
  const after = text.charCodeAt(at);
  return before >= 0xd800 && before <= 0xdbff && after >= 0xdc00 && after <= 0xdfff;
}

/** The byte offset of the first symbol that starts at or after the unit. */
function bytesTo(text: string, unit: number): number {
  return Buffer.byteLength(text.slice(0, unit + 1));
}

/** What the server takes out of every text (TDLib's clean_input_string): what reorders it, and marks that grow over lines. */
const takenOut = /[\r\u2028-\u202e]|\u030a|\u0333|\u033f/g;
/** What it writes as a space: controls of ASCII other than the line feed. */
const blanked = /[^\P{ASCII}\x20-\x7f\n]/gu;

/** Blanks at both ends go, what is taken out goes, entities move along, and entities that hold only blanks go as well. */
function trim({ text, entities }: FormattedText, mutations: ReadonlySet<Mutation>): FormattedText {
  if (mutations.has("no-trim")) return { text, entities };
  const gone = mutations.has("nothing-taken-out") ? /\r/g : takenOut;
  const normal = text.replaceAll(gone, "").replaceAll(blanked, " ");
  const shift = (unit: number) => text.slice(0, unit).replaceAll(gone, "").length;
  const end = normal.trimEnd().length;
  // Leading blanks go only as far as the first entity.
  const firstEntity = entities[0] === undefined ? end : shift(entities[0].offset);
  const start = Math.min(normal.length - normal.trimStart().length, firstEntity, end);
  const kept = entities.flatMap((entity) => {
    const from = Math.max(shift(entity.offset), start);
    const to = Math.min(shift(entity.offset + entity.length), end);
    return from < to && normal.slice(from, to).trim() !== ""
      ? [{ ...entity, offset: from - start, length: to - from }]
      : [];
  });
  return { text: normal.slice(start, end), entities: kept };
}

/** pre and code hold nothing else: what is inside them, or crosses them, is dropped. */
function unnest(entities: readonly MessageEntity[], mutations: ReadonlySet<Mutation>): MessageEntity[] {
  if (mutations.has("nested-code-accepted")) return [...entities];
  const blocks = entities.filter((entity) => entity.type === "pre" || entity.type === "code");
  return entities.filter((entity) => blocks.includes(entity) || !blocks.some((block) => overlaps(block, entity)));
}

function overlaps(a: MessageEntity, b: MessageEntity): boolean {
  return a.offset < b.offset + b.length && b.offset < a.offset + a.length;
}

/** The entities Telegram finds by itself: commands, mentions, hashtags and links. */
export function automatic(text: string): MessageEntity[] {
  const found: MessageEntity[] = [];
  const collect = (type: "bot_command" | "mention" | "hashtag" | "url", pattern: RegExp) => {
    for (const match of text.matchAll(pattern)) {
      const body = match[1] ?? match[0];
      found.push({ type, offset: match.index + match[0].length - body.length, length: body.length });
    }
  };
  collect("bot_command", /(?<![\w/<>])\/[a-zA-Z0-9_]{1,64}(?:@\w{3,32})?(?![\w/])/g);
  collect("mention", /(?<!\w)@\w{4,32}\b/g);
  collect("hashtag", /(?<!\w)#\w{1,128}/g);
  collect("url", /\bhttps?:\/\/[^\s<>"']+[^\s<>"'.,;:!?)]/g);
  return found.toSorted((a, b) => a.offset - b.offset);
}

/** How a person's app sends a text that is too long: in pieces, cut at a line or a word, never inside a symbol (F8). */
export function splitLongText(text: string): string[] {
  const parts: string[] = [];
  let rest = text;
  while (rest.length > textUnitsMax) {
    const window = rest.slice(0, textUnitsMax);
    const atLine = window.lastIndexOf("\n");
    const atWord = window.lastIndexOf(" ");
    let cut = atLine > 0 ? atLine + 1 : atWord > 0 ? atWord + 1 : textUnitsMax;
    if (splitsSymbol(rest, cut)) cut -= 1;
    parts.push(rest.slice(0, cut));
    rest = rest.slice(cut);
  }
  parts.push(rest);
  return parts;
}
