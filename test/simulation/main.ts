/**
 * The simulation from the command line.
 *
 *     npm run sim -- --seeds 2000 --jobs 2     many seeds; each failure is told with the seed that replays it
 *     npm run sim -- --seed 17                 one seed, with its trace
 *     npm run sim -- --mutants                 each planted fault must be found
 *     npm run sim -- --mutants --share 0/2     every second of them, as data (with --report json)
 *     npm run sim -- --report json             the report as data; the exit code is 0 whatever it says
 *
 * Exit code 1 when a seed failed, a fault was met by no seed of a large sweep, or a mutant lived.
 */
import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { huntMutants, huntShare } from "./mutant-hunt.ts";
import { defaultOptions } from "./simulation.ts";
import { faults } from "./faults.ts";
import { mergeReports, type Progress, progressMs, type Shape, sweep } from "./sweep.ts";
import { type SweepOptions, type SweepReport, unmet } from "./sweep.ts";

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
    share: { type: "string", default: "0/1" },
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

/** What a share of a sweep says to the process that began it. */
type Word = { readonly progress: Progress } | { readonly report: SweepReport };

// A stack is taken for each error and each signal that fires; only the replay of one seed shows one.
if (values.seed === undefined) Error.stackTraceLimit = 0;

if (process.send !== undefined) await share();
else if (values.mutants && values.report === "json")
  console.log(JSON.stringify(await huntShare(...shareAsked(), options)));
else if (values.mutants) process.exitCode = await huntMutants(options, console.log);
else process.exitCode = values.seed === undefined ? await many() : await single(Number(values.seed));

async function many(): Promise<number> {
  const begunMs = performance.now();
  const jobs = count("jobs");
  const progressed = values.report === "json" ? () => {} : createProgressWords(begunMs);
  const report =
    jobs === 1
      ? await sweep({ ...options, progressed: (progress) => progressed(0, progress) })
      : mergeReports(
          await Promise.all(shares(jobs).map((share, job) => inChild(share, (now) => progressed(job, now)))),
        );
  if (values.report === "json") {
    console.log(JSON.stringify(report)); // whoever reads it decides what a failure is
    return 0;
  }
  const seconds = (performance.now() - begunMs) / 1000;
  for (const shape of report.shapes) console.log(describeShape(shape));
  const first = report.shapes.toSorted((a, b) => a.seed - b.seed)[0];
  if (first !== undefined) tell(first);
  const { seeds, failed, steps, runs, crashes, messages } = report;
  for (const fault of faults) console.log(`${String(report.met[fault]).padStart(8)} seeds met: ${fault}`);
  const missing = unmet(report);
  for (const fault of missing) console.log(`no seed met: ${fault}`);
  console.log(`${steps} steps, ${runs} runs, ${crashes} crashes and restarts, ${messages} messages`);
  console.log(`${seeds} seeds, ${failed} failed, ${Math.round(seeds / seconds)} seeds/s`);
  return failed > 0 || missing.length > 0 ? 1 : 0;
}

/** One line for all shares together, every few seconds. */
function createProgressWords(begunMs: number): (job: number, progress: Progress) => void {
  const shares = new Map<number, Progress>();
  let toldAtMs = begunMs;
  return (job, progress) => {
    shares.set(job, progress);
    const nowMs = performance.now();
    if (nowMs - toldAtMs < progressMs) return;
    toldAtMs = nowMs;
    const sum = (field: "seeds" | "failed"): number => [...shares.values()].reduce((all, one) => all + one[field], 0);
    const rate = Math.round(sum("seeds") / ((nowMs - begunMs) / 1000));
    const failed = [...shares.values()].flatMap(({ shapes: seeds }) => seeds.map((seed) => ` --seed ${seed}`));
    console.log(
      `${sum("seeds")} of ${options.seeds} seeds, ${rate} seeds/s, ${sum("failed")} failed${failed.join(",")}`,
    );
  };
}

/** A part of a sweep, for the process that began this one. */
async function share(): Promise<void> {
  const say = (word: Word): boolean | undefined => process.send?.(word);
  say({ report: await sweep({ ...options, progressed: (progress) => say({ progress }) }) });
  process.disconnect();
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

function inChild(
  { from, seeds }: { from: number; seeds: number },
  progressed: (progress: Progress) => void,
): Promise<SweepReport> {
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
    child.on("message", (message) => {
      const word = message as Word;
      if ("report" in word) resolve(word.report);
      else progressed(word.progress);
    });
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

/** "1/2" */
function shareAsked(): [share: number, of: number] {
  const [, share, of] = /^(\d+)\/([1-9]\d*)$/.exec(values.share) ?? [];
  if (share === undefined || of === undefined || Number(share) >= Number(of))
    throw new RangeError(`--share is like 0/2, not "${values.share}"`);
  return [Number(share), Number(of)];
}

function count(name: "from" | "seeds" | "steps" | "tail" | "jobs"): number {
  const value = Number(values[name]);
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new RangeError(`--${name} is a positive whole number, not "${values[name]}"`);
}
