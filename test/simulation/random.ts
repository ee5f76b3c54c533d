/**
 * All chance of a simulation, from one seed. The generator is sfc32 (C. Doty-Humphrey): small, fast, and the same everywhere.
 */
export interface Random {
  /** In [0, 1). */
  next(): number;
  /** In 0..below-1. */
  int(below: number): number;
  /** In min..max, both included. */
  between(min: number, max: number): number;
  chance(probability: number): boolean;
  pick<T>(list: readonly T[]): T;
  /** Picks by weight; the weights need not sum to one, and at least one is positive. */
  weighted<T>(list: readonly { readonly value: T; readonly weight: number }[]): T;
}

export function createRandom(seed: number): Random {
  let a = 0x9e3779b9 ^ seed;
  let b = 0x243f6a88 + Math.imul(seed, 0x85ebca6b);
  let c = 0xb7e15162;
  let counter = 1;
  const next = (): number => {
    const sum = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + sum;
    return (sum >>> 0) / 4_294_967_296;
  };
  // Neighbouring seeds begin with similar words; a few rounds part them.
  for (let round = 0; round < 12; round += 1) next();

  const int = (below: number): number => Math.floor(next() * below);
  return {
    next,
    int,
    between: (min, max) => min + int(max - min + 1),
    chance: (probability) => next() < probability,
    pick: (list) => list[int(list.length)]!,
    weighted: (list) => {
      let left = next() * list.reduce((sum, entry) => sum + entry.weight, 0);
      for (const entry of list) {
        left -= entry.weight;
        if (left < 0) return entry.value;
      }
      return list.findLast((entry) => entry.weight > 0)!.value;
    },
  };
}
