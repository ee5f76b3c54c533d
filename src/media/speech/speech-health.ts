/** What `signalbox doctor` says of speech to text: whether what the configuration chose is there. Asks nobody and starts nothing. */
import { createRequire } from "node:module";
import { findProgram } from "../../lib/program-path.ts";
import { findModel } from "./model-files.ts";
import { localPackages } from "./samples.ts";
import type { SpeechSettings } from "./transcriber.ts";

/** ok: as it should be. note: worth knowing. problem: voice messages will not be heard until somebody does something. */
export type SpeechFinding = { readonly mark: "ok" | "note" | "problem"; readonly text: string };

/** `path` is the value of PATH. Resolves, never rejects. */
export async function examineSpeech(settings: SpeechSettings | null, path: string): Promise<readonly SpeechFinding[]> {
  if (settings === null) {
    return [
      {
        mark: "note",
        text: "Voice messages are not transcribed. Set SIGNALBOX_TRANSCRIBE to have it done (docs/voice.md).",
      },
    ];
  }
  const chosen = await examineChosen(settings, path);
  if (findProgram("ffmpeg", path) !== null) return chosen;
  const text = "ffmpeg is not installed: the sound of videos and of rarer formats is not transcribed.";
  return [...chosen, { mark: "note", text }];
}

async function examineChosen(settings: SpeechSettings, path: string): Promise<readonly SpeechFinding[]> {
  switch (settings.kind) {
    case "openai": {
      const { host } = new URL(settings.baseUrl);
      const text = `Voice messages are sent to ${host} and transcribed with ${settings.model}. Agents do not get OPENAI_API_KEY.`;
      return [{ mark: "ok", text }];
    }
    case "local":
      return [...examinePackages(), await examineModel(settings.directory)];
    case "command": {
      const [program] = settings.command;
      return findProgram(program, path) !== null
        ? [{ mark: "ok", text: `Voice messages are transcribed by ${program}.` }]
        : [{ mark: "problem", text: `The program ${program} was not found. Check SIGNALBOX_TRANSCRIBE_COMMAND.` }];
    }
    default:
      return settings satisfies never;
  }
}

async function examineModel(directory: string): Promise<SpeechFinding> {
  const found = await findModel(directory);
  return found.kind === "none"
    ? { mark: "problem", text: found.why }
    : { mark: "ok", text: `Voice messages are transcribed on this machine: ${found.model.name} in ${directory}.` };
}

/** Looked for, not loaded: a native library has no place in a program that only looks. */
function examinePackages(): SpeechFinding[] {
  const require = createRequire(import.meta.url);
  return Object.entries(localPackages).flatMap(([name, version]) => {
    try {
      require.resolve(name);
      return [];
    } catch {
      const text = `The package ${name} is not installed. Install it beside Signalbox: npm install ${name}@${version}`;
      return [{ mark: "problem" as const, text }];
    }
  });
}
