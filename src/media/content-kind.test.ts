/** What a file is, by its bytes: whatever its name and its sender say. */
import { deflateSync, gzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type ContentHint, contentKind, expectedFormat, headBytes } from "./content-kind.ts";
import { type ImageSize, imageSize } from "./image-file.ts";
import { plainText } from "./plain-text.ts";
import { gifImage, jpegImage, pngImage, tarArchive, webpImage, zipArchive } from "./sample-files.test-kit.ts";

const hint: ContentHint = { name: "file.bin", mediaType: null };
const of = (bytes: Uint8Array | string, told: ContentHint = hint) =>
  contentKind(typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes, told);

it.each([
  ["Report.PDF", null, "pdf"],
  ["report", "application/pdf", "pdf"],
  ["a.docx", null, "zip"],
  ["a.zip", "application/octet-stream", "zip"],
  ["a.tar", null, "tar"],
  ["a.tar.gz", null, "gzip"],
  ["a.tgz", null, "gzip"],
  ["zip", null, null],
  ["a.pdf.txt", "text/plain", null],
])("%s, said to be %s, may be expected to be %s", (name, mediaType, format) => {
  expect(expectedFormat({ name, mediaType })).toBe(format);
});

describe("the kind of a file", () => {
  it.each([
    ["png", pngImage(3, 2)],
    ["jpeg", jpegImage(3, 2)],
    ["gif", gifImage(3, 2)],
    ["webp", webpImage(3, 2)],
  ])("an image: %s", (format, bytes) => {
    expect(of(bytes)).toEqual({ kind: "image", format, mediaType: `image/${format}` });
  });

  it.each([
    ["pdf", "%PDF-1.7\n"],
    ["pdf", "\xef\xbb\xbf\n%PDF-1.4"],
    ["zip", zipArchive([{ name: "a", content: "b" }])],
    ["zip", zipArchive([])],
    ["gzip", gzipSync("x")],
    ["tar", tarArchive([{ name: "a", content: "b" }])],
  ])("what takes a parser: %s", (format, bytes) => expect(of(bytes)).toMatchObject({ kind: "packed", format }));

  it.each([
    ["audio/ogg", "OggS\0\x02 OpusHead"],
    ["video/ogg", "OggS\0\x02 \x80theora"],
    ["audio/mpeg", "ID3\x04\0"],
    ["audio/mpeg", "\xff\xfb\x90\x64"],
    ["audio/wav", "RIFF\x24\0\0\0WAVEfmt "],
    ["audio/flac", "fLaC\0"],
    ["audio/mp4", "\0\0\0\x20ftypM4A \0"],
    ["video/mp4", "\0\0\0\x20ftypisom\0"],
    ["video/quicktime", "\0\0\0\x20ftypqt  \0"],
    ["video/webm", "\x1a\x45\xdf\xa3\x01\x42\x82\x84webm"],
    ["audio/aiff", "FORM\0\0\0\x10AIFFCOMM"],
  ])("what may be spoken in: %s", (mediaType, bytes) => expect(of(bytes)).toEqual({ kind: "sound", mediaType }));

  it("takes the sender's word only for what bytes do not tell", () => {
    const mp4 = "\0\0\0\x20ftypisom\0";
    expect(of(mp4, { name: "a.m4a", mediaType: null })).toEqual({ kind: "sound", mediaType: "audio/mp4" });
    expect(of(mp4, { name: "a", mediaType: "audio/mp4" })).toEqual({ kind: "sound", mediaType: "audio/mp4" });
    expect(of("hello", { name: "a.png", mediaType: "image/png" })).toEqual({ kind: "unknown" });
    expect(of(pngImage(1, 1), { name: "a.txt", mediaType: "text/plain" })).toMatchObject({ kind: "image" });
  });

  it.each([
    "\0\0\0\x20ftypheic\0",
    "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
    "7z\xbc\xaf\x27\x1c",
    "Rar!\x1a\x07\x01",
    "BZh91AY&SY",
  ])("what no reader here reads is named: %j", (bytes) => expect(of(bytes)).toMatchObject({ kind: "other" }));

  it.each(["", "hello", "FORM letter", "BZhello", "\xff\xfeh\0i\0", "PK", "\0".repeat(600)])(
    "is not seen in what only resembles it: %j",
    (bytes) => expect(of(bytes)).toEqual({ kind: "unknown" }),
  );

  it("is found for any bytes, without an exception", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: headBytes }), (bytes) => void of(bytes)),
      { numRuns: 300 },
    );
  });
});

