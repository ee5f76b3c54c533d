import { describe, expect, it } from "vitest";

import { type Ask, type AskId, type AskState, openAsk } from "../domain/ask.ts";
import type { ButtonId } from "../domain/button.ts";
import { telegramConversation } from "../domain/conversation.ts";
import type { RunId, RunOutcome } from "../domain/run.ts";
import { emptyTranscript } from "../domain/transcript.ts";
import type { OutboxId, Outgoing } from "../engine/ports.ts";
import type { Outcome } from "./client.ts";
import {
  type Call,
  createManualClock,
  createMemoryOutbox,
  createRecordedLog,
  createRecordingEngine,
  createScriptedTelegram,
} from "./test-ports.ts";
import { createTestSender } from "./test-sender.ts";

const run = "run-1" as RunId;
const alice = telegramConversation(1, null);
const bob = telegramConversation(2, null);
const group = telegramConversation(-5, null);

function createWorld() {
  const clock = createManualClock();
  const engine = createRecordingEngine();
  const outbox = createMemoryOutbox(clock);
  const telegram = createScriptedTelegram();
  const log = createRecordedLog();
  /** The copies that are there, by their ids. */
  const copies = new Map<string, string>();
  const files = { find: (id: string) => Promise.resolve(copies.get(id) ?? null) };
  /** How many messages wait behind each run. */
  const line = { waiting: 0, wantsNone: "" };
  const waiting = () => Promise.resolve(line.waiting);
  const reacts = (conversation: string) => Promise.resolve(conversation !== line.wantsNone);
  const sender = createTestSender({ client: telegram, engine, outbox, clock, files, waiting, reacts, log });
  const end = new AbortController();
  const ended = sender.run(end.signal);
  return {
    clock,
    engine,
    outbox,
    telegram,
    log,
    line,
    copies,
    sender,
    async say(body: Outgoing, conversation = alice): Promise<OutboxId> {
      const id = outbox.add(conversation, body);
      engine.changed(conversation);
      await clock.settle();
      return id;
    },
    /** A status message that is shown, of a run that is live. */
    async showRun(conversation = alice): Promise<OutboxId> {
      engine.show(run, conversation);
      return this.say(status, conversation);
    },
    async settleRun(outcome: RunOutcome, conversation = alice): Promise<void> {
      engine.settle(run);
      if (outbox.endStatus(run)) outbox.add(conversation, summary(outcome));
      engine.changed(conversation);
      await clock.settle();
    },
    async stop() {
      end.abort();
      await clock.advance(10_000);
      return ended;
    },
  };
}

const stop = {
  id: "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" as ButtonId,
  action: { kind: "stop", owner: { conversation: alice, run, epoch: 1 } },
} as const;
const status: Outgoing = { kind: "status", run, stop };
const answer = (text: string): Outgoing => ({ kind: "answer", run, text });
const notice: Outgoing = { kind: "notice", notice: { kind: "stopping" }, buttons: [], replyTo: "7" };
const summary = (outcome: RunOutcome): Outgoing => ({
  kind: "summary",
  summary: { run, outcome, durationMs: 12_000, transcript: { ...emptyTranscript, toolCount: 3 } },
});

const once = (matches: (call: Call) => boolean, outcome: Outcome<never>) => {
  let isSpent = false;
  return (call: Call): Outcome<never> | null => {
    if (isSpent || !matches(call)) return null;
    isSpent = true;
    return outcome;
  };
};

describe("order and pace", () => {
  it("sends a quick answer at once, without waiting for any timer", async () => {
    const world = createWorld();
    await world.clock.settle();
    const id = await world.say(answer("hi"));
    expect(world.telegram.seen).toEqual(["text 1: hi"]);
    expect(world.outbox.row(id)).toMatchObject({ state: "sent", message: "101" });
  });

  it("keeps the order of a chat while its first message is still in flight", async () => {
    const world = createWorld();
    const gate = Promise.withResolvers<Outcome<never>>();
    world.telegram.meet = (call) => (call.text === "one" ? gate.promise : null);
    await world.say(answer("one"));
    await world.say(answer("two"));
    await world.say(answer("other"), bob);
    expect(world.telegram.seen).toEqual(["text 1: one", "text 2: other"]);
    world.telegram.meet = () => null;
    gate.resolve({ kind: "retry-later", afterMs: 3_000 });
    await world.clock.advance(2_999);
    expect(world.telegram.seen).toHaveLength(2);
    await world.clock.advance(2_000);
    expect(world.telegram.seen.slice(2)).toEqual(["text 1: one", "text 1: two"]);
  });

  it("holds back only the chat that Telegram tells to wait", async () => {
    const world = createWorld();
    world.telegram.meet = once(({ chat }) => chat === 1, { kind: "retry-later", afterMs: 60_000 });
    const held = await world.say(answer("to alice"));
    await world.say(answer("to bob"), bob);
    expect(world.telegram.seen).toEqual(["text 1: to alice", "text 2: to bob"]);
    await world.clock.advance(59_000);
    await world.say(answer("more for bob"), bob);
    expect(world.telegram.seen).toHaveLength(3);
    expect(world.outbox.row(held).uncertain).toBe(false);
    await world.clock.advance(1_001);
    expect(world.telegram.seen.at(-1)).toBe("text 1: to alice");
    expect(world.outbox.row(held).state).toBe("sent");
  });

  it("lets a burst pass, then keeps to one message a second in a private chat and 20 a minute in a group", async () => {
    const world = createWorld();
    for (let index = 0; index < 30; index += 1) {
      world.outbox.add(alice, answer(`p${index}`));
      world.outbox.add(group, answer(`g${index}`));
    }
    world.engine.changed(alice);
    await world.clock.settle();
    const count = (chat: number): number => world.telegram.calls.filter((call) => call.chat === chat).length;
    expect([count(1), count(-5)]).toEqual([5, 5]);
    await world.clock.advance(10_000);
    expect([count(1), count(-5)]).toEqual([14, 14]);
    await world.clock.advance(49_000);
    expect([count(1), count(-5)]).toEqual([30, 19]);
  });

  it("finds a row whose wake-up was lost", async () => {
    const world = createWorld();
    await world.clock.settle();
    world.outbox.add(alice, answer("silent"));
    await world.clock.advance(1_000);
    expect(world.telegram.seen).toEqual(["text 1: silent"]);
  });
});

