import { describe, expect, it } from "vitest";
import { createHouse, noEvidence } from "../../test/engine-house.ts";
import { laneCapacity } from "./waiting-line.ts";
import { askMs, endedMs, killMs, terminateMs } from "./quiescence.ts";

const wholeEscalationMs = askMs + terminateMs + killMs + 10;

describe("a message", () => {
  it("is stored, run once and answered, and its lane is free afterwards", async () => {
    await using house = await createHouse();
    await house.send("a", "hello");
    const turn = await house.driver.nextTurn();
    turn.finish("hi");
    expect(await house.said("a")).toContainEqual(expect.objectContaining({ kind: "answer", text: "hi" }));
    expect(await house.items("a")).toEqual(["done"]);
    expect(await house.store.history.liveRuns()).toEqual([]);
  });

  it("that arrives twice is admitted once", async () => {
    await using house = await createHouse();
    await house.send("a", "hello", { key: "k" });
    expect(await house.send("a", "hello", { key: "k" })).toMatchObject({ fresh: false });
    expect(house.driver.turns).toHaveLength(1);
    expect((await house.store.history.counts()).received).toBe(1);
  });

  it("waits while a turn runs, is told its place, and starts when the turn is proven quiet, with no new traffic (DQ-1)", async () => {
    await using house = await createHouse();
    await house.send("a", "one");
    await house.send("a", "two");
    expect(await house.notices("a")).toEqual(["queued"]);
    const first = await house.driver.nextTurn();
    first.answer("1");
    await house.settled();
    expect(house.driver.turns).toHaveLength(1); // ended is not quiet
    first.becomeQuiet();
    expect((await house.driver.nextTurn()).request.prompt.text).toBe("two");
  });

  it("of another conversation in the same directory waits for that directory, and starts when it frees (I1)", async () => {
    await using house = await createHouse();
    await house.send("a", "one", { workspace: "/projects/shared" });
    await house.send("b", "two", { workspace: "/projects/shared" });
    expect(house.driver.turns).toHaveLength(1);
    const said = await house.said("b");
    expect(said[0]).toMatchObject({ notice: { kind: "queued", waitsFor: "workspace", workspace: "/projects/shared" } });
    (await house.driver.nextTurn()).finish("1");
    expect((await house.driver.nextTurn()).request.prompt.text).toBe("two");
  });

  it("waits for a slot when all are in use", async () => {
    await using house = await createHouse({ runsMax: 1 });
    await house.send("a", "one");
    await house.send("b", "two");
    expect((await house.said("b"))[0]).toMatchObject({ notice: { kind: "queued", waitsFor: "slot" } });
    (await house.driver.nextTurn()).finish("1");
    await house.settled();
    expect(house.driver.turns).toHaveLength(2);
  });

  it("beyond the lane's capacity is refused with a text and a row, before any effect (N-16)", async () => {
    await using house = await createHouse();
    for (let index = 0; index <= laneCapacity; index += 1) await house.send("a", `m${index}`);
    await house.send("a", "!one too many");
    expect((await house.items("a")).at(-1)).toBe("rejected");
    expect((await house.notices("a")).at(-1)).toBe("lane-full");
    expect(house.driver.turns[0]?.interrupts).toEqual([]);
  });

  it("and an interrupt that arrive together are decided as if they had come one by one", async () => {
    await using house = await createHouse();
    await house.sendTogether("a", "one", "!two");
    expect((await house.items("a"))[0]).toBe("cancelled");
    expect((await house.driver.nextTurn()).request.prompt.text).toBe("two");
  });

  it("that fails to run says why and offers to run again; again is a new item that runs", async () => {
    await using house = await createHouse();
    await house.send("a", "one");
    const turn = await house.driver.nextTurn();
    turn.end({ kind: "failed", fault: { kind: "overloaded" } });
    turn.becomeQuiet();
    expect(await house.items("a")).toEqual(["failed"]);
    await house.press("a", "run-again");
    expect((await house.driver.nextTurn()).request.prompt.text).toBe("one");
    expect(await house.items("a")).toEqual(["failed", "done", "running"]);
  });
});

