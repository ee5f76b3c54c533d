import { expect, test } from "vitest";
import type { AgentEvent } from "../domain/agent-event.ts";
import { createTurnEvents } from "./turn-events.ts";

const completed: AgentEvent = { kind: "ended", end: { kind: "completed", answer: "a" } };
const interrupted: AgentEvent = { kind: "ended", end: { kind: "interrupted" } };
const text = (delta: string): AgentEvent => ({ kind: "text", delta });

test("a second end and everything after the first are ignored (a killed agent still speaks)", async () => {
  const turn = createTurnEvents();
  turn.emit(interrupted);
  turn.emit(text("late"));
  turn.emit(completed);
  expect(turn.end).toEqual({ kind: "interrupted" });
  expect(await Array.fromAsync(turn.events)).toEqual([interrupted]);
});

test("a reader that waits gets each event when it is emitted, and the stream ends after the end", async () => {
  const turn = createTurnEvents();
  const reader = turn.events[Symbol.asyncIterator]();
  const first = reader.next();
  turn.emit(text("one"));
  expect(await first).toEqual({ done: false, value: text("one") });
  const second = reader.next();
  turn.emit(completed);
  expect(await second).toEqual({ done: false, value: completed });
  expect(await reader.next()).toEqual({ done: true, value: undefined });
});

test("text that nobody has read yet is joined, but never across another event (order is kept)", async () => {
  const turn = createTurnEvents();
  const tool: AgentEvent = { kind: "tool-started", tool: { id: "1", name: "Bash", target: "ls" } };
  for (const event of [text("a"), text("b"), tool, text("c"), text("d"), completed]) turn.emit(event);
  expect(await Array.fromAsync(turn.events)).toEqual([text("ab"), tool, text("cd"), completed]);
});
