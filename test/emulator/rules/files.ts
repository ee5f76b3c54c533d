// F7 and F8: the files people send, how they are fetched, and albums.

import assert from "node:assert/strict";
import type { File, Message } from "grammy/types";
import type { Emulator } from "../emulator.ts";
import { get, pngOf, refusal, upload, type Rule } from "./rule.ts";

const mebibyte = 1024 * 1024;
const minute = 60_000;

/** The path of what a document is downloaded from. */
const pathOf = async (emulator: Emulator, message: Message) =>
  (await get<File>(emulator, "getFile", { file_id: message.document?.file_id })).file_path ?? "";

const download = (emulator: Emulator, path: string, signal?: AbortSignal) =>
  fetch(`${emulator.apiRoot}/file/bot${emulator.token}/${path}`, signal === undefined ? {} : { signal });

const sendBytes = (emulator: Emulator, count: number) =>
  emulator.owner.sendsFile("document", { name: "data.bin", filler: count });

/** The bot sends the owner an album of uploads of these kinds. */
function sendAlbum(emulator: Emulator, kinds: readonly string[], more: object = {}): Promise<string> {
  const media = kinds.map((type, index) => ({ type, media: `attach://f${index}`, ...more }));
  const files = Object.fromEntries(kinds.map((_, index) => [`f${index}`, pngOf(40, 30)]));
  return upload(emulator, "sendMediaGroup", { chat_id: emulator.owner.chatId, media: JSON.stringify(media) }, files);
}

/** The parts of the albums that are queued, by caption. */
const albumParts = (emulator: Emulator) =>
  emulator.updates.pending().map(({ message }) => [message?.media_group_id, message?.caption]);

