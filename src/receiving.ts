/**
 * Files that come in, put together: where they are kept, who reads them, who hears them, and the channels that bring them. Nothing of it is
 * loaded before the first file comes or is asked for: an idle program holds none of it.
 */
import { join } from "node:path";
import type { Config } from "./config.ts";
import type { ChannelName } from "./domain/conversation.ts";
import type { FetchFile, IncomingFiles } from "./engine/ports.ts";
import type { SpeechDeps } from "./media/speech/speech.ts";

export type ReceivingDeps = SpeechDeps & {
  readonly config: Config;
  /** Filled as the channels are opened. */
  readonly fetchers: Readonly<Partial<Record<ChannelName, FetchFile>>>;
};

/** Giving it back stops what is being heard. */
export function createReceiving(deps: ReceivingDeps): IncomingFiles & AsyncDisposable {
  const parts = new AsyncDisposableStack();
  let opened: Promise<IncomingFiles> | null = null;

  async function open(): Promise<IncomingFiles> {
    const [{ createFileArea }, { createFileReader }, { createIncoming }, { createTranscriber }] = await Promise.all([
      import("./media/file-area.ts"),
      import("./media/reading.ts"),
      import("./media/incoming.ts"),
      import("./media/speech/speech.ts"),
    ]);
    const { config, fetchers, clock, log } = deps;
    const directory = join(config.home, "files");
    const area = createFileArea({ directory, clock, log });
    const reader = createFileReader({ directory, unpackingDirectory: area.unpackingDirectory, log });
    const transcriber = createTranscriber(config.speech, deps);
    if (transcriber !== null) parts.use(transcriber);
    return createIncoming({ area, reader, fetchers, transcribe: transcriber?.transcribe ?? null, log });
  }

  const files = (): Promise<IncomingFiles> => (opened ??= open());
  return {
    read: async (file, conversation, signal) => (await files()).read(file, conversation, signal),
    list: async (conversation) => (await files()).list(conversation),
    remove: async (conversation, id) => (await files()).remove(conversation, id),
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  };
}
