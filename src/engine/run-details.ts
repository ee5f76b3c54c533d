/** What a run did and changed, shown when a person asks for it: as often as they ask, and nothing else happens. */
import type { Button, ButtonAction } from "../domain/button.ts";
import type { InboxItem } from "../domain/inbox-item.ts";
import type { RunId } from "../domain/run.ts";
import { detailPages, hasDetails } from "../domain/run-details.ts";
import type { Transcript } from "../domain/transcript.ts";
import { addButton, reply, type Work } from "./work.ts";
import type { ConversationId } from "../domain/conversation.ts";

export type DetailAction = ButtonAction & { kind: "details" | "changes" };

/** Under the last line of a run: what there is more of it. */
export async function detailButtons(
  work: Work,
  conversation: ConversationId,
  run: RunId,
  transcript: Transcript,
): Promise<readonly (readonly Button[])[]> {
  const row: Button[] = [];
  if (hasDetails(transcript)) row.push(await addButton(work, conversation, { kind: "details", run, page: 0 }));
  if (transcript.diff !== null) row.push(await addButton(work, conversation, { kind: "changes", run }));
  return row.length === 0 ? [] : [row];
}

/** The action of a press that only shows something; null for every other. */
export function detailAction(action: ButtonAction | null): DetailAction | null {
  return action?.kind === "details" || action?.kind === "changes" ? action : null;
}

/** Returns the words for the person who pressed. */
export async function showDetails(work: Work, item: InboxItem, action: DetailAction): Promise<string> {
  const transcript = work.live(action.run) ?? (await work.tx.transcriptOf(action.run));
  if (transcript === null) return "Nothing of that run is kept any more.";
  if (action.kind === "changes") {
    await reply(work, item, { kind: "changes", diff: transcript.diff ?? "" });
    return "";
  }
  const pages = detailPages(transcript);
  const details = pages[action.page];
  if (details === undefined) return "There is no more.";
  const others = [action.page - 1, action.page + 1].filter((page) => pages[page] !== undefined);
  const row: Button[] = [];
  for (const page of others) row.push(await addButton(work, item.conversation, { ...action, page }));
  const notice = { kind: "details" as const, page: action.page + 1, pages: pages.length, details };
  await reply(work, item, notice, row.length === 0 ? [] : [row]);
  return "";
}
