/**
 * What may be set: every key of config.json with what is allowed there, and the variable that overrides it.
 *
 * 1. A setting is one entry here, and one row among the variables when the environment can set it. Its description is the "allowed"
 *    of its error message and of config.schema.json.
 * 2. I13: the value of a secret setting is never shown.
 */
import { isAbsolute } from "node:path";
import * as v from "valibot";
import { retriesMax } from "../domain/retry.ts";
import { isApiRoot, parseAddress } from "./address.ts";
import { parseCommand } from "./command-line.ts";
import { expandHome } from "./environment.ts";

/** Above this a single machine is busy with agents, not with work. */
const runsMaxMax = 100;
/** A week; longer than that nobody remembers what they sent. */
const downtimeMinutesMax = 7 * 24 * 60;
/** A day; an agent that is silent for longer is stuck. */
const stallMinutesMax = 24 * 60;
/** Service managers kill after 90 s by default (systemd's DefaultTimeoutStopSec); more makes sense only with their limit raised. */
const drainGraceSecondsMax = 3_600;
/** Telegram's own form: bot id, colon, at least 30 characters of secret. */
const tokenPattern = /^\d{1,20}:[\w-]{30,100}$/;
/** User ids have at most 52 significant bits (Bot API, "User"). */
const userIdMax = 2 ** 52;

const telegramEntries = {
  token: v.pipe(
    v.optional(v.pipe(v.string(), v.regex(tokenPattern))),
    v.description("a bot token of @BotFather, like 123456789:AAE..."),
  ),
  allowedUsers: v.pipe(
    v.optional(v.pipe(v.array(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(userIdMax))), v.minLength(1))),
    v.description(
      "numeric Telegram user ids of its owners, for example 123456789 (in the environment separated by commas); without any, the terminal shows a code that makes an owner of who sends it to the bot",
    ),
  ),
  apiRoot: v.pipe(
    v.optional(v.pipe(v.string(), v.check(isApiRoot)), "https://api.telegram.org"),
    v.description("an http or https address of a Bot API server, without query or credentials"),
  ),
};

const claudeEntries = { path: path("the Claude Code executable") };

const codexEntries = { path: path("the Codex executable") };

/**
 * What the environment's OPENAI_ variables may hold is looked at in config.ts, and only where they are meant for us: they may be there for
 * somebody else.
 */
const transcribeEntries = {
  with: v.pipe(
    v.optional(v.picklist(["openai", "local", "command"])),
    v.description("openai, local or command: who turns speech into text; without it, nobody does"),
  ),
  model: v.pipe(
    v.optional(
      v.pipe(
        v.string(),
        v.nonEmpty(),
        v.check((text) => !/\p{Cc}/u.test(text)),
      ),
    ),
    v.description("for openai the name of a model (whisper-1 without it), for local the directory of one"),
  ),
  command: v.pipe(
    v.optional(
      v.pipe(
        v.union([v.string(), v.array(v.string())]),
        v.check((command) => parseCommand(command) !== null),
      ),
    ),
    v.description(
      "a program and its arguments, as words or as a JSON array of texts, with {file} in the place of the path",
    ),
  ),
  apiKey: v.pipe(v.optional(v.string()), v.description("the key of the service, for openai")),
  baseUrl: v.pipe(
    v.optional(v.string()),
    v.description("an http or https address of a service, without query or credentials (for openai)"),
  ),
};

/** Names that are taken. */
export const builtInAgents = ["claude", "codex", "demo"];
/** A name is typed after /switch, and is part of a process marker. */
const agentNamePattern = /^[A-Za-z][\w-]{0,31}$/;

const agentSchema = v.strictObject({
  command: v.optional(v.pipe(v.string(), v.nonEmpty())),
  args: v.optional(v.array(v.string())),
  env: v.optional(v.record(v.string(), v.string()), {}),
});

