/**
 * The Responses API side of the scripted model: an agent's request as the conversation that script.ts understands, and an answer on
 * the wire.
 *
 * 1. What the model said between two inputs is one answer, however many items it has: scripts count answers.
 * 2. A script names its tools as it likes: `Bash` and `apply_patch` become whichever tool of the kind the request brings.
 */
import type { ServerResponse } from "node:http";
import type { Chunk, Message, Step } from "./script.ts";

/** The part of a request that decides about the answer. */
export type ResponsesBody = {
  readonly model?: string;
  readonly stream?: boolean;
  readonly instructions?: string;
  readonly input?: string | readonly ResponsesItem[] | undefined;
  readonly tools?: readonly ResponsesTool[];
};

export type ResponsesItem = {
  readonly type?: string;
  readonly role?: string;
  readonly content?:
    | string
    | readonly { readonly type: string; readonly text?: string; readonly encrypted_content?: string }[];
  readonly [field: string]: unknown;
};

export type ResponsesTool = {
  readonly type?: string;
  readonly name?: string;
  /** Set where the tool was found in a namespace. */
  readonly namespace?: string | undefined;
  /** Of a namespace. */
  readonly tools?: readonly ResponsesTool[];
};

/** Every tool that the request brings: in its own list, in a list that stands among the input, and in their namespaces. */
export function toolsOf(body: ResponsesBody): readonly ResponsesTool[] {
  const items = typeof body.input === "string" ? [] : (body.input ?? []);
  const among = items.flatMap((item) => (item.type === "additional_tools" ? (item["tools"] as ResponsesTool[]) : []));
  return [...(body.tools ?? []), ...among].flatMap((tool) =>
    tool.type === "namespace" ? (tool.tools ?? []).map((inner) => ({ ...inner, namespace: tool.name })) : [tool],
  );
}

/**
 * As the Messages API would tell it. A text that comes after a tool's output shares its message, as steering does there; what the
 * agent program inserts by itself is marked as such.
 */
export function conversationOf(body: ResponsesBody): readonly Message[] {
  const items = typeof body.input === "string" ? [{ role: "user", content: body.input }] : (body.input ?? []);
  const messages: { role: string; content: { type: string; text?: string }[] }[] = [];
  const into = (role: string, block: { type: string; text?: string }, joins: boolean): void => {
    const last = messages.at(-1);
    if (joins && last?.role === role) last.content.push(block);
    else messages.push({ role, content: [block] });
  };
  for (const item of items) {
    const type = item.type ?? "message";
    if (type.endsWith("_output")) into("user", { type: "tool_result" }, true);
    else if (type === "agent_message") into("user", { type: "text", text: taskOrNews(textOf(item)) }, false);
    else if (item.role === "developer" || item.role === "system") continue; // the agent's own words are nobody's prompt
    else if (type !== "message" || item.role === "assistant")
      into("assistant", { type: "text", text: textOf(item) }, true);
    else if (item.role === "user") {
      const text = insertedOrOwn(textOf(item));
      const answersTool = messages.at(-1)?.content.some((block) => block.type === "tool_result") ?? false;
      into("user", { type: "text", text }, answersTool);
    }
  }
  return messages;
}

function textOf(item: ResponsesItem): string {
  if (typeof item.content === "string") return item.content;
  return (item.content ?? []).map((part) => part.text ?? part.encrypted_content ?? "").join("");
}

/** What agents of one team tell each other is a prompt where it carries a script. */
function taskOrNews(text: string): string {
  return text.includes("SCRIPT:") ? text : `<system-reminder>${text}`;
}

const insertions = [
  "<environment_context>",
  "<user_instructions>",
  "# AGENTS.md instructions",
  "<skill",
  "<user_shell",
];

function insertedOrOwn(text: string): string {
  if (text.startsWith("<turn_aborted>")) return `[Request interrupted ${text}`;
  return insertions.some((head) => text.startsWith(head)) ? `<system-reminder>${text}` : text;
}

/** One response on the wire: streamed as server-sent events, or whole where the request does not ask for a stream. */
export class ResponsesAnswer {
  readonly #response: ServerResponse;
  readonly #body: ResponsesBody;
  readonly #id = `resp_${crypto.randomUUID()}`;
  readonly #output: object[] = [];
  readonly #usage: object;
  #isStarted = false;

  constructor(response: ServerResponse, body: ResponsesBody, steps: readonly Step[]) {
    this.#response = response;
    this.#body = body;
    this.#usage = usageOf(steps);
  }

