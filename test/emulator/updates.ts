// The queue of updates of one bot, and the polls that read it (F1, F2, F12).
//
// F1 An update stays until a getUpdates call names a higher offset, or for 24 hours; until then it comes again, same id.
// F2 Of two polls that wait, the older one is answered 409.
// The details (an offset far in the future is ignored, a quick repeat of an offset waits and gets one update) follow the
// public source of the real server: Client::process_get_updates_query, do_get_updates and td's TQueue.

import { randomInt } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import type { Update } from "grammy/types";
import { abortReason } from "./abort-reason.ts";
import { BotApiError } from "./bot-api-error.ts";
import type { Changes } from "./changes.ts";
import type { Mutation } from "./mutations.ts";
import type { TelegramClock } from "./telegram-clock.ts";

export type UpdateKind = Exclude<keyof Update, "update_id">;
export type UpdateContent = Partial<Pick<Update, UpdateKind>>;

export interface PollParams {
  readonly offset?: number;
  readonly limit?: number;
  readonly timeout?: number;
  readonly allowed_updates?: readonly string[];
}

export interface UpdateQueue {
  /** Queues an update of the one kind that `content` holds. Undefined: the bot did not ask for that kind, so it is dropped. */
  push(content: UpdateContent): number | undefined;
  /** Answers as getUpdates does. Rejects with BotApiError, or with the signal's reason when the caller is gone. */
  poll(params: PollParams, signal: AbortSignal): Promise<Update[]>;
  /** Queued and unconfirmed, oldest first. */
  pending(): Update[];
  dropAll(): void;
  /** The highest id that any poll has confirmed, 0 before the first. */
  readonly confirmed: number;
  /** Polls that wait right now: 0 or 1, unless a mutation breaks F2. */
  readonly polls: number;
  readonly allowed: readonly string[] | undefined;
  /** The next update gets this id: ids jump after a quiet week, also downwards (F12). */
  jumpTo(updateId: number): void;
  webhookUrl: string;
  close(): void;
}

const lifetimeMs = 24 * 60 * 60 * 1000;
const quietWeekMs = 7 * lifetimeMs;
const limitMax = 100;
const timeoutSecondsMax = 50;
/** An offset further ahead of the queue than this is "in the future": ignored, confirms nothing (TQueue::get). */
const futureMax = 10;
const optedOutByDefault = new Set(["chat_member", "message_reaction", "message_reaction_count"]);

interface Queued {
  readonly id: number;
  readonly update: Update;
  readonly queuedMs: number;
}

interface Waiting {
  conflict(): void;
  wake(): void;
}

export interface UpdateQueueDeps {
  readonly clock: TelegramClock;
  readonly changes: Changes;
  readonly conflictPacingMs: number;
  readonly mutations: ReadonlySet<Mutation>;
}

