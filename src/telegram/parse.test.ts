import type { User } from "grammy/types";
import { describe, expect, it } from "vitest";

import { type ConversationId, telegramConversation } from "../domain/conversation.ts";
import { parseUpdate, type Reading } from "./parse.ts";

const me = { id: 99, username: "Box_bot" };
const ada: User = { id: 7, is_bot: false, first_name: "Ada", username: "ada" };
const mallory: User = { id: 666, is_bot: false, first_name: "Mallory", username: "ada" };
const privateChat = { id: 7, type: "private", first_name: "Ada" } as const;
const group = { id: -100_5, type: "supergroup", title: "Team" } as const;
const forum = { id: -100_6, type: "supergroup", title: "Forum", is_forum: true } as const;

const context = { me, allowedUsers: new Set([ada.id]), listening: new Set<ConversationId>(), nowMs: 1_800_000_000_000 };

function read(content: Record<string, unknown>): Reading {
  return parseUpdate({ update_id: 912, ...content }, context);
}

function message(fields: Record<string, unknown>): Record<string, unknown> {
  return { message: { message_id: 31, date: 1_700_000_000, chat: privateChat, from: ada, ...fields } };
}

const inGroup = (text: string, fields: Record<string, unknown> = {}) => message({ chat: group, text, ...fields });

describe("who may speak", () => {
  it("denies every update type that is not read, one that does not exist yet included (T2)", () => {
    const spoken = { message_id: 1, date: 1, chat: privateChat, from: ada, text: "run rm" };
    const table: Record<string, unknown> = {
      channel_post: { ...spoken, chat: { id: -1, type: "channel", title: "C" } },
      edited_channel_post: { ...spoken, chat: { id: -1, type: "channel", title: "C" } },
      business_connection: { id: "b", user: ada },
      business_message: spoken,
      edited_business_message: spoken,
      deleted_business_messages: { chat: privateChat, message_ids: [1] },
      guest_message: { ...spoken, guest_query_id: "g" },
      message_reaction: { chat: privateChat, user: ada, message_id: 1, date: 1, old_reaction: [], new_reaction: [] },
      message_reaction_count: { chat: privateChat, message_id: 1, date: 1, reactions: [] },
      inline_query: { id: "i", from: ada, query: "q", offset: "" },
      chosen_inline_result: { result_id: "r", from: ada, query: "q" },
      shipping_query: { id: "s", from: ada },
      pre_checkout_query: { id: "p", from: ada },
      purchased_paid_media: { from: ada, paid_media_payload: "p" },
      poll: { id: "p" },
      poll_answer: { poll_id: "p", user: ada, option_ids: [] },
      chat_member: { chat: group, from: ada, date: 1 },
      chat_join_request: { chat: group, from: ada, date: 1, user_chat_id: 7 },
      chat_boost: { chat: group },
      removed_chat_boost: { chat: group },
      managed_bot: { user: ada },
      subscription: { user: ada },
      thought_message: spoken,
    };
    for (const [type, content] of Object.entries(table)) {
      expect([type, read({ [type]: content }).kind]).toEqual([type, "denied"]);
    }
    expect(read({}).kind).toBe("denied");
    expect(read({ my_chat_member: { chat: privateChat, from: ada } }).kind).toBe("ignored");
  });

  it("decides by the numeric id of the sender alone (T3)", () => {
    expect(read(message({ text: "hi" })).kind).toBe("item");
    expect(read(message({ text: "hi", from: mallory, chat: { ...privateChat, id: mallory.id } }))).toMatchObject({
      kind: "denied",
      reason: "stranger",
      stranger: mallory.id,
    });
    expect(read(message({ text: "hi", from: { ...ada, is_bot: true } }))).toMatchObject({
      kind: "denied",
      reason: "bot",
    });
    expect(read(message({ text: "hi", from: undefined })).kind).toBe("denied");
  });

  it("denies whoever speaks on behalf of a chat, for a business, as a guest, or in a channel", () => {
    const anonymous: User = { id: 1_087_968_824, is_bot: true, first_name: "Group", username: "GroupAnonymousBot" };
    for (const fields of [
      { chat: group, from: anonymous, sender_chat: group },
      { chat: group, from: ada, sender_chat: { id: -9, type: "channel", title: "C" } },
      { chat: group, from: { id: 777_000, is_bot: false, first_name: "Telegram" }, is_automatic_forward: true },
      { business_connection_id: "b" },
      { guest_query_id: "g" },
      { chat: { id: -9, type: "channel", title: "C" } },
      { chat: { id: -9, type: "cloud", title: "?" } },
    ]) {
      expect(read(message({ text: "/stop", ...fields })).kind).toBe("denied");
    }
  });

  it("says nothing to strangers in groups", () => {
    expect(read(inGroup("@box_bot hi", { from: mallory }))).toMatchObject({ kind: "denied", stranger: null });
  });

  it("denies a stranger's tap, a bot's tap and a tap on an inline message (T4)", () => {
    const tap = (fields: Record<string, unknown>) =>
      read({
        callback_query: { id: "q", chat_instance: "1", data: "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", from: ada, ...fields },
      });
    const card = { message_id: 3, date: 1, chat: group, text: "card" };
    expect(tap({ message: card, from: mallory })).toMatchObject({ kind: "denied", query: "q", stranger: null });
    expect(tap({ message: card, from: { ...ada, is_bot: true } }).kind).toBe("denied");
    expect(tap({ inline_message_id: "x" }).kind).toBe("denied");
  });
});

