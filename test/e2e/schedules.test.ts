// Schedules as a person meets them in the chat, with the demo agent (issue 6: K1-K7; I2, I6, I11; T16). The real agent: schedules-agent.test.ts.

import { DatabaseSync } from "node:sqlite";
import { join } from "node:path";
import { expect } from "vitest";
import type { MessageView } from "../emulator/chat-view.ts";
import type { Person } from "../emulator/people.ts";
import { botTexts, isLive, labels } from "./look.ts";
import { openDatabase } from "./house-rules.ts";
import type { Scene } from "./scene.ts";
import { ownSceneTest } from "./scene-test.ts";

const test = ownSceneTest({ driver: "demo" });

const absenceMs = 5.5 * 60 * 60_000;

/** Times come as "Tue 24 Nov 2026, 07:00". */
const time = String.raw`\w{3} \d{1,2} \w{3} \d{4}, \d\d:\d\d`;

async function told(scene: Scene, person: Person, typed: string, answer: string | RegExp): Promise<MessageView> {
  const { message_id: id } = person.sends(typed);
  return scene.said(person, answer, { after: { id } });
}

/** What became of each time, oldest first, as the program's books say. */
function became({ home }: Scene): string[] {
  using database = openDatabase(home);
  const rows = database
    ?.prepare("SELECT skipped, state FROM occurrence LEFT JOIN inbox ON inbox.id = item ORDER BY occurrence.id")
    .all();
  return (rows ?? []).map(({ skipped, state }) =>
    skipped === null ? String(state) : `skipped: ${(JSON.parse(String(skipped)) as { why: string }).why}`,
  );
}

/** Until the books say so; `what` a person sees is asked for beside it. */
async function untilBecame(scene: Scene, wanted: readonly string[]): Promise<void> {
  const isSo = (): boolean => JSON.stringify(became(scene)) === JSON.stringify(wanted);
  for (let looks = 0; !isSo(); looks += 1) {
    if (looks > 300) throw new Error(`${became(scene).join(", ")}, not ${wanted.join(", ")}\n${scene.emulator.dump()}`);
    await scene.bridge.during(new Promise((resolve) => setTimeout(resolve, 50)), "a look at the books");
  }
}

test.concurrent("/cron add with quotes says the next times, /cron lists it, and its buttons run, pause, resume and delete it", async ({
  scene,
  person,
}) => {
  const added = await told(
    scene,
    person,
    '/cron add "0 7 * * 1-5" Count to 3',
    "Scheduled as count-3: weekdays at 07:00.",
  );
  expect(added.text).toMatch(new RegExp(`Next \\(.+\\):\n(• ${time}\n?){5}$`));
  expect(added.text).toContain("In a session of its own, with demo");
  expect(added.text).toContain(", 07:00");
  await told(
    scene,
    person,
    "/cron add \u201cevery 10m\u201d \u2014\u2014name phone Look",
    /There is no option|Scheduled as/,
  );
  const list = await told(scene, person, "/cron", /schedules?:/);
  expect(list.text).toContain("count-3");
  expect(labels(list).flat()).toContain("count-3");

  await person.taps("count-3", { message: list.id });
  const card = await scene.said(person, "count-3: ", { after: list });
  expect(labels(card)).toEqual([
    ["Run now", "Pause", "Edit"],
    ["History", "Delete"],
  ]);
  expect((await person.taps("Run now", { message: card.id })).text).toBe("In line.");
  const answer = await scene.answered(person, /^⏰ count-3\n[^]*You wrote:/, { after: card });
  expect(isLive(answer)).toBe(false);
  expect((await person.taps("Pause", { message: card.id })).text).toBe("Paused.");
  const paused = await scene.said(person, "Paused: count-3", { after: answer });
  expect((await person.taps("Resume", { message: paused.id })).text).toBe("Goes on.");
  await scene.said(person, "count-3 goes on", { after: paused });
  await person.taps("History", { message: card.id });
  const history = await scene.said(person, "count-3, newest first:", { after: paused });
  expect(history.text).toMatch(new RegExp(`${time} \\(run now\\): done`));
  expect((await person.taps("Delete", { message: card.id })).text).toBe("Deleted.");
  await scene.said(person, "Deleted: count-3. It fires no more.", { after: history });
  expect((await told(scene, person, "/cron", /schedule/)).text).not.toContain("count-3");
});

