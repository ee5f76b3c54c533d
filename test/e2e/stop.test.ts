// Every way to stop, each on a running tool of the real Claude Code (issue rows S1, S2, S3; I2, I8; audit DR-2, H-3, H-4, H-5, N-14).

import { describe, expect } from "vitest";
import type { Person } from "../emulator/people.ts";
import { scripted } from "../model/script.ts";
import type { Scene } from "./scene.ts";
import { sceneTest } from "./scene-test.ts";
import type { ChildKind, ShellChild } from "./shell-child.ts";

const test = sceneTest({ driver: "claude" });

/** A turn whose tool is a process that is seen alive. Whoever stops it never hears "never said". */
async function runningTool(scene: Scene, person: Person, kind?: ChildKind): Promise<ShellChild> {
  const child = scene.child(kind);
  person.sends(scripted([[{ tool: "Bash", input: { command: child.command } }], ["never said"]]));
  await child.started();
  return child;
}

/** Waits for the word, and reads the process table in the very moment in which it arrives. */
async function stoppedWith(scene: Scene, person: Person, child: ShellChild, word = "Stopped."): Promise<void> {
  const seen = await scene.bridge.until(() => {
    const message = person.chat().find(word);
    return message && { childIsAlive: child.isAlive(), text: message.text };
  }, word);
  expect(seen.childIsAlive).toBe(false);
}

function texts(person: Person): string[] {
  return person.chat().fromBot.map((message) => message.text);
}

describe("a stop is told as Stopping…, and as Stopped only when the tool's process is gone", () => {
  test.for(["/stop", "stop", "!", "Please stop now"])("said as %s", async (words, { scene, person }) => {
    const child = await runningTool(scene, person);
    const asked = person.sends(words);
    const stopping = await scene.said(person, "Stopping…");
    expect(stopping.replyTo).toBe(asked.message_id);
    await stoppedWith(scene, person, child);
    expect(texts(person).filter((text) => text.startsWith("Stopped."))).toHaveLength(1);
    expect(texts(person)).not.toContain("never said");
  });

  test("by the button of the live status, which is gone afterwards", async ({ scene, person }) => {
    const child = await runningTool(scene, person);
    const status = await scene.said(person, "🔧 Bash");
    expect((await person.taps("■ Stop")).text).toBe("Stopping…");
    await stoppedWith(scene, person, child);
    const after = person.chat().message(status.id);
    expect(after?.text).toMatch(/^■ stopped · /);
    expect(after?.buttons.flat().map(({ label }) => label)).toEqual(["Details"]);
    expect((await person.taps("■ Stop", { stale: true, message: status.id })).text).toBe("Already done.");
  });

  test.for(["stubborn", "detached"] as const)("of a %s tool", async (kind, { scene, person }) => {
    const child = await runningTool(scene, person, kind);
    person.sends("/stop");
    await stoppedWith(scene, person, child);
    // The lane is free and the session goes on.
    person.sends("still there?");
    await scene.answered(person, "echo: still there?");
    expect(texts(person)).not.toContain("never said");
  });
});

test("!text stops the turn with proof, then runs the text in the same session (S2)", async ({ scene, person }) => {
  const child = await runningTool(scene, person);
  person.sends("!what is the time?");
  await stoppedWith(scene, person, child, "Stopped. Running your message next.");
  await scene.answered(person, "echo: what is the time?");
  expect(texts(person)).not.toContain("never said");
  expect(JSON.stringify(scene.model.requests.at(-1)?.body.messages)).toContain(child.command.slice(0, 20));
});

test("a stop while the model is silent, and one while it writes, end the turn too", async ({ scene, person }) => {
  person.sends(scripted([[{ gate: `${person.id} silent` }, "never said"]]));
  await scene.reached(`${person.id} silent`);
  person.sends("/stop");
  const first = await scene.said(person, "Stopped.");

  person.sends(scripted([[{ text: ["never ", { gate: `${person.id} writing` }, "said"] }]]));
  await scene.reached(`${person.id} writing`);
  person.sends("stop");
  await scene.said(person, "Stopped.", { after: first });
  scene.model.gate(`${person.id} silent`).release();
  scene.model.gate(`${person.id} writing`).release();
  person.sends("hello");
  await scene.answered(person, "echo: hello");
  expect(texts(person)).not.toContain("never said");
});

test("a second stop strengthens the first: one proof, one Stopped, and nothing of it is left over", async ({
  scene,
  person,
}) => {
  const child = await runningTool(scene, person, "stubborn");
  person.sends("/stop");
  person.sends("stop");
  person.sends("!");
  await stoppedWith(scene, person, child);
  person.sends("go on");
  await scene.answered(person, "echo: go on");
  expect(texts(person).filter((text) => text.startsWith("Stopped."))).toHaveLength(1);
});

test("a stop when nothing runs says so", async ({ scene, person }) => {
  person.sends("/stop");
  await scene.said(person, "Nothing to stop.");
  person.sends("hello");
  await scene.answered(person, "echo: hello");
  const asked = person.sends("stop");
  const said = await scene.said(person, "Nothing to stop.", { after: { id: asked.message_id } });
  expect(said.replyTo).toBe(asked.message_id);
});

test("'stop using tabs' and 'cancel my job' are work for the agent, not a stop", async ({ scene, person }) => {
  person.sends("stop using tabs");
  await scene.answered(person, "echo: stop using tabs");
  person.sends("cancel my job");
  await scene.answered(person, "echo: cancel my job");
});
