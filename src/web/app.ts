/**
 * The HTTP side of the page: who may ask, and what is answered.
 *
 * 1. Every rule of access holds for every route; the few routes that are open to all say nothing of anybody's work but how much it is.
 * 2. What a person sends goes through `engine.accept` and is answered after its commit (I5). The key is the page's, so sending
 *    again after a lost answer changes nothing.
 * 3. An error says what happened, what was kept and what to do, and never carries a link, a cookie or a foreign error's text.
 */
import { type Context, Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { getCookie, setCookie } from "hono/cookie";
import * as v from "valibot";

import { channelOf, type ConversationId, homeOf, parseConversationId } from "../domain/conversation.ts";
import type { AskId } from "../domain/ask.ts";
import type { ButtonId } from "../domain/button.ts";
import type { InboxItem, ItemKey, Request as ItemRequest } from "../domain/inbox-item.ts";
import { pageUser } from "../domain/person.ts";
import { filesMax, promptCharsMax } from "../domain/prompt.ts";
import { readText } from "../domain/typed-text.ts";
import type { Clock, Engine, Files, History, Log, Timetable, Workspaces } from "../engine/ports.ts";
import { createCounter } from "../lib/counter.ts";
import { type Access, cookieLifeMs, cookieName, isOwnHost, isOwnOrigin } from "./access.ts";
import type { Events } from "./events.ts";
import { attachment, findSent, openFile } from "./downloads.ts";
import { type GateReason, gatePage, gateStyle } from "./gate-page.ts";
import { type MetricsDeps, metricsType, readMetrics } from "./metrics.ts";
import type { PageFiles } from "./page-files.ts";
import { checkWhen } from "./schedule-check.ts";
import { createScheduleOrders } from "./schedule-orders.ts";
import type { Views } from "./views.ts";
import type { Uploads } from "./uploads.ts";
import type { Accepted, Problem, ProblemCode, ScheduleAnswer, ScheduleCheck, SentUpload, Uploaded } from "./wire.ts";

/** The longest prompt with every character escaped as JSON (six bytes each), and room for the rest. */
export const bodyBytesMax = promptCharsMax * 6 + 10_000;

export type Readiness = { readonly kind: "ready" } | { readonly kind: "not-ready"; readonly why: string };

export type AppDeps = {
  readonly access: Access;
  readonly events: Events;
  readonly views: Views;
  readonly engine: Pick<Engine, "accept" | "watch">;
  readonly history: Pick<History, "lanes" | "messages" | "figures">;
  readonly pools: MetricsDeps["pools"];
  readonly telegram: MetricsDeps["telegram"];
  readonly firstOutputs: MetricsDeps["firstOutputs"];
  readonly version: string;
  readonly page: PageFiles;
  readonly files: Pick<Files, "find">;
  readonly uploads: Pick<Uploads, "receive">;
  readonly chooseWorkspace: Workspaces["choose"];
  readonly timetable: Timetable;
  readonly clock: Clock;
  readonly log: Log;
  readonly now: () => number;
  readonly ready: () => Promise<Readiness>;
  /** Where we really listen. */
  readonly listen: { readonly host: string; readonly port: number };
};

/** Why the page's door stays shut. */
type Denial = Extract<ProblemCode, "link-invalid" | "not-signed-in" | "foreign-host" | "foreign-origin">;

const keySchema = v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]{8,64}$/));
const uploadSchema = v.strictObject({
  id: v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]{20,64}$/)),
  name: v.pipe(v.string(), v.maxLength(1_000)),
  type: v.pipe(v.string(), v.maxLength(200)),
  bytes: v.pipe(v.number(), v.integer(), v.minValue(0)),
});
const sendSchema = v.strictObject({
  key: keySchema,
  text: v.string(),
  workspace: v.optional(v.string()),
  files: v.optional(v.pipe(v.array(uploadSchema), v.maxLength(filesMax))),
});
const pressSchema = v.strictObject({ key: keySchema, button: v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]{8,64}$/)) });
const answerSchema = v.strictObject({
  key: keySchema,
  ask: v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]{8,64}$/)),
  text: v.string(),
});
const stopSchema = v.strictObject({ key: keySchema, scope: v.picklist(["conversation", "all"]) });

