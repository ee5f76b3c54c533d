/**
 * FLD-5. Seen: a stop cleared the queue behind the run without a word.
 * Here: what waited is put on hold, counted in the answer, and offered back; nothing is dropped silently (I4).
 */
import { expect, test } from "vitest";
import { createHouse } from "../engine-house.ts";
import { asked, turnOf } from "./kit.ts";

test("a stop keeps what waits, says so, and gives it back in its order", async () => {
  const house = await createHouse();
  for (const text of ["one", "two", "three", "four"]) await house.send("a", text);
  turnOf(house, 0).obey("ask");
  await house.send("a", "stop");
  await house.settled();
  expect(asked(house)).toEqual(["one"]);
  expect((await house.said("a")).at(-1)).toMatchObject({ notice: { kind: "stopped", held: 3 } });
  await house.press("a", "held", { how: "run-each" });
  for (const n of [1, 2, 3]) {
    turnOf(house, n).finish("done");
    await house.settled();
  }
  expect(asked(house)).toEqual(["one", "two", "three", "four"]);
  const { received, byState } = await house.store.history.counts();
  expect(Object.values(byState).reduce((sum, count) => sum + count, 0)).toBe(received);
});
