/** What is read of documents and archives, and what hostile ones come to (M7, M8, T7). */
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { PackedFormat } from "../content-kind.ts";
import { excerptCharsMax } from "../excerpt.ts";
import {
  excelFile,
  officeFile,
  openDocumentFile,
  pdfFile,
  powerPointFile,
  type TarEntry,
  tarArchive,
  wordFile,
  type ZipEntry,
  zipArchive,
} from "../sample-files.test-kit.ts";
import { archiveEntriesMax } from "./archive.ts";
import { type ReadAnswer, readFileOf } from "./program.ts";

let root = "";
let into = "";

beforeEach(() => {
  root = fs.mkdtempSync(join(tmpdir(), "signalbox-program-"));
  into = join(root, "into");
  fs.mkdirSync(into);
});

afterEach(() => fs.rmSync(root, { recursive: true }));

function read(format: PackedFormat, bytes: Uint8Array, bytesMax = 1024 ** 3): Promise<ReadAnswer> {
  fs.writeFileSync(join(root, "file"), bytes);
  return readAgain(format, bytesMax);
}

function readAgain(format: PackedFormat, bytesMax = 1024 ** 3): Promise<ReadAnswer> {
  const to = { directory: into, folder: "/area/x.unpacked", bytesMax };
  return readFileOf({ path: join(root, "file"), format, into: to });
}

const text = (mediaType: string, about: string, excerpt: string, isWhole = true) => ({
  kind: "content",
  mediaType,
  content: { kind: "text", about, excerpt, isWhole },
  unpackedBytes: null,
});
const opaque = (about: string) =>
  expect.objectContaining({ kind: "content", content: { kind: "opaque", about }, unpackedBytes: null });
const refused = (why: string) => ({ kind: "refused", why, again: false });

function unpacked(): string[] {
  return fs.readdirSync(into, { recursive: true, withFileTypes: true }).map((entry) => {
    const path = join(entry.parentPath, entry.name);
    const { mode } = fs.lstatSync(path);
    return `${(mode & 0o777).toString(8)} ${path.slice(into.length + 1)}`;
  });
}

describe("a PDF", () => {
  it("is read page by page", async () => {
    const pdf = pdfFile([{ text: ["First (line)", "second"] }, { text: ["Last page"] }]);
    const words = "[page 1]\nFirst (line)\nsecond\n[page 2]\nLast page";
    expect(await read("pdf", pdf)).toEqual(text("application/pdf", "PDF, 2 pages", words));
  });

  it("is read no further than the excerpt goes", async () => {
    const pdf = pdfFile(
      Array.from({ length: 10 }, () => ({ text: Array.from({ length: 40 }, () => "words ".repeat(14)) })),
    );
    const answer = await read("pdf", pdf);
    expect(answer).toMatchObject({ content: { about: "PDF, 10 pages", isWhole: false } });
    if (answer.kind === "content" && answer.content.kind === "text")
      expect(answer.content.excerpt.length).toBeLessThanOrEqual(excerptCharsMax);
  });

  it("without words is said to be scanned, and passed on as it is", async () => {
    const picture = { content: "0 0 100 100 re f" };
    expect(await read("pdf", pdfFile([picture, picture, picture]))).toEqual(
      opaque("a PDF without text (scanned, or pictures only), 3 pages"),
    );
  });

  it("that is torn to pieces is damaged", async () => {
    expect(await read("pdf", Buffer.from("%PDF-1.7\nnothing of one"))).toEqual(refused("The PDF is damaged."));
  });
});

