/** Frames in `recorded/` were written by CLI 2.1.330 against a scripted model. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { toolTargetCharsMax } from "../../domain/agent-event.ts";
import type { AgentEvent } from "../../domain/agent-event.ts";
import { decode } from "./decode.ts";
import type { Wire } from "./decode.ts";
import { deathOf, nothingGathered, saidOf, targetOf, translate } from "./translate.ts";
import type { Gathered } from "./translate.ts";

function recorded(name: string): Wire[] {
  const lines = readFileSync(new URL(`recorded/${name}.jsonl`, import.meta.url), "utf8")
    .trim()
    .split("\n");
  return lines.map((line) => decode(JSON.parse(line)));
}

function play(wires: readonly Wire[]): { readonly events: AgentEvent[]; readonly gathered: Gathered } {
  let gathered = nothingGathered;
  const events = wires.flatMap((wire) => {
    const translated = translate(gathered, wire);
    gathered = translated.after;
    return translated.events;
  });
  return { events, gathered };
}

const faultOf = (name: string): unknown => {
  const { end } = play(recorded(name)).gathered;
  return end?.kind === "failed" ? end.fault : end;
};

test("a turn with thinking and a tool becomes events in order, with the answer after the last tool", () => {
  const { events, gathered } = play(recorded("tool"));
  expect(
    events.map((event) => (event.kind === "usage" || event.kind === "session" ? { kind: event.kind } : event)),
  ).toEqual([
    { kind: "session" },
    { kind: "thinking", delta: "Let me " },
    { kind: "thinking", delta: "look." },
    { kind: "text", delta: "I will look. " },
    {
      ...{ kind: "tool-started", tool: { id: expect.any(String), name: "Bash", target: "echo hi" } },
      input: "command: echo hi\ndescription: Say hi",
    },
    { kind: "tool-ended", id: expect.any(String), ok: true, result: "hi" },
    { kind: "text", delta: "All " },
    { kind: "text", delta: "done." },
    { kind: "usage" },
    { kind: "context", usedTokens: 157, windowTokens: 1_000_000 },
  ]);
  expect(gathered.end).toEqual({ kind: "completed", answer: "All done." });
  expect(gathered.usage).toMatchObject({ inputTokens: 110, outputTokens: 55, cacheReadTokens: 7 });
  expect(gathered.usage.costUsd).toBeGreaterThan(0);
});

test("how much of the account is used is told for every window that the service names, in percent", () => {
  const info = (rate_limit_info: object): Wire => decode({ type: "rate_limit_event", rate_limit_info });
  const unifiedWindows = {
    five_hour: { utilization: 0.42, resetsAt: 1_900_000_000, status: "allowed" },
    seven_day_opus: { utilization: 1.02, resetsAt: 1_900_000_001, status: "rejected" },
  };
  expect(play([info({ status: "allowed", unifiedWindows, rateLimitType: "five_hour" })]).events).toEqual([
    {
      kind: "limits",
      limits: [
        { window: "5 h", usedPercent: 42, resetsAtMs: 1_900_000_000_000 },
        { window: "week, Opus", usedPercent: 102, resetsAtMs: 1_900_000_001_000 },
      ],
    },
  ]);
  expect(play([info({ status: "allowed", rateLimitType: "new_window" })]).events).toEqual([
    { kind: "limits", limits: [{ window: "new window", usedPercent: null, resetsAtMs: null }] },
  ]);
  expect(play([info({ status: "allowed" })]).events).toEqual([]);
});

test("what was said before a tool is kept for it (a plan that is only said), and not what was said long before", () => {
  const say = (text: string): Wire =>
    decode({ type: "assistant", parent_tool_use_id: null, message: { content: [{ type: "text", text }] } });
  const use: Wire = decode({
    type: "assistant",
    parent_tool_use_id: null,
    message: { content: [{ type: "tool_use", id: "t", name: "X", input: {} }] },
  });
  expect(saidOf(play([say("first"), use, say("The plan."), use]).gathered)).toBe("The plan.");
  expect(saidOf(play([say("first"), use, say("The plan.")]).gathered)).toBe("The plan.");
  expect(saidOf(play([say("first"), use, use]).gathered)).toBe("");
});

test("a cut turn is interrupted, although the CLI calls it an error", () => {
  expect(play(recorded("interrupted")).gathered.end).toEqual({ kind: "interrupted" });
});

test("a failed request is classified by code and status; the CLI calls each of these turns a success", () => {
  expect(faultOf("error-401")).toMatchObject({ kind: "agent-not-logged-in" });
  expect(faultOf("error-402")).toEqual({ kind: "quota-exhausted", resetsAtMs: null });
  expect(faultOf("error-429")).toEqual({ kind: "rate-limited", resetsAtMs: null });
  expect(faultOf("error-529")).toEqual({ kind: "overloaded" });
  expect(faultOf("error-connection")).toEqual({ kind: "model-unreachable" });
  expect(faultOf("error-400")).toEqual({
    kind: "model-refused",
    status: 400,
    detail: "API Error: 400 prompt is too odd",
  });
});

test("a retry shows what went wrong, and an exhausted account is told from a short rate limit", () => {
  const retry = play(recorded("error-529")).events.find((event) => event.kind === "retrying");
  expect(retry).toMatchObject({ fault: { kind: "overloaded" }, attempt: 1 });
  const limit = decode({ type: "rate_limit_event", rate_limit_info: { status: "rejected", resetsAt: 1_900_000_000 } });
  const { gathered } = play([limit, ...recorded("error-429")]);
  expect(gathered.end).toEqual({
    kind: "failed",
    fault: { kind: "quota-exhausted", resetsAtMs: 1_900_000_000_000 },
  });
});

test("what a background agent says is no part of the answer, and what follows its return is", () => {
  const { events, gathered } = play(recorded("background-agent"));
  expect(gathered.end).toEqual({ kind: "completed", answer: "It is on its way.\n\nIt is back." });
  const shown = events.flatMap((event) => (event.kind === "text" ? [event.delta] : [])).join("");
  expect(shown).not.toContain("echo: look around");
});

test("blocks of text that follow each other are all part of the answer, and are not glued (a result holds only the last)", () => {
  const said = (text: string): Wire[] => [
    decode({
      type: "stream_event",
      parent_tool_use_id: null,
      event: { type: "content_block_start", content_block: { type: "text" } },
    }),
    decode({
      type: "stream_event",
      parent_tool_use_id: null,
      event: { type: "content_block_delta", delta: { type: "text_delta", text } },
    }),
    decode({ type: "assistant", parent_tool_use_id: null, message: { content: [{ type: "text", text }] } }),
  ];
  const { events, gathered } = play([
    ...said("one"),
    ...said("two"),
    decode({ type: "result", subtype: "success", is_error: false, result: "two" }),
  ]);
  expect(gathered.end).toEqual({ kind: "completed", answer: "one\n\ntwo" });
  expect(events.flatMap((event) => (event.kind === "text" ? [event.delta] : [])).join("")).toBe("one\n\ntwo");
});

test("an answer that was never streamed (a slash command's) is taken from the result", () => {
  const { gathered } = play([decode({ type: "result", subtype: "success", is_error: false, result: "context: 3 %" })]);
  expect(gathered.end).toEqual({ kind: "completed", answer: "context: 3 %" });
});

test("a turn that ran out of turns or could not start is an agent error with the CLI's reason", () => {
  const failed = {
    type: "result",
    subtype: "error_max_turns",
    is_error: true,
    terminal_reason: "max_turns",
    errors: [],
  };
  expect(play([decode(failed)]).gathered.end).toMatchObject({ fault: { kind: "agent-error", detail: "max_turns" } });
  const start = {
    type: "result",
    subtype: "error_during_execution",
    is_error: true,
    startup_failure_reason: "bypass_root",
    errors: ["not as root"],
  };
  expect(play([decode(start)]).gathered.end).toMatchObject({ fault: { detail: "bypass_root: not as root" } });
});

test("a tool's target is one bounded line", () => {
  expect(targetOf({ command: "a\n  b\tc", description: "d" })).toBe("a b c");
  expect(targetOf({ file_path: "/x/y.ts", content: "secret" })).toBe("/x/y.ts");
  expect(targetOf({ command: "x".repeat(5_000) })).toHaveLength(toolTargetCharsMax);
  expect(targetOf({ odd: 1 })).toBe("");
});

test("a death is told with its signal or code and the last line of what the agent wrote", () => {
  const exit = { code: 1, signal: null, failure: null, stderr: "warning\nno such session\n" };
  expect(deathOf(exit)).toEqual({ kind: "agent-died", agent: "Claude Code", detail: "exit code 1: no such session" });
  expect(deathOf({ ...exit, code: null, signal: "SIGKILL", stderr: "" })).toMatchObject({ detail: "SIGKILL" });
  expect(deathOf({ ...exit, code: null, failure: "ENOENT" })).toMatchObject({ kind: "agent-missing" });
});
