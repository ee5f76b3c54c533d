/**
 * Claims: which lane is next, why another waits, and the one way in which a run begins.
 *
 * I1: a run begins by an insert that three unique indexes may refuse; nothing is checked in memory.
 * I9: the oldest ticket among free workspaces is next; ready lanes behind a busy workspace cost nothing to skip.
 * K6: what runs in the background is in the way of a person's message that could start without it.
 */
import type { ConversationId } from "../domain/conversation.ts";
import type { ItemId } from "../domain/inbox-item.ts";
import type { RunId, RunOwner } from "../domain/run.ts";
import { type Lane, type StoredItem, StoreFault, type Tx } from "../engine/ports.ts";
import { readHead } from "./inbox.ts";
import { readLane } from "./lanes.ts";
import { isLive } from "./migrations.ts";
import { backgroundTickets, runBegan } from "./readiness.ts";
import { one, type Sql } from "./sql.ts";

type ClaimVerbs = Pick<Tx, "nextReady" | "waitsFor" | "inTheWay" | "insertRun">;

export function claimVerbs(sql: Sql, incarnation: number): ClaimVerbs {
  return {
    nextReady: async (runsMax) => nextReady(sql, runsMax),
    waitsFor: async (conversation, runsMax) => waitsFor(sql, conversation, runsMax),
    inTheWay: async (runsMax) => inTheWay(sql, runsMax),
    insertRun: async (run, lane, item, slot, driver, atMs) =>
      insertRun(sql, incarnation, { run, lane, item, slot, driver, atMs }),
  };
}

function nextReady(
  sql: Sql,
  runsMax: number,
): { readonly lane: Lane; readonly item: StoredItem; readonly slot: number } | null {
  // Asked at every commit, and mostly nothing is ready: the slot, which costs twenty times as much to find, comes second.
  const next = sql.get<{ conversation: ConversationId }>(
    `SELECT conversation FROM lane
     WHERE ticket = (SELECT min(head_ticket) FROM workspace WHERE head_ticket IS NOT NULL)`,
  );
  if (next === undefined) return null;
  const slot = lowestFreeSlot(sql);
  if (slot > runsMax) return null;
  const lane = one(readLane(sql, next.conversation) ?? undefined, `lane ${next.conversation}`);
  const item = one(readHead(sql, next.conversation) ?? undefined, `queued item in ${next.conversation}`);
  return { lane, item, slot };
}

function lowestFreeSlot(sql: Sql): number {
  const row = sql.get<{ slot: number }>(
    `SELECT CASE
       WHEN NOT EXISTS (SELECT 1 FROM run WHERE slot = 1 AND ${isLive}) THEN 1
       ELSE (SELECT slot + 1 FROM run AS taken WHERE slot >= 1 AND ${isLive}
             AND NOT EXISTS (SELECT 1 FROM run WHERE slot = taken.slot + 1 AND ${isLive})
             ORDER BY slot LIMIT 1) END AS slot`,
  );
  return one(row, "slot").slot;
}

function waitsFor(
  sql: Sql,
  conversation: ConversationId,
  runsMax: number,
):
  | { readonly kind: "run" | "slot" | "files" | "background" }
  | { readonly kind: "workspace"; readonly holder: ConversationId }
  | null {
  const lane = readLane(sql, conversation);
  const head = readHead(sql, conversation);
  if (lane === null || head === null) return null;
  const waits = (kind: "run" | "slot", isMakingRoom: boolean) =>
    ({ kind: isMakingRoom ? "background" : kind }) as const;
  if (lane.state.kind !== "idle") return waits("run", isMakingRoom(sql, "conversation = ?", conversation));
  if (!head.isReady) return { kind: "files" };
  const holder = workspaceHolder(sql, lane);
  if (holder !== null)
    return isMakingRoom(sql, "workspace = ?", lane.workspace) ? { kind: "background" } : { kind: "workspace", holder };
  return startsBefore(sql, conversation, runsMax) >= freeSlots(sql, runsMax)
    ? waits("slot", isMakingRoom(sql, "? <> ''", conversation))
    : null;
}

/** Whether a background run there is being stopped for a person's message. */
function isMakingRoom(sql: Sql, where: string, value: string): boolean {
  return (
    sql.get(
      `SELECT 1 FROM run WHERE is_background = 1 AND ${isLive} AND stop_why = 'preempted' AND ${where}`,
      value,
    ) !== undefined
  );
}

function inTheWay(sql: Sql, runsMax: number): readonly RunOwner[] {
  // Asked at every commit, and mostly nothing runs in the background: the index run_background is empty then. Newest first: it loses least.
  const background = sql.all<RunOwner & { readonly workspace: string; readonly isStopping: 0 | 1 }>(
    `SELECT id AS run, conversation, epoch, workspace, state IN ('stopping', 'quarantined') AS isStopping FROM run
     WHERE is_background = 1 AND ${isLive} ORDER BY started_at_ms DESC, id`,
  );
  const running = background.filter(({ isStopping }) => isStopping === 0);
  if (running.length === 0) return [];
  const blocking = running.filter(({ run, workspace }) => hasMessageNext(sql, run) || isWaitedFor(sql, workspace));
  const others = running.filter((run) => !blocking.includes(run));
  const missing = others.length === 0 ? 0 : slotsMissing(sql, runsMax);
  return [...blocking, ...others.slice(0, Math.max(0, missing))].map(({ conversation, run, epoch }) => ({
    conversation,
    run,
    epoch,
  }));
}

