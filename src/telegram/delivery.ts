/**
 * One row of the outbox, from its claim to what became of it.
 *
 * 1. begin, send, then the outcome: a crash in between leaves the row `sending`, which means unknown (I6).
 * 2. After an unknown outcome there is one more attempt, marked as a possible repetition, and only when Telegram answers at all.
 *    Edits may be repeated freely: the same edit twice is one.
 * 3. Formatting that Telegram refuses costs the formatting, not the message; a photo that it refuses goes as a document.
 * 4. A chat that forbids us gets nothing more until it speaks again; its rows end as undeliverable, without requests.
 */
import type { Clock, Engine, Files, Log, OutboxId, OutboxQueue, OutboxRow } from "../engine/ports.ts";
import type { ConversationId } from "../domain/conversation.ts";
import type { Notice } from "../domain/notice.ts";
import { createAlbums } from "./album.ts";
import { renderAsk } from "./ask-card.ts";
import type { Chats, Delivered } from "./chats.ts";
import type { Address, Keyboard, Outcome, TelegramClient } from "./client.ts";
import { type FormattedText, ofOrigin, plain } from "./formatted-text.ts";
import { createLedger } from "./ledger.ts";
import type { LiveStatuses } from "./live-status.ts";
import { compose, keyboardOf, marked, type Part, partsOfOrigin, plainer, type Sendable } from "./message-parts.ts";
import type { ChatPace } from "./pacing.ts";
import type { Receipt, Receipts } from "./receipts.ts";
import { type RenderMarkdown, renderSummary } from "./render.ts";

export type DeliveryDeps = {
  readonly client: TelegramClient;
  readonly engine: Pick<Engine, "snapshot">;
  readonly outbox: OutboxQueue;
  readonly files: Pick<Files, "find">;
  /** Loaded when the first text needs it: the parser is a good part of the program's start. */
  readonly markdown: () => Promise<RenderMarkdown>;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
};

export interface Delivery {
  /** Rejects only when the database refuses to begin; nothing was sent then. */
  deliver(row: OutboxRow, pace: ChatPace): Promise<Delivered>;
  /** Makes it due later; the rest of its conversation may pass it, where the store lets it. */
  putOff(row: OutboxRow, waitMs: number): Promise<Delivered>;
  /** Sends a text that is kept nowhere; whatever comes of it. */
  sendOnce(to: Address, text: string): Promise<Delivered>;
}

/** Pauses between attempts that Telegram never saw: they go on until it is back. */
const retryBackoff = { firstMs: 1_000, maxMs: 30_000 };
/** An edit that fails this often without an answer is given up: what it would say is known from elsewhere. */
const redrawAttemptsMax = 8;

/** A message that was sent before, and what is drawn over it. */
type Redraw = { readonly first: string; readonly text: FormattedText; readonly keyboard: Keyboard };

