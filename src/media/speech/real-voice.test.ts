/**
 * Real voices, heard by a real recogniser with a real model, where this machine has them: Debian's pocketsphinx, pocketsphinx-en-us and
 * pocketsphinx-testdata (people who read aloud), flite (a synthetic voice) and ffmpeg. Where one is missing these tests are skipped.
 */
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, readFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { expect, onTestFinished, test, type TestContext } from "vitest";
import { readSpoken } from "../../domain/typed-text.ts";
import { createSystemClock } from "../../lib/clock.ts";
import { readSamples } from "./samples.ts";
import { createTranscriber } from "./speech.ts";
import { directory, file, never, programDeps, silent, wav } from "./test-sound.ts";
import type { Transcript } from "./transcriber.ts";

const [ffmpeg, flite, pocketsphinx] = ["ffmpeg", "flite", "pocketsphinx_continuous"] as const;

/** By the name of the Debian package that brings it. */
const needed = {
  ffmpeg: onPath(ffmpeg),
  pocketsphinx: onPath(pocketsphinx),
  "pocketsphinx-en-us": existsSync("/usr/share/pocketsphinx/model/en-us/en-us/mdef"),
  "pocketsphinx-testdata": existsSync("/usr/share/pocketsphinx/test/data/goforward.raw"),
  flite: onPath(flite),
};

function onPath(program: string): boolean {
  return (process.env["PATH"] ?? "").split(delimiter).some((path) => existsSync(join(path, program)));
}

function skipWithout(context: TestContext, ...packages: readonly (keyof typeof needed)[]): void {
  const missing = packages.filter((name) => !needed[name]);
  context.skip(missing.length > 0, `needs Debian's ${missing.join(", ")}`);
}

const recogniser = ["ffmpeg", "pocketsphinx", "pocketsphinx-en-us"] as const;

/** What people said, in English: 16,000 samples a second, of 16 bits. */
const said = [
  ["goforward", "go forward ten meters"],
  ["something", "go somewhere and do something"],
] as const;

function spoken(name: string): Int16Array {
  const { buffer, byteOffset, byteLength } = readFileSync(`/usr/share/pocketsphinx/test/data/${name}.raw`);
  return new Int16Array(buffer.slice(byteOffset, byteOffset + byteLength));
}

/** As Telegram's clients record it. */
function voiceMessage(sound: Buffer): string {
  const path = join(directory(), "voice.ogg");
  const opus = "-ar 48000 -ac 1 -c:a libopus -b:a 16k -application voip".split(" ");
  const { status, stderr } = spawnSync(ffmpeg, ["-loglevel", "error", "-i", "-", ...opus, path], { input: sound });
  if (status !== 0) throw new Error(stderr.toString("utf8"));
  return path;
}

/** By the program that docs/voice.md shows, as a person would set it up. */
async function heardIn(path: string): Promise<Transcript> {
  const program = file(
    "my-transcriber",
    `#!/bin/sh\n${ffmpeg} -loglevel error -i "$1" -ar 16000 -ac 1 -f wav - | ${pocketsphinx} -infile /dev/stdin -logfn /dev/null\n`,
  );
  chmodSync(program, 0o700);
  const deps = { ...programDeps(), clock: createSystemClock(), log: silent };
  const transcriber = createTranscriber({ kind: "command", command: [program, "{file}"] }, deps);
  if (transcriber === null) throw new Error("it is off");
  onTestFinished(() => transcriber[Symbol.asyncDispose]());
  return await transcriber.transcribe(path, { mediaType: "audio/ogg", seconds: 3 }, never);
}

test.for(said)("a voice message of a person (%s) is heard as what they said", async ([name, text], context) => {
  skipWithout(context, ...recogniser, "pocketsphinx-testdata");
  const sound = wav(Array.from(spoken(name), (sample) => sample / 32_768));
  expect(await heardIn(voiceMessage(sound))).toEqual({ kind: "said", text });
});

test.for(said)(
  "what the local adapter hears of a voice message (%s) is what was said",
  async ([name, text], context) => {
    skipWithout(context, ...recogniser, "pocketsphinx-testdata");
    const message = voiceMessage(wav(Array.from(spoken(name), (sample) => sample / 32_768)));
    const samples: number[] = [];
    for await (const { values, rate } of readSamples(message)) {
      expect(rate).toBe(16_000);
      samples.push(...values);
    }
    expect(await heardIn(file("decoded.wav", wav(samples)))).toEqual({ kind: "said", text });
  },
);

test.for(["stop", "stop everything", "please stop"])("“%s”, spoken and heard, is a stop", async (words, context) => {
  skipWithout(context, ...recogniser, "flite");
  const path = join(directory(), "spoken.wav");
  expect(spawnSync(flite, ["-voice", "kal16", "-t", words, "-o", path]).status).toBe(0);
  const heard = await heardIn(voiceMessage(readFileSync(path)));
  expect(heard).toEqual({ kind: "said", text: words });
  expect(readSpoken(words)).toMatchObject({ kind: "command", command: { name: "stop" } });
});
