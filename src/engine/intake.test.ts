import { describe, expect, test } from "vitest";
import { createHouse, type Given, type House, type HouseOptions } from "../../test/engine-house.ts";
import { createManualFiles, type ManualFiles, promptWithFiles } from "../../test/manual-files.ts";
import type { FileKind } from "../domain/attachment.ts";
import type { Notice } from "../domain/notice.ts";
import type { Request } from "../domain/inbox-item.ts";
import type { Prompt } from "../domain/prompt.ts";
import { laneCapacity } from "./waiting-line.ts";

/** Past every pause in which more may come. */
const quietMs = 5_000;

async function housed(options: HouseOptions = {}): Promise<{ house: House; files: ManualFiles }> {
  const files = createManualFiles();
  return { house: await createHouse({ incoming: files, ...options }), files };
}

/** A message with files; `sources` are their names, and also those of the messages. */
function withFiles(text: string, sources: readonly string[], kind: FileKind = "photo"): Request {
  return promptWithFiles(sources, { text, kind });
}

async function picture(house: House, message: string, given: Given & { readonly text?: string } = {}) {
  const part = { of: "album:1:x", opens: true, otherwise: "message" as const };
  return house.give("a", withFiles(given.text ?? "", [message]), {
    message,
    part,
    key: `picture:${message}`,
    ...given,
  });
}

const piece = (opens: boolean): Given => ({ part: { of: "split:1", opens, otherwise: "message" } });

const voice = (house: House, source: string, given: Given = {}) =>
  house.give("a", withFiles("", [source], "voice"), { message: source, ...given });

function asked(house: House): string[] {
  return house.driver.turns.map(({ request }) => request.prompt.text);
}

/** The paths of the files in the newest turn's prompt, in order. */
function filesGiven(house: House): string[] {
  return [...(house.driver.turns.at(-1)?.request.prompt.text ?? "").matchAll(/\/f\/(\w+)/g)].map(([, name]) => name!);
}

async function promptOf(house: House, index: number): Promise<Prompt> {
  const item = (await house.store.history.items(house.conversation("a"), 1_000))[index];
  if (item?.request.kind !== "prompt") throw new Error(`item ${index} is no prompt`);
  return item.request.prompt;
}

async function lastNotice(house: House): Promise<Notice | undefined> {
  return (await house.said("a")).flatMap((body) => (body.kind === "notice" ? [body.notice] : [])).at(-1);
}

/** `words` are said in every voice message. */
async function arriveAll(house: House, files: ManualFiles, words?: string): Promise<void> {
  while (files.fetches.some(({ isOver }) => !isOver)) {
    for (const fetch of files.fetches) if (!fetch.isOver) fetch.arrive(fetch.file.kind === "voice" ? words : undefined);
    await house.settled();
  }
}

