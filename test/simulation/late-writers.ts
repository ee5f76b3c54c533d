/**
 * Those who owned a run once and own it no more: a run that was settled or released by force, a run that a boot gave to a new life. Each
 * may write at any later moment, past the engine and under the present life's own incarnation, so that the fence alone stands in its way.
 *
 * I3: no verb is granted to a former owner.
 */
import type { RunId, RunOwner } from "../../src/domain/run.ts";
import type { Meet } from "./faults.ts";
import type { Change } from "./journal.ts";
import type { Life } from "./life.ts";
import type { Mirror } from "./mirror.ts";
import type { Random } from "./random.ts";
import type { Asked } from "./rule.ts";
import type { Choice } from "./scheduler.ts";

export interface LateWriters {
  /** To be told of every change, when the mirror has it. */
  note(change: Change): void;
  isAny(): boolean;
  choice(writer: Life): Choice;
}

type LateWritersDeps = {
  readonly mirror: Mirror;
  readonly random: Random;
  readonly asked: Asked;
  readonly meet: Meet;
  readonly violated: (invariant: string, what: string) => void;
};

export function createLateWriters({ mirror, random, asked, meet, violated }: LateWritersDeps): LateWriters {
  const owners: RunOwner[] = [];
  const isSettled = (owner: RunOwner): boolean => mirror.runs.get(owner.run)?.state === "settled";

  function tell(owner: RunOwner): void {
    if (!isSettled(owner)) return meet("an earlier owner of a live run writes late");
    meet("a settled run writes late");
    if (asked.released.has(owner.run) && mirror.liveIn(owner.conversation) !== null) {
      meet("a released run writes late, after the next one began");
    }
  }

  return {
    note: (change) => {
      if (change.what !== "run-changed") return;
      const isOver = change.to === "settled";
      if (!isOver && change.epoch === change.epochBefore) return;
      const { conversation } = mirror.runs.get(change.id)!;
      const epoch = isOver ? change.epoch : change.epochBefore;
      owners.push({ run: change.id as RunId, conversation, epoch });
    },
    isAny: () => owners.length > 0,
    choice: (writer) => {
      // Half of the time a run that is live under another owner: there the epoch alone tells them apart.
      const ofLive = owners.filter((owner) => !isSettled(owner));
      const owner = ofLive.length > 0 && random.chance(0.5) ? random.pick(ofLive) : random.pick(owners);
      const run = (): void => {
        tell(owner);
        // Never rejects; what it finds is found in the step of its commit.
        void writer.writeLate(owner).then((granted) => {
          if (granted.length === 0) return;
          violated(
            "I3",
            `${owner.run} is written (${granted.join(", ")}) by an owner of epoch ${owner.epoch}, deposed`,
          );
        });
      };
      return { kind: "late", label: `${owner.run} epoch ${owner.epoch}`, life: null, run };
    },
  };
}