describe("an office document", () => {
  const openXml = "application/vnd.openxmlformats-officedocument";

  it("of Word is read in paragraphs and rows, once, without what was deleted", async () => {
    const cell = (words: string) => `<w:tc><w:p><w:r><w:t>${words}</w:t></w:r></w:p></w:tc>`;
    const body = `<w:p><w:pPr><w:tabs><w:tab w:val="left"/></w:tabs></w:pPr><w:r><w:t>Hello &amp; </w:t><w:tab/><w:t>welcome</w:t></w:r></w:p>
      <w:p><w:del><w:r><w:delText>gone</w:delText></w:r></w:del><mc:AlternateContent><mc:Choice><w:r><w:t>new</w:t></w:r></mc:Choice><mc:Fallback><w:r><w:t>old</w:t></w:r></mc:Fallback></mc:AlternateContent></w:p>
      <w:tbl><w:tr>${cell("a")}${cell("b")}</w:tr></w:tbl>`;
    const words = "Hello & \twelcome\nnew\na \tb";
    expect(await read("zip", wordFile(body))).toEqual(
      text(`${openXml}.wordprocessingml.document`, "Word document", words),
    );
  });

  it("of Excel is read in sheets and rows, days as days", async () => {
    const words =
      "[sheet Costs]\nItem\tNet price\nTea\t\t2.5\t2023-03-15\t2023-03-15 18:00:00\t3\tTRUE\n\n[sheet Empty]";
    expect(await read("zip", excelFile())).toEqual(
      text(`${openXml}.spreadsheetml.sheet`, "Excel workbook, 2 sheets", words),
    );
  });

  it("of PowerPoint is read in the order of its slides", async () => {
    const words = "[slide 1]\nthe beginning\n[slide 2]\nthe end";
    expect(await read("zip", powerPointFile())).toEqual(
      text(`${openXml}.presentationml.presentation`, "PowerPoint presentation, 2 slides", words),
    );
  });

  it.each([
    [
      "text",
      "<text:tracked-changes><text:p>gone</text:p></text:tracked-changes><text:h>Title</text:h><text:p>a<text:s text:c='2'/>b<text:tab/>c<text:line-break/>d</text:p>",
      "OpenDocument text",
      "Title\na  b\tc\nd",
    ],
    [
      "spreadsheet",
      "<table:table table:name='S'><table:table-row><table:table-cell table:number-columns-repeated='2'/><table:table-cell><text:p>x</text:p></table:table-cell><table:table-cell table:number-columns-repeated='1000000000'/></table:table-row></table:table>",
      "OpenDocument spreadsheet, 1 sheet",
      "[sheet S]\n\t\tx",
    ],
    [
      "presentation",
      "<draw:page><text:p>one</text:p></draw:page><draw:page><text:p>two</text:p></draw:page>",
      "OpenDocument presentation, 2 slides",
      "[slide 1]\none\n[slide 2]\ntwo",
    ],
  ] as const)("of OpenDocument is read: %s", async (family, body, about, words) => {
    expect(await read("zip", openDocumentFile(family, body))).toEqual(
      text(`application/vnd.oasis.opendocument.${family}`, about, words),
    );
  });

  it("without words, in binary form, or a book, is passed on as it is", async () => {
    expect(await read("zip", wordFile("<w:p/>"))).toEqual(opaque("Word document, without text"));
    const binary = zipArchive([
      { name: "[Content_Types].xml" },
      { name: "_rels/.rels", content: `<R><Relationship Type="/officeDocument" Target="xl/workbook.bin"/></R>` },
    ]);
    expect(await read("zip", binary)).toEqual(opaque("an Office document in its binary form"));
    expect(await read("zip", zipArchive([{ name: "mimetype", content: "application/epub+zip" }]))).toEqual(
      opaque("an EPUB book"),
    );
  });

  it("does not expand what it declares (a billion laughs)", async () => {
    const laughs = `<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><w:document><w:p><w:r><w:t>&b;</w:t></w:r></w:p></w:document>`;
    expect(await read("zip", officeFile("word", { "word/document.xml": laughs }))).toEqual(
      refused("The file (a document or a zip archive) is damaged."),
    );
  });

  it("that unpacks to more than it may is refused while it is read, whatever it says of its size", async () => {
    const hidden = `<w:document>${" ".repeat(70 * 1024 * 1024)}</w:document>`;
    const bomb = zipArchive([
      { name: "[Content_Types].xml", content: "<Types/>" },
      { name: "_rels/.rels", content: `<R><Relationship Type="/officeDocument" Target="word/document.xml"/></R>` },
      { name: "word/document.xml", content: hidden },
    ]);
    expect(await read("zip", bomb)).toEqual(
      refused("The document is too large to be read: it unpacks to more than 64 MiB."),
    );
  });

  it("is no archive: nothing of it is unpacked", async () => {
    await read("zip", excelFile());
    expect(unpacked()).toEqual([]);
  });
});

