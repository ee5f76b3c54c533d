// What a person sends besides words, through a local Telegram to the real Claude Code and its model (issue rows M2, M5-M13).

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { deflateSync, crc32 } from "node:zlib";
import { expect } from "vitest";
import { scripted } from "../model/script.ts";
import { labels } from "./look.ts";
import { sceneTest } from "./scene-test.ts";
import type { Scene } from "./scene.ts";

const voice = readFileSync(new URL("../../src/media/speech/test-data/voice.ogg", import.meta.url));
/** What the program that hears says; a test writes it before it speaks. */
const heardFile = "heard.txt";

const test = sceneTest({
  driver: "claude",
  env: (home) => ({
    SIGNALBOX_TRANSCRIBE: "command",
    SIGNALBOX_TRANSCRIBE_COMMAND: JSON.stringify([
      "sh",
      "-c",
      'test -s "$1" && cat "$0"',
      join(home.path, heardFile),
      "{file}",
    ]),
  }),
});

/** A picture of one colour, as a camera would never make it. */
function png(colour: number): Buffer {
  const chunk = (type: string, data: Buffer): Buffer => {
    const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
    const ends = Buffer.alloc(8);
    ends.writeUInt32BE(data.length, 0);
    ends.writeUInt32BE(crc32(body), 4);
    return Buffer.concat([ends.subarray(0, 4), body, ends.subarray(4)]);
  };
  const header = Buffer.from([0, 0, 0, 1, 0, 0, 0, 1, 8, 0, 0, 0, 0]);
  const signature = Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]);
  const data = deflateSync(Buffer.from([0, colour]));
  return Buffer.concat([signature, chunk("IHDR", header), chunk("IDAT", data), chunk("IEND", Buffer.alloc(0))]);
}

/** The newest request whose prompt contains this: its text and its images. */
function asked(scene: Scene, words: string) {
  const request = scene.model.requests.findLast(({ prompt }) => prompt.includes(words));
  const last = request?.body.messages?.findLast(({ role }) => role === "user");
  const blocks = typeof last?.content === "string" ? [] : (last?.content ?? []);
  const images = blocks.flatMap((block) =>
    block.type === "image" ? [(block as unknown as { source: { data: string } }).source.data] : [],
  );
  return { prompt: request?.prompt ?? "", images };
}

test("a photo is seen by the model, and lies where the agent can find it (M5)", async ({ scene, person }) => {
  const photo = png(17);
  person.sendsPhoto(photo, { caption: "what colour is this?" });
  await scene.answered(person, /^echo: what colour is this\?/);
  const { prompt, images } = asked(scene, "what colour is this?");
  expect(images).toEqual([photo.toString("base64")]);
  const path = /^- (\/.*\.(?:png|jpg)) \(image\/png\)$/m.exec(prompt)?.[1] ?? "";
  expect(readFileSync(path)).toEqual(photo);
});

test("an album is one prompt with all its pictures in their order, however its parts arrive (M6)", async ({
  scene,
  person,
}) => {
  const pictures = [1, 2, 3, 4].map((colour) => ({
    bytes: png(colour),
    ...(colour === 1 ? { caption: "four of them" } : {}),
  }));
  const letter = person.composes(pictures);
  const arrival = letter.arrives({ order: [2, 0, 3, 0, 1], gapMs: 150 });
  await scene.answered(person, /^echo: four of them/);
  await arrival;
  expect(asked(scene, "four of them").images).toEqual(pictures.map(({ bytes }) => bytes.toString("base64")));
  expect(scene.model.requests.filter(({ prompt }) => prompt.includes("four of them"))).toHaveLength(1);
});

