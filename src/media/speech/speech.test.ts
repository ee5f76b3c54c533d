import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { delimiter, join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { createSystemClock } from "../../lib/clock.ts";
import { createTranscriber, type SpeechDeps } from "./speech.ts";
import { directory, file, never, programDeps, silent, voice, wav } from "./test-sound.ts";
import { speechIsOff, type SpeechSettings, type Transcriber, type Transcript } from "./transcriber.ts";

function transcriber(settings: SpeechSettings, rest: Partial<SpeechDeps> = {}): Transcriber {
  const made = createTranscriber(settings, { ...programDeps(), clock: createSystemClock(), log: silent, ...rest });
  if (made === null) throw new Error("it is off");
  onTestFinished(() => made[Symbol.asyncDispose]());
  return made;
}

/** The person's own program is a line of JavaScript; `file` is the path it got. */
function own(script: string, rest: Partial<SpeechDeps> = {}): Transcriber {
  const body = `const file = process.argv[1]; ${script}`;
  return transcriber({ kind: "command", command: [process.execPath, "-e", body, "--", "{file}"] }, rest);
}

const voiceMessage = { mediaType: "audio/ogg", seconds: 5 };
const hear = (
  by: Transcriber,
  path = voice,
  sound = voiceMessage as { mediaType: string; seconds: number | null },
): Promise<Transcript> => by.transcribe(path, sound, never);

test("where nobody is configured there is no transcriber, and the person is told what to set", () => {
  expect(createTranscriber(null, { ...programDeps(), clock: createSystemClock(), log: silent })).toBeNull();
  expect(speechIsOff).toMatchObject({
    why: expect.stringMatching(/SIGNALBOX_TRANSCRIBE to openai, local or command/) as string,
    again: true,
  });
});

test("what was said comes back without the space around it; nothing said is no transcript", async () => {
  expect(await hear(own("console.log('  Stop, please. \\n')"))).toEqual({ kind: "said", text: "Stop, please." });
  expect(await hear(own("console.log(' \\n')"))).toEqual({
    kind: "refused",
    why: "Nothing is said in it that could be understood.",
    again: false,
  });
});

test("a transcript of more than hours is cut, and says so", async () => {
  const transcript = await hear(own("process.stdout.write('\\u{1F600}'.repeat(125_001))"));
  expect(transcript.kind === "said" && transcript.text.length).toBeLessThan(250_100);
  expect(transcript).toMatchObject({
    text: expect.stringMatching(/\n\[The rest of the transcript is left out\.\]$/) as string,
  });
});

test("what is no sound, is empty or is gone is refused before anybody is asked", async () => {
  const by = own("console.log('heard')");
  const document = { mediaType: "text/plain", seconds: null };
  expect(await hear(by, file("a.txt", "hello"), document)).toMatchObject({
    why: "The file is neither sound nor video.",
    again: false,
  });
  expect(await hear(by, file("a.ogg", ""))).toMatchObject({ why: "The file is empty.", again: false });
  expect(await hear(by, "/no/such")).toMatchObject({ why: "The file cannot be read (ENOENT)." });
  expect(await hear(by, directory())).toMatchObject({ why: "The file cannot be read (EISDIR)." });
});

const mp4 = Buffer.from("\0\0\0\x20ftypisom\0\0\x02\0", "latin1");

test("the sound of a video needs ffmpeg, whoever hears; where it is missing that is what the person is told", async () => {
  const by = own("console.log('heard')", { environment: { PATH: directory() } });
  const video = { mediaType: "video/mp4", seconds: 5 };
  expect(await hear(by, file("a.mp4", mp4), video)).toMatchObject({
    kind: "refused",
    why: expect.stringMatching(/^To hear the sound of a video, ffmpeg is needed/) as string,
    again: true,
  });
  // The same container, sent as music: it may hold sound alone.
  expect(await hear(by, file("a.m4a", mp4), { mediaType: "audio/mp4", seconds: 5 })).toEqual({
    kind: "said",
    text: "heard",
  });
});

test("what was converted is there as long as it is heard, and is gone then", async () => {
  const bin = directory();
  const ffmpeg = '#!/bin/sh\nfor last in "$@"; do :; done\nprintf sound > "${last#file:}"\n';
  writeFileSync(join(bin, "ffmpeg"), ffmpeg, { mode: 0o700 });
  const tells = "setImmediate(() => console.log(file, require('node:fs').readFileSync(file, 'utf8')))";
  const by = own(tells, { environment: { PATH: `${bin}${delimiter}${process.env["PATH"] ?? ""}` } });
  const transcript = await hear(by, file("a.mp4", mp4), { mediaType: "video/mp4", seconds: 5 });
  expect(transcript).toMatchObject({ kind: "said", text: expect.stringMatching(/^\/.*\/sound\.wav sound$/) as string });
  const [path = ""] = transcript.kind === "said" ? transcript.text.split(" ") : [];
  expect(existsSync(path)).toBe(false);
});

test("a bug becomes a sentence for the person and an error in the log, not a rejection", async () => {
  const errors: object[] = [];
  const log = { ...silent, error: (fields: object) => void errors.push(fields) };
  const newId = (): string => {
    throw new Error("no more ids");
  };
  expect(await hear(own("", { newId, log }))).toMatchObject({
    kind: "refused",
    why: expect.stringMatching(/the log says why/) as string,
  });
  expect(errors).toEqual([{ error: expect.objectContaining({ message: "no more ids" }) as Error }]);
});

test("two are heard at once, further ones wait in order, and one that is stopped while it waits does not hold the others up", async () => {
  let open = 0;
  const arrived: (() => void)[] = [];
  const server = createServer((request, response) => {
    open += 1;
    request.resume();
    arrived.push(() => {
      open -= 1;
      response.end(`{"text":"heard"}`);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const by = transcriber({ kind: "openai", apiKey: null, baseUrl, model: "m" });
  const stop = new AbortController();
  const first = [hear(by), hear(by)];
  const waits = by.transcribe(voice, voiceMessage, stop.signal);
  const last = hear(by);
  await expect.poll(() => open).toBe(2);
  stop.abort();
  expect(await waits).toMatchObject({ why: "The transcription was stopped." });
  expect(arrived.length).toBe(2);
  for (const answer of arrived.splice(0)) answer();
  await Promise.all(first);
  await expect.poll(() => open).toBe(1);
  arrived[0]?.();
  expect(await last).toEqual({ kind: "said", text: "heard" });
});

test("giving it back stops what is under way", async () => {
  const by = own("setInterval(() => {}, 1000)");
  const transcript = hear(by);
  await by[Symbol.asyncDispose]();
  expect(await transcript).toMatchObject({ why: "The transcription was stopped." });
  expect(await hear(by)).toMatchObject({ why: "The transcription was stopped." });
});

test("what the local recogniser reads directly is not converted first", async () => {
  const { createLocalAdapter } = await import("./local.ts");
  const deps = { ...programDeps(), clock: createSystemClock(), log: silent };
  await using adapter = createLocalAdapter("/models/tiny", deps);
  const sound = { mediaType: "", seconds: null, bytes: 1, patienceMs: 1 };
  expect(adapter.takes({ ...sound, head: readFileSync(voice) })).toBe(true);
  expect(adapter.takes({ ...sound, head: wav([0]) })).toBe(true);
  expect(adapter.takes({ ...sound, head: Buffer.from("ID3") })).toBe(false);
  expect(adapter.name).toBe("sherpa-onnx (tiny)");
});
