/**
 * The sound of a file in a form that can be heard, made with ffmpeg where it is installed: of a video, and of formats that whoever
 * hears does not take. ffmpeg is not part of Signalbox; it is found on the PATH.
 *
 * 1. The file came from somebody else: only plain containers are opened and only local files, so that nothing in it makes ffmpeg read
 *    another file or the network (a playlist would).
 * 2. I14: bounded in time and in what it writes. What it wrote is removed by whoever used it.
 */
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ProgramDeps, runProgram } from "./program.ts";
import {
  heardTooLate,
  type KnownSound,
  type NotHeard,
  notHeard,
  type SpeechAdapter,
  stoppedHearing,
} from "./transcriber.ts";

export type Converted =
  | (AsyncDisposable & { readonly kind: "converted"; readonly path: string })
  | (AsyncDisposable & NotHeard);

/** ffmpeg's names of the containers that messengers, phones and recorders write. */
const containers =
  "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,flv,asf,ogg,mp3,wav,w64,aiff,flac,aac,amr,caf,opus";
/** Four hours of the larger form (16,000 samples of 2 bytes a second). */
const soundBytesMax = 4 * 3_600 * 32_000;
/** Its diagnostics go to stderr; it prints nothing. */
const stdoutBytesMax = 10_000;
/** Speech needs no more than one of each. */
const codecs = {
  wav: ["-c:a", "pcm_s16le", "-f", "wav"],
  m4a: ["-c:a", "aac", "-b:a", "32k", "-f", "ipod"],
} as const;

/** Resolves, never rejects for anything but a full disk or a bug. */
export async function extractSound(
  path: string,
  to: SpeechAdapter["wants"],
  sound: KnownSound,
  deps: ProgramDeps,
  signal: AbortSignal,
): Promise<Converted> {
  const directory = await mkdtemp(join(tmpdir(), "signalbox-sound-"));
  const remove = (): Promise<void> => rm(directory, { recursive: true, force: true });
  const refusal = await convert(path, join(directory, `sound.${to}`), { to, sound, deps, signal });
  if (refusal === null)
    return { kind: "converted", path: join(directory, `sound.${to}`), [Symbol.asyncDispose]: remove };
  await remove();
  return { ...refusal, [Symbol.asyncDispose]: () => Promise.resolve() };
}

type Conversion = {
  readonly to: SpeechAdapter["wants"];
  readonly sound: KnownSound;
  readonly deps: ProgramDeps;
  readonly signal: AbortSignal;
};

/** Null when the file is there. */
async function convert(path: string, into: string, { to, sound, deps, signal }: Conversion): Promise<NotHeard | null> {
  const { mediaType, patienceMs } = sound;
  const args = [
    ...["-nostdin", "-hide_banner", "-loglevel", "error", "-y"],
    ...["-protocol_whitelist", "file", "-format_whitelist", containers, "-i", `file:${path}`],
    ...["-map", "0:a:0", "-vn", "-sn", "-dn", "-map_metadata", "-1", "-ac", "1", "-ar", "16000"],
    // A little more than is taken, so that what was cut off can be told from what just fits.
    ...[...codecs[to], "-fs", String(soundBytesMax + 1_000_000), `file:${into}`],
  ];
  const end = await runProgram({ command: "ffmpeg", args, cwd: tmpdir(), patienceMs, stdoutBytesMax }, deps, signal);
  switch (end.kind) {
    case "ended": {
      if (end.code !== 0)
        return notHeard("There is no sound in the file that could be read: no audio track, or a broken one.", false);
      const { size } = await stat(into);
      return size > soundBytesMax ? notHeard("The sound is longer than four hours.", false) : null;
    }
    case "missing":
      return notHeard(missing(mediaType), true);
    case "late":
      return heardTooLate(patienceMs);
    case "stopped":
      return stoppedHearing;
    case "flooded":
      return notHeard("ffmpeg did not behave as expected and was ended.", true);
    default:
      return end satisfies never;
  }
}

function missing(mediaType: string): string {
  const what = mediaType.startsWith("video/") ? "the sound of a video" : `sound of the kind ${mediaType}`;
  return `To hear ${what}, ffmpeg is needed, which is not installed (apt install ffmpeg, brew install ffmpeg).`;
}
