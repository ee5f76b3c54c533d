/**
 * The local page: a channel like Telegram, through the same engine. Never a second path to a run.
 *
 * I5: what a person sends is answered after its commit. I12: a tab can neither block nor slow a run.
 * I13: the link and the cookie appear in no log. I14: tabs, bodies and views are bounded.
 */
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

import type { PermissionMode } from "../domain/permission-mode.ts";
import type { Clock, Engine, Files, History, Log, NewId, Timetable, Workspaces } from "../engine/ports.ts";
import { createAccess, isEveryAddress } from "./access.ts";
import type { AppDeps, Readiness } from "./app.ts";
import { createEvents, tabsMax } from "./events.ts";
import { createFirstOutputs } from "./first-outputs.ts";
import { readPageFiles } from "./page-files.ts";
import type { Uploads } from "./uploads.ts";
import { createViews } from "./views.ts";
import type { Agent } from "./wire.ts";

/** Requests in flight at the end are answered; the engine commits in milliseconds. After this they are cut. */
const closeGraceMs = 2_000;
/** Tabs hold one connection each, and as many again for their requests. */
const connectionsMax = tabsMax * 4;
/** Even the longest prompt arrives at once on a local network. */
const requestMaxMs = 30_000;

export type WebDeps = {
  readonly engine: Pick<Engine, "accept" | "snapshot" | "snapshots" | "watch">;
  readonly history: History;
  readonly files: Pick<Files, "find">;
  readonly uploads: Pick<Uploads, "receive">;
  readonly chooseWorkspace: Workspaces["choose"];
  readonly clock: Clock;
  readonly log: Log;
  readonly newId: NewId;
  /** Signs the cookies: at least 32 random bytes, the same at every start (`readWebSecret`). */
  readonly secret: Uint8Array;
  /** Port 0 takes any free one. */
  readonly listen: { readonly host: string; readonly port: number };
  /** The built page (dist/page). */
  readonly pageDir: string;
  readonly workspaceDefault: string;
  /** Of conversations for which none were chosen. */
  readonly permissions: PermissionMode;
  readonly runsMax: number;
  readonly version: string;
  readonly agent: Agent;
  readonly timetable: Timetable;
  /** Who is an owner whatever is stored: ids of people in Telegram. */
  readonly owners: ReadonlySet<string>;
  /** Of every agent that was loaded. */
  readonly pools: AppDeps["pools"];
  /** What the Telegram channel has counted; null without one. */
  readonly telegram: AppDeps["telegram"];
  /** Whether the program can do its work now: database writable, last poll young. Must resolve soon. */
  readonly ready: () => Promise<Readiness>;
};

export type Started =
  | {
      readonly kind: "listening";
      /** "http://127.0.0.1:8474", without a token. */
      readonly url: string;
      /** A link that signs one browser in: works once, for `linkLifeMs`. Print it; never log it. */
      newLink(): string;
    }
  | { readonly kind: "port-in-use"; readonly host: string; readonly port: number }
  | { readonly kind: "address-refused"; readonly host: string; readonly port: number; readonly code: string };

export interface Web extends AsyncDisposable {
  /** To be called once. Resolves when the port is open, or cannot be; rejects when the page's files cannot be read. */
  start(): Promise<Started>;
  /** Ends every tab's stream, answers what is in flight, closes the port. Resolves, never rejects. */
  [Symbol.asyncDispose](): Promise<void>;
}

export function createWeb(deps: WebDeps): Web {
  const { engine, clock, log } = deps;
  const now = (): number => clock.now();
  const events = createEvents({ clock, engine, life: deps.newId() });
  const cleanup = new AsyncDisposableStack();
  cleanup.use(engine.watch(events.listener));
  const firstOutputs = createFirstOutputs({ engine, clock });
  cleanup.use(engine.watch(firstOutputs.listener));

  return {
    async start() {
      const page = await readPageFiles(deps.pageDir);
      // Not imported: an import reads every export, and reading http.WebSocket loads the whole of the global fetch (5 MB).
      const server = process.getBuiltinModule("node:http").createServer({ requestTimeout: requestMaxMs });
      server.maxConnections = connectionsMax;
      const failure = await listen(server, deps.listen);
      if (failure !== null) return describeFailure(failure, deps.listen);
      cleanup.defer(() => close(server, clock));
      const listening = { host: deps.listen.host, port: (server.address() as AddressInfo).port };
      const access = createAccess({ secret: deps.secret, newId: deps.newId, now });
      const views = createViews({ ...deps, now });
      // Requests come in from the next turn of the event loop on, so none is missed between listening and this line.
      const counted = { ...deps, firstOutputs: firstOutputs.read };
      server.on("request", createListener({ ...counted, access, events, views, page, now, listen: listening }));
      const url = urlOf(listening);
      log.info({ url, isBuilt: page.has("/index.html") }, "the page is open");
      return { kind: "listening", url, newLink: () => `${url}/enter?token=${access.newLink()}` };
    },
    async [Symbol.asyncDispose]() {
      events.close();
      await cleanup.disposeAsync();
    },
  };
}

type Answer = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

/** What answers is loaded for the first visitor: it holds 10 MB, and many a day has none. */
function createListener(deps: AppDeps): (request: IncomingMessage, response: ServerResponse) => void {
  let loading: Promise<Answer> | null = null;
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    try {
      const respond = await (loading ??= loadApp(deps));
      // Whoever has gone meanwhile gets no answer, and opens no stream that nobody would close.
      if (response.destroyed) return;
      // It answers its own failures (app.onError), or closes the connection: nothing is left to see here.
      await respond(request, response);
    } catch (error) {
      deps.log.error({ error }, "the page's code failed to load or to answer");
      response.destroy();
    }
  };
  return (request, response) => void answer(request, response); // never rejects
}

async function loadApp(deps: AppDeps): Promise<Answer> {
  const [{ createApp }, { getRequestListener }] = await Promise.all([import("./app.ts"), import("@hono/node-server")]);
  return getRequestListener(createApp(deps).fetch, { overrideGlobalObjects: false });
}

/** Null when it listens; the error's code otherwise. */
async function listen(server: Server, { host, port }: WebDeps["listen"]): Promise<string | null> {
  const { promise, resolve } = Promise.withResolvers<string | null>();
  const onError = (error: NodeJS.ErrnoException): void => resolve(error.code ?? error.name);
  server.once("error", onError);
  server.listen({ host, port }, () => resolve(null));
  const failure = await promise;
  server.off("error", onError);
  return failure;
}

function describeFailure(code: string, { host, port }: WebDeps["listen"]): Started {
  return code === "EADDRINUSE" ? { kind: "port-in-use", host, port } : { kind: "address-refused", host, port, code };
}

function urlOf({ host, port }: WebDeps["listen"]): string {
  const name = isEveryAddress(host) ? "127.0.0.1" : host.includes(":") ? `[${host}]` : host;
  return port === 80 ? `http://${name}` : `http://${name}:${port}`;
}

async function close(server: Server, clock: Clock): Promise<void> {
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  server.close(() => resolve());
  server.closeIdleConnections();
  const isClosed = new AbortController();
  // A bound on answering what is in flight.
  const grace = clock.sleep(closeGraceMs, isClosed.signal);
  await Promise.race([closed, grace]);
  isClosed.abort();
  server.closeAllConnections();
  await closed;
}
