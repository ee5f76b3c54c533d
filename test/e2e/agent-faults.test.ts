// What goes wrong with the agent, the model and the workspace is told in the chat with what to do, and the lane is usable afterwards
// (issue: "Bad input"; S6).

import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test as alone } from "vitest";
import { findCli } from "../../src/drivers/claude/locate.ts";
import { scripted } from "../model/script.ts";
import { labels } from "./look.ts";
import { openScene } from "./scene.ts";
import { sceneTest } from "./scene-test.ts";

/** What the run does about trouble that passes is retries.test.ts in src/engine, and the last test of the model here. */
const atOnce = { SIGNALBOX_RETRIES: "0" };
const test = sceneTest({ driver: "claude", env: atOnce });

describe("of the model", () => {
  test.for([
    { status: 401, type: "authentication_error", told: /not logged in, or its key was refused/ },
    { status: 429, type: "rate_limit_error", told: /limit/ },
    { status: 529, type: "overloaded_error", told: /overloaded/ },
    { status: 400, type: "invalid_request_error", told: /HTTP 400|reported an error|refused/ },
  ])(
    "HTTP $status is told, offered again, and the next message works",
    async ({ status, type, told }, { scene, person }) => {
      const prompt = scripted([[{ status, type, message: "scripted failure" }]]);
      const sent = person.sends(prompt);
      const failed = await scene.said(person, "The run failed.", { withinMs: 30_000 });
      expect(failed.text).toMatch(told);
      expect(failed.replyTo).toBe(sent.message_id);
      expect(labels(failed).at(0)).toEqual(["Run again"]);
      expect(labels(failed).flat().includes("Continue with codex")).toBe(status === 429);
      person.sends("are you well?");
      await scene.answered(person, "echo: are you well?");
    },
  );

  test("a failure that passes is outlived by the agent's own retry: the person only sees the answer", async ({
    scene,
    person,
  }) => {
    person.sends(scripted([[{ status: 529, type: "overloaded_error", times: 1 }, "made it"]]));
    await scene.answered(person, "made it", { withinMs: 30_000 });
    expect(person.chat().find("The run failed")).toBeUndefined();
  });

  test("a connection that breaks in the middle of an answer is no silent half answer", async ({ scene, person }) => {
    person.sends(scripted([[{ text: ["half an ans"] }, { drop: true }]]));
    const end = await scene.said(person, /^(The run failed|half an ans|\(the script)/, { withinMs: 30_000 });
    expect(end.text).not.toBe("half an ans");
    person.sends("and now?");
    await scene.answered(person, "echo: and now?");
  });
});

describe("of the program and its directory", () => {
  alone("what outlasts the agent's own patience is tried again by the run: told meanwhile, answered once", async () => {
    await using scene = await openScene({ driver: "claude", env: { CLAUDE_CODE_MAX_RETRIES: "0" } });
    const { owner } = scene.emulator;
    owner.sends(scripted([[{ status: 529, type: "overloaded_error", times: 1 }, "made it"]]));
    await scene.said(owner, /overloaded.*Trying again/s);
    await scene.answered(owner, "made it", { withinMs: 30_000 });
    expect(owner.chat().find("The run failed")).toBeUndefined();
  });

  alone("an agent that is not there is named, with what to do", async () => {
    await using scene = await openScene({ driver: "claude", env: { SIGNALBOX_CLAUDE_PATH: "/nowhere/claude" } });
    const { owner } = scene.emulator;
    await scene.bridge.printed(/Agent: claude\. .*was not found on this machine/);
    owner.sends("hello");
    const failed = await scene.said(owner, "The run failed.");
    expect(failed.text).toMatch(/claude.*was not found on this machine\. \S+/i);
    expect(labels(failed)).toEqual([["Run again"]]);
  });

  alone("an agent that dies at its start is told, and works again once it is repaired", async () => {
    await using scene = await openScene({
      driver: "claude",
      env: (home) => ({ ...atOnce, SIGNALBOX_CLAUDE_PATH: join(home.path, "agent") }),
      before: (home) => writeProgram(join(home.path, "agent"), "echo 'cannot start: bad weather' >&2; exit 1"),
    });
    const { owner } = scene.emulator;
    owner.sends("hello");
    const failed = await scene.said(owner, "The run failed.");
    expect(failed.text).toMatch(/ended unexpectedly/);
    expect(failed.text).toContain("bad weather");
    const again = await owner.taps("Run again");
    expect(again.text).toBe("Queued again.");
    const second = await scene.said(owner, "The run failed.", { after: failed });
    await scene.home.assertNothingRuns(scene.bridge.pid);
    writeProgram(join(scene.home.path, "agent"), `exec "${realAgent()}" "$@"`);
    await owner.taps("Run again", { message: second.id });
    await scene.answered(owner, "echo: hello");
  });

  alone("a workspace that does not exist is told; once it is made, Run again works", async () => {
    await using scene = await openScene({
      driver: "demo",
      env: (home) => ({ SIGNALBOX_WORKSPACE: join(home.path, "not yet") }),
    });
    const { owner } = scene.emulator;
    owner.sends("hello");
    const failed = await scene.said(owner, "The run failed.");
    expect(failed.text).toContain("not yet does not exist");
    mkdirSync(join(scene.home.path, "not yet"));
    await owner.taps("Run again");
    await scene.answered(owner, /You wrote: “hello”/);
  });

  alone("a workspace that is a file is told", async () => {
    await using scene = await openScene({
      driver: "claude",
      env: (home) => ({ SIGNALBOX_WORKSPACE: join(home.path, "a file") }),
      before: (home) => writeFileSync(join(home.path, "a file"), ""),
    });
    const { owner } = scene.emulator;
    owner.sends("hello");
    expect((await scene.said(owner, "The run failed.")).text).toContain("a file does not exist");
  });

  alone(
    "two Signalboxes in one workspace: the second one's run is refused with a text, and runs when it is free (I1)",
    async () => {
      await using first = await openScene({ driver: "demo" });
      const shared = { SIGNALBOX_WORKSPACE: first.home.workspace, TMPDIR: first.home.tmp };
      await using second = await openScene({ driver: "demo", env: shared });
      const [one, two] = [first.emulator.owner, second.emulator.owner];
      one.sends("run 303");
      await first.said(one, "🔧 Sleep");
      two.sends("me too");
      const refused = await second.said(two, "The run failed.");
      expect(refused.text).toContain("Another Signalbox on this machine is working in");
      one.sends("/stop");
      await first.said(one, "Stopped.");
      await two.taps("Run again");
      await second.answered(two, /You wrote: “me too”/);
    },
  );
});

function realAgent(): string {
  const found = findCli(null, "");
  if (found.kind === "missing") throw new Error("the development copy of Claude Code is not installed");
  return found.value;
}

function writeProgram(path: string, script: string): void {
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
}
