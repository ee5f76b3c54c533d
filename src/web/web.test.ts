import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { type IncomingMessage, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { telegramConversation, webConversation } from "../domain/conversation.ts";
import { promptCharsMax } from "../domain/prompt.ts";
import { linkLifeMs } from "./access.ts";
import { bodyBytesMax } from "./app.ts";
import { fakeCapacity } from "./fake-engine.test-kit.ts";
import { entriesShownMax } from "./entries.ts";
import { lanesShownMax } from "./views.ts";
import { startWebKit, type WebKit } from "./web.test-kit.ts";
import type { ConversationView, Overview, Problem } from "./wire.ts";

const thread = webConversation("thread");
const chat = telegramConversation(42, null);
const threadPath = `/api/conversations/${encodeURIComponent(thread)}`;
const chatPath = `/api/conversations/${encodeURIComponent(chat)}`;

let pageDir = "";

beforeAll(() => {
  pageDir = mkdtempSync(join(tmpdir(), "signalbox-page-"));
  mkdirSync(join(pageDir, "assets"));
  writeFileSync(join(pageDir, "index.html"), "<!doctype html><title>the page</title>");
  writeFileSync(join(pageDir, "assets", "index.js"), "export {};");
  writeFileSync(join(pageDir, "secret.txt"), "not a file of the page");
});

afterAll(() => rmSync(pageDir, { recursive: true }));

type Asked = { method?: string; headers?: Record<string, string | undefined>; body?: string };
type Answered = { status: number; headers: IncomingMessage["headers"]; text: string };

/** One raw request: unlike fetch it may say any Host and any Origin. An undefined header is left out. */
function ask(kit: WebKit, path: string, { method = "GET", headers = {}, body }: Asked = {}): Promise<Answered> {
  const { promise, resolve, reject } = Promise.withResolvers<Answered>();
  const url = new URL(kit.listening.url);
  const said = Object.fromEntries(Object.entries(headers).filter(([, value]) => value !== undefined));
  const asked = request({ host: url.hostname, port: url.port, path, method, headers: said as Record<string, string> });
  asked.on("error", reject);
  asked.on("response", (response) => {
    let text = "";
    response.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
    response.on("end", () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }));
  });
  asked.end(body);
  return promise;
}

/** What our own page sends with a POST. */
function ours(kit: WebKit, cookie: string): Record<string, string | undefined> {
  return {
    cookie,
    origin: kit.listening.url,
    "content-type": "application/json",
    "sec-fetch-site": "same-origin",
    "sec-fetch-mode": "cors",
  };
}

async function post(kit: WebKit, cookie: string, path: string, body: unknown): Promise<Answered> {
  return ask(kit, path, { method: "POST", headers: ours(kit, cookie), body: JSON.stringify(body) });
}

async function get<T>(kit: WebKit, cookie: string, path: string): Promise<T> {
  return JSON.parse((await ask(kit, path, { headers: { cookie } })).text) as T;
}

const codeOf = ({ text }: Answered): string => (JSON.parse(text) as Problem).error.code;

const send = (kit: WebKit, cookie: string, key: string, text: string): Promise<Answered> =>
  post(kit, cookie, `${threadPath}/messages`, { key, text });

