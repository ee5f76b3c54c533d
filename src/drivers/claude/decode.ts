/**
 * Claude Code's output messages, decoded into the few values that the driver understands.
 *
 * 1. Anything else, known or new, becomes `ignored`; malformed input too. Nothing here throws.
 * 2. No meaning is given here (translate.ts does that), and no text is matched: only fields and codes are read.
 *
 * Some fields are on the wire of CLI 2.1.330 and not in the SDK's types (seen, and advertised in `init.capabilities`):
 * `command_lifecycle` messages, `api_error_type`, `api_error`, `model_usage_since_last_result`.
 */

export type WireBlock =
  | { readonly kind: "text"; readonly text: string }
  | {
      readonly kind: "tool";
      readonly id: string;
      readonly name: string;
      readonly input: Readonly<Record<string, unknown>>;
    };

/** An MCP server of the user's that the agent has to do without. */
export type McpTrouble = { readonly server: string; readonly status: "failed" | "needs-auth" };

/** What the newest request put into the model's window. */
export type WireFill = { readonly model: string; readonly tokens: number };

/** One window of the account's allowance ("five_hour"); `used` is a fraction, and may exceed 1. */
export type WireAllowance = {
  readonly window: string;
  readonly used: number | null;
  readonly resetsAtMs: number | null;
};

/** A command is a process; an agent goes on thinking inside the CLI. */
export type WireTask = { readonly id: string; readonly kind: "command" | "agent" };

export type WireUsage = {
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly cacheReadTokens: number;
  readonly cacheWriteTokens: number;
  /** What this result added; null where the CLI does not say. */
  readonly costUsd: number | null;
};

export type WireResult = {
  readonly kind: "result";
  readonly subtype: string;
  readonly isError: boolean;
  readonly text: string;
  /** Why the CLI's loop ended ("completed", "aborted_tools", "api_error"); "" where it does not say. */
  readonly reason: string;
  readonly apiStatus: number | null;
  readonly apiErrorType: string;
  /** A failure without an HTTP answer ("connection_failed"). */
  readonly apiError: string;
  readonly startupFailure: string;
  readonly errors: readonly string[];
  /** Uuids of the messages that this turn has taken in. */
  readonly answered: readonly string[];
  readonly usage: WireUsage;
  /** How many tokens fit into each model that was used. */
  readonly windows: Readonly<Record<string, number>>;
};

export type WireToolResult = { readonly id: string; readonly isError: boolean; readonly text: string };

export type Wire =
  | {
      readonly kind: "init";
      readonly session: string;
      readonly version: string;
      readonly troubles: readonly McpTrouble[];
    }
  | { readonly kind: "state"; readonly state: "idle" | "running" | "requires_action" }
  | { readonly kind: "lifecycle"; readonly message: string; readonly state: string }
  | { readonly kind: "text-begins" }
  | { readonly kind: "text"; readonly delta: string }
  | { readonly kind: "thinking"; readonly delta: string }
  /** How long the main thread's answer to one request has become. */
  | { readonly kind: "answered"; readonly tokens: number }
  /** `isMain` is false for what a subagent says. `error` is the CLI's code for a failed request, "" for none. */
  | {
      readonly kind: "assistant";
      readonly isMain: boolean;
      readonly blocks: readonly WireBlock[];
      readonly error: string;
      readonly fill: WireFill | null;
    }
  | { readonly kind: "tool-results"; readonly results: readonly WireToolResult[] }
  | {
      readonly kind: "retry";
      readonly attempt: number;
      readonly delayMs: number;
      readonly status: number | null;
      readonly error: string;
    }
  | {
      readonly kind: "limit";
      readonly isRejected: boolean;
      readonly resetsAtMs: number | null;
      readonly allowances: readonly WireAllowance[];
    }
  | { readonly kind: "denied"; readonly tool: string; readonly text: string }
  | { readonly kind: "notice"; readonly text: string }
  /** All background tasks that are alive now. */
  | { readonly kind: "tasks"; readonly tasks: readonly WireTask[] }
  | WireResult
  | { readonly kind: "ignored"; readonly type: string };

