/** What runs where since when, and who waits for what: read inside a transaction, so that it is one moment's truth. */
import type { Notice } from "../domain/notice.ts";
import type { LaneReport } from "../domain/notices/reports.ts";
import { duration } from "../domain/wording.ts";
import type { Transcript } from "../domain/transcript.ts";
import type { Lane, LiveRun, PoolCounts } from "./ports.ts";
import { type Work, driverNameOf } from "./work.ts";

export async function laneReports(work: Work): Promise<LaneReport[]> {
  const live = new Map<string, LiveRun>();
  for (const run of await work.tx.liveRuns()) live.set(run.owner.conversation, run);
  const adopted = await work.tx.adopted(null);
  const reports: LaneReport[] = [];
  for (const lane of await work.tx.lanes()) {
    const run = live.get(lane.conversation);
    const wait =
      run === undefined && lane.queued > 0 ? await work.tx.waitsFor(lane.conversation, work.settings.runsMax) : null;
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

/** Of the live run, or else of the one before. */
export async function newestTranscript(work: Work, lane: Lane): Promise<Transcript | null> {
  const live = lane.state.kind === "idle" ? null : work.live(lane.state.owner.run);
  return live ?? work.tx.lastTranscript(lane.conversation);
}

export async function usageReport(work: Work, lane: Lane): Promise<Notice> {
  return {
    kind: "usage",
    run: (await newestTranscript(work, lane))?.usage ?? null,
    session: await work.tx.usageOf(lane.session.id),
    day: await work.tx.usageOfDay(dayOf(work.atMs)),
    limits: await work.tx.limits(),
    atMs: work.atMs,
  };
}

/** The day that is over, by the clock on this machine's wall: from its first moment until before the present day's. */
export function dayBefore(atMs: number): { readonly day: string; readonly fromMs: number; readonly toMs: number } {
  const now = new Date(atMs);
  const toMs = new Date(now.getFullYear(), now.getMonth(), now.getDate()).getTime();
  const fromMs = new Date(now.getFullYear(), now.getMonth(), now.getDate() - 1).getTime();
  return { day: dayOf(fromMs), fromMs, toMs };
}

/** The day as the clock on this machine's wall has it. */
export function dayOf(atMs: number): string {
  const date = new Date(atMs);
  const two = (part: number): string => `${part}`.padStart(2, "0");
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

/** Everything that is known of one conversation, for whoever looks for a cause. */
export async function laneFacts(
  work: Work,
  lane: Lane,
): Promise<readonly { readonly name: string; readonly value: string }[]> {
  const { state, session, model } = lane;
  const run = state.kind === "idle" ? null : await work.tx.run(state.owner);
  const { queued, held } = await work.tx.waiting(lane.conversation);
  const wait = await work.tx.waitsFor(lane.conversation, work.settings.runsMax);
  const asks = run === null ? [] : await work.tx.openAsks(run.owner.run);
  const facts: readonly (readonly [string, string | null])[] = [
    ["Conversation", lane.conversation],
    ["Directory", lane.workspace],
    ["State", `${state.kind}, epoch ${lane.epoch}`],
    ["Run", run && `${run.owner.run}, ${run.driver}, slot ${run.slot}, for ${duration(work.atMs - run.startedAtMs)}`],
    ["Asks a person", asks.length === 0 ? null : `${asks.length}`],
    ["Agent", driverNameOf(lane, work.settings)],
    ["Processes", poolText(work.settings.pool(driverNameOf(lane, work.settings)))],
    ["Session", `${session.id}${session.resume === null ? "" : `, the agent's ${session.resume}`}`],
    ["Model", model && `${model.id}${model.effort === null ? "" : ` (${model.effort})`}`],
    ["Permissions", lane.permissions ?? work.settings.permissions],
    ["Waiting", `${queued}, on hold ${held}`],
    ["Waits for", wait && (wait.kind === "workspace" ? `the directory, used by ${wait.holder}` : wait.kind)],
    ["Signalbox", work.settings.version],
  ];
  return facts.flatMap(([name, value]) => (value === null ? [] : [{ name, value }]));
}

/** Null where there is no process and never was one: nothing is known that could help. */
function poolText(pool: PoolCounts | null): string | null {
  if (pool === null) return null;
  const met = pool.takenWarm + pool.takenPrepared;
  const turns = met + pool.started;
  if (pool.live === 0 && turns === 0) return null;
  return `${pool.live} warm (${pool.idle} idle), ${met} of ${turns} turns met one`;
}
