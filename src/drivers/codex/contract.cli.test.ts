/** The driver contract, held against the real Codex and a scripted model. */
import { driverContract } from "../../../test/contracts/driver.ts";
import { scriptedPrompts } from "../../../test/contracts/scripted-prompts.ts";
import { createCodexStage } from "./test-stage.ts";

const bash = (command: string, more: object = {}) => ({ tool: "Bash", input: { command, ...more } });

const prompts = scriptedPrompts(bash);

driverContract("codex", async () => ({ ...(await createCodexStage()), prompts }), prompts, { timeoutMs: 30_000 });