describe("what comes in several messages", () => {
  test.each([
    ["1", "2", "3"],
    ["3", "1", "2"],
    ["2", "3", "1"],
  ])("an album that comes as %s, %s, %s, with pauses, is one prompt in the order of its messages", async (...order) => {
    const { house, files } = await housed();
    await using _house = house;
    for (const message of order) {
      await picture(house, message, message === "1" ? { text: "look" } : {});
      await house.clock.advance(1_000);
    }
    expect(files.fetches).toEqual([]);
    await house.clock.advance(quietMs);
    await arriveAll(house, files);
    expect(filesGiven(house)).toEqual(["1", "2", "3"]);
    expect(asked(house)).toHaveLength(1);
    expect(asked(house)[0]).toMatch(/^look\n/);
    expect((await house.items("a")).toSorted()).toEqual(["merged", "merged", "running"]);
  });

  test("a picture that comes again joins once", async () => {
    const { house, files } = await housed();
    await using _house = house;
    for (const message of ["1", "2", "2", "1"]) await picture(house, message);
    await house.clock.advance(quietMs);
    expect((await picture(house, "2")).fresh).toBe(false);
    await arriveAll(house, files);
    expect((await picture(house, "1")).fresh).toBe(false);
    expect(filesGiven(house)).toEqual(["1", "2"]);
    expect(await house.items("a")).toEqual(["running", "merged"]);
  });

  test("a late picture joins while its album waits, and comes alone once it runs", async () => {
    const { house, files } = await housed();
    await using _house = house;
    await house.send("a", "busy");
    await picture(house, "1");
    await house.clock.advance(quietMs);
    await arriveAll(house, files);
    await picture(house, "2");
    house.driver.turns[0]?.finish("1");
    await house.settled();
    expect(asked(house)).toHaveLength(1); // it is not whole again
    await house.clock.advance(quietMs);
    await arriveAll(house, files);
    expect(filesGiven(house)).toEqual(["1", "2"]);
    await picture(house, "3");
    house.driver.turns[1]?.finish("2");
    await house.clock.advance(quietMs);
    await arriveAll(house, files);
    expect(filesGiven(house)).toEqual(["3"]);
    expect(await house.items("a")).toEqual(["done", "done", "merged", "running"]);
  });

  test("a late picture that was sent before the others stands before them, and nobody is told a second time that they wait", async () => {
    const { house, files } = await housed();
    await using _house = house;
    await house.send("a", "busy");
    for (const message of ["3", "1", "2"]) {
      await picture(house, message);
      await house.clock.advance(quietMs);
      await arriveAll(house, files);
    }
    expect((await house.notices("a")).filter((kind) => kind === "queued")).toHaveLength(1);
    house.driver.turns[0]?.finish("1");
    await house.settled();
    expect(filesGiven(house)).toEqual(["1", "2", "3"]);
  });

  test("the pieces of a text are joined in the order of their messages; what is written later is not", async () => {
    const { house } = await housed();
    await using _house = house;
    await house.send("a", "first", { ...piece(true), message: "11" });
    await house.send("a", "third", { ...piece(false), message: "13" });
    await house.send("a", "second", { ...piece(true), message: "12" });
    await house.clock.advance(quietMs);
    expect(asked(house)).toEqual(["first\nsecond\nthird"]);
    await house.send("a", "another", { ...piece(false), message: "14" });
    house.driver.turns[0]?.finish("1");
    await house.settled();
    expect(asked(house)).toEqual(["first\nsecond\nthird", "another"]);
  });

  test("a piece with `!` interrupts for the whole", async () => {
    const { house } = await housed();
    await using _house = house;
    await house.send("a", "busy");
    await house.send("a", "waits");
    await house.send("a", "first", { ...piece(true), message: "11" });
    await house.send("a", "!second", { ...piece(true), message: "12" });
    expect(await house.driver.turns[0]?.interrupted()).toBe("ask");
    house.driver.turns[0]?.obey("ask");
    await house.clock.advance(quietMs);
    expect(asked(house)).toEqual(["busy", "first\nsecond"]);
  });

  test("collect joins what a person writes until they pause; commands and what is spoken stay what they are", async () => {
    const { house, files } = await housed();
    await using _house = house;
    await house.command("a", { name: "help" });
    await house.choose("a", { policy: "collect" });
    await house.send("a", "one");
    await house.clock.advance(2_000);
    await house.send("a", "two");
    await house.command("a", { name: "status" });
    await house.clock.advance(2_000);
    expect(asked(house)).toEqual([]);
    await house.clock.advance(quietMs);
    expect(asked(house)).toEqual(["one\n\ntwo"]);
    await house.send("a", "three");
    await voice(house, "v");
    files.fetch("v").arrive("Stop.");
    await house.settled();
    expect(await house.items("a")).toEqual(["done", "running", "merged", "done", "held", "done"]);
    expect(await house.driver.turns[0]?.interrupted()).toBe("ask");
  });

  test("what is written after a stop does not go on hold with what was collected before it", async () => {
    const { house } = await housed();
    await using _house = house;
    await house.command("a", { name: "help" });
    await house.choose("a", { policy: "collect" });
    await house.send("a", "one");
    await house.send("a", "stop");
    await house.send("a", "rather this");
    await house.clock.advance(quietMs);
    expect(asked(house)).toEqual(["rather this"]);
    expect(await house.items("a")).toEqual(["done", "held", "done", "running"]);
  });

  test("a short text does not join the pieces of one that has been on hold for long", async () => {
    const { house } = await housed();
    await house.send("a", "long", { ...piece(true), message: "11" });
    await house.clock.advance(0);
    const late = await createHouse({ database: house.database }); // the first life knows nothing of it and does nothing more
    await using _late = late;
    house.database.exec(
      "UPDATE inbox SET accepted_at_ms = accepted_at_ms - 3600000, state = 'held' WHERE message = '11'",
    );
    await late.send("a", "short", { ...piece(false), message: "12" });
    expect(asked(late)).toEqual(["short"]);
  });
});

