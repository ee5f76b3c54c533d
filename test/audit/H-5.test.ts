/**
 * H-5. There: a second stop within two seconds was swallowed as a duplicate of the first, which had not worked.
 * Here: a stop is idempotent and strengthening: it acts at once, and is answered once.
 */
import { expect, test } from "vitest";
import { createHouse } from "../engine-house.ts";
import { turnOf } from "./kit.ts";

test("each further stop takes the next stronger step at once, however soon it comes", async () => {
  const house = await createHouse();
  await house.send("a", "one");
  for (const [index, level] of (["ask", "terminate", "kill"] as const).entries()) {
    await house.send("a", index === 1 ? "!" : "stop");
    expect(turnOf(house, 0).interrupts.at(-1)).toBe(level);
  }
  turnOf(house, 0).end({ kind: "interrupted" });
  turnOf(house, 0).becomeQuiet();
  expect(await house.notices("a")).toEqual(["stopping", "stopped"]);
  expect((await house.items("a"))[0]).toBe("cancelled");
});

test("a stop that Telegram delivers twice is one stop", async () => {
  const house = await createHouse();
  await house.send("a", "one");
  await house.send("a", "stop", { key: "tg:update:8" });
  await house.send("a", "stop", { key: "tg:update:8" });
  expect(turnOf(house, 0).interrupts).toEqual(["ask"]);
});
