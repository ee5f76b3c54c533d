import { describe, expect, it } from "vitest";

import type { ItemKey } from "../domain/inbox-item.ts";
import { createStrangers } from "./strangers.ts";
import { createManualClock, createRecordedLog, createRecordingEngine } from "./test-ports.ts";

const hourMs = 3_600_000;

function createWorld() {
  const clock = createManualClock();
  const engine = createRecordingEngine();
  const told: [user: number, text: string][] = [];
  const tell = (user: number, text: string): void => void told.push([user, text]);
  return { clock, engine, told, strangers: createStrangers({ engine, tell, clock, log: createRecordedLog() }) };
}

describe("a stranger who writes (T1)", () => {
  it("is told their id and their code, and the engine is asked once an hour", async () => {
    const { clock, engine, told, strangers } = createWorld();
    for (const user of [1, 1, 2, 1]) strangers.wrote({ user, name: "Mallory" });
    await strangers.settled();
    expect(engine.knocks.map(({ user }) => user)).toEqual(["1", "2"]);
    expect(told.map(([user]) => user)).toEqual([1, 2]);
    expect(told[0]?.[1]).toMatch(/^This bot is private\. Your Telegram id is 1\.[^]*ACDE-3467/);
    await clock.advance(hourMs - 1);
    strangers.wrote({ user: 1, name: "" });
    await strangers.settled();
    expect(engine.knocks).toHaveLength(2);
    await clock.advance(1);
    strangers.wrote({ user: 1, name: "" });
    await strangers.settled();
    expect(engine.knocks).toHaveLength(3);
  });

  it("is asked about a code that they send at once, twenty times an hour for all of them", async () => {
    const { clock, engine, strangers } = createWorld();
    const claim = { code: "ACDE-3467", key: "tg:update:1" as ItemKey };
    strangers.wrote({ user: 1, name: "" });
    for (let number = 0; number < 30; number += 1) strangers.wrote({ user: 1, name: "", claim });
    await strangers.settled();
    expect(engine.knocks.map((knock) => knock.claim === undefined)).toEqual([
      true,
      ...Array.from({ length: 20 }, () => false),
    ]);
    await clock.advance(hourMs);
    strangers.wrote({ user: 2, name: "", claim });
    await strangers.settled();
    expect(engine.knocks).toHaveLength(22);
  });

  it("is told nothing when the engine says so", async () => {
    const { engine, told, strangers } = createWorld();
    engine.knock = () => Promise.resolve(null);
    strangers.wrote({ user: 1, name: "Mallory" });
    await strangers.settled();
    expect(told).toEqual([]);
  });

  it("does not cost the database more when there are thousands", async () => {
    const { engine, strangers } = createWorld();
    for (let user = 1; user <= 3_000; user += 1) strangers.wrote({ user, name: "" });
    await strangers.settled();
    expect(engine.knocks).toHaveLength(1_000);
  });

  it("is answered at their next message when the database could not be asked", async () => {
    const { engine, told, strangers } = createWorld();
    const { knock } = engine;
    engine.knock = () => Promise.reject(new Error("database is locked"));
    strangers.wrote({ user: 1, name: "" });
    await strangers.settled();
    engine.knock = knock;
    strangers.wrote({ user: 1, name: "" });
    await strangers.settled();
    expect(told).toHaveLength(1);
  });
});
