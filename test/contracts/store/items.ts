/** Items: admitted once, in order, moved only from the state that was seen. */
import { describe, expect, it } from "vitest";
import type { ItemId } from "../../../src/domain/inbox-item.ts";
import { accept, alice, bob, claimed, item, type NewDatabase, openLanes, refused } from "./kit.ts";
import { useStore } from "./use-store.ts";

export function itemsContract(newDatabase: NewDatabase): void {
  describe("items", () => {
    const use = useStore(newDatabase);
    const queuedKeys = async () =>
      (await use.store.transact((tx) => tx.items(alice, "queued"))).map(({ key }) => key as string);

    it("are admitted once per key, and keep everything that came with them", async () => {
      await openLanes(use.store, alice);
      const first = item(alice, "a", { message: null, priority: "background", sentAtMs: 3 });
      const id = await use.store.transact((tx) => tx.addItem(first, "queued", 11));
      expect(await accept(use.store, alice, "a")).toEqual([null]);
      expect(await use.store.transact((tx) => tx.item(id!))).toStrictEqual({
        ...first,
        id,
        state: "queued",
        run: null,
        acceptedAtMs: 11,
        isReady: true,
        gathers: null,
        partOf: null,
      });
      expect(await use.store.history.counts()).toMatchObject({ received: 1, byState: { queued: 1, done: 0 } });
    });

    it("are not admitted for a conversation that was never opened", async () => {
      await expect(accept(use.store, alice, "a")).rejects.toMatchObject(refused);
      expect((await use.store.history.counts()).received).toBe(0);
    });

    it("run in the order of admission, interactive ones before background ones", async () => {
      await openLanes(use.store, alice, bob);
      await use.store.transact(async (tx) => {
        await tx.addItem(item(alice, "nightly", { priority: "background" }), "queued", 10);
        await tx.addItem(item(alice, "a"), "queued", 10);
        await tx.addItem(item(bob, "other"), "queued", 10);
        await tx.addItem(item(alice, "b"), "queued", 9);
      });
      expect(await queuedKeys()).toEqual(["a", "b", "nightly"]);
      expect((await claimed(use.store, "r1")).key).toBe("a");
    });

    it("can be moved to the front, a background one too, each before the one moved earlier", async () => {
      await openLanes(use.store, alice);
      const [, , c] = await accept(use.store, alice, "a", "b", "c");
      const nightly = await use.store.transact((tx) =>
        tx.addItem(item(alice, "nightly", { priority: "background" }), "queued", 10),
      );
      await use.store.transact((tx) => tx.moveItemFirst(c!));
      await use.store.transact((tx) => tx.moveItemFirst(nightly!));
      expect(await queuedKeys()).toEqual(["nightly", "c", "a", "b"]);
      const shown = await use.store.history.waiting(alice, "queued");
      expect(shown.map(({ key }) => key)).toEqual(["nightly", "c", "a", "b"]);
      expect((await use.store.transact((tx) => tx.item(nightly!)))?.priority).toBe("background");
    });

    it("keep their place while they are held", async () => {
      await openLanes(use.store, alice);
      const [a] = await accept(use.store, alice, "a", "b");
      await use.store.transact((tx) => tx.moveItem(a!, "queued", "held"));
      await accept(use.store, alice, "c");
      expect(await queuedKeys()).toEqual(["b", "c"]);
      await use.store.transact((tx) => tx.moveItem(a!, "held", "queued"));
      expect(await queuedKeys()).toEqual(["a", "b", "c"]);
    });

    it("move only from the state that was seen", async () => {
      await openLanes(use.store, alice);
      const [a] = await accept(use.store, alice, "a");
      expect(await use.store.transact((tx) => tx.moveItem(a!, "held", "cancelled"))).toBe(false);
      expect(await use.store.transact((tx) => tx.moveItem(a!, "queued", "cancelled"))).toBe(true);
      expect(await use.store.transact((tx) => tx.moveItem(a!, "queued", "running"))).toBe(false);
      expect((await use.store.transact((tx) => tx.item(a!)))?.state).toBe("cancelled");
      expect(await use.store.transact((tx) => tx.moveItem(99 as ItemId, "queued", "done"))).toBe(false);
    });

    it("name their run until they are told otherwise", async () => {
      await openLanes(use.store, alice);
      const [, b] = await accept(use.store, alice, "a", "b");
      const { owner, item: a } = await claimed(use.store, "r1");
      const runOf = async (id: ItemId) => (await use.store.transact((tx) => tx.item(id)))?.run;
      await use.store.transact((tx) => tx.moveItem(b!, "queued", "merged", owner.run));
      expect((await use.store.transact((tx) => tx.itemsOfRun(owner.run, "merged"))).map(({ key }) => key)).toEqual([
        "b",
      ]);
      await use.store.transact((tx) => tx.moveItem(a, "running", "interrupted"));
      expect(await runOf(a)).toBe(owner.run);
      await use.store.transact((tx) => tx.moveItem(b!, "merged", "queued", null));
      expect(await runOf(b!)).toBeNull();
    });

    it("are rewritten while they wait, and not after", async () => {
      await openLanes(use.store, alice);
      const [a, b] = await accept(use.store, alice, "a", "b");
      const request = { kind: "prompt", placement: "queue", prompt: { text: "a and b" } } as const;
      await claimed(use.store, "r1");
      await use.store.transact((tx) => tx.rewriteItem(a!, request));
      await use.store.transact((tx) => tx.rewriteItem(b!, request));
      expect((await use.store.transact((tx) => tx.item(a!)))?.request).toMatchObject({ prompt: { text: "a" } });
      expect((await use.store.transact((tx) => tx.item(b!)))?.request).toStrictEqual(request);
    });

    it("are claimed only when they are whole, in their place, and hold back nobody but their own lane (I9)", async () => {
      await openLanes(use.store, alice, bob);
      const unready = { kind: "unready", gathers: "album:7:m" } as const;
      const a = await use.store.transact((tx) => tx.addItem(item(alice, "a"), "queued", 10, unready));
      await accept(use.store, alice, "b");
      await accept(use.store, bob, "x");
      expect((await claimed(use.store, "r1")).key).toBe("x");
      expect(await use.store.transact((tx) => tx.nextReady(4))).toBeNull();
      expect(await use.store.transact((tx) => tx.waitsFor(alice, 4))).toEqual({ kind: "files" });
      await use.store.transact((tx) => tx.setReady(a!, true));
      expect((await claimed(use.store, "r2")).key).toBe("a");
    });

    it("that are first in line are looked at for being whole: one that is moved there too", async () => {
      await openLanes(use.store, alice);
      await accept(use.store, alice, "a");
      const unready = { kind: "unready", gathers: null } as const;
      const b = await use.store.transact((tx) => tx.addItem(item(alice, "b"), "queued", 10, unready));
      await use.store.transact((tx) => tx.moveItemFirst(b!));
      expect(await use.store.transact((tx) => tx.nextReady(4))).toBeNull();
      await use.store.transact((tx) => tx.moveItem(b!, "queued", "cancelled"));
      expect((await claimed(use.store, "r1")).key).toBe("a");
    });

    it("gather their parts until they are in the prompt, once", async () => {
      await openLanes(use.store, alice);
      const of = "album:7:m";
      const { store } = use;
      const whole = await store.transact((tx) =>
        tx.addItem(item(alice, "a"), "queued", 10, { kind: "unready", gathers: of }),
      );
      expect((await store.transact((tx) => tx.gathering(alice, of)))?.id).toBe(whole);
      expect(await store.transact((tx) => tx.gathering(bob, of))).toBeNull();
      const part = () =>
        store.transact((tx) => tx.addItem(item(alice, "b"), "merged", 11, { kind: "part", of: whole! }));
      expect([await part(), await part()]).toEqual([expect.any(Number), null]);
      expect((await store.transact((tx) => tx.partsOf(whole!))).map(({ key }) => key)).toEqual(["b"]);
      expect((await store.transact((tx) => tx.unready())).map(({ id }) => id)).toEqual([whole]);
      const request = { kind: "prompt", placement: "queue", prompt: { text: "a and b" } } as const;
      await store.transact((tx) => tx.takeParts(whole!, request));
      expect(await store.transact((tx) => tx.partsOf(whole!))).toEqual([]);
      expect((await store.transact((tx) => tx.item(whole!)))?.request).toStrictEqual(request);
    });

    it("know the one whose prompt they joined on hold, and are no part that it still waits for", async () => {
      await openLanes(use.store, alice);
      const { store } = use;
      const [whole, other] = await accept(store, alice, "a", "b");
      await store.transact((tx) => tx.setReady(other!, false));
      await store.transact((tx) => tx.joinItem(other!, whole!));
      expect(await store.transact((tx) => tx.item(other!))).toMatchObject({ partOf: whole, isReady: true });
      expect(await store.transact((tx) => tx.partsOf(whole!))).toEqual([]);
    });

    it("are read back newest last, as many as asked for", async () => {
      await openLanes(use.store, alice, bob);
      await accept(use.store, alice, "a", "b", "c");
      await accept(use.store, bob, "x");
      expect((await use.store.history.items(alice, 2)).map(({ key }) => key)).toEqual(["b", "c"]);
    });
  });
}
