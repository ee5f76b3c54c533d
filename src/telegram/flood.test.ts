/**
 * Many chats at once, under the limits as the local Bot API has them in its strict mode: what is too fast earns two minutes of silence.
 * Minutes pass under a clock of the test.
 */
import { describe, expect, it } from "vitest";

import { createRateLimits } from "../../test/emulator/rate-limits.ts";
import type { StoredChat } from "../../test/emulator/chats.ts";
import { BotApiError } from "../../test/emulator/bot-api-error.ts";
import { createRandom } from "../../test/fuzz/random.ts";
import type { ButtonId } from "../domain/button.ts";
import { type ConversationId, telegramAddress, telegramConversation } from "../domain/conversation.ts";
import { type AskId, openAsk } from "../domain/ask.ts";
import type { OutboxId, Outgoing } from "../engine/ports.ts";
import type { RunId } from "../domain/run.ts";
import { emptyTranscript } from "../domain/transcript.ts";
import { createManualClock, createMemoryOutbox, createRecordingEngine, createScriptedTelegram } from "./test-ports.ts";
import { createTestSender } from "./test-sender.ts";

const forum = -7;
const people = (count: number): readonly ConversationId[] =>
  Array.from({ length: count }, (_, index) => telegramConversation(index + 1, null));
const sixteenAndForum = [...people(16), ...[1, 2, 3, 4].map((topic) => telegramConversation(forum, topic))];

type Final = { readonly text: string; readonly earliestAtMs: number };

type CrowdOptions = {
  readonly seed: number;
  readonly conversations: readonly ConversationId[];
  readonly minutes: number;
  /** What a request takes to get there, and its answer to come back, each: at least, and so much more at most. In milliseconds. */
  readonly way: { readonly least: number; readonly spread: number };
  /** Whether some runs are stopped, and some ask and are answered soon: what is drawn then has to be drawn over soon after an edit. */
  readonly endings: "finished" | "all";
};

function createCrowd({ seed, conversations, minutes, way, endings }: CrowdOptions) {
  const random = createRandom(seed);
  const clock = createManualClock();
  const engine = createRecordingEngine();
  const outbox = createMemoryOutbox(clock);
  const telegram = createScriptedTelegram();
  const telegramClock = { nowMs: clock.now, nowSeconds: () => Math.floor(clock.now() / 1_000), advance: () => {} };
  const limits = createRateLimits({ mode: "strict", clock: telegramClock, mutations: new Set() });
  const refused: string[] = [];
  const finals: Final[] = [];
  const arrived = new Map<string, number>();
  let runs = 0;
  const decided: OutboxId[] = [];
  const say = (text: string): Outgoing => ({
    ...{ kind: "notice", notice: { kind: "from-agent", text }, buttons: [], replyTo: null },
  });

  telegram.meet = async ({ method, chat, text }) => {
    if (method !== "text" && method !== "edit") return null;
    await onTheWay();
    try {
      limits.spend(
        { id: chat, kind: chat < 0 ? "forum" : "private" } as unknown as StoredChat,
        method === "text" ? "send" : "edit",
      );
    } catch (error) {
      if (!(error instanceof BotApiError)) throw error;
      refused.push(`${method} in ${chat}: ${error.message}`);
      return { kind: "retry-later", afterMs: 126_000 };
    }
    if (text.startsWith("final")) arrived.set(text, clock.now());
    await onTheWay();
    return null;
  };
  const onTheWay = (): Promise<void> => clock.sleep(way.least + random.int(way.spread), new AbortController().signal);

  /** A card, decided half a second after it could be read. */
  async function ask(run: RunId, conversation: ConversationId): Promise<void> {
    const id = `${run}-${clock.now()}` as AskId;
    const action = { kind: "command", command: "ls", directory: null } as const;
    const card = { kind: "ask", run, id, ask: { kind: "approval", action, reason: null, scopes: ["once"] } } as const;
    engine.show(run, conversation, { transcript: { phase: { kind: "asking" } } });
    const row = outbox.add(conversation, { ...card, state: openAsk, replaces: null, buttons: [] });
    engine.changed(conversation);
    for (let looks = 0; looks < 100 && outbox.row(row).state !== "sent"; looks += 1)
      await clock.sleep(50, new AbortController().signal);
    await clock.sleep(500, new AbortController().signal);
    const state = { kind: "answered", answer: { kind: "allow", scope: "once" } } as const;
    decided.push(outbox.add(conversation, { ...card, state, replaces: `ask:${id}`, buttons: [] }));
    engine.changed(conversation);
  }

  /** Runs one after the other, each streaming several times a second. */
  async function live(conversation: ConversationId, untilMs: number): Promise<void> {
    const pause = (ms: number): Promise<void> => clock.sleep(ms, new AbortController().signal);
    await pause(random.int(1_000));
    while (clock.now() < untilMs) {
      runs += 1;
      const run = `run-${runs}` as RunId;
      const stop = {
        id: run.padEnd(30, "A") as ButtonId,
        action: { kind: "stop", owner: { conversation, run, epoch: 1 } },
      } as const;
      engine.show(run, conversation, { startedAtMs: clock.now() });
      outbox.add(conversation, { kind: "status", run, stop }, { notBeforeMs: clock.now() + 500 });
      engine.changed(conversation);
      // Four answers of 20 s each in a group would be more by themselves than it takes.
      const isInGroup = (telegramAddress(conversation)?.chat ?? 0) < 0;
      for (let words = (20 + random.int(80)) * (isInGroup ? 2 : 1); words > 0; words -= 1) {
        await pause(150 + random.int(200));
        engine.show(run, conversation, { transcript: { phase: { kind: "writing" }, text: `word ${words}` } });
        if (endings === "all" && random.int(40) === 0) await ask(run, conversation);
      }
      const isStopped = endings === "all" && random.int(2) === 0;
      engine.settle(run);
      const outcome = isStopped ? ({ kind: "stopped", why: "user" } as const) : ({ kind: "finished" } as const);
      if (outbox.endStatus(run)) {
        const summary = { run, outcome, durationMs: 1, transcript: emptyTranscript };
        outbox.add(conversation, { kind: "summary", summary });
      }
      const text = `final of ${run}`;
      // Nothing of a run comes after its last word: a card that is still to be drawn over goes before it, a second before the last line.
      const isCardWaiting = decided.some((row) => {
        const { state, conversation: of } = outbox.row(row);
        return of === conversation && state !== "sent";
      });
      finals.push({ text, earliestAtMs: clock.now() + (isCardWaiting ? 1_000 : 0) });
      if (isStopped) outbox.add(conversation, say(text));
      else outbox.add(conversation, { kind: "answer", run, text });
      engine.changed(conversation);
      await pause(500 + random.int(2_000));
    }
  }

  const sender = createTestSender({ client: telegram, engine, outbox, clock });

  return {
    clock,
    telegram,
    refused,
    /** What has become of the redrawings of decided cards. */
    cards: () => decided.map((row) => outbox.row(row).state),
    /** How long after its earliest moment each final word arrived, in milliseconds; infinite for one that did not arrive. */
    delays: () =>
      finals.map(({ text, earliestAtMs }) => (arrived.get(text) ?? Number.POSITIVE_INFINITY) - earliestAtMs),
    async pass(): Promise<void> {
      const end = new AbortController();
      const ended = sender.run(end.signal);
      const untilMs = clock.now() + minutes * 60_000;
      const lives = Promise.all(conversations.map((conversation) => live(conversation, untilMs)));
      await clock.advance(minutes * 60_000 + 60_000);
      await lives;
      end.abort();
      await clock.advance(10_000);
      await ended;
    },
  };
}

