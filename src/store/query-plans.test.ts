/**
 * The cost of a message must not grow with what is stored. Times vary from machine to machine, plans do not: every statement of
 * a message's life finds its rows through an index, or reads only what is live.
 */
import { DatabaseSync } from "node:sqlite";
import { describe, expect, it } from "vitest";
import type { ButtonId } from "../domain/button.ts";
import type { ConversationId } from "../domain/conversation.ts";
import type { InboxItem, ItemKey } from "../domain/inbox-item.ts";
import type { RunId } from "../domain/run.ts";
import { emptyTranscript } from "../domain/transcript.ts";
import type { Store } from "../engine/ports.ts";
import { openSqliteStore } from "./sqlite-store.ts";

const conversation = "telegram:1" as ConversationId;

class ListeningDatabase extends DatabaseSync {
  readonly statements = new Set<string>();
  override prepare(text: string): ReturnType<DatabaseSync["prepare"]> {
    if (/^\s*(SELECT|INSERT|UPDATE|DELETE)/.test(text)) this.statements.add(text);
    return super.prepare(text);
  }
}

function plan(database: DatabaseSync, text: string): readonly string[] {
  return database
    .prepare(`EXPLAIN QUERY PLAN ${text}`)
    .all()
    .map((row) => String(row["detail"]));
}

/** Live runs and rows on their way are few, whatever is stored: their indexes may be read as a whole. */
const isBounded = (step: string): boolean =>
  /^SCAN (run|other|due) USING (COVERING )?INDEX (run_one_per_\w+|outbox_undelivered)/.test(step) ||
  /^SCAN (instance|\(subquery|\d+|CONSTANT)/.test(step);

/** Everything that a conversation ever had: bounded only where the newest few are asked for. */
const isHistory = (step: string, text: string): boolean =>
  /^SEARCH (?!lane )\w+ USING (COVERING )?INDEX \w+ \(conversation=\?\)$/.test(step) &&
  !/run_one_per_lane|adopted_of_conversation/.test(step) &&
  !text.includes("ORDER BY id DESC LIMIT");

describe("the statements of a message's life", () => {
  it("never read a whole table, nor a whole conversation", async () => {
    const database = new ListeningDatabase(":memory:");
    const store = await openSqliteStore({ database, now: () => 0, newId: () => "id" });
    database.statements.clear();
    await live(store);
    const scans = [...database.statements].flatMap((text) =>
      plan(database, text)
        .filter((step) => (step.startsWith("SCAN") && !isBounded(step)) || isHistory(step, text))
        .map((step) => `${step}: ${text.replaceAll(/\s+/g, " ")}`),
    );
    expect(database.statements.size).toBeGreaterThan(30);
    expect(scans).toEqual([]);
    await store[Symbol.asyncDispose]();
    database.close();
  });

  it("write no more than two indexes that have another page for each conversation", async () => {
    const database = new DatabaseSync(":memory:");
    const store = await openSqliteStore({ database, now: () => 0, newId: () => "id" });
    // A partial index holds what waits or is live, or the few rows that belong to no run.
    const scattered = database
      .prepare(
        `SELECT list.name FROM sqlite_schema AS listed, pragma_index_list(listed.name) AS list, pragma_index_info(list.name) AS info
         WHERE listed.name IN ('inbox', 'run', 'outbox', 'button') AND NOT list.partial AND info.seqno = 0 AND info.name = 'conversation'
         ORDER BY list.name`,
      )
      .all()
      .map(({ name }) => name);
    expect(scattered).toEqual(["inbox_of_conversation", "sqlite_autoindex_run_2"]);
    await store[Symbol.asyncDispose]();
    database.close();
  });

  it("are told apart from one that does", () => {
    const database = new DatabaseSync(":memory:");
    database.exec("CREATE TABLE inbox (id INTEGER PRIMARY KEY, state TEXT)");
    expect(plan(database, "SELECT id FROM inbox WHERE state = 'queued'").filter(isBounded)).toEqual([]);
    database.close();
  });
});

/** Everything that a conversation does while it is used; not the lists that a person asks for. */
async function live(store: Store): Promise<void> {
  const item = (key: string): InboxItem => ({
    key: key as ItemKey,
    conversation,
    user: "7",
    message: null,
    priority: "interactive",
    request: { kind: "prompt", placement: "queue", prompt: { text: key } },
    sentAtMs: 0,
  });
  await store.transact(async (tx) => {
    await tx.openLane(conversation, "/w", false, "s1");
    const a = await tx.addItem(item("a"), "queued", 0);
    const b = await tx.addItem(item("b"), "queued", 0);
    await tx.moveItemFirst(b!);
    await tx.rewriteItem(b!, item("b2").request);
    await tx.waitsFor(conversation, 4);
    await tx.items(conversation, "queued");
    await tx.setTitle(conversation, "A title");
    const next = await tx.nextReady(4);
    const owner = await tx.insertRun("r1" as RunId, next!.lane, b!, 1, "scripted", 0);
    await tx.moveItem(b!, "queued", "running", owner.run);
    await tx.moveItem(a!, "queued", "merged", owner.run);
    await tx.itemsOfRun(owner.run, "merged");
    await tx.addOutgoing(
      {
        conversation,
        run: owner.run,
        dedupe: "answer",
        body: { kind: "answer", run: owner.run, text: "" },
        notBeforeMs: 0,
      },
      0,
    );
    await tx.endStatus(owner.run);
    await tx.waitsFor(conversation, 4);
    await tx.confirmRun(owner, "resume");
    await tx.run(owner);
    await tx.liveRuns();
    await tx.markStopping(owner, "user", 0);
    await tx.quarantineRun(owner, { processes: [], note: "" });
    await tx.addStopWait(a!, owner.run);
    await tx.settleRun(owner, { kind: "finished" }, emptyTranscript, 0);
    await tx.endStopWaits(owner.run, "stopped");
    await tx.adopt(conversation, owner.run, [{ pid: 7, startTime: "70", command: "vite" }]);
    await tx.adopted(conversation);
    await tx.dropAdopted([{ pid: 7, startTime: "70", command: "vite" }]);
    await tx.addButton({ id: "b1" as ButtonId, action: { kind: "clear-queue" } }, conversation, 1);
    await tx.useButton("b1" as ButtonId, conversation, 0);
    await tx.useButton("b1" as ButtonId, conversation, 0);
    await tx.newSession(conversation, "s2", null);
    await tx.item(a!);
  });
  const [row] = await store.outbox.due("telegram", 10);
  await store.outbox.behind(row!, 10);
  await store.outbox.begin(row!.id);
  await store.outbox.again(row!.id, 0, "unknown");
  await store.outbox.begin(row!.id);
  await store.outbox.recover("telegram");
  await store.outbox.begin(row!.id);
  await store.outbox.sent(row!.id, "900");
  await store.outbox.end(row!.id, "undeliverable");
  await store.outbox.sentAs("run:r1:status");
  await store.history.items(conversation, 10);
  await store.history.messages(conversation, 10);
  await store.history.liveRuns();
  await store.history.openAsks("r1" as RunId);
}