const fileEntries = {
  $schema: v.pipe(v.optional(v.string()), v.description("the address of this schema, for editors")),
  workspace: path("the default workspace directory"),
  driver: v.pipe(
    v.optional(v.pipe(v.string(), v.regex(agentNamePattern))),
    v.description(
      "claude, codex, demo or the name of one of agents; without it, the first that is installed and logged in, else demo",
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
  telegram: section(telegramEntries, "the Telegram bot"),
  claude: section(claudeEntries, "Claude Code"),
  codex: section(codexEntries, "Codex"),
  transcribe: section(transcribeEntries, "speech to text, for voice messages and other sound"),
  agents: v.pipe(
    v.optional(v.record(v.pipe(v.string(), v.regex(agentNamePattern), v.notValues(builtInAgents)), agentSchema), {}),
    v.description(
      "agents that speak the Agent Client Protocol, by a name of your own: an object with command, args and env for each " +
        "(for gemini and opencode all of it may be left out)",
    ),
  ),
  downtimeMinutes: v.pipe(
    v.optional(v.pipe(v.number(), v.minValue(0), v.maxValue(downtimeMinutesMax)), 10),
    v.description(
      `minutes, from 0 to ${downtimeMinutesMax}: a message that waited longer while Signalbox was off is offered instead of run`,
    ),
  ),
  stallMinutes: v.pipe(
    v.optional(v.pipe(v.number(), v.minValue(1), v.maxValue(stallMinutesMax)), 10),
    v.description(
      `minutes, from 1 to ${stallMinutesMax}: an agent that is silent for longer, with no tool running, is stopped and asked again`,
    ),
  ),
  retries: v.pipe(
    v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(retriesMax)), retriesMax),
    v.description(`how often a run tries again after trouble that passes, a whole number from 0 to ${retriesMax}`),
  ),
  maxRunMinutes: v.pipe(
    v.optional(v.pipe(v.number(), v.minValue(1))),
    v.description("minutes after which a run is stopped; without it, it may take as long as it takes"),
  ),
  maxRunCostUsd: v.pipe(
    v.optional(v.pipe(v.number(), v.minValue(0.01))),
    v.description("US dollars at which a run is stopped, where its agent reports a cost; without it, no limit"),
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

export type Settings = v.InferOutput<typeof fileSchema>;

/** `key` is the place in config.json; `read` turns the variable's text into what the file would hold there. */
export const variables: readonly {
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
  { variable: "SIGNALBOX_CODEX_PATH", key: "codex.path", read: asText },
  { variable: "SIGNALBOX_DOWNTIME_MINUTES", key: "downtimeMinutes", read: asNumber },
  { variable: "SIGNALBOX_STALL_MINUTES", key: "stallMinutes", read: asNumber },
  { variable: "SIGNALBOX_RETRIES", key: "retries", read: asNumber },
  { variable: "SIGNALBOX_MAX_RUN_MINUTES", key: "maxRunMinutes", read: asNumber },
  { variable: "SIGNALBOX_MAX_RUN_COST_USD", key: "maxRunCostUsd", read: asNumber },
  { variable: "SIGNALBOX_DRAIN_GRACE_SECONDS", key: "drainGraceSeconds", read: asNumber },
  { variable: "SIGNALBOX_TRANSCRIBE", key: "transcribe.with", read: asText },
  { variable: "SIGNALBOX_TRANSCRIBE_MODEL", key: "transcribe.model", read: asText },
  { variable: "SIGNALBOX_TRANSCRIBE_COMMAND", key: "transcribe.command", read: asText },
  { variable: "OPENAI_API_KEY", key: "transcribe.apiKey", read: asText },
  { variable: "OPENAI_BASE_URL", key: "transcribe.baseUrl", read: asText },
  { variable: "TELEGRAM_BOT_TOKEN", key: "telegram.token", read: asText },
  { variable: "TELEGRAM_ALLOWED_USERS", key: "telegram.allowedUsers", read: asNumbers },
  { variable: "TELEGRAM_API_ROOT", key: "telegram.apiRoot", read: asText },
];

/** Agents' environments may hold keys, and so may commands and addresses. */
export const secretKeys: readonly string[] = [
  "telegram.token",
  "agents",
  "transcribe",
  "transcribe.apiKey",
  "transcribe.baseUrl",
  "transcribe.command",
];

/** The setting that a place in the file belongs to (a place inside a list belongs to the list), and what is allowed there. */
export function settingAt(at: readonly string[]): { readonly key: string; readonly allowed: string } {
  const [top = "", inner = ""] = at;
  const innerSchema = entriesOf(top)[inner];
  const [key, schema] = innerSchema === undefined ? [top, entriesOf("")[top]] : [`${top}.${inner}`, innerSchema];
  return { key, allowed: (schema && v.getDescription(schema)) ?? "another value" };
}

/** The keys that may stand beside the one at this place. */
export function keysBeside(at: readonly string[]): readonly string[] {
  const [top = ""] = at.slice(0, -1);
  return Object.keys(entriesOf(top)).map((key) => (top === "" ? key : `${top}.${key}`));
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
    case "codex":
      return codexEntries;
    case "transcribe":
      return transcribeEntries;
    default:
      return {};
  }
}

// ---- Kinds of settings

function path(what: string) {
  return v.pipe(
    v.optional(
      v.pipe(
        v.string(),
        v.check((text) => isAbsolute(expandHome(text, {})) && !text.includes("\0")),
      ),
    ),
    v.description(`${what}, as an absolute path or beginning with ~/`),
  );
}

/** An object inside the file. It is looked at first because the validator takes an array for an object. */
function section<Entries extends v.ObjectEntries>(entries: Entries, what: string) {
  return v.pipe(
    v.optional(v.pipe(v.custom<Readonly<Record<string, unknown>>>(isRecord), v.strictObject(entries)), {}),
    v.description(what),
  );
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

// ---- Texts of variables

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
