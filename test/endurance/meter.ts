/**
 * What this process holds and uses: memory after a collection, handles, open files, processor time; and the pace that follows from it.
 *
 * On a machine with much memory V8 lets the young generation of its heap grow to 128 MB over half an hour of work, which is no leak and
 * would hide one in the resident size. So `npm run soak` starts Node with --max-semi-space-size=2.
 */
import { readdirSync } from "node:fs";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { type Growth, growthOf } from "./growth.ts";

export type Sample = {
  /** Since the meter was made. */
  readonly atMs: number;
  readonly heapMb: number;
  /** What V8 keeps for its heap: it grows lazily and shrinks late, so it says what rss is made of, not whether something leaks. */
  readonly heapKeptMb: number;
  readonly rssMb: number;
  readonly externalMb: number;
  readonly handles: number;
  /** Open file descriptors; 0 where the system does not say. */
  readonly files: number;
  /** Of one core, since the last sample. */
  readonly cpuShare: number;
};

export type Meter = {
  sample(): Sample;
  /** Pacing: how long to wait before the next act, so that the process stays at its share of a core. */
  gapMs(): number;
  growth(): ReadonlyMap<string, Growth>;
  /** Over the whole time. */
  cpuShare(): number;
};

/** Less growth than this is noise: what runs at the moment of a sample has buffers, timers and files of its own. */
const tolerances = { heapMb: 4, rssMb: 32, externalMb: 4, handles: 16, files: 16 } as const;
type Figure = keyof typeof tolerances;

/** The pace is judged anew after this long. */
const judgeEveryMs = 1_000;
/** About as many acts a second as the run slots can follow: a load that only fills queues shows little. */
const gapMsMin = 80;
const gapMsMax = 2_000;

export function createMeter(cpuShareMax: number): Meter {
  const collect = exposedCollector();
  const samples: Sample[] = [];
  const begun = stamp();
  let judged = begun;
  let sampled = begun;
  let gapMs = 100;

  return {
    sample() {
      collect();
      const { heapUsed, heapTotal, rss, external } = process.memoryUsage();
      const now = stamp();
      const one: Sample = {
        atMs: now.atMs - begun.atMs,
        heapMb: heapUsed / 2 ** 20,
        heapKeptMb: heapTotal / 2 ** 20,
        rssMb: rss / 2 ** 20,
        externalMb: external / 2 ** 20,
        handles: process.getActiveResourcesInfo().length,
        files: openFiles(),
        cpuShare: shareBetween(sampled, now),
      };
      sampled = now;
      samples.push(one);
      return one;
    },
    gapMs() {
      const now = stamp();
      if (now.atMs - judged.atMs < judgeEveryMs) return gapMs;
      const factor = shareBetween(judged, now) > cpuShareMax ? 1.15 : 0.93;
      gapMs = Math.min(Math.max(gapMs * factor, gapMsMin), gapMsMax);
      judged = now;
      return gapMs;
    },
    growth() {
      const figures = Object.keys(tolerances) as Figure[];
      return new Map(
        figures.map((name) => [
          name,
          growthOf(
            samples.map((one) => ({ atMs: one.atMs, value: one[name] })),
            tolerances[name],
          ),
        ]),
      );
    },
    cpuShare: () => shareBetween(begun, stamp()),
  };
}

type Stamp = { readonly atMs: number; readonly cpuMs: number };

function stamp(): Stamp {
  const { user, system } = process.cpuUsage();
  return { atMs: performance.now(), cpuMs: (user + system) / 1000 };
}

function shareBetween(before: Stamp, after: Stamp): number {
  return (after.cpuMs - before.cpuMs) / Math.max(1, after.atMs - before.atMs);
}

/** The collector, without asking whoever starts us for a flag. */
function exposedCollector(): () => void {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  return () => {
    collect();
    collect(); // what the first one's finalisers let go
  };
}

function openFiles(): number {
  try {
    return readdirSync("/proc/self/fd").length;
  } catch {
    return 0; // no /proc here
  }
}