const near = { least: 20, spread: 60 };

describe("twenty conversations that stream at once", { timeout: 240_000 }, () => {
  it("stay within every limit, and each final answer arrives within two seconds", async () => {
    const crowd = createCrowd({ seed: 1, conversations: sixteenAndForum, minutes: 4, way: near, endings: "finished" });
    await crowd.pass();
    const delays = crowd.delays();
    expect(crowd.refused).toEqual([]);
    expect(delays.length).toBeGreaterThan(150);
    expect(Math.max(...delays)).toBeLessThan(2_000);
    // It is shown meanwhile how the runs stand: finals do not take everything.
    const edits = crowd.telegram.calls.filter(({ method }) => method === "edit");
    expect(edits.filter(({ chat }) => chat > 0).length).toBeGreaterThan(16 * 4 * 20);
    expect(edits.filter(({ chat }) => chat === forum).length).toBeGreaterThan(4);
  });

  it("have their stops told within two seconds, behind the last line of each, and their decided cards drawn over", async () => {
    const crowd = createCrowd({ seed: 2, conversations: people(20), minutes: 2, way: near, endings: "all" });
    await crowd.pass();
    expect(crowd.refused).toEqual([]);
    expect(crowd.delays().length).toBeGreaterThan(100);
    expect(Math.max(...crowd.delays())).toBeLessThan(2_000);
    expect(crowd.cards().length).toBeGreaterThan(100);
    expect(new Set(crowd.cards())).toEqual(new Set(["sent"]));
  });

  it("stay within them on a slow line, where what leaves in time may arrive together", async () => {
    const slow = { least: 100, spread: 900 };
    const crowd = createCrowd({ seed: 3, conversations: people(20), minutes: 1, way: slow, endings: "all" });
    await crowd.pass();
    expect(crowd.refused).toEqual([]);
    expect(crowd.delays().length).toBeGreaterThan(50);
    // There and back for the edit that was on its way and for the last line, and there for the word itself.
    expect(Math.max(...crowd.delays())).toBeLessThan(2_000 + 5 * (slow.least + slow.spread));
  });
});
