// Makes a checkout ready to run: a Node that runs TypeScript, the pinned dependencies, the built page, the compiled program.
//
// 1. A step is done only when its stamp says so, and the stamp is written last: an interrupted step is done again.
// 2. A stamp names the content it was made from (lockfile, page sources), never a time: a clone, a checkout of another
//    branch or a copied directory is judged right.
// 3. One set-up at a time per checkout: `npm start` and `npm test` in two terminals do not install over each other.
// 4. Nothing to do: no network, no child process, nothing written.
import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { basename, delimiter, dirname, join } from "node:path";
import { pathToFileURL } from "node:url";

import { runTask } from "./task.mjs";

/** The first Node whose type stripping and `await using` need no flag and print no warning. */
const nodeAtLeast = [24, 12];

/** A set-up step that did not work; the message says which one and what to do. */
export class SetupFailed extends Error {
  constructor(message, exitCode = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}

/**
 * Resolves to the Node executable to run the task with. Rejects with SetupFailed. Prints to stderr what takes long.
 * `agents`: the agents that tests run; a person who only uses the program does not wait for them.
 */
export async function prepare(root, { page, compiled, agents }) {
  const steps = [
    nodeStep(root),
    packagesStep(
      root,
      "the dependencies",
      "the pinned dependencies (about 750 MB on disk, Claude Code and a browser included; once)",
    ),
    ...(agents
      ? [
          packagesStep(
            join(root, "test/agents"),
            "the agents under test",
            "the agents that the tests run (about 680 MB on disk; once)",
          ),
        ]
      : []),
    ...(page ? [pageStep(root)] : []),
    ...(compiled ? [compileStep(root)] : []),
  ];
  if (steps.some((step) => !step.isDone())) {
    const release = await takeTurn(root);
    try {
      // Asked again: whoever held the turn before us may have done it.
      for (const step of steps) if (!step.isDone()) await step.run(nodeFor(root));
    } finally {
      release();
    }
  }
  return nodeFor(root);
}

// ---- Node ----

function nodeStep(root) {
  const home = join(root, "runtime");
  return {
    isDone: () => isNewEnough(process.versions.node) || installedNode(root) !== undefined,
    async run() {
      const min = nodeAtLeast.join(".");
      // As below: what somebody installed by hand is taken over, not installed again.
      const installedFile = join(home, "node_modules/.package-lock.json");
      if (!installedAsLocked(join(home, "package-lock.json"), installedFile) || findNode(home) === undefined) {
        say(`this is Node ${process.versions.node}; installing Node ${min} or newer for this checkout only (once) ...`);
        await npmCi(home, process.execPath, "Node");
      }
      const node = findNode(home);
      const version = node === undefined ? undefined : versionOf(node);
      if (version === undefined || !isNewEnough(version)) {
        throw new SetupFailed(
          `no ready-made Node ${min} for ${process.platform} ${process.arch}: install Node ${min} or newer ` +
            `(https://nodejs.org) and run this again.`,
        );
      }
      const stamp = {
        lock: hashOf(join(home, "package-lock.json")),
        machine: machine(),
        node: node.slice(home.length + 1),
      };
      writeStamp(runtimeStamp(root), stamp);
    },
  };
}

function nodeFor(root) {
  return isNewEnough(process.versions.node) ? process.execPath : (installedNode(root) ?? process.execPath);
}

function installedNode(root) {
  const stamp = readStamp(runtimeStamp(root));
  if (stamp === undefined || stamp.machine !== machine()) return undefined;
  if (stamp.lock !== hashOf(join(root, "runtime/package-lock.json"))) return undefined;
  const node = join(root, "runtime", stamp.node);
  return existsSync(node) ? node : undefined;
}

const runtimeStamp = (root) => join(root, "runtime/node_modules/.signalbox-setup.json");

/** The `node` that npm linked for this machine's operating system and processor. */
function findNode(home) {
  const link = join(home, "node_modules/.bin/node");
  return existsSync(link)
    ? join(realpathSync(home), realpathSync(link).slice(realpathSync(home).length + 1))
    : undefined;
}

function versionOf(node) {
  try {
    return execFileSync(node, ["--version"], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] })
      .trim()
      .slice(1);
  } catch {
    // Installed but cannot run here, for example a glibc build on musl: the caller says what to do.
    return undefined;
  }
}

