import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { examineSpeech } from "./speech-health.ts";
import { directory } from "./test-sound.ts";
import type { SpeechSettings } from "./transcriber.ts";

/** A PATH with these programs on it. */
function pathWith(...programs: readonly string[]): string {
  const bin = directory();
  for (const program of programs) writeFileSync(join(bin, program), "#!/bin/sh\n", { mode: 0o700 });
  return `/no/such:${bin}`;
}

async function lines(settings: SpeechSettings | null, path: string): Promise<string[]> {
  return (await examineSpeech(settings, path)).map(({ mark, text }) => `${mark}: ${text}`);
}

const openai = { kind: "openai", apiKey: "canary", baseUrl: "https://api.openai.com/v1", model: "whisper-1" } as const;

test("where nobody hears, doctor says what to set, and nothing about ffmpeg", async () => {
  expect(await lines(null, "")).toEqual([expect.stringMatching(/^note: .*Set SIGNALBOX_TRANSCRIBE/)]);
});

test("a service is named with its model, without the key, and that agents do not get it", async () => {
  expect(await lines(openai, pathWith("ffmpeg"))).toEqual([
    "ok: Voice messages are sent to api.openai.com and transcribed with whisper-1. Agents do not get OPENAI_API_KEY.",
  ]);
});

test("without ffmpeg, what is not heard is a note", async () => {
  expect((await lines(openai, pathWith())).at(-1)).toMatch(/^note: ffmpeg is not installed: the sound of videos/);
});

test("a command is looked for on the PATH, or where it is said to be", async () => {
  const hears = (program: string): SpeechSettings => ({ kind: "command", command: [program, "{file}"] });
  const path = pathWith("ffmpeg", "hear");
  expect(await lines(hears("hear"), path)).toEqual(["ok: Voice messages are transcribed by hear."]);
  expect(await lines(hears("/no/hear"), path)).toEqual([
    expect.stringMatching(/^problem: The program \/no\/hear was not found/),
  ]);
  expect(await lines(hears("hears"), path)).toEqual([
    expect.stringMatching(/^problem: .*SIGNALBOX_TRANSCRIBE_COMMAND/),
  ]);
});

test("a local model is looked for by its files, and its packages by their names", async () => {
  const path = pathWith("ffmpeg");
  const model = directory();
  const settings: SpeechSettings = { kind: "local", directory: model };
  expect(await lines(settings, path)).toEqual([expect.stringMatching(/^problem: .* no model that Signalbox knows/)]);
  for (const name of ["tiny-encoder.onnx", "tiny-decoder.onnx", "tiny-tokens.txt"])
    writeFileSync(join(model, name), "");
  expect(await lines(settings, path)).toEqual([
    `ok: Voice messages are transcribed on this machine: Whisper in ${model}.`,
  ]);
});
