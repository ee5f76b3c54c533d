/**
 * A document of 20 MiB, the most that Telegram gives to a bot: from the moment its update can be polled to the prompt at the driver. The
 * real adapter, engine, store (a file) and file area, in this thread; a local Telegram in another. The floor is the download of the same
 * file from the same server with Node's fetch, whose bytes go nowhere: ours are polled, committed, asked for (getFile), written to the
 * disk, looked at, and committed again.
 */
import { once } from "node:events";
import { setTimeout as pause } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { createReceiving } from "../src/receiving.ts";
import type { Config } from "../src/config.ts";
import { telegramConversation } from "../src/domain/conversation.ts";
import type { FetchFile, Log } from "../src/engine/ports.ts";
import { createSystemClock } from "../src/lib/clock.ts";
import { newId } from "../src/lib/ids.ts";
import { createScan } from "../src/lib/process-scan.ts";
import { createTelegram } from "../src/telegram/telegram.ts";
import { noFiles } from "../test/no-files.ts";
import type { SendDocument, SenderReady, Sent } from "./documents-sender.ts";
import { createEmptyDriver, createScratch, freeWorkspaces, openEngineHouse } from "./engine-house.ts";
import { atMost, type Figure, type Section } from "./figure.ts";
import { spreadOf, timed } from "./spread.ts";

const rounds = 40;
const warmUpRounds = 4;
const documentBytes = 20 * 1024 * 1024;
/** A chat takes about one message a second, and each round says two things there; what either way leaves for V8 to collect is its own. */
const betweenMs = 400;

export const documents: Section = {
  name: "document",
  title: "a document of 20 MiB, from its update to the prompt at the driver",
  async measure(say) {
    using scratch = createScratch();
    await using parts = new AsyncDisposableStack();
    const sender = new Worker(new URL("./documents-sender.ts", import.meta.url));
    parts.defer(async () => void (await sender.terminate()));
    const [{ apiRoot, token, owner }] = (await once(sender, "message")) as [SenderReady];
    let onStart: (prompt: string, atMs: number) => void = () => undefined;
    const driver = createEmptyDriver(({ prompt }) => onStart(prompt.text, performance.timeOrigin + performance.now()));
    const fetchers: { telegram?: FetchFile } = {};
    const clock = createSystemClock();
    // What is read of the settings for files: where they are kept, and that nobody hears.
    const config = { home: scratch.path, speech: null } as unknown as Config;
    const incoming = parts.use(
      createReceiving({ config, fetchers, scan: createScan(), newId, environment: {}, clock, log }),
    );
    const house = parts.use(
      await openEngineHouse({
        path: `${scratch.path}/signalbox.db`,
        driver,
        runsMax: 4,
        workspaces: freeWorkspaces,
        workspaceOf: () => scratch.path,
        incoming,
      }),
    );
    const { engine, store } = house;
    const telegram = parts.use(
      createTelegram({
        token,
        apiRoot,
        owners: new Set([owner]),
        engine,
        outbox: store.outbox,
        history: store.history,
        files: noFiles,
        clock,
        random: Math.random,
        log,
        onFatal: (reason) => log.error({ reason }, "Telegram is lost"),
      }),
    );
    fetchers.telegram = telegram.fetchFile;
    await telegram.start(new AbortController().signal);

    async function toPromptMs(document: SendDocument): Promise<{ readonly ms: number; readonly fileId: string }> {
      const started = new Promise<{ prompt: string; atMs: number }>((resolve) => {
        onStart = (prompt, atMs) => resolve({ prompt, atMs });
      });
      const sent = once(sender, "message") as Promise<[Sent]>;
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker has no origin
      sender.postMessage(document);
      const [{ fileId, atMs }] = await sent;
      const { prompt, atMs: promptAtMs } = await started;
      if (!prompt.includes("read this") || !prompt.includes("/files/")) throw new Error(`no file came: ${prompt}`);
      await incoming.remove(telegramConversation(owner, null), "all");
      return { ms: promptAtMs - atMs, fileId };
    }

    /** What getFile takes, and then the bytes. */
    async function bareMs(fileId: string): Promise<{ readonly askedMs: number; readonly bytesMs: number }> {
      const { ms: askedMs, value: path } = await timed(async () => {
        const answer = await fetch(`${apiRoot}/bot${token}/getFile?file_id=${fileId}`);
        const { result } = (await answer.json()) as { readonly result: { readonly file_path: string } };
        return result.file_path;
      });
      const { ms: bytesMs, value: bytes } = await timed(async () => {
        const answer = await fetch(`${apiRoot}/file/bot${token}/${path}`);
        let received = 0;
        for await (const chunk of answer.body ?? []) received += (chunk as Uint8Array).byteLength;
        return received;
      });
      if (bytes !== documentBytes) throw new Error(`the bare download brought ${bytes} bytes`);
      return { askedMs, bytesMs };
    }

    const figures: Figure[] = [];
    for (const fill of ["noise", "text"] as const) {
      const ours: number[] = [];
      const bare: number[] = [];
      const bareAsked: number[] = [];
      for (let round = -warmUpRounds; round < rounds; round += 1) {
        say(`document: ${fill}, round ${round + 1} of ${rounds}`);
        const { ms, fileId } = await toPromptMs({ fill, bytes: documentBytes });
        await pause(betweenMs);
        const { askedMs, bytesMs } = await bareMs(fileId);
        await pause(betweenMs);
        if (round < 0) continue; // the code was cold
        ours.push(ms);
        bare.push(bytesMs);
        bareAsked.push(askedMs + bytesMs);
      }
      figures.push({
        name: fill === "text" ? "text: its beginning is read" : "bytes that are no text: the prompt has its path",
        unit: "ms",
        spread: spreadOf(ours),
        beside: [
          { name: "the bare download with Node's fetch, its path known", spread: spreadOf(bare) },
          { name: "the same with the question for its path", spread: spreadOf(bareAsked) },
        ],
        targets: [atMost("ratio", 1.5)],
      });
    }
    return figures;
  },
};

const log: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: (fields, message) => console.error(message, fields),
};
