/**
 * A process that an agent's tool starts, seen from outside the product: it writes its pid into the workspace, and whether it lives is
 * read from the system, with none of the product's own means.
 */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { vi } from "vitest";

/** plain: ends on SIGTERM. stubborn: ignores it. detached: in a session of its own, its parent not waiting for it. */
export type ChildKind = "plain" | "stubborn" | "detached";

export type ShellChild = {
  /** What the tool is told to run. */
  readonly command: string;
  /** Resolves to its pid once it runs. */
  readonly started: () => Promise<number>;
  /** Resolves to the pid of its next start, after the one that `started` saw. */
  readonly startedAgain: () => Promise<number>;
  /** Whether it runs now, asked of the system. Throws before it was seen alive: "dead" would say nothing then. */
  readonly isAlive: () => boolean;
  /** How often the command was begun: twice would be a run that was repeated in silence. */
  readonly starts: () => number;
};

const startsWithinMs = 15_000;

export function shellChild(workspace: string, name: string, kind: ChildKind = "plain"): ShellChild {
  const pidFile = join(workspace, `${name}.pid`);
  const startsFile = join(workspace, `${name}.starts`);
  let pid: number | undefined;
  async function started(before?: number): Promise<number> {
    const look = (): number => {
      const found = readPid(pidFile);
      if (found === before) throw new Error(`${name} was not started again yet`);
      return found;
    };
    pid = await vi.waitFor(look, { timeout: startsWithinMs, interval: 5 });
    if (!isPidAlive(pid)) throw new Error(`${name} (${pid}) is not alive although nothing ended it`);
    return pid;
  }

  return {
    command: `echo begun >> ${name}.starts; ${commandOf(name, kind)}`,
    started: () => started(),
    startedAgain: () => started(pid),
    isAlive() {
      if (pid === undefined) throw new Error(`${name} was never seen alive`);
      return isPidAlive(pid);
    },
    starts: () => (existsSync(startsFile) ? readFileSync(startsFile, "utf8").trim().split("\n").length : 0),
  };
}

/** Claude Code refuses a bare `sleep 303`; in brackets and followed by something it runs. */
function commandOf(name: string, kind: ChildKind): string {
  const sleep = `echo $$ > ${name}.pid; exec sleep 303`;
  switch (kind) {
    case "plain":
      return `(sh -c '${sleep}'); echo e`;
    case "stubborn":
      return `(sh -c 'trap "" TERM; ${sleep}'); echo e`;
    case "detached":
      return `(setsid sh -c '${sleep}' </dev/null >/dev/null 2>&1 & sleep 303); echo e`;
    default:
      return kind satisfies never;
  }
}

function readPid(file: string): number {
  const text = readFileSync(file, "utf8");
  if (!/^\d+\n$/.test(text)) throw new Error(`no pid in ${file} yet`);
  return Number(text);
}

/** A zombie runs nothing. Where there is /proc the answer takes no time in which the process could still end. */
function isPidAlive(pid: number): boolean {
  const state = process.platform === "linux" ? procState(pid) : psState(pid);
  return state !== "" && !state.startsWith("Z");
}

function procState(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2, stat.lastIndexOf(")") + 3);
  } catch {
    return ""; // no such process
  }
}

function psState(pid: number): string {
  try {
    return execFileSync("ps", ["-o", "stat=", "-p", String(pid)], { encoding: "utf8" }).trim();
  } catch {
    return ""; // ps exits with 1 when there is no such process
  }
}
