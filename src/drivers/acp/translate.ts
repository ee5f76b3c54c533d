/**
 * What an ACP agent's updates and errors mean in the domain's words. Pure.
 *
 * 1. Faults are told by JSON-RPC code and HTTP status; a foreign text only ever becomes a detail for people.
 * 2. An answer is what was said after the last tool call, or, where nothing was, the last that was said before.
 * 3. A tool is shown as started when it works, not when the model thinks of it: until then an agent does not say what it is about.
 */
import { toolTargetCharsMax } from "../../domain/agent-event.ts";
import type { AgentEvent, TurnEnd, Usage } from "../../domain/agent-event.ts";
import { faultDetailCharsMax } from "../../domain/faults.ts";
import type { Fault } from "../../domain/faults.ts";
import type { AgentExit } from "../agent-process.ts";
import { toolInput, toolResult } from "../tool-text.ts";
import type { WireError, WirePromptEnd, WireTool, WireToolUpdate, WireUpdate } from "./decode.ts";

/** How an agent is spoken of. */
export type AgentTitle = { readonly name: string; readonly loginRemedy: string };

export type Gathered = {
  readonly tools: ReadonlyMap<string, ToolSeen>;
  /** What was said between two tool calls; the last one is being added to. */
  readonly said: readonly string[];
  /** The message that the last text belonged to. */
  readonly message: string;
  readonly hasToolSince: boolean;
  readonly hasUsedTools: boolean;
  /** What the session had cost before the turn, and now; null where that is not known. */
  readonly spentBeforeUsd: number | null;
  readonly spentUsd: number | null;
};

type ToolSeen = { readonly tool: WireTool; readonly shown: "no" | "started" | "ended" };

export function nothingGathered(spentUsd: number | null): Gathered {
  return {
    tools: new Map(),
    said: [],
    message: "",
    hasToolSince: false,
    hasUsedTools: false,
    spentBeforeUsd: spentUsd,
    spentUsd: null,
  };
}

type Translated = { readonly events: readonly AgentEvent[]; readonly after: Gathered };

/** One update during a turn: what is shown, and what is known then. */
export function translate(before: Gathered, update: WireUpdate): Translated {
  switch (update.kind) {
    case "text":
      return update.delta === "" ? { events: [], after: before } : gatherText(before, update.delta, update.message);
    case "thinking":
      return { events: update.delta === "" ? [] : [{ kind: "thinking", delta: update.delta }], after: before };
    case "tool":
      return gatherTool(before, update.tool, "as told");
    case "usage": {
      const { usedTokens, windowTokens, spentUsd } = update;
      return { events: [{ kind: "context", usedTokens, windowTokens }], after: { ...before, spentUsd } };
    }
    case "notice":
      return { events: update.text === "" ? [] : [{ kind: "notice", text: bounded(update.text) }], after: before };
    case "options":
    case "ignored":
      return { events: [], after: before };
    default:
      update satisfies never;
      return { events: [], after: before };
  }
}

/** A tool about which the agent asks: `allowed` once it may work (some agents do not tell of its start themselves). */
export function gatherTool(before: Gathered, update: WireToolUpdate, how: "as told" | "allowed"): Translated {
  const seen = before.tools.get(update.id);
  const tool: WireTool = { ...(seen?.tool ?? { ...unknownTool, id: update.id }), ...update };
  const isDone = tool.status === "completed" || tool.status === "failed";
  const works = how === "allowed" || isDone || tool.status === "in_progress";
  const shown = seen?.shown ?? "no";
  const starts = works && shown === "no";
  const ends = isDone && shown !== "ended";
  const events: AgentEvent[] = [];
  const shownTool = { id: tool.id, name: nameOf(tool), target: targetOf(tool) };
  if (starts) events.push({ kind: "tool-started", tool: shownTool, ...toolInput(tool.input) });
  if (ends) {
    const ok = tool.status === "completed";
    events.push({ kind: "tool-ended", id: tool.id, ok, ...toolResult(tool.text) });
  }
  const tools = new Map(before.tools).set(tool.id, { tool, shown: ends ? "ended" : starts ? "started" : shown });
  const hasToolSince = before.hasToolSince || starts;
  return { events, after: { ...before, tools, hasToolSince, hasUsedTools: before.hasUsedTools || works } };
}

export function toolOf(gathered: Gathered, id: string): WireTool {
  return gathered.tools.get(id)?.tool ?? { ...unknownTool, id };
}

export function usageOf(gathered: Gathered, end: WirePromptEnd): Usage {
  const { inputTokens, outputTokens, cacheReadTokens, cacheWriteTokens } = end;
  const { spentBeforeUsd, spentUsd } = gathered;
  const costUsd = spentBeforeUsd === null || spentUsd === null ? null : Math.max(0, spentUsd - spentBeforeUsd);
  return { inputTokens, outputTokens, cacheReadTokens, cacheWriteTokens, costUsd };
}

