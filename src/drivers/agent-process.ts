/**
 * An agent's program as a process of ours: started in its own process group, marked in its environment, ended with proof.
 *
 * 1. It can be signalled from the moment it exists, and only ever as itself (pid and start time).
 * 2. Everything it starts carries its marker; "gone" means that no marked process outside the spared ones is alive (I2).
 * 3. What it wrote to stderr is kept to a bound, for the one sentence that tells why it died (I14).
 */
import { spawn } from "node:child_process";
import type { ChildProcessWithoutNullStreams } from "node:child_process";
import type { Evidence, ProcessRef } from "../domain/run.ts";
import type { Clock } from "../engine/ports.ts";
import { endProcesses, survivors } from "../lib/process-group.ts";
import type { Proof, Spared } from "../lib/process-group.ts";
import { residentBytes } from "../lib/process-memory.ts";
import { identify, withMarkers } from "../lib/process-scan.ts";
import type { ProcessEntry, ProcessQuery, Scan } from "../lib/process-scan.ts";

/** The tail of stderr that is kept, in UTF-16 units: a stack trace's last lines. */
const stderrCharsMax = 2_000;

export type AgentCommand = {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Elements of the marker list. The last one is this process's own: no other process tree carries it. */
  readonly markers: readonly [...string[], string];
};

/** How it ended. `failure` is the system's code when it could not even be started ("ENOENT"). */
export type AgentExit = {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly failure: string | null;
  readonly stderr: string;
};

export type AgentProcess = {
  readonly child: ChildProcessWithoutNullStreams;
  /** Resolves when the process itself has exited (its children may live); never rejects. */
  readonly exited: Promise<AgentExit>;
  /** Whether it has not exited yet, as far as this program was told. */
  readonly isRunning: boolean;
  /** To its whole group; nothing happens once it has exited (its children are then for `end`). Never throws. */
  signal(kill: "SIGTERM" | "SIGKILL"): void;
  /** Whether it is alive and the one that was started, by its start and its marker. False where that cannot be seen; never rejects. */
  isAsStarted(): Promise<boolean>;
  /** What it and its helpers hold, without the spared, in bytes. Rejects when the system does not tell. */
  residentBytes(spared: readonly Spared[]): Promise<number>;
  /** The agent itself and everything it started that is alive now, without the spared. */
  survivors(spared: readonly Spared[]): Promise<ProcessEntry[]>;
  /** Signals and proves; see `endProcesses`. */
  end(spared: readonly Spared[], kill: "SIGTERM" | "SIGKILL", signal: AbortSignal): Promise<Proof>;
};

/** Never throws for a command that cannot be started: `exited` then resolves with the failure. */
export function spawnAgent(agent: AgentCommand, scan: Scan): AgentProcess {
  const child = spawn(agent.command, agent.args, {
    cwd: agent.cwd,
    env: withMarkers(agent.env, agent.markers),
    stdio: ["pipe", "pipe", "pipe"],
    // Its own process group (and session), so that one signal reaches it and what stays in its group, and never us.
    detached: true,
  });
  const marker = agent.markers.at(-1) ?? "";
  // Asked for in the tick of the spawn: even if it has exited already, its entry cannot have been freed yet.
  const identified = child.pid === undefined ? Promise.resolve(undefined) : identify(child.pid);
  const exited = watchExit(child);
  let isRunning = child.pid !== undefined;
  child.once("exit", () => (isRunning = false));
  const query = async (): Promise<ProcessQuery> => {
    const leader = await identified;
    return { marker, roots: leader ? [leader] : [] };
  };

  return {
    child,
    exited,
    get isRunning() {
      return isRunning;
    },
    signal(kill) {
      // Our own child: until its exit was reported here, its pid cannot belong to anybody else.
      if (isRunning && child.pid !== undefined) signalOwnGroup(child.pid, kill);
    },
    async isAsStarted() {
      const leader = await identified;
      if (leader === undefined || !isRunning) return false;
      try {
        const { byPid, carries, unsure } = await scan([leader]);
        const entry = byPid.get(leader.pid);
        if (entry?.life !== "alive" || entry.startTime !== leader.startTime) return false;
        // In the middle of an exec there is no environment to see.
        if (unsure.has(`${entry.pid}/${entry.startTime}`)) return true;
        // ps on macOS hides the environment of the system's own binaries, of a shell that runs an agent for one.
        return process.platform === "darwin" || carries(entry, marker);
      } catch {
        return false; // the process table cannot be read: whoever needs a proof is told
      }
    },
    residentBytes: async (spared) =>
      residentBytes((await survivors(await query(), spared, scan)).map((entry) => entry.pid)),
    survivors: async (spared) => survivors(await query(), spared, scan),
    end: async (spared, kill, signal) => endProcesses(await query(), spared, kill, scan, signal),
  };
}