/** What follows `/cron`: a prompt with its options. */
const scheduleSchema = v.strictObject({ key: keySchema, typed: v.pipe(v.string(), v.maxLength(promptCharsMax)) });
const checkSchema = v.strictObject({
  conversation: v.string(),
  when: v.pipe(v.string(), v.maxLength(200)),
  zone: v.nullable(v.pipe(v.string(), v.maxLength(100))),
});

const headers: Readonly<Record<string, string>> = {
  "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
  "Cache-Control": "no-store",
  "Referrer-Policy": "no-referrer",
  "X-Content-Type-Options": "nosniff",
  "X-Frame-Options": "DENY",
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Resource-Policy": "same-origin",
};

export function createApp(deps: AppDeps): Hono {
  const { access, events, views, log } = deps;
  const cookie = cookieName(deps.listen.port);
  const isSignedIn = (c: Context): boolean => access.isCookieValid(getCookie(c, cookie) ?? "");

  const orders = createScheduleOrders(deps);
  const denied = createCounter<{ readonly reason: Denial }>();

  function deny(c: Context, reason: Exclude<Denial, "link-invalid">, status: 401 | 403 | 421): Response {
    denied.add({ reason });
    log.warn({ reason, method: c.req.method, path: c.req.path.slice(0, 100) }, "the page refused a request");
    const isNavigation = c.req.method === "GET" && (c.req.header("accept") ?? "").includes("text/html");
    if (reason === "not-signed-in" && isNavigation) return gate(c, reason, status);
    return problem(c, status, reason);
  }

  const app = new Hono();

  app.use(async (c, next) => {
    for (const [name, value] of Object.entries(headers)) c.header(name, value);
    if (!isOwnHost(c.req.header("host"), deps.listen)) return deny(c, "foreign-host", 421);
    return next();
  });

  // ---- open to all

  app.get("/healthz", (c) => c.json({ status: "alive" }));
  app.get("/readyz", async (c) => {
    const readiness = await deps.ready();
    return readiness.kind === "ready"
      ? c.json({ status: "ready" })
      : c.json({ status: "not ready", why: readiness.why }, 503);
  });
  app.get("/metrics", async (c) =>
    c.body(await readMetrics({ ...deps, denied: denied.read }), 200, { "Content-Type": metricsType }),
  );
  app.get("/gate.css", (c) => c.body(gateStyle, 200, { "Content-Type": "text/css; charset=utf-8" }));
  app.get("/enter", (c) => {
    // A HEAD request is routed here as well: a preview of the link must not use it up.
    const isOpened = c.req.method === "GET" && access.openLink(c.req.query("token") ?? "") === "opened";
    if (!isOpened && !isSignedIn(c)) {
      denied.add({ reason: "link-invalid" });
      log.warn({ reason: "link-invalid" }, "the page refused a link");
      return gate(c, "link-invalid", 401);
    }
    if (isOpened) {
      const maxAge = cookieLifeMs / 1000;
      setCookie(c, cookie, access.newCookie(), { httpOnly: true, sameSite: "Strict", path: "/", maxAge });
    }
    return c.redirect("/", 302);
  });

  // ---- for the signed-in browser

  app.use(async (c, next) => {
    if (
      c.req.method !== "GET" &&
      c.req.method !== "HEAD" &&
      !isOwnOrigin(c.req.header("origin"), c.req.header("host") ?? "")
    ) {
      return deny(c, "foreign-origin", 403);
    }
    if (!isFetchOurs(c)) return deny(c, "foreign-origin", 403);
    if (!isSignedIn(c)) return deny(c, "not-signed-in", 401);
    return next();
  });

  app.get("/api/overview", async (c) => {
    const cursor = events.cursor(); // before reading: what changes meanwhile is told again
    return c.json(await views.overview(cursor));
  });

  app.get("/api/events", (c) => {
    const stream = events.open(c.req.header("last-event-id") ?? c.req.query("since") ?? null);
    if (stream === "full") return problem(c, 503, "too-many-tabs");
    return c.body(stream, 200, {
      "Content-Type": "text/event-stream; charset=utf-8",
      "X-Accel-Buffering": "no",
      // A stream that ended leaves no idle connection behind that the server's end would wait for.
      Connection: "close",
    });
  });

  app.get("/api/conversations/:id", async (c) => {
    const id = parseConversationId(c.req.param("id"));
    return id === null ? problem(c, 404, "not-found") : c.json(await views.conversation(id));
  });

  app.get("/api/conversations/:id/files/:file", async (c) => {
    const id = parseConversationId(c.req.param("id"));
    const sent = id === null ? null : await findSent(deps.history, id, c.req.param("file"));
    if (sent === null) return problem(c, 404, "not-found");
    const path = await deps.files.find(sent.id);
    const file = path === null ? null : await openFile(path);
    if (file === null) return problem(c, 410, "file-gone");
    const about = {
      "Content-Type": "application/octet-stream",
      "Content-Disposition": attachment(sent.name),
      "Content-Length": `${file.bytes}`,
    };
    if (c.req.method !== "HEAD") return c.body(file.content, 200, about);
    await file.content.cancel();
    return c.body(null, 200, about);
  });

  // Before the bound on bodies: a file has its own, kept while it comes.
  app.post("/api/uploads", async (c) => {
    const { body } = c.req.raw;
    if (body === null) return problem(c, 400, "bad-request");
    const kept = await deps.uploads.receive(body);
    return kept === "too-large" ? problem(c, 413, "file-too-large") : c.json(kept satisfies Uploaded);
  });

  app.use("/api/*", bodyLimit({ maxSize: bodyBytesMax, onError: (c) => problem(c, 413, "too-long") }));

  app.post("/api/conversations/:id/messages", async (c) => {
    const id = parseConversationId(c.req.param("id"));
    const body = await read(c, sendSchema);
    if (id === null) return problem(c, 404, "not-found");
    if (channelOf(id) !== "web") return problem(c, 409, "read-only");
    if (body === null) return problem(c, 400, "bad-request");
    const { files = [] } = body;
    if (body.text.trim() === "" && files.length === 0) return problem(c, 400, "empty");
    if (body.text.length > promptCharsMax) return problem(c, 413, "too-long");
    const workspace = body.workspace === undefined ? null : await deps.chooseWorkspace(body.workspace);
    if (workspace?.kind === "refused") return problem(c, 422, "workspace-invalid", workspace);
    return accept(c, id, body.key, withFiles(readText(body.text), files, body.key), workspace?.path ?? null);
  });

  app.post("/api/conversations/:id/presses", async (c) => {
    const id = await knownConversation(c);
    const body = await read(c, pressSchema);
    if (id === null) return problem(c, 404, "not-found");
    if (body === null) return problem(c, 400, "bad-request");
    return accept(c, id, body.key, { kind: "press", button: body.button as ButtonId }, null);
  });

  app.post("/api/conversations/:id/answers", async (c) => {
    const id = await knownConversation(c);
    const body = await read(c, answerSchema);
    if (id === null) return problem(c, 404, "not-found");
    if (body === null) return problem(c, 400, "bad-request");
    if (body.text.trim() === "") return problem(c, 400, "empty");
    if (body.text.length > promptCharsMax) return problem(c, 413, "too-long");
    return accept(c, id, body.key, { kind: "answer", ask: body.ask as AskId, text: body.text.trim() }, null);
  });

  app.post("/api/conversations/:id/stop", async (c) => {
    const id = await knownConversation(c);
    const body = await read(c, stopSchema);
    if (id === null) return problem(c, 404, "not-found");
    if (body === null) return problem(c, 400, "bad-request");
    return accept(c, id, body.key, { kind: "command", command: { name: "stop", scope: body.scope } }, null);
  });

  app.get("/api/schedules", async (c) => c.json(await views.schedules()));

  app.get("/api/schedules/:id/history", async (c) => {
    const id = Number(c.req.param("id"));
    const history = Number.isSafeInteger(id) ? await views.scheduleHistory(id) : null;
    return history === null ? problem(c, 404, "not-found") : c.json(history);
  });

  app.post("/api/schedules/check", async (c) => {
    const body = await read(c, checkSchema);
    if (body === null) return problem(c, 400, "bad-request");
    const zone = body.zone ?? (await zoneOf(body.conversation));
    return c.json(checkWhen(body.when, zone, deps.timetable, deps.now()) satisfies ScheduleCheck);
  });

  app.post("/api/conversations/:id/schedules", async (c) => {
    const id = await schedulingConversation(c);
    const body = await read(c, scheduleSchema);
    if (id === null) return problem(c, 404, "not-found");
    if (body === null) return problem(c, 400, "bad-request");
    const command = { name: "cron", typed: body.typed } as const;
    try {
      return c.json((await orders.give(itemOf(id, body.key, { kind: "command", command }))) satisfies ScheduleAnswer);
    } catch (error) {
      return notStored(c, id, error);
    }
  });

  app.all("/api/*", (c) => problem(c, 404, "not-found"));

  app.get("*", (c) => {
    if (!deps.page.has("/index.html")) return gate(c, "not-built", 503);
    const file = deps.page.get(c.req.path === "/" ? "/index.html" : c.req.path);
    return file === undefined ? problem(c, 404, "not-found") : c.body(file.bytes, 200, { "Content-Type": file.type });
  });

  app.notFound((c) => problem(c, 404, "not-found"));
  app.onError((error, c) => {
    log.error({ method: c.req.method, path: c.req.path.slice(0, 100), error: error.name }, "the page failed to answer");
    return problem(c, 500, "internal");
  });

  /** A conversation of another channel is never opened from here, and a press or a stop opens none at all. */
  async function knownConversation(c: Context): Promise<ConversationId | null> {
    const id = parseConversationId(c.req.param("id") ?? "");
    return (await deps.history.lanes()).find(({ conversation }) => conversation === id)?.conversation ?? null;
  }

  /** The home of what is named. One of the page's is opened when it is first used, as by a message. */
  async function schedulingConversation(c: Context): Promise<ConversationId | null> {
    const id = parseConversationId(c.req.param("id") ?? "");
    if (id === null) return null;
    const home = homeOf(id);
    if (channelOf(home) === "web") return home;
    return (await deps.history.lanes()).some(({ conversation }) => conversation === home) ? home : null;
  }

  async function zoneOf(conversation: string): Promise<string> {
    const lane = (await deps.history.lanes()).find((one) => one.conversation === conversation);
    return lane?.settings.zone ?? deps.timetable.zone;
  }

  function itemOf(conversation: ConversationId, key: string, request: ItemRequest): InboxItem {
    return {
      key: `web:${key}` as ItemKey,
      conversation,
      user: pageUser,
      // To another channel it is the id of no message, and nothing can reply to it there.
      message: channelOf(conversation) === "web" ? key : null,
      priority: "interactive",
      request,
      sentAtMs: deps.now(),
    };
  }

  async function accept(
    c: Context,
    conversation: ConversationId,
    key: string,
    request: ItemRequest,
    workspace: string | null,
  ): Promise<Response> {
    try {
      const item = itemOf(conversation, key, request);
      const [receipt] = await deps.engine.accept([item], ...(workspace === null ? [] : [{ workspace }]));
      return c.json({ fresh: receipt?.fresh ?? false, toast: receipt?.toast ?? null } satisfies Accepted);
    } catch (error) {
      return notStored(c, conversation, error);
    }
  }

  function notStored(c: Context, conversation: ConversationId, error: unknown): Response {
    const name = error instanceof Error ? error.name : "unknown";
    log.error({ conversation, error: name }, "an item of the page was not stored");
    return problem(c, 503, "not-stored");
  }

  return app;
}

