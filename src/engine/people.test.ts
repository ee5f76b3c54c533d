import { DatabaseSync } from "node:sqlite";
import { describe, expect, test } from "vitest";
import { createHouse, type House, type HouseOptions } from "../../test/engine-house.ts";
import type { ButtonAction, ButtonId } from "../domain/button.ts";
import { type ConversationId, telegramConversation, webConversation } from "../domain/conversation.ts";
import type { ItemKey, Request } from "../domain/inbox-item.ts";
import { describeNotice, type Notice } from "../domain/notice.ts";
import { cleanName, type PairedRole, pageUser } from "../domain/person.ts";
import { readText } from "../domain/typed-text.ts";
import type { Receipt } from "./ports.ts";

/** Ada owns it; Otto and Vera were let in; Mallory was not. */
const [ada, otto, vera, mallory] = ["7", "20", "30", "666"] as const;
const group = telegramConversation(-5, null);

type World = AsyncDisposable & {
  readonly house: House;
  writes(user: string, text: string, conversation?: ConversationId): Promise<Receipt>;
  gives(user: string, request: Request, conversation?: ConversationId, extra?: object): Promise<Receipt>;
  presses(user: string, kind: ButtonAction["kind"], conversation?: ConversationId, label?: string): Promise<Receipt>;
  said(conversation: ConversationId): Promise<readonly Notice[]>;
  buttons(conversation: ConversationId): Promise<readonly { readonly id: ButtonId; readonly action: ButtonAction }[]>;
  states(conversation: ConversationId): Promise<readonly string[]>;
};

let keys = 0;

async function createWorld(options: HouseOptions = {}): Promise<World> {
  const house = await createHouse({ owners: [ada], ...options });
  const world: World = {
    house,
    async gives(user, request, conversation = own(user), extra = {}) {
      const key = `tg:update:${(keys += 1)}` as ItemKey;
      const common = { key, conversation, user, message: `${keys}`, priority: "interactive" as const };
      const [receipt] = await house.engine.accept([{ ...common, request, sentAtMs: house.clock.now(), ...extra }]);
      await house.settled();
      if (receipt === undefined) throw new Error("no receipt");
      return receipt;
    },
    writes: (user, text, conversation) => world.gives(user, readText(text), conversation),
    async presses(user, kind, conversation = own(user), label) {
      const found = (await world.buttons(conversation)).findLast(
        ({ action }) => action.kind === kind && (label === undefined || JSON.stringify(action).includes(label)),
      );
      if (found === undefined) throw new Error(`no ${kind} button`);
      return world.gives(user, { kind: "press", button: found.id }, conversation);
    },
    async said(conversation) {
      const rows = await house.store.history.messages(conversation, 1_000);
      return rows.flatMap(({ body }) => (body.kind === "notice" ? [body.notice] : []));
    },
    async buttons(conversation) {
      const rows = await house.store.history.messages(conversation, 1_000);
      return rows.flatMap(({ body }) =>
        body.kind === "notice" || body.kind === "ask" ? body.buttons.flat() : body.kind === "status" ? [body.stop] : [],
      );
    },
    states: async (conversation) => (await house.store.history.items(conversation, 100)).map(({ state }) => state),
    [Symbol.asyncDispose]: () => house[Symbol.asyncDispose](),
  };
  return world;
}

function own(user: string): ConversationId {
  return telegramConversation(Number(user), null);
}

/** Through the front door. */
async function letIn(world: World, user: string, role: PairedRole, name = `Person ${user}`): Promise<void> {
  const code = await world.house.engine.knock({ user, name });
  await world.writes(ada, `/pair ${code} ${role}`);
}

async function withPeople(options?: HouseOptions): Promise<World> {
  const world = await createWorld(options);
  await letIn(world, otto, "operator", "Otto");
  await letIn(world, vera, "viewer", "Vera");
  return world;
}

const prompts = ({ house }: World): string[] => house.driver.turns.map((turn) => turn.request.prompt.text);

