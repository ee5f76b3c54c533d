/** The checks of schedules, each shown a history that breaks its rule; and the model of their times beside the timetable that it judges. */
import { describe, expect, test } from "vitest";
import { sideConversation, telegramConversation } from "../../src/domain/conversation.ts";
import type { ItemId, ItemState } from "../../src/domain/inbox-item.ts";
import type { ScheduleId, SchedulePlan, Timing } from "../../src/domain/schedule.ts";
import { createTimetable } from "../../src/schedule/timetable.ts";
import type { Change, ScheduleRow } from "./journal.ts";
import { createMirror } from "./mirror.ts";
import type { RuleContext } from "./rule.ts";
import { rulesOfRoom } from "./rules-of-room.ts";
import { rulesOfSchedules } from "./rules-of-schedules.ts";
import { timeAfter, timesBetween } from "./schedule-times.ts";
import { createWorld } from "./world.ts";

const minuteMs = 60_000;
const beginMs = Date.parse("2026-11-23T07:00:00Z");
const at = (minutes: number): number => beginMs + minutes * minuteMs;
const home = telegramConversation(1, null);
const side = sideConversation(home, "job");

const plan: SchedulePlan = {
  timing: { kind: "every", everyMs: 10 * minuteMs, fromMs: beginMs },
  zone: "UTC",
  work: { kind: "prompt", text: "work" },
  missed: { kind: "latest" },
  overlap: "skip",
  view: "shown",
  memory: "kept",
  permissions: "edit",
  runMsMax: null,
};

const row: ScheduleRow = {
  id: 1,
  home,
  lane: side,
  name: "job",
  user: "7",
  plan,
  state: "active",
  nextAtMs: at(10),
  failures: 0,
};
const schedule = (change: Partial<ScheduleRow> = {}): Change => ({ what: "schedule", ...row, ...change });
const decision = (minutes: number): Change => ({ what: "decision", life: 1, number: minutes, atMs: at(minutes) });
const lane = (conversation: typeof home, workspace: string): Change => ({
  what: "lane",
  conversation,
  workspace,
  epochBefore: 0,
  epoch: 0,
});

function occurrenceItem(id: number, minutes: number, state: ItemState = "queued"): Change {
  const request = {
    kind: "occurrence" as const,
    schedule: 1 as ScheduleId,
    name: "job",
    trigger: "timer" as const,
    dueAtMs: at(minutes),
  };
  const place = { acceptedAtMs: at(minutes), rank: 1, position: id, isReady: true, partOf: null };
  return {
    what: "item-added",
    id: id as ItemId,
    key: `k${id}`,
    conversation: side,
    state,
    priority: "background",
    request,
    ...place,
  };
}

function message(id: number, conversation = side): Change {
  const request = { kind: "prompt" as const, placement: "queue" as const, prompt: { text: `do p${id}` } };
  const place = { acceptedAtMs: 0, rank: 0, position: id, isReady: true, partOf: null };
  return {
    what: "item-added",
    id: id as ItemId,
    key: `k${id}`,
    conversation,
    state: "queued",
    priority: "interactive",
    request,
    ...place,
  };
}

function cron(id: number, typed: string): Change {
  return {
    ...(message(id, home) as Change & { what: "item-added" }),
    state: "done",
    request: { kind: "command", command: { name: "cron", typed } },
  };
}

const fired = (id: number, minutes: number): readonly Change[] => [
  occurrenceItem(id, minutes),
  { what: "occurrence", schedule: 1, trigger: "timer", dueAtMs: at(minutes), item: id as ItemId, skipped: null },
];

function skipped(from: number, to: number, count: number, why: "missed" | "overlap" = "missed"): Change {
  const range = { why, fromMs: at(from), toMs: at(to), count };
  return { what: "occurrence", schedule: 1, trigger: "timer", dueAtMs: at(from), item: null, skipped: range };
}

function begun(id: string, of: number): readonly Change[] {
  const run = {
    id,
    conversation: side,
    workspace: "/w",
    item: of as ItemId,
    slot: 1,
    incarnation: 1,
    session: "s",
    driver: "alpha",
  };
  const rest = { rank: 1, position: of, isReady: true, partOf: null, request: null };
  return [
    { what: "run-added", ...run },
    { what: "item-changed", id: of as ItemId, from: "queued", to: "running", run: id, ...rest },
  ];
}

const told: Change = {
  ...{ what: "said", id: 1, conversation: home, run: null, kind: "notice", notice: "schedules-missed", ask: null },
  ...{ dedupe: "missed", state: "pending", pause: { fromMs: 0, untilMs: 0 } },
};

/** The violations of a history that begins with the schedule at 07:00. */
function history(...changes: readonly Change[]): readonly string[] {
  const violations: string[] = [];
  const violated = (invariant: string): void => void violations.push(invariant);
  const mirror = createMirror();
  const context: RuleContext = {
    ...{
      mirror,
      world: createWorld(violated),
      violated,
      runsMax: 1,
      life: () => 1,
      downtimeMs: 600_000,
      bootedAtMs: () => 0,
    },
    asked: { released: new Set(), again: new Map(), moved: new Set() },
    limits: { retries: 0, stallMs: 1, runMsMax: null, costUsdMax: null },
  };
  const rules = [rulesOfSchedules(context, () => undefined), rulesOfRoom(context, () => true)];
  const added = [cron(100, "add every 10m work"), schedule()];
  for (const change of [decision(0), lane(home, "/v"), lane(side, "/w"), ...added, ...changes, decision(999)]) {
    for (const rule of rules) rule.before?.(change);
    mirror.apply(change);
    for (const rule of rules) rule.after?.(change);
  }
  return violations;
}

