import { expect, test } from "vitest";
import { createHouse, type Given, type House } from "../../test/engine-house.ts";
import { createManualFiles, type ManualFiles, promptWithFiles } from "../../test/manual-files.ts";
import type { Notice } from "../domain/notice.ts";
import { laneCapacity } from "./waiting-line.ts";

const quietMs = 5_000;

const edit = (house: House, message: string, text: string, given: Given = {}) =>
  house.give("a", { kind: "edit", message, text }, given);

function asked(house: House): string[] {
  return house.driver.turns.map(({ request }) => request.prompt.text);
}

async function lastNotice(house: House): Promise<Notice | undefined> {
  return (await house.said("a")).flatMap((body) => (body.kind === "notice" ? [body.notice] : [])).at(-1);
}

/** Lets the first run end and everything that waits run after it, each answered. */
async function runOut(house: House): Promise<void> {
  for (let n = 0; n < house.driver.turns.length; n += 1) {
    if (!house.driver.turns[n]?.isQuiet) house.driver.turns[n]?.finish("done");
    await house.settled();
  }
}

async function heardVoice(house: House, files: ManualFiles, words: string): Promise<void> {
  await house.give("a", promptWithFiles(["v"], { kind: "voice" }));
  files.fetch("v").arrive(words);
  await house.settled();
  house.database.exec(`UPDATE outbox SET message = 'h' WHERE body LIKE '%"heard"%'`); // as the channel numbers it
}

/** Pictures with what was written under each, in the order of their coming; all of them are there. */
async function album(
  house: House,
  files: ManualFiles,
  pictures: readonly (readonly [string, string])[],
): Promise<void> {
  for (const [message, text] of pictures) {
    const part = { of: "album:1:x", opens: true, otherwise: "message" as const };
    await house.give("a", promptWithFiles([message], { text }), { message, part });
  }
  await house.clock.advance(quietMs);
  for (const [source] of pictures) {
    files.fetch(source).arrive();
    await house.settled();
  }
}

/** A file without words (message 5) and a text, put on hold by a stop and joined there. */
async function joinedWithFile(house: House, files: ManualFiles, text: string, given: Given = {}): Promise<void> {
  await house.give("a", promptWithFiles(["f"]), { message: "5" });
  await house.send("a", text, given);
  files.fetch("f").arrive();
  await house.send("a", "stop");
  await house.command("a", { name: "queue" });
  await house.press("a", "held", { how: "run-as-one" });
}

const piece = (message: string, opens = true): Given => ({
  message,
  part: { of: "split:1", opens, otherwise: "message" },
});

test("a message that waits runs as it reads now, and the person is told; the edit comes again and changes nothing", async () => {
  await using house = await createHouse();
  await house.send("a", "busy");
  await house.send("a", "old", { message: "5" });
  await edit(house, "5", "new", { key: "edit:1" });
  expect(await lastNotice(house)).toEqual({ kind: "edited", text: "new" });
  await edit(house, "5", "newest", { key: "edit:2" });
  expect((await edit(house, "5", "new", { key: "edit:1" })).fresh).toBe(false);
  await runOut(house);
  expect(asked(house)).toEqual(["busy", "newest"]);
  expect(await house.items("a")).toEqual(["done", "done", "done", "done"]);
});

test("a message on hold runs as it reads now, once it is released", async () => {
  await using house = await createHouse();
  await house.send("a", "busy");
  await house.send("a", "old", { message: "5" });
  await house.send("a", "stop");
  house.driver.turns[0]?.obey("ask");
  await edit(house, "5", "new");
  await house.press("a", "held", { how: "run-each" });
  expect(asked(house)).toEqual(["busy", "new"]);
});

test("the mark of an interrupt is none of its words", async () => {
  await using house = await createHouse();
  await house.send("a", "busy");
  await house.send("a", "!old", { message: "5" });
  await edit(house, "5", "!new");
  house.driver.turns[0]?.obey("ask");
  await house.settled();
  expect(asked(house)).toEqual(["busy", "new"]);
});

