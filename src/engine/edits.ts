/**
 * A person changes what they wrote, or corrects what was understood of a voice message (M12). What still waits is changed; what the agent
 * already has is offered as a correction, and runs only when the person says so.
 */
import type { InboxItem, ItemId, Request } from "../domain/inbox-item.ts";
import type { Prompt } from "../domain/prompt.ts";
import { excerpt } from "../domain/wording.ts";
import { readText } from "../domain/typed-text.ts";
import type { Receipt, StoredItem } from "./ports.ts";
import { laneCapacity } from "./waiting-line.ts";
import { addButton, fresh, reply, seenBefore, type Work } from "./work.ts";

/** The channel says that an earlier message reads differently now. */
export async function admitEdit(work: Work, item: InboxItem, request: Request & { kind: "edit" }): Promise<Receipt> {
  const { message } = request;
  const before = await work.tx.itemOfMessage(item.conversation, message);
  const whole = before === null ? null : await wholeOf(work, before);
  // Of a command, of something long gone, or of what was never for us: nobody expects anything of it.
  if (before === null || whole === null) return seenBefore(item);
  const amendment = { text: typedWords(request.text), message };
  return amend(work, item, isPart(before) && isWaiting(whole) ? before : whole, amendment);
}

/** A message that answers what was heard says what was meant. */
export async function admitCorrection(work: Work, item: InboxItem, id: ItemId, text: string): Promise<Receipt | null> {
  const heard = await work.tx.item(id);
  return heard === null || !(isWaiting(heard) || heard.state === "running")
    ? null
    : amend(work, item, heard, { text, message: null });
}

/** What was joined on hold may have been a whole itself. */
async function wholeOf(work: Work, item: StoredItem): Promise<StoredItem | null> {
  if (item.partOf === null) return item;
  const whole = await work.tx.item(item.partOf);
  return whole === null ? null : wholeOf(work, whole);
}

/** What a message reads now; null: what was heard is corrected, whichever message it came in. */
type Amendment = { readonly text: string; readonly message: string | null };

async function amend(work: Work, item: InboxItem, target: StoredItem, amendment: Amendment): Promise<Receipt> {
  if (isWaiting(target) || isPart(target)) {
    const { id, request } = target;
    if (request.kind !== "prompt") return recorded(work, item);
    const prompt = amended(target, request.prompt, amendment);
    if (prompt === null) return offered(work, item, amendment.text, "waiting");
    return rewritten(work, item, id, { ...request, prompt });
  }
  if (target.state === "running") return offered(work, item, amendment.text, "running");
  if ((await work.tx.addItem(item, "done", work.atMs)) === null) return seenBefore(item);
  await reply(work, item, { kind: "edit-late", state: "over" });
  return fresh(item, null);
}

/** Null where words of other messages would be lost, or cannot be told from its own: what it reads now is offered beside them. */
function amended({ message: own }: StoredItem, prompt: Prompt, { text, message }: Amendment): Prompt | null {
  if (prompt.isJoined === true) return null;
  if (message === null) return { ...prompt, text };
  const { wordsOf = own, ...rest } = prompt;
  if (prompt.text !== "" && wordsOf !== message) return null;
  return { ...rest, text, ...(message === own ? {} : { wordsOf: message }) };
}

async function rewritten(
  work: Work,
  item: InboxItem,
  target: ItemId,
  request: Request & { kind: "prompt" },
): Promise<Receipt> {
  if ((await work.tx.addItem(item, "done", work.atMs)) === null) return seenBefore(item);
  await work.tx.rewriteItem(target, request);
  await reply(work, item, { kind: "edited", text: excerpt(request.prompt.text) });
  return fresh(item, null);
}

/** On hold by itself, with the ways to use it. */
async function offered(work: Work, item: InboxItem, text: string, state: "waiting" | "running"): Promise<Receipt> {
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
  await reply(work, item, { kind: "edit-late", state }, buttons);
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

/** As a message reads that is typed: the mark of an interrupt is none of its words. */
function typedWords(text: string): string {
  const request = readText(text);
  return request.kind === "prompt" ? request.prompt.text : text;
}
