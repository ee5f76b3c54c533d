/**
 * The processes of this instance: what an earlier life left behind, and what finished turns left running on purpose.
 *
 * I2: `quiet` is said on proof (lib/process-group.ts); the waits here only bound how long each step may take to work.
 * 1. Every process that drivers start carries two markers: the instance (this database) and the life (this start of the
 *    program). An orphan carries the first without the second, so a sweep can never hit what this life started.
 */
import type { Processes } from "../engine/ports.ts";
import type { Evidence, ProcessRef, Quiescence } from "../domain/run.ts";
import { endProcesses } from "../lib/process-group.ts";
import { belonging, sameProcess, type ProcessEntry, type ProcessQuery, type Scan } from "../lib/process-scan.ts";

export type ProcessesDeps = {
  readonly scan: Scan;
  /** Marker of everything that any life of this instance started. */
  readonly instance: string;
  /** Marker of everything that this life started. */
  readonly life: string;
};

/** An agent needs up to 1.6 s to end itself and its tools on SIGTERM; twice that, rounded up. */
const terminateMs = 3_000;
/** SIGKILL works at once or never; this leaves time to look again at a loaded machine. */
const killMs = 3_000;

const escalation = [
  { kill: "SIGTERM", waitMs: terminateMs },
  { kill: "SIGKILL", waitMs: killMs },
] as const;

/** No element of a marker list is empty, so this query finds by descent alone. */
const noMarker = "";

export function createProcesses({ scan, instance, life }: ProcessesDeps): Processes {
  return {
    endOrphans: (signal) => endWithProof({ marker: instance, roots: [] }, withoutLife(scan, life), signal),
    end: (processes, signal) => endWithProof({ marker: noMarker, roots: processes }, scan, signal),
    async alive(processes) {
      const { byPid } = await scan(processes);
      return processes.filter((process) => isAlive(byPid.get(process.pid), process));
    },
  };
}

/** Terminate, wait for proof, kill, wait for proof, verdict: within `terminateMs + killMs`. Resolves, never rejects. */
export async function endWithProof(query: ProcessQuery, scan: Scan, signal: AbortSignal): Promise<Quiescence> {
  try {
    let left: readonly ProcessEntry[] = [];
    for (const { kill, waitMs } of escalation) {
      // Bound: the next, stronger step is due after it.
      const patience = AbortSignal.any([signal, AbortSignal.timeout(waitMs)]);
      const proof = await endProcesses(query, [], kill, scan, patience);
      if (proof.kind === "gone") return { kind: "quiet" };
      left = proof.processes;
    }
    return { kind: "unconfirmed", evidence: evidenceOf(left) };
  } catch {
    // Without the process table there is no proof, and that is the verdict.
    return { kind: "unconfirmed", evidence: { processes: [], note: "the system's process table cannot be read" } };
  }
}

function evidenceOf(left: readonly ProcessEntry[]): Evidence {
  const processes = left.map(({ pid, startTime, name }) => ({ pid, startTime, command: name }));
  return { processes, note: left.length === 0 ? "processes came and went too fast to be judged" : "they did not end" };
}

/** The process table without what this life started, at the moment of each look. */
function withoutLife(scan: Scan, life: string): Scan {
  return async (roots) => {
    const snapshot = await scan(roots);
    const ours = new Set(belonging(snapshot, { marker: life, roots: [] }).map((entry) => entry.pid));
    return { ...snapshot, byPid: new Map([...snapshot.byPid].filter(([pid]) => !ours.has(pid))) };
  };
}

function isAlive(entry: ProcessEntry | undefined, process: ProcessRef): boolean {
  return entry !== undefined && entry.life === "alive" && sameProcess(entry, process);
}