const running: readonly (readonly [string, (house: House) => Promise<unknown>])[] = [
  [
    "Steer now: the running turn gets it",
    async (house) => {
      expect(house.driver.turns[0]?.steered.map(({ text }) => text)).toEqual(["new"]);
      await runOut(house);
      expect(asked(house)).toEqual(["old", "waits"]);
    },
  ],
  [
    "Stop and run: it runs next",
    async (house) => {
      expect(await house.driver.turns[0]?.interrupted()).toBe("ask");
      house.driver.turns[0]?.obey("ask");
      await house.settled();
      await runOut(house);
      expect(asked(house)).toEqual(["old", "new", "waits"]);
    },
  ],
  [
    "Run: it runs in its turn",
    async (house) => {
      await runOut(house);
      expect(asked(house)).toEqual(["old", "waits", "new"]);
    },
  ],
  [
    "Discard: it never runs",
    async (house) => {
      await runOut(house);
      expect(asked(house)).toEqual(["old", "waits"]);
      expect(await house.items("a")).toEqual(["done", "done", "cancelled", "done"]);
    },
  ],
];

test.each(running)("a message that runs is left alone, and the change is offered. %s", async (name, check) => {
  await using house = await createHouse();
  await house.send("a", "old", { message: "5" });
  await house.send("a", "waits");
  await edit(house, "5", "new");
  expect(await lastNotice(house)).toEqual({ kind: "edit-late", state: "running" });
  expect(await house.items("a")).toEqual(["running", "queued", "held"]);
  await house.press("a", "held-item", { how: name.slice(0, name.indexOf(":")) });
  await check(house);
});

test("a change of what was answered has no effect, and that is told; of what never came nobody expects one", async () => {
  await using house = await createHouse();
  await house.send("a", "old", { message: "5" });
  house.driver.turns[0]?.finish("1");
  await house.settled();
  await edit(house, "5", "new");
  expect(await lastNotice(house)).toEqual({ kind: "edit-late", state: "over" });
  expect((await edit(house, "6", "new")).fresh).toBe(false);
  expect(await house.items("a")).toEqual(["done", "done"]);
  expect(asked(house)).toEqual(["old"]);
});

test("a piece of a text that still gathers is changed in its place; once the pieces are joined, the change is offered beside them", async () => {
  await using house = await createHouse();
  await house.send("a", "busy");
  await house.send("a", "one", piece("5"));
  await house.send("a", "two", piece("6"));
  await edit(house, "6", "zwei");
  await edit(house, "5", "eins");
  await house.clock.advance(quietMs);
  expect(await lastNotice(house)).toMatchObject({ kind: "queued" });
  await edit(house, "5", "uno");
  expect(await lastNotice(house)).toEqual({ kind: "edit-late", state: "waiting" });
  await edit(house, "6", "due");
  expect(await house.items("a")).toEqual(["running", "queued", "merged", "done", "done", "held", "held"]);
  await runOut(house);
  expect(asked(house)).toEqual(["busy", "eins\nzwei"]);
});

test("an album's caption is changed, whichever of its pictures came first", async () => {
  const files = createManualFiles();
  await using house = await createHouse({ incoming: files });
  await house.send("a", "busy");
  await album(house, files, [
    ["6", ""],
    ["5", "old"],
  ]);
  await edit(house, "5", "new");
  await edit(house, "5", "newest");
  await runOut(house);
  expect(asked(house)[1]).toMatch(/^newest\n\nFiles/);
});

test("words that are added to a picture do not replace those of another one", async () => {
  const files = createManualFiles();
  await using house = await createHouse({ incoming: files });
  await house.send("a", "busy");
  await album(house, files, [
    ["6", ""],
    ["5", "the words"],
  ]);
  await edit(house, "6", "more");
  expect(await lastNotice(house)).toEqual({ kind: "edit-late", state: "waiting" });
  await runOut(house);
  expect(asked(house)[1]).toMatch(/^the words\n\nFiles/);
});

