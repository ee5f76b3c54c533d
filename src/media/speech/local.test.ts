import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import type { Clock } from "../../engine/ports.ts";
import { survivors } from "../../lib/process-group.ts";
import { createScan } from "../../lib/process-scan.ts";
import { createLocalAdapter } from "./local.ts";
import { directory, file, known, never, programDeps, silent, voice, wav } from "./test-sound.ts";
import { writeModel } from "./test-model.ts";
import type { SpeechAdapter, Transcript } from "./transcriber.ts";

const script = fileURLToPath(new URL("./test-recogniser.ts", import.meta.url));

/** A clock on which nothing happens until it is told to. */
function stillClock(): Clock & { readonly asleep: () => number[]; wake(ms: number): void } {
  const sleepers = new Set<{ readonly ms: number; readonly wake: () => void }>();
  return {
    now: () => 0,
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        const sleeper = { ms, wake: () => (sleepers.delete(sleeper), resolve()) };
        sleepers.add(sleeper);
        signal.addEventListener("abort", sleeper.wake, { once: true });
      }),
    asleep: () => [...sleepers].map(({ ms }) => ms),
    wake: (ms) => [...sleepers].filter((sleeper) => sleeper.ms === ms).forEach(({ wake }) => wake()),
  };
}

type House = {
  readonly logged: readonly object[];
  readonly adapter: SpeechAdapter;
  readonly clock: ReturnType<typeof stillClock>;
  alive(): Promise<number>;
};

/** An adapter whose model directory is of this kind (test-recogniser.ts). */
function house(kind: string, rest: { readonly script?: string } = { script }): House {
  const clock = stillClock();
  const model = join(directory(), `${kind}-model`);
  mkdirSync(model);
  const deps = programDeps({ OPENAI_API_KEY: "canary" });
  const logged: object[] = [];
  const log = { ...silent, info: (fields: object) => void logged.push(fields) };
  const ids: string[] = [];
  const newId = (): string => (ids.push(deps.newId()), ids.at(-1) ?? "");
  const adapter = createLocalAdapter(model, { ...deps, newId, clock, log, ...rest });
  onTestFinished(() => adapter[Symbol.asyncDispose]());
  const scan = createScan();
  const count = async (id: string): Promise<number> =>
    (await survivors({ marker: `speech-${id}`, roots: [] }, [], scan)).length;
  return {
    adapter,
    clock,
    logged,
    alive: async () => (await Promise.all(ids.map(count))).reduce((sum, one) => sum + one, 0),
  };
}

const hear = ({ adapter }: House, path = voice, signal = never): Promise<Transcript> =>
  adapter.hear(path, known(), signal);

function said(transcript: Transcript): string {
  if (transcript.kind === "refused") throw new Error(transcript.why);
  return transcript.text;
}

const pidOf = (transcript: Transcript): string => said(transcript).split(":")[0] ?? "";

test("a voice message is decoded and heard in another process, which stays for the next one", async () => {
  const local = house("good");
  const first = await hear(local);
  expect(said(first)).toMatch(/^\d+: 5 s$/);
  expect(pidOf(first)).not.toBe(String(process.pid));
  expect(pidOf(await hear(local))).toBe(pidOf(first));
  expect(await local.alive()).toBe(1);
});

test("a long sound is heard whole, piece by piece: a recogniser forgets what is longer than it takes", async () => {
  const path = file("long.wav", wav(Array.from({ length: 70 * 16_000 }, () => 0.1)));
  expect(said(await hear(house("good"), path)).match(/\d+ s/g)).toEqual(["28 s", "28 s", "14 s"]);
});

test("the process ends when nobody has asked it for a while, and the next question starts a new one", async () => {
  const local = house("good");
  const first = await hear(local);
  expect(local.clock.asleep()).toEqual([300_000]);
  local.clock.wake(300_000);
  await expect.poll(local.alive).toBe(0);
  expect(pidOf(await hear(local))).not.toBe(pidOf(first));
});

