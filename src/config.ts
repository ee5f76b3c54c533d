/**
 * The configuration: read once from the environment and from `config.json` in SIGNALBOX_HOME into one frozen value.
 * What may be set is in config/settings.ts, what somebody wrote in config/written.ts; here is what it means.
 *
 * 1. The environment overrides the file. A variable that is set to nothing counts as not set.
 * 2. A wrong value is a ConfigError: one line with the name, what was found and what is allowed. Nothing is guessed or ignored.
 * 3. I13: a secret is never part of a message, and agents get an environment without ours.
 * 4. Nobody else reads process.env.
 */
import { join, normalize } from "node:path";
import * as v from "valibot";
import { type Address, isLoopback, parseAddress } from "./config/address.ts";
import { agentEnvironment, type Environment, expandHome } from "./config/environment.ts";
import { ConfigError, unknownKey, wrongValue } from "./config/refusal.ts";
import { builtInAgents, fileSchema, keysBeside, settingAt, type Settings } from "./config/settings.ts";
import { speechOf, speechSecrets, speechVariables } from "./config/speech.ts";
import { readWritten, type Written } from "./config/written.ts";
import type { PermissionMode } from "./domain/permission-mode.ts";
import type { LogLevel } from "./lib/log.ts";
import type { SpeechSettings } from "./media/speech/transcriber.ts";

/** All paths are absolute; whether they exist is not checked here. */
export type Config = {
  readonly home: string;
  readonly workspace: string;
  /** Null: the first agent that is installed and logged in, else the demo. */
  readonly driver: string | null;
  readonly permissions: PermissionMode;
  readonly runsMax: number;
  /** Null: no page. Port 0 takes any free one. */
  readonly web: Address | null;
  readonly log: LogLevel;
  /** Null: no Telegram. `users` are owners; none: who sends the code of the terminal. `apiRoot` has no slash at its end. */
  readonly telegram: {
    readonly token: string;
    readonly users: readonly number[];
    readonly apiRoot: string;
  } | null;
  /** The path of the Claude Code executable, if one was chosen. */
  readonly claude: { readonly path: string | null };
  readonly codex: { readonly path: string | null };
  /** Agents that speak the Agent Client Protocol, by name; `command` and `args` null: those that this program knows for the name. */
  readonly agents: Readonly<
    Record<
      string,
      {
        readonly command: string | null;
        readonly args: readonly string[] | null;
        readonly env: Readonly<Record<string, string>>;
      }
    >
  >;
  /** Who turns speech into text; null: nobody does. */
  readonly speech: SpeechSettings | null;
  /** What ends a run that nobody stopped; null: no such limit. */
  readonly limits: {
    readonly stallMs: number;
    readonly retries: number;
    readonly runMsMax: number | null;
    readonly costUsdMax: number | null;
  };
  readonly downtimeMs: number;
  readonly drainGraceMs: number;
  /** What agents and their tools inherit (I13). */
  readonly agentEnvironment: Readonly<Record<string, string>>;
  /** Every secret value of this configuration, for the log's scrubber. */
  readonly secrets: readonly string[];
};

/** Throws a ConfigError when a value is wrong. Reads one file at most, writes nothing. */
export function readConfig(environment: Environment = process.env): Config {
  const written = readWritten(environment);
  const checked = v.safeParse(fileSchema, written.values);
  if (!checked.success) throw describeIssue(checked.issues[0], written);
  return freeze(build(checked.output, written, environment));
}

function describeIssue(issue: v.InferIssue<typeof fileSchema>, { file, nameOf, shown }: Written): ConfigError {
  const at = (issue.path ?? []).map((part) => String(part.key));
  if (issue.type === "strict_object" && issue.expected === "never")
    return unknownKey(at.join("."), file, keysBeside(at));
  const { key, allowed } = settingAt(at);
  return wrongValue(nameOf(key), shown(key), allowed);
}

function build(settings: Settings, written: Written, environment: Environment): Config {
  const { home } = written;
  const { token } = settings.telegram;
  const pathOf = (text: string): string => normalize(expandHome(text, environment));
  const speech = speechOf(settings.transcribe, written, environment);
  return {
    home,
    workspace: settings.workspace === undefined ? join(home, "workspace") : pathOf(settings.workspace),
    driver: driverOf(settings, written),
    permissions: settings.permissions,
    runsMax: settings.maxRuns,
    web: webOf(settings, written),
    log: settings.log,
    telegram: telegramOf(settings.telegram),
    claude: { path: settings.claude.path === undefined ? null : pathOf(settings.claude.path) },
    codex: { path: settings.codex.path === undefined ? null : pathOf(settings.codex.path) },
    agents: Object.fromEntries(
      Object.entries(settings.agents).map(([name, { command, args, env }]) => [
        name,
        { command: command ?? null, args: args ?? null, env },
      ]),
    ),
    speech,
    limits: {
      stallMs: settings.stallMinutes * 60_000,
      retries: settings.retries,
      runMsMax: settings.maxRunMinutes === undefined ? null : settings.maxRunMinutes * 60_000,
      costUsdMax: settings.maxRunCostUsd ?? null,
    },
    downtimeMs: settings.downtimeMinutes * 60_000,
    drainGraceMs: settings.drainGraceSeconds * 1_000,
    agentEnvironment: agentEnvironment(environment, speechVariables(speech)),
    secrets: [...(token === undefined ? [] : [token]), ...speechSecrets(speech), ...agentSecrets(settings.agents)],
  };
}

function driverOf({ driver, agents }: Settings, { nameOf }: Written): Config["driver"] {
  const names = [...builtInAgents, ...Object.keys(agents)];
  if (driver === undefined || names.includes(driver)) return driver ?? null;
  throw new ConfigError(`${nameOf("driver")} is "${driver}"; allowed: ${names.join(", ")}.`);
}

/** Values of agents' own variables that are long enough to be keys: a short one ("1") would scrub half the log. */
function agentSecrets(agents: Settings["agents"]): string[] {
  return Object.values(agents).flatMap(({ env }) =>
    Object.values(env).filter((value) => value.length >= secretCharsMin),
  );
}

/** No key of a model provider is shorter. */
const secretCharsMin = 16;

function webOf({ web, webAllowRemote }: Settings, { nameOf }: Written): Config["web"] {
  const address = web === "off" ? null : parseAddress(web);
  if (address === null || webAllowRemote || isLoopback(address.host)) return address;
  throw new ConfigError(
    `${nameOf("web")} is "${web}": other machines could reach the page there. ` +
      `Use 127.0.0.1:${address.port}, or set SIGNALBOX_WEB_ALLOW_REMOTE=true if that is what you want.`,
  );
}

function telegramOf({ token, allowedUsers, apiRoot }: Settings["telegram"]): Config["telegram"] {
  if (token === undefined) return null;
  return { token, users: [...new Set(allowedUsers)], apiRoot: apiRoot.replace(/\/+$/, "") };
}

function freeze<T extends object>(value: T): T {
  for (const inner of Object.values(value)) if (typeof inner === "object" && inner !== null) freeze(inner as object);
  return Object.freeze(value);
}
