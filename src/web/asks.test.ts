import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import type { Ask } from "../domain/ask.ts";
import { type ConversationId, telegramConversation, webConversation } from "../domain/conversation.ts";
import { startWebKit, type WebKit } from "./web.test-kit.ts";
import type { ConversationView, Entry, Overview, Problem } from "./wire.ts";

const thread = webConversation("thread");
const chat = telegramConversation(42, null);

const command: Ask = {
  kind: "approval",
  action: { kind: "command", command: "npm publish", directory: "/w" },
  reason: null,
  scopes: ["once", "session"],
};

const questions: Ask = {
  kind: "questions",
  questions: [
    {
      header: "",
      text: "Which?",
      options: [
        { label: "a", description: "" },
        { label: "b", description: "" },
      ],
      choice: "many",
      takesText: true,
    },
    { header: "", text: "What name?", options: [], choice: "one", takesText: true },
  ],
};

type Asked = { method?: string; headers?: Record<string, string>; body?: string };

type Client = {
  readonly kit: WebKit;
  get<T>(path: string): Promise<T>;
  fetch(path: string, init?: Asked): Promise<Response>;
  post(path: string, body: object): Promise<Response>;
  view(conversation?: ConversationId): Promise<ConversationView>;
};

let keys = 0;
const key = (): string => `key-${(keys += 1)}-12345678`;
const pathOf = (conversation: ConversationId): string => `/api/conversations/${encodeURIComponent(conversation)}`;

async function open(kit: WebKit): Promise<Client> {
  const cookie = await kit.signIn();
  const { url } = kit.listening;
  const ask = (path: string, init: Asked = {}): Promise<Response> =>
    fetch(url + path, { ...init, headers: { cookie, ...init.headers } });
  const get = async <T>(path: string): Promise<T> => (await (await ask(path)).json()) as T;
  return {
    kit,
    get,
    fetch: ask,
    post: (path, body) =>
      ask(path, {
        method: "POST",
        headers: { origin: url, "content-type": "application/json" },
        body: JSON.stringify(body),
      }),
    view: (conversation = thread) => get(pathOf(conversation)),
  };
}

async function begin(kit: WebKit, conversation: ConversationId = thread): Promise<void> {
  const request = { kind: "prompt", prompt: { text: "work" }, placement: "queue" } as const;
  const base = { user: "web", message: null, priority: "interactive", sentAtMs: 0 } as const;
  await kit.engine.accept([{ ...base, key: `web:${key()}` as never, conversation, request }], {
    workspace: `/w/${conversation}`,
  });
  kit.clock.advance(1);
}

type AskEntry = Entry & { kind: "ask" };

const asksOf = ({ entries }: ConversationView): AskEntry[] =>
  entries.flatMap((entry) => (entry.kind === "ask" ? [entry] : []));

const labels = (entry: AskEntry | undefined): string[] => (entry?.buttons ?? []).map(({ label }) => label);

async function codeOf(response: Response): Promise<string> {
  return ((await response.json()) as Problem).error.code;
}

