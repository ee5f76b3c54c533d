import { DatabaseSync } from "node:sqlite";
import { describe, expect, test } from "vitest";
import { createHouse, type House, type HouseOptions } from "../../test/engine-house.ts";
import { createScriptedDriver } from "../../test/scripted-driver.ts";
import { telegramConversation, webConversation } from "../domain/conversation.ts";
import type { ItemKey, Request } from "../domain/inbox-item.ts";
import { describeNotice, type Notice } from "../domain/notice.ts";
import { readText } from "../domain/typed-text.ts";
import { startTimer } from "../schedule/timer.ts";

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;

/** A house with the timer of its schedules; it stands at 07:00 UTC. */
async function openHouse(options: HouseOptions = {}): Promise<House & AsyncDisposable> {
  const house = await createHouse(options);
  const timer = startTimer({ engine: house.engine, clock: house.clock, log: silentLog });
  await house.settled();
  return {
    ...house,
    [Symbol.asyncDispose]: async () => {
      await timer[Symbol.asyncDispose]();
      await house[Symbol.asyncDispose]();
    },
  };
}

const silentLog = { debug() {}, info() {}, warn() {}, error() {} };

async function became(house: House, index = 0): Promise<string[]> {
  await house.settled();
  const schedule = (await house.store.transact((tx) => tx.schedule((index + 1) as never)))!;
  const rows = await house.store.history.occurrences(schedule.id, 100);
  return rows
    .map(({ became }) => (became.kind === "fired" ? became.state : `skipped: ${became.skipped.why}`))
    .toReversed();
}

async function notices(house: House, name = "a"): Promise<Notice[]> {
  return (await house.said(name)).flatMap((body) => (body.kind === "notice" ? [body.notice] : []));
}

async function newest<Kind extends Notice["kind"]>(
  house: House,
  kind: Kind,
  name = "a",
): Promise<Notice & { kind: Kind }> {
  const found = (await notices(house, name)).findLast((notice) => notice.kind === kind);
  if (found === undefined) throw new Error(`no ${kind} in ${name}`);
  return found as Notice & { kind: Kind };
}

const answers = async (house: House, name: string): Promise<string[]> =>
  (await house.said(name)).flatMap((body) => (body.kind === "answer" ? [body.text] : []));

