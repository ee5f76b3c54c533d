// A small ACP agent for what real ones do too seldom to wait for. The prompt is a list of things to do, one per line.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

const quirks = new Set((process.env.QUIRKS ?? "").split(","));
const send = (message) => process.stdout.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`);
const say = (sessionId, text) =>
  update(sessionId, { sessionUpdate: "agent_message_chunk", content: { type: "text", text } });
const update = (sessionId, change) => send({ method: "session/update", params: { sessionId, update: change } });
const answers = new Map();
let cancels = 0;
let cancelled = () => undefined;
let serial = 0;
let tools;
let pipe;
/** What is still to be told: one at a time, as long as there is nothing better to do. */
let history = [];

const handlers = {
  initialize: () => ({
    protocolVersion: quirks.has("version 2") ? 2 : 1,
    agentInfo: { name: "test-agent", version: "7" },
    agentCapabilities: { loadSession: true, promptCapabilities: { image: quirks.has("sees") } },
  }),
  "session/new": ({ mcpServers }) => {
    tools = mcpServers[0];
    if (quirks.has("logged out")) throw Object.assign(new Error("who are you"), { code: -32000 });
    return { sessionId: "new-session" };
  },
  "session/load": ({ sessionId }) => {
    if (quirks.has("forgetful")) throw Object.assign(new Error("never heard of it"), { code: -32603 });
    say(sessionId, "HISTORY before the answer");
    history = ["two", "three", "four"].map((line) => () => say(sessionId, `HISTORY ${line}`));
    return {};
  },
  "session/prompt": async ({ sessionId, prompt }) => {
    for (const line of history.splice(0)) line();
    for (const line of prompt[0].text.split("\n")) {
      const [verb, ...rest] = line.split(" ");
      const words = rest.join(" ");
      if (verb === "say") say(sessionId, words);
      if (verb === "parts") say(sessionId, prompt.map(({ type }) => type).join("+"));
      if (verb === "pid") say(sessionId, `I am ${process.pid}`);
      if (verb === "pipe") {
        const env = Object.fromEntries(tools.env.map(({ name, value }) => [name, value]));
        pipe = spawn(tools.command, tools.args, { env: { ...process.env, ...env } });
        pipe.calls = createInterface({ input: pipe.stdout });
        pipe.stdin.on("error", () => undefined);
      }
      if (verb === "call") {
        const gone = new Promise((resolve) => pipe.once("exit", () => resolve("the pipe is gone")));
        const answer = new Promise((resolve) =>
          pipe.calls.once("line", (answer) => resolve(JSON.parse(answer).result.content[0].text)),
        );
        pipe.stdin.write(
          `${JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: words } })}\n`,
        );
        say(
          sessionId,
          pipe.exitCode === null && pipe.signalCode === null ? await Promise.race([answer, gone]) : "the pipe is gone",
        );
      }
      if (verb === "stray") say("another session", words);
      // Not even before the answer to the next message.
      if (verb === "trail")
        history.push(
          () => undefined,
          () => say(sessionId, words),
        );
      if (verb === "fail") throw Object.assign(new Error("it failed"), { code: Number(words) });
      if (verb === "exit") process.exit(Number(words));
      if (verb === "deaf") await new Promise(() => undefined);
      if (verb === "cancels") {
        await new Promise((resolve) => (cancelled = () => cancels >= Number(words) && resolve()));
        return { stopReason: "cancelled" };
      }
      if (verb === "ask") {
        const id = `ask-${(serial += 1)}`;
        const answer = new Promise((resolve) => answers.set(id, resolve));
        const options = JSON.parse(words).options;
        send({
          id,
          method: "session/request_permission",
          params: { sessionId, toolCall: JSON.parse(words).toolCall, options },
        });
        say(sessionId, JSON.stringify((await answer).outcome));
      }
      if (verb === "withdraw") {
        const id = `ask-${(serial += 1)}`;
        send({
          id,
          method: "session/request_permission",
          params: { sessionId, toolCall: { toolCallId: "t" }, options: [] },
        });
        const answer = new Promise((resolve) => answers.set(id, resolve));
        send({ method: "$/cancel_request", params: { requestId: id } });
        await answer;
      }
    }
    return { stopReason: "end_turn" };
  },
};

if (quirks.has("garbage")) setInterval(() => process.stdout.write("Welcome to my shop\n"), 1);
else {
  createInterface({ input: process.stdin }).on("line", async (line) => {
    const { id, method, params, result } = JSON.parse(line);
    if (method === undefined) return answers.get(id)?.(result);
    if (method === "session/cancel") {
      cancels += 1;
      return cancelled();
    }
    if (id === undefined) return undefined;
    try {
      if (handlers[method] === undefined) history.shift()?.();
      if (handlers[method] === undefined) throw Object.assign(new Error("no such method"), { code: -32601 });
      const value = await handlers[method](params);
      return send({ id, result: value });
    } catch (error) {
      return send({ id, error: { code: error.code ?? -32603, message: error.message } });
    }
  });
}