  async text(chunks: readonly Chunk[], pass: (gate: string) => Promise<void>): Promise<void> {
    const item = { type: "message", role: "assistant", id: itemId("msg") };
    await this.#item(
      { ...item, content: [] },
      chunks,
      pass,
      (delta) => ({ type: "response.output_text.delta", content_index: 0, delta }),
      (text) => ({ ...item, content: [{ type: "output_text", text, annotations: [] }] }),
    );
  }

  async thinking(chunks: readonly Chunk[], pass: (gate: string) => Promise<void>): Promise<void> {
    const item = { type: "reasoning", id: itemId("rs"), encrypted_content: "c2VhbGVk" };
    await this.#item(
      { ...item, summary: [] },
      chunks,
      pass,
      (delta) => ({ type: "response.reasoning_summary_text.delta", summary_index: 0, delta }),
      (text) => ({ ...item, summary: [{ type: "summary_text", text }] }),
    );
  }

  tool(name: string, input: Readonly<Record<string, unknown>>, id = `call_${crypto.randomUUID()}`): void {
    const call = callOf(name, input, toolsOf(this.#body));
    const item = { id: itemId("fc"), call_id: id, ...call };
    const output_index = this.#output.push(item) - 1;
    this.#send({ type: "response.output_item.added", output_index, item });
    this.#send({ type: "response.output_item.done", output_index, item });
  }

  raw(bytes: string): void {
    this.#start();
    this.#response.write(bytes);
  }

  finish(): void {
    const response = { ...this.#head("completed"), output: this.#output, usage: this.#usage };
    if (this.#body.stream !== true) {
      this.#response.writeHead(200, { "content-type": "application/json" });
      this.#response.end(JSON.stringify(response));
      return;
    }
    this.#send({ type: "response.completed", response });
    this.#response.end();
  }

  async #item(
    opened: { readonly id: string } & Record<string, unknown>,
    chunks: readonly Chunk[],
    pass: (gate: string) => Promise<void>,
    deltaOf: (delta: string) => { readonly type: string } & Record<string, unknown>,
    closed: (text: string) => object,
  ): Promise<void> {
    const output_index = this.#output.push(opened) - 1;
    this.#send({ type: "response.output_item.added", output_index, item: opened });
    if (opened.id.startsWith("rs")) {
      this.#send({ type: "response.reasoning_summary_part.added", item_id: opened.id, output_index, summary_index: 0 });
    }
    let text = "";
    for (const chunk of chunks) {
      if (typeof chunk === "object") await pass(chunk.gate);
      else {
        text += chunk;
        this.#send({ ...deltaOf(chunk), item_id: opened.id, output_index });
      }
    }
    const item = closed(text);
    this.#output[output_index] = item;
    this.#send({ type: "response.output_item.done", output_index, item });
  }

  #head(status: string): object {
    return { id: this.#id, object: "response", status, model: this.#body.model ?? "scripted" };
  }

  #start(): void {
    if (this.#isStarted) return;
    this.#isStarted = true;
    this.#response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-cache" });
    const created = { type: "response.created", response: { ...this.#head("in_progress"), output: [] } };
    this.#response.write(`event: ${created.type}\ndata: ${JSON.stringify(created)}\n\n`);
  }

  #send(event: { readonly type: string } & Record<string, unknown>): void {
    if (this.#body.stream !== true || this.#response.destroyed) return;
    this.#start();
    this.#response.write(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
  }
}

const itemId = (kind: string): string => `${kind}_${crypto.randomUUID().replaceAll("-", "")}`;

/** Scripts speak of tokens as the Messages API does, where input does not count what was cached. */
function usageOf(steps: readonly Step[]): object {
  const told = steps.find((step) => typeof step === "object" && "usage" in step);
  const usage = typeof told === "object" && "usage" in told ? told.usage : {};
  const cached = usage["cache_read_input_tokens"] ?? 0;
  const input = (usage["input_tokens"] ?? 10) + cached + (usage["cache_creation_input_tokens"] ?? 0);
  const output = usage["output_tokens"] ?? 5;
  return {
    input_tokens: input,
    input_tokens_details: { cached_tokens: cached },
    output_tokens: output,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: input + output,
  };
}

type Call = { readonly type: string; readonly name: string } & Record<string, unknown>;

/** A command in the background is one whose answer is not waited for: Codex then keeps it as a terminal. */
const waitMs = { foreground: 30_000, background: 250 };

function callOf(name: string, input: Readonly<Record<string, unknown>>, tools: readonly ResponsesTool[]): Call {
  const has = (tool: string): ResponsesTool | undefined => tools.find((known) => known.name === tool);
  if (name === "Bash" && !has("Bash")) {
    const command = textIn(input["command"]);
    const yield_time_ms = input["run_in_background"] === true ? waitMs.background : waitMs.foreground;
    const more = Object.fromEntries(
      ["sandbox_permissions", "justification"].flatMap((key) => (key in input ? [[key, input[key]]] : [])),
    );
    const run = { cmd: command, yield_time_ms, ...more };
    if (has("exec_command")) return functionCall(has("exec_command"), "exec_command", run);
    const script = `text(await tools.exec_command(${JSON.stringify(run)}));`;
    if (has("exec")?.type === "custom") return customCall(has("exec"), "exec", script);
    if (has("shell_command")) return functionCall(has("shell_command"), "shell_command", { command, ...more });
    return functionCall(has("shell"), "shell", { command: ["bash", "-c", command], ...more });
  }
  if (has(name)?.type === "custom" || name === "apply_patch") {
    return customCall(has(name), name, textIn(input["patch"] ?? input["input"]));
  }
  return functionCall(has(name), name, input);
}

function functionCall(tool: ResponsesTool | undefined, name: string, input: object): Call {
  return { type: "function_call", ...namespaceOf(tool), name, arguments: JSON.stringify(input) };
}

function customCall(tool: ResponsesTool | undefined, name: string, input: string): Call {
  return { type: "custom_tool_call", ...namespaceOf(tool), name, input };
}

const namespaceOf = (tool: ResponsesTool | undefined): object =>
  tool?.namespace === undefined ? {} : { namespace: tool.namespace };

const textIn = (value: unknown): string => (typeof value === "string" ? value : "");