function isNewEnough(version) {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major > nodeAtLeast[0] || (major === nodeAtLeast[0] && minor >= nodeAtLeast[1]);
}

// ---- Dependencies ----

/** The packages that the lockfile in `home` pins. `what` they are, and what is said while they are installed. */
function packagesStep(home, what, announcement) {
  const stampFile = join(home, "node_modules/.signalbox-setup.json");
  // npm writes this list of what it installed last of all.
  const installedFile = join(home, "node_modules/.package-lock.json");
  const current = () => ({
    lock: hashOf(join(home, "package-lock.json")),
    installed: hashOf(installedFile),
    machine: machine(),
  });
  return {
    isDone() {
      const stamp = readStamp(stampFile);
      const now = current();
      return stamp?.lock === now.lock && stamp.installed === now.installed && stamp.machine === now.machine;
    },
    async run(node) {
      // Somebody ran npm by hand: what is there is what the lockfile asks for, so there is nothing to install again.
      if (!installedAsLocked(join(home, "package-lock.json"), installedFile)) {
        say(`installing ${announcement} ...`);
        await npmCi(home, node, what);
      }
      writeStamp(stampFile, current());
    },
  };
}

function installedAsLocked(lockFile, installedFile) {
  if (!existsSync(installedFile)) return false;
  const packagesIn = (file) => JSON.parse(readFileSync(file, "utf8")).packages ?? {};
  const installed = packagesIn(installedFile);
  const locked = packagesIn(lockFile);
  const same = (a, b) => a.version === b.version && a.integrity === b.integrity;
  const wanted = Object.entries(locked).filter(([path]) => path !== "");
  return (
    Object.keys(installed).every((path) => locked[path] !== undefined) &&
    wanted.every(([path, entry]) => {
      const there = installed[path];
      if (there !== undefined) return same(there, entry) && fitsThisMachine(entry);
      // Left out for another machine, or wanted only by what was left out.
      return entry.optional === true && !(isForSomeMachines(entry) && fitsThisMachine(entry));
    })
  );
}

const isForSomeMachines = (entry) => Boolean(entry.os ?? entry.cpu ?? entry.libc);

function fitsThisMachine(entry) {
  const admits = (list, value) => {
    const names = list === undefined ? [] : [list].flat();
    if (names.some((name) => name === `!${value}`)) return false;
    const allowed = names.filter((name) => !name.startsWith("!"));
    return allowed.length === 0 || allowed.includes(value);
  };
  return (
    admits(entry.os, process.platform) && admits(entry.cpu, process.arch) && (!entry.libc || admits(entry.libc, libc()))
  );
}

function libc() {
  return process.report.getReport().header.glibcVersionRuntime === undefined ? "musl" : "glibc";
}

// ---- The page ----

function pageStep(root) {
  const home = join(root, "src/web/page");
  const config = join(home, "vite.config.ts");
  const stampFile = join(root, ".cache/page.json");
  // The page takes code from its own folder and from lib (test/architecture.ts holds that); from elsewhere only types.
  const folders = [home, join(root, "src/lib")];
  const sources = () => hashOfTrees(folders, hashOf(join(root, "package-lock.json")));
  return {
    isDone() {
      if (!existsSync(config)) return true;
      return existsSync(join(root, "dist/page/index.html")) && readStamp(stampFile)?.sources === sources();
    },
    async run(node) {
      say("building the page ...");
      rmSync(stampFile, { force: true });
      const made = { sources: sources() };
      const vite = join(root, "node_modules/vite/bin/vite.js");
      const args = [vite, "build", "--config", config, "--logLevel", "warn"];
      const code = await runTask(node, args, { cwd: root, env: process.env, output: "stderr" });
      if (code !== 0) throw new SetupFailed(`building the page failed (exit code ${code}).`, code);
      writeStamp(stampFile, made);
    },
  };
}

// ---- The compiled program ----

