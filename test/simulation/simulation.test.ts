/**
 * The simulation as part of the test suite: enough seeds to trust a change, that they reach what they are to reach, that a seed
 * replays exactly, and that planted faults are found. `npm run sim` runs as many as one likes.
 */
import { execFile } from "node:child_process";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { beforeAll, describe, expect, test } from "vitest";
import { createArena } from "./arena.ts";
import type { Hunt } from "./mutant-hunt.ts";
import { mutants } from "./mutants.ts";
import { defaultOptions, simulate } from "./simulation.ts";
import { loadSubject } from "./subject.ts";
import { type SweepReport, unmet } from "./sweep.ts";

const sources = fileURLToPath(new URL("../../src", import.meta.url));
const main = fileURLToPath(new URL("main.ts", import.meta.url));
const run = promisify(execFile);

/** What every suite run tries. */
const seeds = 2_000;
/** A tenth of a minute on an idle machine of four processors; many times that where others use them too. In milliseconds. */
const sweepMsMax = 5 * 60_000;
/** A mutant is found by one of the first seeds; the slowest known one needs about 300. */
const mutantSeeds = 400;
/** Half a minute on an idle machine of four processors; many times that where others use them too. In milliseconds. */
const huntMsMax = 10 * 60_000;
/** Lines of a failed seed's trace that the test shows; the replay shows more. */
const tailLines = 25;

/** Child processes use all processors, and nothing of the test runner slows them down. */
async function sweepInChildren(): Promise<SweepReport> {
  const given = ["--seeds", `${seeds}`, "--jobs", `${availableParallelism()}`, "--report", "json"];
  const maxBuffer = 64 * 1024 * 1024;
  const { stdout } = await run(process.execPath, [main, ...given], { maxBuffer });
  return JSON.parse(stdout) as SweepReport;
}

function describeShape({ shape, seed, count, failure }: SweepReport["shapes"][number]): string {
  const tail = failure.tail.slice(-tailLines).join("\n");
  return `${count} x ${shape}; replay: npm run sim -- --seed ${seed}\n${tail}`;
}

describe("the engine and its store, simulated", () => {
  test(
    `${seeds} seeds of faults, crashes and restarts violate no invariant and reach everything`,
    async () => {
      const report = await sweepInChildren();
      expect(report.shapes.map(describeShape)).toEqual([]);
      expect(report.seeds).toBe(seeds);
      expect(expected.filter((kind) => !report.seen.includes(kind))).toEqual([]);
      expect(unmet(report)).toEqual([]);
    },
    sweepMsMax,
  );

  test("a seed replays exactly, whatever ran before it", async () => {
    const arena = await createArena(await loadSubject(sources));
    const hashes = async (list: readonly number[]): Promise<string[]> => {
      const all: string[] = [];
      for (const seed of list) all.push((await simulate(arena, seed, defaultOptions)).hash);
      return all;
    };
    const forth = await hashes([1, 2, 3, 4, 5, 6, 7, 8]);
    const back = await hashes([8, 7, 6, 5, 4, 3, 2, 1]);
    expect(back.toReversed()).toEqual(forth);
    expect(new Set(forth).size).toBe(forth.length);
    const fresh = await createArena(await loadSubject(sources));
    expect((await simulate(fresh, 5, defaultOptions)).hash).toBe(forth[4]);
  });
});

/** One process for each processor; together they hunt all. */
async function huntInChildren(): Promise<readonly Hunt[]> {
  const shares = Array.from({ length: availableParallelism() }, (_, share) => `${share}/${availableParallelism()}`);
  const given = ["--mutants", "--seeds", `${mutantSeeds}`, "--report", "json"];
  const maxBuffer = 64 * 1024 * 1024;
  const all = shares.map((share) => run(process.execPath, [main, ...given, "--share", share], { maxBuffer }));
  return (await Promise.all(all)).flatMap(({ stdout }) => JSON.parse(stdout) as readonly Hunt[]);
}

describe("the simulation has teeth", () => {
  let hunts: readonly Hunt[] = [];
  beforeAll(async () => {
    hunts = await huntInChildren();
  }, huntMsMax);

  test.each(mutants.map((mutant) => [mutant.name, mutant] as const))("it finds that %s", (_, mutant) => {
    const found = hunts.find((hunt) => hunt.mutant.name === mutant.name)?.found;
    expect(found, `lived through ${mutantSeeds} seeds`).not.toBeNull();
    expect(mutant.breaks).toContain(found?.invariant);
  });
});

const expected: readonly string[] = [
  ...["queued", "held", "rejected", "done"].map((state) => `item ${state}`),
  ...["running", "held", "cancelled"].map((state) => `item queued -> ${state}`),
  ...["queued", "cancelled", "merged"].map((state) => `item held -> ${state}`),
  ...["done", "failed", "interrupted", "cancelled"].map((state) => `item running -> ${state}`),
  ...["merged", "queued", "held"].map((state) => `item running -> ${state}`), // a steer: taken, too late, unanswered
  ...["running", "stopping", "settled"].map((state) => `run starting -> ${state}`),
  ...["stopping", "quarantined", "settled"].map((state) => `run running -> ${state}`),
  ...["quarantined", "settled"].map((state) => `run stopping -> ${state}`),
  ...["stopping", "settled"].map((state) => `run quarantined -> ${state}`),
  ...["finished", "failed", "stopped", "interrupted"].map((outcome) => `outcome ${outcome}`),
  ...[
    "status",
    "summary",
    "answer",
    "queued",
    "stopping",
    "stopped",
    "stopping-all",
    "stopped-all",
    "nothing-to-stop",
  ].map(said),
  ...["quarantined", "failed", "interrupted", "held", "released", "queue", "item-cancelled", "queue-cleared"].map(said),
  ...["new-session", "background-ended", "status", "shutting-down", "unsupported", "unknown-command"].map(said),
  ...["agents", "agent-chosen", "agent-cannot", "models", "model-chosen", "permissions", "permissions-chosen"].map(
    said,
  ),
  ...["sessions", "session-taken", "session-held", "nothing-to-fork", "not-a-choice", "unanswered", "from-agent"].map(
    said,
  ),
  ...["approval", "questions", "plan"].map((kind) => `ask ${kind}`),
  ...["open", "answered", "expired", "withdrawn"].map((state) => `ask open -> ${state}`),
  "ask answered -> late",
  ...["active", "paused", "over", "deleted"].map((state) => `schedule ${state}`),
  ...["timer", "person", "missed", "overlap", "person-gone"].map((became) => `occurrence ${became}`),
  ...["schedules-missed", "schedule-paused", "schedule-deleted", "schedule-run", "schedules", "reminder"].map(said),
  "outcome preempted",
  ...["pending", "sent", "undeliverable", "superseded"].map((state) => `message sending -> ${state}`),
];

function said(notice: string): string {
  return `said ${notice}`;
}
