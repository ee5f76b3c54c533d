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
  const emptying = clearingOf(database);
  return {
    database,
    journal,
    subject,
    clear: () => {
      if (database.isTransaction) database.exec("ROLLBACK");
      database.exec(emptying);
      journal.read();
    },
  };
}

/**
 * Each life of the program prepares the same statements: preparing is most of a short life. Switching foreign keys on where they are
 * on already would make SQLite compile every statement again at its next use, so it is left out.
 */
class RememberingDatabase extends DatabaseSync {
  readonly #statements = new Map<string, StatementSync>();

  override prepare(text: string): StatementSync {
    const known = this.#statements.get(text);
    if (known !== undefined) return known;
    const statement = super.prepare(text);
    this.#statements.set(text, statement);
    return statement;
  }

  override exec(text: string): void {
    if (text === "PRAGMA foreign_keys = ON" && this.#hasForeignKeys()) return;
    super.exec(text);
  }

  #hasForeignKeys(): boolean {
    return this.prepare("PRAGMA foreign_keys").get()?.["foreign_keys"] === 1;
  }
}

type Reference = { readonly column: string; readonly to: string; readonly isNullable: boolean };

/**
 * Empties every table with foreign keys in force: who is referred to goes after who refers to it, and where two refer to each other a
 * nullable reference is let go first.
 */
function clearingOf(database: DatabaseSync): string {
  const left = new Map<string, readonly Reference[]>();
  for (const table of namesOf(
    database,
    "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT GLOB 'sqlite_*'",
  )) {
    left.set(table, referencesOf(database, table));
  }
  const statements: string[] = [];
  while (left.size > 0) {
    const isReferredTo = (table: string): boolean =>
      [...left].some(([other, references]) => other !== table && references.some(({ to }) => to === table));
    const free = [...left.keys()].find((table) => !isReferredTo(table));
    if (free !== undefined) {
      statements.push(`DELETE FROM main.${free}`);
      left.delete(free);
      continue;
    }
    const [table, loose] = [...left]
      .map(([table, references]) => [table, references.find(({ isNullable }) => isNullable)] as const)
      .find(([, loose]) => loose !== undefined)!;
    statements.push(`UPDATE main.${table} SET ${loose!.column} = NULL WHERE ${loose!.column} IS NOT NULL`);
    left.set(
      table,
      left.get(table)!.filter((reference) => reference !== loose),
    );
  }
  return ["BEGIN", ...statements, "DELETE FROM main.sqlite_sequence", "COMMIT"].join("; ");
}

function referencesOf(database: DatabaseSync, table: string): readonly Reference[] {
  const nullable = namesOf(database, `SELECT name FROM pragma_table_info('${table}') WHERE "notnull" = 0`);
  return database
    .prepare(`SELECT "from", "table" FROM pragma_foreign_key_list('${table}')`)
    .all()
    .map((row) => ({
      column: String(row["from"]),
      to: String(row["table"]),
      isNullable: nullable.includes(String(row["from"])),
    }))
    .filter(({ to }) => to !== table);
}

function namesOf(database: DatabaseSync, query: string): readonly string[] {
  return database
    .prepare(query)
    .all()
    .map((row) => String(row["name"]));
}
