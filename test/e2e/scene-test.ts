/** `test` for a file whose tests share one scene; each test also gets a person of its own. */
import { test } from "vitest";
import { openScene, type SceneOptions } from "./scene.ts";

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
