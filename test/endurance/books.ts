/**
 * The books of a database, as an auditor reads them: plain SQL on a connection that cannot write, no code of the store. What is listed
 * must hold after every commit, in the middle of everything; `restViolations` must hold once nothing is going on any more.
 */
import { DatabaseSync } from "node:sqlite";

export type Books = {
  readonly received: number;
  readonly rows: number;
  readonly byState: ReadonlyMap<string, number>;
  readonly runs: number;
  readonly liveRuns: number;
  /** Settled runs by the kind of their outcome. */
  readonly outcomes: ReadonlyMap<string, number>;
  /** What is wrong, one line each. */
  readonly violations: readonly string[];
};

const live = "('starting', 'running', 'stopping', 'quarantined')";

/** A query that counts what must not be there; with `which`, one whose text says more of it. */
type Rule = { readonly what: string; readonly count: string; readonly which?: string };

const alwaysRules: readonly Rule[] = [
  { what: "I4 admissions without a row", count: "SELECT abs(received - (SELECT count(*) FROM inbox)) FROM instance" },
  {
    what: "I1 second live run of a conversation",
    count: `SELECT count(*) FROM (SELECT 1 FROM run WHERE state IN ${live} GROUP BY conversation HAVING count(*) > 1)`,
  },
  {
    what: "I1 second live run of a workspace",
    count: `SELECT count(*) FROM (SELECT 1 FROM run WHERE state IN ${live} GROUP BY workspace HAVING count(*) > 1)`,
  },
  {
    what: "I3 live run that is not its conversation's newest epoch",
    count: `SELECT count(*) FROM run JOIN lane USING (conversation) WHERE run.state IN ${live} AND run.epoch <> lane.epoch`,
  },
  {
    what: "I4 running message without a live run",
    count: `SELECT count(*) FROM inbox WHERE state = 'running' AND request ->> 'kind' IN ('prompt', 'occurrence')
      AND NOT EXISTS (SELECT 1 FROM run WHERE run.item = inbox.id AND run.state IN ${live})`,
  },
  {
    what: "I4 live run whose message is not running",
    count: `SELECT count(*) FROM run JOIN inbox ON inbox.id = run.item WHERE run.state IN ${live} AND inbox.state <> 'running'`,
  },
  {
    what: "I4 stop of everything that waits for no run",
    count: `SELECT count(*) FROM inbox WHERE state = 'running' AND request ->> 'kind' NOT IN ('prompt', 'occurrence')
      AND NOT EXISTS (SELECT 1 FROM stop_wait WHERE stop_wait.item = inbox.id AND how IS NULL)`,
  },
  {
    // Nothing that is done to the program is a reason for the demo to fail: a lock that was not given back would be.
    what: "run of the demo that failed",
    count: "SELECT count(*) FROM run WHERE outcome ->> 'kind' = 'failed'",
    which: "SELECT group_concat(DISTINCT outcome -> '$.fault') FROM run WHERE outcome ->> 'kind' = 'failed'",
  },
  {
    // I11: what made room for a person runs again.
    what: "I6 message run more than once",
    count: `SELECT count(*) FROM (SELECT 1 FROM run WHERE outcome ->> 'kind' IS NOT 'preempted' GROUP BY item HAVING count(*) > 1)`,
  },
  {
    what: "I6 settled run of which nothing is told",
    count: `SELECT count(*) FROM run WHERE state = 'settled' AND outcome ->> 'kind' <> 'preempted'
      AND NOT EXISTS (SELECT 1 FROM outbox WHERE dedupe = 'run:' || run.id || ':outcome')`,
  },
  {
    what: "I6 interrupted message whose run is not",
    count: `SELECT count(*) FROM inbox JOIN run ON run.item = inbox.id
      WHERE inbox.state = 'interrupted' AND (run.outcome IS NULL OR run.outcome ->> 'kind' NOT IN ('interrupted', 'preempted'))`,
  },
  {
    what: "I4 refused message of which nothing is told",
    count: `SELECT count(*) FROM inbox WHERE state = 'rejected' AND NOT EXISTS
      (SELECT 1 FROM outbox WHERE dedupe >= 'item:' || inbox.key || ':' AND dedupe < 'item:' || inbox.key || ';')`,
  },
];

