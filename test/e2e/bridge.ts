/**
 * The real program: `signalbox start` as a process of its own, in a home of its own, against the emulator and the scripted model.
 *
 * 1. Waits are for evidence: what the emulator saw, what the program printed, its exit. A bound only ends a wait that has failed, and a
 *    program that exits ends every wait for it at once, with what it printed.
 * 2. Disposing it leaves no process behind: it is told to end as a person would (SIGTERM), and the process table is read.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { MARKER_VARIABLE } from "../../src/lib/process-scan.ts";
import { claudeVariables } from "../agents/claude-variables.ts";
import type { Emulator } from "../emulator/emulator.ts";
import type { ModelServer } from "../model/model-server.ts";
import type { Home } from "./home.ts";

export type BridgeOptions = {
  readonly home: Home;
  /** Without one, there is no Telegram. */
  readonly emulator?: Emulator;
  /** Without one, an agent finds a closed port. */
  readonly model?: ModelServer;
  readonly driver: "claude" | "demo";
  /** Who may use the bot; its owner unless told. */
  readonly users?: readonly { readonly id: number }[];
  /** Over the environment that is built here; undefined takes a variable away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
};

export type Exit = { readonly code: number | null; readonly signal: NodeJS.Signals | null };

export type Bridge = AsyncDisposable & {
  readonly pid: number;
  /** Resolves when the program has exited and its output is complete; never rejects. */
  readonly exited: Promise<Exit>;
  /** What it printed so far, stdout and stderr as they came. */
  readonly output: string;
  readonly stdout: string;
  readonly stderr: string;
  readonly isRunning: boolean;
  /** Until the emulator shows it; rejects at once when the program exits. */
  until<T>(look: () => T | Falsy, what: string, withinMs?: number): Promise<T>;
  /** Until `promise` resolves; rejects when the program exits before, and after the bound. */
  during<T>(promise: Promise<T>, what: string, withinMs?: number): Promise<T>;
  /** Until the program has printed it. */
  printed(wanted: RegExp, withinMs?: number): Promise<RegExpExecArray>;
  signal(signal: NodeJS.Signals): void;
  /** SIGKILL, as a crash. Resolves when it is gone and the emulator has lost its connections. */
  kill(): Promise<void>;
  /** SIGTERM. Resolves to its exit code. */
  terminate(): Promise<number | null>;
};

type Falsy = undefined | null | false | "" | 0;

const root = fileURLToPath(new URL("../..", import.meta.url));

/** From SIGTERM to exit: an escalation to the end (9 s) and the last words (5 s) with room. */
const exitWithinMs = 25_000;
const waitMs = 15_000;

/** Starts it and resolves when it works (it polls, and has recovered from its last life); rejects when it exits before. */
export async function startBridge(options: BridgeOptions): Promise<Bridge> {
  const bridge = spawnBridge(options);
  const { emulator } = options;
  await bridge.printed(/^Page: /m);
  if (emulator !== undefined) await bridge.until(() => emulator.updates.polls > 0, "its first poll");
  return bridge;
}

/** Starts it and returns at once: for starts that are meant to fail. */
export function spawnBridge({ home, emulator, model, driver, users, env }: BridgeOptions): Bridge {
  const allowed = users ?? (emulator === undefined ? [] : [emulator.owner]);
  const child = spawn(process.execPath, [join(root, "src/cli.ts"), "start"], {
    cwd: home.path,
    env: { ...hermetic(home, model), ...settings(home, driver), ...telegram(emulator, allowed), ...env },
    stdio: ["ignore", "pipe", "pipe"],
    // As a shell starts a job: a signal to the test's own group does not reach it.
    detached: true,
  });
  return watch(child, home, emulator);
}

function settings(home: Home, driver: string): Record<string, string> {
  return {
    SIGNALBOX_HOME: home.state,
    SIGNALBOX_WORKSPACE: home.workspace,
    SIGNALBOX_DRIVER: driver,
    SIGNALBOX_PERMISSIONS: "bypass",
    SIGNALBOX_WEB: "off",
    SIGNALBOX_LOG: "debug",
    SIGNALBOX_DRAIN_GRACE_SECONDS: "0",
  };
}

function telegram(emulator: Emulator | undefined, users: readonly { readonly id: number }[]): Record<string, string> {
  if (emulator === undefined) return {};
  return {
    TELEGRAM_BOT_TOKEN: emulator.token,
    TELEGRAM_ALLOWED_USERS: users.map(({ id }) => id).join(","),
    TELEGRAM_API_ROOT: emulator.apiRoot,
  };
}

/** A fresh machine's environment: nothing of the developer's own, so that no login, setting or agent of theirs takes part. */
function hermetic(home: Home, model: ModelServer | undefined): Record<string, string> {
  return {
    PATH: [dirname(process.execPath), "/usr/bin", "/bin", "/usr/sbin", "/sbin"].join(":"),
    HOME: home.path,
    TMPDIR: home.tmp,
    LANG: "C.UTF-8",
    [MARKER_VARIABLE]: home.marker,
    ...claudeVariables(join(home.path, "claude"), model?.baseUrl ?? "http://127.0.0.1:9"),
  };
}

