/**
 * TX-2. There: "the last message" was one variable of the whole process, overwritten by every chat; a retry sent whatever was in it.
 * Here: there is no shared scalar: a retry is offered by a button that names its own message.
 */
import { expect, test } from "vitest";
import { createHouse } from "../engine-house.ts";
import { asked, turnOf } from "./kit.ts";

test("what is run again is the message that failed, whoever wrote what in between", async () => {
  const house = await createHouse();
  await house.send("a", "a's first");
  turnOf(house, 0).end({ kind: "failed", fault: { kind: "overloaded" } });
  turnOf(house, 0).becomeQuiet();
  const again = await house.button("a", "run-again");
  await house.send("a", "a's second");
  turnOf(house, 1).finish("done");
  await house.send("b", "b's own");
  turnOf(house, 2).finish("done");
  await house.press("a", "run-again", { id: again });
  expect(asked(house)).toEqual(["a's first", "a's second", "b's own", "a's first"]);
  expect(turnOf(house, 3).request.owner.conversation).toBe(house.conversation("a"));
});
