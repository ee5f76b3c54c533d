// What a stop does to messages that wait, and how many may wait (issue rows S4, S5, L2; I4), with the demo agent and its real processes.

import { expect } from "vitest";
import type { MessageView } from "../emulator/chat-view.ts";
import type { Person } from "../emulator/people.ts";
import { openDatabase } from "./house-rules.ts";
import { asked, labels } from "./look.ts";
import type { Scene } from "./scene.ts";
import { ownSceneTest } from "./scene-test.ts";

const test = ownSceneTest({ driver: "demo" });

/** A process that runs, and "alpha" and "beta" waiting behind it, all stopped. Resolves to the word that says so. */
async function stoppedWithTwoWaiting(scene: Scene, person: Person): Promise<MessageView> {
  person.sends("run 303");
  await scene.said(person, "🔧 Sleep");
  person.sends("alpha");
  person.sends("beta");
  await scene.said(person, "number 2 in line");
  person.sends("/stop");
  return scene.said(person, "Stopped. 2 messages on hold.");
}

test.concurrent("the queue is held and offered back; Run each runs it in its order", async ({ scene, person }) => {
  const stopped = await stoppedWithTwoWaiting(scene, person);
  expect(labels(stopped)).toEqual([["Run each", "Run as one"], ["Discard"]]);
  expect((await person.taps("Run each")).text).toBe("Back in the queue.");
  await scene.answered(person, /You wrote: “beta”/);
  expect(asked(person)).toEqual(["alpha", "beta"]);
});

test.concurrent("Run as one gives the agent both in one turn, and a double tap does it once (N-10)", async ({
  scene,
  person,
}) => {
  const stopped = await stoppedWithTwoWaiting(scene, person);
  const [first, second] = await Promise.all([
    person.taps("Run as one", { message: stopped.id }),
    person.taps("Run as one", { message: stopped.id }),
  ]);
  expect(new Set([first.text, second.text])).toEqual(new Set(["Already done.", "Joined and queued."]));
  await scene.answered(person, /You wrote: “alpha beta”/);
  person.sends("and then?");
  await scene.answered(person, /You wrote: “and then\?”/);
  expect(asked(person)).toEqual(["alpha beta", "and then?"]);
});

test.concurrent("Discard ends them without a run", async ({ scene, person }) => {
  await stoppedWithTwoWaiting(scene, person);
  expect((await person.taps("Discard")).text).toBe("Discarded.");
  await scene.said(person, "2 messages discarded.");
  person.sends("fresh");
  await scene.answered(person, /You wrote: “fresh”/);
  expect(asked(person)).toEqual(["fresh"]);
});

test.concurrent("what is on hold does not run by itself, and a later stop offers it again", async ({
  scene,
  person,
}) => {
  const stopped = await stoppedWithTwoWaiting(scene, person);
  person.sends("gamma");
  await scene.answered(person, /You wrote: “gamma”/);
  person.sends("/stop");
  const offered = await scene.said(person, "Nothing to stop: no run is active. 2 messages on hold.", {
    after: stopped,
  });
  expect(labels(offered)).toEqual([["Run each", "Run as one"], ["Discard"]]);
  await person.taps("Discard", { message: offered.id });
  expect(asked(person)).toEqual(["gamma"]);
});

test.concurrent("/stop all stops what runs anywhere and holds what waits anywhere, and says so when it is proven (S5, SP-1)", async ({
  scene,
  person,
}) => {
  const other = scene.person();
  person.sends("run 303 stubborn");
  await scene.said(person, "🔧 Sleep");
  other.sends("delta");
  await scene.said(other, "Another conversation is working in");
  const third = scene.person();
  third.sends("/stop all");
  await scene.said(third, "Stopping 1 run…");
  await scene.said(third, "Everything is stopped (1 run).");
  await scene.said(person, "Stopped.");
  const offer = await scene.said(other, "1 message on hold");
  expect(labels(offer)).toEqual([["Run each", "Run as one"], ["Discard"]]);
  const { processes } = scene.home;
  expect((await processes()).map(({ name }) => name).filter((name) => name === "sleep")).toEqual([]);
  await other.taps("Discard");
});

test.concurrent("when 20 messages wait, the next one is refused with a text, and nothing that waits is lost (I4, I14)", async ({
  scene,
  person: owner,
}) => {
  owner.sends("run 303");
  await scene.said(owner, "🔧 Sleep");
  for (let n = 1; n <= 20; n += 1) owner.sends(`waiting ${n}`);
  const refused = owner.sends("one too many");
  const said = await scene.said(owner, "already has 20 messages waiting");
  expect(said.replyTo).toBe(refused.message_id);
  owner.sends("/queue"); // its answer does not wait behind 20 acknowledgements (I7)
  await scene.said(owner, "20 messages waiting:", { after: said });
  await owner.taps("Clear the queue");
  owner.sends("/stop");
  await scene.said(owner, "Stopped.");
  using database = openDatabase(scene.home);
  const states = database
    ?.prepare("SELECT state, count(*) AS n FROM inbox WHERE sender = ? GROUP BY state")
    .all(String(owner.id));
  // The run and 20 that waited are cancelled by the person, one is refused; /queue, the tap and /stop are done.
  expect(Object.fromEntries((states ?? []).map((row) => [row["state"], row["n"]]))).toEqual({
    cancelled: 21,
    rejected: 1,
    done: 3,
  });
});
