/**
 * Whether an image is whole. A model that is given half a picture refuses the whole turn, and every later turn that has it in its
 * memory; so what is torn never becomes an image part. Only the structure is read: nothing is decoded.
 */
import { crc32 } from "node:zlib";
import type { ImageFormat } from "./content-kind.ts";

/** In pixels, larger than zero. */
export type ImageSize = { readonly width: number; readonly height: number };

/** Null: damaged. Total, in time linear in the bytes. */
export function imageSize(format: ImageFormat, bytes: Buffer): ImageSize | null {
  const size = sizeOf(format, bytes);
  return size !== null && size.width > 0 && size.height > 0 ? size : null;
}

function sizeOf(format: ImageFormat, bytes: Buffer): ImageSize | null {
  switch (format) {
    case "png":
      return png(bytes);
    case "jpeg":
      return jpeg(bytes);
    case "gif":
      return gif(bytes);
    case "webp":
      return webp(bytes);
    default:
      return format satisfies never;
  }
}

/** Length, type, data, sum: until IEND. What follows it is nobody's. */
function png(bytes: Buffer): ImageSize | null {
  let size: ImageSize | null = null;
  let hasData = false;
  for (let at = 8; at + 12 <= bytes.length;) {
    const length = bytes.readUInt32BE(at);
    const end = at + 8 + length;
    if (end + 4 > bytes.length || crc32(bytes.subarray(at + 4, end)) !== bytes.readUInt32BE(end)) return null;
    const type = bytes.toString("latin1", at + 4, at + 8);
    if ((size === null) !== (type === "IHDR")) return null;
    if (type === "IHDR") {
      if (length !== 13) return null;
      size = { width: bytes.readUInt32BE(at + 8), height: bytes.readUInt32BE(at + 12) };
    }
    hasData ||= type === "IDAT";
    if (type === "IEND") return hasData ? size : null;
    at = end + 4;
  }
  return null;
}

/** Segments up to the scan, which must come to its end mark. A small picture inside a segment has marks of its own. */
function jpeg(bytes: Buffer): ImageSize | null {
  let size: ImageSize | null = null;
  for (let at = 2; at + 4 <= bytes.length;) {
    if (bytes[at] !== 0xff) return null;
    const mark = bytes[at + 1] ?? 0;
    if (mark === 0xff) {
      at += 1; // fill
      continue;
    }
    const length = bytes.readUInt16BE(at + 2);
    if (length < 2) return null;
    const isFrame = mark >= 0xc0 && mark <= 0xcf && mark !== 0xc4 && mark !== 0xc8 && mark !== 0xcc;
    if (isFrame && at + 9 <= bytes.length) {
      size = { width: bytes.readUInt16BE(at + 7), height: bytes.readUInt16BE(at + 5) };
    }
    at += 2 + length;
    if (mark === 0xda) return bytes.lastIndexOf(jpegEnd) >= at ? size : null;
  }
  return null;
}

const jpegEnd = Buffer.from([0xff, 0xd9]);

/** Blocks up to the trailer. */
function gif(bytes: Buffer): ImageSize | null {
  if (bytes.length < 13) return null;
  const size = { width: bytes.readUInt16LE(6), height: bytes.readUInt16LE(8) };
  let at = 13 + colours(bytes[10] ?? 0);
  let hasImage = false;
  while (at < bytes.length) {
    const block = bytes[at];
    if (block === 0x3b) return hasImage ? size : null;
    if (block === 0x2c) {
      hasImage = true;
      at += 10 + colours(bytes[at + 9] ?? 0) + 1;
    } else if (block === 0x21) at += 2;
    else return null;
    for (let length = bytes[at]; length !== undefined && length !== 0; length = bytes[at]) at += 1 + length;
    at += 1;
  }
  return null;
}

function colours(flags: number): number {
  return (flags & 0x80) === 0 ? 0 : 3 * 2 ** ((flags & 7) + 1);
}

/** The first chunk of three kinds tells the size; all that the container promises must be there. */
function webp(bytes: Buffer): ImageSize | null {
  if (bytes.length < 30 || bytes.readUInt32LE(4) + 8 > bytes.length) return null;
  switch (bytes.toString("latin1", 12, 16)) {
    case "VP8X":
      return { width: bytes.readUIntLE(24, 3) + 1, height: bytes.readUIntLE(27, 3) + 1 };
    case "VP8 ":
      return { width: bytes.readUInt16LE(26) & 0x3fff, height: bytes.readUInt16LE(28) & 0x3fff };
    case "VP8L": {
      const packed = bytes.readUInt32LE(21);
      return { width: (packed & 0x3fff) + 1, height: ((packed >>> 14) & 0x3fff) + 1 };
    }
    default:
      return null;
  }
}
