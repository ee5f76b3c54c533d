/**
 * H-2. There: the clean-up of an old run cleared the state that by then belonged to a new one, which could no longer be stopped.
 * Here: what is cleaned up is named: a row by its owner and epoch (I3), a handle by its run.
 */
import { expect, test } from "vitest";
import { createHouse, noEvidence } from "../engine-house.ts";
import { asked, turnOf, wholeEscalationMs } from "./kit.ts";

test("the end of a run that was released by force takes nothing from the run that followed it", async () => {
  const house = await createHouse();
  await house.send("a", "one");
  await house.send("a", "stop");
  await house.clock.advance(wholeEscalationMs);
  await house.send("a", "two"); // begins with the very release
  await house.press("a", "force-release");
  expect(asked(house)).toEqual(["one", "two"]);
  turnOf(house, 0).finish("late");
  await house.settled();
  expect(await house.items("a")).toEqual(["cancelled", "done", "running", "done"]);
  expect((await house.said("a")).map(({ kind }) => kind)).not.toContain("answer");
  await house.send("a", "stop");
  expect(turnOf(house, 1).interrupts).toEqual(["ask"]);
});

test("a run of a life that crashed ends nothing that the life after it holds", async () => {
  const before = await createHouse();
  await before.send("a", "one");
  const orphans = () => Promise.resolve({ kind: "unconfirmed", evidence: noEvidence } as const);
  const house = await createHouse({ database: before.database, orphans });
  await house.send("a", "two");
  const said = await house.said("a");
  turnOf(before, 0).finish("from the old life");
  await before.settled();
  await house.clock.advance(60_000);
  expect(await house.said("a")).toEqual(said);
  expect(await house.store.history.liveRuns()).toMatchObject([{ state: "quarantined", stopWhy: "crash" }]);
  expect(asked(house)).toEqual([]);
});