describe("an ask", () => {
  it("is one card at the place of its first row, as its newest row says", async () => {
    await using kit = await startWebKit();
    const client = await open(kit);
    await begin(kit);
    kit.engine.ask(thread, questions);
    kit.clock.advance(1);
    kit.engine.say(thread, { kind: "from-agent", text: "later" });
    kit.clock.advance(1);
    const [before] = asksOf(await client.view());
    expect(labels(before)).toEqual(["a", "b", "Done"]);
    await client.post(`${pathOf(thread)}/presses`, { key: key(), button: before?.buttons[1]?.id });
    const view = await client.view();
    expect(view.entries.map(({ kind }) => kind)).toEqual(["said", "ask", "notice"]);
    const [after] = asksOf(view);
    expect(after?.id).toBe(before?.id);
    expect(after?.state).toEqual({ kind: "open", answers: [], ticked: ["b"] });
    expect(after?.buttons.every(({ isSpent }) => !isSpent)).toBe(true);
  });

  it("tells exactly what would be done, and the step of each button", async () => {
    await using kit = await startWebKit();
    const client = await open(kit);
    await begin(kit);
    kit.engine.ask(thread, command);
    const [entry] = asksOf(await client.view());
    expect(entry?.about).toEqual(command);
    expect(entry?.buttons.map(({ label, weight, step }) => [label, weight, step.kind])).toEqual([
      ["Allow once", "main", "allow"],
      ["Allow for this session", "plain", "allow"],
      ["Deny", "plain", "deny"],
    ]);
  });

  it("that was answered says what came of it, and has no buttons", async () => {
    await using kit = await startWebKit();
    const client = await open(kit);
    await begin(kit);
    kit.engine.ask(thread, command);
    const [before] = asksOf(await client.view());
    await client.post(`${pathOf(thread)}/presses`, { key: key(), button: before?.buttons[0]?.id });
    const [after] = asksOf(await client.view());
    expect([after?.state, after?.buttons]).toEqual([
      { kind: "answered", answer: { kind: "allow", scope: "once" } },
      [],
    ]);
  });

  it("shows a button that was pressed without effect as spent", async () => {
    await using kit = await startWebKit();
    const client = await open(kit);
    await begin(kit);
    const id = kit.engine.ask(thread, command);
    const [before] = asksOf(await client.view());
    // As an answer that came while the run was being stopped: the press is stored, and nothing is done.
    kit.engine.forgetAsk(id);
    await client.post(`${pathOf(thread)}/presses`, { key: key(), button: before?.buttons[0]?.id });
    const [after] = asksOf(await client.view());
    expect(after?.buttons.map(({ isSpent }) => isSpent)).toEqual([true, false, false]);
  });

  it("expires with its run", async () => {
    await using kit = await startWebKit();
    const client = await open(kit);
    await begin(kit);
    kit.engine.ask(thread, command);
    kit.engine.crash(thread);
    const [entry] = asksOf(await client.view());
    expect([entry?.state, entry?.buttons]).toEqual([{ kind: "expired" }, []]);
  });

  it("of a run that is not live is not offered to be answered, whatever its row says", async () => {
    await using kit = await startWebKit();
    const client = await open(kit);
    await begin(kit);
    kit.engine.ask(thread, command);
    const { liveRuns } = kit.engine.history;
    kit.engine.history.liveRuns = async () => [];
    const [entry] = asksOf(await client.view());
    expect([entry?.state, entry?.buttons]).toEqual([{ kind: "expired" }, []]);
    kit.engine.history.liveRuns = liveRuns;
    expect(asksOf(await client.view())[0]?.state.kind).toBe("open");
  });

  it("stands out in the control room, before what only runs", async () => {
    await using kit = await startWebKit();
    const client = await open(kit);
    await begin(kit);
    await begin(kit, chat);
    const before = await client.get<Overview>("/api/overview");
    expect(before.lanes.map(({ conversation, asks }) => [conversation, asks])).toEqual([
      [chat, 0],
      [thread, 0],
    ]);
    kit.engine.ask(thread, command);
    kit.engine.ask(thread, questions);
    const after = await client.get<Overview>("/api/overview");
    expect(after.lanes.map(({ conversation, asks }) => [conversation, asks])).toEqual([
      [thread, 2],
      [chat, 0],
    ]);
  });
});

