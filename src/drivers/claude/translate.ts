/**
 * What Claude Code's messages mean in the domain's words. Pure.
 *
 * 1. Faults are told by code, HTTP status and type; a foreign text only ever becomes a detail for people.
 * 2. An answer is what the main thread said since its last tool call. (A result's own text is only the last block of that.) One turn
 *    may have several results (a background agent reports back): their answers are joined.
 */
import { toolTargetCharsMax } from "../../domain/agent-event.ts";
import type { AccountLimit, AgentEvent, TurnEnd, Usage } from "../../domain/agent-event.ts";
import { faultDetailCharsMax } from "../../domain/faults.ts";
import type { Fault } from "../../domain/faults.ts";
import type { AgentExit } from "../agent-process.ts";
import { toolInput, toolResult } from "../tool-text.ts";
import type { Wire, WireAllowance, WireBlock, WireFill, WireResult } from "./decode.ts";

export const agentName = "Claude Code";
export const loginRemedy =
  "Run `claude` in a terminal on this machine and log in (/login), or set ANTHROPIC_API_KEY before starting Signalbox.";

/** What a turn has gathered for its end. */
export type Gathered = {
  /** Blocks of text since the last tool call or result. */
  readonly blocks: readonly string[];
  /** What was said between the tool call before the last and the last: what leads to that. */
  readonly preamble: readonly string[];
  /** Whether a text was shown since the last tool call, to which another block would be glued. */
  readonly isTextOpen: boolean;
  readonly answers: readonly string[];
  readonly usage: Usage;
  /** The account's limit was reported as exhausted; when it opens again, if that was said. */
  readonly limit: { readonly resetsAtMs: number | null } | null;
  /** The code of the last failed request ("authentication_failed"), "" for none. */
  readonly requestError: string;
  /** The CLI named a known cause for not starting, which a new session would not remove. */
  readonly hasStartupFailure: boolean;
  /** Of the main thread's newest request, and the length of the answer to it. */
  readonly fill: WireFill | null;
  readonly answerTokens: number;
  /** How the newest result ended the turn; null before the first. */
  readonly end: TurnEnd | null;
};

export const nothingGathered: Gathered = {
  blocks: [],
  preamble: [],
  isTextOpen: false,
  answers: [],
  usage: { inputTokens: 0, outputTokens: 0, cacheReadTokens: 0, cacheWriteTokens: 0, costUsd: 0 },
  limit: null,
  requestError: "",
  hasStartupFailure: false,
  fill: null,
  answerTokens: 0,
  end: null,
};

/** One message during a turn: what is shown, and what is known then. The `ended` event is the turn's to emit. */
export function translate(
  before: Gathered,
  wire: Wire,
): { readonly events: readonly AgentEvent[]; readonly after: Gathered } {
  switch (wire.kind) {
    case "init":
      return { events: [{ kind: "session", resume: wire.session }], after: before };
    case "text-begins":
      return { events: before.isTextOpen ? [{ kind: "text", delta: blockBreak }] : [], after: before };
    case "text":
    case "thinking":
      if (wire.delta === "") return { events: [], after: before };
      return {
        events: [{ kind: wire.kind, delta: wire.delta }],
        after: { ...before, isTextOpen: before.isTextOpen || wire.kind === "text" },
      };
    case "answered":
      return { events: [], after: { ...before, answerTokens: wire.tokens } };
    case "assistant":
      return { events: wire.blocks.flatMap(toolStarted), after: gatherMessage(before, wire) };
    case "tool-results":
      return {
        events: wire.results.map(({ id, isError, text }) => ({
          ...{ kind: "tool-ended", id, ok: !isError },
          ...toolResult(text),
        })),
        after: before,
      };
    case "retry": {
      const fault = requestFault(wire.status, wire.error, "", before.limit);
      return { events: [{ kind: "retrying", fault, attempt: wire.attempt, delayMs: wire.delayMs }], after: before };
    }
    case "limit":
      return {
        events: wire.allowances.length === 0 ? [] : [{ kind: "limits", limits: wire.allowances.map(limitOf) }],
        after: { ...before, limit: wire.isRejected ? { resetsAtMs: wire.resetsAtMs } : null },
      };
    case "denied":
      return { events: [{ kind: "notice", text: bounded(`Denied: ${wire.tool}. ${wire.text}`) }], after: before };
    case "notice":
      return { events: [{ kind: "notice", text: bounded(wire.text) }], after: before };
    case "result": {
      const after = gatherResult(before, wire);
      return { events: [{ kind: "usage", usage: after.usage }, ...contextOf(before, wire)], after };
    }
    case "state":
    case "lifecycle":
    case "tasks":
    case "ignored":
      return { events: [], after: before };
    default:
      wire satisfies never;
      return { events: [], after: before };
  }
}

