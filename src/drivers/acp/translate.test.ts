import { expect, test } from "vitest";
import type { AgentEvent } from "../../domain/agent-event.ts";
import { decodeError, decodePromptEnd, decodeSettings, decodeUpdate } from "./decode.ts";
import { endOf, faultOf, nothingGathered, translate, usageOf } from "./translate.ts";

const title = { name: "Agent", loginRemedy: "Log in." };

/** What is shown of these updates, and how the turn ends after them. */
function turn(updates: readonly object[], answer: object = { stopReason: "end_turn" }, spentUsd: number | null = 0) {
  let gathered = nothingGathered(spentUsd);
  const events: AgentEvent[] = [];
  for (const update of updates) {
    const translated = translate(gathered, decodeUpdate({ sessionId: "s", update }));
    gathered = translated.after;
    events.push(...translated.events);
  }
  const end = decodePromptEnd(answer);
  return { events, end: endOf(gathered, end, title), usage: usageOf(gathered, end) };
}

const says = (text: string, messageId = "m") => ({
  sessionUpdate: "agent_message_chunk",
  messageId,
  content: { type: "text", text },
});
const tool = (status: string, more: object = {}) => ({
  sessionUpdate: "tool_call_update",
  toolCallId: "t",
  status,
  kind: "execute",
  ...more,
});

test("the answer is what was said after the last tool, or the last that was said at all", () => {
  expect(turn([says("I look."), tool("completed"), says("It "), says("is.")]).end).toEqual({
    kind: "completed",
    answer: "It is.",
  });
  expect(turn([says("I look."), tool("completed")]).end).toEqual({ kind: "completed", answer: "I look." });
});

test("two messages that follow each other are kept apart", () => {
  const { events, end } = turn([says("one", "1"), says("two", "2")]);
  expect(events).toEqual([
    { kind: "text", delta: "one" },
    { kind: "text", delta: "\n\ntwo" },
  ]);
  expect(end).toEqual({ kind: "completed", answer: "one\n\ntwo" });
});

test("a tool is shown when it works, with what it is about, and ends once", () => {
  const input = { rawInput: { command: "make  all" } };
  const call = { sessionUpdate: "tool_call", toolCallId: "t", title: "bash", kind: "execute", status: "pending" };
  const updates = [call, tool("in_progress", input), tool("in_progress"), tool("failed"), tool("failed")];
  expect(turn(updates).events).toEqual([
    { kind: "tool-started", tool: { id: "t", name: "execute", target: "make all" }, input: "command: make  all" },
    { kind: "tool-ended", id: "t", ok: false },
  ]);
});

test("context and cost: what the turn added to the session's cost, null where the agent says nothing", () => {
  const usage = { sessionUpdate: "usage_update", used: 900, size: 1000, cost: { amount: 0.5, currency: "USD" } };
  const told = turn([usage], { stopReason: "end_turn", usage: { inputTokens: 7, outputTokens: 3 } }, 0.25);
  expect(told.events).toEqual([{ kind: "context", usedTokens: 900, windowTokens: 1000 }]);
  expect(told.usage).toMatchObject({ inputTokens: 7, outputTokens: 3, costUsd: 0.25 });
  const quota = { quota: { token_count: { input_tokens: 20, output_tokens: 10 } } };
  const silent = turn([], { stopReason: "end_turn", _meta: quota });
  expect(silent.usage).toMatchObject({ inputTokens: 20, outputTokens: 10, costUsd: null });
});

test.each([
  ["cancelled", "interrupted"],
  ["max_tokens", "failed"],
  ["max_turn_requests", "failed"],
  ["refusal", "failed"],
  ["something new", "failed"],
])("stop reason %s ends the turn as %s", (stopReason, kind) => {
  expect(turn([says("some")], { stopReason }).end.kind).toBe(kind);
});

test("a fault is told by code; its text is bounded and decides nothing", () => {
  const error = (code: number) =>
    decodeError({ code, message: "authentication rate limit", data: { details: "x".repeat(2_000) } });
  expect(faultOf(error(-32_603), title)).toMatchObject({ kind: "agent-error", agent: "Agent" });
  expect(faultOf(error(-32_000), title)).toEqual({ kind: "agent-not-logged-in", agent: "Agent", remedy: "Log in." });
  expect(JSON.stringify(faultOf(error(-32_603), title)).length).toBeLessThan(700);
});

test("models are the same value as options and in the older form; malformed values are nothing", () => {
  const options = [{ value: "a/b", name: "B" }];
  const group = [{ group: "g", name: "G", options }];
  const model = { id: "model", category: "model", type: "select", currentValue: "a/b" };
  const values = [{ id: "a/b", name: "B", description: null }];
  for (const all of [options, group]) {
    expect(decodeSettings({ configOptions: [{ ...model, options: all }] }).model).toEqual({
      option: "model",
      current: "a/b",
      values,
    });
  }
  const older = { models: { currentModelId: "a/b", availableModels: [{ modelId: "a/b", name: "B" }] } };
  expect(decodeSettings(older).model).toEqual({ option: null, current: "a/b", values });
  for (const odd of [null, 7, "x", [], { configOptions: 7, models: [] }]) {
    expect(decodeSettings(odd)).toEqual({ model: null, effort: null, mode: null });
    expect(decodeUpdate(odd).kind).toBe("ignored");
  }
});
