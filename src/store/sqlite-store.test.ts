import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ConversationId } from "../domain/conversation.ts";
import type { InboxItem, ItemKey } from "../domain/inbox-item.ts";
import type { RunId } from "../domain/run.ts";
import type { Store } from "../engine/ports.ts";
import { newId } from "../lib/ids.ts";
import { openSqliteStore } from "./sqlite-store.ts";

let directory: string;
let path: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "sqlite store "));
  path = join(directory, "signalbox.db");
});

afterEach(() => rmSync(directory, { recursive: true, force: true }));

const conversation = "telegram:1" as ConversationId;
const open = (file = path) => openSqliteStore({ path: file, now: () => 0, newId });

function prompt(key: string, text = key): InboxItem {
  return {
    key: key as ItemKey,
    conversation,
    user: "7",
    message: null,
    priority: "interactive",
    request: { kind: "prompt", placement: "queue", prompt: { text } },
    sentAtMs: 0,
  };
}

const openLane = (store: Store) => store.transact((tx) => tx.openLane(conversation, "/w", true, newId()));
const add = (store: Store, item: InboxItem) => store.transact((tx) => tx.addItem(item, "queued", 0));

async function makeDatabase(): Promise<void> {
  await using store = await open();
  await openLane(store);
  for (let index = 0; index < 50; index += 1) await add(store, prompt(`k${index}`, "x".repeat(1_000)));
}

/** Changes the closed database file with SQL that no version of ours would run. */
function tamper(sql: string): void {
  const database = new DatabaseSync(path);
  database.exec(sql);
  database.close();
}

describe("a database that cannot be used", () => {
  it("of a newer version is refused, in words that say so, and is left as it is", async () => {
    await makeDatabase();
    tamper("PRAGMA user_version = 999");
    const before = readFileSync(path);
    await expect(open()).rejects.toMatchObject({
      kind: "newer-version",
      message: expect.stringMatching(/newer version.*Start that version/),
    });
    expect(readFileSync(path).equals(before)).toBe(true);
  });

  it("of another program is refused and left as it is", async () => {
    tamper("CREATE TABLE photo (id INTEGER)");
    await expect(open()).rejects.toMatchObject({
      kind: "unreadable",
      message: expect.stringMatching(/another program/),
    });
    tamper("INSERT INTO photo VALUES (1)");
  });

  it("that is no database is told as unreadable", async () => {
    writeFileSync(path, "this is a letter, not a database\n".repeat(100));
    await expect(open()).rejects.toMatchObject({
      kind: "unreadable",
      message: expect.stringMatching(/cannot be read.*Restore it/),
    });
  });

  it("that is damaged is told as unreadable when the damage is met, and nothing hangs", async () => {
    await makeDatabase();
    const bytes = readFileSync(path);
    bytes.fill(0xff, 4096);
    writeFileSync(path, bytes);
    const use = async (): Promise<void> => {
      await using store = await open();
      await add(store, prompt("new"));
    };
    await expect(use()).rejects.toMatchObject({ kind: "unreadable", message: expect.stringMatching(/cannot be read/) });
  });

  it("in a directory that does not exist, or under a name that is a directory, is told as unwritable", async () => {
    await expect(open(join(directory, "missing", "s.db"))).rejects.toMatchObject({
      kind: "unwritable",
      message: expect.stringMatching(/Check that its directory exists/),
    });
    mkdirSync(path);
    await expect(open()).rejects.toMatchObject({ kind: "unwritable" });
  });

  it.each([
    ["a new database in it", async () => chmodSync(directory, 0o555)],
    [
      "an existing database in it",
      async () => {
        await makeDatabase();
        chmodSync(path, 0o444);
        chmodSync(directory, 0o555);
      },
    ],
  ])("in a directory that may not be written is told as unwritable: %s", async (_name, prepare) => {
    await prepare();
    expect(openAsNobody()).toBe("unwritable");
  });

  it("that another program keeps locked is told as locked, and is usable when that ends", async () => {
    await using store = await open();
    await openLane(store);
    const other = new DatabaseSync(path);
    other.exec("BEGIN IMMEDIATE");
    await expect(add(store, prompt("a"))).rejects.toMatchObject({
      kind: "locked",
      message: expect.stringMatching(/Another program/),
    });
    other.exec("ROLLBACK");
    other.close();
    expect(await add(store, prompt("a"))).toBe(1);
  });
});

