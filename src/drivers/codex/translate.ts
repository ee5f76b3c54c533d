/**
 * What Codex's messages mean in the domain's words. Pure.
 *
 * 1. Faults are told by code and HTTP status; a foreign text only ever becomes a detail for people.
 * 2. An answer is what the thread itself said since its last tool. What a subagent's thread says is not shown, what it does is.
 * 3. Tokens of a turn are what its thread's total grew by.
 */
import { toolTargetCharsMax } from "../../domain/agent-event.ts";
import type { AccountLimit, AgentEvent, TurnEnd } from "../../domain/agent-event.ts";
import { faultDetailCharsMax } from "../../domain/faults.ts";
import type { Fault } from "../../domain/faults.ts";
import type { AgentExit } from "../agent-process.ts";
import { toolResult } from "../tool-text.ts";
import type { Wire, WireError, WireItem, WireTokens, WireWindow } from "./decode.ts";

export const agentName = "Codex";
export const loginRemedy =
  "Run `codex login` in a terminal on this machine, or set the key of the configured model service before starting Signalbox.";

/** What a turn has gathered for its end. */
export type Gathered = {
  /** Messages since the last tool. */
  readonly messages: readonly string[];
  /** Whether a text was shown since the last tool, to which another message would be glued. */
  readonly isTextOpen: boolean;
  /** The message whose text is being shown. */
  readonly message: string;
  /** The tools that were told as started and not yet as ended. */
  readonly tools: ReadonlySet<string>;
  /** The thread's total before this turn; null before the first count. */
  readonly totalBefore: WireTokens | null;
  readonly windows: readonly WireWindow[];
  /** How often the current request was repeated. */
  readonly attempts: number;
  /** Why it was repeated last: the final error of a request may not say it. */
  readonly retried: WireError | null;
  readonly plans: number;
  /** How the thread's newest turn ended; null before. */
  readonly end: TurnEnd | null;
};

export const nothingGathered: Gathered = {
  messages: [],
  isTextOpen: false,
  message: "",
  tools: new Set(),
  totalBefore: null,
  windows: [],
  attempts: 0,
  retried: null,
  plans: 0,
  end: null,
};

type Translated = { readonly events: readonly AgentEvent[]; readonly after: Gathered };

/** One message during a turn of `thread`: what is shown, and what is known then. The `ended` event is the turn's to emit. */
export function translate(before: Gathered, wire: Wire, thread: string): Translated {
  const isMain = wire.thread === null || wire.thread === thread;
  switch (wire.kind) {
    case "text":
      return isMain ? translateText(before, wire.item, wire.delta) : { events: [], after: before };
    case "thinking-begins":
      return { events: isMain ? [{ kind: "thinking", delta: breakBetween }] : [], after: before };
    case "thinking":
      if (!isMain || wire.delta === "") return { events: [], after: before };
      return { events: [{ kind: "thinking", delta: wire.delta }], after: goingWell(before) };
    case "item-started":
      return translateStart(before, wire.item, isMain);
    case "item-ended":
      return translateEnd(before, wire.item, isMain);
    case "usage":
      return isMain ? translateUsage(before, wire) : { events: [], after: before };
    case "limits":
      if (wire.windows.length === 0) return { events: [], after: before };
      return {
        events: [{ kind: "limits", limits: wire.windows.map(limitOf) }],
        after: { ...before, windows: wire.windows },
      };
    case "diff":
      return { events: isMain ? [{ kind: "diff", diff: wire.diff }] : [], after: before };
    case "plan":
      return translatePlan(before, wire.steps);
    case "error": {
      if (!wire.willRetry || !isMain) return { events: [], after: before };
      const attempt = before.attempts + 1;
      const fault = faultOf(wire.error, before);
      return {
        // Codex does not say how long it waits.
        events: [{ kind: "retrying", fault, attempt, delayMs: 0 }],
        after: { ...before, attempts: attempt, retried: wire.error },
      };
    }
    case "mcp-failed":
      return { events: [{ kind: "notice", text: mcpFailure(wire.name, wire.error) }], after: before };
    case "warning":
      return { events: wire.thread === null ? [] : [{ kind: "notice", text: bounded(wire.text) }], after: before };
    case "turn-ended":
      return isMain ? { events: [], after: { ...before, end: endOf(before, wire) } } : { events: [], after: before };
    case "thread-started":
    case "turn-started":
    case "resolved":
    case "ignored":
      return { events: [], after: before };
    default:
      wire satisfies never;
      return { events: [], after: before };
  }
}

