/**
 * How long a message waits for nothing: from its arrival to the start of its turn in a free lane, and from the end of a turn to the
 * start of the next in its lane. In process, durable, with the workspace's lock. The floor is the commit of an item and nothing else.
 */
import {
  conversationsOf,
  createEmptyDriver,
  createScratch,
  itemOf,
  openEngineHouse,
  promptOf,
} from "./engine-house.ts";
import type { Section } from "./figure.ts";
import { spreadOf, timed } from "./spread.ts";

const rounds = 400;

export const wake: Section = {
  name: "wake",
  title: "from a message to the start of its turn, in process",
  async measure(say) {
    say("wake");
    using scratch = createScratch();
    let onStart: (atMs: number, run: string) => void = () => undefined;
    const driver = createEmptyDriver((request) => onStart(performance.now(), request.owner.run));
    const path = `${scratch.path}/signalbox.db`;
    const workspaceOf = (name: string) => scratch.directory(name.replace(":", "-"));
    await using house = await openEngineHouse({
      path,
      driver,
      runsMax: 4,
      workspaces: scratch.workspaces,
      workspaceOf,
    });
    const [conversation] = conversationsOf(1);
    if (conversation === undefined) throw new Error("there is no conversation");
    const { engine, store } = house;

    const started: number[] = [];
    const committed: number[] = [];
    const next: number[] = [];
    for (let round = -20; round < rounds; round += 1) {
      const starts: { readonly atMs: number; readonly run: string }[] = [];
      const both = Promise.withResolvers<void>();
      onStart = (atMs, run) => {
        starts.push({ atMs, run });
        if (starts.length === 2) both.resolve();
      };
      const begin = performance.now();
      // The second one waits for the first one's end.
      const workspace = { workspace: workspaceOf(conversation) };
      await engine.accept([itemOf(conversation, promptOf("one")), itemOf(conversation, promptOf("two"))], workspace);
      await both.promise;
      await Promise.all(engine.snapshots().map(({ owner }) => house.settled(owner.run)));
      const [one, two] = starts;
      if (one === undefined || two === undefined) throw new Error("a message did not start");
      const { ms } = await timed(() =>
        store.transact((tx) => tx.addItem(itemOf(conversation, promptOf("three")), "done", Date.now())),
      );
      if (round < 0) continue; // the code was cold
      started.push(one.atMs - begin);
      next.push(two.atMs - one.atMs);
      committed.push(ms);
    }
    const beside = [{ name: "the durable commit of one item", spread: spreadOf(committed) }];
    return [
      {
        name: "arrival to the start of the turn, commit included",
        unit: "ms",
        spread: spreadOf(started),
        beside,
        targets: [],
      },
      {
        name: "end of a turn to the start of the next, commit included",
        unit: "ms",
        spread: spreadOf(next),
        beside,
        targets: [],
      },
    ];
  },
};
