import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

import { afterEach, beforeEach, describe, expect, test } from "vitest";

// A real bootstrap in a real directory (with spaces in its path); only npm, Vite and the program are small stand-ins.

let scratch: string;
let checkout: string;
const children: ChildProcess[] = [];

beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), "signalbox bootstrap "));
  checkout = join(scratch, "my checkout");
  for (const name of ["bootstrap.mjs", "setup.mjs", "task.mjs", "compile-cache.mjs", "compile.mjs"]) {
    cpSync(join(import.meta.dirname, name), join(checkout, "scripts", name));
  }
  put("package-lock.json", lockOf({ "node_modules/left": { version: "1.0.0", integrity: "sha-1" } }));
  put("runtime/package-lock.json", lockOf({}));
  put("test/agents/package-lock.json", lockOf({ "node_modules/agent": { version: "1.0.0", integrity: "sha-1" } }));
  put("src/cli.ts", `console.log("ran", JSON.stringify(process.argv.slice(2)));`);
  put("../npm-cli.js", npmStandIn);
});

afterEach(() => {
  // A test that failed half-way leaves nothing running.
  for (const child of children.splice(0)) endGroup(child);
  rmSync(scratch, { recursive: true, force: true });
});

describe("a fresh clone", () => {
  test("installs once, then runs the program with its arguments and passes its exit code on", () => {
    put("src/cli.ts", `console.log("ran", JSON.stringify(process.argv.slice(2))); process.exitCode = 7;`);
    const first = bootstrap("start", "--port", "1 2");
    expect(first).toMatchObject({ status: 7, stdout: 'ran ["start","--port","1 2"]\n' });
    expect(first.stderr).toContain("installing the pinned dependencies");
    expect(npmCalls()).toEqual([
      expect.stringMatching(/^my checkout: ci --include=dev --include=optional --ignore-scripts/),
    ]);

    const second = bootstrap("cli", "doctor");
    expect(second).toMatchObject({ status: 7, stdout: 'ran ["doctor"]\n', stderr: "" });
    expect(npmCalls()).toHaveLength(1);
  });

  test("the program is started without the agents that tests run; what runs them installs them, once", () => {
    put("scripts/verify.ts", `console.log("verified", process.argv[2]);`);
    put("bench/main.ts", `console.log("measured");`);
    const folders = () => npmCalls().map((call) => call.split(":")[0]);
    for (const task of [["start"], ["cli"], ["check"], ["verify", "unit"]]) {
      expect(bootstrap(...task)).toMatchObject({ status: 0 });
    }
    expect(folders()).toEqual(["my checkout"]);
    const first = bootstrap("verify", "agents");
    expect(first).toMatchObject({ status: 0, stdout: "verified agents\n" });
    expect(first.stderr).toContain("installing the agents that the tests run");
    expect(bootstrap("test")).toMatchObject({ status: 0, stderr: "" });
    expect(bootstrap("bench")).toMatchObject({ status: 0, stderr: "" });
    expect(folders()).toEqual(["my checkout", "agents"]);
  });

  test("an install that was cut off is done again, although it left a node_modules behind", () => {
    expect(bootstrap("cli", { NPM_STAND_IN: "cut off" })).toMatchObject({ status: 9, stdout: "" });
    expect(existsSync(join(checkout, "node_modules/left"))).toBe(true);
    expect(bootstrap("cli")).toMatchObject({ status: 0, stdout: "ran []\n" });
    expect(npmCalls()).toHaveLength(2);
  });

  test("without a network it says what failed and what to do, and starts nothing", () => {
    const { status, stdout, stderr } = bootstrap("start", { NPM_STAND_IN: "offline" });
    expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
    expect(stderr).toMatch(/installing the dependencies failed .*needs the npm registry.*Run the same command again/);
  });

  test("two at once install once", async () => {
    const both = await Promise.all([finished(start("cli", "a")), finished(start("cli", "b"))]);
    expect(both.map(({ status }) => status)).toEqual([0, 0]);
    expect(npmCalls()).toHaveLength(1);
  });

  test("a set-up whose process died does not block the next one", () => {
    const { pid } = spawnSync(process.execPath, ["--version"]);
    put(".cache/setup.lock", String(pid));
    expect(bootstrap("cli")).toMatchObject({ status: 0 });
  });
});

