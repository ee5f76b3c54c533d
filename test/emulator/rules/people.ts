// F6, F8, F9, F11: what people do, and what they can do to the bot.

import assert from "node:assert/strict";
import type { ChatMember, ForumTopic, Message, Update } from "grammy/types";
import type { Emulator } from "../emulator.ts";
import { get, refusal, type Rule } from "./rule.ts";

const sendTo = (emulator: Emulator, chatId: number, more: object = {}) =>
  refusal(emulator, "sendMessage", { chat_id: chatId, text: "hello", ...more });

const sendButton = (emulator: Emulator, data: string, chatId = emulator.owner.chatId) =>
  refusal(emulator, "sendMessage", {
    chat_id: chatId,
    text: "choose",
    reply_markup: { inline_keyboard: [[{ text: "Go", callback_data: data }]] },
  });

const kinds = (updates: readonly Update[]) =>
  updates.map((update) => Object.keys(update).find((key) => key !== "update_id"));

const tooOld = "400 Bad Request: query is too old and response timeout expired or query ID is invalid";

export const peopleRules: readonly Rule[] = [
  {
    sentence: "F6 callback_data is at most 64 bytes, not characters",
    mutations: ["long-callback-data-accepted"],
    async check(emulator) {
      assert.equal(await sendButton(emulator, "x".repeat(64)), "ok");
      assert.equal(await sendButton(emulator, "ü".repeat(33)), "400 Bad Request: BUTTON_DATA_INVALID");
    },
  },
  {
    sentence: "F6 a tap that is too old cannot be answered",
    mutations: ["callback-never-expires"],
    async check(emulator) {
      await sendButton(emulator, "go");
      const tap = emulator.owner.presses("Go");
      emulator.advance(5 * 60_000);
      assert.equal(await refusal(emulator, "answerCallbackQuery", { callback_query_id: tap }), tooOld);
    },
  },
  {
    sentence: "F6 a tap is answered once; an unknown one never",
    mutations: ["callback-answered-twice"],
    async check(emulator) {
      await sendButton(emulator, "go");
      const tap = emulator.owner.presses("Go");
      assert.equal(await refusal(emulator, "answerCallbackQuery", { callback_query_id: tap, text: "done" }), "ok");
      assert.equal(emulator.answerTo(tap)?.text, "done");
      assert.equal(await refusal(emulator, "answerCallbackQuery", { callback_query_id: tap }), tooOld);
      assert.equal(await refusal(emulator, "answerCallbackQuery", { callback_query_id: "1" }), tooOld);
    },
  },
  {
    sentence: "F6 two taps are two callback queries",
    mutations: ["double-tap-merged"],
    async check(emulator) {
      await sendButton(emulator, "go");
      emulator.owner.presses("Go");
      emulator.owner.presses("Go");
      const queries = emulator.updates.pending().map((update) => update.callback_query);
      assert.deepEqual(
        queries.map((query) => query?.data),
        ["go", "go"],
      );
      assert.notEqual(queries[0]?.id, queries[1]?.id);
    },
  },
  {
    sentence: "F6 any member of a group may tap, and is named as who they are",
    mutations: ["stranger-tap-as-owner"],
    async check(emulator) {
      const mallory = emulator.user({ firstName: "Mallory" });
      const group = emulator.group({ title: "Team", members: [emulator.owner, mallory] });
      await sendButton(emulator, "go", group.id);
      mallory.presses("Go", { chat: group.id });
      assert.equal(emulator.updates.pending().at(-1)?.callback_query?.from.id, mallory.id);
    },
  },
  {
    sentence: "F8 a person's long text arrives in pieces of at most 4096 that add up to it",
    mutations: ["long-text-unsplit"],
    async check(emulator) {
      const text = `${"word ".repeat(1000)}😀${"x".repeat(4095)}`;
      emulator.owner.sends(text);
      const parts = emulator.updates.pending().map((update) => update.message?.text ?? "");
      assert.ok(parts.length > 1 && parts.every((part) => part.length <= 4096 && part.isWellFormed()));
      assert.equal(parts.join(""), text);
    },
  },
  {
    sentence: "F9 an edit by a person arrives as edited_message with the same message id",
    mutations: ["edit-as-new-message"],
    async check(emulator) {
      const { message_id } = emulator.owner.sends("tpyo");
      emulator.owner.edits(message_id, "typo");
      assert.deepEqual(kinds(emulator.updates.pending()), ["message", "edited_message"]);
      assert.equal(emulator.updates.pending()[1]?.edited_message?.message_id, message_id);
    },
  },
  {
    sentence: "F9 a reaction is told when asked for, in a group only to an administrator",
    mutations: ["reactions-told-to-all"],
    async check(emulator) {
      const { owner } = emulator;
      const group = emulator.group({ title: "Team", kind: "supergroup", members: [owner] });
      const inGroup = owner.sends("group", { chat: group.id }).message_id;
      const inPrivate = owner.sends("private").message_id;
      owner.reacts(inPrivate, "👍");
      await get(emulator, "getUpdates", { allowed_updates: ["message_reaction"] });
      owner.reacts(inGroup, "👍", { chat: group.id });
      owner.reacts(inPrivate, "👎");
      group.promotesBot();
      owner.reacts(inGroup, "👎", { chat: group.id });
      const told = emulator.updates.pending().flatMap(({ message_reaction }) => message_reaction ?? []);
      assert.deepEqual(
        told.map(({ chat, new_reaction }) => [chat.id, new_reaction]),
        [
          [owner.chatId, [{ type: "emoji", emoji: "👎" }]],
          [group.id, [{ type: "emoji", emoji: "👎" }]],
        ],
      );
    },
  },
  {
    sentence: "F9 someone who blocked the bot gets nothing, and the bot is told so",
    mutations: ["blocked-still-receives"],
    async check(emulator) {
      emulator.owner.blocksBot();
      assert.deepEqual(kinds(emulator.updates.pending()), ["my_chat_member"]);
      assert.equal(await sendTo(emulator, emulator.owner.chatId), "403 Forbidden: bot was blocked by the user");
      assert.deepEqual(emulator.owner.chat().messages, []);
      emulator.owner.unblocksBot();
      assert.equal(await sendTo(emulator, emulator.owner.chatId), "ok");
    },
  },
  {
    sentence: "F9 the bot cannot start a conversation",
    mutations: ["stranger-receives"],
    async check(emulator) {
      const stranger = emulator.user();
      assert.equal(await sendTo(emulator, stranger.chatId), "400 Bad Request: chat not found");
      emulator.group({ title: "Team", members: [stranger] });
      assert.equal(
        await sendTo(emulator, stranger.chatId),
        "403 Forbidden: bot can't initiate conversation with a user",
      );
      stranger.sends("/start");
      assert.equal(await sendTo(emulator, stranger.chatId), "ok");
    },
  },
  {
    sentence: "F9 a closed topic takes nothing from a bot that is no administrator",
    mutations: ["closed-topic-accepts"],
    async check(emulator) {
      const forum = emulator.group({ title: "Forum", kind: "forum", members: [emulator.owner] });
      const thread = forum.createsTopic(emulator.owner, "Work");
      assert.equal(await sendTo(emulator, forum.id, { message_thread_id: thread }), "ok");
      forum.closesTopic(emulator.owner, thread);
      assert.equal(await sendTo(emulator, forum.id, { message_thread_id: thread }), "400 Bad Request: TOPIC_CLOSED");
      forum.reopensTopic(emulator.owner, thread);
      assert.equal(await sendTo(emulator, forum.id, { message_thread_id: thread }), "ok");
    },
  },
  {
    sentence: "F9 a topic that is gone takes nothing",
    mutations: ["missing-topic-accepts"],
    async check(emulator) {
      const forum = emulator.group({ title: "Forum", kind: "forum", members: [emulator.owner], botIsAdmin: true });
      const thread = forum.createsTopic(emulator.owner, "Work");
      forum.deletesTopic(thread);
      assert.equal(
        await sendTo(emulator, forum.id, { message_thread_id: thread }),
        "400 Bad Request: message thread not found",
      );
    },
  },
  {
    sentence: "F9 a migrated group answers with its new id",
    mutations: ["migrated-group-accepts"],
    async check(emulator) {
      const group = emulator.group({ title: "Team", members: [emulator.owner] });
      const moved = group.migrates(emulator.owner);
      const answer = await fetch(`${emulator.apiRoot}/bot${emulator.token}/sendMessage?chat_id=${group.id}&text=hello`);
      assert.deepEqual(await answer.json(), {
        ok: false,
        error_code: 400,
        description: "Bad Request: group chat was upgraded to a supergroup chat",
        parameters: { migrate_to_chat_id: moved.id },
      });
      assert.equal(await sendTo(emulator, moved.id), "ok");
    },
  },
  {
    sentence: "F9 a bot that was removed cannot write to the group",
    mutations: ["removed-bot-speaks"],
    async check(emulator) {
      const group = emulator.group({ title: "Team", members: [emulator.owner] });
      group.removesBot(emulator.owner);
      assert.equal(await sendTo(emulator, group.id), "403 Forbidden: bot was kicked from the group chat");
    },
  },
  {
    sentence: "F11 a draft shows for 30 seconds, ends with the message, and can be stopped",
    mutations: ["draft-never-fades"],
    async check(emulator) {
      const { owner } = emulator;
      const draft = { chat_id: owner.chatId, draft_id: 7, text: "thinking", can_stop: true };
      await get(emulator, "sendMessageDraft", draft);
      assert.equal(owner.chat().draft?.text, "thinking");
      emulator.advance(31_000);
      assert.equal(owner.chat().draft, undefined);
      await get(emulator, "sendMessageDraft", draft);
      owner.stopsDraft();
      assert.equal(emulator.updates.pending().at(-1)?.stopped_message_generation?.draft_id, 7);
      await get(emulator, "sendMessageDraft", draft);
      await get<Message>(emulator, "sendMessage", { chat_id: owner.chatId, text: "done" });
      assert.equal(owner.chat().draft, undefined);
    },
  },
  {
    sentence: "F9 a bot manages topics only as administrator",
    mutations: ["topics-without-rights"],
    async check(emulator) {
      const forum = emulator.group({ title: "Forum", kind: "forum", members: [emulator.owner] });
      const create = { chat_id: forum.id, name: "Work" };
      const refused = "400 Bad Request: not enough rights to manage topics";
      assert.equal(await refusal(emulator, "createForumTopic", create), refused);
      forum.promotesBot();
      const { message_thread_id } = await get<ForumTopic>(emulator, "createForumTopic", create);
      const topic = { chat_id: forum.id, message_thread_id };
      assert.equal(await refusal(emulator, "editForumTopic", { ...topic, name: "Play" }), "ok");
      assert.equal(await refusal(emulator, "closeForumTopic", topic), "ok");
      assert.equal(await refusal(emulator, "closeForumTopic", topic), "400 Bad Request: TOPIC_NOT_MODIFIED");
      assert.equal(await refusal(emulator, "deleteForumTopic", topic), "ok");
      assert.equal(await refusal(emulator, "deleteForumTopic", topic), "400 Bad Request: TOPIC_ID_INVALID");
    },
  },
  {
    sentence: "F9 getChatMember tells members from others",
    mutations: ["stranger-is-member"],
    async check(emulator) {
      const mallory = emulator.user({ firstName: "Mallory" });
      const group = emulator.group({ title: "Team", members: [emulator.owner] });
      const status = async (user_id: number) =>
        (await get<ChatMember>(emulator, "getChatMember", { chat_id: group.id, user_id })).status;
      assert.equal(await status(emulator.owner.id), "member");
      assert.equal(await status(mallory.id), "left");
      group.adds(mallory);
      assert.equal(await status(mallory.id), "member");
      group.leaves(mallory);
      assert.equal(await status(mallory.id), "left");
      assert.throws(() => mallory.sends("still here?", { chat: group.id }), /Mallory is not in chat/);
      const nobody = { chat_id: group.id, user_id: 1 };
      assert.equal(await refusal(emulator, "getChatMember", nobody), "400 Bad Request: PARTICIPANT_ID_INVALID");
    },
  },
  {
    sentence: "F11 drafts are for private chats",
    mutations: ["draft-in-group"],
    async check(emulator) {
      const group = emulator.group({ title: "Team", members: [emulator.owner] });
      const draft = { chat_id: group.id, draft_id: 7, text: "thinking" };
      assert.equal(await refusal(emulator, "sendMessageDraft", draft), "400 Bad Request: chat not found");
      assert.equal(group.chat().draft, undefined);
    },
  },
  {
    sentence: "F11 a draft has an id that is not 0",
    mutations: ["draft-without-id"],
    async check(emulator) {
      const draft = { chat_id: emulator.owner.chatId, draft_id: 0, text: "thinking" };
      assert.equal(await refusal(emulator, "sendMessageDraft", draft), "400 Bad Request: RANDOM_ID_INVALID");
    },
  },
  {
    sentence: "F11 Stop takes the draft away, or leaves it when asked to, and the bot is told once",
    mutations: ["stop-untold"],
    async check(emulator) {
      const { owner } = emulator;
      const draft = { chat_id: owner.chatId, draft_id: 7, text: "so far", can_stop: true };
      await get(emulator, "sendMessageDraft", { ...draft, can_stop: false });
      assert.throws(() => owner.stopsDraft(), /no draft to stop/);
      await get(emulator, "sendMessageDraft", draft);
      owner.stopsDraft();
      assert.equal(owner.chat().draft, undefined);
      await get(emulator, "sendMessageDraft", { ...draft, draft_id: 8, keep_on_stop: true });
      owner.stopsDraft();
      assert.equal(owner.chat().draft?.text, "so far");
      assert.throws(() => owner.stopsDraft(), /no draft to stop/);
      const stopped = emulator.updates.pending().map((update) => update.stopped_message_generation?.draft_id);
      assert.deepEqual(stopped, [7, 8]);
    },
  },
  {
    sentence: "F11 a chat action shows for 5 seconds, or until a message comes",
    mutations: ["action-never-fades"],
    async check(emulator) {
      const { owner } = emulator;
      const act = () => get(emulator, "sendChatAction", { chat_id: owner.chatId, action: "typing" });
      await act();
      assert.equal(owner.chat().action, "typing");
      await sendTo(emulator, owner.chatId);
      assert.equal(owner.chat().action, undefined);
      await act();
      emulator.advance(5000);
      assert.equal(owner.chat().action, undefined);
    },
  },
];
