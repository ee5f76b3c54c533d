/**
 * A gateway on loopback that lets agents which speak Gemini's API (generateContent, streamGenerateContent) play the scripts of the
 * scripted model: a request is put into the Messages format, asked of the model server, and its answer is put back.
 *
 * 1. It keeps nothing: journal, gates and failures are the model server's.
 * 2. An agent that hangs up hangs up on the model server too.
 */
import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import { text as readText } from "node:stream/consumers";

export type GeminiGateway = AsyncDisposable & {
  /** For GOOGLE_GEMINI_BASE_URL. */
  readonly baseUrl: string;
};

type Part = {
  readonly text?: string;
  readonly thought?: boolean;
  readonly inlineData?: { readonly mimeType?: string; readonly data?: string };
  readonly functionCall?: { readonly id?: string; readonly name: string; readonly args?: unknown };
  readonly functionResponse?: { readonly id?: string; readonly name: string; readonly response?: unknown };
};
type Content = { readonly role?: string; readonly parts?: readonly Part[] };
type GeminiBody = {
  readonly contents?: readonly Content[];
  readonly tools?: readonly { readonly functionDeclarations?: readonly { readonly name?: string }[] }[];
};

/** Resolves when it listens; rejects when no loopback port can be had. `messages` is the base URL of the model server. */
export async function createGeminiGateway(messages: string): Promise<GeminiGateway> {
  const server = createServer((request, response) => {
    serve(messages, request, response).catch((error: unknown) => {
      if (!response.headersSent) sendError(response, 502, String(error));
      response.destroy();
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the gateway has no port");
  return {
    baseUrl: `http://127.0.0.1:${address.port}`,
    async [Symbol.asyncDispose]() {
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
    },
  };
}

async function serve(messages: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const raw = await readText(request);
  const found = /\/models\/(?<model>[^:/]+):(?<verb>\w+)$/.exec((request.url ?? "").split("?", 1)[0] ?? "")?.groups;
  if (found?.["verb"] === "countTokens") return sendJson(response, 200, { totalTokens: Math.ceil(raw.length / 4) });
  const isStream = found?.["verb"] === "streamGenerateContent";
  if (!found || !(isStream || found["verb"] === "generateContent")) return sendError(response, 404, "no such method");

  const hungUp = new AbortController();
  response.once("close", () => hungUp.abort());
  const body = { model: found["model"], stream: true, ...messagesOf(JSON.parse(raw) as GeminiBody) };
  const answer = await fetch(`${messages}/v1/messages`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
    signal: hungUp.signal,
  });
  if (!answer.ok || answer.body === null) return sendError(response, answer.status, await answer.text());

  const parts: object[] = [];
  let usage = {};
  if (isStream) response.writeHead(200, { "content-type": "text/event-stream" });
  for await (const event of eventsOf(answer.body)) {
    usage = { ...usage, ...usageOf(event) };
    for (const part of partsOf(event)) {
      parts.push(part);
      if (isStream) response.write(frame({ candidates: [{ index: 0, content: { role: "model", parts: [part] } }] }));
    }
  }
  const end = { finishReason: "STOP", index: 0, content: { role: "model", parts: isStream ? [] : parts } };
  if (isStream) response.end(frame({ candidates: [end], usageMetadata: usage }));
  else sendJson(response, 200, { candidates: [end], usageMetadata: usage });
}

/** The conversation in the Messages format. */
function messagesOf(body: GeminiBody): object {
  const messages = (body.contents ?? []).map(({ role, parts = [] }) => ({
    role: role === "model" ? "assistant" : "user",
    content: parts.flatMap(blockOf),
  }));
  const names = (body.tools ?? []).flatMap((tool) => tool.functionDeclarations ?? []);
  return { messages, tools: names.map(({ name }) => ({ name })) };
}

function blockOf(part: Part): object[] {
  if (part.functionCall) {
    return [{ type: "tool_use", id: part.functionCall.id ?? "", name: part.functionCall.name, input: {} }];
  }
  if (part.functionResponse) {
    const content = JSON.stringify(part.functionResponse.response ?? null);
    return [{ type: "tool_result", tool_use_id: part.functionResponse.id ?? "", content }];
  }
  if (part.inlineData !== undefined) {
    const { mimeType, data } = part.inlineData;
    return [{ type: "image", source: { type: "base64", media_type: mimeType, data } }];
  }
  if (part.text === undefined || part.thought === true) return [];
  // What the program inserts by itself is told apart as the scripts know it.
  const isInserted = part.text.trimStart().startsWith("<session_context>");
  return [{ type: "text", text: isInserted ? `<system-reminder>${part.text}` : part.text }];
}

type StreamEvent = {
  readonly type?: string;
  readonly message?: { readonly usage?: Readonly<Record<string, number>> };
  readonly usage?: Readonly<Record<string, number>>;
  readonly content_block?: { readonly type?: string; readonly id?: string; readonly name?: string };
  readonly delta?: {
    readonly type?: string;
    readonly text?: string;
    readonly thinking?: string;
    readonly partial_json?: string;
  };
  /** The tool that the block before began: a call is one part here. */
  readonly tool?: { readonly id?: string; readonly name?: string };
};

async function* eventsOf(body: AsyncIterable<Uint8Array>): AsyncGenerator<StreamEvent, void, void> {
  const decoder = new TextDecoder();
  let text = "";
  let tool: StreamEvent["tool"];
  for await (const bytes of body) {
    text += decoder.decode(bytes, { stream: true });
    const frames = text.split("\n\n");
    text = frames.pop() ?? "";
    for (const one of frames) {
      const data = one.split("\n").find((line) => line.startsWith("data: "));
      if (data === undefined) continue;
      const event = JSON.parse(data.slice("data: ".length)) as StreamEvent;
      if (event.content_block) tool = event.content_block;
      yield tool === undefined ? event : { ...event, tool };
    }
  }
}

function partsOf({ delta, tool }: StreamEvent): object[] {
  switch (delta?.type) {
    case "text_delta":
      return [{ text: delta.text }];
    case "thinking_delta":
      return [{ text: delta.thinking, thought: true }];
    case "input_json_delta":
      return [{ functionCall: { id: tool?.id, name: tool?.name, args: JSON.parse(delta.partial_json ?? "{}") } }];
    default:
      return [];
  }
}

function usageOf(event: StreamEvent): object {
  const usage = event.usage ?? event.message?.usage;
  if (!usage) return {};
  const [input = 0, output = 0] = [usage["input_tokens"], usage["output_tokens"]];
  return { promptTokenCount: input, candidatesTokenCount: output, totalTokenCount: input + output };
}

function frame(value: object): string {
  return `data: ${JSON.stringify(value)}\r\n\r\n`;
}

function sendError(response: ServerResponse, status: number, message: string): void {
  sendJson(response, status, { error: { code: status, message, status: "SCRIPTED" } });
}

function sendJson(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(body));
}
