/**
 * Hand-written SQL on one connection: statements are prepared once, errors are classified once. The texts are constants of
 * this folder, so the cache is as large as the program and no larger.
 *
 * A bound value is written `LIMIT +?`: the planner looks at the value of a plain `LIMIT ?`, and compiles the statement anew at each
 * execution (10 times the cost of a short one, measured with SQLite 3.53).
 */
// oxlint-disable typescript/no-unnecessary-type-parameters -- a row's type is known where its statement is written, only there
import type { DatabaseSync, SQLInputValue, StatementSync } from "node:sqlite";
import { classify } from "./store-fault.ts";

/** Synchronous; everything throws a StoreFault. A row's type is what its statement selects: the caller knows it. */
export interface Sql {
  /** Returns the number of rows changed. */
  run(text: string, ...values: readonly SQLInputValue[]): number;
  get<Row>(text: string, ...values: readonly SQLInputValue[]): Row | undefined;
  all<Row>(text: string, ...values: readonly SQLInputValue[]): readonly Row[];
}

/** `path` is what error texts call the database. */
export function createSql(database: DatabaseSync, path: string): Sql {
  const statements = new Map<string, StatementSync>();
  function prepared(text: string): StatementSync {
    const known = statements.get(text);
    if (known !== undefined) return known;
    const statement = database.prepare(text);
    statements.set(text, statement);
    return statement;
  }
  function classified<T>(action: () => T): T {
    try {
      return action();
    } catch (error) {
      throw classify(error, path);
    }
  }
  return {
    run: (text, ...values) => classified(() => Number(prepared(text).run(...values).changes)),
    get: <Row>(text: string, ...values: readonly SQLInputValue[]) =>
      classified(() => prepared(text).get(...values) as Row | undefined),
    all: <Row>(text: string, ...values: readonly SQLInputValue[]) =>
      classified(() => prepared(text).all(...values) as unknown as readonly Row[]),
  };
}

/** One row that must be there. */
export function one<Row>(row: Row | undefined, what: string): Row {
  if (row === undefined) throw new Error(`the store has no ${what}`);
  return row;
}
