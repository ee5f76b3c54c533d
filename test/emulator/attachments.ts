// What people attach: files from wherever a test has them, and what is no file at all (a place, a contact, a poll, a die).

import { readFileSync } from "node:fs";
import { basename } from "node:path";
import type { Contact, Location, Message, Venue } from "grammy/types";
import type { NewFile } from "./files.ts";
import { mediaShapes, type MediaDetails, type MediaKind } from "./media.ts";

/** Exactly one of `bytes`, `base64`, `path` and `filler`; nothing at all is an empty file. */
export interface FileSource extends MediaDetails {
  readonly bytes?: Uint8Array;
  readonly base64?: string;
  /** A file of this machine; it also names the file unless `name` does. */
  readonly path?: string;
  /** So many bytes that nobody looks at. */
  readonly filler?: number;
  /** Any string: Telegram passes on what the sender's phone says. */
  readonly name?: string;
  readonly mimeType?: string;
  /** The size Telegram tells the bot, when it is not that of the content; `"untold"`: it tells none. */
  readonly size?: number | "untold";
  /** What getFile answers as `file_path`, when it is not Telegram's own kind of path. */
  readonly filePath?: string;
}

/** Exactly one of them. `other` are the content fields of a message as Telegram writes them: a story, a game, a checklist. */
export interface Share {
  readonly location?: Location;
  readonly venue?: Venue;
  readonly contact?: Contact;
  readonly poll?: { readonly question: string; readonly options: readonly string[] };
  readonly dice?: { readonly emoji?: string; readonly value?: number };
  readonly other?: Partial<Message>;
}

/** Throws when the file cannot be read. */
export function fileOf(kind: MediaKind, source: FileSource): NewFile {
  const shape = mediaShapes[kind];
  const ownName = source.path === undefined ? shape.name : basename(source.path);
  return {
    folder: shape.folder,
    name: source.name ?? ownName,
    mimeType: source.mimeType ?? shape.mimeType,
    bytes: bytesOf(source),
    ...(source.size === undefined ? {} : { size: source.size }),
    ...(source.filePath === undefined ? {} : { filePath: source.filePath }),
  };
}

function bytesOf({ bytes, base64, path, filler }: FileSource): Uint8Array {
  if (bytes !== undefined) return bytes;
  if (base64 !== undefined) return Buffer.from(base64, "base64");
  if (path !== undefined) return readFileSync(path);
  return Buffer.alloc(filler ?? 0, ".");
}

export function shareFields(share: Share, serial: number): Partial<Message> {
  const { location, venue, contact, poll, dice, other } = share;
  if (location !== undefined) return { location };
  if (venue !== undefined) return { venue, location: venue.location };
  if (contact !== undefined) return { contact };
  if (poll !== undefined) return { poll: pollOf(poll, serial) };
  if (dice !== undefined) return { dice: { emoji: dice.emoji ?? "🎲", value: dice.value ?? 4 } };
  if (other !== undefined) return other;
  throw new Error("nothing to share: location, venue, contact, poll, dice or other");
}

function pollOf({ question, options }: NonNullable<Share["poll"]>, serial: number): NonNullable<Message["poll"]> {
  return {
    id: `54${serial}`,
    question,
    options: options.map((text, index) => ({ persistent_id: `${serial}.${index}`, text, voter_count: 0 })),
    total_voter_count: 0,
    is_closed: false,
    is_anonymous: true,
    type: "regular",
    allows_multiple_answers: false,
    allows_revoting: false,
    members_only: false,
  };
}
