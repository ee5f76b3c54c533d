/**
 * Runs: what an owner may write about its run, and what is read about runs.
 *
 * I3: every write names run, epoch and a live state, and demands that the epoch is still the lane's newest: `owned` below is
 * the only WHERE in which an owner occurs.
 */
import type { ConversationId } from "../domain/conversation.ts";
import type { Evidence, RunId, RunOutcome, RunOwner, StopWhy } from "../domain/run.ts";
import type { Transcript } from "../domain/transcript.ts";
import type { LiveRun, Tx } from "../engine/ports.ts";
import { isLive } from "./migrations.ts";
import { runEnded } from "./readiness.ts";
import type { Sql } from "./sql.ts";

type RunVerbs = Pick<
  Tx,
  "run" | "liveRuns" | "confirmRun" | "markStopping" | "quarantineRun" | "settleRun" | "deposeAll"
>;

export function runVerbs(sql: Sql, incarnation: number): RunVerbs {
  return {
    run: async (owner) => readRun(sql, owner),
    liveRuns: async () => readLiveRuns(sql),
    confirmRun: async (owner, resume) => confirmRun(sql, owner, resume),
    markStopping: async (owner, why, atMs) => markStopping(sql, owner, why, atMs),
    quarantineRun: async (owner, evidence) => quarantineRun(sql, owner, evidence),
    settleRun: async (owner, outcome, transcript, atMs) => settleRun(sql, owner, outcome, transcript, atMs),
    deposeAll: async (atMs) => deposeAll(sql, incarnation, atMs),
  };
}

/** I3. Takes the values of `ownerValues`, in that order. */
export const owned = `id = ? AND conversation = ? AND epoch = ? AND ${isLive}
  AND epoch = (SELECT epoch FROM lane WHERE conversation = run.conversation)`;

export const ownerValues = (owner: RunOwner): readonly [RunId, ConversationId, number] => [
  owner.run,
  owner.conversation,
  owner.epoch,
];

type LiveRow = {
  readonly run: RunId;
  readonly conversation: ConversationId;
  readonly epoch: number;
  readonly item: LiveRun["item"];
  readonly workspace: string;
  readonly session: string;
  readonly driver: string;
  readonly slot: number;
  readonly incarnation: number;
  readonly state: LiveRun["state"];
  readonly stopWhy: StopWhy | null;
  readonly isBackground: 0 | 1;
  readonly startedAtMs: number;
};

const selectLive = `SELECT id AS run, conversation, epoch, item, workspace, session, driver, slot, incarnation, state,
  stop_why AS stopWhy, is_background AS isBackground, started_at_ms AS startedAtMs FROM run`;

function toLiveRun({ run, conversation, epoch, isBackground, ...rest }: LiveRow): LiveRun {
  return { owner: { conversation, run, epoch }, ...rest, isBackground: isBackground === 1 };
}

function readRun(sql: Sql, owner: RunOwner): LiveRun | null {
  const row = sql.get<LiveRow>(`${selectLive} WHERE ${owned}`, ...ownerValues(owner));
  return row === undefined ? null : toLiveRun(row);
}

/** By slot. */
export function readLiveRuns(sql: Sql): readonly LiveRun[] {
  return sql.all<LiveRow>(`${selectLive} WHERE ${isLive} ORDER BY slot`).map(toLiveRun);
}

/** A run that is being stopped stays so, and its session can still be resumed. */
function confirmRun(sql: Sql, owner: RunOwner, resume: string | null): boolean {
  const confirmed = sql.run(
    `UPDATE run SET state = iif(state = 'starting', 'running', state) WHERE ${owned}`,
    ...ownerValues(owner),
  );
  if (confirmed === 0) return false;
  if (resume !== null)
    sql.run("UPDATE session SET resume = ? WHERE id = (SELECT session FROM run WHERE id = ?)", resume, owner.run);
  return true;
}

/** A quarantined run stays quarantined: only a settlement ends that (I2). */
function markStopping(sql: Sql, owner: RunOwner, why: StopWhy, atMs: number): boolean {
  return (
    sql.run(
      `UPDATE run SET state = iif(state = 'quarantined', state, 'stopping'), stop_why = ?,
         stop_at_ms = coalesce(stop_at_ms, ?) WHERE ${owned}`,
      why,
      atMs,
      ...ownerValues(owner),
    ) === 1
  );
}

function quarantineRun(sql: Sql, owner: RunOwner, evidence: Evidence): boolean {
  return (
    sql.run(
      `UPDATE run SET state = 'quarantined', evidence = ? WHERE ${owned}`,
      JSON.stringify(evidence),
      ...ownerValues(owner),
    ) === 1
  );
}

function settleRun(sql: Sql, owner: RunOwner, outcome: RunOutcome, transcript: Transcript, atMs: number): boolean {
  const settled = sql.get<{ workspace: string }>(
    `UPDATE run SET state = 'settled', evidence = NULL, outcome = ?, transcript = ?, ended_at_ms = ?
     WHERE ${owned} RETURNING workspace`,
    JSON.stringify(outcome),
    JSON.stringify(transcript),
    atMs,
    ...ownerValues(owner),
  );
  if (settled === undefined) return false;
  runEnded(sql, owner.conversation, settled.workspace);
  return true;
}

/** From here on every write of an earlier owner matches no row. */
function deposeAll(sql: Sql, incarnation: number, atMs: number): readonly LiveRun[] {
  sql.run(`UPDATE lane SET epoch = epoch + 1 WHERE conversation IN (SELECT conversation FROM run WHERE ${isLive})`);
  sql.run(
    `UPDATE run SET epoch = (SELECT epoch FROM lane WHERE conversation = run.conversation), incarnation = ?,
       state = 'stopping', stop_why = 'crash', stop_at_ms = ?, evidence = NULL
     WHERE ${isLive}`,
    incarnation,
    atMs,
  );
  return readLiveRuns(sql);
}
