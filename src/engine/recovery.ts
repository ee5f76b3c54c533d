/**
 * After a crash: whatever an earlier life of this instance left is ended and proven gone before its runs settle.
 *
 * I3: the boot transaction gives every unsettled run a new epoch, so its old owner writes nothing more.
 * I6: those runs settle as interrupted, told, with "Run again"; nothing is repeated by itself.
 * L6: what waited longer than the downtime bound is offered; the rest just runs, in order.
 */
import { emptyTranscript } from "../domain/transcript.ts";

import type { Clock, LiveRun, Log, Processes, StoredItem } from "./ports.ts";
import { untilEnded } from "./quiescence.ts";
import { quarantine, settleQuiet } from "./settlement.ts";
import { keepUnsettled } from "./unsettled.ts";
import { offerHeld } from "./waiting-line.ts";
import { type Commit, Deposed, persist, reply, type Work } from "./work.ts";

export type RecoveryDeps = {
  readonly processes: Processes;
  readonly clock: Clock;
  readonly log: Log;
  readonly commit: Commit;
};

/** The first transaction of a life: returns the runs that an earlier life left unsettled, re-owned by this one. */
export async function deposeEarlierLife(work: Work): Promise<readonly LiveRun[]> {
  await work.tx.moveDefaultLanes(work.settings.workspace);
  const adopted = await work.tx.adopted(null);
  await work.tx.dropAdopted(adopted.map((one) => one.process)); // they carry the marker and are ended as orphans
  for (const item of await work.tx.unansweredCommands()) await tellUnanswered(work, item);
  return work.tx.deposeAll(work.atMs);
}

/** I4: its agent was being asked when the program ended, and nothing had been changed. */
async function tellUnanswered(work: Work, item: StoredItem): Promise<void> {
  await work.tx.moveItem(item.id, "running", "interrupted");
  const command = item.request.kind === "command" ? `/${item.request.command.name}` : "that button";
  await reply(work, item, { kind: "unanswered", command });
}

/** Puts what waited longer than the bound for downtime on hold and offers it, once per conversation. */
export async function holdWhatWaitedLong(work: Work): Promise<void> {
  for (const lane of await work.tx.lanes()) {
    if (lane.queued === 0) continue;
    const queued = await work.tx.items(lane.conversation, "queued");
    // What a schedule fired nobody waits for: it just runs, or its schedule says otherwise.
    const old = queued.filter(
      (item) => item.priority === "interactive" && work.atMs - item.acceptedAtMs > work.settings.downtimeMs,
    );
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
    await settleInterrupted(deps, left, signal);
    return { watched: Promise.resolve() };
  }
  deps.log.warn({ evidence: verdict.evidence }, "processes of an earlier life do not end");
  await deps.commit(async (work) => {
    for (const run of left) await quarantine(work, run.owner, verdict.evidence, emptyTranscript);
  });
  return { watched: watchOrphans(deps, left, signal) };
}

async function watchOrphans(deps: RecoveryDeps, left: readonly LiveRun[], signal: AbortSignal): Promise<void> {
  if ((await untilEnded(() => deps.processes.endOrphans(signal), deps.clock, signal)) === "quiet") {
    await settleInterrupted(deps, left, signal);
  }
}

async function settleInterrupted(deps: RecoveryDeps, left: readonly LiveRun[], signal: AbortSignal): Promise<void> {
  for (const run of left) {
    try {
      await persist(deps, (work) => settleQuiet(work, run.owner, { kind: "interrupted" }, emptyTranscript), signal);
    } catch (error) {
      if (error instanceof Deposed) continue; // a person released it meanwhile
      if (signal.aborted) throw error;
      await keepUnsettled(deps, run.owner, emptyTranscript, error, signal);
    }
  }
}
