/**
 * The messages of `codex app-server` (0.169), decoded into the few values that the driver understands.
 *
 * 1. Anything else, known or new, becomes `ignored`; malformed input too. Nothing here throws.
 * 2. No meaning is given here (translate.ts does that), and no text is matched: only fields and codes are read.
 *
 * The server describes itself: `codex app-server generate-ts --experimental --out DIR`. What is read here is checked at run time instead
 * of compiled against it, because the program is the user's own and may be of another version.
 */
import type { RpcMessage } from "./connection.ts";

/** `status` is the model service's HTTP status, null where no answer came. `code` is "" where Codex gives none. */
export type WireError = {
  readonly code: string;
  readonly status: number | null;
  readonly message: string;
  readonly details: string;
};

export type WireChange = { readonly path: string; readonly kind: "add" | "delete" | "update"; readonly diff: string };

/** What a thread consists of. `tool` covers everything that does something outside the model. */
export type WireItem =
  | { readonly kind: "message"; readonly id: string; readonly text: string }
  /** `client` is the id that we gave to what we said. */
  | { readonly kind: "prompt"; readonly id: string; readonly client: string }
  | { readonly kind: "reasoning"; readonly id: string }
  | {
      readonly kind: "tool";
      readonly id: string;
      readonly name: string;
      readonly target: string;
      readonly isOk: boolean;
      /** What it printed or answered; "" where it does not say. */
      readonly output: string;
      readonly changes: readonly WireChange[];
    }
  /** `agent` is the thread of a subagent. */
  | { readonly kind: "subagent"; readonly id: string; readonly agent: string }
  | { readonly kind: "other"; readonly id: string };

export type WireTokens = {
  readonly total: number;
  readonly input: number;
  readonly cachedInput: number;
  readonly cacheWriteInput: number;
  readonly output: number;
};

export type WireWindow = {
  readonly minutes: number | null;
  readonly usedPercent: number;
  /** Epoch seconds. */
  readonly resetsAt: number | null;
};

/** `thread` is null for what concerns them all. */
export type Wire = { readonly thread: string | null } & WireBody;

export type WireBody =
  | { readonly kind: "thread-started"; readonly parent: string | null }
  /** `root` is the turn that it serves: itself, or the one that began its subagent. */
  | { readonly kind: "turn-started"; readonly turn: string; readonly root: string }
  | {
      readonly kind: "turn-ended";
      readonly turn: string;
      readonly status: "completed" | "interrupted" | "failed";
      readonly error: WireError | null;
    }
  | { readonly kind: "text" | "thinking"; readonly item: string; readonly delta: string }
  | { readonly kind: "thinking-begins" }
  | { readonly kind: "item-started" | "item-ended"; readonly item: WireItem }
  | {
      readonly kind: "usage";
      readonly total: WireTokens;
      readonly last: WireTokens;
      readonly window: number | null;
    }
  | { readonly kind: "limits"; readonly windows: readonly WireWindow[] }
  | { readonly kind: "diff"; readonly diff: string }
  | { readonly kind: "plan"; readonly steps: readonly { readonly text: string; readonly status: string }[] }
  | { readonly kind: "error"; readonly error: WireError; readonly willRetry: boolean }
  | { readonly kind: "mcp-failed"; readonly name: string; readonly error: string }
  | { readonly kind: "warning"; readonly text: string }
  /** A request of the server was answered, or is not waited for any more. */
  | { readonly kind: "resolved"; readonly request: string }
  | { readonly kind: "ignored"; readonly method: string };

export type WireQuestion = {
  readonly id: string;
  readonly header: string;
  readonly text: string;
  readonly options: readonly { readonly label: string; readonly description: string }[];
  readonly takesOther: boolean;
};

/** What the server asks us. `request` is its id as text. */
export type WireRequest = { readonly thread: string | null; readonly request: string } & (
  | {
      readonly kind: "command";
      readonly command: string;
      readonly directory: string | null;
      readonly reason: string | null;
      /** The command would reach this host. */
      readonly host: string | null;
    }
  | { readonly kind: "edit"; readonly item: string; readonly reason: string | null; readonly root: string | null }
  | { readonly kind: "permissions"; readonly reason: string | null; readonly permissions: Fields }
  | { readonly kind: "questions"; readonly questions: readonly WireQuestion[] }
  | { readonly kind: "elicitation"; readonly server: string; readonly message: string; readonly wantsInput: boolean }
  | { readonly kind: "tool-call"; readonly name: string; readonly input: unknown }
  | { readonly kind: "unknown"; readonly method: string }
);

export type Fields = Readonly<Record<string, unknown>>;

export function decode(message: RpcMessage): Wire {
  const fields = record(message.params);
  return { thread: optional(fields["threadId"]) ?? idOf(fields["thread"]), ...decodeBody(message.method, fields) };
}