describe("a viewer (C5)", () => {
  test("sees what runs and what waits", async () => {
    await using world = await withPeople();
    const asked = ["/status", "/queue", "/usage", "/context", "/help", "/start"];
    for (const text of asked) await world.writes(vera, text);
    const kinds = (await world.said(own(vera))).map(({ kind }) => kind);
    expect(kinds).toEqual(["let-in", "status", "queue", "usage", "context", "help", "welcome"]);
    expect(await world.states(own(vera))).toEqual(asked.map(() => "done"));
  });

  test("starts, stops and changes nothing: each attempt is a row and a text", async () => {
    await using world = await withPeople();
    await world.writes(otto, "work", group);
    const attempts = [
      "do this",
      "!do this",
      "stop",
      "/stop all",
      "/new",
      "/settings policy steer",
      "/model big high",
      "/permissions plan",
      "/project /etc",
      "/switch other",
      "/resume",
      "/fork",
      "/logs",
      "/people",
      "/pair ACDE",
    ];
    for (const text of attempts) await world.writes(vera, text, group);
    await world.gives(vera, { kind: "unsupported", what: "A sticker" }, group);
    expect((await world.states(group)).slice(1)).toEqual([...attempts, "a sticker"].map(() => "rejected"));
    const refusals = (await world.said(group)).filter(({ kind }) => kind === "not-allowed");
    expect(refusals).toHaveLength(attempts.length + 1);
    expect(describeNotice(refusals[0]!, "telegram")).toBe(
      "You are a viewer here; this takes an operator. Nothing was done.",
    );
    expect(prompts(world)).toEqual(["work"]);
    expect(world.house.driver.turns[0]?.interrupts).toEqual([]);
    const lane = (await world.house.store.history.lanes()).find(({ conversation }) => conversation === group);
    expect(lane).toMatchObject({
      permissions: null,
      driver: null,
      settings: { policy: "queue" },
      workspace: "/projects",
    });
  });

  test("presses nothing, and what they pressed is still there for those who may", async () => {
    await using world = await withPeople();
    await world.writes(otto, "work", group);
    const refusal = await world.presses(vera, "stop", group);
    expect(refusal.toast).toBe("You are a viewer here; this takes an operator. Nothing was done.");
    expect(world.house.driver.turns[0]?.interrupts).toEqual([]);
    expect((await world.states(group)).at(-1)).toBe("rejected");
    expect((await world.presses(otto, "stop", group)).toast).toBe("Stopping\u2026");
    expect(world.house.driver.turns[0]?.interrupts).toEqual(["ask"]);
    world.house.driver.turns[0]?.obey("ask");
  });

  test("approves nothing, neither by a button nor in words (T5)", async () => {
    await using world = await withPeople();
    await world.writes(otto, "work", group);
    const [turn] = world.house.driver.turns;
    turn?.emit({
      kind: "asked",
      id: "a1",
      ask: {
        kind: "approval",
        action: { kind: "command", command: "rm -rf build", directory: null },
        reason: null,
        scopes: ["once"],
      },
    });
    await world.house.settled();
    const row = (await world.house.store.history.messages(group, 100)).findLast(({ body }) => body.kind === "ask");
    expect((await world.presses(vera, "answer", group)).toast).toContain("You are a viewer here");
    if (row?.body.kind !== "ask") throw new Error("nothing was asked");
    await world.gives(vera, { kind: "answer", ask: row.body.id, text: "yes" }, group);
    await world.gives(vera, readText("yes"), group, { repliesTo: row.message ?? "1" });
    expect(turn?.answers).toEqual([]);
    expect((await world.presses(otto, "answer", group)).toast).not.toContain("viewer");
    await world.house.settled();
    expect(turn?.answers).toHaveLength(1);
    turn?.finish("done");
  });

  test("may talk to others in a group without being told each time that it is not for us", async () => {
    await using world = await withPeople();
    await world.writes(otto, "work", group);
    const before = (await world.said(group)).length;
    const piece = { part: { of: "split:30", opens: false, otherwise: "nothing" } };
    const receipt = await world.gives(vera, readText("see you at lunch"), group, piece);
    await world.gives(vera, { kind: "edit", message: "1", text: "do more" }, group);
    expect(receipt.fresh).toBe(false);
    expect((await world.said(group)).length).toBe(before);
    expect(prompts(world)).toEqual(["work"]);
    world.house.driver.turns[0]?.finish("done");
  });
});

