import { expect, test } from "vitest";
import type { HostTool, HostToolResult } from "../../domain/host-tool.ts";
import { createSystemClock } from "../../lib/clock.ts";
import { createHostToolServer } from "./host-tools.ts";
import type { HostToolUser } from "./host-tools.ts";

const notify: HostTool = { name: "notify", description: "d", input: { type: "object" } };

/** The CLI's end of the line. */
async function connected(userOf: () => HostToolUser | null, tools: readonly HostTool[] = [notify]) {
  const server = createHostToolServer(userOf, tools, createSystemClock());
  const sent: object[] = [];
  const arrivals = new Set<() => void>();
  const transport = {
    onmessage: (_message: object): void => undefined,
    start: () => Promise.resolve(),
    send(message: object) {
      sent.push(message);
      for (const look of arrivals) look();
      return Promise.resolve();
    },
  };
  await server.config.instance.connect(transport as never);
  const answerTo = (id: number): Promise<object> =>
    new Promise((resolve) => {
      const look = (): void => {
        const found = sent.find((message) => "id" in message && message.id === id);
        if (found) resolve(found);
      };
      arrivals.add(look);
      look();
    });
  const request = (id: number, method: string, params: object = {}): Promise<object> => {
    transport.onmessage({ jsonrpc: "2.0", id, method, params });
    return answerTo(id);
  };
  const tell = (method: string, params: object): void => transport.onmessage({ jsonrpc: "2.0", method, params });
  return { server, sent, request, tell };
}

function user(act: (signal: AbortSignal) => Promise<HostToolResult>, isStopping = false) {
  const over = new AbortController();
  const signals: AbortSignal[] = [];
  const call = (_name: string, _input: unknown, signal: AbortSignal): Promise<HostToolResult> => {
    signals.push(signal);
    return act(signal);
  };
  return { isStopping, over: over.signal, tools: { list: [notify], call }, end: () => over.abort(), signals };
}

const untilAborted = (signal: AbortSignal): Promise<HostToolResult> =>
  new Promise((resolve) => signal.addEventListener("abort", () => resolve({ kind: "failed", text: "over" })));
const call = { name: "notify", arguments: { text: "x" } };

test("no call starts without a turn, or after the turn was told to stop", async () => {
  const stopping = user(() => Promise.resolve({ kind: "ok", text: "done" }), true);
  for (const turn of [null, stopping]) {
    const { request } = await connected(() => turn);
    expect(await request(1, "tools/call", call)).toMatchObject({ result: { isError: true } });
  }
  expect(stopping.signals).toEqual([]);
});

test("a call's signal fires when its turn has ended, and when the agent takes the call back, that call's alone", async () => {
  const turn = user(untilAborted);
  const { request, tell } = await connected(() => turn);
  const [one, two] = [request(1, "tools/call", call), request(2, "tools/call", call)];
  tell("notifications/cancelled", { requestId: 1 });
  expect(await one).toMatchObject({ result: { isError: true } });
  expect(turn.signals.map((signal) => signal.aborted)).toEqual([true, false]);
  turn.end();
  expect(await two).toMatchObject({ result: { isError: true } });
});

test("a new list is told once, and offering it waits until the agent has asked for it; the same list is not told again", async () => {
  const { server, sent, request } = await connected(() => null);
  await server.offer([{ ...notify }]);
  expect(sent).toEqual([]);
  const offered = server.offer([notify, { ...notify, name: "status" }]);
  await Promise.resolve();
  expect(sent).toEqual([{ jsonrpc: "2.0", method: "notifications/tools/list_changed" }]);
  expect(await request(7, "tools/list")).toMatchObject({ result: { tools: [{ name: "notify" }, { name: "status" }] } });
  await offered;
});

test("what it does not know is answered as such, and nothing else is", async () => {
  const { request, sent, tell } = await connected(() => null);
  expect(await request(1, "resources/list")).toMatchObject({ error: { code: -32601 } });
  expect(await request(2, "ping")).toMatchObject({ result: {} });
  tell("notifications/initialized", {});
  expect(sent).toHaveLength(2);
});