describe("an answer in words", () => {
  it("becomes one answer to that ask, however often it is sent", async () => {
    await using kit = await startWebKit();
    const client = await open(kit);
    await begin(kit);
    const ask = kit.engine.ask(thread, command);
    const body = { key: key(), ask, text: " not today " };
    const first = await client.post(`${pathOf(thread)}/answers`, body);
    expect([first.status, await first.json()]).toEqual([200, { fresh: true, toast: "Denied, with your words." }]);
    expect(await (await client.post(`${pathOf(thread)}/answers`, body)).json()).toEqual({ fresh: false, toast: null });
    expect(kit.engine.accepted.filter(({ request }) => request.kind === "answer")).toMatchObject([
      { key: `web:${body.key}`, conversation: thread, request: { kind: "answer", ask, text: "not today" } },
    ]);
    const view = await client.view();
    expect(asksOf(view)[0]?.state).toEqual({ kind: "answered", answer: { kind: "deny", reason: "not today" } });
    // The card shows it; it is no message of its own.
    expect(view.entries.filter(({ kind }) => kind === "said")).toHaveLength(1);
  });

  it("reaches an agent of a Telegram conversation as well", async () => {
    await using kit = await startWebKit();
    const client = await open(kit);
    await begin(kit, chat);
    const ask = kit.engine.ask(chat, command);
    expect((await client.post(`${pathOf(chat)}/answers`, { key: key(), ask, text: "no" })).status).toBe(200);
    expect(kit.engine.asks.get(ask)?.state).toEqual({ kind: "answered", answer: { kind: "deny", reason: "no" } });
  });

  it("does not reach an ask of another conversation", async () => {
    await using kit = await startWebKit();
    const client = await open(kit);
    await begin(kit);
    await begin(kit, chat);
    const ask = kit.engine.ask(chat, command);
    await client.post(`${pathOf(thread)}/answers`, { key: key(), ask, text: "no" });
    expect(kit.engine.asks.get(ask)?.state.kind).toBe("open");
  });

  it.each([
    ["without words", { text: "  " }, 400, "empty"],
    ["too long", { text: "x".repeat(100_001) }, 413, "too-long"],
    ["without an ask", { ask: "" }, 400, "bad-request"],
    ["with a path for an ask", { ask: "../../etc/passwd" }, 400, "bad-request"],
  ])("%s is refused, and nothing is stored", async (_, change, status, code) => {
    await using kit = await startWebKit();
    const client = await open(kit);
    await begin(kit);
    const ask = kit.engine.ask(thread, command);
    const answer = await client.post(`${pathOf(thread)}/answers`, { key: key(), ask, text: "no", ...change });
    expect([answer.status, await codeOf(answer)]).toEqual([status, code]);
    expect(kit.engine.accepted).toHaveLength(1);
  });

  it("opens no conversation", async () => {
    await using kit = await startWebKit();
    const client = await open(kit);
    const answer = await client.post(`${pathOf(thread)}/answers`, { key: key(), ask: "ask-1-abcdefgh", text: "no" });
    expect([answer.status, await codeOf(answer)]).toEqual([404, "not-found"]);
  });
});

describe("what is chosen for a conversation", () => {
  it("is told with each lane: what was chosen, else what the program works with", async () => {
    await using kit = await startWebKit({
      agent: { name: "claude", version: null, isDemo: false },
      permissions: "edit",
    });
    const client = await open(kit);
    await begin(kit);
    expect((await client.view()).lane?.choice).toEqual({ driver: "claude", model: null, permissions: "edit" });
    await client.post(`${pathOf(thread)}/messages`, { key: key(), text: "/permissions plan" });
    await client.post(`${pathOf(thread)}/messages`, { key: key(), text: "/model" });
    const [list] = (await client.view()).entries.filter(
      (entry) => entry.kind === "notice" && entry.notice === "models",
    );
    const button = list?.kind === "notice" ? list.buttons[0]?.find(({ label }) => label === "Sonnet") : undefined;
    await client.post(`${pathOf(thread)}/presses`, { key: key(), button: button?.id });
    const model = { id: "sonnet", effort: null };
    expect((await client.view()).lane?.choice).toEqual({ driver: "claude", model, permissions: "plan" });
  });

  it("is offered by the newest list alone, until it was chosen", async () => {
    await using kit = await startWebKit();
    const client = await open(kit);
    await begin(kit);
    const say = (text: string) => client.post(`${pathOf(thread)}/messages`, { key: key(), text });
    const offered = async (): Promise<number[]> =>
      (await client.view()).entries.flatMap((entry) =>
        entry.kind === "notice" && entry.notice === "permissions" ? [entry.buttons.flat().length] : [],
      );
    await say("/permissions");
    await say("/permissions");
    expect(await offered()).toEqual([0, 3]);
    await say("/permissions edit");
    expect(await offered()).toEqual([0, 0]);
  });

  it("a session is offered by its name", async () => {
    await using kit = await startWebKit();
    const client = await open(kit);
    await begin(kit);
    await client.post(`${pathOf(thread)}/messages`, { key: key(), text: "/resume" });
    const list = (await client.view()).entries.find((entry) => entry.kind === "notice");
    expect(list?.kind === "notice" ? list.buttons.flat().map(({ label }) => label) : []).toEqual([
      "1. Faster builds",
      "2. Collect last week's error reports and group them by cause",
    ]);
  });
});

