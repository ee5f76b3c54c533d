/**
 * DR-3. There: a stop asked a mutable "active driver" after an await; when it had changed meanwhile, the wrong agent was stopped and the
 * running one never heard of it.
 * Here: a stop names a run, and the run knows its own turn; another agent is chosen for the run after it.
 */
import { expect, test } from "vitest";
import { createHouse } from "../engine-house.ts";
import { createScriptedDriver } from "../scripted-driver.ts";
import { moments, ticks } from "./kit.ts";

test("a stop reaches the run that it names, whichever agent has become the active one since", async () => {
  const before = createScriptedDriver({ name: "before" });
  const after = createScriptedDriver({ name: "after" });
  let active = before;
  const house = await createHouse({ driver: { ...before, start: (request) => active.start(request) } });
  await house.send("a", "one");
  active = after;
  await house.send("b", "two");
  const [ours] = before.turns;
  const [theirs] = after.turns;
  await house.send("a", "stop");
  expect([ours?.interrupts, theirs?.interrupts]).toEqual([["ask"], []]);
  ours?.obey("ask");
  await house.settled();
  expect(await house.notices("a")).toEqual(["stopping", "stopped"]);
  expect(await house.notices("b")).toEqual([]);
  theirs?.finish("2");
  expect(await house.items("b")).toEqual(["done"]);
});

const isIn = (name: string) => ({ name: "switch" as const, driver: name });

test("a stop after /switch, in the middle of a run, stops the agent that runs; the chosen one has the next message", async () => {
  const before = createScriptedDriver({ name: "before" });
  const after = createScriptedDriver({ name: "after" });
  const house = await createHouse({ driver: before, others: [after] });
  await house.send("a", "one");
  before.turns[0]?.emit({ kind: "session", resume: "before's memory" });
  await house.command("a", isIn("after"));
  await house.send("a", "!two");
  expect([before.turns[0]?.interrupts, after.turns]).toEqual([["ask"], []]);
  before.turns[0]?.obey("ask");
  await house.settled();
  expect(after.turns[0]?.request.session.resume).toBeNull();
  await house.send("a", "stop");
  expect(after.turns[0]?.interrupts).toEqual(["ask"]);
  expect(before.turns).toHaveLength(1);
});

test.each(moments)(
  "a stop %i turns of the event loop after /switch reaches the run, whichever agent it was claimed for",
  async (moment) => {
    const before = createScriptedDriver({ name: "before", onTurn: (turn) => turn.obey("ask") });
    const after = createScriptedDriver({ name: "after", onTurn: (turn) => turn.obey("ask") });
    const house = await createHouse({ driver: before, others: [after] });
    await house.command("a", { name: "new", title: null });
    const switched = house.command("a", isIn("after"));
    const sent = house.send("a", "one");
    await ticks(moment);
    await Promise.all([switched, sent, house.send("a", "stop")]);
    await house.settled();
    expect(await house.notices("a")).toEqual(expect.arrayContaining(["stopping", "stopped"]));
    expect(await house.store.history.liveRuns()).toEqual([]);
    expect([...before.turns, ...after.turns].every((turn) => turn.isQuiet)).toBe(true);
  },
);
