// kill -9 at chosen points between a message's arrival and its answer (I4, I5, I6): whatever the point, the agent is asked at most once,
// the person is told, and a message whose delivery is unknown says so.

import { expect } from "vitest";
import type { JournalEntry } from "../emulator/journal.ts";
import { botTexts } from "./look.ts";
import { sceneTest } from "./scene-test.ts";

const test = sceneTest({ driver: "claude" });

test("at the very delivery of the update: it is delivered again, stored once, and answered once", async ({
  scene,
  person,
}) => {
  const { emulator, bridge } = scene;
  const crashed = new Promise<void>((resolve) => {
    const unlisten = emulator.onChange(() => {
      if (!emulator.journal.calls("getUpdates").some((call) => delivers(call, "did you get this?"))) return;
      unlisten();
      bridge.signal("SIGKILL");
      resolve();
    });
  });
  person.sends("did you get this?");
  await bridge.during(crashed, "the update is delivered");
  await bridge.kill();
  await scene.start();
  const end = await scene.said(person, /^(echo: did you get this\?|This run was interrupted)$/m);
  // Killed before it was stored, or stored and begun: both are told, and neither runs it twice.
  expect(scene.timesAsked("did you get this?")).toBeLessThanOrEqual(1);
  if (end.text.startsWith("This run")) await person.taps("Run again");
  await scene.answered(person, "echo: did you get this?");
});

function delivers({ outcome }: JournalEntry, text: string): boolean {
  return outcome.kind === "ok" && JSON.stringify(outcome.result).includes(text);
}

test("stored but not confirmed: Telegram delivers it again, and it is not run again", async ({ scene, person }) => {
  const { updates, faults } = scene.emulator;
  await scene.bridge.until(() => updates.polls > 0, "a poll that takes the message");
  const held = faults.hold("getUpdates");
  person.sends("only once");
  await scene.answered(person, "echo: only once");
  await scene.delivered();
  await scene.bridge.kill(); // the poll that would confirm the update was never processed
  held.release({ kind: "reset-before" });
  expect(updates.pending().length).toBeGreaterThan(0);
  await scene.start();
  person.sends("and this");
  await scene.answered(person, "echo: and this");
  expect(scene.timesAsked("only once")).toBe(1);
  expect(botTexts(person, /only once/)).toEqual(["echo: only once"]);
});

test("while the answer is on its way and Telegram never saw it: it is sent, and says that it may be a repetition", async ({
  scene,
  person,
}) => {
  const turn = await scene.aboutToSay(person, "on its way");
  const held = scene.emulator.faults.hold("sendMessage", { chat: person.chatId });
  turn.say();
  await held.arrived();
  await scene.bridge.kill();
  held.release({ kind: "reset-before" });
  await scene.start();
  await scene.answered(person, "(possibly repeated) on its way");
  expect(scene.timesAsked(turn.prompt)).toBe(1);
  expect(botTexts(person, /on its way/)).toHaveLength(1);
});

test("after Telegram took the answer and before Signalbox knew: the repetition says so, and the agent is not asked again", async ({
  scene,
  person,
}) => {
  const turn = await scene.aboutToSay(person, "did it arrive?");
  const lost = scene.emulator.faults.next("sendMessage", { kind: "hang", processed: true }, { chat: person.chatId });
  turn.say();
  await scene.answered(person, "did it arrive?");
  expect(lost.fired).toBe(1);
  await scene.bridge.kill();
  await scene.start();
  await scene.answered(person, "(possibly repeated) did it arrive?");
  expect(scene.timesAsked(turn.prompt)).toBe(1);
  expect(botTexts(person, /did it arrive/)).toHaveLength(2);
});

test("while the status message is on its way: the run is told as interrupted, once", async ({ scene, person }) => {
  const held = scene.emulator.faults.hold("sendMessage", { chat: person.chatId });
  person.sends(`SCRIPT:[[{"gate":"${person.id} never"},"never said"]]`);
  await held.arrived();
  await scene.bridge.kill();
  held.release({ kind: "reset-after" });
  await scene.start();
  await scene.said(person, "This run was interrupted");
  person.sends("go on");
  await scene.answered(person, "echo: go on");
  expect(botTexts(person, /interrupted \(/)).toHaveLength(1);
  expect(botTexts(person, /^never said$/)).toEqual([]);
});

test("three crashes in a row, each while the interruption is being told: it is told, and marked as a repetition", async ({
  scene,
  person,
}) => {
  person.sends(`SCRIPT:[[{"gate":"${person.id} never"},"never said"]]`);
  await scene.reached(`${person.id} never`);
  await scene.bridge.kill();
  for (let crash = 0; crash < 3; crash += 1) {
    const held = scene.emulator.faults.hold("sendMessage", { chat: person.chatId });
    await scene.start();
    await scene.bridge.during(held.arrived(), "the interruption is on its way");
    await scene.bridge.kill();
    held.release({ kind: "reset-before" });
  }
  await scene.start();
  await scene.said(person, "(possibly repeated) This run was interrupted");
  expect(botTexts(person, /interrupted \(/)).toHaveLength(1);
});
