/**
 * Control while the house is full: /status and /stop while a hundred demo runs stream, in process and durable. Their acceptance is
 * their commit, which holds the answer as well. The floor is the commit of an item and nothing else, in the same minute.
 */
import { setTimeout as pause } from "node:timers/promises";
import { createDemoDriver } from "../src/drivers/demo/driver.ts";
import { createSystemClock } from "../src/lib/clock.ts";
import { createScan } from "../src/lib/process-scan.ts";
import { conversationsOf, createScratch, itemOf, openEngineHouse, promptOf } from "./engine-house.ts";
import { atMost, type Section } from "./figure.ts";
import { spreadOf, timed } from "./spread.ts";

const runs = 100;
const statusCount = 300;
const betweenMs = 20;

export const control: Section = {
  name: "control",
  title: `/status and /stop while ${runs} demo runs stream, in process`,
  async measure(say) {
    say("control");
    using scratch = createScratch();
    const driver = createDemoDriver({ clock: createSystemClock(), scan: createScan(), environment: {} });
    await using _driver = driver;
    const path = `${scratch.path}/signalbox.db`;
    const workspaceOf = (name: string) => scratch.directory(name.replace(":", "-"));
    await using house = await openEngineHouse({
      path,
      driver,
      runsMax: runs,
      workspaces: scratch.workspaces,
      workspaceOf,
    });
    const { engine, store } = house;
    const conversations = conversationsOf(runs);
    let events = 0;
    const streaming = new Set<string>();
    const all = Promise.withResolvers<void>();
    using _watching = engine.watch({
      changed: () => undefined,
      progressed: ({ owner, transcript }) => {
        events += 1;
        if (transcript.text.length > 0) streaming.add(owner.run);
        if (streaming.size === runs) all.resolve();
      },
    });
    for (const each of conversations) await house.accept(each, promptOf("count to 10000"));
    await all.promise;

    const status: number[] = [];
    const floor: number[] = [];
    const eventsBefore = events;
    for (let count = 0; count < statusCount; count += 1) {
      const conversation = conversations[count % runs];
      if (conversation === undefined) continue;
      const ask = () => house.accept(conversation, { kind: "command", command: { name: "status" } });
      status.push((await timed(ask)).ms);
      const add = () => store.transact((tx) => tx.addItem(itemOf(conversation, promptOf("floor")), "done", Date.now()));
      floor.push((await timed(add)).ms);
      await pause(betweenMs);
    }
    if (events === eventsBefore) throw new Error("nothing streamed");
    const accepted: number[] = [];
    const settled: number[] = [];
    for (const { owner } of engine.snapshots()) {
      const over = timed(() => house.settled(owner.run));
      const ask = () =>
        house.accept(owner.conversation, { kind: "command", command: { name: "stop", scope: "conversation" } });
      accepted.push((await timed(ask)).ms);
      settled.push((await over).ms);
    }
    const beside = [{ name: "the durable commit of one item, in the same minute", spread: spreadOf(floor) }];
    return [
      { name: "/status accepted", unit: "ms", spread: spreadOf(status), beside, targets: [atMost("p99", 100)] },
      { name: "/stop accepted", unit: "ms", spread: spreadOf(accepted), beside, targets: [atMost("p99", 100)] },
      { name: "/stop sent to the run settled", unit: "ms", spread: spreadOf(settled), beside, targets: [] },
    ];
  },
};
