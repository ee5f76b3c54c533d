/** The driver contract, held against a real ACP agent and a scripted model. A file for each agent: they run beside each other. */
import { agentScope } from "../../../test/agents/scope.ts";
import { driverContract } from "../../../test/contracts/driver.ts";
import type { DriverPrompts } from "../../../test/contracts/driver.ts";
import { scriptedPrompts } from "../../../test/contracts/scripted-prompts.ts";
import { scripted } from "../../../test/model/script.ts";
import { createAcpStage, toolsOf } from "./test-stage.ts";
import type { AgentTools, RealAgent } from "./test-stage.ts";

/** Declares the driver contract for one of the real agents. */
export function acpContract(name: RealAgent): void {
  const prompts = promptsFor(toolsOf[name]);
  driverContract(name, async () => ({ ...(await createAcpStage(name)), prompts }), prompts, {
    // The first start of an agent in a fresh home takes up to 20 s on a loaded machine with two cores.
    timeoutMs: 120_000,
    scope: agentScope(),
  });
}

function promptsFor({ shell }: AgentTools): DriverPrompts {
  return {
    ...scriptedPrompts(shell),
    // The hang-up of gemini's terminal, which ends with the command, could come before setsid has taken the child out of it.
    background: (seconds) =>
      scripted([
        [shell(`trap "" HUP; setsid sleep ${seconds} >/dev/null 2>&1 & echo started`)],
        ["It runs in the background."],
      ]),
    // The protocol has no word for adding to a turn.
    steer: null,
  };
}
