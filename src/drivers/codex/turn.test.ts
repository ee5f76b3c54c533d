/** Turns against a stand-in of the server, for what the real one does only in a window of milliseconds or when it is broken. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { noTools } from "../../../test/no-tools.ts";
import type { AgentEvent } from "../../domain/agent-event.ts";
import { webConversation } from "../../domain/conversation.ts";
import type { RunId } from "../../domain/run.ts";
import type { Clock, Driver, Log, Turn } from "../../engine/ports.ts";
import { createSystemClock } from "../../lib/clock.ts";
import { createScan } from "../../lib/process-scan.ts";
import { createCodexDriver } from "./driver.ts";

const silent: Log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
const scan = createScan();
let serial = 0;
/** The bound of a look that has failed; another program has to act, and the machine may be busy. */
const patience = { timeout: 30_000 };

function stage(mood = "", clock: Clock = createSystemClock()) {
  const home = mkdtempSync(join(tmpdir(), "signalbox-codex-stand-in-"));
  const cli = join(home, "stand-in");
  const log = join(home, "log");
  writeFileSync(
    cli,
    `#!/bin/sh\nexec "${process.execPath}" "${fileURLToPath(new URL("./test-app-server.ts", import.meta.url))}"\n`,
    {
      mode: 0o755,
    },
  );
  const environment = { PATH: process.env["PATH"] ?? "", HOME: home, FAKE_LOG: log, FAKE_MOOD: mood };
  const instance = `stand-in.${process.pid}.${(serial += 1)}`;
  const driver = createCodexDriver({ environment, cli, instance, scan, clock, log: silent });
  onTestFinished(async () => {
    await driver[Symbol.asyncDispose]();
    rmSync(home, { recursive: true, force: true });
  });
  /** What the stand-in was sent. */
  const asked = (): { readonly method?: string; readonly id?: unknown; readonly result?: unknown }[] =>
    existsSync(log)
      ? readFileSync(log, "utf8")
          .trimEnd()
          .split("\n")
          .map((line) => JSON.parse(line) as { method?: string })
      : [];
  return { driver, home, asked };
}

function play(driver: Driver, workspace: string, text: string, id = `s${(serial += 1)}`) {
  const turn: Turn = driver.start({
    owner: { conversation: webConversation(id), run: `r${(serial += 1)}` as RunId, epoch: serial },
    session: { id, resume: null },
    workspace,
    prompt: { text },
    permissions: "bypass",
    model: null,
    tools: noTools,
  });
  const events: AgentEvent[] = [];
  const isTold = Promise.withResolvers<void>();
  const read = async () => {
    for await (const event of turn.events) {
      events.push(event);
      if (event.kind === "text") isTold.resolve();
    }
    const last = events.at(-1);
    return last?.kind === "ended" ? last.end : null;
  };
  return { turn, events, end: read(), said: isTold.promise };
}

test("what was steered in and not taken before the end is said again, within the same turn", async () => {
  const { driver, home } = stage();
  const turn = play(driver, home, "wait");
  await turn.said;
  expect(await turn.turn.steer({ text: "and this" })).toBe("accepted");
  expect(await turn.end).toEqual({ kind: "completed", answer: "waiting\n\necho: and this" });
});

test("a turn that Codex begins by itself is interrupted, and what it asks is refused: nobody owns it (I1)", async () => {
  const { driver, home, asked } = stage();
  const turn = play(driver, home, "follow a goal", "one");
  expect(await turn.end).toEqual({ kind: "completed", answer: "done" });
  await turn.turn.quiet;
  writeFileSync(join(home, "go-on"), "");
  await expect.poll(() => asked().some((line) => line.result !== undefined), patience).toBe(true);
  expect(await play(driver, home, "next", "one").end).toEqual({ kind: "completed", answer: "echo: next" });
  const lines = asked();
  expect(lines.find((line) => line.result !== undefined)).toMatchObject({ result: { decision: "cancel" } });
  const methods = lines.map((line) => line.method);
  expect(methods.indexOf("turn/interrupt")).toBeGreaterThan(methods.indexOf("turn/start"));
  expect(methods.lastIndexOf("turn/start")).toBeGreaterThan(methods.indexOf("turn/interrupt"));
});

test("a turn that Codex began by itself asks when ours waits already: it is refused, nothing of it is ours, and ours begins after it", async () => {
  const { driver, home, asked } = stage();
  const first = play(driver, home, "follow a goal later", "one");
  await first.end;
  await first.turn.quiet;
  writeFileSync(join(home, "go-on"), "");
  const isInterrupted = () => asked().some((line) => line.method === "turn/interrupt");
  await expect.poll(isInterrupted, patience).toBe(true);
  const second = play(driver, home, "next", "one");
  await driver.models(home, AbortSignal.timeout(patience.timeout)); // an answer that comes after the turn has its thread
  writeFileSync(join(home, "ask"), "");
  expect(await second.end).toEqual({ kind: "completed", answer: "echo: next" });
  expect(second.events.map((event) => event.kind)).not.toContain("asked");
  expect(JSON.stringify(second.events)).not.toContain("nobody");
  expect(asked().find((line) => line.result !== undefined)).toMatchObject({ result: { decision: "cancel" } });
});