describe("a stop", () => {
  it("says Stopping at once and Stopped only after proof, however long that takes (I2, I8, DR-2)", async () => {
    await using house = await createHouse();
    await house.send("a", "one");
    const turn = await house.driver.nextTurn();
    await house.send("a", "stop");
    expect(await house.notices("a")).toEqual(["stopping"]);
    turn.end({ kind: "interrupted" });
    await house.settled();
    expect(await house.notices("a")).toEqual(["stopping"]);
    expect(await house.store.history.liveRuns()).toHaveLength(1);
    turn.becomeQuiet();
    expect(await house.notices("a")).toEqual(["stopping", "stopped"]);
    expect(await house.items("a")).toEqual(["cancelled", "done"]);
  });

  it("is never answered with the turn's own end: no Done after Stopped (H-3)", async () => {
    await using house = await createHouse();
    await house.send("a", "one");
    const turn = await house.driver.nextTurn();
    await house.send("a", "/stop".slice(1));
    turn.finish("I was done anyway");
    expect((await house.said("a")).map((body) => body.kind)).not.toContain("answer");
    expect(await house.notices("a")).toEqual(["stopping", "stopped"]);
  });

  it("escalates from ask to terminate to kill, and quarantines what does not end (H-1)", async () => {
    await using house = await createHouse();
    await house.send("a", "one");
    const turn = await house.driver.nextTurn();
    turn.survive(noEvidence);
    await house.send("a", "stop");
    await house.clock.advance(wholeEscalationMs);
    expect(turn.interrupts).toEqual(["ask", "terminate", "kill"]);
    expect(await house.notices("a")).toEqual(["stopping", "quarantined"]);
    await house.send("a", "two");
    expect(house.driver.turns).toHaveLength(1);
    expect((await house.store.history.liveRuns())[0]?.state).toBe("quarantined");
  });

  it("a quarantined run frees its lane by itself when it ends after all", async () => {
    await using house = await createHouse();
    await house.send("a", "one");
    const turn = await house.driver.nextTurn();
    await house.send("a", "stop");
    await house.clock.advance(wholeEscalationMs);
    await house.send("a", "two");
    turn.end({ kind: "interrupted" });
    turn.becomeQuiet();
    expect((await house.driver.nextTurn()).request.prompt.text).toBe("two");
  });

  it.each(["in its conversation", "of everything", "by its button"])(
    "%s ends background work for good that made room and is not proven gone yet, and holds what waits behind it",
    async (how) => {
      await using house = await createHouse();
      await house.send("a", "tidy", { priority: "background" });
      const turn = await house.driver.nextTurn();
      const stop = await house.button("a", "stop");
      await house.send("b", "now", { workspace: "/projects/a" });
      await house.clock.advance(wholeEscalationMs);
      expect(await house.notices("a")).toEqual(["quarantined"]);
      await house.send("a", "later");
      if (how === "in its conversation") await house.send("a", "stop");
      else if (how === "of everything") await house.command("c", { name: "stop", scope: "all" });
      else await house.press("a", "stop", { id: stop });
      turn.end({ kind: "interrupted" });
      turn.becomeQuiet();
      await house.settled();
      expect((await house.items("a")).slice(0, 2)).toEqual(["cancelled", "held"]);
    },
  );

  it("a run whose end cannot be recorded is not tried for ever: it is quarantined and told, and Force release frees its lane", async () => {
    await using house = await createHouse();
    await house.send("a", "one");
    const turn = await house.driver.nextTurn();
    house.database.exec("UPDATE inbox SET state = 'merged' WHERE id = 1"); // rows that contradict each other
    turn.finish("1");
    await house.settled();
    expect(await house.notices("a")).toEqual([]); // what was in the way may pass
    await house.clock.advance(60_000);
    const note: unknown = expect.stringContaining("was not running");
    expect((await house.said("a")).at(-1)).toMatchObject({
      notice: { kind: "quarantined", evidence: { processes: [], note } },
    });
    expect((await house.store.history.liveRuns())[0]?.state).toBe("quarantined");
    expect(house.engine.snapshots()).toEqual([]);
    house.database.exec("UPDATE inbox SET state = 'running' WHERE id = 1");
    await house.press("a", "force-release");
    expect(await house.store.history.liveRuns()).toEqual([]);
  });

  it("Force release frees a quarantined lane at the person's risk, and what the old run does later is written nowhere (I3)", async () => {
    await using house = await createHouse();
    await house.send("a", "one");
    const turn = await house.driver.nextTurn();
    await house.send("a", "stop");
    await house.clock.advance(wholeEscalationMs);
    await house.press("a", "force-release");
    await house.send("a", "two");
    const before = (await house.said("a")).length;
    turn.emit({ kind: "text", delta: "still here" });
    turn.finish("late");
    expect(await house.said("a")).toHaveLength(before);
    expect((await house.items("a"))[0]).toBe("cancelled");
    expect(house.driver.turns).toHaveLength(2);
  });

  it("given twice strengthens at once instead of waiting for the bound (H-5)", async () => {
    await using house = await createHouse();
    await house.send("a", "one");
    const turn = await house.driver.nextTurn();
    await house.send("a", "stop");
    expect(turn.interrupts).toEqual(["ask"]);
    await house.send("a", "stop");
    expect(turn.interrupts).toEqual(["ask", "terminate"]);
    expect(await house.notices("a")).toEqual(["stopping"]);
  });

  it("keeps the queue and offers it back (S4); run as one joins it", async () => {
    await using house = await createHouse();
    await house.send("a", "one");
    await house.send("a", "two");
    await house.send("a", "three");
    const turn = await house.driver.nextTurn();
    turn.obey("ask");
    await house.send("a", "stop");
    await house.settled();
    expect(house.driver.turns).toHaveLength(1);
    expect((await house.said("a")).at(-1)).toMatchObject({ notice: { kind: "stopped", held: 2 } });
    await house.press("a", "held", { how: "run-as-one" });
    expect((await house.driver.nextTurn()).request.prompt.text).toBe("two\n\nthree");
    expect(await house.items("a")).toEqual(["cancelled", "running", "merged", "done", "done"]);
  });

  it("!text stops with proof, then runs the text before what waited", async () => {
    await using house = await createHouse();
    await house.send("a", "one");
    await house.send("a", "two");
    await house.send("a", "!three");
    const turn = await house.driver.nextTurn();
    expect(turn.interrupts).toEqual(["ask"]);
    expect(house.driver.turns).toHaveLength(1);
    turn.end({ kind: "interrupted" });
    turn.becomeQuiet();
    const next = await house.driver.nextTurn();
    expect(next.request.prompt.text).toBe("three");
    next.finish("3");
    expect((await house.driver.nextTurn()).request.prompt.text).toBe("two");
  });

  it("that finds nothing says so", async () => {
    await using house = await createHouse();
    await house.send("a", "stop");
    expect(await house.notices("a")).toEqual(["nothing-to-stop"]);
  });

  it("of everything answers after the last run is proven gone (SP-1)", async () => {
    await using house = await createHouse();
    await house.send("a", "one");
    await house.send("b", "two");
    const first = await house.driver.nextTurn();
    const second = await house.driver.nextTurn();
    await house.command("c", { name: "stop", scope: "all" });
    expect(await house.notices("c")).toEqual(["stopping-all"]);
    first.end({ kind: "interrupted" });
    first.becomeQuiet();
    expect(await house.notices("c")).toEqual(["stopping-all"]);
    second.end({ kind: "interrupted" });
    second.becomeQuiet();
    expect((await house.said("c")).at(-1)).toMatchObject({
      notice: { kind: "stopped-all", stopped: 2, quarantined: 0 },
    });
    expect(await house.items("c")).toEqual(["done"]);
  });

  it("of everything also counts what was quarantined before", async () => {
    await using house = await createHouse();
    await house.send("a", "one");
    await house.send("a", "stop");
    await house.clock.advance(wholeEscalationMs);
    await house.command("c", { name: "stop", scope: "all" });
    expect((await house.said("c")).at(-1)).toMatchObject({
      notice: { kind: "stopped-all", stopped: 0, quarantined: 1 },
    });
    await house.send("b", "two");
    const turn = (await house.driver.nextTurn(), await house.driver.nextTurn());
    turn.obey("ask");
    await house.command("c", { name: "stop", scope: "all" });
    expect((await house.said("c")).at(-1)).toMatchObject({
      notice: { kind: "stopped-all", stopped: 1, quarantined: 1 },
    });
  });

  it("by the button of an older run does nothing to the present one (N-4, H-2)", async () => {
    await using house = await createHouse();
    await house.send("a", "one");
    const old = await house.button("a", "stop");
    (await house.driver.nextTurn()).finish("1");
    await house.send("a", "two");
    const receipt = await house.press("a", "stop", { id: old });
    expect(receipt.toast).toBe("That run is over.");
    expect((await house.driver.nextTurn()).interrupts).toEqual([]);
  });
});

