/** A schedule and its times as a person reads them: every word of time is in the schedule's own zone. Pure. */
import { describeFault } from "../domain/faults.ts";
import { channelOf, type ConversationId, placeOf, sideNameOf, telegramAddress } from "../domain/conversation.ts";
import type { Person } from "../domain/person.ts";
import type { Schedule, Skipped } from "../domain/schedule.ts";
import { skipReason } from "../domain/notices/schedules.ts";
import type { Occurrence, Timetable } from "../engine/ports.ts";
import { type Floor, nameOf } from "./lane-view.ts";
import { intervalTyped, nextTimes, timingTyped, timingWords } from "../domain/timing-words.ts";
import type { OccurrenceView, ScheduleHome, ScheduleOutcome, ScheduleView } from "./wire.ts";

export function scheduleView(
  schedule: Schedule,
  last: Occurrence | null,
  { lanes, defaults }: Pick<Floor, "lanes" | "defaults">,
  timetable: Timetable,
): ScheduleView {
  const { id, home, lane: where, name, plan, state, nextAtMs, failures } = schedule;
  const { timing, zone, work } = plan;
  const lane = lanes.find(({ conversation }) => conversation === where);
  const homeLane = lanes.find(({ conversation }) => conversation === home);
  return {
    id,
    home,
    homeName: homeLane === undefined ? home : nameOf(homeLane),
    channel: channelOf(home),
    lane: where,
    session: sessionOf(schedule),
    name,
    work,
    when: timingWords(timing, zone, timetable),
    typed: timingTyped(timing, zone),
    zone,
    state: state === "deleted" ? "over" : state,
    nextAtMs,
    times: nextAtMs === null ? [] : timesFrom(schedule, nextAtMs, timetable),
    missed: plan.missed.kind,
    missedWindow: plan.missed.kind === "all" ? intervalTyped(plan.missed.windowMs) : null,
    overlap: plan.overlap,
    view: plan.view,
    memory: plan.memory,
    permissions: plan.permissions,
    limit: plan.runMsMax === null ? null : intervalTyped(plan.runMsMax),
    works:
      work.kind === "prompt" && lane !== undefined
        ? { driver: lane.driver ?? defaults.driver, model: lane.model?.id ?? null, workspace: lane.workspace }
        : null,
    failures,
    last: last === null ? null : occurrenceView(last, zone, timetable),
  };
}

function sessionOf({ home, lane, name }: Schedule): ScheduleView["session"] {
  const side = sideNameOf(lane);
  if (side === null || lane === home) return { kind: "conversation" };
  return side === name ? { kind: "own" } : { kind: "named", name: side };
}

function timesFrom({ plan }: Schedule, first: number, timetable: Timetable): ScheduleView["times"] {
  return nextTimes(timetable, plan.timing, plan.zone, first);
}

// ---------------------------------------------------------------- what became of its times

export function occurrenceView(
  occurrence: Occurrence,
  zone: string,
  timetable: Pick<Timetable, "say">,
): OccurrenceView {
  const { trigger, dueAtMs, endedAtMs, became, fault } = occurrence;
  const due = timetable.say(dueAtMs, zone);
  if (became.kind === "skipped") {
    return {
      trigger,
      dueAtMs,
      due,
      outcome: "skipped",
      words: skippedWords(became.skipped, zone, timetable),
      endedAtMs,
    };
  }
  const outcome = outcomeOf(occurrence, became.state);
  const words = fault === null ? outcomeWords[outcome] : `${outcomeWords[outcome]}: ${describeFault(fault)}`;
  return { trigger, dueAtMs, due, outcome, words, endedAtMs };
}

function outcomeOf(
  { run }: Occurrence,
  state: (Occurrence["became"] & { kind: "fired" })["state"],
): Exclude<ScheduleOutcome, "skipped"> {
  switch (state) {
    case "queued":
      return run === null ? "waits" : "made-room";
    case "held":
      return "held";
    case "running":
      return "runs";
    case "done":
    case "merged":
      return "done";
    case "cancelled":
      return run === null ? "cancelled" : "stopped";
    case "failed":
    case "interrupted":
    case "rejected":
      return state;
    default:
      return state satisfies never;
  }
}

const outcomeWords: Record<Exclude<ScheduleOutcome, "skipped">, string> = {
  waits: "waits in line",
  "made-room": "made room for you, and waits in line again",
  held: "is on hold",
  runs: "runs now",
  done: "done",
  stopped: "stopped",
  cancelled: "cancelled before it began",
  failed: "failed",
  interrupted: "interrupted",
  rejected: "not accepted",
};

function skippedWords({ why, fromMs, toMs, count }: Skipped, zone: string, timetable: Pick<Timetable, "say">): string {
  const times = count === 1 ? "" : count === null ? " many times" : ` ${count} times`;
  const until = fromMs === toMs ? "" : ` until ${timetable.say(toMs, zone)}`;
  return `skipped${times}${until}: ${skipReason(why)}`;
}

// ---------------------------------------------------------------- homes

/** Where one is made unless told otherwise, if no chat is there for it. It is opened when it is first used. */
const pageHome = "web:main" as ConversationId;

/**
 * The conversations that a schedule may belong to. First stands the one that it belongs to unless told otherwise: the private chat of
 * Telegram where there is exactly one owner's, since that is where a person hears of it; else the page's main thread.
 */
export function scheduleHomes(
  { lanes }: Pick<Floor, "lanes">,
  { owners, people }: { readonly owners: ReadonlySet<string>; readonly people: readonly Person[] },
  zone: string,
): readonly ScheduleHome[] {
  const isOwner = (user: string): boolean =>
    owners.has(user) || people.some((one) => one.user === user && one.role === "owner");
  const own = lanes.filter(({ conversation }) => sideNameOf(conversation) === null);
  const chats = own.filter(
    ({ conversation }) => placeOf(conversation) === "private" && isOwner(`${telegramAddress(conversation)?.chat}`),
  );
  const homes = own.map((lane) => ({
    conversation: lane.conversation,
    name: nameOf(lane),
    channel: channelOf(lane.conversation),
    zone: lane.settings.zone ?? zone,
  }));
  const main: ScheduleHome = { conversation: pageHome, name: mainName, channel: "web", zone };
  const all = homes.some(({ conversation }) => conversation === pageHome) ? homes : [...homes, main];
  const first = chats.length === 1 ? chats[0]?.conversation : pageHome;
  return all.toSorted((a, b) => Number(b.conversation === first) - Number(a.conversation === first));
}

const mainName = "Main thread";