function decodeBody(method: string, fields: Fields): WireBody {
  switch (method) {
    case "thread/started":
      return { kind: "thread-started", parent: optional(record(fields["thread"])["parentThreadId"]) };
    case "turn/started":
      return decodeTurnStart(record(fields["turn"]));
    case "turn/completed":
      return decodeTurnEnd(record(fields["turn"]));
    case "item/agentMessage/delta":
    case "item/plan/delta":
      return { kind: "text", item: text(fields["itemId"]), delta: text(fields["delta"]) };
    case "item/reasoning/summaryTextDelta":
    case "item/reasoning/textDelta":
      return { kind: "thinking", item: text(fields["itemId"]), delta: text(fields["delta"]) };
    case "item/reasoning/summaryPartAdded":
      return { kind: "thinking-begins" };
    case "item/started":
      return { kind: "item-started", item: decodeItem(record(fields["item"])) };
    case "item/completed":
      return { kind: "item-ended", item: decodeItem(record(fields["item"])) };
    case "thread/tokenUsage/updated": {
      const usage = record(fields["tokenUsage"]);
      return {
        kind: "usage",
        total: decodeTokens(usage["total"]),
        last: decodeTokens(usage["last"]),
        window: optionalNumber(usage["modelContextWindow"]),
      };
    }
    case "account/rateLimits/updated": {
      const limits = record(fields["rateLimits"]);
      return { kind: "limits", windows: [limits["primary"], limits["secondary"]].flatMap(decodeWindow) };
    }
    case "turn/diff/updated":
      return { kind: "diff", diff: text(fields["diff"]) };
    case "turn/plan/updated": {
      const steps = list(fields["plan"]).map(record);
      return { kind: "plan", steps: steps.map((step) => ({ text: text(step["step"]), status: text(step["status"]) })) };
    }
    case "error":
      return { kind: "error", error: decodeError(record(fields["error"])), willRetry: fields["willRetry"] === true };
    case "mcpServer/startupStatus/updated":
      if (fields["status"] !== "failed") return { kind: "ignored", method };
      return { kind: "mcp-failed", name: text(fields["name"]), error: text(fields["error"]) };
    case "warning":
    case "guardianWarning":
      return { kind: "warning", text: text(fields["message"]) };
    case "configWarning":
    case "deprecationNotice":
      return { kind: "warning", text: [fields["summary"], fields["details"]].map(text).filter(Boolean).join(" ") };
    case "serverRequest/resolved":
      return { kind: "resolved", request: requestId(fields["requestId"]) };
    default:
      return { kind: "ignored", method };
  }
}

export function decodeRequest(message: RpcMessage): WireRequest {
  const fields = record(message.params);
  const head = { thread: optional(fields["threadId"]), request: requestId(message.id) };
  switch (message.method) {
    case "item/commandExecution/requestApproval":
      return {
        ...head,
        kind: "command",
        command: shownCommand(text(fields["command"])),
        directory: optional(fields["cwd"]),
        reason: optional(fields["reason"]),
        host: optional(record(fields["networkApprovalContext"])["host"]),
      };
    case "item/fileChange/requestApproval":
      return {
        ...head,
        kind: "edit",
        item: text(fields["itemId"]),
        reason: optional(fields["reason"]),
        root: optional(fields["grantRoot"]),
      };
    case "item/permissions/requestApproval":
      return {
        ...head,
        kind: "permissions",
        reason: optional(fields["reason"]),
        permissions: record(fields["permissions"]),
      };
    case "item/tool/requestUserInput":
      return { ...head, kind: "questions", questions: list(fields["questions"]).map(decodeQuestion) };
    case "mcpServer/elicitation/request": {
      const properties = record(record(fields["requestedSchema"])["properties"]);
      const wantsInput = fields["mode"] !== "form" || Object.keys(properties).length > 0;
      return {
        ...head,
        kind: "elicitation",
        server: text(fields["serverName"]),
        message: text(fields["message"]),
        wantsInput,
      };
    }
    case "item/tool/call":
      return { ...head, kind: "tool-call", name: text(fields["tool"]), input: fields["arguments"] };
    default:
      return { ...head, kind: "unknown", method: message.method };
  }
}

// ---- answers to our requests

export type WireThread = {
  readonly id: string;
  /** The model and effort that the thread goes on with; "" where it is not said. */
  readonly model: string;
  readonly isPlanning: boolean;
};

/** Of thread/start, thread/resume and thread/fork; null when it names no thread. */
export function decodeThread(result: unknown): WireThread | null {
  const fields = record(result);
  const id = idOf(fields["thread"]);
  if (id === null) return null;
  return { id, model: text(fields["model"]), isPlanning: record(fields["collaborationMode"])["mode"] === "plan" };
}