type Fields = Readonly<Record<string, unknown>>;

export function decode(message: unknown): Wire {
  const fields = record(message);
  const type = text(fields["type"]);
  switch (type) {
    case "system":
      return decodeSystem(fields);
    case "stream_event":
      return decodeStream(fields);
    case "assistant":
      return {
        kind: "assistant",
        isMain: fields["parent_tool_use_id"] === null,
        blocks: list(record(fields["message"])["content"]).flatMap(decodeBlock),
        error: text(fields["error"]),
        fill: decodeFill(record(fields["message"])),
      };
    case "user":
      return decodeUser(fields);
    case "result":
      return decodeResult(fields);
    case "command_lifecycle":
      return { kind: "lifecycle", message: text(fields["command_uuid"]), state: text(fields["state"]) };
    case "rate_limit_event":
      return decodeLimit(record(fields["rate_limit_info"]));
    default:
      return { kind: "ignored", type };
  }
}

function decodeSystem(fields: Fields): Wire {
  const subtype = text(fields["subtype"]);
  switch (subtype) {
    case "init":
      return {
        kind: "init",
        session: text(fields["session_id"]),
        version: text(fields["claude_code_version"]),
        troubles: list(fields["mcp_servers"]).map(record).flatMap(decodeTrouble),
      };
    case "session_state_changed": {
      const state = fields["state"];
      if (state === "idle" || state === "running" || state === "requires_action") return { kind: "state", state };
      return { kind: "ignored", type: subtype };
    }
    case "api_retry":
      return {
        kind: "retry",
        attempt: number(fields["attempt"]),
        delayMs: number(fields["retry_delay_ms"]),
        status: numberOrNull(fields["error_status"]),
        error: text(fields["error"]),
      };
    case "background_tasks_changed": {
      const tasks = list(fields["tasks"])
        .map(record)
        .filter((task) => task["ambient"] !== true)
        .map((task) => ({
          id: text(task["task_id"]),
          kind: task["task_type"] === "local_bash" ? ("command" as const) : ("agent" as const),
        }));
      return { kind: "tasks", tasks };
    }
    case "permission_denied":
      return { kind: "denied", tool: text(fields["tool_name"]), text: text(fields["message"]) };
    case "informational":
      if (fields["level"] === "info") return { kind: "ignored", type: subtype };
      return { kind: "notice", text: text(fields["content"]) };
    case "compact_boundary":
      return { kind: "notice", text: "The conversation was long: the agent has summarised its older part." };
    default:
      return { kind: "ignored", type: `system/${subtype}` };
  }
}

/** Deltas of the main thread; what subagents stream is not part of the answer. */
function decodeStream(fields: Fields): Wire {
  const event = record(fields["event"]);
  const isMain = fields["parent_tool_use_id"] === null;
  const part = record(event["delta"] ?? event["content_block"]);
  if (isMain && event["type"] === "message_delta") {
    return { kind: "answered", tokens: number(record(event["usage"])["output_tokens"]) };
  }
  switch (isMain ? `${text(event["type"])}/${text(part["type"])}` : "") {
    case "content_block_start/text":
      return { kind: "text-begins" };
    case "content_block_delta/text_delta":
      return { kind: "text", delta: text(part["text"]) };
    case "content_block_delta/thinking_delta":
      return { kind: "thinking", delta: text(part["thinking"]) };
    default:
      return { kind: "ignored", type: "stream_event" };
  }
}

function decodeBlock(block: unknown): WireBlock[] {
  const fields = record(block);
  switch (fields["type"]) {
    case "text":
      return [{ kind: "text", text: text(fields["text"]) }];
    case "tool_use":
      return [{ kind: "tool", id: text(fields["id"]), name: text(fields["name"]), input: record(fields["input"]) }];
    default:
      return [];
  }
}

function decodeUser(fields: Fields): Wire {
  const results = list(record(fields["message"])["content"])
    .map(record)
    .filter((block) => block["type"] === "tool_result")
    .map((block) => ({
      id: text(block["tool_use_id"]),
      isError: block["is_error"] === true,
      text: contentText(block["content"]),
    }));
  return results.length > 0 ? { kind: "tool-results", results } : { kind: "ignored", type: "user" };
}

