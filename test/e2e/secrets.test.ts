// The bot token appears nowhere but on its way to Telegram (I13, T10): not on the terminal, in the logs, the database or any other file of the
// home, and not in the environment of the agent or its tools. Neither does what Signalbox is configured with.

import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { scripted } from "../model/script.ts";
import { openScene, type Scene } from "./scene.ts";

test.skipIf(process.platform !== "linux")(
  "a tool that prints its environment, troubles that quote URLs, and a crash leave no trace of the token",
  async () => {
    await using scene = await openScene({
      driver: "claude",
      env: { DATABASE_URL: "postgres://user:dbcanary@host/db" },
    });
    const { owner } = scene.emulator;
    const child = scene.child("detached");
    const command = `env > seen-by-the-tool.txt; ${child.command}`;
    owner.sends(scripted([[{ tool: "Bash", input: { command } }], ["never said"]]));
    await child.started();

    const agents = (await scene.home.processes()).filter(({ pid }) => pid !== scene.bridge.pid);
    expect(agents.map(({ name }) => name)).toContain("sleep");
    expect(agents.length).toBeGreaterThan(1); // the agent itself is among them
    const seen = [
      readFileSync(join(scene.home.workspace, "seen-by-the-tool.txt"), "utf8"),
      ...agents.map(({ pid }) => readFileSync(`/proc/${pid}/environ`, "utf8")),
    ];
    for (const environment of seen) {
      expect(environment).not.toContain(secretOf(scene));
      expect(environment).not.toMatch(/TELEGRAM_|SIGNALBOX_|DATABASE_URL|dbcanary/);
    }

    // Each of these ends in an error whose message holds the request's address, which holds the token.
    const { faults } = scene.emulator;
    for (const kind of ["reset-before", "bad-gateway"] as const) {
      faults.next("getUpdates", { kind });
      faults.next("editMessageText", { kind });
      faults.next("sendMessage", { kind });
      faults.next("answerCallbackQuery", { kind });
    }
    {
      await using _outage = await faults.refuse();
      await scene.bridge.until(() => scene.emulator.updates.polls === 0, "the outage to be felt");
    }
    owner.sends("/stop");
    await scene.said(owner, "Stopped.", { withinMs: 30_000 });
    owner.sends("hello");
    await scene.answered(owner, "echo: hello");
    await scene.bridge.kill();
    await scene.start();
    expect(await scene.bridge.terminate()).toBe(0);

    expect(filesWith(scene, secretOf(scene))).toEqual([]);
    expect(scene.bridge.output).not.toContain(secretOf(scene));
  },
);

test("a token that is revoked ends the program with exit code 2 and a line that does not hold it", async () => {
  await using scene = await openScene({ driver: "demo" });
  scene.emulator.faults.always("getUpdates", { kind: "unauthorized" });
  scene.emulator.owner.sends("ends the poll that is under way");
  const { code } = await scene.bridge.exited;
  expect(code).toBe(2);
  expect(scene.bridge.output).toMatch(/TELEGRAM_BOT_TOKEN/);
  expect(scene.bridge.output).not.toContain(secretOf(scene));
  expect(filesWith(scene, secretOf(scene))).toEqual([]);
});

/** The part of the token after its colon: the bot's id in front of it is public. */
function secretOf({ emulator }: Scene): string {
  const secret = emulator.token.split(":")[1];
  if (secret === undefined) throw new Error("a token has two parts");
  return secret;
}

/** The files of the home that hold it, whatever kind they are. */
function filesWith({ home }: Scene, secret: string): string[] {
  const files = readdirSync(home.path, { recursive: true, encoding: "utf8" })
    .map((name) => join(home.path, name))
    .filter((path) => statSync(path, { throwIfNoEntry: false })?.isFile() === true);
  expect(files.length).toBeGreaterThan(3); // logs and a database at least
  return files.filter((path) => readFileSync(path).includes(secret));
}
