// Files by id, whoever sent them, and the paths they are downloaded from (F7).
//
// A download works only after getFile named its path, and for an hour from then: Telegram promises no more, and a bot that
// keeps the path instead of the id finds a dead link. getFile again makes it alive again.

import { randomBytes } from "node:crypto";
import { extname } from "node:path";
import { badRequest } from "./bot-api-error.ts";
import type { Mutation } from "./mutations.ts";
import type { TelegramClock } from "./telegram-clock.ts";

export type FileFolder =
  | "photos"
  | "documents"
  | "voice"
  | "music"
  | "videos"
  | "video_notes"
  | "animations"
  | "stickers"
  | "thumbnails";

export interface NewFile {
  readonly folder: FileFolder;
  /** As the sender named it: anything at all. */
  readonly name: string;
  readonly mimeType: string;
  readonly bytes: Uint8Array;
  /** The size Telegram tells, where it is not that of the bytes: a lie, or (`"untold"`) nothing. */
  readonly size?: number | "untold";
  /** The path getFile answers, where it is not Telegram's own: what a broken or hostile server could say. */
  readonly filePath?: string;
}

export interface StoredFile {
  readonly folder: FileFolder;
  readonly fileId: string;
  readonly uniqueId: string;
  readonly name: string;
  readonly mimeType: string;
  readonly bytes: Uint8Array;
  /** As Telegram tells it. */
  readonly size: number | undefined;
  readonly path: string;
}

export interface Files {
  add(file: NewFile): StoredFile;
  find(fileId: string): StoredFile | undefined;
  /** What getFile does. Throws BotApiError: unknown id, or more than a bot may download. */
  download(fileId: string): StoredFile;
  /** Undefined when no getFile named the path within the last hour. */
  atPath(path: string): StoredFile | undefined;
}

/** A bot may download this much from Telegram's own servers. */
const downloadBytesMax = 20 * 1024 * 1024;
/** "It is guaranteed that the link will be valid for at least 1 hour." Here it is valid for exactly that. */
const linkLifetimeMs = 60 * 60 * 1000;

const extensions: { readonly [folder in FileFolder]: string } = {
  photos: ".jpg",
  documents: "",
  voice: ".oga",
  music: ".mp3",
  videos: ".mp4",
  video_notes: ".mp4",
  animations: ".mp4",
  stickers: ".webp",
  thumbnails: ".jpg",
};

export function createFiles(clock: TelegramClock, mutations: ReadonlySet<Mutation>): Files {
  const files = new Map<string, StoredFile>();
  const byPath = new Map<string, StoredFile>();
  const linkedMs = new Map<string, number>();
  let serial = 0;
  return {
    add({ folder, name, mimeType, bytes, size = bytes.byteLength, filePath }) {
      const extension = extname(name).replaceAll(/[^.\w]/g, "") || extensions[folder];
      const file: StoredFile = {
        folder,
        fileId: `BQACAgIAAxkBAAM${randomBytes(24).toString("base64url")}`,
        uniqueId: `AgAD${randomBytes(8).toString("base64url")}`,
        name,
        mimeType,
        bytes,
        size: size === "untold" ? undefined : size,
        path: filePath ?? `${folder}/file_${serial++}${extension}`,
      };
      files.set(file.fileId, file);
      byPath.set(file.path, file);
      return file;
    },
    find: (fileId) => files.get(fileId),
    download(fileId) {
      const file = files.get(fileId);
      if (file === undefined) throw badRequest("invalid file_id", "file");
      const size = file.size ?? file.bytes.byteLength;
      if (size > downloadBytesMax && !mutations.has("big-file-served")) throw badRequest("file is too big", "file");
      linkedMs.set(file.path, clock.nowMs());
      return file;
    },
    atPath(path) {
      const sinceMs = clock.nowMs() - (linkedMs.get(path) ?? Number.NEGATIVE_INFINITY);
      if (sinceMs >= linkLifetimeMs && !mutations.has("file-link-never-dies")) return undefined;
      return byPath.get(path);
    },
  };
}
