// Several agents in one conversation, with the real Claude Code and the real Codex (issue rows D2, D6, D7, D9, D10, D12, C2).

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { prepareCodex } from "../../src/drivers/codex/test-stage.ts";
import { agentProgram } from "../agents/programs.ts";
import type { Person } from "../emulator/people.ts";
import { scripted } from "../model/script.ts";
import type { Scene } from "./scene.ts";
import { sceneTest } from "./scene-test.ts";

const codex = agentProgram("codex");
const codexHome = (path: string) => join(path, "codex");

const test = sceneTest({
  driver: "claude",
  before: ({ path }, model) => void prepareCodex(codexHome(path), model.baseUrl),
  env: ({ path }) => ({
    SIGNALBOX_CODEX_PATH: codex,
    CODEX_HOME: codexHome(path),
    SCRIPTED_MODEL_KEY: "sk-test",
    SIGNALBOX_RETRIES: "0",
  }),
});

async function use(scene: Scene, person: Person, agent: "claude" | "codex"): Promise<void> {
  const { message_id: id } = person.sends(`/switch ${agent}`);
  await scene.said(person, `${agent} works here`, { after: { id } });
}

async function exchange(scene: Scene, person: Person, text: string): Promise<void> {
  const { message_id: id } = person.sends(text);
  await scene.answered(person, `echo: ${text}`, { after: { id } });
}

/** What the model was given with its last request, whichever wire it came by. */
const heard = ({ model }: Scene) => JSON.stringify(model.requests.at(-1)?.body);

test("a conversation changes its agent between turns, and each goes on in its own session", async ({
  scene,
  person,
}) => {
  await exchange(scene, person, "claude, my colour is teal");
  await use(scene, person, "codex");
  await exchange(scene, person, "codex, my number is seven");
  expect(heard(scene)).not.toContain("teal");
  await use(scene, person, "claude");
  await exchange(scene, person, "which colour?");
  expect(heard(scene)).toContain("teal");
  expect(heard(scene)).not.toContain("seven");
  expect(await scene.bridge.terminate()).toBe(0);
  await scene.home.assertNothingRuns();
  await scene.start();
  await use(scene, person, "codex");
  await exchange(scene, person, "which number?");
  expect(heard(scene)).toContain("seven");
});

test("/stop during Codex's shell child: Stopped comes when the child is gone, also one that ignores TERM or left the session", async ({
  scene,
  person,
}) => {
  await use(scene, person, "codex");
  for (const kind of ["plain", "stubborn", "detached"] as const) {
    const child = scene.child(kind);
    const { message_id: id } = person.sends(
      scripted([[{ tool: "Bash", input: { command: child.command } }], ["never"]]),
    );
    await child.started();
    person.sends("/stop");
    await scene.said(person, "Stopped.", { after: { id } });
    expect(child.isAlive()).toBe(false);
  }
});

test("Codex's command is shown exactly under ask, and runs after the tap", async ({ scene, person }) => {
  await use(scene, person, "codex");
  person.sends("/permissions ask");
  await scene.said(person, "permissions are ask");
  person.sends(scripted([[{ tool: "Bash", input: { command: `touch ${person.id}-codex` } }], ["made"]]));
  const card = await scene.said(person, "Run this command?");
  expect(card.text).toContain(`touch ${person.id}-codex`);
  await person.taps("Allow once");
  await scene.answered(person, "made");
});

test.for(["claude", "codex"] as const)(
  "/model on %s offers its catalogue, and the choice is the next turn's",
  async (agent, { scene, person }) => {
    await use(scene, person, agent);
    const { message_id: id } = person.sends("/model");
    const list = await scene.said(person, "Choose below", { after: { id } });
    expect(list.buttons.flat().length).toBeGreaterThan(1);
    person.sends("/model no-such-model");
    await scene.said(person, /is not one of the models of/);
    const model =
      /\u2022 (\S+?)[ ,\n]/.exec(list.text.split("\n").findLast((line) => line.startsWith("\u2022")) + "\n")?.[1] ?? "";
    person.sends(`/model ${model}`);
    await scene.said(person, `uses ${model}`);
    await exchange(scene, person, `as ${agent}`);
  },
);

test.for(["claude", "codex"] as const)(
  "/resume lists the sessions of %s in this directory, and the chosen one goes on",
  async (agent, { scene, person }) => {
    await use(scene, person, agent);
    await exchange(scene, person, `${agent} ${person.id} remembers plums`);
    person.sends("/new");
    await scene.said(person, /New session/);
    await exchange(scene, person, "something else");
    expect(heard(scene)).not.toContain("plums");
    const { message_id: id } = person.sends(`/resume ${person.id} remembers`);
    await scene.said(person, `Sessions of ${agent}`, { after: { id } });
    await person.taps("1");
    await scene.said(person, `${agent} goes on in`, { after: { id } });
    await exchange(scene, person, "what do you remember?");
    expect(heard(scene)).toContain("plums");
  },
);

test.for(["claude", "codex"] as const)(
  "/fork on %s works in a copy: the original does not learn of it",
  async (agent, { scene, person }) => {
    await use(scene, person, agent);
    await exchange(scene, person, `${agent} ${person.id} original pears`);
    const { message_id: id } = person.sends("/fork");
    await scene.said(person, "a copy of", { after: { id } });
    await exchange(scene, person, "in the copy");
    expect(heard(scene)).toContain("pears");
    person.sends("/terminal");
    await scene.said(person, agent === "claude" ? "claude --resume" : "codex resume");
  },
);

test("/context and /usage tell what the turn cost, /debug what is known, /logs what failed", async ({
  scene,
  person,
}) => {
  await exchange(scene, person, "how much?");
  person.sends("/context");
  await scene.said(person, /tokens in its memory/);
  person.sends("/usage");
  await scene.said(person, /Last run: .* tokens in[^]*This session: .*, 1 run/);
  person.sends("/debug");
  await scene.said(person, /Agent: claude[^]*Permissions: bypass/);
  person.sends("/logs");
  await scene.said(person, /No errors since the start|newest errors/);
});

test("/project works in another directory, and a wrong one changes nothing", async ({ scene, person }) => {
  const other = join(scene.home.path, `other ${person.id}`);
  mkdirSync(other);
  person.sends("/project /no/such/directory");
  await scene.said(person, "does not exist. Nothing was changed.");
  person.sends(`/project ${other}`);
  await scene.said(person, `works in ${other}`);
  const child = scene.childIn(other);
  person.sends(scripted([[{ tool: "Bash", input: { command: child.command } }], ["never"]]));
  await child.started();
  person.sends("stop");
  await scene.said(person, "Stopped.");
});

test("an agent that is not installed is not switched to", async ({ scene, person }) => {
  person.sends("/switch gemini");
  await scene.said(person, "gemini is not one of the agents: claude, codex, demo. Nothing was changed.");
  await exchange(scene, person, "still claude");
});
