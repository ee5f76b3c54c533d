// The crash test in short; `npm run crash -- --kills 100` is the whole of it.
import { expect, test } from "vitest";
import { crash } from "./crashing.ts";

const minute = 60_000;

test(
  "a program killed again and again under load loses nothing, repeats nothing in silence and leaves no process behind",
  async () => {
    const report = await crash({ kills: 8, people: 6, seed: 7, tell: () => {} });
    expect(report.violations).toEqual([]);
    expect(report.kills).toBe(8);
    // Or it would have shown nothing.
    expect(report.runsCut).toBeGreaterThan(0);
    expect(report.figures.answers).toBeGreaterThan(0);
    expect(report.beats.fired).toBeGreaterThan(0);
    expect(report.beats.skipped).toBeGreaterThan(0);
    expect(report.figures.interruptedTold).toBe(report.figures.interrupted);
  },
  3 * minute,
);
