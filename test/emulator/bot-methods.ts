// The table of Bot API methods that the emulator models. Each has the types of @grammyjs/types, so that an answer of the
// wrong shape does not compile. Methods that are not here exist, but answer 501.

import type { ApiMethods, BotCommandScope, Opts } from "grammy/types";
import { badRequest } from "./bot-api-error.ts";
import type { BotWorld } from "./bot-world.ts";
import { chatMethods } from "./chat-methods.ts";
import { mediaMethods } from "./media-methods.ts";
import { messageMethods } from "./message-methods.ts";
import type { Upload } from "./request-body.ts";

export interface Call {
  readonly uploads: ReadonlyMap<string, Upload>;
  /** Aborted when the caller has gone. */
  readonly signal: AbortSignal;
}

export type BotMethods = {
  [M in keyof ApiMethods]?: (
    params: Opts<M>,
    call: Call,
  ) => ReturnType<ApiMethods[M]> | Promise<ReturnType<ApiMethods[M]>>;
};

export function botMethods(world: BotWorld): BotMethods {
  return { ...aboutTheBot(world), ...messageMethods(world), ...mediaMethods(world), ...chatMethods(world) };
}

function aboutTheBot({ me, updates, callbacks, files, commands, mutations }: BotWorld): BotMethods {
  return {
    getMe: () => me,
    getUpdates: (params, { signal }) => updates.poll(params, signal),
    deleteWebhook(params) {
      updates.webhookUrl = "";
      if (params.drop_pending_updates === true) updates.dropAll();
      return true;
    },
    getWebhookInfo: () => ({
      url: updates.webhookUrl,
      has_custom_certificate: false,
      pending_update_count: updates.pending().length,
    }),
    answerCallbackQuery(params) {
      callbacks.answer(params.callback_query_id, {
        text: params.text,
        alert: params.show_alert ?? false,
        url: params.url,
      });
      return true;
    },
    getFile(params) {
      const file = files.download(params.file_id);
      return {
        file_id: file.fileId,
        file_unique_id: file.uniqueId,
        ...(file.size === undefined ? {} : { file_size: file.size }),
        file_path: file.path,
      };
    },
    setMyCommands(params) {
      if (params.commands.length > commandsMax) throw badRequest("BOT_COMMANDS_TOO_MUCH", "text");
      for (const { command, description } of params.commands) {
        if (!/^\/?[a-z0-9_]{1,32}$/.test(command)) throw badRequest("BOT_COMMAND_INVALID", "text");
        if (description.length < 1 || description.length > 256) {
          throw badRequest("BOT_COMMAND_DESCRIPTION_INVALID", "text");
        }
      }
      commands.set(menuKey(params), [...params.commands]);
      return true;
    },
    getMyCommands: (params) => commands.get(menuKey(params)) ?? [],
    deleteMyCommands(params) {
      if (!mutations.has("menu-stays")) commands.delete(menuKey(params));
      return true;
    },
  };
}

const commandsMax = 100;

function menuKey(params: { scope?: BotCommandScope; language_code?: string }): string {
  return `${JSON.stringify(params.scope ?? { type: "default" })} ${params.language_code ?? ""}`;
}
