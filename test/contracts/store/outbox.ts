/** The outbox: in order per conversation, one at a time, and an unknown outcome is never forgotten (I6). */
import { describe, expect, it } from "vitest";
import { webConversation } from "../../../src/domain/conversation.ts";
import type { ButtonId } from "../../../src/domain/button.ts";
import type { RunId, RunOutcome, RunOwner } from "../../../src/domain/run.ts";
import { emptyTranscript } from "../../../src/domain/transcript.ts";
import type { OutboxRow, Tx } from "../../../src/engine/ports.ts";
import { accept, addNotice, alice, bob, claimed, finished, type NewDatabase, notice, openLanes } from "./kit.ts";
import { useStore } from "./use-store.ts";

export function outboxContract(newDatabase: NewDatabase): void {
  describe("the outbox", () => {
    const use = useStore(newDatabase);

    const say = (...dedupes: readonly string[]) =>
      use.store.transact(async (tx) => {
        for (const dedupe of dedupes) await addNotice(tx, dedupe.startsWith("b") ? bob : alice, dedupe);
      });
    const due = (limit = 10) => use.store.outbox.due("telegram", limit);
    /** The oldest row that may go now. */
    const next = async (): Promise<OutboxRow> => (await due(1))[0]!;
    const idsOf = async (...conversations: readonly (typeof alice)[]) =>
      (await Promise.all(conversations.map((each) => use.store.history.messages(each, 100))))
        .flat()
        .map(({ id }) => id);
    const row = async (id: OutboxRow["id"]) =>
      (await use.store.history.messages(alice, 100)).find((each) => each.id === id)!;
    const begin = (id: OutboxRow["id"]) => use.store.outbox.begin(id);

    async function startRun(): Promise<RunOwner> {
      await openLanes(use.store, alice);
      await accept(use.store, alice, "a");
      return (await claimed(use.store, "r1")).owner;
    }
    const addStatus = (tx: Tx, owner: RunOwner, notBeforeMs: number) =>
      tx.addOutgoing(
        {
          conversation: owner.conversation,
          run: owner.run,
          dedupe: `status of ${owner.run}`,
          body: { kind: "status", run: owner.run, stop: { id: "b" as ButtonId, action: { kind: "stop", owner } } },
          notBeforeMs,
        },
        40,
      );

    it("sends what tells that a message waits after everything else, and not once the message waits no more (I7)", async () => {
      await openLanes(use.store, alice);
      const item = (await accept(use.store, alice, "a"))[0]!;
      const acknowledgement = { conversation: alice, run: null, body: notice, notBeforeMs: 0, acknowledges: item };
      await use.store.transact((tx) => tx.addOutgoing({ ...acknowledgement, dedupe: "first" }, 40));
      await say("a stop's answer");
      const [acknowledgementId, answerId] = await idsOf(alice);
      expect((await next()).id).toBe(answerId);
      await begin(answerId!);
      await use.store.outbox.sent(answerId!, "1");
      expect((await next()).id).toBe(acknowledgementId);
      await use.store.transact((tx) => tx.moveItem(item, "queued", "cancelled"));
      expect(await due()).toEqual([]);
      expect((await row(acknowledgementId!)).state).toBe("superseded");
    });

    it("keeps a message as it was said, once per dedupe key", async () => {
      await openLanes(use.store, alice);
      await say("a1");
      await say("a1");
      expect(await use.store.history.messages(alice, 10)).toStrictEqual([
        {
          id: 1,
          origin: null,
          conversation: alice,
          run: null,
          body: notice,
          state: "pending",
          message: null,
          attempts: 0,
          uncertain: false,
          createdAtMs: 40,
          notBeforeMs: 0,
        },
      ]);
    });

    it("delivers the rows of a conversation one after the other, and lets others pass", async () => {
      await openLanes(use.store, alice, bob);
      await say("a1", "a2", "b1", "b2");
      const [a1, , b1] = await idsOf(alice, bob);
      expect((await due()).map(({ id }) => id)).toEqual([a1, b1]);
      expect(await due(1)).toHaveLength(1);
      await begin(a1!);
      expect((await due()).map(({ id }) => id)).toEqual([b1]);
      await use.store.outbox.sent(a1!, "900");
      expect(await row(a1!)).toMatchObject({ state: "sent", message: "900", attempts: 1, uncertain: false });
      expect((await due()).map(({ conversation }) => conversation)).toEqual([alice, bob]);
      expect((await due())[0]?.id).not.toBe(a1);
    });

    it("tells what goes behind a row: all of its conversation that is not delivered yet, in order", async () => {
      await openLanes(use.store, alice, bob);
      const item = (await accept(use.store, alice, "a"))[0]!;
      await say("a0", "a1", "b1", "a2");
      const acknowledgement = { conversation: alice, run: null, body: notice, notBeforeMs: 0, acknowledges: item };
      await use.store.transact((tx) => tx.addOutgoing({ ...acknowledgement, dedupe: "waits" }, 40));
      await say("a3", "a4");
      const [a0, a1, a2, waits, a3, a4] = await idsOf(alice);
      const behind = async (id = a1!, limit = 10) =>
        (await use.store.outbox.behind({ id, conversation: alice }, limit)).map((each) => each.id);
      expect(await behind()).toEqual([a2, a3, a4]);
      expect(await behind(waits, 1)).toEqual([a3]);
      await use.store.outbox.end(a2!, "undeliverable");
      await begin(a3!);
      expect((await use.store.outbox.behind({ id: a0!, conversation: alice }, 10)).map(({ state }) => state)).toEqual([
        "pending",
        "sending",
        "pending",
      ]);
    });

    it("does not reorder a conversation whose oldest row was put off", async () => {
      await openLanes(use.store, alice);
      await say("a1", "a2");
      const a1 = await next();
      await begin(a1.id);
      await use.store.outbox.again(a1.id, 200, "refused");
      expect(await due()).toEqual([]);
      use.nowMs = 200;
      expect(await due()).toMatchObject([{ id: a1.id, attempts: 1, uncertain: false }]);
    });

    it("lets later rows pass a status that is not due yet, and holds them back when it is", async () => {
      const owner = await startRun();
      await use.store.transact((tx) => addStatus(tx, owner, 200));
      await say("a1");
      const [status, a1] = await idsOf(alice);
      expect((await due()).map(({ id }) => id)).toEqual([a1]);
      use.nowMs = 200;
      expect((await due()).map(({ id }) => id)).toEqual([status]);
      use.nowMs = 100;
      await begin(a1!);
      use.nowMs = 200;
      expect(await due()).toEqual([]); // one message of a conversation at a time
    });

    it("lets the answer pass the last line of a finished run that is not due yet, and nothing pass that of a stopped one (I8)", async () => {
      await openLanes(use.store, alice);
      const add = (run: string, outcome: RunOutcome) => {
        const summary = { run: run as RunId, outcome, durationMs: 1, transcript: emptyTranscript };
        const body = { kind: "summary" as const, summary };
        return use.store.transact((tx) =>
          tx.addOutgoing({ conversation: alice, run: null, dedupe: `${run}:summary`, body, notBeforeMs: 200 }, 40),
        );
      };
      await add("r1", { kind: "finished" });
      await say("a1");
      const [finishedLine, answer] = await idsOf(alice);
      expect((await due()).map(({ id }) => id)).toEqual([answer]);
      use.nowMs = 200;
      expect((await due()).map(({ id }) => id)).toEqual([finishedLine]);
      for (const id of [finishedLine, answer]) {
        await begin(id!);
        await use.store.outbox.sent(id!, "1");
      }
      use.nowMs = 100;
      await add("r2", { kind: "stopped", why: "user" });
      await say("a2");
      expect(await due()).toEqual([]);
    });

    it("begins a row once", async () => {
      await openLanes(use.store, alice);
      await say("a1");
      const { id } = await next();
      expect(await Promise.all([begin(id), begin(id)])).toEqual([true, false]);
      await use.store.outbox.sent(id, null);
      expect(await begin(id)).toBe(false);
    });

    it("makes nobody wait longer because the clock was set back", async () => {
      await openLanes(use.store, alice);
      use.nowMs = 1_000_000;
      await say("a1");
      const { id } = await next();
      await begin(id);
      await use.store.outbox.again(id, 1_030_000, "refused");
      expect(await due()).toEqual([]);
      use.nowMs = 500_000;
      expect(await next()).toMatchObject({ id, notBeforeMs: 500_000 });
      use.nowMs = 1_029_999;
      expect(await due()).toEqual([]);
    });

    it("remembers an unknown outcome through later refusals (I6)", async () => {
      await openLanes(use.store, alice);
      await say("a1");
      const { id } = await next();
      await begin(id);
      await use.store.outbox.again(id, 0, "unknown");
      await begin(id);
      await use.store.outbox.again(id, 0, "refused");
      expect(await next()).toMatchObject({ id, attempts: 2, uncertain: true });
    });

    it("makes a row that was being sent at a crash uncertain, and leaves other channels' alone", async () => {
      await openLanes(use.store, alice);
      await say("a1", "a2");
      const { id } = await next();
      await begin(id);
      await use.reboot();
      await use.store.outbox.recover("web");
      expect(await due()).toEqual([]);
      await use.store.outbox.recover("telegram");
      expect(await due()).toMatchObject([{ id, uncertain: true, attempts: 1 }]);
      expect((await use.store.history.messages(alice, 10))[1]).toMatchObject({ uncertain: false });
    });

    it("keeps a record of what can never be delivered, and goes on", async () => {
      await openLanes(use.store, alice);
      await say("a1", "a2");
      const { id } = await next();
      await begin(id);
      await use.store.outbox.end(id, "undeliverable");
      expect(await row(id)).toMatchObject({ state: "undeliverable" });
      expect((await next()).id).not.toBe(id);
      await use.store.outbox.end(id, "superseded");
      await use.store.outbox.sent(id, "900");
      expect(await row(id)).toMatchObject({ state: "undeliverable", message: null });
    });

    it("stores the messages of a channel that reads as sent", async () => {
      const web = webConversation("t");
      await openLanes(use.store, web);
      await use.store.transact((tx) => addNotice(tx, web, "w1", 500));
      expect(await use.store.outbox.due("web", 10)).toEqual([]);
      expect(await due()).toEqual([]);
      expect(await use.store.history.messages(web, 10)).toMatchObject([{ state: "sent", attempts: 0 }]);
    });

    it("reads back the newest messages of a conversation in their order, whether they belong to a run or not", async () => {
      await openLanes(use.store, bob);
      await say("b1");
      const owner = await startRun();
      await say("a1");
      await use.store.transact((tx) => addStatus(tx, owner, 0));
      await say("a2");
      await use.store.transact((tx) => tx.settleRun(owner, finished, emptyTranscript, 50));
      await accept(use.store, alice, "b");
      const next = (await claimed(use.store, "r2")).owner;
      await use.store.transact((tx) => addStatus(tx, next, 0));
      const runs = async (limit: number) => (await use.store.history.messages(alice, limit)).map(({ run }) => run);
      expect(await runs(10)).toEqual([null, owner.run, null, next.run]);
      expect(await runs(3)).toEqual([owner.run, null, next.run]);
      expect(await runs(1)).toEqual([next.run]);
    });

    it("reads back the newest messages, oldest first", async () => {
      await openLanes(use.store, alice, bob);
      await say("a1", "a2", "b1", "a3");
      const all = await idsOf(alice);
      expect((await use.store.history.messages(alice, 2)).map(({ id }) => id)).toEqual(all.slice(1));
    });
  });

  describe("the status of a run that is over", () => {
    const use = useStore(newDatabase);

    async function startRun(of = alice): Promise<RunOwner> {
      await openLanes(use.store, of);
      await accept(use.store, of, `of ${of}`);
      const { owner } = await claimed(use.store, `run of ${of}`);
      const stop = { id: "b" as ButtonId, action: { kind: "stop" as const, owner } };
      const body = { kind: "status" as const, run: owner.run, stop };
      await use.store.transact((tx) =>
        tx.addOutgoing({ conversation: of, run: owner.run, dedupe: `status ${of}`, body, notBeforeMs: 0 }, 40),
      );
      return owner;
    }
    const end = (owner: RunOwner) => use.store.transact((tx) => tx.endStatus(owner.run));
    const status = async () => (await use.store.history.messages(alice, 10))[0]!;

    it("is superseded when it was never begun, and there is nothing to replace", async () => {
      const owner = await startRun();
      expect(await end(owner)).toBe(false);
      expect((await status()).state).toBe("superseded");
      expect(await use.store.outbox.begin((await status()).id)).toBe(false);
      expect(await end(owner)).toBe(false);
    });

    it("stays to be replaced when it was shown", async () => {
      const owner = await startRun();
      const { id } = await status();
      expect(await use.store.outbox.sentAs(`status ${alice}`)).toBeNull();
      await use.store.outbox.begin(id);
      await use.store.outbox.sent(id, "900");
      expect(await use.store.outbox.sentAs(`status ${alice}`)).toMatchObject({ id, message: "900" });
      expect(await end(owner)).toBe(true);
      expect((await status()).state).toBe("sent");
    });

    it("is not attempted again when it was being sent at that moment (I8)", async () => {
      const owner = await startRun();
      const { id } = await status();
      await use.store.outbox.begin(id);
      expect(await end(owner)).toBe(true);
      await use.store.outbox.again(id, 0, "refused");
      expect((await status()).state).toBe("superseded");
    });

    it("is not attempted again after a crash either", async () => {
      const owner = await startRun();
      await use.store.outbox.begin((await status()).id);
      await end(owner);
      await use.reboot();
      await use.store.outbox.recover("telegram");
      expect(await status()).toMatchObject({ state: "superseded", uncertain: true });
    });

    it("may have been shown by an attempt without a known outcome", async () => {
      const owner = await startRun();
      const { id } = await status();
      await use.store.outbox.begin(id);
      await use.store.outbox.again(id, 0, "unknown");
      expect(await end(owner)).toBe(true);
      expect((await status()).state).toBe("superseded");
    });

    it("is nothing to replace where there was none", async () => {
      await startRun(bob);
      expect(await use.store.transact((tx) => tx.endStatus("another run" as RunOwner["run"]))).toBe(false);
    });
  });
}
