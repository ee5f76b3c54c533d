// Messages that come while a turn runs (issue rows L1, L2, L3, L7, L8; I4, I9), with the real Claude Code.

import { expect } from "vitest";
import type { Person } from "../emulator/people.ts";
import type { Gate } from "../model/model-server.ts";
import { scripted } from "../model/script.ts";
import { labels } from "./look.ts";
import type { Scene } from "./scene.ts";
import { sceneTest } from "./scene-test.ts";

const test = sceneTest({ driver: "claude" });

/** A turn that goes on until it is let go. Resolves when the model is asked. */
function busy(scene: Scene, person: Person, last: string): Promise<Gate> {
  person.sends(scripted([[{ gate: `${person.id} ${last}` }, last]]));
  return scene.reached(`${person.id} ${last}`);
}

function botSaid(person: Person, wanted: RegExp): string[] {
  return person
    .chat()
    .fromBot.map((message) => message.text)
    .filter((text) => wanted.test(text));
}

function promptsSeen({ model }: Scene): string[] {
  return model.requests.map((request) => request.prompt);
}

test("messages during a turn are acknowledged with their place, and run after it in their order", async ({
  scene,
  person,
}) => {
  const turn = await busy(scene, person, "one is done");
  const two = person.sends("two");
  const second = await scene.said(person, "number 1 in line");
  person.sends("three");
  const third = await scene.said(person, "number 2 in line");
  expect(labels(second)).toEqual([["Steer now", "Stop and run"], ["Cancel"]]);
  expect(second.replyTo).toBe(two.message_id);
  expect(labels(third)).toEqual([["Steer now", "Stop and run"], ["Cancel"]]);

  turn.release();
  await scene.answered(person, "echo: three");
  expect(botSaid(person, /^(one is done|echo: )/)).toEqual(["one is done", "echo: two", "echo: three"]);
});

test("Cancel takes a waiting message out: the agent never sees it", async ({ scene, person }) => {
  const turn = await busy(scene, person, "first done");
  person.sends("never mind this");
  await scene.said(person, "number 1 in line");
  expect((await person.taps("Cancel")).text).toBe("Cancelled.");
  await scene.said(person, "Cancelled: never mind this");
  person.sends("but this");
  await scene.said(person, "number 1 in line", { after: person.chat().find("Cancelled:")! });
  turn.release();
  await scene.answered(person, "echo: but this");
  expect(promptsSeen(scene)).not.toContain("never mind this");
});

test("Steer now hands a message to the running turn at its next tool boundary, and it does not run again", async ({
  scene,
  person,
}) => {
  person.sends(
    scripted([
      [{ gate: `${person.id} before the tool` }, { tool: "Bash", input: { command: "echo from the tool" } }],
      ["steered and done"],
    ]),
  );
  const gate = await scene.reached(`${person.id} before the tool`);
  person.sends("use metric units");
  await scene.said(person, "number 1 in line");
  expect((await person.taps("Steer now")).text).toBe("Handed to the running turn.");
  gate.release();
  await scene.answered(person, "steered and done");
  const afterTool = JSON.stringify(scene.model.requests.at(-1)?.body.messages);
  expect(afterTool).toContain("from the tool");
  expect(afterTool).toContain("use metric units");
  expect(promptsSeen(scene)).not.toContain("use metric units");
});

test("Stop and run ends the turn with proof and runs that message before the others", async ({ scene, person }) => {
  const child = scene.child();
  person.sends(scripted([[{ tool: "Bash", input: { command: child.command } }], ["never said"]]));
  await child.started();
  person.sends("waits");
  const waits = await scene.said(person, "number 1 in line");
  person.sends("urgent");
  const urgent = await scene.said(person, "number 2 in line");
  await person.taps("Stop and run", { message: urgent.id });
  const stopped = await scene.bridge.until(
    () => person.chat().find("Running your message next.") && { childIsAlive: child.isAlive() },
    "the proof of the stop",
  );
  expect(stopped.childIsAlive).toBe(false);
  await scene.answered(person, "echo: waits", { after: waits });
  expect(botSaid(person, /^(echo: |never said)/)).toEqual(["echo: urgent", "echo: waits"]);
});

test("/queue shows what waits, moves a message to the front and clears the rest, without waiting for the turn", async ({
  scene,
  person,
}) => {
  const turn = await busy(scene, person, "at last");
  person.sends("alpha");
  person.sends("beta");
  await scene.said(person, "number 2 in line");
  person.sends("/queue");
  const queue = await scene.said(person, "2 messages waiting:");
  expect(queue.text).toMatch(/1\. alpha\n2\. beta/);
  expect(labels(queue)).toEqual([["Cancel 1"], ["Cancel 2", "2 to the front"], ["Clear the queue"]]);
  expect((await person.taps("2 to the front")).text).toBe("It is next in line.");
  turn.release();
  await scene.answered(person, "echo: alpha");
  expect(botSaid(person, /^(at last|echo: )/)).toEqual(["at last", "echo: beta", "echo: alpha"]);

  const again = await busy(scene, person, "second turn");
  person.sends("gamma");
  person.sends("delta");
  await scene.said(person, "number 2 in line", { after: queue });
  person.sends("/queue");
  await scene.said(person, "2 messages waiting:", { after: queue });
  expect((await person.taps("Clear the queue")).text).toBe("2 messages cancelled.");
  again.release();
  await scene.answered(person, "second turn");
  person.sends("/queue");
  await scene.said(person, "No messages waiting.");
  expect(promptsSeen(scene)).not.toContain("gamma");
});

test("a conversation whose directory another one works in is told so, and starts by itself when that is free (L7, DQ-1)", async ({
  scene,
  person,
}) => {
  const turn = await busy(scene, person, "the first is done");
  const other = scene.person();
  other.sends("mine, please");
  const told = await scene.said(other, "Another conversation is working in");
  expect(told.text).toContain(scene.home.workspace);
  expect(labels(told)).toEqual([["Cancel"]]);
  expect(promptsSeen(scene)).not.toContain("mine, please");
  turn.release();
  await scene.answered(other, "echo: mine, please"); // nobody wrote anything in between
});

test("a message and !text that arrive together: the text runs, the message does not (S2)", async ({
  scene,
  person,
}) => {
  await sendTogether(scene, person, ["do this", "!no, do that"]);
  await scene.answered(person, "echo: no, do that");
  person.sends("and then?");
  await scene.answered(person, "echo: and then?");
  expect(botSaid(person, /^echo: /)).toEqual(["echo: no, do that", "echo: and then?"]);
});

test("a message that comes while Signalbox starts is not told to wait for anything", async ({ scene, person }) => {
  expect(await scene.bridge.terminate()).toBe(0);
  person.sends("good morning");
  await scene.start();
  await scene.answered(person, "echo: good morning");
  expect(botSaid(person, /Queued/)).toEqual([]);
});

/** In one answer of Telegram: the poll that is under way takes what comes first alone, so something else comes first. */
async function sendTogether(scene: Scene, person: Person, texts: readonly string[]): Promise<void> {
  const held = scene.emulator.faults.hold("getUpdates");
  scene.person().sends("/help");
  await scene.bridge.during(held.arrived(), "the next poll");
  for (const text of texts) person.sends(text);
  held.release();
}
