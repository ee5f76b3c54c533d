/** What was used: sums of tokens and cost by session and by day, and the newest word of each agent on its account's limits. */
import type { AccountLimit, AgentLimits, Usage, UsageTally } from "../domain/agent-event.ts";
import type { RunOutcome } from "../domain/run.ts";
import type { Transcript } from "../domain/transcript.ts";
import type { Tx } from "../engine/ports.ts";
import type { Sql } from "./sql.ts";

type UsageVerbs = Pick<
  Tx,
  "addUsage" | "usageOf" | "usageOfDay" | "endedBetween" | "setLimits" | "limits" | "lastTranscript" | "transcriptOf"
>;

export function usageVerbs(sql: Sql): UsageVerbs {
  return {
    addUsage: async (session, day, driver, usage) => {
      addUsage(sql, `session:${session}`, "", driver, usage);
      addUsage(sql, `day:${day}:${driver}`, day, driver, usage);
    },
    usageOf: async (session) => readTallies(sql, "scope = ?", `session:${session}`).at(0) ?? null,
    usageOfDay: async (day) => readTallies(sql, "day = ?", day),
    endedBetween: async (fromMs, toMs) => endedBetween(sql, fromMs, toMs),
    setLimits: async (driver, limits, atMs) => {
      sql.run(
        "INSERT INTO account_limits VALUES (?, ?, ?) ON CONFLICT (driver) DO UPDATE SET limits = ?2, at_ms = ?3",
        driver,
        JSON.stringify(limits),
        atMs,
      );
    },
    limits: async () => readLimits(sql),
    lastTranscript: async (conversation) =>
      readTranscript(sql, "conversation = ? AND transcript IS NOT NULL ORDER BY epoch DESC LIMIT 1", conversation),
    transcriptOf: async (run) => readTranscript(sql, "id = ?", run),
  };
}

/** `day` is empty for a session's sum. */
function addUsage(sql: Sql, scope: string, day: string, driver: string, usage: Usage): void {
  sql.run(
    `INSERT INTO usage (scope, day, driver, runs, input, output, cache_read, cache_write, cost_usd)
     VALUES (?, ?, ?, 1, ?, ?, ?, ?, ?)
     ON CONFLICT (scope) DO UPDATE SET runs = runs + 1, input = input + excluded.input, output = output + excluded.output,
       cache_read = cache_read + excluded.cache_read, cache_write = cache_write + excluded.cache_write,
       cost_usd = iif(cost_usd IS NULL AND excluded.cost_usd IS NULL, NULL,
         coalesce(cost_usd, 0) + coalesce(excluded.cost_usd, 0))`,
    scope,
    day,
    driver,
    usage.inputTokens,
    usage.outputTokens,
    usage.cacheReadTokens,
    usage.cacheWriteTokens,
    usage.costUsd,
  );
}

function readTallies(sql: Sql, where: string, value: string): readonly UsageTally[] {
  return sql.all<UsageTally>(
    `SELECT driver, runs, input AS inputTokens, output AS outputTokens, cache_read AS cacheReadTokens,
       cache_write AS cacheWriteTokens, cost_usd AS costUsd FROM usage WHERE ${where} ORDER BY driver`,
    value,
  );
}

function readLimits(sql: Sql): readonly AgentLimits[] {
  return sql
    .all<{ driver: string; limits: string; atMs: number }>(
      "SELECT driver, limits, at_ms AS atMs FROM account_limits ORDER BY driver",
    )
    .map(({ driver, limits, atMs }) => ({ driver, limits: JSON.parse(limits) as AccountLimit[], atMs }));
}

function readTranscript(sql: Sql, where: string, value: string): Transcript | null {
  const text = sql.get<{ transcript: string | null }>(`SELECT transcript FROM run WHERE ${where}`, value)?.transcript;
  return text === undefined || text === null ? null : (JSON.parse(text) as Transcript);
}

function endedBetween(sql: Sql, fromMs: number, toMs: number): Awaited<ReturnType<Tx["endedBetween"]>> {
  const rows = sql.all<{ kind: RunOutcome["kind"]; count: number }>(
    `SELECT json_extract(outcome, '$.kind') AS kind, count(*) AS count FROM run
     WHERE ended_at_ms >= ? AND ended_at_ms < ? GROUP BY kind`,
    fromMs,
    toMs,
  );
  return Object.fromEntries(rows.map(({ kind, count }) => [kind, count]));
}
