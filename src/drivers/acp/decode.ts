/**
 * What ACP agents send, decoded into the few values that the driver understands.
 *
 * 1. Anything else, known or new, becomes `ignored`; malformed input too. Nothing here throws.
 * 2. No meaning is given here (translate.ts does that), and no text is matched: only fields and codes are read.
 * 3. Two dialects of the same thing are one value: models and modes as config options (the protocol's stable form), and as the older
 *    `models`/`modes` fields with a method of their own (gemini-cli 0.61).
 */

export type WireTool = {
  readonly id: string;
  /** "execute", "edit", "read" ...; "" where it does not say. */
  readonly kind: string;
  readonly name: string;
  readonly title: string;
  readonly status: "pending" | "in_progress" | "completed" | "failed" | "";
  readonly input: Readonly<Record<string, unknown>>;
  readonly diffs: readonly WireDiff[];
  readonly paths: readonly string[];
  readonly text: string;
};

export type WireDiff = { readonly path: string; readonly before: string; readonly after: string };

/** What is left out of an update keeps its value from before. */
export type WireToolUpdate = { readonly id: string } & Partial<Omit<WireTool, "id">>;

export type WireUpdate =
  /** `message` differs between two messages that follow each other; "" where the agent does not say. */
  | { readonly kind: "text" | "thinking"; readonly delta: string; readonly message: string }
  | { readonly kind: "tool"; readonly tool: WireToolUpdate }
  /** `spentUsd`: what the whole session has cost so far. */
  | {
      readonly kind: "usage";
      readonly usedTokens: number;
      readonly windowTokens: number | null;
      readonly spentUsd: number | null;
    }
  | { readonly kind: "options"; readonly settings: WireSettings }
  | { readonly kind: "notice"; readonly text: string }
  | { readonly kind: "ignored"; readonly type: string };

export type WirePermission = {
  readonly tool: WireToolUpdate;
  readonly options: readonly { readonly id: string; readonly kind: string }[];
};

/** One thing of a session that can be chosen. `option` null: it has a method of its own. */
export type WireSetting = {
  readonly option: string | null;
  readonly current: string;
  readonly values: readonly { readonly id: string; readonly name: string; readonly description: string | null }[];
};

/** null: not offered. */
export type WireSettings = {
  readonly model: WireSetting | null;
  readonly effort: WireSetting | null;
  readonly mode: WireSetting | null;
};

export type WireAgent = {
  readonly protocolVersion: number;
  readonly name: string;
  readonly version: string;
  readonly can: {
    readonly images: boolean;
    readonly load: boolean;
    readonly resume: boolean;
    readonly list: boolean;
    readonly fork: boolean;
  };
  readonly logins: readonly string[];
};

export type WirePromptEnd = {
  readonly stopReason: string;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly cacheReadTokens: number;
  readonly cacheWriteTokens: number;
};

export type WireStoredSession = {
  readonly id: string;
  readonly workspace: string;
  readonly title: string | null;
  readonly updatedAtMs: number;
};

/** `code` 0: the peer's answer was not a JSON-RPC error (the connection closed). */
export type WireError = { readonly code: number; readonly message: string; readonly detail: string };

type Fields = Readonly<Record<string, unknown>>;

/** Of a `session/update` notification. */
export function decodeUpdate(params: unknown): WireUpdate {
  const update = record(record(params)["update"]);
  const type = text(update["sessionUpdate"]);
  switch (type) {
    case "agent_message_chunk":
    case "agent_thought_chunk":
      return {
        kind: type === "agent_message_chunk" ? "text" : "thinking",
        delta: text(record(update["content"])["text"]),
        message: text(update["messageId"]),
      };
    case "tool_call":
    case "tool_call_update":
      return { kind: "tool", tool: decodeTool(update) };
    case "usage_update": {
      const cost = record(update["cost"]);
      const spentUsd = cost["currency"] === "USD" ? number(cost["amount"]) : null;
      return { kind: "usage", usedTokens: number(update["used"]) ?? 0, windowTokens: number(update["size"]), spentUsd };
    }
    case "config_option_update":
      return { kind: "options", settings: decodeSettings(update) };
    case "notice": {
      const parts = [text(update["title"]), text(update["description"])];
      return { kind: "notice", text: parts.filter((part) => part !== "").join(": ") };
    }
    default:
      return { kind: "ignored", type };
  }
}

/** Of a `session/request_permission` request. */
export function decodePermission(params: unknown): WirePermission {
  const fields = record(params);
  const options = list(fields["options"]).map(record);
  return {
    tool: decodeTool(record(fields["toolCall"])),
    options: options.map((option) => ({ id: text(option["optionId"]), kind: text(option["kind"]) })),
  };
}

/** Of the answer to session/new, load, resume, fork and set_config_option, and of an update of the options. */
export function decodeSettings(result: unknown): WireSettings {
  const fields = record(result);
  const options = list(fields["configOptions"]).map(record);
  const select = (category: string): WireSetting | null => {
    const option = options.find((one) => one["category"] === category && one["type"] === "select");
    return option === undefined ? null : decodeOption(option);
  };
  const models = record(fields["models"]);
  const modes = record(fields["modes"]);
  return {
    model: select("model") ?? decodeOwnSetting(models["availableModels"], "modelId", models["currentModelId"]),
    effort: select("thought_level"),
    mode: select("mode") ?? decodeOwnSetting(modes["availableModes"], "id", modes["currentModeId"]),
  };
}

