/** The control room: every lane with its signal, what it does, for how long, and who waits for whom. */
import type { LaneView, RunProgress } from "../wire.ts";
import { ClockMark } from "./clock-mark.tsx";
import { Aspect, stateLabels } from "./aspect.tsx";
import type { Model } from "./model.ts";
import { phaseLabel } from "./run-card.tsx";
import { elapsed, shortPath } from "./time.ts";

export function Lanes({ model }: { model: Model }) {
  const overview = model.overview.value;
  if (overview === null) return <p class="side-note">Loading{"\u2026"}</p>;
  const live = overview.lanes.filter(({ startedAtMs }) => startedAtMs !== null).length;
  const isNew = model.route.value.kind === "new";
  return (
    <>
      <div class="side-head">
        <button
          type="button"
          class="new-thread"
          aria-current={isNew ? "page" : undefined}
          onClick={() => model.go({ kind: "new" })}
        >
          <span aria-hidden="true">+</span> New thread
        </button>
        <button
          type="button"
          class="new-thread"
          aria-current={model.route.value.kind === "schedules" ? "page" : undefined}
          onClick={() => model.go({ kind: "schedules" })}
        >
          <ClockMark /> Schedules
        </button>
      </div>
      {overview.lanes.length === 0 ? (
        <p class="side-note">No conversations yet. Each one you begin gets its own lane here.</p>
      ) : (
        <ul class="lanes">
          {overview.lanes.map((lane) => (
            <li key={lane.conversation}>
              <LaneButton model={model} lane={lane} />
            </li>
          ))}
        </ul>
      )}
      {overview.lanesHidden > 0 && <p class="side-note">{overview.lanesHidden} older ones are not shown.</p>}
      <footer class="side-foot">
        <p>
          {live} of {overview.runsMax} run slots in use
        </p>
        <p>
          Agent: {overview.agent.name}
          {overview.agent.isDemo ? ", not a real one" : ` ${overview.agent.version ?? ""}`}
        </p>
        <p>Signalbox {overview.version}</p>
      </footer>
    </>
  );
}

function LaneButton({ model, lane }: { model: Model; lane: LaneView }) {
  const route = model.route.value;
  const isHere = route.kind === "conversation" && route.id === lane.conversation;
  return (
    <button
      type="button"
      class="lane"
      aria-current={isHere ? "page" : undefined}
      onClick={() => model.go({ kind: "conversation", id: lane.conversation })}
    >
      <Aspect state={lane.state} />
      <span class="lane-name">
        {lane.home !== null && <ClockMark label="Schedule " />}
        {lane.channel === "telegram" && <span class="tag">Telegram</span>}
        {lane.name}
      </span>
      <LaneTime model={model} lane={lane} />
      <span class={`lane-state ${lane.asks > 0 ? "state-asking" : `state-${lane.state}`}`}>
        {lane.asks > 0 && <span class="badge">asks you</span>}
        {laneText(lane, model.progress.value.get(lane.conversation))}
      </span>
      <span class={lane.home === null ? "lane-path" : "lane-path lane-home"} title={lane.workspace}>
        {lane.home === null ? shortPath(lane.workspace) : `of ${lane.home.name}`}
      </span>
    </button>
  );
}

function LaneTime({ model, lane }: { model: Model; lane: LaneView }) {
  if (lane.startedAtMs === null) return <span class="lane-time" />;
  return <span class="lane-time">{elapsed(model.nowMs.value - lane.startedAtMs)}</span>;
}

function laneText(lane: LaneView, run: RunProgress | undefined): string {
  if (lane.asks > 0) return lane.asks === 1 ? "Waiting for your answer" : `Waiting for ${lane.asks} answers`;
  const parts = [lane.state === "running" && run !== undefined ? phaseLabel(run, lane.asks) : stateLabels[lane.state]];
  if (lane.queued > 0) parts.push(`${lane.queued} in line`);
  if (lane.held > 0) parts.push(`${lane.held} on hold`);
  if (lane.waitsFor?.kind === "workspace") parts.push(`for \u201c${lane.waitsFor.holderName}\u201d`);
  if (lane.waitsFor?.kind === "slot") parts.push("for a free slot");
  return parts.join(" \u00B7 ");
}
