import { expect, test } from "vitest";
import { createModelServer } from "./model-server.ts";
import type { ModelServer } from "./model-server.ts";
import { dueOf, scripted, scriptIn } from "./script.ts";
import type { Message, Script } from "./script.ts";

const user = (text: string): Message => ({ role: "user", content: text });
const assistant: Message = { role: "assistant", content: "..." };
const toolAnswer: Message = { role: "user", content: [{ type: "tool_result" }] };
const toolAnswerWith = (...texts: string[]): Message => ({
  role: "user",
  content: [{ type: "tool_result" }, ...texts.map((text) => ({ type: "text", text }))],
});

function post(server: ModelServer, messages: readonly Message[], more: object = {}): Promise<Response> {
  return fetch(`${server.baseUrl}/v1/messages?beta=true`, {
    method: "POST",
    body: JSON.stringify({ model: "m", stream: true, tools: [{ name: "Bash" }], messages, ...more }),
  });
}

async function eventsOf(response: Response): Promise<Record<string, unknown>[]> {
  const data = (await response.text()).split("\n").filter((line) => line.startsWith("data: "));
  return data.map((line) => JSON.parse(line.slice("data: ".length)) as Record<string, unknown>);
}

test("the answer that is due follows from the assistant messages after the prompt, so a resumed session goes on in its script", () => {
  const prompt = scripted([["one"], ["two"]]);
  expect(dueOf([user(prompt)])).toEqual({ prompt, index: 0 });
  expect(dueOf([user("older"), assistant, user(prompt), assistant, toolAnswer])).toEqual({ prompt, index: 1 });
  expect(dueOf([user(prompt), assistant, toolAnswer, { role: "system", content: "steered" }])).toEqual({
    prompt,
    index: 1,
  });
});

test("a prompt after an interruption or a failed answer is the new one, though it shares a message with the old one", () => {
  const old = scripted([[{ tool: "Bash", input: {} }]]);
  const cut = toolAnswerWith("[Request interrupted by user for tool use]", "next");
  expect(dueOf([user(old), assistant, cut])).toEqual({ prompt: "next", index: 0 });
  const merged: Message = {
    role: "user",
    content: [old, "<system-reminder>x", "next"].map((text) => ({ type: "text", text })),
  };
  expect(dueOf([merged])).toEqual({ prompt: "next", index: 0 });
});

test("text that arrives with a tool's answer steers; only a script in it takes over", () => {
  const prompt = scripted([["one"], ["two"]]);
  const other = scripted([["other"]]);
  expect(dueOf([user(prompt), assistant, toolAnswerWith("by the way")])).toEqual({ prompt, index: 1 });
  expect(dueOf([user(prompt), assistant, toolAnswerWith(other)])).toEqual({ prompt: other, index: 0 });
});

test("a script may stand anywhere in a prompt, and brackets in its strings do not end it", () => {
  const script: Script = [['a ] \\ " [', { tool: "Bash", input: { command: "echo ']'" } }]];
  expect(scriptIn(`${scripted(script, "please: ")} and so on [x]`)).toEqual(script);
  expect(scriptIn("no script")).toBeUndefined();
});

test("text, thinking, tools, usage and the reason to stop are streamed as the Messages API does", async () => {
  await using server = await createModelServer();
  const prompt = scripted([
    [
      { thinking: ["h", "m"] },
      "hello",
      { tool: "Bash", input: { command: "ls" }, id: "t1" },
      { usage: { input_tokens: 7 } },
    ],
  ]);
  const events = await eventsOf(await post(server, [user(prompt)]));
  const block = "content_block_start content_block_delta content_block_stop";
  const thinking = "content_block_start content_block_delta content_block_delta content_block_stop";
  expect(events.map((event) => event["type"]).join(" ")).toBe(
    `message_start ${thinking} ${block} ${block} message_delta message_stop`,
  );
  expect(events.at(-2)).toMatchObject({ delta: { stop_reason: "tool_use" }, usage: { input_tokens: 7 } });
  expect(events.at(-4)).toMatchObject({ delta: { partial_json: '{"command":"ls"}' } });
  expect(server.requests).toMatchObject([{ prompt, index: 0 }]);
});

test("a request that wants no stream gets one message, and a prompt without a script is echoed", async () => {
  await using server = await createModelServer();
  const answer = await (await post(server, [user("hi")], { stream: false })).json();
  expect(answer).toMatchObject({
    role: "assistant",
    content: [{ type: "text", text: "echo: hi" }],
    stop_reason: "end_turn",
  });
});

test("a script can tell what the agent remembers and what it was told on the way", async () => {
  await using server = await createModelServer();
  const prompt = scripted([["first"], [{ tell: "earlier answers" }, { tell: "later words" }]]);
  const steered: Message = { role: "system", content: "steer left" };
  const conversation = [user("older"), assistant, user(prompt), assistant, toolAnswer, steered];
  const answer = await (await post(server, conversation, { stream: false })).text();
  expect(answer).toContain('"1 earlier answers"');
  expect(answer).toContain('"heard: steer left"');
});

test("an agent's own request without tools never plays the script", async () => {
  await using server = await createModelServer();
  const response = await post(server, [user(scripted([[{ status: 500, type: "api_error" }]]))], { tools: [] });
  expect(response.status).toBe(200);
});

