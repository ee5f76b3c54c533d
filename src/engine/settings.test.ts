import { DatabaseSync } from "node:sqlite";
import { describe, expect, test } from "vitest";
import { createHouse, type House } from "../../test/engine-house.ts";
import { buttonLabel } from "../domain/button.ts";
import { defaultConversationSettings } from "../domain/conversation-settings.ts";
import { type ConversationId, telegramConversation } from "../domain/conversation.ts";
import type { ItemKey, Request } from "../domain/inbox-item.ts";
import { describeNotice, type Notice } from "../domain/notice.ts";
import { readText } from "../domain/typed-text.ts";

async function lastNotice(house: House, name = "a"): Promise<Notice> {
  const said = (await house.said(name)).flatMap((body) => (body.kind === "notice" ? [body.notice] : []));
  const last = said.at(-1);
  if (last === undefined) throw new Error("nothing was said");
  return last;
}

const prompts = (house: House): string[] => house.driver.turns.map((turn) => turn.request.prompt.text);

describe("/settings (C3)", () => {
  test("shows how everything stands, with the commands for what has one, and a press redraws it", async () => {
    await using house = await createHouse();
    await house.send("a", "/settings");
    const words = describeNotice(await lastNotice(house), "web");
    for (const word of ["policy queue", "/switch", "/model", "/permissions", "/project", "/projects/a"])
      expect(words).toContain(word);
    await house.press("a", "settings", { how: "Interrupt" });
    expect(await lastNotice(house)).toMatchObject({
      kind: "settings",
      changed: { name: "policy", value: "interrupt" },
      settings: [{ name: "policy", value: "interrupt" }],
    });
    await house.press("a", "settings", { how: "Wait in line" });
    expect((await house.store.history.lanes())[0]?.settings.policy).toBe("queue");
    await expect(house.press("a", "settings", { how: "Steer" })).resolves.toMatchObject({ toast: "" });
  });

  test("in words; a word that is none of the choices changes nothing and names them", async () => {
    await using house = await createHouse();
    await house.send("a", "/settings Policy STEER");
    expect(await lastNotice(house)).toMatchObject({ kind: "settings", changed: { name: "policy", value: "steer" } });
    await house.send("a", "/settings policy sometimes");
    expect(await lastNotice(house)).toMatchObject({
      kind: "not-a-choice",
      given: "sometimes",
      choices: ["queue", "steer", "interrupt", "collect"],
    });
    await house.send("a", "/settings colour red");
    expect(await lastNotice(house)).toMatchObject({
      kind: "not-a-choice",
      given: "colour",
      choices: ["policy", "zone"],
    });
    await house.send("a", "/settings policy");
    expect(await lastNotice(house)).toMatchObject({ kind: "not-a-choice" });
    expect((await house.store.history.lanes())[0]?.settings.policy).toBe("steer");
  });

  test("offers what means something where the conversation is held", async () => {
    await using house = await createHouse();
    const labels = async (conversation: ConversationId): Promise<string[]> => {
      await give(house, conversation, readText("/settings"));
      const body = (await house.store.history.messages(conversation, 1))[0]?.body;
      return body?.kind === "notice" ? body.buttons.flat().map(({ action }) => buttonLabel(action)) : [];
    };
    expect(await labels(telegramConversation(7, null))).toEqual([
      ...["Steer", "Interrupt", "Collect", "Quiet", "Verbose", "Draft", "No reactions", "Ask after voice"],
    ]);
    expect(await labels(telegramConversation(-5, 3))).toEqual([
      ...["Steer", "Interrupt", "Collect", "Quiet", "Verbose", "No reactions", "Ask after voice", "Every message"],
    ]);
  });

  test("reactions are turned off alone, for one conversation", async () => {
    await using house = await createHouse();
    const [one, other] = [telegramConversation(7, null), telegramConversation(8, null)];
    await give(house, one, readText("/settings reactions off"));
    const { settings } = house.store.history;
    expect(await settings(one)).toEqual({ ...defaultConversationSettings, reactions: "off" });
    expect(await settings(other)).toEqual(defaultConversationSettings);
    await give(house, one, readText("/settings reactions on"));
    expect(await settings(one)).toEqual(defaultConversationSettings);
  });

  test("each topic has its own, and a group that listens is known to the channel (C1)", async () => {
    await using house = await createHouse();
    const [topic, other] = [telegramConversation(-5, 3), telegramConversation(-5, 4)];
    await give(house, topic, readText("/settings listen all"));
    await give(house, other, readText("/settings policy steer"));
    expect((await house.engine.access()).listening).toEqual([topic]);
    await give(house, topic, readText("/settings listen mentions"));
    expect((await house.engine.access()).listening).toEqual([]);
    expect((await house.store.history.lanes()).map(({ settings }) => settings.policy)).toEqual(["queue", "steer"]);
  });
});

let keys = 0;

async function give(house: House, conversation: ConversationId, request: Request, user = "7"): Promise<void> {
  const key = `settings:${(keys += 1)}` as ItemKey;
  const sentAtMs = house.clock.now();
  await house.engine.accept([{ key, conversation, user, message: null, priority: "interactive", request, sentAtMs }]);
  await house.settled();
}

