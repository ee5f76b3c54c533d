/** The live run: what it does now, for how long, what it has written so far, and the Stop button. */
import type { ToolRecord } from "../../domain/transcript.ts";
import type { RunProgress, RunView } from "../wire.ts";
import { Aspect, stateLabels } from "./aspect.tsx";
import { ContextFill } from "./context-fill.tsx";
import { Changes } from "./diff.tsx";
import { Markdown } from "./markdown.tsx";
import type { Model } from "./model.ts";
import { Seen } from "./seen.tsx";
import { compact, elapsed } from "./time.ts";

/** Tools that stay in sight while a run works; the rest is counted. */
const toolsInSightMax = 4;

export function RunCard({ model, run }: { model: Model; run: RunView }) {
  const inSight = run.tools.slice(-toolsInSightMax);
  const asks = model.view.value?.lane?.asks ?? 0;
  const earlier = run.toolCount - inSight.length;
  return (
    // Ticking and streaming would make a screen reader talk without end; `Announcer` says what matters.
    <section class={`run run-${run.state}`} aria-label="Live run" aria-live="off">
      <header class="run-head">
        <Aspect state={run.state} isLarge />
        <p class="run-phase">
          <strong class={asks > 0 ? "state-asking" : `state-${run.state}`}>{phaseLabel(run, asks)}</strong>
          <span class="run-facts">{facts(run, model.nowMs.value)}</span>
        </p>
        <StopButton model={model} run={run} />
      </header>
      <ContextFill context={run.context} />
      {inSight.length > 0 && (
        <ol class="tools">
          {earlier > 0 && <li class="tools-earlier">{earlier} earlier</li>}
          {inSight.map((tool) => (
            <Tool key={tool.id} tool={tool} />
          ))}
        </ol>
      )}
      {run.notices.map((notice, index) => (
        <p key={index} class="run-notice">
          {notice}
        </p>
      ))}
      <Changes diff={run.diff} />
      {run.text !== "" && <Markdown text={run.text} />}
    </section>
  );
}

function StopButton({ model, run }: { model: Model; run: RunView }) {
  switch (run.state) {
    case "starting":
    case "running":
    case "stopping":
      return (
        <button type="button" class="stop" onClick={() => model.stop()}>
          <span aria-hidden="true">{"\u25A0"}</span> {run.state === "stopping" ? "Stop again" : "Stop"}{" "}
          <kbd>{model.isStopArmed.value ? "Esc again" : "Esc Esc"}</kbd>
        </button>
      );
    case "quarantined":
      return null; // the notice above carries the button that helps
    default:
      return run.state satisfies never;
  }
}

export function Tool({ tool }: { tool: ToolRecord }) {
  const mark = { running: "\u25B6", ok: "\u2713", failed: "\u2717" }[tool.state];
  const label = { running: "running", ok: "done", failed: "failed" }[tool.state];
  return (
    <li class={`tool tool-${tool.state}`}>
      <span class="tool-mark" aria-hidden="true">
        {mark}
      </span>
      <span class="hidden">{label}: </span>
      <span class="tool-name">{tool.name}</span>
      <code class="tool-target">
        <Seen text={tool.target} />
      </code>
    </li>
  );
}

/** `asks` is what waits for an answer: the agent's own phase is as old as its last event. */
export function phaseLabel(run: RunProgress, asks: number): string {
  if (run.state !== "running") return stateLabels[run.state];
  if (asks > 0) return "Waiting for your answer";
  switch (run.phase.kind) {
    case "starting":
      return "Starting";
    case "thinking":
      return "Thinking";
    case "writing":
      return "Writing";
    case "tool":
      return `Running ${run.phase.tool.name}`;
    case "retrying":
      return "Trying again";
    case "asking": {
      const tool = run.tools.findLast(({ state }) => state === "running");
      return tool === undefined ? "Working" : `Running ${tool.name}`;
    }
    case "ended":
      return "Finishing";
    default:
      return run.phase satisfies never;
  }
}

function facts(run: RunView, nowMs: number): string {
  const parts = [elapsed(nowMs - run.startedAtMs), run.driver, ...usageFacts(run.usage)];
  if (run.phase.kind === "retrying") parts.push(run.phase.text);
  return parts.join(" \u00B7 ");
}

/** Nothing where the agent counts nothing, or asks no model. */
export function usageFacts(usage: RunView["usage"]): string[] {
  if (usage === null) return [];
  const tokens = usage.inputTokens + usage.outputTokens + usage.cacheReadTokens + usage.cacheWriteTokens;
  const cost = usage.costUsd ?? 0;
  return [...(tokens > 0 ? [`${compact(tokens)} tokens`] : []), ...(cost > 0 ? [`$${cost.toFixed(2)}`] : [])];
}
