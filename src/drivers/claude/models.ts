/** Claude Code's catalogue of models in the domain's words. Pure. */
import type { ModelInfo, Options } from "@anthropic-ai/claude-agent-sdk";
import type { AgentModel, ModelChoice } from "../../domain/agent-model.ts";

/** The CLI's own entry for "whatever is the default", whose description says which that is. */
const defaultId = "default";

/** In the CLI's order, which begins with what it recommends. */
export function modelsOf(infos: readonly ModelInfo[]): AgentModel[] {
  return infos.map((info) => ({
    id: info.value,
    name: info.displayName,
    description: info.description === "" ? null : info.description,
    efforts: info.supportsEffort === true ? (info.supportedEffortLevels ?? []) : [],
    isDefault: info.value === defaultId,
  }));
}

/** For the start of a process. An effort that the CLI does not know is refused by it, and not by us. */
export function startEffort({ effort }: ModelChoice): Pick<Options, "effort"> {
  return effort === null ? {} : { effort: effort as NonNullable<Options["effort"]> };
}
