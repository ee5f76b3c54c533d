import { expect, onTestFinished, test } from "vitest";
import { createGeminiGateway } from "./gemini.ts";
import { createModelServer } from "./model-server.ts";
import { scripted } from "./script.ts";
import type { Script } from "./script.ts";

const tools = [{ functionDeclarations: [{ name: "run" }] }];

async function ask(script: Script, verb: string, before: readonly object[] = []) {
  const model = await createModelServer();
  onTestFinished(() => model[Symbol.asyncDispose]());
  const gateway = await createGeminiGateway(model.baseUrl);
  onTestFinished(() => gateway[Symbol.asyncDispose]());
  const contents = [...before, { role: "user", parts: [{ text: scripted(script) }] }];
  const response = await fetch(`${gateway.baseUrl}/v1beta/models/gemini-test:${verb}?alt=sse`, {
    method: "POST",
    body: JSON.stringify({ contents, tools }),
  });
  return { model, status: response.status, text: await response.text() };
}

/** The parts of all events, and the last event. */
function read(text: string) {
  const events = text
    .split("\r\n\r\n")
    .filter((event) => event !== "")
    .map((event) => JSON.parse(event.slice("data: ".length)));
  return { parts: events.flatMap((event) => event.candidates[0].content.parts), last: events.at(-1) };
}

test("a script's thinking, text and tool call are streamed as parts, and the end says why and how much", async () => {
  const script: Script = [[{ thinking: ["hm"] }, "hello", { tool: "run", input: { command: "ls" }, id: "call" }]];
  const { text, model } = await ask(script, "streamGenerateContent");
  const { parts, last } = read(text);
  expect(parts).toEqual([
    { text: "hm", thought: true },
    { text: "hello" },
    { functionCall: { id: "call", name: "run", args: { command: "ls" } } },
  ]);
  expect(last).toMatchObject({
    candidates: [{ finishReason: "STOP" }],
    usageMetadata: { promptTokenCount: 10, candidatesTokenCount: 5 },
  });
  expect(model.requests[0]?.body).toMatchObject({ model: "gemini-test", tools: [{ name: "run" }] });
});

test("answers, tool results and the program's own insertions keep their places in the conversation", async () => {
  const before = [
    { role: "user", parts: [{ text: "<session_context>today" }] },
    { role: "user", parts: [{ text: "earlier" }] },
    { role: "model", parts: [{ functionCall: { id: "c", name: "run", args: {} } }] },
    { role: "user", parts: [{ functionResponse: { id: "c", name: "run", response: { output: "done" } } }] },
    { role: "model", parts: [{ text: "said" }] },
  ];
  const { text } = await ask([[{ tell: "earlier answers" }]], "streamGenerateContent", before);
  expect(read(text).parts).toEqual([{ text: "2 earlier answers" }]);
});

test("without a stream the answer is one, and an error keeps its status", async () => {
  const whole = await ask([["hello"]], "generateContent");
  expect(JSON.parse(whole.text)).toMatchObject({ candidates: [{ content: { parts: [{ text: "hello" }] } }] });
  const failed = await ask([[{ status: 429, type: "rate_limit_error" }]], "streamGenerateContent");
  expect(failed.status).toBe(429);
  expect(JSON.parse(failed.text)).toMatchObject({ error: { code: 429 } });
});