describe("under npm", () => {
  test("the program gets the person's own directory and PATH, so that agents find the person's tools and not this checkout's", () => {
    put(
      "src/cli.ts",
      "console.log(JSON.stringify([process.cwd(), process.env.PATH, process.env.npm_command ?? null]));",
    );
    const added = [
      join(checkout, "node_modules/.bin"),
      join(scratch, "node_modules/.bin"),
      "/node_modules/.bin",
      "/npm/node_modules/@npmcli/run-script/lib/node-gyp-bin",
    ];
    const own = "/other/node_modules/.bin:/usr/bin:/bin";
    const PATH = [...added, own].join(":");
    const { stdout } = bootstrap("cli", { PATH, INIT_CWD: scratch, npm_command: "run-script" });
    expect(JSON.parse(stdout)).toEqual([scratch, own, null]);
  });
});

describe("memory", () => {
  test("the program is started with a small young generation, and neither its children nor other commands inherit that", () => {
    put("src/cli.ts", "console.log(JSON.stringify([process.execArgv.slice(2), process.env.NODE_OPTIONS ?? null]));");
    const NODE_OPTIONS = "";
    expect(JSON.parse(bootstrap("start", { NODE_OPTIONS }).stdout)).toEqual([["--max-semi-space-size=2"], ""]);
    expect(JSON.parse(bootstrap("cli", { NODE_OPTIONS }).stdout)).toEqual([[], ""]);
  });

  test("the first life after a change already finds its modules compiled, and without a change nothing is compiled again", () => {
    const compiled = (): string => readFileSync(join(scratch, "compiled"), "utf8");
    const module = (name: string): string =>
      `import { appendFileSync } from "node:fs"; appendFileSync(${JSON.stringify(join(scratch, "compiled"))}, "${name} " as string);`;
    put("src/main.ts", module("main"));
    put("src/web/late.ts", module("late"));
    put("src/web/late.test.ts", module("test"));
    expect(bootstrap("start")).toMatchObject({ status: 0, stdout: 'ran ["start"]\n' });
    expect(compiled()).toBe("main late ");
    bootstrap("start");
    expect(compiled()).toBe("main late ");
    put("src/web/late.ts", module("later"));
    bootstrap("start");
    expect(compiled()).toBe("main late main later ");
  });

  test("a program that does not compile is started all the same: it says best what is wrong with it", () => {
    put("src/main.ts", "this is no TypeScript");
    expect(bootstrap("start")).toMatchObject({ status: 0, stdout: 'ran ["start"]\n' });
    expect(existsSync(join(checkout, ".cache/compile.json"))).toBe(false);
  });
});

