/**
 * The line of waiting messages: put on hold, offered back, joined, cancelled. A held message keeps its place and is never claimed.
 */
import type { ConversationId } from "../domain/conversation.ts";
import type { ItemId } from "../domain/inbox-item.ts";
import { joinPrompts, type Prompt, type PromptFile, promptWords } from "../domain/prompt.ts";
import { entriesShownMax, type QueueEntry } from "../domain/notices/queue.ts";
import { excerpt } from "../domain/wording.ts";
import type { StoredItem } from "./ports.ts";
import { heldButtons, say, type Work } from "./work.ts";

/** Messages that may wait in one conversation. A person does not keep more than this in mind; reaching it is told. */
export const laneCapacity = 20;

export async function holdQueue(work: Work, conversation: ConversationId): Promise<number> {
  const queued = await work.tx.items(conversation, "queued");
  for (const waiting of queued) await work.tx.moveItem(waiting.id, "queued", "held");
  return queued.length;
}

/** One offer for all that is on hold in the conversation. */
export async function offerHeld(
  work: Work,
  conversation: ConversationId,
  reason: "stop" | "downtime" | "steer",
): Promise<void> {
  const held = await work.tx.items(conversation, "held");
  if (held.length === 0) return;
  const buttons = await heldButtons(work, conversation);
  await say(
    work,
    conversation,
    { kind: "held", count: held.length, reason, entries: entriesOf(held) },
    { dedupe: `held:${work.newId()}`, buttons },
  );
}

export async function requeue(work: Work, held: readonly StoredItem[], how: "run-each" | "run-as-one"): Promise<void> {
  // What a schedule fired is no message that others could be joined with.
  const [first, ...rest] = how === "run-as-one" ? held.filter(isMessage) : held;
  if (how === "run-as-one")
    for (const other of held) if (!isMessage(other)) await work.tx.moveItem(other.id, "held", "queued");
  if (first === undefined) return;
  await work.tx.moveItem(first.id, "held", "queued");
  if (how === "run-as-one" && rest.length > 0) await joinAll(work, first, rest);
  for (const other of rest) {
    await work.tx.moveItem(other.id, "held", how === "run-as-one" ? "merged" : "queued");
    if (how === "run-as-one") await work.tx.joinItem(other.id, first.id);
  }
  for (const { id } of how === "run-each" ? held : [first]) {
    const item = await work.tx.item(id);
    if (item?.isReady === false) work.after.push({ kind: "complete", item: id });
  }
}

function isMessage({ request }: StoredItem): boolean {
  return request.kind === "prompt";
}

/** With the parts that had joined any of them; files that are not here yet are those of the first now. */
async function joinAll(work: Work, first: StoredItem, rest: readonly StoredItem[]): Promise<void> {
  const prompts: Prompt[] = [];
  for (const item of [first, ...rest]) {
    prompts.push(signed(item, withParts(item, await work.tx.partsOf(item.id))));
    await work.tx.takeParts(item.id, item.request);
  }
  const prompt = inPromptOf(first, joinPrompts(prompts, paragraph));
  await work.tx.rewriteItem(first.id, { kind: "prompt", placement: "queue", prompt });
  await work.tx.setReady(first.id, !(prompt.files ?? []).some(({ state }) => state === "sent"));
}

export async function endQueued(work: Work, conversation: ConversationId, state: "queued" | "held"): Promise<number> {
  const waiting = await work.tx.items(conversation, state);
  for (const item of waiting) await work.tx.moveItem(item.id, state, "cancelled");
  return waiting.length;
}

export async function queuedItem(
  work: Work,
  conversation: ConversationId,
  id: ItemId,
): Promise<(StoredItem & { prompt: Prompt }) | null> {
  const item = await work.tx.item(id);
  if (item === null || item.conversation !== conversation || item.state !== "queued" || item.request.kind !== "prompt")
    return null;
  return { ...item, prompt: item.request.prompt };
}

const paragraph = "\n\n";

/** Several messages as one prompt, in their order. */
export function joined(first: StoredItem, rest: readonly StoredItem[]): Prompt {
  return inPromptOf(first, joinPrompts([first, ...rest].flatMap(signedPromptOf), paragraph));
}

/**
 * A message with those that joined it, in the order in which they were written. Pieces of a text were cut at its most; the others are
 * paragraphs. A message that came in two updates is one message, also when the first is in the whole already.
 */
export function withParts(item: StoredItem, parts: readonly StoredItem[]): Prompt {
  const taken = filesOf(item).filter(({ state }) => state !== "sent");
  const isAgain = (piece: StoredItem): boolean =>
    taken.some((file) => filesOf(piece).some((one) => sourceOf(one) === sourceOf(file)));
  const all = [item, ...parts.filter((piece) => !isAgain(piece))];
  const once = all.filter(
    (piece, at) => piece.message === null || all.findIndex(({ message }) => message === piece.message) === at,
  );
  const pieces = once.toSorted((a, b) => Number(a.message) - Number(b.message));
  const between = item.gathers?.startsWith("split:") === true ? "\n" : paragraph;
  const prompt = inPromptOf(item, joinPrompts(pieces.flatMap(signedPromptOf), between));
  return taken.length === 0 ? prompt : withFilesInOrder(prompt);
}

/** What comes late, when others are in the whole already, stands where it was sent. */
function withFilesInOrder(prompt: Prompt): Prompt {
  const files = prompt.files ?? [];
  const sentIn = (file: PromptFile): number => Number(file.state === "sent" ? file.file.message : file.message);
  if (!files.every((file) => Number.isFinite(sentIn(file)))) return prompt; // not every channel numbers its messages
  return { ...prompt, files: files.toSorted((a, b) => sentIn(a) - sentIn(b)) };
}

function signedPromptOf(item: StoredItem): readonly Prompt[] {
  return promptOf(item).map((prompt) => signed(item, prompt));
}

/** Before it is joined with others: whose its words are. */
function signed({ message }: StoredItem, prompt: Prompt): Prompt {
  return prompt.wordsOf !== undefined ? prompt : { ...prompt, wordsOf: message };
}

/** Its own words are nobody else's. */
function inPromptOf({ message }: StoredItem, { wordsOf, ...prompt }: Prompt): Prompt {
  return wordsOf === undefined || wordsOf === message ? prompt : { ...prompt, wordsOf };
}

function filesOf(item: StoredItem): readonly PromptFile[] {
  return promptOf(item).flatMap(({ files = [] }) => files);
}

function sourceOf(file: PromptFile): string {
  return file.state === "sent" ? `${file.file.message} ${file.file.source}` : `${file.message} ${file.source}`;
}

function promptOf({ request }: StoredItem): readonly Prompt[] {
  return request.kind === "prompt" ? [request.prompt] : [];
}

export function entriesOf(items: readonly StoredItem[]): QueueEntry[] {
  return items.slice(0, entriesShownMax).map((item) => ({ item: item.id, text: textOf(item) }));
}

export function textOf(item: StoredItem): string {
  const { request } = item;
  return request.kind === "prompt"
    ? excerpt(promptWords(request.prompt))
    : request.kind === "occurrence"
      ? `\u23F0 ${request.name}`
      : "";
}
