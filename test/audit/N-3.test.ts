/**
 * N-3. There: `!` stopped one agent; the other one had no way to be interrupted, and ran on beside the new message.
 * Here: stopping is the engine's, and every driver's contract (test/contracts/driver.ts) holds it; the two that are always here are
 * stopped through the engine below.
 */
import { tmpdir } from "node:os";
import { expect, test } from "vitest";
import { createDemoDriver } from "../../src/drivers/demo/driver.ts";
import type { Driver } from "../../src/engine/ports.ts";
import { createScan } from "../../src/lib/process-scan.ts";
import { createHouse } from "../engine-house.ts";
import { createScriptedDriver } from "../scripted-driver.ts";
import { hurriedClock, inPlaceOfScripted, ticks } from "./kit.ts";

const drivers: readonly [name: string, create: () => Driver][] = [
  ["scripted", () => createScriptedDriver({ onTurn: (turn) => turn.obey("ask") })],
  ["demo", () => createDemoDriver({ clock: hurriedClock, scan: createScan(), environment: {} })],
];

test.each(drivers)("!text interrupts the %s driver, and runs after it", async (_name, create) => {
  await using driver = create();
  const house = await createHouse({ driver: inPlaceOfScripted(driver) });
  await house.send("a", "count to 10000", { workspace: tmpdir() });
  await house.send("a", "!hello");
  await ticks(200); // it counts one number in each of them
  expect(await house.items("a")).toEqual(["cancelled", expect.stringMatching("running|done")]);
  expect(await house.notices("a")).toEqual(expect.arrayContaining(["stopping", "stopped"]));
});
