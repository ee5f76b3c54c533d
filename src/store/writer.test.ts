import { DatabaseSync } from "node:sqlite";
import { beforeEach, describe, expect, it } from "vitest";
import { createSql, type Sql } from "./sql.ts";
import { StoreFault } from "../engine/ports.ts";
import { createWriter, type Writer } from "./writer.ts";

let database: DatabaseSync;
let sql: Sql;
let commits: number;
let flushes: (() => Promise<void>)[];
let writer: Writer;
let guard: () => void;

beforeEach(() => {
  database = new DatabaseSync(":memory:");
  database.exec("CREATE TABLE word (text TEXT PRIMARY KEY) STRICT");
  commits = 0;
  const real = createSql(database, "words.db");
  sql = {
    ...real,
    run: (text, ...values) => {
      if (text === "COMMIT") commits += 1;
      return real.run(text, ...values);
    },
  };
  flushes = [];
  guard = () => {};
  writer = createWriter({
    database,
    sql,
    path: "words.db",
    defer: (flush) => flushes.push(flush),
    guard: () => guard(),
  });
});

const add =
  (...texts: readonly string[]) =>
  async (sql: Sql) => {
    for (const text of texts) sql.run("INSERT INTO word (text) VALUES (?)", text);
    return texts.length;
  };
const words = () => sql.all<{ text: string }>("SELECT text FROM word ORDER BY rowid").map(({ text }) => text);

async function flushAll(): Promise<void> {
  for (let flush = flushes.shift(); flush !== undefined; flush = flushes.shift()) await flush();
}

describe("the writer", () => {
  it("commits once what waits together, and settles nobody before", async () => {
    const settled: number[] = [];
    const all = Promise.all([1, 2, 3].map((n) => writer.transact(add(`w${n}`)).then(() => settled.push(n))));
    expect(flushes).toHaveLength(1);
    const committedAtSettling = all.then(() => commits);
    await flushAll();
    expect(await committedAtSettling).toBe(1);
    expect([commits, settled, words()]).toEqual([1, [1, 2, 3], ["w1", "w2", "w3"]]);
  });

  it("rejects everybody when the commit fails, keeps nothing, and works again afterwards", async () => {
    const real = sql.run;
    sql.run = (text, ...values) => {
      if (text === "COMMIT") throw new StoreFault("disk-full", "full");
      return real(text, ...values);
    };
    const results = Promise.allSettled([writer.transact(add("a")), writer.transact(add("b"))]);
    await flushAll();
    expect(await results).toMatchObject([{ reason: { kind: "disk-full" } }, { reason: { kind: "disk-full" } }]);
    expect([words(), database.isTransaction]).toEqual([[], false]);
    sql.run = real;
    const later = writer.transact(add("c"));
    await flushAll();
    expect(await later).toBe(1);
    expect(words()).toEqual(["c"]);
  });

  it("rejects everybody when a failure ended the whole transaction", async () => {
    const kept = writer.transact(add("a"));
    const fatal = writer.transact(async (sql) => {
      await add("b")(sql);
      database.exec("ROLLBACK"); // as SQLite does by itself when the disk is full
      throw new StoreFault("disk-full", "full");
    });
    const results = Promise.allSettled([kept, fatal, writer.transact(add("c"))]);
    await flushAll();
    expect(await results).toMatchObject([1, 2, 3].map(() => ({ reason: { kind: "disk-full" } })));
    expect(words()).toEqual([]);
  });

  it("does not wait for a decision that awaits something else, and undoes it alone (trap 5)", async () => {
    let letGo = (): void => {};
    const elsewhere = new Promise<void>((resolve) => (letGo = resolve));
    let late: unknown;
    const hung = writer.transact(async (sql) => {
      await add("hung")(sql);
      await elsewhere;
      late = await add("late")(sql).catch((error: unknown) => error);
    });
    const other = writer.transact(add("other"));
    const results = Promise.allSettled([hung, other]);
    await flushAll();
    expect(await results).toMatchObject([{ reason: { kind: "misused" } }, { value: 1 }]);
    letGo();
    await expect.poll(() => late).toMatchObject({ kind: "misused" });
    expect(words()).toEqual(["other"]);
  });

  it("lets a decision take as many turns of its own as it wants", async () => {
    const long = writer.transact(async (sql) => {
      for (let n = 0; n < 10_000; n += 1) await Promise.resolve();
      return add("long")(sql);
    });
    await flushAll();
    expect(await long).toBe(1);
  });

  it("hands over to the next flush what arrives during one", async () => {
    let second: Promise<number> | undefined;
    const first = writer.transact(async (sql) => {
      second = writer.transact(add("second"));
      return add("first")(sql);
    });
    await flushes.shift()?.();
    expect([await first, commits, words(), flushes.length]).toEqual([1, 1, ["first"], 1]);
    await flushAll();
    expect([await second, commits]).toEqual([1, 2]);
  });

  it("bounds a commit, so that a flood cannot delay the others for long", async () => {
    const all = Promise.all(Array.from({ length: 450 }, (_, n) => writer.transact(add(`w${n}`))));
    await flushAll();
    await all;
    expect(commits).toBe(3);
    expect(words()).toHaveLength(450);
  });

  it("writes nothing when its guard says that it may not", async () => {
    guard = () => {
      throw new StoreFault("deposed", "another one");
    };
    const write = writer.transact(add("a"));
    const told = expect(write).rejects.toMatchObject({ kind: "deposed" });
    await flushAll();
    await told;
    expect([words(), database.isTransaction]).toEqual([[], false]);
  });

  it("closes after what was asked for, and refuses the rest", async () => {
    const last = writer.transact(add("last"));
    const closed = writer.close();
    await expect(writer.transact(add("later"))).rejects.toMatchObject({ kind: "misused" });
    await flushAll();
    await closed;
    expect(await last).toBe(1);
    await writer.close();
  });

  it("hands on what a decision threw, synchronously or not, unchanged", async () => {
    const error = new RangeError("mine");
    const results = Promise.allSettled([
      writer.transact(() => {
        throw error;
      }),
      writer.transact(async () => Promise.reject(error)),
    ]);
    await flushAll();
    for (const result of await results) expect(result).toHaveProperty("reason", error);
  });
});
