/**
 * Stops, whoever asks and however: the intent goes onto the run's row in this transaction, its signal fires after the commit.
 *
 * I7: decided at once; nothing here waits for the run. I8: "Stopped" is not said here, but by the settlement.
 */
import type { ConversationId } from "../domain/conversation.ts";
import type { InboxItem, ItemId } from "../domain/inbox-item.ts";
import { decide, type LaneEffect } from "../domain/lane-machine.ts";
import { type RunOwner, sameOwner, type StopWhy } from "../domain/run.ts";
import { emptyTranscript } from "../domain/transcript.ts";
import type { Lane } from "./ports.ts";
import { sayQuarantined, settleForced } from "./settlement.ts";
import { holdQueue, laneCapacity, offerHeld } from "./waiting-line.ts";
import { heldButtons, reply, say, type Work } from "./work.ts";

export async function stopConversation(work: Work, item: InboxItem, id: ItemId, lane: Lane): Promise<void> {
  const queued = (await work.tx.items(lane.conversation, "queued")).length;
  const decision = decide(lane.state, { kind: "stop", why: "user", owner: null }, { queued, capacity: laneCapacity });
  await carryOut(work, item, id, lane, decision.effects);
  if (lane.state.kind === "quarantined") {
    await sayQuarantined(work, lane.state.owner, lane.state.evidence, `item:${item.key}:quarantined`);
    if (queued > 0) await offerHeld(work, lane.conversation, "stop");
  }
}

/** S5: every conversation. The command's row stays `running` until each run that it stopped is proven gone. */
export async function stopAll(work: Work, item: InboxItem, id: ItemId): Promise<void> {
  let runs = 0;
  const quarantined: RunOwner[] = [];
  for (const lane of await work.tx.lanes()) {
    await holdQueue(work, lane.conversation);
    work.touched.add(lane.conversation);
    const stop = decide(lane.state, { kind: "stop", why: "user", owner: null }, { queued: 0, capacity: 0 });
    for (const effect of stop.effects) {
      if (effect.kind !== "stop-run") continue;
      runs += 1;
      await stopRun(work, effect.owner, effect.why);
      await work.tx.addStopWait(id, effect.owner.run);
      if (effect.first && lane.conversation !== item.conversation) {
        await say(
          work,
          lane.conversation,
          { kind: "stopping" },
          { dedupe: `item:${item.key}:stopping:${lane.conversation}` },
        );
      }
    }
    if (lane.state.kind === "quarantined") quarantined.push(lane.state.owner);
    if (lane.state.kind === "idle" && lane.queued > 0) await offerHeld(work, lane.conversation, "stop");
  }
  await endBackground(work, null, item.conversation);
  await sayStoppingAll(work, item, id, runs, quarantined);
}

async function sayStoppingAll(
  work: Work,
  item: InboxItem,
  id: ItemId,
  runs: number,
  quarantined: readonly RunOwner[],
): Promise<void> {
  if (runs > 0) {
    await reply(work, item, { kind: "stopping-all", runs });
    return;
  }
  await work.tx.moveItem(id, "running", "done");
  if (quarantined.length > 0)
    await reply(work, item, { kind: "stopped-all", stopped: 0, quarantined: quarantined.length });
  else await sayNothingToStop(work, item);
}

async function sayNothingToStop(work: Work, item: InboxItem): Promise<void> {
  const held = (await work.tx.items(item.conversation, "held")).length;
  const buttons = held > 0 ? await heldButtons(work, item.conversation) : [];
  const said = { dedupe: `item:${item.key}:nothing-to-stop`, replyTo: item.message, buttons };
  await say(work, item.conversation, { kind: "nothing-to-stop", held }, said);
}

export async function pressStop(work: Work, item: InboxItem, id: ItemId, owner: RunOwner): Promise<string> {
  const lane = await work.tx.lane(owner.conversation);
  if (lane === null || lane.state.kind === "idle" || !sameOwner(lane.state.owner, owner)) return "That run is over.";
  if (lane.state.kind === "quarantined") return "It was stopped, but is not proven gone. See the message about it.";
  const queued = (await work.tx.items(lane.conversation, "queued")).length;
  const decision = decide(lane.state, { kind: "stop", why: "user", owner }, { queued, capacity: laneCapacity });
  await carryOut(work, item, id, lane, decision.effects);
  return "Stopping\u2026";
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
        if (effect.first) await reply(work, item, { kind: "stopping" });
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
async function stopRun(work: Work, owner: RunOwner, why: StopWhy): Promise<void> {
  await work.tx.markStopping(owner, why, work.atMs);
  work.after.push({ kind: "stop", owner });
}
