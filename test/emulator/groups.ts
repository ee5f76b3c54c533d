// Groups, supergroups and forums as their members and administrators handle them.

import type { Message } from "grammy/types";
import type { BotWorld } from "./bot-world.ts";
import { viewChat, type ChatView } from "./chat-view.ts";
import type { StoredChat, Topic } from "./chats.ts";
import { channelOf, originOf } from "./letters.ts";
import { automatic } from "./message-text.ts";
import { openTopic, type Person } from "./people.ts";

export interface GroupOptions {
  readonly title: string;
  readonly members: readonly Person[];
  readonly kind?: "group" | "supergroup" | "forum";
  readonly botIsAdmin?: boolean;
}

export interface Group {
  readonly id: number;
  createsTopic(by: Person, name: string): number;
  closesTopic(by: Person, thread: number): void;
  reopensTopic(by: Person, thread: number): void;
  deletesTopic(thread: number): void;
  /** A post of the channel that the group discusses: Telegram itself forwards it. The id of the post in the group. */
  channelPosts(channel: string, text: string): number;
  adds(person: Person): void;
  /** They can neither write nor tap here any more. */
  leaves(person: Person): void;
  removesBot(by: Person): void;
  promotesBot(): void;
  /** A basic group becomes a supergroup with another id; the old one answers 400 with the new id. */
  migrates(by: Person): Group;
  chat(thread?: number): ChatView;
}

export function createGroup(world: BotWorld, options: GroupOptions): Group {
  const { chats } = world;
  const stored = chats.open(
    options.kind ?? "group",
    options.title,
    options.members.map((person) => person.user),
  );
  if (options.botIsAdmin === true) stored.bot = "administrator";
  return groupOf(world, stored);
}

function groupOf(world: BotWorld, stored: StoredChat): Group {
  const { me, chats, updates, changes, clock } = world;

  function announce(chat: StoredChat, by: Person, fields: Partial<Message>, thread?: number): void {
    const message = chats.add(chat, { from: by.user, thread, content: { kind: "service", fields } });
    updates.push({ message: { ...chats.toMessage(message), chat: chats.toChat(chat), from: by.user } });
    changes.ring();
  }

  function switchTopic(by: Person, thread: number, state: Topic["state"]): void {
    const topic = stored.topics.get(thread);
    if (topic === undefined) throw new Error(`no topic ${thread}`);
    topic.state = state;
    announce(stored, by, state === "closed" ? { forum_topic_closed: {} } : { forum_topic_reopened: {} }, thread);
  }

  return {
    id: stored.id,
    createsTopic(by, name) {
      if (stored.kind !== "forum") throw new Error(`group ${stored.id} is no forum`);
      return openTopic(world, stored, by.user, name);
    },
    closesTopic: (by, thread) => switchTopic(by, thread, "closed"),
    reopensTopic: (by, thread) => switchTopic(by, thread, "open"),
    deletesTopic(thread) {
      // Nobody is told: Telegram has no update for it.
      stored.topics.delete(thread);
      changes.ring();
    },
    channelPosts(channel, text) {
      const forwardedFrom = { kind: "channel", title: channel } as const;
      const post = chats.add(stored, {
        from: { id: 777_000, is_bot: false, first_name: "Telegram" },
        text,
        entities: automatic(text),
        marks: {
          sender_chat: channelOf(channel),
          forward_origin: originOf(forwardedFrom, clock.nowSeconds()),
          is_automatic_forward: true,
        },
      });
      const message = chats.toMessage(post);
      updates.push({ message: { ...message, chat: chats.toChat(stored), from: post.from } });
      changes.ring();
      return post.id;
    },
    adds(person) {
      stored.members.set(person.id, person.user);
      announce(stored, person, { new_chat_members: [person.user] });
    },
    leaves(person) {
      stored.members.delete(person.id);
      announce(stored, person, { left_chat_member: person.user });
    },
    removesBot(by) {
      stored.bot = "removed";
      updates.push({
        my_chat_member: {
          chat: chats.toChat(stored),
          from: by.user,
          date: clock.nowSeconds(),
          old_chat_member: { status: "member", user: me },
          new_chat_member: { status: "kicked", user: me, until_date: 0 },
        },
      });
      changes.ring();
    },
    promotesBot() {
      stored.bot = "administrator";
    },
    migrates(by) {
      if (stored.kind !== "group") throw new Error("only a basic group migrates");
      const moved = chats.open("supergroup", stored.title, [...stored.members.values()]);
      stored.migratedTo = moved.id;
      announce(stored, by, { migrate_to_chat_id: moved.id });
      announce(moved, by, { migrate_from_chat_id: stored.id });
      return groupOf(world, moved);
    },
    chat: (thread) => viewChat(world, stored, thread),
  };
}
