// F1, F2, F12: how updates reach the bot.

import assert from "node:assert/strict";
import type { Update } from "grammy/types";
import type { Emulator } from "../emulator.ts";
import { ask, get, refusal, type Rule } from "./rule.ts";

const poll = (emulator: Emulator, params: object, signal?: AbortSignal) =>
  get<Update[]>(emulator, "getUpdates", params, signal);

const ids = (updates: readonly Update[]) => updates.map((update) => update.update_id);

/** Nothing here waits this long unless the rule is broken. */
const brokenAfterMs = 1500;

const hour = 60 * 60 * 1000;

export const receivingRules: readonly Rule[] = [
  {
    sentence: "F1 an update that was delivered but not confirmed comes again with the same id",
    mutations: ["forget-on-delivery"],
    async check(emulator) {
      emulator.owner.sends("hello");
      const first = await poll(emulator, {});
      // Naming its own id confirms only what came before it.
      const second = await poll(emulator, { offset: first[0]?.update_id });
      assert.equal(first[0]?.message?.text, "hello");
      assert.deepEqual(ids(second), ids(first));
    },
  },
  {
    sentence: "F1 a higher offset confirms everything below it, for ever",
    mutations: ["never-confirm"],
    async check(emulator) {
      emulator.owner.sends("one");
      emulator.owner.sends("two");
      const [one, two] = ids(await poll(emulator, {}));
      assert.deepEqual(ids(await poll(emulator, { offset: one! + 1 })), [two]);
      assert.deepEqual(ids(await poll(emulator, { offset: 0 })), [two]);
      assert.equal(emulator.updates.confirmed, one);
    },
  },
  {
    sentence: "F1 limit bounds an answer, oldest first",
    mutations: ["ignore-limit"],
    async check(emulator) {
      for (const text of ["one", "two", "three"]) emulator.owner.sends(text);
      const found = await poll(emulator, { limit: 2 });
      assert.deepEqual(
        found.map((update) => update.message?.text),
        ["one", "two"],
      );
    },
  },
  {
    sentence: "F1 an offset far ahead of the queue confirms nothing",
    mutations: ["far-offset-confirms"],
    async check(emulator) {
      emulator.owner.sends("one");
      const all = ids(emulator.updates.pending());
      assert.deepEqual(ids(await poll(emulator, { offset: all[0]! + 1000 })), all);
      assert.deepEqual(ids(emulator.updates.pending()), all);
    },
  },
  {
    sentence: "F1 a negative offset keeps the last ones and deletes the rest",
    mutations: ["negative-offset-keeps"],
    async check(emulator) {
      for (const text of ["one", "two", "three"]) emulator.owner.sends(text);
      const last = emulator.updates.pending().at(-1)?.update_id;
      assert.deepEqual(ids(await poll(emulator, { offset: -1 })), [last]);
      assert.deepEqual(ids(await poll(emulator, { offset: 0 })), [last]);
    },
  },
  {
    sentence: "F1 allowed_updates decides when an update is queued, not when it is read",
    mutations: ["filter-at-delivery"],
    async check(emulator) {
      emulator.owner.sends("before");
      const found = await poll(emulator, { allowed_updates: ["callback_query"] });
      assert.equal(found[0]?.message?.text, "before");
      assert.equal(emulator.pushUpdate({ message: found[0].message }), undefined);
      assert.equal(emulator.updates.pending().length, 1);
    },
  },
  {
    sentence: "F1 an update nobody fetched is dropped after 24 hours",
    mutations: ["updates-never-expire"],
    async check(emulator) {
      emulator.owner.sends("old");
      emulator.advance(23 * hour);
      emulator.owner.sends("younger");
      emulator.advance(2 * hour);
      assert.deepEqual(
        (await poll(emulator, {})).map((update) => update.message?.text),
        ["younger"],
      );
    },
  },
  {
    sentence: "F1 a waiting poll is answered as soon as something arrives",
    mutations: ["poll-ignores-arrivals"],
    async check(emulator) {
      const waiting = poll(emulator, { timeout: 30 }, AbortSignal.timeout(brokenAfterMs));
      await Promise.race([waiting, emulator.until(() => emulator.updates.polls === 1)]);
      emulator.owner.sends("knock");
      assert.equal((await waiting)[0]?.message?.text, "knock");
    },
  },
  {
    sentence: "F1 the same offset within half a second gets one update",
    mutations: ["same-offset-unlimited"],
    async check(emulator) {
      emulator.owner.sends("one");
      emulator.owner.sends("two");
      assert.equal((await poll(emulator, {})).length, 2);
      assert.equal((await poll(emulator, {})).length, 1);
    },
  },
  {
    sentence: "F2 of two waiting polls the older is answered 409 and the newer takes over",
    mutations: ["newer-poll-loses", "polls-coexist"],
    async check(emulator) {
      const settled = () =>
        emulator.journal.calls("getUpdates").filter((entry) => entry.outcome.kind !== "pending").length;
      const older = ask(emulator, "getUpdates", { timeout: 30 });
      await emulator.until(() => emulator.updates.polls === 1);
      const newer = ask(emulator, "getUpdates", { timeout: 30 });
      await emulator.until(() => settled() === 1 || emulator.updates.polls === 2);
      emulator.owner.sends("for the newer");
      assert.deepEqual(await older, {
        ok: false,
        error_code: 409,
        description:
          "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running",
      });
      assert.equal((await newer).ok, true);
    },
  },
  {
    sentence: "F2 while a webhook is set getUpdates answers 409, until deleteWebhook",
    mutations: ["poll-despite-webhook"],
    async check(emulator) {
      emulator.updates.webhookUrl = "https://elsewhere.example/hook";
      assert.equal(
        await refusal(emulator, "getUpdates"),
        "409 Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first",
      );
      await get(emulator, "deleteWebhook");
      assert.deepEqual(await poll(emulator, {}), []);
    },
  },
  {
    sentence: "F12 after a quiet week ids start anywhere, and the old offset still reads on",
    mutations: ["ids-never-jump"],
    async check(emulator) {
      emulator.owner.sends("before");
      const [before] = ids(await poll(emulator, {}));
      await poll(emulator, { offset: before! + 1 });
      emulator.advance(8 * 24 * hour);
      emulator.owner.sends("after");
      const [after] = await poll(emulator, { offset: before! + 1 });
      assert.equal(after?.message?.text, "after");
      assert.notEqual(after.update_id, before! + 1);
    },
  },
];