/** The end of a turn whose process is gone without having reported one. */
export function deathOf(exit: AgentExit): Fault {
  if (exit.failure === "ENOENT" || exit.failure === "EACCES") {
    return {
      kind: "agent-missing",
      agent: agentName,
      remedy: `It could not be started (${exit.failure}): check its program and the workspace.`,
    };
  }
  const how = exit.signal ?? exit.failure ?? `exit code ${exit.code}`;
  const lastLine = exit.stderr.trimEnd().split("\n").at(-1) ?? "";
  return { kind: "agent-died", agent: agentName, detail: bounded(lastLine === "" ? how : `${how}: ${lastLine}`) };
}

/** Between two blocks of text that follow each other. */
const blockBreak = "\n\n";

function gatherMessage(before: Gathered, message: Extract<Wire, { kind: "assistant" }>): Gathered {
  const requestError = message.error === "" ? before.requestError : message.error;
  const fill = message.isMain ? (message.fill ?? before.fill) : before.fill;
  // The text of a failed request is the CLI's own, and the fault says it.
  if (!message.isMain || message.error !== "") return { ...before, requestError, fill };
  const tool = message.blocks.findLastIndex((block) => block.kind === "tool");
  const texts = textsOf(message.blocks.slice(tool + 1));
  const blocks = tool < 0 ? [...before.blocks, ...texts] : texts;
  const preamble = tool < 0 ? before.preamble : [...before.blocks, ...textsOf(message.blocks.slice(0, tool))];
  return { ...before, requestError, fill, blocks, preamble, isTextOpen: tool < 0 && before.isTextOpen };
}

function gatherResult(before: Gathered, result: WireResult): Gathered {
  const { usage } = before;
  const added = result.usage;
  const sum: Usage = {
    inputTokens: usage.inputTokens + added.inputTokens,
    outputTokens: usage.outputTokens + added.outputTokens,
    cacheReadTokens: usage.cacheReadTokens + added.cacheReadTokens,
    cacheWriteTokens: usage.cacheWriteTokens + added.cacheWriteTokens,
    costUsd: usage.costUsd === null || added.costUsd === null ? null : usage.costUsd + added.costUsd,
  };
  const said = before.blocks.length > 0 ? before.blocks.join(blockBreak) : result.text;
  const answers = result.isError || said === "" ? before.answers : [...before.answers, said];
  return {
    ...before,
    hasStartupFailure: result.startupFailure !== "",
    blocks: [],
    answers,
    usage: sum,
    end: endOf(before, result, answers),
  };
}

function endOf(before: Gathered, result: WireResult, answers: readonly string[]): TurnEnd {
  // The CLI says "success" of a turn whose request failed; only is_error tells.
  if (result.subtype === "success" && !result.isError) return { kind: "completed", answer: answers.join(blockBreak) };
  if (result.reason === "aborted_streaming" || result.reason === "aborted_tools") return { kind: "interrupted" };
  return { kind: "failed", fault: resultFault(before, result) };
}

function resultFault(before: Gathered, result: WireResult): Fault {
  const detail = result.text === "" ? result.errors.join("; ") : result.text;
  if (result.reason === "api_error" || result.apiStatus !== null || result.apiError !== "") {
    if (result.apiError !== "" && result.apiStatus === null) return { kind: "model-unreachable" };
    const code = result.apiErrorType === "overloaded_error" ? "overloaded" : before.requestError;
    return requestFault(result.apiStatus, code, detail, before.limit);
  }
  if (before.requestError !== "") return requestFault(null, before.requestError, detail, before.limit);
  const reason = result.startupFailure || result.reason || result.subtype;
  return { kind: "agent-error", agent: agentName, detail: bounded(detail === "" ? reason : `${reason}: ${detail}`) };
}

