/** Reading a file by its content, with the hostile ones in a program that may be lost (M5, M7, M8, I14). */
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { excerptCharsMax } from "./excerpt.ts";
import {
  createFileReader,
  type FileReader,
  type Reading,
  type ReadingAhead,
  type ReadingBounds,
  type UnpackingRoom,
} from "./reading.ts";
import { excelFile, jpegImage, pdfFile, pngImage, webpImage, wordFile, zipArchive } from "./sample-files.test-kit.ts";

let root = "";
let directory = "";
let into = "";
let reader: FileReader;

const logged: object[] = [];
const note = (fields: object): void => void logged.push(fields);
const log = { debug: note, info: note, warn: note, error: note };
const never = new AbortController().signal;

function openReader(bounds?: ReadingBounds): FileReader {
  const unpackingDirectory = join(directory, ".partial");
  return createFileReader({ directory, unpackingDirectory, log, ...(bounds ? { bounds } : {}) });
}

beforeEach(() => {
  root = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), "signalbox-reading-")));
  directory = join(root, "files");
  into = join(directory, ".partial", "x");
  fs.mkdirSync(into, { recursive: true });
  logged.length = 0;
  reader = openReader();
});

afterEach(() => fs.rmSync(root, { recursive: true }));

/** Its bytes come in pieces, as a network has them. */
function read(name: string, bytes: Uint8Array | string, signal = never, place = directory): Promise<Reading> {
  const path = join(place, name);
  fs.writeFileSync(path, bytes);
  const ahead = reader.begin({ name, mediaType: null });
  const whole = Buffer.from(bytes as string);
  for (let at = 0; at < whole.length; at += 65_536) ahead.see(whole.subarray(at, at + 65_536));
  return ahead.read(path, room, signal).finally(() => ahead[Symbol.dispose]());
}

const room: UnpackingRoom = async (work) => {
  const { answer } = await work({ directory: into, folder: "/there", bytesMax: 1e6 });
  return { kind: "asked", answer };
};

const content = (mediaType: string, what: object) => ({
  kind: "content",
  mediaType,
  content: what,
  unpackedBytes: null,
});

describe("a file is read by what it is, whatever it is called:", () => {
  it("an image", async () => {
    expect(await read("report.pdf", pngImage(30, 20))).toEqual(content("image/png", { kind: "image" }));
  });

  it("a torn image is no image for a model", async () => {
    const jpeg = jpegImage(30, 20);
    expect(await read("a.jpg", jpeg.subarray(0, jpeg.length - 4))).toEqual({
      kind: "refused",
      why: "The JPEG image is damaged.",
      again: false,
    });
  });

  it("an image that a model does not take is a file", async () => {
    const about = "a WebP image of 8001 × 5 pixels, too large to be shown to the model as it is";
    expect(await read("a.webp", webpImage(8001, 5))).toEqual(content("image/webp", { kind: "opaque", about }));
    const heavy = Buffer.concat([jpegImage(30, 20), Buffer.alloc(3_750_000)]);
    expect(await read("a.jpg", heavy)).toMatchObject({ content: { kind: "opaque" } });
  });

  it("text, with its sort from its name", async () => {
    const text = (about: string, excerpt: string) => ({ kind: "text", about, excerpt, isWhole: true });
    expect(await read("main.rs", "fn main() {}\n")).toEqual(content("text/plain", text("text", "fn main() {}")));
    expect(await read("photo.jpg", "no photo")).toEqual(content("text/plain", text("text", "no photo")));
    expect(await read("a.csv", "a;b\r\n1;2\r\n")).toEqual(content("text/csv", text("table (CSV)", "a;b\n1;2")));
    expect(await read("a.JSON", "{}")).toEqual(content("application/json", text("JSON", "{}")));
    const utf16 = Buffer.from("\uFEFFGrüße", "utf16le");
    expect(await read("a.txt", utf16)).toEqual(content("text/plain", text("text, in UTF-16LE", "Grüße")));
  });

  it("a long text, by its beginning, which ends between characters", async () => {
    const answer = await read("log.txt", `x${"\u{1F4A9}".repeat(30_000)}`);
    expect(answer).toMatchObject({ content: { kind: "text", isWhole: false } });
    if (answer.kind !== "content" || answer.content.kind !== "text") throw new Error("no text");
    expect(answer.content.excerpt).toBe(`x${"\u{1F4A9}".repeat((excerptCharsMax - 2) / 2)}`);
  });

  it("from its bytes as they come: neither text nor an image that a model takes is read from the disk again", async () => {
    const seenOnly = (bytes: Buffer): Promise<Reading> => {
      const ahead = reader.begin({ name: "a", mediaType: null });
      for (const byte of bytes) ahead.see(Buffer.from([byte])); // the worst of all networks
      return ahead.read(join(directory, "not there"), () => Promise.reject(new Error("no archive")), never);
    };
    expect(await seenOnly(Buffer.from("words"))).toMatchObject({ content: { kind: "text", excerpt: "words" } });
    const image = Buffer.concat([jpegImage(30, 20), Buffer.alloc(100_000), Buffer.from([0xff, 0xd9])]);
    expect(await seenOnly(image)).toEqual(content("image/jpeg", { kind: "image" }));
    expect(await seenOnly(Buffer.alloc(200_000, 1))).toMatchObject({ content: { kind: "opaque" } });
  });

  it("what is none of these, named as far as it can be", async () => {
    const opaque = (mediaType: string, about: string) => content(mediaType, { kind: "opaque", about });
    expect(await read("a.txt", Buffer.from([1, 0, 2, 0, 200, 3]))).toEqual(
      opaque("application/octet-stream", "a file of unknown kind"),
    );
    expect(await read("a.txt", " \n\n")).toEqual(opaque("text/plain", "a file of white space alone"));
    expect(await read("a.pdf", Buffer.from("\0\0\0\x20ftypheic\0\0"))).toEqual(opaque("image/heic", "a HEIC photo"));
    expect(await read("a.pdf", "OggS\0\x02")).toEqual({ kind: "sound", mediaType: "audio/ogg" });
  });
});

