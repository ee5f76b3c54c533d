/**
 * Files on their way out: copies of what agents want to send, taken when they are asked for, so that what the agent does to the original
 * afterwards does not matter.
 *
 * 1. A copy is made of the very descriptor that was checked (workspace-file.ts), under a random name, for the owner's eyes alone.
 * 2. I14: copies are bounded in number of bytes and in age. The oldest make room for a new one; a message whose copy is gone says so.
 */
import { randomBytes } from "node:crypto";
import { mkdirSync, readdirSync, rmSync, statSync } from "node:fs";
import { type FileHandle, open, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Clock, Files, Log, OutgoingFile } from "../engine/ports.ts";
import { cleanName } from "./file-name.ts";
import { fileBytesMax, locate, openLocated, type Refused } from "./workspace-file.ts";

export type OutgoingFilesDeps = {
  /** Is made when it is missing. */
  readonly directory: string;
  readonly clock: Clock;
  readonly log: Log;
};

/** A message that could not be sent for so long is not waited for any more. */
const copyLifeMs = 3 * 24 * 60 * 60 * 1000;
/** Twenty of the largest: more than a run may send, twice. */
const directoryBytesMax = 20 * fileBytesMax;
/** Read and written at once. */
const chunkBytes = 256 * 1024;

const idPattern = /^[A-Za-z0-9_-]{22}$/;

/** Drops the copies that are too old. Never throws: what cannot be swept is told in the log. */
export function createOutgoingFiles({ directory, clock, log }: OutgoingFilesDeps): Files {
  sweep(0);

  async function take(path: string, workspace: string): Promise<Awaited<ReturnType<Files["take"]>>> {
    const located = await locate(path, workspace);
    if (located.kind === "refused") return located;
    const opened = await openLocated(located);
    if (opened.kind === "refused") return opened;
    try {
      sweep(opened.bytes);
      return await copyOf(opened);
    } catch (error) {
      log.error({ error }, "a file that an agent wants to send could not be copied");
      return { kind: "refused", why: "Signalbox could not copy the file." };
    } finally {
      await opened.handle.close();
    }
  }

  async function copyOf(source: {
    readonly handle: FileHandle;
    readonly name: string;
  }): Promise<{ readonly kind: "taken"; readonly file: OutgoingFile } | Refused> {
    const id = randomBytes(16).toString("base64url");
    const path = join(directory, id);
    let bytes = 0;
    {
      await using copy = await open(path, "wx", 0o600);
      const chunk = Buffer.allocUnsafe(chunkBytes);
      for (;;) {
        const { bytesRead } = await source.handle.read(chunk, 0, chunkBytes, null);
        if (bytesRead === 0) break;
        bytes += bytesRead;
        if (bytes > fileBytesMax) break; // it grows while it is read
        await copy.writeFile(chunk.subarray(0, bytesRead));
      }
    }
    if (bytes > 0 && bytes <= fileBytesMax) return { kind: "taken", file: { id, name: cleanName(source.name), bytes } };
    await rm(path, { force: true });
    return { kind: "refused", why: "The file changed while it was read." };
  }

  /** Makes the directory, drops what is too old, and then the oldest until there is room. */
  function sweep(bytesWanted: number): void {
    try {
      mkdirSync(directory, { recursive: true, mode: 0o700 });
      const copies = readdirSync(directory)
        .filter((name) => idPattern.test(name))
        .map((name) => ({ path: join(directory, name), about: statSync(join(directory, name)) }))
        .toSorted((a, b) => a.about.mtimeMs - b.about.mtimeMs);
      let bytes = copies.reduce((sum, { about }) => sum + about.size, bytesWanted);
      for (const { path, about } of copies) {
        if (bytes <= directoryBytesMax && about.mtimeMs > clock.now() - copyLifeMs) continue;
        rmSync(path, { force: true });
        bytes -= about.size;
      }
    } catch (error) {
      log.error({ error, directory }, "old copies of files that were sent could not be dropped");
    }
  }

  return {
    take,
    async find(id) {
      if (!idPattern.test(id)) return null;
      const path = join(directory, id);
      try {
        return (await stat(path)).isFile() ? path : null;
      } catch {
        return null; // swept, or never there: both mean that there is nothing to send
      }
    },
  };
}