export function createUpdateQueue({ clock, changes, conflictPacingMs, mutations }: UpdateQueueDeps): UpdateQueue {
  let queue: Queued[] = [];
  let tail = randomInt(100_000_000, 900_000_000);
  let confirmed = 0;
  let lastPushMs = clock.nowMs();
  let allowed: readonly string[] | undefined;
  let webhookUrl = "";
  let previousPoll: { offset: number; atMs: number } | undefined;
  let nextConflictMs = 0;
  const waiting = new Set<Waiting>();

  const isAllowed = (kind: string) =>
    allowed === undefined || allowed.length === 0 ? !optedOutByDefault.has(kind) : allowed.includes(kind);

  const head = () => queue[0]?.id ?? tail;

  function expire() {
    if (mutations.has("updates-never-expire")) return;
    const oldestMs = clock.nowMs() - lifetimeMs;
    queue = queue.filter((queued) => queued.queuedMs >= oldestMs);
  }

  /** Forgets what the offset confirms, and returns the offset to read from. */
  function confirm(offset: number): number {
    if (offset < 0) {
      if (!mutations.has("negative-offset-keeps")) queue = queue.slice(offset);
      return mutations.has("negative-offset-keeps") ? (queue.at(offset)?.id ?? head()) : head();
    }
    const future = offset > tail + futureMax && !mutations.has("far-offset-confirms");
    if (offset === 0 || future) return head();
    if (!mutations.has("never-confirm")) queue = queue.filter((queued) => queued.id >= offset);
    confirmed = Math.max(confirmed, offset - 1);
    return offset;
  }

  function read(offset: number, limit: number): Update[] {
    expire();
    let ready = queue.filter((queued) => queued.id >= offset);
    if (mutations.has("filter-at-delivery")) ready = ready.filter((queued) => isAllowed(kindOf(queued.update)));
    if (!mutations.has("ignore-limit")) ready = ready.slice(0, limit);
    if (mutations.has("forget-on-delivery")) queue = queue.filter((queued) => !ready.includes(queued));
    return ready.map((queued) => queued.update);
  }

  async function conflictError(): Promise<BotApiError> {
    // The real server spaces its 409 answers, so that two fighting bots do not spin.
    const waitMs = nextConflictMs - Date.now();
    if (waitMs > 0) await pause(conflictPacingMs, undefined, { ref: false });
    else nextConflictMs = Date.now() + conflictPacingMs;
    return new BotApiError(
      409,
      "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running",
      "conflict",
    );
  }

  /** Waits for an update, a newer poll, the end of the timeout or of the caller, whichever is first. */
  async function longPoll(offset: number, limit: number, timeoutMs: number, signal: AbortSignal): Promise<Update[]> {
    if (mutations.has("newer-poll-loses") && waiting.size > 0) throw await conflictError();
    if (!mutations.has("polls-coexist")) for (const older of waiting) older.conflict();
    const { promise, resolve, reject } = Promise.withResolvers<"look" | "conflict">();
    const self: Waiting = { conflict: () => resolve("conflict"), wake: () => resolve("look") };
    const gone = () => reject(abortReason(signal));
    // The bound of a long poll is the caller's own `timeout`.
    const timer = setTimeout(() => resolve("look"), timeoutMs);
    waiting.add(self);
    signal.addEventListener("abort", gone, { once: true });
    if (signal.aborted) gone();
    changes.ring();
    try {
      if ((await promise) === "conflict") throw await conflictError();
      // The offset is judged anew: ids may have jumped below it while we waited.
      return read(confirm(offset), limit);
    } finally {
      clearTimeout(timer);
      waiting.delete(self);
      signal.removeEventListener("abort", gone);
    }
  }

  return {
    push(content) {
      const kind = Object.keys(content)[0];
      if (kind === undefined) throw new Error("an update needs content");
      const quietMs = clock.nowMs() - lastPushMs;
      lastPushMs = clock.nowMs();
      expire();
      if (quietMs > quietWeekMs && queue.length === 0 && !mutations.has("ids-never-jump")) {
        tail = randomInt(100_000_000, 900_000_000);
      }
      if (!isAllowed(kind) && !mutations.has("filter-at-delivery")) return undefined;
      const id = tail++;
      queue.push({ id, update: { update_id: id, ...content }, queuedMs: clock.nowMs() });
      // Not at once: what a person does in one go is delivered in one answer, as the real server does it.
      if (!mutations.has("poll-ignores-arrivals")) setImmediate(() => [...waiting].forEach((poll) => poll.wake()));
      changes.ring();
      return id;
    },
    async poll(params, signal) {
      if (webhookUrl !== "" && !mutations.has("poll-despite-webhook")) {
        throw new BotApiError(
          409,
          "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first",
          "conflict",
        );
      }
      const offset = Math.trunc(params.offset ?? 0);
      let limit = clamp(params.limit ?? limitMax, 1, limitMax);
      let timeoutSeconds = clamp(params.timeout ?? 0, 0, timeoutSecondsMax);
      if (params.allowed_updates !== undefined) allowed = params.allowed_updates;
      if (previousPoll?.offset === offset && !mutations.has("same-offset-unlimited")) {
        const sinceMs = Date.now() - previousPoll.atMs;
        if (sinceMs < 3000 && timeoutSeconds < 3) timeoutSeconds = 3;
        if (sinceMs < 500) limit = 1;
      }
      previousPoll = { offset, atMs: Date.now() };
      expire();
      const from = confirm(offset);
      changes.ring();
      const found = read(from, limit);
      if (found.length > 0 || timeoutSeconds === 0) return found;
      return longPoll(offset > 0 ? offset : from, limit, timeoutSeconds * 1000, signal);
    },
    pending() {
      expire();
      return queue.map((queued) => queued.update);
    },
    dropAll() {
      queue = [];
      changes.ring();
    },
    get confirmed() {
      return confirmed;
    },
    get polls() {
      return waiting.size;
    },
    get allowed() {
      return allowed;
    },
    jumpTo(updateId) {
      if (queue.length > 0) throw new Error("ids jump only while nothing is queued");
      tail = updateId;
    },
    get webhookUrl() {
      return webhookUrl;
    },
    set webhookUrl(url) {
      webhookUrl = url;
    },
    close() {
      for (const poll of waiting) poll.wake();
    },
  };
}

function kindOf(update: Update): string {
  return Object.keys(update).find((key) => key !== "update_id") ?? "";
}

function clamp(value: number, min: number, max: number): number {
  return Math.min(Math.max(Math.trunc(value), min), max);
}