describe("a message whose files are on their way", () => {
  test("keeps its place: those behind it wait, other conversations do not", async () => {
    const { house, files } = await housed();
    await using _house = house;
    await house.give("a", withFiles("read", ["x"], "document"));
    await house.send("a", "second");
    await house.send("b", "other");
    expect(asked(house)).toEqual(["other"]);
    expect(await lastNotice(house)).toMatchObject({ kind: "queued", position: 2, waitsFor: "files" });
    files.fetch("x").arrive();
    await house.settled();
    expect(asked(house)).toHaveLength(2);
    expect(asked(house)[1]).toMatch(/^read\n/);
    expect(filesGiven(house)).toEqual(["x"]);
    expect(await house.items("a")).toEqual(["running", "queued"]);
  });

  test("is held by a stop, is fetched all the same, and runs when a person says so", async () => {
    const { house, files } = await housed();
    await using _house = house;
    await house.give("a", withFiles("read", ["x"], "document"));
    await house.send("a", "stop");
    files.fetch("x").arrive();
    await house.clock.advance(quietMs);
    expect(asked(house)).toEqual([]);
    expect(await house.items("a")).toEqual(["held", "done"]);
    await house.press("a", "held", { how: "run-each" });
    expect(filesGiven(house)).toEqual(["x"]);
  });

  test("goes on being fetched when it comes back in line before its file is there", async () => {
    const { house, files } = await housed();
    await using _house = house;
    await house.give("a", withFiles("read", ["x"], "document"));
    await house.send("a", "stop");
    await house.press("a", "held", { how: "run-each" });
    expect(asked(house)).toEqual([]);
    await arriveAll(house, files);
    expect(filesGiven(house)).toEqual(["x"]);
    expect(files.fetches).toHaveLength(1);
  });

  test("has a few of them fetched at a time, and all in their order whichever comes first", async () => {
    const { house, files } = await housed();
    await using _house = house;
    await house.give("a", withFiles("read", ["a", "b", "c", "d", "e"], "document"));
    const under = (): string[] => files.fetches.flatMap(({ file, isOver }) => (isOver ? [] : [file.source]));
    expect(under()).toEqual(["a", "b", "c"]);
    files.fetch("c").arrive();
    files.fetch("b").arrive();
    await house.settled();
    expect(under()).toEqual(["a", "d", "e"]);
    for (const source of ["e", "a", "d"]) files.fetch(source).arrive();
    await house.settled();
    expect(filesGiven(house)).toEqual(["a", "b", "c", "d", "e"]);
    expect(files.fetches).toHaveLength(5);
  });

  test("tells what is wrong with them in their order, whichever ends first", async () => {
    const { house, files } = await housed();
    await using _house = house;
    await house.give("a", withFiles("read", ["a", "b"], "document"));
    files.fetch("b").fail("for-good", "b is empty.");
    await house.settled();
    files.fetch("a").fail("for-good", "a is empty.");
    await house.settled();
    expect(await lastNotice(house)).toMatchObject({ kind: "files-left-out", reasons: ["a is empty.", "b is empty."] });
  });

  test("is cancelled meanwhile: its fetches end, and no further one begins", async () => {
    const { house, files } = await housed();
    await using _house = house;
    await house.give("a", withFiles("read", ["a", "b", "c", "d", "e"], "document"));
    files.fetch("b").arrive();
    await house.settled();
    await house.command("a", { name: "queue" });
    expect(files.fetches.map(({ isOver }) => isOver)).toEqual([false, true, false, false]);
    await house.press("a", "cancel", { how: "Cancel 1" });
    await house.settled();
    expect(files.fetches.map(({ isOver }) => isOver)).toEqual([true, true, true, true]);
    expect(await house.items("a")).toEqual(["cancelled", "done", "done"]);
  });

  test("is joined as one with another meanwhile: its files are fetched for that one", async () => {
    const { house, files } = await housed();
    await using _house = house;
    await house.give("a", withFiles("one", ["x"], "document"), { message: "1" });
    await house.give("a", withFiles("two", ["y"], "document"), { message: "2" });
    await house.send("a", "stop");
    const [x, y] = [files.fetch("x"), files.fetch("y")];
    await house.press("a", "held", { how: "run-as-one" });
    expect([x.isOver, y.isOver]).toEqual([false, true]);
    x.arrive();
    await house.settled();
    files.fetch("y").arrive();
    await house.settled();
    expect(filesGiven(house)).toEqual(["x", "y"]);
  });

  test("is not given up because something else of its conversation changes", async () => {
    const { house, files } = await housed();
    await using _house = house;
    await house.give("a", withFiles("read", ["x"], "document"));
    for (const text of ["one", "two"]) await house.send("a", text);
    await house.send("a", "stop");
    expect(files.fetches.map(({ isOver }) => isOver)).toEqual([false]);
  });

  test("is cancelled meanwhile, and what arrives afterwards changes nothing", async () => {
    const { house } = await housed();
    await using _house = house;
    await house.give("a", withFiles("read", ["x"], "document"));
    await house.send("a", "second");
    await house.command("a", { name: "queue" });
    await house.press("a", "cancel", { how: "Cancel 1" });
    expect(asked(house)).toEqual(["second"]);
    await house.settled();
    expect(await house.items("a")).toEqual(["cancelled", "running", "done", "done"]);
    expect(asked(house)).toEqual(["second"]);
  });

  test("joined as one with another whose files are missing too, waits for the files of both", async () => {
    const { house, files } = await housed();
    await using _house = house;
    await house.give("a", withFiles("one", ["x"], "document"), { message: "1" });
    await house.give("a", withFiles("two", ["y"], "document"), { message: "2" });
    await house.send("a", "stop");
    await house.press("a", "held", { how: "run-as-one" });
    files.fetch("x").arrive();
    await house.settled();
    expect(asked(house)).toEqual([]);
    await arriveAll(house, files);
    expect(asked(house)).toHaveLength(1);
    expect(filesGiven(house)).toEqual(["x", "y"]);
    expect(asked(house)[0]).toMatch(/^one\n\ntwo\n/);
  });

  test("a stop that is spoken among others that were joined as one is words among words: nothing of them is lost", async () => {
    const { house, files } = await housed();
    await using _house = house;
    await house.send("a", "busy");
    await house.give("a", withFiles("", ["p"]), { message: "p" });
    await voice(house, "v");
    await house.send("a", "stop");
    house.driver.turns[0]?.obey("ask");
    await house.settled();
    await house.press("a", "held", { how: "run-as-one" });
    await arriveAll(house, files, "Stop.");
    expect(asked(house).at(-1)).toContain("Stop.");
    expect(filesGiven(house)).toEqual(["p", "v"]);
  });

  test("a change to one of two voice messages that were joined as one is offered beside them", async () => {
    const { house, files } = await housed();
    await using _house = house;
    await house.send("a", "busy");
    await voice(house, "v");
    await voice(house, "w");
    await house.choose("a", { hearing: "confirm" });
    await house.send("a", "stop");
    house.driver.turns[0]?.obey("ask");
    await house.settled();
    await house.press("a", "held", { how: "run-as-one" });
    await arriveAll(house, files, "dig a hole");
    await house.give("a", { kind: "edit", message: "v", text: "dig a ditch" });
    expect((await promptOf(house, 1)).text).toBe("dig a hole\n\ndig a hole");
    expect(await lastNotice(house)).toEqual({ kind: "edit-late", state: "waiting" });
  });

  test("joined as one with an album whose pictures were not in its prompt yet, has them too", async () => {
    const { house, files } = await housed();
    await using _house = house;
    await house.send("a", "busy");
    await house.send("a", "one");
    await picture(house, "2");
    await picture(house, "1");
    await house.send("a", "stop");
    house.driver.turns[0]?.obey("ask");
    await house.settled();
    await house.press("a", "held", { how: "run-as-one" });
    await house.clock.advance(quietMs);
    await arriveAll(house, files);
    expect(filesGiven(house)).toEqual(["1", "2"]);
  });

  test("is handed to the running turn once it is whole, where the conversation is set to steer", async () => {
    const { house, files } = await housed();
    await using _house = house;
    await house.send("a", "busy");
    await house.choose("a", { policy: "steer" });
    await house.give("a", withFiles("see", ["x"], "document"));
    await house.send("a", "words");
    expect(house.driver.turns[0]?.steered.map(({ text }) => text)).toEqual(["words"]);
    files.fetch("x").arrive();
    await house.settled();
    expect(house.driver.turns[0]?.steered[1]?.text).toMatch(/^see\n/);
    expect(await house.items("a")).toEqual(["running", "merged", "merged"]);
  });

  test("cannot be steered before it is whole", async () => {
    const { house } = await housed();
    await using _house = house;
    await house.send("a", "busy");
    await house.send("a", "waits");
    await picture(house, "1", { part: { of: "album:1:x", opens: true, otherwise: "message" } });
    const late = await house.button("a", "steer");
    await house.press("a", "steer", { id: late });
    expect(await house.items("a")).toEqual(["running", "merged", "queued", "done"]);
  });
});

