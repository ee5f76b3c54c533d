// The people's side over HTTP: what emulator.ts offers in process, for tests in another process and for the playground.
//
// H1 Only this machine's own pages and programs: the bot behind the emulator may drive a real agent, so a web page that
//    happens to be open in the same browser must not be able to write as its owner (Host, Origin and content type are
//    looked at; a foreign page cannot send JSON without asking first).

import { readFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { join } from "node:path";
import type { Emulator } from "./emulator.ts";
import type { Fault } from "./faults.ts";
import type { Group, GroupOptions } from "./groups.ts";
import type { FileSource, Share } from "./attachments.ts";
import type { AlbumItem, Arrival, FileOptions } from "./letters.ts";
import type { MediaKind } from "./media.ts";
import type { Person, PersonOptions, TapOptions } from "./people.ts";
import { writeJson } from "./server.ts";
import type { UpdateContent } from "./updates.ts";

interface Body extends FileOptions, FileSource, Arrival, Omit<TapOptions, "chat"> {
  /** Who acts: an id, the owner unless told. */
  readonly user?: number;
  readonly text?: string;
  readonly label?: string;
  readonly data?: string;
  readonly kind?: MediaKind;
  readonly items?: readonly AlbumItem[];
  readonly share?: Share;
  readonly ms?: number;
  readonly method?: string;
  readonly fault?: Fault;
  readonly times?: number;
  readonly content?: UpdateContent;
  readonly update?: number;
}

/** So many calls are told to people. */
const journalTail = 100;

class Misuse extends Error {}

/** Resolves to false when the path is none of ours. */
export async function serveSimulation(
  emulator: Emulator,
  request: IncomingMessage,
  response: ServerResponse,
  url: URL,
): Promise<boolean> {
  const isOurs = ["/", "/sim"].includes(url.pathname) || /^\/(?:sim|playground)\//.test(url.pathname);
  if (!isOurs) return false;
  if (!isLocal(emulator, request)) {
    writeJson(response, 403, { error: "only from this machine's own pages and programs" });
    return true;
  }
  try {
    if (request.method === "POST") writeJson(response, 200, await act(emulator, url, await readBody(request)));
    else await show(emulator, request, response, url);
  } catch (error) {
    // Every error here is an answer to whoever drives: a wrong chat, a button that is not there.
    writeJson(response, error instanceof Misuse ? 404 : 400, {
      error: error instanceof Error ? error.message : "failed",
    });
  }
  return true;
}

function isLocal(emulator: Emulator, request: IncomingMessage): boolean {
  const { port } = new URL(emulator.apiRoot);
  const homes = [`127.0.0.1:${port}`, `localhost:${port}`];
  const { host = "", origin } = request.headers;
  if (!homes.includes(host)) return false;
  if (origin !== undefined && !homes.includes(origin.replace("http://", ""))) return false;
  return request.method !== "POST" || request.headers["content-type"]?.startsWith("application/json") === true;
}

async function readBody(request: IncomingMessage): Promise<Body> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString("utf8");
  return text === "" ? {} : (JSON.parse(text) as Body);
}

async function act(emulator: Emulator, url: URL, body: Body): Promise<unknown> {
  const person = personOf(emulator, body.user);
  const button = body.label ?? { data: body.data ?? "" };
  switch (url.pathname) {
    case "/sim/send": {
      const letter = person.composes(body.text ?? "", body);
      await letter.arrives(body);
      return letter.messages[0];
    }
    case "/sim/document":
    case "/sim/file":
      return person.sendsFile(body.kind ?? "document", body, {
        ...body,
        ...(body.text === undefined ? {} : { caption: body.text }),
      });
    case "/sim/album": {
      const letter = person.composes(body.items ?? [], body);
      await letter.arrives(body);
      return letter.messages;
    }
    case "/sim/share":
      return person.shares(body.share ?? {}, body);
    case "/sim/channel-post":
      return { message: groupOf(emulator, body.chat).channelPosts(body.name ?? "Channel", body.text ?? "") };
    case "/sim/edit":
      person.edits(body.message ?? 0, body.text ?? "", body);
      return {};
    case "/sim/delete":
      person.deletes(body.message ?? 0, body);
      return {};
    case "/sim/tap":
      return person.taps(button, body);
    case "/sim/press":
      return { query: person.presses(button, body) };
    case "/sim/react":
      person.reacts(body.message ?? 0, body.emoji, body);
      return {};
    case "/sim/stop-draft":
      person.stopsDraft();
      return {};
    case "/sim/block":
      person.blocksBot();
      return {};
    case "/sim/unblock":
      person.unblocksBot();
      return {};
    case "/sim/user":
      return emulator.user(body as PersonOptions).user;
    case "/sim/group":
      return { id: openGroup(emulator, body as unknown as GroupRequest) };
    case "/sim/topic":
      return { thread: openTopic(emulator, person, body) };
    case "/sim/jump":
      emulator.updates.jumpTo(body.update ?? 0);
      return {};
    case "/sim/update":
      return { update_id: emulator.pushUpdate(body.content ?? {}) ?? null };
    case "/sim/advance":
      emulator.advance(body.ms ?? 0);
      return {};
    case "/sim/fault":
      planFault(emulator, body);
      return {};
    default:
      throw new Misuse(`nothing to do at ${url.pathname}`);
  }
}

function groupOf(emulator: Emulator, id: number | undefined): Group {
  const group = emulator.groups.get(id ?? 0);
  if (group === undefined) throw new Misuse(`no group ${id}`);
  return group;
}

type GroupRequest = Omit<GroupOptions, "members"> & { readonly members?: readonly number[] };