test.concurrent("a time that comes runs by itself: its status and its answer say whose they are, and the list says that it is over", async ({
  scene,
  person,
}) => {
  await told(scene, person, "/cron add --name soon in 2s Say hello", "Scheduled as soon");
  await scene.bridge.until(
    () => person.chat().fromBot.some((message) => isLive(message) && message.text.startsWith("⏰ soon\n")),
    "a status that says whose it is",
  );
  const answer = await scene.answered(person, /^⏰ soon\n[^]*Say hello/);
  expect(answer.text.match(/⏰/g)).toHaveLength(1);
  expect((await told(scene, person, "/cron", "1 schedule:")).text).toContain("over");
  await untilBecame(scene, ["done"]);
});

test.concurrent("what is wrong is said, with the next times of a right one, and nothing is scheduled", async ({
  scene,
  person,
}) => {
  for (const [typed, why] of [
    ['/cron add "61 7 * * *" Look', "Invalid value for minute: 61"],
    ["/cron add sometimes Look", '"sometimes" is no time.'],
    ["/cron add every 10s Look", "Every minute is as often as it gets"],
    ["/cron add at 2020-01-01T07:00 Look", "is past"],
    ["/cron add daily 7:00", "It needs a text"],
  ] as const) {
    const { text } = await told(scene, person, typed, why);
    expect(text).toContain("Nothing was scheduled or changed.");
    expect(text).toMatch(new RegExp(`Like this: /cron add .*\nThat would be due:\n(• ${time}\n?){5}$`));
  }
  await told(scene, person, "/cron pause nothing", "There is no schedule");
  await told(scene, person, "/cron", "Nothing is scheduled here.");
});

test.concurrent("a message comes before a scheduled run that works: it is answered first, and the job runs again and delivers", async ({
  scene,
  person,
}) => {
  await told(scene, person, "/cron add --name work in 1s run 3", "Scheduled as work");
  await scene.said(person, /^⏰ work\n[^]*Sleep/);
  const { message_id: asked } = person.sends("what is new?");
  const answered = await scene.answered(person, /You wrote: “what is new\?”/, { after: { id: asked } });
  const done = await scene.answered(person, /^⏰ work\n[^]*You wrote:/, { after: answered, withinMs: 30_000 });
  expect(done.id).toBeGreaterThan(answered.id);
  await untilBecame(scene, ["done"]);
  // Of the run that made room, its status says what became of it; nothing says "Stopped".
  expect(botTexts(person, /Stopped/)).toEqual([]);
  await scene.delivered();
  expect(person.chat().fromBot.filter(isLive)).toEqual([]);
});

test.concurrent("kill -9 while a scheduled run works: it is told as interrupted, under its name, and does not run again by itself", async ({
  scene,
  person,
}) => {
  await told(scene, person, "/cron add --name work in 1s run 303", "Scheduled as work");
  await scene.said(person, /^⏰ work\n[^]*Sleep/);
  await scene.bridge.kill();
  await scene.start();
  const cut = await scene.said(person, "This run was interrupted");
  expect(cut.text).toMatch(/^⏰ work\nThis run was interrupted \(Signalbox ended while it ran\)\.\n/);
  expect(labels(cut)).toEqual([["Run again"]]);
  await told(scene, person, "hello", /You wrote: “hello”/);
  expect(became(scene)).toEqual(["interrupted"]);
  expect((await person.taps("Run again", { message: cut.id })).text).toBe("Queued again.");
  await scene.said(person, /^⏰ work\n[^]*Sleep/, { after: cut });
  await told(scene, person, "/stop", "Stopped.");
});

test.concurrent("several times missed while off are told in one message, and the latest of each runs", async ({
  scene,
  person,
}) => {
  await told(scene, person, "/cron add --name hourly every 1h Say one", "Scheduled as hourly");
  await told(scene, person, "/cron add --name skipped --missed skip every 1h Say two", "Scheduled as skipped");
  expect(await scene.bridge.terminate()).toBe(0);
  // The clock of the machine cannot be moved: five and a half hours pass in the books instead.
  {
    using database = new DatabaseSync(join(scene.home.state, "signalbox.db"));
    database.exec(`UPDATE schedule SET next_at_ms = next_at_ms - ${absenceMs},
      plan = json_set(plan, '$.timing.fromMs', plan ->> '$.timing.fromMs' - ${absenceMs})`);
  }
  await scene.start();
  const missed = await scene.said(person, "While Signalbox was not running:");
  expect(missed.text.split("\n")).toEqual([
    "While Signalbox was not running:",
    "⏰ hourly was due 5 times: runs once now",
    "⏰ skipped was due 5 times: skipped",
  ]);
  await scene.answered(person, /^⏰ hourly\n[^]*Say one/);
  expect(botTexts(person, /While Signalbox was not running/)).toHaveLength(1);
  await untilBecame(scene, ["done", "skipped: missed", "skipped: missed"]);
  expect((await told(scene, person, "/cron history hourly", "newest first")).text).toMatch(
    /skipped 4 times: Signalbox was not running/,
  );
});

