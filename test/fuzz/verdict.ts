/**
 * What is wrong with an answer as it would be sent: judged by the local Bot API and by the Markdown parser alone, by nothing of the product.
 *
 * 1. Telegram takes every part as it is: the server's cleaning, trimming and unnesting change nothing.
 * 2. What a reader of the Markdown would see is there, in its order, in whatever pieces it is cut.
 */
import type { MessageEntity } from "grammy/types";
import { fromMarkdown } from "mdast-util-from-markdown";
import { gfmFromMarkdown } from "mdast-util-gfm";
import { gfm } from "micromark-extension-gfm";
import { emptyTranscript } from "../../src/domain/transcript.ts";
import { compose, marked, type Part } from "../../src/telegram/message-parts.ts";
import { type FormattedText, split } from "../../src/telegram/formatted-text.ts";
import { renderMarkdown } from "../../src/telegram/markdown.ts";
import { type RenderMarkdown, renderStatus } from "../../src/telegram/render.ts";
import type { ConversationId } from "../../src/domain/conversation.ts";
import type { RunId } from "../../src/domain/run.ts";
import { BotApiError } from "../emulator/bot-api-error.ts";
import { captionUnitsMax, formatText, textUnitsMax } from "../emulator/message-text.ts";
import type { Mutation } from "../emulator/mutations.ts";
import { createValidation, type Validation } from "../emulator/validation.ts";
import type { MarkdownCase } from "./random-markdown.ts";

export type Judge = (one: MarkdownCase, cutAt: number) => readonly string[];

/** `cutAt` is the length that the text is cut at besides Telegram's own: short pieces meet every place where a cut may go wrong. */
export function createJudge(): Judge {
  const validation = createValidation();
  return ({ source, words }, cutAt) => {
    const whole = renderMarkdown(source);
    const parts = split(whole);
    const pieces = split(whole, cutAt);
    const visible = visibleOf(source);
    return [
      ...parts.flatMap((part) => faultsOf(validation, part, textUnitsMax)),
      ...pieces.flatMap((part) => faultsOf(validation, part, cutAt)),
      ...sentFaults(validation, source, (text) => (text === source ? whole : renderMarkdown(text))),
      ...statusFaults(validation, source),
      ...lostFrom("the whole", whole.text, visible, words),
      ...lostFrom("the parts", joined(parts), visible, words),
      ...lostFrom(`pieces of ${cutAt}`, joined(pieces), visible, words),
      ...pieces.filter(({ text }) => text.length > cutAt).map(() => "a piece is longer than asked"),
    ];
  };
}

// ---------------------------------------------------------------- what Telegram says

const noMutations: ReadonlySet<Mutation> = new Set();

function faultsOf(validation: Validation, { text, entities }: FormattedText, unitsMax: number): readonly string[] {
  const isSolid = ({ type }: MessageEntity): boolean => type === "pre" || type === "code";
  const isQuote = ({ type }: MessageEntity): boolean => type === "blockquote";
  const problem = validation.problem("sendMessage", { chat_id: 1, text, entities });
  return [
    ...(problem === undefined ? [] : [problem.message]),
    ...(text.isWellFormed() ? [] : ["half a character"]),
    ...entities.flatMap((entity, index) => entities.slice(index + 1).flatMap((other) => meeting(entity, other))),
    ...linkFaults(entities),
    // A quote may hold code (Bot API, MessageEntity); the local server is stricter, so the two are shown to it one after the other.
    ...changes(
      text,
      entities.filter((entity) => !isQuote(entity)),
      unitsMax,
    ),
    ...changes(
      text,
      entities.filter((entity) => !isSolid(entity)),
      unitsMax,
    ),
  ];
}

function changes(text: string, entities: readonly MessageEntity[], unitsMax: number): readonly string[] {
  try {
    const raw = { text, parseMode: undefined, entities, unitsMax, tooLong: "message is too long", mayBeEmpty: false };
    const kept = formatText(raw, noMutations);
    const own = kept.entities.filter(({ type }) => entities.some((entity) => entity.type === type));
    const isSame =
      JSON.stringify(own) === JSON.stringify(entities.toSorted((a, b) => a.offset - b.offset || b.length - a.length));
    return [
      ...(kept.text === text.replaceAll("\t", " ") ? [] : ["the server changes the text"]),
      ...(isSame ? [] : [`the server changes the entities: ${JSON.stringify(entities)} to ${JSON.stringify(own)}`]),
    ];
  } catch (error) {
    if (error instanceof BotApiError) return [error.message];
    throw error;
  }
}