test("a turn that Codex begins by itself during ours neither shows, nor asks, nor ends it", async () => {
  const { driver, home, asked } = stage();
  const turn = play(driver, home, "be disturbed");
  await turn.said;
  writeFileSync(join(home, "go-on"), "");
  expect(await turn.end).toEqual({ kind: "completed", answer: "before\n\nafter" });
  expect(turn.events.map((event) => event.kind)).not.toContain("asked");
  expect(JSON.stringify(turn.events)).not.toContain("nobody");
  await expect
    .poll(() => asked().find((line) => line.result !== undefined), patience)
    .toMatchObject({
      result: { decision: "cancel" },
    });
});

test("what joins a turn that has just begun by itself makes it ours, and is said again where that did not take it in", async () => {
  const { driver, home } = stage();
  expect(await play(driver, home, "join").end).toEqual({ kind: "completed", answer: "not taken\n\ntaken" });
});

test("an interrupt that comes too early for Codex is repeated until the turn has ended", async () => {
  const { driver, home } = stage();
  const turn = play(driver, home, "begin slowly");
  await turn.said;
  turn.turn.interrupt("ask");
  expect(await turn.end).toEqual({ kind: "interrupted" });
});

test("a question that Codex takes back is withdrawn, and its answer is too late", async () => {
  const { driver, home } = stage();
  const turn = play(driver, home, "withdraw");
  await turn.end;
  const kinds = turn.events.map((event) => event.kind);
  expect(kinds.indexOf("ask-withdrawn")).toBeGreaterThan(kinds.indexOf("asked"));
  expect(await turn.turn.answer("1", { kind: "allow", scope: "once" })).toBe("too-late");
});

/** Real time but for the bound that a test waits for: that one passes at once. */
function clockWithout(boundMs: number): Clock {
  const system = createSystemClock();
  return { now: system.now, sleep: (ms, signal) => system.sleep(ms === boundMs ? 1 : ms, signal) };
}

test("a server that does not hear an interrupt is killed in the end, and the turn is quiet; a milder word waits for it", async () => {
  const { driver, home, asked } = stage("", clockWithout(5_000));
  const turn = play(driver, home, "hear nothing", "one");
  await turn.said;
  turn.turn.interrupt("ask");
  turn.turn.interrupt("terminate");
  await expect.poll(() => asked().some((line) => line.method === "turn/interrupt"), patience).toBe(true);
  expect((await driver.models(home, AbortSignal.timeout(10_000))).kind).toBe("known");
  expect(turn.events.some((event) => event.kind === "ended")).toBe(false);
  turn.turn.interrupt("kill");
  expect(await turn.end).toEqual({ kind: "interrupted" });
  expect(await turn.turn.quiet).toEqual({ adopted: [] });
  expect(await play(driver, home, "again", "two").end).toEqual({ kind: "completed", answer: "echo: again" });
});

test("a server of a version that does not know us fails the turn, and says what it did not know", async () => {
  const { driver, home } = stage("old");
  expect(await play(driver, home, "hello").end).toEqual({
    kind: "failed",
    fault: { kind: "agent-error", agent: "Codex", detail: "initialize: unknown variant" },
  });
});

test("a server that nobody uses is ended, and started again for the next turn", async () => {
  const { driver, home, asked } = stage("", clockWithout(15 * 60_000));
  await play(driver, home, "one", "s").end;
  const starts = (): number => asked().filter((line) => line.method === "initialize").length;
  expect(await play(driver, home, "two").end).toEqual({ kind: "completed", answer: "echo: two" });
  await expect
    .poll(async () => {
      await play(driver, home, "three").end;
      return starts();
    })
    .toBeGreaterThan(1);
});

test("the one server is counted, and how each turn met it", async () => {
  const { driver, home } = stage();
  expect(driver.pool()).toEqual({ live: 0, idle: 0, takenWarm: 0, takenPrepared: 0, started: 0 });
  driver.prewarm(home);
  expect(driver.pool()).toMatchObject({ live: 1, idle: 1 });
  const first = play(driver, home, "one");
  expect(driver.pool()).toMatchObject({ live: 1, idle: 0 });
  await first.end;
  await first.turn.quiet;
  const second = play(driver, home, "two");
  await second.end;
  await second.turn.quiet;
  await expect
    .poll(() => driver.pool(), patience)
    .toEqual({ live: 1, idle: 1, takenWarm: 1, takenPrepared: 1, started: 0 });
});
