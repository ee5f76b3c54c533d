/**
 * One row of the outbox, from its claim to what became of it.
 *
 * 1. begin, send, then the outcome: a crash in between leaves the row `sending`, which means unknown (I6).
 * 2. After an unknown outcome there is one more attempt, marked as a possible repetition, and only when Telegram answers at all.
 *    Edits may be repeated freely: the same edit twice is one.
 * 3. Formatting that Telegram refuses costs the formatting, not the message.
 * 4. A chat that forbids us gets nothing more until it speaks again; its rows end as undeliverable, without requests.
 */
import { buttonLabel, type Button } from "../domain/button.ts";
import { telegramAddress } from "../domain/conversation.ts";
import { describeNotice } from "../domain/notice.ts";
import type { RunId } from "../domain/run.ts";
import type { Clock, Engine, Log, OutboxId, OutboxQueue, OutboxRow, Outgoing, RunSnapshot } from "../engine/ports.ts";
import { createBackoff } from "./backoff.ts";
import type { Address, FileMessage, Keyboard, Outcome, TelegramClient, TextMessage } from "./client.ts";
import { concat, type FormattedText, head, plain, repetitionMark, split } from "./formatted-text.ts";
import type { ChatPace } from "./pacing.ts";
import { renderStatus, renderSummary, type RenderMarkdown } from "./render.ts";
import { readable } from "./visible.ts";

export type DeliveryDeps = {
  readonly client: TelegramClient;
  readonly engine: Pick<Engine, "snapshot">;
  readonly outbox: OutboxQueue;
  /** Loaded when the first text needs it: the parser is a good part of the program's start. */
  readonly markdown: () => Promise<RenderMarkdown>;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
};

/** What the chat's next request has to know. */
export type Delivered =
  | { readonly kind: "free" }
  | { readonly kind: "held"; readonly untilMs: number }
  | { readonly kind: "unauthorised" };

/** The status message of a live run, as it is shown. */
export type LiveStatus = {
  readonly run: RunId;
  readonly address: Address;
  readonly message: number;
  readonly keyboard: Keyboard;
  shown: RunSnapshot;
  shownText: string;
  notBeforeMs: number;
};

export interface Delivery {
  /** Rejects only when the database refuses to begin; nothing was sent then. */
  deliver(row: OutboxRow, pace: ChatPace): Promise<Delivered>;
  /** Draws the newest snapshot of a live run. Never rejects for Telegram's sake. */
  edit(status: LiveStatus, pace: ChatPace): Promise<Delivered>;
  /** Sends a text that is kept nowhere; whatever comes of it. */
  sendOnce(to: Address, text: string, pace: ChatPace): Promise<Delivered>;
  /** Where a row goes: a group that became a supergroup has another chat than its conversation says. */
  addressOf(row: OutboxRow): Address | null;
  readonly live: ReadonlyMap<RunId, LiveStatus>;
  forget(run: RunId): void;
  isClosed(chat: number): boolean;
  reopen(chat: number): void;
}

type Part =
  | { readonly kind: "text"; readonly message: TextMessage }
  | { readonly kind: "file"; readonly file: FileMessage };

/** More messages than this in a row bury the chat: the whole goes as a file then, with its beginning. */
const answerPartsMax = 4;
/** Longer Markdown is not even drawn to be counted: four parts of it would have to be half markup. In UTF-16 units. */
const answerCharsMax = 30_000;
/** The beginning that goes with a file: a caption has at most 1,024 units. */
const captionCharsMax = 900;
/** Pauses between attempts that Telegram never saw: they go on until it is back. */
const retryBackoff = { firstMs: 1_000, maxMs: 30_000 };
/** An edit that fails this often without an answer is given up; it only decorates a run that is over. */
const summaryAttemptsMax = 8;
/** After a failed edit the next one shows everything anyway. */
const editFailedPauseMs = 5_000;
/** Someone who blocked the bot and unblocks it without a word is noticed after this. */
const closedMs = 60 * 60 * 1000;
/** The database is on this machine: what ails it is either over at once or needs a person. */
const storeBackoff = { firstMs: 200, maxMs: 10_000 };