const on = (minutes: number): Change => schedule({ nextAtMs: at(minutes) });

describe("a time that is due (I11)", () => {
  test("fires once and moves its schedule on, or is skipped with a record, and what was missed is told once", () => {
    expect(history(decision(10), on(20), ...fired(1, 10))).toEqual([]);
    expect(history(decision(35), on(40), skipped(10, 20, 2), ...fired(1, 30), told)).toEqual([]);
    expect(history(decision(10), on(20), ...fired(1, 10), decision(20), on(30), skipped(20, 20, 1, "overlap"))).toEqual(
      [],
    );
  });

  test.each([
    ["is in no record", [decision(10), on(20)]],
    ["is in two", [decision(10), on(20), ...fired(1, 10), skipped(10, 10, 1)]],
    ["fires again", [decision(10), on(20), ...fired(1, 10), decision(11), ...fired(2, 10)]],
    ["fires before it is due", [decision(9), on(20), ...fired(1, 10)]],
    ["fires and leaves its schedule where it was", [decision(10), ...fired(1, 10)]],
    ["moves its schedule too far", [decision(10), on(30), ...fired(1, 10)]],
    ["fires with all that were missed", [decision(25), on(30), ...fired(1, 10), ...fired(2, 20), told]],
    ["is counted wrongly", [decision(35), on(40), skipped(10, 20, 3), ...fired(1, 30), told]],
    [
      "fires although the one before waits",
      [decision(10), on(20), ...fired(1, 10), decision(20), on(30), ...fired(2, 20)],
    ],
    ["is forgotten by a pause", [decision(10), cron(9, "pause job"), schedule({ state: "paused", nextAtMs: null })]],
    [
      "fires although its schedule is paused",
      [decision(5), cron(9, "pause job"), schedule({ state: "paused", nextAtMs: null }), decision(10), ...fired(1, 10)],
    ],
    ["has an item and no record", [decision(10), on(20), skipped(10, 10, 1), occurrenceItem(1, 10)]],
  ] as const)("must not be one that %s", (_, changes) => {
    expect(history(...changes)).toContain("I11");
  });

  test("is not told in several messages, or in none (K4)", () => {
    expect(history(decision(35), on(40), skipped(10, 20, 2), ...fired(1, 30))).toContain("K4");
    expect(history(decision(35), on(40), skipped(10, 20, 2), ...fired(1, 30), told, told)).toContain("K4");
  });

  test("does not run, and does not wait, when its schedule is deleted", () => {
    const deleted = [decision(11), cron(9, "rm job"), schedule({ state: "deleted", nextAtMs: null })];
    expect(history(decision(10), on(20), ...fired(1, 10), ...deleted)).toContain("I11");
    expect(history(decision(10), on(20), ...fired(1, 10), ...deleted, decision(12), ...begun("r1", 1))).toContain(
      "I11",
    );
  });
});

describe("room for people (K6)", () => {
  const running = [decision(10), on(20), ...fired(1, 10), ...begun("r1", 1)];
  const stopping: Change = {
    ...{ what: "run-changed", id: "r1", from: "starting", to: "stopping", epochBefore: 0, epoch: 0 },
    ...{ stopWhy: "preempted", outcome: null },
  };

  test("is made by the very decision, for somebody who waits", () => {
    expect(history(...running, decision(11), message(2), stopping)).toEqual([]);
    expect(history(...running, decision(11), message(2))).toContain("K6"); // its conversation
    expect(history(...running, decision(11), message(2, home))).toContain("K6"); // the only slot
    expect(history(...running, decision(11), stopping)).toContain("K6"); // nobody waits
  });

  test("is not made by what settles otherwise", () => {
    const settled: Change = {
      ...stopping,
      from: "stopping",
      to: "settled",
      outcome: { kind: "stopped", why: "user" },
    };
    expect(history(...running, decision(11), message(2), stopping, decision(12), settled)).toContain("I11");
  });
});

test.each<Timing>([
  { kind: "every", everyMs: 10 * minuteMs, fromMs: beginMs + 1_234 },
  { kind: "once", atMs: at(30) },
  ...["* * * * *", "*/2 * * * *", "3,13,33 * * * *", "0-30/5 7-12 * * *", "0 8 * * *", "*/3 * * * 1-5"].map(
    (expression) => ({ kind: "cron" as const, expression }),
  ),
])("the model and the timetable know the same times of %o", (timing) => {
  const timetable = createTimetable("UTC");
  for (const after of [0, 0.5, 29, 61, 600, 10_000].map(at)) {
    expect(timeAfter(timing, after)).toBe(timetable.next(timing, "UTC", after));
    const first = timeAfter(timing, after);
    if (first === null) continue;
    const until = first + 95 * minuteMs;
    const times = timesBetween(timing, after, until);
    expect(timetable.due(timing, "UTC", first, until)).toEqual({
      first,
      newest: times.slice(-20),
      count: times.length,
    });
  }
});
