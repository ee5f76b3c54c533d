/**
 * Whose turn it is: the only place that draws and clears tickets. Everything else says that something about a lane or a
 * workspace changed.
 *
 * I9: a lane is ready when an item is queued and no run of it is live; it draws a ticket as it becomes ready, so after each
 * run it goes behind all lanes that wait already. Finding the next one costs a few index seeks, whatever is stored.
 */
import type { ConversationId } from "../domain/conversation.ts";
import { liveStates } from "./migrations.ts";
import { one, type Sql } from "./sql.ts";

/** To be called after items of the lane came, went or changed state, and after a run of it began or ended. */
export function refreshLane(sql: Sql, conversation: ConversationId): void {
  const lane = one(
    sql.get<{ workspace: string; ticket: number | null; isReady: 0 | 1 }>(
      `SELECT workspace, ticket,
         EXISTS (SELECT 1 FROM inbox WHERE conversation = lane.conversation AND state = 'queued')
         AND NOT EXISTS (SELECT 1 FROM run WHERE conversation = lane.conversation AND state IN ${liveStates}) AS isReady
       FROM lane WHERE conversation = ?`,
      conversation,
    ),
    `lane ${conversation}`,
  );
  if ((lane.isReady === 1) === (lane.ticket !== null)) return;
  const ticket = lane.isReady === 1 ? drawTicket(sql) : null;
  sql.run("UPDATE lane SET ticket = ? WHERE conversation = ?", ticket, conversation);
  refreshWorkspace(sql, lane.workspace);
}

/** To be called after a run began or ended in the workspace. */
export function refreshWorkspace(sql: Sql, path: string): void {
  sql.run(
    `UPDATE workspace SET head_ticket = CASE
       WHEN EXISTS (SELECT 1 FROM run WHERE workspace = workspace.path AND state IN ${liveStates}) THEN NULL
       ELSE (SELECT min(ticket) FROM lane WHERE workspace = workspace.path AND ticket IS NOT NULL) END
     WHERE path = ?`,
    path,
  );
}

function drawTicket(sql: Sql): number {
  return one(sql.get<{ ticket: number }>("UPDATE instance SET ticket = ticket + 1 RETURNING ticket"), "instance")
    .ticket;
}
