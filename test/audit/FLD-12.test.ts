/**
 * FLD-12. Seen: a message was handed to the agent in the middle of its turn and began a turn of its own there: two answers at once, and
 * a stop that ended one of them.
 * Here: a turn begins when the one before is proven quiet, whoever asks; what is added to a running turn is steered, and runs no more.
 */
import { expect, test } from "vitest";
import { createHouse } from "../engine-house.ts";
import { asked, createJealousDriver, moments, ticks, turnOf } from "./kit.ts";

test.each(moments)(
  "%i turns of the event loop after its last word, a turn that still lives lets nobody in",
  async (moment) => {
    const driver = createJealousDriver();
    const house = await createHouse({ driver });
    await house.send("a", "one", { workspace: "/projects/shared" });
    turnOf(house, 0).answer("1");
    await ticks(moment);
    await Promise.all([house.send("a", "two"), house.send("b", "three", { workspace: "/projects/shared" })]);
    expect(asked(house)).toEqual(["one"]);
    for (const n of [0, 1]) {
      if (n > 0) turnOf(house, n).answer("done");
      turnOf(house, n).becomeQuiet();
      await house.settled();
    }
    expect(asked(house)).toHaveLength(3);
    expect(driver.overlaps()).toBe(0);
  },
);

test.each(moments)(
  "a message that is steered %i turns of the event loop before the end is not run as well",
  async (moment) => {
    const house = await createHouse();
    await house.send("a", "one");
    await house.send("a", "use tabs");
    const steering = house.press("a", "steer", { id: await house.button("a", "steer") });
    await ticks(moment);
    turnOf(house, 0).finish("1");
    await steering;
    const { steered } = turnOf(house, 0);
    // Taken by the turn, or too late and offered or run: one of them, once.
    const state = (await house.items("a"))[1];
    expect(steered.length > 0 ? ["merged"] : ["held", "running"]).toContain(state);
    expect(asked(house)).toHaveLength(state === "running" ? 2 : 1);
  },
);
