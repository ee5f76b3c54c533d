import { expect, test } from "vitest";
import { createSegmenter } from "./segments.ts";

const rate = 100;
const seconds = (n: number, value: number): Float32Array => new Float32Array(n * rate).fill(value);
const lengths = (pieces: readonly Float32Array[]): number[] => pieces.map((piece) => piece.length / rate);

test("what fits into one piece stays whole, also when it comes in crumbs", () => {
  const segmenter = createSegmenter(rate);
  for (let i = 0; i < 28; i += 1) expect(segmenter.push(seconds(1, 0.5))).toEqual([]);
  expect(segmenter.rest()?.length).toBe(28 * rate);
  expect(segmenter.rest()).toBeNull();
});

test("a long sound is cut in its pauses, so that no word is cut in two", () => {
  const segmenter = createSegmenter(rate);
  const speech = [seconds(20, 0.5), seconds(1, 0), seconds(22, 0.5), seconds(1, 0), seconds(6, 0.5)];
  const pieces = speech.flatMap((part) => segmenter.push(part));
  expect(pieces.map((piece) => piece.at(-1))).toEqual([0, 0]);
  const [first = 0, second = 0] = lengths(pieces);
  expect(first).toBeGreaterThan(20);
  expect(first).toBeLessThan(21);
  expect(first + second).toBeGreaterThan(43);
  expect(first + second).toBeLessThan(44);
});

test("no piece is longer than a recogniser hears, and no sample is lost, where nobody ever pauses", () => {
  const segmenter = createSegmenter(rate);
  const sound = Float32Array.from({ length: 200 * rate }, (_, i) => 0.1 + (i % 97) / 1_000);
  const pieces = [...segmenter.push(sound), segmenter.rest() ?? new Float32Array(0)];
  expect(Math.max(...lengths(pieces))).toBeLessThanOrEqual(28);
  expect(pieces.flatMap((piece) => [...piece])).toEqual([...sound]);
});