describe("an image", () => {
  const images = [
    ["png", pngImage(300, 200)],
    ["jpeg", jpegImage(300, 200)],
    ["gif", gifImage(300, 200)],
    ["webp", webpImage(300, 200)],
  ] as const;

  it.each(images)("that is whole has a size: %s", (format, bytes) => {
    expect(imageSize(format, bytes)).toEqual<ImageSize>({ width: 300, height: 200 });
  });

  it.each(images)("that ends early is damaged, wherever it ends: %s", (format, bytes) => {
    for (let length = 0; length < bytes.length; length += 1) {
      expect([length, imageSize(format, bytes.subarray(0, length))]).toEqual([length, null]);
    }
  });

  it.each(images)("may be followed by anything: %s", (format, bytes) => {
    const followed = Buffer.concat([bytes, Buffer.from("\0\0trailing")]);
    expect(imageSize(format, followed)).toEqual({ width: 300, height: 200 });
  });

  it("of no pixels is damaged", () => {
    for (const [format, bytes] of [["png", pngImage(0, 5)] as const, ["gif", gifImage(5, 0)] as const]) {
      expect(imageSize(format, bytes)).toBeNull();
    }
  });

  it("whose bytes were garbled is damaged where its format can tell (PNG), and never an exception", () => {
    const png = pngImage(300, 200);
    fc.assert(
      fc.property(fc.nat(png.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const garbled = Buffer.from(png);
        garbled[at] = (garbled[at] ?? 0) ^ flip;
        if (at >= 8) expect(imageSize("png", garbled)).toBeNull();
      }),
      { numRuns: 300 },
    );
    fc.assert(
      fc.property(
        fc.constantFrom(...images),
        fc.uint8Array({ maxLength: 200 }),
        fc.nat(60),
        ([format, whole], noise, at) => {
          imageSize(format, Buffer.concat([whole.subarray(0, at), noise]));
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe("text", () => {
  const textOf = (bytes: Buffer, isWhole = true) => plainText(bytes, isWhole);

  it("is known by its content, in each of its encodings", () => {
    const text = "Grüße,\tWelt\r\nzweite Zeile";
    expect(textOf(Buffer.from(text))).toEqual({ encoding: "utf-8", text });
    expect(textOf(Buffer.from(`\uFEFF${text}`))).toEqual({ encoding: "utf-8", text });
    const utf16 = Buffer.from(text, "utf16le");
    expect(textOf(utf16)).toEqual({ encoding: "utf-16le", text });
    expect(textOf(Buffer.concat([Buffer.from([0xff, 0xfe]), utf16]))).toEqual({ encoding: "utf-16le", text });
    const swapped = Buffer.from(utf16).swap16();
    expect(textOf(swapped)).toEqual({ encoding: "utf-16be", text });
    expect(textOf(Buffer.concat([Buffer.from([0xfe, 0xff]), swapped]))).toEqual({ encoding: "utf-16be", text });
    expect(textOf(Buffer.from(text, "latin1"))).toEqual({ encoding: "windows-1252", text });
  });

  it("may be cut inside a character where it is not whole", () => {
    const bytes = Buffer.from("ab\u{1F4A9}");
    for (const cut of [1, 2, 3]) {
      const part = bytes.subarray(0, bytes.length - cut);
      expect(textOf(part, false)).toEqual({ encoding: "utf-8", text: "ab" });
    }
  });

  it("with the colours of a terminal is text", () => {
    expect(textOf(Buffer.from("\u001B[31mred\u001B[0m\n"))?.encoding).toBe("utf-8");
  });

  it("is not seen in what is none", () => {
    expect(textOf(deflateSync(Buffer.alloc(5000, "some words ")))).toBeNull();
    expect(textOf(Buffer.from([0, 1, 2, 3, 4, 5, 6, 7]))).toBeNull();
    expect(textOf(Buffer.from("text with a \0 inside"))).toBeNull();
    expect(textOf(Buffer.from([0xff, 0xfe, 0x00, 0xd8, 0x41, 0x00]))).toBeNull();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 500 }), (bytes) => void textOf(Buffer.from(bytes))),
      { numRuns: 300 },
    );
  });
});
