/**
 * What Signalbox does, in numbers, as Prometheus reads them (text format 0.0.4).
 *
 * 1. What the database knows is looked up when it is asked for. What it does not know is counted as it happens, a number for each word of
 *    a closed list: nothing else is kept for a scrape that may never come.
 * 2. Open to whoever may reach the page, so no name of a person, a conversation or a directory is a label.
 */
import type { Figures, History, PoolCounts } from "../engine/ports.ts";
import type { Count, Labels } from "../lib/counter.ts";
import type { FirstOutputs } from "./first-outputs.ts";

export type DriverPool = PoolCounts & { readonly driver: string };

/** What the Telegram channel has counted since it began. */
export type ChannelFigures = {
  readonly updates: readonly Count<{ readonly type: string }>[];
  readonly requests: readonly Count<{ readonly method: string; readonly outcome: string }>[];
  readonly retryAfterMs: number;
  readonly denied: readonly Count<{ readonly reason: string }>[];
};

export type MetricsDeps = {
  readonly history: Pick<History, "figures">;
  /** Of every agent that was loaded. */
  readonly pools: () => readonly DriverPool[];
  /** Null without Telegram. */
  readonly telegram: () => ChannelFigures | null;
  /** Requests that this page refused. */
  readonly denied: () => readonly Count<{ readonly reason: string }>[];
  readonly firstOutputs: () => readonly FirstOutputs[];
  readonly version: string;
  readonly now: () => number;
};

export const metricsType = "text/plain; version=0.0.4; charset=utf-8";

/** Rejects when the store cannot be read. */
export async function readMetrics(deps: MetricsDeps): Promise<string> {
  const { history, pools, version, now } = deps;
  const figures = await history.figures();
  const families = [
    family("build_info", "gauge", "1, with the version as a label.", [
      { labels: { version, node: process.versions.node }, value: 1 },
    ]),
    ...inboxOf(figures, now()),
    ...runsOf(figures, deps.firstOutputs()),
    ...doorsOf(deps.telegram(), deps.denied()),
    latenessOf(figures),
    ...usedOf(figures),
    ...poolsOf(pools()),
  ];
  return `${families.join("\n")}\n`;
}

function inboxOf({ pending, oldestPendingAtMs, undelivered, uncertain }: Figures, nowMs: number): string[] {
  const age = oldestPendingAtMs === null ? 0 : Math.max(0, nowMs - oldestPendingAtMs);
  return [
    family("inbox_pending", "gauge", "Messages that wait or are on hold.", [{ value: pending }]),
    family("inbox_oldest_age_seconds", "gauge", "How long the oldest of them has waited; 0 when none waits.", [
      { value: seconds(age) },
    ]),
    family(
      "outbox_pending",
      "gauge",
      "Messages to people that are not delivered yet.",
      undelivered.map(({ channel, count }) => ({ labels: { channel }, value: count })),
    ),
    family("outbox_uncertain_total", "counter", "Messages of which it was not known for a time whether they arrived.", [
      { value: uncertain },
    ]),
  ];
}

function runsOf({ live, ended, stops, decisions }: Figures, firstOutputs: readonly FirstOutputs[]): string[] {
  const quarantined = live.filter(({ state }) => state === "quarantined");
  const active = live.filter(({ state }) => state !== "quarantined");
  return [
    family("runs_active", "gauge", "Runs that are starting, running or stopping.", [
      ...sums(
        active,
        ({ driver }) => ({ driver }),
        ({ count }) => count,
      ),
    ]),
    family("quarantined", "gauge", "Runs of which something could not be proven gone.", [
      { value: quarantined.reduce((sum, { count }) => sum + count, 0) },
    ]),
    family(
      "runs_total",
      "counter",
      "Runs that ended since the program started.",
      ended.map(({ driver, trigger, outcome, runs }) => ({ labels: { driver, trigger, outcome }, value: runs })),
    ),
    summary(
      "run_duration_seconds",
      "From the start of a run to its settled end.",
      ended,
      ({ durationMs }) => durationMs,
    ),
    summary(
      "queue_wait_seconds",
      "From a message's acceptance to the start of its run.",
      ended,
      ({ waitMs }) => waitMs,
    ),
    summary(
      "run_time_to_first_output_seconds",
      "From the start of a run to the first word, thought or tool of its agent.",
      firstOutputs,
      ({ toFirstOutputMs }) => toFirstOutputMs,
    ),
    summary("stop_to_quiet_seconds", "From the order to stop to the proof.", stops, ({ toQuietMs }) => toQuietMs),
    family(
      "approvals_total",
      "counter",
      "Approvals and plans that agents asked for, by what became of them.",
      decisions,
    ),
  ];
}