/** `signal` ends waiting inside a delivery: the program is about to be gone. */
export function createDelivery(
  deps: DeliveryDeps,
  chats: Chats,
  live: LiveStatuses,
  receipts: Pick<Receipts, "want">,
  signal: AbortSignal,
): Delivery {
  const { client, engine, outbox, clock, log } = deps;
  const ledger = createLedger(deps, signal);
  const albums = createAlbums(deps, chats, ledger, signal);
  /** Parts of a row that were delivered in this life, so that a later part's failure does not repeat them. */
  const progress = new Map<OutboxId, { readonly parts: number; readonly message: number }>();

  async function deliver(row: OutboxRow, pace: ChatPace): Promise<Delivered> {
    const address = chats.addressOf(row.conversation);
    if (address === null || chats.isClosed(address.chat)) return end(row, "undeliverable");
    const { body } = row;
    if (body.kind === "summary") {
      live.forget(body.summary.run); // I8: from here on nothing but this is drawn of the run
      const summary = {
        first: `run:${body.summary.run}:status`,
        text: ofOrigin(row.origin, renderSummary(body.summary)),
        keyboard: keyboardOf(body.buttons ?? []),
      };
      return redraw(row, summary, address);
    }
    if (body.kind === "ask" && body.replaces !== null) {
      const { text } = renderAsk(body.ask, body.state, await deps.markdown());
      const card = { first: body.replaces, text: ofOrigin(row.origin, text), keyboard: keyboardOf(body.buttons) };
      return redraw(row, card, address);
    }
    if (body.kind === "status" && body.view === "quiet") {
      receipts.want(row.conversation, address.chat, body.about, "running");
      return end(row, "superseded");
    }
    if (body.kind === "status" && body.stream === "drafts") {
      const view = body.view ?? "normal";
      if (live.draft({ run: body.run, address, view, origin: row.origin })) {
        receipts.want(row.conversation, address.chat, body.about, "running");
        return end(row, "superseded");
      }
    }
    const together = body.kind === "file" ? await albums.deliver(row, address, pace, pauseMs(row)) : null;
    return together ?? deliverParts(row, body, address, pace);
  }

  function acknowledge(conversation: ConversationId, body: Sendable, chat: number): void {
    switch (body.kind) {
      case "status":
        return receipts.want(conversation, chat, body.about, "running");
      case "answer":
        return receipts.want(conversation, chat, body.about, "done");
      case "notice": {
        const receipt = receiptOf(body.notice.kind);
        return receipt === null ? undefined : receipts.want(conversation, chat, body.replyTo, receipt);
      }
      case "ask":
      case "file":
        return;
      default:
        body satisfies never;
    }
  }

  async function putOff(row: OutboxRow, waitMs: number): Promise<Delivered> {
    if (await outbox.begin(row.id)) await ledger.again(row, waitMs, "refused");
    return { kind: "free" };
  }

  // ---------------------------------------------------------------- messages

  async function deliverParts(row: OutboxRow, body: Sendable, address: Address, pace: ChatPace): Promise<Delivered> {
    if (row.uncertain && !(await answers())) return held(pauseMs(row));
    const renderMarkdown = await deps.markdown();
    const copy = body.kind === "file" ? await deps.files.find(body.file.id) : null;
    if (body.kind === "file" && copy === null) {
      log.warn(
        { row: row.id, file: body.file.name },
        "the copy of a file is gone before it was sent; kept as undeliverable",
      );
      return end(row, "undeliverable");
    }
    // A status shows the newest there is (I12).
    const snapshot = body.kind === "status" ? engine.snapshot(body.run) : null;
    const composed = compose(body, { live: snapshot, copy, nowMs: clock.now(), renderMarkdown });
    if (composed === null) return end(row, "superseded");
    const parts = partsOfOrigin(row.origin, composed);
    if (!(await outbox.begin(row.id))) return { kind: "free" };
    const result = await sendParts(row, parts, address, pace);
    if (result.kind !== "sent") return result;
    await ledger.sent(row, String(result.message));
    progress.delete(row.id);
    acknowledge(row.conversation, body, chats.addressNow(address).chat);
    if (body.kind === "status" && snapshot !== null) {
      const keyboard = keyboardOf([[body.stop]]);
      const surface = { kind: "message" as const, message: result.message, keyboard };
      const sent = { run: body.run, address: chats.addressNow(address), surface, shown: snapshot };
      live.add({ ...sent, view: body.view ?? "normal", origin: row.origin }, pace);
    }
    return { kind: "free" };
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
          message = outcome.value; // the last one has the buttons: it is the one that is drawn over
          done += 1;
          isRepetition = false;
          progress.set(row.id, { parts: done, message });
          if (done < parts.length && !(await pace.take(signal))) return ledger.again(row, 0, "unknown");
          break;
        case "retry-later":
        case "unreachable":
        case "conflict": {
          const waitMs = outcome.kind === "retry-later" ? outcome.afterMs : pauseMs(row);
          if (done === 0) {
            const held = await ledger.again(row, waitMs, "refused");
            return outcome.kind === "retry-later" ? held : mayPass(row, held);
          }
          // The first parts are out: the row stays `sending`, so that a crash does not repeat them unmarked.
          await clock.sleep(waitMs, signal);
          if (signal.aborted) return ledger.again(row, 0, "unknown");
          break;
        }
        case "unknown":
          if (!isRepetition) return mayPass(row, await ledger.again(row, pauseMs(row), "unknown"));
          log.error({ row: row.id, outcome }, "it is unknown twice whether a message arrived; given up");
          return end(row, "undeliverable");
        case "rejected": {
          const other = plainer(part);
          if (other !== null && (outcome.why === "formatting" || outcome.why === "other")) {
            log.warn({ row: row.id, outcome }, "a message was refused as it was; sent in a plainer way");
            parts[done] = other;
            break;
          }
          return rejected(row, to.chat, outcome);
        }
        case "moved":
          if (!chats.moved(address.chat, outcome.chat)) return rejected(row, to.chat, { code: 400, why: "chat-gone" });
          to = { ...address, chat: outcome.chat };
          break;
        case "unauthorised":
          await ledger.again(row, 0, done === 0 ? "refused" : "unknown");
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

  // ---------------------------------------------------------------- what is drawn over a message

  async function redraw(row: OutboxRow, { first, text, keyboard }: Redraw, to: Address): Promise<Delivered> {
    const shown = await outbox.sentAs(first);
    if (shown === null || shown.message === null) return end(row, "superseded");
    if (!(await outbox.begin(row.id))) return { kind: "free" };
    const message = Number(shown.message);
    let outcome = await client.editText(to, message, text, keyboard, signal);
    if (outcome.kind === "rejected" && (outcome.why === "formatting" || outcome.why === "other")) {
      log.warn({ row: row.id, outcome }, "an edit was refused as it was; made without formatting");
      outcome = await client.editText(to, message, plain(text.text), keyboard, signal);
    }
    switch (outcome.kind) {
      case "done":
        await ledger.sent(row, shown.message);
        return { kind: "free" };
      case "retry-later":
        return ledger.again(row, outcome.afterMs, "refused");
      case "unreachable":
      case "conflict":
        return ledger.again(row, pauseMs(row), "refused");
      case "unknown":
        return row.attempts < redrawAttemptsMax
          ? ledger.again(row, pauseMs(row), "unknown")
          : end(row, "undeliverable");
      case "rejected":
        if (outcome.why === "forbidden") return rejected(row, to.chat, outcome);
        return end(row, "superseded"); // the message was deleted: there is nothing to draw over
      case "moved":
        chats.moved(to.chat, outcome.chat);
        return end(row, "superseded");
      case "unauthorised":
        await ledger.again(row, 0, "refused");
        return { kind: "unauthorised" };
      default:
        return outcome satisfies never;
    }
  }

  async function sendOnce(to: Address, text: string): Promise<Delivered> {
    const outcome = await client.sendText(to, { text: plain(text), keyboard: [], replyTo: null }, signal);
    return outcome.kind === "retry-later" ? held(outcome.afterMs) : { kind: "free" };
  }

  // ---------------------------------------------------------------- what became of a row

  /** What comes after a status need not wait for it: an answer is worth more than the sign that one is coming. */
  function mayPass(row: OutboxRow, held: Delivered): Delivered {
    return row.body.kind === "status" ? { kind: "free" } : held;
  }

  async function end(row: OutboxRow, state: "superseded" | "undeliverable"): Promise<Delivered> {
    progress.delete(row.id);
    return ledger.end(row, state);
  }

  async function rejected(
    row: OutboxRow,
    chat: number,
    outcome: { readonly code: number; readonly why: string },
  ): Promise<Delivered> {
    log.warn({ row: row.id, chat, outcome }, "Telegram refused a message for good; kept as undeliverable");
    if (outcome.why === "forbidden" || outcome.why === "chat-gone") chats.close(chat);
    return end(row, "undeliverable");
  }

  function held(ms: number): Delivered {
    return { kind: "held", untilMs: clock.now() + ms };
  }

  function pauseMs(row: OutboxRow): number {
    return Math.min(retryBackoff.maxMs, retryBackoff.firstMs * 2 ** Math.min(row.attempts, 10));
  }

  return { deliver, putOff, sendOnce };
}

/** What a notice says of the message that it replies to. */
function receiptOf(kind: Notice["kind"]): Receipt | null {
  if (kind === "queued") return "queued";
  if (kind === "failed") return "failed";
  return kind === "stopped" || kind === "interrupted" ? "none" : null;
}
