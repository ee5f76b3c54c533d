// F10 and the edges of the server: tokens, methods, parameters, connections.

import assert from "node:assert/strict";
import type { Emulator } from "../emulator.ts";
import { ask, get, refusal, type Rule } from "./rule.ts";

const hello = (emulator: Emulator) => ({ chat_id: emulator.owner.chatId, text: "hello" });

const texts = (emulator: Emulator) => emulator.owner.chat().messages.map((message) => message.text);

export const networkRules: readonly Rule[] = [
  {
    sentence: "F10 a connection reset before processing leaves nothing behind",
    mutations: ["reset-before-processes"],
    async check(emulator) {
      const fault = emulator.faults.next("sendMessage", { kind: "reset-before" });
      await assert.rejects(ask(emulator, "sendMessage", hello(emulator)));
      assert.equal(fault.fired, 1);
      assert.deepEqual(texts(emulator), []);
      await ask(emulator, "sendMessage", hello(emulator));
      assert.deepEqual(texts(emulator), ["hello"]);
    },
  },
  {
    sentence: "F10 a connection reset after processing leaves the message in the chat",
    mutations: ["reset-after-skips"],
    async check(emulator) {
      emulator.faults.next("sendMessage", { kind: "reset-after" });
      await assert.rejects(ask(emulator, "sendMessage", hello(emulator)));
      assert.deepEqual(texts(emulator), ["hello"]);
      assert.equal(emulator.journal.sends(emulator.owner.chatId).length, 1);
      const [entry] = emulator.journal.calls("sendMessage");
      assert.equal(entry?.outcome.kind, "lost");
    },
  },
  {
    sentence: "F10 a hanging call gets no answer while others are served, and does nothing",
    mutations: ["hang-answers"],
    async check(emulator) {
      const caller = new AbortController();
      emulator.faults.next("sendMessage", { kind: "hang" });
      const hanging = ask(emulator, "sendMessage", hello(emulator), caller.signal).then(
        () => "answered",
        () => "gave up",
      );
      await emulator.until(() => emulator.journal.calls("sendMessage").length === 1);
      await ask(emulator, "getMe");
      assert.equal(emulator.journal.calls("sendMessage")[0]?.outcome.kind, "pending");
      caller.abort();
      assert.equal(await hanging, "gave up");
      await emulator.until(() => emulator.journal.calls("sendMessage")[0]?.outcome.kind === "lost");
      assert.deepEqual(texts(emulator), []);
    },
  },
  {
    sentence: "F10 a bad gateway speaks HTML",
    mutations: ["gateway-speaks-json"],
    async check(emulator) {
      emulator.faults.next("sendMessage", { kind: "bad-gateway" });
      const response = await fetch(`${emulator.apiRoot}/bot${emulator.token}/sendMessage?chat_id=1&text=x`);
      assert.equal(response.status, 502);
      assert.match(await response.text(), /^<html>/);
      assert.deepEqual(texts(emulator), []);
    },
  },
  {
    sentence: "F10 a 429 says how long to wait, in the body and in the header",
    mutations: ["no-retry-after"],
    async check(emulator) {
      emulator.faults.next("getMe", { kind: "too-many", retryAfterSeconds: 7 });
      const response = await fetch(`${emulator.apiRoot}/bot${emulator.token}/getMe`);
      assert.equal(response.headers.get("retry-after"), "7");
      assert.deepEqual(await response.json(), {
        ok: false,
        error_code: 429,
        description: "Too Many Requests: retry after 7",
        parameters: { retry_after: 7 },
      });
    },
  },
  {
    sentence: "F10 a wrong token is unauthorized, and so says a 401 asked for",
    mutations: ["any-token"],
    async check(emulator) {
      const wrong = `${emulator.token.slice(0, -1)}?`;
      const response = await fetch(`${emulator.apiRoot}/bot${encodeURIComponent(wrong)}/getMe`);
      assert.equal(response.status, 401);
      assert.deepEqual(await response.json(), { ok: false, error_code: 401, description: "Unauthorized" });
      emulator.faults.next("getMe", { kind: "unauthorized" });
      assert.equal(await refusal(emulator, "getMe"), "401 Unauthorized");
    },
  },
  {
    sentence: "F10 an outage refuses every connection, and afterwards the same address answers",
    mutations: ["refuse-accepts"],
    async check(emulator) {
      {
        await using outage = await emulator.faults.refuse();
        void outage;
        await assert.rejects(ask(emulator, "getMe"));
      }
      assert.equal((await ask(emulator, "getMe")).ok, true);
    },
  },
  {
    sentence: "parameters are held against the schema of their method",
    mutations: ["schema-unchecked"],
    async check(emulator) {
      const action = { chat_id: emulator.owner.chatId, action: "dancing" };
      assert.match(await refusal(emulator, "sendChatAction", action), /^400 Bad Request: can't parse action/);
      assert.equal(await refusal(emulator, "sendMessage", { text: "to whom?" }), "400 Bad Request: chat_id is empty");
    },
  },
  {
    sentence: "an unknown method is not found",
    mutations: ["unknown-method-accepted"],
    async check(emulator) {
      assert.equal(await refusal(emulator, "sendTelegram"), "404 Not Found: method not found");
      assert.equal(emulator.journal.unmodelled().length, 1);
      assert.throws(() => emulator.journal.assertClean(), /sendTelegram/);
    },
  },
  {
    sentence: "a method that the emulator does not model says so, loudly",
    mutations: ["unmodelled-accepted"],
    async check(emulator) {
      const dice = { chat_id: emulator.owner.chatId };
      assert.match(await refusal(emulator, "sendDice", dice), /^501 Not Implemented/);
      assert.throws(() => emulator.journal.assertClean(), /sendDice/);
    },
  },
  {
    sentence: "a command menu is kept for its scope until it is deleted",
    mutations: ["menu-stays"],
    async check(emulator) {
      const commands = [{ command: "stop", description: "Stop" }];
      const scope = { type: "chat", chat_id: emulator.owner.chatId };
      await get(emulator, "setMyCommands", { commands, scope });
      assert.deepEqual(await get(emulator, "getMyCommands", { scope }), commands);
      assert.deepEqual(await get(emulator, "getMyCommands"), []);
      await get(emulator, "deleteMyCommands", { scope });
      assert.deepEqual(await get(emulator, "getMyCommands", { scope }), []);
    },
  },
];