describe("an operator (C5)", () => {
  test("sends, stops and chooses, but does not decide about people, dangerous permissions or new directories", async () => {
    await using world = await withPeople();
    await world.writes(otto, "work");
    await world.writes(otto, "/permissions edit");
    await world.writes(otto, "/project");
    for (const text of ["/people", "/pair ACDE3467", "/permissions bypass", "/permissions BYPASS", "/project /etc"])
      await world.writes(otto, text);
    expect(await world.states(own(otto))).toEqual([
      ...["running", "done", "done", "rejected", "rejected", "rejected", "rejected", "rejected"],
    ]);
    const refusals = (await world.said(own(otto))).filter(({ kind }) => kind === "not-allowed");
    expect(refusals).toHaveLength(5);
    expect(refusals[0]).toMatchObject({ role: "operator", needed: "owner" });
    const lane = (await world.house.store.history.lanes()).find(({ conversation }) => conversation === own(otto));
    expect(lane).toMatchObject({ permissions: "edit", workspace: "/projects" });
    await world.writes(otto, "stop");
    expect(world.house.driver.turns[0]?.interrupts).toEqual(["ask"]);
    world.house.driver.turns[0]?.obey("ask");
  });

  test("does not press an owner's bypass or remove buttons in a group either", async () => {
    await using world = await withPeople();
    await world.writes(ada, "/permissions", group);
    expect((await world.presses(otto, "permissions", group, "bypass")).toast).toContain("takes an owner");
    expect((await world.presses(otto, "permissions", group, "plan")).toast).toBe("");
    await world.writes(ada, "/people", group);
    expect((await world.presses(otto, "remove-person", group, vera)).toast).toContain("takes an owner");
    expect((await world.house.engine.access()).people.map(({ user }) => user)).toEqual([otto, vera]);
  });
});

test("whoever has no role is refused by the engine itself, whatever the channel let through", async () => {
  await using world = await withPeople();
  await world.writes(ada, "work", group);
  const before = (await world.states(group)).length;
  await world.writes(mallory, "run rm", group);
  expect((await world.presses(mallory, "stop", group)).toast).toContain("You may not use this bot");
  expect((await world.states(group)).slice(before)).toEqual(["rejected", "rejected"]);
  expect(world.house.driver.turns[0]?.interrupts).toEqual([]);
  expect(prompts(world)).toEqual(["work"]);
  world.house.driver.turns[0]?.finish("done");
});

test("the page is its owner's", async () => {
  await using world = await createWorld({ owners: [] });
  await world.gives("page", readText("work"), webConversation("a"));
  await world.gives("page", readText("/people"), webConversation("a"));
  expect(await world.states(webConversation("a"))).toEqual(["running", "done"]);
  world.house.driver.turns[0]?.finish("done");
});

test("the owner at the page acts in a conversation of Telegram as in one of the page", async () => {
  await using world = await withPeople();
  await world.gives(pageUser, readText("/cron add daily 7:00 Look at the news"), own(otto));
  expect(await world.states(own(otto))).toEqual(["done"]);
  // In their name it fires as well.
  await world.house.clock.advance(24 * 3_600_000);
  await world.house.engine.fire();
  expect(await world.house.store.history.schedules()).toMatchObject([{ user: pageUser, state: "active" }]);
});

