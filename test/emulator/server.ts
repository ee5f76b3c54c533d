// The HTTP side: /bot<token>/<method> and /file/bot<token>/<path>, answered as the real server answers.
//
// S1 Order of a call: read, journal, hold, fault before, check, do, fault after, answer, settle the journal.
// S2 What was done before an answer was lost stays done, and the journal says so.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { BotApiError, badRequest, tooManyRequests } from "./bot-api-error.ts";
import type { BotMethods, Call } from "./bot-methods.ts";
import { sendBytes } from "./download.ts";
import type { Fault, FaultGate } from "./faults.ts";
import type { Files } from "./files.ts";
import { rejection, type Journal } from "./journal.ts";
import type { Mutation } from "./mutations.ts";
import { BodyTooLarge, BodyUnreadable, readRequest, type RawRequest } from "./request-body.ts";
import type { Validation } from "./validation.ts";

export interface ServerDeps {
  readonly token: string;
  readonly methods: BotMethods;
  readonly validation: Validation;
  readonly journal: Journal;
  readonly faults: () => FaultGate;
  readonly files: Files;
  readonly mutations: ReadonlySet<Mutation>;
  /** Answers what is not the Bot API (the driving side); false when it is not its business either. */
  readonly elsewhere: (request: IncomingMessage, response: ServerResponse, url: URL) => Promise<boolean>;
}

export interface BotApiServer extends AsyncDisposable {
  readonly port: number;
  /** Stops listening and breaks every connection; disposing listens on the same port again. */
  refuse(): Promise<AsyncDisposable>;
}

type Done =
  | { readonly kind: "ok"; readonly result: unknown }
  | { readonly kind: "rejected"; readonly error: BotApiError };

/** Rejects when the port is taken. */
export async function startServer(deps: ServerDeps, port: number): Promise<BotApiServer> {
  const sockets = new Set<Socket>();
  const server = createServer((request, response) => {
    // Owned here: every failure of a request ends in its own answer.
    serve(deps, request, response).catch((error: unknown) => {
      if (response.headersSent || response.destroyed) return;
      answer(response, new BotApiError(500, `Internal Server Error: ${String(error)}`, "fault"));
    });
  });
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  await listen(server, port);
  const bound = (server.address() as AddressInfo).port;

  async function stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      server.close(() => resolve());
    });
    for (const socket of sockets) socket.destroy();
    await closed;
  }

  return {
    port: bound,
    async refuse() {
      if (deps.mutations.has("refuse-accepts")) return { [Symbol.asyncDispose]: async () => {} };
      await stop();
      return { [Symbol.asyncDispose]: () => listen(server, bound) };
    },
    async [Symbol.asyncDispose]() {
      if (server.listening) await stop();
    },
  };
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => {
      server.off("error", reject);
      resolve();
    });
  });
}

async function serve(deps: ServerDeps, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? "/", "http://127.0.0.1");
  const file = /^\/file\/bot([^/]+)\/(.+)$/.exec(url.pathname);
  if (file !== null) return serveFile(deps, response, file[1] ?? "", decodeURIComponent(file[2] ?? ""));
  const api = /^\/bot([^/]+)\/([^/]*)$/.exec(url.pathname);
  if (api !== null) return serveMethod(deps, request, response, decodeURIComponent(api[1] ?? ""), api[2] ?? "", url);
  if (await deps.elsewhere(request, response, url)) return;
  answer(response, new BotApiError(404, "Not Found", "missing"));
}

async function serveMethod(
  deps: ServerDeps,
  request: IncomingMessage,
  response: ServerResponse,
  token: string,
  spelling: string,
  url: URL,
): Promise<void> {
  const gone = new AbortController();
  response.on("close", () => gone.abort(new Error("the caller is gone")));
  let raw: RawRequest;
  try {
    raw = await readRequest(request, url.searchParams);
  } catch (error) {
    return answer(response, unreadable(error));
  }
  const method = deps.validation.methodNamed(spelling);
  const { params, strayParams } =
    method === undefined ? { params: raw.fields, strayParams: [] } : deps.validation.decode(method, raw);
  const seq = deps.journal.open(method ?? spelling, params, strayParams);
  const settle = deps.journal.settle.bind(undefined, seq);
  const call: Call = { uploads: raw.uploads, signal: gone.signal };
  const act = () => perform(deps, token, method, params, call);

  let done: Done;
  let fault: Fault | undefined;
  try {
    const chatId = typeof params["chat_id"] === "number" ? params["chat_id"] : undefined;
    fault = await deps.faults().meet(method ?? spelling, chatId, gone.signal);
    done = await throughFault(fault, act, deps.mutations);
  } catch (error) {
    if (!gone.signal.aborted) throw error;
    return settle({ kind: "lost", how: "the caller went away", processed: false });
  }
  const lost = await deliver(fault, done, response, gone.signal, deps.mutations);
  const processed = done.kind === "ok" && fault?.kind !== "reset-before" && !isUnprocessedHang(fault);
  if (lost !== undefined)
    return settle({ kind: "lost", how: lost, processed, ...(done.kind === "ok" ? { result: done.result } : {}) });
  settle(done.kind === "ok" ? done : rejection(done.error));
}

const nothing: Done = { kind: "ok", result: undefined };

const isUnprocessedHang = (fault: Fault | undefined) => fault?.kind === "hang" && fault.processed !== true;

