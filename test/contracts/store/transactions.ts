/** Transactions: one after the other, each whole or not at all, told after the commit. */
import { describe, expect, it } from "vitest";
import type { RunId } from "../../../src/domain/run.ts";
import type { Tx } from "../../../src/engine/ports.ts";
import { accept, addNotice, alice, bob, claimed, item, type NewDatabase, openLanes, refused } from "./kit.ts";
import { useStore } from "./use-store.ts";

export function transactionsContract(newDatabase: NewDatabase): void {
  describe("transactions", () => {
    const use = useStore(newDatabase);

    it("undo only their own writes when they share a commit with one that throws", async () => {
      await openLanes(use.store, alice);
      const results = await Promise.allSettled(
        Array.from({ length: 20 }, (_, index) =>
          use.store.transact(async (tx) => {
            const id = await tx.addItem(item(alice, `k${index}`), "queued", 10);
            await addNotice(tx, alice, `n${index}`);
            if (index % 3 === 0) throw new Error(`no ${index}`);
            return id;
          }),
        ),
      );
      const kept = Array.from({ length: 20 }, (_, index) => index).filter((index) => index % 3 !== 0);
      expect(results.map(({ status }) => status === "fulfilled")).toEqual(results.map((_, index) => index % 3 !== 0));
      expect(results[3]).toMatchObject({ reason: new Error("no 3") });
      const items = await use.store.history.items(alice, 100);
      expect(items.map(({ key }) => key)).toEqual(kept.map((index) => `k${index}`));
      expect(await use.store.history.messages(alice, 100)).toHaveLength(kept.length);
      expect((await use.store.history.counts()).received).toBe(kept.length);
    });

    it("are not harmed by one that the database refused", async () => {
      await openLanes(use.store, alice, bob);
      await accept(use.store, alice, "a");
      const run = await claimed(use.store, "r1");
      const [before, refused, after] = await Promise.allSettled([
        accept(use.store, alice, "before"),
        use.store.transact(async (tx) => {
          await addNotice(tx, alice, "never");
          const lane = await tx.lane(alice);
          return tx.insertRun("r2" as RunId, lane!, run.item, 2, "scripted", 20);
        }),
        accept(use.store, bob, "after"),
      ]);
      expect([before.status, refused.status, after.status]).toEqual(["fulfilled", "rejected", "fulfilled"]);
      expect(await use.store.history.messages(alice, 10)).toEqual([]);
      expect((await use.store.history.counts()).received).toBe(3);
    });

    it("may go on after a refusal that the decision expected", async () => {
      await openLanes(use.store, alice, bob);
      await accept(use.store, alice, "a");
      const run = await claimed(use.store, "r1");
      await use.store.transact(async (tx) => {
        const lane = await tx.lane(alice);
        await expect(tx.insertRun("r2" as RunId, lane!, run.item, 2, "scripted", 20)).rejects.toMatchObject(refused);
        await addNotice(tx, alice, "said");
      });
      expect(await use.store.history.messages(alice, 10)).toHaveLength(1);
    });

    it("run one after the other: a later one sees all of an earlier one, and never half of it", async () => {
      await openLanes(use.store, alice);
      const seen = await Promise.all(
        Array.from({ length: 10 }, (_, index) =>
          use.store.transact(async (tx) => {
            const before = (await tx.items(alice, "queued")).length;
            await tx.addItem(item(alice, `a${index}`), "queued", 10);
            await tx.addItem(item(alice, `b${index}`), "queued", 10);
            return before;
          }),
        ),
      );
      expect(seen).toEqual(Array.from({ length: 10 }, (_, index) => 2 * index));
    });

    it("cannot be written in after they are over", async () => {
      await openLanes(use.store, alice);
      const escaped = await use.store.transact(async (tx): Promise<{ tx: Tx }> => ({ tx }));
      await expect(escaped.tx.addItem(item(alice, "late"), "queued", 10)).rejects.toThrow(/over/);
      expect((await use.store.history.counts()).received).toBe(0);
    });

    it("are refused once the store is closed, and the ones before the closing are kept", async () => {
      await openLanes(use.store, alice);
      const last = accept(use.store, alice, "last");
      const closed = use.store[Symbol.asyncDispose]();
      await expect(accept(use.store, alice, "later")).rejects.toThrow(/closed/);
      await Promise.all([last, closed]);
      await use.reboot();
      expect((await use.store.history.items(alice, 10)).map(({ key }) => key)).toEqual(["last"]);
    });

    it("are still there after a reboot, under the same instance and the next incarnation", async () => {
      await openLanes(use.store, alice);
      await accept(use.store, alice, "a", "b");
      const run = await claimed(use.store, "r1");
      const { instance, incarnation } = use.store;
      await use.reboot();
      expect(use.store).toMatchObject({ instance, incarnation: incarnation + 1 });
      expect(await use.store.history.liveRuns()).toMatchObject([{ owner: run.owner, incarnation }]);
      expect((await use.store.history.items(alice, 10)).map(({ state }) => state)).toEqual(["running", "queued"]);
    });
  });
}
