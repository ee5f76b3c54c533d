/**
 * The schema, as the ordered list of its changes. The database's user_version is the number of changes made to it; each is
 * made in one transaction. A released change is never edited: a new one is added.
 *
 * I1: the three partial unique indexes on `run` refuse a second live run of a conversation, a workspace or a slot.
 * I9: tickets come from a one-row counter, so two lanes never tie (with the newest item's id they did, and one starved).
 */
import type { DatabaseSync } from "node:sqlite";
import { StoreFault } from "../engine/ports.ts";
import { classify } from "./store-fault.ts";

/**
 * A run occupies its conversation, workspace and slot until it ended: the condition of the partial indexes. It is not said with the
 * states, though they would do: a change from one live state to another then leaves these indexes alone, and SQLite makes no list to
 * look them up in.
 */
export const isLive = "ended_at_ms IS NULL";

/** The states of a message on its way: the condition of the index that finds them among all that were ever sent. */
export const undeliveredStates = "('pending', 'sending')";

/** "sigb" in ASCII: tells our file from another program's. */
const applicationId = 0x73696762;

export const migrations: readonly string[] = [
  `
  -- One row. \`received\` counts admissions apart from the rows (I4); \`ticket\` is the last ticket drawn.
  CREATE TABLE instance (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    id TEXT NOT NULL,
    incarnation INTEGER NOT NULL,
    received INTEGER NOT NULL,
    ticket INTEGER NOT NULL
  ) STRICT;

  -- head_ticket: the oldest ticket among its ready lanes while no run is live in it, else null. Kept by readiness.ts alone.
  CREATE TABLE workspace (
    path TEXT PRIMARY KEY,
    head_ticket INTEGER
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX workspace_ready ON workspace (head_ticket) WHERE head_ticket IS NOT NULL;

  -- No foreign key on conversation: the lane points here, and is inserted after its session.
  CREATE TABLE session (
    id TEXT PRIMARY KEY,
    conversation TEXT NOT NULL,
    title TEXT,
    resume TEXT,
    opened_at_ms INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX session_of_conversation ON session (conversation);

  -- ticket: the lane's turn while it is ready (something queued, no live run), else null. Kept by readiness.ts alone.
  CREATE TABLE lane (
    conversation TEXT PRIMARY KEY,
    workspace TEXT NOT NULL REFERENCES workspace (path),
    is_chosen INTEGER NOT NULL CHECK (is_chosen IN (0, 1)),
    session TEXT NOT NULL REFERENCES session (id),
    epoch INTEGER NOT NULL CHECK (epoch >= 0),
    ticket INTEGER UNIQUE
  ) STRICT;
  CREATE INDEX lane_ready ON lane (workspace, ticket) WHERE ticket IS NOT NULL;

  -- rank: 0 runs before 1 (interactive before background); an item moved first keeps its priority and gets rank 0.
  CREATE TABLE inbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL UNIQUE,
    conversation TEXT NOT NULL REFERENCES lane (conversation),
    sender TEXT NOT NULL,
    message TEXT,
    priority TEXT NOT NULL CHECK (priority IN ('interactive', 'background')),
    rank INTEGER NOT NULL CHECK (rank IN (0, 1)),
    position INTEGER NOT NULL,
    request TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN
      ('queued', 'held', 'running', 'done', 'failed', 'interrupted', 'cancelled', 'rejected', 'merged')),
    run TEXT REFERENCES run (id),
    sent_at_ms INTEGER NOT NULL,
    accepted_at_ms INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX inbox_order ON inbox (conversation, state, rank, position);
  CREATE INDEX inbox_of_conversation ON inbox (conversation);
  CREATE INDEX inbox_of_run ON inbox (run) WHERE run IS NOT NULL;

  CREATE TABLE run (
    id TEXT PRIMARY KEY,
    conversation TEXT NOT NULL REFERENCES lane (conversation),
    epoch INTEGER NOT NULL,
    item INTEGER NOT NULL REFERENCES inbox (id),
    workspace TEXT NOT NULL REFERENCES workspace (path),
    session TEXT NOT NULL REFERENCES session (id),
    driver TEXT NOT NULL,
    slot INTEGER NOT NULL CHECK (slot >= 1),
    incarnation INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('starting', 'running', 'stopping', 'quarantined', 'settled')),
    stop_why TEXT CHECK (stop_why IN ('user', 'replaced', 'preempted', 'shutdown', 'crash')),
    stop_at_ms INTEGER,
    evidence TEXT,
    outcome TEXT,
    transcript TEXT,
    started_at_ms INTEGER NOT NULL,
    ended_at_ms INTEGER,
    UNIQUE (conversation, epoch),
    CHECK (state <> 'stopping' OR stop_why IS NOT NULL),
    CHECK ((state = 'quarantined') = (evidence IS NOT NULL)),
    CHECK ((state = 'settled') = (ended_at_ms IS NOT NULL)),
    CHECK ((state = 'settled') = (outcome IS NOT NULL))
  ) STRICT;
  CREATE INDEX run_of_item ON run (item);
  CREATE UNIQUE INDEX run_one_per_lane ON run (conversation) WHERE state IN ('starting', 'running', 'stopping', 'quarantined');
  CREATE UNIQUE INDEX run_one_per_workspace ON run (workspace) WHERE state IN ('starting', 'running', 'stopping', 'quarantined');
  CREATE UNIQUE INDEX run_one_per_slot ON run (slot) WHERE state IN ('starting', 'running', 'stopping', 'quarantined');

  CREATE TABLE stop_wait (
    item INTEGER NOT NULL REFERENCES inbox (id),
    run TEXT NOT NULL REFERENCES run (id),
    how TEXT CHECK (how IN ('stopped', 'quarantined')),
    PRIMARY KEY (item, run)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX stop_wait_open ON stop_wait (run) WHERE how IS NULL;

  CREATE TABLE adopted (
    pid INTEGER NOT NULL,
    start_time TEXT NOT NULL,
    command TEXT NOT NULL,
    conversation TEXT NOT NULL REFERENCES lane (conversation),
    run TEXT NOT NULL REFERENCES run (id),
    PRIMARY KEY (pid, start_time)
  ) STRICT;
  CREATE INDEX adopted_of_conversation ON adopted (conversation);

  CREATE TABLE button (
    id TEXT PRIMARY KEY,
    conversation TEXT NOT NULL REFERENCES lane (conversation),
    action TEXT NOT NULL,
    expires_at_ms INTEGER NOT NULL,
    used_at_ms INTEGER
  ) STRICT;

  -- is_over: the run ended while its status was being sent; no further attempt is made.
  CREATE TABLE outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    conversation TEXT NOT NULL REFERENCES lane (conversation),
    channel TEXT NOT NULL CHECK (channel IN ('telegram', 'web')),
    run TEXT REFERENCES run (id),
    acknowledges INTEGER,
    dedupe TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL CHECK (kind IN ('status', 'summary', 'answer', 'notice')),
    body TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('pending', 'sending', 'sent', 'superseded', 'undeliverable')),
    message TEXT,
    attempts INTEGER NOT NULL CHECK (attempts >= 0),
    is_uncertain INTEGER NOT NULL CHECK (is_uncertain IN (0, 1)),
    is_over INTEGER NOT NULL CHECK (is_over IN (0, 1)),
    created_at_ms INTEGER NOT NULL,
    not_before_ms INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX outbox_undelivered ON outbox (channel, conversation, id) WHERE state IN ${undeliveredStates};
  CREATE INDEX outbox_acknowledging ON outbox (acknowledges) WHERE state = 'pending' AND acknowledges IS NOT NULL;
  CREATE INDEX outbox_of_conversation ON outbox (conversation);
  CREATE INDEX outbox_status ON outbox (run) WHERE kind = 'status';
  `,
  `
  -- What a message costs must not grow with what is stored, and what grew was the number of pages that its commits wrote: an index that
  -- begins with the conversation has another leaf for each conversation. Ids are neighbours in time, so an index by run has not.
  DROP INDEX run_one_per_lane;
  DROP INDEX run_one_per_workspace;
  DROP INDEX run_one_per_slot;
  CREATE UNIQUE INDEX run_one_per_lane ON run (conversation) WHERE ${isLive};
  CREATE UNIQUE INDEX run_one_per_workspace ON run (workspace) WHERE ${isLive};
  CREATE UNIQUE INDEX run_one_per_slot ON run (slot) WHERE ${isLive};
  -- Only what waits has an order. Said with OR: SQLite infers it from either state.
  DROP INDEX inbox_order;
  CREATE INDEX inbox_order ON inbox (conversation, state, rank, position) WHERE state = 'queued' OR state = 'held';
  -- What is said of a run is found by the run, the rest by the conversation.
  DROP INDEX outbox_status;
  DROP INDEX outbox_of_conversation;
  CREATE INDEX outbox_of_run ON outbox (run) WHERE run IS NOT NULL;
  CREATE INDEX outbox_of_conversation ON outbox (conversation) WHERE run IS NULL;
  `,
  `
  -- What a conversation chose, and which agent a session is of: one of another agent cannot be resumed.
  ALTER TABLE lane ADD COLUMN driver TEXT;
  ALTER TABLE lane ADD COLUMN permissions TEXT CHECK (permissions IN ('plan', 'ask', 'edit', 'bypass'));
  ALTER TABLE session ADD COLUMN driver TEXT;
  ALTER TABLE session ADD COLUMN model TEXT;
  ALTER TABLE session ADD COLUMN effort TEXT CHECK (effort IS NULL OR model IS NOT NULL);
  UPDATE session SET driver = (SELECT driver FROM run WHERE run.session = session.id ORDER BY epoch DESC LIMIT 1);

  -- agent_id: the agent's own name for it, within its turn. drawn: how often its card was redrawn.
  CREATE TABLE ask (
    id TEXT PRIMARY KEY,
    run TEXT NOT NULL REFERENCES run (id),
    agent_id TEXT NOT NULL,
    ask TEXT NOT NULL,
    state TEXT NOT NULL,
    is_open INTEGER NOT NULL CHECK (is_open IN (0, 1)),
    drawn INTEGER NOT NULL CHECK (drawn >= 0)
  ) STRICT;
  CREATE INDEX ask_open ON ask (run) WHERE is_open = 1;

  -- scope: session:<id> or day:<date>:<driver>; day is empty for a session's sum.
  CREATE TABLE usage (
    scope TEXT PRIMARY KEY,
    day TEXT NOT NULL,
    driver TEXT NOT NULL,
    runs INTEGER NOT NULL,
    input INTEGER NOT NULL,
    output INTEGER NOT NULL,
    cache_read INTEGER NOT NULL,
    cache_write INTEGER NOT NULL,
    cost_usd REAL
  ) STRICT;
  CREATE INDEX usage_of_day ON usage (day) WHERE day <> '';
  CREATE TABLE account_limits (
    driver TEXT PRIMARY KEY,
    limits TEXT NOT NULL,
    at_ms INTEGER NOT NULL
  ) STRICT;

  CREATE INDEX inbox_unanswered ON inbox (id) WHERE state = 'running' AND run IS NULL;

  -- The same table with two more kinds; SQLite cannot change a CHECK.
  ALTER TABLE outbox RENAME TO outbox_before;
  CREATE TABLE outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    conversation TEXT NOT NULL REFERENCES lane (conversation),
    channel TEXT NOT NULL CHECK (channel IN ('telegram', 'web')),
    run TEXT REFERENCES run (id),
    acknowledges INTEGER,
    dedupe TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL CHECK (kind IN ('status', 'summary', 'answer', 'notice', 'ask', 'file')),
    body TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('pending', 'sending', 'sent', 'superseded', 'undeliverable')),
    message TEXT,
    attempts INTEGER NOT NULL CHECK (attempts >= 0),
    is_uncertain INTEGER NOT NULL CHECK (is_uncertain IN (0, 1)),
    is_over INTEGER NOT NULL CHECK (is_over IN (0, 1)),
    created_at_ms INTEGER NOT NULL,
    not_before_ms INTEGER NOT NULL
  ) STRICT;
  INSERT INTO outbox SELECT * FROM outbox_before;
  DROP TABLE outbox_before;
  CREATE INDEX outbox_undelivered ON outbox (channel, conversation, id) WHERE state IN ${undeliveredStates};
  CREATE INDEX outbox_acknowledging ON outbox (acknowledges) WHERE state = 'pending' AND acknowledges IS NOT NULL;
  CREATE INDEX outbox_of_conversation ON outbox (conversation) WHERE run IS NULL;
  CREATE INDEX outbox_of_run ON outbox (run) WHERE run IS NOT NULL;
  CREATE INDEX outbox_ask ON outbox (conversation, message) WHERE kind = 'ask';
  `,
  `
  -- What comes in several messages, or with files: is_ready 0 keeps its place and is not claimed. part_of is an inbox.id; a reference of a
  -- table to itself would make every insert look through all of it.
  ALTER TABLE inbox ADD COLUMN gathers TEXT;
  ALTER TABLE inbox ADD COLUMN part_of INTEGER;
  ALTER TABLE inbox ADD COLUMN is_ready INTEGER NOT NULL DEFAULT 1 CHECK (is_ready IN (0, 1));
  CREATE INDEX inbox_gathering ON inbox (conversation, gathers)
    WHERE gathers IS NOT NULL AND (state = 'queued' OR state = 'held');
  CREATE INDEX inbox_parts ON inbox (part_of) WHERE part_of IS NOT NULL AND is_ready = 0;
  CREATE INDEX inbox_unready ON inbox (id) WHERE is_ready = 0 AND (state = 'queued' OR state = 'held');

  ALTER TABLE lane ADD COLUMN settings TEXT NOT NULL DEFAULT '{}';

  -- When not_before_ms was decided: a clock that stands before that moment was set back, and says nothing about the wait.
  ALTER TABLE outbox ADD COLUMN paused_at_ms INTEGER NOT NULL DEFAULT 0;
  `,
  `
  -- Who was let in besides the owners that the configuration names; admitted_by is the key of what let them in.
  CREATE TABLE person (
    user TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('viewer', 'operator', 'owner')),
    admitted_by TEXT NOT NULL,
    admitted_at_ms INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;

  -- Who asks to be. One that is over says until its hour is past that its person was answered already.
  CREATE TABLE pairing (
    user TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    code TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('pending', 'over')),
    asked_at_ms INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;

  CREATE INDEX lane_listening ON lane (conversation) WHERE json_extract(settings, '$.listen') = 'all';
  `,
  `
  -- An active schedule has a next time, any other has none. A deleted one is kept for its records.
  CREATE TABLE schedule (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    home TEXT NOT NULL REFERENCES lane (conversation),
    lane TEXT NOT NULL REFERENCES lane (conversation),
    name TEXT NOT NULL,
    user TEXT NOT NULL,
    plan TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('active', 'paused', 'over', 'deleted')),
    next_at_ms INTEGER,
    failures INTEGER NOT NULL CHECK (failures >= 0),
    created_at_ms INTEGER NOT NULL,
    CHECK ((state = 'active') = (next_at_ms IS NOT NULL))
  ) STRICT;
  CREATE UNIQUE INDEX schedule_name ON schedule (home, name) WHERE state <> 'deleted';
  CREATE INDEX schedule_of_lane ON schedule (lane) WHERE state <> 'deleted';
  CREATE INDEX schedule_due ON schedule (next_at_ms) WHERE next_at_ms IS NOT NULL;

  -- Each due time is in one row: one that fired has its item, whose state says what became of it; a skipped one says why, and may stand for
  -- several in a row, of which due_at_ms is the first. item is an inbox.id without a reference, which would make every message look for it here.
  CREATE TABLE occurrence (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    schedule INTEGER NOT NULL REFERENCES schedule (id),
    "trigger" TEXT NOT NULL CHECK ("trigger" IN ('timer', 'person')),
    due_at_ms INTEGER NOT NULL,
    fired_at_ms INTEGER NOT NULL,
    item INTEGER,
    skipped TEXT,
    CHECK ((item IS NULL) = (skipped IS NOT NULL))
  ) STRICT;
  CREATE INDEX occurrence_of_schedule ON occurrence (schedule, id);
  CREATE UNIQUE INDEX occurrence_once ON occurrence (schedule, due_at_ms) WHERE "trigger" = 'timer';

  -- Background runs make room for what a person waits for. origin: the name of the schedule that asked for it.
  ALTER TABLE run ADD COLUMN is_background INTEGER NOT NULL DEFAULT 0 CHECK (is_background IN (0, 1));
  ALTER TABLE run ADD COLUMN origin TEXT;
  CREATE INDEX run_background ON run (id) WHERE is_background = 1 AND ${isLive};
  -- A day's runs, for a digest: the newest ones end newest, so that its pages are neighbours.
  CREATE INDEX run_ended ON run (ended_at_ms) WHERE ended_at_ms IS NOT NULL;
  `,
];

