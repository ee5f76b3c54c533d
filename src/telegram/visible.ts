/**
 * Characters that make a line look like another one (T5): what turns the direction of writing around, what has no width, and
 * controls. In a command that is shown they become visible; from running text those that reorder it are taken out.
 */
import { visibleText as withMarks } from "../lib/visible.ts";

/**
 * Halves of surrogate pairs, which cannot be sent, and three combining marks that Telegram's server takes out of every text (TDLib's
 * `clean_input_string`).
 */
const lost = /[\p{Cs}\u030A\u0333\u033F]/gu;

/** Embeddings, overrides and isolates; line and paragraph separators, which Telegram removes and so shifts every entity. */
const reordering = /[\u2028-\u202E\u2066-\u2069]/g;

/** Controls other than tab and line feed. */
const controls = /[^\P{Cc}\t\n]/gu;

/** One line in which every character can be seen: for commands, file names and other things that are read before trusting. */
export function visibleLine(text: string): string {
  return visibleText(text.replace(/\s*\r?\n\s*/g, " \u23CE ").replace(/\t/g, " ")).trim();
}

/** The same in several lines: for what a person allows or denies. */
export function visibleText(text: string): string {
  return withMarks(text).replace(
    lost,
    (character) => `\u27E8U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase()}\u27E9`,
  );
}

/** Marks that Telegram takes out of every text: what can is written as one letter with it, the rest would only shift entities. */
const lostMarks = /[\u030A\u0333\u033F]/g;

/** Running text as Telegram will keep it: line feeds only, no controls, nothing that reorders, whole characters. */
export function readable(text: string): string {
  const clean = text.replace(/\r\n?/g, "\n").replace(controls, "").replace(reordering, "").toWellFormed();
  // The \u00E5 of a Mac's file names is an "a" and a ring, of which Telegram would leave the "a".
  return clean.search(lostMarks) === -1 ? clean : clean.normalize("NFC").replace(lostMarks, "");
}
