/**
 * After a crash: whatever an earlier life of this instance left is ended and proven gone before its runs settle.
 *
 * I3: the boot transaction gives every unsettled run a new epoch, so its old owner writes nothing more.
 * I6: those runs settle as interrupted, told, with "Run again"; nothing is repeated by itself.
 * L6: what waited longer than the downtime bound is offered; the rest just runs, in order.
 */
import { emptyTranscript } from "../domain/transcript.ts";
import { offerHeld } from "./admission.ts";
import type { Clock, LiveRun, Log, Processes } from "./ports.ts";
import { quarantine, settleQuiet } from "./settlement.ts";
import { type Commit, Deposed, type Work } from "./work.ts";

/** How long to wait before looking again for an orphan that did not end: the look is cheap, its end is told at most this late. */
export const orphanLookMs = 2_000;

export type RecoveryDeps = {
  readonly processes: Processes;
  readonly clock: Clock;
  readonly log: Log;
  readonly commit: Commit;
};

/** The first transaction of a life: returns the runs that an earlier life left unsettled, re-owned by this one. */
export async function deposeEarlierLife(work: Work, workspace: string): Promise<readonly LiveRun[]> {
  await work.tx.moveDefaultLanes(workspace);
  const adopted = await work.tx.adopted(null);
  await work.tx.dropAdopted(adopted.map((one) => one.process)); // they carry the marker and are ended as orphans
  return work.tx.deposeAll(work.atMs);
}

/** Puts what waited longer than `downtimeMs` on hold and offers it, once per conversation. */
export async function holdWhatWaitedLong(work: Work, downtimeMs: number): Promise<void> {
  for (const lane of await work.tx.lanes()) {
    if (lane.queued === 0) continue;
    const queued = await work.tx.items(lane.conversation, "queued");
    const old = queued.filter((item) => work.atMs - item.acceptedAtMs > downtimeMs);
    for (const item of old) await work.tx.moveItem(item.id, "queued", "held");
    if (old.length > 0) await offerHeld(work, lane.conversation, "downtime");
  }
}

/**
 * Ends the orphans and settles `left` as interrupted. Where an orphan survives, its runs are quarantined first; the second promise,
 * `watched`, resolves when they too are settled (or `signal` fires). Neither rejects.
 */
export async function endEarlierLife(
  deps: RecoveryDeps,
  left: readonly LiveRun[],
  signal: AbortSignal,
): Promise<{ watched: Promise<void> }> {
  const verdict = await deps.processes.endOrphans(signal);
  if (verdict.kind === "quiet") {
    await settleInterrupted(deps, left);
    return { watched: Promise.resolve() };
  }
  deps.log.warn({ evidence: verdict.evidence }, "processes of an earlier life do not end");
  await deps.commit(async (work) => {
    for (const run of left) await quarantine(work, run.owner, verdict.evidence, emptyTranscript);
  });
  return { watched: watchOrphans(deps, left, signal) };
}

async function watchOrphans(deps: RecoveryDeps, left: readonly LiveRun[], signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    // Pacing: the next look at processes that nobody can wait for.
    await deps.clock.sleep(orphanLookMs, signal);
    if (signal.aborted) return;
    try {
      const verdict = await deps.processes.endOrphans(signal);
      if (verdict.kind === "quiet") return await settleInterrupted(deps, left);
    } catch (error) {
      deps.log.error({ error }, "orphans are gone, but the database refused to record it; trying again");
    }
  }
}

async function settleInterrupted(deps: RecoveryDeps, left: readonly LiveRun[]): Promise<void> {
  for (const run of left) {
    try {
      await deps.commit((work) => settleQuiet(work, run.owner, { kind: "interrupted" }, emptyTranscript));
    } catch (error) {
      if (!(error instanceof Deposed)) throw error; // Deposed: a person released it meanwhile
    }
  }
}
