/**
 * What an agent does during one turn, in our words. Every driver translates its wire format into these events.
 *
 * A turn's events hold exactly one `ended`, and it is the last.
 */
import type { Ask } from "./ask.ts";
import type { Fault } from "./faults.ts";

/** Tokens are counts; `costUsd` is what the agent computed, null where it says nothing. */
export type Usage = {
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly cacheReadTokens: number;
  readonly cacheWriteTokens: number;
  readonly costUsd: number | null;
};

/** `target` is what the tool works on (a command, a file), bounded to `toolTargetCharsMax`. */
export type ToolUse = { readonly id: string; readonly name: string; readonly target: string };

/** A tool's target is shown on one line of a phone; more than this is never read there. In UTF-16 units. */
export const toolTargetCharsMax = 200;

/**
 * How much of an account's allowance is used, for one window ("5 h", "week"). `usedPercent` is 0 to 100 and may exceed it; `resetsAtMs`
 * is epoch milliseconds; null where the agent does not say.
 */
export type AccountLimit = {
  readonly window: string;
  readonly usedPercent: number | null;
  readonly resetsAtMs: number | null;
};

/** An agent's newest word on its account's limits. */
export type AgentLimits = { readonly driver: string; readonly limits: readonly AccountLimit[]; readonly atMs: number };

/** What several runs of one agent used together. */
export type UsageTally = Usage & { readonly driver: string; readonly runs: number };

export type TurnEnd =
  | { readonly kind: "completed"; readonly answer: string }
  | { readonly kind: "failed"; readonly fault: Fault }
  | { readonly kind: "interrupted" };

export type AgentEvent =
  | { readonly kind: "session"; readonly resume: string }
  | { readonly kind: "text"; readonly delta: string }
  | { readonly kind: "thinking"; readonly delta: string }
  /** `input`: all that the tool was given, as text; none where the agent does not say. */
  | { readonly kind: "tool-started"; readonly tool: ToolUse; readonly input?: string }
  /** `result`: what the tool answered, as text; none where the agent does not say. */
  | { readonly kind: "tool-ended"; readonly id: string; readonly ok: boolean; readonly result?: string }
  | { readonly kind: "usage"; readonly usage: Usage }
  /** How full the model's memory is, in tokens; `windowTokens` null where the agent does not say how much fits. */
  | { readonly kind: "context"; readonly usedTokens: number; readonly windowTokens: number | null }
  | { readonly kind: "limits"; readonly limits: readonly AccountLimit[] }
  /** The newest unified diff of everything that the turn has changed so far; replaces the one before. */
  | { readonly kind: "diff"; readonly diff: string }
  /** `id` names the ask within its turn; `Turn.answer` takes it. The turn goes no further with what was asked until then. */
  | { readonly kind: "asked"; readonly id: string; readonly ask: Ask }
  /** The agent does not want to know any more. */
  | { readonly kind: "ask-withdrawn"; readonly id: string }
  | { readonly kind: "retrying"; readonly fault: Fault; readonly attempt: number; readonly delayMs: number }
  | { readonly kind: "notice"; readonly text: string }
  | { readonly kind: "ended"; readonly end: TurnEnd };
