/**
 * The inside of the process that hears on this machine: one question at a time comes in over the channel that its parent opened, and
 * one answer goes back. It ends when the parent closes the channel or dies.
 */
import { readSamples, type Samples, Unheard } from "./samples.ts";
import { createSegmenter } from "./segments.ts";
import type { Recogniser } from "./sherpa.ts";
import type { Transcript } from "./transcriber.ts";

export type Question = { readonly id: number; readonly path: string };
export type Answer = { readonly id: number; readonly transcript: Transcript };

/** What of a child process's own `process` it needs. */
export type Channel = {
  on(event: "message", listener: (message: unknown) => void): unknown;
  on(event: "disconnect", listener: () => void): unknown;
  send?(message: Answer): unknown;
};

/** Answers until the channel is closed. `load` is asked with the first question, and again only when it failed. */
export function serveSpeech(channel: Channel, load: () => Promise<Recogniser>): void {
  let recogniser: Recogniser | null = null;
  const closed = new AbortController();
  channel.on("disconnect", () => closed.abort());
  channel.on("message", (message) => void answer(message as Question));

  /** Never rejects. The parent asks again only after an answer, so there is one of these at a time. */
  async function answer({ id, path }: Question): Promise<void> {
    const transcript = await hear(path);
    if (!closed.signal.aborted) channel.send?.({ id, transcript });
  }

  async function hear(path: string): Promise<Transcript> {
    try {
      recogniser ??= await load();
      return { kind: "said", text: await textOf(path, recogniser, closed.signal) };
    } catch (error) {
      if (error instanceof Unheard) return error.refusal;
      const code = error instanceof Error && "code" in error ? String(error.code) : "unknown reason";
      return new Unheard(`The file cannot be heard (${code}).`, true).refusal;
    }
  }
}

async function textOf(path: string, recogniser: Recogniser, signal: AbortSignal): Promise<string> {
  const texts: string[] = [];
  for await (const piece of pieces(readSamples(path))) {
    if (signal.aborted) break;
    texts.push(await recogniser.recognise(piece));
  }
  return texts.filter((text) => text !== "").join(" ");
}

async function* pieces(all: AsyncIterable<Samples>): AsyncGenerator<Samples> {
  let current: { readonly rate: number; readonly segmenter: ReturnType<typeof createSegmenter> } | null = null;
  for await (const { values, rate } of all) {
    current ??= { rate, segmenter: createSegmenter(rate) };
    for (const piece of current.segmenter.push(values)) yield { values: piece, rate };
  }
  const rest = current?.segmenter.rest() ?? null;
  if (current !== null && rest !== null) yield { values: rest, rate: current.rate };
}
