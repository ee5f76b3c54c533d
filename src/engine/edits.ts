/**
 * A person changes what they wrote, or corrects what was understood of a voice message (M12). What still waits is changed; what the agent
 * already has is offered as a correction, and runs only when the person says so.
 */
import type { InboxItem, ItemId, Request } from "../domain/inbox-item.ts";
import { excerpt } from "../domain/wording.ts";
import { readText } from "../domain/typed-text.ts";
import type { Receipt, StoredItem } from "./ports.ts";
import { laneCapacity } from "./waiting-line.ts";
import { addButton, fresh, reply, seenBefore, type Work } from "./work.ts";

/** The channel says that an earlier message reads differently now. */
export async function admitEdit(work: Work, item: InboxItem, request: Request & { kind: "edit" }): Promise<Receipt> {
  const before = await work.tx.itemOfMessage(item.conversation, request.message);
  const of = before?.partOf ?? null;
  const whole = of === null ? before : await work.tx.item(of);
  // Of a command, of something long gone, or of what was never for us: nobody expects anything of it.
  if (before === null || whole === null) return seenBefore(item);
  const text = wordsOf(request.text);
  if (isPart(before) && isWaiting(whole)) return rewritten(work, item, before, text);
  const isBesideOthers = before !== whole && wordsIn(before) === "" && wordsIn(whole) !== "";
  return isWaiting(whole) && isBesideOthers ? offered(work, item, text) : amend(work, item, whole, text);
}

/** A message that answers what was heard says what was meant. */
export async function admitCorrection(work: Work, item: InboxItem, id: ItemId, text: string): Promise<Receipt | null> {
  const heard = await work.tx.item(id);
  return heard === null || !(isWaiting(heard) || heard.state === "running") ? null : amend(work, item, heard, text);
}

async function amend(work: Work, item: InboxItem, target: StoredItem, text: string): Promise<Receipt> {
  // Among words that were joined those of one message cannot be told any more: what they read now is offered beside the whole.
  const isMixed = target.request.kind === "prompt" && target.request.prompt.isJoined === true;
  if (isWaiting(target) && !isMixed) return rewritten(work, item, target, text);
  if (isWaiting(target) || target.state === "running") return offered(work, item, text);
  if ((await work.tx.addItem(item, "done", work.atMs)) === null) return seenBefore(item);
  await reply(work, item, { kind: "edit-late", state: "over" });
  return fresh(item, null);
}

async function rewritten(work: Work, item: InboxItem, target: StoredItem, text: string): Promise<Receipt> {
  if (target.request.kind !== "prompt") return recorded(work, item);
  if ((await work.tx.addItem(item, "done", work.atMs)) === null) return seenBefore(item);
  await work.tx.rewriteItem(target.id, { ...target.request, prompt: { ...target.request.prompt, text } });
  await reply(work, item, { kind: "edited", text: excerpt(text) });
  return fresh(item, null);
}

/** On hold by itself, with the ways to use it. */
async function offered(work: Work, item: InboxItem, text: string): Promise<Receipt> {
  const { queued, held } = await work.tx.waiting(item.conversation);
  if (queued + held >= laneCapacity) return refused(work, item);
  const request: Request = { kind: "prompt", placement: "queue", prompt: { text } };
  const id = await work.tx.addItem({ ...item, request }, "held", work.atMs);
  if (id === null) return seenBefore(item);
  const ways = [["steer", "stop-and-run"] as const, ["run", "discard"] as const];
  const buttons = [];
  for (const row of ways) {
    const line = [];
    for (const how of row) line.push(await addButton(work, item.conversation, { kind: "held-item", item: id, how }));
    buttons.push(line);
  }
  await reply(work, item, { kind: "edit-late", state: "running" }, buttons);
  return fresh(item, null);
}

/** I14: also what is offered waits. */
async function refused(work: Work, item: InboxItem): Promise<Receipt> {
  if ((await work.tx.addItem(item, "rejected", work.atMs)) === null) return seenBefore(item);
  await reply(work, item, { kind: "lane-full", capacity: laneCapacity });
  return fresh(item, null);
}

async function recorded(work: Work, item: InboxItem): Promise<Receipt> {
  return (await work.tx.addItem(item, "done", work.atMs)) === null ? seenBefore(item) : fresh(item, null);
}

function isWaiting({ state }: StoredItem): boolean {
  return state === "queued" || state === "held";
}

/** A part that is not in the prompt of its whole yet. */
function isPart({ partOf, isReady }: StoredItem): boolean {
  return partOf !== null && !isReady;
}

function wordsIn({ request }: StoredItem): string {
  return request.kind === "prompt" ? request.prompt.text : "";
}

/** As a message reads that is typed: the mark of an interrupt is none of its words. */
function wordsOf(text: string): string {
  const request = readText(text);
  return request.kind === "prompt" ? request.prompt.text : text;
}
