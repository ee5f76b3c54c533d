/**
 * What the rows share: turns by number, single turns of the event loop, and a look at the machine's processes that uses none of the
 * product's own means. The line to Telegram is in telegram-line.ts.
 *
 * Houses are not disposed here: they hold nothing but memory, and where a fault is planted an expectation is to fail, not the end of the
 * house to hang.
 */
import { execFileSync } from "node:child_process";
import { onTestFinished, vi } from "vitest";
import type { Clock, Driver } from "../../src/engine/ports.ts";
import { askMs, killMs, terminateMs } from "../../src/engine/quiescence.ts";
import type { House } from "../engine-house.ts";
import { createScriptedDriver, type ScriptedDriver, type ScriptedTurn } from "../scripted-driver.ts";

/** Ask, terminate, kill and the look at what is left: after this a turn that does not end is quarantined. */
export const wholeEscalationMs = askMs + terminateMs + killMs + 1;

/** The `n`th turn that was started, from 0. */
export function turnOf(house: House, n: number): ScriptedTurn {
  const turn = house.driver.turns[n];
  if (turn === undefined) throw new Error(`turn ${n} was not started`);
  return turn;
}

/** What was asked of the agent so far, in order. */
export function asked(house: House): string[] {
  return house.driver.turns.map(({ request }) => request.prompt.text);
}

/** Lets the event loop turn `count` times: the finest step between two things that happen. */
export async function ticks(count: number): Promise<void> {
  for (let tick = 0; tick < count; tick += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** Moments at which something may hit a change that is on its way: more than the longest way through two commits. */
export const moments = Array.from({ length: 12 }, (_, tick) => tick);

/** Resolves once `is` holds, which is looked at after every change that the engine tells. */
export async function until(house: House, is: () => Promise<boolean>): Promise<void> {
  let changed = Promise.withResolvers<void>();
  using _watching = house.engine.watch({ changed: () => changed.resolve(), progressed: () => undefined });
  while (!(await is())) {
    await changed.promise;
    changed = Promise.withResolvers<void>();
  }
}

/** A scripted driver that counts its turns that began while another one of the same directory was not proven quiet. */
export function createJealousDriver(): ScriptedDriver & { readonly overlaps: () => number } {
  let overlaps = 0;
  const driver = createScriptedDriver({
    onTurn(turn) {
      const { workspace } = turn.request;
      const isAlive = (other: ScriptedTurn): boolean => !other.isQuiet && other.request.workspace === workspace;
      if (driver.turns.some((other) => other !== turn && isAlive(other))) overlaps += 1;
    },
  });
  return Object.assign(driver, { overlaps: () => overlaps });
}

/** A house takes a scripted driver; here another one speaks for it. */
export function inPlaceOfScripted(driver: Driver): ScriptedDriver {
  return { ...createScriptedDriver({ name: driver.name }), ...driver };
}

/** A clock for shows: each pause is one turn of the event loop. */
export const hurriedClock: Clock = {
  now: () => Date.now(),
  sleep: async (_ms, signal) => (signal.aborted ? undefined : ticks(1)),
};

// ---- The machine

let sleeps = 0;

/** Seconds that no other process of this machine sleeps; what is left of it ends with the test. */
export function uniqueSeconds(): string {
  const seconds = `1000.${process.pid}${String((sleeps += 1)).padStart(3, "0")}`;
  onTestFinished(() => sleeping(seconds).forEach((pid) => process.kill(pid, "SIGKILL")));
  return seconds;
}

/** The living processes `sleep <seconds>`. */
export function sleeping(seconds: string): number[] {
  return execFileSync("ps", ["-axo", "pid=,stat=,args="], { encoding: "utf8" })
    .split("\n")
    .map((line) => /^\s*(\d+)\s+(\S+)\s+(.*?)\s*$/.exec(line))
    .flatMap((found) => (found?.[3] === `sleep ${seconds}` && !found[2]?.startsWith("Z") ? [Number(found[1])] : []));
}

/** Resolves once one runs. Bounded by the test's own timeout. */
export async function untilSleeping(seconds: string): Promise<void> {
  await vi.waitFor(() => sleeping(seconds).length > 0 || Promise.reject(new Error("no such process yet")), 20_000);
}
