// Several conversations at once, from the page and from Telegram through the same engine (issue rows L7, L8, S5, point 7; I1, I9).

import { mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { ConversationView } from "../../src/web/wire.ts";
import { scripted } from "../model/script.ts";
import { openDatabase } from "./house-rules.ts";
import { openPage } from "./page-client.ts";
import { openScene, type Scene } from "./scene.ts";

const freePort = { SIGNALBOX_WEB: "127.0.0.1:0" };

function answerIn(wanted: string): (view: ConversationView) => boolean {
  return ({ entries }) => entries.some((entry) => entry.kind === "answer" && entry.markdown.includes(wanted));
}

function noticeIn(wanted: string): (view: ConversationView) => boolean {
  return ({ entries }) => entries.some((entry) => entry.kind === "notice" && entry.text.includes(wanted));
}

function directory({ home }: Scene, name: string): string {
  mkdirSync(join(home.path, name));
  return join(home.path, name);
}

test.concurrent("page and Telegram run side by side in their own directories, and /stop all proves the end of both (S5, SP-1)", async () => {
  await using scene = await openScene({ driver: "claude", env: freePort });
  const page = await openPage(scene.bridge);
  const elsewhere = directory(scene, "else where");
  const { owner } = scene.emulator;
  const here = scene.child("stubborn");
  const there = scene.childIn(elsewhere, "detached");
  owner.sends(scripted([[{ tool: "Bash", input: { command: here.command } }], ["never said"]]));
  expect(
    await page.send(
      "side",
      scripted([[{ tool: "Bash", input: { command: there.command } }], ["never said"]]),
      elsewhere,
    ),
  ).toBe(200);
  await here.started();
  await there.started();
  const { lanes } = await page.overview();
  expect(
    lanes
      .filter(({ state }) => state === "running")
      .map(({ workspace }) => workspace)
      .toSorted((a, b) => (a < b ? -1 : 1)),
  ).toEqual([elsewhere, scene.home.workspace].toSorted((a, b) => (a < b ? -1 : 1)));
  await page.send("side", "waits on the page");
  await page.until("side", ({ queue }) => queue.length === 1, "the queue");

  owner.sends("/stop all");
  await scene.said(owner, "Stopping 2 runs…");
  const end = await scene.bridge.until(
    () => owner.chat().find("Everything is stopped (2 runs).") && { alive: [here.isAlive(), there.isAlive()] },
    "the proof for both",
  );
  expect(end.alive).toEqual([false, false]);
  await page.until("side", noticeIn("Stopped. 1 message on hold."), "the stop on the page");
  expect(await page.press("side", "Run each")).toBe(200);
  await page.until("side", answerIn("echo: waits on the page"), "the answer on the page");
});

test.concurrent("a directory reached by another name is the same directory: its second conversation waits (I1)", async () => {
  await using scene = await openScene({ driver: "demo", env: freePort });
  const page = await openPage(scene.bridge);
  const real = directory(scene, "project");
  symlinkSync(real, join(scene.home.path, "alias"));
  await page.send("one", "run 303", real);
  await page.until("one", ({ run }) => run?.state === "running", "the first run");
  await page.send("two", "hello from two", join(scene.home.path, "alias"));
  await page.until("two", ({ lane }) => lane?.waitsFor?.kind === "workspace", "the wait");
  await page.stop("one", "conversation");
  await page.until("one", noticeIn("Stopped."), "the stop");
  await page.until("two", answerIn("hello from two"), "its turn, without anybody writing");
});

test.concurrent("with one slot, a conversation that waits for it gets it before one that keeps writing (L8, I9)", async () => {
  await using scene = await openScene({ driver: "demo", env: { ...freePort, SIGNALBOX_MAX_RUNS: "1" } });
  const page = await openPage(scene.bridge);
  const { owner } = scene.emulator;
  await page.send("flood", "run 303", directory(scene, "flood"));
  await page.until("flood", ({ run }) => run?.state === "running", "the first run");
  for (let n = 1; n <= 3; n += 1) await page.send("flood", `flood ${n}`);
  owner.sends("a quiet one");
  await scene.said(owner, "All run slots are in use");
  await page.send("flood", "flood 4");
  await page.stop("flood", "conversation");
  await page.until("flood", noticeIn("Stopped. 4 messages on hold."), "the stop");
  await page.press("flood", "Run each");
  await scene.answered(owner, /You wrote: “a quiet one”/);
  await page.until("flood", answerIn("flood 4"), "the flood's own turn");
  using database = openDatabase(scene.home);
  const order = database?.prepare("SELECT conversation FROM run ORDER BY started_at_ms, rowid").all();
  expect(order?.map((run) => String(run["conversation"]).split(":")[0])).toEqual([
    ...["web", "telegram"],
    ...["web", "web", "web", "web"],
  ]);
});

test.concurrent("the page lets nobody in without its link, and the link opens once (T12)", async () => {
  await using scene = await openScene({ driver: "demo", env: freePort });
  const [, link = ""] = await scene.bridge.printed(/^Page: (\S+)/m);
  const page = await openPage(scene.bridge);
  expect((await fetch(link, { redirect: "manual" })).status).toBe(401);
  expect((await fetch(`${page.origin}/api/overview`)).status).toBe(401);
  const foreign = { origin: "https://evil.example", "content-type": "application/json" };
  const response = await fetch(`${page.origin}/api/conversations/web:x/messages`, {
    method: "POST",
    headers: foreign,
    body: JSON.stringify({ key: "k", text: "run 303" }),
  });
  expect(response.status).toBe(403);
  expect((await page.overview()).lanes).toEqual([]);
});
