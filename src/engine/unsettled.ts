/**
 * A run whose end cannot be written down: its settlement throws by itself, time and again. It keeps its lane and is told as a
 * quarantine, so that a person knows, and can release it or restart: a busy lane never waits in silence.
 *
 * I2: what could not be recorded as ended frees nothing.
 */
import type { RunOwner } from "../domain/run.ts";
import type { Transcript } from "../domain/transcript.ts";
import type { Clock, Log } from "./ports.ts";
import { quarantine } from "./settlement.ts";
import { type Commit, Deposed, persist } from "./work.ts";

export type UnsettledDeps = { readonly clock: Clock; readonly log: Log; readonly commit: Commit };

/** Resolves when the quarantine is durable, or when somebody else has ended the run. Rejects when that too throws by itself. */
export async function keepUnsettled(
  deps: UnsettledDeps,
  owner: RunOwner,
  transcript: Transcript,
  cause: unknown,
  signal: AbortSignal,
): Promise<void> {
  deps.log.error({ run: owner.run, error: cause }, "the end of a run could not be recorded; it stays in quarantine");
  const detail = cause instanceof Error ? cause.message : String(cause);
  const evidence = { processes: [], note: `not known; the end of this run could not be recorded (${detail})` };
  try {
    await persist(deps, (work) => quarantine(work, owner, evidence, transcript), signal);
  } catch (error) {
    if (!(error instanceof Deposed)) throw error;
  }
}