describe("an archive", () => {
  const entries = [
    { name: "project/", mode: 0o40755, type: "5" },
    { name: "project/.gitignore", content: "dist\n" },
    { name: "project/bin/run", content: "#!/bin/sh\n", mode: 0o100777 },
    { name: "./inner.zip", content: zipArchive([{ name: "a", content: "b" }]) },
  ];

  it.each([
    ["zip", zipArchive(entries), "application/zip", "zip archive"],
    ["tar", tarArchive(entries), "application/x-tar", "tar archive"],
    ["gzip", gzipSync(tarArchive(entries)), "application/gzip", "tar.gz archive"],
  ] as const)("is unpacked for the owner alone, and listed: %s", async (format, bytes, mediaType, what) => {
    const answer = await read(format, bytes);
    expect(answer).toEqual({
      kind: "content",
      mediaType,
      content: {
        kind: "text",
        about: `${what}, 3 files, 118 bytes, unpacked into /area/x.unpacked`,
        excerpt: "project/.gitignore  5 bytes\nproject/bin/run  10 bytes\ninner.zip  103 bytes",
        isWhole: true,
      },
      unpackedBytes: 118,
    });
    expect(unpacked().toSorted()).toEqual([
      "600 inner.zip",
      "600 project/.gitignore",
      "600 project/bin/run",
      "700 project",
      "700 project/bin",
    ]);
    expect(fs.readFileSync(join(into, "project/bin/run"), "utf8")).toBe("#!/bin/sh\n");
  });

  it("of tar keeps long names, as GNU and POSIX write them", async () => {
    const [gnu, pax] = [`${"g".repeat(90)}/${"h".repeat(90)}.txt`, `${"p".repeat(90)}/${"ü".repeat(50)}.txt`];
    const record = ` path=${pax}\n`;
    const length = Buffer.byteLength(record) + 3;
    const tar = tarArchive([
      { name: "././@LongLink", type: "L", content: `${gnu}\0` },
      { name: "cut", content: "1" },
      { name: "comment", type: "g", content: "20 comment=anything\n" },
      { name: "pax", type: "x", content: `${length}${record}` },
      { name: "cut", content: "2" },
    ]);
    expect(await read("tar", tar)).toMatchObject({
      kind: "content",
      content: { excerpt: `${gnu}  1 bytes\n${pax}  1 bytes` },
    });
  });

  it("with very many files is listed to a bound", async () => {
    const many = Array.from({ length: 300 }, (_, index) => ({
      name: `${"directory".repeat(8)}/${index}.txt`,
      content: "x",
    }));
    expect(await read("zip", zipArchive(many))).toMatchObject({
      content: { isWhole: false },
      unpackedBytes: 300,
    });
  });

  it("of a single file in gzip is none", async () => {
    expect(await read("gzip", gzipSync("words"))).toEqual(opaque("a file packed with gzip, which is no tar archive"));
  });
});