describe("a turn that ends by itself", () => {
  it("is escalated when it says its end but is not proven quiet", async () => {
    await using house = await createHouse();
    await house.send("a", "one");
    const turn = await house.driver.nextTurn();
    turn.answer("1");
    await house.settled();
    await house.clock.advance(endedMs + 1);
    expect(turn.interrupts).toEqual(["ask"]);
    turn.becomeQuiet();
    expect(await house.said("a")).toContainEqual(expect.objectContaining({ kind: "answer", text: "1" }));
  });

  it("leaves its background tasks in the status, and /stop all ends them", async () => {
    await using house = await createHouse();
    await house.send("a", "one");
    const turn = await house.driver.nextTurn();
    turn.answer("serving");
    turn.becomeQuiet([{ pid: 4242, startTime: "1", command: "npm run dev" }]);
    await house.command("a", { name: "status" });
    expect((await house.said("a")).at(-1)).toMatchObject({ notice: { lanes: [{ background: [{ pid: 4242 }] }] } });
    await house.command("a", { name: "stop", scope: "all" });
    expect(house.endedProcesses).toMatchObject([{ pid: 4242 }]);
    expect((await house.notices("a")).at(-1)).toBe("background-ended");
  });
});

describe("a waiting message", () => {
  it("can steer the running turn, once, and is not run on its own", async () => {
    await using house = await createHouse();
    await house.send("a", "one");
    await house.send("a", "use tabs");
    const id = await house.button("a", "steer");
    await house.press("a", "steer", { id });
    const turn = await house.driver.nextTurn();
    expect(turn.steered).toEqual([{ text: "use tabs" }]);
    expect((await house.press("a", "steer", { id })).toast).toBe("Already done.");
    turn.finish("1");
    await house.settled();
    expect(house.driver.turns).toHaveLength(1);
    expect((await house.items("a")).slice(0, 2)).toEqual(["done", "merged"]);
  });

  it("that is too late to steer goes back in line and runs", async () => {
    await using house = await createHouse();
    await house.send("a", "one");
    await house.send("a", "two");
    const turn = await house.driver.nextTurn();
    turn.steerWith("too-late");
    await house.press("a", "steer");
    turn.finish("1");
    expect((await house.driver.nextTurn()).request.prompt.text).toBe("two");
  });

  it("can be cancelled, moved to the front, and the whole queue cleared", async () => {
    await using house = await createHouse();
    for (const text of ["one", "two", "three", "four"]) await house.send("a", text);
    await house.command("a", { name: "queue" });
    await house.press("a", "move-first"); // the newest such button is that of "four"
    (await house.driver.nextTurn()).finish("1");
    expect((await house.driver.nextTurn()).request.prompt.text).toBe("four");
    await house.press("a", "clear-queue");
    expect((await house.items("a")).slice(0, 4)).toEqual(["done", "cancelled", "cancelled", "running"]);
  });

  it("can replace the running turn: stop and run", async () => {
    await using house = await createHouse();
    for (const text of ["one", "two", "three"]) await house.send("a", text);
    await house.press("a", "stop-and-run");
    const turn = await house.driver.nextTurn();
    expect(turn.interrupts).toEqual(["ask"]);
    turn.end({ kind: "interrupted" });
    turn.becomeQuiet();
    expect((await house.driver.nextTurn()).request.prompt.text).toBe("three");
  });
});

