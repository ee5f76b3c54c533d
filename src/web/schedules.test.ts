/** Schedules on the page's interface, with the real engine and the real store behind it. */
import { describe, expect, it } from "vitest";

import { createHouse, type House } from "../../test/engine-house.ts";
import { createScriptedDriver } from "../../test/scripted-driver.ts";
import { telegramConversation } from "../domain/conversation.ts";
import type { ItemKey } from "../domain/inbox-item.ts";
import { readText } from "../domain/typed-text.ts";
import { createTimetable } from "../schedule/timetable.ts";
import { schedulesShownMax } from "./views.ts";
import { startWebKit, type WebKit } from "./web.test-kit.ts";
import type {
  ConversationView,
  Overview,
  Problem,
  ScheduleAnswer,
  ScheduleCheck,
  ScheduleHistory,
  SchedulesView,
} from "./wire.ts";

const hourMs = 3_600_000;

type World = AsyncDisposable & {
  readonly house: House;
  readonly kit: WebKit;
  get<T>(path: string): Promise<T>;
  post(path: string, body: object, headers?: Record<string, string>): Promise<Response>;
  order(typed: string, conversation?: string, key?: string): Promise<ScheduleAnswer>;
  check(when: string, zone?: string | null): Promise<ScheduleCheck>;
  schedules(): Promise<SchedulesView>;
};

let keys = 0;

async function createWorld(options: Parameters<typeof createHouse>[0] = {}): Promise<World> {
  const house = await createHouse(options);
  const timetable = createTimetable("UTC");
  const { engine, clock } = house;
  const owners = new Set(["1", "7"]);
  const agent = { name: "scripted", version: null, isDemo: false };
  const kit = await startWebKit({ engine, history: house.store.history, clock, timetable, owners, agent });
  const cookie = await kit.signIn();
  const { url } = kit.listening;
  const ours = { cookie, origin: url, "content-type": "application/json" };
  const world: World = {
    house,
    kit,
    get: async <T>(path: string) => (await (await fetch(url + path, { headers: { cookie } })).json()) as T,
    post: (path, body, headers = ours) => fetch(url + path, { method: "POST", headers, body: JSON.stringify(body) }),
    async order(typed, conversation = "web:a", key = `order-${(keys += 1)}-key`) {
      const response = await world.post(`/api/conversations/${encodeURIComponent(conversation)}/schedules`, {
        key,
        typed,
      });
      expect(response.status).toBe(200);
      return (await response.json()) as ScheduleAnswer;
    },
    async check(when, zone = null) {
      const response = await world.post("/api/schedules/check", { conversation: "web:a", when, zone });
      return (await response.json()) as ScheduleCheck;
    },
    schedules: () => world.get("/api/schedules"),
    async [Symbol.asyncDispose]() {
      await kit[Symbol.asyncDispose]();
      await house[Symbol.asyncDispose]();
    },
  };
  return world;
}

/** As somebody writes in a private chat of Telegram. */
async function writeInTelegram({ house }: World, user: string, text: string): Promise<void> {
  keys += 1;
  const at = { conversation: telegramConversation(Number(user), null), user, message: `${keys}`, sentAtMs: 0 };
  await house.engine.accept([
    { ...at, key: `tg:update:${keys}` as ItemKey, priority: "interactive", request: readText(text) },
  ]);
  await house.settled();
}

