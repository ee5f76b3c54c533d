// What the real program tells a scrape: the numbers move when the thing happens, and name nobody.

import { expect } from "vitest";
import { openPage } from "./page-client.ts";
import { ownSceneTest } from "./scene-test.ts";

const test = ownSceneTest({ driver: "demo", env: { SIGNALBOX_WEB: "127.0.0.1:0" } });

test("updates, requests to Telegram, refusals and first words are counted, and no figure names a person or a chat", async ({
  scene,
  person,
}) => {
  const { origin } = await openPage(scene.bridge);
  const read = async (): Promise<string> => (await fetch(`${origin}/metrics`)).text();
  const valueOf = (text: string, sample: string): number =>
    Number(
      text
        .split("\n")
        .find((line) => line.startsWith(`${sample} `))
        ?.slice(sample.length) ?? 0,
    );
  const before = await read();
  const stranger = scene.stranger();
  stranger.sends("let me in");
  await scene.said(stranger, "This bot is private.");
  person.sends("good morning");
  await scene.answered(person, /demo agent/);
  await scene.delivered();
  const after = await read();
  const grew = (sample: string): number => valueOf(after, sample) - valueOf(before, sample);
  expect(grew('signalbox_updates_received_total{type="message"}')).toBe(2);
  expect(grew('signalbox_auth_denied_total{surface="telegram",reason="stranger"}')).toBe(1);
  // The status and the answer, and what the stranger was told.
  expect(grew('signalbox_telegram_requests_total{method="sendMessage",outcome="done"}')).toBeGreaterThanOrEqual(2);
  expect(grew('signalbox_run_time_to_first_output_seconds_count{driver="demo"}')).toBe(1);
  expect(grew('signalbox_runs_total{driver="demo",trigger="interactive",outcome="finished"}')).toBe(1);
  for (const one of [stranger, person]) expect(after).not.toContain(String(one.id));
});
