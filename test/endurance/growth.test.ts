import { expect, test } from "vitest";
import { createRandom } from "../simulation/random.ts";
import { growthOf } from "./growth.ts";

const minute = 60_000;

function samples(level: (minute: number) => number, noise: number, seed: number) {
  const random = createRandom(seed);
  return Array.from({ length: 30 }, (_, at) => ({ atMs: at * minute, value: level(at) + noise * random.next() }));
}

test("noise alone is not growth", () => {
  for (let seed = 1; seed <= 200; seed += 1)
    expect(
      growthOf(
        samples(() => 100, 40, seed),
        2,
      ).isGrowing,
    ).toBe(false);
});

test("a warm-up that comes to rest is not growth", () => {
  expect(
    growthOf(
      samples((at) => 100 + 40 * (1 - Math.exp(-at)), 4, 1),
      2,
    ).isGrowing,
  ).toBe(false);
});

test("a leak is growth, and its slope is told", () => {
  const growth = growthOf(
    samples((at) => 100 + at, 4, 1),
    2,
  );
  expect(growth.isGrowing).toBe(true);
  expect(growth.perHour).toBeGreaterThan(50);
  expect(growth.perHour).toBeLessThan(70);
});

test("a handful of samples is not judged", () => {
  expect(growthOf(samples((at) => at * 100, 0, 1).slice(0, 8), 2).isGrowing).toBe(false);
});
