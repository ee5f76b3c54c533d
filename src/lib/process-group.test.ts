/** Real processes on purpose: what a stop promises is about the operating system, not about a fake of it. */
import { spawn, spawnSync } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { afterEach, expect, test } from "vitest";
import { endProcesses, survivors } from "./process-group.ts";
import { createScan, identify, withMarkers } from "./process-scan.ts";
import type { ProcessEntry, ProcessRef, ProcessSnapshot, Scan } from "./process-scan.ts";

const scan = createScan();
const started: { marker: string; child: ChildProcess }[] = [];
let serial = 0;

afterEach(async () => {
  for (const { marker, child } of started.splice(0)) {
    await endProcesses({ marker, roots: [] }, [], "SIGKILL", scan, AbortSignal.timeout(5_000));
    child.stdout?.destroy();
  }
});

/** Runs bash in its own group under a fresh marker; `lines` says how many pids the script prints once everything is up. */
async function run(script: string, lines: number, env: Record<string, string> = {}) {
  const marker = `test.${process.pid}.${(serial += 1)}`;
  const child = spawn("bash", ["-c", script], {
    detached: true,
    env: withMarkers({ PATH: process.env["PATH"], ...env }, [marker]),
    stdio: ["ignore", "pipe", "ignore"],
  });
  started.push({ marker, child });
  const printed = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const pids: number[] = [];
  while (pids.length < lines) pids.push(Number((await printed.next()).value));
  const leader = await identify(child.pid ?? 0);
  if (!leader) throw new Error("the script did not stay alive");
  return { marker, child, leader, pids, query: { marker, roots: [leader] } };
}

const pidsOf = (entries: readonly ProcessEntry[]): number[] =>
  entries.map((entry) => entry.pid).toSorted((a, b) => a - b);
const soon = (): AbortSignal => AbortSignal.timeout(5_000);
/** The operating system's own word, by another road than the code under test. */
const alive = (pid: number): boolean => {
  const state = spawnSync("ps", ["-o", "stat=", "-p", `${pid}`])
    .stdout.toString()
    .trim();
  return state !== "" && !state.startsWith("Z");
};

test("grandchildren, nohup, setsid and double-forked orphans of init are all found by the marker and all ended", async () => {
  const tree = await run(
    `bash -c 'echo $BASHPID; sleep 300' & nohup bash -c 'echo $BASHPID; exec sleep 300' &
     setsid bash -c 'echo $BASHPID; exec sleep 300' & (setsid bash -c 'echo $BASHPID; exec sleep 300' & ) ; wait`,
    4,
  );
  const found = pidsOf(await survivors({ marker: tree.marker, roots: [] }, [], scan));
  expect(found).toEqual(expect.arrayContaining([tree.leader.pid, ...tree.pids]));

  expect(await endProcesses(tree.query, [], "SIGTERM", scan, soon())).toEqual({ kind: "gone" });
  expect(tree.pids.filter(alive)).toEqual([]);
});

test("killing the group leaves the setsid child alive, and the sweep by marker ends it (an orphan must not outlive a stop)", async () => {
  const tree = await run(`setsid bash -c 'echo $BASHPID; exec sleep 300' & sleep 300`, 1);
  process.kill(-tree.leader.pid, "SIGKILL");
  await once(tree.child, "exit");
  expect(pidsOf(await survivors(tree.query, [], scan))).toEqual(expect.arrayContaining(tree.pids));

  expect(await endProcesses(tree.query, [], "SIGKILL", scan, soon())).toEqual({ kind: "gone" });
  expect(tree.pids.filter(alive)).toEqual([]);
});

test("a TERM-ignoring process is reported alive when the polite wait ends, and SIGKILL then proves it gone", async () => {
  const tree = await run(`trap '' TERM; echo $BASHPID; while :; do read -t 60 || :; done`, 1);
  const patience = new AbortController();
  const polite = endProcesses(tree.query, [], "SIGTERM", scan, patience.signal);
  await survivors(tree.query, [], scan);
  patience.abort();
  const verdict = await polite;
  expect(verdict.kind === "alive" && pidsOf(verdict.processes)).toEqual(tree.pids);

  expect(await endProcesses(tree.query, [], "SIGKILL", scan, soon())).toEqual({ kind: "gone" });
});

test("a child that drops the marker is still found through its parent", async () => {
  const tree = await run(`env -i bash -c 'echo $BASHPID; sleep 300; :' & wait`, 1);
  expect(pidsOf(await survivors(tree.query, [], scan))).toEqual(expect.arrayContaining(tree.pids));
  expect(await endProcesses(tree.query, [], "SIGTERM", scan, soon())).toEqual({ kind: "gone" });
  expect(tree.pids.filter(alive)).toEqual([]);
});

