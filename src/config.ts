/**
 * The configuration: read once from the environment and from `config.json` in SIGNALBOX_HOME into one frozen value.
 *
 * 1. The environment overrides the file. A variable that is set to nothing counts as not set.
 * 2. A wrong value is a ConfigError: one line with the name, what was found and what is allowed. Nothing is guessed or ignored.
 * 3. I13: a secret is never part of a message, and agents get an environment without ours.
 * 4. Nobody else reads process.env.
 */
import { readFileSync } from "node:fs";
import { isIPv4 } from "node:net";
import { homedir } from "node:os";
import { isAbsolute, join, normalize } from "node:path";
import * as v from "valibot";
import type { PermissionMode } from "./domain/permission-mode.ts";
import type { LogLevel } from "./lib/log.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

/** All paths are absolute; whether they exist is not checked here. */
export type Config = {
  readonly home: string;
  readonly workspace: string;
  /** Null: the first agent that is installed and logged in, else the demo. */
  readonly driver: "claude" | "demo" | null;
  readonly permissions: PermissionMode;
  readonly runsMax: number;
  /** Null: no page. Port 0 takes any free one. */
  readonly web: { readonly host: string; readonly port: number } | null;
  readonly log: LogLevel;
  /** Null: no Telegram. `apiRoot` has no slash at its end. */
  readonly telegram: {
    readonly token: string;
    readonly users: readonly number[];
    readonly apiRoot: string;
  } | null;
  /** The path of the Claude Code executable, if one was chosen. */
  readonly claude: { readonly path: string | null };
  readonly downtimeMs: number;
  readonly drainGraceMs: number;
  /** What agents and their tools inherit (I13). */
  readonly agentEnvironment: Readonly<Record<string, string>>;
  /** Every secret value of this configuration, for the log's scrubber. */
  readonly secrets: readonly string[];
};

/** What is wrong with the configuration, in one line for the terminal; holds no secret. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
}

/** Throws a ConfigError when a value is wrong. Reads one file at most, writes nothing. */
export function readConfig(environment: Environment = process.env): Config {
  refuseMisspelt(environment);
  const home = readHome(environment);
  const source: Source = { environment, file: join(home, "config.json") };
  const found = overlay(readFile(source.file), source);
  const checked = v.safeParse(fileSchema, found);
  if (!checked.success) throw describeIssue(checked.issues[0], found, source);
  return freeze(build(checked.output, home, source));
}

/** `environment` without what belongs to Signalbox: an agent must not be able to speak as the bot or to reach our database. */
export function agentEnvironment(environment: Environment = process.env): Readonly<Record<string, string>> {
  const kept = Object.entries(environment).filter(
    (pair): pair is [string, string] => pair[1] !== undefined && !/^(TELEGRAM_|SIGNALBOX_|DATABASE_URL$)/.test(pair[0]),
  );
  return Object.freeze(Object.fromEntries(kept));
}

// ---- What is allowed: the description of each key is the "allowed" of its error message and of config.schema.json

/** Above this a single machine is busy with agents, not with work. */
const runsMaxMax = 100;
/** A week; longer than that nobody remembers what they sent. */
const downtimeMinutesMax = 7 * 24 * 60;
/** Service managers kill after 90 s by default (systemd's DefaultTimeoutStopSec); more makes sense only with their limit raised. */
const drainGraceSecondsMax = 3_600;

/** Telegram's own form: bot id, colon, at least 30 characters of secret. */
const tokenPattern = /^\d{1,20}:[\w-]{30,100}$/;

/** User ids have at most 52 significant bits (Bot API, "User"). */
const userIdMax = 2 ** 52;

const path = (what: string) =>
  v.pipe(
    v.optional(
      v.pipe(
        v.string(),
        v.check((text) => isAbsolute(expand(text)) && !text.includes("\0")),
      ),
    ),
    v.description(`${what}, as an absolute path or beginning with ~/`),
  );

/** An object inside the file. It is looked at first because the validator takes an array for an object. */
const section = <Entries extends v.ObjectEntries>(entries: Entries, what: string) =>
  v.pipe(
    v.optional(v.pipe(v.custom<Readonly<Record<string, unknown>>>(isRecord), v.strictObject(entries)), {}),
    v.description(what),
  );