describe("a time of a schedule", () => {
  test("fires once, in a session of its own, and its answer is said there", async () => {
    await using house = await openHouse();
    await house.send("a", "/cron add --name tidy in 20m Tidy up");
    await house.clock.advance(20 * minuteMs - 1);
    expect(house.driver.turns).toHaveLength(0);
    await house.clock.advance(1);
    const turn = await house.driver.nextTurn();
    expect(turn.request.owner.conversation).toBe("web:a~tidy");
    expect(turn.request.workspace).toBe("/projects/a");
    expect(turn.request.prompt.text).toContain("Tidy up");
    expect(turn.request.prompt.text).toContain('"tidy", due Mon 23 Nov 2026, 07:20 (UTC)');
    turn.finish("Tidied");
    expect(await answers(house, "a~tidy")).toEqual(["Tidied"]);
    await house.clock.advance(24 * hourMs);
    expect(house.driver.turns).toHaveLength(1);
    expect(await became(house)).toEqual(["done"]);
    expect((await house.store.history.schedules())[0]?.state).toBe("over");
  });

  test("fires every time, and each remembers what the one before said", async () => {
    await using house = await openHouse();
    await house.send("a", "/cron add --name tidy every 10m Tidy up");
    for (const round of [1, 2, 3]) {
      await house.clock.advance(10 * minuteMs);
      const turn = await house.driver.nextTurn();
      turn.emit({ kind: "session", resume: "memory" });
      expect(turn.request.session.resume).toBe(round === 1 ? null : "memory");
      turn.finish(`Round ${round}`);
      await house.settled();
    }
    expect(await became(house)).toEqual(["done", "done", "done"]);
  });

  test("begins with an empty memory each time where that was chosen", async () => {
    await using house = await openHouse();
    await house.send("a", "/cron add --fresh --name tidy every 10m Tidy up");
    const sessions = new Set<string>();
    for (const round of [1, 2]) {
      await house.clock.advance(10 * minuteMs);
      const turn = await house.driver.nextTurn();
      turn.emit({ kind: "session", resume: `memory ${round}` });
      expect(turn.request.session.resume).toBeNull();
      sessions.add(turn.request.session.id);
      turn.finish("Tidied");
      await house.settled();
    }
    expect(sessions.size).toBe(2);
    expect(house.driver.forgotten).toContain([...sessions][0]);
  });

  test("is skipped with a record while the one before is not over, or one waits where that was chosen", async () => {
    await using house = await openHouse({ runsMax: 4 });
    await house.send("a", "/cron add --name tidy --overlap skip every 10m Tidy up", { workspace: "/projects/a" });
    await house.send("b", "/cron add --name sort --overlap queue every 10m Sort", { workspace: "/projects/b" });
    await house.clock.advance(40 * minuteMs);
    expect(await became(house, 0)).toEqual(["running", ...Array(3).fill("skipped: overlap")]);
    expect(await became(house, 1)).toEqual(["running", "queued", "skipped: overlap", "skipped: overlap"]);
  });

  test("does not come again when the clock is set back, and comes once when it is set forward", async () => {
    const database = new DatabaseSync(":memory:");
    await using house = await openHouse({ database });
    await house.send("a", "/cron add --name tidy every 1h Tidy up");
    await house.clock.advance(hourMs);
    (await house.driver.nextTurn()).finish("Tidied");
    await house.settled();
    await house.engine.fire();
    await house.engine.fire();
    expect(await became(house)).toEqual(["done"]);
    expect(await house.engine.fire()).toBe(house.clock.now() + hourMs);
  });

  test.each(["rm job", "pause job", "edit job when every 30m"])(
    "that has passed when somebody says /cron %s is on record: it fires first",
    async (order) => {
      await using house = await createHouse({ runsMax: 1 }); // its timer is late
      await house.send("busy", "hold the slot");
      await house.send("a", "/cron add --name job every 10m Work");
      await house.clock.advance(10 * minuteMs);
      await house.send("a", `/cron ${order}`);
      expect(await became(house)).toEqual([order.startsWith("edit") ? "queued" : "cancelled"]);
    },
  );

  test("comes once for good: a clock that was set back and an edit or a pause bring no time again that is on record", async () => {
    const database = new DatabaseSync(":memory:");
    {
      await using house = await openHouse({ database });
      for (const name of ["edited", "resumed", "other"])
        await house.send("a", `/cron add --name ${name} --remind "0 * * * *" Hello`);
      await house.clock.advance(2 * hourMs);
    }
    await using house = await openHouse({ database }); // at 07:00 again
    await house.send("a", '/cron edit edited when "0 * * * *"');
    await house.send("a", "/cron pause resumed");
    await house.send("a", "/cron resume resumed");
    await house.clock.advance(2 * hourMs);
    for (const index of [0, 1, 2]) expect(await became(house, index)).toEqual(["done", "done"]);
    await house.clock.advance(hourMs);
    for (const index of [0, 1, 2]) expect(await became(house, index)).toEqual(["done", "done", "done"]);
  });

  test("that waits when its schedule is edited runs with the new text; when it is deleted or paused, not at all (CR-1)", async () => {
    await using house = await openHouse({ runsMax: 1 });
    await house.send("busy", "hold the slot");
    const holder = await house.driver.nextTurn();
    for (const name of ["edited", "deleted", "paused"])
      await house.send("a", `/cron add --name ${name} --session ${name} in 1m Old words`);
    await house.clock.advance(minuteMs);
    expect(await became(house, 0)).toEqual(["queued"]);
    await house.send("a", "/cron edit edited text New words");
    await house.send("a", "/cron rm deleted");
    await house.send("a", "/cron pause paused");
    expect(await became(house, 1)).toEqual(["cancelled"]);
    holder.finish("free");
    const turn = await house.driver.nextTurn();
    expect(turn.request.prompt.text).toContain("New words");
    turn.finish("done");
    await house.settled();
    expect(house.driver.turns).toHaveLength(2);
    expect(await became(house, 2)).toEqual(["cancelled"]);
  });

  test("is cancelled at its claim when its schedule is gone by then, wherever it waits", async () => {
    await using house = await openHouse({ runsMax: 1 });
    await house.send("busy", "hold the slot");
    const holder = await house.driver.nextTurn();
    await house.send("a", "/cron add --name gone in 1m Old words");
    await house.clock.advance(minuteMs);
    const schedule = (await house.store.history.schedules())[0]!;
    await house.store.transact((tx) => tx.changeSchedule({ ...schedule, state: "deleted", nextAtMs: null }));
    holder.finish("free");
    await house.settled();
    expect(await became(house)).toEqual(["cancelled"]);
    expect(house.driver.turns).toHaveLength(1);
  });
});