/** Of turn/start; null when it names no turn. */
export function decodeTurn(result: unknown): string | null {
  return idOf(record(result)["turn"]);
}

export type WireModel = {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly efforts: readonly string[];
  readonly effort: string | null;
  readonly isDefault: boolean;
};

export function decodeModels(result: unknown): { readonly models: readonly WireModel[]; readonly next: string | null } {
  const fields = record(result);
  const models = list(fields["data"])
    .map(record)
    .filter((model) => model["hidden"] !== true && text(model["model"]) !== "")
    .map((model) => ({
      id: text(model["model"]),
      name: text(model["displayName"]) || text(model["model"]),
      description: text(model["description"]),
      efforts: list(model["supportedReasoningEfforts"]).flatMap(
        (effort) => text(record(effort)["reasoningEffort"]) || [],
      ),
      effort: optional(model["defaultReasoningEffort"]),
      isDefault: model["isDefault"] === true,
    }));
  return { models, next: optional(fields["nextCursor"]) };
}

export type WireStoredThread = {
  readonly id: string;
  readonly workspace: string;
  readonly name: string | null;
  readonly preview: string;
  /** Epoch seconds of the last turn. */
  readonly updatedAt: number;
};

export function decodeThreads(result: unknown): readonly WireStoredThread[] {
  return list(record(result)["data"])
    .map(record)
    .filter((thread) => text(thread["id"]) !== "")
    .map((thread) => ({
      id: text(thread["id"]),
      workspace: text(thread["cwd"]),
      name: optional(thread["name"]),
      preview: text(thread["preview"]),
      // `updatedAt` also counts what only touched the file.
      updatedAt: optionalNumber(thread["recencyAt"]) ?? number(thread["updatedAt"]),
    }));
}

/** Nobody is logged in although the configured model service wants it. */
export function decodeLacksLogin(result: unknown): boolean {
  const fields = record(result);
  return fields["requiresOpenaiAuth"] === true && (fields["account"] ?? null) === null;
}

/** The user's own settings, in the part that the driver has to know to change nothing else. */
export type WireConfig = {
  readonly model: string | null;
  readonly effort: string | null;
  /** MCP servers that are programs of this machine. */
  readonly mcpPrograms: readonly string[];
  /** Only these variables reach a command; empty: all of them. */
  readonly passedVariables: readonly string[];
  readonly sandbox: {
    readonly writableRoots: readonly string[];
    readonly networkAccess: boolean;
    readonly excludeTmpdirEnvVar: boolean;
    readonly excludeSlashTmp: boolean;
  };
};

export function decodeConfig(result: unknown): WireConfig {
  const config = record(record(result)["config"]);
  const sandbox = record(config["sandbox_workspace_write"]);
  const servers = Object.entries(record(config["mcp_servers"]));
  return {
    model: optional(config["model"]),
    effort: optional(config["model_reasoning_effort"]),
    mcpPrograms: servers.flatMap(([name, server]) => (optional(record(server)["command"]) === null ? [] : [name])),
    passedVariables: texts(record(config["shell_environment_policy"])["include_only"]),
    sandbox: {
      writableRoots: texts(sandbox["writable_roots"]),
      networkAccess: sandbox["network_access"] === true,
      excludeTmpdirEnvVar: sandbox["exclude_tmpdir_env_var"] === true,
      excludeSlashTmp: sandbox["exclude_slash_tmp"] === true,
    },
  };
}

/** The version in "signalbox/0.169.0 (Debian ...)"; "" where there is none. */
export function decodeVersion(result: unknown): string {
  return /\/(?<version>\d[^ ]*)/.exec(text(record(result)["userAgent"]))?.groups?.["version"] ?? "";
}

/** A thread's commands that are still there, by the item that began them. */
export function decodeTerminals(result: unknown): readonly { readonly process: string; readonly item: string }[] {
  return list(record(result)["data"])
    .map(record)
    .map((terminal) => ({ process: text(terminal["processId"]), item: text(terminal["itemId"]) }));
}

// ---- parts

function decodeTurnStart(turn: Fields): WireBody {
  const id = text(turn["id"]);
  return { kind: "turn-started", turn: id, root: optional(turn["rootTurnId"]) ?? id };
}

function decodeTurnEnd(turn: Fields): WireBody {
  const status = turn["status"];
  const error = turn["error"] === null || turn["error"] === undefined ? null : decodeError(record(turn["error"]));
  return {
    kind: "turn-ended",
    turn: text(turn["id"]),
    status: status === "completed" || status === "interrupted" ? status : "failed",
    error,
  };
}

