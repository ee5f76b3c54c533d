import { globSync, readFileSync } from "node:fs";
import { dirname, join, sep } from "node:path";

import { describe, expect, test } from "vitest";

import { type Source, violations } from "./architecture.ts";

const root = dirname(import.meta.dirname);

test("every file in src and in the emulator keeps the house rules", () => {
  const paths = globSync(["src/**/*.{ts,tsx}", "test/emulator/**/*.ts"], { cwd: root });
  const sources = paths.map((path) => ({
    path: path.split(sep).join("/"),
    text: readFileSync(join(root, path), "utf8"),
  }));
  expect(sources.length).toBeGreaterThan(0);
  expect(violations(sources)).toEqual([]);
});

test("a house in order breaks no rule", () => {
  const house: Source[] = [
    {
      path: "src/lib/clock.ts",
      text: `export const day = 1;\n// Pacing of the poll.\nsetTimeout(() => undefined, day);`,
    },
    { path: "src/domain/run.ts", text: `import { day } from "../lib/clock.ts";\nexport const week = 7 * day;` },
    { path: "src/domain/stop.ts", text: `export const pids = (all: P[]) => all.map((process) => process.pid);` },
    { path: "src/engine/ports.ts", text: `import type { Run } from "../domain/run.ts";\nexport type Store = Run;` },
    { path: "src/store/runs.ts", text: `import type { Store } from "../engine/ports.ts";\nexport type S = Store;` },
    {
      path: "src/drivers/claude/turn.ts",
      text: `import { a } from "../agent-process.ts";\nimport "@anthropic-ai/claude-agent-sdk";`,
    },
    {
      path: "src/web/page/app.tsx",
      text: `import type { Run } from "../../domain/run.ts";\nimport type { W } from "../wire.ts";\nimport "preact";\nimport "./app.css";`,
    },
    { path: "src/config.ts", text: `export const home = () => process.env["SIGNALBOX_HOME"];` },
    { path: "src/main.ts", text: `import "./store/runs.ts";\nimport "./telegram/poll.ts";\nprocess.exit(0);` },
    {
      path: "src/store/runs.test.ts",
      text: `import "../telegram/poll.ts";\nimport "../../test/contracts/store.ts";\nlet x = 1;`,
    },
    { path: "test/emulator/server.ts", text: `import { createServer } from "node:http";\nlet port = 0;` },
  ];
  expect(violations(house)).toEqual([]);
});

