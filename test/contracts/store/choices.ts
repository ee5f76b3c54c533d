/** What a conversation chose (agent, model, permissions, session), and what its agents ask. */
import { describe, expect, it } from "vitest";
import type { Ask, AskId, AskState } from "../../../src/domain/ask.ts";
import type { ButtonId } from "../../../src/domain/button.ts";
import type { RunOwner } from "../../../src/domain/run.ts";
import { accept, alice, bob, claimed, item, type NewDatabase, openLanes, settle } from "./kit.ts";
import { useStore } from "./use-store.ts";

const ask: Ask = { kind: "plan", plan: "1. think" };
const id = (name: string): AskId => name as AskId;

export function choicesContract(newDatabase: NewDatabase): void {
  describe("what a conversation chose", () => {
    choices(newDatabase);
  });
}

function choices(newDatabase: NewDatabase): void {
  const use = useStore(newDatabase);
  const laneOf = (conversation = alice) => use.store.transact((tx) => tx.lane(conversation));

  async function begin(): Promise<RunOwner> {
    await openLanes(use.store, alice, bob);
    await accept(use.store, alice, "a");
    return (await claimed(use.store, "r1")).owner;
  }

  describe("a session", () => {
    it("that nobody used becomes the agent's that asks for it; another agent gets one of its own, and finds it again", async () => {
      await openLanes(use.store, alice);
      const first = await use.store.transact((tx) => tx.sessionFor(alice, "claude", "unused"));
      expect(first.session).toMatchObject({ id: `session of ${alice}`, driver: "claude" });
      const other = await use.store.transact((tx) => tx.sessionFor(alice, "codex", "codex 1"));
      expect(other.session).toEqual({ id: "codex 1", driver: "codex", resume: null });
      const back = await use.store.transact((tx) => tx.sessionFor(alice, "claude", "unused too"));
      expect(back.session.id).toBe(`session of ${alice}`);
    });

    it("is found again in its newest, and passes its model on to the one after it", async () => {
      await openLanes(use.store, alice);
      await use.store.transact((tx) => tx.sessionFor(alice, "claude", "x"));
      await use.store.transact((tx) => tx.chooseModel(alice, { id: "big", effort: "high" }));
      await use.store.transact((tx) => tx.newSession(alice, "claude 2", "Another subject"));
      expect(await laneOf()).toMatchObject({ model: { id: "big", effort: "high" }, session: { driver: "claude" } });
      await use.store.transact((tx) => tx.sessionFor(alice, "codex", "codex 1"));
      expect((await laneOf())?.model).toBeNull();
      expect((await use.store.transact((tx) => tx.sessionFor(alice, "claude", "x"))).session.id).toBe("claude 2");
    });

    it("can be one that the agent had before, and is then known as this conversation's", async () => {
      await openLanes(use.store, alice, bob);
      const session = { id: "taken", driver: "claude", resume: "memory", title: "Old" };
      await use.store.transact((tx) => tx.takeSession(alice, session));
      expect(await laneOf()).toMatchObject({
        title: "Old",
        session: { id: "taken", resume: "memory", driver: "claude" },
      });
      expect(await use.store.transact((tx) => tx.holderOf("claude", "memory"))).toBe(alice);
      expect(await use.store.transact((tx) => tx.holderOf("codex", "memory"))).toBeNull();
      await use.store.transact((tx) => tx.newSession(alice, "fresh", null));
      expect(await use.store.transact((tx) => tx.holderOf("claude", "memory"))).toBeNull();
    });
  });

  it("the agent and the permissions are the conversation's own", async () => {
    await openLanes(use.store, alice, bob);
    await use.store.transact((tx) => tx.chooseDriver(alice, "codex"));
    await use.store.transact((tx) => tx.choosePermissions(alice, "plan"));
    expect(await laneOf()).toMatchObject({ driver: "codex", permissions: "plan" });
    expect(await laneOf(bob)).toMatchObject({ driver: null, permissions: null });
  });

  describe("an ask", () => {
    it("is open until it is set otherwise, and counts how often it was drawn", async () => {
      const owner = await begin();
      expect(await use.store.transact((tx) => tx.addAsk(owner, { id: id("q"), agentId: "1", ask }))).toBe(true);
      expect(await use.store.transact((tx) => tx.openAsks(owner.run))).toMatchObject([{ owner, ask, drawn: 0 }]);
      await use.store.transact((tx) => tx.setAsk(id("q"), { kind: "expired" }));
      expect(await use.store.transact((tx) => tx.openAsks(owner.run))).toEqual([]);
      expect(await use.store.transact((tx) => tx.ask(id("q")))).toMatchObject({ state: { kind: "expired" }, drawn: 1 });
    });

    it("is not written by a run that is being stopped, is over, or was deposed (I3)", async () => {
      const owner = await begin();
      const asked = { id: id("q"), agentId: "1", ask };
      expect(await use.store.transact((tx) => tx.addAsk({ ...owner, epoch: owner.epoch - 1 }, asked))).toBe(false);
      await use.store.transact((tx) => tx.markStopping(owner, "user", 30));
      expect(await use.store.transact((tx) => tx.addAsk(owner, asked))).toBe(false);
      await settle(use.store, { owner, item: 1 as never, key: "a" as never, slot: 1 });
      expect(await use.store.transact((tx) => tx.addAsk(owner, asked))).toBe(false);
      expect(await use.store.transact((tx) => tx.ask(id("q")))).toBeNull();
    });

    it("is found by the message that shows it, in its conversation alone", async () => {
      const owner = await begin();
      const body = { kind: "ask" as const, run: owner.run, id: id("q"), ask, replaces: null, buttons: [] };
      const row = { conversation: alice, run: owner.run, dedupe: "ask:q", notBeforeMs: 0 };
      const open = { kind: "open" as const, answers: [], ticked: [] };
      await use.store.transact((tx) => tx.addOutgoing({ ...row, body: { ...body, state: open } }, 40));
      const [due] = await use.store.outbox.due("telegram", 1);
      await use.store.outbox.begin(due!.id);
      await use.store.outbox.sent(due!.id, "900");
      expect(await use.store.transact((tx) => tx.askOfMessage(alice, "900"))).toEqual({
        ask: "q",
        conversation: alice,
      });
      expect(await use.store.transact((tx) => tx.askOfMessage(bob, "900"))).toBeNull();
      expect(await use.store.transact((tx) => tx.askOfMessage(alice, "901"))).toBeNull();
      expect(await use.store.outbox.sentAs("ask:q")).toMatchObject({ message: "900" });
    });

    it("that waits to be shown is shown as it stands, and of its redrawings only the newest (I12)", async () => {
      const owner = await begin();
      const row = { conversation: alice, run: owner.run, notBeforeMs: 0 };
      const body = { kind: "ask" as const, run: owner.run, id: id("q"), ask, buttons: [] };
      const draw = (number: number, state: AskState) => {
        const replaces = number === 0 ? null : "ask:q";
        const dedupe = number === 0 ? "ask:q" : `ask:q:${number}`;
        return use.store.transact((tx) => tx.addOutgoing({ ...row, dedupe, body: { ...body, state, replaces } }, 40));
      };
      const open = (...ticked: string[]): AskState => ({ kind: "open", answers: [], ticked });
      const next = async () => {
        const [due] = await use.store.outbox.due("telegram", 1);
        if (due !== undefined) await use.store.outbox.begin(due.id).then(() => use.store.outbox.sent(due.id, "900"));
        return due?.body;
      };
      for (const [number, state] of [open(), open("a"), open("a", "b")].entries()) await draw(number, state);
      expect(await next()).toMatchObject({ state: open("a", "b"), replaces: null });
      expect(await next()).toMatchObject({ state: open("a", "b"), replaces: "ask:q" });
      expect(await next()).toBeUndefined();
      await draw(3, { kind: "expired" });
      expect(await next()).toMatchObject({ state: { kind: "expired" }, replaces: "ask:q" });
    });
  });

  it("commands that wait for an agent are the running items without a run, but not those that wait for a stop", async () => {
    const owner = await begin();
    const command = item(alice, "model", { request: { kind: "press", button: "b" as ButtonId } });
    const waiting = await use.store.transact((tx) => tx.addItem(command, "running", 10));
    const stop = await use.store.transact((tx) => tx.addItem({ ...command, key: "stop" as never }, "running", 10));
    if (stop === null) throw new Error("seen before");
    await use.store.transact((tx) => tx.addStopWait(stop, owner.run));
    const unanswered = await use.store.transact((tx) => tx.unansweredCommands());
    expect(unanswered.map((one) => one.id)).toEqual([waiting]);
  });
}
