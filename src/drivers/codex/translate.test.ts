/** Recorded with Codex 0.169.0 and the scripted model: one file per turn, its notifications and requests in order. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { askTextCharsMax } from "../../domain/ask.ts";
import type { AgentEvent } from "../../domain/agent-event.ts";
import { answerOf, askOf, refusalOf } from "./asks.ts";
import type { RpcMessage } from "./connection.ts";
import { decode, decodeRequest } from "./decode.ts";
import type { Wire, WireChange } from "./decode.ts";
import { deathOf, faultOf, nothingGathered, translate } from "./translate.ts";
import type { Gathered } from "./translate.ts";

function recorded(name: string): RpcMessage[] {
  const lines = readFileSync(new URL(`recorded/${name}.jsonl`, import.meta.url), "utf8")
    .trimEnd()
    .split("\n");
  return lines.map((line) => ({ id: null, ...(JSON.parse(line) as { method: string; params: unknown }) }));
}

function play(wires: readonly Wire[], from: Gathered = nothingGathered): { events: AgentEvent[]; after: Gathered } {
  let after = from;
  const events = wires.flatMap((wire) => {
    const translated = translate(after, wire, "thread");
    after = translated.after;
    return translated.events;
  });
  return { events, after };
}

const turnOf = (name: string) =>
  play(
    recorded(name)
      .filter((message) => message.id === null)
      .map(decode),
  );
const textOf = (events: readonly AgentEvent[]): string =>
  events.flatMap((event) => (event.kind === "text" ? [event.delta] : [])).join("");

test("a turn with tools: what is thought, said and done, in order; the answer is what came after the last tool", () => {
  const { events, after } = turnOf("tools");
  const order = events.map((event) => event.kind).filter((kind) => kind !== "usage" && kind !== "context");
  expect(order.filter((kind, at) => kind !== order[at - 1])).toEqual([
    "notice",
    "thinking",
    "text",
    "tool-started",
    "tool-ended",
    "tool-started",
    "tool-ended",
    "diff",
    "text",
    "diff",
  ]);
  expect(textOf(events)).toBe("I look. Done.");
  expect(after.end).toEqual({ kind: "completed", answer: "Done." });
  expect(events.findLast((event) => event.kind === "usage")).toMatchObject({
    usage: { inputTokens: 120, cacheReadTokens: 40, outputTokens: 17 },
  });
});

test.each([
  ["error-401", { kind: "agent-not-logged-in" }],
  ["error-429", { kind: "rate-limited", resetsAtMs: null }],
  ["error-quota", { kind: "quota-exhausted", resetsAtMs: null }],
  ["error-529", { kind: "overloaded" }],
  ["error-500", { kind: "model-refused", status: 500 }],
  ["error-400", { kind: "agent-error", detail: expect.stringContaining("scripted") }],
  ["error-dropped", { kind: "model-unreachable" }],
])("%s ends as its fault", (name, fault) => {
  expect(turnOf(name).after.end).toEqual({ kind: "failed", fault: expect.objectContaining(fault) });
});

test("a request that is repeated is told with its number, and what works again counts from the start", () => {
  const { events } = turnOf("error-529");
  expect(events.filter((event) => event.kind === "retrying")).toEqual([
    { kind: "retrying", fault: { kind: "overloaded" }, attempt: 1, delayMs: 0 },
  ]);
  const again = { thread: "thread", kind: "error", willRetry: true, error: errorOf("serverOverloaded") } as const;
  const fine = { thread: "thread", kind: "text", item: "m", delta: "x" } as const;
  const attempts = play([again, again, fine, again]).events.flatMap((event) =>
    event.kind === "retrying" ? [event.attempt] : [],
  );
  expect(attempts).toEqual([1, 2, 1]);
});

const errorOf = (code: string, status: number | null = null) => ({ code, status, message: "m", details: "" });

test("an interrupted turn ends as such, and its command was told", () => {
  const { events, after } = turnOf("interrupted");
  expect(after.end).toEqual({ kind: "interrupted" });
  expect(events.some((event) => event.kind === "tool-started")).toBe(true);
});

test("a plan is text and the answer", () => {
  const { events, after } = turnOf("plan");
  expect(textOf(events)).toContain("First this.");
  expect(after.end).toEqual({ kind: "completed", answer: expect.stringContaining("First this.") });
});

test("what a subagent says is not the answer, and the end of its turn is not the end", () => {
  const { events, after } = turnOf("subagent");
  expect(textOf(events)).not.toContain("helper says");
  expect(after.end).toMatchObject({ kind: "completed" });
  const child = { thread: "child", kind: "turn-ended", turn: "x", status: "completed", error: null } as const;
  expect(play([child]).after.end).toBeNull();
});

test("two texts that follow each other are two paragraphs; a tool between them is a break of its own", () => {
  const says = (item: string, delta: string) => ({ thread: "thread", kind: "text", item, delta }) as const;
  const tool = { kind: "tool", id: "t", name: "Shell", target: "ls", isOk: true, output: "", changes: [] } as const;
  const ran = { thread: "thread", kind: "item-ended", item: tool } as const;
  expect(textOf(play([says("a", "one"), says("a", "!"), says("b", "two"), ran, says("c", "three")]).events)).toBe(
    "one!\n\ntwothree",
  );
});

test("steps of a plan are shown as the tool that they are elsewhere", () => {
  const steps = [
    { text: "look", status: "completed" },
    { text: "change", status: "inProgress" },
    { text: "check", status: "pending" },
  ];
  expect(play([{ thread: "thread", kind: "plan", steps }]).events).toEqual([
    { kind: "tool-started", tool: { id: "plan-1", name: "Plan", target: "1/3 change" } },
    { kind: "tool-ended", id: "plan-1", ok: true },
  ]);
});

test("limits carry their window in words and when it opens; an exhausted one dates the fault", () => {
  const windows = [
    { minutes: 300, usedPercent: 100, resetsAt: 1_800_000_000 },
    { minutes: 10_080, usedPercent: 20, resetsAt: null },
  ];
  const { events, after } = play([{ thread: null, kind: "limits", windows }]);
  expect(events).toEqual([
    {
      kind: "limits",
      limits: [
        { window: "5 h", usedPercent: 100, resetsAtMs: 1_800_000_000_000 },
        { window: "week", usedPercent: 20, resetsAtMs: null },
      ],
    },
  ]);
  expect(faultOf(errorOf("usageLimitExceeded"), after)).toEqual({
    kind: "quota-exhausted",
    resetsAtMs: 1_800_000_000_000,
  });
});

test("a server's death is told by its signal and its last words, a program that cannot be started as missing", () => {
  const exit = { code: null, signal: "SIGKILL", failure: null, stderr: "one\ntwo\n" } as const;
  expect(deathOf(exit)).toMatchObject({ kind: "agent-died", detail: "SIGKILL: two" });
  expect(deathOf({ ...exit, signal: null, failure: "ENOENT" })).toMatchObject({ kind: "agent-missing" });
});

// ---- asks

function asksOf(name: string) {
  const changes = new Map<string, readonly WireChange[]>();
  return recorded(name).flatMap((message) => {
    if (message.id === null) {
      const wire = decode(message);
      if (wire.kind === "item-started" && wire.item.kind === "tool") changes.set(wire.item.id, wire.item.changes);
      return [];
    }
    const request = decodeRequest(message);
    return [{ request, ask: askOf(request, request.kind === "edit" ? (changes.get(request.item) ?? []) : []) }];
  });
}

test("approvals show the command and the diff, and take their answers in Codex's words", () => {
  const [command, edit] = asksOf("approvals");
  expect(command?.ask).toMatchObject({ kind: "approval", action: { kind: "command", command: "touch a" } });
  expect(edit?.ask).toMatchObject({
    kind: "approval",
    action: { kind: "edit", files: [{ path: "/home/user/ws/y.txt", diff: "@@ -0,0 +1,1 @@\n+hello" }] },
  });
  const request = command!.request;
  expect(answerOf(request, { kind: "allow", scope: "once" })).toEqual({ decision: "accept" });
  expect(answerOf(request, { kind: "allow", scope: "session" })).toEqual({ decision: "acceptForSession" });
  expect(answerOf(request, { kind: "deny", reason: "no" })).toEqual({ decision: "decline" });
  expect(answerOf(request, { kind: "answers", answers: [] })).toBeNull();
  expect(refusalOf(request)).toEqual({ decision: "cancel" });
});

test("questions are answered by their ids", () => {
  const [question] = asksOf("question");
  expect(question?.ask).toMatchObject({
    kind: "questions",
    questions: [{ header: "H", text: "Well?", choice: "one" }],
  });
  expect(answerOf(question!.request, { kind: "answers", answers: [["B"]] })).toEqual({
    answers: { q: { answers: ["B"] } },
  });
  expect(refusalOf(question!.request)).toEqual({ answers: {} });
});

test("permissions are granted as they were asked for, and not more", () => {
  const params = {
    threadId: "t",
    cwd: "/w",
    reason: "docs",
    permissions: { network: { enabled: true }, fileSystem: null },
  };
  const request = decodeRequest({ id: 1, method: "item/permissions/requestApproval", params });
  expect(answerOf(request, { kind: "allow", scope: "session" })).toEqual({
    permissions: { network: { enabled: true } },
    scope: "session",
  });
  expect(answerOf(request, { kind: "deny", reason: null })).toEqual({ permissions: {}, scope: "turn" });
});

test("a command longer than a person reads is cut in the middle, says so, and cannot be allowed (T5)", () => {
  const params = { threadId: "t", command: `begin ${"x".repeat(2 * askTextCharsMax)} end` };
  const ask = askOf(decodeRequest({ id: 1, method: "item/commandExecution/requestApproval", params }), []);
  const shown = ask?.kind === "approval" && ask.action.kind === "command" ? ask.action.command : "";
  expect(shown.length).toBeLessThanOrEqual(askTextCharsMax);
  expect(shown).toMatch(/^begin .*characters are not shown.* end$/s);
  expect(ask).toMatchObject({ isCut: true });
});