/** A text, or blocks of which some are texts. */
function contentText(content: unknown): string {
  if (typeof content === "string") return content;
  return list(content)
    .map((block) => text(record(block)["text"]))
    .filter((part) => part !== "")
    .join("\n");
}

function decodeResult(fields: Fields): WireResult {
  return {
    kind: "result",
    subtype: text(fields["subtype"]),
    isError: fields["is_error"] === true,
    text: text(fields["result"]),
    reason: text(fields["terminal_reason"]),
    apiStatus: numberOrNull(fields["api_error_status"]),
    apiErrorType: text(fields["api_error_type"]),
    apiError: text(fields["api_error"]),
    startupFailure: text(fields["startup_failure_reason"]),
    errors: list(fields["errors"]).map(text),
    answered: list(fields["user_message_uuids"] ?? fields["user_message_uuid"]).map(text),
    usage: decodeUsage(fields),
    windows: decodeWindows(record(fields["modelUsage"])),
  };
}

function decodeWindows(models: Fields): Readonly<Record<string, number>> {
  const sizes = Object.entries(models).map(([model, used]) => [model, number(record(used)["contextWindow"])] as const);
  return Object.fromEntries(sizes.filter(([, tokens]) => tokens > 0));
}

/** A name is the user's own word; a longer one is a mistake. In UTF-16 units. */
const serverNameCharsMax = 100;

function decodeTrouble(server: Fields): McpTrouble[] {
  const status = server["status"];
  if (status !== "failed" && status !== "needs-auth") return [];
  return [{ server: text(server["name"]).slice(0, serverNameCharsMax), status }];
}

function decodeFill(message: Fields): WireFill | null {
  const usage = record(message["usage"]);
  const parts = ["input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"];
  const tokens = parts.reduce((sum, part) => sum + number(usage[part]), 0);
  return tokens === 0 ? null : { model: text(message["model"]), tokens };
}

/** Per model, subagents included, since the last result; older CLIs only tell the main loop's tokens and a running total. */
function decodeUsage(fields: Fields): WireUsage {
  const since = fields["model_usage_since_last_result"];
  if (typeof since !== "object" || since === null) {
    const usage = record(fields["usage"]);
    return {
      inputTokens: number(usage["input_tokens"]),
      outputTokens: number(usage["output_tokens"]),
      cacheReadTokens: number(usage["cache_read_input_tokens"]),
      cacheWriteTokens: number(usage["cache_creation_input_tokens"]),
      costUsd: null,
    };
  }
  const models = Object.values(since).map(record);
  const sum = (field: string): number => models.reduce((total, model) => total + number(model[field]), 0);
  return {
    inputTokens: sum("inputTokens"),
    outputTokens: sum("outputTokens"),
    cacheReadTokens: sum("cacheReadInputTokens"),
    cacheWriteTokens: sum("cacheCreationInputTokens"),
    costUsd: sum("costUSD"),
  };
}

function decodeLimit(fields: Fields): Wire {
  // Every window is told where the service tells it, else the one that the event is about.
  const windows = Object.entries(record(fields["unifiedWindows"]));
  const own = decodeAllowance(text(fields["rateLimitType"]), fields);
  const told = windows.map(([window, allowance]) => decodeAllowance(window, record(allowance)));
  return {
    kind: "limit",
    isRejected: fields["status"] === "rejected",
    resetsAtMs: own.resetsAtMs,
    allowances: told.length > 0 ? told : [own].filter(({ window }) => window !== ""),
  };
}

function decodeAllowance(window: string, fields: Fields): WireAllowance {
  const resetsAt = numberOrNull(fields["resetsAt"]);
  // Seconds since the epoch.
  return { window, used: numberOrNull(fields["utilization"]), resetsAtMs: resetsAt === null ? null : resetsAt * 1000 };
}

function record(value: unknown): Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Fields) : {};
}

function list(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  return value === undefined || value === null ? [] : [value];
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function number(value: unknown): number {
  return numberOrNull(value) ?? 0;
}

function numberOrNull(value: unknown): number | null {
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}
