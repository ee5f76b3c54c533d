/**
 * N-11. There: the answer to a question started its run directly, past the queue and past the drain of a shutdown.
 * Here: whatever was pressed becomes a message in line, and the line starts nothing while the program shuts down. (Questions of an agent
 * come later, and through the same door.)
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
