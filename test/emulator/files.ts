// Files by id, whoever sent them, and the paths they are downloaded from.

import { randomBytes } from "node:crypto";
import { extname } from "node:path";
import { badRequest } from "./bot-api-error.ts";

export interface StoredFile {
  readonly fileId: string;
  readonly uniqueId: string;
  /** As the sender named it: anything at all. */
  readonly name: string;
  readonly mimeType: string;
  readonly bytes: Uint8Array;
  readonly path: string;
}

export interface Files {
  add(folder: "documents" | "photos", name: string, mimeType: string, bytes: Uint8Array): StoredFile;
  find(fileId: string): StoredFile | undefined;
  /** Throws BotApiError: unknown id, or more than a bot may download. */
  download(fileId: string): StoredFile;
  atPath(path: string): StoredFile | undefined;
}

/** A bot may download this much from Telegram's own servers. */
const downloadBytesMax = 20 * 1024 * 1024;

export function createFiles(): Files {
  const files = new Map<string, StoredFile>();
  let serial = 0;
  return {
    add(folder, name, mimeType, bytes) {
      const fileId = `BQACAgIAAxkBAAM${randomBytes(24).toString("base64url")}`;
      const uniqueId = `AgAD${randomBytes(8).toString("base64url")}`;
      const path = `${folder}/file_${serial++}${extname(name).replaceAll(/[^.\w]/g, "")}`;
      const file: StoredFile = { fileId, uniqueId, name, mimeType, bytes, path };
      files.set(fileId, file);
      return file;
    },
    find: (fileId) => files.get(fileId),
    download(fileId) {
      const file = files.get(fileId);
      if (file === undefined) throw badRequest("invalid file_id", "file");
      if (file.bytes.byteLength > downloadBytesMax) throw badRequest("file is too big", "file");
      return file;
    },
    atPath: (path) => [...files.values()].find((file) => file.path === path),
  };
}
