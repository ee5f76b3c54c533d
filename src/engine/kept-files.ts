/** `/files`: what came into a conversation and is still kept on the machine, to be looked at and removed. */
import type { ConversationId } from "../domain/conversation.ts";
import type { Button } from "../domain/button.ts";
import type { IncomingFiles } from "./ports.ts";
import type { Reply } from "./choices.ts";
import { addButton, reply } from "./work.ts";

/** Buttons that fit on a phone without scrolling away the list above them. */
const filesShownMax = 12;

export async function offerFiles(incoming: IncomingFiles, conversation: ConversationId): Promise<Reply> {
  const all = await incoming.list(conversation);
  const shown = all
    .slice(0, filesShownMax)
    .map(({ id, name, bytes, receivedAtMs }) => ({ id, name, bytes, receivedAtMs }));
  return async (work, to) => {
    const buttons: Button[][] = [];
    for (const [index, { id }] of shown.entries()) {
      if (index % 4 === 0) buttons.push([]);
      buttons.at(-1)?.push(await addButton(work, conversation, { kind: "remove-file", file: id, ordinal: index + 1 }));
    }
    if (shown.length > 1)
      buttons.push([await addButton(work, conversation, { kind: "remove-file", file: "all", ordinal: null })]);
    const files = shown.map(({ name, bytes, receivedAtMs }) => ({ name, bytes, receivedAtMs }));
    return reply(work, to, { kind: "files", files, more: all.length - shown.length, atMs: work.atMs }, buttons);
  };
}

/** What an agent is reading at this moment may go too: it was said what is removed, and by whom. */
export async function removeFiles(
  incoming: IncomingFiles,
  conversation: ConversationId,
  which: string,
): Promise<Reply> {
  const count = await incoming.remove(conversation, which);
  return (work, to) => reply(work, to, { kind: "files-removed", count });
}