function meeting(a: MessageEntity, b: MessageEntity): readonly string[] {
  const [aEnd, bEnd] = [a.offset + a.length, b.offset + b.length];
  if (a.offset >= bEnd || b.offset >= aEnd) return [];
  if (a.type === b.type) return [`${a.type} inside itself`];
  const holds = (outer: MessageEntity, inner: MessageEntity): boolean =>
    outer.offset <= inner.offset && outer.offset + outer.length >= inner.offset + inner.length;
  if (!holds(a, b) && !holds(b, a)) return [`${a.type} crosses ${b.type}`];
  for (const [solid, other] of [
    [a, b],
    [b, a],
  ] as const) {
    if (solid.type !== "pre" && solid.type !== "code") continue;
    if (other.type !== "blockquote" || !holds(other, solid)) return [`${solid.type} meets ${other.type}`];
  }
  return [];
}

function linkFaults(entities: readonly MessageEntity[]): readonly string[] {
  return entities.flatMap((entity) =>
    entity.type === "text_link" && !/^(?:https?|mailto|tel):/i.test(entity.url) ? [`a link to ${entity.url}`] : [],
  );
}

/** As the answer of a run: its parts, and the same when their first delivery is unknown. */
function sentFaults(validation: Validation, source: string, draw: RenderMarkdown): readonly string[] {
  const body = { kind: "answer" as const, run: "r" as RunId, text: source };
  const parts = compose(body, { live: null, copy: null, nowMs: 0, renderMarkdown: draw }) ?? [];
  if (parts.length === 0) return ["an answer without a message"];
  return [...parts, ...parts.map(marked)].flatMap((part) => faultsOf(validation, textOf(part), unitsMaxOf(part)));
}

function textOf(part: Part): FormattedText {
  return part.kind === "text" ? part.message.text : part.file.caption;
}

function unitsMaxOf(part: Part): number {
  return part.kind === "text" ? textUnitsMax : captionUnitsMax;
}

/** As the text of a live run, whose status shows its end. */
function statusFaults(validation: Validation, source: string): readonly string[] {
  const snapshot = {
    owner: { conversation: "telegram:1" as ConversationId, run: "r" as RunId, epoch: 1 },
    driver: "demo",
    state: "running" as const,
    startedAtMs: 0,
    transcript: { ...emptyTranscript, text: source },
  };
  return faultsOf(validation, renderStatus(snapshot, 1_000, renderMarkdown), textUnitsMax).map(
    (fault) => `in the status: ${fault}`,
  );
}

// ---------------------------------------------------------------- what a reader sees

type Tree = {
  readonly type: string;
  readonly value?: string;
  readonly alt?: string | null;
  readonly lang?: string | null;
  readonly meta?: string | null;
  readonly children?: readonly Tree[];
};

const dialect = { extensions: [gfm()], mdastExtensions: [gfmFromMarkdown()] };

/** The letters and digits that a reader of this Markdown sees: text, code, markup that is none, what a picture shows. */
function visibleOf(source: string): string {
  const clean = source
    .replace(/\r\n?/g, "\n")
    .replace(/[^\P{Cc}\t\n]|[\u2028-\u202E\u2066-\u2069]/gu, "")
    .toWellFormed();
  const found: string[] = [];
  const collect = (node: Tree): void => {
    if (node.type === "definition") return;
    // What stands behind a fence is read unless it is a language.
    const info = [node.lang ?? "", node.meta ?? ""].join(" ").trim();
    if (!/^[\w+#-]{1,32}$/.test(info)) found.push(info);
    found.push(node.value ?? node.alt ?? "");
    for (const child of node.children ?? []) collect(child);
  };
  collect(fromMarkdown(clean, dialect) as Tree);
  return lettersOf(found.join(" "));
}

function lettersOf(text: string): string {
  return text.normalize("NFD").replace(/[^\p{L}\p{N}\p{Emoji_Presentation}]/gu, "");
}

function joined(parts: readonly FormattedText[]): string {
  return parts.map(({ text }) => text).join("\n");
}

function lostFrom(where: string, text: string, visible: string, words: readonly string[] | null): readonly string[] {
  const lost =
    firstMissing(Array.from(visible), Array.from(lettersOf(text))) ??
    (words === null ? null : firstMissing(words, text.match(/w\d+/g) ?? []));
  return lost === null ? [] : [`${where}: lost "${lost}"`];
}

/** The first of `wanted` that `all` does not have in this order. */
function firstMissing(wanted: readonly string[], all: readonly string[]): string | null {
  let at = 0;
  for (const one of wanted) {
    at = all.indexOf(one, at) + 1;
    if (at === 0) return one;
  }
  return null;
}
