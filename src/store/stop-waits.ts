/**
 * What a `/stop all` waits for: one row per run. The command is answered once, when none of its rows is open.
 */
import type { ItemId } from "../domain/inbox-item.ts";
import type { RunId } from "../domain/run.ts";
import type { StoredItem, Tx } from "../engine/ports.ts";
import { readItem } from "./inbox.ts";
import { one, type Sql } from "./sql.ts";

export function stopWaitVerbs(sql: Sql): Pick<Tx, "addStopWait" | "endStopWaits"> {
  return {
    addStopWait: async (item, run) => {
      sql.run("INSERT INTO stop_wait (item, run, how) VALUES (?, ?, NULL) ON CONFLICT DO NOTHING", item, run);
    },
    endStopWaits: async (run, how) => endStopWaits(sql, run, how),
  };
}

type Answer = { readonly item: StoredItem; readonly stopped: number; readonly quarantined: number };

/** A command is among the answers only when this run was the last it waited for, hence at most once. */
function endStopWaits(sql: Sql, run: RunId, how: "stopped" | "quarantined"): readonly Answer[] {
  return sql
    .all<{ item: ItemId }>("UPDATE stop_wait SET how = ? WHERE run = ? AND how IS NULL RETURNING item", how, run)
    .toSorted((a, b) => a.item - b.item)
    .flatMap(({ item }) => answerOf(sql, item) ?? []);
}

function answerOf(sql: Sql, item: ItemId): Answer | null {
  const tally = one(
    sql.get<{ open: number; stopped: number; quarantined: number }>(
      `SELECT count(*) FILTER (WHERE how IS NULL) AS open, count(*) FILTER (WHERE how = 'stopped') AS stopped,
         count(*) FILTER (WHERE how = 'quarantined') AS quarantined
       FROM stop_wait WHERE item = ?`,
      item,
    ),
    "tally",
  );
  if (tally.open > 0) return null;
  const stored = one(readItem(sql, item) ?? undefined, `item ${item}`);
  return { item: stored, stopped: tally.stopped, quarantined: tally.quarantined };
}
