/**
 * What a person types to stop. Every channel reads text through `readText`, so that a stop is the same stop everywhere.
 * "cancel my job" and "stop using tabs" are prompts: only a bare stop word, politely wrapped or not, stops.
 */
import type { Request } from "./inbox-item.ts";

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

/** Reads a person's text (not a /command): `!` alone or a stop word stops, `!text` interrupts, all else is a prompt. */
export function readText(text: string): Request {
  const trimmed = text.trim();
  if (/^[!\uFF01]+$/.test(trimmed) || isStopWord(trimmed)) {
    return { kind: "command", command: { name: "stop", scope: stopScope(trimmed) } };
  }
  if (/^[!\uFF01]/.test(trimmed)) {
    return { kind: "prompt", placement: "interrupt", prompt: { text: trimmed.replace(/^[!\uFF01]+\s*/, "") } };
  }
  return { kind: "prompt", placement: "queue", prompt: { text: trimmed } };
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
