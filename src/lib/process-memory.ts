/**
 * How much memory processes hold: their resident sets added up. Pages that several of them share count for each, so it is never too low.
 * Linux reads /proc, macOS asks ps.
 */
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";

/** In bytes; of processes that exist. Rejects when the system does not tell. */
export async function residentBytes(pids: readonly number[]): Promise<number> {
  if (pids.length === 0) return 0;
  const kibibytes = process.platform === "linux" ? await Promise.all(pids.map(fromProc)) : await fromPs(pids);
  return kibibytes.reduce((sum, one) => sum + one, 0) * 1024;
}

async function fromProc(pid: number): Promise<number> {
  try {
    const status = await readFile(`/proc/${pid}/status`, "utf8");
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0); // a zombie has none
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "ENOENT" || code === "ESRCH") return 0; // it has ended
    throw error;
  }
}

async function fromPs(pids: readonly number[]): Promise<readonly number[]> {
  const options = { env: { PATH: "/bin:/usr/bin", LC_ALL: "C" } };
  // Of all, because ps fails when one of those it was asked for has ended.
  const { stdout } = await promisify(execFile)("ps", ["-axo", "pid=,rss="], options);
  const wanted = new Set(pids);
  const lines = stdout.split("\n").map((line) => line.trim().split(/\s+/).map(Number));
  return lines.flatMap(([pid, rss]) => (pid !== undefined && rss !== undefined && wanted.has(pid) ? [rss] : []));
}
