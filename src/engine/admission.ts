/**
 * Admission: the one door for everything that comes in, whatever the channel. An item is stored and decided in the same
 * transaction, and what is answered is a row of it too.
 *
 * I4: every item gets a row whose state says what became of it; a refusal is a row and a text.
 * I5: the caller acknowledges after this transaction's commit.
 * I7: a command or a press is decided here, at once; nothing of it waits for a run, a queue or a send.
 */
import type { ConversationId } from "../domain/conversation.ts";
import type { InboxItem } from "../domain/inbox-item.ts";
import { admitCommand } from "./commands.ts";
import type { Lane, Receipt } from "./ports.ts";
import { admitPress } from "./presses.ts";
import { admitPrompt } from "./prompts.ts";
import { offerHeld } from "./waiting-line.ts";
import { type AdmissionSettings, fresh, reply, seenBefore, type Work } from "./work.ts";

export async function admit(
  work: Work,
  items: readonly InboxItem[],
  chosen: { readonly workspace: string } | undefined,
  settings: AdmissionSettings,
): Promise<Receipt[]> {
  const receipts: Receipt[] = [];
  const late = new Set<ConversationId>();
  for (const item of items) {
    const lane = await openLane(work, item.conversation, chosen, settings);
    receipts.push(await admitOne(work, item, lane, late, settings));
    await work.claim();
  }
  for (const conversation of late) await offerHeld(work, conversation, "downtime");
  return receipts;
}

async function openLane(
  work: Work,
  conversation: ConversationId,
  chosen: { workspace: string } | undefined,
  settings: AdmissionSettings,
): Promise<Lane> {
  const known = await work.tx.lane(conversation);
  if (known !== null) return known;
  await work.tx.openLane(conversation, chosen?.workspace ?? settings.workspace, chosen !== undefined, work.newId());
  const lane = await work.tx.lane(conversation);
  if (lane === null) throw new Error(`the lane of ${conversation} could not be opened`);
  return lane;
}

async function admitOne(
  work: Work,
  item: InboxItem,
  lane: Lane,
  late: Set<ConversationId>,
  settings: AdmissionSettings,
): Promise<Receipt> {
  work.touched.add(item.conversation);
  const { request } = item;
  switch (request.kind) {
    case "prompt":
      return admitPrompt(work, item, request, lane, late, settings);
    case "command":
      return admitCommand(work, item, request.command, lane, settings);
    case "press":
      return admitPress(work, item, request, settings);
    case "unsupported": {
      if ((await work.tx.addItem(item, "rejected", work.atMs)) === null) return seenBefore(item);
      await reply(work, item, { kind: "unsupported", what: request.what });
      return fresh(item, null);
    }
    default:
      return request satisfies never;
  }
}
