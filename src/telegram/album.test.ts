import { describe, expect, it } from "vitest";

import { telegramConversation } from "../domain/conversation.ts";
import type { RunId } from "../domain/run.ts";
import type { OutboxId, Outgoing } from "../engine/ports.ts";
import type { Outcome } from "./client.ts";
import {
  createManualClock,
  createMemoryOutbox,
  createRecordedLog,
  createRecordingEngine,
  createScriptedTelegram,
} from "./test-ports.ts";
import { createTestSender } from "./test-sender.ts";

const run = "run-1" as RunId;
const alice = telegramConversation(1, null);
const group = telegramConversation(-5, null);

const file = (name: string, caption: string | null = null, bytes = 10, of = run): Outgoing => ({
  kind: "file",
  run: of,
  file: { id: `copy of ${name}`, name, bytes },
  caption,
});
const pictures = (count: number): Outgoing[] => Array.from({ length: count }, (_, index) => file(`${index + 1}.png`));
const answer: Outgoing = { kind: "answer", run, text: "done" };

function createWorld() {
  const clock = createManualClock();
  const engine = createRecordingEngine();
  const outbox = createMemoryOutbox(clock);
  const telegram = createScriptedTelegram();
  const log = createRecordedLog();
  const gone = new Set<string>();
  const files = { find: (id: string) => Promise.resolve(gone.has(id) ? null : `/home/outgoing/${id}`) };
  const begin = () => {
    const end = new AbortController();
    const ended = createTestSender({ client: telegram, engine, outbox, clock, files, log }).run(end.signal);
    return async () => {
      end.abort();
      await clock.advance(10_000);
      return ended;
    };
  };
  return {
    clock,
    engine,
    outbox,
    telegram,
    log,
    gone,
    /** The sender's life; resolves to what ends it. */
    begin,
    async say(bodies: readonly Outgoing[], conversation = alice): Promise<OutboxId[]> {
      const ids = bodies.map((body) => outbox.add(conversation, body));
      engine.changed(conversation);
      await clock.settle();
      return ids;
    },
    became: (ids: readonly OutboxId[]) => ids.map((id) => `${outbox.row(id).state} ${outbox.row(id).message}`),
    /** What the next album meets, once. */
    meets(outcome: Outcome<never>, then?: () => void) {
      let isSpent = false;
      telegram.meet = ({ method }) => {
        if (isSpent || method !== "album") return null;
        isSpent = true;
        then?.();
        return outcome;
      };
    },
  };
}

const refused: Outcome<never> = { kind: "rejected", code: 400, why: "other", description: "Bad Request" };

