/**
 * What must hold between any two steps while a life is open, and at rest: the checks that look at a state instead of a change.
 *
 * I7: a stop that is on the row has reached the turn as soon as its commit is known.
 * I9: what can start was claimed by the very commit that made it possible; no later event is needed.
 */
import type { Engine } from "../../src/engine/ports.ts";
import type { Journal } from "./journal.ts";
import type { Machine } from "./machine.ts";
import type { RuleContext } from "./rule.ts";
import type { Scheduler } from "./scheduler.ts";

export interface StandingChecks {
  /** The life claims; nothing of it is booting or draining. */
  progress(): void;
  stops(): void;
  /** At rest nothing runs unseen. */
  left(engine: Engine): void;
}

export function createStandingChecks(
  context: RuleContext,
  scheduler: Scheduler,
  journal: Journal,
  machine: Machine,
): StandingChecks {
  const { mirror, world, runsMax, life, violated } = context;
  const isDeciding = (): boolean => scheduler.waiting(["flush", "resolve"], life()) > 0;
  return { progress, stops, left };

  /** I9: what can start was claimed by the very commit that made it possible; no later event is needed. */
  function progress(): void {
    if (isDeciding() || mirror.live.size >= runsMax) return;
    for (const lane of mirror.lanes.values()) {
      if (mirror.isStartable(lane))
        violated("I9", `${lane.conversation} could start, and nothing is under way to start it`);
    }
  }

  /** I7: a stop that is on the row has reached the turn as soon as its commit is known. */
  function stops(): void {
    if (isDeciding()) return;
    for (const run of mirror.live) {
      if (run.state !== "stopping" || run.stopWhy === "crash") continue;
      for (const turn of world.turnsOf(run.id)) {
        const isDeaf = turn.life === life() && turn.asked === null && world.alive(turn).length > 0;
        if (isDeaf) violated("I7", `${run.id} is to stop, and its agent was not asked`);
      }
    }
  }

  /** At rest nothing runs unseen: a task left behind is recorded, and the engine holds handles of live runs alone. */
  function left(engine: Engine): void {
    const adopted = journal.adopted();
    for (const { ref, turn } of world.background()) {
      const isKnown = turn.isOrphan || turn.isReleased || mirror.runs.get(turn.owner.run)?.state === "quarantined";
      if (!isKnown && !adopted.has(ref.startTime)) violated("I2", `${ref.startTime} runs on, and is recorded nowhere`);
    }
    const live = [...mirror.live].map((run) => run.workspace);
    const isUnlocking = scheduler.waiting(["machine"], life()) > 0;
    for (const path of isUnlocking ? [] : machine.held()) {
      if (!live.includes(path)) violated("I1", `${path} is held, and nothing runs there`);
    }
    // A run that was released by force still gives its directory back.
    for (const { owner } of isUnlocking ? [] : engine.snapshots()) {
      if (mirror.runs.get(owner.run)?.state === "settled")
        violated("I12", `a handle of ${owner.run} is left, which is settled`);
    }
  }
}
