/**
 * The poll loop: updates in, items stored, and only then the offset.
 *
 * 1. The offset that confirms a batch is sent after the batch's items are committed (I5). A crash before that brings the same
 *    updates again, and their keys admit them once.
 * 2. No offset is sent at the start, and never a negative one: it would delete what waits.
 * 3. Nothing in an update stops the loop: one that cannot be read is logged and passed over.
 * 4. The loop waits for the store and for Telegram, and for nothing else (I7).
 * 5. Who may speak is read anew for each batch: who was removed is out with the next one. What was sent before its sender was let in
 *    is passed over, also when it comes again after a crash (T18).
 */
import type { Update } from "grammy/types";

import type { InboxItem, ItemKey } from "../domain/inbox-item.ts";
import type { Person } from "../domain/person.ts";
import type { Clock, Engine, Log, Receipt } from "../engine/ports.ts";
import { createBackoff } from "./backoff.ts";
import type { BotIdentity, TelegramClient } from "./client.ts";
import type { TelegramCounts } from "./counts.ts";
import { chatOf, type ParseContext, parseUpdate, type Reading, updateKey, updateOf } from "./parse.ts";
import type { PressAnswers } from "./press-answers.ts";
import type { Stranger } from "./strangers.ts";

/** Why polling ended. `conflict`: another program polls this bot, and it was left to it (T14). */
export type PollEnd = "stopped" | "conflict" | "unauthorised";

export type PollHealth = "polling" | "unreachable" | "contested";

export type PollDeps = {
  readonly client: Pick<TelegramClient, "getUpdates" | "removeWebhook">;
  readonly engine: Pick<Engine, "accept" | "access">;
  readonly me: BotIdentity;
  /** Those that the configuration names; who was let in besides is in the store. */
  readonly owners: ReadonlySet<number>;
  readonly presses: PressAnswers;
  /** A stranger wrote in their own chat with the bot. Returns at once. */
  readonly onStranger: (stranger: Stranger) => void;
  /** Something came from this chat: it can be written to again. Returns at once. */
  readonly onChat: (chat: number) => void;
  readonly onHealth: (health: PollHealth) => void;
  readonly counts: Pick<TelegramCounts, "received" | "denied">;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
};

/** A network that is gone for a moment is tried soon, one that is gone for the night not every second. */
const networkBackoff = { firstMs: 1_000, maxMs: 30_000 };
/** The store is on this machine: what ails it is either over at once or needs a person. */
const storeBackoff = { firstMs: 200, maxMs: 10_000 };
/** Telegram itself paces 409 at three seconds. */
const conflictBackoff = { firstMs: 3_000, maxMs: 30_000 };
/** A poll that brings nothing waits for 50 s; a server that answers at once must not be asked a thousand times a second. */
const emptyPollMinMs = 500;
/** A restart may meet the last poll of its former life; five in a row is another program. */
const conflictsMax = 5;

/** Resolves when `signal` fires, or when there is no more use in polling. Never rejects. */
export async function poll(deps: PollDeps, signal: AbortSignal): Promise<PollEnd> {
  const { client, clock, log } = deps;
  const network = createBackoff(networkBackoff, deps.random);
  const conflicts = createBackoff(conflictBackoff, deps.random);
  let offset: number | null = null;
  // After an outage the first answer is wanted at once: it says that the line is back, which 50 s of silence do not.
  let patience: "long" | "none" = "long";

  while (!signal.aborted) {
    const askedAtMs = clock.now();
    const outcome = await client.getUpdates(offset, patience, signal);
    if (signal.aborted) break;
    switch (outcome.kind) {
      case "done": {
        network.reset();
        conflicts.reset();
        patience = "long";
        deps.onHealth("polling");
        for (const update of outcome.value) deps.counts.received(update);
        const last = outcome.value.at(-1);
        if (last === undefined) {
          // Pacing: a server that answers an empty poll at once is not asked a thousand times a second.
          await clock.sleep(askedAtMs + emptyPollMinMs - clock.now(), signal);
          break;
        }
        if (!(await admit(deps, outcome.value, signal))) break;
        offset = last.update_id + 1; // I5: the batch is committed
        break;
      }
      case "conflict": {
        deps.onHealth("contested");
        if (conflicts.failures >= conflictsMax - 1) {
          log.error(
            {},
            "another program polls this bot; stopped polling. End that program, then start Signalbox again",
          );
          return "conflict";
        }
        log.warn({ inARow: conflicts.failures + 1, conflictsMax }, "another program polls this bot");
        await freeWebhook(deps, signal);
        // Pacing: Telegram itself spaces conflicts; the other program may end meanwhile.
        await clock.sleep(conflicts.next(), signal);
        break;
      }
      case "unauthorised":
        log.error({}, "Telegram refuses the bot token; stopped polling. Check TELEGRAM_BOT_TOKEN");
        return "unauthorised";
      case "retry-later":
        // Pacing: the time that Telegram named.
        await clock.sleep(outcome.afterMs, signal);
        break;
      case "unreachable":
      case "unknown":
      case "rejected":
      case "moved": {
        deps.onHealth("unreachable");
        patience = "none";
        const pauseMs = network.next();
        log.warn({ outcome, pauseMs }, "Telegram could not be polled; trying again");
        // Pacing: the next attempt at a network that just failed.
        await clock.sleep(pauseMs, signal);
        break;
      }
      default:
        outcome satisfies never;
    }
  }
  return "stopped";
}

/** A webhook of an earlier set-up takes all updates and makes every poll a conflict. */
async function freeWebhook({ client, log }: PollDeps, signal: AbortSignal): Promise<void> {
  const removed = await client.removeWebhook(signal);
  if (removed.kind === "done" && removed.value)
    log.warn({}, "this bot had a webhook; it was removed, so that polling works");
}