describe("an album", () => {
  it("is what one run sends in one breath; each file ends with a message of its own", async () => {
    const world = createWorld();
    world.begin();
    const ids = await world.say([file("a.png", "The first\u202E"), file("b.jpg"), file("c.mp4", "A film"), answer]);
    await world.clock.advance(5_000);
    expect(world.telegram.seen).toEqual(["album 1: a.png The first, b.jpg, c.mp4 A film", "text 1: done"]);
    expect(world.became(ids)).toEqual(["sent 101", "sent 102", "sent 103", "sent 104"]);
    expect(world.telegram.files.map(({ shownAs }) => shownAs)).toEqual(["photo", "photo", "video"]);
  });

  it("is waited for a moment while the run goes on, and no longer once it is over", async () => {
    const world = createWorld();
    world.begin();
    world.engine.show(run, alice);
    await world.say([file("a.png")]);
    await world.clock.advance(1_000);
    expect(world.telegram.seen).toEqual([]);
    await world.say([file("b.png")]);
    await world.clock.advance(1_000);
    expect(world.telegram.seen).toEqual(["album 1: a.png, b.png"]);
    await world.say([file("c.png")]);
    world.engine.settle(run);
    await world.say([answer]);
    await world.clock.advance(1_000);
    expect(world.telegram.seen.slice(1)).toEqual(["file 1: ", "text 1: done"]);
  });

  it("is none of a single file", async () => {
    const world = createWorld();
    world.begin();
    const ids = await world.say([file("a.png", "Look")]);
    expect(world.telegram.seen).toEqual(["file 1: Look"]);
    expect(world.became(ids)).toEqual(["sent 101"]);
  });

  it("holds documents or what is shown, in the order in which it was sent", async () => {
    const world = createWorld();
    world.begin();
    const names = ["a.csv", "b.pdf", "c.png", "d.mp4", "e.txt", "f.png"];
    await world.say(names.map((name) => file(name)));
    await world.clock.advance(10_000);
    expect(world.telegram.seen).toEqual(["album 1: a.csv, b.pdf", "album 1: c.png, d.mp4", "file 1: ", "file 1: "]);
    expect(world.telegram.files.map(({ name }) => name)).toEqual(names);
  });

  it("has at most ten files, and no more bytes than one request may have", async () => {
    const world = createWorld();
    world.begin();
    await world.say(pictures(12));
    await world.clock.advance(20_000);
    await world.say([
      file("a.iso", null, 20_000_000),
      file("b.iso", null, 20_000_000),
      file("c.iso", null, 20_000_000),
    ]);
    await world.clock.advance(20_000);
    expect(world.telegram.seen.map((text) => text.split(",").length)).toEqual([10, 2, 2, 1]);
  });

  it("has nothing of another run in it, and passes nothing", async () => {
    const world = createWorld();
    world.begin();
    const words: Outgoing = {
      kind: "notice",
      notice: { kind: "from-agent", text: "more" },
      buttons: [],
      replyTo: null,
    };
    await world.say([file("a.png"), file("b.png", null, 10, "run-2" as RunId), words, file("c.png"), file("d.png")]);
    await world.clock.advance(10_000);
    expect(world.telegram.seen).toEqual(["file 1: ", "file 1: ", "text 1: more", "album 1: c.png, d.png"]);
  });

  it("does not wait for a file whose copy is gone", async () => {
    const world = createWorld();
    world.begin();
    world.gone.add("copy of b.png");
    const ids = await world.say([file("a.png"), file("b.png"), file("c.png"), file("d.png")]);
    await world.clock.advance(10_000);
    expect(world.telegram.seen).toEqual(["file 1: ", "album 1: c.png, d.png"]);
    expect(world.became(ids)[1]).toBe("undeliverable null");
  });

  it("that Telegram refuses goes file by file, and what it does not take as a picture as a document", async () => {
    const world = createWorld();
    world.begin();
    world.telegram.meet = ({ method, text }) => (method === "album" || text === "odd" ? refused : null);
    const ids = await world.say([file("a.png", "fine"), file("b.png", "odd")]);
    await world.clock.advance(10_000);
    expect(world.telegram.seen.slice(1, 3)).toEqual(["file 1: fine", "file 1: odd"]);
    expect(world.telegram.files.map(({ name, shownAs }) => `${name} ${shownAs}`).slice(2)).toEqual([
      "a.png photo",
      "b.png photo",
      "b.png document",
    ]);
    expect(world.became(ids)).toEqual(["sent 101", "undeliverable null"]);
  });

  it("may have arrived after an unknown outcome: its files go once more, one by one, and say so (I6)", async () => {
    const world = createWorld();
    world.begin();
    world.meets({ kind: "unknown", detail: "ECONNRESET" });
    const ids = await world.say([file("a.png", "one"), file("b.png")]);
    await world.clock.advance(20_000);
    expect(world.telegram.seen).toEqual([
      "album 1: a.png one, b.png",
      "file 1: (possibly repeated) one",
      "file 1: (possibly repeated) ",
    ]);
    expect(world.became(ids)).toEqual(["sent 101", "sent 102"]);
  });

  it("may have arrived when the program ended in between (I6)", async () => {
    const world = createWorld();
    const ids = await world.say([file("a.png"), file("b.png"), file("c.png")]);
    for (const id of ids.slice(0, 2)) world.outbox.leaveSending(id);
    world.begin();
    await world.clock.advance(20_000);
    expect(world.telegram.seen).toEqual(["file 1: (possibly repeated) ", "file 1: (possibly repeated) ", "file 1: "]);
  });

  it("stays one when Telegram tells it to wait, or was not there", async () => {
    const world = createWorld();
    world.begin();
    world.meets({ kind: "retry-later", afterMs: 3_000 }, () =>
      world.meets({ kind: "unreachable", detail: "ENOTFOUND" }),
    );
    const ids = await world.say([file("a.png"), file("b.png")]);
    await world.clock.advance(60_000);
    expect(world.telegram.seen).toEqual(Array.from({ length: 3 }, () => "album 1: a.png, b.png"));
    expect(world.became(ids)).toEqual(["sent 101", "sent 102"]);
  });

  it("follows a group that became a supergroup", async () => {
    const world = createWorld();
    world.begin();
    world.meets({ kind: "moved", chat: -1_005 });
    await world.say([file("a.png"), file("b.png")], group);
    await world.clock.advance(1_000);
    expect(world.telegram.seen).toEqual(["album -5: a.png, b.png", "album -1005: a.png, b.png"]);
  });

  it("is begun whole or not at all when the database is in trouble", async () => {
    const world = createWorld();
    world.begin();
    const ids = [1, 2, 3].map((n) => world.outbox.add(alice, file(`${n}.png`)));
    world.outbox.fail("begin", 1);
    world.engine.changed(alice);
    await world.clock.settle();
    expect(ids.map((id) => world.outbox.row(id).state)).toEqual(["pending", "pending", "pending"]);
    await world.clock.advance(10_000);
    expect(world.telegram.seen).toEqual(["album 1: 1.png, 2.png, 3.png"]);
  });

  it("counts each of its files: a group has no more than 20 messages in a minute, and what waits loses its turn to nothing", async () => {
    const world = createWorld();
    world.begin();
    await world.say([...pictures(10), ...pictures(10), answer], group);
    await world.clock.advance(55_000);
    expect(world.telegram.seen.map((text) => text.split(",").length)).toEqual([10, 9]);
    await world.clock.advance(60_000);
    expect(world.telegram.seen.slice(2)).toEqual(["file -5: ", "text -5: done"]);
  });

  it("waits in a private chat until the chat may take it, and what comes after it waits for its files", async () => {
    const world = createWorld();
    world.begin();
    await world.say([answer, answer, answer, ...pictures(10), answer]);
    await world.clock.advance(2_000);
    expect(world.telegram.seen).toHaveLength(3);
    await world.clock.advance(3_000);
    expect(world.telegram.seen[3]).toMatch(/^album 1: 1\.png, .*10\.png$/);
    await world.clock.advance(4_000);
    expect(world.telegram.seen).toHaveLength(4);
    await world.clock.advance(1_000);
    expect(world.telegram.seen).toHaveLength(5);
  });
});
