import { expect, test } from "vitest";
import { createHouse, type House } from "../../test/engine-house.ts";
import type { ScriptedTurn } from "../../test/scripted-driver.ts";
import type { Ask, AskState } from "../domain/ask.ts";
import { buttonLabel } from "../domain/button.ts";
import type { Outgoing } from "./ports.ts";

const approval: Ask & { kind: "approval" } = {
  kind: "approval",
  action: { kind: "command", command: "rm -rf build", directory: null },
  reason: null,
  scopes: ["once", "session"],
};

const colours: Ask = {
  kind: "questions",
  questions: [
    { header: "Colour", text: "Which one?", choice: "one", takesText: true, options: [option("red"), option("blue")] },
    { header: "Extras", text: "Which ones?", choice: "many", takesText: false, options: [option("a"), option("b")] },
  ],
};

function option(label: string) {
  return { label, description: "" };
}

function turnOf(house: House, index = 0): ScriptedTurn {
  const turn = house.driver.turns[index];
  if (turn === undefined) throw new Error(`no turn ${index}`);
  return turn;
}

async function asking(ask: Ask): Promise<House> {
  const house = await createHouse();
  await house.send("a", "go");
  turnOf(house).emit({ kind: "asked", id: "q1", ask });
  await house.settled();
  return house;
}

async function states(house: House): Promise<AskState["kind"][]> {
  const said: Outgoing[] = await house.said("a");
  return said.flatMap((body) => (body.kind === "ask" ? [body.state.kind] : []));
}

test("what the agent asks is said with its buttons, and the pressed one is the answer that the agent gets", async () => {
  await using house = await asking(approval);
  const receipt = await house.press("a", "answer", { how: "Allow once" });
  expect(receipt.toast).toBe("Allowed.");
  expect(turnOf(house).answers).toEqual([{ id: "q1", answer: { kind: "allow", scope: "once" } }]);
  expect(await states(house)).toEqual(["open", "answered"]);
});

test("what had to be cut has no button that allows it, and the agent hears why it was denied (T5)", async () => {
  await using house = await asking({ ...approval, isCut: true });
  const [card] = (await house.said("a")).flatMap((body) => (body.kind === "ask" ? [body] : []));
  expect(card?.buttons.flat().map(({ action }) => buttonLabel(action))).toEqual(["Deny"]);
  await house.press("a", "answer", { how: "Deny" });
  expect(turnOf(house).answers).toMatchObject([
    { answer: { kind: "deny", reason: expect.stringContaining("Do it in smaller parts") as string } },
  ]);
  await using planning = await asking({ kind: "plan", plan: "p", isCut: true });
  const [plan] = (await planning.said("a")).flatMap((body) => (body.kind === "ask" ? [body] : []));
  expect(plan?.buttons.flat().map(({ action }) => buttonLabel(action))).toEqual(["Keep planning"]);
});

test("an ask is answered once: neither a second tap nor another button reaches the agent", async () => {
  await using house = await asking(approval);
  const allow = await house.button("a", "answer", "Allow once");
  const deny = await house.button("a", "answer", "Deny");
  await house.press("a", "answer", { id: allow });
  expect((await house.press("a", "answer", { id: allow })).toast).toBe("Already done.");
  expect((await house.press("a", "answer", { id: deny })).toast).toBe("This is answered already.");
  expect(turnOf(house).answers).toHaveLength(1);
});

test("an ask expires with its run, and its buttons do nothing then", async () => {
  await using house = await asking(approval);
  const allow = await house.button("a", "answer", "Allow once");
  turnOf(house).finish("done without it");
  await house.settled();
  expect(await states(house)).toEqual(["open", "expired"]);
  expect((await house.press("a", "answer", { id: allow })).toast).toBe("The run that asked is over. Nothing was done.");
  expect(turnOf(house).answers).toEqual([]);
});

