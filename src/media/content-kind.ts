/**
 * What a file is, read from its first bytes: what a sender says of it is a hint for what bytes cannot tell, and nothing more.
 * Total: every sequence of bytes has a kind.
 */

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

/** So many bytes of the beginning are enough for every format that is known here. */
export const headBytes = 4096;

export function contentKind(head: Uint8Array, hint: ContentHint): ContentKind {
  const bytes = Buffer.from(head.buffer, head.byteOffset, head.byteLength);
  const known = signatures.find(({ at, marks }) => marks.some((mark) => startsAt(bytes, at, mark)));
  if (known !== undefined) return known.kind;
  if (startsAt(bytes, 0, "RIFF")) return riff(bytes);
  if (startsAt(bytes, 4, "ftyp")) return ftyp(bytes, hint);
  if (startsAt(bytes, 0, ebml)) return sound(isSaidToBeAudio(hint) ? "audio/webm" : "video/webm");
  if (startsAt(bytes, 0, "OggS")) return sound(bytes.includes("theora") ? "video/ogg" : "audio/ogg");
  // A reader of PDF takes some bytes before its mark.
  if (bytes.subarray(0, pdfMarkWithin).includes("%PDF-")) return packed("pdf", "application/pdf");
  if (isTar(bytes)) return packed("tar", "application/x-tar");
  return isMpegAudio(bytes) ? sound("audio/mpeg") : { kind: "unknown" };
}

const pdfMarkWithin = 1024;
const ebml = Buffer.from([0x1a, 0x45, 0xdf, 0xa3]);

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
  { at: 0, marks: hex("664c6143"), kind: sound("audio/flac") },
  { at: 0, marks: hex("49443302", "49443303", "49443304"), kind: sound("audio/mpeg") },
  { at: 0, marks: hex("2321414d52"), kind: sound("audio/amr") },
  { at: 8, marks: hex("41494646", "41494643"), kind: sound("audio/aiff") },
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

function riff(bytes: Buffer): ContentKind {
  switch (bytes.toString("latin1", 8, 12)) {
    case "WEBP":
      return image("webp");
    case "WAVE":
      return sound("audio/wav");
    case "AVI ":
      return sound("video/x-msvideo");
    default:
      return { kind: "unknown" };
  }
}

function ftyp(bytes: Buffer, hint: ContentHint): ContentKind {
  const brand = bytes.toString("latin1", 8, 12);
  if (/^(hei[cxms]|hev[cxms]|mif1|msf1)$/.test(brand)) return other("a HEIC photo", "image/heic");
  if (/^avi[fs]$/.test(brand)) return other("an AVIF image", "image/avif");
  if (/^M4[ABP] $/.test(brand)) return sound("audio/mp4");
  // The container does not tell in its first bytes whether there is a picture in it.
  if (isSaidToBeAudio(hint)) return sound("audio/mp4");
  return sound(brand === "qt  " ? "video/quicktime" : "video/mp4");
}

function isSaidToBeAudio({ name, mediaType }: ContentHint): boolean {
  return mediaType?.startsWith("audio/") === true || /\.m4a$/i.test(name);
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

/** An MP3 or AAC stream without a title. A byte order mark looks like one. */
function isMpegAudio(bytes: Buffer): boolean {
  const [first = 0, second = 0, third = 0] = bytes;
  if (first !== 0xff) return false;
  if ((second & 0xf6) === 0xf0) return true; // AAC
  const [version, layer, rate] = [(second >> 3) & 3, (second >> 1) & 3, third >> 4];
  return (second & 0xe0) === 0xe0 && version !== 1 && layer === 1 && rate !== 0 && rate !== 15;
}

function startsAt(bytes: Buffer, at: number, mark: Buffer | string): boolean {
  const wanted = typeof mark === "string" ? Buffer.from(mark, "latin1") : mark;
  return bytes.length >= at + wanted.length && bytes.subarray(at, at + wanted.length).equals(wanted);
}