describe("an order", () => {
  it("goes the way of /cron, and is answered with what the engine says to it, which stands in the conversation too", async () => {
    await using world = await createWorld();
    const answer = await world.order('add --name news "daily 7:30" Read the news');
    expect(answer).toMatchObject({ kind: "done" });
    expect(answer.kind === "later" ? "" : answer.text).toContain("Scheduled as news");
    const { entries } = await world.get<ConversationView>("/api/conversations/web:a");
    expect(entries).toMatchObject([
      { kind: "said", isCommand: true, text: '/cron add --name news "daily 7:30" Read the news' },
      { kind: "notice", notice: "schedule" },
    ]);
  });

  it("that is refused says what is wrong, and changes nothing", async () => {
    await using world = await createWorld();
    expect(await world.order("add whenever x")).toMatchObject({ kind: "refused" });
    expect(await world.order("pause nobody")).toMatchObject({ kind: "refused" });
    expect((await world.schedules()).schedules).toEqual([]);
  });

  it("sent twice with the same key is done once, and answered twice", async () => {
    await using world = await createWorld();
    const first = await world.order("add --name news daily 7:30 Read", "web:a", "the-same-key");
    expect(await world.order("add --name news daily 7:30 Read", "web:a", "the-same-key")).toEqual(first);
    expect((await world.schedules()).schedules).toHaveLength(1);
  });

  it("that names a directory is answered once that was looked at", async () => {
    await using world = await createWorld();
    expect(await world.order("add --project nowhere daily 7:30 Read")).toEqual({
      kind: "refused",
      text: expect.stringContaining("That is not a full path of a directory."),
    });
    expect(await world.order("add --project /srv/site daily 7:30 Read")).toMatchObject({ kind: "done" });
    expect((await world.schedules()).schedules).toMatchObject([{ works: { workspace: "/srv/site" } }]);
  });

  it("several at once are each answered with their own answer", async () => {
    await using world = await createWorld();
    await writeInTelegram(world, "7", "/status");
    const names = ["one", "two", "three", "four"];
    const answers = await Promise.all(
      names.map((name) => world.order(`add --name ${name} daily 7:30 Read`, "telegram:7")),
    );
    expect(answers.map((one) => (one.kind === "later" ? "" : one.text.split(":")[0]))).toEqual(
      names.map((name) => `Scheduled as ${name}`),
    );
  });

  it("acts in a conversation of Telegram, in the name of the page's owner, and replies to no message there", async () => {
    await using world = await createWorld();
    await writeInTelegram(world, "7", "/cron add --name tea --remind daily 16:00 Tea");
    expect(await world.order("pause tea", "telegram:7~tea")).toMatchObject({ kind: "done" });
    expect((await world.schedules()).schedules).toMatchObject([{ home: "telegram:7", state: "paused" }]);
    const rows = await world.house.store.history.messages(telegramConversation(7, null), 10);
    expect(rows.at(-1)?.body).toMatchObject({ kind: "notice", replyTo: null });
  });

  it("opens no conversation of Telegram", async () => {
    await using world = await createWorld();
    const path = "/api/conversations/telegram:99/schedules";
    expect((await world.post(path, { key: "order-key-1", typed: "add daily 7:30 x" })).status).toBe(404);
  });

  it.each(["/api/conversations/web:a/schedules", "/api/schedules/check"])(
    "%s is not taken from another site, or without the cookie",
    async (path) => {
      await using world = await createWorld();
      const cookie = await world.kit.signIn();
      const body = {
        key: "order-key-1",
        typed: "add daily 7:30 x",
        conversation: "web:a",
        when: "daily 7:00",
        zone: null,
      };
      const json = { "content-type": "application/json" };
      expect((await world.post(path, body, { ...json, cookie, origin: "https://example.org" })).status).toBe(403);
      expect((await world.post(path, body, { ...json, origin: world.kit.listening.url })).status).toBe(401);
      expect((await fetch(`${world.kit.listening.url}/api/schedules`)).status).toBe(401);
      expect((await fetch(`${world.kit.listening.url}/api/schedules/1/history`)).status).toBe(401);
    },
  );

  it("whose answer takes too long is told to come later, in the conversation", async () => {
    await using world = await createWorld();
    const accepted = Promise.withResolvers<void>();
    const accept = async () => {
      accepted.resolve();
      return [];
    };
    const { history } = world.house.store;
    await using kit = await startWebKit({
      engine: { ...world.house.engine, accept },
      history,
      clock: world.house.clock,
    });
    const cookie = await kit.signIn();
    const response = fetch(`${kit.listening.url}/api/conversations/web:a/schedules`, {
      method: "POST",
      headers: { cookie, origin: kit.listening.url, "content-type": "application/json" },
      body: JSON.stringify({ key: "order-key-1", typed: "list" }),
    });
    await accepted.promise;
    await world.house.settled();
    await world.house.clock.advance(5_000);
    expect(await (await response).json()).toEqual({ kind: "later" });
  });

  it("that could not be stored says so", async () => {
    await using world = await createWorld();
    const engine = { ...world.house.engine, accept: () => Promise.reject(new Error("disk full")) };
    const { history } = world.house.store;
    await using kit = await startWebKit({ engine, history, clock: world.house.clock });
    const cookie = await kit.signIn();
    const response = await fetch(`${kit.listening.url}/api/conversations/web:a/schedules`, {
      method: "POST",
      headers: { cookie, origin: kit.listening.url, "content-type": "application/json" },
      body: JSON.stringify({ key: "order-key-1", typed: "list" }),
    });
    expect(response.status).toBe(503);
    expect(((await response.json()) as Problem).error.code).toBe("not-stored");
  });
});

