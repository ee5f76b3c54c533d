import { describe, expect, test } from "vitest";
import { createHouse, type House } from "../../test/engine-house.ts";
import { createScriptedDriver } from "../../test/scripted-driver.ts";
import { telegramConversation } from "../domain/conversation.ts";
import type { ItemKey } from "../domain/inbox-item.ts";
import { describeNotice, type Notice } from "../domain/notice.ts";
import { schedulesMax } from "../domain/schedule.ts";
import { readText } from "../domain/typed-text.ts";

async function lastNotice(house: House, name = "a"): Promise<Notice> {
  const last = (await house.said(name)).flatMap((body) => (body.kind === "notice" ? [body.notice] : [])).at(-1);
  if (last === undefined) throw new Error("nothing was said");
  return last;
}

const words = async (house: House): Promise<string> => describeNotice(await lastNotice(house), "web");
const schedules = (house: House) => house.store.history.schedules();

describe("/cron (K2)", () => {
  test("adds a schedule and says its next five times", async () => {
    await using house = await createHouse();
    await house.send("a", '/cron add "0 7 * * 1-5" Summarize what changed');
    const said = await words(house);
    expect(said).toContain("Scheduled as summarize-what: weekdays at 07:00.");
    for (const day of ["Tue 24", "Wed 25", "Thu 26", "Fri 27", "Mon 30"])
      expect(said).toContain(`${day} Nov 2026, 07:00`);
    expect(said).toContain("In a session of its own, with scripted in /projects/a; permissions: ask.");
    expect(await schedules(house)).toMatchObject([
      { home: "web:a", lane: "web:a~summarize-what", user: "1", state: "active", plan: { zone: "UTC" } },
    ]);
  });

  test("a wrong one is told what is wrong, with the next five times of a right one, and changes nothing", async () => {
    await using house = await createHouse();
    for (const [typed, why] of [
      ['add "61 * * * *" x', "Invalid value for minute: 61"],
      ["add whenever x", '"whenever" is no time'],
      ["add --zone Mars/X daily 7:00 x", "Mars/X is no time zone"],
      ["add --agent nobody daily 7:00 x", "There is no agent nobody"],
      ["add at 2020-01-01T07:00 x", "is past"],
      ["add --session conversation --agent scripted daily 7:00 x", "a session of its own"],
    ] as const) {
      await house.send("a", `/cron ${typed}`);
      expect(await lastNotice(house)).toMatchObject({ kind: "schedule-wrong" });
      const said = await words(house);
      expect(said).toContain(why);
      expect(said.match(/\u2022/g)).toHaveLength(5);
    }
    expect(await schedules(house)).toEqual([]);
  });

  test("lists with a button each, which opens it with what can be done", async () => {
    await using house = await createHouse();
    await house.send("a", "/cron");
    expect(await words(house)).toContain("Nothing is scheduled here");
    await house.send("a", "/cron add --name tidy every 10m Tidy up");
    await house.send("a", "/cron add --name tea --remind daily 16:00 Tea");
    await house.send("a", "/cron");
    expect(await words(house)).toMatch(
      /tidy \u2013 every 10 minutes, next Mon 23 Nov 2026, 07:10[\s\S]*tea \u2013 daily at 16:00/,
    );
    await house.press("a", "schedule", { how: "tidy" });
    expect(await lastNotice(house)).toMatchObject({ kind: "schedule", event: "shown", schedule: { name: "tidy" } });
    await house.press("a", "schedule", { how: "Pause" });
    expect(await schedules(house)).toMatchObject([{ state: "paused", nextAtMs: null }, { state: "active" }]);
    await house.press("a", "schedule", { how: "Resume" });
    expect(await schedules(house)).toMatchObject([{ state: "active" }, { state: "active" }]);
    await house.press("a", "schedule", { how: "Run now" });
    expect(house.driver.turns).toHaveLength(1);
    await house.press("a", "schedule", { how: "History" });
    expect(await words(house)).toContain("(run now): runs");
    await house.press("a", "schedule", { how: "Edit" });
    expect(await words(house)).toContain("/cron edit tidy");
    await house.press("a", "schedule", { how: "Delete" });
    expect(await words(house)).toMatch(/Deleted: tidy.*Its present run goes on/);
    expect((await schedules(house)).map(({ name }) => name)).toEqual(["tea"]);
    await expect(house.press("a", "schedule", { how: "History" })).resolves.toMatchObject({ toast: "Already done." });
  });

  test("one that is over offers no resuming, for which it has no time, but an edit that gives it one", async () => {
    await using house = await createHouse();
    await house.send("a", "/cron add --name tea --remind in 1m Tea");
    await house.clock.advance(60_000);
    await house.engine.fire();
    await house.send("a", "/cron show tea");
    expect(await lastNotice(house)).toMatchObject({ schedule: { state: "over" } });
    await expect(house.button("a", "schedule", "Resume")).rejects.toThrow("no schedule button");
    await house.send("a", "/cron edit tea when in 1m");
    expect(await schedules(house)).toMatchObject([{ state: "active", nextAtMs: house.clock.now() + 60_000 }]);
  });

  test("a name that is not there is told with those that are, also those of other conversations are not there", async () => {
    await using house = await createHouse();
    await house.send("b", "/cron add --name hidden daily 7:00 x");
    await house.send("a", "/cron add --name mine daily 7:00 x");
    for (const verb of ["show", "run", "pause", "rm", "history"]) {
      await house.send("a", `/cron ${verb} hidden`);
      expect(await lastNotice(house)).toMatchObject({ kind: "schedule-unknown", names: ["mine"] });
    }
    expect(await schedules(house)).toMatchObject([{ state: "active" }, { state: "active" }]);
  });

  test("an edit changes what is named and keeps the rest", async () => {
    await using house = await createHouse();
    await house.send("a", "/cron add --name job --mode plan --overlap queue daily 7:00 Old words");
    await house.send("a", "/cron edit job text New words");
    await house.send("a", "/cron edit job when every 2h");
    await house.send("a", "/cron edit job --silent --limit 10m");
    expect((await schedules(house))[0]).toMatchObject({
      nextAtMs: house.clock.now() + 7_200_000,
      plan: {
        work: { kind: "prompt", text: "New words" },
        permissions: "plan",
        overlap: "queue",
        view: "silent",
        runMsMax: 600_000,
      },
    });
    await house.send("a", "/cron pause job");
    await house.send("a", "/cron edit job when daily 9:00");
    expect((await schedules(house))[0]).toMatchObject({ state: "paused", nextAtMs: null });
  });

  test("an earlier schedule's session is not remembered by one that takes its name", async () => {
    await using house = await createHouse();
    await house.send("a", "/cron add --name job daily 7:00 x");
    const before = await house.store.transact((tx) => tx.lane("web:a~job" as never));
    await house.send("a", "/cron rm job");
    await house.send("a", "/cron add --name job daily 7:00 x");
    const after = await house.store.transact((tx) => tx.lane("web:a~job" as never));
    expect(after?.session.id).not.toBe(before?.session.id);
  });

  test("one that has fired for the last time gives its name to the next, and is no weight", async () => {
    await using house = await createHouse();
    for (let round = 0; round < 3; round += 1) {
      await house.send("a", "/cron add --name tea --remind in 5m Tea");
      expect(await lastNotice(house)).toMatchObject({ kind: "schedule", schedule: { name: "tea" } });
      await house.clock.advance(5 * 60_000);
      await house.engine.fire();
    }
    expect(await house.notices("a")).toEqual([
      ...["schedule", "reminder"],
      ...["schedule", "reminder"],
      ...["schedule", "reminder"],
    ]);
    expect((await schedules(house)).map(({ state }) => state)).toEqual(["over"]);
    await house.send("a", "/cron edit tea when in 5m");
    expect((await schedules(house)).map(({ state }) => state)).toEqual(["active"]);
  });

  test("one that is refused takes no name away from one that is over", async () => {
    await using house = await createHouse();
    await house.send("a", "/cron add --name tea --remind in 5m Tea");
    await house.clock.advance(5 * 60_000);
    await house.engine.fire();
    await house.send("a", "/cron add --name tea --session conversation --fresh in 5m Tea");
    expect(await lastNotice(house)).toMatchObject({ kind: "schedule-wrong" });
    expect(await schedules(house)).toMatchObject([{ name: "tea", state: "over" }]);
  });

  test("a reminder that becomes work has a session of its own, and work that becomes a reminder needs none", async () => {
    await using house = await createHouse();
    await house.send("a", "/cron add --name tea --remind daily 16:00 Tea");
    expect(await schedules(house)).toMatchObject([{ lane: "web:a" }]);
    await house.send("a", "/cron edit tea --prompt");
    expect(await schedules(house)).toMatchObject([{ lane: "web:a~tea", plan: { work: { kind: "prompt" } } }]);
    await house.send("a", "/cron edit tea --remind");
    expect(await schedules(house)).toMatchObject([{ lane: "web:a", plan: { work: { kind: "reminder" } } }]);
  });

  test("agent, model and directory are its own", async () => {
    const other = createScriptedDriver({ name: "other" });
    await using house = await createHouse({ others: [other] });
    await house.send("a", "/cron add --name job --agent other --model big --project /elsewhere daily 7:00 x");
    await house.send("a", "/cron run job");
    const turn = await other.nextTurn();
    expect(turn.request).toMatchObject({ workspace: "/elsewhere", model: { id: "big" } });
    await house.send("a", "/cron add --name bad --project nowhere daily 7:00 x");
    expect(await lastNotice(house)).toMatchObject({ kind: "project-refused" });
  });

  test("a conversation has a bounded number of them", async () => {
    await using house = await createHouse();
    for (let number = 0; number < schedulesMax; number += 1)
      await house.send("a", `/cron add daily 7:00 Job ${number}`);
    await house.send("a", "/cron add daily 7:00 One more");
    expect(await words(house)).toContain(`${schedulesMax} schedules already`);
    expect(await schedules(house)).toHaveLength(schedulesMax);
  }, 20_000);
});

