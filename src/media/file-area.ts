/**
 * Where files that came in are kept: `<directory>/<conversation>/<id>/<name>`, with what was unpacked of an archive beside it.
 *
 * 1. The directory is the truth: a restart loses nothing, and what was removed by hand is gone. What memory holds is a sum.
 * 2. T6: a name never decides a path. An id says when the file came and as what, and cannot be guessed; the cleaned name only ends the path.
 * 3. Nothing half is ever there: a file is filled beside the area (`.partial`) and moved in whole. A crash leaves its half there, which
 *    the next life drops.
 * 4. I14: bounded in bytes (one file, one conversation, all) and in age. Only a file's age makes room; a full area refuses, and says so.
 *    Bytes are counted as they come, since nothing that a sender says of them is verified.
 */
import { createHash, randomBytes } from "node:crypto";
import { chmod, type FileHandle, lstat, mkdir, open, readdir, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { FileKind } from "../domain/attachment.ts";
import type { ConversationId } from "../domain/conversation.ts";
import type { Clock, FileRefused, FileSink, Log, StoredFile } from "../engine/ports.ts";
import { cleanName } from "./file-name.ts";

export type FileAreaDeps = {
  /** Absolute. Is made when it is missing. Nobody else may use it. */
  readonly directory: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly bounds?: FileAreaBounds;
};

export type FileAreaBounds = { readonly conversationBytesMax: number; readonly bytesMax: number };

/** `path` is absolute, `name` cleaned. */
export type ReceivedFile = {
  readonly id: string;
  readonly kind: FileKind;
  readonly name: string;
  readonly path: string;
  readonly bytes: number;
};

/** No verb rejects. */
export interface FileArea {
  /** Keeps what `fetch` puts into the sink, at most `bytesMax` bytes. */
  receive(
    conversation: ConversationId,
    about: { readonly kind: FileKind; readonly name: string },
    bytesMax: number,
    fetch: (sink: FileSink) => Promise<{ readonly kind: "fetched" } | FileRefused>,
  ): Promise<{ readonly kind: "received"; readonly file: ReceivedFile } | FileRefused>;
  /**
   * An empty folder under `unpackingDirectory` for `unpack` to fill with at most `bytesMax` bytes, and where it will be found afterwards
   * (`folder`). What `unpack` answers with null bytes is dropped. A refusal of the area's own comes instead of the answer.
   */
  unpack<Answer>(
    conversation: ConversationId,
    file: ReceivedFile,
    unpack: (into: { readonly directory: string; readonly folder: string; readonly bytesMax: number }) => Promise<{
      readonly answer: Answer;
      readonly bytes: number | null;
    }>,
  ): Promise<{ readonly kind: "asked"; readonly answer: Answer } | FileRefused>;
  /** Newest first, at most `listedMax`. */
  list(conversation: ConversationId): Promise<readonly StoredFile[]>;
  /** The file of this id, or with `all` every one. Resolves with how many are gone. */
  remove(conversation: ConversationId, id: string): Promise<number>;
  readonly unpackingDirectory: string;
}

const mebibyte = 1024 * 1024;
/** What a person sends in a month of busy days; a disk of today has a hundred times as much. */
const defaultBounds: FileAreaBounds = { conversationBytesMax: 1024 * mebibyte, bytesMax: 5 * 1024 * mebibyte };
/** An agent may be asked about a file for a month; then it is forgotten. */
const fileLifeMs = 30 * 24 * 60 * 60 * 1000;
/** More than a person reads through. */
const listedMax = 100;
/** What a file takes at least: the least that file systems give, so that the smallest are bounded in number too. */
const blockBytes = 4096;

const idPattern = /^([0-9a-z]{9})-(photo|voice|audio|video|document)-[A-Za-z0-9_-]{22}$/;
const partialName = ".partial";
const ownerOnly = { directory: 0o700, file: 0o600 };

/** Bytes on the disk by id, by folder of a conversation. */
type Sums = Map<string, Map<string, number>>;

export function createFileArea({ directory, clock, log, bounds = defaultBounds }: FileAreaDeps): FileArea {
  const unpackingDirectory = join(directory, partialName);
  let opening: Promise<Sums> | null = null;

  /** At the first need, so that the program's start does not wait for a disk. A failure is tried again at the next. */
  function opened(): Promise<Sums> {
    opening ??= prepare().catch((error: unknown) => {
      opening = null;
      throw error;
    });
    return opening;
  }

  async function prepare(): Promise<Sums> {
    await mkdir(directory, { recursive: true, mode: ownerOnly.directory });
    await chmod(directory, ownerOnly.directory);
    await rm(unpackingDirectory, { recursive: true, force: true });
    await mkdir(unpackingDirectory, { mode: ownerOnly.directory });
    return await weighAll();
  }

  async function weighAll(): Promise<Sums> {
    const sums: Sums = new Map();
    for (const folder of await namesIn(directory)) {
      if (folder !== partialName) sums.set(folder, await weigh(join(directory, folder)));
    }
    return sums;
  }

  async function receive(
    conversation: ConversationId,
    { kind, name }: { readonly kind: FileKind; readonly name: string },
    bytesMax: number,
    fetch: (sink: FileSink) => Promise<{ readonly kind: "fetched" } | FileRefused>,
  ): Promise<{ readonly kind: "received"; readonly file: ReceivedFile } | FileRefused> {
    const sums = await opened();
    const folder = folderOf(conversation);
    await dropOld(sums);
    const id = newFileId(clock.now(), kind);
    const clean = cleanName(name);
    const [place, target] = [join(unpackingDirectory, id), join(directory, folder, id)];
    let isKept = false;
    try {
      const filled = await fill(sums, { folder, id, place, name: clean }, bytesMax, fetch);
      if (filled.kind === "refused") return filled;
      await moveIn(place, target);
      isKept = true;
      return { kind: "received", file: { id, kind, name: clean, path: join(target, clean), bytes: filled.bytes } };
    } finally {
      if (!isKept) {
        forget(sums, folder, id);
        await rm(place, { recursive: true, force: true });
      }
    }
  }

  /** The file is made while its source is still asked for: nobody waits for the disk then. */
  async function fill(
    sums: Sums,
    { folder, id, place, name }: Readonly<Record<"folder" | "id" | "place" | "name", string>>,
    bytesMax: number,
    fetch: (sink: FileSink) => Promise<{ readonly kind: "fetched" } | FileRefused>,
  ): Promise<{ readonly kind: "filled"; readonly bytes: number } | FileRefused> {
    const opening = makeFile(place, name);
    const blocks = createBlockWriter(opening);
    let bytes = 0;
    let refusal: FileRefused | null = null;
    const take = async (chunk: Uint8Array): Promise<FileRefused | null> => {
      try {
        // First: what has no place yet would be taken for removed by whoever looks for room.
        await opening;
        const lacking = await claim(sums, folder, id, bytes);
        if (lacking === null) await blocks.write(chunk);
        return lacking;
      } catch (error) {
        return unwritten(error);
      }
    };
    const sink: FileSink = async (chunk) => {
      if (refusal !== null) return "enough";
      bytes += chunk.byteLength;
      refusal = bytes > bytesMax ? tooLarge(bytesMax) : await take(chunk);
      return refusal === null ? "more" : "enough";
    };
    try {
      const fetched = await fetch(sink);
      if (fetched.kind === "refused" && refusal === null) return fetched;
    } finally {
      // Nothing of it is still written, or open, after this.
      const error = await blocks.done();
      if (error !== null) refusal ??= unwritten(error);
    }
    if (refusal !== null) return refusal;
    return bytes === 0 ? refused("The file is empty.", false) : { kind: "filled", bytes };
  }

  function unwritten(error: unknown): FileRefused {
    log.error({ error }, "a file that came in could not be written");
    return notWritten(error);
  }

  /** Counts `bytes` for the file, if there is room. Looks at the disk before it says that there is none. */
  async function claim(sums: Sums, folder: string, id: string, bytes: number): Promise<FileRefused | null> {
    const own = Math.max(bytes, blockBytes);
    if (lack(sums, folder, id, own) !== null) {
      // Files may have been removed by hand. What is still on its way is not in its place yet, and keeps its sum.
      const weighed = await weighAll();
      for (const [conversation, files] of sums) {
        const there = weighed.get(conversation);
        for (const file of files.keys()) {
          const now = there?.get(file);
          if (now !== undefined) files.set(file, now);
          // In this order: what moves meanwhile is found where it came from or where it went.
          else if (
            !(await exists(join(unpackingDirectory, file))) &&
            !(await exists(join(directory, conversation, file)))
          )
            files.delete(file);
        }
      }
    }
    const lacking = lack(sums, folder, id, own);
    if (lacking === null) entry(sums, folder).set(id, own);
    return lacking;
  }

  function lack(sums: Sums, folder: string, id: string, own: number): FileRefused | null {
    const files = sums.get(folder);
    const before = files?.get(id) ?? 0;
    if (total(files) - before + own > bounds.conversationBytesMax) {
      const size = sizeText(bounds.conversationBytesMax);
      return refused(
        `The files of this conversation may take ${size}, and that is used up. /files removes some.`,
        true,
      );
    }
    const all = [...sums.values()].reduce((sum, one) => sum + total(one), 0);
    if (all - before + own <= bounds.bytesMax) return null;
    const size = sizeText(bounds.bytesMax);
    return refused(`The files of all conversations may take ${size}, and that is used up. /files removes some.`, true);
  }

  async function unpack<Answer>(
    conversation: ConversationId,
    file: ReceivedFile,
    work: (into: { readonly directory: string; readonly folder: string; readonly bytesMax: number }) => Promise<{
      readonly answer: Answer;
      readonly bytes: number | null;
    }>,
  ): Promise<{ readonly kind: "asked"; readonly answer: Answer } | FileRefused> {
    const sums = await opened();
    const folder = folderOf(conversation);
    const place = join(unpackingDirectory, `${file.id}.unpacked`);
    const target = join(directory, folder, file.id, `${file.name}.unpacked`);
    await mkdir(place, { recursive: true, mode: ownerOnly.directory });
    try {
      const { answer, bytes } = await work({ directory: place, folder: target, bytesMax: room(sums, folder) });
      if (bytes === null) return { kind: "asked", answer };
      // Measured, not believed.
      const sum = (await weightOf(join(directory, folder, file.id))) + (await weightOf(place));
      const lacking = await claim(sums, folder, file.id, sum);
      if (lacking !== null) return lacking;
      await rename(place, target);
      return { kind: "asked", answer };
    } finally {
      await rm(place, { recursive: true, force: true });
    }
  }

  function room(sums: Sums, folder: string): number {
    const all = [...sums.values()].reduce((sum, one) => sum + total(one), 0);
    return Math.max(0, Math.min(bounds.conversationBytesMax - total(sums.get(folder)), bounds.bytesMax - all));
  }

  async function list(conversation: ConversationId): Promise<readonly StoredFile[]> {
    const sums = await opened();
    await dropOld(sums);
    const folder = folderOf(conversation);
    const there = await weigh(join(directory, folder));
    const newest = [...there.keys()].toSorted().toReversed().slice(0, listedMax);
    const described = await Promise.all(
      newest.map(async (id): Promise<StoredFile | null> => {
        const name = await nameIn(join(directory, folder, id));
        const about = aboutId(id);
        if (name === null || about === null) return null;
        return { id, ...about, name, bytes: there.get(id) ?? 0 };
      }),
    );
    return described.filter((file) => file !== null);
  }

  async function remove(conversation: ConversationId, id: string): Promise<number> {
    const sums = await opened();
    const folder = folderOf(conversation);
    const ids = [...(await weigh(join(directory, folder))).keys()];
    const chosen = id === "all" ? ids : ids.filter((one) => one === id);
    for (const one of chosen) {
      await rm(join(directory, folder, one), { recursive: true, force: true });
      forget(sums, folder, one);
    }
    return chosen.length;
  }

  async function dropOld(sums: Sums): Promise<void> {
    const oldestMs = clock.now() - fileLifeMs;
    for (const [folder, files] of sums) {
      for (const id of files.keys()) {
        const about = aboutId(id);
        if (about === null || about.receivedAtMs > oldestMs) continue;
        await rm(join(directory, folder, id), { recursive: true, force: true });
        forget(sums, folder, id);
      }
    }
  }

  /** Ends the boundary: what the disk does to us is told in the log and as a sentence. */
  async function guarded<T>(what: string, otherwise: (error: unknown) => T, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      log.error({ error }, what);
      return otherwise(error);
    }
  }

  return {
    receive: (conversation, about, bytesMax, fetch) =>
      guarded("a file that came in could not be kept", notWritten, () => receive(conversation, about, bytesMax, fetch)),
    unpack: (conversation, file, work) =>
      guarded("an archive could not be unpacked", notWritten, () => unpack(conversation, file, work)),
    list: (conversation) =>
      guarded(
        "the kept files could not be listed",
        () => [],
        () => list(conversation),
      ),
    remove: (conversation, id) =>
      guarded(
        "kept files could not be removed",
        () => 0,
        () => remove(conversation, id),
      ),
    unpackingDirectory,
  };
}