describe("what is said", () => {
  it.each([
    ["fix the bug", { kind: "prompt", placement: "queue", prompt: { text: "fix the bug" } }],
    ["!fix it now", { kind: "prompt", placement: "interrupt", prompt: { text: "fix it now" } }],
    ["!", { kind: "command", command: { name: "stop", scope: "conversation" } }],
    ["please stop", { kind: "command", command: { name: "stop", scope: "conversation" } }],
    ["cancel my job", { kind: "prompt", placement: "queue", prompt: { text: "cancel my job" } }],
    ["/start", { kind: "command", command: { name: "start" } }],
    ["/start deep-link", { kind: "command", command: { name: "start" } }],
    ["/HELP", { kind: "command", command: { name: "help" } }],
    ["/status@box_BOT", { kind: "command", command: { name: "status" } }],
    ["/queue", { kind: "command", command: { name: "queue" } }],
    ["/stop", { kind: "command", command: { name: "stop", scope: "conversation" } }],
    ["/stop  all ", { kind: "command", command: { name: "stop", scope: "all" } }],
    ["/stop@Box_bot ALL", { kind: "command", command: { name: "stop", scope: "all" } }],
    ["/new", { kind: "command", command: { name: "new", title: null } }],
    ["/new the parser", { kind: "command", command: { name: "new", title: "the parser" } }],
    ["/deploy now", { kind: "command", command: { name: "unknown", text: "/deploy" } }],
    ["/etc/hosts is wrong", { kind: "prompt", placement: "queue", prompt: { text: "/etc/hosts is wrong" } }],
  ])("reads %j", (text, request) => {
    expect(read(message({ text }))).toMatchObject({
      kind: "item",
      item: {
        key: "tg:update:912",
        conversation: "telegram:7",
        user: "7",
        message: "31",
        priority: "interactive",
        request,
        sentAtMs: 1_700_000_000_000,
      },
    });
  });

  it.each([
    ["/model@box_bot opus high", { name: "model", choice: { id: "opus", effort: "high" } }],
    ["/model", { name: "model", choice: null }],
    ["/permissions@Box_bot ask", { name: "permissions", mode: "ask" }],
    ["/switch codex", { name: "switch", driver: "codex" }],
    ["/resume the login bug", { name: "resume", search: "the login bug" }],
    ["/fork@box_bot", { name: "fork" }],
    ["/new  Login bug", { name: "new", title: "Login bug" }],
  ])("reads %s, in a group as well", (text, command) => {
    expect(read(message({ text }))).toMatchObject({ item: { request: { kind: "command", command } } });
    expect(read(inGroup(text))).toMatchObject({ item: { request: { kind: "command", command } } });
  });

  it("ignores a command for another bot", () => {
    expect(read(message({ text: "/stop@other_bot" })).kind).toBe("ignored");
  });

  it.each([
    ["sticker", "A sticker"],
    ["contact", "A contact"],
    ["location", "A location"],
    ["poll", "A poll"],
    ["dice", "A dice"],
    ["story", "A story"],
  ])("says what %s is, instead of dropping it", (field, what) => {
    expect(read(message({ [field]: {} }))).toMatchObject({ item: { request: { kind: "unsupported", what } } });
  });

  it("names the more special of two: a venue is also a location", () => {
    expect(read(message({ location: {}, venue: {} }))).toMatchObject({ item: { request: { what: "A place" } } });
  });

  const sent = (fields: Record<string, unknown>) => {
    const reading = read(message(fields));
    return reading.kind === "item" && reading.item.request.kind === "prompt" ? reading.item.request : null;
  };

  it("gives a file with what its sender's client says of it, and the caption as the words", () => {
    const document = { file_id: "d1", file_name: "a.pdf", mime_type: "application/pdf", file_size: 12 };
    expect(sent({ document, caption: "!look at this" })).toEqual({
      kind: "prompt",
      placement: "interrupt",
      prompt: {
        text: "look at this",
        files: [
          {
            state: "sent",
            file: {
              kind: "document",
              source: "d1",
              message: "31",
              name: "a.pdf",
              mediaType: "application/pdf",
              bytes: 12,
              seconds: null,
            },
          },
        ],
      },
    });
    const small = { file_id: "s", width: 90, height: 60 };
    const large = { file_id: "l", width: 1280, height: 900, file_size: 99 };
    expect(sent({ photo: [large, small] })?.prompt.files).toMatchObject([{ file: { kind: "photo", source: "l" } }]);
    for (const field of ["voice", "audio", "video"] as const)
      expect(sent({ [field]: { file_id: "f", duration: 3 } })?.prompt.files).toMatchObject([
        { file: { kind: field, seconds: 3 } },
      ]);
    expect(sent({ video_note: { file_id: "n" } })?.prompt.files).toMatchObject([{ file: { kind: "video" } }]);
  });

  it("takes a caption that is a stop for a stop, whatever came with it (S1)", () => {
    expect(read(message({ document: { file_id: "d" }, caption: "/stop" }))).toMatchObject({
      item: { request: { kind: "command", command: { name: "stop" } } },
    });
  });

  it("takes the pictures of an album for one thing, each in an update of its own", () => {
    const items = [1, 2, 3].map((update_id) => {
      const reading = read({ update_id, ...message({ photo: [{ file_id: "p" }], media_group_id: "m" }) });
      return reading.kind === "item" ? reading.item : null;
    });
    expect(items.map((item) => item?.key)).toEqual(["tg:update:1", "tg:update:2", "tg:update:3"]);
    for (const item of items) expect(item?.part).toEqual({ of: "album:7:m", opens: true, otherwise: "message" });
  });

  it("lets a text that Telegram's client may have cut gather what follows it (M13)", () => {
    const part = (text: string) => {
      const reading = read(message({ text }));
      return reading.kind === "item" ? reading.item.part : null;
    };
    expect(part("x".repeat(4_096))).toEqual({ of: "split:7", opens: true, otherwise: "message" });
    expect(part("the rest")).toEqual({ of: "split:7", opens: false, otherwise: "message" });
    expect(part("/status")).toBeUndefined();
  });

  it("carries what is answered (M10): the words that were picked, or the message; an own answer in short", () => {
    const quoted = (fields: Record<string, unknown>) => sent({ text: "why?", ...fields })?.prompt.quote;
    expect(quoted({ reply_to_message: { from: ada, text: "the build is red" } })).toBe("the build is red");
    expect(quoted({ reply_to_message: { from: ada, text: "the build is red" }, quote: { text: "red" } })).toBe("red");
    expect(quoted({ reply_to_message: { from: { id: me.id }, text: "y".repeat(5_000) } })).toHaveLength(301);
    expect(quoted({})).toBeUndefined();
  });

  it("says from whom a message was forwarded, and takes no command from it (M11)", () => {
    const origin = { type: "user", sender_user: { first_name: "Eve", username: "eve" } };
    expect(sent({ text: "/stop", forward_origin: origin })).toMatchObject({
      placement: "queue",
      prompt: { text: "/stop", forwardedFrom: "Eve (@eve)" },
    });
    const hidden = { type: "hidden_user", sender_user_name: "A\u202Eb" };
    expect(sent({ text: "stop", forward_origin: hidden })?.prompt).toEqual({
      text: "stop",
      forwardedFrom: "A\u27E8U+202E\u27E9b",
    });
  });

  it("takes the Stop that Telegram draws on a draft for a stop, from those who may (S1)", () => {
    const stop = (chat: object, thread?: number) =>
      read({
        stopped_message_generation: {
          chat,
          draft_id: 5,
          ...(thread === undefined ? {} : { message_thread_id: thread }),
        },
      });
    const item = { request: { kind: "command", command: { name: "stop", scope: "conversation" } }, user: "7" };
    expect(stop(privateChat)).toMatchObject({ kind: "item", item: { ...item, conversation: "telegram:7" } });
    expect(stop(privateChat, 44)).toMatchObject({ item: { conversation: "telegram:7:44" } });
    expect(stop({ id: 666, type: "private" }).kind).toBe("denied");
    expect(stop({ id: -5, type: "supergroup" }).kind).toBe("denied");
  });

  it("ignores service messages", () => {
    for (const field of [
      "new_chat_members",
      "pinned_message",
      "forum_topic_created",
      "successful_payment",
      "some_new_service",
    ]) {
      expect(read(message({ [field]: {} })).kind).toBe("ignored");
    }
  });

  it("never runs an edit: it says which message reads differently now (M12)", () => {
    const edited = (fields: Record<string, unknown>) => read({ edited_message: message(fields)["message"] });
    expect(edited({ text: "/stop" })).toMatchObject({
      item: { request: { kind: "edit", message: "31", text: "/stop" } },
    });
    expect(edited({ photo: [], caption: "x" })).toMatchObject({ item: { request: { kind: "edit", text: "x" } } });
    expect(edited({ photo: [] }).kind).toBe("ignored");
    expect(edited({ chat: privateChat, text: "hello", from: mallory }).kind).toBe("denied");
  });
});