describe("roles (C5)", () => {
  const chat = telegramConversation(1, null);

  async function give(house: House, user: string, text: string): Promise<Notice["kind"] | undefined> {
    const key = `tg:${user}:${text}` as ItemKey;
    const item = { key, conversation: chat, user, message: null, priority: "interactive" as const };
    await house.engine.accept([{ ...item, request: readText(text), sentAtMs: house.clock.now() }], { workspace: "/t" });
    await house.settled();
    const body = (await house.store.history.messages(chat, 1)).at(-1)?.body;
    return body?.kind === "notice" ? body.notice.kind : undefined;
  }

  test("a viewer sees schedules, an operator makes them, an owner alone gives them bypass or a directory (T16)", async () => {
    await using house = await createHouse();
    await give(house, "1", "/status");
    for (const [user, role] of [
      ["5", "viewer"],
      ["6", "operator"],
    ] as const)
      await house.store.transact((tx) =>
        tx.addPerson({ user, name: role, role, admittedBy: "k" as ItemKey, admittedAtMs: 0 }),
      );
    expect(await give(house, "5", "/cron")).toBe("schedules");
    expect(await give(house, "5", "/cron add daily 7:00 x")).toBe("not-allowed");
    expect(await give(house, "6", "/cron add --name job daily 7:00 x")).toBe("schedule");
    expect(await give(house, "5", "/cron run job")).toBe("not-allowed");
    expect(await give(house, "6", "/cron add --mode bypass daily 7:00 x")).toBe("not-allowed");
    expect(await give(house, "6", "/cron edit job --mode bypass")).toBe("not-allowed");
    expect(await give(house, "6", "/cron add --project /etc daily 7:00 x")).toBe("not-allowed");
    expect(await give(house, "1", "/cron edit job --mode bypass")).toBe("schedule");
    expect((await schedules(house))[0]?.plan.permissions).toBe("bypass");
    expect(await give(house, "6", "/cron edit job text Something else")).toBe("schedule-wrong");
    expect((await schedules(house))[0]?.plan.work).toEqual({ kind: "prompt", text: "x" });
    expect(await give(house, "6", "/cron edit job when daily 8:00")).toBe("schedule");
    expect(await give(house, "1", "/cron edit job text As the owner says")).toBe("schedule");
  });
});