describe("a full disk", () => {
  it("rejects with words that say so, loses nothing that was accepted, and works again with space", async () => {
    const database = new DatabaseSync(path);
    database.exec("PRAGMA journal_mode = WAL");
    await using store = await openSqliteStore({ database, now: () => 0, newId });
    await openLane(store);
    await add(store, prompt("before"));
    const { page_count: pages } = database.prepare("PRAGMA page_count").get() as { page_count: number };
    database.exec(`PRAGMA max_page_count = ${pages + 2}`);
    const results = await Promise.allSettled(["a", "b"].map((key) => add(store, prompt(key, "x".repeat(100_000)))));
    expect(results).toMatchObject([
      { reason: { kind: "disk-full", message: expect.stringMatching(/is full. Free some space/) } },
      { reason: { kind: "disk-full" } },
    ]);
    database.exec("PRAGMA max_page_count = 1000000");
    expect(await add(store, prompt("a", "x".repeat(100_000)))).not.toBeNull();
    expect((await store.history.items(conversation, 9)).map(({ key }) => key)).toEqual(["before", "a"]);
    expect((await store.history.counts()).received).toBe(2);
    await store[Symbol.asyncDispose]();
    database.close();
  });
});

describe("a database in a file", () => {
  it("is for its owner's eyes alone, its companions too", async () => {
    await using store = await open();
    await openLane(store);
    for (const name of ["", "-wal", "-shm"]) expect(statSync(path + name).mode & 0o777).toBe(0o600);
  });

  it("is on the disk when a transaction resolves: WAL with full synchronisation", async () => {
    await using store = await open();
    await openLane(store);
    const wal = statSync(`${path}-wal`).size;
    await add(store, prompt("a"));
    expect(statSync(`${path}-wal`).size).toBeGreaterThan(wal);
    const database = new DatabaseSync(path, { readOnly: true });
    expect(database.prepare("PRAGMA journal_mode").get()).toEqual({ journal_mode: "wal" });
    expect(database.prepare("SELECT key FROM inbox").all()).toEqual([{ key: "a" }]);
    database.close();
  });

  it("is read while a write is under way, as it was before", async () => {
    await using store = await open();
    await openLane(store);
    let seen: Promise<readonly unknown[]> | undefined;
    await store.transact(async (tx) => {
      await tx.addItem(prompt("a"), "queued", 0);
      seen = store.history.items(conversation, 9);
    });
    expect(await seen).toEqual([]);
    expect(await store.history.items(conversation, 9)).toHaveLength(1);
  });

  it("has one writer: the process that opened it last", async () => {
    await using first = await open();
    await openLane(first);
    await using second = await open();
    await expect(add(first, prompt("a"))).rejects.toMatchObject({
      kind: "deposed",
      message: expect.stringMatching(/Another Signalbox/),
    });
    await expect(first.outbox.recover("telegram")).rejects.toMatchObject({ kind: "deposed" });
    expect(await add(second, prompt("a"))).toBe(1);
    expect(second).toMatchObject({ instance: first.instance, incarnation: 2 });
  });
});

describe("a database that is handed in", () => {
  it("stays open when its store is disposed, and a transaction that a crash cut is undone at the reboot", async () => {
    const database = new DatabaseSync(":memory:");
    const first = await openSqliteStore({ database, now: () => 0, newId });
    await openLane(first);
    await first[Symbol.asyncDispose]();
    database.exec("BEGIN");
    database.exec("UPDATE lane SET epoch = 9");
    const second = await openSqliteStore({ database, now: () => 0, newId });
    expect(second).toMatchObject({ instance: first.instance, incarnation: 2 });
    expect((await second.history.lanes())[0]?.epoch).toBe(0);
    await second[Symbol.asyncDispose]();
    expect(database.isOpen).toBe(true);
    database.close();
  });
});

describe("an owner", () => {
  it("is deposed as soon as its lane's epoch has moved on, even while its run's row says otherwise (I3)", async () => {
    const database = new DatabaseSync(":memory:");
    const store = await openSqliteStore({ database, now: () => 0, newId });
    await openLane(store);
    await add(store, prompt("a"));
    const owner = await store.transact(async (tx) => {
      const next = await tx.nextReady(4);
      return tx.insertRun("r1" as RunId, next!.lane, next!.item.id, next!.slot, "scripted", 0);
    });
    const write = () => store.transact((tx) => tx.markStopping(owner, "user", 0));
    expect(await write()).toBe(true);
    database.exec("UPDATE lane SET epoch = epoch + 1");
    expect(await write()).toBe(false);
    await store[Symbol.asyncDispose]();
    database.close();
  });
});

/**
 * Says how the opening went in a process of its own: root may write everywhere, so it becomes nobody once the code is read
 * (nobody may not be allowed to read it).
 */
function openAsNobody(): string {
  const script = `
    const { openSqliteStore } = await import(${JSON.stringify(new URL("sqlite-store.ts", import.meta.url).href)});
    if (process.getuid() === 0) { process.setgid(65534); process.setuid(65534); }
    const options = { path: ${JSON.stringify(path)}, now: () => 0, newId: () => "id" };
    console.log(await openSqliteStore(options).then(() => "opened", (error) => error.kind ?? String(error)));`;
  const run = spawnSync(process.execPath, ["--input-type=module", "--eval", script], { encoding: "utf8" });
  return run.stdout.trim() || run.stderr;
}
