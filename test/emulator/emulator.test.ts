// Holds the emulator to its rules, and each rule's check to its purpose: against a mutated emulator it must fail.

import { Api, InputFile } from "grammy";
import { describe, expect, it } from "vitest";
import { createEmulator, type Emulator } from "./emulator.ts";
import { mutationsKnown, type Mutation } from "./mutations.ts";
import { fileRules } from "./rules/files.ts";
import { networkRules } from "./rules/network.ts";
import { peopleRules } from "./rules/people.ts";
import { receivingRules } from "./rules/receiving.ts";
import { get, refusal, type Rule } from "./rules/rule.ts";
import { writingRules } from "./rules/writing.ts";

const rules: readonly Rule[] = [...receivingRules, ...writingRules, ...fileRules, ...peopleRules, ...networkRules];

describe("the rules of Telegram", () => {
  it.each(rules)("$sentence", async (rule) => {
    await using emulator = await createEmulator({ conflictPacingMs: 0, ...rule.options });
    await rule.check(emulator);
  });
});

describe("a broken rule is noticed", () => {
  const breaches = rules.flatMap((rule) => rule.mutations.map((mutation) => ({ rule, mutation })));
  const named = breaches.map((breach) => ({ ...breach, how: mutationsKnown[breach.mutation] }));

  it.each(named)("$mutation: $how", async ({ rule, mutation }) => {
    const mutations = new Set([mutation]);
    await using emulator = await createEmulator({ conflictPacingMs: 0, ...rule.options, mutations });
    await expect(rule.check(emulator)).rejects.toBeInstanceOf(Error);
  });

  it("every mutation has a rule that catches it", () => {
    const caught = new Set<Mutation>(rules.flatMap((rule) => rule.mutations));
    expect(Object.keys(mutationsKnown).filter((mutation) => !caught.has(mutation as Mutation))).toEqual([]);
  });
});

const apiOf = (emulator: Emulator) => new Api(emulator.token, { apiRoot: emulator.apiRoot });

describe("a bot on grammY", () => {
  it("talks with a person, edits its message and answers a tap", async () => {
    await using emulator = await createEmulator();
    const { owner } = emulator;
    const api = apiOf(emulator);
    owner.sends("/start now");
    const [update] = await api.getUpdates({ timeout: 5 });
    expect(update?.message?.entities).toEqual([{ type: "bot_command", offset: 0, length: 6 }]);
    const keyboard = { inline_keyboard: [[{ text: "⏹ Stop", callback_data: "s" }]] };
    const sent = await api.sendMessage(owner.chatId, "Working", { reply_markup: keyboard });
    await api.editMessageText(owner.chatId, sent.message_id, "Still working", { reply_markup: keyboard });
    const answered = owner.taps("Stop");
    const [tap] = await api.getUpdates({ offset: (update?.update_id ?? 0) + 1, timeout: 5 });
    await api.answerCallbackQuery(tap?.callback_query?.id ?? "", { text: "Stopping…" });
    expect(await answered).toMatchObject({ text: "Stopping…", alert: false });
    expect(owner.chat().rendered).toBe(
      `— Olga (private ${owner.chatId}) —\n#1 Olga: /start now\n#2 Signalbox: Still working (edited)\n    [⏹ Stop]`,
    );
    expect(emulator.journal.edits(sent.message_id)).toHaveLength(1);
    emulator.journal.assertClean();
  });

  it("uploads a document whose name survives only when it is encoded", async () => {
    await using emulator = await createEmulator();
    const { owner } = emulator;
    const api = apiOf(emulator);
    const bytes = new TextEncoder().encode("# report");
    await api.sendDocument(owner.chatId, new InputFile(bytes, encodeURIComponent("ü; report.md")));
    await api.sendDocument(owner.chatId, new InputFile(bytes, "ü; report.md"));
    expect(owner.chat().messages.map((message) => message.document?.name)).toEqual(["ü; report.md", "ü"]);
    expect(Buffer.from(owner.chat().messages[0]?.document?.bytes ?? []).toString()).toBe("# report");
  });

  it("downloads what a person sent, with its token only", async () => {
    await using emulator = await createEmulator();
    const { document } = emulator.owner.sendsDocument("../../etc/passwd", new Uint8Array([1, 2, 3]));
    const file = await apiOf(emulator).getFile(document?.file_id ?? "");
    expect(file.file_path).toMatch(/^documents\/file_\d+$/);
    const download = (token: string) => fetch(`${emulator.apiRoot}/file/bot${token}/${file.file_path}`);
    expect([...new Uint8Array(await (await download(emulator.token)).arrayBuffer())]).toEqual([1, 2, 3]);
    expect((await download("1:wrong")).status).toBe(401);
  });

  it("works in topics, of forums and of private chats", async () => {
    await using emulator = await createEmulator({ privateTopics: true });
    const { owner } = emulator;
    const api = apiOf(emulator);
    const forum = emulator.group({ title: "Forum", kind: "forum", members: [owner], botIsAdmin: true });
    const topic = await api.createForumTopic(forum.id, "Fix the build");
    await api.sendMessage(forum.id, "here", { message_thread_id: topic.message_thread_id });
    expect(forum.chat(topic.message_thread_id).messages.map((message) => message.text)).toEqual(["here"]);
    await api.closeForumTopic(forum.id, topic.message_thread_id);
    expect(await refusal(emulator, "closeForumTopic", { chat_id: forum.id, ...topic })).toContain("TOPIC_NOT_MODIFIED");
    const thread = owner.createsTopic("Errands");
    owner.sends("in private", { thread });
    expect(emulator.updates.pending().at(-1)?.message).toMatchObject({
      message_thread_id: thread,
      is_topic_message: true,
    });
  });
});

