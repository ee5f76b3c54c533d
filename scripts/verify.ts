// Everything that is checked here, in one place: `npm test` runs all of it, `npm run check` what takes under a minute,
// and each part runs alone (`npm run verify -- e2e`). Asked for by name, the agents' tests are whole (six more minutes); as a part of
// everything they leave out what test/agents/scope.ts says.
//
// 1. The last line is `N passed, N failed`, with `, N skipped` when there are any: static checks count as one each.
// 2. What was skipped is listed with its reason. With CI set, a skipped browser test is a failure.
// 3. It ends: a part that does not is ended with everything it started, and counts as failed.
import { spawn } from "node:child_process";
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

import { type AgentScope, agentScopeVariable } from "../test/agents/scope.ts";
import { type Tally, tallyFileVariable } from "./tally-reporter.ts";

const root = dirname(import.meta.dirname);

/** `npm test` is to take under 12 minutes on two cores. A slower machine may finish; what hangs is ended. */
const wholeRunMaxMs = 45 * 60_000;
/** Vitest ends its workers itself when asked; after this the group is killed. */
const endGraceMs = 5_000;

const staticParts = ["types", "lint", "format", "dead-code"] as const;
const testParts = ["unit", "contracts", "audit", "simulation", "browser", "agents", "e2e"] as const;
const groups: Record<string, readonly string[]> = {
  test: [...staticParts, ...testParts],
  check: [...staticParts, "unit"],
};

process.exitCode = await main(process.argv.slice(2));

async function main(asked: readonly string[]): Promise<number> {
  const parts = new Set(asked.flatMap((name) => groups[name] ?? [name]));
  const known: readonly string[] = [...staticParts, ...testParts];
  const unknown = [...parts].filter((part) => !known.includes(part));
  if (parts.size === 0 || unknown.length > 0) {
    console.error(`usage: verify.ts ${[...Object.keys(groups), ...known].join(" | ")}   (got: ${asked.join(" ")})`);
    return 2;
  }
  const startedAt = performance.now();
  const until = startedAt + wholeRunMaxMs;
  const tallies: Part[] = [];
  const agents: AgentScope = asked.includes("agents") ? "whole" : "essential";
  for (const part of staticParts) if (parts.has(part)) tallies.push(await runStatic(part, until));
  for (const part of testParts) if (parts.has(part)) tallies.push(await runTests(part, agents, until));
  console.log(`\n${Math.round((performance.now() - startedAt) / 1000)} s in all`);
  return summary(tallies);
}

type Part = Omit<Tally, "isWhole">;

// ---- The parts ----

async function runStatic(part: (typeof staticParts)[number], until: number): Promise<Part> {
  const failed: string[] = [];
  for (const [label, command, ...args] of staticCommands(part)) {
    const startedAt = performance.now();
    const { code, output } = await run(join(root, command), args, { until, isQuiet: true });
    if (code !== 0) failed.push(label);
    console.log(`${code === 0 ? "ok    " : "FAILED"} ${label} (${Math.round(performance.now() - startedAt)} ms)`);
    if (code !== 0) console.log(output);
  }
  return { passed: failed.length === 0 ? 1 : 0, failed: failed.length === 0 ? [] : [failed.join(", ")], skipped: [] };
}

function staticCommands(part: (typeof staticParts)[number]): [label: string, command: string, ...args: string[]][] {
  const bin = "node_modules/.bin";
  switch (part) {
    case "types":
      return [".", "src/web/page", "test/browser"]
        .filter((project) =>
          globSync("**/*.{ts,tsx}", { cwd: join(root, project) }).some((file) => file !== "vite.config.ts"),
        )
        .map((project) => [`types in ${project}`, `${bin}/tsc`, "--noEmit", "-p", project]);
    case "lint":
      return [["lint", `${bin}/oxlint`]];
    case "format":
      return [["format", `${bin}/oxfmt`, "--check"]];
    case "dead-code":
      return [["dead code", `${bin}/knip`, "--no-progress"]];
    default:
      return part satisfies never;
  }
}