describe("the program", () => {
  it("reads documents and unpacks archives, one for each file, a few at a time", async () => {
    const [pdf, excel, zip] = await Promise.all([
      read("a.bin", pdfFile([{ text: ["words"] }])),
      read("b.bin", excelFile()),
      read("c.bin", zipArchive([{ name: "d/e.txt", content: "words" }])),
    ]);
    expect(pdf).toMatchObject({ content: { kind: "text", about: "PDF, 1 page", excerpt: "[page 1]\nwords" } });
    expect(excel).toMatchObject({ content: { kind: "text", about: "Excel workbook, 2 sheets" } });
    expect(zip).toMatchObject({ content: { about: "zip archive, 1 file, 5 bytes, unpacked into /there" } });
    expect(fs.readFileSync(join(into, "d", "e.txt"), "utf8")).toBe("words");
  });

  it("may read nothing but the area, and write nowhere but where archives are unpacked", async () => {
    fs.mkdirSync(join(root, "elsewhere"));
    const outside = await read("a.pdf", pdfFile([{ text: ["secret"] }]), never, join(root, "elsewhere"));
    expect(outside).toMatchObject({ kind: "refused" });
    into = join(directory, "beside");
    fs.mkdirSync(into);
    expect(await read("a.zip", zipArchive([{ name: "a", content: "b" }]))).toMatchObject({ kind: "refused" });
    expect(fs.readdirSync(into)).toEqual([]);
  });

  it("that a file blows up is lost without harm: the file is passed on, and this program was never held up", async () => {
    reader = openReader({ patienceMs: 60_000, heapMegabytes: 24 });
    // A document of so many elements inside each other that nobody has the memory for them; packed it is a few kilobytes.
    const bomb = wordFile("<a>".repeat(1_000_000));
    expect(bomb.length).toBeLessThan(100_000);
    let turns = 0;
    const idle = new AbortController();
    const turn = (): void => {
      turns += 1;
      if (!idle.signal.aborted) setImmediate(turn);
    };
    turn();
    const answer = await read("a.docx", bomb);
    idle.abort();
    const about = "a document or a zip archive that takes too much time or memory to be read here";
    expect(answer).toEqual(content("application/zip", { kind: "opaque", about }));
    expect(logged).toHaveLength(1);
    expect(turns).toBeGreaterThan(100);
    // And the next file is read as ever.
    expect(await read("b.docx", wordFile("<w:p><w:r><w:t>x</w:t></w:r></w:p>"))).toMatchObject({
      content: { kind: "text" },
    });
  });

  it.runIf(process.platform === "linux")("has no more memory than it was given, whatever it is used for", async () => {
    const path = join(directory, "a.pdf");
    fs.writeFileSync(path, pdfFile([{ text: ["x"] }]));
    const about = "a PDF that takes too much time or memory to be read here";
    using ahead = reader.begin({ name: "a.pdf", mediaType: null });
    ahead.see(fs.readFileSync(path));
    // Sparse, so that the test needs no room of its own.
    fs.truncateSync(path, 1.5 * 1024 ** 3);
    expect(await ahead.read(path, room, never)).toEqual(content("application/pdf", { kind: "opaque", about }));
  });

  it("that takes too long is ended", async () => {
    reader = openReader({ patienceMs: 1, heapMegabytes: 256 });
    const about = "a PDF that takes too much time or memory to be read here";
    expect(await read("a.pdf", pdfFile([{ text: ["x"] }]))).toEqual(
      content("application/pdf", { kind: "opaque", about }),
    );
    expect(logged).toEqual([{ format: "pdf", how: "out of time" }]);
  });

  it("is ended by who waits for it, also while it waits for its turn", async () => {
    const stop = new AbortController();
    const stopped = { kind: "refused", why: "The reading of the file was stopped.", again: true };
    const all = ["a", "b", "c", "d"].map((name) => read(name, pdfFile([{ text: ["x"] }]), stop.signal));
    const kept = read("kept", pdfFile([{ text: ["x"] }]));
    stop.abort();
    for (const one of all) expect(await one).toEqual(stopped);
    expect(await kept).toMatchObject({ kind: "content" });
    expect(await read("e", pdfFile([{ text: ["x"] }]), stop.signal)).toEqual(stopped);
  });
});

