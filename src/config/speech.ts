/**
 * Who turns speech into text: what the settings of `transcribe` mean together.
 *
 * I13: the service's key is a secret like the bot's token, and no agent gets it.
 */
import { isAbsolute, normalize } from "node:path";
import { isApiRoot } from "./address.ts";
import { type CommandLine, parseCommand } from "./command-line.ts";
import { type Environment, expandHome } from "./environment.ts";
import { conceal, ConfigError, show, wrongValue } from "./refusal.ts";
import type { Settings } from "./settings.ts";
import type { Written } from "./written.ts";

/** `directory` is absolute. */
type Speech =
  | { readonly kind: "openai"; readonly apiKey: string | null; readonly baseUrl: string; readonly model: string }
  | { readonly kind: "local"; readonly directory: string }
  | { readonly kind: "command"; readonly command: CommandLine };

const openAiUrl = "https://api.openai.com/v1";
const openAiModel = "whisper-1";

/** Null: nobody does. Throws a ConfigError where something is missing or wrong. */
export function speechOf(settings: Settings["transcribe"], written: Written, environment: Environment): Speech | null {
  switch (settings.with) {
    case undefined:
      return null;
    case "openai":
      return openAiOf(settings, written);
    case "local":
      return { kind: "local", directory: directoryOf(settings.model, written, environment) };
    case "command":
      return { kind: "command", command: commandOf(settings.command, written, environment) };
    default:
      return settings.with satisfies never;
  }
}

/** The variables that are meant for us and not for agents: a key of ours, and an address where no model for them answers. */
export function speechVariables(speech: Speech | null): readonly string[] {
  return speech?.kind === "openai" ? ["OPENAI_API_KEY", "OPENAI_BASE_URL"] : [];
}

export function speechSecrets(speech: Speech | null): readonly string[] {
  return speech?.kind === "openai" && speech.apiKey !== null ? [speech.apiKey] : [];
}

function openAiOf({ apiKey, baseUrl, model }: Settings["transcribe"], written: Written): Speech {
  if (apiKey === undefined && baseUrl === undefined) {
    throw missing(
      "OPENAI_API_KEY",
      "a key of OpenAI, or OPENAI_BASE_URL with the address of a server that needs none",
      written,
    );
  }
  // It becomes a line of a request, where nothing else is possible.
  if (apiKey !== undefined && !/^[\x21-\x7e]+$/.test(apiKey)) {
    throw wrongValue(
      written.nameOf("transcribe.apiKey"),
      conceal(apiKey),
      "a key as the service shows it, without spaces",
    );
  }
  if (baseUrl !== undefined && !isApiRoot(baseUrl)) {
    const allowed = "an http or https address of a service, without query or credentials";
    throw wrongValue(written.nameOf("transcribe.baseUrl"), conceal(baseUrl), allowed);
  }
  return { kind: "openai", apiKey: apiKey ?? null, baseUrl: baseUrl ?? openAiUrl, model: model ?? openAiModel };
}

function directoryOf(model: string | undefined, written: Written, environment: Environment): string {
  if (model === undefined) throw missing("SIGNALBOX_TRANSCRIBE_MODEL", "the directory of a model", written);
  const directory = expandHome(model, environment);
  if (isAbsolute(directory)) return normalize(directory);
  const allowed = "the directory of a model, as an absolute path or beginning with ~/";
  throw wrongValue(written.nameOf("transcribe.model"), show(model), allowed);
}

function commandOf(
  command: string | readonly string[] | undefined,
  written: Written,
  environment: Environment,
): CommandLine {
  const parsed = command === undefined ? null : parseCommand(command);
  if (parsed === null)
    throw missing("SIGNALBOX_TRANSCRIBE_COMMAND", "a program with {file} among its arguments", written);
  const [program, ...args] = parsed;
  return [expandHome(program, environment), ...args];
}

function missing(variable: string, allowed: string, written: Written): ConfigError {
  const chosen = `${written.nameOf("transcribe.with")} is ${written.shown("transcribe.with")}`;
  return new ConfigError(`${variable} is not set, but ${chosen}. Allowed: ${allowed} (docs/voice.md).`);
}