/** Brings the database to this version's schema. Throws a StoreFault when it is a newer one, or no database of ours. */
export function migrate(database: DatabaseSync, path: string): void {
  try {
    const version = pragma(database, "user_version");
    if (version > migrations.length) throw newerVersion(path, version);
    if (isForeign(database, version)) throw foreign(path);
    for (const [index, change] of migrations.entries()) {
      if (index >= version) apply(database, change, index + 1);
    }
  } catch (error) {
    throw classify(error, path);
  }
}

function apply(database: DatabaseSync, change: string, version: number): void {
  database.exec("BEGIN IMMEDIATE");
  try {
    database.exec(`${change}; PRAGMA application_id = ${applicationId}; PRAGMA user_version = ${version}`);
    database.exec("COMMIT");
  } catch (error) {
    if (database.isTransaction) database.exec("ROLLBACK");
    throw error;
  }
}

function isForeign(database: DatabaseSync, version: number): boolean {
  const id = pragma(database, "application_id");
  if (id === applicationId) return false;
  const tables = database.prepare("SELECT count(*) AS count FROM sqlite_schema").get();
  return id !== 0 || version !== 0 || Number(tables?.["count"]) !== 0;
}

function pragma(database: DatabaseSync, name: "user_version" | "application_id"): number {
  return Number(database.prepare(`PRAGMA ${name}`).get()?.[name]);
}

function newerVersion(path: string, version: number): StoreFault {
  return new StoreFault(
    "newer-version",
    `The database ${path} was written by a newer version of Signalbox (schema ${version}, this one knows ${migrations.length}). Start that version, or a later one. Nothing was changed.`,
  );
}

function foreign(path: string): StoreFault {
  return new StoreFault(
    "unreadable",
    `The file ${path} is a database of another program. Move it away, or choose another directory. Nothing was changed.`,
  );
}
