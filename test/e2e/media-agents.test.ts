// Pictures through a local Telegram to the models of the agents beside Claude Code (M5, M6; media.test.ts is Claude Code's).

import { join } from "node:path";
import { expect } from "vitest";
import { prepareCodex } from "../../src/drivers/codex/test-stage.ts";
import { agentProgram } from "../agents/programs.ts";
import { pngPicture } from "../emulator/pictures.ts";
import { seenBy } from "../model/images.ts";
import { sceneTest } from "./scene-test.ts";

const codex = agentProgram("codex");
const codexHome = (path: string) => join(path, "codex");

const test = sceneTest({
  driver: "demo",
  before: ({ path }, model) => void prepareCodex(codexHome(path), model.baseUrl),
  env: ({ path }) => ({
    SIGNALBOX_DRIVER: "codex",
    SIGNALBOX_CODEX_PATH: codex,
    CODEX_HOME: codexHome(path),
    SCRIPTED_MODEL_KEY: "sk-test",
  }),
});

test("Codex's model sees a photo, and an album in the order of its pictures, however it arrives", async ({
  scene,
  person,
}) => {
  const photo = pngPicture(8, 8, [10, 20, 30]);
  person.sendsPhoto(photo, { caption: "what colour is this?" });
  await scene.answered(person, /^echo: what colour is this\?/, { withinMs: 30_000 });
  expect(seenBy(scene.model)).toEqual([photo.toString("base64")]);

  const pictures = [0, 80, 160].map((red) => pngPicture(8, 8, [red, 90, 200]));
  const album = pictures.map((bytes, at) => (at === 0 ? { bytes, caption: "three of them" } : { bytes }));
  const arrival = person.composes(album).arrives({ order: [2, 0, 2, 1], gapMs: 100 });
  await scene.answered(person, /^echo: three of them/, { withinMs: 30_000 });
  await arrival;
  // Its session holds the photo of before, too.
  expect(seenBy(scene.model).slice(-pictures.length)).toEqual(pictures.map((bytes) => bytes.toString("base64")));
  expect(scene.model.requests.filter(({ prompt }) => prompt.includes("three of them"))).toHaveLength(1);
});
