/** What becomes of runs: stops and their proof, failures, what a run did and what it left running. */
import { describeFault, type Fault } from "../faults.ts";
import type { Evidence, ProcessRef } from "../run.ts";
import type { RunDetail } from "../run-details.ts";
import { plural } from "../wording.ts";

export type RunNotice =
  | { readonly kind: "stopping" }
  | { readonly kind: "stopped"; readonly why: "user" | "replaced"; readonly held: number; readonly forced: boolean }
  | { readonly kind: "stopping-all"; readonly runs: number }
  | { readonly kind: "stopped-all"; readonly stopped: number; readonly quarantined: number }
  | { readonly kind: "nothing-to-stop"; readonly held: number }
  | { readonly kind: "quarantined"; readonly evidence: Evidence }
  | { readonly kind: "failed"; readonly fault: Fault }
  /** `text` is what was asked, in short; "" where that is said beside it. */
  | { readonly kind: "interrupted"; readonly text: string; readonly cause: "crash" | "shutdown" | "agent" }
  | { readonly kind: "background-ended"; readonly ended: number; readonly alive: readonly ProcessRef[] }
  /** What the running agent tells through `notify`. */
  | { readonly kind: "from-agent"; readonly text: string }
  /** What a run did; `page` counts from 1. */
  | {
      readonly kind: "details";
      readonly page: number;
      readonly pages: number;
      readonly details: readonly RunDetail[];
    }
  /** What a run changed, as a unified diff; empty when it is not known any more. */
  | { readonly kind: "changes"; readonly diff: string };

export function describeRunNotice(notice: RunNotice): string {
  switch (notice.kind) {
    case "stopping":
      return "Stopping\u2026";
    case "stopped":
      return stopped(notice);
    case "stopping-all":
      return notice.runs === 1 ? "Stopping 1 run\u2026" : `Stopping ${notice.runs} runs\u2026`;
    case "stopped-all":
      return notice.quarantined === 0
        ? `Everything is stopped (${plural(notice.stopped, "run")}).`
        : `${plural(notice.stopped, "run")} stopped. ${plural(notice.quarantined, "run")} could not be proven gone; see /status.`;
    case "nothing-to-stop":
      return notice.held === 0
        ? "Nothing to stop."
        : `Nothing to stop: no run is active. ${plural(notice.held, "message")} on hold.`;
    case "quarantined":
      return quarantined(notice.evidence);
    case "failed":
      return `The run failed. ${describeFault(notice.fault)}`;
    case "interrupted":
      return interrupted(notice);
    case "background-ended":
      return notice.alive.length === 0
        ? `${plural(notice.ended, "background task")} ended.`
        : `Still alive: ${processes(notice.alive)}`;
    case "from-agent":
      return notice.text;
    case "details":
      return [detailsTitle(notice), ...notice.details.map(detailLines)].join("\n\n");
    case "changes":
      return notice.diff === "" ? "Nothing was changed." : notice.diff;
    default:
      return notice satisfies never;
  }
}

function stopped(notice: RunNotice & { kind: "stopped" }): string {
  const how = notice.forced
    ? "Released by you, without proof that it ended."
    : notice.why === "replaced"
      ? "Stopped. Running your message next."
      : "Stopped.";
  return notice.held === 0 ? how : `${how} ${plural(notice.held, "message")} on hold.`;
}

function quarantined(evidence: Evidence): string {
  const alive = evidence.processes.length === 0 ? evidence.note : processes(evidence.processes);
  return `This run was told to stop, but it is not proven that it ended. Still there: ${alive}\nNothing else starts in this conversation or its directory until it is gone. It is released by itself when it ends; "Force release" frees it now, at your risk.`;
}

function interrupted(notice: RunNotice & { kind: "interrupted" }): string {
  const cause = {
    crash: "Signalbox ended while it ran",
    shutdown: "Signalbox was shut down while it ran",
    agent: "the agent ended it",
  }[notice.cause];
  const asked = notice.text === "" ? "." : `: \u201c${notice.text}\u201d`;
  return `This run was interrupted (${cause})${asked}\nNothing of it runs any more, and it is not repeated by itself. Your session is kept.`;
}

export function detailsTitle({ page, pages }: RunNotice & { kind: "details" }): string {
  return pages === 1 ? "What the run did" : `What the run did, page ${page} of ${pages}`;
}

function detailLines(detail: RunDetail): string {
  switch (detail.kind) {
    case "tool": {
      const head = `${toolMarks[detail.state]} ${detail.name} ${detail.target}`.trim();
      return [head, detail.input, detail.result].filter((text) => text !== null && text !== "").join("\n");
    }
    case "thinking":
      return `Thinking: ${detail.text}`;
    case "notice":
      return detail.text;
    case "forgotten":
      return forgottenTools(detail.tools);
    default:
      return detail satisfies never;
  }
}

export const toolMarks = { ok: "\u2714", failed: "\u2716", running: "\u2026" } as const;

export function forgottenTools(tools: number): string {
  return `\u2026 ${plural(tools, "earlier tool")} not kept`;
}

/** A chat line holds a few processes; the rest is counted. */
const processesShownMax = 5;

export function processes(list: readonly ProcessRef[]): string {
  const shown = list.slice(0, processesShownMax).map((process) => `${process.command} (pid ${process.pid})`);
  const rest = list.length - shown.length;
  return rest > 0 ? `${shown.join(", ")} and ${rest} more` : shown.join(", ");
}
