/** Buttons: rows that work once. */
import type { Button, ButtonAction, ButtonId } from "../domain/button.ts";
import type { ConversationId } from "../domain/conversation.ts";
import type { ButtonUse, Tx } from "../engine/ports.ts";
import type { Sql } from "./sql.ts";

export function buttonVerbs(sql: Sql): Pick<Tx, "addButton" | "button" | "useButton"> {
  return {
    addButton: async (button, conversation, expiresAtMs) => addButton(sql, button, conversation, expiresAtMs),
    button: async (id, conversation) => readButton(sql, id, conversation),
    useButton: async (id, conversation, atMs) => useButton(sql, id, conversation, atMs),
  };
}

function addButton(sql: Sql, button: Button, conversation: ConversationId, expiresAtMs: number): void {
  sql.run(
    "INSERT INTO button (id, conversation, action, expires_at_ms, used_at_ms) VALUES (?, ?, ?, ?, NULL)",
    button.id,
    conversation,
    JSON.stringify(button.action),
    expiresAtMs,
  );
}

function readButton(sql: Sql, id: ButtonId, conversation: ConversationId): ButtonAction | null {
  const row = sql.get<{ action: string }>(
    "SELECT action FROM button WHERE id = ? AND conversation = ?",
    id,
    conversation,
  );
  return row === undefined ? null : (JSON.parse(row.action) as ButtonAction);
}

/** One statement decides who used it; the second one only explains a refusal. */
function useButton(sql: Sql, id: ButtonId, conversation: ConversationId, atMs: number): ButtonUse {
  const used = sql.get<{ action: string }>(
    `UPDATE button SET used_at_ms = ? WHERE id = ? AND conversation = ? AND used_at_ms IS NULL AND expires_at_ms > ?
     RETURNING action`,
    atMs,
    id,
    conversation,
    atMs,
  );
  if (used !== undefined) return { kind: "used", action: JSON.parse(used.action) as ButtonAction };
  const known = sql.get<{ usedAtMs: number | null }>(
    "SELECT used_at_ms AS usedAtMs FROM button WHERE id = ? AND conversation = ?",
    id,
    conversation,
  );
  if (known === undefined) return { kind: "unknown" };
  return { kind: known.usedAtMs === null ? "expired" : "spent" };
}