/**
 * Whether a person's message comes next in the lane itself, when the run goes back in line. Work that was moved first stays before messages:
 * making room for them it would only be claimed again.
 */
function hasMessageNext(sql: Sql, run: RunId): boolean {
  return (
    sql.get(
      `SELECT 1 FROM run JOIN inbox AS own ON own.id = run.item
       JOIN inbox AS next ON next.id = (SELECT id FROM inbox WHERE conversation = run.conversation AND state = 'queued'
         ORDER BY rank, position LIMIT 1)
       WHERE run.id = ? AND next.priority = 'interactive' AND next.is_ready = 1
         AND (next.rank, next.position) < (own.rank, own.position)`,
      run,
    ) !== undefined
  );
}

/** Whether another lane has a person's message for this directory. */
function isWaitedFor(sql: Sql, workspace: string): boolean {
  return (
    sql.get(
      "SELECT 1 FROM lane WHERE workspace = ? AND ticket IS NOT NULL AND ticket < ? LIMIT 1",
      workspace,
      backgroundTickets,
    ) !== undefined
  );
}

/** After all that can start was claimed: how many people's messages wait for nothing but a slot, without those that are being freed. */
function slotsMissing(sql: Sql, runsMax: number): number {
  const row = sql.get<{ waiting: number; freeing: number }>(
    `SELECT (SELECT count(*) FROM workspace WHERE head_ticket < ?) AS waiting,
       (SELECT count(*) FROM run WHERE ${isLive} AND slot <= ? AND state = 'stopping') AS freeing`,
    backgroundTickets,
    runsMax,
  );
  const { waiting, freeing } = one(row, "count");
  return waiting - freeing;
}

/** Who runs in the lane's workspace, or else who takes it before this lane's turn. */
function workspaceHolder(sql: Sql, lane: Lane): ConversationId | null {
  const running = sql.get<{ conversation: ConversationId }>(
    `SELECT conversation FROM run WHERE workspace = ? AND ${isLive}`,
    lane.workspace,
  );
  if (running !== undefined) return running.conversation;
  const first = sql.get<{ conversation: ConversationId }>(
    "SELECT conversation FROM lane WHERE ticket = (SELECT head_ticket FROM workspace WHERE path = ?)",
    lane.workspace,
  );
  return first === undefined || first.conversation === lane.conversation ? null : first.conversation;
}

/** How many lanes take a slot before this one does. */
function startsBefore(sql: Sql, conversation: ConversationId, runsMax: number): number {
  const row = sql.get<{ count: number }>(
    `SELECT count(*) AS count FROM (
       SELECT 1 FROM workspace WHERE head_ticket < (SELECT ticket FROM lane WHERE conversation = ?) LIMIT +?)`,
    conversation,
    runsMax,
  );
  return one(row, "count").count;
}

function freeSlots(sql: Sql, runsMax: number): number {
  const row = sql.get<{ count: number }>(`SELECT count(*) AS count FROM run WHERE ${isLive} AND slot <= ?`, runsMax);
  return runsMax - one(row, "count").count;
}

type NewRun = {
  readonly run: RunId;
  readonly lane: Lane;
  readonly item: ItemId;
  readonly slot: number;
  readonly driver: string;
  readonly atMs: number;
};

function insertRun(sql: Sql, incarnation: number, { run, lane, item, slot, driver, atMs }: NewRun): RunOwner {
  const { conversation } = lane;
  const epoch = lane.epoch + 1;
  // What was read is in the WHERE (I3): a lane from an earlier transaction claims nothing.
  const claimed = sql.run(
    "UPDATE lane SET epoch = ? WHERE conversation = ? AND epoch = ? AND workspace = ? AND session = ?",
    epoch,
    conversation,
    lane.epoch,
    lane.workspace,
    lane.session.id,
  );
  if (claimed === 0) throw new StoreFault("refused", `The lane ${conversation} has moved past epoch ${lane.epoch}.`);
  sql.run(
    // Values and no SELECT: for that SQLite would look through every table that refers to runs.
    `INSERT INTO run (id, conversation, epoch, item, workspace, session, driver, slot, incarnation, state, started_at_ms,
       is_background, origin)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 'starting', ?, (SELECT priority = 'background' FROM inbox WHERE id = ?4),
       (SELECT iif(priority = 'background', json_extract(request, '$.name'), NULL) FROM inbox WHERE id = ?4))`,
    run,
    conversation,
    epoch,
    item,
    lane.workspace,
    lane.session.id,
    driver,
    slot,
    incarnation,
    atMs,
  );
  runBegan(sql, conversation, lane.workspace);
  return { conversation, run, epoch };
}
