/**
 * Files of messages, from Telegram's file server into a sink. The address is Telegram's own (T11), and what cannot be had is said in the
 * words of the person who sent it.
 */
import type { FetchFile, FileRefused } from "../engine/ports.ts";
import type { Outcome, TelegramClient } from "./client.ts";

/** Telegram's bot API gives a bot no larger file (its documents: getFile). */
const botFileBytesMax = 20 * 1024 * 1024;

export function createTelegramDownloads(client: Pick<TelegramClient, "openFile">): FetchFile {
  return async (source, bytesMax, sink, signal) => {
    // Ends the connection when the sink has enough, and where no file comes over it.
    const over = new AbortController();
    let received = 0;
    try {
      const opening = await client.openFile(source, AbortSignal.any([signal, over.signal]));
      if (opening.kind !== "done") return refusalOf(opening);
      for await (const bytes of opening.value.bytes) {
        received += bytes.byteLength;
        if (received > Math.min(bytesMax, botFileBytesMax) || (await sink(bytes)) === "enough") {
          return { kind: "refused", why: "The file is larger than can be received.", again: false };
        }
      }
      return { kind: "fetched" };
    } catch {
      // The error may quote the address, which holds the token (T10).
      return { kind: "refused", why: "The connection to Telegram broke while the file was on its way.", again: true };
    } finally {
      over.abort("the file is here, or is not wanted");
    }
  };
}

function refusalOf(outcome: Exclude<Outcome<unknown>, { kind: "done" }>): FileRefused {
  switch (outcome.kind) {
    case "rejected":
      return outcome.why === "file-too-big"
        ? refused(
            "Telegram gives bots no files of more than 20 MB. Send a smaller one, or put it on the machine yourself.",
            false,
          )
        : refused("Telegram does not have the file any more. Send it again.", false);
    case "retry-later":
      return refused("Telegram asks to wait before more files are fetched.", true);
    case "unreachable":
    case "unknown":
      return refused("Telegram could not be reached for the file.", true);
    case "moved":
    case "conflict":
    case "unauthorised":
      return refused("Telegram did not give the file.", true);
    default:
      return outcome satisfies never;
  }
}

function refused(why: string, again: boolean): FileRefused {
  return { kind: "refused", why, again };
}
