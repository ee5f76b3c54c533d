// A short soak: enough to see that restarts, stops, presses and store faults together break nothing. Growth needs the long one.
import { expect, test } from "vitest";
import { soak } from "./soaking.ts";

const minute = 60_000;

test(
  "stops, replacements, restarts, crashes and a failing store leave no message lost and no run twice",
  async () => {
    const lines: string[] = [];
    const report = await soak({
      // This seed abandons the first life, and the last is always drained: both are seen however few lives a slow machine fits in.
      ...{ seconds: 12, conversations: 60, seed: 1, cpuShare: 0.6 },
      ...{ sampleEverySeconds: 3, restartEverySeconds: 3 },
      tell: (line) => lines.push(line),
    });
    expect(report.violations, lines.join("\n")).toEqual([]);
    expect(report.restarts.crashed).toBeGreaterThan(0);
    expect(report.restarts.drained).toBeGreaterThan(0);
    expect(report.books.runs).toBeGreaterThan(20);
    expect(report.beats.fired).toBeGreaterThan(0);
  },
  2 * minute,
);
