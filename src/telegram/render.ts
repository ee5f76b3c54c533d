/**
 * How a run looks in a chat: the live status drawn from one snapshot, and the one line that stays of it (I12).
 * Pure and cheap: it is drawn again every 1.5 s for as long as the run lives.
 */
import type { Usage } from "../domain/agent-event.ts";
import { toolMarks } from "../domain/notices/runs.ts";
import { duration, plural } from "../domain/wording.ts";
import type { Transcript } from "../domain/transcript.ts";
import type { RunLine, RunSnapshot, RunSummary } from "../engine/ports.ts";
import { code, concat, type FormattedText, head, plain, styled, tail } from "./formatted-text.ts";
import { readable, visibleLine } from "./visible.ts";

/** What a phone shows of a growing text without scrolling, about twice over. In UTF-16 units. */
const tailCharsMax = 1500;
/** A tool's target on one or two lines of a phone. In UTF-16 units. */
const targetCharsMax = 200;

export type RenderMarkdown = (source: string) => FormattedText;

/** How much of a run is shown while it runs: `verbose` has its newest tools and thoughts as well. */
export type StatusView = "normal" | "verbose" | "quiet";

export type StatusFacts = { readonly view: StatusView; readonly waiting: number };

/** So many of the newest tools fit above a text on a phone. */
const toolsShownMax = 6;
/** The end of what it thinks, on some lines. In UTF-16 units. */
const thinkingCharsMax = 500;

export function renderStatus(
  snapshot: RunSnapshot,
  nowMs: number,
  renderMarkdown: RenderMarkdown,
  { view, waiting }: StatusFacts = { view: "normal", waiting: 0 },
): FormattedText {
  const { transcript } = snapshot;
  const behind = waiting === 0 ? "" : ` \u00B7 ${waiting} waiting`;
  const more = view === "verbose" ? verbose(transcript) : [];
  const top = concat(
    phaseLine(snapshot),
    plain(`\n${facts(nowMs - snapshot.startedAtMs, transcript)}${behind}`),
    ...more,
  );
  const text = renderMarkdown(openFence(transcript.text, tail(transcript.text, tailCharsMax)));
  // Drawn text can be longer than its source (a table is padded): what is shown stays within one message.
  return text.text.trim() === "" ? top : concat(top, plain("\n\n"), head(text, tailCharsMax * 2));
}

function verbose({ tools, thinking }: Transcript): readonly FormattedText[] {
  const lines = tools
    .slice(-toolsShownMax)
    .flatMap(({ name, target, state }) => [
      plain(`\n${toolMarks[state]} ${clip(visibleLine(name), 64)} `),
      code(clip(visibleLine(target), targetCharsMax / 2)),
    ]);
  const thought = readable(tail(thinking, thinkingCharsMax)).trim();
  const quoted = thought === "" ? [] : [plain("\n"), styled("blockquote", thought)];
  return [...(lines.length === 0 ? [] : [plain("\n"), ...lines]), ...quoted];
}

export function renderSummary(summary: RunSummary): FormattedText {
  return plain(`${outcomeWord(summary.outcome)}${facts(summary.durationMs, summary.transcript)}`);
}

/** The line of a finished run that stands under its answer. */
export function renderLine(line: RunLine): FormattedText {
  return styled("italic", `${outcomeWord({ kind: "finished" })}${facts(line.durationMs, line)}`);
}

function phaseLine({ state, transcript }: RunSnapshot): FormattedText {
  if (state === "stopping") return plain("\u25A0 Stopping\u2026");
  if (state === "quarantined") return plain("\u26A0 Told to stop; not proven that it ended.");
  const { phase } = transcript;
  switch (phase.kind) {
    case "starting":
      return plain("\u23F3 Starting\u2026");
    case "thinking":
      return plain("\u{1F4AD} Thinking\u2026");
    case "writing":
      return plain("\u270D Writing\u2026");
    case "tool": {
      const target = clip(visibleLine(phase.tool.target), targetCharsMax);
      // As code: nothing in it turns into a link, a mention or a command.
      return concat(plain(`\u{1F527} ${clip(visibleLine(phase.tool.name), 64)} `), code(target));
    }
    case "retrying":
      return plain(`\u23F3 ${readable(phase.text)} Trying again\u2026`);
    case "asking":
      return plain("\u270B Waiting for your answer\u2026");
    case "ended":
      return plain("\u23F3 Finishing\u2026");
    default:
      return phase satisfies never;
  }
}

function outcomeWord(outcome: RunSummary["outcome"]): string {
  switch (outcome.kind) {
    case "finished":
      return "\u2714 ";
    case "failed":
      return "\u2716 failed \u00B7 ";
    case "stopped":
      return "\u25A0 stopped \u00B7 ";
    case "preempted":
      return "\u25A0 made room \u00B7 ";
    case "interrupted":
      return "\u25A0 interrupted \u00B7 ";
    case "quarantined":
      return "\u26A0 not proven to have ended \u00B7 ";
    default:
      return outcome satisfies never;
  }
}

function facts(elapsedMs: number, { toolCount, usage }: Pick<Transcript, "toolCount" | "usage">): string {
  const parts = [duration(elapsedMs)];
  if (toolCount > 0) parts.push(plural(toolCount, "tool"));
  if (usage !== null && tokensOf(usage) > 0) parts.push(`${short(tokensOf(usage))} tokens`);
  return parts.join(" \u00B7 ");
}

/** What the turn added; what was read again from the model's cache is most of every turn and says little about it. */
function tokensOf(usage: Usage): number {
  return usage.inputTokens + usage.cacheWriteTokens + usage.outputTokens;
}

function short(count: number): string {
  if (count < 1000) return String(count);
  if (count < 1_000_000) return `${(count / 1000).toFixed(count < 10_000 ? 1 : 0)}k`;
  return `${(count / 1_000_000).toFixed(1)}M`;
}

/** A tail that begins inside a fenced block gets its fence back, or the code would be read as Markdown. */
function openFence(whole: string, shown: string): string {
  const cut = whole.length - shown.length;
  const fences = whole.slice(0, cut).match(/^ {0,3}```/gm)?.length ?? 0;
  return fences % 2 === 1 ? `\`\`\`\n${shown}` : shown;
}

export function clip(text: string, charsMax: number): string {
  return text.length <= charsMax ? text : `${text.slice(0, charsMax - 1).replace(/[\uD800-\uDBFF]$/, "")}\u2026`;
}
