/**
 * I11: each due time of a schedule that passed while it was active is in exactly one record: fired, as one item, or one skipped range with its
 * reason. None fires twice; nothing fires that was not due or asked for by a person, or after its schedule was paused or deleted; a schedule
 * moves forward only. What runs is what the schedule says when it is claimed. Nothing in line is cancelled without somebody's order.
 * K3: the answer of a silent one is not said. K4: what was missed is told once in each conversation. K7: a reminder is said once.
 * T16: what somebody set up who was removed does nothing. Failures in a row are counted, and pause a schedule.
 */
import { channelOf, type ConversationId } from "../../src/domain/conversation.ts";
import type { ItemId } from "../../src/domain/inbox-item.ts";
import { dueTimesMax, failuresMax, onTimeMs } from "../../src/domain/schedule.ts";
import { laneCapacity } from "../../src/engine/waiting-line.ts";
import type { Meet } from "./faults.ts";
import type { Change, ScheduleRow } from "./journal.ts";
import type { ItemRow, RunRow } from "./mirror.ts";
import type { Rule, RuleContext } from "./rule.ts";
import { timeAfter, timesBetween } from "./schedule-times.ts";
import { isSettingOwner } from "./schedule-orders.ts";

type Record = Change & { what: "occurrence" };

/** What waited and ran of a schedule when its times were decided. */
type Standing = { readonly waiting: number; readonly isRunning: boolean; readonly room: number };

/** What the rule knows of a schedule besides its row. */
type Books = { coveredToMs: number; reachedMs: number; failures: number };

/** `standing` is that of the moment at which its row was changed first. */
type Touched = {
  readonly before: ScheduleRow | undefined;
  standing: Standing | null;
  /** Whether its maker had been removed by then: one delivery may edit a schedule and remove them after that. */
  readonly wasGone: boolean;
};

/** So many times of a cron expression are counted; of more it is said that there were many. */
const countedMax = 500;

