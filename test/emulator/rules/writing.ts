// F3, F4, F5: what the bot may write and change.

import assert from "node:assert/strict";
import type { ChatFullInfo, Message } from "grammy/types";
import type { Emulator } from "../emulator.ts";
import { ask, get, pngOf, refusal, upload, type Rule } from "./rule.ts";

const send = (emulator: Emulator, text: string, more: object = {}) =>
  get<Message>(emulator, "sendMessage", { chat_id: emulator.owner.chatId, text, ...more });

const sendRefused = (emulator: Emulator, text: string, more: object = {}) =>
  refusal(emulator, "sendMessage", { chat_id: emulator.owner.chatId, text, ...more });

const editRefused = (emulator: Emulator, messageId: number, text: string, more: object = {}) =>
  refusal(emulator, "editMessageText", { chat_id: emulator.owner.chatId, message_id: messageId, text, ...more });

const keyboard = { inline_keyboard: [[{ text: "Stop", callback_data: "stop" }]] };

export const writingRules: readonly Rule[] = [
  {
    sentence: "F3 more than a short burst in one chat is told to wait, and how long",
    mutations: ["no-buckets", "no-retry-after"],
    options: { rateLimits: "buckets" },
    async check(emulator) {
      const answers = [];
      for (let n = 0; n < 8; n++) {
        answers.push(await ask(emulator, "sendMessage", { chat_id: emulator.owner.chatId, text: `${n}` }));
      }
      const refused = answers.find((answer) => !answer.ok);
      assert.equal(refused?.error_code, 429);
      const seconds = refused.parameters?.retry_after;
      assert.equal(refused.description, `Too Many Requests: retry after ${seconds}`);
      emulator.advance(seconds! * 1000);
      await send(emulator, "patient");
    },
  },
  {
    sentence: "F3 in a group edits count against its 20 a minute",
    mutations: ["group-edits-free"],
    options: { rateLimits: "buckets" },
    async check(emulator) {
      const group = emulator.group({ title: "Team", members: [emulator.owner] });
      const { message_id } = await get<Message>(emulator, "sendMessage", { chat_id: group.id, text: "start" });
      const refusals = [];
      for (let n = 0; n < 20; n++) {
        refusals.push(await refusal(emulator, "editMessageText", { chat_id: group.id, message_id, text: `edit ${n}` }));
      }
      assert.match(refusals.join(), /429 Too Many Requests/);
    },
  },
  {
    sentence: "F3 in strict mode edits half a second apart earn two minutes of silence",
    mutations: ["no-penalty"],
    options: { rateLimits: "strict" },
    async check(emulator) {
      const { message_id } = await send(emulator, "0");
      assert.equal(await editRefused(emulator, message_id, "1"), "ok");
      assert.match(await editRefused(emulator, message_id, "2"), /^429 Too Many Requests: retry after 12\d$/);
      assert.match(await sendRefused(emulator, "even a send"), /^429/);
      emulator.advance(130_000);
      assert.equal(await editRefused(emulator, message_id, "3"), "ok");
    },
  },
  {
    sentence: "F3 an album counts as many messages as it has",
    mutations: ["album-counts-once"],
    options: { rateLimits: "buckets" },
    async check(emulator) {
      const group = emulator.group({ title: "Team", members: [emulator.owner] });
      const media = JSON.stringify(Array.from({ length: 10 }, () => ({ type: "photo", media: "attach://p" })));
      const answers = [];
      for (let n = 0; n < 3; n++) {
        answers.push(await upload(emulator, "sendMediaGroup", { chat_id: group.id, media }, { p: pngOf(40, 30) }));
      }
      assert.deepEqual(answers.slice(0, 2), ["ok", "ok"]);
      assert.match(answers[2] ?? "", /^429 Too Many Requests: retry after \d\d$/);
    },
  },
  {
    sentence: "F4 4096 UTF-16 units fit, one more does not",
    mutations: ["long-text-accepted", "length-in-bytes"],
    async check(emulator) {
      await send(emulator, "ü".repeat(4096));
      await send(emulator, "😀".repeat(2048));
      assert.equal(await sendRefused(emulator, "x".repeat(4097)), "400 Bad Request: message is too long");
    },
  },
  {
    sentence: "F4 a text of blanks or invisible characters is empty",
    mutations: ["blank-text-accepted"],
    async check(emulator) {
      assert.equal(await sendRefused(emulator, ""), "400 Bad Request: message text is empty");
      assert.equal(await sendRefused(emulator, " \n\u200b "), "400 Bad Request: text must be non-empty");
      assert.deepEqual(emulator.owner.chat().messages, []);
    },
  },
  {
    sentence: "F4 what reorders a text or grows over its lines is taken out, and entities move along",
    mutations: ["nothing-taken-out"],
    async check(emulator) {
      const entities = [{ type: "bold", offset: 6, length: 4 }];
      const message = await send(emulator, "a\u202Eb\u030A\tcbold", { entities });
      assert.equal(message.text, "ab cbold");
      assert.deepEqual(message.entities, [{ type: "bold", offset: 4, length: 4 }]);
    },
  },
  {
    sentence: "F4 a text is stored trimmed, and its entities move along",
    mutations: ["no-trim"],
    async check(emulator) {
      const entities = [{ type: "bold", offset: 2, length: 4 }];
      const message = await send(emulator, "  bold   ", { entities });
      assert.equal(message.text, "bold");
      assert.deepEqual(message.entities, [{ type: "bold", offset: 0, length: 4 }]);
    },
  },
  {
    sentence: "F4 an entity may not reach past the end of the text",
    mutations: ["entity-beyond-end-accepted"],
    async check(emulator) {
      assert.equal(
        await sendRefused(emulator, "x", { entities: [{ type: "bold", offset: 0, length: 2 }] }),
        "400 Bad Request: entity beginning at UTF-16 offset 0 ends after the end of the text at UTF-16 offset 2",
      );
    },
  },
  {
    sentence: "F4 an entity may not begin or end inside a surrogate pair",
    mutations: ["entity-splits-symbol-accepted"],
    async check(emulator) {
      assert.equal(
        await sendRefused(emulator, "😀x", { entities: [{ type: "bold", offset: 0, length: 1 }] }),
        "400 Bad Request: entity beginning at UTF-16 offset 0 ends in a middle of a UTF-16 symbol at byte offset 4",
      );
      assert.match(
        await sendRefused(emulator, "😀x", { entities: [{ type: "bold", offset: 1, length: 2 }] }),
        /^400 Bad Request: entity begins in a middle of a UTF-16 symbol/,
      );
    },
  },
  {
    sentence: "F4 pre and code hold no other entity",
    mutations: ["nested-code-accepted"],
    async check(emulator) {
      const pre = { type: "pre", offset: 0, length: 8, language: "ts" };
      const message = await send(emulator, "const a;", { entities: [pre, { type: "bold", offset: 0, length: 5 }] });
      assert.deepEqual(message.entities, [pre]);
    },
  },
  {
    sentence: "F5 an edit that changes neither text nor buttons is refused as not modified",
    mutations: ["not-modified-accepted"],
    async check(emulator) {
      const { message_id } = await send(emulator, "same", { reply_markup: keyboard });
      assert.equal(
        await editRefused(emulator, message_id, "same ", { reply_markup: keyboard }),
        "400 Bad Request: message is not modified: specified new message content and reply markup are exactly the same as a current content and reply markup of the message",
      );
      assert.equal(emulator.owner.chat().message(message_id)?.edited, false);
    },
  },
  {
    sentence: "F5 an edit that does not repeat the buttons removes them",
    mutations: ["edit-keeps-buttons"],
    async check(emulator) {
      const { message_id } = await send(emulator, "with", { reply_markup: keyboard });
      assert.equal(await editRefused(emulator, message_id, "without"), "ok");
      assert.deepEqual(emulator.owner.chat().message(message_id)?.buttons, []);
    },
  },
  {
    sentence: "F5 a message that is gone cannot be edited",
    mutations: ["edit-missing-accepted"],
    async check(emulator) {
      const { message_id } = await send(emulator, "short life");
      await get(emulator, "deleteMessage", { chat_id: emulator.owner.chatId, message_id });
      assert.equal(await editRefused(emulator, message_id, "too late"), "400 Bad Request: message to edit not found");
    },
  },
  {
    sentence: "F5 a person's message cannot be edited by the bot",
    mutations: ["edit-anyones-message"],
    async check(emulator) {
      const { message_id } = emulator.owner.sends("mine");
      assert.equal(await editRefused(emulator, message_id, "yours"), "400 Bad Request: message can't be edited");
      assert.equal(emulator.owner.chat().message(message_id)?.text, "mine");
    },
  },
  {
    sentence: "F5 a reply to a missing message is refused unless it may be sent without",
    mutations: ["reply-to-missing-accepted"],
    async check(emulator) {
      assert.equal(
        await sendRefused(emulator, "re", { reply_parameters: { message_id: 99 } }),
        "400 Bad Request: message to be replied not found",
      );
      await send(emulator, "re", { reply_parameters: { message_id: 99, allow_sending_without_reply: true } });
    },
  },
  {
    sentence: "F5 a caption is edited where a file is, and nowhere else",
    mutations: ["caption-anywhere"],
    async check(emulator) {
      const { owner } = emulator;
      await upload(emulator, "sendPhoto", { chat_id: owner.chatId, caption: "before" }, { photo: pngOf(40, 30) });
      const message_id = owner.chat().last?.id;
      const edit = { chat_id: owner.chatId, message_id, caption: "after" };
      assert.equal(await refusal(emulator, "editMessageCaption", edit), "ok");
      assert.match(await refusal(emulator, "editMessageCaption", edit), /^400 Bad Request: message is not modified/);
      assert.equal(owner.chat().last?.text, "after");
      const noText = "400 Bad Request: there is no text in the message to edit";
      assert.equal(await editRefused(emulator, message_id ?? 0, "text"), noText);
      const text = await send(emulator, "no file");
      const noCaption = "400 Bad Request: there is no caption in the message to edit";
      assert.equal(await refusal(emulator, "editMessageCaption", { ...edit, message_id: text.message_id }), noCaption);
    },
  },
  {
    sentence: "F5 a message can be deleted for 48 hours; of many, those that cannot are passed over in silence",
    mutations: ["old-message-deleted"],
    async check(emulator) {
      const { chatId } = emulator.owner;
      const [old, older] = [await send(emulator, "old"), await send(emulator, "older")];
      emulator.advance(48 * 60 * 60_000 + 2000);
      const young = await send(emulator, "young");
      const gone = { chat_id: chatId, message_id: old.message_id };
      assert.equal(await refusal(emulator, "deleteMessage", gone), "400 Bad Request: message can't be deleted");
      const message_ids = [older.message_id, young.message_id, 999];
      assert.equal(await refusal(emulator, "deleteMessages", { chat_id: chatId, message_ids }), "ok");
      assert.deepEqual(
        emulator.owner.chat().messages.map((message) => message.text),
        ["old", "older"],
      );
    },
  },
  {
    sentence: "F5 in a group a bot deletes what others wrote only as administrator",
    mutations: ["deletes-without-rights"],
    async check(emulator) {
      const group = emulator.group({ title: "Team", members: [emulator.owner], kind: "supergroup" });
      const { message_id } = emulator.owner.sends("mine", { chat: group.id });
      const deletion = { chat_id: group.id, message_id };
      assert.equal(await refusal(emulator, "deleteMessage", deletion), "400 Bad Request: message can't be deleted");
      group.promotesBot();
      assert.equal(await refusal(emulator, "deleteMessage", deletion), "ok");
    },
  },
  {
    sentence: "F5 a bot has one reaction on a message, of those that Telegram lists",
    mutations: ["many-reactions-accepted", "schema-unchecked"],
    async check(emulator) {
      const { chatId, id } = emulator.owner;
      const { message_id } = emulator.owner.sends("look");
      const react = (...emoji: string[]) =>
        refusal(emulator, "setMessageReaction", {
          chat_id: id,
          message_id,
          reaction: emoji.map((one) => ({ type: "emoji", emoji: one })),
        });
      for (const receipt of ["👀", "✍", "👍", "👎"]) assert.equal(await react(receipt), "ok");
      assert.deepEqual(emulator.chat(chatId).last?.reactions, ["👎"]);
      assert.equal(await react("✅"), "400 Bad Request: REACTION_INVALID");
      assert.equal(await react("👍", "👀"), "400 Bad Request: REACTIONS_TOO_MANY");
      assert.equal(await react(), "ok");
      assert.deepEqual(emulator.chat(chatId).last?.reactions, []);
    },
  },
  {
    sentence: "F5 in a group a bot pins only as administrator",
    mutations: ["pins-without-rights"],
    async check(emulator) {
      const group = emulator.group({ title: "Team", members: [emulator.owner], kind: "supergroup" });
      const { message_id } = emulator.owner.sends("important", { chat: group.id });
      const pin = { chat_id: group.id, message_id };
      const refused = "400 Bad Request: not enough rights to manage pinned messages in the chat";
      assert.equal(await refusal(emulator, "pinChatMessage", pin), refused);
      group.promotesBot();
      assert.equal(await refusal(emulator, "pinChatMessage", pin), "ok");
      assert.equal((await get<ChatFullInfo>(emulator, "getChat", pin)).pinned_message?.message_id, message_id);
      assert.deepEqual(group.chat().pinned, [message_id]);
    },
  },
];