test("a document is given as its path and the beginning of its text, whatever its name says (M7)", async ({
  scene,
  person,
}) => {
  person.sendsDocument("../../etc/pass\u202Ewd", Buffer.from("def answer():\n    return 42\n"), {
    caption: "explain this",
  });
  await scene.answered(person, /^echo: explain this/);
  const { prompt } = asked(scene, "explain this");
  expect(prompt).toContain("return 42");
  expect(/^- (\/.*) \(/m.exec(prompt)?.[1]).toMatch(/\/files\/.*\/[^/\u202E]*pass[^/\u202E]*wd$/);
  person.sends("/files");
  const list = await scene.said(person, "Files of this conversation:");
  expect(list.text).toMatch(/1\. .*passwd, 4/);
  expect(labels(list)).toEqual([["Remove 1"]]);
  await person.taps("Remove 1");
  await scene.said(person, "1 file removed.");
});

test("a voice message is heard, shown, and answered as if it had been written (M2)", async ({ scene, person }) => {
  writeFileSync(join(scene.home.path, heardFile), "sing me a song");
  const spoken = person.sendsFile("voice", { bytes: voice });
  const heard = await scene.said(person, "“sing me a song”");
  expect(heard.replyTo).toBe(spoken.message_id);
  await scene.answered(person, /^echo: sing me a song/);
});

test("a spoken stop is a stop (S1), and !words that are spoken interrupt", async ({ scene, person }) => {
  const child = scene.child();
  person.sends(scripted([[{ tool: "Bash", input: { command: child.command } }], ["not reached"]]));
  await child.started();
  writeFileSync(join(scene.home.path, heardFile), "Stop.");
  person.sendsFile("voice", { bytes: voice });
  await scene.said(person, "Stopped.");
  expect(child.isAlive()).toBe(false);
});

test("what cannot be fetched is kept and tried again; what never can be is told (M7)", async ({ scene, person }) => {
  scene.emulator.faults.next("getFile", { kind: "reset-before" });
  person.sendsDocument("notes.txt", Buffer.from("remember the milk"), { caption: "read these notes" });
  const card = await scene.said(person, "Your message is kept.");
  expect(labels(card)).toEqual([["Try again", "Run without it", "Discard"]]);
  await person.taps("Try again");
  await scene.answered(person, /^echo: read these notes/);
  expect(asked(scene, "read these notes").prompt).toContain("remember the milk");

  person.sendsFile("document", { filler: 10, name: "huge.bin", size: 21 * 1024 * 1024 });
  expect((await scene.said(person, "Nothing was started.")).text).toMatch(/20 M/);
  person.sendsFile("document", { name: "empty.txt" });
  await scene.said(person, "The file is empty.");
});

test("a text that Telegram cut arrives whole, and a quote and a forward say whose words they are (M10, M11, M13)", async ({
  scene,
  person,
}) => {
  const long = `${"first ".repeat(900)}LAST`;
  person.sends(long);
  await scene.answered(person, /LAST$/);
  const whole = scene.model.requests.filter(({ prompt }) => prompt.includes("first first"));
  expect(whole).toHaveLength(1);
  expect(whole[0]?.prompt.match(/first/g)).toHaveLength(900);

  const first = person.sends("the build is red");
  await scene.answered(person, "echo: the build is red");
  person.sends("why is that?", { replyTo: first.message_id, quote: "red" });
  await scene.answered(person, /^echo: In answer to:\n\nred\n\nwhy is that\?/);
  person.sends("stop", { forwardedFrom: { kind: "hidden", name: "Eve" } });
  await scene.answered(person, /^echo: Forwarded, first written by Eve:\n\nstop/);
});

test("a message that waits is changed by an edit; one that runs is offered a correction (M12)", async ({
  scene,
  person,
}) => {
  const running = person.sends(scripted([[{ gate: `${person.id} edits` }, "first done"]]));
  const gate = await scene.reached(`${person.id} edits`);
  const waiting = person.sends("paint it blue");
  await scene.said(person, "Queued, number 1");
  person.edits(waiting.message_id, "paint it green");
  await scene.said(person, "Changed: paint it green");
  person.edits(running.message_id, "do it twice");
  const offer = await scene.said(person, "Is the new text a correction for it?");
  expect(labels(offer)).toEqual([
    ["Steer now", "Stop and run"],
    ["Run", "Discard"],
  ]);
  gate.release();
  await scene.answered(person, "echo: paint it green");
  await person.taps("Run");
  await scene.answered(person, "echo: do it twice");
  expect(scene.timesAsked("paint it blue")).toBe(0);
});
