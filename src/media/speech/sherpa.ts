/**
 * The recogniser of sherpa-onnx, loaded from a directory of model files. It takes up to some gigabytes of memory and a native library,
 * which may abort its process: it lives in a process of its own (local.ts), never in the program itself.
 */
import { availableParallelism } from "node:os";
import type Sherpa from "sherpa-onnx-node";
import { findModel, type ModelConfig } from "./model-files.ts";
import { missingPackage, type Samples, Unheard } from "./samples.ts";

/** Up to half a minute of sound at a time. Rejects for bugs of the native library only. */
export type Recogniser = { recognise(samples: Samples): Promise<string> };

/** More threads hardly help, and agents want to work too. */
const threadsMax = 4;

/** Rejects with an Unheard that says what is missing. Takes seconds. */
export async function loadRecogniser(directory: string): Promise<Recogniser> {
  const found = await findModel(directory);
  if (found.kind === "none") throw new Unheard(found.why, true);
  const { OfflineRecognizer } = await loadSherpa();
  const { model } = found;
  try {
    const recogniser = await OfflineRecognizer.createAsync(recogniserConfig(model.config));
    return {
      async recognise({ values, rate }) {
        const stream = recogniser.createStream();
        stream.acceptWaveform({ samples: values, sampleRate: rate });
        return (await recogniser.decodeAsync(stream)).text.trim();
      },
    };
  } catch {
    throw new Unheard(
      `The files in ${directory} look like a ${model.name} model, but the recogniser cannot load them. Unpack the model again, ` +
        "or choose another one (docs/voice.md).",
      true,
    );
  }
}

/** Rejects with an Unheard. */
export async function loadSherpa(): Promise<Sherpa> {
  try {
    return (await import("sherpa-onnx-node")).default;
  } catch (error) {
    throw missingPackage("sherpa-onnx-node", error);
  }
}

function recogniserConfig(model: ModelConfig): object {
  return {
    featConfig: { sampleRate: 16_000, featureDim: 80 },
    modelConfig: {
      ...model,
      numThreads: Math.min(threadsMax, availableParallelism()),
      provider: "cpu",
      debug: 0,
    },
  };
}
