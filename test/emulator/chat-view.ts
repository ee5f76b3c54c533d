// A chat as the people in it see it: messages in order, buttons, reactions, the draft, "typing", and all of it as text.

import type { MessageEntity, MessageOrigin } from "grammy/types";
import type { BotWorld } from "./bot-world.ts";
import type { ChatKind, StoredChat, StoredMessage } from "./chats.ts";
import type { MediaKind } from "./media.ts";
import { viewKeyboard, type ButtonView } from "./keyboards.ts";

export interface MessageView {
  readonly id: number;
  /** First name of the sender. */
  readonly who: string;
  readonly fromBot: boolean;
  /** Who really wrote it, whatever name is shown. */
  readonly author: number;
  /** The text or the caption. */
  readonly text: string;
  readonly entities: readonly MessageEntity[];
  readonly buttons: readonly (readonly ButtonView[])[];
  readonly edited: boolean;
  /** How often it was edited. */
  readonly edits: number;
  readonly reactions: readonly string[];
  readonly replyTo: number | undefined;
  readonly thread: number | undefined;
  readonly document: { readonly name: string; readonly bytes: Uint8Array } | undefined;
  readonly photo: boolean;
  /** Whatever file it carries, a document and a photo too. */
  readonly file: FileView | undefined;
  /** The album it belongs to. */
  readonly album: string | undefined;
  /** The part of the other message that it answers. */
  readonly quote: string | undefined;
  readonly forwardedFrom: string | undefined;
  /** Neither text nor file: what it is, "location". */
  readonly share: string | undefined;
  /** Unix seconds. */
  readonly date: number;
}

export interface FileView {
  readonly kind: MediaKind;
  readonly id: string;
  readonly name: string;
  readonly mimeType: string;
  readonly bytes: Uint8Array;
}

export interface DraftView {
  readonly draftId: number;
  readonly text: string;
  readonly thread: number | undefined;
  readonly canStop: boolean;
}

export interface ChatView {
  readonly id: number;
  readonly kind: ChatKind;
  readonly title: string;
  readonly members: readonly { readonly id: number; readonly name: string }[];
  readonly topics: readonly { readonly id: number; readonly name: string; readonly state: "open" | "closed" }[];
  /** The person blocked the bot. */
  readonly blocked: boolean;
  /** What is there now, oldest first; deleted messages and service messages are not. */
  readonly messages: readonly MessageView[];
  readonly fromBot: readonly MessageView[];
  readonly last: MessageView | undefined;
  /** The newest message of the bot that contains the text or matches. */
  find(wanted: string | RegExp): MessageView | undefined;
  message(messageId: number): MessageView | undefined;
  /** What the bot is writing, while it shows (30 seconds after the last change). */
  readonly draft: DraftView | undefined;
  /** The chat action that shows (5 seconds). */
  readonly action: string | undefined;
  readonly pinned: readonly number[];
  readonly rendered: string;
}

const draftShowsMs = 30_000;
const actionShowsMs = 5_000;

/** `thread` narrows the view to one topic. */
export function viewChat(world: BotWorld, chat: StoredChat, thread?: number): ChatView {
  const nowMs = world.clock.nowMs();
  const messages = chat.messages
    .filter((message) => message.state === "there" && message.content.kind !== "service")
    .filter((message) => thread === undefined || message.thread === thread)
    .map((message) => viewMessage(world, message));
  const fromBot = messages.filter((message) => message.fromBot);
  const draftShows =
    chat.draft !== undefined && (nowMs - chat.draft.shownMs < draftShowsMs || world.mutations.has("draft-never-fades"));
  const draft = draftShows ? chat.draft : undefined;
  const action =
    chat.action !== undefined &&
    (nowMs - chat.action.shownMs < actionShowsMs || world.mutations.has("action-never-fades"))
      ? chat.action.name
      : undefined;
  const matches = (text: string, wanted: string | RegExp) =>
    typeof wanted === "string" ? text.includes(wanted) : wanted.test(text);
  return {
    id: chat.id,
    kind: chat.kind,
    title: chat.title,
    members: [...chat.members.values()].map(({ id, first_name: name }) => ({ id, name })),
    topics: [...chat.topics].map(([id, { name, state }]) => ({ id, name, state })),
    blocked: chat.door === "blocked",
    messages,
    fromBot,
    last: messages.at(-1),
    find: (wanted) => fromBot.findLast((message) => matches(message.text, wanted)),
    message: (messageId) => messages.find((message) => message.id === messageId),
    draft,
    action,
    pinned: [...chat.pinned],
    get rendered() {
      return render(chat, messages, draft, action);
    },
  };
}

