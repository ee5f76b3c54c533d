/**
 * The store on SQLite, through Node's own binding: one file in WAL mode, one writing connection, one reading connection.
 * "Stored" means that the disk has it: synchronous=FULL, with decisions sharing commits (writer.ts).
 */
import { closeSync, openSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { type History, type NewId, type OutboxQueue, type Store, StoreFault, type Tx } from "../engine/ports.ts";
import { adoptedVerbs } from "./adopted.ts";
import { askVerbs, readOpenAsks } from "./asks.ts";
import { buttonVerbs } from "./buttons.ts";
import { claimVerbs } from "./claims.ts";
import { createFigures } from "./figures.ts";
import { inboxVerbs, readCounts, readItems, readNewestItems } from "./inbox.ts";
import { laneVerbs, readLanes, readSettings } from "./lanes.ts";
import { migrate } from "./migrations.ts";
import {
  beginRow,
  endRow,
  markSent,
  outgoingVerbs,
  readBehind,
  readDue,
  readNewestMessages,
  readSentAs,
  recoverRows,
  retryRow,
} from "./outbox.ts";
import { peopleVerbs, readAccess } from "./people.ts";
import { readLiveRuns, runVerbs } from "./runs.ts";
import { readOccurrences, readSchedules, scheduleVerbs } from "./schedules.ts";
import { createSql, one, type Sql } from "./sql.ts";
import { stopWaitVerbs } from "./stop-waits.ts";
import { classify } from "./store-fault.ts";
import { usageVerbs } from "./usage.ts";
import { createWriter, type Defer, type Writer } from "./writer.ts";

/**
 * `path` is a file, or ":memory:". A `database` that is handed in stays open when the store is disposed, so that another
 * store can be opened on it: the reboot of a simulation.
 */
export type SqliteStoreOptions = ({ readonly path: string } | { readonly database: DatabaseSync }) & {
  readonly now: () => number;
  readonly newId: NewId;
  readonly defer?: Defer;
};

/**
 * How long to wait for another program's write, in milliseconds. The event loop stands still meanwhile, and there should be no
 * other writer: just enough for a checkpoint of a tool that looks inside.
 */
const busyTimeoutMs = 250;

/** Rejects with a StoreFault whose message says what to do. */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<Store> {
  const path = "path" in options ? options.path : ":memory:";
  const connection = "path" in options ? connect(path) : borrow(options.database);
  try {
    return createStore(connection, path, options);
  } catch (error) {
    connection.close();
    throw classify(error, path);
  }
}

/**
 * Every decision is a savepoint, whose undo pages SQLite would put into a temporary file; and a commit shared by a hundred decisions
 * touches more pages than the 2 MB that SQLite keeps. Measured together: a quarter of a message's processor time.
 */
const memoryPragmas = "PRAGMA temp_store = MEMORY; PRAGMA cache_size = -8192";

type Connection = { readonly database: DatabaseSync; readonly reader: DatabaseSync | null; close(): void };

function createStore(connection: Connection, path: string, { now, newId, defer }: SqliteStoreOptions): Store {
  const { database, reader } = connection;
  const sql = createSql(database, path);
  const { instance, incarnation } = enter(sql, newId());
  const writer = createWriter({ database, sql, path, defer, guard: (sql) => demandNewest(sql, incarnation, path) });
  const readSql = reader === null ? null : createSql(reader, path);
  return {
    instance,
    incarnation,
    transact: (decide) => writer.transact((sql) => decide(createTx(sql, incarnation, now))),
    outbox: createOutbox(writer, now),
    history: createHistory(sql, async (read) =>
      readSql === null ? writer.transact(async (sql) => read(sql)) : read(readSql),
    ),
    [Symbol.asyncDispose]: async () => {
      await writer.close();
      connection.close();
    },
  };
}

function connect(path: string): Connection {
  try {
    const database = openWriting(path);
    try {
      migrate(database, path);
      const reader = path === ":memory:" ? null : openReading(path);
      return { database, reader, close: () => [reader, database].forEach(close) };
    } catch (error) {
      database.close();
      throw error;
    }
  } catch (error) {
    throw classify(error, path);
  }
}

function close(database: DatabaseSync | null): void {
  if (database?.isOpen === true) database.close();
}

function openWriting(path: string): DatabaseSync {
  // Conversations are private: the file is created for its owner alone, and SQLite gives its companions the same mode.
  if (path !== ":memory:") closeSync(openSync(path, "a", 0o600));
  const database = new DatabaseSync(path, { timeout: busyTimeoutMs, enableForeignKeyConstraints: true });
  database.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; ${memoryPragmas}`);
  return database;
}

function openReading(path: string): DatabaseSync {
  return new DatabaseSync(path, { readOnly: true, timeout: busyTimeoutMs });
}

/** A crash loses what was not committed: a transaction that an earlier store left open on the handle is undone. */
function borrow(database: DatabaseSync): Connection {
  if (database.isTransaction) database.exec("ROLLBACK");
  database.exec("PRAGMA foreign_keys = ON");
  migrate(database, ":memory:");
  return { database, reader: null, close: () => {} };
}

function enter(sql: Sql, newId: string): { readonly instance: string; readonly incarnation: number } {
  return one(
    sql.get<{ instance: string; incarnation: number }>(
      `INSERT INTO instance (one, id, incarnation, received, ticket) VALUES (1, ?, 1, 0, 0)
       ON CONFLICT (one) DO UPDATE SET incarnation = incarnation + 1 RETURNING id AS instance, incarnation`,
      newId,
    ),
    "instance",
  );
}

/** I3 for the process: whoever opened the database last is its only writer, even where a file lock did not hold. */
function demandNewest(sql: Sql, incarnation: number, path: string): void {
  const newest = one(sql.get<{ incarnation: number }>("SELECT incarnation FROM instance"), "instance").incarnation;
  if (newest === incarnation) return;
  throw new StoreFault("deposed", `Another Signalbox has opened the database ${path}; this one writes nothing more.`);
}

function createTx(sql: Sql, incarnation: number, now: () => number): Tx {
  return {
    ...inboxVerbs(sql),
    ...laneVerbs(sql, now),
    ...claimVerbs(sql, incarnation),
    ...runVerbs(sql, incarnation),
    ...stopWaitVerbs(sql),
    ...adoptedVerbs(sql),
    ...askVerbs(sql),
    ...buttonVerbs(sql),
    ...outgoingVerbs(sql),
    ...usageVerbs(sql),
    ...peopleVerbs(sql),
    ...scheduleVerbs(sql),
  };
}

function createOutbox(writer: Writer, now: () => number): OutboxQueue {
  return {
    due: (channel, limit) => writer.transact(async (sql) => readDue(sql, channel, limit, now())),
    behind: (row, limit) => writer.transact(async (sql) => readBehind(sql, row, limit)),
    begin: (id) => writer.transact(async (sql) => beginRow(sql, id, now())),
    sent: (id, message) => writer.transact(async (sql) => markSent(sql, id, message)),
    again: (id, notBeforeMs, outcome) => writer.transact(async (sql) => retryRow(sql, id, notBeforeMs, outcome, now())),
    end: (id, state) => writer.transact(async (sql) => endRow(sql, id, state)),
    sentAs: (dedupe) => writer.transact(async (sql) => readSentAs(sql, dedupe)),
    recover: (channel) => writer.transact(async (sql) => recoverRows(sql, channel)),
  };
}

function createHistory(opened: Sql, read: <T>(query: (sql: Sql) => T) => Promise<T>): History {
  return {
    lanes: () => read(readLanes),
    liveRuns: () => read(readLiveRuns),
    items: (conversation, limit) => read((sql) => readNewestItems(sql, conversation, limit)),
    waiting: (conversation, state) => read((sql) => readItems(sql, conversation, state)),
    messages: (conversation, limit) => read((sql) => readNewestMessages(sql, conversation, limit)),
    openAsks: (run) => read((sql) => readOpenAsks(sql, run)),
    schedules: () => read((sql) => readSchedules(sql, null)),
    occurrences: (schedule, limit) => read((sql) => readOccurrences(sql, schedule, limit)),
    counts: () => read(readCounts),
    settings: (conversation) => read((sql) => readSettings(sql, conversation)),
    access: () => read(readAccess),
    figures: createFigures(opened, read),
  };
}
