/**
 * I1: at most one live run per conversation, workspace and slot.
 * I2: a run settles only when the ledger has nothing of it any more, or a person released it.
 * I3: nobody but the newest life writes, epochs only grow, a settled run is never written again.
 * I8: a run that a person stopped settles as stopped; a stop is not weakened.
 */
import type { ConversationId } from "../../src/domain/conversation.ts";
import type { Change, RunState } from "./journal.ts";
import type { RunRow } from "./mirror.ts";
import { spokenStop } from "./speech.ts";
import type { Rule, RuleContext } from "./rule.ts";

const nextStates: Readonly<Record<RunState, readonly RunState[]>> = {
  starting: ["starting", "running", "stopping", "quarantined", "settled"],
  running: ["running", "stopping", "quarantined", "settled"],
  stopping: ["stopping", "quarantined", "settled"],
  quarantined: ["quarantined", "settled"],
  settled: [],
};

export function rulesOfRuns({ mirror, world, asked, runsMax, life, violated }: RuleContext): Rule {
  /** Runs that a /stop found. */
  const stopped = new Set<string>();

  function stopCommand(change: Change & { what: "item-added" }): void {
    if (change.request.kind !== "command" || change.request.command.name !== "stop") return;
    stop(change.request.command.scope, change.conversation);
  }

  function stop(scope: "conversation" | "all", conversation: ConversationId): void {
    for (const run of mirror.live) {
      if (run.state !== "quarantined" && (scope === "all" || run.conversation === conversation)) stopped.add(run.id);
    }
  }

  function added(change: Change & { what: "run-added" }): void {
    for (const other of mirror.live) {
      if (other.conversation === change.conversation)
        violated("I1", `${change.id} beside ${other.id} in one conversation`);
      if (other.workspace === change.workspace)
        violated("I1", `${change.id} beside ${other.id} in ${change.workspace}`);
      if (other.slot === change.slot) violated("I1", `${change.id} beside ${other.id} in slot ${change.slot}`);
    }
    if (change.slot < 1 || change.slot > runsMax)
      violated("I1", `${change.id} takes slot ${change.slot} of ${runsMax}`);
    if (change.incarnation !== life())
      violated("I3", `${change.id} begins in life ${change.incarnation}, now is ${life()}`);
  }

  function changed(change: Change & { what: "run-changed" }): void {
    const run = mirror.runs.get(change.id)!;
    const isDeposal = change.epoch !== change.epochBefore;
    if (
      !nextStates[change.from].includes(change.to) &&
      !(isDeposal && change.to === "stopping" && change.from !== "settled")
    ) {
      violated("I3", `${change.id} goes from ${change.from} to ${change.to}`);
    }
    if (change.epoch < change.epochBefore) violated("I3", `${change.id} goes back to epoch ${change.epoch}`);
    if (change.epoch !== mirror.lanes.get(run.conversation)!.epoch) {
      violated("I3", `${change.id} is written with epoch ${change.epoch}, which is not its lane's newest`);
    }
    if (run.stopWhy === "user" && change.stopWhy !== "user" && change.stopWhy !== "crash") {
      violated("I8", `the user's stop of ${change.id} became "${change.stopWhy}"`);
    }
    if (change.to === "settled") settled(run, change);
  }

  function settled(run: RunRow, change: Change & { what: "run-changed" }): void {
    const outcome = change.outcome?.kind ?? "none";
    const alive = world.turnsOf(run.id).flatMap((turn) => (turn.isReleased ? [] : world.alive(turn)));
    if (asked.released.has(run.id) && run.state === "quarantined") world.release(run.id);
    else if (alive.length > 0) {
      const names = alive.map((process) => `${process.role} ${process.ref.startTime}`).join(", ");
      violated("I2", `${run.id} settled (${outcome}) while ${names} lives`);
    }
    const wasStopped = run.stopWhy === "user" || run.stopWhy === "replaced";
    const isForced = run.state === "quarantined" && asked.released.has(run.id);
    if (outcome === "stopped" && !isForced) checkNothingLeft(run);
    if (stopped.has(run.id) && outcome !== "stopped" && outcome !== "interrupted") {
      violated("I8", `somebody stopped ${run.id}, and it settles as ${outcome}`);
    }
    if (wasStopped && outcome !== "stopped" && !isForced)
      violated("I8", `${run.id} was stopped and settles as ${outcome}`);
    if (run.stopWhy === "crash" && outcome !== "interrupted")
      violated("I6", `${run.id} was cut and settles as ${outcome}`);
  }

  /** What finishes may leave a task behind on purpose; what is stopped leaves nothing that it started. */
  function checkNothingLeft(run: RunRow): void {
    for (const turn of world.turnsOf(run.id)) {
      const left = turn.processes.find((process) => process.alive && process.role === "background");
      if (left !== undefined) violated("I8", `${run.id} is stopped, and leaves ${left.ref.startTime} running`);
    }
  }

  return {
    before: (change) => {
      const isOfDecision = change.what !== "decision" && change.what !== "said-changed";
      if (isOfDecision && mirror.decision().life !== life()) {
        violated(
          "I3",
          `life ${mirror.decision().life} writes (${change.what}) although life ${life()} owns the database`,
        );
      }
      if (change.what === "item-added") stopCommand(change);
      const spoken = spokenStop(mirror, change);
      if (spoken !== null) stop(spoken.scope, spoken.item.conversation);
      if (change.what === "run-added") added(change);
      if (change.what === "run-changed") changed(change);
      if (change.what === "lane" && change.epoch < change.epochBefore) violated("I3", "a lane's epoch went back");
    },
    end: () => {
      for (const turn of world.turns()) {
        const run = mirror.runs.get(turn.owner.run);
        if (run === undefined) violated("I3", `a turn runs for ${turn.owner.run}, which has no row`);
        if (run?.state === "settled" && !turn.isReleased && world.alive(turn).length > 0) {
          violated("I2", `${run.id} is settled and lives`);
        }
      }
    },
  };
}
