/**
 * The transcript of one run: what a viewer needs to draw it, reduced event by event from what the agent does.
 *
 * I12: a transcript is a value; whoever draws it holds a snapshot. Events after the end change nothing.
 * I14: everything in it is bounded; what fell out is counted, never silently gone.
 */
import type { AgentEvent, ToolUse, TurnEnd, Usage } from "./agent-event.ts";
import { describeFault } from "./faults.ts";

export type ToolRecord = ToolUse & { readonly state: "running" | "ok" | "failed" };

/** What a person reads of a tool afterwards, its middle left out where it is long. */
export type ToolDetail = { readonly id: string; readonly input?: string; readonly result?: string };

export type Phase =
  | { readonly kind: "starting" }
  | { readonly kind: "thinking" }
  | { readonly kind: "writing" }
  | { readonly kind: "tool"; readonly tool: ToolUse }
  | { readonly kind: "retrying"; readonly text: string }
  /** The agent waits for a person's answer. */
  | { readonly kind: "asking" }
  | { readonly kind: "ended"; readonly end: TurnEnd };

export type Transcript = {
  readonly phase: Phase;
  /** The newest text block, its head cut at `transcriptTextCharsMax`. */
  readonly text: string;
  readonly thinking: string;
  /** The newest `transcriptToolsMax` tools, oldest first. */
  readonly tools: readonly ToolRecord[];
  readonly toolCount: number;
  /** Of the newest tools, within `transcriptDetailsCharsMax`. None in what older versions stored. */
  readonly details?: readonly ToolDetail[];
  readonly notices: readonly string[];
  readonly usage: Usage | null;
  readonly context: { readonly usedTokens: number; readonly windowTokens: number | null } | null;
  /** What the turn has changed so far, a unified diff, its end cut at `transcriptDiffCharsMax`. */
  readonly diff: string | null;
};

/** A phone shows the tail of a streamed text; the whole answer is its own message. In UTF-16 units. */
export const transcriptTextCharsMax = 16_000;
/** More than this is read in an editor. In UTF-16 units. */
const transcriptDiffCharsMax = 60_000;
/** Enough to see what an agent is about; the details view reads more from elsewhere. */
export const transcriptToolsMax = 50;
/** A command, a patch of a screen; in UTF-16 units. */
export const toolInputCharsMax = 800;
/** The beginning and the end of an output: what it is, and how it went. In UTF-16 units. */
const toolResultCharsMax = 1_200;
/** All details of a run: they are stored with it. In UTF-16 units. */
const transcriptDetailsCharsMax = 40_000;
/** Notices (a denied tool, a wrong server) repeat; the first few tell the story. */
const transcriptNoticesMax = 10;

export const emptyTranscript: Transcript = {
  phase: { kind: "starting" },
  text: "",
  thinking: "",
  tools: [],
  toolCount: 0,
  notices: [],
  usage: null,
  context: null,
  diff: null,
};

export function reduce(before: Transcript, event: AgentEvent): Transcript {
  if (before.phase.kind === "ended") return before; // I12: late events of a finished run are ignored
  switch (event.kind) {
    case "session":
      return before;
    case "text":
      return { ...before, phase: { kind: "writing" }, text: tail(textBefore(before) + event.delta) };
    case "thinking":
      return { ...before, phase: { kind: "thinking" }, thinking: tail(before.thinking + event.delta) };
    case "tool-started":
      return {
        ...before,
        phase: { kind: "tool", tool: event.tool },
        tools: [...before.tools, { ...event.tool, state: "running" as const }].slice(-transcriptToolsMax),
        toolCount: before.toolCount + 1,
        ...detailed(before, event.tool.id, "input", event.input, toolInputCharsMax),
      };
    case "tool-ended":
      return {
        ...toolEnded(before, event.id, event.ok),
        ...detailed(before, event.id, "result", event.result, toolResultCharsMax),
      };
    case "usage":
      return { ...before, usage: event.usage };
    case "context":
      return { ...before, context: { usedTokens: event.usedTokens, windowTokens: event.windowTokens } };
    case "diff":
      return { ...before, diff: head(event.diff) };
    case "asked":
      return { ...before, phase: { kind: "asking" } };
    case "limits":
    case "ask-withdrawn":
      return before; // rows of their own
    case "retrying":
      return { ...before, phase: { kind: "retrying", text: describeFault(event.fault) } };
    case "notice":
      return before.notices.length < transcriptNoticesMax
        ? { ...before, notices: [...before.notices, event.text] }
        : before;
    case "ended":
      return { ...before, phase: { kind: "ended", end: event.end } };
    default:
      return event satisfies never;
  }
}

/** Text after a tool begins a new block: the viewer shows the newest block only. */
function textBefore(before: Transcript): string {
  return before.phase.kind === "tool" || (before.phase.kind === "thinking" && before.toolCount > 0) ? "" : before.text;
}

function toolEnded(before: Transcript, id: string, ok: boolean): Transcript {
  const tools = before.tools.map((tool) =>
    tool.id === id ? { ...tool, state: ok ? ("ok" as const) : ("failed" as const) } : tool,
  );
  const open = tools.findLast((tool) => tool.state === "running");
  const phase: Phase = open === undefined ? { kind: "thinking" } : { kind: "tool", tool: open };
  return { ...before, tools, phase };
}

/** The oldest go first when they are too many. */
function detailed(
  { details = [] }: Transcript,
  id: string,
  field: "input" | "result",
  text: string | undefined,
  charsMax: number,
): Pick<Transcript, "details"> {
  if (text === undefined || text.trim() === "") return {};
  const detail = { ...(details.find((other) => other.id === id) ?? { id }), [field]: withoutMiddle(text, charsMax) };
  const all = [...details.filter((other) => other.id !== id), detail];
  let chars = all.reduce((sum, { input, result }) => sum + (input?.length ?? 0) + (result?.length ?? 0), 0);
  const first = all.findIndex(({ input, result }) => {
    if (chars <= transcriptDetailsCharsMax) return true;
    chars -= (input?.length ?? 0) + (result?.length ?? 0);
    return false;
  });
  return { details: all.slice(first) };
}

function withoutMiddle(text: string, charsMax: number): string {
  if (text.length <= charsMax) return text;
  const left = text.length - charsMax;
  const share = Math.floor((charsMax - 40) / 2);
  return `${text.slice(0, share)}\n\u2026 ${left + 40} characters \u2026\n${text.slice(-share)}`.toWellFormed();
}

function head(diff: string): string {
  return diff.length <= transcriptDiffCharsMax ? diff : diff.slice(0, transcriptDiffCharsMax);
}

function tail(text: string): string {
  return text.length <= transcriptTextCharsMax ? text : text.slice(-transcriptTextCharsMax);
}