/** Not for the sake of the start, which compiles for itself what is missing, but of the life after it: see compile.mjs. */
function compileStep(root) {
  const stampFile = join(root, ".cache/compile.json");
  const sources = () => hashOfTrees([join(root, "src")], `${nodeFor(root)} ${process.version}`);
  return {
    isDone() {
      if (!existsSync(join(root, "src/main.ts"))) return true;
      return existsSync(join(root, ".cache/compile")) && readStamp(stampFile)?.sources === sources();
    },
    async run(node) {
      const made = { sources: sources() };
      const cache = pathToFileURL(join(root, "scripts/compile-cache.mjs")).href;
      // A failure is no obstacle: the program itself says what is wrong with it.
      const { status } = spawnSync(node, ["--import", cache, join(root, "scripts/compile.mjs")], { stdio: "ignore" });
      if (status === 0) writeStamp(stampFile, made);
    },
  };
}

// ---- Shared by the steps ----

async function npmCi(home, node, what) {
  // Scripts of packages stay off: none of ours needs one. Dev and optional packages are named because the person's own
  // npm settings (NODE_ENV=production, omit=optional) may leave out what a checkout cannot work without.
  const flags = [
    "--include=dev",
    "--include=optional",
    "--ignore-scripts",
    "--no-audit",
    "--no-fund",
    "--loglevel=error",
  ];
  const env = { ...process.env, PATH: `${dirname(node)}${delimiter}${process.env.PATH ?? ""}` };
  const npmCli = process.env.npm_execpath ?? "";
  const [command, first] = basename(npmCli) === "npm-cli.js" ? [node, [npmCli]] : ["npm", []];
  const code = await runTask(command, [...first, "ci", ...flags], { cwd: home, env, output: "stderr" });
  if (code === 0) return;
  throw new SetupFailed(
    `installing ${what} failed (npm ci in ${home}, exit code ${code}). ` +
      `The first run needs the npm registry; later runs work offline. Run the same command again to retry.`,
    code,
  );
}

/** How long one set-up may hold the turn before we stop waiting: a slow line needs minutes for 300 MB, not an hour. */
const turnMaxMs = 20 * 60_000;
const turnPollMs = 200;

/** Waits until no other live process sets this checkout up; returns the function that ends our turn. */
async function takeTurn(root) {
  const file = join(root, ".cache/setup.lock");
  mkdirSync(dirname(file), { recursive: true });
  const until = Date.now() + turnMaxMs;
  let isToldToWait = false;
  for (;;) {
    try {
      writeFileSync(file, String(process.pid), { flag: "wx" });
      return () => rmSync(file, { force: true });
    } catch (error) {
      if (error.code !== "EEXIST") throw new SetupFailed(`cannot write ${file}: ${error.message}`);
    }
    const holder = Number(readText(file));
    if (Number.isInteger(holder) && holder > 0 && !isAlive(holder)) {
      rmSync(file, { force: true });
      continue;
    }
    if (Date.now() > until) {
      throw new SetupFailed(
        `process ${holder} has been setting this checkout up for too long; end it or delete ${file}.`,
      );
    }
    if (!isToldToWait) say(`process ${holder} is setting this checkout up; waiting for it ...`);
    isToldToWait = true;
    await new Promise((resolve) => setTimeout(resolve, turnPollMs));
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}

function say(text) {
  console.error(`signalbox: ${text}`);
}

/** What installed packages depend on besides the lockfile. */
function machine() {
  return `${process.platform} ${process.arch}`;
}

function hashOf(file) {
  const text = readText(file);
  return text === undefined ? undefined : createHash("sha256").update(text).digest("hex");
}

/** The names and contents of all source files below `folders`, and `seed`. Tests do not change what is built. */
function hashOfTrees(folders, seed) {
  const hash = createHash("sha256").update(String(seed));
  for (const folder of folders.filter((each) => existsSync(each))) {
    const files = readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && !/\.test\.tsx?$/.test(entry.name))
      .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
      .toSorted();
    for (const file of files) hash.update(`\0${file.slice(folder.length)}\0`).update(readFileSync(file));
  }
  return hash.digest("hex");
}

function readStamp(file) {
  const text = readText(file);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    // Cut off while it was written: as good as none.
    return undefined;
  }
}

function writeStamp(file, stamp) {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify(stamp)}\n`);
}

function readText(file) {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    if (error.code === "ENOENT") return undefined;
    throw error;
  }
}