export function rulesOfSchedules({ mirror, world, violated }: RuleContext, meet: Meet): Rule {
  const books = new Map<number, Books>();
  /** What a run is to be begun with, as its schedule was when it was claimed. */
  const claims = new Map<string, { readonly text: string; readonly isFresh: boolean }>();
  let turnsSeen = 0;
  /** Of the decision that is being read. */
  let touched = new Map<number, Touched>();
  let records: Record[] = [];
  let orders: ItemRow[] = [];
  let fired = new Map<ItemId, ItemRow>();
  let cancelled: ItemRow[] = [];
  let said: (Change & { what: "said" })[] = [];
  let failed = new Set<number>();

  function endOfDecision(): void {
    const { atMs } = mirror.decision();
    for (const [id, known] of touched) checkSchedule(mirror.schedules.get(id)!, known, atMs);
    for (const record of records) checkRecord(record);
    for (const [id, item] of fired) {
      const of = records.filter((record) => record.item === id);
      if (of.length !== 1) violated("I11", `item ${id} (${item.key}) is in ${of.length} records`);
    }
    for (const item of cancelled) checkCancelled(item);
    if (records.length > 0) checkMissed(atMs);
    touched = new Map();
    records = [];
    orders = [];
    fired = new Map();
    cancelled = [];
    said = [];
    failed = new Set();
  }

  // ---- times

  function checkSchedule(now: ScheduleRow, { before, standing, wasGone }: Touched, atMs: number): void {
    const known = books.get(now.id) ?? { coveredToMs: atMs, reachedMs: Number.NEGATIVE_INFINITY, failures: 0 };
    books.set(now.id, known);
    const isTimed = before !== undefined && JSON.stringify(before.plan.timing) !== JSON.stringify(now.plan.timing);
    const wasActive = before?.state === "active";
    const timers = records.filter(({ schedule, trigger }) => schedule === now.id && trigger === "timer");
    const owed = wasActive ? timesBetween(before.plan.timing, known.coveredToMs, atMs) : [];
    if (timers.length > 0 && !wasActive) violated("I11", `schedule ${now.id} fires although it is ${before?.state}`);
    const isMoved = now.nextAtMs !== before?.nextAtMs || now.state !== before?.state || isTimed;
    if (timers.length > 0) {
      checkCover(now.id, owed, timers);
      if (wasActive) checkPolicy(before, now, wasGone ? null : (standing ?? noStanding), owed, timers, atMs);
    } else if (wasActive && isMoved && owed.length > 0)
      violated("I11", `schedule ${now.id} drops ${owed.length} times from ${clock(owed[0]!)} on, which were due`);
    // The same times, given anew, or a pause that was taken back in the same breath: from the present on, wherever the clock stands by now.
    const isAsked = orders.some((order) => isEditOf(order.request, now.name) || asksTo(order, "resume"));
    const isGivenAnew = isAsked && now.nextAtMs !== before?.nextAtMs;
    const isBegun = now.state === "active" && (!wasActive || isTimed || isGivenAnew);
    if (timers.length > 0 || isBegun) {
      for (const { dueAtMs, skipped } of timers) known.reachedMs = Math.max(known.reachedMs, skipped?.toMs ?? dueAtMs);
      known.coveredToMs = Math.max(atMs, known.reachedMs);
    } else if (wasActive && now.state === "active" && now.nextAtMs !== before.nextAtMs)
      violated(
        "I11",
        `schedule ${now.id} goes from ${clock(before.nextAtMs)} to ${clock(now.nextAtMs)}, and nobody asked`,
      );
    checkNext(now, known);
    checkState(now, before, timers.length > 0, known);
  }

  /** It is due next when the model says so: never again at a time that it has reached. */
  function checkNext({ id, state, nextAtMs, plan }: ScheduleRow, { coveredToMs }: Books): void {
    if (state !== "active") return;
    const next = timeAfter(plan.timing, coveredToMs);
    if (next !== nextAtMs) violated("I11", `schedule ${id} is due next at ${clock(nextAtMs)}, not ${clock(next)}`);
  }

  function checkState(now: ScheduleRow, before: ScheduleRow | undefined, hasFired: boolean, known: Books): void {
    if (before?.state === "deleted" && now.state !== "deleted") violated("I11", `schedule ${now.id} was deleted`);
    if (before?.state === "active" && now.state === "over" && !hasFired)
      violated("I11", `schedule ${now.id} is over and did not fire`);
    // By its order, not by how it ends up: one delivery may pause, resume and delete it.
    const isResumed = orders.some((order) => asksTo(order, "resume"));
    if (isResumed && now.failures === 0) known.failures = 0;
    if (now.failures !== known.failures)
      violated("I11", `schedule ${now.id} counts ${now.failures} failures, not ${known.failures}`);
    if (failed.has(now.id) && known.failures >= failuresMax && now.state === "active" && orders.length === 0)
      violated("I11", `schedule ${now.id} failed ${known.failures} times in a row and goes on`);
    if (failed.has(now.id) && before?.state === "active" && now.state === "paused")
      meet("a schedule that keeps failing pauses itself");
    const isPaused = now.state === "paused" && before?.state === "active";
    if (isPaused && orders.length === 0 && !said.some(({ notice }) => notice === "schedule-paused"))
      violated("I11", `schedule ${now.id} pauses itself and does not say so`);
    const isOff = now.state === "deleted" || now.state === "paused";
    if (isOff && before?.state !== now.state) checkNothingWaits(now);
    if (before !== undefined && orders.length > 0) noteOrder(now, before);
  }

  /** Whoever made it is asked at the claim: what waits of somebody who was removed may wait until then. */
  function checkNothingWaits(now: ScheduleRow): void {
    if (isGone(now) && now.state === "paused") return;
    for (const item of mirror.queue(now.lane)) {
      const isAskedFor = fired.has(item.id) && item.request.kind === "occurrence" && item.request.trigger === "person";
      if (mirror.scheduleOf(item)?.id === now.id && !isAskedFor)
        violated("I11", `item ${item.id} of schedule ${now.id} waits although that is ${now.state}`);
    }
  }

  function checkCover(id: number, owed: readonly number[], timers: readonly Record[]): void {
    for (const time of owed) {
      const of = timers.filter(({ dueAtMs, skipped }) =>
        skipped === null ? dueAtMs === time : skipped.fromMs <= time && time <= skipped.toMs,
      );
      if (of.length !== 1) violated("I11", `${clock(time)} of schedule ${id} is in ${of.length} records`);
    }
    for (const { dueAtMs, skipped } of timers) {
      if (skipped === null) {
        if (!owed.includes(dueAtMs)) violated("I11", `${clock(dueAtMs)} of schedule ${id} fires and was not due`);
        continue;
      }
      const count = owed.filter((time) => skipped.fromMs <= time && time <= skipped.toMs).length;
      const isMany = skipped.count === null && owed.length > countedMax;
      if (skipped.count !== count && !isMany)
        violated("I11", `schedule ${id} records ${skipped.count} skipped times (${skipped.why}), which are ${count}`);
    }
  }

  /** Which of the times that were due were to fire; `standing` null: its maker had been removed. */
  function checkPolicy(
    before: ScheduleRow,
    now: ScheduleRow,
    standing: Standing | null,
    owed: readonly number[],
    timers: readonly Record[],
    atMs: number,
  ): void {
    const { waiting, isRunning, room } = standing ?? noStanding;
    const { plan } = before;
    const newest = owed.slice(-dueTimesMax);
    const last = newest.at(-1)!;
    const isOnTime = atMs - last <= onTimeMs;
    const inWindow = (time: number): boolean => plan.missed.kind === "all" && atMs - time <= plan.missed.windowMs;
    let wanted = newest.filter(
      (time) => (time === last ? isOnTime || plan.missed.kind === "latest" : false) || inWindow(time),
    );
    const isBusy = plan.work.kind === "prompt" && (waiting > 0 || isRunning);
    if (isBusy) wanted = plan.overlap === "queue" && waiting === 0 ? wanted.slice(-1) : [];
    if (plan.work.kind === "prompt") wanted = wanted.slice(0, Math.max(0, room));
    if (standing === null) wanted = [];
    const times = timers.flatMap(({ skipped, dueAtMs }) => (skipped === null ? [dueAtMs] : []));
    if (times.length !== wanted.length || times.some((time) => !wanted.includes(time)))
      violated(
        "I11",
        `schedule ${now.id} fires ${words(times)}, and ${words(wanted)} were to (${JSON.stringify({ waiting, isRunning, room })})`,
      );
    if (standing === null && timers.some(({ skipped }) => skipped?.why !== "person-gone"))
      violated("T16", `schedule ${now.id} of ${before.user}, who was removed, fires`);
    if (owed.length > 1 && atMs - owed[0]! > onTimeMs) meet("times of a schedule were missed");
    for (const { skipped } of timers) {
      if (skipped === null) meet("a schedule fires");
      else if (skipped.why === "overlap") meet("a time is skipped because the one before is not over");
      else if (skipped.why === "missed") meet("a time is skipped because it was missed");
      else if (skipped.why === "person-gone") meet("a schedule's maker is gone");
    }
  }

  function checkRecord({ schedule: id, trigger, dueAtMs, item }: Record): void {
    const schedule = mirror.schedules.get(id)!;
    const before = touched.get(id)?.before ?? schedule;
    if (before.state === "deleted") violated("I11", `schedule ${id} fires although it is deleted`);
    if (item !== null) {
      const row = fired.get(item);
      const request = row?.request;
      const isOf = request?.kind === "occurrence" && request.schedule === id && request.dueAtMs === dueAtMs;
      if (!isOf || request.trigger !== trigger) violated("I11", `schedule ${id} has item ${item}, which is not of it`);
      else if (row!.priority !== "background") violated("K6", `item ${item} of schedule ${id} is no background work`);
    }
    if (trigger !== "person") return;
    meet("a schedule is run now");
    const asked = orders.filter((order) => asksTo(order, "run")).length;
    const given = records.filter((one) => one.trigger === "person").length;
    if (given > asked) violated("I11", `${given} times fire because somebody asked, and ${asked} did`);
  }

  function asksTo({ request }: ItemRow, how: "run" | "resume"): boolean {
    if (request.kind === "command")
      return request.command.name === "cron" && request.command.typed.startsWith(`${how} `);
    if (request.kind !== "press") return false;
    const action = mirror.buttons.find(({ id }) => id === request.button)?.action;
    return (how === "run" && action?.kind === "run-again") || (action?.kind === "schedule" && action.how === how);
  }

  /** K4 and K7: what was missed is one message, what is to be said is said. */
  function checkMissed(atMs: number): void {
    const homes = new Map<ConversationId, { missed: number; reminders: number }>();
    for (const id of new Set(records.map(({ schedule }) => schedule))) {
      const { home, plan } = mirror.schedules.get(id)!;
      const before = touched.get(id)?.before;
      const of = records.filter(({ schedule }) => schedule === id);
      const timers = of.filter(({ trigger, skipped }) => trigger === "timer" && skipped?.why !== "person-gone");
      const first = Math.min(...timers.map(({ dueAtMs, skipped }) => skipped?.fromMs ?? dueAtMs));
      const count = homes.get(home) ?? { missed: 0, reminders: 0 };
      homes.set(home, count);
      if (timers.length > 0 && atMs - first > onTimeMs) count.missed += 1;
      const work = before?.plan.work ?? plan.work;
      if (work.kind === "reminder") count.reminders += of.filter(({ item }) => item !== null).length;
    }
    for (const [home, { missed, reminders }] of homes) {
      const tellings = said.filter((one) => one.notice === "schedules-missed" && one.conversation === home).length;
      const most = orders.length > 0 ? missed : 1;
      if (missed > 0 ? tellings < 1 || tellings > most : tellings > 0)
        violated("K4", `times of ${missed} schedules were missed in ${home}, told in ${tellings} messages`);
      const reminded = said.filter((one) => one.notice === "reminder" && one.conversation === home).length;
      if (reminded < reminders || (reminded > reminders && orders.length === 0))
        violated("K7", `${reminded} reminders are said in ${home}, and ${reminders} were to be`);
      if (reminded > 0) meet("a reminder is said");
    }
  }

  // ---- what waits and runs

  function checkCancelled(item: ItemRow): void {
    const schedule = mirror.scheduleOf(item);
    if (schedule === null || orders.length > 0) return;
    if (schedule.state !== "paused" && schedule.state !== "deleted" && !isGone(schedule))
      violated("I11", `item ${item.id} of schedule ${schedule.id} is cancelled, and nobody asked for it`);
  }

  function claimed(change: Change & { what: "run-added" }): void {
    const item = mirror.items.get(change.item)!;
    if (item.request.kind !== "occurrence") return;
    const schedule = mirror.scheduleOf(item)!;
    const { id, state, plan } = schedule;
    if (state === "deleted") violated("I11", `${change.id} runs schedule ${id}, which is deleted`);
    if (state === "paused" && item.request.trigger === "timer")
      violated("I11", `${change.id} runs schedule ${id}, which is paused`);
    if (isGone(schedule)) violated("T16", `${change.id} runs schedule ${id} of ${schedule.user}, who was removed`);
    const isFresh = plan.memory === "fresh" && schedule.lane !== schedule.home;
    if (plan.work.kind === "prompt") claims.set(change.id, { text: plan.work.text, isFresh });
  }

  function settled(run: RunRow, change: Change & { what: "run-changed" }): void {
    const schedule = mirror.scheduleOf(mirror.items.get(run.item)!);
    const known = schedule === null ? undefined : books.get(schedule.id);
    if (schedule === null || known === undefined) return;
    switch (change.outcome?.kind) {
      case "finished":
        if (known.failures > 0) touch(schedule.id);
        known.failures = 0;
        break;
      case "failed":
      case "interrupted":
        touch(schedule.id);
        known.failures += 1;
        failed.add(schedule.id);
        break;
      case "preempted":
        meet("a run of a schedule makes room");
        break;
      case "stopped":
      case undefined:
        break;
      default:
        change.outcome satisfies undefined;
    }
    if (schedule.plan.view === "silent" && change.outcome?.kind === "finished") meet("a silent schedule's run ends");
  }

  function checkTurns(): void {
    const turns = world.turns();
    for (; turnsSeen < turns.length; turnsSeen += 1) {
      const turn = turns[turnsSeen]!;
      const { run } = turn.owner;
      const claim = claims.get(run);
      if (claim === undefined) continue;
      if (!turn.text.includes(claim.text))
        violated("I11", `${run} is begun with other words than those of its schedule, "${claim.text}"`);
      if (claim.isFresh && world.turnsOf(run)[0] === turn && turn.session.resume !== null)
        violated("memory", `${run} is begun in ${turn.session.resume}, and its schedule wants an empty memory`);
    }
  }

  function heard(change: Change & { what: "said" }): void {
    said.push(change);
    if (change.kind !== "answer" || change.run === null) return;
    const run = mirror.runs.get(change.run);
    if (run?.view === "silent") violated("K3", `the answer of ${change.run} is said, and its schedule is silent`);
  }

  // ---- common

  /** Whoever made it may not ask for anything any more. */
  function isGone({ home, user }: ScheduleRow): boolean {
    if (channelOf(home) === "web" || isSettingOwner(user)) return false;
    const role = mirror.people.get(user);
    return role !== "operator" && role !== "owner";
  }

  function touch(id: number): Touched {
    const before = mirror.schedules.get(id);
    const known = touched.get(id) ?? { before, standing: null, wasGone: before !== undefined && isGone(before) };
    touched.set(id, known);
    return known;
  }

  function changes(id: number): void {
    const known = touch(id);
    if (known.before !== undefined) known.standing ??= standingOf(known.before);
  }

  function standingOf({ id, lane }: ScheduleRow): Standing {
    const waiting = [...mirror.items.values()].filter(
      ({ conversation, state }) => conversation === lane && (state === "queued" || state === "held"),
    );
    const live = mirror.liveIn(lane);
    return {
      waiting: waiting.filter((item) => mirror.scheduleOf(item)?.id === id).length,
      isRunning: live !== null && mirror.scheduleOf(mirror.items.get(live.item)!)?.id === id,
      room: laneCapacity - waiting.length,
    };
  }

  function noteOrder(now: ScheduleRow, before: ScheduleRow): void {
    const live = mirror.liveIn(before.lane);
    const isRunning = live !== null && mirror.scheduleOf(mirror.items.get(live.item)!)?.id === now.id;
    const waited = cancelled.some((item) => mirror.scheduleOf(item)?.id === now.id);
    if (now.state === "deleted" && before.state !== "deleted") {
      if (waited) meet("a schedule is deleted while its work waits");
      if (isRunning)
        meet(
          live.state === "stopping"
            ? "a schedule is deleted while its run stops"
            : "a schedule is deleted while its run goes on",
        );
    }
    if (now.state === "paused" && before.state === "active") {
      if (waited) meet("a schedule is paused while its work waits");
      if (isRunning) meet("a schedule is paused while its run goes on");
    }
    if (JSON.stringify(now.plan.work) === JSON.stringify(before.plan.work)) return;
    if (mirror.queue(before.lane).some((item) => mirror.scheduleOf(item)?.id === now.id))
      meet("a schedule is edited while its work waits");
    if (isRunning) meet("a schedule is edited while its run goes on");
  }

  return {
    before: (change) => {
      switch (change.what) {
        case "decision":
          endOfDecision();
          break;
        case "schedule":
          changes(change.id);
          break;
        case "occurrence":
          records.push(change);
          if (change.trigger === "timer") changes(change.schedule);
          break;
        case "run-added":
          claimed(change);
          break;
        case "run-changed":
          if (change.to === "settled") settled(mirror.runs.get(change.id)!, change);
          break;
        case "item-changed":
          if (change.to === "cancelled" && (change.from === "queued" || change.from === "held"))
            cancelled.push(mirror.items.get(change.id)!);
          break;
        default:
          break;
      }
      checkTurns();
    },
    after: (change) => {
      if (change.what === "said") heard(change);
      if (change.what !== "item-added") return;
      const item = mirror.items.get(change.id)!;
      if (item.request.kind === "occurrence") fired.set(item.id, item);
      else orders.push(item);
    },
    end: () => {
      endOfDecision();
      checkTurns();
    },
  };
}

function isEditOf(request: ItemRow["request"], name: string): boolean {
  return (
    request.kind === "command" &&
    request.command.name === "cron" &&
    request.command.typed.startsWith(`edit ${name} when `)
  );
}

const noStanding: Standing = { waiting: 0, isRunning: false, room: laneCapacity };

function clock(atMs: number | null): string {
  return atMs === null ? "never" : new Date(atMs).toISOString();
}

function words(times: readonly number[]): string {
  return times.length === 0 ? "nothing" : times.map(clock).join(" ");
}
