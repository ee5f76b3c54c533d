// Who is let in, and for what (C5, C6; telegram.md T1-T5, T18), with the demo agent. What must not happen is counted in the program's books.

import { expect } from "vitest";
import type { Person } from "../emulator/people.ts";
import { openDatabase } from "./house-rules.ts";
import { labels } from "./look.ts";
import type { Scene } from "./scene.ts";
import { ownSceneTest } from "./scene-test.ts";

const test = ownSceneTest({ driver: "demo" });

function books({ home }: Scene): { received: number; runs: number } {
  using database = openDatabase(home);
  const one = (sql: string): number => Number(Object.values(database?.prepare(sql).get() ?? {})[0]);
  return { received: one("SELECT received FROM instance"), runs: one("SELECT count(*) FROM run") };
}

/** Knocks, and is let in by the owner's words. */
async function letIn(scene: Scene, owner: Person, role: string): Promise<Person> {
  const person = scene.stranger();
  person.sends("hello");
  const { text } = await scene.said(person, "This bot is private.");
  owner.sends(`/pair ${codeIn(text)} ${role}`);
  await scene.said(person, "You may use this bot now");
  return person;
}

function codeIn(text: string): string {
  const [code] = /[A-Z0-9]{4}-[A-Z0-9]{4}/.exec(text) ?? [];
  if (code === undefined) throw new Error(`no code in ${text}`);
  return code;
}

test.concurrent("a stranger gets a code, the owner approves it on a card, and the person works; the codes hold over a restart", async ({
  scene,
  person: owner,
}) => {
  owner.sends("/help");
  await scene.said(owner, "/people");
  const stranger = scene.stranger();
  const before = books(scene);
  stranger.sends("run 303");
  const { text } = await scene.said(stranger, "This bot is private.");
  const card = await scene.said(owner, "asks to use this bot");
  expect(card.text).toContain(`Stranger (id ${stranger.id})`);
  expect(card.text).toContain(codeIn(text));
  expect(labels(card)).toEqual([["Approve as operator", "As viewer"], ["Deny"]]);

  await scene.bridge.kill();
  stranger.sends("count to 3"); // before they are let in: nobody hears it (T18)
  await scene.start();
  stranger.sends("please");
  expect((await owner.taps("Approve as operator", { message: card.id })).text).toBe("Let in.");
  await scene.said(stranger, "You may use this bot now, as operator");
  await scene.said(owner, "may use this bot now, as operator");
  expect(books(scene)).toEqual({ received: before.received + 1, runs: before.runs });

  stranger.sends("hello agent");
  await scene.answered(stranger, /You wrote: “hello agent”/);
  expect(books(scene).runs).toBe(before.runs + 1);
  expect(stranger.chat().fromBot.filter((message) => message.text.includes("private"))).toHaveLength(1);
  expect((await owner.taps("Deny", { message: card.id })).text).toContain("answered already");
});

test.concurrent("a viewer sees, and starts, stops and approves nothing; a tap of theirs spoils no button (T4, T5)", async ({
  scene,
  person: owner,
}) => {
  const viewer = await letIn(scene, owner, "viewer");
  const group = scene.emulator.group({ title: "Team", members: [owner, viewer] });
  const name = `@${scene.emulator.me.username}`;
  const inGroup = (text: string) =>
    scene.bridge.until(() => scene.emulator.chat(group.id).find(text), `${text} in the group`);
  viewer.sends("run 303");
  await scene.said(viewer, "You are a viewer here; this takes an operator. Nothing was done.");
  viewer.sends("/status");
  await scene.said(viewer, "Nothing runs and nothing waits.");
  expect(books(scene).runs).toBe(0);

  owner.sends(`${name} run 303`, { chat: group.id });
  await inGroup("🔧 Sleep");
  expect((await viewer.taps("■ Stop", { chat: group.id })).text).toContain("You are a viewer here");
  viewer.sends("/stop", { chat: group.id });
  await inGroup("You are a viewer here");
  expect(scene.emulator.chat(group.id).find("Stopping…")).toBeUndefined();
  expect((await owner.taps("■ Stop", { chat: group.id })).text).toBe("Stopping…");
  await inGroup("Stopped.");
});

test.concurrent("somebody who is removed is out at once, with what waits of theirs and the buttons they see", async ({
  scene,
  person: owner,
}) => {
  const other = await letIn(scene, owner, "operator");
  other.sends("run 303");
  const status = await scene.said(other, "🔧 Sleep");
  other.sends("and then count to 3");
  await scene.said(other, "Queued, number 1");
  owner.sends("/people");
  const list = await scene.said(owner, "Owners by the configuration");
  expect((await owner.taps("Remove Stranger", { message: list.id })).text).toBe("Removed.");
  await scene.said(owner, /may not use this bot any more\. 1 waiting message of theirs cancelled\./);
  expect((await other.taps("■ Stop", { message: status.id })).text).toBe("This bot is private.");
  other.sends("count to 3");
  owner.sends("/stop all");
  await scene.said(owner, "Everything is stopped");
  owner.sends("/queue");
  await scene.said(owner, "No messages waiting.");
  expect(books(scene).runs).toBe(1);
  expect(other.chat().find("You wrote")).toBeUndefined();
});