/** `status` is null when no HTTP answer came. `code` is the CLI's own classification, which it does not give for every status. */
function requestFault(status: number | null, code: string, detail: string, limit: Gathered["limit"]): Fault {
  switch (code) {
    case "authentication_failed":
    case "oauth_org_not_allowed":
    case "account_on_hold":
    case "verification_required":
      return { kind: "agent-not-logged-in", agent: agentName, remedy: loginRemedy };
    case "billing_error":
      return { kind: "quota-exhausted", resetsAtMs: limit?.resetsAtMs ?? null };
    case "rate_limit":
      return limit ? { kind: "quota-exhausted", ...limit } : { kind: "rate-limited", resetsAtMs: null };
    case "overloaded":
      return { kind: "overloaded" };
    default:
      return statusFault(status, code, detail, limit);
  }
}

function statusFault(status: number | null, code: string, detail: string, limit: Gathered["limit"]): Fault {
  switch (status) {
    case null:
      return code === "" || code === "unknown" || code === "server_error"
        ? { kind: "model-unreachable" }
        : { kind: "agent-error", agent: agentName, detail: bounded(detail === "" ? code : detail) };
    case 401:
      return { kind: "agent-not-logged-in", agent: agentName, remedy: loginRemedy };
    case 402:
      return { kind: "quota-exhausted", resetsAtMs: limit?.resetsAtMs ?? null };
    case 429:
      return limit ? { kind: "quota-exhausted", ...limit } : { kind: "rate-limited", resetsAtMs: null };
    case 529:
      return { kind: "overloaded" };
    default:
      return { kind: "model-refused", status, detail: bounded(detail === "" ? code : detail) };
  }
}

function contextOf({ fill, answerTokens }: Gathered, result: WireResult): AgentEvent[] {
  if (fill === null) return [];
  const windowTokens = result.windows[fill.model] ?? null;
  return [{ kind: "context", usedTokens: fill.tokens + answerTokens, windowTokens }];
}

/** Windows of the service that people know by another name. */
const windowNames: Readonly<Record<string, string>> = {
  five_hour: "5 h",
  seven_day: "week",
  seven_day_opus: "week, Opus",
  seven_day_sonnet: "week, Sonnet",
};

function limitOf({ window, used, resetsAtMs }: WireAllowance): AccountLimit {
  const name = windowNames[window] ?? bounded(window.replaceAll("_", " "));
  return { window: name, usedPercent: used === null ? null : Math.round(used * 100), resetsAtMs };
}

/** What the main thread has said before the tool that it is about to use, as one text. */
export function saidOf({ blocks, preamble }: Gathered): string {
  return (blocks.length > 0 ? blocks : preamble).join(blockBreak);
}

function textsOf(blocks: readonly WireBlock[]): string[] {
  return blocks.flatMap((block) => (block.kind === "text" ? [block.text] : []));
}

function toolStarted(block: WireBlock): AgentEvent[] {
  if (block.kind !== "tool") return [];
  const tool = { id: block.id, name: block.name, target: targetOf(block.input) };
  return [{ kind: "tool-started", tool, ...toolInput(block.input) }];
}

/** The fields that say what a tool works on, most telling first; names of Claude Code's own tools. */
const targetFields = [
  "command",
  "file_path",
  "notebook_path",
  "path",
  "pattern",
  "url",
  "query",
  "description",
  "skill",
];

/** One line that says what a tool call is about, bounded. */
export function targetOf(input: Readonly<Record<string, unknown>>): string {
  const values = targetFields.map((field) => input[field]);
  const found = values.find((value): value is string => typeof value === "string" && value !== "") ?? "";
  const line = found.replace(/\s+/g, " ").trim();
  return line.length <= toolTargetCharsMax ? line : `${line.slice(0, toolTargetCharsMax - 1)}…`;
}

function bounded(text: string): string {
  return text.length <= faultDetailCharsMax ? text : `${text.slice(0, faultDetailCharsMax - 1)}…`;
}
