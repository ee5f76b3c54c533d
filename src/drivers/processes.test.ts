/** Real processes: what the sweep promises is about the operating system. */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { expect, onTestFinished, test } from "vitest";
import type { ProcessRef } from "../domain/run.ts";
import { createScan, identify, withMarkers, type Scan } from "../lib/process-scan.ts";
import { createProcesses } from "./processes.ts";

const scan = createScan();
let serial = 0;

function newInstance() {
  const instance = `processes-${process.pid}-${(serial += 1)}`;
  const life = (n: number): string => `${instance}.${n}`;
  return { instance, life, processes: createProcesses({ scan, instance, life: life(2) }) };
}

/** Runs a shell script that prints a pid once it is up; resolves with that process. */
async function run(script: string, markers: readonly string[]): Promise<ProcessRef> {
  const env = withMarkers({ PATH: process.env["PATH"] }, markers);
  const child = spawn("bash", ["-c", script], { detached: true, env, stdio: ["ignore", "pipe", "inherit"] });
  const { value } = (await createInterface({ input: child.stdout })[Symbol.asyncIterator]().next()) as {
    value: string;
  };
  const found = await identify(Number(value));
  if (found === undefined) throw new Error("it did not stay alive");
  onTestFinished(async () => {
    if ((await createProcesses({ scan, instance: "x", life: "y" }).alive([{ ...found, command: "" }])).length > 0) {
      process.kill(found.pid, "SIGKILL");
    }
  });
  return { ...found, command: "sleep" };
}

const soon = (): AbortSignal => AbortSignal.timeout(10_000);

test("orphans of an earlier life are ended, setsid and TERM-ignoring ones too; this life's processes are spared", async () => {
  const { instance, life, processes } = newInstance();
  const plain = await run("echo $$; exec sleep 1000", [instance, life(1)]);
  const away = await run("setsid bash -c 'echo $$; exec sleep 1000' & wait", [instance, life(1), "some-session"]);
  const ours = await run("echo $$; exec sleep 1000", [instance, life(2)]);
  const stranger = await run("echo $$; exec sleep 1000", [`${instance}0`, "x"]);
  expect(await processes.endOrphans(soon())).toEqual({ kind: "quiet" });
  expect(await processes.alive([plain, away, ours, stranger])).toEqual([ours, stranger]);
});

test("an orphan that ignores TERM is killed in the next step", async () => {
  const { instance, life, processes } = newInstance();
  const stubborn = await run("trap '' TERM; echo $$; exec sleep 1000", [instance, life(1)]);
  expect(await processes.endOrphans(soon())).toEqual({ kind: "quiet" });
  expect(await processes.alive([stubborn])).toEqual([]);
});

test("nothing left behind is quiet at once", async () => {
  expect(await newInstance().processes.endOrphans(soon())).toEqual({ kind: "quiet" });
});

test("what cannot be ended in time is unconfirmed, with its name and pid as evidence", async () => {
  const { instance, life, processes } = newInstance();
  const orphan = await run("echo $$; exec sleep 1000", [instance, life(1)]);
  expect(await processes.endOrphans(AbortSignal.abort())).toEqual({
    kind: "unconfirmed",
    // It said its pid before it became sleep: the look may come between the two.
    evidence: {
      processes: [{ ...orphan, command: expect.stringMatching(/^(bash|sleep)$/) as string }],
      note: "they did not end",
    },
  });
});

test("a process table that cannot be read is never called quiet", async () => {
  const broken: Scan = () => Promise.reject(new Error("no /proc"));
  const processes = createProcesses({ scan: broken, instance: "i", life: "l" });
  expect(await processes.endOrphans(soon())).toMatchObject({ kind: "unconfirmed" });
  expect(await processes.end([], soon())).toMatchObject({ kind: "unconfirmed" });
});

test("ending a process ends its children, and a reused pid is left alone", async () => {
  const { instance, life, processes } = newInstance();
  const parent = await run("(sleep 1000 & sleep 1000 & wait) & echo $$; wait", [instance, life(2)]);
  const other = await run("echo $$; exec sleep 1000", [instance, life(2)]);
  const reused = { ...other, startTime: "an earlier one" };
  expect(await processes.alive([parent, reused])).toEqual([parent]);
  expect(await processes.end([parent, reused], soon())).toEqual({ kind: "quiet" });
  expect(await processes.alive([parent, other])).toEqual([other]);
});
