/**
 * What ends a turn that nobody stopped: silence in which nothing works, and the limits that the person set for a run.
 *
 * A stall is no event for `stallMs` while no tool runs and no question is open: a long tool is not a stall.
 */
import type { Fault } from "../domain/faults.ts";
import type { Clock } from "./ports.ts";

/** Null: no such limit. */
export type RunLimits = {
  readonly stallMs: number;
  /** How often a run may try again. */
  readonly retries: number;
  readonly runMsMax: number | null;
  readonly costUsdMax: number | null;
};

export type WatchedTurn = {
  /** When the agent was last heard of, epoch milliseconds. */
  readonly heardAtMs: () => number;
  /** Whether a tool runs or a person is asked. */
  readonly isWaiting: () => boolean;
};

/** Resolves with the reason to cut the turn, or with null once `signal` fires. Never rejects. */
export async function watchTurn(
  agent: string,
  turn: WatchedTurn,
  limits: RunLimits,
  startedAtMs: number,
  clock: Clock,
  signal: AbortSignal,
): Promise<Fault | null> {
  while (!signal.aborted) {
    const nowMs = clock.now();
    const { runMsMax, stallMs } = limits;
    const leftMs = runMsMax === null ? Infinity : startedAtMs + runMsMax - nowMs;
    if (leftMs <= 0) return { kind: "limit-reached", limit: "time", value: Math.round((runMsMax ?? 0) / 60_000) };
    const silentMs = turn.isWaiting() ? 0 : nowMs - turn.heardAtMs();
    if (silentMs >= stallMs) return { kind: "stalled", agent, silentMs };
    // Bound: the next moment at which one of the two can be true.
    await clock.sleep(Math.min(stallMs - silentMs, leftMs), signal);
  }
  return null;
}
