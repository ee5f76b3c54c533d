/**
 * The only writer of the database. Decisions that wait together share one durable commit, and nothing else: each runs in its
 * own savepoint, after the one before it, and is undone alone.
 *
 * 1. A decision's promise settles after the commit that holds it, never before.
 * 2. A decision awaits nothing but its transaction's verbs, and these are synchronous inside: it has settled when the
 *    microtasks are drained. One that has not is undone and rejected; the writer waits for nobody.
 * 3. A commit that fails rejects every decision in it; the next one begins afresh.
 */
import { clearImmediate, setImmediate } from "node:timers";
import type { DatabaseSync } from "node:sqlite";
import type { Sql } from "./sql.ts";
import { StoreFault } from "../engine/ports.ts";
import { classify } from "./store-fault.ts";

export interface Writer {
  /** Rejects with what `decide` threw, or with a StoreFault. `sql` is of no use after `decide` has settled. */
  transact<T>(decide: (sql: Sql) => Promise<T>): Promise<T>;
  /** Resolves when everything that was asked for is settled; later calls are refused. Never rejects. */
  close(): Promise<void>;
}

/**
 * Starts a flush later; by default when this turn of the event loop is over, so that what arrives together commits together.
 * The flush never rejects, and nothing of it outlives its promise.
 */
export type Defer = (flush: () => Promise<void>) => void;

/** One commit holds at most this many decisions: about 10 ms of work, so that a flood cannot delay a stop for longer. */
const groupMax = 200;

type Job = {
  readonly run: (sql: Sql) => Promise<unknown>;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
};

type Settled =
  | { readonly kind: "kept"; readonly value: unknown }
  | { readonly kind: "undone"; readonly error: unknown };

/** `guard` runs first in every transaction, and throws when this process may not write any more. */
export function createWriter(options: {
  readonly database: DatabaseSync;
  readonly sql: Sql;
  readonly path: string;
  readonly defer: Defer | undefined;
  readonly guard: (sql: Sql) => void;
}): Writer {
  const { database, sql, path, guard } = options;
  const defer: Defer = options.defer ?? ((flush) => void setImmediate(() => void flush())); // a flush never rejects
  const waiting: Job[] = [];
  let phase: "idle" | "flushing" = "idle";
  let closing: { readonly done: () => void; readonly closed: Promise<void> } | null = null;

  function schedule(): void {
    phase = "flushing";
    defer(flush);
  }

  async function flush(): Promise<void> {
    const group = waiting.splice(0, groupMax);
    const results = await commitGroup(group);
    for (const [index, job] of group.entries()) settle(job, results[index] ?? lost());
    if (waiting.length > 0) return schedule();
    phase = "idle";
    closing?.done();
  }

  async function commitGroup(group: readonly Job[]): Promise<readonly Settled[]> {
    try {
      sql.run("BEGIN IMMEDIATE");
      guard(sql);
      const results: Settled[] = [];
      for (const job of group) results.push(await runJob(job));
      sql.run("COMMIT");
      return results;
    } catch (error) {
      rollback();
      const fault = classify(error, path);
      return group.map(() => ({ kind: "undone", error: fault }));
    }
  }

  async function runJob(job: Job): Promise<Settled> {
    sql.run("SAVEPOINT decision");
    const result = await decided(job);
    if (!database.isTransaction) throw failureOf(result, path);
    if (result.kind === "undone") sql.run("ROLLBACK TO decision");
    sql.run("RELEASE decision");
    return result;
  }

  async function decided(job: Job): Promise<Settled> {
    const gate = openGate(sql);
    try {
      return { kind: "kept", value: await withinMicrotasks(job.run(gate.sql)) };
    } catch (error) {
      return { kind: "undone", error };
    } finally {
      gate.close();
    }
  }

  /** SQLite ends the transaction by itself on some failures (a full disk): there may be nothing to roll back. */
  function rollback(): void {
    try {
      if (database.isTransaction) database.exec("ROLLBACK");
    } catch {
      // A rollback that fails leaves a transaction that the next BEGIN reports; its cause is already on its way to the callers.
    }
  }

  return {
    transact: <T>(decide: (sql: Sql) => Promise<T>) => {
      if (closing !== null) return Promise.reject(new StoreFault("misused", `The store ${path} is closed.`));
      return new Promise<T>((resolve, reject) => {
        waiting.push({ run: async (sql) => decide(sql), resolve: (value) => resolve(value as T), reject });
        if (phase === "idle") schedule();
      });
    },
    close: () => {
      if (closing !== null) return closing.closed;
      const { promise: closed, resolve: done } = Promise.withResolvers<void>();
      closing = { done, closed };
      if (phase === "idle") done();
      return closed;
    },
  };
}

function settle(job: Job, result: Settled): void {
  if (result.kind === "kept") job.resolve(result.value);
  else job.reject(result.error);
}

/** What to tell everybody when a decision's failure ended the whole transaction. */
function failureOf(result: Settled, path: string): StoreFault {
  return result.kind === "undone"
    ? classify(result.error, path)
    : new StoreFault("internal", `The database ${path} ended a transaction by itself.`);
}

const lost = (): Settled => ({ kind: "undone", error: new StoreFault("internal", "A decision has no result.") });

/** The statements of one decision: they refuse once it is over, or they would write into a stranger's transaction. */
function openGate(sql: Sql): { readonly sql: Sql; close(): void } {
  let isOpen = true;
  function open(): Sql {
    if (isOpen) return sql;
    throw new StoreFault("misused", "This transaction is over: something was not awaited inside it.");
  }
  return {
    sql: {
      run: (text, ...values) => open().run(text, ...values),
      get: (text, ...values) => open().get(text, ...values),
      all: (text, ...values) => open().all(text, ...values),
    },
    close: () => {
      isOpen = false;
    },
  };
}

/** An immediate runs only when all microtasks are drained: a decision that is still pending then waits for something else. */
async function withinMicrotasks<T>(decision: Promise<T>): Promise<T> {
  const { promise: drained, reject } = Promise.withResolvers<never>();
  const immediate = setImmediate(() =>
    reject(
      new StoreFault("misused", "A decision awaited something other than its transaction; nothing of it was kept."),
    ),
  );
  try {
    return await Promise.race([decision, drained]);
  } finally {
    clearImmediate(immediate);
  }
}
