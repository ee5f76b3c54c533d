/**
 * What a file is, read from its first bytes: what a sender says of it is a hint for what bytes cannot tell, and nothing more.
 * Total: every sequence of bytes has a kind.
 */
import { audioKindOf } from "./speech/audio-kind.ts";

export type ImageFormat = "png" | "jpeg" | "gif" | "webp";

export type ContentKind =
  | { readonly kind: "image"; readonly format: ImageFormat; readonly mediaType: string }
  /** What may be spoken in. */
  | { readonly kind: "sound"; readonly mediaType: string }
  /** What takes a parser to read, which is not trusted in this process. */
  | { readonly kind: "packed"; readonly format: PackedFormat; readonly mediaType: string }
  /** Known, and of no use to a reader; `what` names it in a few words. */
  | { readonly kind: "other"; readonly what: string; readonly mediaType: string }
  /** Text, or bytes that mean nothing here. */
  | { readonly kind: "unknown" };

export type PackedFormat = "pdf" | "zip" | "gzip" | "tar";

export type ContentHint = { readonly name: string; readonly mediaType: string | null };

/** What is packed, by what a sender says of it: a guess, for as long as no byte is there. */
export function expectedFormat({ name, mediaType }: ContentHint): PackedFormat | null {
  if (mediaType === "application/pdf") return "pdf";
  return formatsOfEndings.find(([ending]) => ending.test(name))?.[1] ?? null;
}

const formatsOfEndings: readonly (readonly [RegExp, PackedFormat])[] = [
  [/\.pdf$/i, "pdf"],
  [/\.(zip|docx|xlsx|pptx|odt|ods|odp)$/i, "zip"],
  [/\.tar$/i, "tar"],
  [/\.t?gz$/i, "gzip"],
];

/** So many bytes of the beginning are enough for every format that is known here. */
export const headBytes = 4096;

export function contentKind(head: Uint8Array, hint: ContentHint): ContentKind {
  const bytes = Buffer.from(head.buffer, head.byteOffset, head.byteLength);
  const known = signatures.find(({ at, marks }) => marks.some((mark) => startsAt(bytes, at, mark)));
  if (known !== undefined) return known.kind;
  if (startsAt(bytes, 0, "RIFF") && startsAt(bytes, 8, "WEBP")) return image("webp");
  const picture = startsAt(bytes, 4, "ftyp") ? pictureOf(bytes.toString("latin1", 8, 12)) : null;
  if (picture !== null) return picture;
  const soundKind = audioKindOf(bytes);
  if (soundKind !== null) return sound(believed(soundKind, hint));
  // A reader of PDF takes some bytes before its mark.
  if (bytes.subarray(0, pdfMarkWithin).includes("%PDF-")) return packed("pdf", "application/pdf");
  return isTar(bytes) ? packed("tar", "application/x-tar") : { kind: "unknown" };
}

const pdfMarkWithin = 1024;

const hex = (...marks: readonly string[]): Buffer[] =>
  marks.map((mark) => Buffer.from(mark.replaceAll(" ", ""), "hex"));
const image = (format: ImageFormat): ContentKind => ({ kind: "image", format, mediaType: `image/${format}` });
const sound = (mediaType: string): ContentKind => ({ kind: "sound", mediaType });
const packed = (format: PackedFormat, mediaType: string): ContentKind => ({ kind: "packed", format, mediaType });
const other = (what: string, mediaType: string): ContentKind => ({ kind: "other", what, mediaType });

const notUnpacked = "which is not unpacked here (zip, tar and tar.gz are)";

const signatures: readonly { readonly at: number; readonly marks: readonly Buffer[]; readonly kind: ContentKind }[] = [
  { at: 0, marks: hex("89504e470d0a1a0a"), kind: image("png") },
  { at: 0, marks: hex("ffd8ff"), kind: image("jpeg") },
  { at: 0, marks: hex("474946383761", "474946383961"), kind: image("gif") },
  { at: 0, marks: hex("504b0304", "504b0506"), kind: packed("zip", "application/zip") },
  { at: 0, marks: hex("1f8b08"), kind: packed("gzip", "application/gzip") },
  { at: 0, marks: hex("3026b2758e66cf11"), kind: sound("video/x-ms-asf") },
  { at: 0, marks: hex("000001ba", "000001b3"), kind: sound("video/mpeg") },
  {
    at: 0,
    marks: hex("d0cf11e0a1b11ae1"),
    // The same container holds the formats before 2007 and the ones of today when they have a password.
    kind: other("an Office document in the old format or with a password", "application/x-ole-storage"),
  },
  { at: 0, marks: hex("377abcaf271c"), kind: other(`a 7z archive, ${notUnpacked}`, "application/x-7z-compressed") },
  { at: 0, marks: hex("526172211a07"), kind: other(`a rar archive, ${notUnpacked}`, "application/vnd.rar") },
  { at: 0, marks: hex("fd377a585a00"), kind: other(`an xz archive, ${notUnpacked}`, "application/x-xz") },
  { at: 4, marks: hex("314159265359"), kind: other(`a bzip2 archive, ${notUnpacked}`, "application/x-bzip2") },
  { at: 0, marks: hex("28b52ffd"), kind: other(`a zstd archive, ${notUnpacked}`, "application/zstd") },
  {
    at: 0,
    marks: hex("53514c69746520666f726d61742033 00"),
    kind: other("an SQLite database", "application/vnd.sqlite3"),
  },
  { at: 0, marks: hex("7f454c46"), kind: other("a program for Linux", "application/x-elf") },
  { at: 0, marks: hex("49492a00", "4d4d002a"), kind: other("a TIFF image", "image/tiff") },
];

/** Pictures in the container that films come in, by its brand. */
function pictureOf(brand: string): ContentKind | null {
  if (/^(hei[cxms]|hev[cxms]|mif1|msf1)$/.test(brand)) return other("a HEIC photo", "image/heic");
  return /^avi[fs]$/.test(brand) ? other("an AVIF image", "image/avif") : null;
}

/** Two containers do not tell in their first bytes whether there is a picture in them; there the sender is believed. */
function believed(mediaType: string, { name, mediaType: said }: ContentHint): string {
  if (mediaType !== "video/mp4" && mediaType !== "video/webm") return mediaType;
  const isSaidToBeAudio = said?.startsWith("audio/") === true || /\.m4a$/i.test(name);
  return isSaidToBeAudio ? mediaType.replace("video", "audio") : mediaType;
}

const tarHeaderBytes = 512;

/** By the header's sum, which old tars have too and nothing else has by chance. */
function isTar(bytes: Buffer): boolean {
  if (bytes.length < tarHeaderBytes || bytes[0] === 0) return false;
  const written = Number.parseInt(bytes.toString("latin1", 148, 156).trim(), 8);
  return written > 0 && written === tarSum(bytes);
}

/** Of the header's bytes, its own field taken as blanks. */
export function tarSum(header: Uint8Array): number {
  let sum = 0;
  for (let at = 0; at < tarHeaderBytes; at += 1) sum += at >= 148 && at < 156 ? 0x20 : (header[at] ?? 0);
  return sum;
}

function startsAt(bytes: Buffer, at: number, mark: Buffer | string): boolean {
  const wanted = typeof mark === "string" ? Buffer.from(mark, "latin1") : mark;
  return bytes.length >= at + wanted.length && bytes.subarray(at, at + wanted.length).equals(wanted);
}