describe("access", () => {
  it("a link signs a browser in once, and the cookie is kept from scripts and other sites", async () => {
    await using kit = await startWebKit({ pageDir });
    const link = new URL(kit.listening.newLink());
    const first = await ask(kit, link.pathname + link.search);
    expect(first.status).toBe(302);
    expect(first.headers.location).toBe("/");
    const cookie = first.headers["set-cookie"]?.[0] ?? "";
    expect(cookie).toMatch(new RegExp(`^signalbox_${link.port}=`));
    expect(cookie).toMatch(/; HttpOnly/);
    expect(cookie).toMatch(/; SameSite=Strict/);
    expect(cookie).toMatch(/; Path=\//);
    const second = await ask(kit, link.pathname + link.search);
    expect(second.status).toBe(401);
    expect(second.headers["set-cookie"]).toBeUndefined();
    expect(second.text).toContain("signalbox link");
  });

  it("a used link leads on in the browser that it signed in", async () => {
    await using kit = await startWebKit({ pageDir });
    const link = new URL(kit.listening.newLink());
    const cookie = (await ask(kit, link.pathname + link.search)).headers["set-cookie"]?.[0]?.split(";")[0] ?? "";
    expect((await ask(kit, link.pathname + link.search, { headers: { cookie } })).status).toBe(302);
  });

  it("an old link opens nothing", async () => {
    await using kit = await startWebKit({ pageDir });
    const link = new URL(kit.listening.newLink());
    kit.clock.advance(linkLifeMs);
    expect((await ask(kit, link.pathname + link.search)).status).toBe(401);
  });

  it("a preview (HEAD) does not use a link up", async () => {
    await using kit = await startWebKit({ pageDir });
    const link = new URL(kit.listening.newLink());
    expect((await ask(kit, link.pathname + link.search, { method: "HEAD" })).status).toBe(401);
    expect((await ask(kit, link.pathname + link.search)).status).toBe(302);
  });

  it.each(["/", "/assets/index.js", "/api/overview", "/api/events", threadPath])(
    "%s needs the cookie",
    async (path) => {
      await using kit = await startWebKit({ pageDir });
      expect((await ask(kit, path)).status).toBe(401);
      const wrong = `signalbox_${new URL(kit.listening.url).port}=a.9999999999999.b`;
      expect((await ask(kit, path, { headers: { cookie: wrong } })).status).toBe(401);
      const ofOtherPort = (await kit.signIn()).replace(/^signalbox_\d+/, "signalbox_1");
      expect((await ask(kit, path, { headers: { cookie: ofOtherPort } })).status).toBe(401);
    },
  );

  it("a person without the cookie gets a page that says how to get in", async () => {
    await using kit = await startWebKit({ pageDir });
    const answer = await ask(kit, "/", { headers: { accept: "text/html" } });
    expect(answer.status).toBe(401);
    expect(answer.headers["content-type"]).toContain("text/html");
    expect(answer.text).toContain("signalbox link");
  });

  it.each(["/", "/enter", "/healthz", "/readyz", "/api/overview"])(
    "%s is not served for a foreign host",
    async (path) => {
      await using kit = await startWebKit({ pageDir });
      const cookie = await kit.signIn();
      const { port } = new URL(kit.listening.url);
      for (const host of [`evil.example:${port}`, "127.0.0.1:1", `127.0.0.1.evil.example:${port}`]) {
        expect((await ask(kit, path, { headers: { host, cookie } })).status).toBe(421);
      }
    },
  );

  it("the same server is ours as localhost, too", async () => {
    await using kit = await startWebKit({ pageDir });
    const { port } = new URL(kit.listening.url);
    expect((await ask(kit, "/healthz", { headers: { host: `localhost:${port}` } })).status).toBe(200);
  });

  it("a POST needs our own origin", async () => {
    await using kit = await startWebKit({ pageDir });
    const cookie = await kit.signIn();
    const { port } = new URL(kit.listening.url);
    const body = JSON.stringify({ key: "key-00000001", text: "hello" });
    for (const origin of [undefined, "null", "http://evil.example", `http://localhost:${port}`]) {
      const headers = { ...ours(kit, cookie), origin, "sec-fetch-site": undefined };
      const answer = await ask(kit, `${threadPath}/messages`, { method: "POST", headers, body });
      expect([origin, answer.status, codeOf(answer)]).toEqual([origin, 403, "foreign-origin"]);
    }
    expect(kit.engine.accepted).toEqual([]);
  });

  it("a request that another site caused is refused, even with our origin in it", async () => {
    await using kit = await startWebKit({ pageDir });
    const cookie = await kit.signIn();
    for (const site of ["cross-site", "same-site", "none"]) {
      const headers = { ...ours(kit, cookie), "sec-fetch-site": site };
      const body = JSON.stringify({ key: "key-00000001", text: "hello" });
      expect((await ask(kit, `${threadPath}/messages`, { method: "POST", headers, body })).status).toBe(403);
      const read = { cookie, "sec-fetch-site": site, "sec-fetch-mode": "no-cors" };
      expect((await ask(kit, "/api/overview", { headers: read })).status).toBe(403);
      expect((await ask(kit, "/assets/index.js", { headers: read })).status).toBe(403);
      const navigation = { cookie, "sec-fetch-site": site, "sec-fetch-mode": "navigate" };
      expect((await ask(kit, "/api/overview", { headers: navigation })).status).toBe(403);
      expect((await ask(kit, "/", { headers: navigation })).status).toBe(200);
    }
    expect(kit.engine.accepted).toEqual([]);
  });

  it("a form of another page cannot send anything: only JSON is read", async () => {
    await using kit = await startWebKit({ pageDir });
    const cookie = await kit.signIn();
    const headers = { ...ours(kit, cookie), "content-type": "text/plain" };
    const body = JSON.stringify({ key: "key-00000001", text: "hello" });
    const answer = await ask(kit, `${threadPath}/messages`, { method: "POST", headers, body });
    expect([answer.status, codeOf(answer)]).toEqual([400, "bad-request"]);
  });

  it("every answer forbids framing, foreign scripts, caching, sniffing and referrers", async () => {
    await using kit = await startWebKit({ pageDir });
    const cookie = await kit.signIn();
    const answers = [
      await ask(kit, "/", { headers: { cookie } }),
      await ask(kit, "/api/overview", { headers: { cookie } }),
      await ask(kit, "/api/nothing", { headers: { cookie } }),
      await ask(kit, "/", { headers: { host: "evil.example" } }),
      await ask(kit, "/enter?token=wrong"),
      await ask(kit, "/"),
    ];
    for (const { headers } of answers) {
      expect(headers).toMatchObject({
        "content-security-policy": "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
        "cache-control": "no-store",
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
      });
    }
  });

  it("neither link nor cookie is ever logged (I13)", async () => {
    await using kit = await startWebKit({ pageDir });
    const link = new URL(kit.listening.newLink());
    const token = link.searchParams.get("token") ?? "missing";
    const first = await ask(kit, link.pathname + link.search);
    const cookie = first.headers["set-cookie"]?.[0]?.split(";")[0] ?? "missing";
    await ask(kit, link.pathname + link.search);
    await ask(kit, `/api/overview?token=${token}`, { headers: { cookie, host: "evil.example" } });
    await post(kit, cookie, `${threadPath}/messages?token=${token}`, "{");
    kit.engine.failure = new Error(`${token} ${cookie}`);
    await send(kit, cookie, "key-00000001", "hello");
    const log = JSON.stringify(kit.logged);
    expect(kit.logged.length).toBeGreaterThan(2);
    expect(log).not.toContain(token);
    expect(log).not.toContain(cookie.split("=")[1]);
  });
});

describe("sending", () => {
  it("goes through the engine with the page's key, once however often it is sent", async () => {
    await using kit = await startWebKit({ pageDir });
    const cookie = await kit.signIn();
    const first = await send(kit, cookie, "key-00000001", " hello ");
    expect([first.status, JSON.parse(first.text)]).toEqual([200, { fresh: true, toast: null }]);
    const again = await send(kit, cookie, "key-00000001", " hello ");
    expect([again.status, JSON.parse(again.text)]).toEqual([200, { fresh: false, toast: null }]);
    expect(kit.engine.accepted).toMatchObject([
      {
        key: "web:key-00000001",
        conversation: thread,
        user: "web",
        priority: "interactive",
        request: { kind: "prompt", placement: "queue", prompt: { text: "hello" } },
      },
    ]);
  });

  it("a stop word and a command are what they are on every channel", async () => {
    await using kit = await startWebKit({ pageDir });
    const cookie = await kit.signIn();
    await send(kit, cookie, "key-00000001", "please stop");
    await send(kit, cookie, "key-00000002", "/stop all");
    await send(kit, cookie, "key-00000003", "!now this");
    expect(kit.engine.accepted.map(({ request }) => request)).toMatchObject([
      { kind: "command", command: { name: "stop", scope: "conversation" } },
      { kind: "command", command: { name: "stop", scope: "all" } },
      { kind: "prompt", placement: "interrupt" },
    ]);
  });

  it("a new thread may have its own directory, by its real path", async () => {
    await using kit = await startWebKit({ pageDir });
    const cookie = await kit.signIn();
    const workspace = `${pageDir}/assets/..`;
    const answer = await post(kit, cookie, `${threadPath}/messages`, { key: "key-00000001", text: "hello", workspace });
    expect(answer.status).toBe(200);
    const { lanes } = await get<Overview>(kit, cookie, "/api/overview");
    expect(lanes).toMatchObject([{ conversation: thread, workspace: realpathSync(pageDir) }]);
  });

  it("a directory that is none is refused with words, and nothing is stored", async () => {
    await using kit = await startWebKit({ pageDir });
    const cookie = await kit.signIn();
    const workspace = join(pageDir, "missing");
    const answer = await post(kit, cookie, `${threadPath}/messages`, { key: "key-00000001", text: "hello", workspace });
    expect([answer.status, codeOf(answer)]).toEqual([422, "workspace-invalid"]);
    expect(answer.text).toContain("does not exist");
    expect(kit.engine.accepted).toEqual([]);
  });

  it.each([
    [400, "empty", { key: "key-00000001", text: " \n " }],
    [400, "bad-request", { key: "short", text: "hello" }],
    [400, "bad-request", { key: "key-00000001" }],
    [400, "bad-request", { key: "key-00000001", text: "hello", more: 1 }],
    [400, "bad-request", ["hello"]],
    [413, "too-long", { key: "key-00000001", text: "x".repeat(promptCharsMax + 1) }],
    [413, "too-long", { key: "key-00000001", text: "x".repeat(bodyBytesMax) }],
  ])("what cannot be taken is answered %i %s, and nothing is stored", async (status, code, body) => {
    await using kit = await startWebKit({ pageDir });
    const answer = await post(kit, await kit.signIn(), `${threadPath}/messages`, body);
    expect([answer.status, codeOf(answer)]).toEqual([status, code]);
    expect(kit.engine.accepted).toEqual([]);
  });

  it("files are uploaded first and go with the message; a stop takes nothing with it", async () => {
    await using kit = await startWebKit({ pageDir });
    const cookie = await kit.signIn();
    const headers = { ...ours(kit, cookie), "Content-Type": "application/octet-stream" };
    const kept = await ask(kit, "/api/uploads", { method: "POST", headers, body: "some bytes" });
    expect(kept.status).toBe(200);
    const { id, bytes } = JSON.parse(kept.text) as { id: string; bytes: number };
    expect(bytes).toBe(10);
    const files = [{ id, name: "a\u202Eb.png", type: "image/png", bytes }];
    await post(kit, cookie, `${threadPath}/messages`, { key: "key-00000001", text: "", files });
    await post(kit, cookie, `${threadPath}/messages`, { key: "key-00000002", text: "stop", files });
    const [sent, stop] = kit.engine.accepted.map(({ request }) => request);
    expect(sent).toMatchObject({
      kind: "prompt",
      prompt: { text: "", files: [{ state: "sent", file: { kind: "photo", source: id, bytes: 10 } }] },
    });
    expect(stop).toEqual({ kind: "command", command: { name: "stop", scope: "conversation" } });
  });

  it("an upload needs what every other request needs", async () => {
    await using kit = await startWebKit({ pageDir });
    const cookie = await kit.signIn();
    const give = (headers: ReturnType<typeof ours>) => ask(kit, "/api/uploads", { method: "POST", headers, body: "x" });
    expect((await give(ours(kit, ""))).status).toBe(401);
    expect((await give({ ...ours(kit, cookie), Origin: "https://evil.example" })).status).toBe(403);
  });

  it("a body that is too large is not read to its end", async () => {
    await using kit = await startWebKit({ pageDir });
    const headers = ours(kit, await kit.signIn());
    const body = JSON.stringify({ key: "key-00000001", text: "hello" }) + " ".repeat(bodyBytesMax);
    expect((await ask(kit, `${threadPath}/messages`, { method: "POST", headers, body })).status).toBe(413);
    expect(kit.engine.accepted).toEqual([]);
  });

  it("the longest text is taken, whatever it is made of", async () => {
    await using kit = await startWebKit({ pageDir });
    const answer = await send(kit, await kit.signIn(), "key-00000001", `x${"\u0001".repeat(promptCharsMax - 2)}x`);
    expect(answer.status).toBe(200);
  });

  it("what the store refuses is told with what was kept, and the same key works afterwards", async () => {
    await using kit = await startWebKit({ pageDir });
    const cookie = await kit.signIn();
    kit.engine.failure = new Error("disk full at /secret/path");
    const refused = await send(kit, cookie, "key-00000001", "hello");
    expect([refused.status, codeOf(refused)]).toEqual([503, "not-stored"]);
    expect(refused.text).toContain("your text is still in the box");
    expect(refused.text).not.toContain("/secret/path");
    kit.engine.failure = null;
    expect(JSON.parse((await send(kit, cookie, "key-00000001", "hello")).text)).toMatchObject({ fresh: true });
  });

  it("a Telegram conversation is not written into from here", async () => {
    await using kit = await startWebKit({ pageDir });
    const answer = await post(kit, await kit.signIn(), `${chatPath}/messages`, { key: "key-00000001", text: "hello" });
    expect([answer.status, codeOf(answer)]).toEqual([409, "read-only"]);
    expect(kit.engine.accepted).toEqual([]);
  });

  it("a press or a stop opens no conversation", async () => {
    await using kit = await startWebKit({ pageDir });
    const cookie = await kit.signIn();
    const stop = { key: "key-00000001", scope: "conversation" };
    const press = { key: "key-00000002", button: "button-of-nobody" };
    expect((await post(kit, cookie, `${chatPath}/stop`, stop)).status).toBe(404);
    expect((await post(kit, cookie, `${chatPath}/presses`, press)).status).toBe(404);
    expect((await post(kit, cookie, "/api/conversations/nonsense/stop", stop)).status).toBe(404);
    expect(kit.engine.accepted).toEqual([]);
  });
});

/** A Telegram conversation with a run, and two messages in line. */
async function busyChat(): Promise<{ kit: WebKit; cookie: string }> {
  const kit = await startWebKit({ pageDir });
  const base = { conversation: chat, user: "7", message: null, priority: "interactive", sentAtMs: 0 } as const;
  for (const text of ["first", "second", "third"]) {
    const prompt = { kind: "prompt", prompt: { text }, placement: "queue" } as const;
    await kit.engine.accept([{ ...base, key: `tg:${text}` as never, request: prompt }]);
    kit.clock.advance(1);
  }
  return { kit, cookie: await kit.signIn() };
}

describe("a Telegram conversation", () => {
  it("is stopped from the page, by the same command", async () => {
    const { kit, cookie } = await busyChat();
    await using _ = kit;
    const answer = await post(kit, cookie, `${chatPath}/stop`, { key: "key-00000001", scope: "conversation" });
    expect(answer.status).toBe(200);
    const view = await get<ConversationView>(kit, cookie, chatPath);
    expect(view).toMatchObject({ channel: "telegram", run: { state: "stopping" }, queue: [] });
    expect(view.held.map(({ text }) => text)).toEqual(["second", "third"]);
  });

  it("lets what waits be cancelled from the page, by a button that works once", async () => {
    const { kit, cookie } = await busyChat();
    await using _ = kit;
    const before = await get<ConversationView>(kit, cookie, chatPath);
    const cancel = before.queue[0]?.buttons.find(({ label }) => label === "Cancel");
    const press = async (key: string) => {
      const answer = await post(kit, cookie, `${chatPath}/presses`, { key, button: cancel?.id });
      return JSON.parse(answer.text) as unknown;
    };
    expect(await press("key-00000001")).toEqual({ fresh: true, toast: "Cancelled." });
    expect(await press("key-00000002")).toEqual({ fresh: true, toast: "This was already done." });
    const after = await get<ConversationView>(kit, cookie, chatPath);
    expect(after.queue.map(({ text }) => text)).toEqual(["third"]);
  });
});

describe("the view of a conversation", () => {
  it("of a new thread is empty, and not an error", async () => {
    await using kit = await startWebKit({ pageDir });
    expect(await get(kit, await kit.signIn(), threadPath)).toMatchObject({
      lane: null,
      entries: [],
      queue: [],
      run: null,
    });
  });

  it("shows a question, its run and its answer together, however long the question waited", async () => {
    const { kit, cookie } = await busyChat();
    await using _ = kit;
    // All in one millisecond: the first run settles and the second begins.
    kit.engine.settle(chat, { kind: "completed", answer: "one" });
    kit.clock.advance(1_000);
    kit.engine.settle(chat, { kind: "completed", answer: "two" });
    const { entries } = await get<ConversationView>(kit, cookie, chatPath);
    const words = entries.flatMap((entry) =>
      entry.kind === "said" ? [entry.text] : entry.kind === "answer" ? [entry.markdown] : [],
    );
    expect(words).toEqual(["first", "one", "second", "two", "third"]);
  });

  it("offers only buttons that can still do something", async () => {
    const { kit, cookie } = await busyChat();
    await using _ = kit;
    const labels = async (): Promise<string[]> =>
      (await get<ConversationView>(kit, cookie, chatPath)).queue.flatMap(({ buttons }) =>
        buttons.map(({ label }) => label),
      );
    expect(await labels()).toEqual(["Steer now", "Stop and run", "Cancel", "Steer now", "Stop and run", "Cancel"]);
    kit.engine.quarantine(chat, { processes: [], note: "unknown" });
    expect(await labels()).toEqual(["Cancel", "Cancel"]);
  });

  it("offers Run again until it was pressed", async () => {
    const { kit, cookie } = await busyChat();
    await using _ = kit;
    kit.engine.crash(chat);
    const offered = async () =>
      (await get<ConversationView>(kit, cookie, chatPath)).entries.flatMap((entry) =>
        entry.kind === "notice" ? entry.buttons.flat() : [],
      );
    const [again] = await offered();
    expect(again?.label).toBe("Run again");
    await post(kit, cookie, `${chatPath}/presses`, { key: "key-00000001", button: again?.id });
    expect(await offered()).toEqual([]);
  });

  it("shows the newest part of a long one, whole, and says that there is more (I14)", async () => {
    await using kit = await startWebKit({ pageDir });
    const cookie = await kit.signIn();
    for (let n = 0; n <= entriesShownMax; n += 1) {
      const request = { kind: "prompt", prompt: { text: `question ${n}` }, placement: "queue" } as const;
      const base = { user: "web", message: null, priority: "interactive", sentAtMs: 0 } as const;
      await kit.engine.accept([{ ...base, key: `web:long-${n}` as never, conversation: thread, request }]);
      kit.clock.advance(1);
      kit.engine.settle(thread, { kind: "completed", answer: `answer ${n}` });
      kit.clock.advance(1);
    }
    const { entries, isCut } = await get<ConversationView>(kit, cookie, threadPath);
    expect(isCut).toBe(true);
    // Rows are cut first: no question may stand at the head without what followed it.
    const kinds = entries.map(({ kind }) => kind);
    expect(kinds.slice(0, 3)).toEqual(["said", "summary", "answer"]);
    expect(kinds.filter((kind) => kind === "said").length).toBe(kinds.filter((kind) => kind === "answer").length);
  });

  it("tells of a refused message", async () => {
    await using kit = await startWebKit({ pageDir });
    const cookie = await kit.signIn();
    for (let n = 0; n <= fakeCapacity + 1; n += 1) await send(kit, cookie, `key-0000000${n}`, `message ${n}`);
    const { entries } = await get<ConversationView>(kit, cookie, threadPath);
    expect(entries).toContainEqual(expect.objectContaining({ kind: "said", state: "rejected", text: "message 4" }));
    expect(entries).toContainEqual(expect.objectContaining({ notice: "lane-full", tone: "warning" }));
  });
});

describe("the control room", () => {
  it("says of every lane what it does and whom it waits for", async () => {
    const { kit, cookie } = await busyChat();
    await using _ = kit;
    await send(kit, cookie, "key-00000001", "same directory");
    const { lanes, runsMax } = await get<Overview>(kit, cookie, "/api/overview");
    expect(runsMax).toBe(4);
    expect(lanes).toMatchObject([
      { conversation: chat, channel: "telegram", name: "first", state: "running", queued: 2, waitsFor: null },
      {
        conversation: thread,
        channel: "web",
        state: "waiting",
        queued: 1,
        waitsFor: { kind: "workspace", holder: chat, holderName: "first" },
      },
    ]);
  });

  it("shows as many lanes as can be read, live ones first, and counts the rest (I14)", async () => {
    await using kit = await startWebKit({ pageDir, runsMax: 1 });
    const cookie = await kit.signIn();
    for (let n = 0; n <= lanesShownMax; n += 1) {
      const conversation = webConversation(`thread-${n}`);
      const request = { kind: "prompt", prompt: { text: `thread ${n}` }, placement: "queue" } as const;
      const base = { user: "web", message: null, priority: "interactive", sentAtMs: 0 } as const;
      await kit.engine.accept([{ ...base, key: `web:lane-${n}` as never, conversation, request }]);
    }
    const { lanes, lanesHidden } = await get<Overview>(kit, cookie, "/api/overview");
    expect(lanes).toHaveLength(lanesShownMax);
    expect(lanesHidden).toBe(1);
    expect(lanes[0]).toMatchObject({ name: "thread 0", state: "running" });
  });

  it("says that a lane waits for a free slot", async () => {
    await using kit = await startWebKit({ pageDir, runsMax: 1 });
    const cookie = await kit.signIn();
    await send(kit, cookie, "key-00000001", "hello");
    const other = `/api/conversations/${encodeURIComponent(webConversation("other"))}/messages`;
    await post(kit, cookie, other, { key: "key-00000002", text: "hello", workspace: pageDir });
    const { lanes } = await get<Overview>(kit, cookie, "/api/overview");
    expect(lanes[1]).toMatchObject({ state: "waiting", waitsFor: { kind: "slot" } });
  });
});

describe("events", () => {
  it("come over HTTP, from where the overview was read", async () => {
    await using kit = await startWebKit({ pageDir });
    const cookie = await kit.signIn();
    const { cursor } = await get<Overview>(kit, cookie, "/api/overview");
    await send(kit, cookie, "key-00000001", "hello");
    const end = new AbortController();
    const response = await fetch(`${kit.listening.url}/api/events?since=${cursor}`, {
      headers: { cookie },
      signal: end.signal,
    });
    expect(response.headers.get("content-type")).toContain("text/event-stream");
    const told = await readUntil(response, /event: progress/);
    expect(told).toMatch(/event: changed\ndata: \{"conversation":"web:thread"\}/);
    end.abort();
  });

  it("go on after Last-Event-ID, which outranks the address", async () => {
    await using kit = await startWebKit({ pageDir });
    const cookie = await kit.signIn();
    const { cursor: before } = await get<Overview>(kit, cookie, "/api/overview");
    await send(kit, cookie, "key-00000001", "hello");
    const { cursor: after } = await get<Overview>(kit, cookie, "/api/overview");
    const end = new AbortController();
    const headers = { cookie, "last-event-id": after };
    const response = await fetch(`${kit.listening.url}/api/events?since=${before}`, { headers, signal: end.signal });
    kit.engine.event(thread, { kind: "text", delta: "words" });
    const told = await readUntil(response, /event: progress/);
    expect(told).not.toMatch(/event: changed/);
    end.abort();
  });

  it("end when the server is closed, which waits for nothing else", async () => {
    const kit = await startWebKit({ pageDir });
    const cookie = await kit.signIn();
    const response = await fetch(`${kit.listening.url}/api/events`, { headers: { cookie } });
    expect(response.headers.get("connection")).toBe("close"); // else the ended stream's connection is waited for
    await kit[Symbol.asyncDispose]();
    expect(await readUntil(response, /never/)).toContain("retry:");
    await expect(fetch(kit.listening.url)).rejects.toThrow("fetch failed");
  });
});

/** Reads until the pattern was seen, or the stream ended. */
async function readUntil(response: Response, pattern: RegExp): Promise<string> {
  let text = "";
  const decoder = new TextDecoder();
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    if (pattern.test(text)) break;
  }
  return text;
}

