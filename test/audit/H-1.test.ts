/**
 * H-1. There: a stop waited for 300 ms and then cleared its flags, whether or not the process had died.
 * Here: without proof the run stays where it is: quarantined, told, and released only by its end or by a person (I2).
 */
import { expect, test } from "vitest";
import { createHouse } from "../engine-house.ts";
import { asked, turnOf, wholeEscalationMs } from "./kit.ts";

const evidence = { processes: [{ pid: 4242, startTime: "7", command: "stubborn" }], note: "it does not end" };

test("a process that outlives the kill keeps its conversation and its directory, and is named", async () => {
  const house = await createHouse();
  await house.send("a", "one", { workspace: "/projects/shared" });
  turnOf(house, 0).survive(evidence);
  await house.send("a", "stop");
  await house.clock.advance(wholeEscalationMs);
  expect(turnOf(house, 0).interrupts).toEqual(["ask", "terminate", "kill"]);
  expect((await house.said("a")).at(-1)).toMatchObject({ notice: { kind: "quarantined", evidence } });
  await house.send("a", "two");
  await house.send("b", "three", { workspace: "/projects/shared" });
  await house.clock.advance(24 * 3_600_000);
  expect(asked(house)).toEqual(["one"]);
  expect(await house.notices("a")).not.toContain("stopped");
  turnOf(house, 0).end({ kind: "interrupted" });
  turnOf(house, 0).becomeQuiet();
  await house.settled();
  expect(await house.notices("a")).toContain("stopped");
  expect(asked(house)).toHaveLength(2);
});
