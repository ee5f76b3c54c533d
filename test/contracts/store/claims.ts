/** Claims: the database refuses a second live run (I1), and everybody's turn comes (I9). */
import { describe, expect, it } from "vitest";
import type { ConversationId } from "../../../src/domain/conversation.ts";
import type { RunId } from "../../../src/domain/run.ts";
import type { Store } from "../../../src/engine/ports.ts";
import * as kit from "./kit.ts";
import {
  accept,
  alice,
  bob,
  carol,
  claim,
  claimed,
  claimIn,
  type NewDatabase,
  openLanes,
  settle,
  refused,
} from "./kit.ts";
import { useStore } from "./use-store.ts";

const evidence = { processes: [], note: "still there" };

export function claimsContract(newDatabase: NewDatabase): void {
  describe("the database refuses (I1)", () => {
    const use = useStore(newDatabase);

    /** Tries to insert a run past `nextReady`, as a broken dispatcher would. */
    const force = (store: Store, of: ConversationId, slot: number) =>
      store.transact(async (tx) => {
        const lane = await tx.lane(of);
        const [head] = await tx.items(of, "queued");
        return tx.insertRun("forced" as RunId, lane!, head!.id, slot, "scripted", 20);
      });

    it.each(["starting", "running", "stopping", "quarantined"] as const)(
      "a second run of the conversation, the workspace and the slot of a run that is %s",
      async (state) => {
        await openLanes(use.store, carol);
        await use.store.transact(async (tx) => {
          await tx.openLane(alice, "/shared", false, "s1");
          await tx.openLane(bob, "/shared", true, "s2");
        });
        await accept(use.store, alice, "a1", "a2");
        const { owner } = await claimed(use.store, "r1");
        await accept(use.store, bob, "b");
        await accept(use.store, carol, "c");
        await use.store.transact(async (tx) => {
          if (state !== "starting") await tx.confirmRun(owner, null);
          if (state === "stopping") await tx.markStopping(owner, "user", 21);
          if (state === "quarantined") await tx.quarantineRun(owner, evidence);
        });
        expect(await use.store.history.liveRuns()).toMatchObject([{ state, slot: 1 }]);
        await use.store.transact((tx) => tx.moveDefaultLanes("/elsewhere")); // only the conversation itself is in the way
        await expect(force(use.store, alice, 2)).rejects.toMatchObject(refused);
        await expect(force(use.store, bob, 2)).rejects.toMatchObject(refused);
        await expect(force(use.store, carol, 1)).rejects.toMatchObject(refused);
        await expect(force(use.store, carol, 2)).resolves.toMatchObject({ conversation: carol, epoch: 1 });
      },
    );

    it("a run of a lane that was read before somebody else's claim", async () => {
      await openLanes(use.store, alice);
      await accept(use.store, alice, "a", "b");
      const old = await use.store.transact((tx) => tx.lane(alice));
      const run = await claimed(use.store, "r1");
      await settle(use.store, run);
      const stale = use.store.transact((tx) => tx.insertRun("r2" as RunId, old!, run.item, 1, "scripted", 20));
      await expect(stale).rejects.toMatchObject(refused);
    });

    it("nothing once the run is settled", async () => {
      await openLanes(use.store, alice);
      await accept(use.store, alice, "a", "b");
      await settle(use.store, await claimed(use.store, "r1"));
      await expect(force(use.store, alice, 1)).resolves.toMatchObject({ epoch: 2 });
    });
  });

  describe("the fair next (I9)", () => {
    const use = useStore(newDatabase);

    /** Runs what is ready, one at a time, until nothing is; returns whose turn it was. */
    async function turns(): Promise<readonly string[]> {
      return use.store.transact(async (tx) => {
        const served: string[] = [];
        for (;;) {
          const run = await claimIn(tx, `run ${served.length}`, 1);
          if (run === null) return served;
          served.push(run.owner.conversation);
          await kit.settleIn(tx, run);
        }
      });
    }

    it("lets nobody starve behind a flood in another lane (trap 1)", async () => {
      const quiet = Array.from({ length: 99 }, (_, index) => kit.conversation(`${100 + index}`));
      await openLanes(use.store, alice, ...quiet);
      await accept(use.store, alice, ...Array.from({ length: 1_000 }, (_, index) => `flood ${index}`));
      for (const each of quiet) await accept(use.store, each, `one of ${each}`);
      const served = await turns();
      expect(served).toHaveLength(1_099);
      expect(served.slice(0, 100)).toEqual([alice, ...quiet]);
    });

    it("lets nobody starve in a workspace that others keep busy", async () => {
      await use.store.transact(async (tx) => {
        for (const each of [alice, bob]) await tx.openLane(each, "/shared", false, `session of ${each}`);
      });
      await accept(use.store, alice, "a1", "a2", "a3", "a4");
      await accept(use.store, bob, "b1", "b2");
      expect(await turns()).toEqual([alice, bob, alice, bob, alice, alice]);
    });

    it("keeps the turn of a lane while more messages arrive in it", async () => {
      await openLanes(use.store, alice, bob);
      await accept(use.store, alice, "a1");
      await accept(use.store, bob, "b1");
      await accept(use.store, alice, "a2");
      expect(await turns()).toEqual([alice, bob, alice]);
    });

    it("gives the turn up when nothing is queued any more", async () => {
      await openLanes(use.store, alice, bob);
      const [a] = await accept(use.store, alice, "a1");
      await accept(use.store, bob, "b1");
      await use.store.transact((tx) => tx.moveItem(a!, "queued", "held"));
      expect((await claimed(use.store, "r1")).owner.conversation).toBe(bob);
      expect(await claim(use.store, "r2")).toBeNull();
      await use.store.transact((tx) => tx.moveItem(a!, "held", "queued"));
      expect((await claimed(use.store, "r2")).owner.conversation).toBe(alice);
    });

    it("passes by a busy workspace and comes back to it when it frees", async () => {
      await openLanes(use.store, alice, carol);
      await use.store.transact((tx) => tx.openLane(bob, `/projects/${alice}`, true, "s"));
      await accept(use.store, alice, "a");
      const run = await claimed(use.store, "r1");
      await accept(use.store, bob, "b");
      await accept(use.store, carol, "c");
      expect((await claimed(use.store, "r2")).owner.conversation).toBe(carol);
      expect(await claim(use.store, "r3")).toBeNull();
      await settle(use.store, run);
      expect((await claimed(use.store, "r3")).owner.conversation).toBe(bob);
    });

    it("gives the lowest free slot, and none above the limit", async () => {
      const lanes = [alice, bob, carol, kit.conversation("4")];
      await openLanes(use.store, ...lanes);
      for (const each of lanes) await accept(use.store, each, `of ${each}`);
      const runs = [
        await claimed(use.store, "r1", 3),
        await claimed(use.store, "r2", 3),
        await claimed(use.store, "r3", 3),
      ];
      expect(runs.map(({ slot }) => slot)).toEqual([1, 2, 3]);
      expect(await claim(use.store, "r4", 3)).toBeNull();
      await settle(use.store, runs[1]!);
      expect((await claimed(use.store, "r4", 3)).slot).toBe(2);
    });

    it("follows a lane whose default workspace moved, and leaves chosen ones alone", async () => {
      await use.store.transact(async (tx) => {
        await tx.openLane(alice, "/old", false, "s1");
        await tx.openLane(bob, "/new", false, "s2");
        await tx.openLane(carol, "/old", true, "s3");
      });
      for (const each of [alice, bob, carol]) await accept(use.store, each, `of ${each}`);
      await use.store.transact((tx) => tx.moveDefaultLanes("/new"));
      const lanes = await use.store.history.lanes();
      expect(lanes.map(({ workspace }) => workspace)).toEqual(["/new", "/new", "/old"]);
      const first = await claimed(use.store, "r1");
      expect(first.owner.conversation).toBe(alice);
      expect((await claimed(use.store, "r2")).owner.conversation).toBe(carol);
      expect(await claim(use.store, "r3")).toBeNull();
      await settle(use.store, first);
      expect((await claimed(use.store, "r3")).owner.conversation).toBe(bob);
    });
  });

  describe("what a lane waits for", () => {
    const use = useStore(newDatabase);
    const waitsFor = (of: ConversationId, runsMax = 4) => use.store.transact((tx) => tx.waitsFor(of, runsMax));

    it("is nothing when nothing is queued, or when it is about to start", async () => {
      await openLanes(use.store, alice);
      expect(await waitsFor(alice)).toBeNull();
      expect(await waitsFor(bob)).toBeNull();
      await accept(use.store, alice, "a");
      expect(await waitsFor(alice)).toBeNull();
    });

    it("is its own run", async () => {
      await openLanes(use.store, alice);
      await accept(use.store, alice, "a", "b");
      await claimed(use.store, "r1");
      expect(await waitsFor(alice)).toEqual({ kind: "run" });
    });

    it("is the conversation that runs, or runs before it, in its workspace", async () => {
      await use.store.transact(async (tx) => {
        for (const each of [alice, bob]) await tx.openLane(each, "/shared", false, `session of ${each}`);
      });
      await accept(use.store, alice, "a");
      await accept(use.store, bob, "b");
      expect(await waitsFor(bob)).toEqual({ kind: "workspace", holder: alice });
      const run = await claimed(use.store, "r1");
      expect(await waitsFor(bob)).toEqual({ kind: "workspace", holder: alice });
      await settle(use.store, run);
      expect(await waitsFor(bob)).toBeNull();
    });

    it("is a slot when all are taken, or will be by those before it", async () => {
      await openLanes(use.store, alice, bob);
      await accept(use.store, alice, "a");
      await accept(use.store, bob, "b");
      expect(await waitsFor(bob, 2)).toBeNull();
      expect(await waitsFor(bob, 1)).toEqual({ kind: "slot" });
      await claimed(use.store, "r1", 1);
      expect(await waitsFor(bob, 1)).toEqual({ kind: "slot" });
    });
  });
}