describe("the server", () => {
  it("serves the page's own files by exact name, and no other file", async () => {
    await using kit = await startWebKit({ pageDir });
    const headers = { cookie: await kit.signIn() };
    expect((await ask(kit, "/", { headers })).text).toContain("the page");
    expect((await ask(kit, "/assets/index.js", { headers })).headers["content-type"]).toContain("text/javascript");
    for (const path of ["/secret.txt", "/../web.ts", "/%2e%2e/web.ts", "/assets/../../web.ts", "/assets"]) {
      expect([path, (await ask(kit, path, { headers })).status]).toEqual([path, 404]);
    }
  });

  it("says so when the page was never built", async () => {
    await using kit = await startWebKit({ pageDir: join(pageDir, "missing") });
    const answer = await ask(kit, "/", { headers: { cookie: await kit.signIn() } });
    expect([answer.status, answer.text]).toEqual([503, expect.stringContaining("npm start")]);
  });

  it("is alive without a cookie, and ready when the program is", async () => {
    await using kit = await startWebKit({ pageDir });
    expect((await ask(kit, "/healthz")).status).toBe(200);
    expect((await ask(kit, "/readyz")).status).toBe(200);
    kit.readiness = { kind: "not-ready", why: "the database cannot be written" };
    const answer = await ask(kit, "/readyz");
    expect([answer.status, JSON.parse(answer.text)]).toEqual([
      503,
      { status: "not ready", why: "the database cannot be written" },
    ]);
  });

  it("answers a failing read with words and no foreign text, and goes on", async () => {
    await using kit = await startWebKit({ pageDir });
    const cookie = await kit.signIn();
    const { lanes } = kit.engine.history;
    kit.engine.history.lanes = () => Promise.reject(new Error("SQLITE_IOERR /secret/path"));
    const answer = await ask(kit, "/api/overview", { headers: { cookie } });
    expect([answer.status, codeOf(answer)]).toEqual([500, "internal"]);
    expect(answer.text + JSON.stringify(kit.logged)).not.toContain("/secret/path");
    kit.engine.history.lanes = lanes;
    expect((await ask(kit, "/api/overview", { headers: { cookie } })).status).toBe(200);
  });

  it("says when its port is taken, and when its address is not to be had", async () => {
    await using kit = await startWebKit({ pageDir });
    const port = Number(new URL(kit.listening.url).port);
    await expect(startWebKit({ pageDir, listen: { host: "127.0.0.1", port } })).rejects.toThrow("port-in-use");
    await expect(startWebKit({ pageDir, listen: { host: "192.0.2.1", port: 0 } })).rejects.toThrow("address-refused");
  });

  it("unknown parts of its interface are answered as such", async () => {
    await using kit = await startWebKit({ pageDir });
    const cookie = await kit.signIn();
    expect((await ask(kit, "/api/nothing", { headers: { cookie } })).status).toBe(404);
    expect((await post(kit, cookie, "/api/overview", {})).status).toBe(404);
    expect((await ask(kit, "/api/conversations/nonsense", { headers: { cookie } })).status).toBe(404);
  });
});
