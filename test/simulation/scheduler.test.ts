import { expect, test } from "vitest";
import { createRandom } from "./random.ts";
import { choiceKinds, createScheduler, settled, type Scheduler, type Weights } from "./scheduler.ts";
import { createTrace } from "./trace.ts";
import { createVirtualClock } from "./virtual-clock.ts";

const never = new AbortController().signal;

function setUp(seed: number, order: "in-order" | "any" = "in-order") {
  const random = createRandom(seed);
  const trace = createTrace();
  const scheduler = createScheduler(random, trace, order);
  return { random, trace, scheduler };
}

async function exhaust(scheduler: Scheduler): Promise<void> {
  // Bound: each test offers a handful of choices.
  for (let steps = 0; steps < 100; steps += 1) if (!(await scheduler.step())) return;
}

test("everything that follows from a choice has happened when the step is over", async () => {
  const { scheduler } = setUp(1);
  const seen: string[] = [];
  const chain = async (): Promise<void> => {
    await scheduler.pending("agent", "a", 1, () => {});
    for (let depth = 0; depth < 20; depth += 1) await Promise.resolve();
    seen.push("deep");
  };
  void chain();
  await scheduler.step();
  expect(seen).toEqual(["deep"]);
});

test("the same seed takes the same choices, another seed others", async () => {
  const run = async (seed: number): Promise<string> => {
    const { scheduler, trace } = setUp(seed, "any");
    for (let n = 0; n < 12; n += 1) scheduler.offer({ kind: "resolve", label: `${n}`, life: 1, run: () => {} });
    await exhaust(scheduler);
    return trace.hash();
  };
  expect(await run(3)).toBe(await run(3));
  expect(await run(3)).not.toBe(await run(4));
});

test("news of commits stays in order unless the scenario lets it overtake", async () => {
  const { scheduler } = setUp(5);
  const seen: number[] = [];
  for (let n = 0; n < 8; n += 1) scheduler.offer({ kind: "resolve", label: "", life: 1, run: () => seen.push(n) });
  await exhaust(scheduler);
  expect(seen).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
});

test("a life that ended hears of nothing any more, and what it still asks for is ignored", async () => {
  const { scheduler } = setUp(6);
  const seen: string[] = [];
  const wait = (label: string, life: number | null): void =>
    void scheduler.pending("machine", label, life, () => seen.push(label));
  wait("dead", 1);
  scheduler.endLife(1);
  wait("dead too", 1);
  wait("heir", 2);
  wait("world", null);
  await exhaust(scheduler);
  expect(seen.toSorted()).toEqual(["heir", "world"]);
});

test("a kind without weight is never chosen", async () => {
  const { scheduler } = setUp(7);
  const weights = Object.fromEntries(choiceKinds.map((kind) => [kind, kind === "agent" ? 1 : 0])) as Weights;
  scheduler.setWeights(weights);
  const seen: string[] = [];
  scheduler.offer({ kind: "crash", label: "", life: null, run: () => seen.push("crash") });
  scheduler.offer({ kind: "agent", label: "", life: 1, run: () => seen.push("agent") });
  await exhaust(scheduler);
  expect(seen).toEqual(["agent"]);
});

test("a sleeper wakes only when the scheduler lets time pass, and a jump of the wall clock wakes nobody", async () => {
  const { scheduler, random } = setUp(8);
  const clock = createVirtualClock(scheduler, random);
  const begunMs = clock.now();
  let isAwake = false;
  void clock
    .forLife(1)
    .sleep(5_000, never)
    .then(() => (isAwake = true));
  clock.jump(60_000);
  await settled();
  expect(isAwake).toBe(false);
  await scheduler.step();
  expect(isAwake).toBe(true);
  expect(clock.now() - begunMs).toBeGreaterThanOrEqual(65_000);
});

test("a signal wakes its sleeper at once", async () => {
  const { scheduler, random } = setUp(9);
  const clock = createVirtualClock(scheduler, random);
  const alarm = new AbortController();
  let isAwake = false;
  void clock
    .forLife(1)
    .sleep(5_000, alarm.signal)
    .then(() => (isAwake = true));
  alarm.abort();
  await settled();
  expect(isAwake).toBe(true);
  expect(clock.sleepers(1)).toBe(0);
});
