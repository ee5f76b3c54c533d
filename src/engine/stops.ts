/**
 * Stops, whoever asks and however: the intent goes onto the run's row in this transaction, its signal fires after the commit.
 *
 * I7: decided at once; nothing here waits for the run. I8: "Stopped" is not said here, but by the settlement.
 */
import { type ConversationId, homeOf } from "../domain/conversation.ts";
import type { InboxItem, ItemId, Priority } from "../domain/inbox-item.ts";
import { decide, type LaneEffect } from "../domain/lane-machine.ts";
import { type RunOwner, sameOwner, type StopWhy } from "../domain/run.ts";
import { emptyTranscript } from "../domain/transcript.ts";
import type { Lane } from "./ports.ts";
import { endStopWaits, sayQuarantined, settleForced } from "./settlement.ts";
import { holdQueue, laneCapacity, offerHeld } from "./waiting-line.ts";
import { heldButtons, reply, say, type Work } from "./work.ts";

/** With what schedules run beside it: a person who says stop means what they see. */
export async function stopConversation(work: Work, item: InboxItem, id: ItemId, lane: Lane): Promise<void> {
  const { queued } = await work.tx.waiting(lane.conversation);
  const isStoppedBeside = await stopBeside(work, item, id, lane.conversation);
  if (isStoppedBeside && lane.state.kind === "idle" && queued === 0) return;
  const decision = decide(lane.state, { kind: "stop", why: "user", owner: null }, { queued, capacity: laneCapacity });
  await carryOut(work, item, id, lane, decision.effects);
  if (lane.state.kind === "quarantined") {
    await stopForGood(work, lane);
    await sayQuarantined(work, lane.state.owner, lane.state.evidence, `item:${item.key}:quarantined`);
    if (queued > 0) await offerHeld(work, lane.conversation, "stop");
  }
}

/** Resolves with whether something is being stopped in a side conversation of this one. */
async function stopBeside(work: Work, item: InboxItem, id: ItemId, home: ConversationId): Promise<boolean> {
  const beside = (await work.tx.liveRuns()).filter(
    ({ owner, state, stopWhy }) =>
      owner.conversation !== home &&
      homeOf(owner.conversation) === home &&
      (state !== "quarantined" || stopWhy === "preempted"),
  );
  for (const { owner } of beside) {
    const lane = await work.tx.lane(owner.conversation);
    if (lane !== null) await stopConversation(work, { ...item, conversation: owner.conversation }, id, lane);
  }
  return beside.length > 0;
}

/** S5: every conversation. The command's row stays `running` until each run that it stopped is proven gone, or quarantined. */
export async function stopAll(work: Work, item: InboxItem, id: ItemId): Promise<void> {
  const lanes = await work.tx.lanes();
  let runs = 0;
  for (const lane of lanes) {
    if (lane.state.kind !== "idle") await work.tx.addStopWait(id, lane.state.owner.run);
    runs += await stopLane(work, item, lane);
  }
  await endBackground(work, null, item.conversation);
  if (runs > 0) await reply(work, item, { kind: "stopping-all", runs });
  for (const { state } of lanes) {
    if (state.kind === "quarantined") await endStopWaits(work, state.owner, "quarantined"); // stopped before, and still not proven
  }
  if (lanes.some(({ state }) => state.kind !== "idle")) return;
  await work.tx.moveItem(id, "running", "done");
  await sayNothingToStop(work, item);
}

/** One lane of a stop of everything; returns how many runs it stops, 0 or 1. */
async function stopLane(work: Work, item: InboxItem, lane: Lane & { readonly queued: number }): Promise<number> {
  const { conversation } = lane;
  work.touched.add(conversation);
  await holdQueue(work, conversation);
  await stopForGood(work, lane);
  if (lane.state.kind === "idle" && lane.queued > 0) await offerHeld(work, conversation, "stop");
  const { effects } = decide(lane.state, { kind: "stop", why: "user", owner: null }, { queued: 0, capacity: 0 });
  const stop = effects.find((effect) => effect.kind === "stop-run");
  if (stop === undefined) return 0;
  await stopRun(work, stop.owner, stop.why);
  const isTold = conversation === item.conversation; // by the answer to the command
  if (stop.first && !isTold) {
    await say(work, conversation, { kind: "stopping" }, { dedupe: `item:${item.key}:stopping:${conversation}` });
  }
  return 1;
}