describe("what is missed while nothing could fire (K4)", () => {
  async function away(ms: number, ...commands: readonly string[]): Promise<House & AsyncDisposable> {
    const database = new DatabaseSync(":memory:");
    const before = await createHouse({ database });
    for (const command of commands) await before.send("a", command);
    await before[Symbol.asyncDispose]();
    const house = await createHouse({ database });
    await house.clock.advance(ms);
    const timer = startTimer({ engine: house.engine, clock: house.clock, log: silentLog });
    await house.settled();
    return {
      ...house,
      [Symbol.asyncDispose]: async () => {
        await timer[Symbol.asyncDispose]();
        await house[Symbol.asyncDispose]();
      },
    };
  }

  test("fires the latest alone, none, or all within the window, and is told in one message", async () => {
    await using house = await away(
      5 * hourMs + 2 * minuteMs,
      "/cron add --name one every 1h One",
      "/cron add --name none --missed skip every 1h None",
      "/cron add --name all --missed all:2h --session all every 1h All",
    );
    const skipped = "skipped: missed";
    expect(await became(house, 0)).toEqual(["running", skipped]);
    expect(await became(house, 1)).toEqual([skipped]);
    expect(await became(house, 2)).toEqual(["queued", "queued", skipped]);
    const told = (await notices(house)).filter(({ kind }) => kind === "schedules-missed");
    expect(told).toHaveLength(1);
    expect(describeNotice(told[0]!, "web")).toContain("one was due 5 times: runs once now");
    expect(describeNotice(told[0]!, "web")).toContain("none was due 5 times: skipped");
    expect(describeNotice(told[0]!, "web")).toContain("all was due 5 times: runs 2 times now");
    const [record] = (await house.store.history.occurrences(1 as never, 10)).filter(
      ({ became }) => became.kind === "skipped",
    );
    expect(record?.became).toMatchObject({ kind: "skipped", skipped: { count: 4 } });
  });

  test("a time that was only late is no missed one", async () => {
    await using house = await away(hourMs + 30_000, "/cron add --name one --missed skip every 1h One");
    expect(await became(house)).toEqual(["running"]);
    expect((await notices(house)).map(({ kind }) => kind)).not.toContain("schedules-missed");
  });

  test("what was in line before a long time off just runs: nobody waits for it (L6 is for people)", async () => {
    const database = new DatabaseSync(":memory:");
    const before = await createHouse({ database, runsMax: 1 });
    const timer = startTimer({ engine: before.engine, clock: before.clock, log: silentLog });
    await before.send("busy", "hold the slot");
    await before.send("a", "/cron add --name one in 1m One");
    await before.clock.advance(minuteMs);
    expect(await became(before)).toEqual(["queued"]);
    await timer[Symbol.asyncDispose]();
    await before[Symbol.asyncDispose]();
    await using house = await createHouse({ database });
    await house.settled();
    expect(await became(house)).toEqual(["running"]);
  });
});

