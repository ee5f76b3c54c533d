/** Files that come in, whole way: fetched, kept, read, heard; and what is refused (M2-M9, T7, T13). */
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { SentFile } from "../domain/attachment.ts";
import { telegramConversation, webConversation } from "../domain/conversation.ts";
import type { FetchFile, IncomingFiles } from "../engine/ports.ts";
import { createFileArea } from "./file-area.ts";
import { createIncoming, type IncomingDeps, incomingBytesMax } from "./incoming.ts";
import { createFileReader } from "./reading.ts";
import { jpegImage, pdfFile, pngImage, zipArchive } from "./sample-files.test-kit.ts";

let root = "";
let directory = "";
let sources: Map<string, Uint8Array>;
let incoming: IncomingFiles;
let heard: unknown[][] = [];
let fetched: string[] = [];

const ignore = (): void => undefined;
const log = { debug: ignore, info: ignore, warn: ignore, error: ignore };
const clock = { now: () => Date.UTC(2026, 10, 23), sleep: () => Promise.resolve() };
const chat = telegramConversation(5, null);
const never = new AbortController().signal;

/** In pieces, as a network has them. */
const fromSources: FetchFile = async (source, _bytesMax, sink) => {
  fetched.push(source);
  const bytes = sources.get(source);
  if (bytes === undefined) return { kind: "refused", why: "Telegram does not have the file any more.", again: false };
  for (let at = 0; at < bytes.length; at += 65_536) {
    if ((await sink(bytes.subarray(at, at + 65_536))) === "enough") break;
  }
  return { kind: "fetched" };
};

const said: NonNullable<IncomingDeps["transcribe"]> = async (...args) => {
  heard.push(args);
  return { kind: "said", text: "good morning" };
};

function openIncoming(transcribe: IncomingDeps["transcribe"]): void {
  const area = createFileArea({ directory, clock, log });
  const { unpackingDirectory } = area;
  const reader = createFileReader({ directory, unpackingDirectory, log });
  incoming = createIncoming({ area, reader, fetchers: { telegram: fromSources }, transcribe, log });
}

beforeEach(() => {
  root = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), "signalbox-incoming-")));
  directory = join(root, "files");
  sources = new Map();
  [heard, fetched] = [[], []];
  openIncoming(said);
});

afterEach(() => fs.rmSync(root, { recursive: true }));

function sent(kind: SentFile["kind"], bytes: Uint8Array | string, about: Partial<SentFile> = {}): SentFile {
  sources.set("file", Buffer.from(bytes as string));
  return { kind, source: "file", message: "1", name: null, mediaType: null, bytes: null, seconds: null, ...about };
}

const ogg = "OggS\0\x02 OpusHead";

describe("a file that comes in", () => {
  it("becomes an attachment where the agent can read it", async () => {
    const answer = await incoming.read(sent("photo", jpegImage(3, 2)), chat, never);
    expect(answer).toEqual({
      kind: "read",
      attachment: {
        kind: "photo",
        name: "photo.jpg",
        path: expect.stringMatching(`^${directory}/telegram_5/[\\w-]+/photo.jpg$`),
        mediaType: "image/jpeg",
        bytes: jpegImage(3, 2).length,
        content: { kind: "image" },
      },
    });
    if (answer.kind === "read") expect(fs.readFileSync(answer.attachment.path)).toEqual(jpegImage(3, 2));
  });

  it("is listed and removed, each conversation by itself", async () => {
    await incoming.read(sent("document", "words", { name: "a.txt" }), chat, never);
    await incoming.read(sent("photo", pngImage(1, 1)), chat, never);
    const [newest] = await incoming.list(chat);
    expect((await incoming.list(chat)).map(({ name }) => name).toSorted()).toEqual(["a.txt", "photo.jpg"]);
    expect(await incoming.remove(telegramConversation(6, null), newest?.id ?? "")).toBe(0);
    expect(await incoming.remove(chat, newest?.id ?? "")).toBe(1);
    expect(await incoming.remove(chat, "all")).toBe(1);
    expect(await incoming.list(chat)).toEqual([]);
  });

  it("is unpacked beside itself where it is an archive", async () => {
    const zip = zipArchive([{ name: "src/a.ts", content: "export {};" }]);
    const answer = await incoming.read(sent("document", zip, { name: "project.zip" }), chat, never);
    if (answer.kind !== "read") throw new Error(answer.why);
    const { path, content } = answer.attachment;
    const folder = `${path}.unpacked`;
    expect(content).toMatchObject({ kind: "text", about: `zip archive, 1 file, 10 bytes, unpacked into ${folder}` });
    expect(fs.readFileSync(join(folder, "src", "a.ts"), "utf8")).toBe("export {};");
    expect(await incoming.list(chat)).toHaveLength(1);
  });

  it("is read by a program that was prepared for it, also where it is the first file of all", async () => {
    const pdf = pdfFile([{ text: ["good morning"] }]);
    const answer = await incoming.read(sent("document", pdf, { name: "a.pdf", bytes: pdf.length }), chat, never);
    expect(answer).toMatchObject({ attachment: { content: { excerpt: "[page 1]\ngood morning" } } });
  });

  it.each(["voice", "audio", "video", "document"] as const)("is heard where it is sound, sent as %s", async (kind) => {
    const answer = await incoming.read(sent(kind, ogg, { mediaType: "application/pdf", seconds: 7 }), chat, never);
    expect(answer).toMatchObject({
      attachment: { mediaType: "audio/ogg", content: { kind: "speech", text: "good morning" } },
    });
    expect(heard).toEqual([[expect.any(String), { mediaType: "audio/ogg", seconds: 7 }, never]]);
  });

  it("that is a film without words stays a file, a voice message that was not understood does not", async () => {
    const mute = { kind: "refused", why: "Nothing was said.", again: false } as const;
    openIncoming(() => Promise.resolve(mute));
    expect(await incoming.read(sent("voice", ogg), chat, never)).toEqual(mute);
    expect(await incoming.list(chat)).toEqual([]);
    const film = await incoming.read(sent("video", "\0\0\0\x20ftypisom\0\0"), chat, never);
    const about = "a video without a transcript: Nothing was said.";
    expect(film).toMatchObject({ attachment: { mediaType: "video/mp4", content: { kind: "opaque", about } } });
  });

  it("waits for another try where its words may be had later", async () => {
    const later = { kind: "refused", why: "The service does not answer.", again: true } as const;
    openIncoming(() => Promise.resolve(later));
    for (const kind of ["voice", "audio", "video"] as const)
      expect(await incoming.read(sent(kind, ogg), chat, never)).toEqual(later);
    expect(await incoming.list(chat)).toEqual([]);
  });

  it("without speech recognition stays a file, but a voice message is refused before it is fetched", async () => {
    openIncoming(null);
    expect(await incoming.read(sent("voice", ogg), chat, never)).toMatchObject({ kind: "refused", again: true });
    expect(fetched).toEqual([]);
    const about = "a sound recording; transcription is not set up";
    expect(await incoming.read(sent("audio", ogg), chat, never)).toMatchObject({
      attachment: { content: { kind: "opaque", about } },
    });
  });
});

