/**
 * N-11. There: the answer to a question started its run directly, past the queue and past the drain of a shutdown.
 * Here: whatever was pressed becomes a message in line, and the line starts nothing while the program shuts down. An answer to a question
 * starts no run: it goes to the one that asked, and where that one is over it goes nowhere.
 */
import { expect, test } from "vitest";
import { createHouse } from "../engine-house.ts";
import { asked, turnOf } from "./kit.ts";

test("what is pressed and said during a shutdown is kept for the next life, not started", async () => {
  const before = await createHouse();
  await before.send("a", "one");
  turnOf(before, 0).end({ kind: "failed", fault: { kind: "overloaded" } });
  turnOf(before, 0).becomeQuiet();
  await before.send("b", "goes on");
  const drained = before.engine.drain(10_000);
  await before.settled();
  await before.press("a", "run-again");
  await before.send("c", "hello");
  turnOf(before, 1).finish("done"); // frees a slot, in vain
  await before.settled();
  expect(asked(before)).toEqual(["one", "goes on"]);
  await drained;
  const house = await createHouse({ database: before.database });
  await house.settled();
  expect(asked(house)).toEqual(["one", "hello"]);
});

test("an answer goes into the turn that asked, before what waits, and begins nothing", async () => {
  const house = await createHouse();
  await house.send("a", "one");
  turnOf(house, 0).emit({ kind: "asked", id: "q", ask: { kind: "plan", plan: "p" } });
  await house.send("a", "two");
  await house.press("a", "answer", { how: "Keep planning" });
  expect(turnOf(house, 0).answers).toHaveLength(1);
  expect(asked(house)).toEqual(["one"]);
  turnOf(house, 0).finish("1");
  await house.settled();
  expect(asked(house)).toEqual(["one", "two"]);
});

test("an answer to a turn that a shutdown ends begins nothing, in this life or the next", async () => {
  const before = await createHouse();
  await before.send("a", "one");
  turnOf(before, 0).emit({ kind: "asked", id: "q", ask: { kind: "plan", plan: "p" } });
  await before.settled();
  const drained = before.engine.drain(0);
  await before.settled();
  await before.clock.advance(1);
  expect((await before.press("a", "answer", { how: "Go, edit freely" })).toast).toContain("Nothing was done.");
  expect(turnOf(before, 0).answers).toEqual([]);
  turnOf(before, 0).obey("ask");
  await drained;
  const house = await createHouse({ database: before.database });
  await house.settled();
  expect(asked(house)).toEqual([]);
});
