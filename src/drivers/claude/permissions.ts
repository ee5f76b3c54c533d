/**
 * What Claude Code may do without asking, and the answer it gets when it asks.
 *
 * The user's own settings (permissions.allow, deny) are applied by the CLI before anybody is asked. Until approvals exist, whoever is
 * asked says no, and says why, to the agent and to the user.
 */
import type { PermissionMode as ClaudeMode } from "@anthropic-ai/claude-agent-sdk";
import type { PermissionMode } from "../../engine/ports.ts";
import { targetOf } from "./translate.ts";

/** Set explicitly every time: without it the CLI may choose its "auto" mode, which asks a model for every call. */
export const claudeModes: Readonly<Record<PermissionMode, ClaudeMode>> = {
  plan: "plan",
  ask: "default",
  edit: "acceptEdits",
  bypass: "bypassPermissions",
};

export type Denial = { readonly forAgent: string; readonly forUser: string };

/** Tools by which the agent wants to talk with the user, not to do something. */
const questions: Readonly<Record<string, string>> = {
  AskUserQuestion: "Questions with choices cannot be shown yet. Ask in plain text and end your turn.",
  ExitPlanMode: "The mode is 'plan': nothing is carried out. Show the plan as your answer and end your turn.",
};

/** The answer to a question that nobody can be shown yet, in any mode; null for a tool that does something. */
export function questionDenial(tool: string): Denial | null {
  const question = questions[tool];
  return question === undefined ? null : { forAgent: question, forUser: `${tool} was declined: ${question}` };
}

export function denialOf(tool: string, input: Readonly<Record<string, unknown>>, mode: PermissionMode): Denial {
  const target = targetOf(input);
  const what = target === "" ? tool : `${tool} (${target})`;
  const how =
    mode === "plan"
      ? "The permission mode is 'plan', in which nothing is changed. Set SIGNALBOX_PERMISSIONS to ask, edit or bypass to let it work."
      : `The permission mode is '${mode}' and approvals from the chat are not available yet. ` +
        "Allow it in Claude Code's settings (permissions.allow), or set SIGNALBOX_PERMISSIONS to edit or bypass.";
  return {
    forAgent: `Denied by Signalbox: ${what}. ${how} Do not try to get around this; go on without it or tell the user what is blocked.`,
    forUser: `Denied: ${what}. ${how}`,
  };
}
