/**
 * Files that a person gives to the page, kept until the message they came with has been taken in.
 *
 * 1. Nothing of a request becomes a path: a file lies under a random id, and what its browser says of it travels with the message.
 * 2. I14: one file is bounded while its bytes come, all together in bytes and in age. Half a file is dropped.
 */
import { createReadStream } from "node:fs";
import { mkdir, open, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { FetchFile } from "../engine/ports.ts";

export interface Uploads {
  /** Resolves when the file is kept; rejects when the disk or the browser breaks off, with nothing kept. */
  receive(bytes: AsyncIterable<Uint8Array>): Promise<{ readonly id: string; readonly bytes: number } | "too-large">;
  /** Gives a kept file to whoever takes the message in. */
  readonly fetchFile: FetchFile;
}

export type UploadsDeps = {
  /** Is made when it is missing. */
  readonly directory: string;
  readonly newId: () => string;
  readonly now: () => number;
};

/** What Telegram gives to bots, so that a file may come in either way. */
export const uploadBytesMax = 20 * 1024 * 1024;
/** Ten of the largest, twice. */
const directoryBytesMax = 20 * uploadBytesMax;
/** A message that was not sent by then will not be. */
const uploadLifeMs = 24 * 60 * 60 * 1000;

const idPattern = /^[A-Za-z0-9_-]{20,64}$/;

export function createUploads({ directory, newId, now }: UploadsDeps): Uploads {
  return {
    async receive(bytes) {
      await sweep();
      const id = newId();
      const path = join(directory, id);
      let count = 0;
      try {
        await using file = await open(path, "wx", 0o600);
        for await (const chunk of bytes) {
          count += chunk.byteLength;
          if (count > uploadBytesMax) break;
          await file.writeFile(chunk);
        }
      } catch (error) {
        await rm(path, { force: true });
        throw error;
      }
      if (count <= uploadBytesMax) return { id, bytes: count };
      await rm(path, { force: true });
      return "too-large";
    },
    async fetchFile(source, bytesMax, sink, signal) {
      const gone = { kind: "refused", why: "The file is not here any more. Send it again.", again: false } as const;
      if (!idPattern.test(source)) return gone;
      let count = 0;
      try {
        for await (const chunk of createReadStream(join(directory, source), { signal })) {
          count += (chunk as Buffer).byteLength;
          if (count > bytesMax || (await sink(chunk as Buffer)) === "enough")
            return { kind: "refused", why: "The file is larger than can be received.", again: false };
        }
        return { kind: "fetched" };
      } catch {
        return gone; // never there, or swept: the person sees their message, and has the file
      }
    },
  };

  /** Makes the directory, drops what is too old, and then the oldest until there is room for one more. */
  async function sweep(): Promise<void> {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const names = (await readdir(directory)).filter((name) => idPattern.test(name));
    const files = await Promise.all(
      names.map(async (name) => {
        const path = join(directory, name);
        const { size, mtimeMs } = await stat(path);
        return { path, size, mtimeMs };
      }),
    );
    let bytes = uploadBytesMax + files.reduce((sum, { size }) => sum + size, 0);
    for (const { path, size, mtimeMs } of files.toSorted((a, b) => a.mtimeMs - b.mtimeMs)) {
      if (bytes <= directoryBytesMax && mtimeMs > now() - uploadLifeMs) break;
      await rm(path, { force: true });
      bytes -= size;
    }
  }
}
