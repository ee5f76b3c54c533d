import { describe, expect, it } from "vitest";

import { telegramConversation, webConversation } from "../domain/conversation.ts";
import type { RunId } from "../domain/run.ts";
import { emptyTranscript } from "../domain/transcript.ts";
import type { RunSnapshot } from "../engine/ports.ts";
import { changesMax, createEvents, pingGapMs, progressGapMs, tabsMax } from "./events.ts";
import { createStepClock } from "./fake-engine.test-kit.ts";

const here = webConversation("here");

function start(life = "life") {
  const clock = createStepClock(1_000_000);
  const live = new Map<RunId, RunSnapshot>();
  const engine = { snapshot: (run: RunId) => live.get(run) ?? null, snapshots: () => [...live.values()] };
  const events = createEvents({ clock, life, engine });
  const progress = (text: string, run = "run-1", diff: string | null = null): void => {
    const snapshot: RunSnapshot = {
      owner: { conversation: here, run: run as RunId, epoch: 1 },
      driver: "fake",
      state: "running",
      startedAtMs: 0,
      transcript: { ...emptyTranscript, text, diff },
    };
    live.set(run as RunId, snapshot);
    events.listener.progressed(snapshot);
  };
  return { clock, live, events, progress };
}

type Told = { readonly id: string; readonly event: string; readonly data: Record<string, unknown> };

/** A tab that reads one chunk when it is asked to. */
function tabOf(stream: ReadableStream<Uint8Array> | "full") {
  if (stream === "full") throw new Error("the stream did not open");
  const reader = stream.getReader();
  const decoder = new TextDecoder();
  const raw = async (): Promise<string | null> => {
    const { value, done } = await reader.read();
    return done ? null : decoder.decode(value);
  };
  const next = async (): Promise<Told[] | null> => {
    const text = await raw();
    return text === null
      ? null
      : text
          .split("\n\n")
          .filter((block) => block !== "")
          .map(parse);
  };
  return { raw, next, close: () => reader.cancel() };
}

function parse(block: string): Told {
  const fields = Object.fromEntries(block.split("\n").map((line) => line.split(/: (.*)/s, 2)));
  return { id: fields["id"] ?? "", event: fields["event"] ?? "", data: JSON.parse(fields["data"] ?? "{}") };
}

async function opened(events: ReturnType<typeof createEvents>, since: string | null = null) {
  const tab = tabOf(events.open(since));
  expect(await tab.raw()).toMatch(/^retry: \d+\n\n$/);
  return tab;
}

