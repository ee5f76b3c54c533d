/**
 * Items: what came in, in the order of admission, and what became of each.
 *
 * I4: an admission is counted in its own transaction, apart from the rows.
 * I9: whatever changes what is queued tells readiness.ts.
 */
import type { ConversationId } from "../domain/conversation.ts";
import { type InboxItem, type ItemId, type ItemState, itemStates, type Request } from "../domain/inbox-item.ts";
import type { RunId } from "../domain/run.ts";
import type { Counts, Gathering, StoredItem, Tx } from "../engine/ports.ts";
import { drawTicket, queueChanged } from "./readiness.ts";
import { supersedeAcknowledgement } from "./outbox.ts";
import { one, type Sql } from "./sql.ts";

type InboxVerbs = Pick<
  Tx,
  | "addItem"
  | "item"
  | "items"
  | "waiting"
  | "moveItem"
  | "moveItemFirst"
  | "rewriteItem"
  | "gathering"
  | "partsOf"
  | "takeParts"
  | "joinItem"
  | "setReady"
  | "unready"
  | "itemOfMessage"
  | "itemToldIn"
  | "itemsOfRun"
  | "unansweredCommands"
  | "counts"
>;

export function inboxVerbs(sql: Sql): InboxVerbs {
  return {
    addItem: async (item, state, atMs, gathering) => addItem(sql, item, state, atMs, gathering),
    item: async (id) => readItem(sql, id),
    items: async (conversation, state) => readItems(sql, conversation, state),
    waiting: async (conversation) => countWaiting(sql, conversation),
    moveItem: async (id, from, to, run) => moveItem(sql, id, from, to, run),
    moveItemFirst: async (id) => moveItemFirst(sql, id),
    rewriteItem: async (id, request) => rewriteItem(sql, id, request),
    gathering: async (conversation, of) => readGathering(sql, conversation, of),
    partsOf: async (item) => readParts(sql, item),
    takeParts: async (item, request) => {
      rewriteItem(sql, item, request);
      sql.run("UPDATE inbox SET is_ready = 1 WHERE part_of = ? AND part_of IS NOT NULL AND is_ready = 0", item);
    },
    joinItem: async (id, whole) => {
      sql.run("UPDATE inbox SET part_of = ?, is_ready = 1 WHERE id = ?", whole, id);
    },
    setReady: async (id, isReady) => setReady(sql, id, isReady),
    unready: async () => readUnready(sql),
    itemOfMessage: async (conversation, message) => readItemOfMessage(sql, conversation, message),
    itemToldIn: async (conversation, message) => readItemToldIn(sql, conversation, message),
    itemsOfRun: async (run, state) => readItemsOfRun(sql, run, state),
    unansweredCommands: async () => readUnansweredCommands(sql),
    counts: async () => readCounts(sql),
  };
}

type ItemRow = {
  readonly id: ItemId;
  readonly key: InboxItem["key"];
  readonly conversation: ConversationId;
  readonly sender: string;
  readonly message: string | null;
  readonly priority: InboxItem["priority"];
  readonly request: string;
  readonly state: ItemState;
  readonly run: RunId | null;
  readonly sentAtMs: number;
  readonly acceptedAtMs: number;
  readonly isReady: 0 | 1;
  readonly gathers: string | null;
  readonly partOf: ItemId | null;
};

const itemColumns = `id, key, conversation, sender, message, priority, request, state, run, sent_at_ms AS sentAtMs,
  accepted_at_ms AS acceptedAtMs, is_ready AS isReady, gathers, part_of AS partOf`;

function toItem(row: ItemRow): StoredItem {
  return {
    id: row.id,
    key: row.key,
    conversation: row.conversation,
    user: row.sender,
    message: row.message,
    priority: row.priority,
    request: JSON.parse(row.request) as Request,
    state: row.state,
    run: row.run,
    sentAtMs: row.sentAtMs,
    acceptedAtMs: row.acceptedAtMs,
    isReady: row.isReady === 1,
    gathers: row.gathers,
    partOf: row.partOf,
  };
}

