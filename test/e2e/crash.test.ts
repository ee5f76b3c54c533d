// kill -9 of Signalbox while the real Claude Code works (issue rows L5, S3; I2, I6; audit FLD "recovery that races new input").

import { expect } from "vitest";
import type { Person } from "../emulator/people.ts";
import { scripted } from "../model/script.ts";
import { labels } from "./look.ts";
import type { Scene } from "./scene.ts";
import { sceneTest } from "./scene-test.ts";

const test = sceneTest({ driver: "claude" });

/** The agent of the home dies with it, as when the system runs out of memory: nobody is left to end the tool. */
async function killAllBut(scene: Scene, pid: number): Promise<void> {
  await scene.bridge.kill();
  for (const process_ of await scene.home.processes()) {
    if (process_.pid !== pid && process_.name !== "sleep") process.kill(process_.pid, "SIGKILL");
  }
}

function answers(person: Person): string[] {
  return person
    .chat()
    .fromBot.map((message) => message.text)
    .filter((text) => /^(\(possibly repeated\) )?(echo: |said )/.test(text));
}

test("a crash during a tool: its orphan is ended with proof, the run is told as interrupted, and runs again on demand only", async ({
  scene,
  person,
}) => {
  const child = scene.child("detached");
  const prompt = scripted([[{ tool: "Bash", input: { command: child.command } }], ["said after the tool"]], "Do it. ");
  const first = person.sends(prompt);
  const pid = await child.started();
  person.sends("alpha");
  person.sends("beta");
  await scene.said(person, "number 2 in line");

  await killAllBut(scene, pid);
  expect(child.isAlive()).toBe(true); // or the rest would show nothing

  await scene.start();
  const told = await scene.bridge.until(() => {
    const message = person.chat().find("This run was interrupted");
    return message && { message, orphanIsAlive: child.isAlive() };
  }, "the interruption to be told");
  expect(told.orphanIsAlive).toBe(false);
  expect(told.message.text).toContain("Do it.");
  expect(told.message.replyTo).toBe(first.message_id);
  expect(labels(told.message)).toEqual([["Run again"]]);
  await scene.answered(person, "echo: beta");
  expect(answers(person)).toEqual(["echo: alpha", "echo: beta"]);
  expect(child.starts()).toBe(1);

  expect((await person.taps("Run again")).text).toBe("Queued again.");
  await child.startedAgain();
  expect(child.starts()).toBe(2);
  person.sends("/stop");
  await scene.said(person, "Stopped.");
  expect(child.isAlive()).toBe(false);
});

test("a crash while the model writes: the session goes on, and nothing is answered twice", async ({
  scene,
  person,
}) => {
  person.sends("my colour is teal");
  await scene.answered(person, "echo: my colour is teal");
  person.sends(scripted([[{ text: ["said half, ", { gate: `${person.id} half` }, "and the rest"] }]]));
  const gate = await scene.reached(`${person.id} half`);
  await scene.bridge.kill();
  gate.release();
  await scene.start();
  await scene.said(person, "This run was interrupted");
  person.sends("which one is it?");
  await scene.answered(person, "echo: which one is it?");
  expect(JSON.stringify(scene.model.requests.at(-1)?.body.messages)).toContain("my colour is teal");
  expect(answers(person)).toEqual(["echo: my colour is teal", "echo: which one is it?"]);
});

test("a stop that a crash cut short is still a stop: the tool is dead, and nothing runs by itself", async ({
  scene,
  person,
}) => {
  const child = scene.child("stubborn");
  person.sends(scripted([[{ tool: "Bash", input: { command: child.command } }], ["said after the tool"]]));
  const pid = await child.started();
  person.sends("waits");
  await scene.said(person, "number 1 in line");
  const held = scene.emulator.faults.hold("sendMessage", { chat: person.chatId });
  person.sends("/stop");
  await held.arrived(); // "Stopping…" is about to be told: the stop is committed
  await killAllBut(scene, pid);
  held.release({ kind: "reset-before" });
  await scene.start();
  const told = await scene.said(person, /^(Stopped|This run was interrupted)/);
  expect(child.isAlive()).toBe(false);
  expect(told.text).toMatch(/interrupted/);
  person.sends("/queue");
  await scene.said(person, "1 message on hold.");
  expect(answers(person)).toEqual([]);
  await person.taps("Discard");
});
