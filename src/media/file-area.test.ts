/** Where files that came in are kept: names, bounds, life-time, crashes (T6, T13). */
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative, sep } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { telegramConversation, webConversation } from "../domain/conversation.ts";
import { createFileArea, type FileArea, type FileAreaBounds, type ReceivedFile } from "./file-area.ts";

let root = "";
let directory = "";
let area: FileArea;
let nowMs = Date.UTC(2026, 10, 23);

const logged: string[] = [];
const note = (_fields: object, message: string): void => void logged.push(message);
const log = { debug: note, info: note, warn: note, error: note };
const clock = { now: () => nowMs, sleep: () => Promise.resolve() };
const day = 24 * 60 * 60 * 1000;
const chat = telegramConversation(-100_123, 7);

function openArea(bounds?: FileAreaBounds): FileArea {
  return createFileArea({ directory, clock, log, ...(bounds ? { bounds } : {}) });
}

beforeEach(() => {
  root = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), "signalbox-area-")));
  directory = join(root, "files");
  nowMs = Date.UTC(2026, 10, 23);
  logged.length = 0;
  area = openArea();
});

afterEach(() => fs.rmSync(root, { recursive: true }));

function receive(
  name: string,
  content: string | readonly Uint8Array[],
  { bytesMax = 1000, conversation = chat }: { bytesMax?: number; conversation?: typeof chat } = {},
): ReturnType<FileArea["receive"]> {
  const chunks = typeof content === "string" ? [Buffer.from(content)] : content;
  return area.receive(conversation, { kind: "document", name }, bytesMax, async (sink) => {
    for (const chunk of chunks) if ((await sink(chunk)) === "enough") break;
    return { kind: "fetched" };
  });
}

async function received(name: string, content = "content", conversation = chat): Promise<ReceivedFile> {
  const result = await receive(name, content, { conversation });
  if (result.kind === "refused") throw new Error(result.why);
  return result.file;
}

/** Every file and folder below the area, except the place for what is on its way. */
function everything(): string[] {
  const found = fs.readdirSync(directory, { recursive: true }).map(String);
  return found.filter((path) => path !== ".partial");
}

describe("a file that came in", () => {
  it("is kept under its conversation, a random id and its name, for the owner's eyes alone", async () => {
    const file = await received("Bericht.pdf");
    const [folder, id, name, ...rest] = relative(directory, file.path).split(sep);
    expect([folder, id, name, rest]).toEqual(["telegram_-100123_7", file.id, "Bericht.pdf", []]);
    expect(file.id).toMatch(/^[0-9a-z]{9}-document-[\w-]{22}$/);
    expect(fs.readFileSync(file.path, "utf8")).toBe("content");
    const modes = [directory, join(directory, ".partial"), dirname(dirname(file.path)), dirname(file.path), file.path];
    expect(modes.map((path) => fs.statSync(path).mode & 0o777)).toEqual([0o700, 0o700, 0o700, 0o700, 0o600]);
  });

  it("is kept byte for byte, whatever the pieces it comes in", async () => {
    const pieces = [1, 1_000_000, 65_536, 2_500_000, 3, 1024 * 1024].map((size, index) =>
      Buffer.alloc(size, `${index}`),
    );
    const result = await receive("large.bin", pieces, { bytesMax: 20_000_000 });
    if (result.kind === "refused") throw new Error(result.why);
    expect(fs.readFileSync(result.file.path).equals(Buffer.concat(pieces))).toBe(true);
    expect(result.file.bytes).toBe(Buffer.concat(pieces).length);
  });

  it("is listed, newest first, with its age and what it takes, also after a restart", async () => {
    const first = await received("a.txt");
    nowMs += 5000;
    const second = await received("b.txt", "x".repeat(5000).slice(0, 900));
    area = openArea();
    expect(await area.list(chat)).toEqual([
      { id: second.id, kind: "document", name: "b.txt", bytes: 4096, receivedAtMs: nowMs },
      { id: first.id, kind: "document", name: "a.txt", bytes: 4096, receivedAtMs: nowMs - 5000 },
    ]);
    expect(await area.list(telegramConversation(-100_123, null))).toEqual([]);
  });

  it("is removed by its id, or with all of its conversation", async () => {
    const [a, b] = [await received("a.txt"), await received("b.txt")];
    const other = await received("c.txt", "content", webConversation("Thread"));
    for (const id of ["..", "", ".partial", other.id, `../${relative(directory, dirname(other.path))}`]) {
      expect(await area.remove(chat, id)).toBe(0);
    }
    expect(await area.remove(chat, a.id)).toBe(1);
    expect(await area.remove(chat, a.id)).toBe(0);
    expect(fs.existsSync(b.path)).toBe(true);
    await received("d.txt");
    expect(await area.remove(chat, "all")).toBe(2);
    expect(await area.list(chat)).toEqual([]);
    expect(fs.existsSync(other.path)).toBe(true);
  });

  it("that somebody removed by hand is gone from the list, and what an agent put beside it does not take its name", async () => {
    const [a, b] = [await received("a.txt"), await received("b.txt")];
    fs.rmSync(dirname(a.path), { recursive: true });
    fs.mkdirSync(join(dirname(b.path), "aaa"));
    fs.writeFileSync(join(dirname(b.path), "notes.md"), "x");
    expect((await area.list(chat)).map(({ name }) => name)).toEqual(["b.txt"]);
  });

  it("is kept also after somebody removed everything by hand", async () => {
    await received("a.txt");
    fs.rmSync(directory, { recursive: true });
    const { path } = await received("b.txt");
    expect((await area.list(chat)).map(({ name }) => name)).toEqual(["b.txt"]);
    expect(fs.statSync(directory).mode & 0o777).toBe(0o700);
    expect(fs.existsSync(path)).toBe(true);
  });

  it("of two threads whose names differ in capitals alone lies in two folders", async () => {
    const [upper, lower] = [webConversation("aB"), webConversation("ab")];
    const [a, b] = [await received("x", "1", upper), await received("x", "2", lower)];
    const folders = [a, b].map(({ path }) => dirname(dirname(path)).toLowerCase());
    expect(folders[0]).not.toBe(folders[1]);
    expect((await area.list(upper)).map(({ id }) => id)).toEqual([a.id]);
  });
});

