/**
 * What a person types, as a request: a command, a stop, an interrupt or a prompt. Every channel reads text through here, so that
 * a stop is the same stop everywhere (S1). "cancel my job" and "stop using tabs" are prompts: only a bare stop word, politely
 * wrapped or not, stops; and "/etc/hosts is wrong" is one too: a command is one word after the slash.
 */
import type { ModelChoice } from "./agent-model.ts";
import type { Command, Request } from "./inbox-item.ts";
import { promptCharsMax } from "./prompt.ts";

const stopWords = new Set(["stop", "pause", "abort", "halt", "cancel"]);
const politeWords = new Set([
  "please",
  "pls",
  "now",
  "ok",
  "okay",
  "hey",
  "just",
  "thanks",
  "thank",
  "you",
  "it",
  "that",
  "this",
  "everything",
  "all",
  "immediately",
]);
const politeHeads = new Set(["can", "could", "would", "will"]);

/** A bare stop politely wrapped is short; longer texts are prompts whatever they begin with. */
const politeWordsMax = 6;

/** A title is one line of a list. In UTF-16 units. */
export const titleCharsMax = 100;

/** Reads a person's text: a /command, `!` alone or a stop word, `!text` that interrupts; all else is a prompt. */
export function readText(text: string): Request {
  const trimmed = text.trim();
  const [, word, rest = ""] = /^\/([A-Za-z0-9_-]{1,64})(?:\s+([\s\S]*))?$/.exec(trimmed) ?? [];
  if (word !== undefined) return { kind: "command", command: readCommand(word, rest) };
  if (/^[!\uFF01]+$/.test(trimmed) || isStopWord(trimmed)) {
    return { kind: "command", command: { name: "stop", scope: stopScope(trimmed) } };
  }
  if (/^[!\uFF01]/.test(trimmed)) {
    return { kind: "prompt", placement: "interrupt", prompt: { text: trimmed.replace(/^[!\uFF01]+\s*/, "") } };
  }
  return { kind: "prompt", placement: "queue", prompt: { text: trimmed } };
}

/**
 * Reads what was heard in a voice message: as if it had been typed, and "interrupt, do this instead" is `!do this instead`, since nobody
 * says an exclamation mark.
 */
export function readSpoken(text: string): Request {
  const [, rest] = /^interrupt\b[\s,.:;!\u2026-]*([^\s,.:;!\u2026-][\s\S]*)$/i.exec(text.trim()) ?? [];
  return rest === undefined ? readText(text) : readText(`!${rest}`);
}

function isStopWord(text: string): boolean {
  const words = text
    .toLowerCase()
    .replace(/[.,!?\u2026]+/g, " ")
    .trim()
    .split(/\s+/);
  if (words.length > politeWordsMax) return false;
  const stops = words.filter((word) => stopWords.has(word));
  if (stops.length === 0) return false;
  return words.every((word) => stopWords.has(word) || politeWords.has(word) || politeHeads.has(word));
}

function stopScope(text: string): "conversation" | "all" {
  return /\b(all|everything)\b/i.test(text) ? "all" : "conversation";
}

/** `word` without its slash, in any case; `rest` is what follows it. */
export function readCommand(word: string, rest: string): Command {
  const name = word.toLowerCase();
  switch (name) {
    case "start":
    case "help":
    case "status":
    case "queue":
      return { name };
    case "stop":
      return { name, scope: /^(all|everything)$/i.test(rest.trim()) ? "all" : "conversation" };
    case "new":
      return { name, title: rest.trim() === "" ? null : rest.trim().slice(0, titleCharsMax).toWellFormed() };
    case "switch":
    case "agent":
      return { name: "switch", driver: argument(rest) };
    case "model":
      return { name: "model", choice: modelChoice(rest) };
    case "project":
      return { name: "project", typed: rest.trim() === "" ? null : rest.trim() };
    case "permissions":
      return { name: "permissions", mode: argument(rest) };
    case "resume":
    case "sessions":
      return { name: "resume", search: argument(rest) };
    case "settings": {
      const [setting, value] = words(rest);
      return { name, setting, value };
    }
    case "pair": {
      const [code, role] = words(rest);
      return { name, code, role };
    }
    case "cron":
    case "schedule":
      return { name: "cron", typed: rest.trim().slice(0, promptCharsMax).toWellFormed() };
    case "people":
    case "fork":
    case "terminal":
    case "files":
    case "usage":
    case "context":
    case "debug":
    case "logs":
      return { name };
    default:
      return { name: "unknown", text: `/${word}` };
  }
}

/** More is no name of anything. */
const argumentCharsMax = 200;

function argument(rest: string): string | null {
  const text = rest.trim().slice(0, argumentCharsMax).toWellFormed();
  return text === "" ? null : text;
}

/** The first word and the one after it. */
function words(rest: string): readonly [string | null, string | null] {
  const [first, second] = (argument(rest) ?? "").split(/\s+/);
  return [first === undefined || first === "" ? null : first, second ?? null];
}

/** `/model <id> [effort]` */
function modelChoice(rest: string): ModelChoice | null {
  const [id, effort] = words(rest);
  return id === null ? null : { id, effort };
}
