/**
 * H-3. There: the process of a stopped run ended normally a moment later, and "Done" followed "Stopped".
 * Here: the settlement reads the stop from the row: whatever the turn says now, it was stopped (I3, I8).
 */
import { expect, test } from "vitest";
import { createHouse } from "../engine-house.ts";
import { turnOf } from "./kit.ts";

test("a turn that completes in the middle of its stop settles as stopped, and nothing of it follows", async () => {
  const house = await createHouse();
  await house.send("a", "one");
  await house.send("a", "stop");
  turnOf(house, 0).answer("Done!");
  await house.settled();
  expect(await house.notices("a")).toEqual(["stopping"]);
  turnOf(house, 0).becomeQuiet();
  await house.settled();
  await house.clock.advance(600_000);
  expect((await house.said("a")).map((body) => (body.kind === "notice" ? body.notice.kind : body.kind))).toEqual([
    "status",
    "stopping",
    "summary",
    "stopped",
  ]);
  expect(await house.items("a")).toEqual(["cancelled", "done"]);
});
