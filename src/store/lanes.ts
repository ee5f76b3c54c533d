/**
 * Lanes: a conversation with its workspace, its session and its epoch. What runs in it is read from the runs, never kept twice.
 */
import type { ModelChoice } from "../domain/agent-model.ts";
import type { ConversationId } from "../domain/conversation.ts";
import {
  type ConversationSettings,
  defaultConversationSettings,
  readConversationSettings,
} from "../domain/conversation-settings.ts";
import type { LaneState } from "../domain/lane-machine.ts";
import type { Evidence, RunId, StopWhy } from "../domain/run.ts";
import type { PermissionMode } from "../domain/permission-mode.ts";
import type { Lane, Tx } from "../engine/ports.ts";
import { isLive } from "./migrations.ts";
import { lanesMoved } from "./readiness.ts";
import { one, type Sql } from "./sql.ts";

type LaneVerbs = Pick<
  Tx,
  | "lane"
  | "openLane"
  | "lanes"
  | "newSession"
  | "takeSession"
  | "sessionFor"
  | "holderOf"
  | "possibleHolderOf"
  | "chooseWorkspace"
  | "chooseDriver"
  | "choosePermissions"
  | "chooseSettings"
  | "chooseModel"
  | "setTitle"
  | "moveDefaultLanes"
>;

