/**
 * Hears through an HTTP service with OpenAI's interface: OpenAI itself, or any server that speaks the same (POST /audio/transcriptions,
 * multipart/form-data, https://platform.openai.com/docs/api-reference/audio/createTranscription).
 *
 * 1. I13: the key goes into the request's header and nowhere else. What the service writes about an error is not repeated: it may
 *    quote the key. A redirect is not followed: it would carry key and voice to a host that nobody chose.
 * 2. I14: request, answer and time are bounded. What went wrong is judged by status and code, never by the text of a message.
 * 3. It uses Node's own HTTP client: the global fetch would stay in memory with its 5 MB.
 */
import { randomBytes } from "node:crypto";
import { createReadStream } from "node:fs";
import type { ClientRequest, IncomingMessage, RequestOptions } from "node:http";
import * as https from "node:https";
import { basename } from "node:path";
import { pipeline } from "node:stream/promises";
import {
  heardTooLate,
  type KnownSound,
  type NotHeard,
  notHeard,
  type SpeechAdapter,
  type SpeechSettings,
  stoppedHearing,
  type Transcript,
} from "./transcriber.ts";

/** What OpenAI takes in one request (25 MB in its guide), less what stands around the file. */
export const uploadBytesMax = 25_000_000;
/** An hour of speech is 60 kB; a megabyte is no transcript. */
const answerBytesMax = 1_000_000;

/** The service goes by the name of the file; these are among the kinds in its guide. */
const fileNames: Readonly<Record<string, string>> = {
  "audio/ogg": "voice.ogg",
  "audio/mpeg": "voice.mp3",
  "audio/mp4": "voice.m4a",
  "audio/wav": "voice.wav",
  "audio/flac": "voice.flac",
  "audio/webm": "voice.webm",
};

export function createOpenAiAdapter(settings: Extract<SpeechSettings, { kind: "openai" }>): SpeechAdapter {
  const { model } = settings;
  const host = new URL(settings.baseUrl).host;
  const name = `${host} (${model})`;
  return {
    name,
    wants: "m4a",
    takes: ({ mediaType }) => fileNames[mediaType] !== undefined,
    async hear(path, sound, signal) {
      if (sound.bytes > uploadBytesMax) {
        return notHeard(
          `The sound is ${megabytes(sound.bytes)} large; ${host} takes ${megabytes(uploadBytesMax)}.`,
          false,
        );
      }
      // Bound on how long the service may take; a connection that is destroyed sends and receives nothing more.
      const late = AbortSignal.timeout(sound.patienceMs);
      try {
        return await ask(settings, path, sound, AbortSignal.any([signal, late]));
      } catch (error) {
        if (signal.aborted) return stoppedHearing;
        if (late.aborted) return heardTooLate(sound.patienceMs);
        return notReached(error, host, path);
      }
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

function megabytes(bytes: number): string {
  return `${Math.ceil(bytes / 100_000) / 10} MB`;
}

async function ask(
  { apiKey, baseUrl, model }: Extract<SpeechSettings, { kind: "openai" }>,
  path: string,
  sound: KnownSound,
  signal: AbortSignal,
): Promise<Transcript> {
  const { before, after, contentType } = formAround(
    fileNames[sound.mediaType] ?? basename(path),
    sound.mediaType,
    model,
  );
  const url = new URL(`${baseUrl.replace(/\/+$/, "")}/audio/transcriptions`);
  const response = await send(
    url,
    {
      method: "POST",
      signal,
      headers: {
        "content-type": contentType,
        "content-length": before.length + sound.bytes + after.length,
        accept: "application/json",
        ...(apiKey === null ? {} : { authorization: `Bearer ${apiKey}` }),
      },
    },
    async function* () {
      yield before;
      // No more than was announced, should the file still grow.
      yield* createReadStream(path, sound.bytes > 0 ? { end: sound.bytes - 1 } : {}) as AsyncIterable<Uint8Array>;
      yield after;
    },
  );
  const status = response.statusCode ?? 0;
  if (status < 200 || status > 299) {
    response.destroy();
    return refusalOf(status, url.host, model);
  }
  return heard(await read(response), url.host);
}

/** What stands before and behind the file in the request's body (RFC 7578). */
function formAround(
  fileName: string,
  mediaType: string,
  model: string,
): { before: Buffer; after: Buffer; contentType: string } {
  const boundary = `signalbox-${randomBytes(16).toString("hex")}`;
  const field = (name: string, value: string): string =>
    `--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`;
  const file =
    `--${boundary}\r\nContent-Disposition: form-data; name="file"; filename="${fileName}"\r\n` +
    `Content-Type: ${mediaType}\r\n\r\n`;
  return {
    before: Buffer.from(`${field("model", model)}${field("response_format", "json")}${file}`),
    after: Buffer.from(`\r\n--${boundary}--\r\n`),
    contentType: `multipart/form-data; boundary=${boundary}`,
  };
}

/** Resolves with the answer's head, also when it comes before the whole body was sent. Rejects with the system's error. */
async function send(
  url: URL,
  options: RequestOptions,
  body: () => AsyncIterable<Uint8Array>,
): Promise<IncomingMessage> {
  // Not imported: an import of node:http reads every export, and one of them loads the whole of the global fetch.
  const { request } = url.protocol === "https:" ? https : process.getBuiltinModule("node:http");
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  // A connection of its own: voice messages are minutes apart.
  const asking: ClientRequest = request(url, { ...options, agent: false });
  asking.on("error", reject);
  asking.on("response", resolve);
  // After an early answer ("too large") the rest is not wanted any more, and its failure changes nothing.
  pipeline(body, asking).catch(reject);
  return promise;
}

async function read(response: IncomingMessage): Promise<string | null> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Uint8Array>) {
    bytes += chunk.length;
    if (bytes > answerBytesMax) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function heard(text: string | null, host: string): Transcript {
  try {
    const answer: unknown = JSON.parse(text ?? "");
    if (typeof answer === "object" && answer !== null && "text" in answer && typeof answer.text === "string") {
      return { kind: "said", text: answer.text };
    }
  } catch {
    // No JSON, or too much of it: said below.
  }
  return notHeard(`${host} gave an answer that is no transcript. Check OPENAI_BASE_URL.`, true);
}

function refusalOf(status: number, host: string, model: string): NotHeard {
  if (status === 401 || status === 403)
    return notHeard(`${host} refuses the key (${status}). Check OPENAI_API_KEY.`, true);
  if (status === 404) {
    return notHeard(
      `${host} does not know the address or the model ${model} (404). Check OPENAI_BASE_URL and SIGNALBOX_TRANSCRIBE_MODEL.`,
      true,
    );
  }
  if (status === 413) return notHeard(`The sound is too large for ${host} (413).`, false);
  if (status === 429) return notHeard(`${host} takes no more requests for now, or the account is used up (429).`, true);
  if (status >= 500) return notHeard(`${host} has trouble of its own (${status}).`, true);
  if (status >= 300 && status < 400) {
    return notHeard(
      `${host} redirects to another address (${status}), which is not followed. Check OPENAI_BASE_URL.`,
      true,
    );
  }
  return notHeard(`${host} cannot read this sound, or does not take the model ${model} (${status}).`, false);
}

function notReached(error: unknown, host: string, path: string): NotHeard {
  const code = error instanceof Error && "code" in error ? String(error.code) : "unknown reason";
  const isOfFile = error instanceof Error && "path" in error && error.path === path;
  return isOfFile
    ? notHeard(`The file cannot be read (${code}).`, true)
    : notHeard(`${host} cannot be reached (${code}). Check the network and OPENAI_BASE_URL.`, true);
}
