/**
 * What happens when a stranger writes to the bot in their own chat with it (T1): they are told, once an hour, that it is private, with a
 * code that its owner can let them in by. Whether they are told, and with which code, is the engine's to say; it remembers across restarts.
 *
 * I14: each costs one look into the database an hour, and only so many wait for one.
 */
import type { Clock, Engine, Log, Stranger as Knocking } from "../engine/ports.ts";

export type Stranger = Omit<Knocking, "user"> & { readonly user: number };

export type Strangers = {
  /** Returns at once. */
  wrote(stranger: Stranger): void;
  /** Resolves when everything that was begun is over; never rejects. */
  settled(): Promise<void>;
};

export type StrangersDeps = {
  readonly engine: Pick<Engine, "knock">;
  /** Sends words to a person's private chat. Returns at once. */
  readonly tell: (user: number, text: string) => void;
  readonly clock: Clock;
  readonly log: Log;
};

const windowMs = 60 * 60 * 1000;
/** Who wrote within the hour. When more did, somebody makes fun of the bot: the others are not told anything for a while. */
const rememberedMax = 1_000;
/** Codes that strangers send are looked at this often an hour, all together: who read one in the terminal needs one. */
const claimsMax = 20;

export function createStrangers({ engine, tell, clock, log }: StrangersDeps): Strangers {
  const lastMs = new Map<number, number>();
  /** One after the other: a crowd of strangers takes no more of the database than one of them. */
  let task: Promise<void> = Promise.resolve();

  let claimsMs: readonly number[] = [];

  async function answer({ user, ...stranger }: Stranger): Promise<void> {
    try {
      const code = await engine.knock({ ...stranger, user: String(user) });
      if (code === null) return;
      log.info({ user }, "someone who is not on the list wrote to the bot; they were told that it is private");
      tell(user, strangerReply(user, code));
    } catch (error) {
      lastMs.delete(user); // their next message tries again
      log.warn({ error }, "a stranger could not be answered");
    }
  }

  return {
    wrote(stranger) {
      const nowMs = clock.now();
      for (const [user, atMs] of lastMs) if (nowMs - atMs >= windowMs || nowMs < atMs) lastMs.delete(user);
      claimsMs = claimsMs.filter((atMs) => nowMs - atMs < windowMs && nowMs >= atMs);
      const isClaim = stranger.claim !== undefined && claimsMs.length < claimsMax;
      if (isClaim) claimsMs = [...claimsMs, nowMs];
      else if (lastMs.has(stranger.user) || lastMs.size >= rememberedMax) return;
      lastMs.set(stranger.user, nowMs);
      task = task.then(() => answer(stranger));
    },
    settled: () => task,
  };
}

function strangerReply(user: number, code: string): string {
  return [
    `This bot is private. Your Telegram id is ${user}.`,
    `If you know its owner, tell them this code, by another way than this chat: ${code}`,
    "It is good for an hour. Nothing of what you wrote was kept.",
  ].join("\n");
}
