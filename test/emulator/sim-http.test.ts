// The people's side over HTTP, for tests in another process and for the playground.

import { request } from "node:http";
import { describe, expect, it } from "vitest";
import { createEmulator, type Emulator } from "./emulator.ts";
import { get } from "./rules/rule.ts";

async function post(emulator: Emulator, path: string, body: object): Promise<unknown> {
  const response = await fetch(`${emulator.apiRoot}/sim/${path}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  return response.json();
}

async function read<T>(emulator: Emulator, path: string): Promise<T> {
  return (await (await fetch(`${emulator.apiRoot}${path}`)).json()) as T;
}

/** By hand: fetch does not let one choose the Host. */
function statusFrom(emulator: Emulator, headers: Record<string, string>, method = "GET"): Promise<number | undefined> {
  const asked = Promise.withResolvers<number | undefined>();
  const path = method === "GET" ? "/sim" : "/sim/send";
  request(`${emulator.apiRoot}${path}`, { method, headers }, (response) => {
    response.resume();
    asked.resolve(response.statusCode);
  })
    .on("error", asked.reject)
    .end(method === "GET" ? undefined : '{"text":"x"}');
  return asked.promise;
}

describe("the people's side over HTTP", () => {
  it("writes, taps, waits and looks", async () => {
    await using emulator = await createEmulator();
    const { owner } = emulator;
    const world = await read<{ owner: number; token: string }>(emulator, "/sim");
    expect(world).toMatchObject({ owner: owner.id, token: emulator.token });
    await post(emulator, "send", { text: "hello" });
    expect(emulator.updates.pending()[0]?.message?.text).toBe("hello");

    const waiting = read<{ text: string }>(emulator, "/sim/until?text=choose");
    const keyboard = { inline_keyboard: [[{ text: "Go", callback_data: "go" }]] };
    await get(emulator, "sendMessage", { chat_id: owner.chatId, text: "choose one", reply_markup: keyboard });
    expect((await waiting).text).toBe("choose one");

    const tapped = post(emulator, "tap", { label: "Go" });
    const query = await emulator.until(() => emulator.updates.pending().at(-1)?.callback_query?.id);
    await get(emulator, "answerCallbackQuery", { callback_query_id: query, text: "gone" });
    expect(await tapped).toMatchObject({ text: "gone" });
    const text = await (await fetch(`${emulator.apiRoot}/sim/chat.txt`)).text();
    expect(text).toContain("#2 Signalbox: choose one\n    [Go]");
  });

  it("brings strangers, groups, topics and faults", async () => {
    await using emulator = await createEmulator();
    const stranger = (await post(emulator, "user", { firstName: "Mallory" })) as { id: number };
    const group = (await post(emulator, "group", { title: "Team", kind: "forum" })) as { id: number };
    const topic = (await post(emulator, "topic", { chat: group.id, name: "Work" })) as { thread: number };
    await post(emulator, "send", { user: stranger.id, chat: group.id, thread: topic.thread, text: "let me in" });
    expect(emulator.chat(group.id, topic.thread).last).toMatchObject({ who: "Mallory", text: "let me in" });
    await post(emulator, "fault", { method: "getMe", fault: { kind: "unauthorized" } });
    expect((await fetch(`${emulator.apiRoot}/bot${emulator.token}/getMe`)).status).toBe(401);
  });

  it("sends files and albums, and shows them without their bytes", async () => {
    await using emulator = await createEmulator();
    const voice = { kind: "voice", base64: Buffer.from("OggS").toString("base64"), durationSeconds: 2 };
    await post(emulator, "file", voice);
    expect(emulator.updates.pending()[0]?.message?.voice).toMatchObject({ duration: 2, file_size: 4 });
    const items = [{ filler: 5, caption: "first" }, { filler: 6 }];
    const album = (await post(emulator, "album", { items, order: [1, 0, 1], gapMs: 1 })) as { message_id: number }[];
    const arrived = emulator.updates.pending().map(({ message }) => message?.message_id);
    expect(arrived).toEqual([1, album[1]?.message_id, album[0]?.message_id, album[1]?.message_id]);
    const view = await read<{ messages: { file: { kind: string; bytes: number } }[] }>(emulator, "/sim/chat");
    expect(view.messages.map(({ file }) => [file.kind, file.bytes])).toEqual([
      ["voice", 4],
      ["photo", 5],
      ["photo", 6],
    ]);
    const shown = await fetch(`${emulator.apiRoot}/sim/file?message=1`);
    expect([shown.headers.get("content-type"), await shown.text()]).toEqual(["audio/ogg", "OggS"]);
  });

  it("never shows a document as a page", async () => {
    await using emulator = await createEmulator();
    const source = { name: "x.html", mimeType: "text/html", base64: Buffer.from("<script>").toString("base64") };
    await post(emulator, "document", source);
    await post(emulator, "file", { ...source, kind: "audio" });
    for (const message of [1, 2]) {
      const { headers } = await fetch(`${emulator.apiRoot}/sim/file?message=${message}`);
      expect(headers.get("content-type")).toBe("application/octet-stream");
      expect(headers.get("content-disposition")).toMatch(/^attachment/);
    }
  });

  it("answers a mistake with its reason", async () => {
    await using emulator = await createEmulator();
    expect(await post(emulator, "tap", { label: "Nothing" })).toMatchObject({
      error: expect.stringContaining("Nothing"),
    });
    expect(await post(emulator, "send", { user: 1, text: "x" })).toEqual({ error: "no person 1" });
  });

  it("streams changes, and lets go when the reader leaves", async () => {
    await using emulator = await createEmulator();
    const leaving = new AbortController();
    const response = await fetch(`${emulator.apiRoot}/sim/events`, { signal: leaving.signal });
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    expect((await reader.read()).value).toContain("changed");
    emulator.owner.sends("one");
    expect((await reader.read()).value).toBe("data: changed\n\n");
    leaving.abort();
  });

  it("refuses pages of other sites: the bot behind may drive a real agent", async () => {
    await using emulator = await createEmulator();
    const host = new URL(emulator.apiRoot).host;
    expect(await statusFrom(emulator, { host: "evil.example" })).toBe(403);
    expect(await statusFrom(emulator, { host, origin: "https://evil.example" })).toBe(403);
    expect(await statusFrom(emulator, { host, "content-type": "text/plain" }, "POST")).toBe(403);
    expect(await statusFrom(emulator, { host, origin: `http://${host}` })).toBe(200);
    expect(emulator.owner.chat().messages).toEqual([]);
  });
});
