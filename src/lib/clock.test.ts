import { getEventListeners } from "node:events";
import { expect, test } from "vitest";
import { createSystemClock } from "./clock.ts";

test("a sleep ends at once when its signal fires, and leaves no timer and no listener behind", async () => {
  const controller = new AbortController();
  const timersBefore = process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length;
  const sleeping = createSystemClock().sleep(3_600_000, controller.signal);
  controller.abort();
  await sleeping;
  expect(getEventListeners(controller.signal, "abort")).toEqual([]);
  expect(process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length).toBe(timersBefore);
});

test("a sleep under a signal that has fired already does not sleep", async () => {
  await createSystemClock().sleep(3_600_000, AbortSignal.abort());
});

test("a sleep longer than a timer can hold does not return at once (a schedule a month away must not spin)", async () => {
  const controller = new AbortController();
  let isAwake = false;
  const sleeping = createSystemClock()
    .sleep(60 * 24 * 3_600_000, controller.signal)
    .then(() => (isAwake = true));
  await createSystemClock().sleep(5, new AbortController().signal);
  expect(isAwake).toBe(false);
  controller.abort();
  await sleeping;
});

test("a sleep without an interruption ends and removes its listener", async () => {
  const { signal } = new AbortController();
  await createSystemClock().sleep(1, signal);
  expect(getEventListeners(signal, "abort")).toEqual([]);
});
