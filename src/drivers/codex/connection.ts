/**
 * JSON-RPC over the standard streams of `codex app-server`: one message per line, without the "jsonrpc" member.
 *
 * 1. A request always gets an answer: the server's, or "closed" when it can give none any more. Nothing here rejects.
 * 2. Messages are handed on in the order in which they came, an answer to a request included: whoever awaits it goes on after the
 *    messages before it were seen.
 * 3. What is not a message is left out; a line beyond the bound closes the connection, because what follows it cannot be trusted (I14).
 */
import type { Readable, Writable } from "node:stream";

export type RpcId = string | number;

export type RpcAnswer =
  | { readonly kind: "result"; readonly value: unknown }
  | { readonly kind: "refused"; readonly code: number; readonly message: string }
  | { readonly kind: "closed" };

/** A notification (`id` null), or a request of the server, to be answered with `respond` or `refuse`. */
export type RpcMessage = { readonly id: RpcId | null; readonly method: string; readonly params: unknown };

export type Connection = {
  request(method: string, params: object): Promise<RpcAnswer>;
  notify(method: string): void;
  respond(id: RpcId, result: object): void;
  refuse(id: RpcId, message: string): void;
  /** Resolves when the server's output has ended. Never rejects. */
  readonly closed: Promise<void>;
};

/** A command's whole output arrives in one message, and a diff of everything a turn has changed; an endless line must not fill the memory. */
const lineCharsMax = 64 * 1024 * 1024;

export function connect(
  streams: { readonly stdin: Writable; readonly stdout: Readable },
  receive: (message: RpcMessage) => void,
): Connection {
  const pending = new Map<number, (answer: RpcAnswer) => void>();
  const closed = Promise.withResolvers<void>();
  let serial = 0;
  let isClosed = false;

  function close(): void {
    isClosed = true;
    for (const answer of pending.values()) answer({ kind: "closed" });
    pending.clear();
    closed.resolve();
  }

  function write(message: object): void {
    if (!isClosed && streams.stdin.writable) streams.stdin.write(`${JSON.stringify(message)}\n`);
  }

  function take(line: string): void {
    const message = parse(line);
    if (message === null) return;
    const { id, method, params, error } = message;
    const name = typeof method === "string" ? method : null;
    if (name !== null) return receive({ id: isId(id) ? id : null, method: name, params });
    const answer = typeof id === "number" ? pending.get(id) : undefined;
    if (answer === undefined) return;
    pending.delete(Number(id));
    answer(error === undefined ? { kind: "result", value: message["result"] } : refusal(error));
  }

  readLines(streams.stdout, take, close);

  return {
    closed: closed.promise,
    request(method, params) {
      if (isClosed) return Promise.resolve({ kind: "closed" });
      const id = (serial += 1);
      return new Promise((resolve) => {
        pending.set(id, resolve);
        write({ id, method, params });
      });
    },
    notify: (method) => write({ method }),
    respond: (id, result) => write({ id, result }),
    refuse: (id, message) => write({ id, error: { code: methodNotFound, message } }),
  };
}

/** JSON-RPC 2.0, section 5.1. */
const methodNotFound = -32601;

function readLines(output: Readable, take: (line: string) => void, close: () => void): void {
  let parts: string[] = [];
  let chars = 0;
  output.setEncoding("utf8");
  output.on("data", (text: string) => {
    const lines = text.split("\n");
    const last = lines.pop() ?? "";
    for (const line of lines) {
      take(parts.length === 0 ? line : `${parts.join("")}${line}`);
      parts = [];
      chars = 0;
    }
    if (last === "") return;
    parts.push(last);
    chars += last.length;
    if (chars > lineCharsMax) output.destroy();
  });
  output.once("close", close);
  output.once("error", close);
}

function parse(line: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null ? { ...value } : null;
  } catch {
    return null; // not JSON: something else was printed
  }
}

function refusal(error: unknown): RpcAnswer {
  const fields: Record<string, unknown> = typeof error === "object" && error !== null ? { ...error } : {};
  const { code, message } = fields;
  return {
    kind: "refused",
    code: typeof code === "number" ? code : 0,
    message: typeof message === "string" ? message : "",
  };
}

function isId(id: unknown): id is RpcId {
  return typeof id === "string" || typeof id === "number";
}
