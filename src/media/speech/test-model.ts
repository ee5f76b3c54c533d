// Models that hear the same word in every sound, small enough to be written down here: what it takes to see the real recogniser load a
// model, compute its features and decode. In ONNX's own format: protobuf, whose fields onnx.proto3 of the ONNX project names.

import { writeFileSync } from "node:fs";
import { join } from "node:path";

/** What the recogniser asks of a kind of model: what is written beside it, and what goes in. Out come scores, [1, T, tokens]. */
type Kind = {
  readonly lastToken: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly features: number;
  readonly inputs: readonly Buffer[];
  /** Brings what goes in into the order [1, T, features]. */
  readonly frames: Buffer;
};

const [float, int32, int64] = [1, 6, 7];
const tokens = 3;

/** NeMo's: features [1, 80, T]. */
function parakeetCtc(): Kind {
  return {
    lastToken: "<blk>",
    metadata: { model_type: "EncDecCTCModelBPE", vocab_size: `${tokens}`, subsampling_factor: "1", normalize_type: "" },
    features: 80,
    inputs: [value("audio_signal", float, [1, 80, null]), value("length", int64, [1])],
    frames: node("Transpose", ["audio_signal"], "frames", attribute("perm", [0, 2, 1])),
  };
}

/** Seven frames at a time, [1, T, 560]. Its first four tokens tell the language and such, and no word of it is said. */
function senseVoice(): Kind {
  const languages = { lang_auto: "0", lang_zh: "3", lang_en: "4", lang_yue: "7", lang_ja: "11", lang_ko: "12" };
  const window = {
    lfr_window_size: "7",
    lfr_window_shift: "6",
    normalize_samples: "0",
    with_itn: "14",
    without_itn: "15",
  };
  const scale = { neg_mean: "0,".repeat(559) + "0", inv_stddev: "1,".repeat(559) + "1" };
  return {
    lastToken: "<|zh|>",
    metadata: { model_type: "sense_voice_ctc", vocab_size: `${tokens}`, ...languages, ...window, ...scale },
    features: 560,
    inputs: [
      value("x", float, [1, null, 560]),
      ...["x_length", "language", "wordsnorm"].map((name) => value(name, int32, [1])),
    ],
    frames: node("Identity", ["x"], "frames"),
  };
}

/** Writes the model into the directory; what it hears is `word`. */
export function writeModel(
  directory: string,
  word: string,
  kind: "Parakeet CTC" | "SenseVoice" = "Parakeet CTC",
): void {
  const model = kind === "SenseVoice" ? senseVoice() : parakeetCtc();
  writeFileSync(join(directory, "tokens.txt"), `<unk> 0\n\u2581${word} 1\n${model.lastToken} 2\n`);
  writeFileSync(join(directory, "model.onnx"), onnx(model));
}

function onnx(kind: Kind): Buffer {
  return message([
    number(1, 8),
    field(8, message([number(2, 13)])),
    field(7, graph(kind)),
    ...Object.entries(kind.metadata).map(([key, words]) => field(14, message([text(1, key), text(2, words)]))),
  ]);
}

/** Every score is nothing of the features, plus a bias for the one word. */
function graph({ features, frames, inputs }: Kind): Buffer {
  return message([
    field(1, frames),
    field(1, node("MatMul", ["frames", "nothing"], "zero")),
    field(1, node("Add", ["zero", "bias"], "logprobs")),
    text(2, "one-word"),
    field(5, tensor("nothing", [features, tokens], new Float32Array(features * tokens))),
    field(5, tensor("bias", [tokens], new Float32Array([0, 5, 0]))),
    ...inputs.map((input) => field(11, input)),
    field(12, value("logprobs", float, [1, null, tokens])),
  ]);
}

function node(operator: string, inputs: readonly string[], output: string, ...attributes: readonly Buffer[]): Buffer {
  const names = inputs.map((name) => text(1, name));
  return message([...names, text(2, output), text(4, operator), ...attributes.map((one) => field(5, one))]);
}

function attribute(name: string, integers: readonly number[]): Buffer {
  return message([text(1, name), ...integers.map((one) => number(8, one)), number(20, 7)]);
}

function tensor(name: string, sizes: readonly number[], values: Float32Array): Buffer {
  return message([
    ...sizes.map((size) => number(1, size)),
    number(2, float),
    text(8, name),
    field(9, Buffer.from(values.buffer)),
  ]);
}

/** A size that is null is known when it runs. */
function value(name: string, type: number, sizes: readonly (number | null)[]): Buffer {
  const shape = sizes.map((size) => field(1, message([size === null ? text(2, "T") : number(1, size)])));
  return message([text(1, name), field(2, message([field(1, message([number(1, type), field(2, message(shape))]))]))]);
}

// ---- Protobuf

function message(fields: readonly Buffer[]): Buffer {
  return Buffer.concat(fields);
}

function field(id: number, bytes: Buffer): Buffer {
  return Buffer.concat([varint((id << 3) | 2), varint(bytes.length), bytes]);
}

function text(id: number, words: string): Buffer {
  return field(id, Buffer.from(words));
}

function number(id: number, integer: number): Buffer {
  return Buffer.concat([varint(id << 3), varint(integer)]);
}

function varint(integer: number): Buffer {
  const bytes: number[] = [];
  for (let rest = integer; ; rest >>= 7) {
    if (rest < 128) return Buffer.from([...bytes, rest]);
    bytes.push((rest & 127) | 128);
  }
}
