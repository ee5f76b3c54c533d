/**
 * The state of a lane as a railway semaphore: the angle of the arm says it, the colour says it again, and a word stands
 * beside it. Raised: the line is worked. Level: hold. Level with a cross: out of use. Lowered: nothing here.
 */
import type { LaneViewState } from "../wire.ts";

export function Aspect({ state, isLarge = false }: { state: LaneViewState; isLarge?: boolean }) {
  return (
    <svg class={`aspect aspect-${state} ${isLarge ? "aspect-large" : ""}`} viewBox="0 0 20 20" aria-hidden="true">
      <rect class="aspect-post" x="14" y="1.5" width="2" height="17.5" rx="1" />
      <g class="aspect-arm">
        <rect x="2" y="5.75" width="14" height="4.5" rx="1" />
        <rect class="aspect-band" x="4.6" y="5.75" width="1.7" height="4.5" />
      </g>
      {state === "quarantined" && (
        <g class="aspect-cross">
          <path d="M4.5 3.5 L12 12.5 M12 3.5 L4.5 12.5" />
        </g>
      )}
    </svg>
  );
}

export const stateLabels: Record<LaneViewState, string> = {
  idle: "Idle",
  waiting: "Waiting",
  starting: "Starting",
  running: "Working",
  stopping: "Stopping\u2026",
  quarantined: "Quarantined",
};
