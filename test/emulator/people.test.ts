// What people send, as the bot receives it: every kind of file and share, and in whose name.

import type { File, Message, PhotoSize } from "grammy/types";
import { describe, expect, it } from "vitest";
import { createEmulator, type Emulator } from "./emulator.ts";
import type { FileSource } from "./attachments.ts";
import type { MediaKind } from "./media.ts";
import { get, pngOf, refusal } from "./rules/rule.ts";

const received = (emulator: Emulator) => emulator.updates.pending().at(-1)?.message;

async function fetched(emulator: Emulator, file_id: string | undefined): Promise<Buffer> {
  const { file_path } = await get<File>(emulator, "getFile", { file_id });
  return Buffer.from(await (await fetch(`${emulator.apiRoot}/file/bot${emulator.token}/${file_path}`)).arrayBuffer());
}

describe("a file that a person sends", () => {
  const kinds: readonly (readonly [MediaKind, FileSource, object])[] = [
    ["document", { name: "ü; a.tar.gz", mimeType: "application/gzip" }, { file_name: "ü; a.tar.gz" }],
    ["voice", { durationSeconds: 9 }, { duration: 9, mime_type: "audio/ogg" }],
    ["audio", { title: "Song", name: "s.mp3" }, { title: "Song", file_name: "s.mp3", mime_type: "audio/mpeg" }],
    ["video", { width: 720, height: 1280 }, { width: 720, height: 1280, mime_type: "video/mp4" }],
    ["video_note", {}, { length: 384 }],
    ["animation", {}, { mime_type: "video/mp4" }],
    ["sticker", { emoji: "🦊" }, { emoji: "🦊", type: "regular" }],
  ];

  it.each(kinds)("as %s has the fields of its kind, and its bytes", async (kind, source, fields) => {
    await using emulator = await createEmulator();
    emulator.owner.sendsFile(kind, { ...source, bytes: Buffer.from(kind) });
    const found = received(emulator)?.[kind as "document"];
    expect(found).toMatchObject({ file_size: kind.length, ...fields });
    expect((await fetched(emulator, found?.file_id)).toString()).toBe(kind);
  });

  it("as photo comes in several sizes, of which only the largest is the picture", async () => {
    await using emulator = await createEmulator();
    const picture = pngOf(2000, 1000);
    emulator.owner.sendsPhoto(picture, { caption: "look" });
    const sizes = received(emulator)?.photo ?? [];
    const shapes = sizes.map(({ width, height }: PhotoSize) => `${width}x${height}`);
    expect(shapes).toEqual(["90x45", "320x160", "800x400", "1280x640", "2000x1000"]);
    expect((await fetched(emulator, sizes.at(-1)?.file_id)).equals(picture)).toBe(true);
    expect((await fetched(emulator, sizes[0]?.file_id)).equals(picture)).toBe(false);
    expect(received(emulator)?.caption).toBe("look");
  });

  it("may be said to have another size than it has, or none, or a path that leads astray", async () => {
    await using emulator = await createEmulator();
    const { owner } = emulator;
    const big = owner.sendsFile("document", { filler: 1000, size: 10, filePath: "../../etc/passwd" }).document;
    expect(big?.file_size).toBe(10);
    expect(await get<File>(emulator, "getFile", { file_id: big?.file_id })).toMatchObject({
      file_path: "../../etc/passwd",
      file_size: 10,
    });
    expect(owner.sendsFile("document", { filler: 1000, size: "untold" }).document).not.toHaveProperty("file_size");
    expect(owner.sendsFile("document", {}).document?.file_size).toBe(0);
  });

  it("is read from this machine when the test names a path", async () => {
    await using emulator = await createEmulator();
    const { document } = emulator.owner.sendsFile("document", { path: import.meta.filename });
    expect(document?.file_name).toBe("people.test.ts");
    expect((await fetched(emulator, document?.file_id)).toString()).toMatch(/^\/\/ What people send/);
  });
});

describe("what is neither text nor file", () => {
  it.each([
    ["location", { location: { latitude: 48.1, longitude: 11.6 } }],
    ["venue", { venue: { location: { latitude: 48.1, longitude: 11.6 }, title: "Office", address: "Street 1" } }],
    ["contact", { contact: { phone_number: "+49", first_name: "Ada" } }],
    ["poll", { poll: { question: "Ship it?", options: ["yes", "no"] } }],
    ["dice", { dice: { value: 6 } }],
    ["story", { other: { story: { id: 1, chat: { id: 1, type: "private", first_name: "Ada" } } } }],
  ] as const)("arrives as %s", async (kind, share) => {
    await using emulator = await createEmulator();
    emulator.owner.shares(share);
    expect(received(emulator)).toHaveProperty(kind);
    expect(received(emulator)).not.toHaveProperty("text");
  });
});

