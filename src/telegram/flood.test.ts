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
import type { RunId } from "../domain/run.ts";
import { emptyTranscript } from "../domain/transcript.ts";
import { createManualClock, createMemoryOutbox, createRecordingEngine, createScriptedTelegram } from "./test-ports.ts";
import { createTestSender } from "./test-sender.ts";

const forum = -7;
const minutes = 4;
/** Sixteen people, and four topics of one group. */
const conversations: readonly ConversationId[] = [
  ...Array.from({ length: 16 }, (_, index) => telegramConversation(index + 1, null)),
  ...[1, 2, 3, 4].map((topic) => telegramConversation(forum, topic)),
];

type Final = { readonly text: string; readonly saidAtMs: number };

function createCrowd(seed: number) {
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

  telegram.meet = async ({ method, chat, text }) => {
    if (method !== "text" && method !== "edit") return null;
    // What a request takes to get there and back: in two halves, and never the same.
    await clock.sleep(20 + random.int(60), new AbortController().signal);
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
    await clock.sleep(20 + random.int(60), new AbortController().signal);
    return null;
  };

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
      }
      engine.settle(run);
      if (outbox.endStatus(run)) {
        const summary = { run, outcome: { kind: "finished" as const }, durationMs: 1, transcript: emptyTranscript };
        outbox.add(conversation, { kind: "summary", summary });
      }
      const text = `final of ${run}`;
      finals.push({ text, saidAtMs: clock.now() });
      outbox.add(conversation, { kind: "answer", run, text });
      engine.changed(conversation);
      await pause(500 + random.int(2_000));
    }
  }

  const sender = createTestSender({ client: telegram, engine, outbox, clock });

  return {
    clock,
    telegram,
    refused,
    /** How long each final answer was on its way, in milliseconds; infinite for one that did not arrive. */
    delays: () => finals.map(({ text, saidAtMs }) => (arrived.get(text) ?? Number.POSITIVE_INFINITY) - saidAtMs),
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

describe("twenty conversations that stream at once", { timeout: 120_000 }, () => {
  it("stay within every limit, and each final answer arrives within two seconds", async () => {
    const crowd = createCrowd(1);
    await crowd.pass();
    const delays = crowd.delays().toSorted((a, b) => a - b);
    expect(crowd.refused).toEqual([]);
    expect(delays.length).toBeGreaterThan(150);
    expect(delays.at(-1)).toBeLessThan(2_000);
    // It is shown meanwhile how the runs stand: finals do not take everything.
    const edits = crowd.telegram.calls.filter(({ method }) => method === "edit");
    expect(edits.filter(({ chat }) => chat > 0).length).toBeGreaterThan(16 * minutes * 20);
    expect(edits.filter(({ chat }) => chat === forum).length).toBeGreaterThan(minutes);
  });
});