describe("unknown outcomes", () => {
  it("sends once more after an unknown outcome, and says that it may be a repetition", async () => {
    const world = createWorld();
    world.telegram.meet = once(({ method }) => method === "text", { kind: "unknown", detail: "ECONNRESET" });
    const id = await world.say(answer("**done**"));
    expect(world.outbox.row(id)).toMatchObject({ state: "pending", uncertain: true });
    await world.clock.advance(5_000);
    expect(world.telegram.seen).toEqual(["text 1: done", "text 1: (possibly repeated) done"]);
    expect(world.outbox.row(id).state).toBe("sent");
  });

  it("gives up after the second unknown outcome: a third message would be a guess", async () => {
    const world = createWorld();
    world.telegram.meet = ({ method }) => (method === "text" ? { kind: "unknown", detail: "ECONNRESET" } : null);
    const id = await world.say(answer("done"));
    await world.clock.advance(600_000);
    expect(world.telegram.seen).toHaveLength(2);
    expect(world.outbox.row(id).state).toBe("undeliverable");
  });

  it("does not spend the one more attempt while Telegram does not answer at all", async () => {
    const world = createWorld();
    let isDown = true;
    world.telegram.meet = () => (isDown ? { kind: "unknown", detail: "ETIMEDOUT" } : null);
    const id = await world.say(answer("done"));
    await world.clock.advance(600_000);
    expect(world.telegram.seen).toHaveLength(1);
    isDown = false;
    await world.clock.advance(60_000);
    expect(world.telegram.seen.slice(1)).toEqual(["text 1: (possibly repeated) done"]);
    expect(world.outbox.row(id).state).toBe("sent");
  });

  it("tries for as long as it takes when Telegram never saw the message, without calling it a repetition", async () => {
    const world = createWorld();
    let isDown = true;
    world.telegram.meet = () => (isDown ? { kind: "unreachable", detail: "ECONNREFUSED" } : null);
    await world.say(answer("done"));
    await world.clock.advance(3_600_000);
    isDown = false;
    await world.clock.advance(31_000);
    expect(world.telegram.seen.at(-1)).toBe("text 1: done");
    expect(world.telegram.seen.length).toBeLessThan(150);
  });

  it("marks what an earlier life was sending when it ended", async () => {
    const clock = createManualClock();
    const outbox = createMemoryOutbox(clock);
    const engine = createRecordingEngine();
    const telegram = createScriptedTelegram();
    outbox.leaveSending(outbox.add(alice, answer("from before")));
    const end = new AbortController();
    const ended = createTestSender({ client: telegram, engine, outbox, clock }).run(end.signal);
    await clock.settle();
    expect(telegram.seen).toEqual(["text 1: (possibly repeated) from before"]);
    end.abort();
    await clock.advance(1_000);
    await ended;
  });

  it("repeats only the part of a long answer whose outcome is unknown", async () => {
    const world = createWorld();
    const text = `${"a".repeat(4_000)}\n\n${"b".repeat(4_000)}\n\nend`;
    world.telegram.meet = once((call) => call.text.startsWith("b"), { kind: "unknown", detail: "ECONNRESET" });
    const id = await world.say(answer(text));
    await world.clock.advance(10_000);
    expect(world.telegram.seen.map((line) => line.slice(8, 32))).toEqual([
      "a".repeat(24),
      "b".repeat(24),
      "(possibly repeated) bbbb",
    ]);
    expect(world.outbox.row(id)).toMatchObject({ state: "sent", message: "102" });
  });

  it("writes down a delivery even when the database fails for a while, instead of repeating it", async () => {
    const world = createWorld();
    world.outbox.fail("sent", 3);
    const id = await world.say(answer("once"));
    await world.clock.advance(60_000);
    expect(world.telegram.seen).toEqual(["text 1: once"]);
    expect(world.outbox.row(id).state).toBe("sent");
  });

  it("goes on after trouble with reading and claiming", async () => {
    const world = createWorld();
    world.outbox.fail("due", 2);
    world.outbox.fail("begin", 2);
    await world.say(answer("late"));
    await world.clock.advance(60_000);
    expect(world.telegram.seen).toEqual(["text 1: late"]);
  });
});

