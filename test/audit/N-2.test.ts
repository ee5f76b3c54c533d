/**
 * N-2. There: "processing" was a boolean; two handlers that overlapped shared it, and the first to finish declared both done.
 * Here: there is no boolean. A run is a row, and the database refuses a second live one (I1).
 */
import { expect, test } from "vitest";
import { createHouse } from "../engine-house.ts";
import { createManualFiles, promptWithFiles } from "../manual-files.ts";
import { asked, createJealousDriver, moments, ticks, turnOf } from "./kit.ts";

test("messages that are handled at the same time run one after the other, in their order", async () => {
  const driver = createJealousDriver();
  const house = await createHouse({ driver });
  const texts = ["one", "two", "three", "four", "five"];
  await Promise.all(texts.map((text) => house.send("a", text)));
  for (const [index] of texts.entries()) {
    expect(asked(house)).toEqual(texts.slice(0, index + 1));
    turnOf(house, index).finish("done");
    await house.settled();
  }
  expect(driver.overlaps()).toBe(0);
});

test.each(moments)(
  "a handler that begins %i turns of the event loop before another ends starts nothing early",
  async (moment) => {
    const driver = createJealousDriver();
    const house = await createHouse({ driver });
    await house.send("a", "one");
    await house.send("a", "two");
    const handling = house.send("a", "three");
    await ticks(moment);
    turnOf(house, 0).finish("1");
    await handling;
    expect(asked(house)).toEqual(["one", "two"]);
    expect(await house.items("a")).toEqual(["done", "running", "queued"]);
    expect(driver.overlaps()).toBe(0);
  },
);

test("messages whose files come in any order run one after the other, in the order of the messages", async () => {
  const driver = createJealousDriver();
  const incoming = createManualFiles();
  const house = await createHouse({ driver, incoming });
  const sources = ["1", "2", "3"];
  await Promise.all(
    sources.map((source) => house.give("a", promptWithFiles([source], { text: source, kind: "document" }))),
  );
  for (const source of ["3", "1", "2"]) {
    incoming.fetch(source).arrive();
    await house.settled();
    expect(driver.turns.length).toBeLessThanOrEqual(1);
  }
  for (const [index, source] of sources.entries()) {
    expect(asked(house)[index]).toContain(`/f/${source} `);
    turnOf(house, index).finish("done");
    await house.settled();
  }
  expect(driver.overlaps()).toBe(0);
});
