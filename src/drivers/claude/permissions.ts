/**
 * What Claude Code asks before it acts, in the domain's words, and the person's answer in the CLI's.
 *
 * 1. The user's own settings (permissions.allow, deny) are applied by the CLI before anybody is asked.
 * 2. Only an answer that fits the ask allows anything; whatever else is said, and nothing said, is a no.
 * 3. "For this session" grants what the CLI suggests as rules, in the memory of its process alone: nothing is written to a settings file. What
 *    it would cover is told with the ask. The CLI's wider suggestions beside a rule (a directory, another mode) are not granted.
 * 4. In plan mode nothing is asked for that changes anything: it is refused until the plan is approved.
 */
import { resolve } from "node:path";
import type { PermissionMode as ClaudeMode, PermissionResult, PermissionUpdate } from "@anthropic-ai/claude-agent-sdk";
import { optionsMax, questionsMax } from "../../domain/ask.ts";
import type { Ask, AskAnswer, AskedAction, Question } from "../../domain/ask.ts";
import type { PermissionMode } from "../../domain/permission-mode.ts";
import { boundedAsk } from "../bounded-ask.ts";
import { editsOf } from "./edits.ts";
import { targetOf } from "./translate.ts";

/** Set explicitly every time: without it the CLI may choose its "auto" mode, which asks a model for every call. */
export const claudeModes: Readonly<Record<PermissionMode, ClaudeMode>> = {
  plan: "plan",
  ask: "default",
  edit: "acceptEdits",
  bypass: "bypassPermissions",
};

type Fields = Readonly<Record<string, unknown>>;

/** A tool call that the CLI asks about. */
export type Call = {
  readonly tool: string;
  readonly input: Record<string, unknown>;
  /** Where the agent works at this moment. */
  readonly directory: string;
  /** The CLI's mode at this moment, which may be another than the turn was begun with. */
  readonly mode: ClaudeMode;
  /** The permissions of the turn. */
  readonly permissions: PermissionMode;
  readonly suggestions: readonly PermissionUpdate[];
  /** Why the CLI asks, in its words; "" where it does not say. */
  readonly reason: string;
  /** What the agent has said before the tool that it is about to use. */
  readonly said: string;
};

/** Resolves, never rejects. */
export async function askOf(call: Call): Promise<Ask> {
  return boundedAsk(await wholeAskOf(call));
}

async function wholeAskOf(call: Call): Promise<Ask> {
  switch (call.tool) {
    case "AskUserQuestion":
      return { kind: "questions", questions: questionsOf(call.input).map(({ shown }) => shown) };
    case "ExitPlanMode":
      return { kind: "plan", plan: text(call.input["plan"]) || call.said || "(The agent has written no plan.)" };
    default: {
      const granted = grantsOf(call);
      const why = text(call.input["description"]) || call.reason;
      const reasons = [why, ...circumstances(call.input), coverage(granted)].filter((part) => part !== "");
      return {
        kind: "approval",
        action: await actionOf(call),
        reason: reasons.length === 0 ? null : reasons.join("\n"),
        scopes: granted.length === 0 ? ["once"] : ["once", "session"],
      };
    }
  }
}

/** Reading a file that the person has just sent is what they sent it for; `sent` has its path, and an archive's contents lie beside it. */
export function readsWhatWasSent({ tool, input }: Pick<Call, "tool" | "input">, sent: ReadonlySet<string>): boolean {
  const path = text(input["file_path"]);
  if (tool !== "Read" || path === "" || resolve(path) !== path) return false;
  return sent.has(path) || [...sent].some((one) => path.startsWith(`${one}.unpacked/`));
}

/** Null when nothing stands against asking. */
export function refusalOf(call: Call): Denial | null {
  if (call.mode !== "plan" || call.tool === "AskUserQuestion" || call.tool === "ExitPlanMode") return null;
  const target = targetOf(call.input);
  const what = target === "" ? call.tool : `${call.tool} (${target})`;
  return {
    forAgent: `Denied by Signalbox: ${what}. In plan mode nothing is changed. Go on with the plan, and show it with ExitPlanMode.`,
    forUser: `Denied: ${what}. In plan mode nothing is changed until you have approved the plan.`,
  };
}

export type Denial = { readonly forAgent: string; readonly forUser: string };

