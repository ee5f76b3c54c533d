import { expect, test } from "vitest";
import type { AgentEvent } from "../../domain/agent-event.ts";
import type { Ask } from "../../domain/ask.ts";
import { createAsks } from "./asks.ts";

const plan: Ask = { kind: "plan", plan: "p" };
const allow = { kind: "allow", scope: "once" } as const;
const forever = new AbortController().signal;

test("an ask is answered once, each by its own id", async () => {
  const events: AgentEvent[] = [];
  const asks = createAsks((event) => events.push(event));
  const [one, two] = [asks.put(plan, forever), asks.put(plan, forever)];
  const ids = events.flatMap((event) => (event.kind === "asked" ? [event.id] : []));
  expect(new Set(ids).size).toBe(2);
  expect(asks.answer(ids[1] ?? "", allow)).toBe("accepted");
  expect(await two).toEqual(allow);
  expect(asks.answer(ids[1] ?? "", { kind: "deny", reason: null })).toBe("too-late");
  expect(asks.answer(ids[0] ?? "", { kind: "deny", reason: null })).toBe("accepted");
  expect(await one).toEqual({ kind: "deny", reason: null });
  expect(asks.answer("unknown", allow)).toBe("too-late");
});

test("what the agent or a stop takes back is withdrawn once, and nothing can be asked after the stop", async () => {
  const events: AgentEvent[] = [];
  const asks = createAsks((event) => events.push(event));
  const agent = new AbortController();
  const [one, two] = [asks.put(plan, agent.signal), asks.put(plan, forever)];
  agent.abort();
  expect(await one).toBeNull();
  asks.close();
  asks.close();
  expect(await two).toBeNull();
  expect(await asks.put(plan, forever)).toBeNull();
  expect(events.map((event) => event.kind)).toEqual(["asked", "asked", "ask-withdrawn", "ask-withdrawn"]);
  expect(asks.answer("2", allow)).toBe("too-late");
});