describe("a file that cannot be had", () => {
  test("for now: the message is on hold, others go on, and it is tried again when a person says so", async () => {
    const { house, files } = await housed();
    await using _house = house;
    await house.give("a", withFiles("read", ["x"], "document"));
    await house.send("a", "second");
    files.fetch("x").fail("for-now", "The network is down.");
    await house.settled();
    expect(asked(house)).toEqual(["second"]);
    expect(await lastNotice(house)).toEqual({ kind: "files-failed", reasons: ["The network is down."] });
    await house.press("a", "held-item", { how: "Try again" });
    files.fetch("x").arrive();
    house.driver.turns[0]?.finish("2");
    await house.settled();
    expect(filesGiven(house)).toEqual(["x"]);
    expect(files.fetches).toHaveLength(2);
  });

  test("for now: the message runs without it, or not at all, when a person says so", async () => {
    const { house, files } = await housed();
    await using _house = house;
    await house.give("a", withFiles("read", ["x", "y"], "document"));
    files.fetch("x").arrive();
    await house.settled();
    files.fetch("y").fail("for-now");
    await house.settled();
    await house.press("a", "held-item", { how: "Run without it" });
    expect(asked(house)[0]).toContain("- y: could not be had.");
    expect(filesGiven(house)).toEqual(["x"]);
    house.driver.turns[0]?.finish("1");
    await house.give("a", withFiles("more", ["z"], "document"));
    files.fetch("z").fail("for-now");
    await house.settled();
    await house.press("a", "held-item", { how: "Discard" });
    expect(await house.items("a")).toEqual(["done", "done", "cancelled", "done"]);
  });

  test("for now, and nothing else is there: it cannot run without it", async () => {
    const { house, files } = await housed();
    await using _house = house;
    await house.give("a", withFiles("", ["x"], "voice"));
    files.fetch("x").fail("for-now");
    await expect(house.button("a", "held-item", "Run without it")).rejects.toThrow("no held-item button");
    expect(await house.button("a", "held-item", "Try again")).toBeTypeOf("string");
  });

  test("what joined after it was asked about is not given up with it", async () => {
    const { house, files } = await housed();
    await using _house = house;
    await house.give("a", withFiles("read", ["x"], "document"));
    files.fetch("x").fail("for-now");
    await house.settled();
    const without = await house.button("a", "held-item", "Run without it");
    await house.give("a", withFiles("and this", ["y"], "document"));
    await house.send("a", "/stop");
    await house.press("a", "held", { how: "run-as-one" });
    await house.send("a", "/stop");
    await house.press("a", "held-item", { id: without });
    await arriveAll(house, files);
    expect(filesGiven(house)).toEqual(["y"]);
    expect(asked(house)[0]).toContain("- x: could not be had.");
    expect(asked(house)[0]).not.toContain("- y: could not be had.");
  });

  test("an album that grew while it was on hold runs without what is missing, and with what joined", async () => {
    const { house, files } = await housed();
    await using _house = house;
    await picture(house, "1", { text: "look" });
    await house.clock.advance(quietMs);
    files.fetch("1").fail("for-now");
    await house.settled();
    await picture(house, "2");
    await house.press("a", "held-item", { how: "Run without it" });
    expect(asked(house)).toEqual([]);
    await house.clock.advance(quietMs);
    await arriveAll(house, files);
    expect(filesGiven(house)).toEqual(["2"]);
    expect(asked(house)[0]).toContain("- 1: could not be had.");
  });

  test("for good: it is told, and the rest runs; each further one is told too", async () => {
    const { house, files } = await housed();
    await using _house = house;
    await house.send("a", "busy");
    await picture(house, "1", { text: "look" });
    await house.clock.advance(quietMs);
    files.fetch("1").fail("for-good", "It is too large.");
    await house.settled();
    await picture(house, "2");
    await house.clock.advance(quietMs);
    files.fetch("2").fail("for-good", "It is empty.");
    await house.settled();
    const reasons = (await house.said("a")).flatMap((body) =>
      body.kind === "notice" && body.notice.kind === "files-left-out" ? body.notice.reasons : [],
    );
    expect(reasons).toEqual(["It is too large.", "It is empty."]);
    house.driver.turns[0]?.finish("1");
    await house.settled();
    expect(asked(house)[1]).toMatch(/^look\n[\s\S]*It is too large\.[\s\S]*It is empty\./);
  });

  test("for good, and nothing is left: the message is rejected, told, and the next one runs", async () => {
    const { house, files } = await housed();
    await using _house = house;
    await house.give("a", withFiles("", ["x"]));
    await house.send("a", "second");
    files.fetch("x").fail("for-good", "It is empty.");
    await house.settled();
    expect(await house.items("a")).toEqual(["rejected", "running"]);
    expect(await lastNotice(house)).toMatchObject({ kind: "files-left-out", isEmpty: true });
  });
});