const restRules: readonly Rule[] = [
  { what: "live run at rest", count: `SELECT count(*) FROM run WHERE state IN ${live}` },
  {
    what: "message neither settled nor held",
    count: "SELECT count(*) FROM inbox WHERE state IN ('queued', 'running')",
  },
  { what: "undelivered message", count: "SELECT count(*) FROM outbox WHERE state IN ('pending', 'sending')" },
  { what: "stop of everything still waiting", count: "SELECT count(*) FROM stop_wait WHERE how IS NULL" },
];

/** Opens, reads and closes: a connection that stayed open would take part in the recovery after a crash. */
export function readBooks(path: string): Books {
  using database = new DatabaseSync(path, { readOnly: true, timeout: 1_000 });
  const text = (sql: string): string => String(Object.values(database.prepare(sql).get() ?? {})[0]);
  const number = (sql: string): number => Number(text(sql));
  const grouped = (sql: string): ReadonlyMap<string, number> =>
    new Map(
      database
        .prepare(sql)
        .all()
        .map(({ name, n }) => [String(name), Number(n)]),
    );
  database.exec("BEGIN"); // one moment for all of it
  return {
    received: number("SELECT received FROM instance"),
    rows: number("SELECT count(*) FROM inbox"),
    byState: grouped("SELECT state AS name, count(*) AS n FROM inbox GROUP BY state"),
    runs: number("SELECT count(*) FROM run"),
    liveRuns: number(`SELECT count(*) FROM run WHERE state IN ${live}`),
    outcomes: grouped("SELECT outcome ->> 'kind' AS name, count(*) AS n FROM run WHERE state = 'settled' GROUP BY 1"),
    violations: broken(alwaysRules, text),
  };
}

/** How many different keys with this beginning were admitted. */
export function keysStored(path: string, prefix: string): number {
  using database = new DatabaseSync(path, { readOnly: true, timeout: 1_000 });
  const found = database
    .prepare("SELECT count(*) AS n FROM inbox WHERE substr(key, 1, ?) = ?")
    .get(prefix.length, prefix);
  return Number(found?.["n"]);
}

/** What is still going on, one line each; empty at rest. */
export function unrest(path: string): readonly string[] {
  using database = new DatabaseSync(path, { readOnly: true, timeout: 1_000 });
  return broken(restRules, (sql) => String(Object.values(database.prepare(sql).get() ?? {})[0]));
}

/** I9: with the engine open, a claim is part of the commit that makes it possible, so nothing that could start is ever seen waiting. */
export function idleThoughReady(path: string, runsMax: number): readonly string[] {
  using database = new DatabaseSync(path, { readOnly: true, timeout: 1_000 });
  const busy = `SELECT 1 FROM run WHERE run.state IN ${live}`;
  const rule: Rule = {
    what: "I9 conversation that could run and does not",
    count: `SELECT count(*) FROM lane WHERE (SELECT count(*) FROM run WHERE state IN ${live}) < ${runsMax}
      AND EXISTS (SELECT 1 FROM inbox WHERE inbox.conversation = lane.conversation AND inbox.state = 'queued')
      AND NOT EXISTS (${busy} AND run.conversation = lane.conversation)
      AND NOT EXISTS (${busy} AND run.workspace = lane.workspace)`,
  };
  return broken([rule], (sql) => String(Object.values(database.prepare(sql).get() ?? {})[0]));
}

function broken(rules: readonly Rule[], read: (sql: string) => string): string[] {
  return rules.flatMap(({ what, count, which }) => {
    const found = Number(read(count));
    if (found === 0) return [];
    return [`${what}: ${found}${which === undefined ? "" : ` (${read(which)})`}`];
  });
}
