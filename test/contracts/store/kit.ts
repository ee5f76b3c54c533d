/** What every part of the store's contract works with: a database that can be opened again, and the dispatcher's moves. */
import type { ConversationId } from "../../../src/domain/conversation.ts";
import type { InboxItem, ItemId, ItemKey } from "../../../src/domain/inbox-item.ts";
import type { RunId, RunOutcome, RunOwner } from "../../../src/domain/run.ts";
import { emptyTranscript } from "../../../src/domain/transcript.ts";
import type { Notice } from "../../../src/domain/notice.ts";
import type { Outgoing, Store, Tx } from "../../../src/engine/ports.ts";

/** An empty database. Opening it again is a reboot: what the earlier store had committed must be there. */
export interface TestDatabase extends AsyncDisposable {
  open(now: () => number): Promise<Store>;
}

export type NewDatabase = () => Promise<TestDatabase>;

export const conversation = (name: string): ConversationId => `telegram:${name}` as ConversationId;
export const alice = conversation("1");
export const bob = conversation("2");
export const carol = conversation("3");

/** What a store rejects with when one of its constraints said no. */
export const refused = { kind: "refused" };

export const finished: RunOutcome = { kind: "finished" };
const help: Notice = { kind: "help" };
export const notice: Outgoing = { kind: "notice", notice: help, buttons: [], replyTo: null };

export function item(of: ConversationId, key: string, more: Partial<InboxItem> = {}): InboxItem {
  return {
    key: key as ItemKey,
    conversation: of,
    user: "7",
    message: "70",
    priority: "interactive",
    request: { kind: "prompt", placement: "queue", prompt: { text: key } },
    sentAtMs: 5,
    ...more,
  };
}

/** Opens each conversation in a workspace of its own. */
export async function openLanes(store: Store, ...conversations: readonly ConversationId[]): Promise<void> {
  await store.transact(async (tx) => {
    for (const each of conversations) await tx.openLane(each, `/projects/${each}`, true, `session of ${each}`);
  });
}

/** Admits one queued prompt per key, in one transaction. */
export async function accept(
  store: Store,
  of: ConversationId,
  ...keys: readonly string[]
): Promise<readonly (ItemId | null)[]> {
  return store.transact(async (tx) => {
    const ids: (ItemId | null)[] = [];
    for (const key of keys) ids.push(await tx.addItem(item(of, key), "queued", 10));
    return ids;
  });
}

export type Claimed = { readonly owner: RunOwner; readonly item: ItemId; readonly key: ItemKey; readonly slot: number };

/** What the dispatcher does with the fair next. */
export async function claimIn(tx: Tx, run: string, runsMax = 4): Promise<Claimed | null> {
  const next = await tx.nextReady(runsMax);
  if (next === null) return null;
  const owner = await tx.insertRun(run as RunId, next.lane, next.item.id, next.slot, "scripted", 20);
  if (!(await tx.moveItem(next.item.id, "queued", "running", owner.run))) throw new Error("the head was not queued");
  return { owner, item: next.item.id, key: next.item.key, slot: next.slot };
}

export const claim = (store: Store, run: string, runsMax = 4): Promise<Claimed | null> =>
  store.transact((tx) => claimIn(tx, run, runsMax));

/** A claim that must be possible. */
export async function claimed(store: Store, run: string, runsMax = 4): Promise<Claimed> {
  const claim_ = await claim(store, run, runsMax);
  if (claim_ === null) throw new Error("nothing was ready");
  return claim_;
}

export async function settleIn(tx: Tx, { owner, item }: Claimed, outcome: RunOutcome = finished): Promise<boolean> {
  await tx.moveItem(item, "running", "done");
  return tx.settleRun(owner, outcome, emptyTranscript, 30);
}

export const settle = (store: Store, run: Claimed): Promise<boolean> => store.transact((tx) => settleIn(tx, run));

export function addNotice(tx: Tx, to: ConversationId, dedupe: string, notBeforeMs = 0): Promise<void> {
  return tx.addOutgoing({ conversation: to, run: null, dedupe, body: notice, notBeforeMs }, 40);
}

/** Everything that the store says, to compare before and after. */
export async function everything(store: Store, ...conversations: readonly ConversationId[]): Promise<unknown> {
  const items = await Promise.all(conversations.map((each) => store.history.items(each, 1_000)));
  const messages = await Promise.all(conversations.map((each) => store.history.messages(each, 1_000)));
  const lanes = await store.history.lanes();
  const runs = await store.history.liveRuns();
  return { items, messages, lanes, runs, counts: await store.history.counts() };
}
