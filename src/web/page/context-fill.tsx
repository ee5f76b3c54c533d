/** How full the agent's memory is: a thin bar, and the numbers. */
import type { RunView } from "../wire.ts";
import { compact } from "./time.ts";

/** From here on an agent soon forgets the beginning, in per cent. */
const nearlyFull = 80;

export function ContextFill({ context }: { context: RunView["context"] }) {
  if (context === null) return null;
  const { usedTokens, windowTokens } = context;
  if (windowTokens === null || windowTokens <= 0) {
    return <p class="fill">Context {compact(usedTokens)} tokens</p>;
  }
  const percent = Math.min(100, Math.round((usedTokens / windowTokens) * 100));
  return (
    <p class={`fill ${percent >= nearlyFull ? "fill-high" : ""}`}>
      <svg class="fill-bar" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">
        <rect class="fill-room" width="100" height="6" />
        <rect class="fill-used" width={Math.max(1, percent)} height="6" />
      </svg>
      <span>
        Context {compact(usedTokens)} of {compact(windowTokens)} ({percent}%)
      </span>
    </p>
  );
}
