/**
 * Tools of ours for an agent, as an MCP server that the agent starts itself: the program it starts is a pipe of three lines between its
 * stdio and a socket of this driver, and the server is here.
 *
 * 1. A door belongs to one session. What is called through it acts for the turn that is attached then, and for nothing else: without a
 *    turn the call is refused.
 * 2. The socket is in a directory that only this user may enter, and whoever connects says the door's secret first.
 * 3. The pipe is told apart from what a turn leaves behind: it names its process, and counts as a helper while it is connected.
 *
 * Only what an MCP client needs for tools is spoken (initialize, ping, tools/list, tools/call, and cancellation of a call); everything
 * else is answered with "method not found", as JSON-RPC says.
 */
import { randomBytes, timingSafeEqual } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import type { Server, Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { HostTool, HostToolResult } from "../../domain/host-tool.ts";
import { identify } from "../../lib/process-scan.ts";
import type { ProcessRef } from "../../lib/process-scan.ts";

/** How the agent is to start the pipe, in ACP's words. */
export type HostToolsProgram = {
  readonly name: string;
  readonly command: string;
  readonly args: string[];
  readonly env: { readonly name: string; readonly value: string }[];
};

/** Acts for the attached turn. Resolves, never rejects. */
export type CallHostTool = (name: string, input: unknown, signal: AbortSignal) => Promise<HostToolResult>;

export type HostToolsDoor = {
  readonly program: HostToolsProgram;
  /** The pipes that are connected now. */
  readonly helpers: readonly ProcessRef[];
  close(): void;
};

export type HostToolsServer = AsyncDisposable & {
  /** Rejects when no socket can be had. */
  open(tools: readonly HostTool[], call: CallHostTool): Promise<HostToolsDoor>;
};

/** The server's name for the agent, which most agents put before the tools' names. */
export const hostToolsName = "signalbox";

const protocolVersions = ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"] as const;
/** A tool's input holds a text or a file's path; a line longer than this is not one of ours. In UTF-16 units. */
const lineCharsMax = 4_000_000;

/** Names the process and the secret, then only passes bytes on. It ends when either side does. */
const pipeScript = `
const socket = require("node:net").connect(process.env.SIGNALBOX_TOOLS_SOCKET);
socket.write(process.env.SIGNALBOX_TOOLS_SECRET + " " + process.pid + "\\n");
process.stdin.pipe(socket).pipe(process.stdout);
socket.on("error", () => process.exit(1)).on("close", () => process.exit(0));
`;

type Door = {
  readonly secret: Buffer;
  readonly tools: readonly HostTool[];
  readonly call: CallHostTool;
  readonly connections: Map<Socket, ProcessRef>;
};

export function createHostToolsServer(): HostToolsServer {
  const doors = new Set<Door>();
  const sockets = new Set<Socket>();
  let listening: Promise<{ readonly server: Server; readonly directory: string; readonly path: string }> | null = null;
  let isClosed = false;

  async function listen(): Promise<{ readonly server: Server; readonly directory: string; readonly path: string }> {
    // mkdtemp makes it for this user alone (0700).
    const directory = await mkdtemp(join(tmpdir(), "signalbox-tools-"));
    const path = join(directory, "socket");
    const server = createServer((socket) => {
      sockets.add(socket);
      socket.once("close", () => sockets.delete(socket));
      serve(socket, doors);
    });
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(path, resolve);
    });
    return { server, directory, path };
  }

  return {
    async open(tools, call) {
      if (isClosed) throw new Error("the tools of Signalbox are closed");
      listening ??= listen();
      const { path } = await listening;
      const secret = randomBytes(24).toString("base64url");
      const door: Door = { secret: Buffer.from(secret), tools, call, connections: new Map() };
      doors.add(door);
      return {
        program: {
          name: hostToolsName,
          command: process.execPath,
          args: ["-e", pipeScript],
          env: [
            { name: "SIGNALBOX_TOOLS_SOCKET", value: path },
            { name: "SIGNALBOX_TOOLS_SECRET", value: secret },
          ],
        },
        get helpers() {
          return [...door.connections.values()];
        },
        close() {
          doors.delete(door);
          for (const socket of door.connections.keys()) socket.destroy();
        },
      };
    },
    async [Symbol.asyncDispose]() {
      isClosed = true;
      if (listening === null) return;
      const { server, directory } = await listening;
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
      await rm(directory, { recursive: true, force: true });
    },
  };
}

