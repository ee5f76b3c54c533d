/**
 * A model service on loopback that speaks the Anthropic Messages API and the OpenAI Responses API (responses.ts), so that real agent
 * programs run real turns in tests.
 *
 * 1. It answers what the prompt's script says (script.ts), and echoes prompts that carry none.
 * 2. It keeps a journal of every request. It waits for gates that the test releases, never for time.
 * 3. It listens on 127.0.0.1 only, and disposing it ends every open connection.
 */
import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import { text as readText } from "node:stream/consumers";
import { ResponsesAnswer, conversationOf, toolsOf } from "./responses.ts";
import type { ResponsesBody } from "./responses.ts";
import { dueOf, scriptIn, told } from "./script.ts";
import type { Chunk, Due, Message, Script, Step } from "./script.ts";

export type ModelRequest = {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: MessagesBody;
  /** The prompt that was due and how many answers it already has. */
  readonly prompt: string;
  readonly index: number;
};

export type MessagesBody = {
  readonly model?: string;
  readonly stream?: boolean;
  readonly messages?: readonly Message[];
  readonly tools?: readonly { readonly name?: string }[];
  readonly system?: unknown;
  /** Of the Responses API, as sent; `messages` then is the conversation that was read from it. */
  readonly input?: ResponsesBody["input"];
  readonly instructions?: string;
};

/** A place in a script where the model waits. */
export type Gate = {
  /** Resolves when a request has arrived at the gate. */
  readonly reached: Promise<void>;
  /** Lets through everything that waits here and everything that comes later. */
  release(): void;
};

export type ModelServer = AsyncDisposable & {
  /** For ANTHROPIC_BASE_URL; with `/v1` after it, for a provider of the Responses API. */
  readonly baseUrl: string;
  /** Every POST of /v1/messages and /v1/responses, oldest first. */
  readonly requests: readonly ModelRequest[];
  /** Everything else that was asked for ("GET /v1/models"), to notice what an agent starts to call. */
  readonly others: readonly string[];
  gate(name: string): Gate;
};

