/** A live run as the page draws it: one snapshot, the newest of its tools. */
import type { RunSnapshot } from "../engine/ports.ts";
import type { RunView } from "./wire.ts";

/** The newest tools of a run; the rest is counted. */
const toolsShownMax = 12;

export function runView({ owner, driver, state, startedAtMs, transcript }: RunSnapshot): RunView {
  const { phase, text, tools, toolCount, notices, usage, context, diff } = transcript;
  return {
    run: owner.run,
    conversation: owner.conversation,
    driver,
    state,
    startedAtMs,
    phase: phase.kind === "ended" ? { kind: "ended" } : phase,
    text,
    tools: tools.slice(-toolsShownMax),
    toolCount,
    notices,
    usage,
    context,
    diff,
  };
}
