/** WAV files: where their samples are, and the samples as one channel of numbers from -1 to 1. Pure. */

export type WaveFormat = {
  readonly rate: number;
  readonly channels: number;
  readonly sample: "u8" | "s16" | "s24" | "s32" | "f32";
  /** Where the first sample is, and how many bytes of samples there are (null: to the end of the file, as a stream is written). */
  readonly start: number;
  readonly bytes: number | null;
};

/** A file with more is no recording of a voice. */
const channelsMax = 8;
/** What any microphone or converter writes. */
const rateRange = { min: 4_000, max: 384_000 } as const;
/** What streams write in the place of a length that they do not know yet. */
const unknownLengths: readonly number[] = [0, 0xffffffff];

/** Null where it is no WAV, its samples are coded, or they begin behind `head`. */
export function waveFormat(head: Uint8Array): WaveFormat | null {
  const view = Buffer.from(head.buffer, head.byteOffset, head.length);
  if (view.toString("latin1", 0, 4) !== "RIFF" || view.toString("latin1", 8, 12) !== "WAVE") return null;
  let format: Pick<WaveFormat, "rate" | "channels" | "sample"> | null = null;
  for (let at = 12; at + 8 <= view.length;) {
    const name = view.toString("latin1", at, at + 4);
    const bytes = view.readUInt32LE(at + 4);
    const start = at + 8;
    if (name === "data") {
      return format === null ? null : { ...format, start, bytes: unknownLengths.includes(bytes) ? null : bytes };
    }
    if (name === "fmt " && start + 16 <= view.length) format = readFormat(view.subarray(start, start + bytes));
    // Chunks begin at even places.
    at = start + bytes + (bytes % 2);
  }
  return null;
}

function readFormat(chunk: Buffer): Pick<WaveFormat, "rate" | "channels" | "sample"> | null {
  const coding = chunk.readUInt16LE(0);
  // The extensible form says what it is in the first bytes of an identifier behind the classic fields.
  const code = coding === 0xfffe && chunk.length >= 26 ? chunk.readUInt16LE(24) : coding;
  const channels = chunk.readUInt16LE(2);
  const rate = chunk.readUInt32LE(4);
  const sample = sampleOf(code, chunk.readUInt16LE(14));
  const isPlausible = channels >= 1 && channels <= channelsMax && rate >= rateRange.min && rate <= rateRange.max;
  return sample === null || !isPlausible ? null : { rate, channels, sample };
}

function sampleOf(code: number, bits: number): WaveFormat["sample"] | null {
  if (code === 3 && bits === 32) return "f32";
  if (code !== 1) return null;
  return bits === 8 ? "u8" : bits === 16 ? "s16" : bits === 24 ? "s24" : bits === 32 ? "s32" : null;
}

const sampleBytes = { u8: 1, s16: 2, s24: 3, s32: 4, f32: 4 } as const;

/** Bytes of one sample of every channel. */
export function frameBytes({ sample, channels }: WaveFormat): number {
  return sampleBytes[sample] * channels;
}

/** The channels of `bytes` mixed into one; bytes of a frame that is not whole are left out. */
export function waveSamples(bytes: Uint8Array, format: WaveFormat): Float32Array {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const { channels, sample } = format;
  const step = sampleBytes[sample];
  return Float32Array.from({ length: Math.trunc(bytes.length / frameBytes(format)) }, (_, frame) => {
    let sum = 0;
    for (let channel = 0; channel < channels; channel += 1) {
      sum += sampleAt(view, (frame * channels + channel) * step, sample);
    }
    return sum / channels;
  });
}

function sampleAt(view: Buffer, at: number, sample: WaveFormat["sample"]): number {
  switch (sample) {
    case "u8":
      return (view.readUInt8(at) - 128) / 128;
    case "s16":
      return view.readInt16LE(at) / 2 ** 15;
    case "s24":
      return view.readIntLE(at, 3) / 2 ** 23;
    case "s32":
      return view.readInt32LE(at) / 2 ** 31;
    case "f32":
      return view.readFloatLE(at);
    default:
      return sample satisfies never;
  }
}
