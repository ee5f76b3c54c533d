// A text from Telegram, worked on by the real Claude Code, answered (issue rows M1, V1, V3, D1, D9).

import { expect } from "vitest";
import { scripted } from "../model/script.ts";
import { sceneTest } from "./scene-test.ts";
import { labels } from "./look.ts";

const test = sceneTest({ driver: "claude" });

test("a turn is shown live with a Stop button, and its answer is a message of its own with its formatting", async ({
  scene,
  person,
}) => {
  person.sends(scripted([[{ text: ["**Half** of ", { gate: `${person.id} half` }, "it is `done`."] }]]));
  const half = await scene.reached(`${person.id} half`);
  const status = await scene.said(person, "Half of");
  expect(labels(status)).toEqual([["■ Stop"]]);
  half.release();
  const answer = await scene.answered(person, "Half of it is done.");
  expect(answer.id).toBeGreaterThan(status.id);
  expect(answer.text).toBe("Half of it is done.");
  expect(answer.entities).toEqual([
    expect.objectContaining({ type: "bold", offset: 0, length: 4 }),
    expect.objectContaining({ type: "code", offset: 14, length: 4 }),
  ]);
  await scene.delivered(); // the last line of the run comes after its answer
  const after = person.chat().message(status.id);
  expect(after?.text).toMatch(/^✔ /);
  expect(after?.buttons).toEqual([]);
});

test("a tool really runs, and the status message names it while it does", async ({ scene, person }) => {
  const child = scene.child();
  person.sends(scripted([[{ tool: "Bash", input: { command: child.command } }], ["not reached"]]));
  await child.started();
  await scene.said(person, /🔧 Bash .*sleep 303/s);
  person.sends("/stop");
  await scene.said(person, "Stopped.");
  expect(child.isAlive()).toBe(false);
});

test("the next message goes on in the same session, also after a restart of Signalbox", async ({ scene, person }) => {
  const heard = () => JSON.stringify(scene.model.requests.at(-1)?.body.messages);
  person.sends("my colour is teal");
  await scene.answered(person, "echo: my colour is teal");
  person.sends("which one is it?");
  await scene.answered(person, "echo: which one is it?");
  expect(heard()).toContain("my colour is teal");

  expect(await scene.bridge.terminate()).toBe(0);
  await scene.home.assertNothingRuns();
  await scene.start();
  person.sends("and now?");
  await scene.answered(person, "echo: and now?");
  expect(heard()).toContain("my colour is teal");
  expect(heard()).toContain("echo: which one is it?");
});

test("/new begins a session that knows nothing of the one before", async ({ scene, person }) => {
  person.sends("my number is seven");
  await scene.answered(person, "echo: my number is seven");
  person.sends("/new");
  await scene.said(person, "New session.");
  person.sends("hello again");
  await scene.answered(person, "echo: hello again");
  expect(JSON.stringify(scene.model.requests.at(-1)?.body.messages)).not.toContain("seven");
});
