// Inline keyboards: what Telegram refuses in them (F6), and how a person finds a button.

import type { InlineKeyboardButton, InlineKeyboardMarkup } from "grammy/types";
import { badRequest } from "./bot-api-error.ts";
import type { Mutation } from "./mutations.ts";

export interface ButtonView {
  readonly label: string;
  readonly data?: string;
  readonly url?: string;
}

const callbackDataBytesMax = 64;
const buttonsMax = 100;

/** The keyboard as it will be stored; undefined when there is none. Throws BotApiError. */
export function checkKeyboard(markup: unknown, mutations: ReadonlySet<Mutation>): InlineKeyboardMarkup | undefined {
  if (!isInlineKeyboard(markup)) return undefined;
  const rows = markup.inline_keyboard.filter((row) => row.length > 0);
  for (const button of rows.flat()) checkButton(button, mutations);
  if (rows.flat().length > buttonsMax) throw badRequest("reply markup is too long", "callback");
  return rows.length > 0 ? { inline_keyboard: rows } : undefined;
}

function isInlineKeyboard(markup: unknown): markup is InlineKeyboardMarkup {
  return typeof markup === "object" && markup !== null && "inline_keyboard" in markup;
}

function checkButton(button: InlineKeyboardButton, mutations: ReadonlySet<Mutation>): void {
  const hasAction = Object.keys(button).some((key) => !["text", "style", "icon_custom_emoji_id"].includes(key));
  const data = "callback_data" in button ? button.callback_data : undefined;
  if (!hasAction || data === "") {
    throw badRequest(
      "can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard",
      "callback",
    );
  }
  const tooLong = data !== undefined && Buffer.byteLength(data) > callbackDataBytesMax;
  if (tooLong && !mutations.has("long-callback-data-accepted")) throw badRequest("BUTTON_DATA_INVALID", "callback");
}

export function viewKeyboard(markup: InlineKeyboardMarkup | undefined): ButtonView[][] {
  return (markup?.inline_keyboard ?? []).map((row) =>
    row.map((button) => ({
      label: button.text,
      ...("callback_data" in button ? { data: button.callback_data } : {}),
      ...("url" in button ? { url: button.url } : {}),
    })),
  );
}

/** A button by its whole label, its data, or (for people in a hurry) a part of its label. */
export function findButton(
  markup: InlineKeyboardMarkup | undefined,
  wanted: string | { readonly data: string },
): ButtonView | undefined {
  const buttons = viewKeyboard(markup).flat();
  if (typeof wanted !== "string") return buttons.find((button) => button.data === wanted.data);
  return buttons.find((button) => button.label === wanted) ?? buttons.find((button) => button.label.includes(wanted));
}
