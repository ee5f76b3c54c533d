/** The client against the local Bot API: what each kind of failure becomes, and that the token stays inside (T10). */
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { createEmulator, type Emulator } from "../../test/emulator/emulator.ts";
import { pngPicture } from "../../test/emulator/pictures.ts";
import { createTelegramClient, type Outcome, type TelegramClient } from "./client.ts";
import { plain } from "./formatted-text.ts";

const { signal } = new AbortController();
let directory = "";
let emulator: Emulator;
let client: TelegramClient;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "signalbox-client-"));
  emulator = await createEmulator({ conflictPacingMs: 1 });
  client = createTelegramClient({ token: emulator.token, apiRoot: emulator.apiRoot });
});

afterEach(async () => {
  await emulator[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true });
});

const here = () => ({ chat: emulator.owner.chatId, thread: null });
const file = { name: "answer \u00E9;.md", shownAs: "document", caption: plain("beginning"), keyboard: [] } as const;
const text = (words: string) => ({ text: plain(words), keyboard: [], replyTo: null });
const send = (words = "hi"): Promise<Outcome<number>> =>
  client.sendText({ chat: emulator.owner.chatId, thread: null }, text(words), signal);

describe("what a failure becomes", () => {
  it("is unknown when the answer is lost, late or a server's failure", async () => {
    for (const fault of [{ kind: "reset-before" }, { kind: "reset-after" }, { kind: "bad-gateway" }] as const) {
      emulator.faults.next("sendMessage", fault);
      expect([fault.kind, (await send()).kind]).toEqual([fault.kind, "unknown"]);
    }
    emulator.faults.next("sendMessage", { kind: "error", code: 500, description: "Internal Server Error" });
    expect((await send()).kind).toBe("unknown");
    const hold = emulator.faults.hold("sendMessage");
    const givingUp = new AbortController();
    const late = client.sendText({ chat: emulator.owner.chatId, thread: null }, text("hi"), givingUp.signal);
    await hold.arrived();
    givingUp.abort();
    expect((await late).kind).toBe("unknown");
    hold.release();
  });

  it("is unreachable only when no connection was made", async () => {
    await using _outage = await emulator.faults.refuse();
    expect(await send()).toEqual({ kind: "unreachable", detail: "ECONNREFUSED" });
  });

  it("is a wait when Telegram asks for one", async () => {
    emulator.faults.next("sendMessage", { kind: "too-many", retryAfterSeconds: 17 });
    expect(await send()).toEqual({ kind: "retry-later", afterMs: 17_000 });
  });

  it("is unauthorised for a wrong token, and for one that is not shaped like one", async () => {
    for (const token of [`123:${"x".repeat(35)}`, "nonsense"]) {
      const stranger = createTelegramClient({ token, apiRoot: emulator.apiRoot });
      expect(await stranger.getMe(signal)).toEqual({ kind: "unauthorised" });
    }
    emulator.faults.next("getMe", { kind: "error", code: 404, description: "Not Found" });
    expect(await client.getMe(signal)).toEqual({ kind: "unauthorised" });
  });

  it("is a conflict when another program polls", async () => {
    const first = client.getUpdates(null, "long", signal);
    await emulator.until(() => emulator.updates.polls === 1);
    const rival = new AbortController();
    const second = client.getUpdates(null, "long", rival.signal);
    expect(await first).toEqual({ kind: "conflict" });
    rival.abort();
    await second;
  });

  it("is a refusal with its cause: blocked, not there, not parsed", async () => {
    expect(await client.sendText({ chat: 4_242, thread: null }, text("hi"), signal)).toMatchObject({
      kind: "rejected",
      code: 400,
      why: "chat-gone",
    });
    emulator.owner.blocksBot();
    expect(await send()).toMatchObject({ kind: "rejected", code: 403, why: "forbidden" });
    emulator.owner.unblocksBot();
    expect(
      await client.editText({ chat: emulator.owner.chatId, thread: null }, 999_999, plain("x"), [], signal),
    ).toMatchObject({ kind: "rejected", why: "message-gone" });
    const broken = { text: "abc", entities: [{ type: "bold", offset: 1, length: 99 }] } as const;
    expect(
      await client.sendText(
        { chat: emulator.owner.chatId, thread: null },
        { text: broken, keyboard: [], replyTo: null },
        signal,
      ),
    ).toMatchObject({ kind: "rejected", code: 400 });
    expect(await client.answerPress("no-such-query", null, signal)).toMatchObject({ why: "press-expired" });
  });

  it("names the cause of a missing topic and of a group that moved", async () => {
    emulator.owner.sends("hi");
    const forum = emulator.group({ title: "F", members: [emulator.owner], kind: "forum" });
    expect(await client.sendText({ chat: forum.id, thread: 4_242 }, text("hi"), signal)).toMatchObject({
      kind: "rejected",
      why: "topic-gone",
    });
    const group = emulator.group({ title: "G", members: [emulator.owner], kind: "group" });
    const chat = group.id;
    const migrated = group.migrates(emulator.owner);
    expect(await client.sendText({ chat, thread: null }, text("hi"), signal)).toEqual({
      kind: "moved",
      chat: migrated.id,
    });
  });
});

