/**
 * A conversation is where a person talks with an agent: a Telegram chat (or one topic of it), or a thread of the page.
 * Its id is stable, is the key of its lane, and starts with the name of the channel that carries it.
 */

export type ConversationId = string & { readonly brand: "ConversationId" };

export type ChannelName = "telegram" | "web";

export function telegramConversation(chat: number, thread: number | null): ConversationId {
  return (thread === null ? `telegram:${chat}` : `telegram:${chat}:${thread}`) as ConversationId;
}

export function webConversation(thread: string): ConversationId {
  return `web:${thread}` as ConversationId;
}

/**
 * A side conversation has a lane and a session of its own, and is held where its home is: what is said in it is said there. Schedules run in
 * them. `name` is made of lower case letters, digits and hyphens, at most 32.
 */
export function sideConversation(home: ConversationId, name: string): ConversationId {
  return `${homeOf(home)}~${name}` as ConversationId;
}

/** The conversation that a side conversation belongs to; any other is its own home. */
export function homeOf(conversation: ConversationId): ConversationId {
  return conversation.split("~", 1)[0] as ConversationId;
}

/** The name of a side conversation; null for any other. */
export function sideNameOf(conversation: ConversationId): string | null {
  return conversation.split("~")[1] ?? null;
}

/** The chat and topic behind a Telegram conversation; null for a conversation of another channel. */
export function telegramAddress(conversation: ConversationId): { chat: number; thread: number | null } | null {
  const [channel, chat, thread] = homeOf(conversation).split(":");
  if (channel !== "telegram" || chat === undefined) return null;
  return { chat: Number(chat), thread: thread === undefined ? null : Number(thread) };
}

export function channelOf(conversation: ConversationId): ChannelName {
  return conversation.startsWith("telegram:") ? "telegram" : "web";
}

const idPattern = /^(telegram:-?\d{1,20}(:\d{1,20})?|web:[A-Za-z0-9_-]{1,64})(~[a-z0-9][a-z0-9-]{0,31})?$/;

/** Reads an id that came from outside (a URL, the configuration); null when it names no conversation. */
export function parseConversationId(text: string): ConversationId | null {
  return idPattern.test(text) ? (text as ConversationId) : null;
}

/** Where a conversation is held. Telegram's groups have negative ids. */
export function placeOf(conversation: ConversationId): "page" | "private" | "group" {
  const address = telegramAddress(conversation);
  return address === null ? "page" : address.chat < 0 ? "group" : "private";
}