test("a nested owner appends its marker, so the outer owner finds its processes too", async () => {
  const outer = `outer.${process.pid}`;
  const tree = await run(`echo $BASHPID; exec sleep 300`, 1, { SBX_MARK: outer });
  expect(pidsOf(await survivors({ marker: outer, roots: [] }, [], scan))).toEqual([tree.leader.pid]);
  expect(pidsOf(await survivors({ marker: tree.marker, roots: [] }, [], scan))).toEqual([tree.leader.pid]);
  expect(await survivors({ marker: "outer", roots: [] }, [], scan)).toEqual([]);
});

test("a reused pid is neither signalled nor counted (it is somebody else's process)", async () => {
  const stranger = await run(`echo $BASHPID; exec sleep 300`, 1);
  const reused: ProcessRef = { pid: stranger.leader.pid, startTime: "00000000/1" };
  expect(await endProcesses({ marker: "nobody", roots: [reused] }, [], "SIGKILL", scan, soon())).toEqual({
    kind: "gone",
  });
  expect(alive(stranger.leader.pid)).toBe(true);
});

test("spared processes (the resident set) are not signalled and do not stand in the way of the proof", async () => {
  const tree = await run(`bash -c 'echo $BASHPID; exec sleep 300' & wait`, 1);
  expect(await endProcesses(tree.query, [tree.leader], "SIGKILL", scan, soon())).toEqual({ kind: "gone" });
  expect(tree.pids.filter(alive)).toEqual([]);
});

test("a server that is spared with its tree keeps the workers that it forks later", async () => {
  const tree = await run(`bash -c 'echo $BASHPID; sleep 300 & echo $!; wait' & sleep 300 & echo $!; wait`, 3);
  const others = tree.pids.filter((pid) => pid !== tree.leader.pid);
  const parents = new Map((await survivors(tree.query, [], scan)).map((entry) => [entry.pid, entry.parent]));
  const worker = others.find((pid) => others.includes(parents.get(pid) ?? 0)) ?? 0;
  const server = await identify(parents.get(worker) ?? 0);
  const spared = [tree.leader, { ...(server ?? tree.leader), reach: "tree" as const }];
  expect(await endProcesses(tree.query, spared, "SIGKILL", scan, soon())).toEqual({ kind: "gone" });
  expect(new Set(others.filter(alive))).toEqual(new Set([server?.pid, worker]));
});

test("a process that keeps forking successors which replace it is ended none the less", async () => {
  const tree = await run(
    `hop() { [ $1 -eq 0 ] && { echo $BASHPID; exec sleep 300; }; ( hop $(($1-1)) & ) ; }; (hop 20 &) ; sleep 300`,
    1,
  );
  expect(await endProcesses(tree.query, [], "SIGKILL", scan, soon())).toEqual({ kind: "gone" });
  expect(tree.pids.filter(alive)).toEqual([]);
});

test("a zombie is not alive", async () => {
  // The parent never waits for the child it disowned by exec, so the child stays a zombie until the parent ends.
  const tree = await run(`(exit 0) & echo $!; exec sleep 300`, 1);
  expect(await endProcesses(tree.query, [tree.leader], "SIGKILL", scan, soon())).toEqual({ kind: "gone" });
});

test("an empty scan that missed something vanished or unreadable is not proof; two clean ones in a row are", async () => {
  const table = (unsure: string[], entries: ProcessEntry[] = []): ProcessSnapshot => ({
    byPid: new Map(entries.map((entry) => [entry.pid, entry])),
    unsure: new Set(unsure),
    carries: () => true,
  });
  const late: ProcessEntry = { pid: 900_001, startTime: "x", parent: 1, group: 900_001, life: "zombie", name: "late" };
  const seen: ProcessSnapshot[] = [];
  const tables = [table(["11"]), table([]), table(["12"]), table([], [late]), table([])];
  const scripted: Scan = () => {
    const next = tables[seen.length] ?? table(["never asked for"]);
    seen.push(next);
    return Promise.resolve(next);
  };
  expect(await endProcesses({ marker: "m", roots: [] }, [], "SIGKILL", scripted, soon())).toEqual({ kind: "gone" });
  expect(seen).toHaveLength(5);
});

test("an environment that stays empty belongs to a process that has none, and does not block proofs for ever", async () => {
  const empty: ProcessSnapshot = { byPid: new Map(), unsure: new Set(["77/start"]), carries: () => false };
  expect(await endProcesses({ marker: "m", roots: [] }, [], "SIGKILL", () => Promise.resolve(empty), soon())).toEqual({
    kind: "gone",
  });
});

test("strangers are remembered, but a pid that is reused by a marked process is read again", async () => {
  const own = createScan();
  expect((await own([])).byPid.size).toBeGreaterThan((await own([])).byPid.size);
  const tree = await run(`echo $BASHPID; exec sleep 300`, 1);
  expect(pidsOf(await survivors({ marker: tree.marker, roots: [] }, [], own))).toEqual([tree.leader.pid]);
});
