// Telegram refuses, loses and repeats (issue: "429, blocked"; F1, F3, F5, F9, F10; I6), with the real Claude Code behind it, so that it
// shows how often the agent was asked.

import { expect } from "vitest";
import type { JournalEntry } from "../emulator/journal.ts";
import { scripted } from "../model/script.ts";
import { botTexts } from "./look.ts";
import { sceneTest } from "./scene-test.ts";

const test = sceneTest({ driver: "claude" });

const isRefused = ({ outcome }: JournalEntry): boolean => outcome.kind === "rejected" && outcome.code === 429;

test("429 on an answer: the wait is kept to the second, the answer arrives once, other chats go on meanwhile", async ({
  scene,
  person,
}) => {
  const turn = await scene.aboutToSay(person, "patience");
  const { faults, journal } = scene.emulator;
  faults.next("sendMessage", { kind: "too-many", retryAfterSeconds: 2 }, { chat: person.chatId });
  turn.say();
  await scene.bridge.until(() => journal.entries.some(isRefused), "the 429");
  const other = scene.person();
  other.sends("/help");
  await scene.said(other, "/stop");
  const helped = journal.entries.length;
  await scene.answered(person, "patience");
  const refusedAt = journal.entries.findLast(isRefused)?.at ?? 0;
  const early = journal.entries.filter(
    ({ method, chatId, at }) =>
      chatId === person.chatId && /^(send|edit)Message/.test(method) && at > refusedAt && at < refusedAt + 2_000,
  );
  expect(early).toEqual([]);
  expect(journal.entries.length).toBeGreaterThan(helped);
  expect(botTexts(person, /patience/)).toEqual(["patience"]);
  expect(scene.timesAsked(turn.prompt)).toBe(1);
});

test("429 on edits of the status: the answer waits for no edit, and arrives once", async ({ scene, person }) => {
  const refused = scene.emulator.faults.next(
    "editMessageText",
    { kind: "too-many", retryAfterSeconds: 1 },
    { times: 2, chat: person.chatId },
  );
  person.sends(scripted([[{ text: ["half ", { gate: `${person.id} half` }, "whole"] }]]));
  await scene.reached(`${person.id} half`);
  await scene.bridge.until(() => refused.fired > 0, "a refused edit");
  scene.model.gate(`${person.id} half`).release();
  await scene.answered(person, "half whole");
  await scene.bridge.until(() => botTexts(person, /^✔ /).length === 1, "the summary");
  expect(botTexts(person, /^half whole$/)).toHaveLength(1);
});

test.for(["reset-before", "reset-after", "bad-gateway"] as const)(
  "an answer whose fate is unknown (%s) is sent once more and says so, and the agent is not asked again",
  async (kind, { scene, person }) => {
    const answer = `arrive, ${kind}`;
    const turn = await scene.aboutToSay(person, answer);
    scene.emulator.faults.next("sendMessage", { kind }, { chat: person.chatId });
    turn.say();
    await scene.answered(person, `(possibly repeated) ${answer}`);
    await scene.delivered();
    const wanted = kind === "reset-after" ? [answer] : [];
    expect(botTexts(person, /arrive/)).toEqual([...wanted, `(possibly repeated) ${answer}`]);
    expect(scene.timesAsked(turn.prompt)).toBe(1);
  },
);

test("a person who blocks the bot during a turn costs nothing: the turn ends, others go on, and a return is welcome", async ({
  scene,
  person,
}) => {
  person.sends(scripted([[{ gate: `${person.id} blocked` }, "into the void"]]));
  const gate = await scene.reached(`${person.id} blocked`);
  person.blocksBot();
  gate.release();
  const other = scene.person();
  other.sends("is it my turn?");
  await scene.answered(other, "echo: is it my turn?");
  person.unblocksBot();
  person.sends("I am back");
  await scene.answered(person, "echo: I am back");
});

test("Telegram is away for a while: what was written meanwhile is answered, and nothing is asked twice", async ({
  scene,
  person,
}) => {
  person.sends(scripted([[{ gate: `${person.id} away` }, "worked through it"]]));
  const gate = await scene.reached(`${person.id} away`);
  {
    await using _outage = await scene.emulator.faults.refuse();
    person.sends("written in the dark");
    gate.release();
    await scene.bridge.until(() => scene.emulator.updates.polls === 0, "the outage to be felt");
  }
  await scene.answered(person, "worked through it");
  await scene.answered(person, "echo: written in the dark");
  expect(scene.timesAsked("written in the dark")).toBe(1);
});

test("an update that Telegram delivers twice is one message (F1, FLD)", async ({ scene, person }) => {
  const lost = scene.emulator.faults.next("getUpdates", { kind: "reset-after" });
  person.sends("just once");
  await scene.answered(person, "echo: just once");
  expect(lost.fired).toBe(1);
  person.sends("next");
  await scene.answered(person, "echo: next");
  expect(scene.timesAsked("just once")).toBe(1);
});

test("formatting that Telegram refuses costs the formatting, not the answer", async ({ scene, person }) => {
  const turn = await scene.aboutToSay(person, "a **bold** word");
  const description = "Bad Request: can't parse entities: some reason";
  scene.emulator.faults.next("sendMessage", { kind: "error", code: 400, description }, { chat: person.chatId });
  turn.say();
  const answer = await scene.answered(person, "a bold word");
  expect(answer.entities).toEqual([]);
});
