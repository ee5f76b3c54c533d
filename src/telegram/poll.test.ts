import type { Update } from "grammy/types";
import { describe, expect, it } from "vitest";

import type { ItemKey } from "../domain/inbox-item.ts";
import type { BotIdentity, Outcome } from "./client.ts";
import { createTelegramCounts } from "./counts.ts";
import { poll, type PollDeps, type PollEnd } from "./poll.ts";
import {
  createManualClock,
  createRecordedLog,
  createRecordingEngine,
  noChance,
  type RecordingEngine,
} from "./test-ports.ts";

const me: BotIdentity = { id: 99, username: "box_bot" };
const owner = { id: 7, is_bot: false, first_name: "Ada" };

function message(updateId: number, text = `text ${updateId}`, from = owner): Update {
  return {
    update_id: updateId,
    message: {
      message_id: updateId,
      date: 1_700_000_000,
      chat: { id: from.id, type: "private", first_name: "Ada" },
      from,
      text,
    },
  };
}

function press(updateId: number, data: string, from = owner): Update {
  return {
    update_id: updateId,
    callback_query: {
      id: `query-${updateId}`,
      from,
      chat_instance: "1",
      data,
      message: {
        message_id: 5,
        date: 1_700_000_000,
        chat: { id: from.id, type: "private", first_name: "Ada" },
        text: "card",
      },
    },
  };
}

/** Telegram's queue as getUpdates shows it: what is not confirmed comes again. */
function createQueue(clock: { sleep(ms: number, signal: AbortSignal): Promise<void> }) {
  const pending: Update[] = [];
  const offsets: (number | null)[] = [];
  const failures: Outcome<never>[] = [];
  let arrived = new AbortController();
  return {
    pending,
    offsets,
    push(...updates: Update[]) {
      pending.push(...updates);
      arrived.abort();
    },
    fail(...outcomes: Outcome<never>[]) {
      failures.push(...outcomes);
    },
    async getUpdates(
      offset: number | null,
      patience: "long" | "none",
      signal: AbortSignal,
    ): Promise<Outcome<readonly Update[]>> {
      offsets.push(offset);
      const failure = failures.shift();
      if (failure !== undefined) return failure;
      if (offset !== null) pending.splice(0, pending.findLastIndex(({ update_id }) => update_id < offset) + 1);
      if (pending.length === 0 && patience === "long") {
        arrived = new AbortController();
        await clock.sleep(50_000, AbortSignal.any([signal, arrived.signal]));
      }
      return { kind: "done", value: [...pending] };
    },
    removeWebhook: (): Promise<Outcome<boolean>> => Promise.resolve({ kind: "done", value: false }),
  };
}

function createWorld(engine: RecordingEngine = createRecordingEngine()) {
  const clock = createManualClock();
  const queue = createQueue(clock);
  const log = createRecordedLog();
  const answers: [query: string, text: string | null][] = [];
  const strangers: number[] = [];
  const named: string[] = [];
  const claims: (string | undefined)[] = [];
  const chats: number[] = [];
  const health: string[] = [];
  const counts = createTelegramCounts();
  const end = new AbortController();
  const deps: PollDeps = {
    client: queue,
    engine,
    me,
    owners: new Set([owner.id]),
    presses: { answer: (query, text) => void answers.push([query, text]), settled: () => Promise.resolve() },
    onStranger: ({ user, name, claim }) => {
      strangers.push(user);
      claims.push(claim?.code);
      named.push(name);
    },
    onChat: (chat) => chats.push(chat),
    onHealth: (now) => health.push(now),
    counts,
    clock,
    random: noChance,
    log,
  };
  return {
    clock,
    engine,
    queue,
    log,
    answers,
    strangers,
    named,
    claims,
    chats,
    health,
    counts,
    start: (): Promise<PollEnd> => poll(deps, end.signal),
    async stop(ended: Promise<PollEnd>): Promise<PollEnd> {
      end.abort();
      await clock.settle();
      return ended;
    },
  };
}