describe("a file that an agent sent", () => {
  let directory = "";
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), "signalbox-files-"));
    writeFileSync(join(directory, "copy"), "<script>alert(1)</script>");
    writeFileSync(join(directory, "empty"), "");
    symlinkSync("/etc/passwd", join(directory, "link"));
  });
  afterAll(() => rmSync(directory, { recursive: true }));

  async function sent(kit: WebKit, name = "page.html"): Promise<Client> {
    const client = await open(kit);
    await begin(kit);
    kit.files.set("file-1", join(directory, "copy"));
    kit.engine.sendFile(thread, { id: "file-1", name, bytes: 25 }, "the page");
    return client;
  }

  it("is an entry, and is saved, never shown", async () => {
    await using kit = await startWebKit();
    const client = await sent(kit);
    expect((await client.view()).entries).toContainEqual(
      expect.objectContaining({ kind: "file", file: "file-1", name: "page.html", bytes: 25, caption: "the page" }),
    );
    const answer = await client.fetch(`${pathOf(thread)}/files/file-1`);
    expect(answer.status).toBe(200);
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      "content-type": "application/octet-stream",
      "content-disposition": `attachment; filename="page.html"; filename*=UTF-8''page.html`,
      "content-length": "25",
      "x-content-type-options": "nosniff",
      "cache-control": "no-store",
    });
    expect(await answer.text()).toBe("<script>alert(1)</script>");
  });

  it("is asked about without being read (HEAD), and may be empty", async () => {
    await using kit = await startWebKit();
    const client = await sent(kit);
    const head = await client.fetch(`${pathOf(thread)}/files/file-1`, { method: "HEAD" });
    expect([head.status, head.headers.get("content-length"), await head.text()]).toEqual([200, "25", ""]);
    kit.files.set("file-1", join(directory, "empty"));
    const empty = await client.fetch(`${pathOf(thread)}/files/file-1`);
    expect([empty.status, await empty.text()]).toEqual([200, ""]);
  });

  it("keeps its name, and the name breaks out of no header", async () => {
    await using kit = await startWebKit();
    const client = await sent(kit, `r\u00E9sum\u00E9 "1"\r\nset-cookie: a=b;.pdf`);
    const answer = await client.fetch(`${pathOf(thread)}/files/file-1`);
    expect(answer.headers.get("set-cookie")).toBeNull();
    expect(answer.headers.get("content-disposition")).toBe(
      `attachment; filename="r_sum_ _1___set-cookie: a=b;.pdf"; filename*=UTF-8''r%C3%A9sum%C3%A9%20%221%22%0D%0Aset-cookie%3A%20a%3Db%3B.pdf`,
    );
  });

  it.each(["file-2", "copy", "..%2F..%2Fetc%2Fpasswd", "%2Fetc%2Fpasswd", "file-1%00", ""])(
    "%j is not one, because no message of the conversation names it",
    async (id) => {
      await using kit = await startWebKit();
      const client = await sent(kit);
      // Even if somebody kept such a copy.
      kit.files.set(decodeURIComponent(id), join(directory, "copy"));
      if (id !== "file-1") expect((await client.fetch(`${pathOf(thread)}/files/${id}`)).status).toBe(404);
    },
  );

  it("is not had through another conversation, nor without the cookie, nor by another site", async () => {
    await using kit = await startWebKit();
    const client = await sent(kit);
    await begin(kit, chat);
    expect((await client.fetch(`${pathOf(chat)}/files/file-1`)).status).toBe(404);
    expect((await fetch(`${kit.listening.url}${pathOf(thread)}/files/file-1`)).status).toBe(401);
    const foreign = { "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate" };
    expect((await client.fetch(`${pathOf(thread)}/files/file-1`, { headers: foreign })).status).toBe(403);
  });

  it("that is gone is told to be gone, and a link is not followed", async () => {
    await using kit = await startWebKit();
    const client = await sent(kit);
    for (const path of [join(directory, "nothing"), join(directory, "link")]) {
      kit.files.set("file-1", path);
      const answer = await client.fetch(`${pathOf(thread)}/files/file-1`);
      expect([answer.status, await codeOf(answer)]).toEqual([410, "file-gone"]);
    }
    kit.files.delete("file-1");
    expect((await client.fetch(`${pathOf(thread)}/files/file-1`)).status).toBe(410);
  });
});

describe("what a run has changed", () => {
  it("and how full its memory is are told of the live run and of the finished one", async () => {
    await using kit = await startWebKit();
    const client = await open(kit);
    await begin(kit);
    const diff = "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n";
    kit.engine.event(thread, { kind: "diff", diff });
    kit.engine.event(thread, { kind: "context", usedTokens: 5_000, windowTokens: 200_000 });
    const told = { diff, context: { usedTokens: 5_000, windowTokens: 200_000 } };
    expect((await client.view()).run).toMatchObject(told);
    kit.engine.settle(thread);
    expect((await client.view()).entries).toContainEqual(expect.objectContaining({ kind: "summary", ...told }));
  });
});
