/**
 * The demo's one tool: a process that sleeps. It is harmless, real, and as hard to stop as the person wants it to be.
 *
 * The number of seconds reaches the shell as an argument, never as part of its text.
 */
import { spawn } from "node:child_process";
import type { RunStyle } from "./script.ts";

const scripts: Record<RunStyle, string> = {
  foreground: 'exec sleep "$1"',
  stubborn: 'trap "" TERM; sleep "$1"; exit',
  // macOS has no setsid program; there the child is a plain one in this group.
  detached: 'if command -v setsid >/dev/null; then setsid sleep "$1" & else sleep "$1" & fi; wait',
  background: 'nohup sleep "$1" >/dev/null 2>&1 &',
};

/**
 * Starts it in a process group of its own. Resolves when it has exited: whether it went well. Rejects when it cannot be started.
 */
export function startTool(
  tool: { readonly seconds: string; readonly style: RunStyle },
  workspace: string,
  environment: Readonly<Record<string, string>>,
): Promise<boolean> {
  const child = spawn("/bin/sh", ["-c", scripts[tool.style], "sleep", tool.seconds], {
    cwd: workspace,
    env: environment,
    detached: true,
    stdio: "ignore",
  });
  const { promise, resolve, reject } = Promise.withResolvers<boolean>();
  child.once("error", reject);
  child.once("exit", (code) => resolve(code === 0));
  return promise;
}