describe("requests", () => {
  it("arrive as query, form, multipart or JSON, with methods in any capitals", async () => {
    await using emulator = await createEmulator();
    const { owner } = emulator;
    const url = `${emulator.apiRoot}/bot${emulator.token}/SENDmessage`;
    const fields = { chat_id: String(owner.chatId), text: "42", disable_notification: "true" };
    const form = new FormData();
    for (const [name, value] of Object.entries(fields)) form.append(name, value);
    const entities = JSON.stringify([{ type: "bold", offset: 0, length: 2 }]);
    await fetch(`${url}?${new URLSearchParams({ ...fields, entities }).toString()}`);
    await fetch(url, { method: "POST", body: new URLSearchParams(fields) });
    await fetch(url, { method: "POST", body: form });
    await get(emulator, "sendMessage", { chat_id: fields.chat_id, text: fields.text });
    expect(owner.chat().messages.map((message) => message.text)).toEqual(["42", "42", "42", "42"]);
    expect(owner.chat().messages[0]?.entities).toHaveLength(1);
    expect(emulator.journal.calls("sendMessage")[1]?.params).toEqual({
      chat_id: owner.chatId,
      text: "42",
      disable_notification: true,
    });
  });

  it("with a misspelt parameter are served, as Telegram does it, but the journal is not clean", async () => {
    await using emulator = await createEmulator();
    await get(emulator, "sendMessage", { chat_id: emulator.owner.chatId, text: "x", replymarkup: {} });
    expect(() => emulator.journal.assertClean()).toThrow(/STRAY replymarkup/);
  });

  it("never leave the token in the journal", async () => {
    await using emulator = await createEmulator();
    await get(emulator, "getMe");
    await fetch(`${emulator.apiRoot}/file/bot${emulator.token}/nothing`);
    expect(JSON.stringify(emulator.journal.entries)).not.toContain(emulator.token);
  });
});

describe("a bot that is killed", () => {
  it("while it waits leaves no poll behind, and its successor gets everything unconfirmed", async () => {
    await using emulator = await createEmulator();
    const killed = new AbortController();
    const waiting = get(emulator, "getUpdates", { timeout: 50 }, killed.signal);
    await emulator.until(() => emulator.updates.polls === 1);
    killed.abort(new Error("kill -9"));
    await expect(waiting).rejects.toThrow("kill -9");
    await emulator.until(() => emulator.updates.polls === 0);
    emulator.owner.sends("anybody there?");
    const found = await get<unknown[]>(emulator, "getUpdates", { timeout: 5 });
    expect(found).toHaveLength(1);
    expect(emulator.journal.calls("getUpdates")[0]?.outcome).toMatchObject({ kind: "lost", processed: false });
  });

  it("in the middle of a call finds the emulator ready to end", async () => {
    const emulator = await createEmulator();
    const held = emulator.faults.hold("sendMessage");
    const standing = get(emulator, "sendMessage", { chat_id: emulator.owner.chatId, text: "x" });
    const polling = get(emulator, "getUpdates", { timeout: 50 });
    const ends = Promise.allSettled([standing, polling]);
    await held.arrived();
    await emulator[Symbol.asyncDispose]();
    expect((await ends)[0].status).toBe("rejected");
  });
});