describe("refusals", () => {
  it("sends the same text without formatting when Telegram refuses the formatting", async () => {
    const world = createWorld();
    world.telegram.meet = ({ entities }) =>
      entities > 0 ? { kind: "rejected", code: 400, why: "formatting", description: "can't parse entities" } : null;
    const id = await world.say(answer("**bold**"));
    expect(world.telegram.calls.map(({ text, entities }) => [text, entities])).toEqual([
      ["bold", 1],
      ["bold", 0],
    ]);
    expect(world.outbox.row(id).state).toBe("sent");
  });

  it("stops writing to a chat that blocked the bot, without spinning, until it speaks again", async () => {
    const world = createWorld();
    world.telegram.meet = () => ({ kind: "rejected", code: 403, why: "forbidden", description: "Forbidden" });
    const ids = [await world.say(answer("one")), await world.say(answer("two")), await world.say(notice)];
    await world.clock.advance(60_000);
    expect(ids.map((id) => world.outbox.row(id).state)).toEqual(["undeliverable", "undeliverable", "undeliverable"]);
    expect(world.telegram.calls).toHaveLength(1);
    world.telegram.meet = () => null;
    world.sender.reopen(1);
    const later = await world.say(answer("three"));
    expect(world.outbox.row(later).state).toBe("sent");
  });

  it("follows a group that became a supergroup", async () => {
    const world = createWorld();
    world.telegram.meet = ({ chat }) => (chat === -5 ? { kind: "moved", chat: -1005 } : null);
    await world.say(answer("one"), group);
    await world.say(answer("two"), group);
    expect(world.telegram.seen).toEqual(["text -5: one", "text -1005: one", "text -1005: two"]);
  });

  it("stops when the token is revoked, and keeps the row", async () => {
    const world = createWorld();
    world.telegram.meet = () => ({ kind: "unauthorised" });
    const id = await world.say(answer("one"));
    expect(await world.stop()).toBe("unauthorised");
    expect(world.outbox.row(id)).toMatchObject({ state: "pending", uncertain: false });
    expect(world.telegram.calls).toHaveLength(1);
  });
});

