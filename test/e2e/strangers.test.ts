// Who may do what (telegram.md T1, T2, T4; audit N-10), with the demo agent. What must not happen is counted in the program's books.

import { expect } from "vitest";
import { labels } from "./look.ts";
import { openDatabase } from "./house-rules.ts";
import type { Scene } from "./scene.ts";
import { ownSceneTest } from "./scene-test.ts";

const test = ownSceneTest({ driver: "demo" });

/** Everything that was ever admitted, and every run. */
function books({ home }: Scene): { received: unknown; runs: unknown } {
  using database = openDatabase(home);
  const one = (sql: string): unknown => Object.values(database?.prepare(sql).get() ?? {})[0];
  return { received: one("SELECT received FROM instance"), runs: one("SELECT count(*) FROM run") };
}

/** What became of each message that was admitted, oldest first. */
function states({ home }: Scene): readonly unknown[] {
  using database = openDatabase(home);
  return (database?.prepare("SELECT state FROM inbox ORDER BY id").all() ?? []).map(({ state }) => state);
}

test.concurrent("a stranger gets one reply that names what is missing, and nothing else happens (T1)", async ({
  scene,
  person,
}) => {
  const stranger = scene.stranger();
  const before = books(scene);
  stranger.sends("run 303");
  const reply = await scene.said(stranger, "This bot is private.");
  expect(reply.text).toContain(String(stranger.id));
  stranger.sends("please");
  stranger.sends("/start");
  stranger.sendsDocument("payload.zip", Buffer.from("PK"));
  person.sends("/help");
  await scene.said(person, "/stop"); // what the stranger sent came before this
  expect(books(scene).received).toBe(Number(before.received) + 1);
  expect(books(scene).runs).toBe(before.runs);
  expect(stranger.chat().fromBot).toHaveLength(1);
  expect(scene.emulator.journal.calls("getFile")).toEqual([]);
});

test.concurrent("in a group only those on the list are heard, whatever the group (T2)", async ({ scene, person }) => {
  const stranger = scene.stranger();
  const group = scene.emulator.group({ title: "Team", members: [person, stranger] });
  const name = `@${scene.emulator.me.username}`;
  const before = books(scene);
  stranger.sends(`${name} run 303`, { chat: group.id });
  scene.emulator.pushUpdate({
    channel_post: { message_id: 1, date: 1, chat: { id: -1001, type: "channel", title: "News" }, text: "run 303" },
  } as never);
  person.sends(`${name} hello from the group`, { chat: group.id });
  await scene.bridge.until(
    () => scene.emulator.chat(group.id).find("You wrote: “hello from the group”"),
    "the answer in the group",
  );
  expect(books(scene).received).toBe(Number(before.received) + 1);
  expect(scene.emulator.chat(group.id).find("private")).toBeUndefined();
});

test.concurrent("a stranger's tap on an allowed person's button does nothing (T4)", async ({ scene, person }) => {
  const stranger = scene.stranger();
  const group = scene.emulator.group({ title: "Team", members: [person, stranger] });
  person.sends(`@${scene.emulator.me.username} run 303`, { chat: group.id });
  await scene.bridge.until(() => scene.emulator.chat(group.id).find("🔧 Sleep"), "the run in the group");
  expect((await stranger.taps("■ Stop", { chat: group.id })).text).toBe("This bot is private.");
  expect(scene.emulator.chat(group.id).find("Stopping…")).toBeUndefined();
  expect((await person.taps("■ Stop", { chat: group.id })).text).toBe("Stopping…");
  await scene.bridge.until(() => scene.emulator.chat(group.id).find("Stopped."), "the stop in the group");
});