describe("background work makes room for people (K6)", () => {
  async function busyWithSchedule(options: HouseOptions, add: string): Promise<House & AsyncDisposable> {
    const house = await openHouse(options);
    await house.send("a", add);
    await house.clock.advance(minuteMs);
    return house;
  }

  test("in its directory: it is stopped with proof, the message runs, and it goes back to the line (CR-2)", async () => {
    await using house = await busyWithSchedule({}, "/cron add --name job in 1m Work");
    const work = await house.driver.nextTurn();
    await house.send("a", "What is new?");
    expect(await work.interrupted()).toBe("ask");
    expect(describeNotice(await newest(house, "queued"), "web")).toContain("makes room");
    expect(house.driver.turns).toHaveLength(1); // nothing runs before the proof (I2)
    expect(await became(house)).toEqual(["running"]);
    work.end({ kind: "interrupted" });
    work.becomeQuiet();
    const message = await house.driver.nextTurn();
    expect(message.request.prompt.text).toBe("What is new?");
    expect(await became(house)).toEqual(["queued"]);
    message.finish("Nothing");
    const again = await house.driver.nextTurn();
    expect(again.request.prompt.text).toContain("Work");
    again.finish("Done");
    expect(await became(house)).toEqual(["done"]);
  });

  test.each(["/cron rm job", "/cron pause job"])("and does not come back to the line after %s", async (order) => {
    await using house = await busyWithSchedule({}, "/cron add --name job every 1m Work");
    const work = await house.driver.nextTurn();
    await house.send("a", "What is new?");
    await house.send("a", order);
    work.obey("ask");
    expect((await house.driver.nextTurn()).request.prompt.text).toBe("What is new?");
    expect(await became(house)).toEqual(["cancelled"]);
  });

  test.each(["!Now this", "Now this"])("in the conversation's own session: %s", async (text) => {
    await using house = await busyWithSchedule({}, "/cron add --session conversation --name job in 1m Work");
    const work = await house.driver.nextTurn();
    expect(work.request.owner.conversation).toBe(webConversation("a"));
    await house.send("a", text);
    work.obey("ask");
    const message = await house.driver.nextTurn();
    expect(message.request.prompt.text).toBe("Now this");
    message.finish("Done");
    const again = await house.driver.nextTurn();
    again.finish("Done too");
    expect(await became(house)).toEqual(["done"]);
    expect(await house.notices("a")).not.toContain("stopped");
  });

  test("for a slot: as many as there are messages for, the one that began last first", async () => {
    await using house = await openHouse({ runsMax: 2 });
    await house.send("a", "/cron add --name old in 1m Old", { workspace: "/projects/a" });
    await house.send("b", "/cron add --name new in 2m New", { workspace: "/projects/b" });
    await house.clock.advance(minuteMs);
    const old = await house.driver.nextTurn();
    await house.clock.advance(minuteMs);
    const young = await house.driver.nextTurn();
    await house.send("c", "Mine", { workspace: "/projects/c" });
    expect(young.interrupts).toEqual(["ask"]);
    expect(old.interrupts).toEqual([]);
    young.obey("ask");
    expect((await house.driver.nextTurn()).request.prompt.text).toBe("Mine");
  });

  test("a person's message that waits is never passed over by background work", async () => {
    await using house = await openHouse({ runsMax: 1 });
    await house.send("busy", "hold the slot");
    const holder = await house.driver.nextTurn();
    await house.send("a", "/cron add --name job in 1m Work", { workspace: "/projects/a" });
    await house.clock.advance(minuteMs);
    await house.send("c", "Mine", { workspace: "/projects/c" });
    holder.finish("free");
    expect((await house.driver.nextTurn()).request.prompt.text).toBe("Mine");
  });

  test("what a person moved first stays first: it is not sent back for the messages behind it, again and again", async () => {
    await using house = await openHouse();
    await house.send("a", "hold the lane");
    const holder = await house.driver.nextTurn();
    await house.send("a", "/cron add --session conversation --name job in 1m Work");
    await house.clock.advance(minuteMs);
    await house.send("a", "Mine");
    await house.command("a", { name: "queue" });
    await house.press("a", "move-first");
    holder.finish("free");
    const work = await house.driver.nextTurn();
    expect(work.request.prompt.text).toContain("Work");
    expect(work.interrupts).toEqual([]);
    work.finish("Done");
    expect((await house.driver.nextTurn()).request.prompt.text).toBe("Mine");
  });

  test("a policy to steer hands nothing to it", async () => {
    await using house = await busyWithSchedule({}, "/cron add --session conversation --name job in 1m Work");
    const work = await house.driver.nextTurn();
    await house.choose("a", { policy: "steer" });
    await house.send("a", "Mine");
    expect(work.steered).toEqual([]);
    work.obey("ask");
    expect((await house.driver.nextTurn()).request.prompt.text).toBe("Mine");
  });

  test("a person's stop ends it for good", async () => {
    await using house = await busyWithSchedule({}, "/cron add --name job in 1m Work");
    const work = await house.driver.nextTurn();
    work.obey("ask");
    await house.send("a", "stop");
    expect(await became(house)).toEqual(["cancelled"]);
    expect(await house.notices("a~job")).toContain("stopped");
  });
});

