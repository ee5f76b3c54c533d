/**
 * What somebody wrote, and where: config.json in SIGNALBOX_HOME with the environment over it, not yet looked at for sense.
 *
 * 1. The environment overrides the file, key by key.
 * 2. Every value can be traced to where it was written, so that a refusal names the place to mend.
 */
import { readFileSync } from "node:fs";
import { isAbsolute, join, normalize } from "node:path";
import { type Environment, expandHome, homeOf, valueOf } from "./environment.ts";
import { nearest } from "./misspelling.ts";
import { conceal, ConfigError, show, wrongValue } from "./refusal.ts";
import { isRecord, secretKeys, variables } from "./settings.ts";

export type Written = {
  readonly home: string;
  readonly file: string;
  /** In the file's shape. */
  readonly values: Readonly<Record<string, unknown>>;
  /** Where the value in force was written: the variable, or the key of the file. */
  nameOf(key: string): string;
  /** The value in force as it was written; of a secret only how long it is. */
  shown(key: string): string;
};

/** Reads one file at most. Throws a ConfigError when it cannot be read as settings, or a variable is a misspelt one. */
export function readWritten(environment: Environment): Written {
  refuseMisspelt(environment);
  const home = readHome(environment);
  const file = join(home, "config.json");
  const values = overlay(readFile(file), environment, file);

  function variableOf(key: string): { readonly variable: string; readonly text: string } | undefined {
    const variable = variables.find((one) => one.key === key)?.variable;
    const text = variable === undefined ? undefined : valueOf(environment, variable);
    return variable === undefined || text === undefined ? undefined : { variable, text };
  }

  return {
    home,
    file,
    values,
    nameOf: (key) => variableOf(key)?.variable ?? keyName(key, file),
    shown(key) {
      const value = key
        .split(".")
        .reduce<unknown>((inner, part) => (isRecord(inner) ? inner[part] : undefined), values);
      return secretKeys.includes(key) ? conceal(value) : show(variableOf(key)?.text ?? value);
    },
  };
}

/** A typing mistake in a variable would leave the default in force in silence, for permissions of all things. */
function refuseMisspelt(environment: Environment): void {
  const known = [homeVariable, ...variables.map(({ variable }) => variable)];
  const ours = Object.keys(environment).filter((name) => /^(SIGNALBOX|TELEGRAM)_/.test(name) && !known.includes(name));
  for (const name of ours) {
    const near = nearest(name, known);
    if (near !== null) throw new ConfigError(`${name} is not a setting. Did you mean ${near}?`);
  }
}

/** Says where the file is, so the file cannot say it. */
const homeVariable = "SIGNALBOX_HOME";

function readHome(environment: Environment): string {
  const text = valueOf(environment, homeVariable);
  if (text === undefined) return join(homeOf(environment), ".signalbox");
  const home = expandHome(text, environment);
  if (isAbsolute(home) && !home.includes("\0")) return normalize(home);
  const allowed = "the directory of Signalbox's own files, as an absolute path or beginning with ~/";
  throw wrongValue(homeVariable, show(text), allowed);
}

function readFile(file: string): Record<string, unknown> {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "unknown reason";
    if (code === "ENOENT" || code === "ENOTDIR") return {};
    throw new ConfigError(`${file} cannot be read (${code}). Make it a file that you may read, or remove it.`);
  }
  const value = parseJson(text, file);
  if (isRecord(value)) return value;
  throw new ConfigError(`${file} must hold one JSON object, like { "maxRuns": 4 }.`);
}

function parseJson(text: string, file: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The parser's own message quotes the text around the mistake, which may be the token.
    throw new ConfigError(`${file} is not valid JSON. Check its commas, quotes and braces (comments are not allowed).`);
  }
}

/** The file's values with the environment's over them, in the file's shape. */
function overlay(values: Record<string, unknown>, environment: Environment, file: string): Record<string, unknown> {
  const result = structuredClone(values);
  for (const { variable, key, read } of variables) {
    const text = valueOf(environment, variable);
    if (text !== undefined) place(result, key.split("."), read(text), file);
  }
  return result;
}

function place(
  target: Record<string, unknown>,
  [key = "", ...rest]: readonly string[],
  value: unknown,
  file: string,
): void {
  if (rest.length === 0) {
    target[key] = value;
    return;
  }
  const inner = target[key] ?? {};
  if (!isRecord(inner)) throw wrongValue(keyName(key, file), show(inner), "a JSON object");
  target[key] = inner;
  place(inner, rest, value, file);
}

function keyName(key: string, file: string): string {
  return `"${key}" in ${file}`;
}
