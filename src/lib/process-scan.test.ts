import { expect, test } from "vitest";
import { belonging, parsePs, parseStat, withMarkers } from "./process-scan.ts";

const stat = (name: string, state: string, threads: number): string =>
  `4711 (${name}) ${state} 12 4711 4711 0 -1 4194560 100 0 0 0 1 2 0 0 20 0 ${threads} 0 987654 1000 10 18446744073709551615`;

test("a program name with brackets and spaces does not shift the fields", () => {
  expect(parseStat(stat("a) b (c", "S", 1), "boot")).toEqual({
    pid: 4711,
    startTime: "boot/987654",
    parent: 12,
    group: 4711,
    life: "alive",
    name: "a) b (c",
  });
});

test("a zombie whose other threads still run is alive", () => {
  expect(parseStat(stat("x", "Z", 1), "b")?.life).toBe("zombie");
  expect(parseStat(stat("x", "Z", 3), "b")?.life).toBe("alive");
});

test("text that is no stat line is no process", () => {
  expect(parseStat("", "b")).toBeUndefined();
  expect(parseStat("gone", "b")).toBeUndefined();
});

test("a marker may not hold a comma, and an inherited list is kept in front", () => {
  expect(() => withMarkers({}, ["a,b"])).toThrow("not a marker");
  expect(withMarkers({ A: "1", B: undefined, SBX_MARK: "outer" }, ["i", "s"])).toEqual({
    A: "1",
    SBX_MARK: "outer,i,s",
  });
});

test("ps output of macOS gives the same table: parents, groups, zombies, marker", () => {
  const output = [
    "    1     0     1 Ss   Mon Nov 23 06:00:00 2026     /sbin/launchd",
    "  500     1   500 S    Mon Nov 23 06:10:01 2026     /opt/claude --x PATH=/bin SBX_MARK=i1,s1 HOME=/Users/a b",
    "  501   500   501 S+   Mon Nov 23 06:10:02 2026     sleep 300",
    "  502     1   502 S    Mon Nov  2 06:10:03 2026     node server.js SBX_MARK=other,i1",
    "  503   500   500 Z    Mon Nov 23 06:10:04 2026     (bash)",
  ].join("\n");
  const snapshot = parsePs(output);
  const named = (marker: string): string[] =>
    belonging(snapshot, { marker, roots: [] }).map((entry) => `${entry.pid} ${entry.name}`);
  expect(named("i1")).toEqual(["500 claude", "501 sleep", "502 node"]);
  expect(named("s1")).toEqual(["500 claude", "501 sleep"]);
  expect(snapshot.byPid.get(502)?.startTime).toBe("Mon Nov  2 06:10:03 2026");
});
