/** Owners: a deposed one writes nothing, anywhere (I3). */
import { describe, expect, it } from "vitest";
import type { RunOwner } from "../../../src/domain/run.ts";
import { emptyTranscript } from "../../../src/domain/transcript.ts";
import type { Tx } from "../../../src/engine/ports.ts";
import {
  accept,
  addNotice,
  alice,
  bob,
  type Claimed,
  claimed,
  everything,
  finished,
  type NewDatabase,
  openLanes,
  settle,
} from "./kit.ts";
import { useStore } from "./use-store.ts";

const evidence = { processes: [{ pid: 7, startTime: "70", command: "sleep" }], note: "still there" };

/** Every verb that names an owner; true when it took the owner for the present one. */
const verbs: readonly (readonly [string, (tx: Tx, owner: RunOwner) => Promise<boolean>])[] = [
  ["run", async (tx, owner) => (await tx.run(owner)) !== null],
  ["confirmRun", (tx, owner) => tx.confirmRun(owner, "resume")],
  ["markStopping", (tx, owner) => tx.markStopping(owner, "replaced", 50)],
  ["quarantineRun", (tx, owner) => tx.quarantineRun(owner, evidence)],
  ["settleRun", (tx, owner) => tx.settleRun(owner, finished, emptyTranscript, 50)],
];

