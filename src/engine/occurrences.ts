/**
 * Occurrences: the times of schedules, from the moment they are due until it is recorded what became of them.
 *
 * I11: one transaction advances the schedule and stores what became of each of its times: put in line, or skipped with a record. A claim reads
 * the schedule anew, so that what was deleted or edited never runs from a stale copy. What made room for a person is back in line by the
 * lane's own settlement.
 */
import type { InboxItem, ItemKey, Request } from "../domain/inbox-item.ts";
import type { Notice } from "../domain/notice.ts";
import type { ScheduleNotice } from "../domain/notices/schedules.ts";
import type { PermissionMode } from "../domain/permission-mode.ts";
import type { Prompt } from "../domain/prompt.ts";
import type { RunOutcome } from "../domain/run.ts";
import {
  decideDue,
  type DueTimes,
  dueTimesMax,
  failuresMax,
  onTimeMs,
  type OccurrenceTrigger,
  type Schedule,
  type ScheduleId,
  silentFailuresMax,
  type Standing,
} from "../domain/schedule.ts";
import { roleOfUser } from "./people.ts";
import type { StoredItem } from "./ports.ts";
import { dayBefore } from "./reports.ts";
import { laneCapacity } from "./waiting-line.ts";
import { say, type Work } from "./work.ts";

/** Fired in one transaction, so that control does not wait for a long list after a long absence (I7). */
const schedulesPerCommit = 250;

type Missed = (ScheduleNotice & { kind: "schedules-missed" })["schedules"][number];

/** Fires a part of what is due; resolves with whether more may be. */
export async function fireDue(work: Work): Promise<"all" | "more"> {
  const found = await work.tx.dueSchedules(work.atMs, schedulesPerCommit);
  const due = wholeHomes(found);
  const missed = new Map<Schedule["home"], Missed[]>();
  for (const schedule of due) {
    const line = await fireOne(work, schedule);
    if (line !== null) missed.set(schedule.home, [...(missed.get(schedule.home) ?? []), line]);
  }
  for (const [home, schedules] of missed)
    await say(work, home, { kind: "schedules-missed", schedules }, { dedupe: `missed:${work.newId()}` });
  return found.length < schedulesPerCommit ? "all" : "more";
}

/** What was missed in a conversation is told in one message: its schedules are fired together. They come ordered by home. */
function wholeHomes(found: readonly Schedule[]): readonly Schedule[] {
  const last = found.at(-1)?.home;
  if (found.length < schedulesPerCommit || found[0]?.home === last) return found;
  return found.filter(({ home }) => home !== last);
}

/**
 * Before a schedule is changed, what was due of it fires, as it would have a moment later: else nothing would say what became of that time.
 * Resolves with the schedule as it stands then.
 */
export async function caughtUp(work: Work, schedule: Schedule): Promise<Schedule> {
  if (schedule.nextAtMs === null || schedule.nextAtMs > work.atMs) return schedule;
  const missed = await fireOne(work, schedule);
  if (missed !== null) await sayOf(work, schedule, { kind: "schedules-missed", schedules: [missed] });
  return (await work.tx.schedule(schedule.id)) ?? schedule;
}

async function fireOne(work: Work, schedule: Schedule): Promise<Missed | null> {
  const { timetable } = work.settings;
  const { timing, zone } = schedule.plan;
  if (schedule.nextAtMs === null) return null;
  const times = timetable.due(timing, zone, schedule.nextAtMs, work.atMs);
  const next = timetable.next(timing, zone, work.atMs);
  if (!(await work.tx.advanceSchedule(schedule.id, schedule.nextAtMs, next))) return null;
  work.touched.add(schedule.home);
  if (!(await mayStill(work, schedule))) {
    await pauseForPerson(work, schedule, times);
    return null;
  }
  const { fire, skipped } = decideDue(schedule.plan, times, await standingOf(work, schedule), work.atMs);
  for (const dueAtMs of fire) await addOccurrence(work, schedule, "timer", dueAtMs);
  for (const record of skipped) {
    await addSkipped(work, schedule, record);
    if (record.why === "full")
      await sayOf(work, schedule, { kind: "schedule-skipped", name: schedule.name, why: "full" });
  }
  return isMissed(times, work.atMs) ? { name: schedule.name, missed: times.count, fired: fire.length } : null;
}

function isMissed({ first }: DueTimes, atMs: number): boolean {
  return atMs - first > onTimeMs;
}

