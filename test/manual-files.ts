/** Files that come in when the test says so: each fetch waits until it is answered, or until its life ends. */
import type { Attachment, SentFile } from "../src/domain/attachment.ts";
import type { Request } from "../src/domain/inbox-item.ts";
import type { FetchedFile, IncomingFiles } from "../src/engine/ports.ts";

export type Fetch = {
  readonly file: SentFile;
  readonly isOver: boolean;
  /** The bytes arrived and were read: as what the file's kind says, or as speech with these words. */
  arrive(words?: string): void;
  fail(how: "for-now" | "for-good", why?: string): void;
};

export type ManualFiles = IncomingFiles & {
  /** All that was asked for, in order. */
  readonly fetches: readonly Fetch[];
  /** The newest fetch of this source; throws when there is none. */
  fetch(source: string): Fetch;
};

export function createManualFiles(): ManualFiles {
  const fetches: Fetch[] = [];
  return {
    fetches,
    fetch(source) {
      const found = fetches.findLast(({ file }) => file.source === source);
      if (found === undefined) throw new Error(`${source} was not asked for`);
      return found;
    },
    read(file, _conversation, signal) {
      const end = Promise.withResolvers<FetchedFile>();
      let isOver = false;
      const settle = (fetched: FetchedFile): void => {
        isOver = true;
        end.resolve(fetched);
      };
      const fail: Fetch["fail"] = (how, why = "The network is down.") =>
        settle({ kind: "refused", why, again: how === "for-now" });
      signal.addEventListener("abort", () => fail("for-now"), { once: true });
      fetches.push({
        file,
        get isOver() {
          return isOver;
        },
        arrive: (words) => settle({ kind: "read", attachment: attachmentOf(file, words) }),
        fail,
      });
      return end.promise;
    },
    list: () => Promise.resolve([]),
    remove: () => Promise.resolve(0),
  };
}

/** A message with files by these names, as a channel brings it. */
export function promptWithFiles(
  sources: readonly string[],
  { text = "", kind = "photo", placement = "queue" }: WithFiles = {},
): Request & { kind: "prompt" } {
  const files = sources.map((source) => ({ state: "sent" as const, file: sentFile(source, kind) }));
  return { kind: "prompt", placement, prompt: { text, files } };
}

type WithFiles = {
  readonly text?: string;
  readonly kind?: SentFile["kind"];
  readonly placement?: "queue" | "interrupt";
};

/** A file as a channel names it. `source` is its name too. */
function sentFile(source: string, kind: SentFile["kind"] = "photo", message = source): SentFile {
  return { kind, source, message, name: source, mediaType: null, bytes: 1, seconds: null };
}

function attachmentOf(file: SentFile, words: string | undefined): Attachment {
  const content =
    words !== undefined
      ? ({ kind: "speech", text: words } as const)
      : file.kind === "photo"
        ? ({ kind: "image" } as const)
        : ({ kind: "opaque", about: "a file" } as const);
  return { kind: file.kind, name: file.source, path: `/f/${file.source}`, mediaType: "image/png", bytes: 1, content };
}
