/**
 * Under any sequence of operations: every admitted item is in exactly one state (I4), no two live runs share a place (I1),
 * and what is said to be next is what a naive reading of lanes and runs says (I9).
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ItemId } from "../../../src/domain/inbox-item.ts";
import type { RunId } from "../../../src/domain/run.ts";
import { emptyTranscript } from "../../../src/domain/transcript.ts";
import type { LiveRun, Store, StoredItem, Tx } from "../../../src/engine/ports.ts";
import { alice, bob, carol, conversation, item, type NewDatabase } from "./kit.ts";

/** Two lanes share a workspace, and there are fewer slots than workspaces. */
const workspaces = new Map([
  [alice, "/shared"],
  [bob, "/shared"],
  [carol, "/c"],
  [conversation("4"), "/d"],
]);
const conversations = [...workspaces.keys()];
const runsMax = 2;

type Model = { readonly admitted: Set<string>; runs: number; sessions: number };

/** `pick` chooses among what is there: the lane, the run, the item that the operation is about. */
type Operation = {
  readonly kind: keyof typeof operations;
  readonly pick: number;
  readonly key: number;
  readonly fails: boolean;
};

const operations = {
  add: async (tx: Tx, { pick, key }: Operation, model: Model) => {
    const priority = key % 5 === 0 ? "background" : "interactive";
    const of = choose(conversations, pick);
    const id = await tx.addItem(item(of, `k${key}`, { priority }), key % 7 === 0 ? "held" : "queued", 1);
    expect(id === null).toBe(model.admitted.has(`k${key}`));
    return () => model.admitted.add(`k${key}`);
  },
  claim: async (tx: Tx, _: Operation, model: Model) => {
    const next = await tx.nextReady(runsMax);
    if (next === null) return;
    const owner = await tx.insertRun(
      `r${(model.runs += 1)}` as RunId,
      next.lane,
      next.item.id,
      next.slot,
      "scripted",
      2,
    );
    expect(await tx.moveItem(next.item.id, "queued", "running", owner.run)).toBe(true);
  },
  confirm: onRun(async (tx, run) => void (await tx.confirmRun(run.owner, "resume"))),
  stop: onRun(async (tx, run) => void (await tx.markStopping(run.owner, "user", 3))),
  quarantine: onRun(async (tx, run) => void (await tx.quarantineRun(run.owner, { processes: [], note: "alive" }))),
  settle: onRun(async (tx, run) => {
    expect(await tx.moveItem(run.item, "running", "done")).toBe(true);
    expect(await tx.settleRun(run.owner, { kind: "finished" }, emptyTranscript, 4)).toBe(true);
  }),
  preempt: onRun(async (tx, run) => {
    expect(await tx.moveItem(run.item, "running", "queued", null)).toBe(true);
    expect(await tx.settleRun(run.owner, { kind: "preempted" }, emptyTranscript, 4)).toBe(true);
  }),
  depose: async (tx: Tx) => void (await tx.deposeAll(5)),
  hold: onItem("queued", async (tx, { id }) => void (await tx.moveItem(id, "queued", "held"))),
  release: onItem("held", async (tx, { id }) => void (await tx.moveItem(id, "held", "queued"))),
  cancel: onItem("queued", async (tx, { id }) => void (await tx.moveItem(id, "queued", "cancelled"))),
  first: onItem("queued", async (tx, { id, conversation }) => {
    await tx.moveItemFirst(id);
    expect((await tx.items(conversation, "queued"))[0]?.id).toBe(id);
  }),
  renew: async (tx: Tx, { pick }: Operation, model: Model) =>
    tx.newSession(choose(conversations, pick), `s${(model.sessions += 1)}`, null),
} as const;

const kinds = Object.keys(operations) as (keyof typeof operations)[];

type Applied = Promise<(() => unknown) | void>;

