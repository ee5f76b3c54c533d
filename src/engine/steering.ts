/** A waiting message is handed to the running turn: by a person's press, or because the conversation is set to it (L4). */
import type { ConversationId } from "../domain/conversation.ts";
import type { ItemId } from "../domain/inbox-item.ts";
import { runningIn } from "./stops.ts";
import { queuedItem } from "./waiting-line.ts";
import type { Work } from "./work.ts";

export type Steering = "handed" | "not-waiting" | "not-whole" | "no-turn";

/**
 * The message is the run's own from before it is handed over until the agent has answered: neither a crash nor the run's end runs it by
 * itself (I6).
 */
export async function steerNow(work: Work, conversation: ConversationId, id: ItemId): Promise<Steering> {
  const waiting = await queuedItem(work, conversation, id);
  if (waiting === null) return "not-waiting";
  if (!waiting.isReady) return "not-whole";
  const lane = await work.tx.lane(conversation);
  if (lane?.state.kind !== "running") return "no-turn";
  const { owner } = lane.state;
  if ((await runningIn(work, lane)) === "background") return "no-turn"; // it makes room for the message instead
  await work.tx.moveItem(id, "queued", "running", owner.run);
  work.after.push({ kind: "steer", owner, item: id, prompt: waiting.prompt });
  return "handed";
}