test("of two that were joined on hold each is changed where its words are the only ones, and neither drops the other's", async () => {
  const files = createManualFiles();
  await using house = await createHouse({ incoming: files });
  await house.send("a", "busy");
  await joinedWithFile(house, files, "old", { message: "6" });
  await edit(house, "5", "beside");
  expect(await lastNotice(house)).toEqual({ kind: "edit-late", state: "waiting" });
  await edit(house, "6", "new");
  expect(await lastNotice(house)).toEqual({ kind: "edited", text: "new" });
  house.driver.turns[0]?.obey("ask");
  await house.settled();
  expect(asked(house)[1]).toMatch(/^new\n\nFile/);
});

test("words of a message that has no number are nobody's to change", async () => {
  const files = createManualFiles();
  await using house = await createHouse({ incoming: files });
  await house.send("a", "busy");
  await joinedWithFile(house, files, "the words");
  await edit(house, "5", "other words");
  expect(await lastNotice(house)).toEqual({ kind: "edit-late", state: "waiting" });
  house.driver.turns[0]?.obey("ask");
  await house.settled();
  expect(asked(house)[1]).toMatch(/^the words\n\nFile/);
});

test("words that were written into nothing are changed again by the message that has them", async () => {
  const files = createManualFiles();
  await using house = await createHouse({ incoming: files });
  await house.send("a", "busy");
  await album(house, files, [
    ["5", ""],
    ["6", ""],
  ]);
  await edit(house, "6", "words");
  await edit(house, "6", "better words");
  expect(await lastNotice(house)).toEqual({ kind: "edited", text: "better words" });
  await edit(house, "5", "others");
  expect(await lastNotice(house)).toEqual({ kind: "edit-late", state: "waiting" });
  await runOut(house);
  expect(asked(house)[1]).toMatch(/^better words\n\nFiles/);
});

test("a part of what was cancelled is not said to be changed", async () => {
  await using house = await createHouse();
  await house.send("a", "busy");
  await house.send("a", "one", piece("5"));
  await house.send("a", "two", piece("6"));
  await house.command("a", { name: "queue" });
  await house.press("a", "cancel", { how: "Cancel 1" });
  await edit(house, "6", "zwei");
  expect(await lastNotice(house)).toEqual({ kind: "edit-late", state: "over" });
});

test("changes that are offered wait too: a full line refuses one, and says so", async () => {
  await using house = await createHouse();
  await house.send("a", "old", { message: "5" });
  for (let n = 0; n < laneCapacity; n += 1) await edit(house, "5", `new ${n}`);
  await edit(house, "5", "one too many");
  expect(await lastNotice(house)).toMatchObject({ kind: "lane-full" });
  expect((await house.items("a")).at(-1)).toBe("rejected");
});

test("an answer to what was heard corrects it while it waits, is offered when it runs, and is a message of its own afterwards", async () => {
  const files = createManualFiles();
  await using house = await createHouse({ incoming: files });
  await house.send("a", "busy");
  await heardVoice(house, files, "clean the how's");
  await house.send("a", "clean the house", { repliesTo: "h" });
  expect(await lastNotice(house)).toEqual({ kind: "edited", text: "clean the house" });
  house.driver.turns[0]?.finish("1");
  await house.settled();
  expect(asked(house)[1]).toMatch(/^clean the house\n/);
  await house.send("a", "no, the yard", { repliesTo: "h" });
  expect(await lastNotice(house)).toEqual({ kind: "edit-late", state: "running" });
  await house.press("a", "held-item", { how: "Discard" });
  house.driver.turns[1]?.finish("2");
  await house.settled();
  await house.send("a", "thank you", { repliesTo: "h" });
  expect(asked(house)[2]).toBe("thank you");
});

test("a correction of one of two that were joined on hold does not drop the other", async () => {
  const files = createManualFiles();
  await using house = await createHouse({ incoming: files });
  await house.send("a", "busy");
  await heardVoice(house, files, "first");
  await house.send("a", "second");
  await house.send("a", "stop");
  await house.command("a", { name: "queue" });
  await house.press("a", "held", { how: "run-as-one" });
  await house.send("a", "other", { repliesTo: "h" });
  house.driver.turns[0]?.obey("ask");
  await house.settled();
  expect(asked(house)[1]).toMatch(/^first\n\nsecond\n/);
});
