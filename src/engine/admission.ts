/**
 * Admission: the one door for everything that comes in, whatever the channel. An item is stored and decided in the same
 * transaction, and what is answered is a row of it too.
 *
 * I4: every item gets a row whose state says what became of it; a refusal is a row and a text.
 * I5: the caller acknowledges after this transaction's commit.
 * I7: a command or a press is decided here, at once; nothing of it waits for a run, a queue or a send.
 */
import type { AskId } from "../domain/ask.ts";
import type { ConversationId } from "../domain/conversation.ts";
import { type InboxItem, isNothingAlone, type Request } from "../domain/inbox-item.ts";
import { answerAsk } from "./asks.ts";
import { admitCommand } from "./commands.ts";
import { admitCorrection, admitEdit } from "./edits.ts";
import type { Lane, Receipt } from "./ports.ts";
import { refused } from "./people.ts";
import { admitPress } from "./presses.ts";
import { admitPrompt } from "./prompts.ts";
import { offerHeld } from "./waiting-line.ts";
import { fresh, reply, seenBefore, type Work } from "./work.ts";

export async function admit(
  work: Work,
  items: readonly InboxItem[],
  chosen: { readonly workspace: string } | undefined,
): Promise<Receipt[]> {
  const receipts: Receipt[] = [];
  const late = new Set<ConversationId>();
  for (const item of items) {
    if (isNothingAlone(item) && (await work.tx.lane(item.conversation)) === null) {
      receipts.push(seenBefore(item));
      continue;
    }
    const lane = await openLane(work, item.conversation, chosen);
    receipts.push(await admitOne(work, item, lane, late));
    await work.claim();
  }
  for (const conversation of late) await offerHeld(work, conversation, "downtime");
  return receipts;
}

async function openLane(
  work: Work,
  conversation: ConversationId,
  chosen: { workspace: string } | undefined,
): Promise<Lane> {
  const known = await work.tx.lane(conversation);
  if (known !== null) return known;
  await work.tx.openLane(
    conversation,
    chosen?.workspace ?? work.settings.workspace,
    chosen !== undefined,
    work.newId(),
  );
  const lane = await work.tx.lane(conversation);
  if (lane === null) throw new Error(`the lane of ${conversation} could not be opened`);
  return lane;
}

async function admitOne(work: Work, item: InboxItem, lane: Lane, late: Set<ConversationId>): Promise<Receipt> {
  work.touched.add(item.conversation);
  const refusal = await refused(work, item); // C5
  if (refusal !== null) return refusal;
  const { request } = item;
  switch (request.kind) {
    case "prompt":
      return (await admitReplying(work, item, request)) ?? admitPrompt(work, item, request, lane, late);
    case "command":
      return admitCommand(work, item, request.command, lane);
    case "press":
      return admitPress(work, item, request);
    case "answer": {
      if ((await work.tx.addItem(item, "done", work.atMs)) === null) return seenBefore(item);
      const { toast } = await answerAsk(work, item.conversation, request.ask, { kind: "text", text: request.text });
      return fresh(item, toast);
    }
    case "edit":
      return admitEdit(work, item, request);
    case "occurrence":
      throw new Error("no channel brings what a schedule fires");
    case "unsupported": {
      if ((await work.tx.addItem(item, "rejected", work.atMs)) === null) return seenBefore(item);
      await reply(work, item, { kind: "unsupported", what: request.what });
      return fresh(item, null);
    }
    default:
      return request satisfies never;
  }
}

/** What a message says that answers one of ours; null where it is a prompt all the same. */
async function admitReplying(
  work: Work,
  item: InboxItem,
  request: Request & { kind: "prompt" },
): Promise<Receipt | null> {
  const { text, files } = request.prompt;
  if (item.repliesTo === undefined || request.placement !== "queue" || files !== undefined) return null;
  const asked = await work.tx.askOfMessage(item.conversation, item.repliesTo);
  if (asked !== null) return admitReply(work, item, asked, text);
  const heard = await work.tx.itemToldIn(item.conversation, item.repliesTo);
  return heard === null ? null : admitCorrection(work, item, heard, text);
}

/** Words that answer an ask's message are for the agent that asked, not a prompt of their own. The card tells that they were taken. */
async function admitReply(
  work: Work,
  item: InboxItem,
  { ask, conversation }: { readonly ask: AskId; readonly conversation: ConversationId },
  text: string,
): Promise<Receipt> {
  if ((await work.tx.addItem(item, "done", work.atMs)) === null) return seenBefore(item);
  const answered = await answerAsk(work, conversation, ask, { kind: "text", text });
  if (answered.kind === "ignored") await reply(work, item, { kind: "answer-ignored", text: answered.toast });
  return fresh(item, answered.toast);
}
