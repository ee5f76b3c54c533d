/**
 * What is going on and what has been, in numbers, computed when somebody asks.
 *
 * 1. What waits or is live is counted through the indexes that hold nothing else; what was used comes from the sums by day.
 * 2. Runs that ended are counted once each, in the order in which they began: a look reads those that are new since the last one, a
 *    bounded number at a time, and other work goes between. So a look costs what happened since the last, whatever is stored.
 * 3. They are counted from the opening of the store: the runs of that time, and those that it found unsettled.
 */
import type { Priority } from "../domain/inbox-item.ts";
import type { UsageTally } from "../domain/agent-event.ts";
import type { EndedRuns, Figures, LiveRun, StoppedRuns } from "../engine/ports.ts";
import type { Sql } from "./sql.ts";

type Read = <T>(query: (sql: Sql) => T) => Promise<T>;

/** `sql` is read once, at once. Resolves with the figures; rejects with a StoreFault. */
export function createFigures(sql: Sql, read: Read): () => Promise<Figures> {
  const runs = countRuns(firstUncounted(sql), read);
  return async () => {
    const ended = await runs();
    return { ...ended, ...(await read(readPresent)) };
  };
}

// ---- what is now

function readPresent(sql: Sql): Omit<Figures, keyof Ended> {
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

type Ended = { readonly ended: readonly EndedRuns[]; readonly stops: readonly StoppedRuns[] };

type Row = {
  readonly at: number;
  readonly driver: string;
  readonly trigger: Priority;
  readonly outcome: EndedRuns["outcome"] | null;
  readonly acceptedAtMs: number;
  readonly startedAtMs: number;
  readonly stopAtMs: number | null;
  readonly endedAtMs: number | null;
};

/** The transcript comes after these columns: its pages are not read. */
const columns = `SELECT run.rowid AS at, run.driver, inbox.priority AS "trigger", run.outcome ->> 'kind' AS outcome,
    inbox.accepted_at_ms AS acceptedAtMs, run.started_at_ms AS startedAtMs, run.stop_at_ms AS stopAtMs, run.ended_at_ms AS endedAtMs
  FROM run JOIN inbox ON inbox.id = run.item`;

/** A thousand take some 5 ms; a chat's day has fewer. */
const rowsMax = 1_000;

/** Before it, all are settled. */
function firstUncounted(sql: Sql): number {
  const found = sql.get<{ at: number }>(
    `SELECT coalesce((SELECT min(rowid) FROM run WHERE ended_at_ms IS NULL), (SELECT max(rowid) + 1 FROM run), 1) AS at`,
  );
  return found?.at ?? 1;
}

function countRuns(first: number, read: Read): () => Promise<Ended> {
  const ended = new Map<string, EndedRuns>();
  const stops = new Map<string, StoppedRuns>();
  /** Seen and not ended: no more than can be live at once. */
  let open: readonly number[] = [];
  let next = first;
  let looking: Promise<Ended> | null = null;

  async function look(): Promise<Ended> {
    const before = open;
    const again = await read((sql) => before.flatMap((at) => sql.all<Row>(`${columns} WHERE run.rowid = ?`, at)));
    open = again.flatMap(take);
    for (;;) {
      const from = next;
      const rows = await read((sql) =>
        sql.all<Row>(`${columns} WHERE run.rowid >= ? ORDER BY run.rowid LIMIT +?`, from, rowsMax),
      );
      open = [...open, ...rows.flatMap(take)];
      next = (rows.at(-1)?.at ?? from - 1) + 1;
      if (rows.length < rowsMax) return { ended: [...ended.values()], stops: [...stops.values()] };
      await new Promise((resolve) => setImmediate(resolve)); // other work goes first
    }
  }

  /** The row's place when it has not ended. */
  function take({ at, driver, trigger, outcome, acceptedAtMs, startedAtMs, stopAtMs, endedAtMs }: Row): number[] {
    if (outcome === null || endedAtMs === null) return [at];
    const key = JSON.stringify([driver, trigger, outcome]);
    const sum = ended.get(key) ?? { driver, trigger, outcome, runs: 0, durationMs: 0, waitMs: 0 };
    const durationMs = sum.durationMs + Math.max(0, endedAtMs - startedAtMs);
    const waitMs = sum.waitMs + Math.max(0, startedAtMs - acceptedAtMs);
    ended.set(key, { ...sum, runs: sum.runs + 1, durationMs, waitMs });
    if (stopAtMs !== null) {
      const stopped = stops.get(driver) ?? { driver, runs: 0, toQuietMs: 0 };
      const toQuietMs = stopped.toQuietMs + Math.max(0, endedAtMs - stopAtMs);
      stops.set(driver, { ...stopped, runs: stopped.runs + 1, toQuietMs });
    }
    return [];
  }

  // Two looks at once would count the same rows twice.
  return () => {
    looking ??= look().finally(() => (looking = null));
    return looking;
  };
}
