// The methods about chats themselves: who is in them, their topics, what is pinned.

import type { ChatFullInfo, ChatMember } from "grammy/types";
import { badRequest } from "./bot-api-error.ts";
import type { BotMethods } from "./bot-methods.ts";
import type { BotWorld } from "./bot-world.ts";
import type { StoredChat, Topic } from "./chats.ts";

const blueIcon = 0x6fb9f0;
const topicNameUnitsMax = 128;

export function chatMethods(world: BotWorld): BotMethods {
  const { me, changes, chats, access, mutations } = world;

  function mayManageTopics(chat: StoredChat): void {
    const hasTopics = chat.kind === "forum" || (chat.kind === "private" && me.has_topics_enabled);
    if (!hasTopics) throw badRequest("the chat is not a forum", "access");
    if (chat.kind === "forum" && chat.bot !== "administrator" && !mutations.has("topics-without-rights")) {
      throw badRequest("not enough rights to manage topics", "access");
    }
  }

  function manageTopic(params: { chat_id: number | string; message_thread_id: number }): [StoredChat, Topic] {
    const chat = access.writable(params.chat_id);
    mayManageTopics(chat);
    const topic = chat.topics.get(params.message_thread_id);
    if (topic === undefined) throw badRequest("TOPIC_ID_INVALID", "missing");
    return [chat, topic];
  }

  function setTopicState(params: { chat_id: number | string; message_thread_id: number }, state: Topic["state"]): true {
    const [chat, topic] = manageTopic(params);
    if (topic.state === state) throw badRequest("TOPIC_NOT_MODIFIED", "edit");
    topic.state = state;
    const fields = state === "closed" ? { forum_topic_closed: {} } : { forum_topic_reopened: {} };
    chats.add(chat, { from: me, thread: params.message_thread_id, content: { kind: "service", fields } });
    changes.ring();
    return true;
  }

  function pinnable(chatId: number | string): StoredChat {
    const chat = access.writable(chatId);
    if (chat.kind !== "private" && chat.bot !== "administrator" && !mutations.has("pins-without-rights")) {
      throw badRequest("not enough rights to manage pinned messages in the chat", "access");
    }
    return chat;
  }

  return {
    getChat: (params) => fullInfo(world, access.chat(params.chat_id)),
    getChatMember(params) {
      const chat = access.writable(params.chat_id);
      if (params.user_id === me.id) return standing(world, chat);
      const user = chat.members.get(params.user_id);
      if (user !== undefined) return { status: "member", user };
      const known = chats.all().flatMap((other) => [...other.members.values()]);
      const stranger = known.find((member) => member.id === params.user_id);
      if (stranger === undefined) throw badRequest("PARTICIPANT_ID_INVALID", "missing");
      return { status: mutations.has("stranger-is-member") ? "member" : "left", user: stranger };
    },
    createForumTopic(params) {
      const chat = access.writable(params.chat_id);
      mayManageTopics(chat);
      if (params.name.trim() === "") throw badRequest("TOPIC_TITLE_EMPTY", "text");
      if (params.name.length > topicNameUnitsMax) throw badRequest("TOPIC_TITLE_TOO_LONG", "text");
      access.door(chat);
      const iconColor = params.icon_color ?? blueIcon;
      const created = chats.add(chat, {
        from: me,
        content: { kind: "service", fields: { forum_topic_created: { name: params.name, icon_color: iconColor } } },
      });
      chat.topics.set(created.id, { name: params.name, state: "open", iconColor });
      changes.ring();
      return { message_thread_id: created.id, name: params.name, icon_color: iconColor };
    },
    editForumTopic(params) {
      const [, topic] = manageTopic(params);
      if (params.name === topic.name) throw badRequest("TOPIC_NOT_MODIFIED", "edit");
      if (params.name !== undefined && params.name !== "") topic.name = params.name;
      changes.ring();
      return true;
    },
    closeForumTopic: (params) => setTopicState(params, "closed"),
    reopenForumTopic: (params) => setTopicState(params, "open"),
    deleteForumTopic(params) {
      const [chat] = manageTopic(params);
      chat.topics.delete(params.message_thread_id);
      for (const message of chat.messages) {
        if (message.thread === params.message_thread_id) message.state = "deleted";
      }
      changes.ring();
      return true;
    },
    pinChatMessage(params) {
      const chat = pinnable(params.chat_id);
      const message = access.message(chat, params.message_id, "message to pin");
      access.door(chat);
      if (!chat.pinned.includes(message.id)) chat.pinned.push(message.id);
      changes.ring();
      return true;
    },
    unpinChatMessage(params) {
      const chat = pinnable(params.chat_id);
      const messageId = params.message_id ?? chat.pinned.at(-1);
      const at = messageId === undefined ? -1 : chat.pinned.indexOf(messageId);
      if (at < 0 && !mutations.has("edit-missing-accepted")) throw badRequest("message to unpin not found", "missing");
      chat.pinned.splice(at, 1);
      changes.ring();
      return true;
    },
    unpinAllChatMessages(params) {
      pinnable(params.chat_id).pinned.length = 0;
      changes.ring();
      return true;
    },
  };
}

function standing({ me }: BotWorld, chat: StoredChat): ChatMember {
  switch (chat.bot) {
    case "member":
      return { status: "member", user: me };
    case "removed":
      return { status: "left", user: me };
    case "administrator":
      return {
        status: "administrator",
        user: me,
        can_be_edited: false,
        is_anonymous: false,
        can_manage_chat: true,
        can_delete_messages: true,
        can_manage_video_chats: true,
        can_restrict_members: true,
        can_promote_members: false,
        can_change_info: true,
        can_invite_users: true,
        can_post_stories: false,
        can_edit_stories: false,
        can_delete_stories: false,
        can_pin_messages: true,
        can_send_welcome_messages: false,
        can_manage_topics: true,
      };
    default:
      return chat.bot satisfies never;
  }
}

function fullInfo({ chats }: BotWorld, chat: StoredChat): ChatFullInfo {
  const common = {
    accent_color_id: 0,
    max_reaction_count: 11,
    accepted_gift_types: {
      unlimited_gifts: false,
      limited_gifts: false,
      unique_gifts: false,
      premium_subscription: false,
      gifts_from_channels: false,
    },
  };
  const pinned = chats.message(chat, chat.pinned.at(-1) ?? 0);
  const info = {
    ...chats.toChat(chat),
    ...common,
    ...(pinned === undefined ? {} : { pinned_message: chats.toMessage(pinned) }),
  };
  return info;
}