describe("what is sent", () => {
  it("has no link preview, names its topic, and survives half a character", async () => {
    const forum = emulator.group({ title: "F", members: [emulator.owner], kind: "forum" });
    const thread = forum.createsTopic(emulator.owner, "T");
    const to = { chat: forum.id, thread };
    const sent = await client.sendText(to, text("see https://x.y \uD83D"), signal);
    expect(sent.kind).toBe("done");
    if (sent.kind === "done") {
      expect(await client.editText(to, sent.value, plain("new"), [], signal)).toEqual({ kind: "done", value: null });
      expect(await client.editText(to, sent.value, plain("new"), [], signal)).toEqual({ kind: "done", value: null });
    }
    expect((await client.showTyping(to, signal)).kind).toBe("done");
    const [message] = emulator.journal.calls("sendMessage");
    expect(message?.params).toMatchObject({ message_thread_id: thread, link_preview_options: { is_disabled: true } });
    for (const { params } of emulator.journal.calls("editMessageText")) {
      expect(params).toMatchObject({ link_preview_options: { is_disabled: true } });
    }
  });

  it("carries a file with its caption and its buttons", async () => {
    const content = { kind: "text", text: "# whole\n" } as const;
    const keyboard = [[{ label: "Details", data: "id" }]];
    expect((await client.sendFile(here(), { ...file, content, keyboard }, signal)).kind).toBe("done");
    const { text: caption, document, buttons } = emulator.owner.chat().last ?? {};
    expect(buttons).toEqual(keyboard);
    expect([caption, document?.name, Buffer.from(document?.bytes ?? "").toString()]).toEqual([
      "beginning",
      "answer \u00E9;.md",
      "# whole\n",
    ]);
    emulator.journal.assertClean();
  });

  it("reads a stored file while it leaves, byte by byte as it is", async () => {
    const path = join(directory, "large");
    const bytes = randomBytes(3_000_001);
    writeFileSync(path, bytes);
    const content = { kind: "stored", path } as const;
    expect((await client.sendFile(here(), { ...file, content }, signal)).kind).toBe("done");
    expect(Buffer.from(emulator.owner.chat().last?.document?.bytes ?? "").equals(bytes)).toBe(true);
    expect((await client.sendFile(here(), { ...file, content, shownAs: "photo" }, signal)).kind).toBe("done");
    expect(emulator.owner.chat().last?.photo).toBe(true);
    emulator.journal.assertClean();
  });

  it("carries several files as one album, each with its name, its caption and its message", async () => {
    const picture = join(directory, "picture");
    writeFileSync(picture, pngPicture(4, 4));
    const stored = { kind: "stored", path: picture } as const;
    const film = { kind: "text", text: "film" } as const;
    const pictures = [
      { ...file, name: "a \u00E9;.png", content: stored, shownAs: "photo" },
      { ...file, name: "b.mp4", content: film, shownAs: "video", caption: plain("") },
    ] as const;
    const sent = await client.sendAlbum(here(), pictures, signal);
    const documents = [1, 2, 3].map((n) => ({ ...file, name: `${n}.md`, content: film, caption: plain(`no. ${n}`) }));
    expect((await client.sendAlbum(here(), documents, signal)).kind).toBe("done");
    const { fromBot } = emulator.owner.chat();
    expect(sent).toEqual({ kind: "done", value: fromBot.slice(0, 2).map(({ id }) => id) });
    expect(fromBot.map(({ album, text: caption, file: one }) => [album, one?.kind, one?.name, caption])).toEqual([
      [fromBot[0]?.album, "photo", "a \u00E9;.png", "beginning"],
      [fromBot[0]?.album, "video", "b.mp4", ""],
      [fromBot[2]?.album, "document", "1.md", "no. 1"],
      [fromBot[2]?.album, "document", "2.md", "no. 2"],
      [fromBot[2]?.album, "document", "3.md", "no. 3"],
    ]);
    expect(new Set(fromBot.map(({ album }) => album)).size).toBe(2);
    expect(Buffer.from(fromBot[0]?.file?.bytes ?? "")).toEqual(pngPicture(4, 4));
    emulator.journal.assertClean();
  });

  it("does not know what was sent of an album of which one file was refused", async () => {
    const stored = (name: string, width: number) => {
      writeFileSync(join(directory, name), pngPicture(width, 20));
      return { ...file, name, content: { kind: "stored", path: join(directory, name) }, shownAs: "photo" } as const;
    };
    const sent = await client.sendAlbum(here(), [stored("a.png", 20), stored("b.png", 2_000)], signal);
    expect(sent.kind).toBe("unknown");
    expect(emulator.owner.chat().fromBot).toHaveLength(1);
    const eleven = Array.from({ length: 11 }, () => stored("a.png", 20));
    expect(await client.sendAlbum(here(), eleven, signal)).toMatchObject({ kind: "rejected", why: "other" });
  });

  it("sends no part of a file that cannot be read to its end: what became of it is unknown", async () => {
    const content = { kind: "stored", path: directory } as const; // it can be opened, not read
    expect((await client.sendFile(here(), { ...file, content }, signal)).kind).toBe("unknown");
    expect(emulator.owner.chat().fromBot).toEqual([]);
  });
});

describe("the token (T10)", () => {
  it("is in no outcome of any failure", async () => {
    const outcomes: unknown[] = [];
    for (const fault of [
      { kind: "reset-before" },
      { kind: "reset-after" },
      { kind: "bad-gateway" },
      { kind: "unauthorized" },
      { kind: "error", code: 400, description: `Bad Request: https://x/bot${emulator.token}/sendMessage` },
    ] as const) {
      emulator.faults.next("sendMessage", fault);
      outcomes.push(await send());
    }
    const outage = await emulator.faults.refuse();
    outcomes.push(await send(), await client.getMe(signal), await client.getUpdates(null, "long", signal));
    await outage[Symbol.asyncDispose]();
    expect(JSON.stringify(outcomes)).not.toContain(emulator.token);
  });
});
