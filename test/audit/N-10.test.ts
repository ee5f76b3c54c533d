/**
 * N-10. There: a button was looked up, carried out, and then removed; a double tap carried it out twice.
 * Here: one atomic update uses a button; whoever comes second is told so.
 */
import { expect, test } from "vitest";
import type { Ask } from "../../src/domain/ask.ts";
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

const approval: Ask = {
  kind: "approval",
  action: { kind: "command", command: "rm -rf build", directory: null },
  reason: null,
  scopes: ["once"],
};

test.each(moments)(
  "two taps on an answer, %i turns of the event loop apart, answer once; so do two different buttons",
  async (moment) => {
    const house = await createHouse();
    await house.send("a", "one");
    turnOf(house, 0).emit({ kind: "asked", id: "q", ask: approval });
    await house.settled();
    const allow = await house.button("a", "answer", "Allow once");
    const deny = await house.button("a", "answer", "Deny");
    const first = house.press("a", "answer", { id: allow });
    await ticks(moment);
    const others = [allow, deny].map((id) => house.press("a", "answer", { id }));
    const toasts = (await Promise.all([first, ...others])).map(({ toast }) => toast);
    expect(toasts).toEqual(["Allowed.", "Already done.", "This is answered already."]);
    await house.settled();
    expect(turnOf(house, 0).answers).toEqual([{ id: "q", answer: { kind: "allow", scope: "once" } }]);
  },
);