describe("being let in (C6, T1)", () => {
  test("a stranger is told one code an hour, and four of them three codes", async () => {
    await using world = await createWorld();
    const { engine, clock } = world.house;
    const first = await engine.knock({ user: mallory, name: "Mallory" });
    expect(first).toMatch(/^[ACDEFGHJKMNPQRTUVWXY34679]{4}-[ACDEFGHJKMNPQRTUVWXY34679]{4}$/);
    expect(await engine.knock({ user: mallory, name: "Mallory" })).toBeNull();
    expect(await engine.knock({ user: "667", name: "b" })).not.toBeNull();
    expect(await engine.knock({ user: "668", name: "c" })).not.toBeNull();
    expect(await engine.knock({ user: "669", name: "d" })).toBeNull();
    await clock.advance(3_599_000);
    expect(await engine.knock({ user: mallory, name: "Mallory" })).toBeNull();
    await clock.advance(1_000);
    const second = await engine.knock({ user: mallory, name: "Mallory" });
    expect(second).not.toBeNull();
    expect(second).not.toBe(first);
    expect((await world.house.store.history.lanes()).length).toBe(0); // nothing of a stranger but the request
  });

  test("the owner's /pair lets them in with the role it names, as operator when it names none, and tells both", async () => {
    await using world = await createWorld();
    const code = await world.house.engine.knock({ user: otto, name: "Otto" });
    await world.writes(ada, `/pair ${String(code).toLowerCase()}`);
    expect((await world.house.engine.access()).people).toMatchObject([{ user: otto, name: "Otto", role: "operator" }]);
    expect((await world.said(own(ada))).at(-1)).toMatchObject({ kind: "person", user: otto, became: "operator" });
    expect(await world.said(own(otto))).toMatchObject([{ kind: "let-in", role: "operator" }]);
    await world.writes(otto, "work");
    expect(prompts(world)).toEqual(["work"]);
    world.house.driver.turns[0]?.finish("done");
    expect(await world.house.engine.knock({ user: otto, name: "Otto" })).toBeNull();
  });

  test("a code that is wrong, used, too old, or comes with another role lets nobody in", async () => {
    await using world = await createWorld();
    const { engine, clock } = world.house;
    const code = await engine.knock({ user: otto, name: "Otto" });
    await world.writes(ada, "/pair ACDE-3467");
    await world.writes(ada, `/pair ${code} owner`);
    expect((await world.said(own(ada))).map(({ kind }) => kind)).toEqual(["pairing-unknown", "not-a-choice"]);
    await clock.advance(3_600_000);
    await world.writes(ada, `/pair ${code}`);
    expect((await engine.access()).people).toEqual([]);
    const next = await engine.knock({ user: otto, name: "Otto" });
    await world.writes(ada, `/pair ${next} viewer`);
    await world.writes(ada, "/people");
    await world.presses(ada, "remove-person");
    await world.writes(ada, `/pair ${next} operator`); // once
    expect((await engine.access()).people).toEqual([]);
  });

  test("owners get a card in their private chat, and the first decision counts", async () => {
    await using world = await createWorld({ owners: [ada, "8"] });
    await world.writes(ada, "/help");
    await world.writes("8", "/help");
    await world.house.engine.knock({ user: otto, name: "Otto\u202E \n/pair @ada https://x.example" });
    const [card] = (await world.said(own(ada))).slice(-1);
    expect(card).toMatchObject({ kind: "pairing-asked", user: otto, name: "Otto pair ada https x example" });
    expect((await world.presses(ada, "pair", own(ada), "viewer")).toast).toBe("Let in.");
    expect((await world.presses("8", "pair", own("8"), "operator")).toast).toContain("answered already");
    expect((await world.house.engine.access()).people).toMatchObject([{ user: otto, role: "viewer" }]);
  });

  test("who was denied is told nothing, and can not ask again within the hour", async () => {
    await using world = await createWorld();
    await world.writes(ada, "/help");
    const code = await world.house.engine.knock({ user: mallory, name: "Mallory" });
    const deny = (await world.buttons(own(ada))).find(({ action }) => action.kind === "pair" && action.role === null);
    await world.gives(ada, { kind: "press", button: deny!.id });
    expect((await world.said(own(ada))).at(-1)).toMatchObject({ kind: "person", became: "denied" });
    await world.writes(ada, `/pair ${code}`);
    expect((await world.house.engine.access()).people).toEqual([]);
    expect(await world.house.engine.knock({ user: mallory, name: "Mallory" })).toBeNull();
    expect(await world.said(own(mallory))).toEqual([]);
  });

  test("a card's buttons are of no use to those who asked, nor to operators", async () => {
    await using world = await withPeople();
    await world.house.engine.knock({ user: mallory, name: "Mallory" });
    const approve = (await world.buttons(own(ada))).findLast(
      ({ action }) => action.kind === "pair" && action.role !== null,
    );
    for (const user of [mallory, otto]) {
      await world.gives(user, { kind: "press", button: approve!.id }, own(ada));
      await world.gives(user, { kind: "press", button: approve!.id });
    }
    expect((await world.house.engine.access()).people.map(({ user }) => user)).toEqual([otto, vera]);
  });

  test("codes are shown to an owner alone, not to a group", async () => {
    await using world = await createWorld();
    const code = await world.house.engine.knock({ user: otto, name: "Otto" });
    await world.writes(ada, "/people", group);
    expect(JSON.stringify(await world.said(group))).not.toContain(code);
    expect((await world.buttons(group)).filter(({ action }) => action.kind === "pair")).toEqual([]);
    await world.writes(ada, "/people");
    expect(JSON.stringify(await world.said(own(ada)))).toContain(code);
    expect((await world.presses(ada, "pair", own(ada), "operator")).toast).toBe("Let in.");
  });

  test("codes and people survive a restart", async () => {
    const database = new DatabaseSync(":memory:");
    const before = await createWorld({ database });
    await letIn(before, vera, "viewer");
    const code = await before.house.engine.knock({ user: otto, name: "Otto" });
    await using world = await createWorld({ database });
    expect(await world.house.engine.knock({ user: otto, name: "Otto" })).toBeNull();
    await world.writes(ada, `/pair ${code}`);
    expect((await world.house.engine.access()).people.map(({ user }) => user)).toEqual([otto, vera]);
  });
});

