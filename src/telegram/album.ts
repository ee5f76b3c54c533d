/**
 * Files of one run that leave together, as one album: what a person gets at once is looked at at once.
 *
 * 1. Each file stays a row of its own and ends with the id of its own message; they keep their order, and nothing else of the
 *    conversation is passed.
 * 2. An album that Telegram refuses is sent file by file: only one of them may be what it does not take.
 * 3. What arrived of an album is known of all its files or of none (I6): what may have been sent before goes file by file, each marked as
 *    a possible repetition. The captions of an album are hardly seen when there are several, and the mark has to be.
 */
import type { Clock, Files, Log, OutboxId, OutboxQueue, OutboxRow, Outgoing } from "../engine/ports.ts";
import type { Chats, Delivered } from "./chats.ts";
import type { Address, FileMessage, TelegramClient } from "./client.ts";
import type { Ledger } from "./ledger.ts";
import { storedFile } from "./message-parts.ts";
import type { ChatPace } from "./pacing.ts";

export type AlbumDeps = {
  readonly client: Pick<TelegramClient, "sendAlbum">;
  readonly outbox: Pick<OutboxQueue, "behind" | "begin">;
  readonly files: Pick<Files, "find">;
  readonly clock: Clock;
  readonly log: Log;
};

type Member = { readonly row: OutboxRow; readonly file: FileMessage; readonly bytes: number };

export interface Albums {
  /**
   * Sends the row together with the files behind it that may go with it. Null when there are none, and nothing was done. Rejects only
   * when the database refuses to begin the rows; nothing was sent then.
   */
  deliver(row: OutboxRow, address: Address, pace: ChatPace, pauseMs: number): Promise<Delivered | null>;
}

/** Telegram's most. */
const albumFilesMax = 10;
/** About what one file may have (50 MB): how much more its public server takes of one request is not documented. */
const albumBytesMax = 49_000_000;
/** More refused files than this do not wait at once; the oldest are forgotten and at worst refused once more. */
const lonersMax = 100;

/** `signal` ends waiting inside a delivery: the program is about to be gone. */
export function createAlbums(deps: AlbumDeps, chats: Chats, ledger: Ledger, signal: AbortSignal): Albums {
  const { client, outbox, clock, log } = deps;
  /** Files of an album that was refused. */
  const loners = new Set<OutboxId>();

  async function deliver(row: OutboxRow, address: Address, pace: ChatPace, pauseMs: number): Promise<Delivered | null> {
    const found = await gather(row);
    if (found.length < 2) return null;
    const members = found.slice(0, 1 + (await pace.takeMore(found.length - 1, signal)));
    if (members.length < 2) return null;
    const begun = await begin(members);
    if (begun.length < 2) return again(begun, 0, "refused");
    return send(begun, address, pauseMs);
  }

  /** The row and what goes with it, in their order. */
  async function gather(row: OutboxRow): Promise<readonly Member[]> {
    const first = await memberOf(row);
    if (first === null) return [];
    const members = [first];
    let bytes = first.bytes;
    for (const behind of await outbox.behind(row, albumFilesMax - 1)) {
      const next = behind.run === row.run && behind.notBeforeMs <= clock.now() ? await memberOf(behind) : null;
      if (next === null || !mayMix(next.file, first.file) || bytes + next.bytes > albumBytesMax) break;
      bytes += next.bytes;
      members.push(next);
    }
    return members;
  }

  /** Null for what goes by itself: see 2 and 3, and a file whose copy is gone. */
  async function memberOf(row: OutboxRow): Promise<Member | null> {
    if (!isFile(row.body) || row.uncertain || loners.has(row.id)) return null;
    const copy = await deps.files.find(row.body.file.id);
    return copy === null ? null : { row, file: storedFile(row.body, copy), bytes: row.body.file.bytes };
  }

  async function begin(members: readonly Member[]): Promise<readonly Member[]> {
    const attempts = await Promise.allSettled(members.map(({ row }) => outbox.begin(row.id)));
    const begun = members.filter((_, index) => {
      const attempt = attempts[index];
      return attempt?.status === "fulfilled" && attempt.value;
    });
    const refused = attempts.find((attempt) => attempt.status === "rejected");
    if (refused === undefined) return begun;
    await again(begun, 0, "refused"); // all or nothing
    throw refused.reason;
  }

  async function send(members: readonly Member[], address: Address, pauseMs: number): Promise<Delivered> {
    const files = members.map(({ file }) => file);
    const outcome = await client.sendAlbum(address, files, signal);
    switch (outcome.kind) {
      case "done":
        await Promise.all(members.map(({ row }, index) => ledger.sent(row, String(outcome.value[index]))));
        return { kind: "free" };
      case "retry-later":
        return again(members, outcome.afterMs, "refused");
      case "unreachable":
      case "conflict":
        return again(members, pauseMs, "refused");
      case "unknown":
        return again(members, pauseMs, "unknown");
      case "moved":
        if (chats.moved(address.chat, outcome.chat)) return again(members, 0, "refused");
        return part(members);
      case "rejected":
        log.warn({ rows: members.map(({ row }) => row.id), outcome }, "an album was refused; its files go one by one");
        return part(members);
      case "unauthorised":
        await again(members, 0, "refused");
        return { kind: "unauthorised" };
      default:
        return outcome satisfies never;
    }
  }

  function part(members: readonly Member[]): Promise<Delivered> {
    for (const { row } of members) loners.add(row.id);
    for (const id of loners) {
      if (loners.size <= lonersMax) break;
      loners.delete(id);
    }
    return again(members, 0, "refused");
  }

  async function again(members: readonly Member[], waitMs: number, outcome: "refused" | "unknown"): Promise<Delivered> {
    const put = await Promise.all(members.map(({ row }) => ledger.again(row, waitMs, outcome)));
    return put[0] ?? { kind: "free" };
  }

  return { deliver };
}

function isFile(body: Outgoing): body is Outgoing & { kind: "file" } {
  return body.kind === "file";
}

/** Telegram mixes photos and videos; documents stay among themselves. */
function mayMix(a: FileMessage, b: FileMessage): boolean {
  return (a.shownAs === "document") === (b.shownAs === "document");
}
