import { once } from "node:events";
import { expect, onTestFinished, test } from "vitest";
import { createScan } from "../lib/process-scan.ts";
import type { ProcessEntry, ProcessSnapshot, Scan } from "../lib/process-scan.ts";
import { closeAgent, spawnAgent } from "./agent-process.ts";

const real = createScan();
let serial = 0;

/** A shell with one child, and the process table as the test changes it. */
async function stage(change: (snapshot: ProcessSnapshot) => ProcessSnapshot | Promise<never> = (same) => same) {
  const marker = `agent-process.${process.pid}.${(serial += 1)}`;
  const scan: Scan = async (roots) => change(await real(roots));
  const args = ["-c", "sleep 1000 & echo up; wait"];
  const agent = spawnAgent(
    { command: "sh", args, cwd: "/", env: { PATH: process.env["PATH"] }, markers: [marker] },
    scan,
  );
  onTestFinished(async () => {
    agent.signal("SIGKILL");
    await agent.exited;
  });
  await once(agent.child.stdout, "data");
  return agent;
}

const withEntries = (snapshot: ProcessSnapshot, change: (entry: ProcessEntry) => ProcessEntry): ProcessSnapshot => ({
  ...snapshot,
  byPid: new Map([...snapshot.byPid].map(([pid, entry]) => [pid, change(entry)])),
});

test("a process is as it was started while it lives, and not after that", async () => {
  const agent = await stage();
  expect(await agent.isAsStarted()).toBe(true);
  agent.signal("SIGKILL");
  await agent.exited;
  expect(await agent.isAsStarted()).toBe(false);
});

test("another start, a zombie, a lost marker or a table that cannot be read is not the process that was started", async () => {
  const looks: readonly ((snapshot: ProcessSnapshot) => ProcessSnapshot | Promise<never>)[] = [
    (snapshot) => withEntries(snapshot, (entry) => ({ ...entry, startTime: "another" })),
    (snapshot) => withEntries(snapshot, (entry) => ({ ...entry, life: "zombie" })),
    (snapshot) => ({ ...snapshot, byPid: new Map() }),
    () => Promise.reject(new Error("no process table")),
    ...(process.platform === "darwin" ? [] : [(snapshot: ProcessSnapshot) => ({ ...snapshot, carries: () => false })]),
  ];
  for (const look of looks) expect(await (await stage(look)).isAsStarted()).toBe(false);
});

test("what it holds is counted with its children and without the spared", async () => {
  const agent = await stage();
  const all = await agent.survivors([]);
  const child = all.find((entry) => entry.pid !== agent.child.pid);
  if (child === undefined) throw new Error("no child");
  const both = await agent.residentBytes([]);
  const alone = await agent.residentBytes([child]);
  expect(alone).toBeGreaterThan(0);
  expect(alone).toBeLessThan(both);
});

test("an agent that is closed gently gets its time to end by itself, and is killed when the bound has passed", async () => {
  const marker = `agent-process.${process.pid}.${(serial += 1)}`;
  const args = ["-c", "trap '' TERM; echo up; while :; do sleep 0.1; done"];
  const agent = spawnAgent(
    { command: "sh", args, cwd: "/", env: { PATH: process.env["PATH"] }, markers: [marker] },
    real,
  );
  onTestFinished(() => agent.signal("SIGKILL"));
  await once(agent.child.stdout, "data");
  const bound = Promise.withResolvers<void>();
  const closed = closeAgent(agent, [], "gently", { now: () => 0, sleep: () => bound.promise });
  expect(await Promise.race([closed.then(() => "closed"), agent.survivors([])])).not.toBe("closed");
  bound.resolve();
  await closed;
  expect((await agent.exited).signal).toBe("SIGKILL");
  expect(await agent.survivors([])).toEqual([]);
});
