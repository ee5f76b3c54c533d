/** A lane as a list shows it: what it is called, how it stands, and what its queue waits for. Pure. */
import { channelOf, homeOf, sideNameOf } from "../domain/conversation.ts";
import type { PermissionMode } from "../domain/permission-mode.ts";
import type { RunId } from "../domain/run.ts";
import type { Lane, LiveRun } from "../engine/ports.ts";
import type { LaneView, LaneViewState, WaitsFor } from "./wire.ts";

export type LaneRow = Lane & { readonly queued: number; readonly held: number };

/** Every lane and every live run, as they stood at one moment: a lane waits for what another one does. */
export type Floor = {
  readonly lanes: readonly LaneRow[];
  readonly live: readonly LiveRun[];
  /** How much each live run waits to be answered. */
  readonly asks: ReadonlyMap<RunId, number>;
  readonly runsMax: number;
  /** For lanes of which nothing was chosen. */
  readonly defaults: { readonly driver: string; readonly permissions: PermissionMode };
};

export function laneView(lane: LaneRow, floor: Floor, usedAtMs: number | null): LaneView {
  const run = floor.live.find(({ owner }) => owner.conversation === lane.conversation) ?? null;
  return {
    conversation: lane.conversation,
    channel: channelOf(lane.conversation),
    name: nameOf(lane),
    home: homeIn(lane, floor),
    workspace: lane.workspace,
    state: laneState(lane, run),
    driver: run?.driver ?? null,
    choice: {
      driver: lane.driver ?? floor.defaults.driver,
      model: lane.model,
      permissions: lane.permissions ?? floor.defaults.permissions,
    },
    startedAtMs: run?.startedAtMs ?? null,
    asks: run === null ? 0 : (floor.asks.get(run.owner.run) ?? 0),
    queued: lane.queued,
    held: lane.held,
    waitsFor: run === null && lane.queued > 0 ? waitsFor(lane, floor) : null,
    usedAtMs,
  };
}

/** Those that wait for an answer first, then live ones, then the most recently used. */
export function byActivity(a: LaneView, b: LaneView): number {
  return activity(b) - activity(a) || (b.usedAtMs ?? 0) - (a.usedAtMs ?? 0);
}

function activity(lane: LaneView): number {
  if (lane.asks > 0) return 3;
  return lane.state === "idle" ? 0 : lane.state === "waiting" ? 1 : 2;
}

function laneState(lane: LaneRow, run: LiveRun | null): LaneViewState {
  if (run !== null) return run.state;
  return lane.queued > 0 ? "waiting" : "idle";
}

function waitsFor(lane: LaneRow, { lanes, live, runsMax }: Floor): WaitsFor | null {
  const holder = live.find(({ workspace }) => workspace === lane.workspace)?.owner.conversation;
  const holding = lanes.find(({ conversation }) => conversation === holder);
  if (holding !== undefined) {
    return { kind: "workspace", holder: holding.conversation, holderName: nameOf(holding) };
  }
  return live.length >= runsMax ? { kind: "slot" } : null;
}

function homeIn({ conversation }: Lane, { lanes }: Floor): LaneView["home"] {
  if (sideNameOf(conversation) === null) return null;
  const home = lanes.find((one) => one.conversation === homeOf(conversation));
  return { conversation: homeOf(conversation), name: home === undefined ? homeOf(conversation) : nameOf(home) };
}

/**
 * The engine takes the first thing said for a title; before it there is only the address. A side conversation is called what its schedule is
 * called.
 */
export function nameOf({ conversation, title }: Pick<Lane, "conversation" | "title">): string {
  const side = sideNameOf(conversation);
  if (side !== null) return side;
  if (title !== null) return title;
  if (conversation === "web:main") return "Main thread";
  return channelOf(conversation) === "telegram" ? `Telegram ${conversation.slice("telegram:".length)}` : "Page thread";
}