describe("what is spoken", () => {
  test("is what the agent is asked, and is told", async () => {
    const { house, files } = await housed();
    await using _house = house;
    await voice(house, "v");
    files.fetch("v").arrive("clean it up");
    await house.settled();
    expect(asked(house)[0]).toMatch(/^clean it up\n\n\(A transcript/);
    expect(await lastNotice(house)).toMatchObject({ kind: "heard", text: "clean it up", state: "runs" });
  });

  test("a stop stops what runs and holds what waits, like one that is typed", async () => {
    const { house, files } = await housed();
    await using _house = house;
    await house.send("a", "busy");
    await house.send("a", "waits");
    await voice(house, "v");
    files.fetch("v").arrive("Stop, please.");
    await house.settled();
    expect(await house.driver.turns[0]?.interrupted()).toBe("ask");
    house.driver.turns[0]?.obey("ask");
    expect(await house.items("a")).toEqual(["cancelled", "held", "done"]);
    expect((await house.notices("a")).slice(-2)).toEqual(["stopping", "stopped"]);
  });

  test("a stop of everything stops every conversation, and is answered when it is proven", async () => {
    const { house, files } = await housed();
    await using _house = house;
    await house.send("b", "elsewhere");
    await voice(house, "v");
    files.fetch("v").arrive("Stop everything.");
    await house.settled();
    expect(await house.driver.turns[0]?.interrupted()).toBe("ask");
    expect(await house.items("a")).toEqual(["running"]);
    house.driver.turns[0]?.obey("ask");
    expect(await house.items("a")).toEqual(["done"]);
    expect(await house.notices("a")).toEqual(["stopping-all", "stopped-all"]);
  });

  test("`!` interrupts", async () => {
    const { house, files } = await housed();
    await using _house = house;
    await house.send("a", "busy");
    await house.send("a", "waits");
    await voice(house, "v");
    files.fetch("v").arrive("! fix this first");
    await house.settled();
    expect(await house.driver.turns[0]?.interrupted()).toBe("ask");
    house.driver.turns[0]?.obey("ask");
    await house.settled();
    expect(asked(house)[1]).toMatch(/^fix this first\n/);
  });

  test("waits for a person's word where the conversation is set to confirm, and keeps its place", async () => {
    const { house, files } = await housed();
    await using _house = house;
    await house.command("a", { name: "help" });
    await house.choose("a", { hearing: "confirm" });
    await voice(house, "v");
    await house.send("a", "second");
    files.fetch("v").arrive("clean it up");
    await house.settled();
    expect(asked(house)).toEqual(["second"]);
    await house.send("a", "third");
    await house.press("a", "held-item", { how: "Run" });
    house.driver.turns[0]?.finish("2");
    await house.settled();
    expect(asked(house)[1]).toMatch(/^clean it up\n/);
  });

  test("and nothing is understood for now: it is kept, and tried again", async () => {
    const { house, files } = await housed();
    await using _house = house;
    await voice(house, "v");
    files.fetch("v").fail("for-now", "The transcriber does not answer.");
    await house.settled();
    await house.press("a", "held-item", { how: "Try again" });
    files.fetch("v").arrive("stop");
    await house.settled();
    expect((await house.notices("a")).at(-1)).toBe("nothing-to-stop");
    expect(await house.items("a")).toEqual(["done", "done"]);
  });
});

describe("the conversation's choice", () => {
  test("interrupt concerns what people send, not work in the background", async () => {
    const { house } = await housed();
    await using _house = house;
    await house.send("a", "busy");
    await house.choose("a", { policy: "interrupt" });
    await house.send("a", "scheduled", { priority: "background" });
    expect(house.driver.turns[0]?.interrupts).toEqual([]);
    await house.send("a", "mine");
    expect(await house.driver.turns[0]?.interrupted()).toBe("ask");
  });
});

describe("a crash", () => {
  /** What happens before it; afterwards a new life on the same database brings the message to its run. */
  const stages: readonly (readonly [string, (house: House, files: ManualFiles) => Promise<void>])[] = [
    ["while parts are waited for", async () => undefined],
    ["while a file is fetched", async (house) => house.clock.advance(quietMs)],
    [
      "when one of two files was there",
      async (house, files) => {
        await house.clock.advance(quietMs);
        files.fetch("2").arrive();
        await house.settled();
      },
    ],
    [
      "when it was whole, and a late picture had joined",
      async (house, files) => {
        await house.clock.advance(quietMs);
        await arriveAll(house, files);
        await picture(house, "3");
      },
    ],
  ];

  test.each(stages)("%s: the next life brings the album together, whole", async (name, before) => {
    const first = await housed();
    await first.house.send("a", "busy");
    await picture(first.house, "2");
    await picture(first.house, "1", { text: "look" });
    await before(first.house, first.files);
    const { house, files } = await housed({ database: first.house.database });
    await using _house = house;
    await picture(house, "2"); // comes again
    await house.clock.advance(quietMs);
    await arriveAll(house, files);
    expect(asked(house)).toHaveLength(1);
    const given = filesGiven(house).toSorted();
    expect(given).toEqual(name.includes("late") ? ["1", "2", "3"] : ["1", "2"]);
    expect((await promptOf(house, 1)).text).toBe("look");
  });

  test("before a held message came back: it is brought when it does", async () => {
    const first = await housed();
    await first.house.give("a", withFiles("read", ["x"], "document"));
    await first.house.send("a", "stop");
    const { house, files } = await housed({ database: first.house.database });
    await using _house = house;
    expect(files.fetches).toEqual([]);
    await house.press("a", "held", { how: "run-each" });
    await arriveAll(house, files);
    expect(filesGiven(house)).toEqual(["x"]);
  });
});

test("what is not whole yet counts in the line: a full one refuses it before anything is fetched", async () => {
  const { house, files } = await housed();
  await using _house = house;
  await house.send("a", "busy");
  await house.sendTogether("a", ...Array.from({ length: laneCapacity }, (_, n) => `waits ${n}`));
  await picture(house, "1");
  await house.clock.advance(quietMs);
  expect(await lastNotice(house)).toMatchObject({ kind: "lane-full" });
  expect(files.fetches).toEqual([]);
});
