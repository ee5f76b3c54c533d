/**
 * What the page is shown, read from the history and the newest snapshots. Reading never locks and never blocks a run (I12).
 * How each thing looks is in lane-view.ts, run-view.ts, entries.ts, said.ts and live-buttons.ts; here is what is read for it.
 */
import { channelOf, type ConversationId } from "../domain/conversation.ts";
import { filesMax, promptCharsMax } from "../domain/prompt.ts";
import { commandList } from "../domain/notice.ts";
import type { PermissionMode } from "../domain/permission-mode.ts";
import { emptyTranscript } from "../domain/transcript.ts";
import type { Engine, History, LiveRun, RunSnapshot } from "../engine/ports.ts";
import { entriesOf, entriesShownMax } from "./entries.ts";
import { byActivity, type Floor, type LaneRow, laneView } from "./lane-view.ts";
import { findLiveButtons } from "./live-buttons.ts";
import { runView } from "./run-view.ts";
import { waitingOf } from "./said.ts";
import type { Agent, ConversationView, Cursor, LaneView, Overview } from "./wire.ts";

/** A list that is still read. What does not fit is counted. */
export const lanesShownMax = 200;

export type ViewsDeps = {
  readonly engine: Pick<Engine, "snapshot">;
  readonly history: History;
  readonly now: () => number;
  readonly version: string;
  readonly agent: Agent;
  readonly workspaceDefault: string;
  readonly permissions: PermissionMode;
  readonly runsMax: number;
};

export type Views = {
  /** `cursor` must be read before the history is, so that nothing that changes meanwhile is missed. */
  overview(cursor: Cursor): Promise<Overview>;
  conversation(id: ConversationId): Promise<ConversationView>;
};

export function createViews(deps: ViewsDeps): Views {
  const { history, engine, runsMax } = deps;

  async function readFloor(): Promise<Floor> {
    const [lanes, live] = await Promise.all([history.lanes(), history.liveRuns()]);
    const asked = live.map(async ({ owner: { run } }) => [run, (await history.openAsks(run)).length] as const);
    const defaults = { driver: deps.agent.name, permissions: deps.permissions };
    return { lanes, live, asks: new Map(await Promise.all(asked)), runsMax, defaults };
  }

  async function readLane(lane: LaneRow, floor: Floor): Promise<LaneView> {
    const [newest] = await history.items(lane.conversation, 1);
    return laneView(lane, floor, newest?.acceptedAtMs ?? null);
  }

  return {
    async overview(cursor) {
      const floor = await readFloor();
      const views = await Promise.all(floor.lanes.map((lane) => readLane(lane, floor)));
      return {
        cursor,
        nowMs: deps.now(),
        version: deps.version,
        agent: deps.agent,
        workspaceDefault: deps.workspaceDefault,
        runsMax,
        promptCharsMax,
        filesMax,
        lanes: views.toSorted(byActivity).slice(0, lanesShownMax),
        lanesHidden: Math.max(0, views.length - lanesShownMax),
        commands: commandList,
      };
    },

    async conversation(id) {
      const [floor, items, rows, queued, onHold] = await Promise.all([
        readFloor(),
        history.items(id, entriesShownMax),
        history.messages(id, entriesShownMax),
        history.waiting(id, "queued"),
        history.waiting(id, "held"),
      ]);
      const lane = floor.lanes.find(({ conversation }) => conversation === id) ?? null;
      const run = floor.live.find(({ owner }) => owner.conversation === id) ?? null;
      const buttons = findLiveButtons(items, rows, run, lane);
      return {
        conversation: id,
        channel: channelOf(id),
        lane: lane === null ? null : await readLane(lane, floor),
        entries: entriesOf(items, rows, buttons),
        queue: waitingOf(queued, buttons),
        held: waitingOf(onHold, buttons),
        heldButtons: buttons.ofHeld(),
        run: run === null ? null : runView(engine.snapshot(run.owner.run) ?? withoutTranscript(run)),
        isCut: items.length === entriesShownMax || rows.length === entriesShownMax,
      };
    },
  };
}

/** A run whose process is not ours any more (quarantined at boot) has a row and nothing else. */
function withoutTranscript({ owner, driver, state, startedAtMs }: LiveRun): RunSnapshot {
  return { owner, driver, state, startedAtMs, transcript: emptyTranscript };
}
