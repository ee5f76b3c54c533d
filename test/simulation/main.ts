/**
 * The simulation from the command line: `npm run sim -- --seeds 2000`, `npm run sim -- --seed 17`.
 * Exit code 1 when a seed failed.
 */
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { createArena } from "./arena.ts";
import { defaultOptions, simulate } from "./simulation.ts";
import { loadSubject } from "./subject.ts";

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "1000" },
    from: { type: "string", default: "1" },
    seed: { type: "string" },
    steps: { type: "string", default: String(defaultOptions.stepsMax) },
    sources: { type: "string", default: fileURLToPath(new URL("../../src", import.meta.url)) },
    tail: { type: "string", default: String(defaultOptions.tailLines) },
    keep: { type: "boolean", default: false },
  },
});
const arena = await createArena(await loadSubject(values.sources));
const first = Number(values.seed ?? values.from);
const last = values.seed === undefined ? first + Number(values.seeds) - 1 : first;
const begun = performance.now();
const found = new Map<string, { count: number; seed: number; what: string }>();
let steps = 0, runs = 0, crashes = 0, failed = 0;
for (let seed = first; seed <= last; seed += 1) {
  const outcome = await simulate(arena, seed, { stepsMax: Number(values.steps), tailLines: Number(values.tail) });
  steps += outcome.steps; runs += outcome.tally.runs; crashes += outcome.tally.crashes;
  if (values.seed !== undefined) console.log(outcome.hash, outcome.tally);
  if (outcome.failure === null) continue;
  failed += 1;
  const f = outcome.failure;
  const shape = `${f.invariant}: ${f.what.split("\n")[0]!.replace(/\d+/g, "N")}`;
  const known = found.get(shape);
  if (known) known.count += 1; else found.set(shape, { count: 1, seed, what: f.what });
  if (values.seed !== undefined) console.log(f.tail.join("\n"), `\nseed ${seed}, step ${f.step}, ${f.invariant}: ${f.what}`);
}
const seconds = (performance.now() - begun) / 1000;
for (const [shape, one] of found) console.log(`${one.count}x seed ${one.seed} ${shape}`);
console.log(`${last - first + 1} seeds, ${failed} failed, ${steps} steps, ${runs} runs, ${crashes} crashes, ${((last - first + 1) / seconds).toFixed(0)} seeds/s`);
process.exitCode = failed > 0 ? 1 : 0;