describe("the live status", () => {
  it("shows the newest snapshot only, however many came in between", async () => {
    const world = createWorld();
    await world.showRun();
    const gate = Promise.withResolvers<Outcome<never> | null>();
    for (let index = 0; index < 100; index += 1) {
      world.engine.show(run, alice, { transcript: { phase: { kind: "writing" }, text: `word ${index}` } });
    }
    world.telegram.meet = ({ method }) => (method === "edit" ? gate.promise : null);
    await world.clock.advance(1_500);
    for (let index = 100; index < 200; index += 1)
      world.engine.show(run, alice, { transcript: { text: `word ${index}` } });
    world.telegram.meet = () => null;
    gate.resolve(null);
    await world.clock.advance(1_600);
    const edits = world.telegram.calls.filter(({ method }) => method === "edit");
    expect(edits.map(({ text }) => text.split("\n").at(-1))).toEqual(["word 99", "word 199"]);
    expect(edits.every(({ labels, message }) => labels.join() === "\u25A0 Stop" && message === 101)).toBe(true);
  });

  it("edits no faster than every 1.5 s in a private chat and every 4 s in a group", async () => {
    for (const [conversation, mostEdits] of [
      [alice, 20],
      [group, 8],
    ] as const) {
      const world = createWorld();
      await world.showRun(conversation);
      for (let tick = 0; tick < 300; tick += 1) {
        world.engine.show(run, conversation, { transcript: { phase: { kind: "writing" }, text: `tick ${tick}` } });
        await world.clock.advance(100);
      }
      const edits = world.telegram.calls.filter(({ method }) => method === "edit").length;
      expect(edits).toBeLessThanOrEqual(mostEdits);
      expect(edits).toBeGreaterThanOrEqual(mostEdits / 2);
    }
  });

  it("does not hold up the answer when its own sending fails", async () => {
    const world = createWorld();
    world.telegram.meet = once(({ method }) => method === "text", { kind: "unknown", detail: "ECONNRESET" });
    await world.showRun();
    await world.settleRun({ kind: "finished" });
    await world.say(answer("quick"));
    expect(world.telegram.seen.slice(1)).toEqual(["text 1: quick"]);
    await world.clock.advance(60_000);
    expect(world.telegram.seen).toHaveLength(2);
  });

  it("is not sent for a run that was over before its turn came", async () => {
    const world = createWorld();
    world.engine.show(run, alice);
    const id = world.outbox.add(alice, status, { notBeforeMs: world.clock.now() + 400 });
    await world.clock.advance(100);
    world.engine.settle(run);
    await world.clock.advance(2_000);
    expect(world.telegram.seen).toEqual([]);
    expect(world.outbox.row(id).state).toBe("superseded");
  });

  it("appears soon after it is due, with no traffic to wake it", async () => {
    const world = createWorld();
    world.engine.show(run, alice);
    world.outbox.add(alice, status, { notBeforeMs: world.clock.now() + 400 });
    world.engine.changed(alice);
    await world.clock.advance(650);
    expect(world.telegram.seen).toHaveLength(1);
  });

  it("ends in one line without buttons, and nothing is drawn of the run after it (I8)", async () => {
    const world = createWorld();
    await world.showRun();
    world.engine.show(run, alice, { transcript: { phase: { kind: "writing" }, text: "half" } });
    await world.settleRun({ kind: "stopped", why: "user" });
    await world.say({
      kind: "notice",
      notice: { kind: "stopped", why: "user", held: 0, forced: false },
      buttons: [],
      replyTo: null,
    });
    // A handle that lingers for a moment must not bring the run back.
    world.engine.show(run, alice, { transcript: { text: "late" } });
    await world.clock.advance(60_000);
    const [last, said, ...rest] = world.telegram.seen.slice(1);
    expect(last).toBe("edit 1: \u25A0 stopped \u00B7 12 s \u00B7 3 tools");
    expect(world.telegram.calls.find(({ method }) => method === "edit")?.labels).toEqual([]);
    expect(said).toBe("text 1: Stopped.");
    expect(rest).toEqual([]);
  });

  it("draws nothing after the last line even when the run's handle lingers", async () => {
    const world = createWorld();
    await world.showRun();
    world.outbox.endStatus(run);
    await world.say(summary({ kind: "finished" }));
    world.engine.show(run, alice, { transcript: { phase: { kind: "writing" }, text: "late" } });
    await world.clock.advance(60_000);
    expect(world.telegram.seen.slice(1)).toEqual(["edit 1: \u2714 12 s \u00B7 3 tools"]);
  });

  it("waits for an edit in flight before the last word, so that nothing comes after it", async () => {
    const world = createWorld();
    await world.showRun();
    const gate = Promise.withResolvers<never>();
    world.engine.show(run, alice, { transcript: { phase: { kind: "writing" }, text: "half" } });
    world.telegram.meet = ({ method }) => (method === "edit" ? gate.promise : null);
    await world.clock.advance(1_500);
    await world.settleRun({ kind: "stopped", why: "user" });
    await world.say(notice);
    expect(world.telegram.seen).toHaveLength(2);
    world.telegram.meet = () => null;
    gate.resolve(null as never);
    await world.clock.advance(1_100);
    expect(world.telegram.seen.slice(2)).toEqual([
      "edit 1: \u25A0 stopped \u00B7 12 s \u00B7 3 tools",
      "text 1: Stopping\u2026",
    ]);
  });

  it("has nothing to sum up when it was never shown or was deleted", async () => {
    const world = createWorld();
    const unseen = await world.say(summary({ kind: "finished" }));
    await world.clock.advance(2_000);
    expect(world.outbox.row(unseen).state).toBe("superseded");
    await world.showRun();
    world.telegram.meet = ({ method }) =>
      method === "edit" ? { kind: "rejected", code: 400, why: "message-gone", description: "" } : null;
    await world.settleRun({ kind: "finished" });
    await world.clock.advance(1_100);
    expect(world.telegram.seen).toHaveLength(2);
    await world.clock.advance(60_000);
    expect(world.telegram.seen).toHaveLength(2);
  });

  it("repeats the last edit after an unknown outcome, since the same edit twice is one", async () => {
    const world = createWorld();
    await world.showRun();
    let failures = 3;
    world.telegram.meet = ({ method }) =>
      method === "edit" && failures-- > 0 ? { kind: "unknown", detail: "ECONNRESET" } : null;
    await world.settleRun({ kind: "finished" });
    await world.clock.advance(60_000);
    expect(world.telegram.seen.at(-1)).toBe("edit 1: \u2714 12 s \u00B7 3 tools");
    expect(world.telegram.seen).toHaveLength(5);
  });

  it("lets messages go before edits when the chat's rate is used up", async () => {
    const world = createWorld();
    await world.showRun(group);
    for (const text of ["a", "b", "c", "d", "e"]) world.outbox.add(group, answer(text));
    world.engine.show(run, group, { transcript: { phase: { kind: "writing" }, text: "news" } });
    world.engine.changed(group);
    await world.clock.advance(30_000);
    const order = world.telegram.calls.filter(({ method }) => method !== "typing").map(({ method }) => method);
    expect(order.slice(0, 6)).toEqual(["text", "text", "text", "text", "text", "text"]);
  });

  it("shows typing while a run lives, not before a quick answer and not after the end", async () => {
    const world = createWorld();
    const typing = () => world.telegram.calls.filter(({ method }) => method === "typing").length;
    world.engine.show(run, alice);
    world.engine.changed(alice);
    await world.clock.advance(400);
    expect(typing()).toBe(0);
    await world.clock.advance(8_200);
    expect(typing()).toBe(3);
    world.engine.settle(run);
    await world.clock.advance(20_000);
    expect(typing()).toBe(3);
  });

  it("shows typing where a group has moved to, not in the chat that is no more", async () => {
    const world = createWorld();
    world.telegram.meet = ({ chat }) => (chat === -5 ? { kind: "moved", chat: -1005 } : null);
    await world.say(answer("one"), group);
    world.engine.show(run, group);
    world.engine.changed(group);
    await world.clock.advance(1_000);
    const typed = world.telegram.calls.filter(({ method }) => method === "typing");
    expect(typed.map(({ chat }) => chat)).toEqual([-1005]);
  });
});