export function decodeSessionId(result: unknown): string {
  return text(record(result)["sessionId"]);
}

export function decodeAgent(result: unknown): WireAgent {
  const fields = record(result);
  const info = record(fields["agentInfo"]);
  const capabilities = record(fields["agentCapabilities"]);
  const sessions = record(capabilities["sessionCapabilities"]);
  const can = (what: string): boolean => typeof sessions[what] === "object" && sessions[what] !== null;
  return {
    protocolVersion: number(fields["protocolVersion"]) ?? 0,
    name: text(info["title"]) || text(info["name"]),
    version: text(info["version"]) || "unknown",
    can: {
      images: record(capabilities["promptCapabilities"])["image"] === true,
      load: capabilities["loadSession"] === true,
      resume: can("resume"),
      list: can("list"),
      fork: can("fork"),
    },
    logins: list(fields["authMethods"]).flatMap((method) => {
      const { name, description } = record(method);
      return text(description) || text(name) || [];
    }),
  };
}

/** Of the answer to session/prompt. Tokens are where opencode (`usage`) and gemini-cli (`_meta.quota`) put them. */
export function decodePromptEnd(result: unknown): WirePromptEnd {
  const fields = record(result);
  const usage = record(fields["usage"]);
  const quota = record(record(record(fields["_meta"])["quota"])["token_count"]);
  return {
    stopReason: text(fields["stopReason"]),
    inputTokens: number(usage["inputTokens"]) ?? number(quota["input_tokens"]) ?? 0,
    outputTokens: number(usage["outputTokens"]) ?? number(quota["output_tokens"]) ?? 0,
    cacheReadTokens: number(usage["cachedReadTokens"]) ?? 0,
    cacheWriteTokens: number(usage["cachedWriteTokens"]) ?? 0,
  };
}

export function decodeSessions(result: unknown): readonly WireStoredSession[] {
  return list(record(result)["sessions"]).flatMap((session) => {
    const fields = record(session);
    const updatedAtMs = Date.parse(text(fields["updatedAt"]));
    const id = text(fields["sessionId"]);
    if (id === "") return [];
    return {
      id,
      workspace: text(fields["cwd"]),
      title: text(fields["title"]) || null,
      updatedAtMs: Number.isNaN(updatedAtMs) ? 0 : updatedAtMs,
    };
  });
}

export function decodeError(error: unknown): WireError {
  const fields = record(error);
  const data = fields["data"];
  const message = error instanceof Error ? error.message : text(fields["message"]);
  const code = number(fields["code"]) ?? 0;
  return { code, message, detail: typeof data === "string" ? data : text(record(data)["details"]) };
}

function decodeTool(fields: Fields): WireToolUpdate {
  const content = fields["content"] === undefined || fields["content"] === null ? null : list(fields["content"]);
  const locations = list(fields["locations"]).map((location) => text(record(location)["path"]));
  const paths = locations.filter((path) => path !== "");
  return {
    id: text(fields["toolCallId"]),
    ...given("kind", text(fields["kind"])),
    ...given("name", text(fields["name"])),
    ...given("title", text(fields["title"])),
    ...given("status", statusOf(fields["status"])),
    ...(typeof fields["rawInput"] === "object" && fields["rawInput"] !== null
      ? { input: record(fields["rawInput"]) }
      : {}),
    ...(paths.length > 0 ? { paths } : {}),
    ...(content === null ? {} : decodeContent(content)),
  };
}

function decodeContent(content: readonly unknown[]): Pick<WireTool, "diffs" | "text"> {
  const parts = content.map(record);
  return {
    diffs: parts.flatMap((part) =>
      part["type"] === "diff"
        ? { path: text(part["path"]), before: text(part["oldText"]), after: text(part["newText"]) }
        : [],
    ),
    text: parts.flatMap((part) => text(record(part["content"])["text"]) || []).join("\n"),
  };
}

function decodeOption(option: Fields): WireSetting {
  const entries = list(option["options"]).map(record);
  const flat = entries.flatMap((entry) => (Array.isArray(entry["options"]) ? entry["options"].map(record) : [entry]));
  return {
    option: text(option["id"]),
    current: text(option["currentValue"]),
    values: flat.map((entry) => valueOf(entry, "value")),
  };
}

function decodeOwnSetting(values: unknown, idField: string, current: unknown): WireSetting | null {
  if (!Array.isArray(values)) return null;
  return { option: null, current: text(current), values: values.map((value) => valueOf(record(value), idField)) };
}

function valueOf(fields: Fields, idField: string): WireSetting["values"][number] {
  const id = text(fields[idField]);
  return { id, name: text(fields["name"]) || id, description: text(fields["description"]) || null };
}

function statusOf(value: unknown): WireTool["status"] {
  return value === "pending" || value === "in_progress" || value === "completed" || value === "failed" ? value : "";
}

function given<K extends string, V extends string>(key: K, value: V): { readonly [P in K]?: V } {
  return value === "" ? {} : ({ [key]: value } as { readonly [P in K]?: V });
}

function record(value: unknown): Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Fields) : {};
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function number(value: unknown): number | null {
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}
