/** What is answered about schedules: one with its buttons, the list, its times so far, and what is wrong with words that cannot be read. */
import type { Button, ScheduleWay } from "../domain/button.ts";
import type { ConversationId } from "../domain/conversation.ts";
import { describeFault } from "../domain/faults.ts";
import type { Notice } from "../domain/notice.ts";
import type { ScheduleHistoryEntry, ScheduleLine, ScheduleNotice } from "../domain/notices/schedules.ts";
import type { Schedule, SchedulePlan, Timing } from "../domain/schedule.ts";
import { nextTimes, timingWords } from "../domain/timing-words.ts";
import { duration, excerpt } from "../domain/wording.ts";
import type { Lane, Occurrence } from "./ports.ts";
import { addButton, type Addressee, driverNameOf, reply, type Work } from "./work.ts";

const historyShownMax = 15;
/** Of those that have fired for the last time, the newest. */
const overShownMax = 3;
/** Rows of buttons under a list: more do not fit on a phone. */
const listButtonsMax = 12;

export async function showList(work: Work, to: Addressee, home: ConversationId): Promise<Notice> {
  const all = await work.tx.schedules(home);
  const isOver = ({ state }: Schedule): boolean => state === "over";
  const schedules = [...all.filter((one) => !isOver(one)), ...all.filter(isOver).slice(-overShownMax)];
  const buttons: Button[][] = [];
  for (const { id, name } of schedules.slice(0, listButtonsMax))
    buttons.push([
      await addButton(work, to.conversation, { kind: "schedule", schedule: id, how: "more", name: excerpt(name) }),
    ]);
  return reply(work, to, { kind: "schedules", schedules: schedules.map((one) => lineOf(work, one)) }, buttons);
}

export async function show(
  work: Work,
  to: Addressee,
  schedule: Schedule,
  event: (ScheduleNotice & { kind: "schedule" })["event"],
): Promise<Notice> {
  const { zone } = schedule.plan;
  const lane = await work.tx.lane(schedule.lane);
  const notice: Notice = {
    kind: "schedule",
    event,
    schedule: lineOf(work, schedule),
    zone,
    times:
      schedule.nextAtMs === null || schedule.plan.timing.kind === "once"
        ? []
        : timesSaid(work, schedule.plan.timing, zone, schedule.nextAtMs),
    details: lane === null ? [] : detailsOf(work, schedule, lane),
  };
  const ways: readonly (readonly ScheduleWay[])[] = [
    // One that is over has no time to resume at: it is given one by an edit.
    schedule.state === "active"
      ? ["run", "pause", "edit"]
      : schedule.state === "paused"
        ? ["run", "resume", "edit"]
        : ["run", "edit"],
    ["history", "delete"],
  ];
  const buttons: Button[][] = [];
  for (const row of ways) {
    const line: Button[] = [];
    for (const how of row)
      line.push(await addButton(work, to.conversation, { kind: "schedule", schedule: schedule.id, how, name: null }));
    buttons.push(line);
  }
  return reply(work, to, notice, buttons);
}

function lineOf(work: Work, { name, plan, state, nextAtMs }: Schedule): ScheduleLine {
  const { timetable } = work.settings;
  return {
    name,
    when: timingWords(plan.timing, plan.zone, timetable),
    next: nextAtMs === null ? null : timetable.say(nextAtMs, plan.zone),
    state: state === "deleted" ? "over" : state,
    text: plan.work.kind === "digest" ? "What the agents did the day before" : excerpt(plan.work.text),
  };
}

function timesSaid({ settings }: Work, timing: Timing, zone: string, first: number): readonly string[] {
  return nextTimes(settings.timetable, timing, zone, first).map(({ said }) => said);
}

function detailsOf(work: Work, { home, lane: where, plan }: Schedule, lane: Lane): readonly string[] {
  const { missed, overlap, view, permissions, runMsMax } = plan;
  if (plan.work.kind !== "prompt") return missed.kind === "latest" ? [] : [missedWords(missed)];
  return [
    where === home
      ? "In this conversation's session."
      : `In a session of its own, with ${driverNameOf(lane, work.settings)} in ${lane.workspace}; permissions: ${permissions}.`,
    ...(view === "silent" ? ["Silent: you see only what the agent notifies you of, and repeated failures."] : []),
    ...(plan.memory === "fresh" ? ["Each run begins with an empty memory."] : []),
    ...(overlap === "queue" ? ["When it is due while it still runs, one waits."] : []),
    ...(missed.kind === "latest" ? [] : [missedWords(missed)]),
    ...(runMsMax === null ? [] : [`A run may take ${duration(runMsMax)}.`]),
  ];
}

function missedWords(missed: SchedulePlan["missed"]): string {
  return missed.kind === "all"
    ? `Missed times of the last ${duration(missed.windowMs)} are all made up for.`
    : "Missed times are skipped.";
}

export async function showHistory(work: Work, to: Addressee, schedule: Schedule): Promise<Notice> {
  const { zone } = schedule.plan;
  const rows = await work.tx.occurrences(schedule.id, historyShownMax);
  const entries = rows.map(({ dueAtMs, became, trigger, fault }): ScheduleHistoryEntry => ({
    due: work.settings.timetable.say(dueAtMs, zone),
    became: becameOf(became),
    why: fault === null ? null : excerpt(describeFault(fault)),
    byPerson: trigger === "person",
  }));
  return reply(work, to, { kind: "schedule-history", name: schedule.name, entries });
}

function becameOf(became: Occurrence["became"]): ScheduleHistoryEntry["became"] {
  if (became.kind === "skipped") return { kind: "skipped", why: became.skipped.why, count: became.skipped.count };
  switch (became.state) {
    case "queued":
      return { kind: "waits" };
    case "held":
      return { kind: "on hold" };
    case "running":
      return { kind: "runs" };
    case "done":
    case "merged":
      return { kind: "done" };
    case "failed":
    case "interrupted":
    case "cancelled":
    case "rejected":
      return { kind: became.state };
    default:
      return became.state satisfies never;
  }
}

/** What is right looks like this. */
const rightExpression = "0 7 * * 1-5";

export async function sayWrong(work: Work, to: Addressee, zone: string, what: string): Promise<Notice> {
  const { timetable } = work.settings;
  const timing: Timing = { kind: "cron", expression: rightExpression };
  const first = timetable.next(timing, zone, work.atMs);
  const times = first === null ? [] : timesSaid(work, timing, zone, first);
  const like = `"${rightExpression}" Summarize what changed since yesterday`;
  return reply(work, to, { kind: "schedule-wrong", what, like, times });
}