const telegramEntries = {
  token: v.pipe(
    v.optional(v.pipe(v.string(), v.regex(tokenPattern))),
    v.description("a bot token of @BotFather, like 123456789:AAE..."),
  ),
  allowedUsers: v.pipe(
    v.optional(v.pipe(v.array(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(userIdMax))), v.minLength(1))),
    v.description("numeric Telegram user ids, for example 123456789 (in the environment separated by commas)"),
  ),
  apiRoot: v.pipe(
    v.optional(v.pipe(v.string(), v.check(isApiRoot)), "https://api.telegram.org"),
    v.description("an http or https address of a Bot API server, without query or credentials"),
  ),
};

const claudeEntries = { path: path("the Claude Code executable") };

const fileEntries = {
  $schema: v.pipe(v.optional(v.string()), v.description("the address of this schema, for editors")),
  workspace: path("the default workspace directory"),
  driver: v.pipe(
    v.optional(v.pipe(v.string(), v.regex(/^(claude|codex|demo|acp:[\w.-]{1,64})$/))),
    v.description(
      "claude, codex, acp:<name> or demo; without it, the first agent that is installed and logged in, else demo",
    ),
  ),
  permissions: v.pipe(
    v.optional(v.picklist(["plan", "ask", "edit", "bypass"]), "ask"),
    v.description("plan, ask, edit or bypass"),
  ),
  maxRuns: v.pipe(
    v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(runsMaxMax)), 4),
    v.description(`how many agents may run at once, a whole number from 1 to ${runsMaxMax}`),
  ),
  web: v.pipe(
    v.optional(
      v.pipe(
        v.string(),
        v.check((text) => text === "off" || parseAddress(text) !== null),
      ),
      "127.0.0.1:8474",
    ),
    v.description("host:port of the page (for example 127.0.0.1:8474, or port 0 for any free one), or off"),
  ),
  webAllowRemote: v.pipe(
    v.optional(v.boolean(), false),
    v.description("true or false: whether the page may be served on an address that other machines can reach"),
  ),
  log: v.pipe(
    v.optional(v.picklist(["debug", "info", "warn", "error", "silent"]), "info"),
    v.description("debug, info, warn, error or silent"),
  ),
  telegram: section(telegramEntries, "the Telegram bot; a token needs allowedUsers"),
  claude: section(claudeEntries, "Claude Code"),
  downtimeMinutes: v.pipe(
    v.optional(v.pipe(v.number(), v.minValue(0), v.maxValue(downtimeMinutesMax)), 10),
    v.description(
      `minutes, from 0 to ${downtimeMinutesMax}: a message that waited longer while Signalbox was off is offered instead of run`,
    ),
  ),
  drainGraceSeconds: v.pipe(
    v.optional(v.pipe(v.number(), v.minValue(0), v.maxValue(drainGraceSecondsMax)), 20),
    v.description(
      `seconds, from 0 to ${drainGraceSecondsMax}, that running turns may go on for at shutdown before they are stopped`,
    ),
  ),
};

/** What config.json may hold, with the environment's values over it. */
export const fileSchema = v.strictObject(fileEntries);

type FileValues = v.InferOutput<typeof fileSchema>;

/** `key` is the place in config.json; `read` turns the variable's text into what the file would hold there. */
const settings: readonly {
  readonly variable: string;
  readonly key: string;
  readonly read: (text: string) => unknown;
}[] = [
  { variable: "SIGNALBOX_WORKSPACE", key: "workspace", read: asText },
  { variable: "SIGNALBOX_DRIVER", key: "driver", read: asText },
  { variable: "SIGNALBOX_PERMISSIONS", key: "permissions", read: asText },
  { variable: "SIGNALBOX_MAX_RUNS", key: "maxRuns", read: asNumber },
  { variable: "SIGNALBOX_WEB", key: "web", read: asText },
  { variable: "SIGNALBOX_WEB_ALLOW_REMOTE", key: "webAllowRemote", read: asBoolean },
  { variable: "SIGNALBOX_LOG", key: "log", read: asText },
  { variable: "SIGNALBOX_CLAUDE_PATH", key: "claude.path", read: asText },
  { variable: "SIGNALBOX_DOWNTIME_MINUTES", key: "downtimeMinutes", read: asNumber },
  { variable: "SIGNALBOX_DRAIN_GRACE_SECONDS", key: "drainGraceSeconds", read: asNumber },
  { variable: "TELEGRAM_BOT_TOKEN", key: "telegram.token", read: asText },
  { variable: "TELEGRAM_ALLOWED_USERS", key: "telegram.allowedUsers", read: asNumbers },
  { variable: "TELEGRAM_API_ROOT", key: "telegram.apiRoot", read: asText },
];

const secretKeys: readonly string[] = ["telegram.token"];

function asText(text: string): string {
  return text;
}

