import { readFileSync } from "node:fs";
import { expect, test, vi } from "vitest";
import { missingPackage, readSamples, type Samples, Unheard } from "./samples.ts";
import { file, voice, wav } from "./test-sound.ts";
import { waveFormat, waveSamples } from "./wave.ts";

async function all(path: string): Promise<Samples[]> {
  return Array.fromAsync(readSamples(path));
}

async function refusal(path: string): Promise<string> {
  const error: unknown = await all(path).then(
    () => null,
    (reason: unknown) => reason,
  );
  if (!(error instanceof Unheard)) throw new Error(`it was heard, or failed otherwise: ${String(error)}`);
  return error.refusal.why;
}

const length = (pieces: readonly Samples[]): number => pieces.reduce((sum, { values }) => sum + values.length, 0);

test("a real voice message becomes 16,000 samples a second of one channel, with a voice in them", async () => {
  const pieces = await all(voice);
  expect(new Set(pieces.map(({ rate }) => rate))).toEqual(new Set([16_000]));
  // ffprobe says 5.187 s.
  expect(length(pieces) / 16_000).toBeCloseTo(5.18, 1);
  const loudest = Math.max(
    ...pieces.map(({ values }) => values.reduce((most, value) => Math.max(most, Math.abs(value)), 0)),
  );
  expect(loudest).toBeGreaterThan(0.3);
  expect(loudest).toBeLessThanOrEqual(1);
});

test("a voice message that breaks off is heard as far as it goes", async () => {
  const pieces = await all(file("cut.ogg", readFileSync(voice).subarray(0, 6_000)));
  expect(length(pieces)).toBeGreaterThan(16_000);
  expect(length(pieces)).toBeLessThan(5 * 16_000);
});

test("a voice message whose sound is garbage is refused for good, and one with garbage in it is not", async () => {
  // The decoder tells it to the terminal as well; in the program that is the end of a pipe.
  vi.spyOn(console, "error").mockReturnValue(undefined);
  const bytes = readFileSync(voice);
  const garbage = Buffer.alloc(200_000, 7);
  expect(await refusal(file("a.ogg", Buffer.concat([bytes.subarray(0, 100), garbage])))).toMatch(/is broken/);
  expect(await refusal(file("b.ogg", bytes.subarray(0, 60)))).toMatch(/is broken/);
  const mended = await all(file("c.ogg", Buffer.concat([bytes.subarray(0, 3_000), garbage, bytes.subarray(3_000)])));
  expect(length(mended)).toBeGreaterThan(2 * 16_000);
});

test("a WAV is read as it is, in order and to the last sample, its channels mixed", async () => {
  const samples = Array.from({ length: 120_000 }, (_, i) => (i % 2 === 0 ? (i / 120_000) * 0.5 : 0));
  const pieces = await all(file("a.wav", wav(samples, { rate: 48_000, channels: 2 })));
  expect(pieces.length).toBeGreaterThan(1);
  expect(length(pieces)).toBe(60_000);
  const values = pieces.flatMap((piece) => [...piece.values]);
  expect(values[30_000]).toBeCloseTo(0.125, 3);
  expect(values.every((value, i) => i === 0 || value >= (values[i - 1] ?? 0))).toBe(true);
  expect(pieces[0]?.rate).toBe(48_000);
});

test("a WAV that was written as a stream, without its length, is read to its end", async () => {
  const bytes = wav(Array.from({ length: 1_000 }, () => 0.25));
  bytes.writeUInt32LE(0xffffffff, 40);
  expect(length(await all(file("a.wav", bytes)))).toBe(1_000);
});

test.each<[string, "u8" | "s16" | "s24" | "s32" | "f32", number, number, Buffer]>([
  ["8 bits", "u8", 1, 8, Buffer.from([192])],
  ["16 bits", "s16", 1, 16, Buffer.from([0x00, 0x40])],
  ["24 bits", "s24", 1, 24, Buffer.from([0x00, 0x00, 0x40])],
  ["32 bits", "s32", 1, 32, Buffer.from([0x00, 0x00, 0x00, 0x40])],
  ["floats", "f32", 3, 32, Buffer.from(new Float32Array([0.5]).buffer)],
])("a WAV may hold %s", (_name, sample, code, bits, data) => {
  const bytes = wav([0]);
  bytes.writeUInt16LE(code, 20);
  bytes.writeUInt16LE(bits, 34);
  const format = waveFormat(bytes);
  expect(format).toMatchObject({ sample, channels: 1, rate: 16_000, start: 44 });
  expect(format && [...waveSamples(data, format)]).toEqual([0.5]);
});

test.each<[string, (bytes: Buffer) => void]>([
  ["coded samples (A-law)", (bytes) => bytes.writeUInt16LE(6, 20)],
  ["no channel", (bytes) => bytes.writeUInt16LE(0, 22)],
  ["a rate that nobody records with", (bytes) => bytes.writeUInt32LE(1, 24)],
  ["no samples in its beginning", (bytes) => bytes.write("LIST", 36, "latin1")],
])("a WAV with %s is none that can be read directly", async (_name, spoil) => {
  const bytes = wav([0, 0]);
  spoil(bytes);
  expect(waveFormat(bytes)).toBeNull();
  expect(await refusal(file("a.wav", bytes))).toMatch(/neither a voice message .* nor a WAV file. Install ffmpeg/);
});

test("what is no sound, is empty or is not there is refused in a sentence", async () => {
  expect(await refusal(file("a.ogg", "hello"))).toBe("The file is neither sound nor video.");
  expect(await refusal(file("a.ogg", ""))).toBe("The file is empty.");
  expect(await refusal("/no/such/file")).toBe("The file cannot be read (ENOENT).");
  const vorbis = Buffer.from(`OggS${"\0".repeat(24)}\x01vorbis`, "latin1");
  expect(await refusal(file("a.ogg", vorbis))).toMatch(/Install ffmpeg to have other kinds converted/);
});

test("a package that is missing is told with the command that installs it", () => {
  const missing = Object.assign(new Error("Cannot find package"), { code: "ERR_MODULE_NOT_FOUND" });
  expect(missingPackage("ogg-opus-decoder", missing).refusal).toEqual({
    kind: "refused",
    why: "The package ogg-opus-decoder is not installed. Install it beside Signalbox: npm install ogg-opus-decoder@1.7",
    again: true,
  });
  expect(missingPackage("sherpa-onnx-node", new Error("no addon")).refusal.why).toMatch(
    /cannot be loaded .* Reinstall it/,
  );
});
