/**
 * FLD-7. Seen: after a crash the recovery resumed the old turn while a new message started another: two agents in one session.
 * Here: recovery resumes nothing by itself (I6), and the lane stays taken until the old life's processes are proven gone (I2).
 */
import { expect, test } from "vitest";
import type { Quiescence } from "../../src/domain/run.ts";
import { createHouse, noEvidence } from "../engine-house.ts";
import { asked } from "./kit.ts";

const alive: Quiescence = { kind: "unconfirmed", evidence: noEvidence };

test("a message that comes while the old life's agent still lives waits for its end, and the cut one is only offered", async () => {
  const before = await createHouse();
  await before.send("a", "one");
  await before.send("a", "two");
  let left: Quiescence = alive;
  const house = await createHouse({ database: before.database, orphans: () => Promise.resolve(left) });
  await house.send("a", "three");
  await house.clock.advance(600_000);
  expect(asked(house)).toEqual([]);
  left = { kind: "quiet" };
  await house.clock.advance(5_000);
  expect(asked(house)).toEqual(["two"]);
  expect(await house.notices("a")).toContain("interrupted");
  expect(await house.store.history.liveRuns()).toHaveLength(1);
});