export const fileRules: readonly Rule[] = [
  {
    sentence: "F7 a bot may download 20 MiB and not a byte more",
    mutations: ["big-file-served"],
    async check(emulator) {
      const told = (size: number) => emulator.owner.sendsFile("document", { size }).document?.file_id;
      assert.equal(await refusal(emulator, "getFile", { file_id: told(20 * mebibyte) }), "ok");
      const refused = await refusal(emulator, "getFile", { file_id: told(20 * mebibyte + 1) });
      assert.equal(refused, "400 Bad Request: file is too big");
    },
  },
  {
    sentence: "F7 a download link works for an hour after getFile, and getFile brings it back",
    mutations: ["file-link-never-dies"],
    async check(emulator) {
      const message = sendBytes(emulator, 3);
      const path = await pathOf(emulator, message);
      assert.equal(await (await download(emulator, path)).text(), "...");
      emulator.advance(59 * minute);
      assert.equal((await download(emulator, path)).status, 200);
      emulator.advance(minute);
      assert.equal((await download(emulator, path)).status, 404);
      assert.equal(await pathOf(emulator, message), path);
      assert.equal((await download(emulator, path)).status, 200);
    },
  },
  {
    sentence: "F7 a truncated download ends before the length it announced",
    mutations: ["truncated-comes-whole"],
    async check(emulator) {
      const path = await pathOf(emulator, sendBytes(emulator, 100_000));
      emulator.faults.next("downloadFile", { kind: "truncated", afterBytes: 1000 });
      const response = await download(emulator, path);
      assert.equal(response.headers.get("content-length"), "100000");
      await assert.rejects(response.arrayBuffer());
      const [entry] = emulator.journal.calls("downloadFile");
      assert.equal(entry?.outcome.kind, "lost");
    },
  },
  {
    sentence: "F7 a slow download takes the time its rate says",
    mutations: ["slow-comes-at-once"],
    async check(emulator) {
      const path = await pathOf(emulator, sendBytes(emulator, 2000));
      emulator.faults.next("downloadFile", { kind: "slow", bytesPerSecond: 10_000 });
      const reader = (await download(emulator, path)).body!.getReader();
      const pieces = [];
      for (let piece = await reader.read(); !piece.done; piece = await reader.read()) pieces.push(piece.value.length);
      assert.deepEqual(pieces, [1000, 1000]);
    },
  },
  {
    sentence: "F7 a download that stalls sends its beginning, and nothing until the caller gives up",
    mutations: ["stall-goes-on"],
    async check(emulator) {
      const path = await pathOf(emulator, sendBytes(emulator, 5000));
      emulator.faults.next("downloadFile", { kind: "stall", afterBytes: 10 });
      const caller = new AbortController();
      const response = await download(emulator, path, caller.signal);
      const reader = response.body!.getReader();
      assert.equal((await reader.read()).value?.length, 10);
      const rest = reader.read().then(
        () => "more",
        () => "gave up",
      );
      caller.abort();
      assert.equal(await rest, "gave up");
      await emulator.until(() => emulator.journal.calls("downloadFile")[0]?.outcome.kind === "lost");
    },
  },
  {
    sentence: "F8 an album is one message for each file, held together by its media_group_id alone",
    mutations: ["album-without-group"],
    async check(emulator) {
      const sent = emulator.owner.sendsAlbum([{ caption: "both" }, {}]);
      assert.equal(new Set(sent.map((message) => message.message_id)).size, 2);
      const parts = albumParts(emulator);
      assert.deepEqual(parts, [
        [sent[0]?.media_group_id, "both"],
        [sent[0]?.media_group_id, undefined],
      ]);
      assert.ok(sent[0]?.media_group_id);
    },
  },
  {
    sentence: "F8 the parts of an album arrive in any order, with other messages between, and twice",
    mutations: ["album-in-order"],
    async check(emulator) {
      const { owner } = emulator;
      const album = owner.composes(["one", "two", "three"].map((caption) => ({ caption })));
      album.delivers(2);
      owner.sends("between");
      await album.arrives({ order: [0, 0, 1] });
      const seen = emulator.updates.pending().map(({ message }) => message?.caption ?? message?.text);
      assert.deepEqual(seen, ["three", "between", "one", "one", "two"]);
      const ids = emulator.updates.pending().map(({ update_id }) => update_id);
      assert.equal(new Set(ids).size, 5);
    },
  },
  {
    sentence: "F7 a bot uploads 50 MB at most",
    mutations: ["oversize-upload-accepted"],
    async check(emulator) {
      const document = new Uint8Array(50 * mebibyte + 1);
      const answer = await upload(emulator, "sendDocument", { chat_id: emulator.owner.chatId }, { document });
      assert.equal(answer, "413 Request Entity Too Large");
    },
  },
  {
    sentence: "F7 a photo the bot sends has 10 MB at most",
    mutations: ["oversize-photo-accepted"],
    async check(emulator) {
      const send = (photo: Uint8Array<ArrayBuffer>) =>
        upload(emulator, "sendPhoto", { chat_id: emulator.owner.chatId }, { photo });
      assert.equal(await send(pngOf(40, 30, 10 * mebibyte)), "ok");
      const why = "file of size 10485761 bytes is too big for a photo; the maximum size is 10485760 bytes";
      assert.equal(await send(pngOf(40, 30, 10 * mebibyte + 1)), `400 Bad Request: ${why}`);
    },
  },
  {
    sentence: "F7 a photo's sides are 10,000 together at most, and one no more than 20 times the other",
    mutations: ["odd-photo-accepted"],
    async check(emulator) {
      const send = (width: number, height: number) =>
        upload(emulator, "sendPhoto", { chat_id: emulator.owner.chatId }, { photo: pngOf(width, height) });
      assert.equal(await send(5000, 5000), "ok");
      assert.equal(await send(2000, 100), "ok");
      assert.equal(await send(5000, 5001), "400 Bad Request: PHOTO_INVALID_DIMENSIONS");
      assert.equal(await send(2001, 100), "400 Bad Request: PHOTO_INVALID_DIMENSIONS");
    },
  },
  {
    sentence: "F8 the bot sends an album of ten, not of eleven, and one item is no album",
    mutations: ["album-of-eleven-accepted"],
    async check(emulator) {
      const photos = (count: number) => sendAlbum(emulator, Array<string>(count).fill("photo"));
      assert.equal(await photos(1), "ok");
      assert.equal(await photos(10), "ok");
      const [single, ...album] = emulator.owner.chat().messages.map((message) => message.album);
      assert.equal(single, undefined);
      assert.deepEqual([album.length, new Set(album).size, typeof album[0]], [10, 1, "string"]);
      assert.equal(await photos(11), "400 Bad Request: too many messages to send as an album");
      assert.equal(await photos(0), "400 Bad Request: there are no messages to send");
    },
  },
  {
    sentence: "F8 in an album photos and videos mix, documents stay among themselves",
    mutations: ["album-mixes-anything"],
    async check(emulator) {
      assert.equal(await sendAlbum(emulator, ["photo", "video"]), "ok");
      assert.equal(await sendAlbum(emulator, ["document", "document"]), "ok");
      const refused = await sendAlbum(emulator, ["photo", "document"]);
      assert.equal(refused, "400 Bad Request: document can't be mixed with other media types");
      assert.equal(emulator.owner.chat().messages.length, 4);
    },
  },
  {
    sentence: "F8 every caption of an album is held to 1024 units, and a refused album sends nothing",
    mutations: ["long-text-accepted"],
    async check(emulator) {
      assert.equal(await sendAlbum(emulator, ["photo", "photo"], { caption: "x".repeat(1024) }), "ok");
      const refused = await sendAlbum(emulator, ["photo", "photo"], { caption: "x".repeat(1025) });
      assert.equal(refused, "400 Bad Request: message caption is too long");
      assert.equal(emulator.owner.chat().messages.length, 2);
    },
  },
  {
    sentence: "F8 a picture that the servers refuse does not keep the rest of its album from being sent",
    mutations: ["album-all-or-nothing"],
    async check(emulator) {
      const pictures = [pngOf(20, 20), pngOf(2_000, 20), pngOf(20, 20)];
      const media = JSON.stringify(pictures.map((_, index) => ({ type: "photo", media: `attach://f${index}` })));
      const files = Object.fromEntries(pictures.map((picture, index) => [`f${index}`, picture]));
      const refused = await upload(emulator, "sendMediaGroup", { chat_id: emulator.owner.chatId, media }, files);
      assert.equal(
        refused,
        '400 Bad Request: failed to send message #2 with the error message "PHOTO_INVALID_DIMENSIONS"',
      );
      assert.equal(emulator.owner.chat().messages.length, 2);
    },
  },
];
