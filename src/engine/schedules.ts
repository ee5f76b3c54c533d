/**
 * What people and agents do with schedules (K2): `/cron` and its buttons, the tool of agents. Each is decided and answered in the transaction
 * that stores it; a directory is looked at first (choices.ts).
 */
import type { ButtonAction, ScheduleWay } from "../domain/button.ts";
import { type ConversationId, homeOf, sideConversation } from "../domain/conversation.ts";
import type { InboxItem, ItemId } from "../domain/inbox-item.ts";
import type { Notice } from "../domain/notice.ts";
import type { PermissionMode } from "../domain/permission-mode.ts";
import {
  nameFor,
  type Schedule,
  type SchedulePlan,
  schedulesMax,
  type ScheduleWork,
  type Timing,
} from "../domain/schedule.ts";
import { readScheduleCommand, type ScheduleCommand, type ScheduleOptions } from "../domain/schedule-words.ts";
import { caughtUp, endWaiting, isRunning, runNow } from "./occurrences.ts";
import { roleOfUser } from "./people.ts";
import type { Lane } from "./ports.ts";
import { sayWrong, show, showHistory, showList } from "./schedule-replies.ts";
import { type Addressee, consult, driverNameOf, reply, type Work } from "./work.ts";

/** Who asks: their schedules act in their name. */
export type Asking = Addressee & { readonly user: string };

export async function admitCron(work: Work, item: InboxItem, id: ItemId, typed: string): Promise<void> {
  const command = readScheduleCommand(typed);
  const typedPath = command.kind === "add" || command.kind === "edit" ? (command.options.workspace ?? null) : null;
  if (typedPath !== null)
    await consult(work, item, id, { kind: "schedule-in", typed: typedPath, user: item.user, command });
  else await carryOutCron(work, item, command, null);
}

/** `workspace` is the real path of the directory that the options name. Resolves with what was answered. */
export async function carryOutCron(
  work: Work,
  to: Asking,
  command: ScheduleCommand,
  workspace: string | null,
): Promise<Notice> {
  const home = homeOf(to.conversation);
  const lane = await work.tx.lane(home);
  if (lane === null) throw new Error(`the conversation ${home} was never opened`);
  switch (command.kind) {
    case "list":
      return showList(work, to, home);
    case "wrong":
      return sayWrong(work, to, zoneOf(work, lane), command.what);
    case "add":
      return addSchedule(work, to, lane, command, workspace);
    case "edit":
      return withNamed(work, to, home, command.name, async (one) =>
        editSchedule(work, to, lane, await caughtUp(work, one), command, workspace),
      );
    case "show":
      return withNamed(work, to, home, command.name, (one) => actOn(work, to, one, "more"));
    case "run":
    case "pause":
    case "resume":
    case "delete":
    case "history": {
      const { kind: how, name } = command;
      return withNamed(work, to, home, name, (one) => actOn(work, to, one, how));
    }
    default:
      return command satisfies never;
  }
}

async function withNamed(
  work: Work,
  to: Asking,
  home: ConversationId,
  name: string,
  then: (schedule: Schedule) => Promise<Notice>,
): Promise<Notice> {
  const schedule = await work.tx.scheduleNamed(home, name);
  if (schedule !== null) return then(schedule);
  const names = (await work.tx.schedules(home)).map((one) => one.name);
  return reply(work, to, { kind: "schedule-unknown", name, names });
}

/** A button; returns the words for the person who pressed. */
export async function pressSchedule(
  work: Work,
  item: InboxItem,
  { schedule: id, how }: ButtonAction & { kind: "schedule" },
): Promise<string> {
  const schedule = await work.tx.schedule(id);
  if (schedule === null || schedule.state === "deleted") return "That schedule is gone.";
  await actOn(work, item, schedule, how);
  return { more: "", history: "", edit: "", run: "In line.", pause: "Paused.", resume: "Goes on.", delete: "Deleted." }[
    how
  ];
}

