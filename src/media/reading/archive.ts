/**
 * Archives, unpacked only if all of one may be (T7).
 *
 * 1. Listed first: names, kinds and number are judged before anything is written. One bad entry refuses the whole.
 * 2. What is counted is what comes out while it is written, never what an archive says of itself: bytes, and their ratio to its own size.
 * 3. Every file is created anew inside an empty folder, without links, for the owner's eyes alone, and none is executable.
 * 4. An archive inside an archive is a file.
 */
import { mkdir, open } from "node:fs/promises";
import { dirname, join } from "node:path";
import { createExcerpt, type Excerpt } from "../excerpt.ts";
import { sizeText } from "../file-area.ts";
import { cleanEntryName } from "../file-name.ts";
import { Refusal } from "./refusal.ts";
import { tarEntries, tarStream } from "./tar.ts";
import type { ZipEntry } from "./zip.ts";

/** Files and folders. A project has more only where its dependencies or its build are in it. */
export const archiveEntriesMax = 2_000;
/** What comes out of one archive. */
const archiveBytesMax = 200 * 1024 * 1024;
/** Text that a person wrote packs to a tenth; a hundredth is a trap. */
const archiveRatioMax = 100;
/** So much may come out of the smallest archive: no trap is that small, and a table of zeros is. */
const ratioFloorBytes = 1024 * 1024;
/** Nobody nests deeper by hand, and the path stays below what systems take. */
const depthMax = 32;
const pathBytesMax = 1_000;

export type Archive = {
  /**
   * Begins anew at every call. Entries' contents are read in order, each at most once. `inflated` is told what had to come out on the way
   * to an entry, whether anyone reads it or not.
   */
  entries(inflated: (bytes: number) => void): AsyncIterable<ArchiveEntry>;
};

type ArchiveEntry = {
  readonly name: string;
  readonly kind: "file" | "directory" | "link" | "device";
  readonly content: () => AsyncIterable<Buffer>;
};

export type Unpacked = { readonly files: number; readonly bytes: number; readonly listing: Excerpt };

/**
 * Fills the empty folder `into` with at most `bytesMax` bytes. `packedBytes` is the archive's own size. Throws a Refusal, or whatever
 * reading a torn archive throws; what it has written by then is the caller's to remove.
 */
export async function unpack(archive: Archive, packedBytes: number, into: string, bytesMax: number): Promise<Unpacked> {
  const plan = await planOf(archive, createMeter(packedBytes, bytesMax));
  const inflated = createMeter(packedBytes, bytesMax);
  const written = createMeter(packedBytes, bytesMax);
  const listing = createExcerpt();
  let files = 0;
  let index = 0;
  for await (const entry of archive.entries(inflated.count)) {
    const path = plan[index];
    index += 1;
    if (path === undefined) throw new Error("the archive changed while it was read");
    if (entry.kind === "directory") await mkdir(join(into, path), { recursive: true, mode: 0o700 });
    else {
      const bytes = await write(join(into, path), entry.content(), written.count);
      listing.add(`${path}  ${sizeText(bytes)}\n`);
      files += 1;
    }
  }
  if (files === 0) throw new Refusal("There are no files in the archive.");
  return { files, bytes: written.bytes(), listing: listing.done() };
}

export function zipAsArchive(entries: readonly ZipEntry[]): Archive {
  if (entries.some(({ isEncrypted }) => isEncrypted)) throw new Refusal("The archive is encrypted.");
  if (entries.some(({ isReadable }) => !isReadable))
    throw new Refusal("The archive is packed in a way that cannot be unpacked here.");
  return {
    async *entries() {
      yield* entries;
    },
  };
}

export function tarAsArchive(path: string, isGzip: boolean): Archive {
  return { entries: (inflated) => tarEntries(counted(tarStream(path, isGzip), inflated)) };
}

async function* counted(stream: AsyncIterable<Buffer>, count: (bytes: number) => void): AsyncIterable<Buffer> {
  for await (const piece of stream) {
    count(piece.length);
    yield piece;
  }
}

/** The path of each entry, in their order. */
async function planOf(archive: Archive, { count }: Meter): Promise<readonly string[]> {
  const plan: string[] = [];
  // Of every path that will be there, folders that no entry names included. Some file systems do not tell cases apart.
  const kinds = new Map<string, "file" | "directory">();
  for await (const entry of archive.entries(count)) {
    const parts = partsOf(entry);
    parts.forEach((_, depth) => {
      const isLast = depth === parts.length - 1;
      const kind = isLast && entry.kind === "file" ? "file" : "directory";
      const key = parts
        .slice(0, depth + 1)
        .join("/")
        .toLowerCase();
      const before = kinds.get(key);
      if (before !== undefined && (before === "file" || kind === "file"))
        throw new Refusal("The archive has two entries of the same name.");
      kinds.set(key, kind);
    });
    plan.push(parts.join("/"));
    if (kinds.size > archiveEntriesMax || plan.length > archiveEntriesMax)
      throw new Refusal(`The archive has more than ${archiveEntriesMax} files and folders, the most that is unpacked.`);
  }
  return plan;
}

function partsOf({ name, kind }: ArchiveEntry): readonly string[] {
  switch (kind) {
    case "link":
      throw new Refusal("The archive has a link in it, which may lead anywhere.");
    case "device":
      throw new Refusal("The archive has something in it that is neither a file nor a folder.");
    case "file":
    case "directory":
      break;
    default:
      return kind satisfies never;
  }
  if (name.startsWith("/") || /^[A-Za-z]:/.test(name) || /[\\\0]/.test(name)) throw outside();
  const parts = name.split("/").filter((part) => part !== "" && part !== ".");
  const clean = parts.map(cleanEntryName);
  // What is invisible is gone now, so that this is what the system would see.
  if ([...parts, ...clean].includes("..")) throw outside();
  if (clean.some((part) => part === "" || part === ".") || (kind === "file" && clean.length === 0))
    throw new Refusal("The archive has an entry without a name.");
  if (clean.length > depthMax || Buffer.byteLength(clean.join("/")) > pathBytesMax)
    throw new Refusal("The archive has a path that is too long.");
  return clean;
}

function outside(): Refusal {
  return new Refusal("The archive has an entry that would be written outside of its folder.");
}

/** `count` throws where too much has come. */
type Meter = { readonly count: (bytes: number) => void; readonly bytes: () => number };

function createMeter(packedBytes: number, bytesMax: number): Meter {
  const ratioBytesMax = Math.max(ratioFloorBytes, packedBytes * archiveRatioMax);
  let bytes = 0;
  return {
    count(more) {
      bytes += more;
      if (bytes > ratioBytesMax)
        throw new Refusal(`The archive unpacks to more than ${archiveRatioMax} times its size, as only traps do.`);
      if (bytes > archiveBytesMax)
        throw new Refusal(`The archive unpacks to more than ${sizeText(archiveBytesMax)}, the most that is unpacked.`);
      if (bytes > bytesMax) throw new Refusal("There is no room for what is in the archive. /files removes some.");
    },
    bytes: () => bytes,
  };
}

async function write(path: string, content: AsyncIterable<Buffer>, count: (bytes: number) => void): Promise<number> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await using file = await open(path, "wx", 0o600);
  let bytes = 0;
  for await (const piece of content) {
    count(piece.length);
    bytes += piece.length;
    await file.writeFile(piece);
  }
  return bytes;
}