describe("a checkout that moves on", () => {
  test("installs again when the lockfile changed", () => {
    bootstrap("cli");
    put("package-lock.json", lockOf({ "node_modules/left": { version: "2.0.0", integrity: "sha-2" } }));
    expect(bootstrap("cli")).toMatchObject({ status: 0 });
    expect(npmCalls()).toHaveLength(2);
  });

  test("installs again when packages were removed by hand (npm prune --omit=dev)", () => {
    bootstrap("cli");
    put("node_modules/.package-lock.json", lockOf({}));
    expect(bootstrap("cli")).toMatchObject({ status: 0 });
    expect(npmCalls()).toHaveLength(2);
  });

  test("takes over what npm installed by hand, when it is what the lockfile asks for on this machine", () => {
    const here = { version: "1.0.0", integrity: "x", optional: true, os: [process.platform] };
    const elsewhere = { ...here, os: ["plan9"] };
    put("package-lock.json", lockOf({ "node_modules/here": here, "node_modules/elsewhere": elsewhere }));
    put("node_modules/.package-lock.json", lockOf({ "node_modules/here": here }));
    expect(bootstrap("cli")).toMatchObject({ status: 0, stderr: "" });
    expect(npmCalls()).toEqual([]);
  });

  test("does not take over what was installed on another kind of machine", () => {
    const foreign = lockOf({
      "node_modules/events": { version: "1.0.0", integrity: "x", optional: true, os: ["plan9"] },
    });
    put("package-lock.json", foreign);
    put("node_modules/.package-lock.json", foreign);
    expect(bootstrap("cli")).toMatchObject({ status: 0 });
    expect(npmCalls()).toHaveLength(1);
  });

  test("does not take over an install that lacks a tool's part for this machine", () => {
    const here = { version: "1.0.0", integrity: "x", optional: true, os: [process.platform] };
    const elsewhere = { ...here, os: ["plan9"] };
    put("package-lock.json", lockOf({ "node_modules/here": here, "node_modules/elsewhere": elsewhere }));
    put("node_modules/.package-lock.json", lockOf({ "node_modules/elsewhere": elsewhere }));
    expect(bootstrap("cli")).toMatchObject({ status: 0 });
    expect(npmCalls()).toHaveLength(1);
  });
});

describe("a Node that is too old", () => {
  // The copy believes that it needs Node 99; npm's stand-in "installs" one into runtime/.
  beforeEach(() => {
    const setup = readFileSync(join(checkout, "scripts/setup.mjs"), "utf8");
    put("scripts/setup.mjs", setup.replace("nodeAtLeast = [24, 12]", "nodeAtLeast = [99, 0]"));
    put("src/cli.ts", `console.log("ran by", process.env.STAND_IN_NODE);`);
  });

  test("gets one for this checkout, once, and everything runs with it", () => {
    const first = bootstrap("start", { STAND_IN_NODE_VERSION: "v99.1.0" });
    expect(first).toMatchObject({ status: 0, stdout: "ran by v99.1.0\n" });
    expect(npmCalls().map((call) => call.split(":")[0])).toEqual(["runtime", "my checkout"]);
    expect(bootstrap("start", { STAND_IN_NODE_VERSION: "v99.1.0" })).toMatchObject({ status: 0, stderr: "" });
    expect(npmCalls()).toHaveLength(2);
  });

  test("takes over the one that npm installed by hand (others may be running it)", () => {
    const version = "v99.1.0";
    bootstrap("start", { STAND_IN_NODE_VERSION: version });
    rmSync(join(checkout, "runtime/node_modules/.signalbox-setup.json"));
    expect(bootstrap("start", { STAND_IN_NODE_VERSION: version })).toMatchObject({ status: 0, stderr: "" });
    expect(npmCalls()).toHaveLength(2);
  });

  test("and a machine that has none ready-made: says which Node to install", () => {
    for (const version of ["none", "v98.0.0"]) {
      const { status, stdout, stderr } = bootstrap("start", { STAND_IN_NODE_VERSION: version });
      expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
      expect(stderr).toContain("install Node 99.0 or newer (https://nodejs.org)");
    }
  });
});