async function addSkipped(
  work: Work,
  schedule: Schedule,
  skipped: ReturnType<typeof decideDue>["skipped"][number],
): Promise<void> {
  const became = { kind: "skipped" as const, skipped };
  const row = { schedule: schedule.id, trigger: "timer" as const, dueAtMs: skipped.fromMs, firedAtMs: work.atMs };
  await work.tx.addOccurrence({ ...row, became });
}

/** Who made it acts through it: without the right to, it does nothing (T16). */
async function mayStill(work: Work, { home, user }: Schedule): Promise<boolean> {
  const role = await roleOfUser(work, home, user);
  return role === "operator" || role === "owner";
}

async function pauseForPerson(work: Work, schedule: Schedule, { first, newest, count }: DueTimes): Promise<void> {
  await work.tx.changeSchedule({ ...schedule, state: "paused", nextAtMs: null });
  await addSkipped(work, schedule, { why: "person-gone", fromMs: first, toMs: newest.at(-1) ?? first, count });
  await sayOf(work, schedule, { kind: "schedule-paused", name: schedule.name, why: "person-gone", failures: 0 });
}

async function sayOf(work: Work, schedule: Schedule, notice: Notice): Promise<void> {
  await say(work, schedule.home, notice, { dedupe: `schedule:${schedule.id}:${notice.kind}:${work.newId()}` });
}

/** Only agents take time: of a reminder nothing waits and nothing runs. */
async function standingOf(work: Work, schedule: Schedule): Promise<Standing> {
  if (schedule.plan.work.kind !== "prompt") return { waiting: 0, isRunning: false, room: dueTimesMax };
  const queued = await work.tx.items(schedule.lane, "queued");
  const held = await work.tx.items(schedule.lane, "held");
  return {
    waiting: [...queued, ...held].filter(({ request }) => isOf(request, schedule.id)).length,
    isRunning: await isRunning(work, schedule),
    room: laneCapacity - queued.length - held.length,
  };
}

export async function isRunning(work: Work, { id, lane }: Pick<Schedule, "id" | "lane">): Promise<boolean> {
  const state = (await work.tx.lane(lane))?.state;
  if (state === undefined || state.kind === "idle") return false;
  const live = await work.tx.run(state.owner);
  const item = live === null ? null : await work.tx.item(live.item);
  return item !== null && isOf(item.request, id);
}

function isOf(request: Request, schedule: ScheduleId): boolean {
  return request.kind === "occurrence" && request.schedule === schedule;
}

/** Besides its times, because a person asked for it. */
export async function runNow(
  work: Work,
  schedule: Schedule,
  by: { readonly key: ItemKey; readonly user: string },
): Promise<"fired" | "full"> {
  const { queued, held } = await work.tx.waiting(schedule.lane);
  if (queued + held >= laneCapacity) return "full";
  await addOccurrence(work, schedule, "person", work.atMs, by);
  return "fired";
}

async function addOccurrence(
  work: Work,
  schedule: Schedule,
  trigger: OccurrenceTrigger,
  dueAtMs: number,
  by?: { readonly key: ItemKey; readonly user: string },
): Promise<void> {
  const { id: scheduleId, lane, name, plan } = schedule;
  const key = (
    by === undefined ? `schedule:${scheduleId}:${new Date(dueAtMs).toISOString()}` : `now:${by.key}`
  ) as ItemKey;
  const item: InboxItem = {
    key,
    conversation: plan.work.kind === "prompt" ? lane : schedule.home,
    user: by?.user ?? schedule.user,
    message: null,
    priority: "background",
    request: { kind: "occurrence", schedule: scheduleId, name, trigger, dueAtMs },
    sentAtMs: work.atMs,
  };
  const id = await work.tx.addItem(item, plan.work.kind === "prompt" ? "queued" : "done", work.atMs);
  if (id === null) throw new Error(`the time ${key} of a schedule was stored before`);
  work.touched.add(item.conversation);
  const became = { kind: "fired" as const, item: id };
  await work.tx.addOccurrence({ schedule: scheduleId, trigger, dueAtMs, firedAtMs: work.atMs, became });
  await sayAtOnce(work, schedule, key);
}

/** K7, K8: no agent runs for these. */
async function sayAtOnce(work: Work, { home, name, plan }: Schedule, key: ItemKey): Promise<void> {
  switch (plan.work.kind) {
    case "prompt":
      return;
    case "reminder":
      await say(work, home, { kind: "reminder", name, text: plan.work.text }, { dedupe: `item:${key}:reminder` });
      return;
    case "digest":
      await say(work, home, await digestOf(work, home, name), { dedupe: `item:${key}:digest` });
      return;
    default:
      plan.work satisfies never;
  }
}

