/** Zip containers: archives, and the documents that are zips inside. Nothing that one says of its sizes is believed by who reads it. */
import { crc32 } from "node:zlib";
import { type Entry, getFileNameLowLevel, openPromise, type ZipFile } from "yauzl";
import { Refusal } from "./refusal.ts";

/** `name` is as it stands in the container. `bytes` is what the container says of the entry. */
export type ZipEntry = {
  readonly name: string;
  readonly kind: "file" | "directory" | "link" | "device";
  readonly bytes: number;
  readonly isEncrypted: boolean;
  readonly isReadable: boolean;
  /** Throws where the entry is torn; only after its last byte is it known to be whole. */
  content(): AsyncIterable<Buffer>;
};

/** More than the largest document has parts, and still read in an instant. */
const zipEntriesMax = 10_000;

/** The file stays open: the program ends with it. */
export async function openZip(path: string): Promise<readonly ZipEntry[]> {
  // Names are decoded here: the library would turn a backslash into a slash, or throw what cannot be told from a torn file.
  const zip = await openPromise(path, { decodeStrings: false, autoClose: false });
  const entries: ZipEntry[] = [];
  for await (const entry of zip.eachEntry()) {
    if (entries.length === zipEntriesMax) throw new Refusal(`The archive has more than ${zipEntriesMax} entries.`);
    entries.push(entryOf(zip, entry));
  }
  return entries;
}

function entryOf(zip: ZipFile, entry: Entry): ZipEntry {
  const name = getFileNameLowLevel(entry.generalPurposeBitFlag, entry.fileNameRaw, entry.extraFields, true);
  return {
    name,
    kind: kindOf(entry, name),
    bytes: entry.uncompressedSize,
    isEncrypted: entry.isEncrypted(),
    isReadable: entry.canDecodeFileData(),
    content: () => contentOf(zip, entry),
  };
}

/** The kinds of Unix, which archives made elsewhere leave at zero. */
function kindOf(entry: Entry, name: string): ZipEntry["kind"] {
  switch ((entry.externalFileAttributes >>> 16) & 0xf000) {
    case 0:
    case 0x8000:
    case 0x4000:
      return name.endsWith("/") ? "directory" : "file";
    case 0xa000:
      return "link";
    default:
      return "device";
  }
}

async function* contentOf(zip: ZipFile, entry: Entry): AsyncIterable<Buffer> {
  let sum = 0;
  for await (const chunk of (await zip.openReadStreamPromise(entry)) as AsyncIterable<Buffer>) {
    sum = crc32(chunk, sum);
    yield chunk;
  }
  if (sum !== entry.crc32) throw new Error("the sum of an entry is wrong");
}
