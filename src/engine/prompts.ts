/**
 * Prompts: put in line, on hold, or refused; an interrupt also stops what runs. What a message does while a turn runs is the
 * conversation's choice (L4).
 */
import { promptWords } from "../domain/prompt.ts";
import type { ConversationId } from "../domain/conversation.ts";
import type { InboxItem, Request } from "../domain/inbox-item.ts";
import { decide } from "../domain/lane-machine.ts";
import { excerpt } from "../domain/wording.ts";
import type { Lane, Receipt } from "./ports.ts";
import { gatheringFor, gatheringOf, joinPart, policyFor } from "./intake.ts";
import { steerNow } from "./steering.ts";
import { carryOut, isToldByStop, runningIn } from "./stops.ts";
import { laneCapacity } from "./waiting-line.ts";
import { fresh, reply, seenBefore, type Work } from "./work.ts";

export async function admitPrompt(
  work: Work,
  item: InboxItem,
  request: Request & { kind: "prompt" },
  lane: Lane,
  late: Set<ConversationId>,
): Promise<Receipt> {
  const whole = await gatheringFor(work, item, lane);
  if (whole !== null) return joinPart(work, item, whole, lane);
  if (item.part?.otherwise === "nothing") return { key: item.key, fresh: false, toast: null };
  const { queued, held } = await work.tx.waiting(item.conversation);
  const queue = { queued: queued + held, capacity: laneCapacity };
  const policy = policyFor(item, lane);
  const placement = policy === "interrupt" ? "interrupt" : request.placement;
  const decision = decide(lane.state, { kind: "prompt", placement, over: await runningIn(work, lane) }, queue);
  const isRefused = decision.effects.some((effect) => effect.kind === "reject-full");
  const isLate = work.atMs - item.sentAtMs > work.settings.downtimeMs;
  const gathering = isRefused ? undefined : gatheringOf(item, request, lane);
  const id = await work.tx.addItem(item, isRefused ? "rejected" : isLate ? "held" : "queued", work.atMs, gathering);
  if (id === null) return seenBefore(item);
  if (isRefused) {
    await reply(work, item, { kind: "lane-full", capacity: laneCapacity });
    return fresh(item, null);
  }
  if (gathering !== undefined) work.after.push({ kind: "complete", item: id });
  if (lane.title === null) await work.tx.setTitle(item.conversation, excerpt(promptWords(request.prompt)));
  if (isLate) {
    late.add(item.conversation); // L6: what waited too long is offered, not run; an old interrupt interrupts nothing
    return fresh(item, null);
  }
  const isTold = decision.effects.some(isToldByStop); // by "Stopping…"
  if (!isTold && gathering === undefined) work.waiting.push(id); // one that is not whole yet is told its place when it is
  await carryOut(work, item, id, lane, decision.effects);
  if (policy === "steer" && gathering === undefined && placement === "queue")
    await steerNow(work, item.conversation, id);
  return fresh(item, null);
}
