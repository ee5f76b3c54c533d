/**
 * Speech to text: what a message says aloud, as text. How it is done is chosen by SIGNALBOX_TRANSCRIBE; speech.ts puts it together.
 *
 * 1. A transcriber resolves, never rejects: what went wrong is a sentence for the person, with whether another try may work.
 * 2. I14: every transcription is bounded in time by the length of the sound, and its text in length.
 */
import type { FileRefusal } from "../../domain/attachment.ts";

export type Transcript = { readonly kind: "said"; readonly text: string } | NotHeard;

export type NotHeard = { readonly kind: "refused" } & FileRefusal;

/** What is known of a file beforehand; `seconds` is null where nobody said it. */
export type Sound = { readonly mediaType: string; readonly seconds: number | null };

export type Transcriber = AsyncDisposable & {
  /** For people: who hears it. */
  readonly name: string;
  /** `path` is absolute. The text is not empty. Resolves, never rejects; when `signal` fires, with a refusal. */
  transcribe(path: string, sound: Sound, signal: AbortSignal): Promise<Transcript>;
};

/** Who transcribes, as the configuration chose it. `directory` is absolute; `{file}` in `command` stands for the file's path. */
export type SpeechSettings =
  | { readonly kind: "openai"; readonly apiKey: string | null; readonly baseUrl: string; readonly model: string }
  | { readonly kind: "local"; readonly directory: string }
  | { readonly kind: "command"; readonly command: readonly [string, ...string[]] };

/** Why a voice message has no transcript where none of it is set up. */
export const speechIsOff: FileRefusal = {
  why:
    "Voice messages are not transcribed here. Set SIGNALBOX_TRANSCRIBE to openai, local or command (docs/voice.md) and restart " +
    "Signalbox.",
  again: true,
};

/** What an adapter is told of a file: `head` is its beginning, `mediaType` what that says. `patienceMs` is how long it may take. */
export type KnownSound = Sound & { readonly bytes: number; readonly head: Uint8Array; readonly patienceMs: number };

/** One way to hear. It is used for what it `takes`; everything else is turned into what it `wants` first. */
export type SpeechAdapter = AsyncDisposable & {
  readonly name: string;
  readonly wants: "wav" | "m4a";
  takes(sound: KnownSound): boolean;
  /** Resolves, never rejects for anything but a bug. The text may be empty. */
  hear(path: string, sound: KnownSound, signal: AbortSignal): Promise<Transcript>;
};

export function notHeard(why: string, again: boolean): NotHeard {
  return { kind: "refused", why, again };
}

/** Where the person, or the end of the program, stopped it. */
export const stoppedHearing: NotHeard = notHeard("The transcription was stopped.", true);

export function heardTooLate(patienceMs: number): NotHeard {
  return notHeard(`The transcription took longer than ${Math.ceil(patienceMs / 60_000)} min and was ended.`, true);
}
