/** What people say into voice messages, and how it reads in the rows that it did what the words say. */
import type { ItemRow, Mirror } from "./mirror.ts";
import type { Change } from "./journal.ts";

/** By the file that has them. */
export type Speech = ReadonlyMap<string, string>;

export const stopWords = "Stop, please.";
export const stopAllWords = "Stop everything!";

/** S1: a prompt that ends, or runs without a run, as it waits: it was a stop, and is carried out in this transaction. */
export function spokenStop(
  mirror: Mirror,
  change: Change,
): { readonly item: ItemRow; readonly scope: "conversation" | "all" } | null {
  if (change.what !== "item-changed" || change.from !== "queued" || change.run !== null) return null;
  if (change.to !== "done" && change.to !== "running") return null;
  const item = mirror.items.get(change.id)!;
  if (item.request.kind !== "prompt") return null;
  return { item, scope: change.to === "running" ? "all" : "conversation" };
}