describe("each rule sees its violation", () => {
  const planted: [path: string, text: string, what: RegExp][] = [
    // Imports point inward, siblings apart.
    ["src/lib/a.ts", `import { b } from "../domain/b.ts";`, /must not import src\/domain\/b\.ts/],
    ["src/engine/a.ts", `import { b } from "../store/b.ts";`, /must not import src\/store\/b\.ts/],
    ["src/engine/a.ts", `import type { B } from "../store/b.ts";`, /must not import src\/store\/b\.ts/],
    ["src/engine/a.ts", `export const load = () => import("../store/b.ts");`, /must not import src\/store\/b\.ts/],
    ["src/engine/a.ts", `export type B = import("../store/b.ts").B;`, /must not import src\/store\/b\.ts/],
    ["src/engine/a.ts", `export { b } from "../store/b.ts"; export const c = 1;`, /must not import src\/store\/b\.ts/],
    ["src/telegram/a.ts", `import { b } from "../web/b.ts";`, /must not import src\/web\/b\.ts/],
    ["src/newcomer/a.ts", `import { b } from "../web/b.ts";`, /must not import src\/web\/b\.ts/],
    ["src/web/a.ts", `import { b } from "../config.ts";`, /must not import src\/config\.ts/],
    ["src/web/a.ts", `import { b } from "./page/b.ts";`, /must not import src\/web\/page\/b\.ts/],
    ["src/drivers/claude/a.ts", `import { b } from "../demo/b.ts";`, /must not import src\/drivers\/demo\/b\.ts/],
    ["src/drivers/a.ts", `import { b } from "./demo/b.ts";`, /must not import src\/drivers\/demo\/b\.ts/],
    ["src/store/a.ts", `import { b } from "../../test/contracts/b.ts";`, /must not import test\/contracts\/b\.ts/],
    ["src/store/a.ts", `import { b } from "./b.test.ts";`, /must not import src\/store\/b\.test\.ts/],
    ["src/store/a.ts", `import { b } from "./b.test-kit.ts";`, /must not import src\/store\/b\.test-kit\.ts/],
    ["src/store/a.ts", `export const load = (name: string) => import(name);`, /computed name/],
    // The domain is pure.
    ["src/domain/a.ts", `import { readFileSync } from "node:fs";`, /not node:fs/],
    ["src/domain/a.ts", `import { z } from "zod";`, /not zod/],
    ["src/domain/a.ts", `export async function f() {}`, /does not wait/],
    ["src/domain/a.ts", `export const f = async () => 1;`, /does not wait/],
    ["src/domain/a.ts", `export type F = () => Promise<void>;`, /pure: Promise/],
    ["src/domain/a.ts", `export const home = () => process.cwd();`, /pure: process/],
    ["src/domain/a.ts", `export const now = () => Date.now();`, /time and chance/],
    ["src/domain/a.ts", `export const now = () => new Date();`, /time is a parameter/],
    // The page.
    ["src/web/page/a.tsx", `import { reduce } from "../../domain/transcript.ts";`, /must not import/],
    ["src/web/page/a.tsx", `import { decode } from "../wire.ts";`, /must not import src\/web\/wire\.ts/],
    ["src/web/page/a.tsx", `import type { S } from "../server.ts";`, /must not import src\/web\/server\.ts/],
    ["src/web/page/a.tsx", `import type { S } from "../../store/a.ts";`, /must not import src\/store\/a\.ts/],
    // Environment and exit.
    ["src/store/a.ts", `export const f = () => process.env["HOME"];`, /process\.env/],
    ["src/store/a.ts", `export const f = () => globalThis.process.env;`, /process\.env/],
    ["src/store/a.ts", `export const f = () => { const { env } = process; return env; };`, /process\.env/],
    ["src/store/a.ts", `import { env } from "node:process";`, /process\.env/],
    ["src/main.ts", `export const f = () => process.env["HOME"];`, /process\.env/],
    ["src/engine/a.ts", `export const f = () => process.exit(1);`, /process\.exit/],
    ["src/engine/a.ts", `import { exit } from "node:process";`, /process\.exit/],
    // State and barrels.
    ["src/engine/a.ts", `let count = 0; export const f = () => (count += 1);`, /module-level let/],
    ["src/engine/a.ts", `export let count = 0;`, /module-level let/],
    ["src/engine/a.ts", `const seen = new Map<string, string>(); export const f = () => seen;`, /mutable container/],
    ["src/engine/a.ts", `export const queue: string[] = [];`, /mutable container/],
    ["src/engine/index.ts", `export const a = 1;`, /barrels/],
    ["src/engine/a.ts", `export * from "./b.ts"; export const c = 1;`, /barrels/],
    ["src/engine/a.ts", `export { b } from "./b.ts";`, /barrels/],
    // Timers.
    ["src/engine/a.ts", `export const f = () => setTimeout(g, 5);`, /a timer needs a comment/],
    [
      "src/engine/a.ts",
      `// Pacing.\nexport const a = 1;\nexport const f = () => globalThis.setInterval(g, 5);`,
      /a timer needs/,
    ],
    ["src/engine/a.ts", `export const f = (c: C) => c.clock.sleep(5);`, /a timer needs a comment/],
    // Platforms and the emulator.
    ["src/engine/a.ts", `import type { Context } from "grammy";`, /grammy stays in src\/telegram\//],
    [
      "src/drivers/demo/a.ts",
      `import type { Query } from "@anthropic-ai/claude-agent-sdk";`,
      /stays in src\/drivers\/claude\//,
    ],
    ["test/emulator/a.ts", `import type { U } from "../../src/telegram/parse.ts";`, /must not know what it checks/],
    ["test/emulator/a.test.ts", `import { u } from "../../src/telegram/parse.ts";`, /must not know what it checks/],
  ];

  test.each(planted)("%s: %s", (path, text, what) => {
    const found = violations([{ path, text }]);
    expect(found).toEqual([expect.stringMatching(what)]);
    expect(found[0]).toMatch(/^[\w./-]+:\d+: /);
  });
});