describe("the tool of agents (D17)", () => {
  async function called(house: House, input: object, then: (house: House) => Promise<unknown>): Promise<string> {
    await house.send("a", "Work");
    const turn = await house.driver.nextTurn();
    const result = turn.request.tools.call("schedule", input, new AbortController().signal);
    await house.settled();
    await then(house);
    const { kind, text } = await result;
    turn.finish("done");
    await house.settled();
    return `${kind}: ${text}`;
  }
  const nothing = () => Promise.resolve();
  const add = { action: "add", when: "every 2h", text: "Look again", name: "look" };

  test("to create one is asked for first, and is done in the name of who asked the agent", async () => {
    await using house = await createHouse();
    expect(await called(house, add, (at) => at.press("a", "answer", { how: "Allow once" }))).toMatch(
      /^ok: Scheduled as look/,
    );
    const card = (await house.said("a")).find((body) => body.kind === "ask");
    expect(card).toMatchObject({ ask: { action: { name: "schedule", input: "add every 2h, as look\nLook again" } } });
    expect(await schedules(house)).toMatchObject([{ name: "look", user: "1", plan: { permissions: "ask" } }]);
    expect(await called(house, { action: "list" }, nothing)).toMatch(/^ok: 1 schedule/);
  });

  test("denied, nothing is made", async () => {
    await using house = await createHouse();
    expect(await called(house, add, (at) => at.press("a", "answer", { how: "Deny" }))).toMatch(
      /^failed: .*does not want/,
    );
    expect(await schedules(house)).toEqual([]);
  });

  test("where the agent never asks, it is made at once, and never with bypass", async () => {
    await using house = await createHouse();
    await house.send("a", "/permissions bypass");
    expect(await called(house, add, nothing)).toMatch(/^ok: /);
    expect(await schedules(house)).toMatchObject([{ plan: { permissions: "edit" } }]);
    expect(await called(house, { action: "delete", name: "look" }, nothing)).toMatch(/^ok: Deleted/);
  });

  test.each([
    [{ action: "add", when: "whenever", text: "x" }, /no time/],
    [{ action: "add", when: "in 5m" }, /text is missing/],
    [{ action: "add", when: "in 5m sharp", text: "x" }, /"sharp" after the time/],
    [{ action: "add", when: "in 5m", text: "x".repeat(2_001) }, /at most 2000/],
    [{ action: "explode" }, /action is add, list or delete/],
  ])("a wrong call is told what is wrong before anybody is asked", async (input, why) => {
    await using house = await createHouse();
    expect(await called(house, input, nothing)).toMatch(why);
    expect(await house.notices("a")).not.toContain("ask");
    expect(await schedules(house)).toEqual([]);
  });
});