describe("what an agent asks", () => {
  const ask: Ask = {
    ...{ kind: "approval", reason: null, scopes: ["once"] },
    action: { kind: "command", command: "rm -rf build", directory: null },
  };
  const allow = { id: "BBBBBBBBBBBBBBBBBBBBBBBBBBBBBB" as ButtonId } as const;
  const card = (state: AskState, isFirst = false, more: Partial<Outgoing & { kind: "ask" }> = {}): Outgoing => ({
    ...{ kind: "ask", run, id: "q" as AskId, ask, state, replaces: isFirst ? null : "ask:q" },
    buttons:
      state.kind === "open"
        ? [
            [
              {
                ...allow,
                action: { kind: "answer", ask: "q" as AskId, step: { kind: "deny" }, label: " De\u202Eny\n" },
              },
            ],
          ]
        : [],
    ...more,
  });
  const allowed: AskState = { kind: "answered", answer: { kind: "allow", scope: "once" } };

  it("is one card, and what came of it is drawn over it, without buttons", async () => {
    const world = createWorld();
    const first = await world.say(card(openAsk, true));
    const last = await world.say(card(allowed));
    expect(world.telegram.calls.map(({ method, message, labels }) => [method, message, labels])).toEqual([
      ["text", null, ["Deny"]],
      ["edit", 101, []],
    ]);
    expect(world.telegram.seen[1]).toBe("edit 1: ✔ Allowed once\nrm -rf build");
    expect([world.outbox.row(first), world.outbox.row(last)]).toMatchObject([
      { state: "sent", message: "101" },
      { state: "sent", message: "101" },
    ]);
  });

  it("has the whole of a long command in a file before it; the card is what is drawn over", async () => {
    const world = createWorld();
    const action = { kind: "command", command: "x".repeat(5_000), directory: null } as const;
    await world.say(card(openAsk, true, { ask: { ...ask, action } as Ask }));
    await world.say(card(allowed));
    expect(world.telegram.calls.map(({ method, message }) => [method, message])).toEqual([
      ["file", null],
      ["text", null],
      ["edit", 102],
    ]);
  });

  it("is not drawn over a message that was never sent, or is gone", async () => {
    const world = createWorld();
    expect(world.outbox.row(await world.say(card(allowed))).state).toBe("superseded");
    await world.say(card(openAsk, true));
    world.telegram.meet = once(({ method }) => method === "edit", {
      ...{ kind: "rejected", code: 400, why: "message-gone", description: "Bad Request: message to edit not found" },
    });
    const gone = await world.say(card(allowed));
    await world.clock.advance(2_000);
    expect(world.outbox.row(gone).state).toBe("superseded");
  });

  it("is drawn over without formatting when Telegram refuses that, and again after an unknown outcome", async () => {
    const world = createWorld();
    await world.say(card(openAsk, true));
    world.telegram.meet = once(({ method, entities }) => method === "edit" && entities > 0, {
      ...{ kind: "rejected", code: 400, why: "formatting", description: "Bad Request: can't parse entities" },
    });
    expect(world.outbox.row(await world.say(card(allowed))).state).toBe("sent");
    expect(world.telegram.calls.slice(1).map(({ method, entities }) => [method, entities])).toEqual([
      ["edit", 1],
      ["edit", 0],
    ]);
    world.telegram.meet = once(({ method }) => method === "edit", { kind: "unknown", detail: "ECONNRESET" });
    const again = await world.say(card({ kind: "expired" }));
    await world.clock.advance(5_000);
    expect(world.outbox.row(again).state).toBe("sent");
    expect(world.telegram.seen.slice(-2)).toEqual(Array(2).fill(expect.stringMatching(/^edit 1: \u231B Expired/)));
  });

  it("is waited for in silence: no typing, and no seconds that are counted", async () => {
    const world = createWorld();
    await world.showRun();
    world.engine.show(run, alice, { transcript: { phase: { kind: "asking" } } });
    await world.clock.advance(3_000);
    expect(world.telegram.seen.at(-1)).toMatch(/^edit 1: \u270B Waiting for your answer\u2026\n/);
    const before = world.telegram.calls.length;
    await world.clock.advance(60_000);
    expect(world.telegram.calls).toHaveLength(before);
    world.engine.show(run, alice, { transcript: { phase: { kind: "thinking" } } });
    await world.clock.advance(5_000);
    expect(new Set(world.telegram.calls.slice(before).map(({ method }) => method))).toEqual(
      new Set(["typing", "edit"]),
    );
  });
});

