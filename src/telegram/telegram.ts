/**
 * Telegram as a channel: updates in through one poll loop, messages out through one outbox. Nothing outside this folder knows
 * of Telegram's types.
 *
 * 1. Nothing is polled or sent before Telegram has accepted the token.
 * 2. Input ends before output: when the program ends, polling stops at once, and what is due is still sent.
 */
import { commandList } from "../domain/notice.ts";
import type { ConversationId } from "../domain/conversation.ts";
import type { Clock, Engine, FetchFile, Files, History, Log, OutboxQueue } from "../engine/ports.ts";
import { createBackoff } from "./backoff.ts";
import { type BotIdentity, createTelegramClient } from "./client.ts";
import { countRequests, createTelegramCounts, type TelegramFigures } from "./counts.ts";
import { createTelegramOutbox } from "./outbox.ts";
import { createTelegramDownloads } from "./downloads.ts";
import { poll, type PollHealth } from "./poll.ts";
import { createPressAnswers } from "./press-answers.ts";
import type { RenderMarkdown } from "./render.ts";
import { createStrangers } from "./strangers.ts";

export type TelegramDeps = {
  readonly token: string;
  /** "https://api.telegram.org", or a server of one's own. */
  readonly apiRoot: string;
  /** Who may always use the bot: numeric ids. */
  readonly owners: ReadonlySet<number>;
  readonly engine: Pick<Engine, "accept" | "access" | "knock" | "snapshot" | "snapshots" | "watch">;
  readonly outbox: OutboxQueue;
  readonly history: Pick<History, "waiting" | "settings">;
  readonly files: Pick<Files, "find">;
  readonly clock: Clock;
  /** In 0..1, for spreading retries. */
  readonly random: () => number;
  readonly log: Log;
  /** Once, when Telegram can not be used any more in this life. Must return at once. */
  readonly onFatal: (reason: TelegramFatal) => void;
};

/**
 * `conflict`: another program polls this bot; messages are still sent. `unauthorised`: the token was revoked. `fault`: a
 * mistake in this program ended a loop; it is in the log, and only a restart brings the loop back.
 */
export type TelegramFatal = "conflict" | "unauthorised" | "fault";

export type TelegramStart =
  | { readonly kind: "started"; readonly username: string }
  | { readonly kind: "unauthorised" }
  /** The signal fired, or it was disposed, before Telegram answered. */
  | { readonly kind: "stopped" };

export type TelegramHealth = "starting" | PollHealth | TelegramFatal | "stopped";

