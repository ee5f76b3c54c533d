/** Runs each mutant until a seed finds it, and says which seed and which check it was. */
import { mutateSources } from "./mutated-sources.ts";
import { type Mutant, mutants } from "./mutants.ts";
import type { Failure } from "./simulation.ts";
import { sweep, type SweepOptions } from "./sweep.ts";

export type Hunt = {
  readonly mutant: Mutant;
  /** How it was found; null when it lived through all seeds. */
  readonly found: { readonly seed: number; readonly invariant: string; readonly what: string } | null;
};

/** Tries at most `options.seeds` seeds. Rejects when the mutant's text is not in the sources any more. */
async function hunt(mutant: Mutant, options: SweepOptions): Promise<Hunt> {
  using mutated = mutateSources(options.sources, mutant);
  const isFound = ({ invariant }: Failure): boolean => mutant.breaks.includes(invariant);
  const report = await sweep({ ...options, from: mutant.from ?? options.from, sources: mutated.path, isFound });
  const shape = report.shapes.find(({ failure }) => isFound(failure));
  if (shape === undefined) return { mutant, found: null };
  return { mutant, found: { seed: shape.seed, invariant: shape.failure.invariant, what: shape.failure.what } };
}

/** Every `of`-th mutant from the one with number `share` on: what one process of several hunts. */
export async function huntShare(share: number, of: number, options: SweepOptions): Promise<readonly Hunt[]> {
  const hunts: Hunt[] = [];
  for (const mutant of mutants.filter((_, index) => index % of === share)) hunts.push(await hunt(mutant, options));
  return hunts;
}

/** Returns the exit code. */
export async function huntMutants(options: SweepOptions, print: (line: string) => void): Promise<number> {
  let alive = 0;
  for (const mutant of mutants) {
    const { found } = await hunt(mutant, options);
    if (found === null) alive += 1;
    const how =
      found === null ? `lived through ${options.seeds} seeds` : `seed ${found.seed}, ${found.invariant}: ${found.what}`;
    print(`${found === null ? "ALIVE" : "found"}  ${mutant.name} (${how})`);
  }
  print(`${mutants.length} mutants, ${mutants.length - alive} found, ${alive} alive`);
  return alive > 0 ? 1 : 0;
}