describe("a name", () => {
  it.each([
    "../../etc/passwd",
    "/etc/passwd",
    "..\\..\\x",
    "\0",
    "",
    ".",
    "..",
    ".bashrc",
    "a/b\u202Egpj.exe",
    "$(id)`id`",
  ])("decides no path: %j", async (name) => {
    const { path } = await received(name);
    const inside = relative(directory, path).split(sep);
    expect(inside).toHaveLength(3);
    expect(inside[2]).toMatch(/^[^.\p{Cc}\p{Cf}/\\$`][^\p{Cc}\p{Cf}/\\$`]*$/u);
  });

  it("of any characters ends in one short, visible, harmless part of a path that keeps its ending", async () => {
    const hostile = fc.oneof(
      fc.string({ unit: "binary", maxLength: 300 }),
      fc.string({
        unit: fc.constantFrom(".", "/", "\\", "\0", "\u202E", "\u200B", "\n", "é", "💩", "\uD800", "-", " ", "$"),
      }),
    );
    await fc.assert(
      fc.asyncProperty(hostile, async (name) => {
        const { path } = await received(`${name}.txt`);
        const shown = path.slice(dirname(path).length + 1);
        expect(dirname(dirname(dirname(path)))).toBe(directory);
        expect(Buffer.byteLength(shown)).toBeLessThanOrEqual(120);
        expect(shown).toBe(shown.normalize("NFC"));
        expect(shown).toMatch(/txt$/);
        expect(shown).not.toMatch(/[\p{Cc}\p{Cf}/\\]|^\./u);
        expect(await area.remove(chat, "all")).toBe(1);
      }),
      { numRuns: 200 },
    );
  });
});

describe("refused, with nothing left on the disk:", () => {
  afterEach(() => expect(everything()).toEqual([]));

  it("an empty file", async () => {
    expect(await receive("a.txt", "")).toEqual({ kind: "refused", why: "The file is empty.", again: false });
  });

  it("a file that turns out larger than is taken, without waiting for its end", async () => {
    let sent = 0;
    const endless = async (sink: (bytes: Uint8Array) => Promise<"more" | "enough">) => {
      while ((await sink(Buffer.alloc(400))) === "more") sent += 400;
      expect(await sink(Buffer.alloc(1))).toBe("enough");
      return { kind: "fetched" } as const;
    };
    expect(await area.receive(chat, { kind: "video", name: "v.mp4" }, 1000, endless)).toEqual({
      kind: "refused",
      why: "The file is larger than 1000 bytes, the most that can be received.",
      again: false,
    });
    expect(sent).toBe(800);
  });

  it("a file whose fetching ended early", async () => {
    const why = { kind: "refused", why: "Telegram did not send it.", again: true } as const;
    const half = async (sink: (bytes: Uint8Array) => Promise<"more" | "enough">) => {
      await sink(Buffer.from("half"));
      return why;
    };
    expect(await area.receive(chat, { kind: "document", name: "a" }, 1000, half)).toEqual(why);
  });

  it("a file that the disk does not take, without waiting for its end", async () => {
    await received("a.txt");
    await area.remove(chat, "all");
    fs.rmSync(area.unpackingDirectory, { recursive: true });
    fs.writeFileSync(area.unpackingDirectory, "in the way");
    let sinks = 0;
    const endless = async (sink: (bytes: Uint8Array) => Promise<"more" | "enough">) => {
      while ((await sink(Buffer.alloc(400))) === "more") sinks += 1;
      return { kind: "fetched" } as const;
    };
    const result = await area.receive(chat, { kind: "document", name: "a" }, 1e9, endless);
    fs.rmSync(area.unpackingDirectory);
    expect(result).toEqual({ kind: "refused", why: "The file could not be written on this machine.", again: true });
    expect(sinks).toBe(0);
    expect(logged).toContain("a file that came in could not be written");
    fs.rmdirSync(join(directory, "telegram_-100123_7"));
  });

  it("a file whose fetching broke", async () => {
    const broken = () => Promise.reject(new Error("a bug"));
    const result = await area.receive(chat, { kind: "document", name: "a" }, 1000, broken);
    expect(result).toMatchObject({ kind: "refused", again: true });
    expect(logged).toEqual(["a file that came in could not be kept"]);
  });
});

