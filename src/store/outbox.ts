/**
 * The outbox: messages on their way to a conversation, in the order in which they were decided.
 *
 * I6: a row whose attempt had no known outcome is marked uncertain, and stays so.
 * I8: the status of a run that is over is not attempted again.
 */
import { type ChannelName, channelOf, type ConversationId } from "../domain/conversation.ts";
import type { ItemId } from "../domain/inbox-item.ts";
import type { RunId } from "../domain/run.ts";
import type { OutboxId, OutboxRow, OutboxState, Outgoing, Tx } from "../engine/ports.ts";
import { undeliveredStates } from "./migrations.ts";
import type { Sql } from "./sql.ts";

export function outgoingVerbs(sql: Sql): Pick<Tx, "addOutgoing" | "endStatus"> {
  return {
    addOutgoing: async (row, atMs) => addOutgoing(sql, row, atMs),
    endStatus: async (run) => endStatus(sql, run),
  };
}

type Row = {
  readonly id: OutboxId;
  readonly conversation: ConversationId;
  readonly run: RunId | null;
  readonly origin: string | null;
  readonly body: string;
  readonly state: OutboxState;
  readonly message: string | null;
  readonly attempts: number;
  readonly isUncertain: 0 | 1;
  readonly createdAtMs: number;
  readonly notBeforeMs: number;
};

const columns =
  "id, conversation, run, (SELECT origin FROM run AS asked WHERE asked.id = run) AS origin, body, state, message, attempts, is_uncertain AS isUncertain, created_at_ms AS createdAtMs, not_before_ms AS notBeforeMs";

function toOutboxRow({ body, isUncertain, ...rest }: Row): OutboxRow {
  return { ...rest, body: JSON.parse(body) as Outgoing, uncertain: isUncertain === 1 };
}

/** The page reads the rows themselves: for it, stored is delivered. */
function addOutgoing(sql: Sql, row: Parameters<Tx["addOutgoing"]>[0], atMs: number): void {
  if (row.body.kind === "ask") overtake(sql, row.body);
  const channel = channelOf(row.conversation);
  sql.run(
    `INSERT INTO outbox (conversation, channel, run, acknowledges, dedupe, kind, body, state, message, attempts,
       is_uncertain, is_over, created_at_ms, not_before_ms, paused_at_ms)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, NULL, 0, 0, 0, ?, ?, ?) ON CONFLICT (dedupe) DO NOTHING`,
    row.conversation,
    channel,
    row.run,
    row.acknowledges ?? null,
    row.dedupe,
    row.body.kind,
    JSON.stringify(row.body),
    channel === "web" ? "sent" : "pending",
    atMs,
    row.notBeforeMs,
    atMs,
  );
}

/**
 * A card that is not out yet shows at once how it stands now, and of its redrawings that wait only the newest is worth sending (I12). The
 * first may just be on its way: it is drawn over all the same, which changes nothing where it was in time.
 */
function overtake(sql: Sql, body: Outgoing & { kind: "ask" }): void {
  if (body.replaces === null) return;
  const card = JSON.stringify({ ...body, replaces: null });
  sql.run("UPDATE outbox SET body = ? WHERE dedupe = ? AND state = 'pending'", card, body.replaces);
  sql.run(
    "UPDATE outbox SET state = 'superseded' WHERE dedupe > ? AND dedupe < ? AND state = 'pending'",
    `${body.replaces}:`,
    `${body.replaces};`, // what comes after the colon
  );
}

/** The item does not wait any more: an acknowledgement of it that was not sent yet would tell what is not true. */
export function supersedeAcknowledgement(sql: Sql, item: ItemId): void {
  sql.run("UPDATE outbox SET state = 'superseded' WHERE acknowledges = ? AND state = 'pending'", item);
}

function endStatus(sql: Sql, run: RunId): boolean {
  const ended = sql.get<{ state: OutboxState; isUncertain: 0 | 1 }>(
    `UPDATE outbox SET is_over = 1, state = iif(state = 'pending', 'superseded', state)
     WHERE run = ? AND kind = 'status' RETURNING state, is_uncertain AS isUncertain`,
    run,
  );
  if (ended === undefined) return false;
  return ended.state === "sent" || ended.state === "sending" || ended.isUncertain === 1;
}

/**
 * At most one row per conversation: its oldest undelivered one that may go. A status, or the last line of a run that has finished, lets
 * later rows pass while it is not due yet; everything else, and anything in flight, holds the conversation's later rows back. Acknowledgements of waiting messages
 * go last (I7: the answer to a stop is not behind twenty of them). A clock that was set back to before a wait began does not make it
 * longer: then the wait is over.
 *
 * The condition of the partial index is spelled out beside the narrower one: SQLite does not infer it.
 */
