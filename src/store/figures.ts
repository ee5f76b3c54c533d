/**
 * What is going on and what has been, in numbers, computed when somebody asks.
 *
 * 1. What waits or is live is counted through the indexes that hold nothing else; what was used comes from the sums by day.
 * 2. What has come to its end (a run, an ask, a message, a time that fired) is counted once, in the order in which it began: a look reads the rows that are
 *    new since the last one, a bounded number at a time, and other work goes between. So a look costs what happened since the last,
 *    whatever is stored.
 * 3. It is counted from the opening of the store: the rows of that time, and those that it found unsettled.
 */
import type { Priority } from "../domain/inbox-item.ts";
import type { UsageTally } from "../domain/agent-event.ts";
import { onTimeMs } from "../domain/schedule.ts";
import type { Decision, EndedRuns, Figures, Lateness, LiveRun, StoppedRuns } from "../engine/ports.ts";
import { createCounter } from "../lib/counter.ts";
import { undeliveredStates } from "./migrations.ts";
import type { Sql } from "./sql.ts";

type Read = <T>(query: (sql: Sql) => T) => Promise<T>;

/** `sql` is read once, at once. Resolves with the figures; rejects with a StoreFault. */
export function createFigures(sql: Sql, read: Read): () => Promise<Figures> {
  const ended = new Map<string, EndedRuns>();
  const stops = new Map<string, StoppedRuns>();
  const decisions = createCounter<{ readonly decision: Decision }>();
  let uncertain = 0;
  let lateness = notLate;

  const looks = [
    follow(sql, read, runs, (row) => {
      addRun(ended, row);
      addStop(stops, row);
    }),
    follow(sql, read, asks, ({ decision }) => {
      if (decision !== null) decisions.add({ decision });
    }),
    follow(sql, read, messages, ({ isUncertain }) => {
      uncertain += isUncertain;
    }),
    follow(sql, read, firings, (row) => {
      lateness = laterBy(lateness, row);
    }),
  ];

  return async () => {
    for (const look of looks) await look();
    const past = { ended: [...ended.values()], stops: [...stops.values()], decisions: decisions.read(), uncertain };
    return { ...past, lateness, ...(await read(readPresent)) };
  };
}

// ---- what is now

function readPresent(sql: Sql): Omit<Figures, "ended" | "stops" | "decisions" | "uncertain" | "lateness"> {
  const waiting = sql.get<{ pending: number; oldestAtMs: number | null }>(
    "SELECT count(*) AS pending, min(accepted_at_ms) AS oldestAtMs FROM inbox WHERE state = 'queued' OR state = 'held'",
  );
  return {
    pending: waiting?.pending ?? 0,
    oldestPendingAtMs: waiting?.oldestAtMs ?? null,
    live: sql.all<{ driver: string; state: LiveRun["state"]; count: number }>(
      "SELECT driver, state, count(*) AS count FROM run WHERE ended_at_ms IS NULL GROUP BY driver, state ORDER BY driver, state",
    ),
    undelivered: sql.all<{ channel: string; count: number }>(
      `SELECT channel, count(*) AS count FROM outbox WHERE state IN ('pending', 'sending') GROUP BY channel ORDER BY channel`,
    ),
    used: sql.all<UsageTally>(
      `SELECT driver, sum(runs) AS runs, sum(input) AS inputTokens, sum(output) AS outputTokens, sum(cache_read) AS cacheReadTokens,
         sum(cache_write) AS cacheWriteTokens, sum(cost_usd) AS costUsd
       FROM usage WHERE day <> '' GROUP BY driver ORDER BY driver`,
    ),
  };
}

// ---- what has ended

/** The rows of a table: `place` is their number, which grows in the order in which they began; `open` holds for those that are not over. */
type Followed<Row extends Placed> = {
  readonly table: string;
  readonly place: string;
  readonly open: string;
  readonly read: (sql: Sql, which: string, ...values: readonly number[]) => readonly Row[];
};
type Placed = { readonly at: number; readonly isOver: 0 | 1 };

type RunRow = Placed & {
  readonly driver: string;
  readonly trigger: Priority;
  readonly outcome: EndedRuns["outcome"];
  readonly acceptedAtMs: number;
  readonly startedAtMs: number;
  readonly stopAtMs: number | null;
  readonly endedAtMs: number;
};

/** The transcript comes after these columns: its pages are not read. */
const runs: Followed<RunRow> = {
  ...{ table: "run", place: "run.rowid", open: "ended_at_ms IS NULL" },
  read: (sql, which, ...values) =>
    sql.all<RunRow>(
      `SELECT run.rowid AS at, run.ended_at_ms IS NOT NULL AS isOver, run.driver, inbox.priority AS "trigger",
      run.outcome ->> 'kind' AS outcome, inbox.accepted_at_ms AS acceptedAtMs, run.started_at_ms AS startedAtMs,
      run.stop_at_ms AS stopAtMs, run.ended_at_ms AS endedAtMs
    FROM run JOIN inbox ON inbox.id = run.item ${which}`,
      ...values,
    ),
};

/** Null of questions: nothing is decided by them. */
type AskRow = Placed & { readonly decision: Decision | null };