describe("the list", () => {
  it("has those of every conversation, what is due next first, and where one belongs unless told", async () => {
    await using world = await createWorld();
    await world.order("add --name late daily 23:00 Close the day");
    await world.order("add --name digest --digest daily 8:00", "web:b");
    await writeInTelegram(world, "7", "/cron add --name tea --remind daily 16:00 Tea");
    await world.order("add --name off daily 9:00 x");
    await world.order("pause off");
    const { schedules, schedulesHidden, homes } = await world.schedules();
    expect(schedules.map(({ name, home }) => [name, home])).toEqual([
      ["digest", "web:b"],
      ["tea", "telegram:7"],
      ["late", "web:a"],
      ["off", "web:a"],
    ]);
    expect(schedulesHidden).toBe(0);
    expect(schedules[2]).toMatchObject({
      when: "daily at 23:00",
      typed: "0 23 * * *",
      zone: "UTC",
      state: "active",
      session: { kind: "own" },
      works: { driver: "scripted" },
      last: null,
    });
    expect(schedules[2]?.times.map(({ said }) => said)).toEqual(
      [23, 24, 25, 26, 27].map((day, index) => `${["Mon", "Tue", "Wed", "Thu", "Fri"][index]} ${day} Nov 2026, 23:00`),
    );
    // The one private chat of an owner.
    expect(homes.map(({ conversation }) => conversation)).toEqual(["telegram:7", "web:a", "web:b", "web:main"]);
  });

  it("without a chat of an owner, or with two of them, one belongs to the page's main thread", async () => {
    await using world = await createWorld();
    const first = async () => (await world.schedules()).homes[0]?.conversation;
    expect(await first()).toBe("web:main");
    await writeInTelegram(world, "7", "/status");
    expect(await first()).toBe("telegram:7");
    await writeInTelegram(world, "1", "/status");
    expect(await first()).toBe("web:main");
  });

  it("tells what became of the newest time, and how often in a row it failed", async () => {
    await using world = await createWorld();
    await world.order("add --name tidy every 1h Tidy up");
    await world.house.clock.advance(hourMs);
    await world.house.engine.fire();
    await world.house.settled();
    expect((await world.schedules()).schedules).toMatchObject([{ last: { outcome: "runs", trigger: "timer" } }]);
    const [turn] = world.house.driver.turns;
    turn?.end({ kind: "failed", fault: { kind: "internal", detail: "no" } });
    turn?.becomeQuiet();
    await world.house.settled();
    expect((await world.schedules()).schedules).toMatchObject([
      { failures: 1, last: { outcome: "failed", words: "failed: Something inside Signalbox failed: no" } },
    ]);
  });
});

it("a list that is too long is cut, and says by how many", async () => {
  await using world = await createWorld();
  await world.order("add --name one daily 8:00 x");
  const [one] = await world.house.store.history.schedules();
  await world.house.store.transact(async (tx) => {
    for (let i = 0; i < schedulesShownMax && one !== undefined; i += 1)
      await tx.addSchedule({ ...one, name: `more-${i}`, nextAtMs: (one.nextAtMs ?? 0) + 1 + i });
  });
  const { schedules, schedulesHidden } = await world.schedules();
  expect([schedules.length, schedulesHidden, schedules[0]?.name]).toEqual([schedulesShownMax, 1, "one"]);
});

describe("the history", () => {
  it("has every time with its outcome, what a person asked for now, and what was skipped, why and until when", async () => {
    await using world = await createWorld({ driver: createScriptedDriver({ onTurn: (turn) => turn.finish("done") }) });
    await world.order("add --name tidy --missed skip every 1h Tidy up");
    await world.order("run tidy");
    await world.house.settled();
    await world.house.clock.advance(5 * hourMs + 600_000);
    await world.house.engine.fire();
    await world.house.settled();
    const [{ id } = { id: 0 }] = (await world.schedules()).schedules;
    const history = await world.get<ScheduleHistory>(`/api/schedules/${id}/history`);
    expect(history).toMatchObject({ name: "tidy", zone: "UTC" });
    expect(history.occurrences).toMatchObject([
      {
        trigger: "timer",
        due: "Mon 23 Nov 2026, 08:00",
        outcome: "skipped",
        words: "skipped 5 times until Mon 23 Nov 2026, 12:00: Signalbox was not running",
      },
      { trigger: "person", due: "Mon 23 Nov 2026, 07:00", outcome: "done" },
    ]);
    expect((await fetch(`${world.kit.listening.url}/api/schedules/99/history`)).status).toBe(401);
    const cookie = await world.kit.signIn();
    for (const other of ["99", "x", "1.5"]) {
      const answer = await fetch(`${world.kit.listening.url}/api/schedules/${other}/history`, { headers: { cookie } });
      expect(answer.status).toBe(404);
    }
  });
});