async function actOn(work: Work, to: Asking, schedule: Schedule, how: ScheduleWay): Promise<Notice> {
  const { name } = schedule;
  switch (how) {
    case "more":
      return show(work, to, schedule, "shown");
    case "history":
      return showHistory(work, to, schedule);
    case "edit":
      return reply(work, to, { kind: "schedule-help", name });
    case "run": {
      const fired = await runNow(work, schedule, to);
      return reply(work, to, { kind: "schedule-run", name, isFull: fired === "full" });
    }
    case "pause":
      return pause(work, to, await caughtUp(work, schedule));
    case "resume":
      return resume(work, to, schedule);
    case "delete": {
      const last = await caughtUp(work, schedule);
      await work.tx.changeSchedule({ ...last, state: "deleted", nextAtMs: null });
      const cancelled = await endWaiting(work, schedule);
      work.after.push({ kind: "rescheduled" });
      return reply(work, to, { kind: "schedule-deleted", name, cancelled, isRunning: await isRunning(work, schedule) });
    }
    default:
      return how satisfies never;
  }
}

async function pause(work: Work, to: Asking, schedule: Schedule): Promise<Notice> {
  await endWaiting(work, schedule);
  if (schedule.state !== "active") return show(work, to, schedule, "shown");
  const paused: Schedule = { ...schedule, state: "paused", nextAtMs: null };
  await work.tx.changeSchedule(paused);
  work.after.push({ kind: "rescheduled" });
  return show(work, to, paused, "paused");
}

/** From now on: what would have been due while it was paused was not wanted. */
async function resume(work: Work, to: Asking, schedule: Schedule): Promise<Notice> {
  if (schedule.state === "active") return show(work, to, schedule, "shown");
  const { timing, zone } = schedule.plan;
  const nextAtMs = work.settings.timetable.next(timing, zone, await presentFor(work, schedule));
  if (nextAtMs === null)
    return sayWrong(work, to, zone, `${schedule.name} has no time that is still to come; give it one with /cron edit.`);
  const resumed: Schedule = { ...schedule, user: to.user, state: "active", nextAtMs, failures: 0 };
  await work.tx.changeSchedule(resumed);
  work.after.push({ kind: "rescheduled" });
  return show(work, to, resumed, "resumed");
}

// ---------------------------------------------------------------- add, edit

async function addSchedule(
  work: Work,
  to: Asking,
  lane: Lane,
  { when, text, options }: ScheduleCommand & { kind: "add" },
  workspace: string | null,
): Promise<Notice> {
  const home = lane.conversation;
  const all = await work.tx.schedules(home);
  const known = all.filter(({ state }) => state !== "over");
  const zone = options.zone ?? zoneOf(work, lane);
  if (known.length >= schedulesMax)
    return sayWrong(work, to, zone, `This conversation has ${schedulesMax} schedules already. Delete one first.`);
  const taken = new Set(known.map(({ name }) => name));
  if (options.name !== undefined && taken.has(options.name))
    return sayWrong(work, to, zone, `There is a schedule ${options.name} already.`);
  const timing = readTiming(work, zone, when, work.atMs);
  if (timing.kind === "wrong") return sayWrong(work, to, validZone(work, zone, lane), timing.what);
  const refusal = refusedOptions(work, options);
  if (refusal !== null) return sayWrong(work, to, zone, refusal);
  const name = options.name ?? nameFor(text === "" ? "digest" : text, taken);
  const plan: SchedulePlan = {
    timing: timing.timing,
    zone,
    work: workFor(options.work ?? "prompt", text),
    missed: options.missed ?? { kind: "latest" },
    overlap: options.overlap ?? "skip",
    view: options.view ?? "shown",
    memory: options.memory ?? "kept",
    permissions: options.permissions ?? careful(lane.permissions ?? work.settings.permissions),
    runMsMax: options.runMsMax ?? null,
  };
  const where = conversationFor(home, name, plan, options.session ?? "own");
  if (where === home && (choosesAgent(options) || plan.memory === "fresh"))
    return sayWrong(work, to, zone, ownSessionOnly);
  // One that is over gives its name away.
  for (const over of all)
    if (over.state === "over" && over.name === name)
      await work.tx.changeSchedule({ ...over, state: "deleted", nextAtMs: null });
  if (where !== home) await openSide(work, lane, where, options, workspace);
  const schedule = {
    home,
    lane: where,
    name,
    user: to.user,
    plan,
    state: "active" as const,
    nextAtMs: timing.nextAtMs,
    failures: 0,
    createdAtMs: work.atMs,
  };
  const id = await work.tx.addSchedule(schedule);
  work.after.push({ kind: "rescheduled" });
  return show(work, to, { ...schedule, id }, "added");
}