const asks: Followed<AskRow> = {
  ...{ table: "ask", place: "ask.rowid", open: "is_open = 1" },
  read: (sql, which, ...values) =>
    sql.all<AskRow>(
      `SELECT rowid AS at, is_open = 0 AS isOver,
      CASE WHEN ask ->> 'kind' = 'questions' THEN NULL
        WHEN state ->> 'kind' <> 'answered' THEN state ->> 'kind'
        WHEN state ->> '$.answer.kind' = 'allow' THEN 'allowed_' || (state ->> '$.answer.scope')
        ELSE 'denied' END AS decision
    FROM ask ${which}`,
      ...values,
    ),
};

type MessageRow = Placed & { readonly isUncertain: 0 | 1 };

const messages: Followed<MessageRow> = {
  ...{ table: "outbox", place: "outbox.id", open: `state IN ${undeliveredStates}` },
  read: (sql, which, ...values) =>
    sql.all<MessageRow>(
      `SELECT id AS at, state NOT IN ${undeliveredStates} AS isOver, is_uncertain AS isUncertain FROM outbox ${which}`,
      ...values,
    ),
};

/** Null of what nobody was late with: a person asked for it, it was skipped, or it was missed and fired when there was somebody again. */
type FiringRow = Placed & { readonly lateMs: number | null };

/** A time is over once it is there. */
const firings: Followed<FiringRow> = {
  ...{ table: "occurrence", place: "occurrence.id", open: "0" },
  read: (sql, which, ...values) =>
    sql.all<FiringRow>(
      `SELECT id AS at, 1 AS isOver,
        iif("trigger" = 'timer' AND item IS NOT NULL AND fired_at_ms - due_at_ms <= ${onTimeMs}, fired_at_ms - due_at_ms, NULL) AS lateMs
      FROM occurrence ${which}`,
      ...values,
    ),
};

/** A thousand take some 5 ms; a chat's day has fewer. */
const rowsMax = 1_000;

/** What it returns calls `count` for each row that is over by then and was not when the store was opened, once. */
function follow<Row extends Placed>(
  sql: Sql,
  read: Read,
  { table, place, open, read: readRows }: Followed<Row>,
  count: (row: Row) => void,
): () => Promise<void> {
  /** Seen and not over: no more than can be so at once. */
  let unfinished = sql
    .all<{ at: number }>(`SELECT ${place} AS at FROM ${table} WHERE ${open} ORDER BY at`)
    .map(({ at }): number => at);
  /** From here on no row was looked at. */
  let next = (sql.get<{ at: number | null }>(`SELECT max(${place}) AS at FROM ${table}`)?.at ?? 0) + 1;
  let looking: Promise<void> | null = null;

  async function look(): Promise<void> {
    const before = unfinished;
    const again = await read((now) => before.flatMap((at) => readRows(now, `WHERE ${place} = ?`, at)));
    unfinished = again.flatMap(take);
    for (;;) {
      const from = next;
      const found = await read((now) => readRows(now, `WHERE ${place} >= ? ORDER BY ${place} LIMIT +?`, from, rowsMax));
      unfinished = [...unfinished, ...found.flatMap(take)];
      next = (found.at(-1)?.at ?? from - 1) + 1;
      if (found.length < rowsMax) return;
      await new Promise((resolve) => setImmediate(resolve)); // other work goes first
    }
  }

  /** The row's place when it is not over. */
  function take(row: Row): number[] {
    if (row.isOver === 0) return [row.at];
    count(row);
    return [];
  }

  // Two looks at once would count the same rows twice.
  return () => {
    looking ??= look().finally(() => (looking = null));
    return looking;
  };
}

function addRun(ended: Map<string, EndedRuns>, row: RunRow): void {
  const { driver, trigger, outcome, acceptedAtMs, startedAtMs, endedAtMs } = row;
  const key = JSON.stringify([driver, trigger, outcome]);
  const sum = ended.get(key) ?? { driver, trigger, outcome, runs: 0, durationMs: 0, waitMs: 0 };
  const durationMs = sum.durationMs + Math.max(0, endedAtMs - startedAtMs);
  const waitMs = sum.waitMs + Math.max(0, startedAtMs - acceptedAtMs);
  ended.set(key, { ...sum, runs: sum.runs + 1, durationMs, waitMs });
}

/** The second is the target (docs/proof.md); the last one holds all. */
const latenessBoundsMs = [10, 50, 250, 1_000, 5_000, onTimeMs] as const;

const notLate: Lateness = {
  fired: 0,
  lateMs: 0,
  within: latenessBoundsMs.map((boundMs) => ({ boundMs, fired: 0 })),
};

function laterBy(before: Lateness, { lateMs }: FiringRow): Lateness {
  if (lateMs === null) return before;
  const late = Math.max(0, lateMs); // a clock that was set back
  const within = before.within.map(({ boundMs, fired }) => ({ boundMs, fired: fired + (late <= boundMs ? 1 : 0) }));
  return { fired: before.fired + 1, lateMs: before.lateMs + late, within };
}

function addStop(stops: Map<string, StoppedRuns>, { driver, stopAtMs, endedAtMs }: RunRow): void {
  if (stopAtMs === null) return;
  const sum = stops.get(driver) ?? { driver, runs: 0, toQuietMs: 0 };
  stops.set(driver, { ...sum, runs: sum.runs + 1, toQuietMs: sum.toQuietMs + Math.max(0, endedAtMs - stopAtMs) });
}