describe("a tab", () => {
  it("tells that the times of schedules changed, once however often, also to a tab that comes back", async () => {
    const { events } = start();
    const cursor = events.cursor();
    const tab = tabOf(events.open(null));
    await tab.raw();
    events.listener.rescheduled?.();
    events.listener.changed(here);
    events.listener.rescheduled?.();
    const told = (await tab.next()) ?? [];
    expect(told.map(({ event }) => event)).toEqual(["changed", "rescheduled"]);
    const back = tabOf(events.open(cursor));
    await back.raw();
    expect((await back.next())?.map(({ event }) => event)).toEqual(["changed", "rescheduled"]);
  });

  it("is told of a change at once, with an id to come back with", async () => {
    const { events } = start();
    const tab = await opened(events, events.cursor());
    events.listener.changed(here);
    expect(await tab.next()).toEqual([{ id: "life.1", event: "changed", data: { conversation: here } }]);
  });

  it("that comes back is told what it missed, newest change of each conversation once", async () => {
    const { events } = start();
    const there = webConversation("there");
    events.listener.changed(here);
    const since = events.cursor();
    for (const conversation of [there, here, there, here]) events.listener.changed(conversation);
    const tab = await opened(events, since);
    expect(await tab.next()).toEqual([
      { id: "life.4", event: "changed", data: { conversation: there } },
      { id: "life.5", event: "changed", data: { conversation: here } },
    ]);
  });

  it.each(["other-life.1", "life.99", "life.-1", "nonsense", ""])("with the unknown id %j is reset", async (since) => {
    const { events } = start();
    events.listener.changed(here);
    const tab = await opened(events, since);
    expect(await tab.next()).toEqual([{ id: "life.1", event: "reset", data: {} }]);
  });

  it("is told a diff when it changes, and not with every word; a tab that comes later is told it, too", async () => {
    const { clock, events, live, progress } = start();
    const tab = await opened(events, events.cursor());
    const diffs = async (from: typeof tab): Promise<unknown[]> =>
      ((await from.next()) ?? []).map(({ data }) => data["diff"]);
    const at = async (text: string, diff: string): Promise<unknown[]> => {
      progress(text, "run-1", diff);
      const told = await diffs(tab);
      clock.advance(progressGapMs);
      return told;
    };
    expect(await at("one", "+a")).toEqual(["+a"]);
    expect(await at("two", "+a")).toEqual([undefined]);
    expect(await at("three", "+a\n+b")).toEqual(["+a\n+b"]);
    expect(await diffs(await opened(events, events.cursor()))).toEqual(["+a\n+b"]);
    // What was told of a run that is over is forgotten.
    live.clear();
    progress("of another", "run-2");
    expect(await diffs(tab)).toEqual([null]);
    clock.advance(progressGapMs);
    expect(await at("four", "+a\n+b")).toEqual(["+a\n+b"]);
  });

  it("that missed more than is remembered is reset (I14)", async () => {
    const { events } = start();
    const since = events.cursor();
    for (let chat = 0; chat <= changesMax; chat += 1) events.listener.changed(telegramConversation(chat, null));
    const tab = await opened(events, since);
    expect(await tab.next()).toMatchObject([{ event: "reset" }]);
  });

  it("that is overtaken while it does not read is closed, and the others are not", async () => {
    const { events } = start();
    const slow = await opened(events, events.cursor());
    const quick = await opened(events, events.cursor());
    events.listener.changed(here);
    expect(await quick.next()).toHaveLength(1);
    for (let chat = 0; chat < changesMax; chat += 1) events.listener.changed(telegramConversation(chat, null));
    expect(events.tabs()).toBe(1);
    expect(await slow.next()).toBeNull();
    expect(await quick.next()).toHaveLength(changesMax);
  });

  it("beyond the bound does not open, and opens when another one closed", async () => {
    const { events } = start();
    const tabs = await Promise.all(Array.from({ length: tabsMax }, () => opened(events)));
    expect(events.open(null)).toBe("full");
    await tabs[0]?.close();
    expect(events.open(null)).not.toBe("full");
  });

  it("is closed with the server, also while it waits", async () => {
    const { events } = start();
    const tab = await opened(events);
    const waiting = tab.next();
    events.close();
    expect(await waiting).toBeNull();
    expect(events.open(null)).toBe("full");
  });

  it("that is silent for long is pinged, so that neither side takes the other for dead", async () => {
    const { events, clock } = start();
    const tab = await opened(events);
    const waiting = tab.next();
    clock.advance(pingGapMs);
    expect(await waiting).toEqual([{ id: "life.0", event: "ping", data: {} }]);
  });
});

describe("progress", () => {
  it("is the newest snapshot only, and at most ten a second (I12)", async () => {
    const { events, clock, progress } = start();
    const tab = await opened(events);
    progress("one");
    expect(await tab.next()).toMatchObject([{ event: "progress", data: { run: "run-1", text: "one" } }]);
    progress("two");
    progress("three");
    let isTold = false;
    const waiting = tab.next().then((told) => {
      isTold = true;
      return told;
    });
    clock.advance(progressGapMs - 1);
    await turnOfTheLoop();
    expect(isTold).toBe(false);
    progress("four");
    clock.advance(1);
    expect(await waiting).toMatchObject([{ data: { text: "four" } }]);
  });

  it("of a run that is over is not told (I12)", async () => {
    const { events, live, progress } = start();
    const tab = await opened(events);
    progress("late");
    live.clear();
    events.listener.changed(here);
    expect(await tab.next()).toMatchObject([{ event: "changed" }]);
  });

  it("of what runs already is told to a tab that opens", async () => {
    const { events, progress } = start();
    progress("before");
    const tab = await opened(events);
    expect(await tab.next()).toMatchObject([{ event: "progress", data: { text: "before" } }]);
  });

  it("does not delay a change", async () => {
    const { events, progress } = start();
    const tab = await opened(events, events.cursor());
    progress("one");
    await tab.next();
    progress("two");
    events.listener.changed(here);
    expect(await tab.next()).toMatchObject([{ event: "changed" }]);
  });
});

/** Everything that can run without a timer has run. */
function turnOfTheLoop(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