async function sayNothingToStop(work: Work, item: InboxItem): Promise<void> {
  const { held } = await work.tx.waiting(item.conversation);
  const buttons = held > 0 ? await heldButtons(work, item.conversation) : [];
  const said = { dedupe: `item:${item.key}:nothing-to-stop`, replyTo: item.message, buttons };
  await say(work, item.conversation, { kind: "nothing-to-stop", held }, said);
}

export async function pressStop(work: Work, item: InboxItem, id: ItemId, owner: RunOwner): Promise<string> {
  const lane = await work.tx.lane(owner.conversation);
  if (lane === null || lane.state.kind === "idle" || !sameOwner(lane.state.owner, owner)) return "That run is over.";
  if (lane.state.kind === "quarantined") {
    // A person's first stop of it, which holds what waits like any other.
    if (await stopForGood(work, lane)) {
      const held = await holdQueue(work, lane.conversation);
      if (held > 0) await offerHeld(work, lane.conversation, "stop");
    }
    return "It was stopped, but is not proven gone. See the message about it.";
  }
  const { queued } = await work.tx.waiting(lane.conversation);
  const decision = decide(lane.state, { kind: "stop", why: "user", owner }, { queued, capacity: laneCapacity });
  await carryOut(work, item, id, lane, decision.effects);
  return "Stopping\u2026";
}

/** S2: what made room goes back in line once it is proven gone; what a person has stopped since does not. Resolves with whether it is so. */
async function stopForGood(work: Work, { state }: Lane): Promise<boolean> {
  if (state.kind !== "quarantined" || state.why !== "preempted") return false;
  return work.tx.markStopping(state.owner, "user", work.atMs);
}

export async function pressRelease(work: Work, owner: RunOwner): Promise<string> {
  const lane = await work.tx.lane(owner.conversation);
  if (
    lane === null ||
    decide(lane.state, { kind: "force-release", owner }, { queued: 0, capacity: 0 }).effects.length === 0
  ) {
    return "That run is not held any more.";
  }
  await settleForced(work, owner, emptyTranscript);
  return "Released.";
}

/** Adopted processes of a conversation (null: of all) are ended after the commit; the result is told to `teller`. */
export async function endBackground(work: Work, of: ConversationId | null, teller: ConversationId): Promise<number> {
  const processes = (await work.tx.adopted(of)).map((adopted) => adopted.process);
  if (processes.length > 0) work.after.push({ kind: "end-background", conversation: teller, processes });
  return processes.length;
}

/** What runs in the lane at the moment; where nothing does, it does not matter. */
export async function runningIn(work: Work, { state }: Lane): Promise<Priority> {
  const live = state.kind === "idle" ? null : await work.tx.run(state.owner);
  return live?.isBackground === true ? "background" : "interactive";
}

/** Work that makes room is not over: who waits for it is told their place. */
export function isToldByStop(effect: LaneEffect): boolean {
  return effect.kind === "stop-run" && effect.first && effect.why !== "preempted";
}

/** The effects of a prompt or a stop on the lane's rows. */
export async function carryOut(
  work: Work,
  item: InboxItem,
  id: ItemId,
  lane: Lane,
  effects: readonly LaneEffect[],
): Promise<void> {
  for (const effect of effects) {
    switch (effect.kind) {
      case "enqueue":
        if (effect.place === "front") await work.tx.moveItemFirst(id);
        break;
      case "stop-run":
        await stopRun(work, effect.owner, effect.why);
        if (isToldByStop(effect)) await reply(work, item, { kind: "stopping" });
        break;
      case "hold-queue":
        await holdQueue(work, lane.conversation);
        if (lane.state.kind === "idle") await offerHeld(work, lane.conversation, "stop");
        break;
      case "nothing-to-stop":
        await sayNothingToStop(work, item);
        break;
      case "reject-full":
      case "start":
      case "quarantine":
      case "settle":
        throw new Error(`${effect.kind} is no effect of an admission`);
      default:
        effect satisfies never;
    }
  }
}

/** Durable first; the signal is fired after the commit. A repeated one strengthens. */
export async function stopRun(work: Work, owner: RunOwner, why: StopWhy): Promise<void> {
  await work.tx.markStopping(owner, why, work.atMs);
  work.after.push({ kind: "stop", owner });
}