function viewMessage(world: BotWorld, message: StoredMessage): MessageView {
  const { content, marks } = message;
  const file = viewFile(message);
  return {
    id: message.id,
    who: marks.sender_chat?.title ?? message.from.first_name,
    fromBot: message.from.id === world.me.id,
    author: message.author,
    text: message.text,
    entities: message.entities,
    buttons: viewKeyboard(message.markup),
    edited: message.editDate !== undefined,
    edits: message.edits,
    reactions: [...message.reactions.values()].flat(),
    replyTo: message.replyTo,
    thread: message.thread,
    document: file?.kind === "document" ? { name: file.name, bytes: file.bytes } : undefined,
    photo: file?.kind === "photo",
    file,
    album: marks.media_group_id,
    quote: marks.quote?.text,
    forwardedFrom: marks.forward_origin === undefined ? undefined : nameOf(marks.forward_origin),
    share: content.kind === "bare" ? Object.keys(content.fields)[0] : undefined,
    date: message.date,
  };
}

function viewFile({ content }: StoredMessage): FileView | undefined {
  if (content.kind !== "media") return undefined;
  const { fileId: id, name, mimeType, bytes } = content.file;
  return { kind: content.media, id, name, mimeType, bytes };
}

function nameOf(origin: MessageOrigin): string {
  switch (origin.type) {
    case "user":
      return origin.sender_user.first_name;
    case "hidden_user":
      return origin.sender_user_name;
    case "chat":
      return origin.sender_chat.title ?? "a chat";
    case "channel":
      return origin.chat.title;
    default:
      return origin satisfies never;
  }
}

function render(
  chat: StoredChat,
  messages: readonly MessageView[],
  draft: DraftView | undefined,
  action: string | undefined,
): string {
  const lines = [`— ${chat.title} (${chat.kind} ${chat.id}${chat.door === "blocked" ? ", bot blocked" : ""}) —`];
  for (const message of messages) lines.push(renderMessage(chat, message));
  if (draft !== undefined)
    lines.push(`(draft ${draft.draftId}${draft.canStop ? ", [Stop]" : ""}) ${draft.text || "Thinking…"}`);
  if (action !== undefined) lines.push(`(bot: ${action}…)`);
  return lines.join("\n");
}

function renderMessage(chat: StoredChat, message: MessageView): string {
  const topic = message.thread === undefined ? "" : ` in ${chat.topics.get(message.thread)?.name ?? message.thread}`;
  const reply = message.replyTo === undefined ? "" : ` re #${message.replyTo}`;
  const marks = `${message.edited ? " (edited)" : ""}${message.reactions.length > 0 ? ` ${message.reactions.join("")}` : ""}`;
  const forwarded = message.forwardedFrom === undefined ? "" : ` fwd ${message.forwardedFrom}`;
  const head = `#${message.id} ${message.who}${topic}${reply}${forwarded}: ${renderFile(message)}${message.text}${marks}`;
  const rows = message.buttons.map((row) => `    ${row.map((button) => `[${button.label}]`).join(" ")}`);
  return [head, ...rows].join("\n");
}

function renderFile({ file, share }: MessageView): string {
  if (share !== undefined) return `<${share}> `;
  if (file === undefined) return "";
  return file.kind === "document" ? `<${file.name}> ` : `<${file.kind}> `;
}
