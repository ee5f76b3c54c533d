/**
 * N-5. There: a safety check watched the stream of tool calls, and killed the agent when it saw a dangerous one: after it had begun.
 * Here: the agent asks before it executes, in the chat, and nothing executes without a yes.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { createClaudeStage } from "../../src/drivers/claude/test-stage.ts";
import { createHouse } from "../engine-house.ts";
import { scripted } from "../model/script.ts";
import { inPlaceOfScripted, until } from "./kit.ts";

test("a command that gets no answer never runs: a stop ends the turn that asks", async () => {
  const stage = await createClaudeStage();
  onTestFinished(() => stage[Symbol.asyncDispose]());
  const driver = stage.create({ permissions: "ask" });
  const house = await createHouse({ driver: inPlaceOfScripted(driver) });
  const touch = { tool: "Bash", input: { command: "touch forbidden", description: "touch" } };
  await house.send("a", scripted([[touch], ["never said"]]), { workspace: stage.workspace });
  const asks = async () => (await house.said("a")).flatMap((said) => (said.kind === "ask" ? [said.state.kind] : []));
  await until(house, async () => (await asks()).length > 0);
  await house.send("a", "stop");
  await until(house, async () => (await house.store.history.liveRuns()).length === 0);
  expect(existsSync(join(stage.workspace, "forbidden"))).toBe(false);
  expect(await asks()).toEqual(["open", expect.stringMatching("withdrawn|expired")]); // by the agent's own end, or by its run's
  expect(await house.notices("a")).toContain("stopped");
  expect((await house.press("a", "answer", { how: "Allow once" })).toast).not.toContain("Allowed");
  expect(existsSync(join(stage.workspace, "forbidden"))).toBe(false);
});

test("a command that needs approval has not run while it asks, and denied it has not run when the turn is over", async () => {
  const stage = await createClaudeStage();
  onTestFinished(() => stage[Symbol.asyncDispose]());
  const driver = stage.create({ permissions: "ask" });
  const house = await createHouse({ driver: inPlaceOfScripted(driver) });
  const touch = { tool: "Bash", input: { command: "touch forbidden", description: "touch" } };
  await house.send("a", scripted([[touch], ["I went on without it."]]), { workspace: stage.workspace });
  const isAsking = async (): Promise<boolean> => (await house.said("a")).some((said) => said.kind === "ask");
  await until(house, isAsking);
  expect(existsSync(join(stage.workspace, "forbidden"))).toBe(false);
  await house.press("a", "answer", { how: "Deny" });
  await until(house, async () => (await house.store.history.liveRuns()).length === 0);
  expect(existsSync(join(stage.workspace, "forbidden"))).toBe(false);
  expect(await house.said("a")).toContainEqual(
    expect.objectContaining({ kind: "answer", text: expect.stringContaining("I went on without it.") }),
  );
});