describe("groups and topics", () => {
  it("hears every word of those who may speak where it was told to, and there alone", () => {
    const bound = { ...context, listening: new Set([telegramConversation(forum.id, 8)]) };
    const hear = (fields: Record<string, unknown>): Reading =>
      parseUpdate({ update_id: 912, ...message({ chat: forum, text: "fix the bug", ...fields }) }, bound);
    const inTopic = { message_thread_id: 8, is_topic_message: true };
    expect(hear(inTopic)).toMatchObject({ kind: "item", item: { request: { kind: "prompt" } } });
    const heard = hear(inTopic);
    expect(heard.kind === "item" && heard.item.part?.otherwise).not.toBe("nothing");
    expect(hear({ ...inTopic, text: undefined, sticker: {} })).toMatchObject({ kind: "item" });
    const elsewhere = hear({ ...inTopic, message_thread_id: 9 });
    expect(elsewhere).toMatchObject({ kind: "item", item: { part: { otherwise: "nothing" } } }); // a piece, at most
    expect(hear({ ...inTopic, message_thread_id: 9, text: undefined, sticker: {} }).kind).toBe("ignored");
    expect(hear({ ...inTopic, from: mallory }).kind).toBe("denied");
    expect(hear({ ...inTopic, sender_chat: forum }).kind).toBe("denied");
    expect(hear({ ...inTopic, text: "/deploy" }).kind).toBe("ignored"); // another bot's
  });

  it("hears only what names the bot, answers it, or is a command for it", () => {
    const prompt = (text: string) => ({ item: { request: { kind: "prompt", prompt: { text } } } });
    const overheard = { item: { part: { opens: false, otherwise: "nothing" } } };
    expect(read(inGroup("nice weather"))).toMatchObject(overheard);
    expect(read(inGroup("mail me at a@box_bot or @box_bots"))).toMatchObject(overheard);
    expect(read(inGroup("@box_bot fix it"))).toMatchObject(prompt("fix it"));
    expect(read(inGroup("hey @BOX_BOT, fix it"))).toMatchObject(prompt("hey , fix it"));
    expect(read(inGroup("@box_bot")).kind).toBe("ignored");
    expect(read(inGroup("fix it", { reply_to_message: { from: { id: me.id } } }))).toMatchObject(prompt("fix it"));
    expect(read(inGroup("fix it", { reply_to_message: { from: ada } }))).toMatchObject(overheard);
    expect(read(inGroup("/stop"))).toMatchObject({ item: { request: { command: { name: "stop" } } } });
    expect(read(inGroup("/stop@box_bot all"))).toMatchObject({ item: { request: { command: { scope: "all" } } } });
    expect(read(inGroup("stop @box_bot"))).toMatchObject({ item: { request: { command: { name: "stop" } } } });
    expect(read(inGroup("/deploy")).kind).toBe("ignored");
    expect(read(inGroup("/deploy@box_bot"))).toMatchObject({ item: { request: { command: { name: "unknown" } } } });
    const photo = [{ file_id: "p" }];
    expect(read(message({ chat: group, photo, caption: "look" })).kind).toBe("ignored");
    expect(read(message({ chat: group, photo, caption: "look", media_group_id: "m" }))).toMatchObject(overheard);
    expect(read(message({ chat: group, photo, caption: "@box_bot look" }))).toMatchObject(prompt("look"));
  });

  it("does not take the message that opened a topic for one that is answered", () => {
    const opened = { from: { id: me.id }, forum_topic_created: { name: "T" } };
    const inTopic = { chat: forum, message_thread_id: 44, is_topic_message: true, reply_to_message: opened };
    expect(read(inGroup("to everyone", inTopic))).toMatchObject({ item: { part: { otherwise: "nothing" } } });
  });

  it("knows a topic from a mere thread of replies, in private chats too", () => {
    const conversation = (fields: Record<string, unknown>) => {
      const reading = read(message({ text: "/status", ...fields }));
      return reading.kind === "item" ? reading.item.conversation : null;
    };
    expect(conversation({ chat: forum, message_thread_id: 44, is_topic_message: true })).toBe("telegram:-1006:44");
    expect(conversation({ chat: group, message_thread_id: 44 })).toBe("telegram:-1005");
    expect(conversation({ message_thread_id: 3, is_topic_message: true })).toBe("telegram:7:3");
  });
});

