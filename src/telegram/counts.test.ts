import { expect, it } from "vitest";

import type { Outcome } from "./client.ts";
import { countRequests, createTelegramCounts } from "./counts.ts";
import { createScriptedTelegram } from "./test-ports.ts";

const signal = new AbortController().signal;
const to = { chat: 1, thread: null };
const text = { text: "hello", entities: [] };
const message = { text, keyboard: [], replyTo: null };

it("counts each request by Telegram's name of its method and by what came of it, and hands on the outcome", async () => {
  const counts = createTelegramCounts();
  const telegram = createScriptedTelegram();
  const client = countRequests(telegram, counts);
  const meets = (outcome: Outcome<never> | null) => void (telegram.meet = () => outcome);
  expect(await client.sendText(to, message, signal)).toEqual({ kind: "done", value: 101 });
  meets({ kind: "retry-later", afterMs: 2_500 });
  expect((await client.sendText(to, message, signal)).kind).toBe("retry-later");
  expect((await client.editText(to, 101, text, [], signal)).kind).toBe("retry-later");
  meets({ kind: "unknown", detail: "ECONNRESET" });
  await client.editText(to, 101, text, [], signal);
  meets(null);
  await client.getMe(signal);
  const file = { name: "a", content: { kind: "text" as const, text: "" }, caption: text, keyboard: [] };
  for (const shownAs of ["document", "photo"] as const) await client.sendFile(to, { ...file, shownAs }, signal);
  const { requests, retryAfterMs } = counts.read();
  expect(retryAfterMs).toBe(5_000);
  expect(requests.map(({ labels: { method, outcome }, value }) => [method, outcome, value])).toEqual([
    ["sendMessage", "done", 1],
    ["sendMessage", "retry-later", 1],
    ["editMessageText", "retry-later", 1],
    ["editMessageText", "unknown", 1],
    ["getMe", "done", 1],
    ["sendDocument", "done", 1],
    ["sendPhoto", "done", 1],
  ]);
});

it("has a name for every kind of update that is asked for, and one for all others", () => {
  const counts = createTelegramCounts();
  for (const kind of ["message", "message", "callback_query", "poll"] as const)
    counts.received({ update_id: 1, [kind]: {} });
  expect(counts.read().updates.map(({ labels, value }) => [labels.type, value])).toEqual([
    ["message", 2],
    ["callback_query", 1],
    ["other", 1],
  ]);
});