it("counts what came in, and whom it refused, by kinds", async () => {
  const world = createWorld();
  world.queue.push(message(1), message(2, "hello", { ...owner, id: 666 }), press(3, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"));
  const ended = world.start();
  await world.clock.settle();
  const { updates, denied } = world.counts.read();
  expect(updates.map(({ labels, value }) => [labels.type, value])).toEqual([
    ["message", 2],
    ["callback_query", 1],
  ]);
  expect(denied).toEqual([{ labels: { reason: "stranger" }, value: 1 }]);
  await world.stop(ended);
});

describe("persist, then acknowledge (I5)", () => {
  it("moves the offset only after the batch is committed", async () => {
    const world = createWorld();
    const commit = Promise.withResolvers<void>();
    world.engine.beforeCommit = () => commit.promise;
    world.queue.push(message(40), message(41));
    const ended = world.start();
    await world.clock.advance(120_000);
    expect(world.queue.offsets).toEqual([null]);
    expect(world.queue.pending).toHaveLength(2);
    commit.resolve();
    await world.clock.settle();
    expect(world.engine.accepted.map(({ key }) => key)).toEqual(["tg:update:40", "tg:update:41"]);
    expect(world.queue.offsets).toEqual([null, 42]);
    expect(await world.stop(ended)).toBe("stopped");
  });

  it("admits a batch with one call, and nothing twice when the program ended before it confirmed", async () => {
    const world = createWorld();
    world.queue.push(message(1), message(2), message(3));
    const first = world.start();
    await world.clock.settle();
    await world.stop(first);
    const afterCrash = createWorld(world.engine);
    afterCrash.queue.push(message(1), message(2), message(3), message(4));
    const second = afterCrash.start();
    await afterCrash.clock.settle();
    expect(afterCrash.queue.offsets).toEqual([null, 5]);
    expect(world.engine.batches.map((batch) => batch.length)).toEqual([3, 4]);
    expect(world.engine.accepted.map(({ key }) => key)).toEqual([1, 2, 3, 4].map((id) => `tg:update:${id}`));
    await afterCrash.stop(second);
  });

  it("keeps what came in while the database is in trouble, and goes on when that is over", async () => {
    const world = createWorld();
    let failures = 5;
    world.engine.beforeCommit = () => (failures-- > 0 ? Promise.reject(new Error("disk is full")) : Promise.resolve());
    world.queue.push(message(8), press(9, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"));
    const ended = world.start();
    await world.clock.advance(2_000);
    expect([world.queue.offsets, world.answers]).toEqual([[null], []]);
    await world.clock.advance(60_000);
    expect(world.engine.accepted).toHaveLength(2);
    expect(world.queue.offsets[1]).toBe(10);
    await world.stop(ended);
  });

  it("answers a press after the commit, with the receipt's words", async () => {
    const world = createWorld();
    const commit = Promise.withResolvers<void>();
    world.engine.toast = "Stopping\u2026";
    world.engine.beforeCommit = () => commit.promise;
    world.queue.push(press(1, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"));
    const ended = world.start();
    await world.clock.settle();
    expect(world.answers).toEqual([]);
    commit.resolve();
    await world.clock.settle();
    expect(world.answers).toEqual([["query-1", "Stopping\u2026"]]);
    await world.stop(ended);
  });

  it("ends at once when it is told to, even in the middle of trouble, without confirming", async () => {
    const world = createWorld();
    world.engine.beforeCommit = () => Promise.reject(new Error("disk is full"));
    world.queue.push(message(1));
    const ended = world.start();
    await world.clock.advance(1_000);
    expect(await world.stop(ended)).toBe("stopped");
    expect(world.queue.offsets).toEqual([null]);
  });
});

describe("what cannot be used", () => {
  it("passes over an update that cannot be read, and takes the ones around it", async () => {
    const world = createWorld();
    const poison = { update_id: 2, message: { message_id: 1, date: 1, chat: null, from: null } } as unknown as Update;
    const emptyOne = { update_id: 3, callback_query: {} } as unknown as Update;
    world.queue.push(message(1), poison, emptyOne, message(4));
    const ended = world.start();
    await world.clock.settle();
    expect(world.engine.accepted.map(({ key }) => key)).toEqual(["tg:update:1", "tg:update:4"]);
    expect(world.queue.offsets.at(-1)).toBe(5);
    expect(world.log.lines.filter(({ level }) => level === "error")).toHaveLength(2);
    await world.stop(ended);
  });

  it("stores nothing of strangers, and confirms their updates all the same", async () => {
    const world = createWorld();
    const mallory = { id: 666, is_bot: false, first_name: "M" };
    world.queue.push(
      message(1, "let me in", mallory),
      press(2, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", mallory),
      press(3, "old"),
    );
    const ended = world.start();
    await world.clock.settle();
    expect([world.engine.batches, world.strangers]).toEqual([[], [666]]);
    expect(world.answers.map(([query]) => query)).toEqual(["query-2", "query-3"]);
    expect(world.queue.offsets.at(-1)).toBe(4);
    await world.stop(ended);
  });
});

describe("trouble with Telegram", () => {
  it("stops fighting after five conflicts in a row, and says so", async () => {
    const world = createWorld();
    world.queue.fail(...Array.from({ length: 9 }, (): Outcome<never> => ({ kind: "conflict" })));
    const ended = world.start();
    await world.clock.advance(300_000);
    expect(await ended).toBe("conflict");
    expect(world.queue.offsets).toHaveLength(5);
    expect(world.health.at(-1)).toBe("contested");
    expect(world.log.lines.at(-1)).toMatchObject({
      level: "error",
      text: expect.stringContaining("another program polls"),
    });
  });

  it("forgets conflicts once a poll succeeds", async () => {
    const world = createWorld();
    const conflict: Outcome<never> = { kind: "conflict" };
    world.queue.fail(conflict, conflict, conflict, conflict);
    const ended = world.start();
    await world.clock.advance(60_000);
    world.queue.fail(conflict, conflict, conflict, conflict);
    world.queue.push(message(1));
    await world.clock.advance(120_000);
    expect(world.engine.accepted).toHaveLength(1);
    expect(await world.stop(ended)).toBe("stopped");
  });

  it("ends when the token is refused", async () => {
    const world = createWorld();
    world.queue.fail({ kind: "unauthorised" });
    const ended = world.start();
    await world.clock.settle();
    expect(await ended).toBe("unauthorised");
  });

  it("waits longer and longer while the network is gone, never more than 30 s, and starts over after a success", async () => {
    const world = createWorld();
    const down: Outcome<never> = { kind: "unreachable", detail: "ECONNREFUSED" };
    world.queue.fail(...Array.from({ length: 10 }, () => down));
    const ended = world.start();
    const seen: number[] = [];
    for (let second = 0; second < 200; second += 1) {
      await world.clock.advance(1_000);
      if (world.queue.offsets.length > seen.length + 1) seen.push(second + 1);
    }
    expect(seen.slice(0, 7)).toEqual([1, 3, 7, 15, 31, 61, 91]);
    world.queue.fail(down);
    world.queue.push(message(1));
    await world.clock.settle();
    const polls = world.queue.offsets.length;
    await world.clock.advance(1_000);
    expect(world.queue.offsets.length).toBe(polls + 1);
    await world.stop(ended);
  });

  it("says that the line is back as soon as it is, not when the next message comes", async () => {
    const world = createWorld();
    world.queue.fail({ kind: "unreachable", detail: "ECONNREFUSED" });
    const ended = world.start();
    await world.clock.advance(1_500);
    expect(world.health).toEqual(["unreachable", "polling"]);
    expect(world.queue.offsets).toHaveLength(3);
    await world.clock.advance(40_000);
    expect(world.queue.offsets).toHaveLength(3);
    await world.stop(ended);
  });

  it("does as it is told by a 429", async () => {
    const world = createWorld();
    world.queue.fail({ kind: "retry-later", afterMs: 7_000 });
    world.queue.push(message(1));
    const ended = world.start();
    await world.clock.advance(6_999);
    expect(world.queue.offsets).toHaveLength(1);
    await world.clock.advance(1);
    expect(world.engine.accepted).toHaveLength(1);
    await world.stop(ended);
  });

  it("does not ask a thousand times a second when a server answers at once with nothing", async () => {
    const world = createWorld();
    world.queue.getUpdates = (offset) => {
      world.queue.offsets.push(offset);
      return Promise.resolve({ kind: "done", value: [] });
    };
    const ended = world.start();
    await world.clock.advance(10_000);
    expect(world.queue.offsets.length).toBeLessThanOrEqual(21);
    await world.stop(ended);
  });
});

describe("who was let in", () => {
  const otto = { id: 20, is_bot: false, first_name: "Otto" };
  const letIn = (admittedBy: string, admittedAtMs = 1_700_000_000_000): RecordingEngine["letIn"] => ({
    people: [{ user: "20", name: "Otto", role: "operator", admittedBy: admittedBy as ItemKey, admittedAtMs }],
    listening: [],
  });

  it("is heard from the next batch on, and not any more once they are removed", async () => {
    const world = createWorld();
    world.queue.push(message(40, "too early", otto));
    const ended = world.start();
    await world.clock.settle();
    world.engine.letIn = letIn("tg:update:41");
    world.queue.push(message(42, "now", otto), press(43, "A".repeat(30), otto));
    await world.clock.settle();
    world.engine.letIn = { people: [], listening: [] };
    world.queue.push(message(44, "too late", otto), press(45, "A".repeat(30), otto));
    await world.clock.settle();
    expect(world.engine.accepted.map(({ key }) => key)).toEqual(["tg:update:42", "tg:update:43"]);
    expect(world.answers.at(-1)).toEqual(["query-45", "This bot is private."]);
    await world.stop(ended);
  });

  it("has said nothing before it, also where that comes again after a crash (T18)", async () => {
    const world = createWorld();
    world.engine.letIn = letIn("tg:update:41");
    world.queue.push(
      message(40, "run rm", otto),
      press(39, "A".repeat(30), otto),
      message(41, "/pair"),
      message(42, "now", otto),
    );
    const ended = world.start();
    await world.clock.settle();
    expect(world.engine.accepted.map(({ key }) => key)).toEqual(["tg:update:41", "tg:update:42"]);
    await world.stop(ended);
  });

  it("is heard when Telegram counts its updates anew, as it does after a quiet week", async () => {
    const world = createWorld();
    world.engine.letIn = letIn("tg:update:90000", 1_700_000_000_000 - 8 * 24 * 3_600_000);
    world.queue.push(message(40, "now", otto));
    const ended = world.start();
    await world.clock.settle();
    expect(world.engine.accepted).toHaveLength(1);
    await world.stop(ended);
  });

  it("has said nothing before it where the page let them in, which is told by time", async () => {
    const world = createWorld();
    world.engine.letIn = letIn("web:x", 1_700_000_001_000);
    world.queue.push(message(40, "run rm", otto));
    const ended = world.start();
    await world.clock.settle();
    expect(world.engine.accepted).toEqual([]);
    world.engine.letIn = letIn("web:x", 1_700_000_000_900); // within the second that Telegram tells
    world.queue.push(message(41, "now", otto));
    await world.clock.settle();
    expect(world.engine.accepted).toHaveLength(1);
    await world.stop(ended);
  });

  it("is not guessed while the database is in trouble", async () => {
    const world = createWorld();
    const access = (): Promise<never> => Promise.reject(new Error("database is locked"));
    const { access: works } = world.engine;
    world.engine.access = access;
    world.queue.push(message(40));
    const ended = world.start();
    await world.clock.advance(5_000);
    expect([world.engine.batches, world.queue.offsets]).toEqual([[], [null]]);
    world.engine.access = works;
    await world.clock.advance(20_000);
    expect(world.engine.accepted).toHaveLength(1);
    await world.stop(ended);
  });

  it("is named by what they call themselves, when they are not", async () => {
    const world = createWorld();
    world.queue.push(message(40, "hello", { ...otto, last_name: "Lilienthal", username: "otto" } as never));
    const ended = world.start();
    await world.clock.settle();
    world.queue.push(
      message(41, "/pair ACDE-3467", otto),
      message(42, "/start ACDE3467", otto),
      message(43, "/pair me", otto),
    );
    await world.clock.settle();
    expect(world.named).toEqual(["Otto Lilienthal (otto)", "Otto ", "Otto ", "Otto "]);
    expect(world.claims).toEqual([undefined, "ACDE-3467", "ACDE3467", undefined]);
    await world.stop(ended);
  });
});
