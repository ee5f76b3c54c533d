/**
 * Files that agents sent, for the signed-in browser to save.
 *
 * 1. Nothing of a request becomes a path: it names a file that a message of the conversation carries, and `Files` knows where
 *    the copy is.
 * 2. A file is saved, never shown: whatever is in it, it runs nothing here.
 */
import { constants, createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import { Readable } from "node:stream";

import type { ConversationId } from "../domain/conversation.ts";
import type { History, OutgoingFile } from "../engine/ports.ts";
import { entriesShownMax } from "./entries.ts";

/** Null when no message that the page shows of this conversation carries such a file. */
export async function findSent(
  history: Pick<History, "messages">,
  conversation: ConversationId,
  id: string,
): Promise<OutgoingFile | null> {
  const rows = await history.messages(conversation, entriesShownMax);
  return rows.flatMap(({ body }) => (body.kind === "file" ? [body.file] : [])).find((file) => file.id === id) ?? null;
}

/** Null when it cannot be opened. `content` is to be read or cancelled. Resolves, never rejects. */
export async function openFile(
  path: string,
): Promise<{ readonly bytes: number; readonly content: ReadableStream<Uint8Array> } | null> {
  try {
    const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
    const { size } = await handle.stat();
    // The stream closes the handle at its end, and when the browser goes away.
    const content = createReadStream(path, { fd: handle, ...(size > 0 ? { end: size - 1 } : {}) });
    return { bytes: size, content: Readable.toWeb(content) as ReadableStream<Uint8Array> };
  } catch {
    return null; // gone since it was found; the person is told
  }
}

/** RFC 6266: the plain name for old readers, the exact one for all others. */
export function attachment(name: string): string {
  const plain = name.replace(/[^\x20-\x7E]|["\\%]/g, "_");
  const exact = encodeURIComponent(name.toWellFormed()).replace(
    /['()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16)}`,
  );
  return `attachment; filename="${plain}"; filename*=UTF-8''${exact}`;
}
