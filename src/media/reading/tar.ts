/**
 * Tar archives, plain or in gzip: a stream of headers of 512 bytes, each followed by its file. Read as written by ustar, pax and GNU tar;
 * no library that is without parts of its own for other systems does only this.
 */
import { createReadStream } from "node:fs";
import { pipeline } from "node:stream";
import { createGunzip } from "node:zlib";
import { tarSum } from "../content-kind.ts";

/** `bytes` is what the header says; `content` must be read to its end, or not at all, before the next entry is asked for. */
export type TarEntry = {
  readonly name: string;
  readonly kind: "file" | "directory" | "link" | "device";
  readonly bytes: number;
  content(): AsyncIterable<Buffer>;
};

const blockBytes = 512;
/** A long name, or the attributes of one file. */
const noteBytesMax = 64 * 1024;

/** The archive's bytes; of gzip what was inflated. Throws where they are torn. */
export function tarStream(path: string, isGzip: boolean): AsyncIterable<Buffer> {
  const file = createReadStream(path);
  // The error arrives at who reads the stream.
  return isGzip ? pipeline(file, createGunzip(), () => undefined) : file;
}

export async function* tarEntries(stream: AsyncIterable<Buffer>): AsyncIterable<TarEntry> {
  const bytes = createBytes(stream);
  let noted: Notes = {};
  for (;;) {
    const header = await bytes.take(blockBytes, "may-end");
    // Two empty blocks end an archive; some writers leave them out.
    if (header === null || header.every((byte) => byte === 0)) return;
    const about = readHeader(header);
    switch (about.type) {
      case "x":
        noted = { ...noted, ...paxNotes(await note(bytes, about.bytes)) };
        continue;
      case "L":
        noted = { ...noted, path: untilZero(await note(bytes, about.bytes)) };
        continue;
      case "g": // of all files that follow: comments, times
      case "K": // a link's long target: the link itself is seen next
        await note(bytes, about.bytes);
        continue;
      default:
        break;
    }
    const size = noted.size ?? about.bytes;
    const name = noted.path ?? about.name;
    noted = {};
    const content = once(() => bytes.pass(size));
    yield { name, kind: kindOf(about.type, name), bytes: size, content };
    for await (const _ of content()); // what nobody wanted
    await bytes.take((blockBytes - (size % blockBytes)) % blockBytes, "must-be");
  }
}

type Header = { readonly name: string; readonly bytes: number; readonly type: string };
type Notes = { readonly path?: string; readonly size?: number };

function readHeader(header: Buffer): Header {
  if (Number.parseInt(header.toString("latin1", 148, 156).trim(), 8) !== tarSum(header)) throw new Error("no header");
  const isUstar = header.toString("latin1", 257, 262) === "ustar";
  // GNU tar writes times where ustar has the beginning of a long name.
  const isGnu = header.toString("latin1", 257, 265) === "ustar  \0";
  const prefix = isUstar && !isGnu ? untilZero(header.subarray(345, 500)) : "";
  const name = untilZero(header.subarray(0, 100));
  return {
    name: prefix === "" ? name : `${prefix}/${name}`,
    bytes: readSize(header.subarray(124, 136)),
    type: String.fromCharCode(header[156] ?? 0),
  };
}

/** In octal, or with its first bit set in bytes: which only sizes from 8 GiB need. */
function readSize(field: Buffer): number {
  const text = untilZero(field).trim();
  if (!/^[0-7]{1,12}$/.test(text)) throw new Error("no size");
  return Number.parseInt(text, 8);
}

function kindOf(type: string, name: string): TarEntry["kind"] {
  switch (type) {
    case "\0":
    case "0":
      return name.endsWith("/") ? "directory" : "file";
    case "5":
      return "directory";
    case "1":
    case "2":
      return "link";
    default:
      return "device"; // also parts of files, and what no one has heard of
  }
}

async function note(bytes: Bytes, size: number): Promise<Buffer> {
  if (size > noteBytesMax) throw new Error("a note is too long");
  const padded = Math.ceil(size / blockBytes) * blockBytes;
  return (await bytes.take(padded, "must-be")).subarray(0, size);
}

/** Lines of "length key=value", of which the length counts itself. */
function paxNotes(note: Buffer): Notes {
  let path: string | undefined;
  let size: number | undefined;
  for (let at = 0; at < note.length;) {
    const space = note.indexOf(0x20, at);
    const length = Number(note.toString("latin1", at, space));
    if (space === -1 || !Number.isInteger(length) || length < 5 || at + length > note.length)
      throw new Error("no note");
    const line = note.toString("utf8", space + 1, at + length - 1);
    const equals = line.indexOf("=");
    const [key, value] = [line.slice(0, equals), line.slice(equals + 1)];
    if (key === "path") path = value;
    if (key === "size" && /^\d{1,15}$/.test(value)) size = Number(value);
    at += length;
  }
  return { ...(path === undefined ? {} : { path }), ...(size === undefined ? {} : { size }) };
}

function untilZero(bytes: Buffer): string {
  const zero = bytes.indexOf(0);
  return bytes.toString("utf8", 0, zero === -1 ? bytes.length : zero);
}

/** The content may be read once; who asks again gets what is left. */
function once(make: () => AsyncIterable<Buffer>): () => AsyncIterable<Buffer> {
  let made: AsyncIterable<Buffer> | null = null;
  return () => (made ??= make());
}

type Bytes = {
  /** Exactly so many; null where the stream ended before them and may. Throws where it may not. */
  take(bytes: number, end: "must-be"): Promise<Buffer>;
  take(bytes: number, end: "may-end"): Promise<Buffer | null>;
  /** Exactly so many, in pieces. */
  pass(bytes: number): AsyncIterable<Buffer>;
};

function createBytes(stream: AsyncIterable<Buffer>): Bytes {
  const source = stream[Symbol.asyncIterator]();
  let held: Buffer = Buffer.alloc(0);

  /** Whether there is at least one byte. */
  async function fill(): Promise<boolean> {
    while (held.length === 0) {
      const next = await source.next();
      if (next.done === true) return false;
      held = next.value;
    }
    return true;
  }

  async function* pass(bytes: number): AsyncIterable<Buffer> {
    for (let left = bytes; left > 0;) {
      if (!(await fill())) throw new Error("the archive ends early");
      const piece = held.subarray(0, left);
      held = held.subarray(piece.length);
      left -= piece.length;
      yield piece;
    }
  }

  async function take(bytes: number, end: "must-be" | "may-end"): Promise<Buffer | null> {
    if (end === "may-end" && !(await fill())) return null;
    const pieces: Buffer[] = [];
    for await (const piece of pass(bytes)) pieces.push(piece);
    return Buffer.concat(pieces);
  }

  return { take: take as Bytes["take"], pass };
}