function onRun(act: (tx: Tx, run: LiveRun) => Promise<void>) {
  return async (tx: Tx, { pick }: Operation): Applied => {
    const live = await tx.liveRuns();
    if (live.length > 0) await act(tx, choose(live, pick));
  };
}

function onItem(state: "queued" | "held", act: (tx: Tx, item: StoredItem) => Promise<void>) {
  return async (tx: Tx, { pick, key }: Operation): Applied => {
    const items = await tx.items(choose(conversations, pick), state);
    if (items.length > 0) await act(tx, choose(items, key));
  };
}

function choose<T>(from: readonly T[], pick: number): T {
  return from[pick % from.length]!;
}

export function conservationContract(newDatabase: NewDatabase): void {
  describe("under any sequence of operations", () => {
    it("nothing is lost, nothing overlaps, and the next one is the right one (I1, I4, I9)", async () => {
      const operation = fc.record<Operation>({
        kind: fc.constantFrom(...kinds, "add", "add", "claim", "settle"),
        pick: fc.nat(7),
        key: fc.nat(60),
        fails: fc.boolean(),
      });
      await fc.assert(
        fc.asyncProperty(fc.array(operation, { minLength: 20, maxLength: 120, size: "max" }), async (sequence) => {
          await using database = await newDatabase();
          await using store = await database.open(() => 0);
          await run(store, sequence);
        }),
        { numRuns: 30 },
      );
    });
  });
}

async function run(store: Store, sequence: readonly Operation[]): Promise<void> {
  const model: Model = { admitted: new Set(), runs: 0, sessions: 0 };
  await store.transact(async (tx) => {
    for (const [each, workspace] of workspaces) await tx.openLane(each, workspace, true, `session of ${each}`);
  });
  // What happens between two steps of an engine shares a commit here, failures included.
  for (let index = 0; index < sequence.length; index += 8) {
    await Promise.all(sequence.slice(index, index + 8).map((operation) => apply(store, operation, model)));
    await store.transact((tx) => check(tx, model));
  }
}

async function apply(store: Store, operation: Operation, model: Model): Promise<void> {
  const failure = new Error("undone");
  const transaction = store.transact(async (tx) => {
    const keep = await operations[operation.kind](tx, operation, model);
    if (operation.fails && operation.key % 3 === 0) throw failure;
    keep?.();
  });
  await transaction.catch((error: unknown) => {
    if (error !== failure) throw error;
  });
}

async function check(tx: Tx, model: Model): Promise<void> {
  const { received, byState } = await tx.counts();
  expect(received).toBe(model.admitted.size);
  expect(Object.values(byState).reduce((sum, count) => sum + count, 0)).toBe(received);
  const live = await tx.liveRuns();
  expect(byState.running).toBe(live.length);
  const places = live.map(({ owner, workspace, slot }) => [owner.conversation, workspace, slot] as const);
  for (const which of [0, 1, 2] as const) {
    expect(new Set(places.map((place) => place[which])).size).toBe(live.length);
  }
  await checkNext(tx, live);
}

/** I9, seen naively: a lane can start when it is idle, something is queued and its workspace and a slot are free. */
async function checkNext(tx: Tx, live: readonly LiveRun[]): Promise<void> {
  const busy = new Set(live.map(({ workspace }) => workspace));
  const ready = (await tx.lanes()).filter(
    ({ state, queued, workspace }) => state.kind === "idle" && queued > 0 && !busy.has(workspace),
  );
  const next = await tx.nextReady(runsMax);
  if (ready.length === 0 || live.length >= runsMax) return expect(next).toBeNull();
  expect(ready.map((lane) => lane.conversation)).toContain(next?.lane.conversation);
  expect(next?.slot).toBeLessThanOrEqual(runsMax);
  const [head] = await tx.items(next!.lane.conversation, "queued");
  expect(next?.item.id).toBe(head?.id satisfies ItemId | undefined);
  expect(await tx.waitsFor(next!.lane.conversation, runsMax)).toBeNull();
}