function addItem(
  sql: Sql,
  item: InboxItem,
  state: ItemState,
  atMs: number,
  gathering: Gathering | undefined,
): ItemId | null {
  // The position is the number of the admission: it grows in the order of arrival, in whatever state the item is stored.
  // Without RETURNING, for which SQLite would keep a journal of the statement (readiness.ts).
  const added = sql.run(
    `INSERT INTO inbox
       (key, conversation, sender, message, priority, rank, position, request, state, run, sent_at_ms, accepted_at_ms,
        is_ready, gathers, part_of)
     VALUES (?, ?, ?, ?, ?, ?, (SELECT received + 1 FROM instance), ?, ?, NULL, ?, ?, ?, ?, ?)
     ON CONFLICT (key) DO NOTHING`,
    item.key,
    item.conversation,
    item.user,
    item.message,
    item.priority,
    item.priority === "interactive" ? 0 : 1,
    JSON.stringify(item.request),
    state,
    item.sentAtMs,
    atMs,
    gathering === undefined ? 1 : 0, // a part: until it is in the prompt of the whole
    gathering?.kind === "unready" ? gathering.gathers : null,
    gathering?.kind === "part" ? gathering.of : null,
  );
  if (added === 0) return null;
  sql.run("UPDATE instance SET received = received + 1 WHERE one = 1"); // I4
  if (state === "queued") queueChanged(sql, item.conversation);
  return one(sql.get<{ id: ItemId }>("SELECT id FROM inbox WHERE key = ?", item.key), "admitted item").id;
}

export function readItem(sql: Sql, id: ItemId): StoredItem | null {
  const row = sql.get<ItemRow>(`SELECT ${itemColumns} FROM inbox WHERE id = ?`, id);
  return row === undefined ? null : toItem(row);
}

/**
 * In the order in which they will run. The state is in the text, here and below: it decides whether inbox_order can be used, so SQLite
 * would prepare the statement anew for each value of a parameter.
 */
export function readItems(sql: Sql, conversation: ConversationId, state: "queued" | "held"): readonly StoredItem[] {
  return sql
    .all<ItemRow>(
      `SELECT ${itemColumns} FROM inbox WHERE conversation = ? AND state = '${state}' ORDER BY rank, position`,
      conversation,
    )
    .map(toItem);
}

function countWaiting(sql: Sql, conversation: ConversationId): { readonly queued: number; readonly held: number } {
  const row = sql.get<{ queued: number; held: number }>(
    `SELECT count(*) FILTER (WHERE state = 'queued') AS queued, count(*) FILTER (WHERE state = 'held') AS held
     FROM inbox WHERE conversation = ? AND (state = 'queued' OR state = 'held')`,
    conversation,
  );
  return one(row, "count");
}

/** The item that the lane's next run takes. */
export function readHead(sql: Sql, conversation: ConversationId): StoredItem | null {
  const row = sql.get<ItemRow>(
    `SELECT ${itemColumns} FROM inbox WHERE conversation = ? AND state = 'queued' ORDER BY rank, position LIMIT 1`,
    conversation,
  );
  return row === undefined ? null : toItem(row);
}

/** The newest `limit` items, oldest first. */
export function readNewestItems(sql: Sql, conversation: ConversationId, limit: number): readonly StoredItem[] {
  return sql
    .all<ItemRow>(
      `SELECT ${itemColumns} FROM inbox WHERE conversation = ? ORDER BY id DESC LIMIT +?`,
      conversation,
      limit,
    )
    .map(toItem)
    .toReversed();
}

function moveItem(sql: Sql, id: ItemId, from: ItemState, to: ItemState, run: RunId | null | undefined): boolean {
  const moved =
    run === undefined
      ? sql.run("UPDATE inbox SET state = ? WHERE id = ? AND state = ?", to, id, from)
      : sql.run("UPDATE inbox SET state = ?, run = ? WHERE id = ? AND state = ?", to, run, id, from);
  if (moved === 0) return false;
  if (from === "queued") supersedeAcknowledgement(sql, id);
  if (from === "queued" || to === "queued") queueChanged(sql, conversationOf(sql, id));
  return true;
}

function conversationOf(sql: Sql, id: ItemId): ConversationId {
  const row = sql.get<{ conversation: ConversationId }>("SELECT conversation FROM inbox WHERE id = ?", id);
  return one(row, `item ${id}`).conversation;
}

/** Below every position that was ever given, also to items that may still come back to the line. */
function moveItemFirst(sql: Sql, id: ItemId): void {
  const moved = sql.run(
    "UPDATE inbox SET rank = 0, position = ? WHERE id = ? AND state = 'queued'",
    -drawTicket(sql),
    id,
  );
  if (moved > 0) queueChanged(sql, conversationOf(sql, id));
}

