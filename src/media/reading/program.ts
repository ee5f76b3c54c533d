/**
 * The program that reads one file of a format that takes a parser (reading.ts starts it): it may be blown up by what it reads, and nobody
 * minds. A request comes as JSON on stdin, the answer goes as JSON to stdout, and that is all there is of it. Libraries are loaded for the
 * format that needs them: loading is most of the time that a short file takes. The format is its argument too, which may be a guess: it
 * loads what that takes while the file is still on its way.
 */
import { readFile, stat } from "node:fs/promises";
import { text } from "node:stream/consumers";
import type { AttachmentContent } from "../../domain/attachment.ts";
import type { FileRefused } from "../../engine/ports.ts";
import { contentKind, type PackedFormat } from "../content-kind.ts";
import { sizeText } from "../file-area.ts";
import { type Archive, tarAsArchive, unpack, zipAsArchive } from "./archive.ts";
import { Refusal } from "./refusal.ts";
import { tarStream } from "./tar.ts";
import { tooMuch } from "./too-much.ts";

/** Paths are absolute. */
export type ReadRequest =
  | { readonly path: string; readonly format: "pdf" }
  | { readonly path: string; readonly format: Exclude<PackedFormat, "pdf">; readonly into: UnpackInto };

/** An archive is unpacked into `directory`, which is empty, and will be found at `folder`. */
export type UnpackInto = { readonly directory: string; readonly folder: string; readonly bytesMax: number };

type ArchiveRequest = Exclude<ReadRequest, { readonly format: "pdf" }>;

/** `unpackedBytes` is null where the file is no archive. */
export type ReadAnswer =
  | {
      readonly kind: "content";
      readonly mediaType: string;
      readonly content: AttachmentContent;
      readonly unpackedBytes: number | null;
    }
  | FileRefused;

/** Resolves, never rejects. */
export async function readFileOf(request: ReadRequest): Promise<ReadAnswer> {
  try {
    return await answerTo(request);
  } catch (error) {
    return refusalFor(error, request.format);
  }
}

async function answerTo(request: ReadRequest): Promise<ReadAnswer> {
  switch (request.format) {
    case "pdf":
      return await readPdf(request);
    case "zip":
      return await readZip(request);
    case "tar":
      return await readArchive("tar archive", mediaTypes.tar, tarAsArchive(request.path, false), request);
    case "gzip":
      return await readGzip(request);
    default:
      return request satisfies never;
  }
}

async function load(format: PackedFormat): Promise<void> {
  switch (format) {
    case "pdf":
      await import("./pdf.ts");
      break;
    case "zip":
      await Promise.all([import("./zip.ts"), import("./office.ts")]);
      break;
    case "tar":
    case "gzip":
      break; // what they take is here
    default:
      format satisfies never;
  }
}

async function readPdf({ path }: ReadRequest): Promise<ReadAnswer> {
  const { pdfText } = await import("./pdf.ts");
  const read = await pdfText(new Uint8Array(await readFile(path)));
  const mediaType = mediaTypes.pdf;
  if (read.kind === "opaque") return { kind: "content", mediaType, content: read, unpackedBytes: null };
  const content = { kind: "text", about: read.about, ...read.excerpt.done() } as const;
  return { kind: "content", mediaType, content, unpackedBytes: null };
}

async function readZip(request: ArchiveRequest): Promise<ReadAnswer> {
  const { openZip } = await import("./zip.ts");
  const { officeText } = await import("./office.ts");
  const entries = await openZip(request.path);
  const office = await officeText(entries);
  if (office === null) return await readArchive("zip archive", mediaTypes.zip, zipAsArchive(entries), request);
  const { mediaType, about } = office;
  if (office.kind === "opaque")
    return { kind: "content", mediaType, content: { kind: "opaque", about }, unpackedBytes: null };
  const { excerpt, isWhole } = office.excerpt.done();
  const content: AttachmentContent =
    excerpt === "" ? { kind: "opaque", about: `${about}, without text` } : { kind: "text", about, excerpt, isWhole };
  return { kind: "content", mediaType, content, unpackedBytes: null };
}

async function readGzip(request: ArchiveRequest): Promise<ReadAnswer> {
  const mediaType = mediaTypes.gzip;
  if (await isTarInside(request.path))
    return await readArchive("tar.gz archive", mediaType, tarAsArchive(request.path, true), request);
  const content = { kind: "opaque", about: "a file packed with gzip, which is no tar archive" } as const;
  return { kind: "content", mediaType, content, unpackedBytes: null };
}

async function isTarInside(path: string): Promise<boolean> {
  let head = Buffer.alloc(0);
  for await (const piece of tarStream(path, true)) {
    head = Buffer.concat([head, piece]);
    if (head.length >= 512) break;
  }
  const kind = contentKind(head, { name: "", mediaType: null });
  return kind.kind === "packed" && kind.format === "tar";
}

async function readArchive(
  what: string,
  mediaType: string,
  archive: Archive,
  { path, into }: ArchiveRequest,
): Promise<ReadAnswer> {
  const { size } = await stat(path);
  const { files, bytes, listing } = await unpack(archive, size, into.directory, into.bytesMax);
  const count = `${files} ${files === 1 ? "file" : "files"}`;
  const about = `${what}, ${count}, ${sizeText(bytes)}, unpacked into ${into.folder}`;
  return { kind: "content", mediaType, content: { kind: "text", about, ...listing }, unpackedBytes: bytes };
}

const names: Readonly<Record<PackedFormat, string>> = {
  pdf: "PDF",
  zip: "file (a document or a zip archive)",
  tar: "tar archive",
  gzip: "gzip file",
};

const mediaTypes: Readonly<Record<PackedFormat, string>> = {
  pdf: "application/pdf",
  zip: "application/zip",
  tar: "application/x-tar",
  gzip: "application/gzip",
};

/** Whatever a parser throws at a file means that it is not what it should be; a system's error has a code, which says what is wrong here. */
function refusalFor(error: unknown, format: PackedFormat): ReadAnswer {
  if (error instanceof Refusal) return { kind: "refused", why: error.message, again: false };
  const code = error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
  // Without a code: more of something than the engine has, of an array or of the stack.
  if (error instanceof RangeError && code === "") return overwhelmed(format);
  switch (code) {
    case "ERR_MEMORY_ALLOCATION_FAILED":
    case "ENOMEM":
      return overwhelmed(format);
    case "ENOSPC":
    case "EDQUOT":
      return { kind: "refused", why: "The disk of this machine is full.", again: true };
    case "EEXIST":
      return { kind: "refused", why: "The archive has two entries of the same name.", again: false };
    case "ENAMETOOLONG":
      return { kind: "refused", why: "The archive has a path that is too long.", again: false };
    default:
      return /^E[A-Z0-9]+$/.test(code)
        ? { kind: "refused", why: `The file could not be read on this machine (${code}).`, again: true }
        : { kind: "refused", why: `The ${names[format]} is damaged.`, again: false };
  }
}

function overwhelmed(format: PackedFormat): ReadAnswer {
  return { kind: "content", mediaType: mediaTypes[format], content: tooMuch(format), unpackedBytes: null };
}

if (import.meta.main) {
  // pdf.js leaves rejected promises of a torn file behind, to nobody. What the file is, the answer says; they must not end the program first.
  process.on("unhandledRejection", () => undefined);
  const loading = load(process.argv[2] as PackedFormat).catch(() => undefined); // who needs it meets the same
  const asked = await text(process.stdin);
  await loading;
  const request = JSON.parse(asked) as ReadRequest;
  process.stdout.write(JSON.stringify(await readFileOf(request)));
}