describe("refused, with a sentence and nothing left on the disk:", () => {
  afterEach(() => {
    const left = fs.existsSync(directory) ? fs.readdirSync(directory, { recursive: true }).map(String) : [];
    expect(left.filter((path) => path !== ".partial" && path !== "telegram_5")).toEqual([]);
  });

  const large = {
    kind: "refused",
    why: "The file is larger than 20 MiB, the most that can be received.",
    again: false,
  };
  const empty = { kind: "refused", why: "The file is empty.", again: false };

  it("what is known to be too large or empty, before it is fetched", async () => {
    expect(await incoming.read(sent("document", "x", { bytes: incomingBytesMax + 1 }), chat, never)).toEqual(large);
    expect(await incoming.read(sent("document", "x", { bytes: 0 }), chat, never)).toEqual(empty);
    expect(fetched).toEqual([]);
  });

  it("what turns out to be too large or empty, whatever was said of it", async () => {
    const huge = sent("document", Buffer.alloc(incomingBytesMax + 1), { bytes: 5 });
    expect(await incoming.read(huge, chat, never)).toEqual(large);
    expect(await incoming.read(sent("document", "", { bytes: 5 }), chat, never)).toEqual(empty);
  });

  it("what is damaged, and an archive that may not be unpacked", async () => {
    const png = pngImage(9, 9);
    expect(await incoming.read(sent("photo", png.subarray(0, 50)), chat, never)).toEqual({
      kind: "refused",
      why: "The PNG image is damaged.",
      again: false,
    });
    const evil = zipArchive([
      { name: "fine", content: "x" },
      { name: "bomb", content: Buffer.alloc(5 * 1024 * 1024) },
    ]);
    expect(await incoming.read(sent("document", evil), chat, never)).toEqual({
      kind: "refused",
      why: "The archive unpacks to more than 100 times its size, as only traps do.",
      again: false,
    });
    expect(await incoming.read(sent("voice", "no voice"), chat, never)).toEqual({
      kind: "refused",
      why: "The voice message is damaged.",
      again: false,
    });
  });

  it("what its channel does not have, or brings in no way that is known here", async () => {
    const gone = { ...sent("document", "x"), source: "gone" };
    expect(await incoming.read(gone, chat, never)).toMatchObject({ why: expect.stringContaining("any more") });
    const answer = await incoming.read(sent("document", "x"), webConversation("a"), never);
    expect(answer).toMatchObject({ kind: "refused", again: false });
  });

  it("what a bug elsewhere threw at it", async () => {
    openIncoming(() => Promise.reject(new Error("a bug")));
    expect(await incoming.read(sent("audio", ogg), chat, never)).toMatchObject({ kind: "refused", again: true });
  });
});
