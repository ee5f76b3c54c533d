/** What a process said was stored is stored, whenever it is killed (I4, I5), and nothing is half done. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { StoredItem } from "../../src/engine/ports.ts";
import { newId } from "../../src/lib/ids.ts";
import { openSqliteStore } from "../../src/store/sqlite-store.ts";

const writer = fileURLToPath(new URL("store/crash-writer.ts", import.meta.url));
/** How many facts each life may state before it is killed: in the first commits, and in full swing. */
const lives = [1, 7, 40, 150, 400, 900];

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "store crash "));
});
afterEach(() => rmSync(directory, { recursive: true }));

it("kill -9 at any moment loses nothing that was told, and starts nothing twice", { timeout: 60_000 }, async () => {
  const path = join(directory, "signalbox.db");
  const told = { accepted: new Set<string>(), started: [] as string[], settled: new Set<string>() };
  for (const [life, facts] of lives.entries()) {
    for (const line of await liveUntil(path, `life${life}`, facts)) {
      const [what, key] = line.split(" ") as ["accepted" | "started" | "settled", string];
      if (what === "started") told.started.push(key);
      else told[what].add(key);
    }
    await compare(path, told);
  }
  expect(told.started.length).toBeGreaterThan(lives.length);
  expect(new Set(told.started).size).toBe(told.started.length);
});

/** Everything that the process said before it was killed, whole lines only. */
async function liveUntil(path: string, life: string, facts: number): Promise<readonly string[]> {
  const child = spawn(process.execPath, [writer, path, life], { stdio: ["ignore", "pipe", "inherit"] });
  const exited = once(child, "exit");
  const lines: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    lines.push(line);
    if (lines.length === facts) child.kill("SIGKILL");
  }
  expect(await exited).toEqual([null, "SIGKILL"]);
  return lines;
}

async function compare(
  path: string,
  told: { readonly accepted: ReadonlySet<string>; readonly settled: ReadonlySet<string> },
): Promise<void> {
  await using store = await openSqliteStore({ path, now: () => 0, newId });
  const lanes = await store.history.lanes();
  const items = (await Promise.all(lanes.map((lane) => store.history.items(lane.conversation, 1_000_000)))).flat();
  const stored = new Map<string, StoredItem>(items.map((item) => [item.key, item]));
  expect([...told.accepted].filter((key) => !stored.has(key))).toEqual([]);
  expect([...told.settled].filter((key) => stored.get(key)?.state !== "done")).toEqual([]);
  const { received, byState } = await store.history.counts();
  expect([received, Object.values(byState).reduce((sum, count) => sum + count, 0)]).toEqual([
    items.length,
    items.length,
  ]);
  // Both messages of one transaction are there, or neither is.
  expect(items.filter(({ key }) => !stored.has(key.slice(0, -1) + (key.endsWith("a") ? "b" : "a")))).toEqual([]);
  const live = await store.history.liveRuns();
  expect(live.map(({ item }) => item).toSorted(ascending)).toEqual(
    items
      .filter(({ state }) => state === "running")
      .map(({ id }) => id)
      .toSorted(ascending),
  );
}

const ascending = (a: number, b: number): number => a - b;