describe("what goes wrong (7)", () => {
  const failure = { kind: "failed", fault: { kind: "internal", detail: "no" } } as const;

  async function failing(options: string, rounds: number): Promise<House & AsyncDisposable> {
    const house = await openHouse({
      driver: createScriptedDriver({
        onTurn: (turn) => {
          turn.end(failure);
          turn.becomeQuiet();
        },
      }),
    });
    await house.send("a", `/cron add --name job ${options} every 10m Work`);
    for (let round = 0; round < rounds; round += 1) await house.clock.advance(10 * minuteMs);
    return house;
  }

  test("is told with the error and a button, and runs again when that is pressed", async () => {
    await using house = await failing("", 1);
    expect(await house.notices("a~job")).toEqual(["failed"]);
    await house.send("a", "/cron history job");
    expect(describeNotice(await newest(house, "schedule-history"), "web")).toMatch(/07:10: failed: .*no/);
    await house.press("a~job", "run-again");
    expect(await became(house)).toEqual(["failed", "failed"]);
  });

  test("a schedule that fails five times in a row pauses itself and says so; resumed, it counts anew", async () => {
    await using house = await failing("", 7);
    expect(await became(house)).toEqual(Array(5).fill("failed"));
    expect(await newest(house, "schedule-paused")).toMatchObject({ name: "job", why: "failures", failures: 5 });
    await house.send("a", "/cron resume job");
    expect((await house.store.history.schedules())[0]).toMatchObject({ state: "active", failures: 0 });
  });

  test("a silent one is heard from its third failure on", async () => {
    await using house = await failing("--silent", 2);
    expect(await house.notices("a~job")).toEqual([]);
    await house.clock.advance(10 * minuteMs);
    expect(await house.notices("a~job")).toEqual(["failed"]);
  });
});

