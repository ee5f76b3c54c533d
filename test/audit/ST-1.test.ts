/**
 * ST-1. There: streaming callbacks changed lists that the clean-up walked at the same time; a tool message appeared after everything of
 * the run had been tidied away, and stayed.
 * Here: a viewer holds a value; a run has one finaliser; what is said after its end is heard by nobody (I12).
 */
import { expect, test } from "vitest";
import type { RunSnapshot } from "../../src/engine/ports.ts";
import { createHouse } from "../engine-house.ts";
import { turnOf, wholeEscalationMs } from "./kit.ts";

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