describe("the page", () => {
  beforeEach(() => {
    put("src/web/page/vite.config.ts", "");
    put("src/web/page/main.tsx", "one");
  });
  const builds = () =>
    existsSync(join(checkout, "builds")) ? readFileSync(join(checkout, "builds"), "utf8").length : 0;

  test("is built before the program starts, and again only when its sources changed", () => {
    expect(bootstrap("start")).toMatchObject({ status: 0 });
    expect(bootstrap("start")).toMatchObject({ status: 0, stderr: "" });
    expect(builds()).toBe(1);
    put("src/web/page/main.test.tsx", "a test is not built");
    bootstrap("start");
    expect(builds()).toBe(1);
    put("src/web/page/main.tsx", "two");
    bootstrap("start");
    expect(builds()).toBe(2);
    put("src/lib/markdown.ts", "the page's parser is in lib");
    bootstrap("start");
    expect(builds()).toBe(3);
  });

  test("is not built for other commands", () => {
    bootstrap("cli", "doctor");
    expect(builds()).toBe(0);
  });

  test("that does not build stops the start and is tried again", () => {
    expect(bootstrap("start", { VITE_STAND_IN: "broken" })).toMatchObject({ status: 3, stdout: "" });
    expect(bootstrap("start")).toMatchObject({ status: 0 });
  });
});

describe("signals", () => {
  // Says what it gets, and drains for a moment before it exits by itself.
  const program = `
    const got = [];
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
      process.on(signal, () => {
        got.push(signal);
        console.log("got", signal);
        setTimeout(() => { console.log("drained after " + got.length); process.exit(5); }, 300);
      });
    }
    setInterval(() => {}, 1000);
    console.log("up", process.pid);
  `;
  beforeEach(() => {
    bootstrap("cli");
    put("src/cli.ts", program);
  });

  test.each(["SIGTERM", "SIGINT", "SIGHUP"] as const)(
    "%s reaches the program once, and its drain and exit code are kept",
    async (signal) => {
      const child = start("start");
      await line(child, /^up/);
      child.kill(signal);
      await line(child, /^got/m);
      // npm and a supervisor may both deliver the same request.
      child.kill(signal);
      expect(await finished(child)).toMatchObject({
        status: 5,
        stdout: expect.stringMatching(/got \w+\ndrained after 1\n$/),
      });
    },
  );

  test("npm start that is told to end lets the program drain (no shell in between swallows the signal)", async () => {
    put("package.json", readFileSync(join(import.meta.dirname, "../package.json"), "utf8"));
    const npm = inOwnGroup("npm", ["start"]);
    await line(npm, /^up/m);
    npm.kill("SIGTERM");
    expect(await finished(npm)).toMatchObject({ status: 5, stdout: expect.stringContaining("drained after 1") });
  });

  test("a program ended by a signal is reported as 128 + its number", async () => {
    const child = start("start");
    const [, pid] = (await line(child, /^up (\d+)/)) ?? [];
    process.kill(Number(pid), "SIGKILL");
    expect(await finished(child)).toMatchObject({ status: 137 });
  });

  test("an interrupt typed in a terminal reaches the program once, not once more through us", async (context) => {
    const tool = spawnSync("script", ["--version"], { encoding: "utf8" });
    if (!tool.stdout?.includes("util-linux")) context.skip("needs util-linux's `script` to make a terminal");
    const quoted = [process.execPath, join(checkout, "scripts/bootstrap.mjs"), "start"]
      .map((word) => `'${word}'`)
      .join(" ");
    const terminal = inOwnGroup("script", ["-qec", quoted, "/dev/null"]);
    await line(terminal, /up/);
    terminal.stdin?.write("\x03");
    const { stdout } = await finished(terminal);
    expect(stdout).toContain("drained after 1");
  });
});

// ---- Stand-ins ----