test.concurrent("forged data, another chat's button and a used button do nothing (T4, N-12)", async ({
  scene,
  person,
}) => {
  const other = scene.person();
  person.sends("run 303");
  const status = await scene.said(person, "🔧 Sleep");
  const stop = status.buttons[0]?.[0]?.data ?? "";
  other.sends("/queue");
  const elsewhere = await scene.said(other, "No messages waiting.");
  const forge = { message: elsewhere.id, forge: true };
  expect((await other.taps({ data: stop }, forge)).text).toBe("This button does not belong here. Nothing was done.");
  const guessed = `${stop.slice(0, -1)}${stop.endsWith("A") ? "B" : "A"}`; // shaped like one of ours
  expect((await other.taps({ data: guessed }, forge)).text).toBe("This button does not belong here. Nothing was done.");
  for (const data of ["stop", "x".repeat(64), "../../etc/passwd", "💥".repeat(16)]) {
    expect((await other.taps({ data }, forge)).text).toBe("This button does not work any more.");
  }
  expect(person.chat().find("Stopping…")).toBeUndefined();

  const taps = await Promise.all(["■ Stop", "■ Stop"].map((label) => person.taps(label, { message: status.id })));
  expect(new Set(taps.map(({ text }) => text))).toEqual(new Set(["Stopping…", "Already done."]));
  await scene.said(person, "Stopped.");
  const late = await person.taps("■ Stop", { message: status.id, stale: true });
  expect(late.text).toBe("Already done.");
});

test.concurrent("a double tap on Run again runs it once (N-10)", async ({ scene, person }) => {
  person.sends("count to 3");
  await scene.answered(person, /You wrote: “count to 3”/);
  person.sends("run 303");
  await scene.said(person, "🔧 Sleep");
  await scene.bridge.kill();
  await scene.start();
  const told = await scene.said(person, "This run was interrupted");
  expect(labels(told)).toEqual([["Run again"]]);
  const before = Number(books(scene).runs);
  const taps = await Promise.all([1, 2].map(() => person.taps("Run again", { message: told.id })));
  expect(new Set(taps.map(({ text }) => text))).toEqual(new Set(["Queued again.", "Already done."]));
  await scene.said(person, "🔧 Sleep");
  person.sends("/stop");
  await scene.said(person, "Stopped.");
  expect(books(scene).runs).toBe(before + 1);
});

test.concurrent("what cannot be given to the agent is refused with a text that names it, and starts nothing (M14)", async ({
  scene,
  person,
}) => {
  const before = books(scene);
  const location = { latitude: 60.17, longitude: 24.94 };
  const refused: readonly (readonly [string, { readonly message_id: number }])[] = [
    ["A sticker", person.sendsFile("sticker", { filler: 10 })],
    ["A location", person.shares({ location })],
    ["A place", person.shares({ venue: { location, title: "Harbour", address: "Quay 1" } })],
    ["A contact", person.shares({ contact: { phone_number: "+15550100", first_name: "Ada" } })],
    ["A poll", person.shares({ poll: { question: "Tea?", options: ["yes", "no"] } })],
    ["A dice", person.shares({ dice: {} })],
  ];
  for (const [what, sent] of refused) {
    const told = await scene.said(person, `${what} cannot be given to the agent`, { withinMs: 30_000 });
    expect(told.replyTo).toBe(sent.message_id);
  }
  // Nothing is lost: each is in the books as what it became, and the next message is an ordinary one.
  person.sends("and now words");
  await scene.answered(person, /You wrote: “and now words”/);
  const after = books(scene);
  expect(Number(after.received)).toBe(Number(before.received) + refused.length + 1);
  expect(Number(after.runs)).toBe(Number(before.runs) + 1);
  expect(states(scene)).toEqual([...refused.map(() => "rejected"), "done"]);
  expect(scene.emulator.journal.calls("getFile")).toEqual([]);
});

test.concurrent("what a stranger sends besides words is neither fetched nor refused piece by piece (T1, M14)", async ({
  scene,
  person,
}) => {
  const stranger = scene.stranger();
  const before = books(scene);
  stranger.shares({ dice: {} });
  await scene.said(stranger, "This bot is private.");
  stranger.sendsFile("sticker", { filler: 10 });
  stranger.sendsPhoto(Buffer.from([0xff, 0xd8]));
  stranger.sendsAlbum([{ filler: 10 }, { filler: 10 }]);
  stranger.sendsFile("voice", { filler: 10 });
  stranger.shares({ contact: { phone_number: "+15550100", first_name: "Eve" } });
  person.sends("/help");
  await scene.said(person, "/stop"); // what the stranger sent came before this
  expect(Number(books(scene).received)).toBe(Number(before.received) + 1);
  expect(books(scene).runs).toBe(before.runs);
  expect(stranger.chat().fromBot).toHaveLength(1);
  expect(scene.emulator.journal.calls("getFile")).toEqual([]);
});