function watch(child: ChildProcess, home: Home, emulator: Emulator | undefined): Bridge {
  const { pid } = child;
  if (pid === undefined) throw new Error("the program could not be started");
  const said = { all: "", stdout: "", stderr: "" };
  const listeners = new Set<() => void>();
  for (const name of ["stdout", "stderr"] as const) {
    child[name]?.setEncoding("utf8").on("data", (text: string) => {
      said.all += text;
      said[name] += text;
      for (const listener of listeners) listener();
    });
  }
  const exited = new Promise<Exit>((resolve) => {
    // Not "exit": output may still be on its way then. An orphan that holds the pipe would delay it, so agents must not inherit it.
    child.once("close", (code, signal) => resolve({ code, signal }));
  });
  // A test run that is cut short must not leave the program behind; its agents end when their input closes.
  const cutShort = (): void => void child.kill("SIGKILL");
  process.once("exit", cutShort);
  let isRunning = true;
  void exited.then(() => {
    isRunning = false;
    process.off("exit", cutShort);
  }); // never rejects
  const tail = (): string =>
    `--- the program printed ---\n${said.all.slice(-4_000)}\n--- and logged ---\n${logs(home).slice(-6_000)}`;

  /** Rejects when the program exits before `wait` is over. */
  async function orExit<T>(wait: (signal: AbortSignal) => Promise<T>, what: string): Promise<T> {
    const over = new AbortController();
    const gone = exited.then(({ code, signal }): never => {
      throw new Error(`the program exited (${signal ?? code}) before ${what}\n${tail()}`);
    });
    try {
      return await Promise.race([wait(over.signal), gone]);
    } catch (error) {
      if (over.signal.aborted || !isRunning) throw error;
      throw new Error(`${error instanceof Error ? error.message : String(error)}\n${tail()}`, { cause: error });
    } finally {
      over.abort();
    }
  }

  async function exit(withinMs: number): Promise<Exit> {
    const bound = AbortSignal.timeout(withinMs);
    const late = new Promise<never>((_, reject) => {
      bound.addEventListener("abort", () => reject(new Error(`it did not exit within ${withinMs} ms\n${tail()}`)));
    });
    return Promise.race([exited, late]);
  }

  const bridge: Bridge = {
    pid,
    exited,
    get output() {
      return said.all;
    },
    get stdout() {
      return said.stdout;
    },
    get stderr() {
      return said.stderr;
    },
    get isRunning() {
      return isRunning;
    },
    until(look, what, withinMs = waitMs) {
      if (emulator === undefined) throw new Error("there is no emulator to look at");
      return orExit((signal) => emulator.until(look, { what, withinMs, signal }), what);
    },
    during: (promise, what, withinMs = waitMs) =>
      orExit((signal) => Promise.race([promise, rejectAfter(withinMs, what, emulator, signal)]), what),
    printed(wanted, withinMs = waitMs) {
      return orExit(
        (signal) =>
          new Promise((resolve, reject) => {
            const bound = AbortSignal.any([signal, AbortSignal.timeout(withinMs)]);
            const look = (): void => {
              const found = wanted.exec(said.all);
              if (found === null) return;
              listeners.delete(look);
              resolve(found);
            };
            bound.addEventListener("abort", () => {
              listeners.delete(look);
              reject(new Error(`it did not print ${String(wanted)} within ${withinMs} ms`));
            });
            listeners.add(look);
            look();
          }),
        `it printed ${String(wanted)}`,
      );
    },
    signal: (signal) => void child.kill(signal),
    async kill() {
      child.kill("SIGKILL");
      // "exit", not "close": the orphans of a crash may hold the pipe.
      await new Promise<void>((resolve) => {
        if (child.exitCode !== null || child.signalCode !== null) resolve();
        else child.once("exit", () => resolve());
      });
      isRunning = false;
      child.stdout?.destroy();
      child.stderr?.destroy();
      if (emulator !== undefined)
        await emulator.until(() => emulator.updates.polls === 0, { what: "its poll to break" });
    },
    async terminate() {
      child.kill("SIGTERM");
      return (await exit(exitWithinMs)).code;
    },
    async [Symbol.asyncDispose]() {
      if (!isRunning) return;
      try {
        const code = await bridge.terminate();
        if (code !== 0) throw new Error(`SIGTERM ended it with ${code}, not 0\n${tail()}`);
      } finally {
        child.kill("SIGKILL");
      }
      await home.assertNothingRuns();
    },
  };
  return bridge;
}

/** Everything that it wrote into its log files. */
function logs(home: Home): string {
  const directory = join(home.state, "logs");
  if (!existsSync(directory)) return "";
  return readdirSync(directory)
    .map((name) => readFileSync(join(directory, name), "utf8"))
    .join("");
}

/** The bound of a wait that has failed; with the chats, which mostly say why. */
function rejectAfter(ms: number, what: string, emulator: Emulator | undefined, signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const timer = setTimeout(() => reject(new Error(`not within ${ms} ms: ${what}\n\n${emulator?.dump() ?? ""}`)), ms);
    signal.addEventListener("abort", () => clearTimeout(timer), { once: true });
  });
}