test("somebody who is removed is out at once: buttons they see, and what waits of theirs", async () => {
  await using world = await withPeople();
  await world.writes(otto, "work");
  await world.writes(otto, "and then this");
  await world.writes(ada, "work", group);
  await world.writes(ada, "mine stays", group);
  await world.writes(otto, "his does not", group);
  await world.writes(ada, "/people");
  expect((await world.presses(ada, "remove-person", own(ada), otto)).toast).toBe("Removed.");
  expect((await world.said(own(ada))).at(-1)).toMatchObject({
    ...{ kind: "person", user: otto, name: "Otto", became: "removed", cancelled: 2, running: 1 },
  });
  expect(await world.states(group)).toEqual(["queued", "queued", "cancelled"]); // they share the directory
  expect((await world.presses(otto, "stop")).toast).toContain("You may not use this bot any more");
  await world.writes(otto, "more");
  expect(await world.states(own(otto))).toEqual(["running", "cancelled", "rejected", "rejected"]);
  world.house.driver.turns[0]?.finish("done");
  await world.house.settled();
  expect(prompts(world)).toEqual(["work", "work"]);
  world.house.driver.turns[1]?.finish("done");
  expect((await world.presses(ada, "remove-person", own(ada), vera)).toast).toBe("Removed.");
});

test("a name is one clean line", () => {
  expect(cleanName("  Ada\u202E\u200B \n Lovelace ")).toBe("Ada Lovelace");
  expect(cleanName("\u200B\u2066")).toBe("Somebody without a name");
  expect(cleanName(`a${"\u{1F600}".repeat(500)}`)).toBe(`a${"\u{1F600}".repeat(23)}`);
  expect(cleanName("Dr. No t.me/x")).toBe("Dr. No t me x");
});

