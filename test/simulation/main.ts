/**
 * The simulation from the command line.
 *
 *     npm run sim -- --seeds 2000 --jobs 2     many seeds; each failure is told with the seed that replays it
 *     npm run sim -- --seed 17                 one seed, with its trace
 *     npm run sim -- --mutants                 each planted fault must be found
 *     npm run sim -- --report json             the report as data; the exit code is 0 whatever it says
 *
 * Exit code 1 when a seed failed, or a mutant lived.
 */
import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { huntMutants } from "./mutant-hunt.ts";
import { defaultOptions } from "./simulation.ts";
import { mergeReports, type Shape, sweep, type SweepOptions, type SweepReport } from "./sweep.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string" },
    seeds: { type: "string", default: "1000" },
    from: { type: "string", default: "1" },
    steps: { type: "string", default: String(defaultOptions.stepsMax) },
    jobs: { type: "string", default: "1" },
    sources: { type: "string", default: fileURLToPath(new URL("../../src", import.meta.url)) },
    report: { type: "string", default: "text" },
    mutants: { type: "boolean", default: false },
    tail: { type: "string", default: String(defaultOptions.tailLines) },
  },
});

const options: SweepOptions = {
  sources: values.sources,
  from: count("from"),
  seeds: count("seeds"),
  stepsMax: count("steps"),
  tailLines: count("tail"),
  isFound: () => false,
};

if (process.send !== undefined) process.send(await sweep(options), () => process.disconnect());
else if (values.mutants) process.exitCode = await huntMutants(options, console.log);
else process.exitCode = values.seed === undefined ? await many() : await single(Number(values.seed));

async function many(): Promise<number> {
  const begunMs = performance.now();
  const jobs = count("jobs");
  const report = jobs === 1 ? await sweep(options) : mergeReports(await Promise.all(shares(jobs).map(inChild)));
  if (values.report === "json") {
    console.log(JSON.stringify(report)); // whoever reads it decides what a failure is
    return 0;
  }
  const seconds = (performance.now() - begunMs) / 1000;
  for (const shape of report.shapes) console.log(describeShape(shape));
  const first = report.shapes.toSorted((a, b) => a.seed - b.seed)[0];
  if (first !== undefined) tell(first);
  const { seeds, failed, steps, runs, crashes, messages } = report;
  console.log(`${steps} steps, ${runs} runs, ${crashes} crashes and restarts, ${messages} messages`);
  console.log(`${seeds} seeds, ${failed} failed, ${Math.round(seeds / seconds)} seeds/s`);
  return failed > 0 ? 1 : 0;
}

async function single(seed: number): Promise<number> {
  const report = await sweep({ ...options, from: seed, seeds: 1 });
  const [shape] = report.shapes;
  if (shape === undefined) console.log(`seed ${seed}: ${report.steps} steps, ${report.runs} runs, nothing violated`);
  else tell(shape);
  return report.failed;
}

function shares(jobs: number): { from: number; seeds: number }[] {
  const size = Math.ceil(options.seeds / jobs);
  const starts = Array.from({ length: jobs }, (_, job) => job * size).filter((start) => start < options.seeds);
  return starts.map((start) => ({ from: options.from + start, seeds: Math.min(size, options.seeds - start) }));
}

function inChild({ from, seeds }: { from: number; seeds: number }): Promise<SweepReport> {
  const share = [
    "--from",
    `${from}`,
    "--seeds",
    `${seeds}`,
    "--steps",
    `${options.stepsMax}`,
    "--tail",
    `${options.tailLines}`,
  ];
  const child = fork(fileURLToPath(import.meta.url), [...share, "--sources", options.sources]);
  return new Promise((resolve, reject) => {
    child.once("message", (report) => resolve(report as SweepReport));
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`the share from seed ${from} ended with ${code} and no report`)));
  });
}

function describeShape({ count, seed, shape }: Shape): string {
  return `${count} x ${shape} (first: --seed ${seed})`;
}

function tell({ seed, failure }: Shape): void {
  console.log(failure.tail.join("\n"));
  console.log(`seed ${seed}, step ${failure.step}: ${failure.invariant} is violated: ${failure.what}`);
  console.log(`replay: npm run sim -- --seed ${seed}`);
}

function count(name: "from" | "seeds" | "steps" | "tail" | "jobs"): number {
  const value = Number(values[name]);
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new RangeError(`--${name} is a positive whole number, not "${values[name]}"`);
}
