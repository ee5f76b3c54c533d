/**
 * `fetch` as far as grammY uses it, over Node's own HTTP client. grammY's own for Node would be node-fetch, which holds 6 MB in an
 * idle program; the global one holds 5 MB, and how long its connections rest cannot be set.
 *
 * 1. It rejects with the error of the system as it is: its code says whether the request left this machine.
 * 2. A redirect is an error: following it would carry the token to a host that nobody chose (T11).
 */
import type { IncomingMessage } from "node:http";
import * as https from "node:https";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";

export type Fetch = (
  url: string,
  asked: {
    readonly method: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly body: string | AsyncIterable<Uint8Array>;
    readonly signal: AbortSignal;
  },
) => Promise<{ json(): Promise<unknown> }>;

/**
 * A connection that rested longer is closed by us, before the server does: a message that meets its closing has an unknown
 * outcome, and would be sent twice.
 */
const idleConnectionMaxMs = 20_000;

/** Requests share their connections. */
export function createFetch(apiRoot: string): Fetch {
  // Not imported: an import reads every export, and reading http.WebSocket loads the whole of the global fetch (5 MB).
  const { Agent, request } = apiRoot.startsWith("https:") ? https : process.getBuiltinModule("node:http");
  const agent = new Agent({ keepAlive: true, timeout: idleConnectionMaxMs });
  return async (url, { method, headers, body, signal }) => {
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const asking = request(url, { agent, method, headers, signal });
    asking.on("error", reject);
    asking.on("response", resolve);
    if (typeof body === "string") asking.end(body);
    // A file is read as fast as it leaves. One that breaks off breaks the connection, so that no server takes a part for the whole.
    else pipeline(Readable.from(body), asking).catch(reject);
    const response = await promise;
    const text = await read(response);
    return { json: async () => JSON.parse(text) as unknown };
  };
}

async function read(response: IncomingMessage): Promise<string> {
  demandNoRedirect(response);
  let text = "";
  for await (const part of response.setEncoding("utf8")) text += String(part);
  return text;
}

function demandNoRedirect(response: IncomingMessage): void {
  const { statusCode = 0 } = response;
  if (statusCode < 300 || statusCode >= 400) return;
  response.destroy();
  throw new Error(`the answer is a redirect (${statusCode})`);
}