describe("how much is shown", () => {
  it("is the answer alone in quiet conversations", async () => {
    const world = createWorld();
    world.engine.show(run, alice);
    const id = await world.say({ ...status, view: "quiet" });
    await world.clock.advance(10_000);
    await world.settleRun({ kind: "finished" });
    await world.say(answer("done"));
    expect(world.telegram.seen).toEqual(["text 1: done"]);
    expect(world.outbox.row(id).state).toBe("superseded");
  });

  it("is the newest tools as well in verbose ones, and how many messages wait behind the run", async () => {
    const world = createWorld();
    world.line.waiting = 3;
    world.engine.show(run, alice);
    await world.say({ ...status, view: "verbose" });
    const tools = [{ id: "1", name: "Bash", target: "ls", state: "ok" as const }];
    world.engine.show(run, alice, { transcript: { phase: { kind: "thinking" }, tools, toolCount: 1 } });
    await world.clock.advance(1_500);
    expect(world.telegram.seen.at(-1)).toBe(
      "edit 1: \u{1F4AD} Thinking\u2026\n2 s \u00B7 1 tool \u00B7 3 waiting\n\n\u2714 Bash ls",
    );
  });

  it("has a way to the details on the last line", async () => {
    const world = createWorld();
    await world.showRun();
    world.engine.settle(run);
    world.outbox.endStatus(run);
    const id = "CCCCCCCCCCCCCCCCCCCCCCCCCCCCCC" as ButtonId;
    const details = { id, action: { kind: "details", run, page: 0 } } as const;
    await world.say({ ...(summary({ kind: "finished" }) as Outgoing & { kind: "summary" }), buttons: [[details]] });
    await world.clock.advance(2_000);
    expect(world.telegram.calls.at(-1)).toMatchObject({ method: "edit", labels: ["Details"] });
  });
});

describe("drafts", () => {
  const drafted = { ...(status as Outgoing & { kind: "status" }), stream: "drafts" } as const;
  const drafts = (world: ReturnType<typeof createWorld>) =>
    world.telegram.calls.filter(({ method }) => method === "draft");

  it("show a run in a private chat without a message of its own, at the pace of edits, and the answer ends them", async () => {
    const world = createWorld();
    world.engine.show(run, alice);
    await world.say(drafted);
    for (let n = 1; n <= 6; n += 1) {
      world.engine.show(run, alice, { transcript: { phase: { kind: "writing" }, text: `word ${n}` } });
      await world.clock.advance(1_000);
    }
    expect(drafts(world).map(({ text }) => text.split("\n").at(-1))).toEqual([
      "0 s",
      "word 2",
      "word 3",
      "word 5",
      "word 6",
    ]);
    expect(new Set(drafts(world).map(({ message }) => message)).size).toBe(1);
    await world.settleRun({ kind: "finished" });
    await world.say(answer("done"));
    const before = drafts(world).length;
    await world.clock.advance(60_000);
    expect(drafts(world)).toHaveLength(before);
    expect(world.telegram.seen).toEqual(["text 1: done"]);
  });

  it("are written again before they fade, as long as the run lives", async () => {
    const world = createWorld();
    world.engine.show(run, alice);
    await world.say(drafted);
    await world.clock.advance(60_000);
    expect(drafts(world).length).toBeGreaterThanOrEqual(3);
  });

  it("are not shown any more to a person who has stopped the run", async () => {
    const world = createWorld();
    world.engine.show(run, alice);
    await world.say(drafted);
    await world.clock.advance(1_000);
    world.engine.show(run, alice, { state: "stopping" });
    await world.clock.advance(30_000);
    expect(drafts(world)).toHaveLength(1);
  });

  it("are messages in groups, and where Telegram refuses drafts from the next run on", async () => {
    const world = createWorld();
    world.engine.show(run, group);
    await world.say(drafted, group);
    expect(world.telegram.seen).toHaveLength(1);
    world.telegram.meet = ({ method }) =>
      method === "draft" ? { kind: "rejected", code: 404, why: "other", description: "Not Found" } : null;
    const other = "run-2" as RunId;
    world.engine.show(other, alice);
    await world.say({ ...drafted, run: other });
    await world.clock.advance(1_000);
    expect(drafts(world)).toHaveLength(1);
    const next = "run-3" as RunId;
    world.engine.settle(other);
    world.engine.show(next, alice);
    await world.say({ ...drafted, run: next });
    await world.clock.advance(2_000);
    expect(world.telegram.seen[1]).toMatch(/^text 1: /);
  });
});

