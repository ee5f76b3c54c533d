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
  await house.send("a", "three");
  turnOf(house, 0).finish("to a");
  await house.send("b", "four");
  turnOf(house, 1).finish("to b");
  const answers = async (name: string): Promise<string[]> =>
    (await house.said(name)).flatMap((body) => (body.kind === "answer" ? [body.text] : []));
  expect([await answers("a"), await answers("b")]).toEqual([["to a"], ["to b"]]);
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
