/**
 * Files as samples, piece by piece: Ogg/Opus (as messengers record voice) through a decoder in WebAssembly, WAV directly. What is read
 * at once is bounded, however long the file is.
 */
import { createReadStream } from "node:fs";
import { isOggOpus } from "./audio-kind.ts";
import { lookAt } from "./known-sound.ts";
import { type NotHeard, notHeard } from "./transcriber.ts";
import { frameBytes, waveFormat, type WaveFormat, waveSamples } from "./wave.ts";

/** One channel, from -1 to 1. */
export type Samples = { readonly values: Float32Array; readonly rate: number };

/** A file that cannot be heard; the refusal says why. */
export class Unheard extends Error {
  override readonly name = "Unheard";
  readonly refusal: NotHeard;

  constructor(why: string, again: boolean) {
    super(why);
    this.refusal = notHeard(why, again);
  }
}

/** Read and decoded at once: about half a minute of voice, a third of a second of the best WAV. */
const chunkBytes = 64 * 1024;
/** What recognisers are trained on; the decoder gives it directly. */
const opusRate = 16_000;

/** What to install with which command; tested with these versions. */
export const localPackages = { "sherpa-onnx-node": "1.13", "ogg-opus-decoder": "1.7" } as const;

/** Throws an Unheard for what is neither Ogg/Opus nor plain WAV, and for a decoder that is not there. */
export async function* readSamples(path: string): AsyncGenerator<Samples> {
  const sound = await lookAt(path, { mediaType: "", seconds: null });
  if ("why" in sound) throw new Unheard(sound.why, sound.again);
  const { head } = sound;
  if (isOggOpus(head)) return yield* opusSamples(path);
  const format = waveFormat(head);
  if (format !== null) return yield* wavSamples(path, format);
  throw new Unheard(
    "The file is neither a voice message (Ogg with Opus) nor a WAV file. Install ffmpeg to have other kinds converted.",
    true,
  );
}

async function* opusSamples(path: string): AsyncGenerator<Samples> {
  const decoder = await createDecoder();
  let heard = 0;
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: chunkBytes })) {
      const { channelData } = await decoder.decode(chunk as Uint8Array);
      const values = mixed(channelData);
      heard += values.length;
      if (values.length > 0) yield { values, rate: opusRate };
    }
    const values = mixed((await decoder.flush()).channelData);
    heard += values.length;
    if (values.length > 0) yield { values, rate: opusRate };
  } catch (error) {
    // The decoder throws plain errors for what it cannot read.
    throw error instanceof Error && "code" in error ? error : brokenSound();
  } finally {
    decoder.free();
  }
  if (heard === 0) throw brokenSound();
}

function brokenSound(): Unheard {
  return new Unheard("The sound file is broken: nothing in it could be decoded.", false);
}

/** The package as it is: its types know 48 kHz alone, and that `decode` answers at once. */
type OpusDecoder = {
  readonly ready: Promise<void>;
  decode(bytes: Uint8Array): Promise<{ readonly channelData: readonly Float32Array[] }>;
  flush(): Promise<{ readonly channelData: readonly Float32Array[] }>;
  free(): void;
};

async function createDecoder(): Promise<OpusDecoder> {
  const { OggOpusDecoder } = await import("ogg-opus-decoder").catch((error: unknown) => {
    throw missingPackage("ogg-opus-decoder", error);
  });
  const Decoder = OggOpusDecoder as unknown as new (options: { readonly sampleRate: number }) => OpusDecoder;
  const decoder = new Decoder({ sampleRate: opusRate });
  await decoder.ready;
  return decoder;
}

/** What to do about a package that `error` says cannot be imported. */
export function missingPackage(name: keyof typeof localPackages, error: unknown): Unheard {
  const code = error instanceof Error && "code" in error ? String(error.code) : null;
  const install = `npm install ${name}@${localPackages[name]}`;
  return code === "ERR_MODULE_NOT_FOUND"
    ? new Unheard(`The package ${name} is not installed. Install it beside Signalbox: ${install}`, true)
    : new Unheard(`The package ${name} cannot be loaded (${code ?? "unknown reason"}). Reinstall it: ${install}`, true);
}

function mixed(channels: readonly Float32Array[]): Float32Array {
  const [first = new Float32Array(0), ...others] = channels;
  if (others.length === 0) return first;
  return first.map((value, i) => others.reduce((sum, other) => sum + (other[i] ?? 0), value) / channels.length);
}

async function* wavSamples(path: string, format: WaveFormat): AsyncGenerator<Samples> {
  const { start, bytes, rate } = format;
  const range = bytes === null ? { start } : { start, end: start + bytes - 1 };
  let rest: Uint8Array = new Uint8Array(0);
  for await (const chunk of createReadStream(path, { highWaterMark: chunkBytes, ...range })) {
    const all = Buffer.concat([rest, chunk as Uint8Array]);
    const whole = all.length - (all.length % frameBytes(format));
    rest = all.subarray(whole);
    if (whole > 0) yield { values: waveSamples(all.subarray(0, whole), format), rate };
  }
}
