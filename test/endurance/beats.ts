/**
 * Schedules in both tests: some people have one, due every few seconds, whose agent works beside their chat and makes room for them.
 *
 * I11: whatever was killed whenever, each due time since the beginning is in one record: it fired, with its item, or it is within one that
 * says why it did not.
 */
import { DatabaseSync } from "node:sqlite";
import { type ConversationId, sideConversation } from "../../src/domain/conversation.ts";
import type { Schedule } from "../../src/domain/schedule.ts";
import type { Store } from "../../src/engine/ports.ts";
import { newId } from "../../src/lib/ids.ts";

const name = "beat";

/** More often than a person may: a life of the program lasts seconds here. */
const everyMs = 1_500;

/** Where a message of the schedule's run begins in the chat. */
export const beatMark = `\u23F0 ${name}\n`;

/** A schedule of this conversation that is due from now on; one time waits while the one before runs. */
export async function giveBeat(store: Store, home: ConversationId, user: string, workspace: string): Promise<void> {
  const lane = sideConversation(home, name);
  const nowMs = Date.now();
  const schedule: Omit<Schedule, "id"> = {
    ...{ home, lane, name, user, state: "active", nextAtMs: nowMs + everyMs, failures: 0, createdAtMs: nowMs },
    plan: {
      ...{ timing: { kind: "every", everyMs, fromMs: nowMs }, zone: "UTC", work: { kind: "prompt", text: "beat" } },
      ...{ missed: { kind: "latest" }, overlap: "queue", view: "shown", memory: "kept" },
      ...{ permissions: "ask", runMsMax: null },
    },
  };
  await store.transact(async (tx) => {
    await tx.openLane(lane, workspace, true, newId());
    await tx.addSchedule(schedule);
  });
}

/** The load is over: nothing is due any more, what waits still runs. */
export function endBeats(path: string): void {
  using database = new DatabaseSync(path, { timeout: 1_000 });
  database.exec("UPDATE schedule SET state = 'over', next_at_ms = NULL WHERE state = 'active'");
}

export type BeatFigures = { readonly fired: number; readonly skipped: number };

type Row = {
  readonly schedule: number;
  readonly beganAtMs: number;
  readonly nextAtMs: number | null;
  readonly dueAtMs: number;
  readonly firedAtMs: number;
  readonly skipped: string | null;
};

/** What became of all due times, and what is wrong with their records, one line each. */
export function judgeBeats(path: string): { readonly figures: BeatFigures; readonly violations: readonly string[] } {
  using database = new DatabaseSync(path, { readOnly: true, timeout: 1_000 });
  const rows = database
    .prepare(
      `SELECT schedule, schedule.created_at_ms AS beganAtMs, schedule.next_at_ms AS nextAtMs, due_at_ms AS dueAtMs,
         fired_at_ms AS firedAtMs, skipped
       FROM occurrence JOIN schedule ON schedule.id = schedule WHERE "trigger" = 'timer' ORDER BY schedule, due_at_ms`,
    )
    .all() as unknown as readonly Row[];
  const figures = { fired: 0, skipped: 0 };
  const violations: string[] = [];
  for (const [schedule, records] of Map.groupBy(rows, (row) => row.schedule)) {
    let expectedMs = (records[0]?.beganAtMs ?? 0) + everyMs;
    for (const { dueAtMs, firedAtMs, skipped } of records) {
      if (dueAtMs !== expectedMs)
        violations.push(`I11 schedule ${schedule}: a record of ${dueAtMs}, where ${expectedMs} is to come`);
      if (dueAtMs > firedAtMs) violations.push(`I11 schedule ${schedule}: ${dueAtMs} was recorded before it was due`);
      const { toMs, count } =
        skipped === null ? { toMs: dueAtMs, count: 1 } : (JSON.parse(skipped) as { toMs: number; count: number });
      if (count !== (toMs - dueAtMs) / everyMs + 1)
        violations.push(`I11 schedule ${schedule}: ${count} times from ${dueAtMs} to ${toMs}`);
      if (skipped === null) figures.fired += 1;
      else figures.skipped += count;
      expectedMs = toMs + everyMs;
    }
    const next = records[0]?.nextAtMs ?? null;
    if (next !== null && next !== expectedMs)
      violations.push(`I11 schedule ${schedule}: it is next due at ${next}, and ${expectedMs} has no record`);
  }
  return { figures, violations };
}