test.concurrent("a reminder is said and runs nothing; a silent job leaves nothing in the chat", async ({
  scene,
  person,
}) => {
  await told(scene, person, "/cron add --silent --name quiet in 1s Say hello", "Scheduled as quiet");
  await told(scene, person, "/cron add --remind --name tea in 2s Tea is ready", "Scheduled as tea");
  const tea = await scene.said(person, "⏰ Tea is ready");
  await untilBecame(scene, ["done", "done"]);
  await scene.delivered();
  expect(
    person.chat().fromBot.filter(({ text }) => /Say hello|quiet\n/.test(text) && !text.includes("Scheduled")),
  ).toEqual([]);
  expect(labels(tea)).toEqual([]);
  using database = openDatabase(scene.home);
  expect(database?.prepare("SELECT count(*) AS n FROM run").get()?.["n"]).toBe(1);
});

test.concurrent("stop ends a scheduled run for good, by word and by its button, and its schedule stays", async ({
  scene,
  person,
}) => {
  for (const stop of ["word", "button"] as const) {
    await told(scene, person, `/cron add --name ${stop} in 1s run 303`, `Scheduled as ${stop}`);
    const status = await scene.said(person, new RegExp(`^⏰ ${stop}\n[^]*Sleep`));
    if (stop === "word") person.sends("stop");
    else expect((await person.taps("■ Stop", { message: status.id })).text).toBe("Stopping…");
    await scene.said(person, new RegExp(`^⏰ ${stop}\nStopped\\.`), { after: status });
    await scene.home.assertNothingRuns(scene.bridge.pid);
  }
  await untilBecame(scene, ["cancelled", "cancelled"]);
});

test.concurrent("in a group's topic it is made, said and stopped there; a viewer may see it, and nothing else", async ({
  scene,
  person: owner,
}) => {
  const viewer = scene.stranger();
  viewer.sends("hello");
  const { text } = await scene.said(viewer, "This bot is private.");
  owner.sends(`/pair ${/[A-Z0-9]{4}-[A-Z0-9]{4}/.exec(text)?.[0] ?? ""} viewer`);
  await scene.said(viewer, "You may use this bot now");
  const group = scene.emulator.group({ title: "Team", members: [owner, viewer], kind: "forum" });
  const thread = group.createsTopic(owner, "Builds");
  const there = (wanted: RegExp) =>
    scene.bridge.until(
      () => group.chat(thread).fromBot.findLast((message) => wanted.test(message.text)),
      `${wanted.source} in the topic`,
    );

  owner.sends("/cron add --name build in 2s run 303", { chat: group.id, thread });
  await there(/^Scheduled as build/);
  viewer.sends("/cron", { chat: group.id, thread });
  const list = await there(/^1 schedule:/);
  viewer.sends("/cron add daily 7:00 Look", { chat: group.id, thread });
  await there(/You are a viewer here; this takes an operator/);
  const status = await there(/^⏰ build\n[^]*Sleep/);
  expect((await viewer.taps("■ Stop", { chat: group.id, message: status.id })).text).toContain("You are a viewer here");
  await viewer.taps("build", { chat: group.id, message: list.id });
  const card = await there(/^build: /);
  expect((await viewer.taps("Run now", { chat: group.id, message: card.id })).text).toContain("You are a viewer here");
  expect((await viewer.taps("Delete", { chat: group.id, message: card.id })).text).toContain("You are a viewer here");
  owner.sends("/stop", { chat: group.id, thread });
  await there(/^⏰ build\nStopped\./);
  expect(became(scene)).toEqual(["cancelled"]);
  expect(botTexts(owner, /build/)).toEqual([]); // not in the private chat
});
