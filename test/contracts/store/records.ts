/** Sessions, buttons, stop waits, adopted processes. */
import { defaultConversationSettings } from "../../../src/domain/conversation-settings.ts";
import { describe, expect, it } from "vitest";
import type { Button, ButtonId } from "../../../src/domain/button.ts";
import type { RunId } from "../../../src/domain/run.ts";
import { accept, alice, bob, carol, claimed, item, type NewDatabase, openLanes, settle } from "./kit.ts";
import { useStore } from "./use-store.ts";

const button: Button = { id: "b1" as ButtonId, action: { kind: "clear-queue" } };

export function recordsContract(newDatabase: NewDatabase): void {
  describe("lanes", () => {
    const use = useStore(newDatabase);

    it("are opened once: a later opening changes nothing", async () => {
      await use.store.transact((tx) => tx.openLane(alice, "/one", true, "s1"));
      await use.store.transact((tx) => tx.openLane(alice, "/two", false, "s2"));
      expect(await use.store.transact((tx) => tx.lane(alice))).toStrictEqual({
        conversation: alice,
        workspace: "/one",
        title: null,
        epoch: 0,
        state: { kind: "idle" },
        session: { id: "s1", resume: null, driver: null },
        driver: null,
        permissions: null,
        model: null,
        settings: defaultConversationSettings,
      });
      expect(await use.store.transact((tx) => tx.lane(bob))).toBeNull();
    });

    it("count what waits in them", async () => {
      await openLanes(use.store, bob, alice);
      const [a] = await accept(use.store, alice, "a", "b", "c");
      await use.store.transact((tx) => tx.moveItem(a!, "queued", "held"));
      const expected = [
        { conversation: bob, queued: 0, held: 0 },
        { conversation: alice, queued: 2, held: 1 },
      ];
      expect(await use.store.transact((tx) => tx.lanes())).toMatchObject(expected);
      expect(await use.store.history.lanes()).toMatchObject(expected);
    });

    it("get a title, and a new session has its own", async () => {
      await openLanes(use.store, alice, bob);
      await use.store.transact((tx) => tx.setTitle(alice, "First"));
      const titles = async () => (await use.store.history.lanes()).map(({ title }) => title);
      expect(await titles()).toEqual(["First", null]);
      await use.store.transact((tx) => tx.newSession(alice, "s2", null));
      expect(await titles()).toEqual([null, null]);
    });
  });

  describe("a button", () => {
    const use = useStore(newDatabase);
    const press = (of = alice, atMs = 50) => use.store.transact((tx) => tx.useButton(button.id, of, atMs));

    it("works once, however often it is pressed at the same time (N-10)", async () => {
      await openLanes(use.store, alice);
      await use.store.transact((tx) => tx.addButton(button, alice, 1_000));
      const presses = await Promise.all([press(), press(), press()]);
      expect(presses).toStrictEqual([
        { kind: "used", action: button.action, conversation: alice },
        { kind: "spent" },
        { kind: "spent" },
      ]);
    });

    it("is not used up by a transaction that fails", async () => {
      await openLanes(use.store, alice);
      await use.store.transact((tx) => tx.addButton(button, alice, 1_000));
      const failing = use.store.transact(async (tx) => {
        await tx.useButton(button.id, alice, 50);
        throw new Error("no");
      });
      await expect(failing).rejects.toThrow("no");
      expect((await press()).kind).toBe("used");
    });

    it("is unknown in another conversation, and stays usable in its own (N-12)", async () => {
      await openLanes(use.store, alice, bob);
      expect(await press()).toEqual({ kind: "unknown" });
      await use.store.transact((tx) => tx.addButton(button, alice, 1_000));
      expect(await press(bob)).toEqual({ kind: "unknown" });
      expect((await press(alice)).kind).toBe("used");
    });

    it("expires", async () => {
      await openLanes(use.store, alice);
      await use.store.transact((tx) => tx.addButton(button, alice, 1_000));
      expect(await press(alice, 1_000)).toEqual({ kind: "expired" });
      expect((await press(alice, 999)).kind).toBe("used");
      expect(await press(alice, 1_000)).toEqual({ kind: "spent" });
    });
  });

  describe("a stop of everything", () => {
    const use = useStore(newDatabase);

    it("is answered once, when the last run it waits for is over, with the tally (SP-1)", async () => {
      await openLanes(use.store, alice, bob, carol);
      for (const each of [alice, bob]) await accept(use.store, each, `of ${each}`);
      const runs = [(await claimed(use.store, "r1")).owner.run, (await claimed(use.store, "r2")).owner.run] as const;
      const [first, second] = await use.store.transact(async (tx) => {
        const ids = [
          await tx.addItem(item(carol, "stop 1"), "running", 50),
          await tx.addItem(item(carol, "stop 2"), "running", 50),
        ];
        await tx.addStopWait(ids[0]!, runs[0]);
        await tx.addStopWait(ids[0]!, runs[1]);
        await tx.addStopWait(ids[0]!, runs[1]);
        await tx.addStopWait(ids[1]!, runs[1]);
        return ids;
      });
      const end = (run: RunId, how: "stopped" | "quarantined") => use.store.transact((tx) => tx.endStopWaits(run, how));
      expect(await end(runs[0], "stopped")).toEqual([]);
      await use.reboot();
      expect(await end(runs[1], "quarantined")).toMatchObject([
        { item: { id: first }, stopped: 1, quarantined: 1 },
        { item: { id: second }, stopped: 0, quarantined: 1 },
      ]);
      expect(await end(runs[1], "stopped")).toEqual([]);
    });
  });

  describe("adopted processes", () => {
    const use = useStore(newDatabase);
    const server = { pid: 7, startTime: "70", command: "vite" };
    const watcher = { pid: 8, startTime: "80", command: "tsc" };

    it("are remembered with their conversation until they are dropped", async () => {
      await openLanes(use.store, alice, bob);
      await accept(use.store, alice, "a");
      const run = await claimed(use.store, "r1");
      await settle(use.store, run);
      await use.store.transact((tx) => tx.adopt(alice, run.owner.run, [server, watcher]));
      await use.store.transact((tx) => tx.adopt(alice, run.owner.run, [server]));
      const adopted = (of: typeof alice | null) => use.store.transact((tx) => tx.adopted(of));
      expect(await adopted(null)).toStrictEqual([
        { conversation: alice, process: server },
        { conversation: alice, process: watcher },
      ]);
      expect(await adopted(bob)).toEqual([]);
      await use.store.transact((tx) => tx.dropAdopted([server, { ...watcher, startTime: "another process" }]));
      expect(await adopted(alice)).toStrictEqual([{ conversation: alice, process: watcher }]);
    });
  });
}
