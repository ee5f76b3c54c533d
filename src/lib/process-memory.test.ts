import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, test } from "vitest";
import { residentBytes } from "./process-memory.ts";

test("the resident sets of processes are added up, and what has ended holds nothing", async () => {
  const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1_000); console.log('up')"]);
  await once(child.stdout, "data");
  const pid = child.pid ?? 0;
  const [own, other] = [await residentBytes([process.pid]), await residentBytes([pid])];
  // A Node program holds some tens of megabytes, and this test none of the machine's many gigabytes.
  expect(other).toBeGreaterThan(20 * 2 ** 20);
  expect(other).toBeLessThan(2 ** 30);
  expect(await residentBytes([process.pid, pid])).toBeGreaterThan((own + other) / 2);
  child.kill("SIGKILL");
  await once(child, "exit");
  expect(await residentBytes([pid])).toBe(0);
  expect(await residentBytes([])).toBe(0);
});
