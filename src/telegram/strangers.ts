/**
 * Who of the strangers that write to the bot is told that it is private (T1). A reply costs the owner's message rate, so there
 * are few: one an hour for each person, three an hour for all. What is remembered is those three.
 */
import type { Clock } from "../engine/ports.ts";

export type Strangers = {
  /** Whether this person is to be told now; the telling counts from here. */
  admit(user: number): boolean;
};

const windowMs = 60 * 60 * 1000;
const repliesPerWindowMax = 3;

export function createStrangers(clock: Clock): Strangers {
  let told: readonly { readonly user: number; readonly atMs: number }[] = [];
  return {
    admit(user) {
      const nowMs = clock.now();
      told = told.filter(({ atMs }) => nowMs - atMs < windowMs);
      if (told.length >= repliesPerWindowMax || told.some((reply) => reply.user === user)) return false;
      told = [...told, { user, atMs: nowMs }];
      return true;
    },
  };
}

export function strangerReply(user: number): string {
  return `This bot is private. Your Telegram id is ${user}; its owner can add it to TELEGRAM_ALLOWED_USERS.`;
}