export interface Telegram extends AsyncDisposable {
  /**
   * Checks the token, then polls and sends in the background. Resolves when Telegram answered; while it can not be reached it
   * keeps trying, so nothing else should wait for this. When `signal` fires, polling stops; sending goes on until the
   * disposal. To be called once. Never rejects.
   */
  start(signal: AbortSignal): Promise<TelegramStart>;
  health(): TelegramHealth;
  /** From its beginning. */
  figures(): TelegramFigures;
  /** Downloads a file of a message. */
  readonly fetchFile: FetchFile;
  /** Stops polling, sends what is due for a few seconds at most, and waits for everything in flight. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** The first contact is tried soon again: someone is probably watching the terminal. */
const startBackoff = { firstMs: 1_000, maxMs: 30_000 };

export function createTelegram(deps: TelegramDeps): Telegram {
  const { engine, clock, random, log } = deps;
  const counts = createTelegramCounts();
  const client = countRequests(createTelegramClient(deps), counts);
  // The Markdown parser is a good part of a start: it is loaded when the first poll is on its way, or by the first message.
  const markdown = (): Promise<RenderMarkdown> => import("./markdown.ts").then(({ renderMarkdown }) => renderMarkdown);
  const { files } = deps;
  /** Shown beside a run: not worth failing for. */
  const waiting = async (conversation: ConversationId): Promise<number> => {
    const items = await deps.history.waiting(conversation, "queued").catch(() => []);
    return items.length;
  };
  const reacts = async (conversation: ConversationId): Promise<boolean> => {
    const settings = await deps.history.settings(conversation).catch(() => null);
    return settings?.reactions !== "off";
  };
  const sending = { client, engine, outbox: deps.outbox, files, markdown, waiting, reacts, clock, random, log };
  const outbox = createTelegramOutbox(sending);
  const tell = (user: number, text: string): void => outbox.mention(user, text);
  const strangers = createStrangers({ engine, tell, clock, log });
  const input = new AbortController();
  const output = new AbortController();
  const tasks: Promise<void>[] = [];
  let health: TelegramHealth = "starting";

  async function start(signal: AbortSignal): Promise<TelegramStart> {
    const stop = (): void => input.abort();
    if (signal.aborted) stop();
    signal.addEventListener("abort", stop, { once: true });
    const me = await identify();
    if (me.kind !== "known") {
      health = me.kind;
      return me;
    }
    health = "polling";
    log.info({ username: me.identity.username }, "connected to Telegram");
    own(receive(me.identity));
    own(deliver());
    // Loading keeps the program busy; the answer to a request made after the first poll says that the poll was sent.
    own(announceCommands().then(async () => void (await markdown())));
    return { kind: "started", username: me.identity.username };
  }

  async function identify(): Promise<
    { readonly kind: "known"; readonly identity: BotIdentity } | { readonly kind: "unauthorised" | "stopped" }
  > {
    const backoff = createBackoff(startBackoff, random);
    while (!input.signal.aborted) {
      const outcome = await client.getMe(input.signal);
      if (outcome.kind === "done") return { kind: "known", identity: outcome.value };
      if (outcome.kind === "unauthorised") return { kind: "unauthorised" };
      if (input.signal.aborted) break;
      const pauseMs = outcome.kind === "retry-later" ? outcome.afterMs : backoff.next();
      log.warn({ outcome, pauseMs }, "Telegram could not be reached; trying again");
      // Pacing: the next attempt at a first contact.
      await clock.sleep(pauseMs, input.signal);
    }
    return { kind: "stopped" };
  }

  async function receive(me: BotIdentity): Promise<void> {
    const presses = createPressAnswers({ client, log, signal: output.signal });
    const end = await poll(
      {
        client,
        engine,
        me,
        owners: deps.owners,
        presses,
        onStranger: (stranger) => strangers.wrote(stranger),
        onChat: (chat) => outbox.reopen(chat),
        onHealth: (now) => (health = now),
        counts,
        clock,
        random,
        log,
      },
      input.signal,
    );
    if (end === "stopped") health = "stopped";
    else fail(end);
    await presses.settled();
    await strangers.settled();
  }

  async function deliver(): Promise<void> {
    if ((await outbox.run(output.signal)) === "unauthorised") fail("unauthorised");
  }

  /** The loops do not reject; should one do so all the same, somebody has to hear of it before the program ends. */
  function own(task: Promise<void>): void {
    const seen = task.catch((error: unknown) => {
      log.error({ error }, "a part of the Telegram channel broke");
      fail("fault");
    });
    tasks.push(seen);
  }

  function fail(reason: TelegramFatal): void {
    if (health === reason || health === "unauthorised") return; // both directions meet the same refusal
    health = reason;
    if (reason === "unauthorised") input.abort();
    deps.onFatal(reason);
  }

  /** The command menu. Best effort: without it the commands work all the same. */
  async function announceCommands(): Promise<void> {
    for (const scope of ["private", "group"] as const) {
      const outcome = await client.setCommands(commandList, scope, output.signal);
      if (outcome.kind !== "done") log.warn({ outcome, scope }, "the command menu could not be set");
    }
  }

  return {
    start,
    health: () => health,
    figures: () => counts.read(),
    fetchFile: createTelegramDownloads(client),
    async [Symbol.asyncDispose]() {
      input.abort();
      output.abort();
      await Promise.all(tasks);
    },
  };
}
