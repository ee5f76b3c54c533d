/**
 * Signalbox's own tools as an MCP server inside this program, one for each process of Claude Code.
 *
 * 1. It speaks the few messages of the protocol that a client of tools needs, so that JSON Schemas go through as they are and no schema library is
 *    loaded.
 * 2. A call acts for the turn that is attached when it is made, and for no other; none starts without a turn, or after its stop. Its signal
 *    fires when the CLI takes the call back and when the turn has ended.
 * 3. The list may change between turns: the CLI is told, and `offer` waits until it has asked again.
 */
import type { McpSdkServerConfigWithInstance } from "@anthropic-ai/claude-agent-sdk";
import type { HostTool, HostToolResult } from "../../domain/host-tool.ts";
import type { Clock, HostTools } from "../../engine/ports.ts";
import { stopped } from "./permissions.ts";

/** The model sees its tools as `mcp__signalbox__<name>`. */
export const hostServerName = "signalbox";

export type HostToolServer = {
  readonly config: McpSdkServerConfigWithInstance;
  /** Resolves when the CLI knows this list, or shows no interest in it; never rejects. */
  offer(tools: readonly HostTool[]): Promise<void>;
};

/** The turn that calls are made for. */
export type HostToolUser = {
  readonly isStopping: boolean;
  readonly tools: HostTools;
  /** Fires when the turn has ended. */
  readonly over: AbortSignal;
};

/** The CLI asks again within 30 ms of being told (measured). One that does not in this time goes on with the list it has. */
const relistMsMax = 1_000;

type Id = string | number;
type Message = { readonly id?: Id; readonly method?: string; readonly params?: Readonly<Record<string, unknown>> };
/** The part of the SDK's transport that is used here. */
type Transport = {
  start(): Promise<void>;
  send(message: object): Promise<void>;
};

export function createHostToolServer(
  userOf: () => HostToolUser | null,
  first: readonly HostTool[],
  clock: Clock,
): HostToolServer {
  let transport: Transport | null = null;
  let tools = first;
  let listed = Promise.withResolvers<void>();
  const calls = new Map<Id, AbortController>();

  async function receive(message: Message): Promise<void> {
    const { id, method, params = {} } = message;
    if (method === "notifications/cancelled") calls.get(params["requestId"] as Id)?.abort();
    if (id === undefined || method === undefined) return;
    const result = await answer(id, method, params);
    const body = result ? { result } : { error: { code: -32601, message: `there is no method ${method}` } };
    // The process may be gone meanwhile: nobody waits for the answer then.
    await transport?.send({ jsonrpc: "2.0", id, ...body }).catch(() => undefined);
    if (method === "tools/list") listed.resolve();
  }

  async function answer(id: Id, method: string, params: Readonly<Record<string, unknown>>): Promise<object | null> {
    switch (method) {
      case "initialize": {
        const serverInfo = { name: hostServerName, version: "1" };
        return {
          protocolVersion: params["protocolVersion"],
          capabilities: { tools: { listChanged: true } },
          serverInfo,
        };
      }
      case "tools/list":
        return { tools: tools.map(described) };
      case "tools/call": {
        const control = new AbortController();
        calls.set(id, control);
        const result = await act(String(params["name"]), params["arguments"] ?? {}, control.signal);
        calls.delete(id);
        return { content: [{ type: "text", text: result.text }], isError: result.kind === "failed" };
      }
      case "ping":
        return {};
      default:
        return null;
    }
  }

  async function act(name: string, input: unknown, signal: AbortSignal): Promise<HostToolResult> {
    const user = userOf();
    if (!user || user.isStopping) return { kind: "failed", text: stopped };
    return user.tools.call(name, input, AbortSignal.any([signal, user.over]));
  }

  /** What the SDK asks of a server is only that it can be connected. */
  const instance = {
    async connect(to: Transport): Promise<void> {
      transport = to;
      Object.assign(to, { onmessage: (message: Message) => void receive(message) }); // never rejects
      await to.start();
    },
    close: () => Promise.resolve(),
  };

  return {
    config: {
      type: "sdk",
      name: hostServerName,
      instance: instance as unknown as McpSdkServerConfigWithInstance["instance"],
    },
    async offer(next) {
      const isKnown = next === tools || JSON.stringify(next) === JSON.stringify(tools);
      tools = next;
      if (isKnown || !transport) return;
      listed = Promise.withResolvers<void>();
      const patience = new AbortController();
      await transport.send({ jsonrpc: "2.0", method: "notifications/tools/list_changed" }).catch(() => undefined); // gone: its exit tells
      // A bound of waiting for the question; a list that is known too late is known to the turn's next request.
      await Promise.race([listed.promise, clock.sleep(relistMsMax, patience.signal)]);
      patience.abort();
    },
  };
}

/** `alwaysLoad`: they are few, and must not hide behind the CLI's search for tools. */
function described({ name, description, input }: HostTool): object {
  return { name, description, inputSchema: input, _meta: { "anthropic/alwaysLoad": true } };
}
