import fc from "fast-check";
import { expect, test } from "vitest";
import { decode } from "./decode.ts";

test("whatever arrives is decoded into a value (an unknown or broken message must not end a turn)", () => {
  const types = fc.constantFrom(
    "system",
    "stream_event",
    "assistant",
    "user",
    "result",
    "rate_limit_event",
    "new thing",
    7,
    null,
  );
  const subtypes = fc.constantFrom(
    "init",
    "session_state_changed",
    "background_tasks_changed",
    "api_retry",
    "success",
    undefined,
  );
  const message = fc.tuple(types, subtypes, fc.dictionary(fc.string(), fc.jsonValue()));
  fc.assert(
    fc.property(
      fc.oneof(
        fc.jsonValue(),
        message.map(([type, subtype, rest]) => ({ ...rest, type, subtype })),
      ),
      (value) => {
        expect(decode(value).kind).toMatch(/./);
      },
    ),
  );
});

test("unknown messages keep their type, for the log", () => {
  expect(decode({ type: "system", subtype: "brand_new" })).toEqual({ kind: "ignored", type: "system/brand_new" });
  expect(decode({ type: "prompt_suggestion" })).toEqual({ kind: "ignored", type: "prompt_suggestion" });
  expect(decode(undefined)).toEqual({ kind: "ignored", type: "" });
});

test("what a subagent streams is not the answer", () => {
  const delta = { type: "text_delta", text: "x" };
  const event = { type: "content_block_delta", delta };
  expect(decode({ type: "stream_event", parent_tool_use_id: null, event })).toEqual({ kind: "text", delta: "x" });
  expect(decode({ type: "stream_event", parent_tool_use_id: "toolu_1", event })).toMatchObject({ kind: "ignored" });
});

test("background tasks are commands or agents; the CLI's own housekeeping is not counted", () => {
  const tasks = [
    { task_id: "a", task_type: "local_bash" },
    { task_id: "b", task_type: "local_agent" },
    { task_id: "c", task_type: "local_bash", ambient: true },
  ];
  expect(decode({ type: "system", subtype: "background_tasks_changed", tasks })).toEqual({
    kind: "tasks",
    tasks: [
      { id: "a", kind: "command" },
      { id: "b", kind: "agent" },
    ],
  });
});

test("a result of an older CLI has the turn's own tokens and no cost", () => {
  const usage = { input_tokens: 3, output_tokens: 4, cache_read_input_tokens: 5, cache_creation_input_tokens: 6 };
  const result = decode({ type: "result", subtype: "success", result: "x", usage, user_message_uuid: "u" });
  expect(result).toMatchObject({
    answered: ["u"],
    usage: { inputTokens: 3, outputTokens: 4, cacheReadTokens: 5, cacheWriteTokens: 6, costUsd: null },
  });
});