describe("the check of a time", () => {
  it("tells the next five times in the zone, and stores nothing", async () => {
    await using world = await createWorld();
    const checked = await world.check("daily 7:30", "Europe/Berlin");
    expect(checked).toMatchObject({ kind: "right", when: "daily at 07:30", zone: "Europe/Berlin" });
    expect(checked.kind === "right" ? checked.times.map(({ said }) => said) : []).toHaveLength(5);
    expect(await world.check("0 7 * * mon")).toMatchObject({ kind: "right", when: "0 7 * * mon", zone: "UTC" });
    expect(await world.check('"0 7 * * mon"')).toMatchObject({ kind: "right" });
    expect(await world.check("in 20m")).toMatchObject({ kind: "right", when: "once, Mon 23 Nov 2026, 07:20" });
    expect(await world.house.store.history.lanes()).toEqual([]);
  });

  it.each([
    ["daily", "At what time of the day?"],
    ["sometimes", '"sometimes" is no time. Times are:'],
    ["daily 7:00 and then", 'After the time stands "and then", which is no time.'],
    ["61 * * * *", "Invalid value for minute: 61"],
    ["at 2020-01-01T07:00", "is past"],
    ["0 0 31 2 *", "never due"],
    ["every 10s", "Every minute is as often as it gets"],
    ["", "is no time"],
  ])("says what is wrong with %j", async (when, what) => {
    await using world = await createWorld();
    const checked = await world.check(when);
    expect(checked.kind === "wrong" ? checked.what : checked).toContain(what);
  });

  it("says that a zone is none, and takes that of the conversation", async () => {
    await using world = await createWorld();
    expect(await world.check("daily 7:00", "Mars/Olympus")).toMatchObject({ kind: "wrong" });
    await world.order("list");
    await world.house.choose("a", { zone: "Asia/Tokyo" });
    expect(await world.check("daily 7:00")).toMatchObject({ kind: "right", zone: "Asia/Tokyo" });
  });
});

describe("what schedules say in conversations", () => {
  it("the session of its own is a lane under its name, with its home; there its times are entries of their own", async () => {
    await using world = await createWorld({
      driver: createScriptedDriver({ onTurn: (turn) => turn.finish("tidied") }),
    });
    await world.order("add --name tidy every 1h Tidy up");
    await world.order("run tidy");
    await world.house.settled();
    const { lanes } = await world.get<Overview>("/api/overview");
    expect(lanes.find(({ conversation }) => conversation === "web:a~tidy")).toMatchObject({
      name: "tidy",
      home: { conversation: "web:a", name: "Page thread" },
    });
    expect(lanes.find(({ conversation }) => conversation === "web:a")).toMatchObject({ home: null });
    const { entries } = await world.get<ConversationView>("/api/conversations/web:a~tidy");
    expect(entries).toMatchObject([
      { kind: "said", by: "schedule-now", text: "\u23F0 tidy" },
      { kind: "summary", origin: null },
      { kind: "answer", origin: null, markdown: "tidied" },
    ]);
  });

  it("in the conversation's own session, what its runs say is marked with its name", async () => {
    await using world = await createWorld({
      driver: createScriptedDriver({ onTurn: (turn) => turn.finish("tidied") }),
    });
    await world.order("add --name tidy --session conversation every 1h Tidy up");
    await world.order("run tidy");
    await world.house.settled();
    const { entries } = await world.get<ConversationView>("/api/conversations/web:a");
    expect(entries.filter(({ kind }) => kind === "answer" || kind === "summary")).toMatchObject([
      { kind: "summary", origin: "tidy" },
      { kind: "answer", origin: "tidy" },
    ]);
  });
});