describe("a button", () => {
  it("pressed in another conversation does nothing there or here (T4, N-12)", async () => {
    await using house = await createHouse();
    await house.send("a", "one");
    const id = await house.button("a", "stop");
    expect((await house.press("b", "stop", { id })).toast).toContain("does not belong here");
    expect((await house.driver.nextTurn()).interrupts).toEqual([]);
  });
});

describe("after a crash", () => {
  it("a run that was live is interrupted, told, and offered again, never repeated by itself (I6)", async () => {
    const before = await createHouse();
    await before.send("a", "one");
    await before.send("a", "two");
    await using house = await createHouse({ database: before.database });
    const said = await house.said("a");
    expect(said).toContainEqual(
      expect.objectContaining({
        notice: expect.objectContaining({ kind: "interrupted", cause: "crash", text: "one" }),
      }),
    );
    expect((await house.driver.nextTurn()).request.prompt.text).toBe("two");
    expect((await house.items("a")).slice(0, 2)).toEqual(["interrupted", "running"]);
    expect(house.driver.turns).toHaveLength(1);
  });

  it("the old life's run writes nothing more: its epoch is over (I3, H-2)", async () => {
    const before = await createHouse();
    await before.send("a", "one");
    const old = await before.driver.nextTurn();
    await using house = await createHouse({ database: before.database });
    await house.send("a", "two");
    const said = await house.said("a");
    old.finish("from the old life");
    await before.settled();
    expect(await house.said("a")).toEqual(said);
    expect(await house.store.history.liveRuns()).toHaveLength(1);
  });

  it("orphans that do not end quarantine their runs until they do", async () => {
    const before = await createHouse();
    await before.send("a", "one");
    let verdict: "alive" | "gone" = "alive";
    const orphans = () =>
      Promise.resolve(
        verdict === "gone" ? { kind: "quiet" as const } : { kind: "unconfirmed" as const, evidence: noEvidence },
      );
    await using house = await createHouse({ database: before.database, orphans });
    expect(await house.notices("a")).toEqual(["quarantined"]);
    verdict = "gone";
    await house.clock.advance(5_000);
    expect(await house.notices("a")).toEqual(["quarantined", "interrupted"]);
  });

  it("what was sent long before is offered instead of run (L6); the younger just runs", async () => {
    await using house = await createHouse();
    await house.send("a", "old", { sentAtMs: house.clock.now() - 700_000 });
    expect(house.driver.turns).toHaveLength(0);
    expect((await house.said("a")).at(-1)).toMatchObject({ notice: { kind: "held", reason: "downtime", count: 1 } });
    await house.send("a", "young");
    expect((await house.driver.nextTurn()).request.prompt.text).toBe("young");
  });
});

describe("a shutdown", () => {
  it("lets a turn finish within its grace", async () => {
    await using house = await createHouse();
    await house.send("a", "one");
    const turn = await house.driver.nextTurn();
    const drained = house.engine.drain(10_000);
    await house.settled();
    turn.finish("1");
    await drained;
    expect(await house.items("a")).toEqual(["done"]);
  });

  it("stops with proof what outlasts the grace, and starts nothing new", async () => {
    await using house = await createHouse();
    await house.send("a", "one");
    await house.send("a", "two");
    const turn = await house.driver.nextTurn();
    const drained = house.engine.drain(10_000);
    await house.settled();
    await house.clock.advance(10_001);
    expect(turn.interrupts).toEqual(["ask"]);
    turn.end({ kind: "interrupted" });
    turn.becomeQuiet();
    await drained;
    expect(await house.items("a")).toEqual(["interrupted", "queued"]);
    expect(house.driver.turns).toHaveLength(1);
  });
});
