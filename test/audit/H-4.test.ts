/**
 * H-4. There: stop killed its direct child; the shell's children lived on, writing into the directory of the next run.
 * Here: "Stopped" is said when the whole tree is proven gone, with what left its group and its parent (I2, I8). Real processes.
 */
import { tmpdir } from "node:os";
import { expect, test } from "vitest";
import { createDemoDriver } from "../../src/drivers/demo/driver.ts";
import { createScan } from "../../src/lib/process-scan.ts";
import { createHouse } from "../engine-house.ts";
import { hurriedClock, inPlaceOfScripted, sleeping, uniqueSeconds, until, untilSleeping } from "./kit.ts";

test.each([
  ["in a session of its own", "detached", ["stop"]],
  ["that ignores SIGTERM", "stubborn", ["stop", "stop", "stop"]],
])("a grandchild %s is gone when Stopped is said", async (_name, style, stops) => {
  const environment = { PATH: process.env["PATH"] ?? "" };
  await using driver = createDemoDriver({ clock: hurriedClock, scan: createScan(), environment });
  const house = await createHouse({ driver: inPlaceOfScripted(driver) });
  const seconds = uniqueSeconds();
  await house.send("a", `run ${seconds} ${style}`, { workspace: tmpdir() });
  await untilSleeping(seconds);
  for (const stop of stops) await house.send("a", stop);
  await until(house, async () => (await house.notices("a")).includes("stopped"));
  expect(sleeping(seconds)).toEqual([]);
});
