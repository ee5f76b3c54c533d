import { expect, it } from "vitest";

import { webConversation } from "../domain/conversation.ts";
import type { RunId } from "../domain/run.ts";
import { emptyTranscript, type Transcript } from "../domain/transcript.ts";
import type { RunSnapshot } from "../engine/ports.ts";
import { createStepClock } from "./fake-engine.test-kit.ts";
import { createFirstOutputs } from "./first-outputs.ts";

function createWorld() {
  const live = new Map<RunId, RunSnapshot>();
  const over = new Set<RunId>();
  const clock = createStepClock(10_000);
  const { listener, read } = createFirstOutputs({ engine: { snapshot: (run) => live.get(run) ?? null }, clock });
  return {
    clock,
    read,
    show(name: string, transcript: Partial<Transcript>) {
      const run = name as RunId;
      const owner = { conversation: webConversation("one"), run, epoch: 1 };
      const snapshot: RunSnapshot = {
        ...{ owner, driver: "claude", state: "running", startedAtMs: 10_000 },
        transcript: { ...emptyTranscript, ...transcript },
      };
      if (!over.has(run)) live.set(run, snapshot);
      listener.progressed(snapshot);
    },
    /** What is still said of it is heard all the same. */
    ends(name: string) {
      over.add(name as RunId);
      live.delete(name as RunId);
    },
  };
}

it("counts a run once, at its first word, thought or tool", () => {
  const world = createWorld();
  world.show("a", { notices: ["starting"] });
  expect(world.read()).toEqual([]);
  world.clock.advance(1_500);
  world.show("a", { text: "Hello" });
  world.clock.advance(5_000);
  world.show("a", { text: "Hello again" });
  expect(world.read()).toEqual([{ driver: "claude", runs: 1, toFirstOutputMs: 1_500 }]);
  world.show("b", { thinking: "Hm." });
  world.show("c", { toolCount: 1 });
  expect(world.read()).toEqual([{ driver: "claude", runs: 3, toFirstOutputMs: 1_500 + 2 * 6_500 }]);
});

it("does not count what comes late of a run that is over, nor a run twice for it", () => {
  const world = createWorld();
  world.show("a", { text: "Hello" });
  world.show("b", {});
  world.ends("a");
  world.ends("b");
  world.show("c", { text: "a is forgotten now" });
  world.show("a", { text: "Hello" });
  world.show("b", { text: "Hello" });
  expect(world.read()).toMatchObject([{ runs: 2 }]);
});

it("a clock that was set back makes no time negative", () => {
  const world = createWorld();
  world.clock.advance(-60_000);
  world.show("a", { text: "Hello" });
  expect(world.read()).toMatchObject([{ runs: 1, toFirstOutputMs: 0 }]);
});
