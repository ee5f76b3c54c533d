/**
 * Schedules and what became of their times.
 *
 * I11: a schedule moves forward only, and from the time that was read (`advanceSchedule`); a due time of the timer has one row, which the
 * database refuses to have twice.
 */
import type { ConversationId } from "../domain/conversation.ts";
import type { Fault } from "../domain/faults.ts";
import type { ItemId, ItemState } from "../domain/inbox-item.ts";
import type { Schedule, SchedulePlan, ScheduleId, Skipped } from "../domain/schedule.ts";
import type { Occurrence, ScheduleVerbs } from "../engine/ports.ts";
import { one, type Sql } from "./sql.ts";

export function scheduleVerbs(sql: Sql): ScheduleVerbs {
  return {
    addSchedule: async (schedule) => addSchedule(sql, schedule),
    schedule: async (id) => readOne(sql, "id = ?", id),
    scheduleNamed: async (home, name) => readOne(sql, "home = ? AND name = ? AND state <> 'deleted'", home, name),
    schedules: async (home) => readSchedules(sql, home),
    schedulesOfLane: async (lane) => readMany(sql, "lane = ? AND state <> 'deleted' ORDER BY id", lane),
    changeSchedule: async ({ id, lane, user, plan, state, nextAtMs, failures }) => {
      sql.run(
        "UPDATE schedule SET lane = ?, user = ?, plan = ?, state = ?, next_at_ms = ?, failures = ? WHERE id = ?",
        lane,
        user,
        JSON.stringify(plan),
        state,
        nextAtMs,
        failures,
        id,
      );
    },
    advanceSchedule: async (id, fromMs, toMs) => advanceSchedule(sql, id, fromMs, toMs),
    dueSchedules: async (atMs, limit) =>
      readMany(sql, "next_at_ms IS NOT NULL AND next_at_ms <= ? ORDER BY home, id LIMIT +?", atMs, limit),
    reachedBy: async (id) => readReachedBy(sql, id),
    nextDueAt: async () => readNextDueAt(sql),
    addOccurrence: async (occurrence) => addOccurrence(sql, occurrence),
    occurrences: async (schedule, limit) => readOccurrences(sql, schedule, limit),
  };
}

type Row = Omit<Schedule, "plan"> & { readonly plan: string };

const columns =
  "id, home, lane, name, user, plan, state, next_at_ms AS nextAtMs, failures, created_at_ms AS createdAtMs";

function toSchedule(row: Row): Schedule {
  return { ...row, plan: JSON.parse(row.plan) as SchedulePlan };
}

function readMany(sql: Sql, where: string, ...values: readonly (string | number)[]): readonly Schedule[] {
  return sql.all<Row>(`SELECT ${columns} FROM schedule WHERE ${where}`, ...values).map(toSchedule);
}

function readOne(sql: Sql, where: string, ...values: readonly (string | number)[]): Schedule | null {
  return readMany(sql, where, ...values)[0] ?? null;
}

/** Without those that were deleted; null: of every conversation. */
export function readSchedules(sql: Sql, home: ConversationId | null): readonly Schedule[] {
  return home === null
    ? readMany(sql, "state <> 'deleted' ORDER BY home, id")
    : readMany(sql, "home = ? AND state <> 'deleted' ORDER BY id", home);
}

function addSchedule(sql: Sql, schedule: Omit<Schedule, "id">): ScheduleId {
  const added = sql.get<{ id: ScheduleId }>(
    `INSERT INTO schedule (home, lane, name, user, plan, state, next_at_ms, failures, created_at_ms)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id`,
    schedule.home,
    schedule.lane,
    schedule.name,
    schedule.user,
    JSON.stringify(schedule.plan),
    schedule.state,
    schedule.nextAtMs,
    schedule.failures,
    schedule.createdAtMs,
  );
  return one(added, "schedule").id;
}

/** Null: it is over. False, and nothing changed, when it stands elsewhere by now. */
function advanceSchedule(sql: Sql, id: ScheduleId, fromMs: number, toMs: number | null): boolean {
  const moved =
    toMs === null
      ? sql.run("UPDATE schedule SET state = 'over', next_at_ms = NULL WHERE id = ? AND next_at_ms = ?", id, fromMs)
      : sql.run("UPDATE schedule SET next_at_ms = ?1 WHERE id = ?2 AND next_at_ms = ?3 AND ?1 > ?3", toMs, id, fromMs);
  return moved === 1;
}

/** Records follow each other: the one that begins last ends last. */
function readReachedBy(sql: Sql, id: ScheduleId): number | null {
  const row = sql.get<{ reachedMs: number }>(
    `SELECT coalesce(json_extract(skipped, '$.toMs'), due_at_ms) AS reachedMs FROM occurrence
     WHERE schedule = ? AND "trigger" = 'timer' ORDER BY due_at_ms DESC LIMIT 1`,
    id,
  );
  return row?.reachedMs ?? null;
}

function readNextDueAt(sql: Sql): number | null {
  const row = sql.get<{ nextAtMs: number | null }>(
    "SELECT min(next_at_ms) AS nextAtMs FROM schedule WHERE next_at_ms IS NOT NULL",
  );
  return row?.nextAtMs ?? null;
}

function addOccurrence(sql: Sql, occurrence: Parameters<ScheduleVerbs["addOccurrence"]>[0]): void {
  const { schedule, trigger, dueAtMs, firedAtMs, became } = occurrence;
  sql.run(
    `INSERT INTO occurrence (schedule, "trigger", due_at_ms, fired_at_ms, item, skipped) VALUES (?, ?, ?, ?, ?, ?)`,
    schedule,
    trigger,
    dueAtMs,
    firedAtMs,
    became.kind === "fired" ? became.item : null,
    became.kind === "skipped" ? JSON.stringify(became.skipped) : null,
  );
}

/** Newest first. */
export function readOccurrences(sql: Sql, schedule: ScheduleId, limit: number): readonly Occurrence[] {
  return sql
    .all<{
      readonly trigger: Occurrence["trigger"];
      readonly dueAtMs: number;
      readonly firedAtMs: number;
      readonly item: ItemId | null;
      readonly skipped: string | null;
      readonly state: ItemState | null;
      readonly run: Occurrence["run"];
      readonly endedAtMs: number | null;
      readonly fault: string | null;
    }>(
      `SELECT "trigger", due_at_ms AS dueAtMs, fired_at_ms AS firedAtMs, occurrence.item, skipped, inbox.state, inbox.run,
         run.ended_at_ms AS endedAtMs, json_extract(run.outcome, '$.fault') AS fault
       FROM occurrence LEFT JOIN inbox ON inbox.id = occurrence.item LEFT JOIN run ON run.id = inbox.run
       WHERE occurrence.schedule = ? ORDER BY occurrence.id DESC LIMIT +?`,
      schedule,
      limit,
    )
    .map(({ item, skipped, state, fault, ...rest }) => ({
      ...rest,
      fault: fault === null ? null : (JSON.parse(fault) as Fault),
      became:
        skipped === null
          ? { kind: "fired", item: item as ItemId, state: state as ItemState }
          : { kind: "skipped", skipped: JSON.parse(skipped) as Skipped },
    }));
}
