import { get } from "node:http";
import { expect, it } from "vitest";

import type { Figures } from "../engine/ports.ts";
import { readMetrics } from "./metrics.ts";
import { startWebKit } from "./web.test-kit.ts";

const nothing: Figures = {
  ...{ pending: 0, oldestPendingAtMs: null, live: [], undelivered: [], used: [], ended: [], stops: [] },
};

async function lines(figures: Partial<Figures>, pools: Parameters<typeof readMetrics>[0]["pools"] = () => []) {
  const history = { figures: async () => ({ ...nothing, ...figures }) };
  const text = await readMetrics({ history, pools, version: '1.0"\\\n', now: () => 10_000 });
  return { text, samples: text.split("\n").filter((line) => line !== "" && !line.startsWith("#")) };
}

it("tells every figure by its name, in base units, with the words of Prometheus", async () => {
  const run = { driver: "claude", trigger: "interactive" } as const;
  const { samples } = await lines(
    {
      ...{ pending: 3, oldestPendingAtMs: 7_500 },
      live: [
        { driver: "claude", state: "running", count: 1 },
        { driver: "claude", state: "stopping", count: 1 },
        { driver: "codex", state: "quarantined", count: 1 },
      ],
      undelivered: [{ channel: "telegram", count: 2 }],
      used: [
        {
          ...{ driver: "codex", runs: 4, inputTokens: 10, outputTokens: 20, cacheReadTokens: 30, cacheWriteTokens: 40 },
          costUsd: null,
        },
        {
          ...{ driver: "claude", runs: 1, inputTokens: 1, outputTokens: 2, cacheReadTokens: 3, cacheWriteTokens: 4 },
          costUsd: 0.25,
        },
      ],
      ended: [
        { ...run, outcome: "finished", runs: 2, durationMs: 3_000, waitMs: 500 },
        { ...run, outcome: "stopped", runs: 1, durationMs: 1_000, waitMs: 0 },
      ],
      stops: [{ driver: "claude", runs: 1, toQuietMs: 120 }],
    },
    () => [{ driver: "claude", live: 3, idle: 2, takenWarm: 5, takenPrepared: 1, started: 4 }],
  );
  expect(samples.slice(1)).toEqual([
    "signalbox_inbox_pending 3",
    "signalbox_inbox_oldest_age_seconds 2.5",
    'signalbox_outbox_pending{channel="telegram"} 2',
    'signalbox_runs_active{driver="claude"} 2',
    "signalbox_quarantined 1",
    'signalbox_runs_total{driver="claude",trigger="interactive",outcome="finished"} 2',
    'signalbox_runs_total{driver="claude",trigger="interactive",outcome="stopped"} 1',
    'signalbox_run_duration_seconds_sum{driver="claude"} 4',
    'signalbox_run_duration_seconds_count{driver="claude"} 3',
    'signalbox_queue_wait_seconds_sum{driver="claude"} 0.5',
    'signalbox_queue_wait_seconds_count{driver="claude"} 3',
    'signalbox_stop_to_quiet_seconds_sum{driver="claude"} 0.12',
    'signalbox_stop_to_quiet_seconds_count{driver="claude"} 1',
    'signalbox_tokens_total{driver="codex",kind="input"} 10',
    'signalbox_tokens_total{driver="codex",kind="output"} 20',
    'signalbox_tokens_total{driver="codex",kind="cache_read"} 30',
    'signalbox_tokens_total{driver="codex",kind="cache_write"} 40',
    'signalbox_tokens_total{driver="claude",kind="input"} 1',
    'signalbox_tokens_total{driver="claude",kind="output"} 2',
    'signalbox_tokens_total{driver="claude",kind="cache_read"} 3',
    'signalbox_tokens_total{driver="claude",kind="cache_write"} 4',
    'signalbox_cost_usd_total{driver="claude"} 0.25',
    'signalbox_pool_processes{driver="claude",state="working"} 1',
    'signalbox_pool_processes{driver="claude",state="idle"} 2',
    'signalbox_pool_takes_total{driver="claude",how="warm"} 5',
    'signalbox_pool_takes_total{driver="claude",how="prepared"} 1',
    'signalbox_pool_takes_total{driver="claude",how="started"} 4',
  ]);
});

it("is text that Prometheus can read: a type for each name, one name for each family, labels escaped", async () => {
  const { text, samples } = await lines({});
  expect(samples[0]).toBe(`signalbox_build_info{version="1.0\\"\\\\\\n",node="${process.versions.node}"} 1`);
  const types = text.match(/^# TYPE signalbox_\w+ (gauge|counter|summary)$/gm) ?? [];
  expect(types).toHaveLength(text.match(/^# HELP /gm)?.length ?? 0);
  expect(new Set(types).size).toBe(types.length);
  expect(text.endsWith("\n")).toBe(true);
});

it("says that nothing waits as an age of 0, and a clock that went back as 0 as well", async () => {
  expect((await lines({})).samples).toContain("signalbox_inbox_oldest_age_seconds 0");
  expect((await lines({ oldestPendingAtMs: 20_000 })).samples).toContain("signalbox_inbox_oldest_age_seconds 0");
});

it("is answered without a cookie, and like everything only under our own name", async () => {
  await using kit = await startWebKit({ pools: () => [{ ...noTakes, driver: "fake" }] });
  const { url } = kit.listening;
  const answer = await fetch(`${url}/metrics`);
  expect([answer.status, answer.headers.get("content-type")]).toEqual([
    200,
    "text/plain; version=0.0.4; charset=utf-8",
  ]);
  expect(await answer.text()).toContain('signalbox_pool_processes{driver="fake",state="idle"} 0');
  expect(await statusAs("example.org", Number(new URL(url).port))).toBe(421);
});

const noTakes = { live: 0, idle: 0, takenWarm: 0, takenPrepared: 0, started: 0 };

/** fetch sets its own Host. */
async function statusAs(host: string, port: number): Promise<number | undefined> {
  const answered = Promise.withResolvers<number | undefined>();
  get({ host: "127.0.0.1", port, path: "/metrics", headers: { host } }, (response) => {
    response.resume();
    answered.resolve(response.statusCode);
  }).once("error", answered.reject);
  return answered.promise;
}