/** Stores a batch, then answers its presses. False when the program ends before it is stored. */
async function admit(deps: PollDeps, updates: readonly Update[], signal: AbortSignal): Promise<boolean> {
  const access = await untilDone(deps, () => deps.engine.access(), "who may speak could not be read", signal);
  if (access === null) return false;
  const people = new Map(access.people.map((person) => [Number(person.user), person]));
  const context: ParseContext = {
    me: deps.me,
    allowedUsers: new Set([...deps.owners, ...people.keys()]),
    listening: new Set(access.listening),
    nowMs: deps.clock.now(),
  };
  const readings = updates.map((update) => read(deps, update, context, people));
  const toasts = await acceptUntilStored(deps, readings.flatMap(itemOf), signal);
  if (toasts === null) return false;
  for (const update of updates) {
    const chat = chatIdOf(update);
    if (chat !== null) deps.onChat(chat);
  }
  for (const [index, update] of updates.entries()) {
    const reading = readings[index];
    if (reading !== undefined) react(deps, update, reading, toasts);
  }
  return true;
}

function read(
  { owners, log }: PollDeps,
  update: Update,
  context: ParseContext,
  people: ReadonlyMap<number, Person>,
): Reading {
  try {
    const reading = parseUpdate(update, context);
    const [item] = itemOf(reading);
    const person = item === undefined || owners.has(Number(item.user)) ? undefined : people.get(Number(item.user));
    const isEarly = item !== undefined && person !== undefined && isFromBefore(update.update_id, item, person);
    return isEarly ? { kind: "ignored", reason: "sent before its sender was let in" } : reading;
  } catch {
    // Its text may be anyone's; the id is enough to ask Telegram's support about it.
    log.error({ update: update.update_id }, "an update could not be read; passed over");
    return { kind: "denied", reason: "malformed", stranger: null, query: null };
  }
}

/** Updates live this long at Telegram; their ids grow for at least as long. */
const updateLifeMs = 24 * 60 * 60 * 1000;

/**
 * By the ids of updates where it was one that let them in: the clocks of Telegram and of this machine need not agree. Where it was the
 * page, by time, of which Telegram tells whole seconds.
 */
function isFromBefore(updateId: number, { sentAtMs }: InboxItem, { admittedBy, admittedAtMs }: Person): boolean {
  const letInBy = updateOf(admittedBy);
  if (letInBy === null) return sentAtMs + 1_000 <= admittedAtMs;
  return updateId < letInBy && sentAtMs < admittedAtMs + updateLifeMs;
}

function chatIdOf(update: Update): number | null {
  try {
    return chatOf(update);
  } catch {
    return null; // malformed, and already logged
  }
}

function itemOf(reading: Reading): readonly InboxItem[] {
  return reading.kind === "item" || reading.kind === "press" ? [reading.item] : [];
}

/** The toasts by key once everything is committed; null when the program ends first. */
async function acceptUntilStored(
  deps: PollDeps,
  items: readonly InboxItem[],
  signal: AbortSignal,
): Promise<ReadonlyMap<ItemKey, string | null> | null> {
  if (items.length === 0) return new Map();
  const accept = (): Promise<readonly Receipt[]> => deps.engine.accept(items);
  const receipts = await untilDone(deps, accept, "what came in could not be stored", signal);
  return receipts === null ? null : new Map(receipts.map((receipt) => [receipt.key, receipt.toast]));
}

/** Trouble with the store is waited out; null when the program ends first. */
async function untilDone<T>(
  { clock, random, log }: PollDeps,
  ask: () => Promise<T>,
  trouble: string,
  signal: AbortSignal,
): Promise<T | null> {
  const backoff = createBackoff(storeBackoff, random);
  while (!signal.aborted) {
    try {
      return await ask();
    } catch (error) {
      const pauseMs = backoff.next();
      log.error({ error, pauseMs }, `${trouble}; trying again`);
      // Pacing: the next attempt at a database that just refused.
      await clock.sleep(pauseMs, signal);
    }
  }
  return null;
}

/** What is done about a reading besides storing it; returns at once. */
function react(deps: PollDeps, update: Update, reading: Reading, toasts: ReadonlyMap<ItemKey, string | null>): void {
  switch (reading.kind) {
    case "item":
      return;
    case "press":
      return deps.presses.answer(reading.query, toasts.get(reading.item.key) ?? null);
    case "dead-press":
      return deps.presses.answer(reading.query, "This button does not work any more.");
    case "denied":
      // Anyone can cause this at any rate: it must not fill the log.
      deps.counts.denied(reading.reason);
      deps.log.debug({ reason: reading.reason }, "an update was denied");
      if (reading.query !== null) deps.presses.answer(reading.query, "This bot is private.");
      if (reading.stranger !== null)
        deps.onStranger({ user: reading.stranger, name: nameOf(update), ...claimIn(update) });
      return;
    case "ignored":
      return deps.log.debug({ reason: reading.reason }, "an update was ignored");
    default:
      reading satisfies never;
  }
}

/** What they call themselves: anyone's words. */
function nameOf({ message }: Update): string {
  const { first_name: first = "", last_name: last = "", username } = message?.from ?? {};
  return `${first} ${last}${username === undefined ? "" : ` (${username})`}`;
}

/** A code that they sent: `/pair ACDE-3467`, or the `/start ACDE-3467` that a link to the bot writes for them. */
function claimIn({ update_id: id, message }: Update): Pick<Stranger, "claim"> {
  const [, code] = /^\/(?:pair|start)(?:@\w+)?\s+([A-Za-z0-9-]{8,9})\s*$/i.exec(message?.text ?? "") ?? [];
  return code === undefined ? {} : { claim: { code, key: updateKey(id) } };
}