export function readDue(sql: Sql, channel: ChannelName, limit: number, nowMs: number): readonly OutboxRow[] {
  return sql
    .all<Row>(
      `SELECT ${columns} FROM outbox AS due
       WHERE channel = ?1 AND state IN ${undeliveredStates} AND state = 'pending'
         AND (not_before_ms <= ?2 OR paused_at_ms > ?2)
         AND NOT EXISTS (
           SELECT 1 FROM outbox AS other
           WHERE other.channel = due.channel AND other.conversation = due.conversation
             AND other.state IN ${undeliveredStates}
             AND (other.state = 'sending'
               OR ((other.acknowledges IS NOT NULL, other.id) < (due.acknowledges IS NOT NULL, due.id)
                 AND NOT (other.not_before_ms > ?2 AND other.paused_at_ms <= ?2
                   AND (other.kind = 'status'
                     OR (other.kind = 'summary' AND json_extract(other.body, '$.summary.outcome.kind') = 'finished'))))))
       ORDER BY id LIMIT +?3`,
      channel,
      nowMs,
      limit,
    )
    .map((row) => toOutboxRow({ ...row, notBeforeMs: Math.min(row.notBeforeMs, nowMs) }));
}

/** What joins a row that goes now: see `OutboxQueue.behind`. Acknowledgements go after everything else, wherever they stand. */
export function readBehind(
  sql: Sql,
  { id, conversation }: Pick<OutboxRow, "id" | "conversation">,
  limit: number,
): readonly OutboxRow[] {
  return sql
    .all<Row>(
      `SELECT ${columns} FROM outbox
       WHERE channel = ? AND conversation = ? AND state IN ${undeliveredStates} AND id > ? AND acknowledges IS NULL
       ORDER BY id LIMIT +?`,
      channelOf(conversation),
      conversation,
      id,
      limit,
    )
    .map(toOutboxRow);
}

/** What begins waits no more: also after a crash, which finds nothing but these two moments. */
export function beginRow(sql: Sql, id: OutboxId, nowMs: number): boolean {
  return (
    sql.run(
      `UPDATE outbox SET state = 'sending', not_before_ms = min(not_before_ms, ?2), paused_at_ms = ?2,
         attempts = attempts + 1 WHERE id = ?1 AND state = 'pending'`,
      id,
      nowMs,
    ) === 1
  );
}

export function markSent(sql: Sql, id: OutboxId, message: string | null): void {
  sql.run("UPDATE outbox SET state = 'sent', message = ? WHERE id = ? AND state = 'sending'", message, id);
}

/** I8: unless the row is over. */
const backToPending = "state = iif(is_over = 1, 'superseded', 'pending')";

/** `notBeforeMs` was counted during the attempt: by a clock that was set back since, where the attempt begins later than now. */
export function retryRow(
  sql: Sql,
  id: OutboxId,
  notBeforeMs: number,
  outcome: "refused" | "unknown",
  nowMs: number,
): void {
  sql.run(
    `UPDATE outbox SET ${backToPending}, not_before_ms = ?, paused_at_ms = max(paused_at_ms, ?), is_uncertain = max(is_uncertain, ?)
     WHERE id = ? AND state = 'sending'`,
    notBeforeMs,
    nowMs,
    outcome === "unknown" ? 1 : 0,
    id,
  );
}

export function endRow(sql: Sql, id: OutboxId, state: "superseded" | "undeliverable"): void {
  sql.run("UPDATE outbox SET state = ? WHERE id = ? AND state IN ('pending', 'sending')", state, id);
}

export function readSentAs(sql: Sql, dedupe: string): OutboxRow | null {
  const row = sql.get<Row>(`SELECT ${columns} FROM outbox WHERE dedupe = ? AND state = 'sent'`, dedupe);
  return row === undefined ? null : toOutboxRow(row);
}

export function recoverRows(sql: Sql, channel: ChannelName): void {
  sql.run(
    `UPDATE outbox SET ${backToPending}, is_uncertain = 1 WHERE channel = ? AND state IN ${undeliveredStates} AND state = 'sending'`,
    channel,
  );
}

/**
 * The newest `limit` messages, oldest first. Nothing is said of a run after its end (I8), so the newest of a conversation are among what
 * its newest runs said and the newest that belong to no run.
 */
export function readNewestMessages(sql: Sql, conversation: ConversationId, limit: number): readonly OutboxRow[] {
  return sql
    .all<Row>(
      `SELECT * FROM (
         SELECT ${columns} FROM outbox
         WHERE run IN (SELECT id FROM run WHERE conversation = ?1 ORDER BY epoch DESC LIMIT +?2)
         UNION ALL
         SELECT * FROM (
           SELECT ${columns} FROM outbox WHERE conversation = ?1 AND run IS NULL ORDER BY id DESC LIMIT +?2))
       ORDER BY id DESC LIMIT +?2`,
      conversation,
      limit,
    )
    .map(toOutboxRow)
    .toReversed();
}