/** A code is a word, or an object of one field that may hold the HTTP status. */
function decodeError(error: Fields): WireError {
  const info = error["codexErrorInfo"];
  const [named] = Object.entries(record(info));
  return {
    code: typeof info === "string" ? info : (named?.[0] ?? ""),
    status: optionalNumber(record(named?.[1])["httpStatusCode"]),
    message: text(error["message"]),
    details: text(error["additionalDetails"]),
  };
}

function decodeItem(item: Fields): WireItem {
  const id = text(item["id"]);
  const isOk = item["status"] === "completed";
  const tool = (name: string, target: string, isFine = isOk): WireItem => ({
    kind: "tool",
    id,
    name,
    target,
    isOk: isFine,
    output: text(item["aggregatedOutput"]),
    changes: list(item["changes"]).map(decodeChange),
  });
  const type = text(item["type"]);
  switch (type) {
    case "agentMessage":
    case "plan":
      return { kind: "message", id, text: text(item["text"]) };
    case "userMessage":
      return { kind: "prompt", id, client: text(item["clientId"]) };
    case "reasoning":
      return { kind: "reasoning", id };
    case "commandExecution":
      return tool("Shell", shownCommand(text(item["command"])), isOk && (item["exitCode"] ?? 0) === 0);
    case "fileChange":
      return tool(
        "Edit",
        list(item["changes"])
          .map((change) => decodeChange(change).path)
          .join(", "),
      );
    case "mcpToolCall":
      return tool(`${text(item["server"])}.${text(item["tool"])}`, shownInput(item["arguments"]));
    case "dynamicToolCall":
      return tool(text(item["tool"]), shownInput(item["arguments"]), isOk && item["success"] !== false);
    case "collabAgentToolCall":
      return tool(text(item["tool"]), text(item["prompt"]));
    case "webSearch":
      return tool("WebSearch", text(item["query"]), true);
    case "imageView":
      return tool("ViewImage", text(item["path"]), true);
    case "subAgentActivity":
      return { kind: "subagent", id, agent: text(item["agentThreadId"]) };
    case "contextCompaction":
      return tool("Compact", "", true);
    default:
      return { kind: "other", id };
  }
}

function decodeChange(value: unknown): WireChange {
  const change = record(value);
  const kind = record(change["kind"])["type"];
  return {
    path: text(change["path"]),
    kind: kind === "add" || kind === "delete" ? kind : "update",
    diff: text(change["diff"]),
  };
}

/** Codex runs what the model asked for as `/bin/bash -lc '...'`; a quoting that is not plain is left as it is. */
function shownCommand(command: string): string {
  return /^\S*sh -l?c '(?<inner>[^']*)'$/.exec(command)?.groups?.["inner"] ?? command;
}

function shownInput(input: unknown): string {
  const values = Object.values(record(input));
  return (
    values.find((value): value is string => typeof value === "string") ??
    (values.length === 0 ? "" : JSON.stringify(input))
  );
}

function decodeQuestion(value: unknown): WireQuestion {
  const question = record(value);
  const options = list(question["options"]).map(record);
  return {
    id: text(question["id"]),
    header: text(question["header"]),
    text: text(question["question"]),
    options: options.map((option) => ({ label: text(option["label"]), description: text(option["description"]) })),
    takesOther: question["isOther"] === true,
  };
}

function decodeTokens(value: unknown): WireTokens {
  const tokens = record(value);
  return {
    total: number(tokens["totalTokens"]),
    input: number(tokens["inputTokens"]),
    cachedInput: number(tokens["cachedInputTokens"]),
    cacheWriteInput: number(tokens["cacheWriteInputTokens"]),
    output: number(tokens["outputTokens"]),
  };
}

function decodeWindow(value: unknown): WireWindow[] {
  const window = record(value);
  const usedPercent = optionalNumber(window["usedPercent"]);
  if (usedPercent === null) return [];
  const minutes = optionalNumber(window["windowDurationMins"]);
  return [{ minutes, usedPercent, resetsAt: optionalNumber(window["resetsAt"]) }];
}

const requestId = (value: unknown): string =>
  typeof value === "string" || typeof value === "number" ? `${value}` : "";
const idOf = (value: unknown): string | null => optional(record(value)["id"]);
const record = (value: unknown): Fields => (typeof value === "object" && value !== null ? (value as Fields) : {});
const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
const text = (value: unknown): string => (typeof value === "string" ? value : "");
const texts = (value: unknown): readonly string[] => list(value).filter((one) => typeof one === "string");
const optional = (value: unknown): string | null => (typeof value === "string" && value !== "" ? value : null);
const number = (value: unknown): number => optionalNumber(value) ?? 0;
const optionalNumber = (value: unknown): number | null =>
  typeof value === "number" && Number.isFinite(value) ? value : null;