export function fencingContract(newDatabase: NewDatabase): void {
  describe("a deposed owner (I3)", () => {
    const use = useStore(newDatabase);

    async function begin(): Promise<Claimed> {
      await openLanes(use.store, alice, bob);
      await accept(use.store, alice, "a", "b");
      return claimed(use.store, "r1");
    }

    async function changesNothing(owner: RunOwner): Promise<void> {
      const before = await everything(use.store, alice, bob);
      for (const [name, verb] of verbs) {
        expect([name, await use.store.transact((tx) => verb(tx, owner))]).toEqual([name, false]);
        expect(await everything(use.store, alice, bob)).toEqual(before);
      }
    }

    it.each(verbs)("is told apart from the present owner by %s", async (_name, verb) => {
      const { owner } = await begin();
      expect(await use.store.transact((tx) => verb(tx, owner))).toBe(true);
    });

    it("changes nothing after a reboot took its run over", async () => {
      const { owner } = await begin();
      await use.reboot();
      await use.store.transact((tx) => tx.deposeAll(45));
      await changesNothing(owner);
    });

    it("changes nothing after its run settled", async () => {
      const run = await begin();
      await settle(use.store, run);
      await changesNothing(run.owner);
    });

    it("changes nothing while the conversation's next run is live", async () => {
      const run = await begin();
      await settle(use.store, run);
      const next = await claimed(use.store, "r2");
      await changesNothing(run.owner);
      await changesNothing({ ...next.owner, epoch: run.owner.epoch });
      await changesNothing({ ...run.owner, epoch: next.owner.epoch });
    });

    it("is one who names another conversation or an epoch that never was", async () => {
      const { owner } = await begin();
      await changesNothing({ ...owner, conversation: bob });
      await changesNothing({ ...owner, epoch: owner.epoch + 1 });
    });

    it("takes what it wrote in the same transaction with it, messages included (trap 3)", async () => {
      const { owner, item } = await begin();
      await use.store.transact((tx) => tx.deposeAll(45));
      const before = await everything(use.store, alice, bob);
      const settling = use.store.transact(async (tx) => {
        await tx.moveItem(item, "running", "done");
        await addNotice(tx, alice, "Done.");
        await tx.adopt(alice, owner.run, evidence.processes);
        if (!(await tx.settleRun(owner, finished, emptyTranscript, 50))) throw new Error("deposed");
      });
      await expect(settling).rejects.toThrow("deposed");
      expect(await everything(use.store, alice, bob)).toEqual(before);
      expect(await use.store.transact((tx) => tx.adopted(null))).toEqual([]);
    });
  });

  describe("a run", () => {
    const use = useStore(newDatabase);

    async function begin(): Promise<Claimed> {
      await openLanes(use.store, alice, bob);
      await accept(use.store, alice, "a", "b");
      return claimed(use.store, "r1");
    }
    const state = async () => (await use.store.transact((tx) => tx.lane(alice)))?.state;

    it("goes from starting to running, and its session can then be resumed", async () => {
      const { owner, item } = await begin();
      const live = await use.store.transact((tx) => tx.run(owner));
      expect(live).toStrictEqual({
        owner,
        item,
        workspace: `/projects/${alice}`,
        session: `session of ${alice}`,
        driver: "scripted",
        slot: 1,
        incarnation: use.store.incarnation,
        state: "starting",
        stopWhy: null,
        isBackground: false,
        startedAtMs: 20,
      });
      expect(await state()).toEqual({ kind: "running", owner });
      await use.store.transact((tx) => tx.confirmRun(owner, "agent's id"));
      expect(await use.store.transact((tx) => tx.run(owner))).toStrictEqual({ ...live, state: "running" });
      expect((await use.store.transact((tx) => tx.lane(alice)))?.session).toEqual({
        id: `session of ${alice}`,
        resume: "agent's id",
        driver: null,
      });
    });

    it("that is being stopped is not running again because its agent spoke late", async () => {
      const { owner } = await begin();
      await use.store.transact((tx) => tx.markStopping(owner, "replaced", 21));
      await use.store.transact((tx) => tx.confirmRun(owner, "agent's id"));
      expect(await state()).toEqual({ kind: "stopping", owner, why: "replaced" });
      await use.store.transact((tx) => tx.markStopping(owner, "user", 22));
      expect(await state()).toEqual({ kind: "stopping", owner, why: "user" });
    });

    it("that confirms without an id keeps the one that is known", async () => {
      const first = await begin();
      await use.store.transact((tx) => tx.confirmRun(first.owner, "agent's id"));
      await settle(use.store, first);
      const second = await claimed(use.store, "r2");
      await use.store.transact((tx) => tx.confirmRun(second.owner, null));
      expect((await use.store.transact((tx) => tx.lane(alice)))?.session.resume).toBe("agent's id");
    });

    it("does not write its memory into a session that was begun meanwhile", async () => {
      const { owner } = await begin();
      await use.store.transact((tx) => tx.newSession(alice, "fresh", "Another subject"));
      await use.store.transact((tx) => tx.confirmRun(owner, "agent's id"));
      expect(await use.store.transact((tx) => tx.lane(alice))).toMatchObject({
        title: "Another subject",
        session: { id: "fresh", resume: null },
      });
    });

    it("stays quarantined, with its evidence, until it is settled", async () => {
      const { owner } = await begin();
      await use.store.transact((tx) => tx.markStopping(owner, "user", 21));
      await use.store.transact((tx) => tx.quarantineRun(owner, evidence));
      await use.store.transact((tx) => tx.markStopping(owner, "user", 22));
      await use.store.transact((tx) => tx.confirmRun(owner, null));
      expect(await state()).toEqual({ kind: "quarantined", owner, why: "user", evidence });
      await use.store.transact((tx) => tx.settleRun(owner, { kind: "stopped", why: "user" }, emptyTranscript, 60));
      expect(await state()).toEqual({ kind: "idle" });
    });

    it("that a crash left behind is taken over, whatever its state was, and holds its places", async () => {
      const { owner } = await begin();
      await accept(use.store, bob, "x");
      const other = await claimed(use.store, "r2");
      await use.store.transact((tx) => tx.quarantineRun(other.owner, evidence));
      await use.reboot();
      const owned = await use.store.transact((tx) => tx.deposeAll(45));
      expect(owned).toMatchObject(
        [owner, other.owner].map((old) => ({
          owner: { ...old, epoch: old.epoch + 1 },
          state: "stopping",
          stopWhy: "crash",
          incarnation: use.store.incarnation,
        })),
      );
      expect(await use.store.history.liveRuns()).toEqual(owned);
      expect(await use.store.transact((tx) => tx.nextReady(4))).toBeNull();
      const settled = use.store.transact((tx) =>
        tx.settleRun(owned[0]!.owner, { kind: "interrupted" }, emptyTranscript, 50),
      );
      expect(await settled).toBe(true);
      expect((await claimed(use.store, "r3")).owner).toEqual({ conversation: alice, run: "r3", epoch: 3 });
    });
  });
}
