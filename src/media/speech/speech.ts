/**
 * Puts together who transcribes: looks at the file, has it converted where that is needed, and asks the adapter of the configuration.
 *
 * 1. Nothing of it is loaded before the first voice message: an idle program holds none of it.
 * 2. It resolves, never rejects (transcriber.ts); a bug becomes a line in the log and a sentence for the person.
 * 3. When it is given back, what is under way is stopped, and nothing that it started is alive.
 */
import type { Clock, Log } from "../../engine/ports.ts";
import { lookAt } from "./known-sound.ts";
import type { ProgramDeps } from "./program.ts";
import {
  type KnownSound,
  notHeard,
  type Sound,
  type SpeechAdapter,
  type SpeechSettings,
  stoppedHearing,
  type Transcriber,
  type Transcript,
} from "./transcriber.ts";

export type SpeechDeps = ProgramDeps & { readonly clock: Clock; readonly log: Log };

/** Three hours of fast speech, in UTF-16 units. */
const textCharsMax = 250_000;
/** Two at once keep a small machine busy; further ones wait in order. */
const atOnceMax = 2;

/** Null where the configuration names nobody; `speechIsOff` is then the reason. Starts nothing. */
export function createTranscriber(settings: SpeechSettings | null, deps: SpeechDeps): Transcriber | null {
  return settings === null ? null : transcriberFor(settings, deps);
}

function transcriberFor(settings: SpeechSettings, deps: SpeechDeps): Transcriber {
  const closing = new AbortController();
  const running = new Set<Promise<Transcript>>();
  let opened: Promise<SpeechAdapter> | null = null;
  const places = createPlaces(atOnceMax);

  async function transcribe(path: string, sound: Sound, asked: AbortSignal): Promise<Transcript> {
    const signal = AbortSignal.any([asked, closing.signal]);
    try {
      using _place = await places.take(signal);
      if (signal.aborted) return stoppedHearing;
      const known = await lookAt(path, sound);
      if ("why" in known) return known;
      const adapter = await (opened ??= openAdapter(settings, deps));
      return presentable(await hear(adapter, path, known, signal));
    } catch (error) {
      deps.log.error({ error }, "a transcription failed");
      return notHeard("Signalbox could not transcribe it; the log says why.", true);
    }
  }

  async function hear(
    adapter: SpeechAdapter,
    path: string,
    sound: KnownSound,
    signal: AbortSignal,
  ): Promise<Transcript> {
    if (adapter.takes(sound)) return adapter.hear(path, sound, signal);
    const { extractSound } = await import("./ffmpeg.ts");
    await using converted = await extractSound(path, adapter.wants, sound, deps, signal);
    if (converted.kind === "refused") return notHeard(converted.why, converted.again);
    const mediaType = adapter.wants === "wav" ? "audio/wav" : "audio/mp4";
    const known = await lookAt(converted.path, { mediaType, seconds: sound.seconds });
    // Awaited: what was converted is removed when this returns.
    return "why" in known ? known : await adapter.hear(converted.path, known, signal);
  }

  return {
    name: nameOf(settings),
    transcribe(path, sound, signal) {
      const transcript = transcribe(path, sound, signal);
      running.add(transcript);
      return transcript.finally(() => running.delete(transcript));
    },
    async [Symbol.asyncDispose]() {
      closing.abort();
      await Promise.all(running);
      if (opened !== null) await (await opened)[Symbol.asyncDispose]();
    },
  };
}

async function openAdapter(settings: SpeechSettings, deps: SpeechDeps): Promise<SpeechAdapter> {
  switch (settings.kind) {
    case "openai":
      return (await import("./openai.ts")).createOpenAiAdapter(settings);
    case "local":
      return (await import("./local.ts")).createLocalAdapter(settings.directory, deps);
    case "command":
      return (await import("./command.ts")).createCommandAdapter(settings, deps);
    default:
      return settings satisfies never;
  }
}

function nameOf(settings: SpeechSettings): string {
  switch (settings.kind) {
    case "openai":
      return `${new URL(settings.baseUrl).host} (${settings.model})`;
    case "local":
      return `the model in ${settings.directory}`;
    case "command":
      return settings.command[0];
    default:
      return settings satisfies never;
  }
}

/** A transcript as it is shown; one with nothing in it is none. */
function presentable(transcript: Transcript): Transcript {
  if (transcript.kind === "refused") return transcript;
  const text = transcript.text.trim();
  if (text === "") return notHeard("Nothing is said in it that could be understood.", false);
  if (text.length <= textCharsMax) return { kind: "said", text };
  return {
    kind: "said",
    text: `${text.slice(0, textCharsMax).toWellFormed()}\n[The rest of the transcript is left out.]`,
  };
}

type Places = {
  /** Resolves when a place is free, or (with nothing to give back) when `signal` fires. Never rejects. */
  take(signal: AbortSignal): Promise<Disposable>;
};

function createPlaces(max: number): Places {
  let free = max;
  const waiting = new Set<() => void>();
  const giveBack = (): void => {
    const [next] = waiting;
    if (next === undefined) free += 1;
    else next();
  };
  return {
    take(signal) {
      if (free > 0) {
        free -= 1;
        return Promise.resolve({ [Symbol.dispose]: giveBack });
      }
      return new Promise((resolve) => {
        const enter = (): void => {
          waiting.delete(enter);
          signal.removeEventListener("abort", leave);
          resolve({ [Symbol.dispose]: giveBack });
        };
        const leave = (): void => {
          waiting.delete(enter);
          resolve({ [Symbol.dispose]: () => undefined });
        };
        waiting.add(enter);
        signal.addEventListener("abort", leave, { once: true });
        if (signal.aborted) leave();
      });
    },
  };
}