test("a gate holds the stream until the test releases it, and tells that it was reached", async () => {
  await using server = await createModelServer();
  const response = post(server, [user(scripted([[{ text: ["before", { gate: "g" }, "after"] }]]))]);
  await server.gate("g").reached;
  const reader = (await response).body!.getReader();
  const decoder = new TextDecoder();
  let seen = "";
  while (!seen.includes("before")) seen += decoder.decode((await reader.read()).value);
  expect(seen).not.toContain("after");
  server.gate("g").release();
  for (let part = await reader.read(); !part.done; part = await reader.read()) seen += decoder.decode(part.value);
  expect(seen).toContain("after");
  expect(seen).toContain("message_stop");
});

test("errors carry their status, type and headers, and may stop after some times", async () => {
  await using server = await createModelServer();
  const prompt = user(
    scripted([[{ status: 529, type: "overloaded_error", headers: { "retry-after": "3" }, times: 1 }, "fine"]]),
  );
  const failed = await post(server, [prompt]);
  expect([failed.status, failed.headers.get("retry-after")]).toEqual([529, "3"]);
  expect(await failed.json()).toMatchObject({ error: { type: "overloaded_error" } });
  expect((await post(server, [prompt])).status).toBe(200);
});

test("a dropped connection is an error for the caller, and odd bytes reach it as they are", async () => {
  await using server = await createModelServer();
  await expect(post(server, [user(scripted([[{ drop: true }]]))])).rejects.toThrow("fetch failed");
  const odd = await post(server, [user(scripted([[{ raw: "event: zork\ndata: {}\n\n" }]]))]);
  expect(await odd.text()).toContain("event: zork");
});

test("disposing ends requests that wait at a gate", async () => {
  const server = await createModelServer();
  const response = post(server, [user(scripted([[{ gate: "never" }]]))]);
  const outcome = response.then(
    () => "answered",
    () => "cut",
  );
  await server.gate("never").reached;
  await server[Symbol.asyncDispose]();
  expect(await outcome).toBe("cut");
});

// ---- the Responses API

type Item = Record<string, unknown>;
const said = (role: string, text: string): Item => ({ type: "message", role, content: [{ type: "input_text", text }] });
const call: Item = { type: "function_call", name: "exec_command", arguments: "{}", call_id: "c" };
const output: Item = { type: "function_call_output", call_id: "c", output: "x" };

function respond(server: ModelServer, input: readonly Item[], more: object = {}): Promise<Response> {
  return fetch(`${server.baseUrl}/v1/responses`, {
    method: "POST",
    body: JSON.stringify({
      model: "m",
      stream: true,
      tools: [{ type: "function", name: "exec_command" }],
      input,
      ...more,
    }),
  });
}

test("the same script plays over the Responses API: text, thinking, a shell call, usage", async () => {
  await using server = await createModelServer();
  const prompt = scripted([
    [
      { thinking: ["h"] },
      "hello",
      { tool: "Bash", input: { command: "ls" }, id: "c1" },
      { usage: { input_tokens: 7 } },
    ],
  ]);
  const events = await eventsOf(await respond(server, [said("developer", "be good"), said("user", prompt)]));
  const types = events.map((event) => event["type"]);
  expect(types.filter((type) => type === "response.output_item.done")).toHaveLength(3);
  expect(types).toEqual(expect.arrayContaining(["response.created", "response.output_text.delta"]));
  expect(events.at(-2)).toMatchObject({
    item: {
      type: "function_call",
      name: "exec_command",
      call_id: "c1",
      arguments: expect.stringContaining('"cmd":"ls"'),
    },
  });
  expect(events.at(-1)).toMatchObject({ type: "response.completed", response: { usage: { input_tokens: 7 } } });
  expect(server.requests).toMatchObject([{ path: "/v1/responses", prompt, index: 0 }]);
});

test("an answer of several items is one answer, and what the agent inserts is nobody's prompt", async () => {
  await using server = await createModelServer();
  const prompt = scripted([["one"], [{ tell: "later words" }]]);
  const answered = [said("user", prompt), said("assistant", "x"), call, call, output, output];
  const steered = [...answered, said("user", "steer left"), said("user", "<environment_context>y")];
  expect(await (await respond(server, steered)).text()).toContain("heard: steer left");
  const aborted = [...answered, said("user", "<turn_aborted>z"), said("user", "next")];
  expect(await (await respond(server, aborted)).text()).toContain("echo: next");
});

test("tools that stand among the input count, and a call names its namespace; Bash becomes a script in code mode", async () => {
  await using server = await createModelServer();
  const tools = [{ type: "namespace", name: "functions", tools: [{ type: "custom", name: "exec" }] }];
  const prompt = said("user", scripted([[{ tool: "Bash", input: { command: "ls" } }]]));
  const input = [{ type: "additional_tools", role: "developer", tools }, prompt];
  const events = await eventsOf(await respond(server, input, { tools: undefined }));
  expect(events.find((event) => event["type"] === "response.output_item.done")).toMatchObject({
    item: { type: "custom_tool_call", namespace: "functions", name: "exec", input: expect.stringContaining('"ls"') },
  });
});
