/**
 * N-18, N-19. There: what a schedule or a monitor asked for was put into whatever conversation the user had last, in its session: it answered
 * in the middle of their talk, and the agent took it for their words.
 * Here: an occurrence names its conversation, and that has a session of its own; what it says names its schedule.
 */
import { expect, test } from "vitest";
import { createHouse, type House } from "../engine-house.ts";
import { turnOf } from "./kit.ts";

const minuteMs = 60_000;

/** The newest turn says which memory it has, and ends. */
async function finish(house: House, n: number, memory: string, text: string): Promise<void> {
  turnOf(house, n).emit({ kind: "session", resume: memory });
  turnOf(house, n).finish(text);
  await house.settled();
}

async function due(house: House, minutes: number): Promise<void> {
  await house.clock.advance(minutes * minuteMs);
  await house.engine.fire();
  await house.settled();
}

test("a schedule's runs and the person's messages have a memory each, whichever came last", async () => {
  const house = await createHouse();
  await house.send("a", "one");
  await finish(house, 0, "the person's", "first");
  await house.send("a", "/cron add --name job every 10m Work");
  await due(house, 10);
  expect(turnOf(house, 1).request.session.resume).toBeNull();
  expect(turnOf(house, 1).request.session.id).not.toBe(turnOf(house, 0).request.session.id);
  await finish(house, 1, "the job's", "worked");
  await house.send("a", "two");
  expect(turnOf(house, 2).request.session).toMatchObject({ resume: "the person's" });
  await finish(house, 2, "the person's", "second");
  await due(house, 10);
  expect(turnOf(house, 3).request.session).toMatchObject({ resume: "the job's" });
});

test("it runs where it was made, whoever wrote last, and in the directory that was that conversation's", async () => {
  const house = await createHouse();
  await house.send("a", "/cron add --name job in 10m Work");
  await house.send("b", "somebody else, later");
  turnOf(house, 0).finish("done");
  await due(house, 10);
  const { owner, workspace } = turnOf(house, 1).request;
  expect([owner.conversation, workspace]).toEqual([`${house.conversation("a")}~job`, "/projects/a"]);
  turnOf(house, 1).finish("worked");
  await house.settled();
  const sent = house.database.prepare(
    `SELECT outbox.conversation, run.origin, body ->> '$.text' AS text FROM outbox JOIN run ON run.id = outbox.run
     WHERE kind = 'answer' ORDER BY outbox.id`,
  );
  expect(sent.all().map((row) => ({ ...row }))).toEqual([
    { conversation: house.conversation("b"), origin: null, text: "done" },
    { conversation: `${house.conversation("a")}~job`, origin: "job", text: "worked" },
  ]);
});

test("the agent is told that nobody typed it", async () => {
  const house = await createHouse();
  await house.send("a", "/cron add --name job --session conversation in 10m Work");
  await due(house, 10);
  expect(turnOf(house, 0).request.prompt.text).toMatch(/^\(A scheduled run: "job", due .*Nobody is waiting/);
});

test("/new and what is chosen in the conversation leave the schedule's memory as it is, and two schedules have one each", async () => {
  const house = await createHouse();
  for (const name of ["one", "two"]) await house.send("a", `/cron add --name ${name} every 10m Work`);
  await due(house, 10);
  await finish(house, 0, "of the first", "worked");
  await finish(house, 1, "of the second", "worked");
  await house.send("a", "/new");
  await house.send("a", "/permissions bypass");
  await due(house, 10);
  expect(turnOf(house, 2).request.session.resume).toBe("of the first");
  expect(turnOf(house, 2).request.permissions).toBe("ask");
  await finish(house, 2, "of the first", "worked");
  expect(turnOf(house, 3).request.session.resume).toBe("of the second");
});
