// Taps on inline buttons, from the tap to the bot's answer (F6).

import type { User } from "grammy/types";
import { badRequest } from "./bot-api-error.ts";
import type { Changes } from "./changes.ts";
import type { Mutation } from "./mutations.ts";
import type { TelegramClock } from "./telegram-clock.ts";

export interface CallbackAnswer {
  readonly text: string | undefined;
  readonly alert: boolean;
  readonly url: string | undefined;
}

export interface Tap {
  readonly id: string;
  readonly from: User;
  readonly data: string;
  readonly tappedMs: number;
  answer: CallbackAnswer | undefined;
}

export interface Callbacks {
  tap(from: User, data: string): Tap;
  find(id: string): Tap | undefined;
  /** How often that person sent that data. */
  countOf(userId: number, data: string): number;
  /** Throws BotApiError when the tap is unknown, too old, or answered. */
  answer(id: string, answer: CallbackAnswer): void;
}

/** Telegram does not publish the age limit; about this long in practice. */
const callbackLifetimeMs = 60_000;
const answerUnitsMax = 200;

export function createCallbacks(clock: TelegramClock, changes: Changes, mutations: ReadonlySet<Mutation>): Callbacks {
  const taps = new Map<string, Tap>();
  // Ids are long digits in Telegram too: too long for a number.
  let nextId = 4_382_611_046_000_000_000n;
  return {
    tap(from, data) {
      nextId += 1n;
      const tap: Tap = { id: String(nextId), from, data, tappedMs: clock.nowMs(), answer: undefined };
      taps.set(tap.id, tap);
      return tap;
    },
    find: (id) => taps.get(id),
    countOf: (userId, data) => [...taps.values()].filter((tap) => tap.from.id === userId && tap.data === data).length,
    answer(id, answer) {
      const tap = taps.get(id);
      const old = tap !== undefined && clock.nowMs() - tap.tappedMs > callbackLifetimeMs;
      const dead =
        tap === undefined ||
        (old && !mutations.has("callback-never-expires")) ||
        (tap.answer !== undefined && !mutations.has("callback-answered-twice"));
      if (dead) {
        throw badRequest("query is too old and response timeout expired or query ID is invalid", "callback");
      }
      if ((answer.text?.length ?? 0) > answerUnitsMax) throw badRequest("MESSAGE_TOO_LONG", "text");
      tap.answer = answer;
      changes.ring();
    },
  };
}
