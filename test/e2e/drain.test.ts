// How the program ends. Told to by SIGTERM or SIGINT (issue: "drain"; O3): running turns finish within the grace or are stopped with proof,
// the chats are told, what waits is kept, and the exit code is 0. By itself, when another program has its bot (T14).
// Side by side, each with a program of its own: most of it is waiting.

import { expect, test } from "vitest";
import { scripted } from "../model/script.ts";
import { labels } from "./look.ts";
import { openScene } from "./scene.ts";

test.concurrent("another program that keeps polling with this token: told, polled ever more rarely, and left to it after five times (T14)", async () => {
  await using scene = await openScene({ driver: "demo" });
  const { emulator, bridge } = scene;
  const description =
    "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running";
  emulator.faults.always("getUpdates", { kind: "error", code: 409, description });
  emulator.owner.sends("ends the poll that is under way");
  const { code } = await bridge.exited;
  expect(code).toBe(1);
  expect(bridge.output).toMatch(/another program polls this bot/i);
  const conflicts = emulator.journal.calls("getUpdates").filter(({ outcome }) => outcome.kind === "rejected");
  expect(conflicts).toHaveLength(5);
  const pauses = conflicts.slice(1).map(({ at }, index) => at - (conflicts[index]?.at ?? 0));
  expect(Math.min(...pauses)).toBeGreaterThan(2_900);
});

test.concurrent("a turn that ends within the grace is answered before the program exits; what waits runs at the next start", async () => {
  await using scene = await openScene({ driver: "claude", env: { SIGNALBOX_DRAIN_GRACE_SECONDS: "60" } });
  const { owner } = scene.emulator;
  owner.sends(scripted([[{ gate: "last words" }, "my last words"]]));
  const gate = await scene.reached("last words");
  owner.sends("tomorrow");
  await scene.said(owner, "number 1 in line");
  scene.bridge.signal("SIGTERM");
  await scene.said(owner, "Signalbox is shutting down.");
  gate.release();
  expect((await scene.bridge.exited).code).toBe(0);
  expect(owner.chat().fromBot.map(({ text }) => text)).toContain("my last words");
  await scene.home.assertNothingRuns();
  expect(scene.model.requests.map(({ prompt }) => prompt)).not.toContain("tomorrow");

  await scene.start();
  await scene.answered(owner, "echo: tomorrow");
});

test.concurrent("a turn that does not end within the grace is stopped with proof and told as interrupted", async () => {
  await using scene = await openScene({ driver: "claude", env: { SIGNALBOX_DRAIN_GRACE_SECONDS: "0.1" } });
  const { owner } = scene.emulator;
  const child = scene.child("stubborn");
  owner.sends(scripted([[{ tool: "Bash", input: { command: child.command } }], ["never said"]]));
  await child.started();
  expect(await scene.bridge.terminate()).toBe(0);
  expect(child.isAlive()).toBe(false);
  const told = owner.chat().find("This run was interrupted");
  expect(told?.text).toContain("Signalbox was shut down while it ran");
  expect(told && labels(told)).toEqual([["Run again"]]);

  await scene.start();
  await scene.delivered();
  expect(owner.chat().fromBot.filter(({ text }) => text.includes("interrupted ("))).toHaveLength(1);
  expect(child.starts()).toBe(1);
  await owner.taps("Run again");
  await child.startedAgain();
  owner.sends("/stop");
  await scene.said(owner, "Stopped.");
});

test.concurrent("a second SIGINT takes the grace away; a stop still arrives while the program drains (I7)", async () => {
  await using scene = await openScene({ driver: "demo", env: { SIGNALBOX_DRAIN_GRACE_SECONDS: "600" } });
  const [one, two] = [scene.person(), scene.person()];
  one.sends("run 303 stubborn");
  await scene.said(one, "🔧 Sleep");
  scene.bridge.signal("SIGINT");
  await scene.said(one, "Signalbox is shutting down.");
  two.sends("/status");
  await scene.said(two, "1 of 4 run slots in use.");
  scene.bridge.signal("SIGINT");
  expect((await scene.bridge.exited).code).toBe(0);
  expect(one.chat().find("This run was interrupted")).toBeDefined();
  await scene.home.assertNothingRuns();

  await scene.start();
  one.sends("run 303");
  await scene.said(one, "🔧 Sleep", { after: one.chat().last! });
  scene.bridge.signal("SIGTERM");
  await scene.said(one, "Signalbox is shutting down.", { after: one.chat().last! });
  one.sends("/stop");
  expect((await scene.bridge.exited).code).toBe(0);
  expect(one.chat().find("Stopped.")).toBeDefined();
});

test.concurrent("a program that is told to end while nothing runs is gone at once, also while Telegram is away", async () => {
  await using scene = await openScene({ driver: "demo" });
  await using _outage = await scene.emulator.faults.refuse();
  expect(await scene.bridge.terminate()).toBe(0);
});

test.concurrent("a background task that a turn left on purpose is ended with the program", async () => {
  await using scene = await openScene({ driver: "demo" });
  const { owner } = scene.emulator;
  owner.sends("run 303 in the background");
  await scene.answered(owner, /runs on in the background/);
  owner.sends("/status");
  const status = await scene.said(owner, "background: sleep");
  expect(labels(status)).toEqual([["Stop background tasks"]]);
  expect(await scene.bridge.terminate()).toBe(0);
  await scene.home.assertNothingRuns();
});

test.concurrent("a short conflict, as after a restart, is outlived", async () => {
  await using scene = await openScene({ driver: "demo" });
  const { emulator } = scene;
  const description =
    "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running";
  emulator.faults.next("getUpdates", { kind: "error", code: 409, description });
  emulator.owner.sends("before");
  emulator.owner.sends("after");
  await scene.answered(emulator.owner, /You wrote: “after”/, { withinMs: 30_000 });
});