test("a stop while an ask is open ends the run: the answer that comes meanwhile is not given", async () => {
  await using house = await asking(approval);
  await house.send("a", "stop");
  const receipt = await house.press("a", "answer", { how: "Allow once" });
  expect(receipt.toast).toBe("The run that asked is being stopped. Nothing was done.");
  turnOf(house).obey("ask");
  await house.settled();
  expect(turnOf(house).answers).toEqual([]);
  expect(await states(house)).toEqual(["open", "expired"]);
  expect(await house.notices("a")).toContain("stopped");
});

test("an ask that was open at a crash is told as expired, and the run is offered again", async () => {
  const before = await asking(approval);
  await using house = await createHouse({ database: before.database });
  expect(await states(house)).toEqual(["open", "expired"]);
  expect((await house.press("a", "answer", { how: "Allow once" })).toast).toBe(
    "The run that asked is over. Nothing was done.",
  );
  await house.press("a", "run-again");
  expect(turnOf(house).request.prompt.text).toBe("go");
});

test("the answer of a deposed run's ask reaches no later run", async () => {
  await using house = await asking(approval);
  const allow = await house.button("a", "answer", "Allow once");
  turnOf(house).finish("done");
  await house.send("a", "more");
  turnOf(house, 1).emit({ kind: "asked", id: "q1", ask: approval });
  await house.settled();
  await house.press("a", "answer", { id: allow });
  expect(turnOf(house, 1).answers).toEqual([]);
});

test("an ask that the agent takes back is closed", async () => {
  await using house = await asking(approval);
  turnOf(house).emit({ kind: "ask-withdrawn", id: "q1" });
  await house.settled();
  expect(await states(house)).toEqual(["open", "withdrawn"]);
});

test("an answer that the agent does not wait for any more is told as late", async () => {
  await using house = await asking(approval);
  turnOf(house).end({ kind: "completed", answer: "done" }); // not proven quiet: the row still runs
  await house.press("a", "answer", { how: "Allow once" });
  expect(await states(house)).toEqual(["open", "answered", "late"]);
});

test("questions are answered one after the other, with several options and words of one's own", async () => {
  await using house = await asking(colours);
  expect((await house.press("a", "answer", { how: "red" })).toast).toBe("Next question.");
  await house.press("a", "answer", { how: "\u2610 a" });
  await house.press("a", "answer", { how: "\u2610 b" });
  await house.press("a", "answer", { how: "\u2611 a" });
  await house.press("a", "answer", { how: "Done" });
  expect(turnOf(house).answers).toEqual([{ id: "q1", answer: { kind: "answers", answers: [["red"], ["b"]] } }]);
});

test("the page answers in words: text denies an approval with a reason", async () => {
  await using house = await asking(approval);
  const ask = (await house.said("a")).find((body) => body.kind === "ask");
  if (ask === undefined) throw new Error("no ask");
  await house.answer("a", ask.id, "use trash instead");
  expect(turnOf(house).answers).toEqual([{ id: "q1", answer: { kind: "deny", reason: "use trash instead" } }]);
});

test("words of one's own are no answer where only the options are understood", async () => {
  await using house = await asking(colours);
  await house.press("a", "answer", { how: "red" });
  const ask = (await house.said("a")).findLast((body) => body.kind === "ask");
  if (ask === undefined) throw new Error("no ask");
  expect((await house.answer("a", ask.id, "c")).toast).toBe("That is not one of the options. Choose one of them.");
  expect(turnOf(house).answers).toEqual([]);
});

test.each([
  ["Go, ask before edits", "ask"],
  ["Go, edit freely", "edit"],
] as const)(
  "a plan that is allowed with \u201c%s\u201d leaves planning for the turns after it as well",
  async (label, mode) => {
    await using house = await createHouse();
    await house.command("a", { name: "permissions", mode: "plan" });
    await house.send("a", "go");
    turnOf(house).emit({ kind: "asked", id: "p", ask: { kind: "plan", plan: "1. fix it" } });
    await house.settled();
    await house.press("a", "answer", { how: label });
    turnOf(house).finish("done");
    await house.send("a", "more");
    expect(house.driver.turns.map((turn) => turn.request.permissions)).toEqual(["plan", mode]);
  },
);
