/**
 * N-12. There: "the chat" was one variable of the whole process; buttons and answers went to whoever had written last.
 * Here: a run, its words and its buttons belong to a conversation, and a button works nowhere else.
 */
import { expect, test } from "vitest";
import { createHouse } from "../engine-house.ts";
import { turnOf } from "./kit.ts";

test("what a run says is said where it was asked, whoever wrote last", async () => {
  const house = await createHouse();
  await house.send("a", "one");
  await house.send("b", "two");
  turnOf(house, 0).finish("to a");
  await house.settled();
  await house.send("a", "three");
  turnOf(house, 1).finish("to b");
  await house.settled();
  // The rows themselves: a channel sends each where the row says.
  const sent = house.database.prepare(
    "SELECT conversation, body ->> '$.text' AS text FROM outbox WHERE kind = 'answer'",
  );
  expect(sent.all().map((row) => ({ ...row }))).toEqual([
    { conversation: house.conversation("a"), text: "to a" },
    { conversation: house.conversation("b"), text: "to b" },
  ]);
});

test("a button of one conversation does nothing in another, and stays good in its own", async () => {
  const house = await createHouse();
  for (const text of ["one", "two"]) await house.send("a", text);
  await house.send("b", "three");
  const id = await house.button("a", "stop-and-run");
  expect((await house.press("b", "stop-and-run", { id })).toast).toContain("does not belong here");
  expect(house.driver.turns.map(({ interrupts }) => interrupts)).toEqual([[], []]);
  await house.press("a", "stop-and-run", { id });
  expect(house.driver.turns.map(({ interrupts }) => interrupts)).toEqual([["ask"], []]);
});

test("two conversations ask at once, by the same name: each answer goes to its own agent, and one in the other conversation to none", async () => {
  const house = await createHouse();
  for (const name of ["a", "b"]) await house.send(name, "go");
  for (const index of [0, 1])
    turnOf(house, index).emit({ kind: "asked", id: "q", ask: { kind: "plan", plan: `${index}` } });
  await house.settled();
  const id = await house.button("a", "answer", "Go, edit freely");
  expect((await house.press("b", "answer", { id })).toast).toContain("does not belong here");
  const ask = (await house.said("a")).find((body) => body.kind === "ask");
  if (ask === undefined) throw new Error("nothing was asked");
  expect((await house.answer("b", ask.id, "no")).toast).toContain("does not belong here");
  expect([turnOf(house, 0).answers, turnOf(house, 1).answers]).toEqual([[], []]);
  await house.press("a", "answer", { id });
  expect([turnOf(house, 0).answers.length, turnOf(house, 1).answers.length]).toEqual([1, 0]);
});