/**
 * Browsers say where a request comes from. Another site may link to the start page (its cookie is not sent along then), and
 * nothing more. A client that is no browser says nothing here; the cookie and the origin still bind it.
 */
function isFetchOurs(c: Context): boolean {
  const site = c.req.header("sec-fetch-site");
  if (site === undefined || site === "same-origin") return true;
  const isNavigation = c.req.method === "GET" && c.req.header("sec-fetch-mode") === "navigate";
  return isNavigation && !c.req.path.startsWith("/api/");
}

/** Null when the body is not what this route takes. Only JSON is read: a form of another page cannot send it. */
async function read<T>(c: Context, schema: v.GenericSchema<unknown, T>): Promise<T | null> {
  if (!/^application\/json\b/i.test(c.req.header("content-type") ?? "")) return null;
  try {
    const body = v.safeParse(schema, await c.req.json());
    return body.success ? body.output : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

/** The images that every browser shows are photos to the person who picked them. */
const photoTypes = ["image/png", "image/jpeg", "image/gif", "image/webp"];

/** A command or a stop takes nothing with it. */
function withFiles(request: ItemRequest, files: readonly SentUpload[], message: string): ItemRequest {
  if (request.kind !== "prompt" || files.length === 0) return request;
  const sent = files.map(({ id, name, type, bytes }) => ({
    state: "sent" as const,
    file: {
      kind: photoTypes.includes(type) ? ("photo" as const) : ("document" as const),
      source: id,
      message,
      name: name === "" ? null : name,
      mediaType: type === "" ? null : type,
      bytes,
      seconds: null,
    },
  }));
  return { ...request, prompt: { ...request.prompt, files: sent } };
}

function gate(c: Context, reason: GateReason, status: 401 | 403 | 421 | 503): Response {
  return c.body(gatePage(reason), status, { "Content-Type": "text/html; charset=utf-8" });
}

const nothingChanged = "Nothing was changed.";
const textKept = "Nothing was stored; your text is still in the box.";

const problems: Record<ProblemCode, { readonly happened: string; readonly kept: string; readonly next: string }> = {
  "link-invalid": {
    happened: "This link was used already, or is older than ten minutes.",
    kept: nothingChanged,
    next: "Restart Signalbox: it prints a fresh link.",
  },
  "not-signed-in": {
    happened: "This browser is not signed in.",
    kept: "What runs or waits goes on.",
    next: "Restart Signalbox and open the link that it prints.",
  },
  "foreign-host": {
    happened: "This request asked for a host that is not this Signalbox.",
    kept: nothingChanged,
    next: "Use the address in the link that Signalbox prints.",
  },
  "foreign-origin": {
    happened: "This request came from another site.",
    kept: nothingChanged,
    next: "Use Signalbox's own page.",
  },
  "not-found": { happened: "There is no such thing here.", kept: nothingChanged, next: "Go back to the start page." },
  "file-gone": {
    happened: "This file is not kept any more.",
    kept: nothingChanged,
    next: "Ask the agent to send it again.",
  },
  "bad-request": {
    happened: "The request could not be read.",
    kept: textKept,
    next: "Reload the page; it may be older than the program.",
  },
  "too-long": {
    // Not toLocaleString: the first use of Intl holds 7 MB.
    happened: `The text is longer than ${promptCharsMax / 1_000},000 characters.`,
    kept: textKept,
    next: "Save it as a file in the workspace and send its path.",
  },
  "file-too-large": {
    happened: "The file is larger than 20 MiB.",
    kept: "Nothing of it was kept.",
    next: "Put it into the workspace yourself and send its path.",
  },
  empty: { happened: "The text is empty.", kept: nothingChanged, next: "Write something first." },
  "read-only": {
    happened: "This conversation lives in Telegram.",
    kept: textKept,
    next: "Write there; from here you can watch it, stop it and cancel what waits.",
  },
  "workspace-invalid": { happened: "The directory cannot be used.", kept: textKept, next: "Choose another one." },
  "too-many-tabs": {
    happened: "Too many tabs of this page are open.",
    kept: nothingChanged,
    next: "Close some; this one connects by itself then.",
  },
  "not-stored": {
    happened: "Signalbox could not store this.",
    kept: textKept,
    next: "Send it again in a moment: it is never run twice. If that fails too, look at Signalbox's log and the free disk space.",
  },
  internal: {
    happened: "Signalbox could not answer.",
    kept: "What was stored before is kept.",
    next: "Try again in a moment. If that fails too, look at Signalbox's log.",
  },
};

function problem(
  c: Context,
  status: 400 | 401 | 403 | 404 | 409 | 410 | 413 | 421 | 422 | 500 | 503,
  code: ProblemCode,
  told: { readonly happened?: string; readonly next?: string } = {},
): Response {
  const { happened, kept, next } = problems[code];
  const error = { code, happened: told.happened ?? happened, kept, next: told.next ?? next };
  return c.json({ error } satisfies Problem, status);
}
