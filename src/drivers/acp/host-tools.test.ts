import { spawn } from "node:child_process";
import { statSync } from "node:fs";
import { connect } from "node:net";
import { dirname } from "node:path";
import { createInterface } from "node:readline";
import { expect, onTestFinished, test } from "vitest";
import type { HostTool } from "../../domain/host-tool.ts";
import { createHostToolsServer } from "./host-tools.ts";
import type { CallHostTool, HostToolsDoor } from "./host-tools.ts";

const tool: HostTool = { name: "notify", description: "Tells.", input: { type: "object", properties: {} } };

async function open(call: CallHostTool): Promise<HostToolsDoor> {
  const server = createHostToolsServer();
  onTestFinished(() => server[Symbol.asyncDispose]());
  return server.open([tool], call);
}

/** The program as an agent starts it, and its answers in order. */
function start(door: HostToolsDoor) {
  const { command, args, env } = door.program;
  const child = spawn(command, args, {
    env: Object.fromEntries(env.map(({ name, value }) => [name, value])),
    stdio: ["pipe", "pipe", "inherit"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const send = (message: object): void => void child.stdin.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`);
  const answer = async (): Promise<unknown> => JSON.parse(String((await lines.next()).value));
  return { child, send, answer };
}

test("the pipe speaks MCP: initialize, ping, tools/list, tools/call, and method not found", async () => {
  const calls: unknown[] = [];
  const door = await open((name, input) => {
    calls.push([name, input]);
    return Promise.resolve(name === "notify" ? { kind: "ok", text: "told" } : { kind: "failed", text: "no such tool" });
  });
  const { send, answer } = start(door);
  send({ id: 1, method: "initialize", params: { protocolVersion: "2025-06-18", capabilities: {} } });
  expect(await answer()).toMatchObject({
    id: 1,
    result: { protocolVersion: "2025-06-18", capabilities: { tools: {} }, serverInfo: { name: "signalbox" } },
  });
  send({ method: "notifications/initialized" });
  send({ id: 2, method: "ping" });
  expect(await answer()).toEqual({ jsonrpc: "2.0", id: 2, result: {} });
  send({ id: "three", method: "tools/list" });
  expect(await answer()).toMatchObject({
    id: "three",
    result: { tools: [{ name: "notify", inputSchema: tool.input }] },
  });
  send({ id: 4, method: "tools/call", params: { name: "notify", arguments: { text: "x" } } });
  expect(await answer()).toMatchObject({
    id: 4,
    result: { content: [{ type: "text", text: "told" }], isError: false },
  });
  send({ id: 5, method: "tools/call", params: { name: "other" } });
  expect(await answer()).toMatchObject({ id: 5, result: { isError: true } });
  send({ id: 6, method: "resources/list" });
  expect(await answer()).toMatchObject({ id: 6, error: { code: -32_601 } });
  expect(calls).toEqual([
    ["notify", { text: "x" }],
    ["other", {}],
  ]);
});

test("an unknown version of the protocol is answered with one that we speak", async () => {
  const { send, answer } = start(await open(() => Promise.resolve({ kind: "ok", text: "" })));
  send({ id: 1, method: "initialize", params: { protocolVersion: "1999-01-01" } });
  expect(await answer()).toMatchObject({ result: { protocolVersion: "2025-11-25" } });
});

test("a long call holds up no other, and its cancellation reaches it and gets no answer", async () => {
  const cancelled = Promise.withResolvers<void>();
  const door = await open(
    (_name, _input, signal) =>
      new Promise((resolve) =>
        signal.addEventListener("abort", () => {
          cancelled.resolve();
          resolve({ kind: "failed", text: "cancelled" });
        }),
      ),
  );
  const { send, answer } = start(door);
  send({ id: 1, method: "tools/call", params: { name: "notify" } });
  send({ id: 2, method: "ping" });
  expect(await answer()).toMatchObject({ id: 2 });
  send({ method: "notifications/cancelled", params: { requestId: 1 } });
  await cancelled.promise;
  send({ id: 3, method: "ping" });
  expect(await answer()).toMatchObject({ id: 3 });
});

test("the pipe is a known helper while it is connected, and ends with the door", async () => {
  const door = await open(() => Promise.resolve({ kind: "ok", text: "" }));
  const { child, send, answer } = start(door);
  send({ id: 1, method: "ping" });
  await answer();
  expect(door.helpers.map(({ pid }) => pid)).toEqual([child.pid]);
  const exited = new Promise((resolve) => child.once("exit", resolve));
  door.close();
  await exited;
  expect(door.helpers).toEqual([]);
});

test("nobody comes in without the secret, and only this user reaches the socket at all", async () => {
  const door = await open(() => Promise.resolve({ kind: "ok", text: "" }));
  const path = door.program.env[0]?.value ?? "";
  expect(statSync(dirname(path)).mode & 0o777).toBe(0o700);
  for (const hello of [`wrong ${process.pid}\n`, `\n\n`, `${door.program.env[1]?.value} not-a-process\n`]) {
    const socket = connect(path);
    const closed = new Promise((resolve) => socket.once("close", resolve));
    let answered = "";
    socket.on("data", (bytes) => (answered += String(bytes)));
    socket.write(`${hello}{"jsonrpc":"2.0","id":1,"method":"ping"}\n`);
    if (hello.trim() === "") socket.end();
    await closed;
    expect(answered).toBe("");
  }
  expect(door.helpers).toEqual([]);
});
