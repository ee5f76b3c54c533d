/**
 * ST-1. There: streaming callbacks changed lists that the clean-up walked at the same time; a tool message appeared after everything of
 * the run had been tidied away, and stayed.
 * Here: a viewer holds a value; a run has one finaliser; what is said after its end is heard by nobody (I12). Files and speech that come late
 * find their message as it stands now: whatever was tidied meanwhile stays so.
 */
import { expect, test } from "vitest";
import type { RunSnapshot } from "../../src/engine/ports.ts";
import { createHouse } from "../engine-house.ts";
import { createManualFiles, promptWithFiles } from "../manual-files.ts";
import { asked, createJealousDriver, moments, ticks, turnOf, wholeEscalationMs } from "./kit.ts";

const tool = (id: string) => ({ kind: "tool-started", tool: { id, name: "Bash", target: id } }) as const;

test("a snapshot that somebody holds does not change under them, and no run starts with another's", async () => {
  const house = await createHouse();
  const seen: RunSnapshot[] = [];
  using _watching = house.engine.watch({
    changed: () => undefined,
    progressed: (snapshot) => void seen.push(snapshot),
  });
  await house.send("a", "one");
  await house.send("b", "two");
  turnOf(house, 0).emit(tool("1"), tool("2"));
  await house.settled();
  turnOf(house, 1).emit(tool("3"));
  await house.settled();
  expect(seen.map(({ transcript }) => transcript.tools.map(({ id }) => id))).toEqual([["1"], ["1", "2"], ["3"]]);
});

test("a tool message that comes after the end is shown to nobody, and the end is told once", async () => {
  const house = await createHouse();
  await house.send("a", "one");
  const turn = turnOf(house, 0);
  turn.emit(tool("1"));
  await house.send("a", "stop");
  await house.clock.advance(wholeEscalationMs);
  await house.press("a", "force-release");
  const said = await house.said("a");
  const late: RunSnapshot[] = [];
  using _watching = house.engine.watch({
    changed: () => undefined,
    progressed: (snapshot) => void late.push(snapshot),
  });
  turn.emit(tool("2"), { kind: "text", delta: "more" });
  turn.finish("done");
  await house.settled();
  expect(late).toEqual([]);
  expect(house.engine.snapshots()).toEqual([]);
  expect(await house.said("a")).toEqual(said);
  expect(said.filter((body) => body.kind === "notice" && body.notice.kind === "stopped")).toHaveLength(1);
});

// ---- Files and speech

/** Past every pause in which further parts may come. */
const quietMs = 5_000;

const voice = promptWithFiles(["v"], { kind: "voice" });

/** A picture of the album. */
function picture(source: string, more: Parameters<typeof promptWithFiles>[1] = {}) {
  const part = { of: "album:1:x", opens: true, otherwise: "message" } as const;
  return [promptWithFiles([source], more), { message: source, part }] as const;
}

test("what is heard after a stop stays on hold with its message, and runs once when a person says so", async () => {
  const incoming = createManualFiles();
  const house = await createHouse({ incoming });
  await house.send("a", "one");
  await house.give("a", voice);
  await house.send("a", "stop");
  turnOf(house, 0).obey("ask");
  await house.settled();
  incoming.fetch("v").arrive("clean it up");
  await house.clock.advance(quietMs);
  expect(await house.items("a")).toEqual(["cancelled", "held", "done"]);
  expect(asked(house)).toEqual(["one"]);
  await house.press("a", "held", { how: "run-each" });
  expect(asked(house)).toEqual(["one", expect.stringMatching(/^clean it up\n/)]);
});

test.each(moments)(
  "a stop that comes %i turns of the event loop after the last word was heard lets nothing of it begin",
  async (moment) => {
    const incoming = createManualFiles();
    const house = await createHouse({ incoming });
    await house.send("a", "one");
    await house.give("a", voice);
    incoming.fetch("v").arrive("clean it up");
    await ticks(moment);
    await house.send("a", "stop");
    turnOf(house, 0).obey("ask");
    await house.clock.advance(quietMs);
    expect(asked(house)).toEqual(["one"]);
    expect(await house.items("a")).toEqual(["cancelled", "held", "done"]);
  },
);

test.each(moments)(
  "a message that is cancelled %i turns of the event loop before its last word is heard stays so, and nothing is asked about it",
  async (moment) => {
    const incoming = createManualFiles();
    const house = await createHouse({ incoming });
    await house.send("a", "one");
    await house.give("a", voice);
    await house.command("a", { name: "queue" });
    const cancelled = house.press("a", "cancel", { how: "Cancel 1" });
    await ticks(30 + moment); // the press looks for its button first
    incoming.fetch("v").arrive("clean it up");
    await cancelled;
    await house.clock.advance(quietMs);
    expect((await house.items("a")).slice(0, 2)).toEqual(["running", "cancelled"]);
    expect(await house.notices("a")).not.toContain("files-failed");
    turnOf(house, 0).finish("1");
    await house.settled();
    expect(asked(house)).toEqual(["one"]);
  },
);

test("what is heard after /new begins in the new session, whatever the run of the old one still says of its memory", async () => {
  const incoming = createManualFiles();
  const house = await createHouse({ incoming });
  await house.send("a", "one");
  turnOf(house, 0).emit({ kind: "session", resume: "old" });
  await house.give("a", voice);
  await house.command("a", { name: "new", title: null });
  turnOf(house, 0).emit({ kind: "session", resume: "old, later" });
  await house.settled();
  incoming.fetch("v").arrive("clean it up");
  await house.settled();
  turnOf(house, 0).finish("1");
  await house.settled();
  const [before, after] = house.driver.turns.map(({ request }) => request.session);
  expect(asked(house)[1]).toMatch(/^clean it up\n/);
  expect(after?.resume).toBeNull();
  expect(after?.id).not.toBe(before?.id);
});

test("an album that replaces a run is one prompt after its proof, also with a picture that comes when the rest is whole", async () => {
  const driver = createJealousDriver();
  const incoming = createManualFiles();
  const house = await createHouse({ driver, incoming });
  await house.send("a", "one");
  await house.give("a", ...picture("1", { text: "look", placement: "interrupt" }));
  await house.give("a", ...picture("2"));
  await house.clock.advance(quietMs);
  for (const source of ["1", "2"]) {
    incoming.fetch(source).arrive();
    await house.settled();
  }
  expect(turnOf(house, 0).interrupts).toContain("ask");
  await house.give("a", ...picture("3"));
  turnOf(house, 0).emit(tool("late"));
  turnOf(house, 0).obey("ask");
  await house.settled();
  expect(asked(house)).toEqual(["one"]); // nothing runs any more, and the third picture is on its way
  await house.clock.advance(quietMs);
  incoming.fetch("3").arrive();
  await house.settled();
  expect(asked(house)).toHaveLength(2);
  expect(asked(house)[1]).toMatch(/^look\n/);
  for (const source of ["1", "2", "3"]) expect(asked(house)[1]).toContain(`/f/${source} `);
  expect(driver.overlaps()).toBe(0);
});
