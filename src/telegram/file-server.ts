/**
 * Telegram's file server: a file of a message as it comes, over undici. Node's own HTTP client copies every piece once more; what it
 * throws away makes V8 collect all of its memory twice in a file of 20 MiB (30 ms for the bytes, and 13 this way).
 *
 * 1. A redirect is an error: following it would carry the token to a host that nobody chose (T11).
 * 2. Loaded with the first file: an idle program is 2 MB smaller without it.
 */
import { createRequire } from "node:module";
import { Readable } from "node:stream";
import type { Dispatcher, Pool } from "undici";

/** `body` throws when the connection breaks before the end. It has to be read, or ended by the signal. */
export type Download = { readonly status: number; readonly body: AsyncIterable<Uint8Array> };

/** Rejects with the error of the system as it is: its code says whether the request left this machine. */
export type OpenUrl = (url: string, signal: AbortSignal) => Promise<Download>;

/** A server that sends nothing for so long will not send the rest. */
const silenceMsMax = 30_000;
/** More would share the same line. */
const connectionsMax = 4;
/** Pieces of at most 64 KiB that wait here for whoever reads. */
const waitingMax = 16;

/** Files share their connections. */
export function createFileServer(apiRoot: string): OpenUrl {
  const { origin } = new URL(apiRoot);
  let pool: Pool | null = null;
  return async (url, signal) => {
    signal.throwIfAborted();
    pool ??= openPool(origin);
    const { pathname, search } = new URL(url);
    return await open(pool, `${pathname}${search}`, signal);
  };
}

function openPool(origin: string): Pool {
  // Not the package as a whole: that is 11 MB more.
  const Opened = createRequire(import.meta.url)("undici/lib/dispatcher/pool.js") as typeof Pool;
  return new Opened(origin, { connections: connectionsMax, headersTimeout: silenceMsMax, bodyTimeout: silenceMsMax });
}

function open(pool: Pool, path: string, signal: AbortSignal): Promise<Download> {
  const { promise, resolve, reject } = Promise.withResolvers<Download>();
  let connection: Dispatcher.DispatchController | null = null;
  const body = new Readable({
    objectMode: true, // each piece as it came: several that wait would be copied into one
    highWaterMark: waitingMax,
    read: () => connection?.resume(),
    destroy(error, done) {
      signal.removeEventListener("abort", giveUp);
      if (!body.readableEnded) connection?.abort(error ?? new Error("nobody reads it any more"));
      done(error);
    },
  });
  const giveUp = (): void => void body.destroy(new Error("given up"));
  body.on("error", reject); // with the answer it is whoever reads that is told
  signal.addEventListener("abort", giveUp, { once: true });
  pool.dispatch(
    { method: "GET", path },
    {
      onRequestStart(controller) {
        connection = controller;
        if (body.destroyed) controller.abort(new Error("given up"));
      },
      onResponseStart(_, status) {
        if (status >= 300 && status < 400) body.destroy(new Error(`the answer is a redirect (${status})`));
        else resolve({ status, body });
      },
      onResponseData(controller, bytes) {
        // Each resume comes with an empty piece, which would take a place, and so lead to the next resume.
        if (bytes.length > 0 && !body.push(bytes)) controller.pause();
      },
      onResponseEnd: () => void body.push(null),
      onResponseError: (_, error) => void body.destroy(error),
    },
  );
  return promise;
}
