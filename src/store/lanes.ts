/**
 * Lanes: a conversation with its workspace, its session and its epoch. What runs in it is read from the runs, never kept twice.
 */
import type { ConversationId } from "../domain/conversation.ts";
import type { LaneState } from "../domain/lane-machine.ts";
import type { Evidence, RunId, StopWhy } from "../domain/run.ts";
import type { Lane, Tx } from "../engine/ports.ts";
import { isLive } from "./migrations.ts";
import { lanesMoved } from "./readiness.ts";
import { one, type Sql } from "./sql.ts";

type LaneVerbs = Pick<Tx, "lane" | "openLane" | "lanes" | "newSession" | "setTitle" | "moveDefaultLanes">;

export function laneVerbs(sql: Sql, now: () => number): LaneVerbs {
  return {
    lane: async (conversation) => readLane(sql, conversation),
    openLane: async (conversation, workspace, chosen, session) =>
      openLane(sql, conversation, workspace, chosen, session, now()),
    lanes: async () => readLanes(sql),
    newSession: async (conversation, session, title) => newSession(sql, conversation, session, title, now()),
    setTitle: async (conversation, title) => setTitle(sql, conversation, title),
    moveDefaultLanes: async (workspace) => moveDefaultLanes(sql, workspace),
  };
}

export type LaneTally = Lane & { readonly queued: number; readonly held: number };

type LaneRow = {
  readonly conversation: ConversationId;
  readonly workspace: string;
  readonly title: string | null;
  readonly epoch: number;
  readonly session: string;
  readonly resume: string | null;
  readonly run: RunId | null;
  readonly runEpoch: number;
  readonly state: "starting" | "running" | "stopping" | "quarantined";
  readonly stopWhy: StopWhy | null;
  readonly evidence: string | null;
};

const selectLane = `SELECT lane.conversation, lane.workspace, session.title, lane.epoch, lane.session, session.resume,
    run.id AS run, run.epoch AS runEpoch, run.state, run.stop_why AS stopWhy, run.evidence
  FROM lane JOIN session ON session.id = lane.session
  LEFT JOIN run ON run.conversation = lane.conversation AND run.${isLive}`;

function toLane(row: LaneRow): Lane {
  return {
    conversation: row.conversation,
    workspace: row.workspace,
    title: row.title,
    epoch: row.epoch,
    state: toLaneState(row),
    session: { id: row.session, resume: row.resume },
  };
}

function toLaneState(row: LaneRow): LaneState {
  if (row.run === null) return { kind: "idle" };
  const owner = { conversation: row.conversation, run: row.run, epoch: row.runEpoch };
  switch (row.state) {
    case "starting":
    case "running":
      return { kind: "running", owner };
    case "stopping":
      return { kind: "stopping", owner, why: one(row.stopWhy ?? undefined, "reason of a stop") };
    case "quarantined": {
      const evidence = JSON.parse(one(row.evidence ?? undefined, "evidence of a quarantine")) as Evidence;
      return { kind: "quarantined", owner, why: row.stopWhy, evidence };
    }
    default:
      return row.state satisfies never;
  }
}

export function readLane(sql: Sql, conversation: ConversationId): Lane | null {
  const row = sql.get<LaneRow>(`${selectLane} WHERE lane.conversation = ?`, conversation);
  return row === undefined ? null : toLane(row);
}

/** In the order of their opening. */
export function readLanes(sql: Sql): readonly LaneTally[] {
  const count = (state: "queued" | "held"): string =>
    `(SELECT count(*) FROM inbox WHERE conversation = lanes.conversation AND state = '${state}') AS ${state}`;
  return sql
    .all<LaneRow & { queued: number; held: number }>(
      `SELECT lanes.*, ${count("queued")}, ${count("held")} FROM (${selectLane} ORDER BY lane.rowid) AS lanes`,
    )
    .map((row) => ({ ...toLane(row), queued: row.queued, held: row.held }));
}

function openLane(
  sql: Sql,
  conversation: ConversationId,
  workspace: string,
  chosen: boolean,
  session: string,
  atMs: number,
): void {
  if (sql.get("SELECT 1 FROM lane WHERE conversation = ?", conversation) !== undefined) return;
  addWorkspace(sql, workspace);
  addSession(sql, conversation, session, null, atMs);
  sql.run(
    "INSERT INTO lane (conversation, workspace, is_chosen, session, epoch, ticket) VALUES (?, ?, ?, ?, 0, NULL)",
    conversation,
    workspace,
    chosen ? 1 : 0,
    session,
  );
}

function newSession(sql: Sql, conversation: ConversationId, session: string, title: string | null, atMs: number): void {
  addSession(sql, conversation, session, title, atMs);
  sql.run("UPDATE lane SET session = ? WHERE conversation = ?", session, conversation);
}

function setTitle(sql: Sql, conversation: ConversationId, title: string): void {
  sql.run(
    "UPDATE session SET title = ? WHERE id = (SELECT session FROM lane WHERE conversation = ?)",
    title,
    conversation,
  );
}

/** A live run keeps the workspace that it began in; only where the next one begins is changed. */
function moveDefaultLanes(sql: Sql, workspace: string): void {
  addWorkspace(sql, workspace);
  sql.run("UPDATE lane SET workspace = ? WHERE is_chosen = 0 AND workspace <> ?", workspace, workspace);
  lanesMoved(sql);
}

function addWorkspace(sql: Sql, path: string): void {
  sql.run("INSERT INTO workspace (path, head_ticket) VALUES (?, NULL) ON CONFLICT (path) DO NOTHING", path);
}

function addSession(sql: Sql, conversation: ConversationId, id: string, title: string | null, atMs: number): void {
  sql.run(
    "INSERT INTO session (id, conversation, title, resume, opened_at_ms) VALUES (?, ?, ?, NULL, ?)",
    id,
    conversation,
    title,
    atMs,
  );
}
