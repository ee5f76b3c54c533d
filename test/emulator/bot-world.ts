// What the Bot API methods work on: one bot, its chats, its queue of updates. Both sides, the bot's and the people's, hold it.

import type { BotCommand, UserFromGetMe } from "grammy/types";
import type { Access } from "./access.ts";
import type { Callbacks } from "./callbacks.ts";
import type { Changes } from "./changes.ts";
import type { Chats } from "./chats.ts";
import type { Files } from "./files.ts";
import type { Mutation } from "./mutations.ts";
import type { RateLimits } from "./rate-limits.ts";
import type { TelegramClock } from "./telegram-clock.ts";
import type { UpdateQueue } from "./updates.ts";

export interface BotWorld {
  readonly me: UserFromGetMe;
  readonly clock: TelegramClock;
  readonly changes: Changes;
  readonly chats: Chats;
  readonly access: Access;
  readonly updates: UpdateQueue;
  readonly callbacks: Callbacks;
  readonly files: Files;
  readonly rateLimits: RateLimits;
  /** Command menus by scope and language. */
  readonly commands: Map<string, BotCommand[]>;
  readonly mutations: ReadonlySet<Mutation>;
}