/** What Telegram does before the fault shows: everything, or nothing. */
async function throughFault(
  fault: Fault | undefined,
  act: () => Promise<Done>,
  mutations: ReadonlySet<Mutation>,
): Promise<Done> {
  switch (fault?.kind) {
    case undefined:
      return act();
    case "reset-before":
      return mutations.has("reset-before-processes") ? act() : nothing;
    case "reset-after":
      return mutations.has("reset-after-skips") ? nothing : act();
    case "hang":
      return fault.processed === true ? act() : nothing;
    case "bad-gateway":
      return { kind: "rejected", error: new BotApiError(502, "Bad Gateway", "fault") };
    case "unauthorized":
      return { kind: "rejected", error: new BotApiError(401, "Unauthorized", "fault") };
    case "too-many": {
      const told = !mutations.has("no-retry-after");
      return { kind: "rejected", error: tooManyRequests(fault.retryAfterSeconds, "fault", told) };
    }
    case "dead-link":
      return { kind: "rejected", error: new BotApiError(404, "Not Found", "fault") };
    case "slow":
    case "truncated":
    case "stall":
      return act();
    case "error":
      return { kind: "rejected", error: new BotApiError(fault.code, fault.description, "fault") };
    default:
      return fault satisfies never;
  }
}

/** Sends the answer. Returns why the caller did not get it, or undefined when it was sent. */
async function deliver(
  fault: Fault | undefined,
  done: Done,
  response: ServerResponse,
  signal: AbortSignal,
  mutations: ReadonlySet<Mutation>,
): Promise<string | undefined> {
  if (fault?.kind === "reset-before" || fault?.kind === "reset-after") {
    response.socket?.resetAndDestroy();
    return fault.kind;
  }
  if (fault?.kind === "hang" && !mutations.has("hang-answers")) {
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      signal.addEventListener("abort", () => resolve(), { once: true });
    });
    return "hang";
  }
  if (signal.aborted) return "the caller went away";
  if (fault?.kind === "bad-gateway" && !mutations.has("gateway-speaks-json")) {
    response.writeHead(502, { "content-type": "text/html" });
    response.end("<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>");
    return undefined;
  }
  if (done.kind === "rejected") answer(response, done.error);
  else writeJson(response, 200, { ok: true, result: done.result ?? true });
  return undefined;
}

async function perform(
  deps: ServerDeps,
  token: string,
  method: string | undefined,
  params: object,
  call: Call,
): Promise<Done> {
  try {
    checkToken(token, deps);
    if (method === undefined) {
      if (deps.mutations.has("unknown-method-accepted")) return { kind: "ok", result: true };
      throw new BotApiError(404, "Not Found: method not found", "unknown-method");
    }
    const problem = deps.validation.problem(method, params as { [name: string]: unknown });
    if (problem !== undefined && !deps.mutations.has("schema-unchecked")) throw problem;
    const handler = deps.methods[method as keyof BotMethods] as ((params: object, call: Call) => unknown) | undefined;
    if (handler === undefined) {
      if (deps.mutations.has("unmodelled-accepted")) return { kind: "ok", result: true };
      throw new BotApiError(501, `Not Implemented: the emulator does not model ${method}`, "unmodelled");
    }
    return { kind: "ok", result: await handler(params, call) };
  } catch (error) {
    if (error instanceof BotApiError) return { kind: "rejected", error };
    throw error;
  }
}

function checkToken(token: string, { token: right, mutations }: ServerDeps): void {
  if (token === right || mutations.has("any-token")) return;
  const wellFormed = /^[1-9]\d*:.+$/.test(token) && token.length <= 80;
  throw new BotApiError(401, wellFormed ? "Unauthorized" : "Unauthorized: invalid token specified", "token");
}

async function serveFile(deps: ServerDeps, response: ServerResponse, token: string, path: string): Promise<void> {
  const seq = deps.journal.open("downloadFile", { file_path: path }, []);
  const gone = new AbortController();
  response.on("close", () => gone.abort(new Error("the caller is gone")));
  const find = async (): Promise<Done> => {
    try {
      checkToken(token, deps);
    } catch (error) {
      if (error instanceof BotApiError) return { kind: "rejected", error };
      throw error;
    }
    const file = deps.files.atPath(path);
    if (file === undefined) return { kind: "rejected", error: new BotApiError(404, "Not Found", "file") };
    return { kind: "ok", result: file.bytes };
  };
  const fault = await deps.faults().meet("downloadFile", undefined, gone.signal);
  const done = await throughFault(fault, find, deps.mutations);
  if (done.kind === "ok" && done.result instanceof Uint8Array && fault?.kind !== "hang") {
    const lost = await sendBytes(response, done.result, fault, gone.signal, deps.mutations);
    if (lost !== undefined) return deps.journal.settle(seq, { kind: "lost", how: lost, processed: false });
    return deps.journal.settle(seq, { kind: "ok", result: `${done.result.byteLength} bytes` });
  }
  const lost = await deliver(fault, done, response, gone.signal, deps.mutations);
  if (lost !== undefined) return deps.journal.settle(seq, { kind: "lost", how: lost, processed: false });
  if (done.kind === "rejected") deps.journal.settle(seq, rejection(done.error));
}

function unreadable(error: unknown): BotApiError {
  if (error instanceof BodyTooLarge) return new BotApiError(413, "Request Entity Too Large", "file");
  if (error instanceof BodyUnreadable) return badRequest(error.message, "schema");
  throw error;
}

function answer(response: ServerResponse, error: BotApiError): void {
  const retryAfter = error.parameters?.retry_after;
  if (retryAfter !== undefined) response.setHeader("retry-after", retryAfter);
  writeJson(response, error.code, {
    ok: false,
    error_code: error.code,
    description: error.description,
    ...(error.parameters === undefined ? {} : { parameters: error.parameters }),
  });
}

export function writeJson(response: ServerResponse, status: number, body: unknown): void {
  const text = JSON.stringify(body);
  response.writeHead(status, { "content-type": "application/json", "content-length": Buffer.byteLength(text) });
  response.end(text);
}
