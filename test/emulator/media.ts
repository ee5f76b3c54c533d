// Messages that carry a file, whoever sends them: which fields Telegram gives them, and what it calls their kinds.

import type { Animation, Message, PhotoSize } from "grammy/types";
import type { MessageContent } from "./chats.ts";
import type { FileFolder, Files, NewFile, StoredFile } from "./files.ts";
import { imageSize } from "./image-size.ts";

export type MediaKind = "photo" | "document" | "voice" | "audio" | "video" | "video_note" | "animation" | "sticker";

/** What a phone knows of its recording; plausible values unless told. */
export interface MediaDetails {
  readonly width?: number;
  readonly height?: number;
  readonly durationSeconds?: number;
  readonly title?: string;
  readonly performer?: string;
  /** Of a sticker. */
  readonly emoji?: string;
}

interface Shape {
  readonly folder: FileFolder;
  readonly name: string;
  readonly mimeType: string;
  readonly caption: "may have" | "never";
}

/** How each kind looks when nothing else is said. A voice message is Ogg Opus, whatever the phone. */
export const mediaShapes: { readonly [kind in MediaKind]: Shape } = {
  photo: { folder: "photos", name: "photo.jpg", mimeType: "image/jpeg", caption: "may have" },
  document: { folder: "documents", name: "file", mimeType: "application/octet-stream", caption: "may have" },
  voice: { folder: "voice", name: "voice.oga", mimeType: "audio/ogg", caption: "may have" },
  audio: { folder: "music", name: "audio.mp3", mimeType: "audio/mpeg", caption: "may have" },
  video: { folder: "videos", name: "video.mp4", mimeType: "video/mp4", caption: "may have" },
  video_note: { folder: "video_notes", name: "video_note.mp4", mimeType: "video/mp4", caption: "never" },
  animation: { folder: "animations", name: "animation.mp4", mimeType: "video/mp4", caption: "may have" },
  sticker: { folder: "stickers", name: "sticker.webp", mimeType: "image/webp", caption: "never" },
};

/** The longer side of the sizes that Telegram makes of a photo, smallest first. */
const photoSidesMax = [90, 320, 800, 1280, 2560];
const unreadablePhoto = { width: 1280, height: 960 };
const stickerSide = 512;
const defaultSeconds = 3;

/** Keeps the file and describes it. Of a photo every size is a file of its own; `file` is the largest. */
export function mediaContent(files: Files, kind: MediaKind, file: NewFile, details: MediaDetails = {}): MessageContent {
  const stored = files.add(file);
  return { kind: "media", media: kind, file: stored, fields: fieldsOf(files, kind, stored, details) };
}

/** The same file once more, by its id. */
export function mediaAgain(files: Files, kind: MediaKind, file: StoredFile): MessageContent {
  return { kind: "media", media: kind, file, fields: fieldsOf(files, kind, file, {}) };
}

function fieldsOf(files: Files, kind: MediaKind, file: StoredFile, details: MediaDetails): Partial<Message> {
  const id = { file_id: file.fileId, file_unique_id: file.uniqueId };
  const size = file.size === undefined ? {} : { file_size: file.size };
  const named = { ...(file.name === "" ? {} : { file_name: file.name }), mime_type: file.mimeType };
  const { width = 640, height = 360, durationSeconds: duration = defaultSeconds } = details;
  const { title, performer, emoji = "🙂" } = details;
  switch (kind) {
    case "photo":
      return { photo: photoSizes(files, file, details) };
    case "document":
      return { document: { ...id, ...named, ...size } };
    case "voice":
      return { voice: { ...id, duration, mime_type: file.mimeType, ...size } };
    case "audio": {
      const labels = { ...(title === undefined ? {} : { title }), ...(performer === undefined ? {} : { performer }) };
      return { audio: { ...id, duration, ...labels, ...named, ...size } };
    }
    case "video":
      return { video: { ...id, width, height, duration, ...named, ...size } };
    case "video_note":
      return { video_note: { ...id, length: details.width ?? 384, duration, ...size } };
    case "animation": {
      // Older clients know no animation: the same file is there as a document, too.
      const animation: Animation = { ...id, width, height, duration, ...named, ...size };
      return { animation, document: { ...id, ...named, ...size } };
    }
    case "sticker": {
      const look = { type: "regular", is_animated: false, is_video: false, emoji } as const;
      return { sticker: { ...id, ...look, width: stickerSide, height: stickerSide, ...size } };
    }
    default:
      return kind satisfies never;
  }
}

/**
 * The largest size is the picture itself. The smaller ones are other files, as in Telegram, with other bytes: whoever takes
 * the wrong one gets a picture of one dot.
 */
function photoSizes(files: Files, file: StoredFile, { width, height }: MediaDetails): PhotoSize[] {
  const read = imageSize(file.bytes) ?? unreadablePhoto;
  const whole = { width: width ?? read.width, height: height ?? read.height };
  const side = Math.max(whole.width, whole.height, 1);
  const smaller = photoSidesMax.filter((max) => max < side);
  return [...smaller.map((max) => thumbnail(files, whole, max / side)), photoSize(file, whole.width, whole.height)];
}

function thumbnail(files: Files, whole: { width: number; height: number }, scale: number): PhotoSize {
  const file = files.add({ folder: "thumbnails", name: "", mimeType: "image/jpeg", bytes: oneDot() });
  const scaled = (side: number) => Math.max(1, Math.round(side * scale));
  return photoSize(file, scaled(whole.width), scaled(whole.height));
}

function photoSize({ fileId, uniqueId, size }: StoredFile, width: number, height: number): PhotoSize {
  const told = size === undefined ? {} : { file_size: size };
  return { file_id: fileId, file_unique_id: uniqueId, width, height, ...told };
}

/** A grey JPEG of one pixel. */
function oneDot(): Uint8Array {
  return Buffer.from(
    "/9j/4AAQSkZJRgABAQEASABIAAD/2wBDAP//////////////////////////////////////////////////////////////////////////////////////wgALCAABAAEBAREA/8QAFBABAAAAAAAAAAAAAAAAAAAAAP/aAAgBAQABPxA=",
    "base64",
  );
}