/** A text that is no number stays a text, and is refused with what was written. */
function asNumber(text: string): unknown {
  return /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text;
}

function asNumbers(text: string): unknown {
  return text
    .split(",")
    .map((one) => one.trim())
    .filter((one) => one !== "")
    .map(asNumber);
}

function asBoolean(text: string): unknown {
  return text === "true" ? true : text === "false" ? false : text;
}

// ---- Reading

type Source = { readonly environment: Environment; readonly file: string };

function readHome(environment: Environment): string {
  const text = valueOf(environment, "SIGNALBOX_HOME");
  if (text === undefined) return join(homeOf(environment), ".signalbox");
  const home = expand(text, environment);
  if (isAbsolute(home) && !home.includes("\0")) return normalize(home);
  throw wrong(
    "SIGNALBOX_HOME",
    show(text),
    "the directory of Signalbox's own files, as an absolute path or beginning with ~/",
  );
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
function overlay(values: Record<string, unknown>, source: Source): Record<string, unknown> {
  const result = structuredClone(values);
  for (const { variable, key, read } of settings) {
    const text = valueOf(source.environment, variable);
    if (text !== undefined) place(result, key.split("."), read(text), source.file);
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
  if (!isRecord(inner)) throw wrong(`"${key}" in ${file}`, show(inner), "a JSON object");
  target[key] = inner;
  place(inner, rest, value, file);
}

function valueOf(environment: Environment, variable: string): string | undefined {
  const text = environment[variable]?.trim();
  return text === "" ? undefined : text;
}

// ---- From what was written to what it means

function build(values: FileValues, home: string, source: Source): Config {
  const { environment } = source;
  const { token } = values.telegram;
  return {
    home,
    workspace:
      values.workspace === undefined ? join(home, "workspace") : normalize(expand(values.workspace, environment)),
    driver: driverOf(values.driver, source),
    permissions: values.permissions,
    runsMax: values.maxRuns,
    web: webOf(values, source),
    log: values.log,
    telegram: telegramOf(values.telegram, source),
    claude: { path: values.claude.path === undefined ? null : normalize(expand(values.claude.path, environment)) },
    downtimeMs: values.downtimeMinutes * 60_000,
    drainGraceMs: values.drainGraceSeconds * 1_000,
    agentEnvironment: agentEnvironment(environment),
    secrets: token === undefined ? [] : [token],
  };
}

function driverOf(text: string | undefined, source: Source): Config["driver"] {
  if (text === undefined || text === "claude" || text === "demo") return text ?? null;
  throw new ConfigError(`${nameOf("driver", source)} is "${text}": not in this version yet; allowed: claude, demo.`);
}

function webOf(values: FileValues, source: Source): Config["web"] {
  const address = values.web === "off" ? null : parseAddress(values.web);
  if (address === null || values.webAllowRemote || isLoopback(address.host)) return address;
  throw new ConfigError(
    `${nameOf("web", source)} is "${values.web}": other machines could reach the page there. ` +
      `Use 127.0.0.1:${address.port}, or set SIGNALBOX_WEB_ALLOW_REMOTE=true if that is what you want.`,
  );
}

function telegramOf({ token, allowedUsers, apiRoot }: FileValues["telegram"], source: Source): Config["telegram"] {
  if (token === undefined) return null;
  if (allowedUsers !== undefined)
    return { token, users: [...new Set(allowedUsers)], apiRoot: apiRoot.replace(/\/+$/, "") };
  throw new ConfigError(
    `TELEGRAM_ALLOWED_USERS is not set, but ${nameOf("telegram.token", source)} is: nobody could use the bot. ` +
      "Allowed: numeric Telegram user ids separated by commas (@userinfobot tells you yours).",
  );
}

function parseAddress(text: string): { readonly host: string; readonly port: number } | null {
  const parts = /^(?<host>\[[\da-fA-F:.]+\]|[\w.-]+):(?<port>\d{1,5})$/.exec(text)?.groups;
  const port = Number(parts?.["port"]);
  if (parts?.["host"] === undefined || port > 65_535) return null;
  return { host: parts["host"].replace(/^\[|\]$/g, ""), port };
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || (isIPv4(host) && host.startsWith("127."));
}

function isApiRoot(text: string): boolean {
  const url = URL.canParse(text) ? new URL(text) : null;
  return url !== null && /^https?:$/.test(url.protocol) && url.username + url.password + url.search + url.hash === "";
}

function expand(text: string, environment: Environment = {}): string {
  return text === "~" || text.startsWith("~/") ? join(homeOf(environment), text.slice(1)) : text;
}

function homeOf(environment: Environment): string {
  return valueOf(environment, "HOME") ?? homedir();
}

function freeze<T extends object>(value: T): T {
  for (const inner of Object.values(value)) if (typeof inner === "object" && inner !== null) freeze(inner as object);
  return Object.freeze(value);
}

// ---- Saying what is wrong

function describeIssue(
  issue: v.InferIssue<typeof fileSchema>,
  found: Record<string, unknown>,
  source: Source,
): ConfigError {
  const at = (issue.path ?? []).map((part) => String(part.key));
  if (issue.type === "strict_object" && issue.expected === "never") return unknownKey(at, source.file);
  const [key, schema] = namedKey(at);
  const value = key.split(".").reduce<unknown>((inner, part) => (isRecord(inner) ? inner[part] : undefined), found);
  const shown = secretKeys.includes(key) ? masked(value) : show(variableOf(key, source)?.text ?? value);
  return wrong(nameOf(key, source), shown, v.getDescription(schema) ?? "another value");
}

/** Where the value in force was written: the variable, or the key of the file. */
function nameOf(key: string, source: Source): string {
  return variableOf(key, source)?.variable ?? `"${key}" in ${source.file}`;
}

function variableOf(key: string, { environment }: Source): { variable: string; text: string } | undefined {
  const variable = settings.find((setting) => setting.key === key)?.variable;
  const text = variable === undefined ? undefined : valueOf(environment, variable);
  return variable === undefined || text === undefined ? undefined : { variable, text };
}

/** The key of config.json that an issue belongs to: issues inside an array belong to the array. */
function namedKey(at: readonly string[]): [key: string, schema: v.GenericSchema] {
  const [top = "", inner = ""] = at;
  const innerSchema = entriesOf(top)[inner];
  return innerSchema === undefined ? [top, entriesOf("")[top] ?? fileSchema] : [`${top}.${inner}`, innerSchema];
}

/** What the section of this name may hold; "" is the file itself. */
function entriesOf(name: string): Readonly<Record<string, v.GenericSchema>> {
  switch (name) {
    case "":
      return fileEntries;
    case "telegram":
      return telegramEntries;
    case "claude":
      return claudeEntries;
    default:
      return {};
  }
}

function unknownKey(at: readonly string[], file: string): ConfigError {
  const name = at.join(".");
  const [top = ""] = at.slice(0, -1);
  const known = Object.keys(entriesOf(top)).map((key) => (top === "" ? key : `${top}.${key}`));
  const near = nearest(name, known);
  const hint = near === null ? `Known keys: ${known.join(", ")}.` : `Did you mean "${near}"?`;
  return new ConfigError(`${show(name)} in ${file} is not a setting. ${hint}`);
}

/** A typing mistake in a variable would leave the default in force in silence, for permissions of all things. */
function refuseMisspelt(environment: Environment): void {
  const known = ["SIGNALBOX_HOME", ...settings.map(({ variable }) => variable)];
  const ours = Object.keys(environment).filter((name) => /^(SIGNALBOX|TELEGRAM)_/.test(name) && !known.includes(name));
  for (const name of ours) {
    const near = nearest(name, known);
    if (near !== null) throw new ConfigError(`${name} is not a setting. Did you mean ${near}?`);
  }
}

function wrong(name: string, found: string, allowed: string): ConfigError {
  return new ConfigError(`${name} is ${found}; allowed: ${allowed}.`);
}

/** One line of a terminal holds this much of a value. In UTF-16 units. */
const shownCharsMax = 80;

function show(value: unknown): string {
  // A token in the wrong place is still a token.
  const text = (JSON.stringify(value) ?? "not set").replace(/\d+:[\w-]{30,}/g, "<token>");
  return text.length <= shownCharsMax ? text : `${text.slice(0, shownCharsMax)}\u2026`;
}

function masked(value: unknown): string {
  return typeof value === "string" ? `a text of ${value.length} characters (not shown)` : `of type ${typeof value}`;
}

/** Up to this many letters apart two names are the same word mistyped. */
const typingMistakesMax = 2;

function nearest(name: string, known: readonly string[]): string | null {
  const [best] = known
    .map((candidate) => ({ candidate, distance: distanceOf(name.toLowerCase(), candidate.toLowerCase()) }))
    .toSorted((a, b) => a.distance - b.distance);
  return best !== undefined && best.distance <= typingMistakesMax ? best.candidate : null;
}

/** Levenshtein's distance, row by row. */
function distanceOf(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const same = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(same, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
