// What leaves besides an answer's words: albums, the end of a run that was a draft or was not shown at all, reactions (issue rows V4, V5, V6, M6).

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { pngPicture } from "../emulator/pictures.ts";
import type { Person } from "../emulator/people.ts";
import { scripted, type Step } from "../model/script.ts";
import { labels } from "./look.ts";
import { sceneTest } from "./scene-test.ts";
import type { Scene } from "./scene.ts";

const test = sceneTest({ driver: "claude" });

/** Files of the workspace that this person's agent sends in one breath. */
function sent(scene: Scene, person: Person, names: readonly string[]): Step[] {
  return names.map((name, index) => {
    const path = `${person.id}-${name}`;
    const bytes = name.endsWith(".png") ? pngPicture(40, 40 + index) : Buffer.from(`${name}\n`);
    writeFileSync(join(scene.home.workspace, path), bytes);
    return { tool: "mcp__signalbox__send_file", input: { path, caption: `no. ${index + 1}` } };
  });
}

const seen = (person: Person) =>
  person
    .chat()
    .fromBot.flatMap(({ text, file, album }) => (file === undefined ? [] : [{ kind: file.kind, text, album }]));

const quickTool: Step = { tool: "Read", input: { file_path: "/nowhere/at/all" } };

test("files that are sent in one breath are one album of pictures and one of documents (V6)", async ({
  scene,
  person,
}) => {
  const names = ["a.png", "b.png", "c.png", "d.csv", "e.txt"];
  person.sends(scripted([sent(scene, person, names), ["five files"]]));
  await scene.answered(person, "five files");
  await scene.delivered();
  const files = seen(person);
  expect(files.map(({ kind, text }) => [kind, text])).toEqual([
    ["photo", "no. 1"],
    ["photo", "no. 2"],
    ["photo", "no. 3"],
    ["document", "no. 4"],
    ["document", "no. 5"],
  ]);
  const [pictures, , , documents] = files.map(({ album }) => album);
  expect(pictures).toBeDefined();
  expect(documents).toBeDefined();
  expect(files.map(({ album }) => album)).toEqual([pictures, pictures, pictures, documents, documents]);
  expect(scene.emulator.journal.calls("sendMediaGroup").filter(({ chatId }) => chatId === person.chatId)).toHaveLength(
    2,
  );
});

test("an album whose answer is lost comes once more, file by file, and says so (I6)", async ({ scene, person }) => {
  scene.emulator.faults.next("sendMediaGroup", { kind: "reset-after" }, { chat: person.chatId });
  person.sends(scripted([sent(scene, person, ["a.png", "b.png"]), ["two files"]]));
  await scene.answered(person, "two files");
  await scene.delivered();
  expect(seen(person).map(({ text, album }) => [text, album !== undefined])).toEqual([
    ["no. 1", true],
    ["no. 2", true],
    ["(possibly repeated) no. 1", false],
    ["(possibly repeated) no. 2", false],
  ]);
});

test("an album that was on its way when the program died comes file by file, marked, and never in silence (I6)", async ({
  scene,
  person,
}) => {
  const held = scene.emulator.faults.hold("sendMediaGroup");
  person.sends(
    scripted([sent(scene, person, ["a.png", "b.png", "c.png"]), [{ gate: `${person.id} died` }, "not reached"]]),
  );
  await held.arrived();
  await scene.bridge.kill();
  held.release();
  await scene.start();
  await scene.said(person, "This run was interrupted");
  await scene.delivered();
  expect(seen(person).map(({ text, album }) => [text, album !== undefined])).toEqual([
    ["(possibly repeated) no. 1", false],
    ["(possibly repeated) no. 2", false],
    ["(possibly repeated) no. 3", false],
  ]);
});

test("a run that was a draft has its line and its details under its answer (V4, V8)", async ({ scene, person }) => {
  person.sends("/settings stream drafts");
  await scene.said(person, "From now on");
  const gate = `${person.id} drafted`;
  person.sends(scripted([[quickTool], [{ text: ["Half ", { gate }, "and half."] }]]));
  const half = await scene.reached(gate);
  await scene.bridge.until(() => person.chat().draft?.text.includes("Half"), "the draft");
  half.release();
  const answer = await scene.answered(person, /^Half and half\.\n\n✔ .* · 1 tool/);
  expect(labels(answer)).toEqual([["Details"]]);
  await person.taps("Details", { message: answer.id });
  expect((await scene.said(person, "What the run did")).text).toContain("Read");
  await scene.delivered();
  expect(person.chat().draft).toBeUndefined();
});

test("in a quiet conversation the answer alone is there, and its details under it (V5)", async ({ scene, person }) => {
  person.sends("/settings view quiet");
  const card = await scene.said(person, "From now on");
  person.sends(scripted([[quickTool], ["all quiet"]]));
  const answer = await scene.answered(person, "all quiet");
  await scene.delivered();
  expect(labels(answer)).toEqual([["Details"]]);
  expect(person.chat().fromBot.filter(({ id }) => id > card.id)).toHaveLength(1);
});

test("reactions are turned off alone", async ({ scene, person }) => {
  const first = person.sends("hello");
  await scene.answered(person, "echo: hello");
  const reactions = (id: number) => person.chat().message(id)?.reactions.join();
  await scene.bridge.until(() => reactions(first.message_id) === "👍", "the reaction");
  person.sends("/settings reactions off");
  expect((await scene.said(person, "From now on")).text).toContain("Your message: gets no reactions (reactions off)");
  const before = scene.emulator.journal.calls("setMessageReaction").length;
  const second = person.sends("hello again");
  await scene.answered(person, "echo: hello again");
  await scene.delivered();
  expect(reactions(second.message_id)).toBe("");
  expect(scene.emulator.journal.calls("setMessageReaction")).toHaveLength(before);
});
