/** What a file is before somebody hears it: by its bytes, not by what was said of it. */
import { open } from "node:fs/promises";
import { audioKindOf } from "./audio-kind.ts";
import { type KnownSound, type NotHeard, notHeard, type Sound } from "./transcriber.ts";

/** The header of a WAV is far shorter, unless somebody hung pictures in front of the sound. */
const headBytes = 64 * 1024;

/** What a small machine needs to load a model, and a slow line to answer. */
const patienceBaseMs = 2 * 60_000;
/** A small machine hears a large model at a third of the speed at which it is said. */
const patiencePerSecondMs = 3_000;
/** Where nobody knows how long it is: 20 MB of voice, the most that Telegram hands out, are under three hours. */
const patienceUnknownMs = 60 * 60_000;
const patienceMsMax = 4 * 60 * 60_000;

/** Resolves, never rejects. */
export async function lookAt(path: string, { mediaType, seconds }: Sound): Promise<KnownSound | NotHeard> {
  try {
    await using file = await open(path);
    const { size: bytes } = await file.stat();
    if (bytes === 0) return notHeard("The file is empty.", false);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(headBytes), 0, headBytes, 0);
    const head = buffer.subarray(0, bytesRead);
    const kind = kindOf(head, mediaType);
    if (kind === null) return notHeard("The file is neither sound nor video.", false);
    return { mediaType: kind, seconds, bytes, head, patienceMs: patienceOf(seconds) };
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "unknown reason";
    return notHeard(`The file cannot be read (${code}).`, true);
  }
}

/** The bytes of these two containers do not say whether there are pictures in them; there, the sender is believed. */
const silentContainers: Readonly<Record<string, string>> = { "video/mp4": "audio/mp4", "video/webm": "audio/webm" };

function kindOf(head: Uint8Array, said: string): string | null {
  const kind = audioKindOf(head);
  if (kind === null) return /^(audio|video)\//.test(said) ? said : null;
  return said.startsWith("audio/") ? (silentContainers[kind] ?? kind) : kind;
}

function patienceOf(seconds: number | null): number {
  if (seconds === null) return patienceUnknownMs;
  return Math.min(patienceBaseMs + seconds * patiencePerSecondMs, patienceMsMax);
}