function openGroup(emulator: Emulator, body: GroupRequest): number {
  const members = body.members?.map((id) => personOf(emulator, id)) ?? emulator.people;
  return emulator.group({ ...body, members }).id;
}

function openTopic(emulator: Emulator, person: Person, body: Body): number {
  const group = emulator.groups.get(body.chat ?? 0);
  return group === undefined ? person.createsTopic(body.name ?? "") : group.createsTopic(person, body.name ?? "");
}

function planFault(emulator: Emulator, { method, fault, times, chat }: Body): void {
  if (method === undefined || fault === undefined) throw new Misuse("a fault needs method and fault");
  const options = { ...(times === undefined ? {} : { times }), ...(chat === undefined ? {} : { chat }) };
  emulator.faults.next(method, fault, options);
}

function personOf(emulator: Emulator, id: number | undefined): Person {
  if (id === undefined) return emulator.owner;
  const person = emulator.people.find((someone) => someone.id === id);
  if (person === undefined) throw new Misuse(`no person ${id}`);
  return person;
}

async function show(emulator: Emulator, request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> {
  const { searchParams: query } = url;
  const chatId = Number(query.get("chat") ?? emulator.owner.chatId);
  switch (url.pathname) {
    case "/":
      return sendPage(response, "index.html", "text/html");
    case "/playground/style.css":
      return sendPage(response, "style.css", "text/css");
    case "/playground/page.js":
      return sendPage(response, "page.js", "text/javascript");
    case "/sim":
      return writeJson(response, 200, {
        apiRoot: emulator.apiRoot,
        token: emulator.token,
        me: emulator.me,
        owner: emulator.owner.id,
        people: emulator.people.map((person) => person.user),
        menu: emulator.menu(),
        chats: emulator.chats().map(({ id, kind, title, messages, last, blocked }) => ({
          id,
          kind,
          title,
          blocked,
          messages: messages.length,
          last:
            last === undefined ? undefined : { who: last.who, text: last.text, kind: last.file?.kind ?? last.share },
        })),
      });
    case "/sim/chat":
      return writeJson(response, 200, withoutBytes(emulator.chat(chatId)));
    case "/sim/chat.txt":
      response.writeHead(200, { "content-type": "text/plain; charset=utf-8" });
      response.end(`${emulator.chat(chatId).rendered}\n`);
      return;
    case "/sim/file":
      return sendFile(emulator, chatId, Number(query.get("message")), response);
    case "/sim/journal":
      return writeJson(response, 200, emulator.journal.entries);
    case "/sim/journal.txt":
      response.writeHead(200, { "content-type": "text/plain; charset=utf-8" });
      response.end(`${emulator.journal.tail(journalTail)}\n`);
      return;
    case "/sim/answer":
      return writeJson(response, 200, emulator.answerTo(query.get("query") ?? "") ?? null);
    case "/sim/until": {
      const text = query.get("text") ?? "";
      const withinMs = Number(query.get("withinMs") ?? 10_000);
      const find = () => emulator.chat(chatId).find(text);
      return writeJson(
        response,
        200,
        withoutBytes(await emulator.until(find, { withinMs, what: `"${text}" in chat ${chatId}` })),
      );
    }
    case "/sim/events":
      return streamChanges(emulator, request, response);
    default:
      throw new Misuse(`nothing at ${url.pathname}`);
  }
}

/** The page takes everything from here, and runs nothing that is not in its own file. */
function sendPage(response: ServerResponse, file: string, type: string): void {
  response.writeHead(200, {
    "content-type": `${type}; charset=utf-8`,
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "content-security-policy":
      "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; form-action 'none'; base-uri 'none'; frame-ancestors 'none'",
  });
  response.end(readFileSync(join(import.meta.dirname, "playground", file)));
}

/** A view for JSON: files by their size; their content is at /sim/file. */
function withoutBytes(view: object): unknown {
  function sized(this: { readonly [key: string]: unknown }, key: string, value: unknown): unknown {
    // A Buffer has been turned into its own JSON before a replacer sees it.
    const original = this[key];
    return original instanceof Uint8Array ? original.byteLength : value;
  }
  return JSON.parse(JSON.stringify(view, sized)) as unknown;
}

/** Only pictures, sound and film are shown; everything else is a download, since its sender may mean the page harm. */
function sendFile(emulator: Emulator, chatId: number, messageId: number, response: ServerResponse): void {
  const file = emulator.chat(chatId).message(messageId)?.file;
  if (file === undefined) throw new Misuse(`message ${messageId} carries no file`);
  const shown = file.kind !== "document" && /^(image\/(?!svg)|audio\/|video\/)[\w.+-]+$/.test(file.mimeType);
  response.writeHead(200, {
    "content-type": shown ? file.mimeType : "application/octet-stream",
    "content-length": file.bytes.byteLength,
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; sandbox",
    ...(shown
      ? {}
      : { "content-disposition": `attachment; filename*=UTF-8''${encodeURIComponent(file.name.toWellFormed())}` }),
  });
  response.end(file.bytes);
}

/** Server-sent events: one "changed" for any number of changes in the same turn of the loop. */
function streamChanges(emulator: Emulator, request: IncomingMessage, response: ServerResponse): void {
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
  response.write("data: changed\n\n");
  let queued: NodeJS.Immediate | undefined;
  const unlisten = emulator.onChange(() => {
    queued ??= setImmediate(() => {
      queued = undefined;
      response.write("data: changed\n\n");
    });
  });
  request.on("close", () => {
    unlisten();
    clearImmediate(queued);
  });
}