async function makeFile(place: string, name: string): Promise<FileHandle> {
  await mkdir(place, { recursive: true, mode: ownerOnly.directory });
  return await open(join(place, name), "wx", ownerOnly.file);
}

/** The folder of a conversation is made with its first file. */
async function moveIn(place: string, target: string): Promise<void> {
  try {
    await rename(place, target);
  } catch (error) {
    if (codeOf(error) !== "ENOENT") throw error;
    await mkdir(dirname(target), { recursive: true, mode: ownerOnly.directory });
    await rename(place, target);
  }
}

/** So much is written at once: a write for each piece of a connection (64 KiB) takes as long as the pieces themselves. In bytes. */
const writtenAtOnceBytes = mebibyte;
/** More than the one that is written, so that a busy disk or processor does not halt the connection; few, since they are memory. */
const waitingBlocksMax = 4;

/** Writes one block after the other while the next ones come. What keeps `opening` from being a file, every write meets. */
function createBlockWriter(opening: Promise<FileHandle>): {
  /** Resolves when there is room for more. Rejects with what an earlier block met. */
  write(chunk: Uint8Array): Promise<void>;
  /** Resolves when everything is written and the file is closed, with the error that prevented it, or null. Never rejects. */
  done(): Promise<unknown>;
} {
  let block: Uint8Array[] = [];
  let bytes = 0;
  /** In their order; each resolves when it is written, or with the error that it or an earlier one met. */
  const writing: Promise<Error | null>[] = [];
  let last = settled(opening);

  function flush(): void {
    const [full, fullBytes] = [block, bytes];
    [block, bytes] = [[], 0];
    last = last.then((error) => error ?? settled(opening.then((file) => writeAll(file, full, fullBytes))));
    writing.push(last);
  }

  return {
    async write(chunk) {
      block.push(chunk);
      bytes += chunk.byteLength;
      if (bytes < writtenAtOnceBytes) return;
      flush();
      const error = writing.length > waitingBlocksMax ? await writing.shift() : null;
      if (error instanceof Error) throw error;
    },
    async done() {
      if (bytes > 0) flush();
      const error = await last;
      const closing = await settled(opening.then((file) => file.close()));
      return error ?? closing;
    },
  };
}