function serve(socket: Socket, doors: ReadonlySet<Door>): void {
  const calls = new Map<string, AbortController>();
  let door: Door | null = null;
  let text = "";
  socket.setEncoding("utf8");
  socket.on("error", () => undefined); // the peer is gone: "close" follows
  socket.once("close", () => {
    door?.connections.delete(socket);
    for (const call of calls.values()) call.abort();
  });
  // Lines are taken one after the other: the first one opens the door for the others.
  let line = Promise.resolve();
  socket.on("data", (more: string) => {
    text += more;
    if (text.length > lineCharsMax) {
      socket.destroy();
      return;
    }
    const lines = text.split("\n");
    text = lines.pop() ?? "";
    for (const one of lines) line = line.then(() => take(one));
  });

  async function take(one: string): Promise<void> {
    if (socket.destroyed || one.trim() === "") return;
    if (door === null) {
      door = await enter(one, doors, socket);
      if (door === null) socket.destroy();
      return;
    }
    const message = parse(one);
    if (message === null) return send({ jsonrpc: "2.0", id: null, error: { code: -32700, message: "not JSON" } });
    // A call may take minutes (a question to a person): it must not hold up the others.
    void answer(message, door, calls).then((reply) => (reply === null ? undefined : send(reply))); // never rejects
  }

  function send(message: object): void {
    if (!socket.destroyed) socket.write(`${JSON.stringify(message)}\n`);
  }
}

async function enter(hello: string, doors: ReadonlySet<Door>, socket: Socket): Promise<Door | null> {
  const [said = "", pid = ""] = hello.split(" ");
  const secret = Buffer.from(said);
  const door = [...doors].find((one) => one.secret.length === secret.length && timingSafeEqual(one.secret, secret));
  const process = door && /^\d+$/.test(pid) ? await identify(Number(pid)) : undefined;
  if (!door || !process || socket.destroyed) return null;
  door.connections.set(socket, process);
  return door;
}

type Message = { readonly id: unknown; readonly method: string; readonly params: Readonly<Record<string, unknown>> };

function parse(line: string): Message | null {
  try {
    const value: unknown = JSON.parse(line);
    const fields = recordOf(value);
    return { id: fields["id"], method: textOf(fields["method"]), params: recordOf(fields["params"]) };
  } catch {
    return null; // not JSON
  }
}

/** Resolves with the reply, or null for what needs none; never rejects. */
async function answer(message: Message, door: Door, calls: Map<string, AbortController>): Promise<object | null> {
  const { id, method, params } = message;
  if (id === undefined) {
    if (method === "notifications/cancelled") calls.get(JSON.stringify(params["requestId"]))?.abort();
    return null;
  }
  if (method === "") return null; // an answer, to a question that we never ask
  const reply = (result: object): object => ({ jsonrpc: "2.0", id, result });
  switch (method) {
    case "initialize": {
      const wanted = protocolVersions.find((version) => version === params["protocolVersion"]);
      const serverInfo = { name: hostToolsName, version: "1" };
      return reply({ protocolVersion: wanted ?? protocolVersions[0], capabilities: { tools: {} }, serverInfo });
    }
    case "ping":
      return reply({});
    case "tools/list":
      return reply({
        tools: door.tools.map(({ name, description, input }) => ({ name, description, inputSchema: input })),
      });
    case "tools/call": {
      const key = JSON.stringify(id);
      const cancel = new AbortController();
      calls.set(key, cancel);
      const result = await door.call(textOf(params["name"]), params["arguments"] ?? {}, cancel.signal);
      calls.delete(key);
      // The protocol: a cancelled request gets no answer.
      if (cancel.signal.aborted) return null;
      return reply({ content: [{ type: "text", text: result.text }], isError: result.kind === "failed" });
    }
    default:
      return { jsonrpc: "2.0", id, error: { code: -32601, message: `no such method: ${method}` } };
  }
}

function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}
