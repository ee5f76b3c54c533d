/**
 * The environment as it was given, and what of it is handed on. Values and pure functions: process.env itself is read in config.ts.
 *
 * 1. A variable that is set to nothing counts as not set.
 * 2. I13: agents get an environment without ours.
 */
import { homedir } from "node:os";
import { join } from "node:path";

export type Environment = Readonly<Record<string, string | undefined>>;

/** Without the spaces around it; undefined when it is not set. */
export function valueOf(environment: Environment, variable: string): string | undefined {
  const text = environment[variable]?.trim();
  return text === "" ? undefined : text;
}

/** `~` and `~/…` with the user's own directory in its place; any other text as it is. */
export function expandHome(text: string, environment: Environment): string {
  return text === "~" || text.startsWith("~/") ? join(homeOf(environment), text.slice(1)) : text;
}

export function homeOf(environment: Environment): string {
  return valueOf(environment, "HOME") ?? homedir();
}

/**
 * `environment` without what belongs to Signalbox, and without the variables that are `ours` in this configuration: an agent must not be
 * able to speak as the bot, to reach our database or to use our keys.
 */
export function agentEnvironment(
  environment: Environment,
  ours: readonly string[] = [],
): Readonly<Record<string, string>> {
  const isOurs = (name: string): boolean => /^(TELEGRAM_|SIGNALBOX_|DATABASE_URL$)/.test(name) || ours.includes(name);
  const kept = Object.entries(environment).filter(
    (pair): pair is [string, string] => pair[1] !== undefined && !isOurs(pair[0]),
  );
  return Object.freeze(Object.fromEntries(kept));
}