/** Null: it went well. */
function settled(work: Promise<unknown>): Promise<Error | null> {
  return work.then(
    () => null,
    (error: unknown) => (error instanceof Error ? error : new Error("the disk refused", { cause: error })),
  );
}

async function writeAll(file: FileHandle, block: readonly Uint8Array[], bytes: number): Promise<void> {
  const { bytesWritten } = await file.writev(block);
  // A file system may take a part of it; the rest says why, or goes.
  if (bytesWritten < bytes) await file.writeFile(Buffer.concat(block).subarray(bytesWritten));
}

/** Readable for a chat. Letters of either case may be one to a file system, so an id that has capitals carries its own hash. */
function folderOf(conversation: ConversationId): string {
  const plain = conversation.toLowerCase().replace(/[^a-z0-9_-]/g, "_");
  if (/^telegram:-?\d+(:\d+)?$/.test(conversation)) return plain;
  return `${plain.slice(0, 80)}-${createHash("sha256").update(conversation).digest("hex").slice(0, 16)}`;
}

/** Ids of one conversation stand in the order of their coming. */
function newFileId(nowMs: number, kind: FileKind): string {
  return `${nowMs.toString(36).padStart(9, "0")}-${kind}-${randomBytes(16).toString("base64url")}`;
}

function aboutId(id: string): { readonly kind: FileKind; readonly receivedAtMs: number } | null {
  const [, time = "", kind = ""] = idPattern.exec(id) ?? [];
  return time === "" ? null : { kind: kind as FileKind, receivedAtMs: Number.parseInt(time, 36) };
}

