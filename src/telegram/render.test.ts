import fc from "fast-check";
import { describe, expect, it } from "vitest";

import type { ConversationId } from "../domain/conversation.ts";
import type { RunId } from "../domain/run.ts";
import { emptyTranscript, type Phase, type Transcript } from "../domain/transcript.ts";
import type { RunSnapshot, RunSummary } from "../engine/ports.ts";
import { partCharsMax } from "./formatted-text.ts";
import { renderMarkdown } from "./markdown.ts";
import { renderStatus, renderSummary } from "./render.ts";

const nowMs = 1_700_000_000_000;

function snapshot(transcript: Partial<Transcript>, state: RunSnapshot["state"] = "running"): RunSnapshot {
  return {
    owner: { conversation: "telegram:1" as ConversationId, run: "r" as RunId, epoch: 1 },
    driver: "demo",
    state,
    startedAtMs: nowMs - 12_000,
    transcript: { ...emptyTranscript, ...transcript },
  };
}

const draw = (transcript: Partial<Transcript>, state?: RunSnapshot["state"]) =>
  renderStatus(snapshot(transcript, state), nowMs, renderMarkdown);
const tool = (name: string, target: string): Phase => ({ kind: "tool", tool: { id: "1", name, target } });
const usage = { inputTokens: 100, outputTokens: 900, cacheReadTokens: 50_000, cacheWriteTokens: 400, costUsd: null };

describe("the live status", () => {
  it("says what the run does, for how long, and shows the growing text with its formatting", () => {
    const drawn = draw({ phase: tool("Bash", "npm test"), toolCount: 2, usage, text: "I **run** the tests" });
    expect(drawn.text).toBe("\u{1F527} Bash npm test\n12 s \u00B7 2 tools \u00B7 1.4k tokens\n\nI run the tests");
    expect(drawn.entities.map(({ type }) => type)).toEqual(["code", "bold"]);
  });

  it("says how many messages wait behind it, and shows the newest tools and thoughts when everything is wanted", () => {
    const tools = Array.from({ length: 8 }, (_, n) => ({
      ...{ id: `${n}`, name: "Bash", target: `step ${n}` },
      state: n === 7 ? ("running" as const) : ("ok" as const),
    }));
    const transcript = { phase: tool("Bash", "step 7"), toolCount: 8, tools, thinking: "So it **is**." };
    const drawn = renderStatus(snapshot(transcript), nowMs, renderMarkdown, { view: "verbose", waiting: 2 });
    const lines = drawn.text.split("\n");
    expect(lines.slice(1, 4)).toEqual(["12 s \u00B7 8 tools \u00B7 2 waiting", "", "\u2714 Bash step 2"]);
    expect(lines.slice(-2)).toEqual(["\u2026 Bash step 7", "So it **is**."]);
    expect(drawn.entities.at(-1)?.type).toBe("blockquote");
    expect(draw(transcript).text).toBe("\u{1F527} Bash step 7\n12 s \u00B7 8 tools");
  });

  it("says that it stops as soon as it was told to, whatever the agent still does", () => {
    expect(draw({ phase: tool("Bash", "sleep 100") }, "stopping").text).toBe("\u25A0 Stopping\u2026\n12 s");
    expect(draw({}, "quarantined").text).toContain("not proven");
  });

  it("makes visible what hides or reorders characters in a command (T5)", () => {
    const { text } = draw({ phase: tool("Ba\u200Bsh", "rm -rf \u202E/tmp\u2066 \u00AD\n&& curl x\u0000") });
    expect(text.split("\n")[0]).toBe(
      "\u{1F527} Ba\u27E8U+200B\u27E9sh rm -rf \u27E8U+202E\u27E9/tmp\u27E8U+2066\u27E9 \u27E8U+AD\u27E9 \u23CE && curl x\u27E8U+0\u27E9",
    );
  });

  it("shows the tail of a long text, with its fence when it is cut inside one", () => {
    const text = `start\n\`\`\`ts\n${"let **a** = 1;\n".repeat(400)}`;
    const drawn = draw({ phase: { kind: "writing" }, text });
    expect(drawn.text).not.toContain("start");
    expect(drawn.entities.map(({ type }) => type)).toEqual(["pre"]);
    expect(drawn.text.length).toBeLessThan(1_700);
  });

  it("fits one message whatever the transcript holds", { timeout: 30_000 }, () => {
    const anything = fc.oneof(
      fc.string({ unit: "binary", maxLength: 800 }),
      fc.constant("|a|b|\n|-|-|\n|" + "x".repeat(900) + "|b|\n" + "|c|d|\n".repeat(80)),
    );
    fc.assert(
      fc.property(anything, anything, (text, target) => {
        const drawn = draw({ phase: tool(target, target), text, toolCount: 9, usage });
        expect(drawn.text.length).toBeLessThanOrEqual(partCharsMax);
        for (const { offset, length } of drawn.entities) expect(offset + length).toBeLessThanOrEqual(drawn.text.length);
      }),
      { numRuns: 40 },
    );
  });
});

describe("the last line", () => {
  const line = (outcome: RunSummary["outcome"], transcript: Partial<Transcript> = {}) =>
    renderSummary({ run: "r" as RunId, outcome, durationMs: 34_000, transcript: { ...emptyTranscript, ...transcript } })
      .text;

  it("says how the run ended, in one line", () => {
    const big = { ...usage, inputTokens: 17_600 };
    expect(line({ kind: "finished" }, { toolCount: 12, usage: big })).toBe(
      "\u2714 34 s \u00B7 12 tools \u00B7 19k tokens",
    );
    expect(line({ kind: "stopped", why: "user" })).toBe("\u25A0 stopped \u00B7 34 s");
    expect(line({ kind: "failed", fault: { kind: "overloaded" } })).toBe("\u2716 failed \u00B7 34 s");
    expect(line({ kind: "interrupted" })).toContain("interrupted");
    expect(line({ kind: "preempted" }).split("\n")).toHaveLength(1);
    expect(line({ kind: "quarantined" })).toContain("not proven");
  });
});