async function digestOf(work: Work, home: Schedule["home"], name: string): Promise<Notice> {
  const { day, fromMs, toMs } = dayBefore(work.atMs);
  const ended = await work.tx.endedBetween(fromMs, toMs);
  const failing = (await work.tx.schedules(home)).filter(({ failures }) => failures > 0);
  return {
    kind: "digest",
    name,
    day,
    finished: ended.finished ?? 0,
    failed: ended.failed ?? 0,
    stopped: ended.stopped ?? 0,
    interrupted: ended.interrupted ?? 0,
    used: await work.tx.usageOfDay(day),
    failing: failing.map((one) => ({ name: one.name, failures: one.failures })),
  };
}

// ---------------------------------------------------------------- claim

/** What the next run of a lane is to do. */
export type Task = {
  readonly prompt: Prompt;
  /** Of the schedule that asks for it; null where a person does. */
  readonly schedule: {
    readonly permissions: PermissionMode;
    readonly runMsMax: number | null;
    readonly isSilent: boolean;
    readonly isFresh: boolean;
  } | null;
};

/** Reads what an item in line asks for, as it stands now; null when its schedule does not ask for it any more. */
export async function taskOf(work: Work, item: StoredItem): Promise<Task | null> {
  const { request } = item;
  if (request.kind === "prompt") return { prompt: request.prompt, schedule: null };
  if (request.kind !== "occurrence") throw new Error(`item ${item.id} in line is a ${request.kind}, not a prompt`);
  const schedule = await work.tx.schedule(request.schedule);
  if (schedule === null || schedule.state === "deleted") return null;
  if (schedule.state === "paused" && request.trigger === "timer") return null;
  if (!(await mayStill(work, schedule))) return null;
  const { plan, name } = schedule;
  if (plan.work.kind !== "prompt") return null;
  const { text } = plan.work;
  const isSilent = plan.view === "silent";
  const due = work.settings.timetable.say(request.dueAtMs, plan.zone);
  const prompt = { text, schedule: { name, due: `${due} (${plan.zone})`, isSilent } };
  return {
    prompt,
    schedule: { permissions: plan.permissions, runMsMax: plan.runMsMax, isSilent, isFresh: plan.memory === "fresh" },
  };
}

// ---------------------------------------------------------------- settlement

/**
 * Counts what became of a schedule's run, and pauses a schedule that keeps failing. Returns whether the outcome is told in the chat; for
 * whatever no schedule asked for, it is.
 */
export async function occurrenceEnded(work: Work, item: StoredItem, outcome: RunOutcome): Promise<"told" | "silent"> {
  if (item.request.kind !== "occurrence") return "told";
  const schedule = await work.tx.schedule(item.request.schedule);
  if (schedule === null) return "told";
  const isSilent = schedule.plan.view === "silent";
  switch (outcome.kind) {
    case "finished":
      if (schedule.failures > 0) await work.tx.changeSchedule({ ...schedule, failures: 0 });
      return isSilent ? "silent" : "told";
    case "failed": {
      const failures = await countFailure(work, schedule);
      return isSilent && failures < silentFailuresMax ? "silent" : "told";
    }
    case "interrupted":
      await countFailure(work, schedule);
      return "told"; // I6
    case "preempted":
      // Back in the line, where nothing is to wait that its schedule does not ask for any more.
      if ((await taskOf(work, item)) === null) await work.tx.moveItem(item.id, "queued", "cancelled");
      return "told";
    case "stopped":
      return "told";
    default:
      return outcome satisfies never;
  }
}

async function countFailure(work: Work, schedule: Schedule): Promise<number> {
  const failures = schedule.failures + 1;
  const counted: Schedule = { ...schedule, failures };
  await work.tx.changeSchedule(counted);
  if (failures < failuresMax || counted.state !== "active") return failures;
  const last = await caughtUp(work, counted);
  if (last.state === "paused") return failures; // whoever made it is gone
  await work.tx.changeSchedule({ ...last, state: "paused", nextAtMs: null });
  await endWaiting(work, schedule);
  await sayOf(work, schedule, { kind: "schedule-paused", name: schedule.name, why: "failures", failures });
  work.after.push({ kind: "rescheduled" });
  return failures;
}

/** What waits of a schedule that is not to run any more is cancelled; returns how many. */
export async function endWaiting(work: Work, { id, lane }: Pick<Schedule, "id" | "lane">): Promise<number> {
  let ended = 0;
  for (const state of ["queued", "held"] as const) {
    for (const item of await work.tx.items(lane, state)) {
      if (isOf(item.request, id) && (await work.tx.moveItem(item.id, state, "cancelled"))) ended += 1;
    }
  }
  return ended;
}