function signalOwnGroup(leader: number, kill: NodeJS.Signals): void {
  try {
    process.kill(-leader, kill);
  } catch (error) {
    // ESRCH: it ended a moment ago. EPERM: nothing of the group is ours any more. Either way the proof looks for itself.
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code !== "ESRCH" && code !== "EPERM") throw error;
  }
}

/** Told to terminate, Claude Code saves its transcript within 1.6 s, an ACP agent needs up to a second, Codex 50 ms (measured). */
const gentleMsMax = 3_000;

/**
 * Ends an agent and everything that it started, without the spared: at once, or gently, which asks first and kills after a bound.
 * Resolves when it is proven gone; rejects when the process table cannot be read.
 */
export async function closeAgent(
  agent: AgentProcess,
  spared: readonly Spared[],
  how: "gently" | "at once",
  clock: Clock,
): Promise<void> {
  if (how === "gently") {
    const patience = new AbortController();
    // A bound, not a proof: whatever still lives after it is killed, and only then is it proven gone.
    void clock.sleep(gentleMsMax, patience.signal).then(() => patience.abort());
    await agent.end(spared, "SIGTERM", patience.signal);
    patience.abort();
  }
  agent.signal("SIGKILL");
  await agent.end(spared, "SIGKILL", new AbortController().signal);
  await agent.exited;
}

/** In the domain's words. */
export function evidenceOf(processes: readonly ProcessEntry[], note: string): Evidence {
  return { processes: processes.map(refOf), note };
}

/**
 * The account of a turn that was asked for: `look` reads what is alive of it. A process table that cannot be read is told as such.
 * Resolves, never rejects.
 */
export async function accountOf(
  turn: "going on" | "over",
  look: () => Promise<readonly ProcessEntry[]>,
): Promise<Evidence> {
  const note =
    turn === "over"
      ? "The agent has ended the turn; these still run."
      : "The agent has not confirmed the end of the turn.";
  try {
    return evidenceOf(await look(), note);
  } catch (error) {
    return evidenceOf([], `The process table cannot be read: ${String(error)}`);
  }
}

export function refOf(entry: ProcessEntry): ProcessRef {
  return { pid: entry.pid, startTime: entry.startTime, command: entry.name };
}

function watchExit(child: ChildProcessWithoutNullStreams): Promise<AgentExit> {
  let stderr = "";
  child.stderr.setEncoding("utf8");
  child.stderr.on("data", (text: string) => (stderr = (stderr + text).slice(-stderrCharsMax)));
  // A write to a process that has just died fails here; that it died is told by its exit.
  child.stdin.on("error", () => undefined);
  return new Promise((resolve) => {
    child.once("error", (error: NodeJS.ErrnoException) => {
      if (child.pid === undefined) resolve({ code: null, signal: null, failure: error.code ?? error.name, stderr });
    });
    child.once("exit", (code, signal) => resolve({ code, signal, failure: null, stderr }));
  });
}