function rewriteItem(sql: Sql, id: ItemId, request: Request): void {
  sql.run(
    "UPDATE inbox SET request = ? WHERE id = ? AND (state IN ('queued', 'held') OR (state = 'merged' AND is_ready = 0))",
    JSON.stringify(request),
    id,
  );
}

function readGathering(sql: Sql, conversation: ConversationId, of: string): StoredItem | null {
  const row = sql.get<ItemRow>(
    `SELECT ${itemColumns} FROM inbox WHERE conversation = ? AND gathers = ? AND (state = 'queued' OR state = 'held')
     ORDER BY id DESC LIMIT 1`,
    conversation,
    of,
  );
  return row === undefined ? null : toItem(row);
}

function readParts(sql: Sql, item: ItemId): readonly StoredItem[] {
  return sql
    .all<ItemRow>(
      `SELECT ${itemColumns} FROM inbox WHERE part_of = ? AND part_of IS NOT NULL AND is_ready = 0 ORDER BY id`,
      item,
    )
    .map(toItem);
}

/** An item that becomes ready, or ceases to be, may change whether its lane is. */
function setReady(sql: Sql, id: ItemId, isReady: boolean): void {
  const changed = sql.run(
    "UPDATE inbox SET is_ready = ? WHERE id = ? AND (state = 'queued' OR state = 'held')",
    isReady ? 1 : 0,
    id,
  );
  if (changed > 0) queueChanged(sql, conversationOf(sql, id));
}

function readUnready(sql: Sql): readonly StoredItem[] {
  return sql
    .all<ItemRow>(
      `SELECT ${itemColumns} FROM inbox WHERE is_ready = 0 AND (state = 'queued' OR state = 'held') AND state = 'queued'
       ORDER BY id`,
    )
    .map(toItem);
}

/**
 * How far back an earlier message is looked for: a person changes or answers what is still in sight, and a message costs nothing for it.
 */
const lookBackMax = 200;

function readItemOfMessage(sql: Sql, conversation: ConversationId, message: string): StoredItem | null {
  const row = sql.get<ItemRow>(
    `SELECT * FROM (SELECT ${itemColumns} FROM inbox WHERE conversation = ? ORDER BY id DESC LIMIT +?)
     WHERE message = ? AND json_extract(request, '$.kind') = 'prompt' ORDER BY id DESC LIMIT 1`,
    conversation,
    lookBackMax,
    message,
  );
  return row === undefined ? null : toItem(row);
}

function readItemToldIn(sql: Sql, conversation: ConversationId, message: string): ItemId | null {
  const row = sql.get<{ item: ItemId | null }>(
    `SELECT json_extract(body, '$.notice.item') AS item FROM
       (SELECT message, body, id FROM outbox WHERE conversation = ? AND run IS NULL ORDER BY id DESC LIMIT +?)
     WHERE message = ? ORDER BY id DESC LIMIT 1`,
    conversation,
    lookBackMax,
    message,
  );
  return row?.item ?? null;
}

function readItemsOfRun(sql: Sql, run: RunId, state: "merged" | "running"): readonly StoredItem[] {
  return sql
    .all<ItemRow>(
      `SELECT ${itemColumns} FROM inbox WHERE run = ? AND state = '${state}'
         AND id <> (SELECT item FROM run WHERE run.id = inbox.run) ORDER BY rank, position`,
      run,
    )
    .map(toItem);
}

/** Without those that wait for runs to be stopped: `stop_wait` answers them. */
function readUnansweredCommands(sql: Sql): readonly StoredItem[] {
  return sql
    .all<ItemRow>(
      `SELECT ${itemColumns} FROM inbox WHERE state = 'running' AND run IS NULL
         AND NOT EXISTS (SELECT 1 FROM stop_wait WHERE stop_wait.item = inbox.id) ORDER BY id`,
    )
    .map(toItem);
}

export function readCounts(sql: Sql): Counts {
  const { received } = one(sql.get<{ received: number }>("SELECT received FROM instance"), "instance");
  const byState = Object.fromEntries(itemStates.map((state) => [state, 0])) as Record<ItemState, number>;
  const rows = sql.all<{ state: ItemState; count: number }>(
    "SELECT state, count(*) AS count FROM inbox GROUP BY state",
  );
  for (const { state, count } of rows) byState[state] = count;
  return { received, byState };
}
