/**
 * Whose turn it is: the only place that draws and clears tickets. Everything else says that something about a lane or a
 * workspace changed.
 *
 * I9: a lane is ready when the first of its queued items is whole (its files are there) and no run of it is live; it draws a ticket as it becomes ready, so after each
 * run it goes behind all lanes that wait already. Finding the next one costs a few index seeks, whatever is stored.
 * K6: a lane whose first item is background work draws among higher numbers: it goes behind every lane with a person's message.
 */
import type { ConversationId } from "../domain/conversation.ts";
import { isLive } from "./migrations.ts";
import { one, type Sql } from "./sql.ts";

/** Where the tickets of background work begin: people's messages never draw as many. */
export const backgroundTickets = 2 ** 40;

/** Items of the lane came to be queued, or ceased to be. */
export function queueChanged(sql: Sql, conversation: ConversationId): void {
  const { workspace, isChanged } = refreshTicket(sql, conversation);
  if (isChanged) refreshHead(sql, workspace);
}

export function runBegan(sql: Sql, conversation: ConversationId, workspace: string): void {
  sql.run("UPDATE lane SET ticket = NULL WHERE conversation = ?", conversation);
  sql.run("UPDATE workspace SET head_ticket = NULL WHERE path = ?", workspace);
}

/** `workspace` is where the run was; its lane may have moved to another one meanwhile. */
export function runEnded(sql: Sql, conversation: ConversationId, workspace: string): void {
  const lane = refreshTicket(sql, conversation);
  refreshHead(sql, workspace);
  if (lane.workspace !== workspace) refreshHead(sql, lane.workspace);
}

/** Lanes moved from workspace to workspace. */
export function lanesMoved(sql: Sql): void {
  for (const { path } of sql.all<{ path: string }>("SELECT path FROM workspace")) refreshHead(sql, path);
}

function refreshTicket(sql: Sql, conversation: ConversationId): { workspace: string; isChanged: boolean } {
  const { workspace, ticket, head } = one(
    sql.get<{ workspace: string; ticket: number | null; head: "interactive" | "background" | null }>(
      `SELECT workspace, ticket,
         iif(EXISTS (SELECT 1 FROM run WHERE conversation = lane.conversation AND ${isLive}), NULL,
           (SELECT iif(is_ready = 1, priority, NULL) FROM inbox WHERE conversation = lane.conversation AND state = 'queued'
            ORDER BY rank, position LIMIT 1)) AS head
       FROM lane WHERE conversation = ?`,
      conversation,
    ),
    `lane ${conversation}`,
  );
  if (head === classOf(ticket)) return { workspace, isChanged: false };
  const next = head === null ? null : drawTicket(sql) + (head === "background" ? backgroundTickets : 0);
  sql.run("UPDATE lane SET ticket = ? WHERE conversation = ?", next, conversation);
  return { workspace, isChanged: true };
}

function classOf(ticket: number | null): "interactive" | "background" | null {
  return ticket === null ? null : ticket < backgroundTickets ? "interactive" : "background";
}

function refreshHead(sql: Sql, path: string): void {
  sql.run(
    `UPDATE workspace SET head_ticket = CASE
       WHEN EXISTS (SELECT 1 FROM run WHERE workspace = workspace.path AND ${isLive}) THEN NULL
       ELSE (SELECT min(ticket) FROM lane WHERE workspace = workspace.path AND ticket IS NOT NULL) END
     WHERE path = ?`,
    path,
  );
}

/**
 * Strictly growing, from a one-row counter. By its key and without RETURNING: SQLite would keep a journal for the statement, whose end costs
 * the more the longer the decision is (8 times the whole statement among 250 of a decision, measured).
 */
export function drawTicket(sql: Sql): number {
  sql.run("UPDATE instance SET ticket = ticket + 1 WHERE one = 1");
  return one(sql.get<{ ticket: number }>("SELECT ticket FROM instance WHERE one = 1"), "instance").ticket;
}
