/**
 * How much of the agents' tests is run. `npm test` sets "essential": of the agents whose suites take minutes it holds what a person's
 * work depends on most. `npm run verify -- agents`, and a file that is run alone, hold the whole.
 */
export const agentScopeVariable = "SIGNALBOX_TEST_AGENTS";

export type AgentScope = "whole" | "essential";

export function agentScope(): AgentScope {
  return process.env[agentScopeVariable] === "essential" ? "essential" : "whole";
}
