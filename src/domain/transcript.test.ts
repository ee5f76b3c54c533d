import { describe, expect, it } from "vitest";
import type { AgentEvent } from "./agent-event.ts";
import {
  emptyTranscript,
  reduce,
  toolInputCharsMax,
  transcriptTextCharsMax,
  transcriptToolsMax,
} from "./transcript.ts";

const transcriptOf = (...events: AgentEvent[]) => events.reduce(reduce, emptyTranscript);
const tool = (id: string) => ({ kind: "tool-started" as const, tool: { id, name: "Bash", target: "ls" } });

describe("the transcript of a run", () => {
  it("shows the newest text block: text after a tool begins a new one", () => {
    const transcript = transcriptOf(
      { kind: "text", delta: "I look. " },
      tool("t1"),
      { kind: "tool-ended", id: "t1", ok: true },
      { kind: "text", delta: "Done." },
    );
    expect(transcript.text).toBe("Done.");
    expect(transcript.tools).toEqual([{ id: "t1", name: "Bash", target: "ls", state: "ok" }]);
  });

  it("joins the deltas of one block", () => {
    expect(transcriptOf({ kind: "text", delta: "a" }, { kind: "text", delta: "b" }).text).toBe("ab");
  });

  it("stays in the tool phase while another tool runs", () => {
    const transcript = transcriptOf(tool("t1"), tool("t2"), { kind: "tool-ended", id: "t2", ok: false });
    expect(transcript.phase).toMatchObject({ kind: "tool", tool: { id: "t1" } });
  });

  it("ignores events after the end (ST-1: no late tool message)", () => {
    const ended = transcriptOf({ kind: "ended", end: { kind: "completed", answer: "a" } });
    expect(reduce(ended, tool("late"))).toBe(ended);
    expect(reduce(ended, { kind: "ended", end: { kind: "interrupted" } })).toBe(ended);
  });

  it("keeps what tools were given and answered, the beginning and the end of long ones, of the newest tools", () => {
    const one = transcriptOf(
      { ...tool("t1"), input: "ls -l" },
      { kind: "tool-ended", id: "t1", ok: true, result: "a" },
    );
    expect(one.details).toEqual([{ id: "t1", input: "ls -l", result: "a" }]);
    expect(one.tools).toEqual([{ id: "t1", name: "Bash", target: "ls", state: "ok" }]);
    const long = transcriptOf({ ...tool("t1"), input: `begin${"x".repeat(10_000)}end` });
    expect(long.details?.[0]?.input).toMatch(/^beginx+\n\u2026 \d+ characters \u2026\nx+end$/);
    expect(long.details?.[0]?.input?.length).toBeLessThanOrEqual(toolInputCharsMax);
    const many = Array.from({ length: 60 }, (_, index) => ({ ...tool(`t${index}`), input: "x".repeat(800) }));
    const { details = [] } = transcriptOf(...many);
    expect([details.length, details.at(-1)?.id]).toEqual([50, "t59"]);
  });

  it("is bounded in text and tools, and counts every tool", () => {
    const tools = Array.from({ length: transcriptToolsMax + 5 }, (_, index) => tool(`t${index}`));
    const transcript = transcriptOf(...tools, { kind: "text", delta: "x".repeat(transcriptTextCharsMax + 1) });
    expect(transcript.text).toHaveLength(transcriptTextCharsMax);
    expect(transcript.tools).toHaveLength(transcriptToolsMax);
    expect(transcript.toolCount).toBe(transcriptToolsMax + 5);
  });
});
