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

/** What is shown in a conversation: its own, and what belongs to a side conversation of it. */
const isShownIn = "(conversation = ?2 OR conversation GLOB ?2 || '~*')";

function readButton(sql: Sql, id: ButtonId, conversation: ConversationId): Awaited<ReturnType<Tx["button"]>> {
  const row = sql.get<{ action: string; conversation: ConversationId }>(
    `SELECT action, conversation FROM button WHERE id = ?1 AND ${isShownIn}`,
    id,
    conversation,
  );
  return row === undefined ? null : { action: JSON.parse(row.action) as ButtonAction, conversation: row.conversation };
}

/** One statement decides who used it; the second one only explains a refusal. */
function useButton(sql: Sql, id: ButtonId, conversation: ConversationId, atMs: number): ButtonUse {
  const used = sql.get<{ action: string; conversation: ConversationId }>(
    `UPDATE button SET used_at_ms = ?3 WHERE id = ?1 AND ${isShownIn} AND used_at_ms IS NULL AND expires_at_ms > ?3
     RETURNING action, conversation`,
    id,
    conversation,
    atMs,
  );
  if (used !== undefined)
    return { kind: "used", action: JSON.parse(used.action) as ButtonAction, conversation: used.conversation };
  const known = sql.get<{ usedAtMs: number | null }>(
    `SELECT used_at_ms AS usedAtMs FROM button WHERE id = ?1 AND ${isShownIn}`,
    id,
    conversation,
  );
  if (known === undefined) return { kind: "unknown" };
  return { kind: known.usedAtMs === null ? "expired" : "spent" };
}