async function editSchedule(
  work: Work,
  to: Asking,
  lane: Lane,
  schedule: Schedule,
  { when, text, options }: ScheduleCommand & { kind: "edit" },
  workspace: string | null,
): Promise<Notice> {
  const { plan } = schedule;
  const zone = options.zone ?? plan.zone;
  if (options.name !== undefined && options.name !== schedule.name)
    return sayWrong(work, to, plan.zone, "A schedule keeps its name.");
  const refusal = refusedOptions(work, options) ?? (text === null ? null : await refusedWords(work, to, schedule));
  if (refusal !== null) return sayWrong(work, to, plan.zone, refusal);
  const isTimed = when !== null || zone !== plan.zone;
  const afterMs = await presentFor(work, schedule);
  const timing = when === null ? againIn(work, plan.timing, zone, afterMs) : readTiming(work, zone, when, afterMs);
  if (isTimed && timing.kind === "wrong") return sayWrong(work, to, plan.zone, timing.what);
  const workNow = workFor(options.work ?? plan.work.kind, text ?? (plan.work.kind === "digest" ? "" : plan.work.text));
  if (workNow.kind !== "digest" && workNow.text === "") return sayWrong(work, to, zone, "It needs a text.");
  const now: SchedulePlan = {
    ...plan,
    timing: isTimed && timing.kind === "timing" ? timing.timing : plan.timing,
    zone,
    work: workNow,
    missed: options.missed ?? plan.missed,
    overlap: options.overlap ?? plan.overlap,
    view: options.view ?? plan.view,
    memory: options.memory ?? plan.memory,
    permissions: options.permissions ?? plan.permissions,
    runMsMax: options.runMsMax === undefined ? plan.runMsMax : options.runMsMax,
  };
  const { home, name } = schedule;
  const session = options.session ?? (workNow.kind === plan.work.kind ? null : "own");
  const where = session === null ? schedule.lane : conversationFor(home, name, now, session);
  if (where === home && (choosesAgent(options) || now.memory === "fresh"))
    return sayWrong(work, to, zone, ownSessionOnly);
  if (where !== home && (where !== schedule.lane || choosesAgent(options)))
    await openSide(work, lane, where, options, workspace);
  const isOn = isTimed && (schedule.state === "active" || schedule.state === "over") && timing.kind === "timing";
  const edited: Schedule = {
    ...schedule,
    lane: where,
    plan: now,
    ...(isOn ? { state: "active", nextAtMs: timing.nextAtMs } : {}),
  };
  if (where !== schedule.lane) await endWaiting(work, schedule);
  await work.tx.changeSchedule(edited);
  work.after.push({ kind: "rescheduled" });
  return show(work, to, edited, "edited");
}

const ownSessionOnly =
  "--agent, --model, --project and --fresh are for a schedule with a session of its own: the conversation's is not its to change.";

function choosesAgent({ driver, model, workspace }: ScheduleOptions): boolean {
  return driver !== undefined || model !== undefined || workspace !== undefined;
}

/** Null: nothing is wrong with them. */
function refusedOptions(work: Work, { driver, zone }: ScheduleOptions): string | null {
  if (driver !== undefined && !work.settings.driverNames.includes(driver))
    return `There is no agent ${driver}; there are ${work.settings.driverNames.join(", ")}.`;
  if (zone !== undefined && !work.settings.timetable.isZone(zone))
    return `${zone} is no time zone. They are named like Europe/Berlin or America/New_York.`;
  return null;
}