export function mcpFailure(name: string, error: string): string {
  return bounded(`The MCP server "${name}" is not available: ${error === "" ? "it did not start" : error}`);
}

/** The end of a turn whose server is gone without having reported one. */
export function deathOf(exit: AgentExit): Fault {
  if (exit.failure !== null) {
    const remedy = `It could not be started (${exit.failure}): check its program.`;
    return { kind: "agent-missing", agent: agentName, remedy };
  }
  const how = exit.signal ?? `exit code ${exit.code}`;
  const lastLine = exit.stderr.trimEnd().split("\n").at(-1) ?? "";
  return { kind: "agent-died", agent: agentName, detail: bounded(lastLine === "" ? how : `${how}: ${lastLine}`) };
}

/** A request of ours that the server refused; its codes say no more than that. */
export function refusalOf(what: string, message: string): Fault {
  return { kind: "agent-error", agent: agentName, detail: bounded(`${what}: ${message}`) };
}

/** Between two texts that follow each other. */
const breakBetween = "\n\n";

function translateText(before: Gathered, item: string, delta: string): Translated {
  if (delta === "") return { events: [], after: before };
  const isNext = before.isTextOpen && item !== before.message;
  return {
    events: [{ kind: "text", delta: isNext ? `${breakBetween}${delta}` : delta }],
    after: { ...goingWell(before), isTextOpen: true, message: item },
  };
}

function translateStart(before: Gathered, item: WireItem, isMain: boolean): Translated {
  if (item.kind !== "tool" || before.tools.has(item.id)) return { events: [], after: before };
  const after = { ...goingWell(before), tools: new Set([...before.tools, item.id]) };
  return {
    events: [
      {
        ...{ kind: "tool-started", tool: { id: item.id, name: item.name, target: oneLine(item.target) } },
        ...(item.target.trim() === "" ? {} : { input: item.target }),
      },
    ],
    after: isMain ? { ...after, messages: [], isTextOpen: false } : after,
  };
}

function translateEnd(before: Gathered, item: WireItem, isMain: boolean): Translated {
  switch (item.kind) {
    case "message": {
      if (!isMain || item.text === "") return { events: [], after: before };
      return { events: [], after: { ...before, messages: [...before.messages, item.text] } };
    }
    case "tool": {
      // A quick tool may be told as ended only.
      const { events, after } = translateStart(before, item, isMain);
      const tools = new Set([...after.tools].filter((id) => id !== item.id));
      return {
        events: [...events, { kind: "tool-ended", id: item.id, ok: item.isOk, ...toolResult(item.output) }],
        after: { ...after, tools },
      };
    }
    case "prompt":
    case "reasoning":
    case "subagent":
    case "other":
      return { events: [], after: before };
    default:
      item satisfies never;
      return { events: [], after: before };
  }
}

function translateUsage(before: Gathered, usage: Extract<Wire, { kind: "usage" }>): Translated {
  const { total, last, window } = usage;
  const start = before.totalBefore ?? minus(total, last);
  const grown = minus(total, start);
  return {
    events: [
      {
        kind: "usage",
        usage: {
          inputTokens: Math.max(0, grown.input - grown.cachedInput - grown.cacheWriteInput),
          outputTokens: grown.output,
          cacheReadTokens: grown.cachedInput,
          cacheWriteTokens: grown.cacheWriteInput,
          costUsd: null,
        },
      },
      { kind: "context", usedTokens: last.total, windowTokens: window },
    ],
    after: { ...before, totalBefore: start },
  };
}

function minus(a: WireTokens, b: WireTokens): WireTokens {
  return {
    total: a.total - b.total,
    input: a.input - b.input,
    cachedInput: a.cachedInput - b.cachedInput,
    cacheWriteInput: a.cacheWriteInput - b.cacheWriteInput,
    output: a.output - b.output,
  };
}

/** Shown as the tool that it is in other agents: one line, where the work stands. */
function translatePlan(before: Gathered, steps: Extract<Wire, { kind: "plan" }>["steps"]): Translated {
  const done = steps.filter((step) => step.status === "completed").length;
  const current = steps.find((step) => step.status === "inProgress")?.text ?? "";
  const id = `plan-${before.plans + 1}`;
  const target = oneLine(`${done}/${steps.length} ${current}`);
  return {
    events: [
      { kind: "tool-started", tool: { id, name: "Plan", target } },
      { kind: "tool-ended", id, ok: true },
    ],
    after: { ...before, plans: before.plans + 1 },
  };
}

