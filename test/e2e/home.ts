/**
 * Where one Signalbox lives during a test: its own HOME, state, workspace and temporary directory, and a marker that every
 * process it starts inherits, so that what is left of it can be seen from outside.
 *
 * 1. The path holds a space: what breaks on one breaks here.
 * 2. Disposing it fails when a process of it is alive, and ends that process: no test can hide an orphan or leave one behind.
 */
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { randomBytes } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { endProcesses } from "../../src/lib/process-group.ts";
import { belonging, createScan, type ProcessEntry } from "../../src/lib/process-scan.ts";

export type Home = AsyncDisposable & {
  /** HOME */
  readonly path: string;
  /** SIGNALBOX_HOME */
  readonly state: string;
  readonly workspace: string;
  readonly tmp: string;
  /** Every process that a Signalbox of this home started carries it, and the Signalbox itself. */
  readonly marker: string;
  /** What of this home is alive now: the program, its agents, their tools. */
  processes(): Promise<readonly ProcessEntry[]>;
  /** Rejects with their names when something of this home is alive, other than the process named. */
  assertNothingRuns(exceptPid?: number): Promise<void>;
};

/** SIGKILL works at once or never. */
const endWithinMs = 5_000;

export function createHome(): Home {
  const path = realpathSync(mkdtempSync(join(tmpdir(), "signalbox e2e ")));
  const made = (name: string): string => {
    mkdirSync(join(path, name), { mode: 0o700 });
    return join(path, name);
  };
  const marker = `e2e.${randomBytes(8).toString("hex")}`;
  const scan = createScan();
  const query = { marker, roots: [] };
  const processes = async () => belonging(await scan([]), query);

  async function assertNothingRuns(exceptPid?: number): Promise<void> {
    const alive = (await processes()).filter(({ pid }) => pid !== exceptPid);
    if (alive.length > 0) throw new Error(`still alive: ${alive.map(describe).join("; ")}`);
  }

  return {
    path,
    state: join(path, "state"),
    workspace: made("work space"),
    tmp: made("tmp"),
    marker,
    processes,
    assertNothingRuns,
    async [Symbol.asyncDispose]() {
      try {
        await assertNothingRuns();
      } finally {
        await endProcesses(query, [], "SIGKILL", scan, AbortSignal.timeout(endWithinMs));
        rmSync(path, { recursive: true, force: true });
      }
    },
  };
}

function describe({ pid, name }: ProcessEntry): string {
  try {
    return `${pid} ${readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim().slice(0, 160)}`;
  } catch {
    return `${pid} ${name}`; // no /proc here, or it is gone by now
  }
}