describe("receipts", () => {
  const reactions = (world: ReturnType<typeof createWorld>) =>
    world.telegram.calls.filter(({ method }) => method === "react").map(({ message, text }) => `${message} ${text}`);

  it("say on the person's message that it waits, runs, and is done", async () => {
    const world = createWorld();
    const queued = { kind: "queued", position: 1, waitsFor: "run", workspace: "/w" } as const;
    await world.say({ kind: "notice", notice: queued, buttons: [], replyTo: "7" });
    world.engine.show(run, alice);
    await world.say({ ...status, about: "7" });
    await world.settleRun({ kind: "finished" });
    await world.say({ kind: "answer", run, text: "done", about: "7" });
    await world.clock.advance(1_000);
    expect(reactions(world)).toEqual(["7 \u{1F440}", "7 \u270D", "7 \u{1F44D}"]);
  });

  it("say that it failed, and nothing any more when it was stopped", async () => {
    const world = createWorld();
    const failed = { kind: "failed", fault: { kind: "overloaded" } } as const;
    await world.say({ kind: "notice", notice: failed, buttons: [], replyTo: "7" });
    const stopped = { kind: "stopped", why: "user", held: 0, forced: false } as const;
    await world.say({ kind: "notice", notice: stopped, buttons: [], replyTo: "8" });
    await world.clock.advance(1_000);
    expect(reactions(world)).toEqual(["7 \u{1F44E}", "8 "]);
  });

  it("are not shown where the conversation does not want them, and one that stands is taken away", async () => {
    const world = createWorld();
    await world.say({ kind: "answer", run, text: "one", about: "7" });
    await world.clock.advance(1_000);
    world.line.wantsNone = alice;
    await world.say({ kind: "answer", run, text: "one again", about: "7" });
    await world.say({ kind: "answer", run, text: "two", about: "8" });
    await world.say({ kind: "answer", run, text: "three", about: "9" }, bob);
    await world.clock.advance(1_000);
    expect(reactions(world)).toEqual(["7 \u{1F44D}", "7 ", "9 \u{1F44D}"]);
  });

  it("are waited for by nothing, and not tried again in a chat that does not take them", async () => {
    const world = createWorld();
    const gate = Promise.withResolvers<Outcome<never>>();
    world.telegram.meet = ({ method }) => (method === "react" ? gate.promise : null);
    await world.say({ kind: "answer", run, text: "one", about: "7" });
    await world.say({ kind: "answer", run, text: "two", about: "8" });
    expect(world.telegram.seen).toEqual(["text 1: one", "text 1: two"]);
    gate.resolve({ kind: "rejected", code: 400, why: "other", description: "Bad Request: REACTION_INVALID" });
    await world.clock.advance(1_000);
    await world.say({ kind: "answer", run, text: "three", about: "9" });
    await world.clock.advance(10_000);
    expect(reactions(world)).toHaveLength(2);
    expect(world.telegram.seen).toHaveLength(3);
  });
});

describe("files", () => {
  const file = (name: string, bytes = 10): Outgoing => ({
    ...{ kind: "file", run, file: { id: "copy", name, bytes }, caption: "Look\u202E" },
  });

  it("leave as what they are called and with their caption; pictures are shown, unless they are too large", async () => {
    const world = createWorld();
    world.copies.set("copy", "/home/outgoing/copy");
    for (const body of [file("a.csv"), file("b.PNG"), file("c.jpg", 11_000_000), file("d.gif")]) await world.say(body);
    expect(world.telegram.files).toMatchObject([
      { name: "a.csv", shownAs: "document", content: { kind: "stored", path: "/home/outgoing/copy" } },
      { name: "b.PNG", shownAs: "photo" },
      { name: "c.jpg", shownAs: "document" },
      { name: "d.gif", shownAs: "document" },
    ]);
    expect(world.telegram.seen[0]).toBe("file 1: Look");
  });

  it("go as a document when Telegram does not take the picture", async () => {
    const world = createWorld();
    world.copies.set("copy", "/home/outgoing/copy");
    world.telegram.meet = once(({ method }) => method === "file", {
      ...{ kind: "rejected", code: 400, why: "other", description: "Bad Request: PHOTO_INVALID_DIMENSIONS" },
    });
    expect(world.outbox.row(await world.say(file("banner.png"))).state).toBe("sent");
    expect(world.telegram.files.map(({ shownAs }) => shownAs)).toEqual(["photo", "document"]);
  });

  it("are sent once more after an unknown outcome, and say so", async () => {
    const world = createWorld();
    world.copies.set("copy", "/home/outgoing/copy");
    world.telegram.meet = once(({ method }) => method === "file", { kind: "unknown", detail: "ETIMEDOUT" });
    await world.say(file("a.csv"));
    await world.clock.advance(5_000);
    expect(world.telegram.seen).toEqual(["file 1: Look", "file 1: (possibly repeated) Look"]);
  });

  it("whose copy is gone are not sent, and what waits behind them is", async () => {
    const world = createWorld();
    const gone = await world.say(file("a.csv"));
    await world.say(answer("done"));
    expect(world.outbox.row(gone).state).toBe("undeliverable");
    expect(world.telegram.seen).toEqual(["text 1: done"]);
    expect(world.log.lines.map(({ text }) => text).join()).toContain("the copy of a file is gone");
  });
});