describe.runIf(process.platform === "linux")("the program is prepared while its file is on its way", () => {
  const pdf = pdfFile([{ text: ["x".repeat(80)] }]);
  const beginning = Buffer.concat([pdf.subarray(0, 100), Buffer.alloc(5_000, " ")]);

  /** The processes that this one has started. By their parent: a command line reads as empty for a moment of each exec. */
  function programs(): number[] {
    return fs.readdirSync("/proc").flatMap((pid) => (/^\d+$/.test(pid) && isOurs(pid) ? [Number(pid)] : []));
  }

  function isOurs(pid: string): boolean {
    try {
      const [, state, parent] = /\) (\w) (\d+) [^)]*$/.exec(fs.readFileSync(`/proc/${pid}/stat`, "utf8")) ?? [];
      return Number(parent) === process.pid && state !== "Z";
    } catch {
      return false; // it has ended
    }
  }

  function begin(name: string, bytes: number | null): ReadingAhead {
    const ahead = reader.begin({ name, mediaType: null });
    ahead.expect(bytes);
    return ahead;
  }

  it("by what is said of it before a byte is there, and reads it", async () => {
    using ahead = begin("a.pdf", pdf.length);
    const [prepared] = programs();
    expect(prepared).toBeTypeOf("number");
    ahead.see(pdf);
    fs.writeFileSync(join(directory, "a.pdf"), pdf);
    const reading = ahead.read(join(directory, "a.pdf"), room, never);
    await Promise.resolve();
    expect(programs()).toEqual([prepared]);
    expect(await reading).toMatchObject({ content: { kind: "text", about: "PDF, 1 page" } });
    await expect.poll(programs).toEqual([]);
  });

  it("by its bytes, once few of them are missing", () => {
    using ahead = begin("a", 3 * 1024 * 1024);
    ahead.see(beginning);
    expect(programs()).toEqual([]);
    ahead.see(Buffer.alloc(2 * 1024 * 1024));
    expect(programs()).toHaveLength(1);
  });

  it("and ended when it is not needed: the file is something else, or does not come", async () => {
    using other = begin("a.pdf", null);
    {
      using _gone = begin("b.pdf", null);
      expect(programs()).toHaveLength(2);
    }
    other.see(Buffer.alloc(5_000, "words "));
    await expect.poll(programs).toEqual([]);
  });

  it("for two files at a time, since it takes memory; others are read all the same", async () => {
    using stack = new DisposableStack();
    for (const name of ["a.pdf", "b.pdf", "c.pdf"]) stack.use(begin(name, null));
    expect(programs()).toHaveLength(2);
    expect(await read("d.pdf", pdf)).toMatchObject({ content: { kind: "text" } });
    stack.dispose();
    await expect.poll(programs).toEqual([]);
    using _again = begin("e.pdf", null);
    expect(programs()).toHaveLength(1);
  });

  it("and when it is gone before it is asked, another one reads", async () => {
    using ahead = begin("a.pdf", null);
    const [pid] = programs();
    if (pid === undefined) throw new Error("no program was prepared");
    process.kill(pid, "SIGKILL");
    await expect.poll(() => fs.existsSync(`/proc/${pid}`)).toBe(false);
    ahead.see(pdf);
    fs.writeFileSync(join(directory, "a.pdf"), pdf);
    expect(await ahead.read(join(directory, "a.pdf"), room, never)).toMatchObject({ content: { kind: "text" } });
    expect(logged).toEqual([]);
  });
});
