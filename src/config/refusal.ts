/**
 * What is wrong with the configuration, in one line for the terminal: the name, what was found and what is allowed.
 * I13: no line holds a secret, also not one that was written in the wrong place.
 */
import { nearest } from "./misspelling.ts";

/** Its message is the line. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
}

/** `found` is text made by `show` or `conceal`. */
export function wrongValue(name: string, found: string, allowed: string): ConfigError {
  return new ConfigError(`${name} is ${found}; allowed: ${allowed}.`);
}

export function unknownKey(key: string, file: string, known: readonly string[]): ConfigError {
  const near = nearest(key, known);
  const hint = near === null ? `Known keys: ${known.join(", ")}.` : `Did you mean "${near}"?`;
  return new ConfigError(`${show(key)} in ${file} is not a setting. ${hint}`);
}

/** One line of a terminal holds this much of a value. In UTF-16 units. */
const shownCharsMax = 80;

export function show(value: unknown): string {
  // A token in the wrong place is still a token, and a key a key.
  const text = (JSON.stringify(value) ?? "not set")
    .replace(/\d+:[\w-]{30,}/g, "<token>")
    .replace(/sk-[\w-]{8,}/g, "<key>");
  return text.length <= shownCharsMax ? text : `${text.slice(0, shownCharsMax)}\u2026`;
}

export function conceal(value: unknown): string {
  return typeof value === "string" ? `a text of ${value.length} characters (not shown)` : `of type ${typeof value}`;
}