describe("the test's steering wheel", () => {
  it("holds a call until it is released, and can send it into a fault", async () => {
    await using emulator = await createEmulator();
    const { owner } = emulator;
    const held = emulator.faults.hold("sendMessage");
    const first = get(emulator, "sendMessage", { chat_id: owner.chatId, text: "first" });
    await held.arrived();
    await get(emulator, "getMe");
    expect(owner.chat().messages).toEqual([]);
    held.release();
    await first;
    expect(owner.chat().last?.text).toBe("first");

    const again = emulator.faults.hold("sendMessage");
    const lost = get(emulator, "sendMessage", { chat_id: owner.chatId, text: "second" });
    await again.arrived();
    again.release({ kind: "reset-after" });
    await expect(lost).rejects.toThrow("fetch failed");
    expect(owner.chat().last?.text).toBe("second");
  });

  it("hits only the chat it is meant for, as often as it is told", async () => {
    await using emulator = await createEmulator();
    const { owner } = emulator;
    const group = emulator.group({ title: "Team", members: [owner] });
    emulator.faults.next("sendMessage", { kind: "too-many", retryAfterSeconds: 1 }, { times: 2, chat: group.id });
    const tries = [owner.chatId, group.id, group.id, group.id].map((chat_id) => ({ chat_id, text: "x" }));
    const codes = [];
    for (const params of tries) codes.push((await refusal(emulator, "sendMessage", params)).slice(0, 3));
    expect(codes).toEqual(["ok", "429", "429", "ok"]);
  });

  it("waits for evidence, and shows chats and journal when there is none", async () => {
    await using emulator = await createEmulator();
    const { owner } = emulator;
    const seen = emulator.until(() => owner.chat().find("later")?.id);
    await get(emulator, "sendMessage", { chat_id: owner.chatId, text: "sooner or later" });
    expect(await seen).toBe(1);
    const never = emulator.until(() => owner.chat().find("never"), { withinMs: 20, what: "a miracle" });
    await expect(never).rejects.toThrow(/20 ms in vain for a miracle[^]*#1 Signalbox: sooner or later[^]*sendMessage/);
    const aborted = emulator.until(() => false, { signal: AbortSignal.abort(new Error("enough")) });
    await expect(aborted).rejects.toThrow("enough");
  });

  it("taps a stale or forged button only when told to", async () => {
    await using emulator = await createEmulator();
    const { owner } = emulator;
    const keyboard = { inline_keyboard: [[{ text: "Stop", callback_data: "old" }]] };
    const params = { chat_id: owner.chatId, text: "x", reply_markup: keyboard };
    const { message_id } = await get<{ message_id: number }>(emulator, "sendMessage", params);
    await get(emulator, "editMessageText", { chat_id: owner.chatId, message_id, text: "done" });
    expect(() => owner.presses("Stop")).toThrow(/no button "Stop"/);
    owner.presses("Stop", { stale: true });
    owner.presses({ data: "made up" }, { message: message_id, forge: true });
    expect(emulator.updates.pending().map((update) => update.callback_query?.data)).toEqual(["old", "made up"]);
  });

  it("in privacy mode the bot hears only what is meant for it", async () => {
    await using emulator = await createEmulator({ privacyMode: true });
    const { owner } = emulator;
    const group = emulator.group({ title: "Team", members: [owner] });
    owner.sends("lunch?", { chat: group.id });
    owner.sends("/status", { chat: group.id });
    owner.sends("@signalbox_test_bot hi", { chat: group.id });
    expect(emulator.updates.pending().map((update) => update.message?.text)).toEqual([
      "/status",
      "@signalbox_test_bot hi",
    ]);
  });
});
