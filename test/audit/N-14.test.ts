/**
 * N-14. There: what a stop answered depended on how far it had come when the reply was composed: "stopped", "nothing to stop", or both.
 * Here: the reply follows the proof. A stop that finds a run says "stopping", then "stopped"; one that finds none says so.
 */
import { expect, test } from "vitest";
import { createHouse } from "../engine-house.ts";
import { moments, ticks, turnOf, wholeEscalationMs } from "./kit.ts";

test.each([0, 1, 100, 2_999, wholeEscalationMs - 2])(
  "the words are the same when the proof takes %i ms",
  async (ms) => {
    const house = await createHouse();
    await house.send("a", "one");
    await house.send("a", "stop");
    await house.clock.advance(ms);
    expect(await house.notices("a")).toEqual(["stopping"]);
    turnOf(house, 0).end({ kind: "interrupted" });
    turnOf(house, 0).becomeQuiet();
    expect(await house.notices("a")).toEqual(["stopping", "stopped"]);
  },
);

test.each(moments)(
  "a run that ends %i turns of the event loop after its stop is stopped or answered, never both",
  async (moment) => {
    const house = await createHouse();
    await house.send("a", "one");
    const stopping = house.send("a", "stop");
    await ticks(moment);
    turnOf(house, 0).finish("done");
    await stopping;
    expect(await house.notices("a")).toEqual(["stopping", "stopped"]);
    expect((await house.said("a")).map(({ kind }) => kind)).not.toContain("answer");
  },
);

test("a stop that comes after the settlement finds nothing, and leaves the answer alone", async () => {
  const house = await createHouse();
  await house.send("a", "one");
  turnOf(house, 0).finish("done");
  await house.settled();
  await house.send("a", "stop");
  expect((await house.said("a")).map(({ kind }) => kind)).toEqual(["status", "summary", "answer", "notice"]);
  expect(await house.notices("a")).toEqual(["nothing-to-stop"]);
});