function endOf(gathered: Gathered, turn: Extract<Wire, { kind: "turn-ended" }>): TurnEnd {
  switch (turn.status) {
    case "completed":
      return { kind: "completed", answer: gathered.messages.join(breakBetween) };
    case "interrupted":
      return { kind: "interrupted" };
    case "failed": {
      const error = turn.error ?? { code: "", status: null, message: "the turn failed", details: "" };
      return { kind: "failed", fault: faultOf(error, gathered) };
    }
    default:
      turn.status satisfies never;
      return { kind: "interrupted" };
  }
}

/** Codes of CodexErrorInfo. "other" says nothing: then what the request was repeated for tells more. */
export function faultOf(error: WireError, gathered: Gathered): Fault {
  const { retried } = gathered;
  if ((error.code === "other" || error.code === "") && error.status === null && retried !== null) {
    return faultOf({ ...retried, message: error.message }, { ...gathered, retried: null });
  }
  switch (error.code) {
    case "unauthorized":
      return { kind: "agent-not-logged-in", agent: agentName, remedy: loginRemedy };
    case "usageLimitExceeded":
    case "sessionBudgetExceeded":
      return { kind: "quota-exhausted", resetsAtMs: resetOf(gathered.windows) };
    case "rateLimitExceeded":
      return { kind: "rate-limited", resetsAtMs: resetOf(gathered.windows) };
    case "serverOverloaded":
    case "flexUnavailable":
      return { kind: "overloaded" };
    case "httpConnectionFailed":
    case "responseStreamConnectionFailed":
    case "responseStreamDisconnected":
    case "responseTooManyFailedAttempts":
      return statusFault(error, gathered);
    case "internalServerError":
      return { kind: "model-refused", status: error.status ?? 500, detail: bounded(error.message) };
    default: {
      if (error.status !== null) return statusFault(error, gathered);
      const detail = error.code === "" || error.code === "other" ? error.message : `${error.code}: ${error.message}`;
      return { kind: "agent-error", agent: agentName, detail: bounded(detail) };
    }
  }
}

function statusFault(error: WireError, gathered: Gathered): Fault {
  switch (error.status) {
    case null:
      return { kind: "model-unreachable" };
    case 401:
      return { kind: "agent-not-logged-in", agent: agentName, remedy: loginRemedy };
    case 402:
      return { kind: "quota-exhausted", resetsAtMs: resetOf(gathered.windows) };
    case 429:
      return { kind: "rate-limited", resetsAtMs: resetOf(gathered.windows) };
    case 503:
    case 529:
      return { kind: "overloaded" };
    default:
      return { kind: "model-refused", status: error.status, detail: bounded(error.details || error.message) };
  }
}

/** When the window that is used up opens again. */
function resetOf(windows: readonly WireWindow[]): number | null {
  const full = windows.filter((window) => window.usedPercent >= 100 && window.resetsAt !== null);
  const latest = Math.max(...full.map((window) => window.resetsAt ?? 0));
  return full.length === 0 ? null : latest * 1000;
}

function limitOf(window: WireWindow): AccountLimit {
  return {
    window: windowName(window.minutes),
    usedPercent: window.usedPercent,
    resetsAtMs: window.resetsAt === null ? null : window.resetsAt * 1000,
  };
}

const minutesPerHour = 60;
const minutesPerDay = 24 * minutesPerHour;

function windowName(minutes: number | null): string {
  if (minutes === null) return "account";
  if (minutes === 7 * minutesPerDay) return "week";
  if (minutes >= minutesPerDay && minutes % minutesPerDay === 0) return `${minutes / minutesPerDay} d`;
  return minutes % minutesPerHour === 0 ? `${minutes / minutesPerHour} h` : `${minutes} min`;
}

/** The model service answers: what was repeated before is over. */
function goingWell(before: Gathered): Gathered {
  return before.attempts === 0 ? before : { ...before, attempts: 0, retried: null };
}

function oneLine(text: string): string {
  const line = text.replace(/\s+/g, " ").trim();
  return line.length <= toolTargetCharsMax ? line : `${line.slice(0, toolTargetCharsMax - 1)}…`;
}

function bounded(text: string): string {
  return text.length <= faultDetailCharsMax ? text : `${text.slice(0, faultDetailCharsMax - 1)}…`;
}
