// One child process that stands in for us: same terminal, same process group, our exit code, our signals.
//
// 1. A signal sent to us reaches the child, and once: npm forwards SIGINT to us that the terminal has already sent to the
//    whole group, so an interrupt from our own terminal is not passed on a second time.
// 2. We outlive the child: a drain that takes a while keeps its parent, its output and its exit code.
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { constants } from "node:os";

/** npm and the group's sender hit us within milliseconds of each other; a person who asks twice is slower than this. */
const sameSignalMs = 500;

/**
 * Runs `command args` to its end. Resolves to its exit code, 128 + n when signal n ended it, 127 when it cannot start.
 * Never rejects. `output: "stderr"` sends what the child prints to our stderr, for set-up work whose output is not the task's.
 */
export async function runTask(command, args, { cwd, env, output = "inherit" }) {
  const lastSentAt = new Map();
  const forward = (signal) => {
    if (signal !== "SIGTERM" && terminalSentIt()) return;
    const now = performance.now();
    if (now - (lastSentAt.get(signal) ?? -Infinity) < sameSignalMs) return;
    lastSentAt.set(signal, now);
    child.kill(signal);
  };
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"];
  for (const signal of signals) process.on(signal, forward);
  const child = spawn(command, args, { cwd, env, stdio: output === "stderr" ? ["ignore", 2, 2] : "inherit" });
  try {
    return await new Promise((resolve) => {
      child.once("error", (error) => {
        console.error(`signalbox: cannot run ${command}: ${error.message}`);
        resolve(127);
      });
      child.once("exit", (code, signal) => resolve(code ?? 128 + constants.signals[signal]));
    });
  } finally {
    for (const signal of signals) process.off(signal, forward);
  }
}

/**
 * Whether an interrupt that we got also went to the child. A terminal sends it to its whole foreground group, which the
 * child shares; with no terminal, or in the background, a signal is meant for one process and must be passed on.
 */
function terminalSentIt() {
  if (process.platform !== "linux") return process.stdin.isTTY;
  try {
    // "pid (name) state ppid pgrp session tty_nr tpgid ...": the name may contain anything, so count from its last bracket.
    const stat = readFileSync("/proc/self/stat", "utf8");
    const [, , group, , , foregroundGroup] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return group === foregroundGroup;
  } catch {
    // No /proc (a bare container): a terminal on stdin is the next best sign.
    return process.stdin.isTTY;
  }
}