/** The CLI's answer for the person's; null: nobody wants to know any more. */
export function resultOf(call: Call, answer: AskAnswer | null): PermissionResult {
  if (answer === null) return { behavior: "deny", message: stopped, interrupt: true };
  if (answer.kind === "deny") return { behavior: "deny", message: denial(call.tool, answer.reason) };
  switch (call.tool) {
    case "AskUserQuestion":
      if (answer.kind !== "answers") return { behavior: "deny", message: denial(call.tool, null) };
      return { behavior: "allow", updatedInput: { ...call.input, answers: answersOf(call.input, answer.answers) } };
    case "ExitPlanMode": {
      if (answer.kind !== "allow") return { behavior: "deny", message: denial(call.tool, null) };
      const mode = modeAfterPlan(call.permissions, answer.scope);
      const updatedPermissions: PermissionUpdate[] = [{ type: "setMode", mode, destination: "session" }];
      return { behavior: "allow", updatedInput: call.input, updatedPermissions };
    }
    default: {
      if (answer.kind !== "allow") return { behavior: "deny", message: denial(call.tool, null) };
      const updatedPermissions = answer.scope === "session" ? grantsOf(call) : [];
      return {
        behavior: "allow",
        updatedInput: call.input,
        ...(updatedPermissions.length > 0 ? { updatedPermissions } : {}),
      };
    }
  }
}

export const stopped = "The user has stopped this turn. Do nothing more.";

async function actionOf({ tool, input, directory }: Call): Promise<AskedAction> {
  if (tool === "Bash") return { kind: "command", command: text(input["command"]), directory };
  const files = await editsOf(tool, input, directory);
  if (files !== null) return { kind: "edit", files };
  return { kind: "tool", name: tool, input: JSON.stringify(input, null, 2) };
}

/** Of a command: what its line does not show. */
function circumstances(input: Fields): string[] {
  return [
    input["run_in_background"] === true ? "It would go on in the background." : "",
    input["dangerouslyDisableSandbox"] === true ? "It would run outside the agent's sandbox." : "",
  ];
}

function grantsOf({ suggestions }: Call): PermissionUpdate[] {
  const rules = suggestions.filter((update) => update.type === "addRules" && update.behavior === "allow");
  const granted = rules.length > 0 ? rules : suggestions.filter(isWidening);
  return granted.map((update) => ({ ...update, destination: "session" }));
}

/** What the CLI suggests where no rule can be made: of an edit, to accept edits, and to do so in that directory. */
function isWidening(update: PermissionUpdate): boolean {
  return (update.type === "setMode" && update.mode === "acceptEdits") || update.type === "addDirectories";
}

function coverage(granted: readonly PermissionUpdate[]): string {
  const parts = granted.flatMap((update): string[] => {
    switch (update.type) {
      case "addRules":
        return update.rules.map(({ toolName, ruleContent }) =>
          ruleContent ? `${toolName}(${ruleContent})` : toolName,
        );
      case "setMode":
        return ["all edits in the workspace"];
      case "addDirectories":
        return update.directories.map((directory) => `edits in ${directory}`);
      case "replaceRules":
      case "removeRules":
      case "removeDirectories":
        return [];
      default:
        update satisfies never;
        return [];
    }
  });
  return parts.length === 0 ? "" : `Allowing it for this session covers: ${parts.join(", ")}`;
}

function modeAfterPlan(permissions: PermissionMode, scope: "once" | "session"): ClaudeMode {
  if (permissions === "plan" || permissions === "ask") return scope === "once" ? "default" : "acceptEdits";
  return claudeModes[permissions]; // the agent had begun to plan by itself
}

function denial(tool: string, reason: string | null): string {
  const why = reason === null || reason.trim() === "" ? "" : ` They say: ${reason}`;
  switch (tool) {
    case "AskUserQuestion":
      return `The user did not answer.${why}`;
    case "ExitPlanMode":
      return `The user has not approved this plan. Keep planning; change nothing.${why}`;
    default:
      return `The user has denied this. Do not try to get around it.${why || " Go on without it, or ask what to do instead."}`;
  }
}

// ---- questions

type Asked = { readonly key: string; readonly shown: Question };

function questionsOf(input: Fields): Asked[] {
  return records(input["questions"])
    .slice(0, questionsMax)
    .map((question) => ({
      key: text(question["question"]),
      shown: {
        header: text(question["header"]),
        text: text(question["question"]),
        options: records(question["options"])
          .slice(0, optionsMax)
          .map((option) => ({ label: text(option["label"]), description: text(option["description"]) })),
        choice: question["multiSelect"] === true ? "many" : "one",
        takesText: true,
      },
    }));
}

/** By question; several choices of one are joined as the CLI's own dialog does. A question without an answer is left out. */
function answersOf(input: Fields, answers: readonly (readonly string[])[]): Record<string, string> {
  const given = questionsOf(input).map(({ key }, index) => [key, (answers[index] ?? []).join(", ")] as const);
  return Object.fromEntries(given.filter(([, answer]) => answer !== ""));
}

function records(value: unknown): Fields[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === "object" && item !== null) : [];
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}
