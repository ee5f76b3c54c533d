/**
 * What the page is shown, read from the history and the newest snapshots. Reading never locks and never blocks a run (I12).
 * How each thing looks is in lane-view.ts, run-view.ts, entries.ts, said.ts, live-buttons.ts and schedule-view.ts; here is what is read for it.
 */
import { channelOf, type ConversationId } from "../domain/conversation.ts";
import { filesMax, promptCharsMax } from "../domain/prompt.ts";
import { commandList } from "../domain/notice.ts";
import type { PermissionMode } from "../domain/permission-mode.ts";
import type { Schedule } from "../domain/schedule.ts";
import { emptyTranscript } from "../domain/transcript.ts";
import type { Engine, History, LiveRun, Occurrence, RunSnapshot, Timetable } from "../engine/ports.ts";
import { entriesOf, entriesShownMax } from "./entries.ts";
import { byActivity, type Floor, type LaneRow, laneView } from "./lane-view.ts";
import { findLiveButtons } from "./live-buttons.ts";
import { runView } from "./run-view.ts";
import { waitingOf } from "./said.ts";
import { occurrenceView, scheduleHomes, scheduleView } from "./schedule-view.ts";
import type { Agent, ConversationView, Cursor, LaneView, Overview, ScheduleHistory, SchedulesView } from "./wire.ts";

/** A list that is still read. What does not fit is counted. */
export const lanesShownMax = 200;
export const schedulesShownMax = 200;
/** What is skipped is stored after what fires with it, though it was due before. */
const lastLookedAt = 4;
/** Weeks of a daily schedule. */
const occurrencesShownMax = 50;

export type ViewsDeps = {
  readonly engine: Pick<Engine, "snapshot">;
  readonly history: History;
  readonly now: () => number;
  readonly version: string;
  readonly agent: Agent;
  readonly workspaceDefault: string;
  readonly permissions: PermissionMode;
  readonly runsMax: number;
  readonly timetable: Timetable;
  /** Who is an owner whatever is stored: ids of people in Telegram. */
  readonly owners: ReadonlySet<string>;
};

export type Views = {
  /** `cursor` must be read before the history is, so that nothing that changes meanwhile is missed. */
  overview(cursor: Cursor): Promise<Overview>;
  conversation(id: ConversationId): Promise<ConversationView>;
  schedules(): Promise<SchedulesView>;
  /** Null: there is no such schedule. */
  scheduleHistory(id: number): Promise<ScheduleHistory | null>;
};

export function createViews(deps: ViewsDeps): Views {
  const { history, engine, runsMax, timetable } = deps;

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

    async schedules() {
      const [floor, all, { people }] = await Promise.all([readFloor(), history.schedules(), history.access()]);
      const shown = all.toSorted(byNextTime).slice(0, schedulesShownMax);
      const schedules = shown.map(async (one) => {
        const [last = null] = (await history.occurrences(one.id, lastLookedAt)).toSorted(byDueTime);
        return scheduleView(one, last, floor, timetable);
      });
      return {
        nowMs: deps.now(),
        schedules: await Promise.all(schedules),
        schedulesHidden: all.length - shown.length,
        homes: scheduleHomes(floor, { owners: deps.owners, people }, timetable.zone),
      };
    },

    async scheduleHistory(id) {
      const schedule = (await history.schedules()).find((one) => one.id === id);
      if (schedule === undefined) return null;
      const { zone } = schedule.plan;
      const occurrences = await history.occurrences(schedule.id, occurrencesShownMax);
      const views = occurrences.toSorted(byDueTime).map((one) => occurrenceView(one, zone, timetable));
      return { name: schedule.name, zone, occurrences: views };
    },
  };
}

/** What fires soonest first; then what is paused, then what is over, by name. */
function byNextTime(a: Schedule, b: Schedule): number {
  const rank = ({ state }: Schedule): number => (state === "active" ? 0 : state === "paused" ? 1 : 2);
  return rank(a) - rank(b) || (a.nextAtMs ?? 0) - (b.nextAtMs ?? 0) || a.name.localeCompare(b.name);
}

function byDueTime(a: Occurrence, b: Occurrence): number {
  return b.dueAtMs - a.dueAtMs;
}

/** A run whose process is not ours any more (quarantined at boot) has a row and nothing else. */
function withoutTranscript({ owner, driver, state, startedAtMs }: LiveRun): RunSnapshot {
  return { owner, driver, state, startedAtMs, transcript: emptyTranscript };
}