/** The files of a conversation's folder with what each takes; empty where there is no such folder. */
async function weigh(path: string): Promise<Map<string, number>> {
  const files = new Map<string, number>();
  for (const id of await namesIn(path)) if (idPattern.test(id)) files.set(id, await weightOf(join(path, id)));
  return files;
}

/** Of a file, or of a folder with everything in it. Follows no link. */
async function weightOf(path: string): Promise<number> {
  let bytes = 0;
  for (const entry of await readdir(path, { withFileTypes: true, recursive: true })) {
    const about = await lstat(join(entry.parentPath, entry.name)).catch(ifGone);
    bytes += Math.ceil((about?.size ?? 0) / blockBytes) * blockBytes;
  }
  return Math.max(bytes, blockBytes);
}

/** An agent may have put more beside the file: the one that was sent is the one that was unpacked, or else the first. */
async function nameIn(path: string): Promise<string | null> {
  const entries = await readdir(path, { withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map(({ name }) => name);
  const names = new Set(entries.map(({ name }) => name));
  return files.find((name) => names.has(`${name}.unpacked`)) ?? files.toSorted()[0] ?? null;
}

async function namesIn(path: string): Promise<readonly string[]> {
  return (await readdir(path).catch(ifGone)) ?? [];
}

async function exists(path: string): Promise<boolean> {
  return (await lstat(path).catch(ifGone)) !== undefined;
}

/** What is removed while we look is not there. */
function ifGone(error: unknown): undefined {
  const code = codeOf(error);
  if (code === "ENOENT" || code === "ENOTDIR") return undefined;
  throw error;
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}

function entry(sums: Sums, folder: string): Map<string, number> {
  const files = sums.get(folder) ?? new Map<string, number>();
  sums.set(folder, files);
  return files;
}

function forget(sums: Sums, folder: string, id: string): void {
  const files = sums.get(folder);
  files?.delete(id);
  if (files?.size === 0) sums.delete(folder);
}

function total(files: ReadonlyMap<string, number> | undefined): number {
  let sum = 0;
  for (const bytes of files?.values() ?? []) sum += bytes;
  return sum;
}

export function tooLarge(bytesMax: number): FileRefused {
  return refused(`The file is larger than ${sizeText(bytesMax)}, the most that can be received.`, false);
}

function notWritten(error: unknown): FileRefused {
  const code = codeOf(error);
  const isFull = code === "ENOSPC" || code === "EDQUOT";
  return refused(isFull ? "The disk of this machine is full." : "The file could not be written on this machine.", true);
}

function refused(why: string, again: boolean): FileRefused {
  return { kind: "refused", why, again };
}

/** "3.4 MiB", for a person. */
export function sizeText(bytes: number): string {
  if (bytes < 1024) return `${bytes} bytes`;
  const [size, unit] =
    bytes < mebibyte
      ? [bytes / 1024, "KiB"]
      : bytes < 1024 * mebibyte
        ? [bytes / mebibyte, "MiB"]
        : [bytes / (1024 * mebibyte), "GiB"];
  return `${size < 10 && !Number.isInteger(size) ? size.toFixed(1) : Math.round(size)} ${unit}`;
}
