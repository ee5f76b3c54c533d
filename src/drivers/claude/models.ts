/** Claude Code's catalogue of models in the domain's words. Pure. */
import type { EffortLevel, ModelInfo } from "@anthropic-ai/claude-agent-sdk";
import type { AgentModel } from "../../domain/agent-model.ts";

/** The CLI's own entry for "whatever is the default", whose description says which that is. */
export const defaultModelId = "default";

/** In the CLI's order, which begins with what it recommends. */
export function modelsOf(infos: readonly ModelInfo[]): AgentModel[] {
  return infos.map((info) => ({
    id: info.value,
    name: info.displayName,
    description: info.description === "" ? null : info.description,
    efforts: info.supportsEffort === true ? (info.supportedEffortLevels ?? []) : [],
    isDefault: info.value === defaultModelId,
  }));
}

/** The CLI takes an effort that it does not know without a word, and goes on with another. */
export function isEffort(effort: string): effort is EffortLevel {
  return efforts.some((known) => known === effort);
}

const efforts: readonly EffortLevel[] = ["low", "medium", "high", "xhigh", "max"];
