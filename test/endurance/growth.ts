/**
 * Does a figure grow over time? Samples are noisy (a collection comes when it likes, load varies), so the judgement is robust rather
 * than clever: after the warm-up, every sample of the last third lies above every sample of the first third, by more than a tolerance.
 * Noise does that by accident with probability 1 in 184,756 for ten samples a third; a leak cannot avoid it.
 */
export type Growth = {
  readonly first: number;
  readonly last: number;
  /** Least-squares slope, units per hour. */
  readonly perHour: number;
  readonly isGrowing: boolean;
};

/** This share of the samples is warm-up: code is compiled, caches fill. */
const warmUpShare = 0.15;
/** Fewer than this say nothing. */
const samplesMin = 9;

/** `atMs` grows. `tolerance` is in the unit of `value`. */
export function growthOf(
  samples: readonly { readonly atMs: number; readonly value: number }[],
  tolerance: number,
): Growth {
  const settled = samples.slice(Math.floor(samples.length * warmUpShare));
  const third = Math.floor(settled.length / 3);
  const first = settled.slice(0, third).map(({ value }) => value);
  const last = settled.slice(settled.length - third).map(({ value }) => value);
  return {
    first: median(first),
    last: median(last),
    perHour: slope(settled) * 3_600_000,
    isGrowing: settled.length >= samplesMin && Math.min(...last) - Math.max(...first) > tolerance,
  };
}

function slope(samples: readonly { readonly atMs: number; readonly value: number }[]): number {
  const meanOf = (list: readonly number[]): number => list.reduce((sum, one) => sum + one, 0) / list.length;
  const at = meanOf(samples.map(({ atMs }) => atMs));
  const level = meanOf(samples.map(({ value }) => value));
  const over = samples.reduce((sum, { atMs, value }) => sum + (atMs - at) * (value - level), 0);
  const under = samples.reduce((sum, { atMs }) => sum + (atMs - at) ** 2, 0);
  return under === 0 ? 0 : over / under;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
