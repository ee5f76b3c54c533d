/**
 * Ending processes, and proving that they have ended.
 *
 * 1. Nothing is signalled by pid alone: pid and start are checked right before. (Between the check and the signal a pid could in
 *    theory end and be reused; systems hand pids out in turn, so that needs a full round of them within microseconds.)
 * 2. Proof is two empty scans in a row that judged everything, never a delay and never the success of a kill:
 *    - A scan lists pids upwards, and a child's pid is above its parent's, so a process that forks and exits during a scan has its
 *      child listed later in the same scan. The one exception is a fork at the wrap-around of the pid counter; to hide from two
 *      scans in a row it would have to happen twice within milliseconds.
 *    - A process that was listed but gone when it was read may have forked after the list was made, and one without an environment
 *      may be in the middle of an exec. A scan that is unsure like this does not count, unless the one before it was unsure about
 *      the very same process (an exec is over in less than the time between two scans; an environment may just be empty).
 *    - A child forked by something we killed after the scan began is found by the next scan: it carries the marker, so killing and
 *      scanning repeat until nothing is found.
 * 3. What was found once is followed by pid and start from then on, even if it drops the marker (exec with a clean environment).
 */
import { belonging, sameProcess } from "./process-scan.ts";
import type { ProcessEntry, ProcessQuery, ProcessRef, ProcessSnapshot, Scan } from "./process-scan.ts";

/** Pacing between two scans while waiting for processes to die: a kill is usually done in 1 to 6 ms. */
const rescanPaceMs = 10;
/** What has outlived this many scans (2 s) sits in the kernel or ignores us: looking twice a second is enough then. */
const eagerScansMax = 200;
const slowPaceMs = 500;
/** A look that is no proof is not repeated for ever where short-lived strangers come and go all the time. */
const looksMax = 5;

/** A process to leave alone: itself only, or (a server that was left running on purpose) also its group and its descendants. */
export type Spared = ProcessRef & { readonly reach?: "itself" | "tree" };

export type Proof = { readonly kind: "gone" } | { readonly kind: "alive"; readonly processes: readonly ProcessEntry[] };

/**
 * What belongs to the query and is alive now, without the `spared` ones. Looks again while something could not be judged. An empty
 * answer is *not* proof (it may have been about to fork); use `endProcesses` for that.
 */
export async function survivors(query: ProcessQuery, spared: readonly Spared[], scan: Scan): Promise<ProcessEntry[]> {
  let before: ProcessSnapshot | undefined;
  for (let looks = 1; ; looks += 1) {
    const now = await scan(query.roots);
    if (judgedAll(now, before) || looks === looksMax) return unspared(now, belonging(now, query), spared);
    before = now;
  }
}

/**
 * Sends `kill` to everything of the query except the spared, again to whatever appears later, until nothing is alive, and proves
 * it. When `signal` fires first, resolves with what still lives. Rejects when the process table cannot be read.
 */
export async function endProcesses(
  query: ProcessQuery,
  spared: readonly Spared[],
  kill: NodeJS.Signals,
  scan: Scan,
  signal: AbortSignal,
): Promise<Proof> {
  const told: ProcessRef[] = [];
  const tell = (entry: ProcessEntry): void => {
    // SIGKILL may be repeated at will; a polite signal is sent once, since some programs take the second one as "hurry".
    if (kill !== "SIGKILL" && told.some((ref) => sameProcess(ref, entry))) return;
    told.push(entry);
    deliver(entry.pid, kill);
  };
  let known: readonly ProcessRef[] = [];
  let before: ProcessSnapshot | undefined;
  let emptyScans = 0;
  for (let scans = 1; ; scans += 1) {
    const roots = [...query.roots, ...known];
    const now = await scan(roots);
    const alive = unspared(now, belonging(now, { marker: query.marker, roots }), spared);
    emptyScans = alive.length === 0 && judgedAll(now, before) ? emptyScans + 1 : 0;
    if (emptyScans === 2) return { kind: "gone" };
    before = now;
    if (emptyScans === 1) continue;
    // Also where nothing was found but not everything judged: the honest verdict is "not proven".
    if (signal.aborted) return { kind: "alive", processes: alive };
    known = alive;
    alive.forEach(tell);
    await pace(scans <= eagerScansMax ? rescanPaceMs : slowPaceMs, signal);
  }
}

function unspared(snapshot: ProcessSnapshot, entries: ProcessEntry[], spared: readonly Spared[]): ProcessEntry[] {
  const trees = spared.filter((ref) => ref.reach === "tree");
  const kept = [...spared, ...(trees.length > 0 ? belonging(snapshot, { marker: null, roots: trees }) : [])];
  return entries.filter((entry) => !kept.some((ref) => sameProcess(ref, entry)));
}

function judgedAll(now: ProcessSnapshot, before: ProcessSnapshot | undefined): boolean {
  return [...now.unsure].every((one) => before?.unsure.has(one));
}

function deliver(pid: number, kill: NodeJS.Signals): void {
  // 0, -1 and 1 address our own group, everybody and init.
  if (pid <= 1) throw new Error(`refusing to signal ${pid}`);
  try {
    process.kill(pid, kill);
    // A stopped process does not see a polite signal until it is continued.
    if (kill !== "SIGKILL") process.kill(pid, "SIGCONT");
  } catch (error) {
    // EPERM: another user's process (sudo). It stays in the next scan and is reported as alive, which is the truth.
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code !== "ESRCH" && code !== "EPERM") throw error;
  }
}

function pace(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const wake = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", wake);
      resolve();
    };
    // Pacing only: when it fires we look at the process table again; nothing is concluded from the time that passed.
    const timer = setTimeout(wake, ms);
    signal.addEventListener("abort", wake, { once: true });
    if (signal.aborted) wake();
  });
}