/** `npm ci`: notes that it was called, then leaves behind what a real one would, or fails as told. */
const npmStandIn = `
const { appendFileSync, chmodSync, cpSync, mkdirSync, rmSync, writeFileSync } = require("node:fs");
const { basename } = require("node:path");
const here = basename(process.cwd());
appendFileSync(process.env.NPM_CALLS, here + ": " + process.argv.slice(2).join(" ") + "\\n");
if (process.env.NPM_STAND_IN === "offline") process.exit(1);
rmSync("node_modules", { recursive: true, force: true });
mkdirSync("node_modules/left", { recursive: true });
if (process.env.NPM_STAND_IN === "cut off") process.exit(9);
if (here === "runtime" && process.env.STAND_IN_NODE_VERSION !== "none") {
  mkdirSync("node_modules/.bin");
  const version = process.env.STAND_IN_NODE_VERSION;
  writeFileSync("node_modules/.bin/node",
    '#!/bin/sh\\n[ "$1" = --version ] && { echo ' + version + '; exit; }\\nSTAND_IN_NODE=' + version + ' exec "' + process.execPath + '" "$@"\\n');
  chmodSync("node_modules/.bin/node", 0o755);
}
if (here !== "runtime") {
  mkdirSync("node_modules/vite/bin", { recursive: true });
  writeFileSync("node_modules/vite/bin/vite.js", \`
    const { appendFileSync, mkdirSync, writeFileSync } = require("node:fs");
    if (process.env.VITE_STAND_IN === "broken") process.exit(3);
    appendFileSync("builds", "x");
    mkdirSync("dist/page", { recursive: true });
    writeFileSync("dist/page/index.html", "");
  \`);
}
cpSync("package-lock.json", "node_modules/.package-lock.json");
`;

function lockOf(packages: Record<string, unknown>): string {
  return JSON.stringify({ packages });
}

function put(path: string, text: string): void {
  const file = join(checkout, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}

function npmCalls(): string[] {
  const file = join(scratch, "npm-calls");
  return existsSync(file) ? readFileSync(file, "utf8").trimEnd().split("\n") : [];
}

function environment(extra: Record<string, string>): NodeJS.ProcessEnv {
  return { ...process.env, npm_execpath: join(scratch, "npm-cli.js"), NPM_CALLS: join(scratch, "npm-calls"), ...extra };
}

type Run = { status: number | null; stdout: string; stderr: string };

/** Runs the bootstrap to its end; the last argument may be extra environment. */
function bootstrap(...words: (string | Record<string, string>)[]): Run {
  const args = words.filter((word) => typeof word === "string");
  const extra = words.find((word) => typeof word === "object") ?? {};
  const script = join(checkout, "scripts/bootstrap.mjs");
  return spawnSync(process.execPath, [script, ...args], { encoding: "utf8", env: environment(extra) });
}

/** Starts it without a terminal, as a supervisor does. */
function start(...args: string[]): ChildProcess {
  return inOwnGroup(process.execPath, [join(checkout, "scripts/bootstrap.mjs"), ...args]);
}

function inOwnGroup(command: string, args: string[]): ChildProcess {
  const child = spawn(command, args, { cwd: checkout, stdio: "pipe", env: environment({}), detached: true });
  children.push(child);
  return child;
}

function endGroup(child: ChildProcess): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
  } catch {
    // It ended as it should have.
  }
}

const outputs = new WeakMap<ChildProcess, { text: string; look: () => void }>();

/** Resolves with the match once the child's output has one; rejects when it ends without. */
function line(child: ChildProcess, pattern: RegExp): Promise<RegExpExecArray> {
  return new Promise((resolve, reject) => {
    const output = outputOf(child);
    output.look = () => {
      const match = pattern.exec(output.text);
      if (match) resolve(match);
    };
    child.once("close", () => reject(new Error(`ended with: ${output.text}`)));
    output.look();
  });
}

function finished(child: ChildProcess): Promise<Run> {
  const output = outputOf(child);
  return new Promise((resolve) => {
    child.once("close", (status) => resolve({ status, stdout: output.text, stderr: "" }));
  });
}

function outputOf(child: ChildProcess): { text: string; look: () => void } {
  const known = outputs.get(child);
  if (known) return known;
  const output = { text: "", look: () => {} };
  outputs.set(child, output);
  child.stdout?.on("data", (chunk: Buffer) => {
    output.text += chunk.toString();
    output.look();
  });
  child.stderr?.resume();
  return output;
}