describe("replies", () => {
  const ours = { message_id: 30, from: { id: me.id, is_bot: true, first_name: "Box" }, chat: privateChat };
  const repliesTo = (fields: Record<string, unknown>) => {
    const reading = read(message({ text: "the second one", ...fields }));
    return reading.kind === "item" ? reading.item.repliesTo : reading.kind;
  };

  it("name the message of ours that they answer, and no other's", () => {
    expect(repliesTo({ reply_to_message: ours })).toBe("30");
    expect(repliesTo({ reply_to_message: { ...ours, from: ada } })).toBeUndefined();
    expect(repliesTo({ reply_to_message: { ...ours, from: { ...ours.from, id: 98 } } })).toBeUndefined();
    expect(repliesTo({})).toBeUndefined();
    expect(
      repliesTo({ reply_to_message: { ...ours, forum_topic_created: { name: "T", icon_color: 1 } } }),
    ).toBeUndefined();
  });

  it("in a group are for the bot when they answer it, and nobody else's words count", () => {
    const inTeam = { chat: group, reply_to_message: { ...ours, chat: group } };
    expect(repliesTo(inTeam)).toBe("30");
    expect(repliesTo({ ...inTeam, from: mallory })).toBe("denied");
  });
});

describe("presses", () => {
  const card = { message_id: 3, date: 1, chat: forum, text: "card", message_thread_id: 44, is_topic_message: true };
  const tap = (data: unknown, message: unknown = card) =>
    read({ callback_query: { id: "q", chat_instance: "1", from: ada, data, message } });

  it("takes an opaque id from the conversation of its card", () => {
    expect(tap("abcdefghijklmnopqrstABCDEFGH_-")).toMatchObject({
      kind: "press",
      query: "q",
      item: {
        conversation: "telegram:-1006:44",
        user: "7",
        message: "3",
        request: { kind: "press", button: "abcdefghijklmnopqrstABCDEFGH_-" },
        sentAtMs: context.nowMs,
      },
    });
  });

  it("takes nothing that is not shaped like one of its ids (T4)", () => {
    for (const data of [
      undefined,
      "",
      "stop",
      "abcdefghijklmnopqrstABCDEFGH_-\n",
      "../../../../etc/passwd",
      "a".repeat(23),
    ]) {
      expect(tap(data)).toEqual({ kind: "dead-press", query: "q" });
    }
  });

  it("takes a press on a card too old to be shown", () => {
    expect(tap("abcdefghijklmnopqrstABCDEFGH_-", { message_id: 3, date: 0, chat: privateChat })).toMatchObject({
      item: { conversation: "telegram:7" },
    });
  });
});