describe("the first owner", () => {
  test("is who sends the code of the terminal, once; others wait as they do everywhere", async () => {
    const database = new DatabaseSync(":memory:");
    const before = await createWorld({ owners: [], database });
    const { engine } = before.house;
    const first = await engine.inviteOwner();
    const code = String(await engine.inviteOwner()); // the one before is good no more
    const claim = (typed: unknown) => ({ code: String(typed), key: "tg:update:5" as ItemKey });
    expect(await engine.knock({ user: mallory, name: "Mallory", claim: claim("ACDE-3467") })).not.toBeNull();
    expect(await engine.knock({ user: mallory, name: "Mallory", claim: claim(first) })).toBeNull();
    expect((await engine.access()).people).toEqual([]);
    await engine.knock({ user: ada, name: "Ada", claim: claim(code.toLowerCase()) });
    expect((await engine.access()).people).toMatchObject([{ user: ada, role: "owner", admittedBy: "tg:update:5" }]);
    expect(await engine.knock({ user: otto, name: "Otto", claim: claim(code) })).not.toBeNull();
    expect(await engine.inviteOwner()).toBeNull();

    await using world = await createWorld({ owners: [], database });
    expect(await world.house.engine.inviteOwner()).toBeNull();
    expect((await world.said(own(ada))).map(({ kind }) => kind)).toEqual(["let-in", "pairing-asked"]);
    expect((await world.presses(ada, "pair", own(ada), "viewer")).toast).toBe("Let in.");
    await world.writes(ada, "/permissions bypass");
    await world.writes(ada, "/people");
    expect((await world.buttons(own(ada))).filter(({ action }) => action.kind === "remove-person")).toHaveLength(1);
    expect(await world.states(own(ada))).toEqual(["done", "done", "done"]);
  });

  test("who is removed does not come back by the same code", async () => {
    await using world = await createWorld({ owners: [] });
    const claim = { code: String(await world.house.engine.inviteOwner()), key: "tg:update:7" as ItemKey };
    await world.house.engine.knock({ user: mallory, name: "Mallory", claim });
    await world.gives("page", readText("/people"), webConversation("a"));
    await world.presses("page", "remove-person", webConversation("a"));
    await world.house.engine.knock({ user: mallory, name: "Mallory", claim });
    expect((await world.house.engine.access()).people).toEqual([]);
  });

  test("is nobody an hour after the start, and nobody where the configuration names one", async () => {
    await using world = await createWorld({ owners: [] });
    const code = String(await world.house.engine.inviteOwner());
    expect(describeNotice({ kind: "people", owners: [], people: [], asking: [] }, "web")).toContain("none");
    await world.house.clock.advance(3_600_000);
    const claim = { code, key: "tg:update:6" as ItemKey };
    await world.house.engine.knock({ user: mallory, name: "Mallory", claim });
    expect((await world.house.engine.access()).people).toEqual([]);
    const database = new DatabaseSync(":memory:");
    const before = await createWorld({ owners: [], database });
    const pending = String(await before.house.engine.inviteOwner());
    await using owned = await createWorld({ owners: [ada], database });
    expect(await owned.house.engine.inviteOwner()).toBeNull();
    await owned.house.engine.knock({ user: mallory, name: "Mallory", claim: { ...claim, code: pending } });
    expect((await owned.house.engine.access()).people).toEqual([]);
  });

  test("does not wait in the list of those who ask, and counts for none of them", async () => {
    await using world = await createWorld({ owners: [] });
    const code = String(await world.house.engine.inviteOwner());
    for (const user of ["1", "2", "3"]) expect(await world.house.engine.knock({ user, name: "" })).not.toBeNull();
    await world.gives("page", readText(`/pair ${code}`), webConversation("a"));
    expect(await world.said(webConversation("a"))).toMatchObject([{ kind: "pairing-unknown" }]);
    await world.gives("page", readText("/people"), webConversation("a"));
    expect((await world.said(webConversation("a")))[1]).toMatchObject({ asking: [{}, {}, {}] });
  });
});
