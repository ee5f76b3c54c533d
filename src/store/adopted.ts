/** Background processes that finished turns left running on purpose, until they are ended or found dead. */
import type { ConversationId } from "../domain/conversation.ts";
import type { ProcessRef, RunId } from "../domain/run.ts";
import type { Tx } from "../engine/ports.ts";
import type { Sql } from "./sql.ts";

export function adoptedVerbs(sql: Sql): Pick<Tx, "adopt" | "adopted" | "dropAdopted"> {
  return {
    adopt: async (conversation, run, processes) => adopt(sql, conversation, run, processes),
    adopted: async (conversation) => readAdopted(sql, conversation),
    dropAdopted: async (processes) => {
      for (const { pid, startTime } of processes) {
        sql.run("DELETE FROM adopted WHERE pid = ? AND start_time = ?", pid, startTime);
      }
    },
  };
}

/** A process that is known already stays with the run that left it first. */
function adopt(sql: Sql, conversation: ConversationId, run: RunId, processes: readonly ProcessRef[]): void {
  for (const { pid, startTime, command } of processes) {
    sql.run(
      `INSERT INTO adopted (pid, start_time, command, conversation, run) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT (pid, start_time) DO NOTHING`,
      pid,
      startTime,
      command,
      conversation,
      run,
    );
  }
}

function readAdopted(
  sql: Sql,
  conversation: ConversationId | null,
): readonly { readonly conversation: ConversationId; readonly process: ProcessRef }[] {
  type Row = ProcessRef & { readonly conversation: ConversationId };
  const select = "SELECT conversation, pid, start_time AS startTime, command FROM adopted";
  const rows =
    conversation === null
      ? sql.all<Row>(`${select} ORDER BY rowid`)
      : sql.all<Row>(`${select} WHERE conversation = ? ORDER BY rowid`, conversation);
  return rows.map(({ conversation, ...process }) => ({ conversation, process }));
}