describe("an archive is refused as a whole, before anything is written:", () => {
  afterEach(() => expect(unpacked()).toEqual([]));

  const outside = "The archive has an entry that would be written outside of its folder.";
  const names: [name: string, why: string][] = [
    ["../evil", outside],
    ["a/../../evil", outside],
    ["a/..", outside],
    ["/etc/cron.d/evil", outside],
    ["C:/evil", outside],
    ["c:evil", outside],
    ["..\\evil", outside],
    ["a\\b", outside],
    [".\u200B./evil", outside],
    ["\u202E../evil", outside],
    ["\u200B", "The archive has an entry without a name."],
    ["a/\u200B/b", "The archive has an entry without a name."],
    [".\u200B/b", "The archive has an entry without a name."],
    ["d/".repeat(33).concat("f"), "The archive has a path that is too long."],
    [`${"d".repeat(90)}/`.repeat(12).concat("f"), "The archive has a path that is too long."],
  ];
  const before = { name: "fine.txt", content: "fine" };

  it.each(names)("a name that leads elsewhere, or nowhere: %j", async (name, why) => {
    const evil = { name, content: "evil" };
    expect(await read("zip", zipArchive([before, evil]))).toEqual(refused(why));
    if (Buffer.byteLength(name) > 99) return;
    expect(await read("tar", tarArchive([before, evil]))).toEqual(refused(why));
    expect(await read("gzip", gzipSync(tarArchive([before, evil])))).toEqual(refused(why));
  });

  const link = "The archive has a link in it, which may lead anywhere.";
  const device = "The archive has something in it that is neither a file nor a folder.";

  it("a link, a device, a socket, and what nobody has heard of", async () => {
    const ofMode = (mode: number) => read("zip", zipArchive([before, { name: "x", content: "/etc/passwd", mode }]));
    expect(await ofMode(0o120777)).toEqual(refused(link));
    for (const mode of [0o020666, 0o060666, 0o010666, 0o140777]) expect(await ofMode(mode)).toEqual(refused(device));
    const ofType = (type: string) => read("tar", tarArchive([before, { name: "x", type, link: "/etc/passwd" }]));
    for (const type of ["1", "2"]) expect(await ofType(type)).toEqual(refused(link));
    for (const type of ["3", "4", "6", "7", "S", "D", "V", "M"]) expect(await ofType(type)).toEqual(refused(device));
  });

  it("two entries of one name, also to a system that does not tell cases or invisible characters apart", async () => {
    const why = refused("The archive has two entries of the same name.");
    for (const [a, b] of [
      ["x", "x"],
      ["Readme", "README"],
      ["x", "x/y"],
      ["x/y", "X"],
      ["a\u200B", "a"],
      ["e\u0301", "\u00E9"],
    ] as const) {
      expect(
        await read(
          "zip",
          zipArchive([
            { name: a, content: "1" },
            { name: b, content: "2" },
          ]),
        ),
      ).toEqual(why);
      expect(
        await read(
          "tar",
          tarArchive([
            { name: a, content: "1" },
            { name: b, content: "2" },
          ]),
        ),
      ).toEqual(why);
    }
  });

  it("a password, and a packing that nobody here unpacks", async () => {
    const of = (entry: Partial<ZipEntry>) => read("zip", zipArchive([before, { name: "x", content: "abc", ...entry }]));
    expect(await of({ flags: 1 })).toEqual(refused("The archive is encrypted."));
    for (const method of [9, 12, 14, 93])
      expect(await of({ method })).toEqual(refused("The archive is packed in a way that cannot be unpacked here."));
  });

  it("too many entries, folders that none of them names included", async () => {
    const why = refused(`The archive has more than ${archiveEntriesMax} files and folders, the most that is unpacked.`);
    const flat = Array.from({ length: archiveEntriesMax + 1 }, (_, index) => ({ name: `${index}`, method: 0 }));
    expect(await read("zip", zipArchive(flat))).toEqual(why);
    expect(await read("gzip", gzipSync(tarArchive(flat)))).toEqual(why);
    const deep = Array.from({ length: 100 }, (_, index) => ({ name: `${"d/".repeat(5)}${index}/${"e/".repeat(20)}f` }));
    expect(await read("zip", zipArchive(deep))).toEqual(why);
    const swarm: ZipEntry[] = Array.from({ length: 10_001 }, () => ({ name: "d/", method: 0 }));
    expect(await read("zip", zipArchive(swarm))).toEqual(refused("The archive has more than 10000 entries."));
  });

  it("nothing in it", async () => {
    for (const [format, bytes] of [
      ["zip", zipArchive([])],
      ["tar", tarArchive([])],
    ] as const)
      expect(await read(format, bytes)).toEqual(refused("There are no files in the archive."));
  });

  it("a tar.gz that is a bomb: it is inflated before anything of it is written", async () => {
    const bomb = gzipSync(tarArchive([{ name: "zeros", content: Buffer.alloc(30 * 1024 * 1024) }]));
    expect(await read("gzip", bomb)).toEqual(
      refused("The archive unpacks to more than 100 times its size, as only traps do."),
    );
    // Also where the bytes are in what an unpacker passes over.
    const hidden: TarEntry[] = [{ name: "note", type: "g", content: "x".repeat(60_000) }];
    const notes = gzipSync(
      tarArchive([...Array.from({ length: 100 }, () => hidden).flat(), { name: "a", content: "b" }]),
    );
    expect(await read("gzip", notes)).toEqual(
      refused("The archive unpacks to more than 100 times its size, as only traps do."),
    );
  });
});

describe("a bomb is refused while it is unpacked, by what comes out of it:", () => {
  const ratio = refused("The archive unpacks to more than 100 times its size, as only traps do.");
  const damaged = refused("The file (a document or a zip archive) is damaged.");

  it("a zip of zeros", async () => {
    expect(await read("zip", zipArchive([{ name: "zeros", content: Buffer.alloc(30 * 1024 * 1024) }]))).toEqual(ratio);
  });

  it("a zip that says that its zeros are few", async () => {
    const liar = zipArchive([{ name: "zeros", content: Buffer.alloc(3 * 1024 * 1024), declaredBytes: 100 }]);
    expect(await read("zip", liar)).toEqual(damaged);
    expect(fs.statSync(join(into, "zeros")).size).toBeLessThanOrEqual(64 * 1024);
  });

  it("a zip whose entries share their bytes", async () => {
    const first = { name: "0", content: Buffer.alloc(900 * 1024, "some words ") };
    const others = Array.from({ length: 500 }, (_, index) => ({ ...first, name: `${index + 1}`, shares: 0 }));
    const shared = await read("zip", zipArchive([first, ...others]));
    expect(shared.kind).toBe("refused");
    const size = unpacked().length * 900 * 1024;
    expect(size).toBeLessThan(10 * 1024 * 1024);
  });

  it("more than the room that is left, and more than 200 MiB", async () => {
    const noise = (bytes: number) => Buffer.from(Array.from({ length: bytes }, (_, index) => (index * index) % 251));
    const roomy = zipArchive([
      { name: "a", content: noise(5000) },
      { name: "b", content: noise(5000) },
    ]);
    expect(await read("zip", roomy, 9000)).toEqual(
      refused("There is no room for what is in the archive. /files removes some."),
    );
    const large = tarArchive([{ name: "x", declaredBytes: 201 * 1024 * 1024 }]).subarray(0, 512);
    fs.writeFileSync(join(root, "file"), large);
    // Sparse, so that the test needs no room of its own.
    fs.truncateSync(join(root, "file"), 202 * 1024 * 1024);
    expect(await readAgain("tar")).toEqual(
      refused("The archive unpacks to more than 200 MiB, the most that is unpacked."),
    );
    expect(unpacked()).not.toContain("600 x");
  });

  it("bytes that are not those of the archive's sum", async () => {
    const zip = zipArchive([{ name: "a", content: "unmistakable", method: 0 }]);
    zip[zip.indexOf("unmistakable")] = 0x78;
    expect(await read("zip", zip)).toEqual(damaged);
  });
});

