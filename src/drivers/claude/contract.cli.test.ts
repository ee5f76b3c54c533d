/** The driver contract, held against the real Claude Code and a scripted model. */
import { driverContract } from "../../../test/contracts/driver.ts";
import { scriptedPrompts } from "../../../test/contracts/scripted-prompts.ts";
import { createClaudeStage } from "./test-stage.ts";

const bash = (command: string, more: object = {}) => ({
  tool: "Bash",
  input: { command, description: "test", ...more },
});

const prompts = scriptedPrompts(bash);

driverContract("claude", async () => ({ ...(await createClaudeStage()), prompts }), prompts, { timeoutMs: 30_000 });
