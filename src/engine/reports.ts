/** What runs where since when, and who waits for what: read inside a transaction, so that it is one moment's truth. */
import type { LaneReport } from "../domain/notice.ts";
import type { LiveRun } from "./ports.ts";
import type { Work } from "./work.ts";

export async function laneReports(work: Work, runsMax: number): Promise<LaneReport[]> {
  const live = new Map<string, LiveRun>();
  for (const run of await work.tx.liveRuns()) live.set(run.owner.conversation, run);
  const adopted = await work.tx.adopted(null);
  const reports: LaneReport[] = [];
  for (const lane of await work.tx.lanes()) {
    const run = live.get(lane.conversation);
    const wait = run === undefined && lane.queued > 0 ? await work.tx.waitsFor(lane.conversation, runsMax) : null;
    reports.push({
      conversation: lane.conversation,
      title: lane.title,
      workspace: lane.workspace,
      state: lane.state.kind === "idle" && lane.queued > 0 ? "waiting" : lane.state.kind,
      driver: run?.driver ?? null,
      elapsedMs: run === undefined ? null : work.atMs - run.startedAtMs,
      queued: lane.queued,
      held: lane.held,
      waitsFor: wait?.kind === "workspace" ? wait.holder : null,
      background: adopted.filter((one) => one.conversation === lane.conversation).map((one) => one.process),
    });
  }
  return reports;
}