describe("answers", () => {
  it("sends an answer of more than four messages as its beginning and a file", async () => {
    const world = createWorld();
    await world.say(answer("word ".repeat(5_000)));
    await world.say(answer(`# ${"x".repeat(50_000)}`));
    expect(world.telegram.calls.map(({ method }) => method)).toEqual(["text", "file", "text", "file"]);
    const [words, , one] = world.telegram.calls.map(({ text }) => text);
    expect(words).toMatch(/^word word [\s\S]*word \u2026\n\nThe whole answer is in the file \(1 line, 25 kB\)\.$/);
    expect(one).toMatch(/^x{100}/);
    expect(world.telegram.files.map(({ content }) => content.kind === "text" && content.text.length)).toEqual([
      25_000, 50_002,
    ]);
  });

  it("have the line of their run and its details under all of them, when nothing else shows these", async () => {
    const world = createWorld();
    const id = "CCCCCCCCCCCCCCCCCCCCCCCCCCCCCC" as ButtonId;
    const ended = {
      line: { durationMs: 34_000, toolCount: 12, usage: null },
      buttons: [[{ id, action: { kind: "details", run, page: 0 } } as const]],
    };
    for (const text of ["done", "words ".repeat(1_000), "word ".repeat(5_000), ""])
      await world.say({ kind: "answer", run, text, ...ended });
    await world.clock.advance(20_000);
    const ends = world.telegram.calls.map(({ method, text, labels: [label] }) => [method, text.slice(-17), label]);
    const line = "\u2714 34 s \u00B7 12 tools";
    expect(ends).toEqual([
      ["text", line, "Details"],
      ["text", expect.not.stringContaining("tools"), undefined],
      ["text", line, "Details"],
      ["text", expect.not.stringContaining("tools"), undefined],
      ["file", line, "Details"],
      ["text", line, "Details"],
    ]);
    expect(world.telegram.seen[0]).toBe(`text 1: done\n\n${line}`);
    expect(world.telegram.calls[0]?.entities).toBe(1);
  });

  it("says what follows on the beginning of a long answer, by its headings outside of code", async () => {
    const world = createWorld();
    const section = (name: string) => `## ${name}\n\n\`\`\`sh\n# not a heading\n\`\`\`\n\n${"text ".repeat(1_200)}\n\n`;
    await world.say(answer(["One", "**Two** `b`", "Three ##", "Four"].map(section).join("")));
    const text = world.telegram.calls[0]?.text ?? "";
    expect(text.startsWith("One\n\n# not a heading\n\ntext ")).toBe(true);
    expect(text).toContain("What follows\n\u2022 Two b\n\u2022 Three\n\u2022 Four\n\nThe whole answer");
  });

  it("says so when a turn ended without a text", async () => {
    const world = createWorld();
    await world.say(answer(" \n"));
    expect(world.telegram.seen).toEqual(["text 1: The turn ended without a text."]);
  });

  it("goes to the topic it belongs to", async () => {
    const world = createWorld();
    await world.say(answer("here"), telegramConversation(-5, 77));
    expect(world.telegram.calls).toMatchObject([{ chat: -5, thread: 77 }]);
  });
});

describe("the end", () => {
  it("delivers what is due before it ends, and starts no edit any more", async () => {
    const world = createWorld();
    await world.showRun();
    world.engine.show(run, alice, { transcript: { phase: { kind: "writing" }, text: "news" } });
    world.outbox.add(alice, answer("last words"));
    expect(await world.stop()).toBe("ended");
    expect(world.telegram.seen.slice(1)).toEqual(["text 1: last words"]);
  });

  it("does not wait longer than its grace for a chat that must wait", async () => {
    const world = createWorld();
    world.telegram.meet = () => ({ kind: "retry-later", afterMs: 600_000 });
    const id = await world.say(answer("stuck"));
    expect(await world.stop()).toBe("ended");
    expect(world.outbox.row(id)).toMatchObject({ state: "pending", uncertain: false });
  });

  it("tells a stranger once, beside everything else", async () => {
    const world = createWorld();
    world.sender.mention(9, "private");
    await world.clock.advance(0);
    expect(world.telegram.seen).toEqual(["text 9: private"]);
  });
});

describe("what a schedule's run says (T16)", () => {
  it("names the schedule in its status, in every edit of it, and before its answer", async () => {
    const { outbox, engine, telegram, clock, stop: end } = createWorld();
    engine.show(run, alice);
    outbox.add(alice, status, { origin: "nightly" });
    engine.changed(alice);
    await clock.settle();
    engine.show(run, alice, { transcript: { ...emptyTranscript, text: "Half of it is done" } });
    await clock.advance(5_000);
    engine.settle(run);
    outbox.endStatus(run);
    outbox.add(alice, summary({ kind: "finished" }), { origin: "nightly" });
    outbox.add(alice, answer("Done"), { origin: "nightly" });
    outbox.add(alice, answer("Yours"));
    engine.changed(alice);
    await clock.advance(20_000);
    await end();
    const words = telegram.calls.flatMap(({ method, text }) => (method === "text" || method === "edit" ? [text] : []));
    expect(words.length).toBeGreaterThan(3);
    expect(words.filter((text) => !text.startsWith("\u23F0 nightly\n"))).toEqual(["Yours"]);
  });
});
