// A model that hears the same word in every sound, small enough to be written down here: what it takes to see the real recogniser load a
// model, compute its features and decode. In ONNX's own format (protobuf; onnx.proto3 of the ONNX project names the fields), as NeMo's CTC
// models are: features [1, 80, T] in, scores [1, T, tokens] out.

import { writeFileSync } from "node:fs";
import { join } from "node:path";

/** Writes the model into the directory; what it hears is `word`. */
export function writeModel(directory: string, word: string): void {
  writeFileSync(join(directory, "tokens.txt"), `<unk> 0\n\u2581${word} 1\n<blk> 2\n`);
  writeFileSync(join(directory, "model.onnx"), model());
}

const [tokens, features, float, int64] = [3, 80, 1, 7];

function model(): Buffer {
  const metadata = { vocab_size: "3", subsampling_factor: "1", normalize_type: "", model_type: "EncDecCTCModelBPE" };
  return message([
    number(1, 8),
    field(8, message([number(2, 13)])),
    field(7, graph()),
    ...Object.entries(metadata).map(([key, value]) => field(14, message([text(1, key), text(2, value)]))),
  ]);
}

/** Every score is nothing of the features, plus a bias for the one word. */
function graph(): Buffer {
  return message([
    field(1, node("Transpose", ["audio_signal"], "frames", attribute("perm", [0, 2, 1]))),
    field(1, node("MatMul", ["frames", "nothing"], "zero")),
    field(1, node("Add", ["zero", "bias"], "logprobs")),
    text(2, "one-word"),
    field(5, tensor("nothing", [features, tokens], new Float32Array(features * tokens))),
    field(5, tensor("bias", [tokens], new Float32Array([0, 5, 0]))),
    field(11, value("audio_signal", float, [1, features, null])),
    field(11, value("length", int64, [1])),
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
