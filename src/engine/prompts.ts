/** Prompts: put in line, on hold, or refused; an interrupt also stops what runs. */
import type { ConversationId } from "../domain/conversation.ts";
import type { InboxItem, Request } from "../domain/inbox-item.ts";
import { decide } from "../domain/lane-machine.ts";
import { excerpt } from "../domain/notice.ts";
import type { Lane, Receipt } from "./ports.ts";
import { carryOut } from "./stops.ts";
import { laneCapacity } from "./waiting-line.ts";
import { fresh, reply, seenBefore, type Work } from "./work.ts";

export async function admitPrompt(
  work: Work,
  item: InboxItem,
  request: Request & { kind: "prompt" },
  lane: Lane,
  late: Set<ConversationId>,
): Promise<Receipt> {
  const { queued, held } = await work.tx.waiting(item.conversation);
  const queue = { queued: queued + held, capacity: laneCapacity };
  const decision = decide(lane.state, { kind: "prompt", placement: request.placement }, queue);
  const isRefused = decision.effects.some((effect) => effect.kind === "reject-full");
  const isLate = work.atMs - item.sentAtMs > work.settings.downtimeMs;
  const id = await work.tx.addItem(item, isRefused ? "rejected" : isLate ? "held" : "queued", work.atMs);
  if (id === null) return seenBefore(item);
  if (isRefused) {
    await reply(work, item, { kind: "lane-full", capacity: laneCapacity });
    return fresh(item, null);
  }
  if (lane.title === null) await work.tx.setTitle(item.conversation, excerpt(request.prompt.text));
  if (isLate) {
    late.add(item.conversation); // L6: what waited too long is offered, not run; an old interrupt interrupts nothing
    return fresh(item, null);
  }
  const isTold = decision.effects.some((effect) => effect.kind === "stop-run" && effect.first); // by "Stopping…"
  if (!isTold) work.waiting.push(id);
  await carryOut(work, item, id, lane, decision.effects);
  return fresh(item, null);
}