test.concurrent("an operator works, but neither lets anybody in nor takes off the guard", async ({
  scene,
  person: owner,
}) => {
  const operator = await letIn(scene, owner, "operator");
  const stranger = scene.stranger();
  stranger.sends("hello");
  const { text } = await scene.said(stranger, "This bot is private.");
  for (const words of [`/pair ${codeIn(text)}`, "/people", "/permissions bypass", "/project /etc"]) {
    const { message_id: id } = operator.sends(words);
    await scene.said(operator, "this takes an owner. Nothing was done.", { after: { id } });
  }
  expect(stranger.chat().find("You may use this bot")).toBeUndefined();
  operator.sends("/settings policy steer");
  await scene.said(operator, "From now on: A message while a turn runs: is handed to the turn");
  operator.sends("hello agent");
  await scene.answered(operator, /You wrote: “hello agent”/);
});

test.concurrent("a group is heard where it names the bot, and as a whole once it is bound; never by its mask (T2)", async ({
  scene,
  person: owner,
}) => {
  const stranger = scene.stranger();
  const group = scene.emulator.group({ title: "Team", members: [owner, stranger], kind: "forum" });
  const topic = group.createsTopic(owner, "Builds");
  const other = group.createsTopic(owner, "Talk");
  const said = (text: string, thread: number) =>
    scene.bridge.until(() => group.chat(thread).find(text), `${text} in topic ${thread}`);
  owner.sends("nobody means the bot", { chat: group.id, thread: topic });
  owner.sends("/settings listen all", { chat: group.id, thread: topic });
  await said("From now on: In this group I hear: every message", topic);
  owner.sends("hello everybody", { chat: group.id, thread: topic });
  await said("You wrote: “hello everybody”", topic);
  owner.sends("not here", { chat: group.id, thread: other });
  stranger.sends("run 303", { chat: group.id, thread: topic });
  for (const as of ["anonymous-admin", { channel: "News" }] as const)
    owner.sends("run 303", { chat: group.id, thread: topic, as });
  owner.sends("/settings listen mentions", { chat: group.id, thread: topic });
  await said("From now on: In this group I hear: what names me", topic);
  owner.sends("nobody means the bot again", { chat: group.id, thread: topic });
  owner.sends("/status", { chat: group.id, thread: other });
  await said("run slots in use", other);
  expect(books(scene).runs).toBe(1);
  expect(books(scene).received).toBe(4);
});

test.concurrent("the settings card is pressed through, and redraws itself (C3)", async ({ scene, person: owner }) => {
  owner.sends("/settings");
  const card = await scene.said(owner, "Settings of this conversation:");
  expect(labels(card)).toEqual([
    ["Steer", "Interrupt", "Collect"],
    ["Quiet", "Verbose"],
    ["Draft"],
    ["No reactions"],
    ["Ask after voice"],
  ]);
  await owner.taps("Collect", { message: card.id });
  const next = await scene.said(owner, "From now on: A message while a turn runs: is joined", { after: card });
  expect(labels(next)[0]).toEqual(["Wait in line", "Steer", "Interrupt"]);
  owner.sends("first half");
  owner.sends("second half");
  await scene.answered(owner, /You wrote: “first half\s+second half”/);
  expect(books(scene).runs).toBe(1);
});

const ownerless = ownSceneTest({ driver: "demo", env: { TELEGRAM_ALLOWED_USERS: "" } });

ownerless.concurrent(
  "without an owner nobody may use the bot, until somebody sends the code of the terminal (T1)",
  async ({ scene, person }) => {
    const [, code = ""] = await scene.bridge.printed(/nobody may use the bot yet\. .*\/pair (\S+)/);
    const other = scene.stranger();
    other.sends("/pair ACDE-3467");
    await scene.said(other, "This bot is private.");
    person.sends("hello");
    await scene.said(person, "This bot is private.");
    person.sends(`/pair ${code}`);
    await scene.said(person, "You may use this bot now, as owner");
    other.sends(`/pair ${code}`);
    await scene.bridge.terminate();
    await scene.start();
    expect(scene.bridge.output).not.toContain("nobody may use the bot yet");
    person.sends("hello agent");
    await scene.answered(person, /You wrote: “hello agent”/);
    person.sends("/people");
    const list = await scene.said(person, "Owners by the configuration: none");
    expect(list.text).toContain(`${person.user.first_name} (olga_owner) (id ${person.id}), owner`);
    expect(list.text).not.toContain(`${other.user.first_name} (id ${other.id}), `);
    expect(books(scene).runs).toBe(1);
  },
);
