/** `test` with a scene: one for all tests of a file, or one for each. */
import { test } from "vitest";
import { openScene, type SceneOptions } from "./scene.ts";

/** The tests share one program and its directory; each gets a person of its own. For agents that take a while to start. */
export function sceneTest(options: SceneOptions) {
  return test
    .extend("sceneOptions", { scope: "file" }, () => options)
    .extend("scene", { scope: "file" }, async ({ sceneOptions }, { onCleanup }) => {
      const scene = await openScene(sceneOptions);
      onCleanup(() => scene[Symbol.asyncDispose]());
      return scene;
    })
    .extend("person", ({ scene, task }, { onCleanup }) => {
      const person = scene.person();
      onCleanup(async () => {
        // One failure must not become the next test's: what it left running would hold the directory.
        if (task.result?.state === "fail") await scene.stopAll();
        scene.emulator.journal.assertClean();
      });
      return person;
    });
}

/**
 * Each test has a program, a home and a Telegram of its own, so that they can run side by side: their time is mostly the pace at which
 * Telegram may be written to.
 */
export function ownSceneTest(options: SceneOptions) {
  return test
    .extend("scene", async ({ task: _task }, { onCleanup }) => {
      const scene = await openScene(options);
      onCleanup(() => scene[Symbol.asyncDispose]());
      return scene;
    })
    .extend("person", ({ scene }) => scene.emulator.owner);
}