/** `signal` ends waiting inside a delivery: the program is about to be gone. */
export function createDelivery(deps: DeliveryDeps, signal: AbortSignal): Delivery {
  const { client, engine, outbox, clock, log } = deps;
  const live = new Map<RunId, LiveStatus>();
  const closed = new Map<number, number>();
  const moved = new Map<number, number>();
  /** Parts of a row that were delivered in this life, so that a later part's failure does not repeat them. */
  const progress = new Map<OutboxId, { readonly parts: number; readonly message: number }>();

  async function deliver(row: OutboxRow, pace: ChatPace): Promise<Delivered> {
    const address = addressOf(row);
    if (address === null || isClosed(address.chat)) return end(row, "undeliverable");
    return row.body.kind === "summary"
      ? deliverSummary(row, row.body, address, pace)
      : deliverParts(row, row.body, address, pace);
  }

  // ---------------------------------------------------------------- messages

  async function deliverParts(
    row: OutboxRow,
    body: Exclude<Outgoing, { kind: "summary" }>,
    address: Address,
    pace: ChatPace,
  ): Promise<Delivered> {
    if (row.uncertain && !(await answers())) return held(pauseMs(row));
    const renderMarkdown = await deps.markdown();
    if (!(await pace.take(signal))) return { kind: "free" };
    // Drawn after the wait: a status shows the newest there is (I12).
    const snapshot = body.kind === "status" ? engine.snapshot(body.run) : null;
    if (body.kind === "status" && snapshot === null) return end(row, "superseded");
    const parts = compose(body, snapshot, renderMarkdown);
    if (!(await outbox.begin(row.id))) return { kind: "free" };
    const result = await sendParts(row, parts, address, pace);
    if (result.kind !== "sent") return result;
    await persist(() => outbox.sent(row.id, String(result.message)));
    progress.delete(row.id);
    if (body.kind === "status" && snapshot !== null) showLive(body, address, result.message, snapshot, pace);
    return { kind: "free" };
  }

  function compose(
    body: Exclude<Outgoing, { kind: "summary" }>,
    snapshot: RunSnapshot | null,
    renderMarkdown: RenderMarkdown,
  ): Part[] {
    switch (body.kind) {
      case "status": {
        const text = snapshot === null ? plain("") : renderStatus(snapshot, clock.now(), renderMarkdown);
        return [{ kind: "text", message: { text, keyboard: keyboardOf([[body.stop]]), replyTo: null } }];
      }
      case "answer":
        return answerParts(body.text, renderMarkdown);
      case "notice":
        return noticeParts(body);
      default:
        return body satisfies never;
    }
  }

  /** Sends what was not sent yet. Every way out but `sent` has written what became of the row. */
  async function sendParts(
    row: OutboxRow,
    parts: Part[],
    address: Address,
    pace: ChatPace,
  ): Promise<Delivered | { readonly kind: "sent"; readonly message: number }> {
    let { parts: done, message } = progress.get(row.id) ?? { parts: 0, message: 0 };
    let to = address;
    let isRepetition = row.uncertain; // of the first part that this attempt sends
    while (done < parts.length) {
      const part = parts[done];
      if (part === undefined) break;
      const outcome = await send(to, isRepetition ? marked(part) : part);
      switch (outcome.kind) {
        case "done":
          message = done === 0 ? outcome.value : message;
          done += 1;
          isRepetition = false;
          progress.set(row.id, { parts: done, message });
          if (done < parts.length && !(await pace.take(signal))) return again(row, 0, "unknown");
          break;
        case "retry-later":
        case "unreachable":
        case "conflict": {
          const waitMs = outcome.kind === "retry-later" ? outcome.afterMs : pauseMs(row);
          if (done === 0) {
            const held = await again(row, waitMs, "refused");
            return outcome.kind === "retry-later" ? held : mayPass(row, held);
          }
          // The first parts are out: the row stays `sending`, so that a crash does not repeat them unmarked.
          await clock.sleep(waitMs, signal);
          if (signal.aborted) return again(row, 0, "unknown");
          break;
        }
        case "unknown":
          if (!isRepetition) return mayPass(row, await again(row, pauseMs(row), "unknown"));
          log.error({ row: row.id, outcome }, "it is unknown twice whether a message arrived; given up");
          return end(row, "undeliverable");
        case "rejected": {
          const bare = withoutFormatting(part);
          if (bare !== null && (outcome.why === "formatting" || outcome.why === "other")) {
            log.warn({ row: row.id, outcome }, "the formatting of a message was refused; sent without it");
            parts[done] = bare;
            break;
          }
          return rejected(row, to.chat, outcome);
        }
        case "moved":
          if (moved.get(address.chat) === outcome.chat) return rejected(row, to.chat, { code: 400, why: "chat-gone" });
          moved.set(address.chat, outcome.chat);
          to = { ...address, chat: outcome.chat };
          break;
        case "unauthorised":
          await persist(() => outbox.again(row.id, clock.now(), done === 0 ? "refused" : "unknown"));
          return { kind: "unauthorised" };
        default:
          outcome satisfies never;
      }
    }
    return { kind: "sent", message };
  }

  function send(to: Address, part: Part): Promise<Outcome<number>> {
    switch (part.kind) {
      case "text":
        return client.sendText(to, part.message, signal);
      case "file":
        return client.sendFile(to, part.file, signal);
      default:
        return part satisfies never;
    }
  }

  /** Whether Telegram answers at all: the one more attempt is not spent on a dead line. */
  async function answers(): Promise<boolean> {
    return (await client.getMe(signal)).kind === "done";
  }

  // ---------------------------------------------------------------- status and summary

  function showLive(
    body: Outgoing & { kind: "status" },
    address: Address,
    message: number,
    snapshot: RunSnapshot,
    pace: ChatPace,
  ): void {
    live.set(body.run, {
      run: body.run,
      address: addressNow(address),
      message,
      keyboard: keyboardOf([[body.stop]]),
      shown: snapshot,
      shownText: "",
      notBeforeMs: clock.now() + pace.editEveryMs,
    });
  }

  async function edit(status: LiveStatus, pace: ChatPace): Promise<Delivered> {
    const renderMarkdown = await deps.markdown();
    const snapshot = engine.snapshot(status.run);
    if (snapshot === null) return { kind: "free" };
    const text = renderStatus(snapshot, clock.now(), renderMarkdown);
    // I8: from the look at the live run to the request nothing is awaited.
    const outcome: Outcome<null> =
      text.text === status.shownText
        ? { kind: "done", value: null }
        : await client.editText(status.address, status.message, text, status.keyboard, signal);
    status.notBeforeMs = clock.now() + (outcome.kind === "done" ? pace.editEveryMs : editFailedPauseMs);
    switch (outcome.kind) {
      case "done":
        status.shown = snapshot;
        status.shownText = text.text;
        return { kind: "free" };
      case "retry-later":
        return held(outcome.afterMs);
      case "rejected":
        log.info({ outcome }, "a status message can not be edited any more");
        live.delete(status.run);
        if (outcome.why === "forbidden") close(status.address.chat);
        return { kind: "free" };
      case "moved":
        moved.set(status.address.chat, outcome.chat);
        live.delete(status.run); // messages of the old group cannot be edited from the new one
        return { kind: "free" };
      case "unauthorised":
        return { kind: "unauthorised" };
      case "unreachable":
      case "unknown":
      case "conflict":
        return { kind: "free" };
      default:
        return outcome satisfies never;
    }
  }

  async function deliverSummary(
    row: OutboxRow,
    body: Outgoing & { kind: "summary" },
    address: Address,
    pace: ChatPace,
  ): Promise<Delivered> {
    live.delete(body.summary.run); // I8: from here on nothing but this is drawn of the run
    const status = await outbox.statusOf(body.summary.run);
    if (status === null || status.message === null) return end(row, "superseded");
    if (!(await pace.take(signal))) return { kind: "free" };
    if (!(await outbox.begin(row.id))) return { kind: "free" };
    const outcome = await client.editText(address, Number(status.message), renderSummary(body.summary), [], signal);
    switch (outcome.kind) {
      case "done":
        await persist(() => outbox.sent(row.id, status.message));
        return { kind: "free" };
      case "retry-later":
        return again(row, outcome.afterMs, "refused");
      case "unreachable":
      case "conflict":
        return again(row, pauseMs(row), "refused");
      case "unknown":
        return row.attempts < summaryAttemptsMax ? again(row, pauseMs(row), "unknown") : end(row, "undeliverable");
      case "rejected":
        if (outcome.why === "forbidden") return rejected(row, address.chat, outcome);
        return end(row, "superseded"); // the message was deleted: there is nothing to sum up
      case "moved":
        moved.set(address.chat, outcome.chat);
        return end(row, "superseded");
      case "unauthorised":
        await persist(() => outbox.again(row.id, clock.now(), "refused"));
        return { kind: "unauthorised" };
      default:
        return outcome satisfies never;
    }
  }

  async function sendOnce(to: Address, text: string, pace: ChatPace): Promise<Delivered> {
    if (!(await pace.take(signal))) return { kind: "free" };
    const outcome = await client.sendText(to, { text: plain(text), keyboard: [], replyTo: null }, signal);
    return outcome.kind === "retry-later" ? held(outcome.afterMs) : { kind: "free" };
  }

  // ---------------------------------------------------------------- what became of a row

  async function again(row: OutboxRow, waitMs: number, outcome: "refused" | "unknown"): Promise<Delivered> {
    const untilMs = clock.now() + waitMs;
    await persist(() => outbox.again(row.id, untilMs, outcome));
    return { kind: "held", untilMs };
  }

  /** What comes after a status need not wait for it: an answer is worth more than the sign that one is coming. */
  function mayPass(row: OutboxRow, held: Delivered): Delivered {
    return row.body.kind === "status" ? { kind: "free" } : held;
  }

  async function end(row: OutboxRow, state: "superseded" | "undeliverable"): Promise<Delivered> {
    progress.delete(row.id);
    await persist(() => outbox.end(row.id, state));
    return { kind: "free" };
  }

  async function rejected(
    row: OutboxRow,
    chat: number,
    outcome: { readonly code: number; readonly why: string },
  ): Promise<Delivered> {
    log.warn({ row: row.id, chat, outcome }, "Telegram refused a message for good; kept as undeliverable");
    if (outcome.why === "forbidden" || outcome.why === "chat-gone") close(chat);
    return end(row, "undeliverable");
  }

  /**
   * Writes down what happened at Telegram. It has happened, so trouble with the database is waited out: the row would
   * otherwise be repeated. Given up only when the program ends; the row is uncertain at its next start then.
   */
  async function persist(write: () => Promise<void>): Promise<void> {
    const backoff = createBackoff(storeBackoff, deps.random);
    for (;;) {
      try {
        return await write();
      } catch (error) {
        log.error({ error }, "what became of a message could not be written down; trying again");
        if (signal.aborted) return;
        // Pacing: the next attempt at a database that just refused.
        await clock.sleep(backoff.next(), signal);
      }
    }
  }

  function held(ms: number): Delivered {
    return { kind: "held", untilMs: clock.now() + ms };
  }

  function pauseMs(row: OutboxRow): number {
    return Math.min(retryBackoff.maxMs, retryBackoff.firstMs * 2 ** Math.min(row.attempts, 10));
  }

  // ---------------------------------------------------------------- chats

  function addressOf(row: OutboxRow): Address | null {
    const address = telegramAddress(row.conversation);
    return address === null ? null : addressNow(address);
  }

  function addressNow(address: Address): Address {
    return { ...address, chat: moved.get(address.chat) ?? address.chat };
  }

  function close(chat: number): void {
    const nowMs = clock.now();
    for (const [other, untilMs] of closed) if (untilMs <= nowMs) closed.delete(other);
    closed.set(chat, nowMs + closedMs);
  }

  function isClosed(chat: number): boolean {
    return (closed.get(chat) ?? 0) > clock.now();
  }

  return {
    deliver,
    edit,
    sendOnce,
    addressOf,
    live,
    forget: (run) => void live.delete(run),
    isClosed,
    reopen: (chat) => void closed.delete(chat),
  };
}

