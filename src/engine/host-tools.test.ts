import { expect, test } from "vitest";
import { createHouse, type House } from "../../test/engine-house.ts";
import { createScriptedDriver, type ScriptedTurn } from "../../test/scripted-driver.ts";
import type { HostToolResult } from "../domain/host-tool.ts";
import type { Notice } from "../domain/notice.ts";

const models = [
  { id: "big", name: "Big", description: null, efforts: ["low", "high"], isDefault: true },
  { id: "small", name: "Small", description: null, efforts: [], isDefault: false },
];

async function running(): Promise<House> {
  const house = await createHouse({ driver: createScriptedDriver({ models }) });
  await house.send("a", "go");
  return house;
}

function turnOf(house: House, index = 0): ScriptedTurn {
  const turn = house.driver.turns[index];
  if (turn === undefined) throw new Error(`no turn ${index}`);
  return turn;
}

async function call(house: House, name: string, input: unknown = {}): Promise<HostToolResult> {
  const result = await turnOf(house).request.tools.call(name, input, new AbortController().signal);
  await house.settled();
  return result;
}

async function told(house: House): Promise<Notice[]> {
  return (await house.said("a")).flatMap((body) => (body.kind === "notice" ? [body.notice] : []));
}

test("what an agent notifies is said in its conversation, ten times in a run and no more", async () => {
  await using house = await running();
  for (let n = 1; n <= 10; n += 1) expect(await call(house, "notify", { text: `${n}` })).toMatchObject({ kind: "ok" });
  expect(await call(house, "notify", { text: "11" })).toMatchObject({ kind: "failed" });
  const texts = (await told(house)).map((notice) => (notice.kind === "from-agent" ? notice.text : notice.kind));
  expect(texts).toEqual(Array.from({ length: 10 }, (_, index) => `${index + 1}`));
});

test.each([
  ["notify", { text: "hello" }],
  ["new_session", {}],
  ["switch_model", { model: "small" }],
])("%s does nothing for a run that is told to stop (I3)", async (name, input) => {
  await using house = await running();
  await house.send("a", "stop");
  const before = await told(house);
  expect(await call(house, name, input)).toMatchObject({
    kind: "failed",
    text: expect.stringMatching(/being stopped, or is over/),
  });
  expect(await told(house)).toEqual(before);
  turnOf(house).obey("ask");
  await house.send("a", "next");
  expect(turnOf(house, 1).request).toMatchObject({ model: null, session: { id: turnOf(house).request.session.id } });
});

test("new_session begins with the person's next message; the turn that asked for it goes on as it is", async () => {
  await using house = await running();
  turnOf(house).emit({ kind: "session", resume: "memory" });
  expect(await call(house, "new_session", { title: "Fresh" })).toMatchObject({ kind: "ok" });
  turnOf(house).finish("done");
  await house.send("a", "next");
  expect(turnOf(house, 1).request.session).toMatchObject({ resume: null });
  expect(turnOf(house, 1).request.session.id).not.toBe(turnOf(house).request.session.id);
});

test("switch_model chooses for the next turn, and says which models there are when it cannot", async () => {
  await using house = await running();
  expect(await call(house, "switch_model", { model: "huge" })).toMatchObject({
    kind: "failed",
    text: expect.stringMatching(/big, small/),
  });
  expect(await call(house, "switch_model", { model: "big", effort: "high" })).toMatchObject({ kind: "ok" });
  turnOf(house).finish("done");
  await house.send("a", "next");
  expect(turnOf(house, 1).request.model).toEqual({ id: "big", effort: "high" });
});

test("ask_user resolves with what the person chose, and with the end of the turn when nobody answers", async () => {
  await using house = await running();
  const input = { question: "Which one?", options: ["red", "blue"] };
  const answered = call(house, "ask_user", input);
  await house.settled();
  await house.press("a", "answer", { how: "blue" });
  expect(await answered).toEqual({ kind: "ok", text: "blue" });
  const unanswered = call(house, "ask_user", input);
  await house.settled();
  turnOf(house).finish("done");
  expect(await unanswered).toMatchObject({
    kind: "failed",
    text: expect.stringMatching(/ended before the person answered/),
  });
});

test("a file that may not be sent is refused with its reason, and nothing is said", async () => {
  await using house = await running();
  expect(await call(house, "send_file", { path: ".env" })).toMatchObject({
    kind: "failed",
    text: expect.stringMatching(/It was not sent\.$/),
  });
  expect((await house.said("a")).some((body) => body.kind === "file")).toBe(false);
});

test.each([
  ["notify", {}, /text is missing/],
  ["notify", { text: 5 }, /text has to be a text/],
  ["notify", null, /text is missing/],
  ["ask_user", { question: "?", options: "red" }, /options has to be a list of texts/],
  ["no_such_tool", {}, /There is no tool no_such_tool/],
])("%s called with %j is told what is wrong, and does nothing", async (name, input, words) => {
  await using house = await running();
  const before = await house.said("a");
  expect(await call(house, name, input)).toMatchObject({ kind: "failed", text: expect.stringMatching(words) });
  expect(await house.said("a")).toEqual(before);
});

test("status says what runs where", async () => {
  await using house = await running();
  expect(await call(house, "status")).toMatchObject({
    kind: "ok",
    text: expect.stringMatching(/1 of 4 run slots in use[^]*running/),
  });
});