describe("torn and garbled files end in a sentence, never in an exception or a hang:", () => {
  // The program lets pass what pdf.js rejects to nobody; here it would be the test runner's.
  let listeners: NodeJS.UnhandledRejectionListener[] = [];
  beforeAll(() => {
    listeners = process.listeners("unhandledRejection");
    process.removeAllListeners("unhandledRejection");
    process.on("unhandledRejection", () => undefined);
  });
  afterAll(async () => {
    await new Promise((resolve) => void setImmediate(resolve)); // what was rejected last is told by now
    process.removeAllListeners("unhandledRejection");
    for (const listener of listeners) process.on("unhandledRejection", listener);
  });

  const wholes: [format: PackedFormat, what: string, bytes: Buffer][] = [
    ["pdf", "PDF", pdfFile([{ text: ["some words"] }, { text: ["more"] }])],
    ["zip", "docx", wordFile("<w:p><w:r><w:t>words</w:t></w:r></w:p>")],
    ["zip", "xlsx", excelFile()],
    ["zip", "pptx", powerPointFile()],
    ["zip", "odt", openDocumentFile("text", "<text:p>words</text:p>")],
    [
      "zip",
      "zip",
      zipArchive([
        { name: "a/b.txt", content: "words" },
        { name: "c", content: "more" },
      ]),
    ],
    [
      "tar",
      "tar",
      tarArchive([
        { name: "a/b.txt", content: "words" },
        { name: "c", content: "more" },
      ]),
    ],
    ["gzip", "tar.gz", gzipSync(tarArchive([{ name: "a/b.txt", content: "words" }]))],
  ];

  async function readAnew(format: PackedFormat, bytes: Uint8Array): Promise<ReadAnswer> {
    fs.rmSync(into, { recursive: true });
    fs.mkdirSync(into);
    const answer = await read(format, bytes);
    const sentence = answer.kind === "refused" ? answer.why : "about" in answer.content ? answer.content.about : "";
    expect(sentence).toMatch(/^[\p{L}\p{N}]/u);
    for (const path of unpacked()) expect(path).toMatch(/^[67]00 [^/]/);
    return answer;
  }

  it.each(wholes)("%s cut short: %s", async (format, _what, whole) => {
    await fc.assert(
      fc.asyncProperty(fc.nat(whole.length - 1), async (length) => {
        await readAnew(format, whole.subarray(0, length));
      }),
      { numRuns: 25 },
    );
  });

  it.each(wholes)("%s with other bytes in it: %s", async (format, _what, whole) => {
    const changes = fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(changes, async (all) => {
        const garbled = Buffer.from(whole);
        for (const [at, byte] of all) garbled[at] = byte;
        await readAnew(format, garbled);
      }),
      { numRuns: 25 },
    );
  });

  it.each(["pdf", "zip", "tar", "gzip"] as const)("noise that calls itself %s", async (format) => {
    const marks = { pdf: "%PDF-1.7\n", zip: "PK\x03\x04", tar: "", gzip: "\x1f\x8b\x08\0" };
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 600 }), async (noise) => {
        const answer = await readAnew(format, Buffer.concat([Buffer.from(marks[format], "latin1"), noise]));
        expect(answer.kind).toBe("refused");
      }),
      { numRuns: 25 },
    );
  });
});
