/**
 * Asks: what agents want to know from a person, and what became of each.
 *
 * I3: an ask is written by its run's owner; a run that is being stopped asks nothing more.
 */
import { type Ask, type AskId, type AskState, openAsk } from "../domain/ask.ts";
import type { ConversationId } from "../domain/conversation.ts";
import type { RunId, RunOwner } from "../domain/run.ts";
import type { Outgoing, StoredAsk, Tx } from "../engine/ports.ts";
import { owned, ownerValues } from "./runs.ts";
import type { Sql } from "./sql.ts";

type AskVerbs = Pick<Tx, "addAsk" | "ask" | "openAsks" | "setAsk" | "askOfMessage">;

export function askVerbs(sql: Sql): AskVerbs {
  return {
    addAsk: async (owner, ask) => addAsk(sql, owner, ask),
    ask: async (id) => readAsk(sql, id),
    openAsks: async (run) => readOpenAsks(sql, run),
    setAsk: async (id, state) => setAsk(sql, id, state),
    askOfMessage: async (conversation, message) => readAskOfMessage(sql, conversation, message),
  };
}

type Row = {
  readonly id: AskId;
  readonly run: RunId;
  readonly conversation: ConversationId;
  readonly epoch: number;
  readonly agentId: string;
  readonly ask: string;
  readonly state: string;
  readonly drawn: number;
};

const select = `SELECT ask.id, ask.run, run.conversation, run.epoch, ask.agent_id AS agentId, ask.ask, ask.state, ask.drawn
  FROM ask JOIN run ON run.id = ask.run`;

function toAsk({ run, conversation, epoch, ask, state, ...rest }: Row): StoredAsk {
  const owner: RunOwner = { conversation, run, epoch };
  return { ...rest, owner, ask: JSON.parse(ask) as Ask, state: JSON.parse(state) as AskState };
}

function addAsk(sql: Sql, owner: RunOwner, { id, agentId, ask }: Parameters<Tx["addAsk"]>[1]): boolean {
  return (
    sql.run(
      `INSERT INTO ask (id, run, agent_id, ask, state, is_open, drawn)
       SELECT ?, id, ?, ?, ?, 1, 0 FROM run
       WHERE ${owned} AND state IN ('starting', 'running')`,
      id,
      agentId,
      JSON.stringify(ask),
      JSON.stringify(openAsk),
      ...ownerValues(owner),
    ) === 1
  );
}

function readAsk(sql: Sql, id: AskId): StoredAsk | null {
  const row = sql.get<Row>(`${select} WHERE ask.id = ?`, id);
  return row === undefined ? null : toAsk(row);
}

export function readOpenAsks(sql: Sql, run: RunId): readonly StoredAsk[] {
  return sql.all<Row>(`${select} WHERE ask.run = ? AND ask.is_open = 1 ORDER BY ask.rowid`, run).map(toAsk);
}

function setAsk(sql: Sql, id: AskId, state: AskState): void {
  sql.run(
    "UPDATE ask SET state = ?, is_open = ?, drawn = drawn + 1 WHERE id = ?",
    JSON.stringify(state),
    state.kind === "open" ? 1 : 0,
    id,
  );
}

/** A redrawn card keeps its first message, whose row names the ask as well. */
function readAskOfMessage(
  sql: Sql,
  conversation: ConversationId,
  message: string,
): Awaited<ReturnType<Tx["askOfMessage"]>> {
  const row = sql.get<{ body: string; conversation: ConversationId }>(
    `SELECT body, conversation FROM outbox
     WHERE (conversation = ?1 OR conversation BETWEEN ?1 || '~' AND ?1 || '~~') AND message = ?2 AND kind = 'ask' LIMIT 1`,
    conversation,
    message,
  );
  return row === undefined
    ? null
    : { ask: (JSON.parse(row.body) as Outgoing & { kind: "ask" }).id, conversation: row.conversation };
}
