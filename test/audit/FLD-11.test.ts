/**
 * FLD-11. Seen: a lock file held a pid; after a crash the pid belonged to another program, and the bot would not start, or killed it.
 * Here: nothing is read from a lock file, and a process is named by pid and start time.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { createProcesses } from "../../src/drivers/processes.ts";
import { tryFileLock } from "../../src/lib/file-lock.ts";
import { createScan, identify } from "../../src/lib/process-scan.ts";
import { sleeping, uniqueSeconds } from "./kit.ts";

test("a lock file with the pid of somebody who lives is not a lock", async () => {
  const directory = mkdtempSync(join(tmpdir(), "signalbox-audit-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const path = join(directory, "instance.lock");
  writeFileSync(path, `${process.ppid}\n`.repeat(200)); // longer than the header of any database
  await using lock = tryFileLock(path);
  expect(lock).not.toBeNull();
  expect(tryFileLock(path)).toBeNull();
});

test("a process that got the pid of one of ours is neither taken for it nor signalled", async () => {
  const seconds = uniqueSeconds();
  const stranger = spawn("sleep", [seconds], { stdio: "ignore" });
  await once(stranger, "spawn");
  const found = await identify(stranger.pid ?? 0);
  if (found === undefined) throw new Error("it did not stay alive");
  const ours = { pid: found.pid, startTime: "before it", command: "sleep" };
  const processes = createProcesses({ scan: createScan(), instance: "audit", life: "audit.1" });
  expect(await processes.alive([ours])).toEqual([]);
  expect(await processes.end([ours], new AbortController().signal)).toEqual({ kind: "quiet" });
  expect(sleeping(seconds)).toEqual([found.pid]);
});
