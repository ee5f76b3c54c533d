/** The whole channel against the local Bot API: real requests, real time, an engine and an outbox in memory. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { noFiles } from "../../test/no-files.ts";
import { createEmulator, type Emulator } from "../../test/emulator/emulator.ts";
import type { ButtonId } from "../domain/button.ts";
import { telegramConversation, type ConversationId } from "../domain/conversation.ts";
import { defaultConversationSettings } from "../domain/conversation-settings.ts";
import { commandList } from "../domain/notice.ts";
import type { RunId } from "../domain/run.ts";
import { emptyTranscript } from "../domain/transcript.ts";
import type { Clock, Outgoing } from "../engine/ports.ts";
import { createSystemClock } from "../lib/clock.ts";
import { createTelegram, type Telegram } from "./telegram.ts";
import {
  createMemoryOutbox,
  createRecordedLog,
  createRecordingEngine,
  type MemoryOutbox,
  type RecordedLog,
  type RecordingEngine,
} from "./test-ports.ts";

type World = {
  readonly emulator: Emulator;
  readonly engine: RecordingEngine;
  readonly outbox: MemoryOutbox;
  readonly log: RecordedLog;
  readonly fatal: Promise<string>;
  readonly chat: ConversationId;
  telegram(clock?: Clock, token?: string): Telegram;
  say(body: Outgoing, conversation?: ConversationId): void;
};

let world: World;
const running: Telegram[] = [];

beforeEach(async () => {
  const emulator = await createEmulator({ conflictPacingMs: 1 });
  const clock = createSystemClock();
  const engine = createRecordingEngine();
  const outbox = createMemoryOutbox(clock);
  const log = createRecordedLog();
  const fatal = Promise.withResolvers<string>();
  const chat = telegramConversation(emulator.owner.chatId, null);
  world = {
    emulator,
    engine,
    outbox,
    log,
    fatal: fatal.promise,
    chat,
    telegram(clock = createSystemClock(), token = emulator.token) {
      const telegram = createTelegram({
        token,
        apiRoot: `${emulator.apiRoot}/`,
        owners: new Set([emulator.owner.id]),
        engine,
        outbox,
        history: {
          waiting: () => Promise.resolve([]),
          settings: () => Promise.resolve(defaultConversationSettings),
        },
        files: noFiles,
        clock,
        random: () => 0,
        log,
        onFatal: fatal.resolve,
      });
      running.push(telegram);
      return telegram;
    },
    say(body, conversation = chat) {
      outbox.add(conversation, body);
      engine.changed(conversation);
    },
  };
});

afterEach(async () => {
  for (const telegram of running.splice(0)) await telegram[Symbol.asyncDispose]();
  await world.emulator[Symbol.asyncDispose]();
});

async function started(): Promise<Telegram> {
  const telegram = world.telegram();
  expect(telegram.health()).toBe("starting");
  expect(await telegram.start(new AbortController().signal)).toEqual({
    kind: "started",
    username: world.emulator.me.username,
  });
  expect(telegram.health()).toBe("polling");
  return telegram;
}

const run = "run-1" as RunId;
const stop = {
  id: "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" as ButtonId,
  action: { kind: "stop", owner: { conversation: "telegram:1" as ConversationId, run, epoch: 1 } },
} as const;

const answer = (text: string): Outgoing => ({ kind: "answer", run, text });

describe("a conversation", () => {
  it("stores what came in and delivers an answer with its formatting", async () => {
    await started();
    world.emulator.owner.sends("hello");
    await world.emulator.until(() => world.engine.accepted.length === 1);
    expect(world.engine.accepted[0]).toMatchObject({
      conversation: world.chat,
      user: String(world.emulator.owner.id),
      request: { kind: "prompt", prompt: { text: "hello" }, placement: "queue" },
    });
    world.say(answer("It is **done** in `src/a.ts`."));
    const message = await world.emulator.until(() => world.emulator.owner.chat().find("It is done"));
    expect(message.entities.map(({ type }) => type)).toEqual(["bold", "code"]);
    world.emulator.journal.assertClean();
  });

  it("shows a run as a draft with Telegram's own Stop where that is wanted, and how far it is on the person's message", async () => {
    await started();
    const { owner } = world.emulator;
    const about = String(owner.sends("hello").message_id);
    const reaction = () => owner.chat().message(Number(about))?.reactions.join();
    world.engine.show(run, world.chat, { transcript: { phase: { kind: "writing" }, text: "Half **of**" } });
    world.say({ kind: "status", run, stop, about, stream: "drafts" });
    const draft = await world.emulator.until(() => owner.chat().draft);
    expect(draft).toMatchObject({ canStop: true, text: expect.stringContaining("Half of") });
    await world.emulator.until(() => reaction() === "\u270D");
    world.engine.settle(run);
    world.say({ kind: "answer", run, text: "Half of it is done.", about });
    await world.emulator.until(() => owner.chat().find("Half of it is done."));
    await world.emulator.until(() => reaction() === "\u{1F44D}");
    world.emulator.journal.assertClean();
  });

  it("sets the command menu for private chats and groups", async () => {
    await started();
    for (const type of ["all_private_chats", "all_group_chats"]) {
      const menu = await world.emulator.until(() => {
        const set = world.emulator.menu({ type });
        return set.length > 0 && set;
      });
      expect(menu).toEqual(commandList);
    }
  });

  it("shows a run live, takes a press of its button, and leaves one line of it", async () => {
    await started();
    world.engine.toast = "Stopping\u2026";
    world.engine.show(run, world.chat, { startedAtMs: Date.now() });
    world.say({ kind: "status", run, stop });
    await world.emulator.until(() => world.emulator.owner.chat().find("Starting"));
    world.engine.show(run, world.chat, {
      startedAtMs: Date.now(),
      transcript: { phase: { kind: "writing" }, text: "half of it" },
    });
    await world.emulator.until(() => world.emulator.owner.chat().find("half of it"));
    expect(await world.emulator.owner.taps("\u25A0 Stop")).toMatchObject({ text: "Stopping\u2026" });
    expect(world.engine.accepted.at(-1)?.request).toEqual({ kind: "press", button: stop.id });
    world.engine.settle(run);
    world.outbox.endStatus(run);
    const outcome = { kind: "stopped", why: "user" } as const;
    world.say({ kind: "summary", summary: { run, outcome, durationMs: 1_000, transcript: emptyTranscript } });
    const last = await world.emulator.until(() => world.emulator.owner.chat().find("\u25A0 stopped"));
    expect(last.buttons).toEqual([]);
    expect(world.emulator.owner.chat().fromBot).toHaveLength(1);
    world.emulator.journal.assertClean();
  });

  it("sends a long answer as a file", async () => {
    await started();
    world.say(answer("word ".repeat(6_000)));
    const message = await world.emulator.until(() => world.emulator.owner.chat().fromBot.find((sent) => sent.document));
    expect(message?.document).toMatchObject({ name: "answer.md" });
    world.emulator.journal.assertClean();
  });

  it("delivers within milliseconds of the commit", async () => {
    await started();
    world.say(answer("warm up"));
    await world.emulator.until(() => world.emulator.owner.chat().find("warm up"));
    const tookMs: number[] = [];
    for (const text of ["a1", "a2", "a3"]) {
      const startedAt = performance.now();
      world.say(answer(text));
      await world.emulator.until(() => world.emulator.owner.chat().find(text));
      tookMs.push(performance.now() - startedAt);
    }
    // The burst must pass without any pacing: a second would be the pace, milliseconds are the way itself.
    expect(Math.min(...tookMs)).toBeLessThan(500);
  });
});

describe("faults of the line", () => {
  it("sends twice at most when the answer to a send is lost, and says so (I6)", async () => {
    await started();
    const fault = world.emulator.faults.next("sendMessage", { kind: "reset-after" });
    world.say(answer("result"));
    await world.emulator.until(() => world.emulator.owner.chat().find("(possibly repeated) result"));
    expect(fault.fired).toBe(1);
    expect(world.emulator.owner.chat().fromBot.map(({ text }) => text)).toEqual([
      "result",
      "(possibly repeated) result",
    ]);
  });

  it("obeys a 429, then delivers once", async () => {
    await started();
    world.emulator.faults.next("sendMessage", { kind: "too-many", retryAfterSeconds: 1 });
    const startedAt = Date.now();
    world.say(answer("patience"));
    await world.emulator.until(() => world.emulator.owner.chat().find("patience"));
    expect(Date.now() - startedAt).toBeGreaterThanOrEqual(1_000);
    expect(world.emulator.owner.chat().fromBot).toHaveLength(1);
  });

  it("loses no message over a lost poll and an outage", async () => {
    await started();
    await world.emulator.until(() => world.emulator.updates.polls === 1);
    const outage = await world.emulator.faults.refuse();
    world.emulator.owner.sends("one");
    world.say(answer("to you"));
    await outage[Symbol.asyncDispose]();
    await world.emulator.until(() => world.engine.accepted.length === 1);
    await world.emulator.until(() => world.emulator.owner.chat().find("to you"));
    expect(world.emulator.owner.chat().fromBot).toHaveLength(1);
  });

  it("starts once Telegram can be reached, and says meanwhile that it can not", async () => {
    const outage = await world.emulator.faults.refuse();
    const telegram = world.telegram();
    const start = telegram.start(new AbortController().signal);
    await world.log.said("could not be reached");
    await outage[Symbol.asyncDispose]();
    expect(await start).toMatchObject({ kind: "started" });
  });

  it("leaves the bot to another program after a bounded number of conflicts, and still sends", async () => {
    const fault = world.emulator.faults.always("getUpdates", {
      kind: "error",
      code: 409,
      description: "Conflict: terminated",
    });
    const clock = createSystemClock();
    const hurried = {
      now: clock.now,
      sleep: (ms: number, signal: AbortSignal) => clock.sleep(Math.min(ms, 5), signal),
    };
    const telegram = world.telegram(hurried);
    await telegram.start(new AbortController().signal);
    expect(await world.fatal).toBe("conflict");
    expect(telegram.health()).toBe("conflict");
    expect(fault.fired).toBe(5);
    world.say(answer("still here"));
    await world.emulator.until(() => world.emulator.owner.chat().find("still here"));
  });
});

describe("the door", () => {
  it("says that the token is wrong, and does nothing else", async () => {
    const telegram = world.telegram(undefined, `1:${"x".repeat(35)}`);
    expect(await telegram.start(new AbortController().signal)).toEqual({ kind: "unauthorised" });
    expect(world.emulator.journal.entries.filter(({ method }) => method !== "getMe")).toEqual([]);
  });

  it("tells the owner when the token is revoked while it runs", async () => {
    const telegram = await started();
    world.emulator.faults.always("*", { kind: "unauthorized" });
    world.emulator.faults.always("getUpdates", { kind: "unauthorized" });
    world.say(answer("too late"));
    world.emulator.owner.sends("wake the poll");
    expect(await world.fatal).toBe("unauthorised");
    expect(telegram.health()).toBe("unauthorised");
  });

  it("tells a stranger once that it is private, and stores nothing of them (T1)", async () => {
    await started();
    const stranger = world.emulator.user({ firstName: "Mallory" });
    stranger.sends("/start");
    stranger.sends("let me in");
    const reply = await world.emulator.until(() => stranger.chat().find("This bot is private"));
    expect(reply.text).toContain(String(stranger.id));
    stranger.sends("please");
    world.emulator.owner.sends("hello");
    await world.emulator.until(() => world.engine.accepted.length === 1);
    expect(stranger.chat().fromBot).toHaveLength(1);
    expect(world.engine.batches.flat().every(({ user }) => user === String(world.emulator.owner.id))).toBe(true);
  });

  it("keeps the token out of every line of the log (T10)", async () => {
    await started();
    for (const fault of [{ kind: "reset-before" }, { kind: "bad-gateway" }, { kind: "reset-after" }] as const) {
      world.emulator.faults.next("getUpdates", fault);
      world.emulator.faults.next("sendMessage", fault);
    }
    world.say(answer("x"));
    world.emulator.owner.sends("y");
    await world.log.said("could not be polled");
    const log = JSON.stringify(world.log.lines);
    expect(log).not.toContain(world.emulator.token);
    expect(log).not.toContain(world.emulator.token.split(":")[1]);
  });
});

describe("the end", () => {
  it("stops polling at once, and still sends what is due", async () => {
    const telegram = world.telegram();
    const end = new AbortController();
    await telegram.start(end.signal);
    await world.emulator.until(() => world.emulator.updates.polls === 1);
    end.abort();
    await world.emulator.until(() => telegram.health() === "stopped");
    world.outbox.add(world.chat, answer("last words"));
    await telegram[Symbol.asyncDispose]();
    expect(world.emulator.owner.chat().last?.text).toBe("last words");
    world.emulator.owner.sends("for the next start");
    expect(world.engine.accepted).toEqual([]);
    await started();
    await world.emulator.until(() => world.engine.accepted.length === 1);
  });

  it("can be given up before it ever started", async () => {
    await using _outage = await world.emulator.faults.refuse();
    const telegram = world.telegram();
    const end = new AbortController();
    const start = telegram.start(end.signal);
    end.abort();
    expect(await start).toEqual({ kind: "stopped" });
  });
});
