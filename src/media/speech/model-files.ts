/**
 * Which model lies in a directory, by the names of its files, as the sherpa-onnx project publishes them: a directory is used as it was
 * unpacked. https://k2-fsa.github.io/sherpa/onnx/pretrained_models/ lists them.
 */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

export type Model = { readonly name: string; readonly config: ModelConfig };

/** In the recogniser's own words (modelConfig of OfflineRecognizerConfig), without what is the same for all. */
export type ModelConfig = {
  readonly tokens: string;
  readonly modelType?: string;
  readonly whisper?: {
    readonly encoder: string;
    readonly decoder: string;
    readonly language: string;
    readonly task: string;
  };
  readonly senseVoice?: {
    readonly model: string;
    readonly language: string;
    readonly useInverseTextNormalization: number;
  };
  readonly transducer?: { readonly encoder: string; readonly decoder: string; readonly joiner: string };
  readonly nemoCtc?: { readonly model: string };
};

export type FoundModel =
  | { readonly kind: "found"; readonly model: Model }
  /** `why` is a sentence. */
  | { readonly kind: "none"; readonly why: string };

const knownModels = "Whisper, SenseVoice, Parakeet or another transducer";

/** Resolves, never rejects. Reads the list of names and, where names do not tell, the model's tokens. */
export async function findModel(directory: string): Promise<FoundModel> {
  try {
    const model = await modelIn(directory, await readdir(directory));
    if (model !== null) return { kind: "found", model };
    return none(`In ${directory} is no model that Signalbox knows (${knownModels}).`);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "unknown reason";
    return code === "ENOENT"
      ? none(`The directory ${directory} does not exist.`)
      : none(`The directory ${directory} cannot be read (${code}).`);
  }
}

function none(why: string): FoundModel {
  return { kind: "none", why: `${why} Set SIGNALBOX_TRANSCRIBE_MODEL to the directory of one (docs/voice.md).` };
}

async function modelIn(directory: string, names: readonly string[]): Promise<Model | null> {
  const path = (name: string): string => join(directory, name);
  const tokensName = names.find((name) => /(^|-)tokens\.txt$/.test(name));
  if (tokensName === undefined) return null;
  const tokens = path(tokensName);
  const [encoder, decoder, joiner] = [part(names, "encoder"), part(names, "decoder"), part(names, "joiner")];
  if (encoder !== null && decoder !== null && joiner !== null) {
    const transducer = { encoder: path(encoder), decoder: path(decoder), joiner: path(joiner) };
    // NeMo's must be named; of the others the files themselves tell the rest.
    return isOfNemo(await readFile(tokens, "utf8"))
      ? { name: "Parakeet", config: { tokens, transducer, modelType: "nemo_transducer" } }
      : { name: "transducer", config: { tokens, transducer } };
  }
  // Others come in two files as well, but of Whisper alone each file begins with the model's name.
  if (encoder !== null && decoder !== null && tokensName !== "tokens.txt") {
    const whisper = { encoder: path(encoder), decoder: path(decoder), language: "", task: "transcribe" };
    return { name: "Whisper", config: { tokens, whisper } };
  }
  const model = part(names, "model");
  return model === null || encoder !== null ? null : singleFileModel(path(model), tokens);
}

/** Many kinds are a single file. Their tokens tell: SenseVoice alone has one for each of its languages. */
async function singleFileModel(model: string, tokens: string): Promise<Model | null> {
  const words = await readFile(tokens, "utf8");
  if (words.includes("<|zh|>")) {
    return {
      name: "SenseVoice",
      config: { tokens, senseVoice: { model, language: "auto", useInverseTextNormalization: 1 } },
    };
  }
  return isOfNemo(words) ? { name: "Parakeet CTC", config: { tokens, nemoCtc: { model } } } : null;
}

/** Its blank token is the last, with others it is the first. */
function isOfNemo(tokens: string): boolean {
  return /^<blk> [1-9]\d*\s*$/m.test(tokens);
}

/** The file of this part of a model; the smaller one where it comes in two precisions: it is faster and hears nearly as well. */
function part(names: readonly string[], what: string): string | null {
  const files = names.filter((name) => name.endsWith(".onnx") && new RegExp(`(^|-)${what}([.-]|$)`).test(name));
  return files.find((name) => name.endsWith(".int8.onnx")) ?? files[0] ?? null;
}