// ---------------------------------------------------------------- parts

function answerParts(text: string, renderMarkdown: RenderMarkdown): Part[] {
  const parts = text.length > answerCharsMax ? null : split(renderMarkdown(text));
  if (parts === null || parts.length > answerPartsMax) return [filePart(text, renderMarkdown)];
  const shown = parts.length === 0 ? [plain("The turn ended without a text.")] : parts;
  return shown.map((part) => ({ kind: "text", message: { text: part, keyboard: [], replyTo: null } }));
}

function filePart(text: string, renderMarkdown: RenderMarkdown): Part {
  const beginning = head(renderMarkdown(text.slice(0, captionCharsMax * 3)), captionCharsMax);
  const caption = concat(beginning, plain("\n\nThe whole answer is in the file."));
  return { kind: "file", file: { name: "answer.md", content: text, caption } };
}

function noticeParts({ notice, buttons, replyTo }: Outgoing & { kind: "notice" }): Part[] {
  const texts = split(plain(readable(describeNotice(notice, "telegram"))));
  return texts.map((text, index) => ({
    kind: "text",
    message: {
      text,
      keyboard: index === texts.length - 1 ? keyboardOf(buttons) : [],
      replyTo: index === 0 && replyTo !== null ? Number(replyTo) : null,
    },
  }));
}

function keyboardOf(rows: readonly (readonly Button[])[]): Keyboard {
  return rows.map((row) => row.map((button) => ({ label: buttonLabel(button.action), data: button.id })));
}

function marked(part: Part): Part {
  return mapText(part, (text) => concat(plain(repetitionMark), text));
}

function withoutFormatting(part: Part): Part | null {
  const text = part.kind === "text" ? part.message.text : part.file.caption;
  return text.entities.length === 0 ? null : mapText(part, ({ text }) => plain(text));
}

function mapText(part: Part, map: (text: FormattedText) => FormattedText): Part {
  return part.kind === "text"
    ? { kind: "text", message: { ...part.message, text: map(part.message.text) } }
    : { kind: "file", file: { ...part.file, caption: map(part.file.caption) } };
}
