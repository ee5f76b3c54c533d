#!/usr/bin/env node
// The one way in: `npm start`, `npm test` and the other npm scripts come through here, on a machine with only git, npm and
// Node 20. Makes the checkout ready (./setup.mjs), then runs the task under a Node that can run TypeScript.
//
//   start ...   the program: src/cli.ts start ...            (builds the page when its sources changed)
//   cli ...     any other command of the program: src/cli.ts ...
//   test ...    everything, scripts/verify.ts test ...       (builds the page too: the browser tests open it)
//   check       types, lint, format, dead code, unit tests: scripts/verify.ts check
//   verify ...  parts of it: scripts/verify.ts ...
//   bench ...   the figures: bench/main.ts ...
//   run file .. any other script of this repository
//
// What runs real agents installs them first (test/agents); the program does not need them.
//
// 1. Plain JavaScript without dependencies: it must run before anything is installed, on Node 20.
// 2. What is already done costs nothing: no process is started and nothing is written when all stamps match.
// 3. The task's exit code is ours, and a signal reaches the task once (./task.mjs).
import { delimiter, dirname, join, sep } from "node:path";
import { fileURLToPath } from "node:url";

import { prepare, SetupFailed } from "./setup.mjs";
import { runTask } from "./task.mjs";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const [task = "", ...args] = process.argv.slice(2);

// The young generation grows while modules load and never shrinks again: bounded, the idle program holds 5 MB less (measured).
// A flag and not NODE_OPTIONS, which the agents would inherit.
const memoryFlags = ["--max-semi-space-size=2"];

const isAsked = (...parts) => parts.some((part) => args.includes(part));

/** What each task runs, and what it needs before. `isProgram`: it must see the person's own PATH and directory. */
const tasks = {
  start: { command: [...memoryFlags, join(root, "src/cli.ts"), "start", ...args], page: true, isProgram: true },
  cli: { command: [join(root, "src/cli.ts"), ...args], isProgram: true },
  test: { command: ["scripts/verify.ts", "test", ...args], page: true, agents: true },
  check: { command: ["scripts/verify.ts", "check", ...args] },
  verify: {
    command: ["scripts/verify.ts", ...args],
    page: isAsked("test", "browser", "e2e"),
    agents: isAsked("test", "agents", "e2e"),
  },
  // What is measured in its own process is measured as the program runs.
  bench: { command: [...memoryFlags, "bench/main.ts", ...args], agents: true },
  run: { command: args },
};

process.exitCode = await main();

async function main() {
  const wanted = Object.hasOwn(tasks, task) ? tasks[task] : undefined;
  if (wanted === undefined || wanted.command.length === 0) {
    console.error(`usage: node scripts/bootstrap.mjs ${Object.keys(tasks).join(" | ")} [arguments]`);
    return 2;
  }
  try {
    const node = await prepare(root, { page: wanted.page, compiled: task === "start", agents: wanted.agents });
    if (wanted.isProgram) {
      const command = ["--import", new URL("compile-cache.mjs", import.meta.url).href, ...wanted.command];
      return await runTask(node, command, personal(process.env));
    }
    // Tools find this Node first.
    const env = { ...process.env, PATH: `${dirname(node)}:${process.env.PATH ?? ""}` };
    return await runTask(node, wanted.command, { cwd: root, env });
  } catch (error) {
    if (!(error instanceof SetupFailed)) throw error;
    console.error(`signalbox: ${error.message}`);
    return error.exitCode;
  }
}

/**
 * The person's own directory and environment, without what npm added to them: agents inherit it, and must neither find this
 * checkout's tools before the person's nor believe that they run inside its npm script.
 */
function personal(env) {
  const kept = Object.entries(env).filter(
    ([name]) => !/^(npm_.*|INIT_CWD|NODE|COLOR)$/.test(name) || env.npm_command === undefined,
  );
  const path = (env.PATH ?? "").split(delimiter).filter((place) => !isAddedByNpm(place));
  return { cwd: env.INIT_CWD ?? process.cwd(), env: { ...Object.fromEntries(kept), PATH: path.join(delimiter) } };
}

/** npm puts node_modules/.bin of this checkout and of every folder above it on PATH, and a folder of its own. */
function isAddedByNpm(place) {
  if (place.endsWith(join("run-script", "lib", "node-gyp-bin"))) return true;
  const suffix = join(sep, "node_modules", ".bin");
  if (!place.endsWith(suffix)) return false;
  const folder = place.slice(0, -suffix.length);
  return root === folder || root.startsWith(folder === "" ? sep : folder + sep);
}