export function laneVerbs(sql: Sql, now: () => number): LaneVerbs {
  return {
    lane: async (conversation) => readLane(sql, conversation),
    openLane: async (conversation, workspace, chosen, session) =>
      openLane(sql, conversation, workspace, chosen, session, now()),
    lanes: async () => readLanes(sql),
    newSession: async (conversation, session, title) => newSession(sql, conversation, session, title, now()),
    takeSession: async (conversation, session) => takeSession(sql, conversation, session, now()),
    sessionFor: async (conversation, driver, fresh) => sessionFor(sql, conversation, driver, fresh, now()),
    holderOf: async (driver, resume) => holderOf(sql, driver, resume),
    possibleHolderOf: async (driver, resume, workspace) => possibleHolderOf(sql, driver, resume, workspace),
    chooseWorkspace: async (conversation, workspace, session) => {
      addWorkspace(sql, workspace);
      sql.run("UPDATE lane SET workspace = ?, is_chosen = 1 WHERE conversation = ?", workspace, conversation);
      lanesMoved(sql);
      newSession(sql, conversation, session, null, now());
    },
    chooseDriver: async (conversation, driver) => {
      sql.run("UPDATE lane SET driver = ? WHERE conversation = ?", driver, conversation);
    },
    choosePermissions: async (conversation, permissions) => {
      sql.run("UPDATE lane SET permissions = ? WHERE conversation = ?", permissions, conversation);
    },
    chooseSettings: async (conversation, settings) => {
      sql.run("UPDATE lane SET settings = ? WHERE conversation = ?", JSON.stringify(settings), conversation);
    },
    chooseModel: async (conversation, model) => chooseModel(sql, conversation, model),
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
  readonly sessionDriver: string | null;
  readonly driver: string | null;
  readonly permissions: PermissionMode | null;
  readonly model: string | null;
  readonly effort: string | null;
  readonly settings: string;
  readonly run: RunId | null;
  readonly runEpoch: number;
  readonly state: "starting" | "running" | "stopping" | "quarantined";
  readonly stopWhy: StopWhy | null;
  readonly evidence: string | null;
};

const selectLane = `SELECT lane.conversation, lane.workspace, session.title, lane.epoch, lane.session, session.resume,
    session.driver AS sessionDriver, lane.driver, lane.permissions, session.model, session.effort, lane.settings,
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
    session: { id: row.session, resume: row.resume, driver: row.sessionDriver },
    driver: row.driver,
    permissions: row.permissions,
    model: row.model === null ? null : { id: row.model, effort: row.effort },
    settings: toSettings(row.settings),
  };
}

function toSettings(stored: string): ConversationSettings {
  return stored === "{}" ? defaultConversationSettings : readConversationSettings(stored);
}

export function readSettings(sql: Sql, conversation: ConversationId): ConversationSettings {
  const row = sql.get<{ settings: string }>("SELECT settings FROM lane WHERE conversation = ?", conversation);
  return toSettings(row?.settings ?? "{}");
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
  addSession(sql, { conversation, id: session, driver: null, resume: null, title: null, model: null }, atMs);
  sql.run(
    "INSERT INTO lane (conversation, workspace, is_chosen, session, epoch, ticket) VALUES (?, ?, ?, ?, 0, NULL)",
    conversation,
    workspace,
    chosen ? 1 : 0,
    session,
  );
}

function newSession(sql: Sql, conversation: ConversationId, session: string, title: string | null, atMs: number): void {
  const lane = one(readLane(sql, conversation) ?? undefined, `lane ${conversation}`);
  const { driver } = lane.session;
  enterSession(sql, { conversation, id: session, driver, resume: null, title, model: lane.model }, atMs);
}

/** The model goes with it: the person chose it for this conversation and agent. */
function takeSession(
  sql: Sql,
  conversation: ConversationId,
  { id, driver, resume, title }: Parameters<Tx["takeSession"]>[1],
  atMs: number,
): void {
  const lane = one(readLane(sql, conversation) ?? undefined, `lane ${conversation}`);
  const model = lane.session.driver === driver ? lane.model : null;
  enterSession(sql, { conversation, id, driver, resume, title, model }, atMs);
}

function sessionFor(sql: Sql, conversation: ConversationId, driver: string, fresh: string, atMs: number): Lane {
  const lane = one(readLane(sql, conversation) ?? undefined, `lane ${conversation}`);
  if (lane.session.driver === null) sql.run("UPDATE session SET driver = ? WHERE id = ?", driver, lane.session.id);
  else if (lane.session.driver !== driver) {
    const newest = sql.get<{ id: string }>(
      "SELECT id FROM session WHERE conversation = ? AND driver = ? ORDER BY rowid DESC LIMIT 1",
      conversation,
      driver,
    );
    if (newest === undefined) {
      const { title } = lane;
      enterSession(sql, { conversation, id: fresh, driver, resume: null, title, model: null }, atMs);
    } else sql.run("UPDATE lane SET session = ? WHERE conversation = ?", newest.id, conversation);
  }
  return one(readLane(sql, conversation) ?? undefined, `lane ${conversation}`);
}

/** A conversation that works with another agent now comes back to its newest session of this one. */
function holderOf(sql: Sql, driver: string, resume: string): ConversationId | null {
  const holder = sql.get<{ conversation: ConversationId }>(
    `SELECT conversation FROM session WHERE driver = ?1 AND resume = ?2 AND rowid =
       (SELECT max(newest.rowid) FROM session AS newest WHERE newest.conversation = session.conversation AND newest.driver = ?1)`,
    driver,
    resume,
  );
  return holder?.conversation ?? null;
}

/** A run's new memory is in its agent's own list before the run says that it is its. */
function possibleHolderOf(sql: Sql, driver: string, resume: string, workspace: string): ConversationId | null {
  const holder = sql.get<{ conversation: ConversationId }>(
    `SELECT run.conversation FROM run JOIN session ON session.id = run.session
     WHERE ${isLive} AND run.workspace = ?3 AND run.driver = ?1 AND session.resume IS NULL
       AND NOT EXISTS (SELECT 1 FROM session AS known WHERE known.driver = ?1 AND known.resume = ?2)`,
    driver,
    resume,
    workspace,
  );
  return holder?.conversation ?? null;
}

function chooseModel(sql: Sql, conversation: ConversationId, model: ModelChoice | null): void {
  sql.run(
    "UPDATE session SET model = ?, effort = ? WHERE id = (SELECT session FROM lane WHERE conversation = ?)",
    model?.id ?? null,
    model?.effort ?? null,
    conversation,
  );
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

type NewSession = {
  readonly conversation: ConversationId;
  readonly id: string;
  readonly driver: string | null;
  readonly resume: string | null;
  readonly title: string | null;
  readonly model: ModelChoice | null;
};

function enterSession(sql: Sql, session: NewSession, atMs: number): void {
  addSession(sql, session, atMs);
  sql.run("UPDATE lane SET session = ? WHERE conversation = ?", session.id, session.conversation);
}

function addSession(sql: Sql, { conversation, id, driver, resume, title, model }: NewSession, atMs: number): void {
  sql.run(
    `INSERT INTO session (id, conversation, driver, title, resume, model, effort, opened_at_ms)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
    id,
    conversation,
    driver,
    title,
    resume,
    model?.id ?? null,
    model?.effort ?? null,
    atMs,
  );
}
