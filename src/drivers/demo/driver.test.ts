/** What is particular to the demo; that it is a driver like every other is said by test/contracts/driver.test.ts. */
import { tmpdir } from "node:os";
import { expect, test } from "vitest";
import { noTools } from "../../../test/no-tools.ts";
import type { AgentEvent } from "../../domain/agent-event.ts";
import { webConversation } from "../../domain/conversation.ts";
import type { RunId } from "../../domain/run.ts";
import type { Clock, TurnRequest } from "../../engine/ports.ts";
import type { Scan } from "../../lib/process-scan.ts";
import { createDemoDriver } from "./driver.ts";
import { countMax, readPrompt, runSecondsMax } from "./script.ts";

/** Time passes when everybody waits for it: sleepers wake in the order of their deadlines, without any real time. */
function createInstantClock(): Clock {
  let nowMs = 0;
  const sleepers: { readonly atMs: number; readonly wake: () => void }[] = [];
  function wakeNext(): void {
    const next = sleepers.toSorted((a, b) => a.atMs - b.atMs)[0];
    if (next === undefined) return;
    sleepers.splice(sleepers.indexOf(next), 1);
    nowMs = Math.max(nowMs, next.atMs);
    next.wake();
  }
  return {
    now: () => nowMs,
    sleep(ms, signal) {
      return new Promise((resolve) => {
        sleepers.push({ atMs: nowMs + ms, wake: resolve });
        signal.addEventListener("abort", () => resolve(), { once: true });
        if (signal.aborted) resolve();
        setImmediate(wakeNext);
      });
    },
  };
}

const noScan: Scan = () => Promise.reject(new Error("a turn without a process must not read the process table"));

function request(text: string, run = "r1", resume: string | null = null): TurnRequest {
  return {
    owner: { conversation: webConversation("demo"), run: run as RunId, epoch: 1 },
    session: { id: "s", resume },
    workspace: tmpdir(),
    prompt: { text },
    permissions: "ask",
    model: null,
    tools: noTools,
  };
}

async function eventsOf(text: string): Promise<AgentEvent[]> {
  const driver = createDemoDriver({ clock: createInstantClock(), scan: noScan, environment: {} });
  return Array.fromAsync(driver.start(request(text)).events);
}

test("it says that it is a demo, how to connect a real agent and what to try, in small deltas", async () => {
  const events = await eventsOf("hello there");
  const end = events.at(-1);
  if (end?.kind !== "ended" || end.end.kind !== "completed") throw new Error("it did not complete");
  expect(end.end.answer).toMatch(/demo agent[^]*hello there[^]*install Claude Code[^]*`run 30`/);
  const deltas = events.flatMap((event) => (event.kind === "text" ? [event.delta] : []));
  expect(deltas.join("")).toBe(end.end.answer);
  expect(deltas.length).toBeGreaterThan(20);
  expect(events.map((event) => event.kind).indexOf("thinking")).toBeLessThan(
    events.map((event) => event.kind).indexOf("text"),
  );
});

test("the same prompt gives the same events under the same clock", async () => {
  expect(await eventsOf("count to 20")).toEqual(await eventsOf("count to 20"));
});

test("a hundred turns at once, none of which reads the process table, end each with its own answer", async () => {
  const driver = createDemoDriver({ clock: createInstantClock(), scan: noScan, environment: {} });
  const turns = Array.from({ length: 100 }, (_, i) => driver.start(request(`I am number ${i};`, `r${i}`)));
  const ends = await Promise.all(turns.map(async (turn) => (await Array.fromAsync(turn.events)).at(-1)));
  await Promise.all(turns.map((turn) => turn.quiet));
  expect(ends.map((end, i) => JSON.stringify(end).includes(`I am number ${i};`))).not.toContain(false);
});

test("what is steered in while it writes is added to the answer, and nothing accepted is lost", async () => {
  const driver = createDemoDriver({ clock: createInstantClock(), scan: noScan, environment: {} });
  const turn = driver.start(request("hello"));
  const accepted: string[] = [];
  let answer = "";
  for await (const event of turn.events) {
    if (event.kind === "ended" && event.end.kind === "completed") answer = event.end.answer;
    if (event.kind !== "text" || accepted.length >= 5) continue;
    const text = `word${accepted.length};`;
    if ((await turn.steer({ text })) === "accepted") accepted.push(text);
  }
  expect(accepted).toHaveLength(5);
  expect(accepted.filter((text) => !answer.includes(text))).toEqual([]);
});

test("without a process table a stopped turn with a process is never called quiet, and says why", async () => {
  const driver = createDemoDriver({
    clock: createInstantClock(),
    scan: noScan,
    environment: { PATH: process.env["PATH"] ?? "" },
  });
  const turn = driver.start(request("run 0.01"));
  let isQuiet = false;
  void turn.quiet.then(() => (isQuiet = true));
  for await (const event of turn.events) if (event.kind === "tool-started") turn.interrupt("kill");
  expect((await turn.survivors()).note).toBe("the system's process table cannot be read");
  await new Promise(setImmediate);
  expect(isQuiet).toBe(false);
});

test.each<[string, ReturnType<typeof readPrompt>["tool"]]>([
  ["run 5", { seconds: "5", style: "foreground" }],
  ["please RUN 2.5 now", { seconds: "2.5", style: "foreground" }],
  ["run 5 stubborn", { seconds: "5", style: "stubborn" }],
  ["run 5 stubbornly", { seconds: "5", style: "stubborn" }],
  ["run 5 in the background", { seconds: "5", style: "background" }],
  ["run 5 detached", { seconds: "5", style: "detached" }],
  ["run the tests", null],
  ["rerun 5", null],
  ["run 5; rm -rf /", { seconds: "5", style: "foreground" }],
  ["run -5", null],
])("%j asks for %j", (text, tool) => {
  expect(readPrompt(text, 1).tool).toEqual(tool);
});

test("more than the bounds is cut, and the answer says so", () => {
  const script = readPrompt("run 99999 and count to 99999", 1);
  expect(script.tool?.seconds).toBe(`${runSecondsMax}`);
  expect(script.countTo).toBe(countMax);
  expect(script.words).toContain(`at most ${runSecondsMax} seconds`);
  expect(script.words).toContain(`counts to ${countMax} at most`);
});

test("a long prompt is echoed by its head only", () => {
  expect(readPrompt("x".repeat(100_000), 1).words.length).toBeLessThan(2_000);
});
