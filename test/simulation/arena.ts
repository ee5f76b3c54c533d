/**
 * What seeds share, because making it anew costs more than a seed: the database handle with its schema, its journal and its
 * prepared statements. Between two seeds every row goes, so that a seed finds what it would find alone.
 */
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { createJournal, type Journal } from "./journal.ts";
import type { Subject } from "./subject.ts";

export interface Arena {
  readonly database: DatabaseSync;
  readonly journal: Journal;
  readonly subject: Subject;
  /** Undoes what is open and empties every table. */
  clear(): void;
}

export async function createArena(subject: Subject): Promise<Arena> {
  const database = new RememberingDatabase(":memory:");
  // Opening a store makes the schema; this one is never used.
  await subject.openSqliteStore({ database, now: () => 0, newId: () => "first", defer: () => {} });
  const journal = createJournal(database);
  const tables = database
    .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite!_%' ESCAPE '!'")
    .all()
    .map((row) => String(row["name"]));
  const emptying = [...tables, "sqlite_sequence"].map((table) => `DELETE FROM main.${table}`).join("; ");
  return {
    database,
    journal,
    subject,
    clear: () => {
      if (database.isTransaction) database.exec("ROLLBACK");
      database.exec(`PRAGMA foreign_keys = OFF; ${emptying}; PRAGMA foreign_keys = ON`);
      journal.read();
    },
  };
}

/** Each life of the program prepares the same statements: preparing is most of a short life. */
class RememberingDatabase extends DatabaseSync {
  readonly #statements = new Map<string, StatementSync>();

  override prepare(text: string): StatementSync {
    const known = this.#statements.get(text);
    if (known !== undefined) return known;
    const statement = super.prepare(text);
    this.#statements.set(text, statement);
    return statement;
  }
}