async function runTests(project: (typeof testParts)[number], agents: AgentScope, until: number): Promise<Part> {
  console.log(`\n--- ${project} tests`);
  const scratch = mkdtempSync(join(tmpdir(), "signalbox-verify-"));
  try {
    const tallyFile = join(scratch, "tally.json");
    const args = ["node_modules/vitest/vitest.mjs", "run", "--project", project];
    const reporters = ["--reporter=default", `--reporter=${join(root, "scripts/tally-reporter.ts")}`];
    const env = { ...process.env, [tallyFileVariable]: tallyFile, [agentScopeVariable]: agents };
    const { code } = await run(process.execPath, [...args, ...reporters], { until, env });
    const nothing: Tally = { passed: 0, failed: [], skipped: [], isWhole: false };
    const tally = existsSync(tallyFile) ? (JSON.parse(readFileSync(tallyFile, "utf8")) as Tally) : nothing;
    const failed = [...tally.failed];
    if (!tally.isWhole) failed.push(`${project} tests did not come to their end (exit code ${code})`);
    else if (code !== 0 && failed.length === 0) failed.push(`${project} tests ended with exit code ${code}`);
    if (project !== "browser" || !process.env["CI"]) return { passed: tally.passed, failed, skipped: tally.skipped };
    const unproven = tally.skipped.map(({ name, why }) => `${name} (skipped: ${why})`);
    return { passed: tally.passed, failed: [...failed, ...unproven], skipped: [] };
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

// ---- The end ----

function summary(tallies: readonly Part[]): number {
  const failed = tallies.flatMap((tally) => tally.failed);
  const skipped = tallies.flatMap((tally) => tally.skipped);
  const passed = tallies.reduce((sum, tally) => sum + tally.passed, 0);
  for (const { name, why } of skipped) console.log(`skipped: ${name}: ${why}`);
  for (const name of failed) console.log(`failed: ${name}`);
  console.log(`${passed} passed, ${failed.length} failed${skipped.length > 0 ? `, ${skipped.length} skipped` : ""}`);
  return failed.length === 0 ? 0 : 1;
}

// ---- One child in its own group, so that ending it ends what it started ----

type RunOptions = { until: number; env?: NodeJS.ProcessEnv; isQuiet?: boolean };

/** Resolves when the child is gone, never rejects. A child that outlives `until`, or us, is ended with its group. */
function run(command: string, args: readonly string[], options: RunOptions): Promise<{ code: number; output: string }> {
  const { promise, resolve } = Promise.withResolvers<{ code: number; output: string }>();
  const child = spawn(command, args, {
    cwd: root,
    env: options.env ?? process.env,
    stdio: options.isQuiet ? ["ignore", "pipe", "pipe"] : ["ignore", "inherit", "inherit"],
    detached: true,
  });
  let output = "";
  child.stdout?.on("data", (chunk: Buffer) => (output += chunk.toString()));
  child.stderr?.on("data", (chunk: Buffer) => (output += chunk.toString()));

  const killGroup = (signal: NodeJS.Signals): void => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, signal);
    } catch {
      // The group is already gone.
    }
  };
  let graceTimer: NodeJS.Timeout | undefined;
  const end = (): void => {
    killGroup("SIGTERM");
    graceTimer ??= setTimeout(() => killGroup("SIGKILL"), endGraceMs);
  };
  // The bound of the whole run.
  const boundTimer = setTimeout(
    () => {
      console.log(
        `\n${command} ${args.join(" ")}: still running after ${wholeRunMaxMs / 60_000} minutes in all; ending it.`,
      );
      end();
    },
    Math.max(0, options.until - performance.now()),
  );
  let isInterrupted = false;
  const interrupt = (): void => {
    isInterrupted = true;
    end();
  };
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  for (const signal of signals) process.on(signal, interrupt);

  const settle = (code: number): void => {
    clearTimeout(boundTimer);
    clearTimeout(graceTimer);
    for (const signal of signals) process.off(signal, interrupt);
    // Asked to end, we end here: the parts that did not run are not reported as if they had been tried.
    if (isInterrupted) process.exit(130);
    resolve({ code, output });
  };
  child.once("error", (error) => {
    output += error.message;
    settle(127);
  });
  child.once("close", (code) => settle(code ?? 1));
  return promise;
}
