import { expect, test } from "vitest";
import { telegramConversation } from "../../src/domain/conversation.ts";
import type { RunId } from "../../src/domain/run.ts";
import type { TurnRequest } from "../../src/engine/ports.ts";
import { noTools } from "../no-tools.ts";
import { createWorld, endsBy, tagsOf } from "./world.ts";

function request(run: string, chat: number, workspace: string): TurnRequest {
  return {
    owner: { run: run as RunId, conversation: telegramConversation(chat, null), epoch: 1 },
    session: { id: "s", resume: null },
    workspace,
    prompt: { text: "do p1\n\nrather p2" },
    permissions: "bypass",
    model: null,
    tools: noTools,
  };
}

function setUp() {
  const violations: string[] = [];
  return { world: createWorld((invariant) => violations.push(invariant)), violations };
}

test("a process that lives on in a directory makes the next turn there an overlap (I1)", () => {
  const { world, violations } = setUp();
  const first = world.beginTurn(request("a", 1, "/w"), 1, "alpha");
  const agent = world.spawn(first, "agent", "ask");
  const tool = world.spawn(first, "tool", "ask");
  world.end(agent);
  world.spawn(world.beginTurn(request("b", 2, "/w"), 1, "alpha"), "agent", "ask");
  expect(violations).toEqual(["I1"]);
  world.end(tool);
  world.spawn(world.beginTurn(request("c", 3, "/other"), 1, "alpha"), "agent", "ask");
  expect(violations).toEqual(["I1"]);
});

test("the overlap is seen whichever life started the older turn, and in one conversation across directories", () => {
  const { world, violations } = setUp();
  world.spawn(world.beginTurn(request("a", 1, "/w"), 1, "alpha"), "agent", "ask");
  world.orphan(1);
  world.spawn(world.beginTurn(request("b", 1, "/other"), 2, "alpha"), "agent", "ask");
  expect(violations).toEqual(["I1"]);
});

test("what a person released, and what was left behind on purpose, is no overlap", () => {
  const { world, violations } = setUp();
  const first = world.beginTurn(request("a", 1, "/w"), 1, "alpha");
  world.end(world.spawn(first, "agent", "ask"));
  world.spawn(first, "tool", "ask").role = "background";
  const second = world.beginTurn(request("b", 1, "/w"), 1, "alpha");
  world.spawn(second, "agent", "never");
  world.release("b");
  world.spawn(world.beginTurn(request("c", 1, "/w"), 1, "alpha"), "agent", "ask");
  expect(violations).toEqual([]);
});

test("a reused pid is another process: only the start time tells them apart", () => {
  const { world } = setUp();
  const turn = world.beginTurn(request("a", 1, "/w"), 1, "alpha");
  const old = world.spawn(turn, "tool", "ask");
  world.end(old);
  for (let spawned = 1; spawned < 50; spawned += 1) world.end(world.spawn(turn, "tool", "ask"));
  const successor = world.spawn(turn, "tool", "ask");
  expect(successor.ref.pid).toBe(old.ref.pid);
  expect(world.find([old.ref])).toEqual([]);
  expect(world.find([successor.ref])).toEqual([successor]);
});

test("a process ends by a request at least as strong as it is tough", () => {
  expect(endsBy("ask", "ask")).toBe(true);
  expect(endsBy("terminate", "kill")).toBe(false);
  expect(endsBy("kill", "terminate")).toBe(true);
  expect(endsBy("kill", "never")).toBe(false);
});

test("a joined prompt counts as a start of each message in it", () => {
  const { world } = setUp();
  world.beginTurn(request("a", 1, "/w"), 1, "alpha");
  expect([...world.starts]).toEqual([
    ["p1", 1],
    ["p2", 1],
  ]);
  expect(tagsOf("no tags, not even up3 or p")).toEqual([]);
});