/** How a turn ended that nobody stopped. */
export function endOf(gathered: Gathered, end: WirePromptEnd, title: AgentTitle): TurnEnd {
  const answer = gathered.said.findLast((text) => text.trim() !== "") ?? "";
  switch (end.stopReason) {
    case "end_turn":
      return { kind: "completed", answer };
    case "cancelled":
      return { kind: "interrupted" };
    case "max_tokens":
      return agentError(title, "The answer is longer than the model may write at once (max_tokens).");
    case "max_turn_requests":
      return agentError(title, "The turn took more requests to the model than the agent allows (max_turn_requests).");
    case "refusal":
      return agentError(title, "The model refused to go on (refusal).");
    default:
      return agentError(title, `The turn ended for an unknown reason: ${end.stopReason}`);
  }
}

/** JSON-RPC codes of the protocol that mean more than "it did not work". */
const authRequired = -32_000;

export function faultOf(error: WireError, title: AgentTitle): Fault {
  const detail = [error.message, error.detail].filter((part) => part !== "").join(": ");
  // Agents that pass on the status of the model service have it as the code (gemini-cli).
  switch (error.code) {
    case authRequired:
    case 401:
      return { kind: "agent-not-logged-in", agent: title.name, remedy: title.loginRemedy };
    case 402:
      return { kind: "quota-exhausted", resetsAtMs: null };
    case 429:
      return { kind: "rate-limited", resetsAtMs: null };
    case 503:
    case 529:
      return { kind: "overloaded" };
    default:
      return error.code >= 400 && error.code <= 599
        ? { kind: "model-refused", status: error.code, detail: bounded(detail) }
        : { kind: "agent-error", agent: title.name, detail: bounded(detail) };
  }
}

/** The end of an agent that is gone without having said why. */
export function deathOf(exit: AgentExit, title: AgentTitle): Fault {
  if (exit.failure === "ENOENT" || exit.failure === "EACCES") {
    const remedy = `It could not be started (${exit.failure}): check its command in the configuration, and the workspace.`;
    return { kind: "agent-missing", agent: title.name, remedy };
  }
  const how = exit.signal ?? exit.failure ?? `exit code ${exit.code}`;
  const lastLine = exit.stderr.trimEnd().split("\n").at(-1) ?? "";
  return { kind: "agent-died", agent: title.name, detail: bounded(lastLine === "" ? how : `${how}: ${lastLine}`) };
}

export function strangerFault(said: string, title: AgentTitle): Fault {
  const what = said === "" ? "It did not introduce itself." : `It printed: ${said}`;
  const detail = `The program does not speak the Agent Client Protocol on its standard output. ${what}`;
  return { kind: "agent-error", agent: title.name, detail: bounded(detail) };
}

export function bounded(text: string): string {
  return text.length <= faultDetailCharsMax ? text : `${text.slice(0, faultDetailCharsMax - 1)}\u2026`;
}

/** One line that says what a tool call is about. */
export function targetOf(tool: WireTool): string {
  const fields = ["command", "filePath", "file_path", "path", "pattern", "url", "query"].map(
    (field) => tool.input[field],
  );
  const told = fields.find((value): value is string => typeof value === "string" && value !== "");
  const line = (told ?? tool.paths[0] ?? tool.title).replace(/\s+/g, " ").trim();
  return line.length <= toolTargetCharsMax ? line : `${line.slice(0, toolTargetCharsMax - 1)}\u2026`;
}

/** Between two messages that follow each other. */
const messageBreak = "\n\n";

function gatherText(before: Gathered, delta: string, message: string): Translated {
  const isNext = !before.hasToolSince && before.said.length > 0 && message !== before.message;
  const shown = isNext ? messageBreak + delta : delta;
  const said = before.hasToolSince
    ? [...before.said, delta]
    : [...before.said.slice(0, -1), (before.said.at(-1) ?? "") + shown];
  return { events: [{ kind: "text", delta: shown }], after: { ...before, said, message, hasToolSince: false } };
}

/** The agent's own name of the tool where it tells it; else the kind of thing that it does. */
function nameOf(tool: WireTool): string {
  return tool.name || (tool.kind === "" || tool.kind === "other" ? tool.title : tool.kind);
}

function agentError(title: AgentTitle, detail: string): TurnEnd {
  return { kind: "failed", fault: { kind: "agent-error", agent: title.name, detail: bounded(detail) } };
}

const unknownTool: WireTool = {
  id: "",
  kind: "",
  name: "",
  title: "",
  status: "",
  input: {},
  diffs: [],
  paths: [],
  text: "",
};
