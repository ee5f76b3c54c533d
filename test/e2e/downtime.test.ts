// Messages that waited while Signalbox was off (issue row L6; T18), with the demo agent.

import { DatabaseSync } from "node:sqlite";
import { join } from "node:path";
import { expect } from "vitest";
import type { Person } from "../emulator/people.ts";
import { asked, labels } from "./look.ts";
import type { Scene } from "./scene.ts";
import { ownSceneTest } from "./scene-test.ts";

const test = ownSceneTest({ driver: "demo" });

const minuteMs = 60_000;

/** A message that the person sent so long ago; Telegram still has it. */
function sentBefore(scene: Scene, person: Person, minutes: number, text: string): void {
  const message = {
    message_id: Math.trunc(Math.random() * 1_000_000) + 100_000,
    date: Math.floor((Date.now() - minutes * minuteMs) / 1000),
    chat: { id: person.chatId, type: "private" as const, first_name: person.user.first_name },
    from: person.user,
    text,
  };
  expect(scene.emulator.pushUpdate({ message })).toBeDefined();
}

async function off(scene: Scene): Promise<void> {
  expect(await scene.bridge.terminate()).toBe(0);
}

test.concurrent("three old messages are offered in one card, and Run each runs them in their order", async ({
  scene,
  person,
}) => {
  await off(scene);
  for (const text of ["one", "two", "three"]) sentBefore(scene, person, 11, text);
  await scene.start();
  const card = await scene.said(person, "3 messages arrived while I was off:");
  expect(card.text).toMatch(/1\. one\n2\. two\n3\. three$/);
  expect(labels(card)).toEqual([["Run each", "Run as one"], ["Discard"]]);
  await scene.delivered();
  expect(asked(person)).toEqual([]);
  expect((await person.taps("Run each")).text).toBe("Back in the queue.");
  await scene.answered(person, /You wrote: “three”/);
  expect(asked(person)).toEqual(["one", "two", "three"]);
});

test.concurrent("Run as one, and Discard, of what was sent while off", async ({ scene, person }) => {
  const other = scene.person();
  await off(scene);
  for (const text of ["one", "two"]) sentBefore(scene, person, 60, text);
  sentBefore(scene, other, 60, "old news");
  await scene.start();
  await scene.said(person, "2 messages arrived while I was off:");
  await scene.said(other, "1 message arrived while I was off:");
  await other.taps("Discard");
  await scene.said(other, "1 message discarded.");
  await person.taps("Run as one");
  await scene.answered(person, /You wrote: “one two”/);
  expect(asked(other)).toEqual([]);
});

test.concurrent("younger messages just run, in their order, and an old !interrupt interrupts nothing", async ({
  scene,
  person,
}) => {
  await off(scene);
  sentBefore(scene, person, 30, "!drop everything");
  sentBefore(scene, person, 2, "young one");
  person.sends("young two");
  await scene.start();
  await scene.said(person, "1 message arrived while I was off:");
  await scene.answered(person, /You wrote: “young two”/);
  expect(asked(person)).toEqual(["young one", "young two"]);
  await person.taps("Discard");
});

test.concurrent("what was in the queue when Signalbox ended, and waited too long, is offered and not run", async ({
  scene,
  person,
}) => {
  person.sends("run 303");
  await scene.said(person, "🔧 Sleep");
  person.sends("from before");
  await scene.said(person, "number 1 in line");
  await off(scene);
  // The clock of the machine cannot be moved: eleven minutes pass in the books instead.
  using database = new DatabaseSync(join(scene.home.state, "signalbox.db"));
  database.exec(`UPDATE inbox SET accepted_at_ms = accepted_at_ms - ${11 * minuteMs} WHERE state = 'queued'`);
  database.close();
  await scene.start();
  await scene.said(person, "1 message arrived while I was off:");
  expect(asked(person)).toEqual([]);
  await person.taps("Run each");
  await scene.answered(person, /You wrote: “from before”/);
});

test.concurrent("the bound is a setting: with 60 minutes, 30 minutes are young", async ({ scene, person }) => {
  await off(scene);
  sentBefore(scene, person, 30, "half an hour ago");
  await scene.start({ SIGNALBOX_DOWNTIME_MINUTES: "60" });
  await scene.answered(person, /You wrote: “half an hour ago”/);
});