describe("a message", () => {
  it("may answer another one, and quote a part of it", async () => {
    await using emulator = await createEmulator();
    const { message_id } = emulator.owner.sends("one two three");
    emulator.owner.sends("why two?", { replyTo: message_id, quote: "two" });
    expect(received(emulator)).toMatchObject({
      reply_to_message: { message_id, text: "one two three" },
      quote: { text: "two", position: 4, is_manual: true },
    });
    expect(() => emulator.owner.sends("x", { replyTo: message_id, quote: "four" })).toThrow(/does not say "four"/);
  });

  it("may be forwarded from a person, a name, a group or a channel", async () => {
    await using emulator = await createEmulator();
    const ada = emulator.user({ firstName: "Ada" });
    const forwards = (
      [
        { kind: "user", user: ada.user },
        { kind: "hidden", name: "Someone" },
        { kind: "chat", title: "Team" },
        { kind: "channel", title: "News", message: 7 },
      ] as const
    ).map((forwardedFrom) => emulator.owner.sends("as told", { forwardedFrom }).message_id);
    const seen = emulator.updates.pending().map(({ message }) => message?.forward_origin);
    expect(seen).toMatchObject([
      { type: "user", sender_user: { id: ada.id } },
      { type: "hidden_user", sender_user_name: "Someone" },
      { type: "chat", sender_chat: { title: "Team" } },
      { type: "channel", chat: { type: "channel", title: "News" }, message_id: 7 },
    ]);
    expect(new Set(forwards).size).toBe(4);
  });

  it("of an anonymous administrator, a channel or the group's own channel does not name a person", async () => {
    await using emulator = await createEmulator();
    const { owner } = emulator;
    const group = emulator.group({ title: "Team", kind: "supergroup", members: [owner] });
    const mine = owner.sends("as the group", { chat: group.id, as: "anonymous-admin" });
    expect(received(emulator)).toMatchObject({ from: { id: 1087968824 }, sender_chat: { id: group.id } });
    owner.edits(mine.message_id, "still as the group", { chat: group.id });
    expect(emulator.updates.pending().at(-1)?.edited_message).toMatchObject({ from: { id: 1087968824 } });
    owner.sends("as a channel", { chat: group.id, as: { channel: "News" } });
    expect(received(emulator)).toMatchObject({ from: { id: 136817688 }, sender_chat: { title: "News" } });
    group.channelPosts("Team news", "a post");
    expect(received(emulator)).toMatchObject({
      from: { id: 777000 },
      is_automatic_forward: true,
      forward_origin: { type: "channel" },
    });
  });

  it("with a file is edited in its caption", async () => {
    await using emulator = await createEmulator();
    const { message_id } = emulator.owner.sendsPhoto(pngOf(10, 10), { caption: "tpyo" });
    emulator.owner.edits(message_id, "typo");
    const edited = emulator.updates.pending().at(-1)?.edited_message as Message;
    expect(edited).toMatchObject({ message_id, caption: "typo" });
    expect(edited).not.toHaveProperty("text");
  });

  it("that its writer deletes is gone without a word, and cannot be answered any more", async () => {
    await using emulator = await createEmulator();
    const { owner } = emulator;
    const { message_id } = owner.sends("never mind");
    owner.deletes(message_id);
    expect(owner.chat().messages).toEqual([]);
    expect(emulator.updates.pending()).toHaveLength(1);
    const answer = { chat_id: owner.chatId, text: "re", reply_parameters: { message_id } };
    expect(await refusal(emulator, "sendMessage", answer)).toBe("400 Bad Request: message to be replied not found");
  });

  it("of several parts may arrive with pauses, which a signal ends", async () => {
    await using emulator = await createEmulator();
    const letter = emulator.owner.composes("x ".repeat(6000));
    expect(letter.messages).toHaveLength(3);
    const leaving = new AbortController();
    const arriving = letter.arrives({ order: [1, 0, 2], gapMs: 60_000 }, leaving.signal);
    expect(emulator.updates.pending()).toHaveLength(1);
    leaving.abort(new Error("enough"));
    await expect(arriving).rejects.toThrow("aborted");
    expect(received(emulator)?.message_id).toBe(letter.messages[1]?.message_id);
  });
});
