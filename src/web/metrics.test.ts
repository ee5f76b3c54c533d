import { get } from "node:http";
import { expect, it } from "vitest";

import { webConversation } from "../domain/conversation.ts";
import type { ItemKey } from "../domain/inbox-item.ts";
import { readText } from "../domain/typed-text.ts";
import type { Figures } from "../engine/ports.ts";
import { type MetricsDeps, readMetrics } from "./metrics.ts";
import { startWebKit } from "./web.test-kit.ts";

const nothing: Figures = {
  ...{ pending: 0, oldestPendingAtMs: null, live: [], undelivered: [], used: [], ended: [], stops: [] },
  ...{ decisions: [], uncertain: 0 },
  lateness: { fired: 0, lateMs: 0, within: [] },
};

async function lines(figures: Partial<Figures>, counted: Partial<MetricsDeps> = {}) {
  const history = { figures: async () => ({ ...nothing, ...figures }) };
  const nobody = { pools: () => [], telegram: () => null, denied: () => [], firstOutputs: () => [] };
  const text = await readMetrics({ history, version: '1.0"\\\n', now: () => 10_000, ...nobody, ...counted });
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
      decisions: [
        { labels: { decision: "allowed_once" }, value: 4 },
        { labels: { decision: "denied" }, value: 1 },
      ],
      uncertain: 2,
      lateness: {
        fired: 3,
        lateMs: 4_020,
        within: [
          { boundMs: 10, fired: 1 },
          { boundMs: 5_000, fired: 3 },
        ],
      },
    },
    {
      pools: () => [{ driver: "claude", live: 3, idle: 2, takenWarm: 5, takenPrepared: 1, started: 4 }],
      firstOutputs: () => [{ driver: "claude", runs: 2, toFirstOutputMs: 900 }],
      telegram: () => ({
        updates: [{ labels: { type: "message" }, value: 7 }],
        requests: [{ labels: { method: "sendMessage", outcome: "done" }, value: 6 }],
        retryAfterMs: 2_500,
        denied: [{ labels: { reason: "stranger" }, value: 3 }],
      }),
      denied: () => [{ labels: { reason: "foreign-host" }, value: 1 }],
    },
  );
  expect(samples.slice(1)).toEqual([
    "signalbox_inbox_pending 3",
    "signalbox_inbox_oldest_age_seconds 2.5",
    'signalbox_outbox_pending{channel="telegram"} 2',
    "signalbox_outbox_uncertain_total 2",
    'signalbox_runs_active{driver="claude"} 2',
    "signalbox_quarantined 1",
    'signalbox_runs_total{driver="claude",trigger="interactive",outcome="finished"} 2',
    'signalbox_runs_total{driver="claude",trigger="interactive",outcome="stopped"} 1',
    'signalbox_run_duration_seconds_sum{driver="claude"} 4',
    'signalbox_run_duration_seconds_count{driver="claude"} 3',
    'signalbox_queue_wait_seconds_sum{driver="claude"} 0.5',
    'signalbox_queue_wait_seconds_count{driver="claude"} 3',
    'signalbox_run_time_to_first_output_seconds_sum{driver="claude"} 0.9',
    'signalbox_run_time_to_first_output_seconds_count{driver="claude"} 2',
    'signalbox_stop_to_quiet_seconds_sum{driver="claude"} 0.12',
    'signalbox_stop_to_quiet_seconds_count{driver="claude"} 1',
    'signalbox_approvals_total{decision="allowed_once"} 4',
    'signalbox_approvals_total{decision="denied"} 1',
    'signalbox_updates_received_total{type="message"} 7',
    'signalbox_telegram_requests_total{method="sendMessage",outcome="done"} 6',
    "signalbox_telegram_retry_after_seconds_total 2.5",
    'signalbox_auth_denied_total{surface="telegram",reason="stranger"} 3',
    'signalbox_auth_denied_total{surface="web",reason="foreign-host"} 1',
    'signalbox_schedule_lateness_seconds_bucket{le="0.01"} 1',
    'signalbox_schedule_lateness_seconds_bucket{le="5"} 3',
    'signalbox_schedule_lateness_seconds_bucket{le="+Inf"} 3',
    "signalbox_schedule_lateness_seconds_sum 4.02",
    "signalbox_schedule_lateness_seconds_count 3",
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
  const types = text.match(/^# TYPE signalbox_\w+ (gauge|counter|summary|histogram)$/gm) ?? [];
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

it("counts whom the page refused, and why", async () => {
  await using kit = await startWebKit();
  const { url } = kit.listening;
  await fetch(`${url}/api/overview`);
  await fetch(`${url}/api/overview`);
  await fetch(`${url}/enter?token=guessed`);
  await fetch(`${url}/api/uploads`, { method: "POST", headers: { origin: "http://evil.example" }, body: "x" });
  await statusAs("evil.example", Number(new URL(url).port));
  const text = await (await fetch(`${url}/metrics`)).text();
  expect(text.match(/^signalbox_auth_denied_total.*$/gm)).toEqual([
    'signalbox_auth_denied_total{surface="web",reason="not-signed-in"} 2',
    'signalbox_auth_denied_total{surface="web",reason="link-invalid"} 1',
    'signalbox_auth_denied_total{surface="web",reason="foreign-origin"} 1',
    'signalbox_auth_denied_total{surface="web",reason="foreign-host"} 1',
  ]);
});

it("measures how long a run took to say something", async () => {
  await using kit = await startWebKit();
  const conversation = webConversation("one");
  const request = readText("hello");
  const item = { key: "web:1" as ItemKey, user: "web", message: "1", priority: "interactive", sentAtMs: 0 } as const;
  await kit.engine.accept([{ ...item, conversation, request }]);
  kit.clock.advance(1_250);
  kit.engine.event(conversation, { kind: "text", delta: "Hello" });
  const text = await (await fetch(`${kit.listening.url}/metrics`)).text();
  expect(text).toMatch(/^signalbox_run_time_to_first_output_seconds_sum\{driver="\w+"\} 1.25$/m);
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