describe("what a message does while a turn runs (L4)", () => {
  test("queue: it waits in line", async () => {
    await using house = await createHouse();
    await house.send("a", "/settings policy queue");
    await house.send("a", "one");
    await house.send("a", "two");
    expect(prompts(house)).toEqual(["one"]);
    expect(await lastNotice(house)).toMatchObject({ kind: "queued", position: 1 });
    house.driver.turns[0]?.finish("1");
    await house.settled();
    expect(prompts(house)).toEqual(["one", "two"]);
  });

  test("steer: it is handed to the running turn at once; alone it runs", async () => {
    await using house = await createHouse();
    await house.send("a", "/settings policy steer");
    await house.send("a", "one");
    await house.send("a", "use tabs");
    expect(house.driver.turns[0]?.steered.map(({ text }) => text)).toEqual(["use tabs"]);
    expect(await house.items("a")).toEqual(["done", "running", "merged"]);
    house.driver.turns[0]?.finish("1");
    await house.settled();
    expect(prompts(house)).toEqual(["one"]);
  });

  test("steer: what comes too late for the turn is back in line, told, and runs", async () => {
    await using house = await createHouse();
    await house.send("a", "/settings policy steer");
    await house.send("a", "one");
    house.driver.turns[0]?.steerWith("too-late");
    await house.send("a", "use tabs");
    expect(await house.items("a")).toEqual(["done", "running", "queued"]);
    expect(await lastNotice(house)).toMatchObject({ kind: "queued" });
    house.driver.turns[0]?.finish("1");
    await house.settled();
    expect(prompts(house)).toEqual(["one", "use tabs"]);
  });

  test("interrupt: as with !, the turn is stopped with proof, and then it runs", async () => {
    await using house = await createHouse();
    await house.send("a", "/settings policy interrupt");
    await house.send("a", "one");
    await house.send("a", "rather two");
    const [turn] = house.driver.turns;
    expect(turn?.interrupts).toEqual(["ask"]);
    turn?.end({ kind: "interrupted" });
    await house.settled();
    expect(prompts(house)).toEqual(["one"]); // I2: not before the proof
    turn?.becomeQuiet();
    await house.settled();
    expect(prompts(house)).toEqual(["one", "rather two"]);
  });

  test("collect: what comes within 3 s of each other is one prompt, also when nothing runs", async () => {
    await using house = await createHouse();
    await house.send("a", "/settings policy collect");
    await house.send("a", "first");
    await house.clock.advance(2_900);
    await house.send("a", "second");
    await house.clock.advance(2_900);
    expect(prompts(house)).toEqual([]);
    await house.clock.advance(200);
    expect(prompts(house)).toEqual(["first\n\nsecond"]);
    expect(await house.items("a")).toEqual(["done", "running", "merged"]);
    await house.send("a", "third");
    await house.clock.advance(3_000);
    house.driver.turns[0]?.finish("1");
    await house.settled();
    expect(prompts(house)).toEqual(["first\n\nsecond", "third"]);
  });

  test("collect: a stop word stops and a command is done, at once, and neither is part of the prompt", async () => {
    await using house = await createHouse();
    await house.send("a", "one");
    await house.send("a", "/settings policy collect");
    await house.send("a", "first");
    await house.send("a", "/status");
    expect(await house.notices("a")).toContain("status");
    await house.send("a", "stop please");
    expect(house.driver.turns[0]?.interrupts).toEqual(["ask"]);
    house.driver.turns[0]?.obey("ask");
    await house.settled();
    await house.clock.advance(4_000);
    expect(prompts(house)).toEqual(["one"]); // what was collected is on hold with everything else (S4)
    expect(await house.items("a")).toEqual(["cancelled", "done", "held", "done", "done"]);
    await house.press("a", "held", { how: "run-each" });
    await house.clock.advance(4_000);
    expect(prompts(house)).toEqual(["one", "first"]);
  });

  test("collect: a crash between two messages loses neither", async () => {
    const database = new DatabaseSync(":memory:");
    const before = await createHouse({ database });
    await before.send("a", "/settings policy collect");
    await before.send("a", "first", { key: "k1" });
    await before.send("a", "second", { key: "k2" });
    await using house = await createHouse({ database }); // the life before never comes back
    await house.send("a", "second", { key: "k2" }); // redelivered
    await house.clock.advance(4_000);
    expect(prompts(house)).toEqual(["first\n\nsecond"]);
    expect(await house.items("a")).toEqual(["done", "running", "merged"]);
  });
});

describe("the zone of a conversation", () => {
  test("is that in which times of day are read and said; without one it is this machine's again", async () => {
    await using house = await createHouse();
    await house.send("a", "/settings zone Europe/Berlin");
    expect(describeNotice(await lastNotice(house), "web")).toContain("Times of day are those of: Europe/Berlin");
    await house.send("a", "/cron add --name tea --remind daily 9:00 Tea");
    expect(await lastNotice(house)).toMatchObject({ zone: "Europe/Berlin" });
    expect((await house.store.history.schedules())[0]?.nextAtMs).toBe(Date.parse("2026-11-23T08:00:00Z"));
    await house.send("a", "/settings zone Mars/Olympus");
    expect(await lastNotice(house)).toMatchObject({ kind: "not-a-choice", given: "Mars/Olympus" });
    await house.send("a", "/settings zone");
    expect(describeNotice(await lastNotice(house), "web")).toContain("this machine");
  });
});