test("a question keeps the process from ending under it", async () => {
  const local = house("good");
  await hear(local);
  const second = hear(local);
  await expect.poll(() => local.clock.asleep()).toEqual([30_000]);
  local.clock.wake(300_000);
  expect(said(await second)).toMatch(/5 s/);
});

test("questions are heard one after another, in their order", async () => {
  const local = house("good");
  const order: number[] = [];
  const ask = async (n: number): Promise<string> => {
    const transcript = await hear(local);
    order.push(n);
    return pidOf(transcript);
  };
  const pids = await Promise.all([ask(1), ask(2), ask(3)]);
  expect(new Set(pids).size).toBe(1);
  expect(order).toEqual([1, 2, 3]);
});

test("a stop ends the process with what it does, and whoever waits behind is heard by a new one", async () => {
  const local = house("hanging");
  const stop = new AbortController();
  const first = hear(local, voice, stop.signal);
  const second = new AbortController();
  const waiting = hear(local, voice, second.signal);
  await expect.poll(local.alive).toBe(1);
  second.abort();
  stop.abort();
  expect(await first).toMatchObject({ why: "The transcription was stopped." });
  expect(await local.alive()).toBe(0);
  expect(await waiting).toMatchObject({ why: "The transcription was stopped." });
  expect(await local.alive()).toBe(0);
});

test("a recogniser that takes too long is ended", async () => {
  const local = house("hanging");
  const transcript = hear(local);
  await expect.poll(local.alive).toBe(1);
  local.clock.wake(30_000);
  expect(await transcript).toMatchObject({ why: expect.stringMatching(/took longer/) as string, again: true });
  expect(await local.alive()).toBe(0);
});

test("a recogniser that takes its process along takes nothing else: it is told, and its last words are logged", async () => {
  const local = house("aborting");
  expect(await hear(local)).toMatchObject({
    kind: "refused",
    why: expect.stringMatching(/^The recogniser ended without an answer \(SIGABRT\)\. Perhaps/) as string,
    again: true,
  });
  expect(local.logged).toEqual([
    expect.objectContaining({ complaint: expect.stringContaining("terminate called") as string }),
  ]);
});

test("what could not be loaded is tried anew by the next question, in a new process", async () => {
  const local = house("unloadable");
  expect(await hear(local)).toEqual({ kind: "refused", why: "There is no model.", again: true });
  expect(await local.alive()).toBe(0);
  expect(await hear(local)).toMatchObject({ why: "There is no model." });
});

test("the process has no secret in its environment (I13)", async () => {
  const text = said(await hear(house("environment")));
  expect(text).toContain("PATH");
  expect(text).not.toContain("canary");
});

test("giving it back ends the process", async () => {
  const local = house("good");
  await hear(local);
  await local.adapter[Symbol.asyncDispose]();
  expect(await local.alive()).toBe(0);
  expect(local.clock.asleep()).toEqual([]);
});

test("the real recogniser, in the real process, hears a real voice message with a model that knows one word", async () => {
  const model = directory();
  writeModel(model, "hello");
  const deps = { ...programDeps(), clock: stillClock(), log: silent };
  await using adapter = createLocalAdapter(model, deps);
  expect(await adapter.hear(voice, known(), never)).toEqual({ kind: "said", text: "hello" });
  const long = file(
    "long.wav",
    wav(
      Array.from({ length: 60 * 8_000 }, (_, i) => Math.sin(i / 9) / 2),
      { rate: 8_000 },
    ),
  );
  expect(await adapter.hear(long, known(), never)).toEqual({ kind: "said", text: "hello hello hello" });
});

test("the real script says what is wrong with a directory that holds no model", async () => {
  expect(await hear(house("empty", {}))).toMatchObject({
    kind: "refused",
    why: expect.stringMatching(/empty-model is no model that Signalbox knows .* SIGNALBOX_TRANSCRIBE_MODEL/) as string,
    again: true,
  });
});