/** An owner let it do everything with the words that they saw; others may have it do that only as long as it asks (T16). */
async function refusedWords(work: Work, { user }: Asking, { home, plan }: Schedule): Promise<string | null> {
  if (plan.permissions !== "bypass" || (await roleOfUser(work, home, user)) === "owner") return null;
  return "An owner allowed it to act without asking, with the words that it has: only an owner changes them.";
}

function workFor(kind: ScheduleWork["kind"], text: string): ScheduleWork {
  return kind === "digest" ? { kind } : { kind, text };
}

/** Never bypass, unless an owner says so (T16). */
function careful(permissions: PermissionMode): PermissionMode {
  return permissions === "bypass" ? "edit" : permissions;
}

function conversationFor(home: ConversationId, name: string, plan: SchedulePlan, session: string): ConversationId {
  if (session === "conversation" || plan.work.kind !== "prompt") return home;
  return sideConversation(home, session === "own" ? name : session);
}

type TimingRead =
  | { readonly kind: "timing"; readonly timing: Timing; readonly nextAtMs: number }
  | { readonly kind: "wrong"; readonly what: string };

/** Where the clock was set back, the last time that there is a record of: a schedule moves forward only (I11). */
async function presentFor(work: Work, { id }: Schedule): Promise<number> {
  return Math.max(work.atMs, (await work.tx.reachedBy(id)) ?? work.atMs);
}

function readTiming(
  work: Work,
  zone: string,
  when: (ScheduleCommand & { kind: "add" })["when"],
  afterMs: number,
): TimingRead {
  const { timetable } = work.settings;
  if (!timetable.isZone(zone)) return { kind: "wrong", what: refusedOptions(work, { zone }) ?? "" };
  const read = timetable.read(when, zone, work.atMs);
  return read.kind === "wrong" ? read : againIn(work, read.timing, zone, afterMs);
}

function againIn(work: Work, timing: Timing, zone: string, afterMs: number): TimingRead {
  const { timetable } = work.settings;
  const nextAtMs = timetable.isZone(zone) ? timetable.next(timing, zone, afterMs) : null;
  return nextAtMs === null
    ? { kind: "wrong", what: "That is never due: no such time is still to come." }
    : { kind: "timing", timing, nextAtMs };
}

/** The side conversation that a schedule runs in: begun as its home stands, with what was chosen for it. */
async function openSide(
  work: Work,
  home: Lane,
  conversation: ConversationId,
  { driver, model }: ScheduleOptions,
  workspace: string | null,
): Promise<void> {
  const isOwn = workspace !== null || home.workspace !== work.settings.workspace;
  const known = await work.tx.lane(conversation);
  if (known === null) {
    await work.tx.openLane(conversation, workspace ?? home.workspace, isOwn, work.newId());
    if (home.driver !== null) await work.tx.chooseDriver(conversation, home.driver);
  } else if ((await work.tx.schedulesOfLane(conversation)).length === 0) {
    await work.tx.newSession(conversation, work.newId(), null); // an earlier schedule of that name remembers nothing
  }
  const lane = await work.tx.lane(conversation);
  if (lane === null) throw new Error(`the side conversation ${conversation} could not be opened`);
  if (workspace !== null && workspace !== lane.workspace)
    await work.tx.chooseWorkspace(conversation, workspace, work.newId());
  if (driver !== undefined) await work.tx.chooseDriver(conversation, driver);
  if (model !== undefined) {
    await work.tx.sessionFor(conversation, driver ?? driverNameOf(lane, work.settings), work.newId());
    await work.tx.chooseModel(conversation, { id: model, effort: null });
  }
}

function zoneOf(work: Work, lane: Lane): string {
  return lane.settings.zone ?? work.settings.timetable.zone;
}

function validZone(work: Work, zone: string, lane: Lane): string {
  return work.settings.timetable.isZone(zone) ? zone : zoneOf(work, lane);
}