function latenessOf({ lateness: { fired, lateMs, within } }: Figures): string {
  const upTo = (le: string, value: number): Sample => ({ suffix: "_bucket", labels: { le }, value });
  return family(
    "schedule_lateness_seconds",
    "histogram",
    "How late times of schedules fired; missed ones are not counted.",
    [
      ...within.map((one) => upTo(`${seconds(one.boundMs)}`, one.fired)),
      upTo("+Inf", fired),
      { suffix: "_sum", value: seconds(lateMs) },
      { suffix: "_count", value: fired },
    ],
  );
}

function doorsOf(telegram: ChannelFigures | null, page: ReturnType<MetricsDeps["denied"]>): string[] {
  const deniedAt = (surface: string, denied: readonly Count<{ readonly reason: string }>[]): Sample[] =>
    denied.map(({ labels, value }) => ({ labels: { surface, ...labels }, value }));
  return [
    family("updates_received_total", "counter", "Updates that Telegram has delivered.", telegram?.updates ?? []),
    family("telegram_requests_total", "counter", "Requests to Telegram.", telegram?.requests ?? []),
    family("telegram_retry_after_seconds_total", "counter", "Waits that Telegram has asked for.", [
      { value: seconds(telegram?.retryAfterMs ?? 0) },
    ]),
    family("auth_denied_total", "counter", "What was refused at a door, by whose door and why.", [
      ...deniedAt("telegram", telegram?.denied ?? []),
      ...deniedAt("web", page),
    ]),
  ];
}

function usedOf({ used }: Figures): string[] {
  return [
    family(
      "tokens_total",
      "counter",
      "Tokens that agents have reported, of all time.",
      used.flatMap(({ driver, ...tally }) => [
        { labels: { driver, kind: "input" }, value: tally.inputTokens },
        { labels: { driver, kind: "output" }, value: tally.outputTokens },
        { labels: { driver, kind: "cache_read" }, value: tally.cacheReadTokens },
        { labels: { driver, kind: "cache_write" }, value: tally.cacheWriteTokens },
      ]),
    ),
    family(
      "cost_usd_total",
      "counter",
      "Cost in US dollars that agents have reported, of all time; nothing for an agent that reports none.",
      used.flatMap(({ driver, costUsd }) => (costUsd === null ? [] : [{ labels: { driver }, value: costUsd }])),
    ),
  ];
}

function poolsOf(pools: readonly DriverPool[]): string[] {
  return [
    family(
      "pool_processes",
      "gauge",
      "Warm processes of an agent.",
      pools.flatMap(({ driver, live, idle }) => [
        { labels: { driver, state: "working" }, value: live - idle },
        { labels: { driver, state: "idle" }, value: idle },
      ]),
    ),
    family(
      "pool_takes_total",
      "counter",
      "How turns met a process: the session's own, one that was prepared, or one that had to be started.",
      pools.flatMap(({ driver, takenWarm, takenPrepared, started }) => [
        { labels: { driver, how: "warm" }, value: takenWarm },
        { labels: { driver, how: "prepared" }, value: takenPrepared },
        { labels: { driver, how: "started" }, value: started },
      ]),
    ),
  ];
}

// ---- the format

type Sample = { readonly suffix?: string; readonly labels?: Labels; readonly value: number };

function family(name: string, type: string, help: string, samples: readonly Sample[]): string {
  const full = `signalbox_${name}`;
  const lines = samples.map(({ suffix = "", labels = {}, value }) => `${full}${suffix}${written(labels)} ${value}`);
  return [`# HELP ${full} ${help}`, `# TYPE ${full} ${type}`, ...lines].join("\n");
}

/** A sum and a count for each driver: an average over any time. */
function summary<T extends { readonly driver: string; readonly runs: number }>(
  name: string,
  help: string,
  rows: readonly T[],
  msOf: (row: T) => number,
): string {
  const labelsOf = ({ driver }: T): Labels => ({ driver });
  return family(name, "summary", help, [
    ...sums(rows, labelsOf, msOf).map(({ labels, value }) => ({ labels, suffix: "_sum", value: seconds(value) })),
    ...sums(rows, labelsOf, ({ runs }) => runs).map(({ labels, value }) => ({ labels, suffix: "_count", value })),
  ]);
}

function sums<T>(rows: readonly T[], labelsOf: (row: T) => Labels, valueOf: (row: T) => number) {
  const found = new Map<string, { readonly labels: Labels; readonly value: number }>();
  for (const row of rows) {
    const labels = labelsOf(row);
    const key = written(labels);
    found.set(key, { labels, value: (found.get(key)?.value ?? 0) + valueOf(row) });
  }
  return [...found.values()];
}

function written(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`);
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

function escaped(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}

function seconds(ms: number): number {
  return ms / 1_000;
}
