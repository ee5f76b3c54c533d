import { describe, expect, it } from "vitest";

import { createStrangers } from "./strangers.ts";
import { createManualClock } from "./test-ports.ts";

const hourMs = 3_600_000;

describe("replies to strangers (T1)", () => {
  it("go once an hour to one person and to three people in all", async () => {
    const clock = createManualClock();
    const strangers = createStrangers(clock);
    expect([1, 1, 2, 3, 4, 5].map((user) => strangers.admit(user))).toEqual([true, false, true, true, false, false]);
    await clock.advance(hourMs - 1);
    expect([1, 4].map((user) => strangers.admit(user))).toEqual([false, false]);
    await clock.advance(1);
    expect([1, 1, 4, 5, 6].map((user) => strangers.admit(user))).toEqual([true, false, true, true, false]);
  });
});
