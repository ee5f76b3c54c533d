/**
 * N-10. There: a button was looked up, carried out, and then removed; a double tap carried it out twice.
 * Here: one atomic update uses a button; whoever comes second is told so.
 */
import { expect, test } from "vitest";
import { createHouse } from "../engine-house.ts";
import { asked, moments, ticks, turnOf } from "./kit.ts";

test.each(moments)("two taps, %i turns of the event loop apart, run the message again once", async (moment) => {
  const house = await createHouse();
  await house.send("a", "one");
  turnOf(house, 0).end({ kind: "failed", fault: { kind: "overloaded" } });
  turnOf(house, 0).becomeQuiet();
  const id = await house.button("a", "run-again");
  const first = house.press("a", "run-again", { id });
  await ticks(moment);
  const [one, two] = await Promise.all([first, house.press("a", "run-again", { id })]);
  expect([one.toast, two.toast]).toEqual(["Queued again.", "Already done."]);
  turnOf(house, 1).finish("1");
  await house.settled();
  expect(asked(house)).toEqual(["one", "one"]);
});