describe("kinds of work", () => {
  test("a silent one shows nothing but what its agent says by notify (K3)", async () => {
    await using house = await openHouse();
    await house.send("a", "/cron add --name job --silent in 1m Look");
    await house.clock.advance(minuteMs);
    const turn = await house.driver.nextTurn();
    expect(turn.request.prompt.text).toContain("notify");
    await turn.request.tools.call("notify", { text: "Mail!" }, new AbortController().signal);
    turn.finish("I looked");
    expect((await house.said("a~job")).map(({ kind }) => kind)).toEqual(["notice"]);
    expect(await house.notices("a~job")).toEqual(["from-agent"]);
    expect(await became(house)).toEqual(["done"]);
  });

  test("a reminder is said, and no agent runs (K7)", async () => {
    await using house = await openHouse();
    await house.send("a", "/cron add --remind --name tea in 5m Tea is ready");
    await house.clock.advance(5 * minuteMs);
    expect(describeNotice(await newest(house, "reminder"), "web")).toContain("Tea is ready");
    expect(house.driver.turns).toHaveLength(0);
    expect(await became(house)).toEqual(["done"]);
  });

  test("a digest tells what the agents did the day before (K8)", async () => {
    await using house = await openHouse();
    await house.send("a", "Work");
    (await house.driver.nextTurn()).finish("Done");
    await house.send("a", "/cron add --digest --name daily daily 8:00");
    await house.clock.advance(hourMs);
    expect(await newest(house, "digest")).toMatchObject({ day: "2026-11-22", finished: 0 });
    await house.clock.advance(24 * hourMs);
    expect(await newest(house, "digest")).toMatchObject({ day: "2026-11-23", finished: 1, failed: 0 });
  });

  test("permissions are the schedule's own, never bypass by default, and so is the time that a run may take", async () => {
    await using house = await openHouse();
    await house.send("a", "/permissions bypass");
    await house.send("a", "/cron add --name job --limit 5m in 1m Work");
    await house.send("a", "/cron add --name plan --mode plan in 1m Think");
    await house.clock.advance(minuteMs);
    const job = await house.driver.nextTurn();
    expect(job.request.permissions).toBe("edit");
    job.emit({ kind: "tool-started", tool: { id: "t", name: "Bash", target: "sleep" } });
    job.obey("ask");
    await house.clock.advance(5 * minuteMs);
    expect(await became(house)).toEqual(["failed"]);
    const plan = await house.driver.nextTurn();
    expect(plan.request.permissions).toBe("plan");
  });
});

describe("in whose name", () => {
  const owner = telegramConversation(1, null);

  async function give(house: House, user: string, request: Request): Promise<void> {
    const key = `tg:${user}:${house.clock.now()}:${JSON.stringify(request)}` as ItemKey;
    const item = { key, conversation: owner, user, message: null, priority: "interactive" as const, request };
    await house.engine.accept([{ ...item, sentAtMs: house.clock.now() }], { workspace: "/projects/t" });
    await house.settled();
  }

  test("a schedule of somebody who was removed pauses itself, and goes on in the name of who resumes it (T16)", async () => {
    await using house = await openHouse();
    await give(house, "1", readText("/status"));
    const person = { user: "5", name: "Eve", role: "operator" as const, admittedBy: "k" as ItemKey, admittedAtMs: 0 };
    await house.store.transact((tx) => tx.addPerson(person));
    await give(house, "5", readText("/cron add --name job every 10m Work"));
    await house.store.transact((tx) => tx.removePerson("5"));
    await house.clock.advance(10 * minuteMs);
    expect(await became(house)).toEqual(["skipped: person-gone"]);
    expect((await house.store.history.schedules())[0]).toMatchObject({ state: "paused", user: "5" });
    expect(house.driver.turns).toHaveLength(0);
    await give(house, "1", readText("/cron resume job"));
    await house.clock.advance(10 * minuteMs);
    expect(house.driver.turns).toHaveLength(1);
  });

  test("what a schedule's run shows in a chat is pressed there", async () => {
    await using house = await openHouse();
    await give(house, "1", readText("/cron add --name job in 1m Work"));
    await house.clock.advance(minuteMs);
    const turn = await house.driver.nextTurn();
    turn.obey("ask");
    const side = turn.request.owner.conversation;
    const status = (await house.store.history.messages(side, 10)).find(({ body }) => body.kind === "status");
    expect(status?.origin).toBe("job");
    if (status?.body.kind !== "status") throw new Error("no status");
    await give(house, "1", { kind: "press", button: status.body.stop.id });
    expect(await became(house)).toEqual(["cancelled"]);
  });
});
