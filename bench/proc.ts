/** What /proc says of one process. Linux only, as the bench is. */
import { readFileSync } from "node:fs";

/** User and system time so far, in clock ticks; 0 when there is no such process. */
export function cpuTicks(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return Number(fields[11]) + Number(fields[12]);
  } catch {
    return 0; // it is gone
  }
}

/** What it holds in memory that is really there, in MB of 2^20 bytes. Throws when there is no such process. */
export function residentMb(pid: number): number {
  const kb = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  if (kb === undefined) throw new Error(`process ${pid} has no memory`);
  return Number(kb) / 1_024;
}

/** With spaces between its arguments; "" when there is no such process. */
export function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim();
  } catch {
    return ""; // it is gone
  }
}
