/** Many seeds, one after the other, and what came of them. */
import { createArena } from "./arena.ts";
import { everyFaultBy, type Fault, faults, type Met } from "./faults.ts";
import { type Failure, simulate, type SimulateOptions } from "./simulation.ts";
import { loadSubject } from "./subject.ts";

export type SweepOptions = SimulateOptions & {
  /** A directory laid out like `src/`. */
  readonly sources: string;
  readonly from: number;
  readonly seeds: number;
  /** Whether this failure is what was looked for. */
  readonly isFound: (failure: Failure) => boolean;
  /** Told every `progressMs`, between two seeds. */
  readonly progressed?: (progress: Progress) => void;
};

/** `shapes` has one seed for each shape of failure. */
export type Progress = { readonly seeds: number; readonly failed: number; readonly shapes: readonly number[] };

/** How often a sweep says how far it is, in milliseconds. */
export const progressMs = 2_000;

/** Failures that read the same but for their numbers are one shape; `seed` is the first that showed it. */
export type Shape = {
  readonly shape: string;
  readonly seed: number;
  readonly count: number;
  readonly failure: Failure;
};

export type SweepReport = {
  readonly seeds: number;
  readonly failed: number;
  readonly steps: number;
  readonly runs: number;
  readonly crashes: number;
  readonly messages: number;
  readonly shapes: readonly Shape[];
  /** The kinds of things that happened in at least one seed, sorted. */
  readonly seen: readonly string[];
  readonly met: Met;
};

export async function sweep(options: SweepOptions): Promise<SweepReport> {
  const arena = await createArena(await loadSubject(options.sources));
  const shapes: Shape[] = [];
  const seen = new Set<string>();
  const sum = { seeds: 0, failed: 0, steps: 0, runs: 0, crashes: 0, messages: 0 };
  const met = noneMet();
  let toldAtMs = performance.now();
  for (let seed = options.from; seed < options.from + options.seeds; seed += 1) {
    if (performance.now() - toldAtMs > progressMs) {
      toldAtMs = performance.now();
      options.progressed?.({ seeds: sum.seeds, failed: sum.failed, shapes: shapes.map(({ seed: first }) => first) });
    }
    const outcome = await simulate(arena, seed, options);
    sum.seeds += 1;
    sum.steps += outcome.steps;
    sum.runs += outcome.tally.runs;
    sum.crashes += outcome.tally.crashes;
    sum.messages += outcome.tally.messages;
    for (const kind of outcome.seen) seen.add(kind);
    for (const fault of outcome.met) met[fault] += 1;
    if (outcome.failure === null) continue;
    sum.failed += 1;
    addShape(shapes, { shape: shapeOf(outcome.failure), seed, count: 1, failure: outcome.failure });
    if (options.isFound(outcome.failure)) break;
  }
  return { ...sum, shapes, seen: [...seen].toSorted(), met };
}

export function mergeReports(reports: readonly SweepReport[]): SweepReport {
  const shapes: Shape[] = [];
  for (const report of reports) for (const shape of report.shapes) addShape(shapes, shape);
  const sumOf = (field: "seeds" | "failed" | "steps" | "runs" | "crashes" | "messages"): number =>
    reports.reduce((sum, report) => sum + report[field], 0);
  return {
    seeds: sumOf("seeds"),
    failed: sumOf("failed"),
    steps: sumOf("steps"),
    runs: sumOf("runs"),
    crashes: sumOf("crashes"),
    messages: sumOf("messages"),
    shapes,
    seen: [...new Set(reports.flatMap((report) => report.seen))].toSorted(),
    met: Object.fromEntries(
      faults.map((fault) => [fault, reports.reduce((seeds, report) => seeds + report.met[fault], 0)]),
    ) as Met,
  };
}

/** The faults that a sweep as large as this should have met and did not. */
export function unmet({ seeds, met }: SweepReport): readonly Fault[] {
  return seeds < everyFaultBy ? [] : faults.filter((fault) => met[fault] === 0);
}

function noneMet(): Record<Fault, number> {
  return Object.fromEntries(faults.map((fault) => [fault, 0])) as Record<Fault, number>;
}

function addShape(shapes: Shape[], added: Shape): void {
  const index = shapes.findIndex((known) => known.shape === added.shape);
  const known = shapes[index];
  if (known === undefined) shapes.push(added);
  else shapes[index] = { ...(known.seed < added.seed ? known : added), count: known.count + added.count };
}

function shapeOf({ invariant, what }: Failure): string {
  const firstLine = what.split("\n", 1)[0] ?? "";
  return `${invariant}: ${firstLine.replace(/\d+/g, "#")}`;
}