describe("room", () => {
  const bounds = { conversationBytesMax: 3 * 4096, bytesMax: 5 * 4096 };
  const fullOf = (whose: string) => ({
    kind: "refused",
    why: expect.stringMatching(`^The files of ${whose} may take \\d+ KiB, and that is used up`),
    again: true,
  });

  it("of a conversation that is used up refuses the next file, and removing makes room", async () => {
    area = openArea(bounds);
    const first = await received("1");
    await received("2");
    await received("3");
    expect(await receive("4", "x")).toEqual(fullOf("this conversation"));
    area = openArea(bounds); // a restart does not forget it
    expect(await receive("4", "x")).toEqual(fullOf("this conversation"));
    await area.remove(chat, first.id);
    await received("4");
  });

  it("of all conversations is bounded too", async () => {
    area = openArea(bounds);
    for (const thread of ["a", "b", "c", "d", "e"]) await received("x", "y", webConversation(thread));
    expect(await receive("4", "x")).toEqual(fullOf("all conversations"));
  });

  it("is counted while files are on their way, so that many at once do not overrun it", async () => {
    area = openArea(bounds);
    const results = await Promise.all(
      Array.from({ length: 8 }, (_, index) => receive(`${index}`, [Buffer.alloc(500), Buffer.alloc(400)])),
    );
    expect(results.filter(({ kind }) => kind === "received")).toHaveLength(3);
    expect(await area.list(chat)).toHaveLength(3);
  });

  it("that was made by hand is seen before a file is refused", async () => {
    area = openArea(bounds);
    const first = await received("1");
    await received("2");
    await received("3");
    fs.rmSync(dirname(first.path), { recursive: true });
    await received("4");
  });

  it("is made by age alone: the oldest go after 30 days, also those of other conversations", async () => {
    const old = await received("old", "x", webConversation("quiet"));
    nowMs += 29 * day;
    const young = await received("young");
    expect(fs.existsSync(old.path)).toBe(true);
    nowMs += day + 1;
    area = openArea();
    expect(await area.list(chat)).toHaveLength(1);
    expect([fs.existsSync(old.path), fs.existsSync(young.path)]).toEqual([false, true]);
  });
});

describe("unpacking", () => {
  it("fills a folder beside the area, which is found beside its file once it is whole", async () => {
    const file = await received("project.zip");
    const unpacked = await area.unpack(chat, file, async ({ directory: into, folder, bytesMax }) => {
      expect(dirname(into)).toBe(area.unpackingDirectory);
      expect(folder).toBe(`${file.path}.unpacked`);
      expect(fs.existsSync(folder)).toBe(false);
      expect(bytesMax).toBe(1024 ** 3 - 4096);
      fs.writeFileSync(join(into, "README"), "x".repeat(10_000));
      return { answer: 42, bytes: 10_000 };
    });
    expect(unpacked).toEqual({ kind: "asked", answer: 42 });
    expect(fs.readdirSync(`${file.path}.unpacked`)).toEqual(["README"]);
    expect(await area.list(chat)).toEqual([expect.objectContaining({ name: "project.zip", bytes: 5 * 4096 })]);
  });

  it("that is refused, breaks or takes more than the room leaves nothing", async () => {
    area = openArea({ conversationBytesMax: 4 * 4096, bytesMax: 1024 * 1024 });
    const file = await received("project.zip");
    const write = (into: string): void => fs.writeFileSync(join(into, "README"), "x".repeat(20_000));
    const dropped = await area.unpack(chat, file, async ({ directory: into }) => {
      write(into);
      return { answer: "no", bytes: null };
    });
    expect(dropped).toEqual({ kind: "asked", answer: "no" });
    const broken = await area.unpack(chat, file, ({ directory: into }) => {
      write(into);
      return Promise.reject(new Error("a bug"));
    });
    expect(broken).toMatchObject({ kind: "refused", again: true });
    const large = await area.unpack(chat, file, async ({ directory: into }) => {
      write(into);
      return { answer: "liar", bytes: 1 };
    });
    expect(large).toMatchObject({ kind: "refused", why: expect.stringContaining("used up") });
    expect(fs.readdirSync(dirname(file.path))).toEqual(["project.zip"]);
    expect(fs.readdirSync(area.unpackingDirectory)).toEqual([]);
  });
});

it("what a crash left half is dropped by the next life, and is never seen as a file", async () => {
  const half = area.receive(chat, { kind: "document", name: "half" }, 1000, async (sink) => {
    await sink(Buffer.from("half"));
    // As after a crash: another life opens the area while this one is in the middle of a file.
    area = openArea();
    expect(await area.list(chat)).toEqual([]);
    expect(fs.readdirSync(area.unpackingDirectory)).toEqual([]);
    return { kind: "fetched" };
  });
  expect(await half).toMatchObject({ kind: "refused", again: true });
});
