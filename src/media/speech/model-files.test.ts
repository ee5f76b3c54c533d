import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { findModel } from "./model-files.ts";
import { loadRecogniser, loadSherpa } from "./sherpa.ts";
import { writeModel } from "./test-model.ts";
import { directory } from "./test-sound.ts";

/** A directory with these files; what stands in the tokens is given, everything else is no model. */
function modelDirectory(names: readonly string[], tokens = "a 0\n"): string {
  const path = directory();
  for (const name of names) writeFileSync(join(path, name), name.endsWith(".txt") ? tokens : "no model");
  return path;
}

const whisper = [
  "tiny-encoder.onnx",
  "tiny-encoder.int8.onnx",
  "tiny-decoder.int8.onnx",
  "tiny-tokens.txt",
  "README.md",
];
const parakeet = ["encoder.int8.onnx", "decoder.int8.onnx", "joiner.int8.onnx", "tokens.txt"];
const zipformer = [
  "encoder-epoch-99-avg-1.int8.onnx",
  "encoder-epoch-99-avg-1.onnx",
  "decoder-epoch-99-avg-1.onnx",
  "joiner-epoch-99-avg-1.int8.onnx",
  "tokens.txt",
];

test.each<[string, readonly string[], string, object]>([
  [
    "Whisper",
    whisper,
    "",
    {
      whisper: {
        encoder: "tiny-encoder.int8.onnx",
        decoder: "tiny-decoder.int8.onnx",
        language: "",
        task: "transcribe",
      },
    },
  ],
  [
    "SenseVoice",
    ["model.onnx", "model.int8.onnx", "tokens.txt"],
    "<unk> 0\n<|zh|> 24884\n",
    { senseVoice: { model: "model.int8.onnx", language: "auto", useInverseTextNormalization: 1 } },
  ],
  [
    "Parakeet",
    parakeet,
    "<unk> 0\n<blk> 1024\n",
    {
      transducer: { encoder: "encoder.int8.onnx", decoder: "decoder.int8.onnx", joiner: "joiner.int8.onnx" },
      modelType: "nemo_transducer",
    },
  ],
  [
    "Parakeet CTC",
    ["model.int8.onnx", "tokens.txt"],
    "<unk> 0\n<blk> 1024\n",
    { nemoCtc: { model: "model.int8.onnx" } },
  ],
  [
    "transducer",
    zipformer,
    "<blk> 0\n<sos/eos> 1\n",
    {
      transducer: {
        encoder: "encoder-epoch-99-avg-1.int8.onnx",
        decoder: "decoder-epoch-99-avg-1.onnx",
        joiner: "joiner-epoch-99-avg-1.int8.onnx",
      },
    },
  ],
])("a directory with a %s model is recognised by its files", async (name, names, tokens, config) => {
  const path = modelDirectory(names, tokens);
  const found = await findModel(path);
  if (found.kind === "none") throw new Error(found.why);
  expect(found.model.name).toBe(name);
  const { tokens: tokensPath, ...rest } = found.model.config;
  expect(tokensPath).toMatch(/tokens\.txt$/);
  expect(JSON.parse(JSON.stringify(rest).replaceAll(`${path}/`, ""))).toEqual(config);
});

test.each<[string, readonly string[], string]>([
  ["nothing", [], ""],
  ["a model without its tokens", ["tiny-encoder.onnx", "tiny-decoder.onnx"], ""],
  ["half a model", ["tiny-encoder.onnx", "tiny-tokens.txt"], ""],
  ["a single file of a kind that is not known", ["model.onnx", "tokens.txt"], "<blank> 0\n"],
  ["two files of a kind that is not known", ["encoder.onnx", "decoder.onnx", "tokens.txt"], "<unk> 0\n"],
])("a directory with %s is refused with what to set", async (_name, names, tokens) => {
  const found = await findModel(modelDirectory(names, tokens));
  expect(found).toMatchObject({
    kind: "none",
    why: expect.stringMatching(/is no model that Signalbox knows.*SIGNALBOX_TRANSCRIBE_MODEL/) as string,
  });
});

test("a directory that is not there, or is none, is named", async () => {
  expect(await findModel("/no/such")).toMatchObject({
    why: expect.stringMatching(/^The directory \/no\/such does not exist/) as string,
  });
  expect(await findModel(import.meta.filename)).toMatchObject({
    why: expect.stringMatching(/cannot be read \(ENOTDIR\)/) as string,
  });
});

test("the recogniser's package loads here, and refuses files that are no model without taking its process along", async () => {
  expect((await loadSherpa()).version).toMatch(/^1\.13\./);
  await expect(loadRecogniser(modelDirectory(whisper))).rejects.toMatchObject({
    refusal: {
      why: expect.stringMatching(/look like a Whisper model, but the recogniser cannot load them/) as string,
      again: true,
    },
  });
});

test("the recogniser loads a Parakeet CTC model and a SenseVoice model as they were recognised here", async () => {
  const sound = { values: Float32Array.from({ length: 16_000 }, (_, i) => Math.sin(i / 10)), rate: 16_000 };
  const parakeetCtc = directory();
  writeModel(parakeetCtc, "hello");
  expect(await (await loadRecogniser(parakeetCtc)).recognise(sound)).toBe("hello");
  const senseVoice = directory();
  writeModel(senseVoice, "hello", "SenseVoice");
  expect(await findModel(senseVoice)).toMatchObject({ model: { name: "SenseVoice" } });
  // One token for everything is the language's, and no word.
  expect(await (await loadRecogniser(senseVoice)).recognise(sound)).toBe("");
});