/** Rejects when no loopback port can be had. */
export async function createModelServer(): Promise<ModelServer> {
  const requests: ModelRequest[] = [];
  const others: string[] = [];
  const gates = new Map<string, OpenGate>();
  const failures = new Map<string, number>();
  const gateOf = (name: string): OpenGate => {
    const gate = gates.get(name) ?? createGate();
    gates.set(name, gate);
    return gate;
  };

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = (request.url ?? "").split("?", 1)[0] ?? "";
    const raw = await readText(request);
    if (path === "/v1/messages/count_tokens")
      return sendJson(response, 200, { input_tokens: Math.ceil(raw.length / 4) });
    if (request.method !== "POST" || (path !== "/v1/messages" && path !== "/v1/responses")) {
      others.push(`${request.method} ${path}`);
      return request.method === "HEAD"
        ? void response.end()
        : sendJson(response, 404, errorBody("not_found_error", path));
    }
    const sent = JSON.parse(raw) as MessagesBody;
    const isResponses = path === "/v1/responses";
    const body = isResponses ? { ...sent, messages: conversationOf(sent), tools: toolsOf(sent) } : sent;
    const due = dueOf(body.messages ?? []);
    requests.push({ method: "POST", path, headers: request.headers, body, ...due });
    const steps = stepsFor(due, body);
    const wire = isResponses ? new ResponsesAnswer(response, body, steps) : new Answer(response, body, steps);
    await answer(response, wire, steps, {
      pass: (name) => gateOf(name).pass(response),
      failsAgain: (times) => {
        // The script and not the whole prompt: a request that is made again with other words around it is the same one.
        const key = `${due.index} ${JSON.stringify(scriptIn(due.prompt) ?? due.prompt)}`;
        const failed = failures.get(key) ?? 0;
        failures.set(key, failed + 1);
        return failed < times;
      },
    });
  }

  const server = createServer((request, response) => {
    serve(request, response).catch((error: unknown) => {
      // A script that cannot be played is a mistake in the test: the agent reports this text.
      if (!response.headersSent)
        sendJson(response, 400, errorBody("invalid_request_error", `model script: ${String(error)}`));
      response.destroy();
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the model server has no port");

  return {
    baseUrl: `http://127.0.0.1:${address.port}`,
    requests,
    others,
    gate: gateOf,
    async [Symbol.asyncDispose]() {
      for (const gate of gates.values()) gate.release();
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
    },
  };
}

type OpenGate = Gate & { pass(response: ServerResponse): Promise<void> };

function createGate(): OpenGate {
  const reached = Promise.withResolvers<void>();
  const released = Promise.withResolvers<void>();
  return {
    reached: reached.promise,
    release: released.resolve,
    pass: async (response) => {
      reached.resolve();
      await Promise.race([released.promise, new Promise((resolve) => response.once("close", resolve))]);
    },
  };
}

/** An agent's own small requests (a title, a summary) bring no tools; they are never what a script is for. */
function stepsFor(due: Due, body: MessagesBody): readonly Step[] {
  const script: Script | undefined = (body.tools ?? []).length > 0 ? scriptIn(due.prompt) : undefined;
  if (!script) return [`echo: ${due.prompt}`];
  const steps = script[due.index] ?? [`(the script has no answer ${due.index})`];
  return steps.map((step) =>
    typeof step === "object" && "tell" in step ? told(step.tell, body.messages ?? [], due) : step,
  );
}

type Pass = (gate: string) => Promise<void>;
type Play = { readonly pass: Pass; failsAgain(times: number): boolean };

async function answer(
  response: ServerResponse,
  message: Answer | ResponsesAnswer,
  steps: readonly Step[],
  play: Play,
): Promise<void> {
  const failure = steps.find((step) => typeof step === "object" && "status" in step);
  if (
    typeof failure === "object" &&
    "status" in failure &&
    play.failsAgain(failure.times ?? Number.POSITIVE_INFINITY)
  ) {
    for (const [name, value] of Object.entries(failure.headers ?? {})) response.setHeader(name, value);
    return sendJson(response, failure.status, errorBody(failure.type, failure.message ?? "scripted failure"));
  }
  for (const step of steps) {
    if (response.destroyed) return;
    if (typeof step === "string") await message.text([step], play.pass);
    else if ("text" in step) await message.text(step.text, play.pass);
    else if ("thinking" in step) await message.thinking(step.thinking, play.pass);
    else if ("tool" in step) message.tool(step.tool, step.input, step.id);
    else if ("gate" in step) await play.pass(step.gate);
    else if ("raw" in step) message.raw(step.raw);
    else if ("drop" in step) return void response.destroy();
  }
  message.finish();
}

/** One message on the wire: streamed as server-sent events, or whole where the request does not ask for a stream. */
class Answer {
  readonly #response: ServerResponse;
  readonly #stream: boolean;
  readonly #head: Record<string, unknown>;
  readonly #usage: Record<string, number>;
  readonly #stopReason: string;
  readonly #content: Record<string, unknown>[] = [];
  #started = false;

  constructor(response: ServerResponse, body: MessagesBody, steps: readonly Step[]) {
    const told = Object.assign(
      {},
      ...steps.filter((step) => typeof step === "object" && ("usage" in step || "stopReason" in step)),
    ) as {
      usage?: Record<string, number>;
      stopReason?: string;
    };
    const usesTool = steps.some((step) => typeof step === "object" && "tool" in step);
    this.#response = response;
    this.#stream = body.stream === true;
    this.#usage = {
      input_tokens: 10,
      output_tokens: 5,
      cache_creation_input_tokens: 0,
      cache_read_input_tokens: 0,
      ...told.usage,
    };
    this.#stopReason = told.stopReason ?? (usesTool ? "tool_use" : "end_turn");
    this.#head = {
      id: `msg_${crypto.randomUUID()}`,
      type: "message",
      role: "assistant",
      model: body.model ?? "scripted",
    };
  }

  async text(chunks: readonly Chunk[], pass: Pass): Promise<void> {
    await this.#block({ type: "text", text: "" }, "text", "text_delta", chunks, pass);
  }

  async thinking(chunks: readonly Chunk[], pass: Pass): Promise<void> {
    await this.#block(
      { type: "thinking", thinking: "", signature: "c2lnbmVk" },
      "thinking",
      "thinking_delta",
      chunks,
      pass,
    );
  }

  tool(
    name: string,
    input: Readonly<Record<string, unknown>>,
    id = `toolu_${crypto.randomUUID().replaceAll("-", "")}`,
  ): void {
    const index = this.#content.push({ type: "tool_use", id, name, input }) - 1;
    this.#send({ type: "content_block_start", index, content_block: { type: "tool_use", id, name, input: {} } });
    this.#send({
      type: "content_block_delta",
      index,
      delta: { type: "input_json_delta", partial_json: JSON.stringify(input) },
    });
    this.#send({ type: "content_block_stop", index });
  }

  raw(bytes: string): void {
    this.#start();
    this.#response.write(bytes);
  }

  finish(): void {
    if (!this.#stream) {
      sendJson(this.#response, 200, {
        ...this.#head,
        content: this.#content,
        stop_reason: this.#stopReason,
        stop_sequence: null,
        usage: this.#usage,
      });
      return;
    }
    const delta = { stop_reason: this.#stopReason, stop_sequence: null };
    this.#send({ type: "message_delta", delta, usage: this.#usage });
    this.#send({ type: "message_stop" });
    this.#response.end();
  }

  async #block(
    block: Record<string, unknown>,
    field: string,
    deltaType: string,
    chunks: readonly Chunk[],
    pass: Pass,
  ): Promise<void> {
    const index = this.#content.push(block) - 1;
    this.#send({ type: "content_block_start", index, content_block: { ...block } });
    for (const chunk of chunks) {
      if (typeof chunk === "object") await pass(chunk.gate);
      else {
        block[field] = `${String(block[field])}${chunk}`;
        this.#send({ type: "content_block_delta", index, delta: { type: deltaType, [field]: chunk } });
      }
    }
    this.#send({ type: "content_block_stop", index });
  }

  #start(): void {
    if (this.#started) return;
    this.#started = true;
    this.#response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-cache" });
    const usage = { ...this.#usage, output_tokens: 1 };
    const message = { ...this.#head, content: [], stop_reason: null, stop_sequence: null, usage };
    this.#response.write(eventOf({ type: "message_start", message }));
  }

  #send(event: { readonly type: string } & Record<string, unknown>): void {
    if (!this.#stream || this.#response.destroyed) return;
    this.#start();
    this.#response.write(eventOf(event));
  }
}

function eventOf(event: { readonly type: string } & Record<string, unknown>): string {
  return `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;
}

function errorBody(type: string, message: string): object {
  return { type: "error", error: { type, message } };
}

function sendJson(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(body));
}
