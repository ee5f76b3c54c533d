/**
 * The program as a person meets it: real processes, their exit codes and what they print. How runs behave in it is tested end to
 * end elsewhere; this is about starting, refusing to start, and ending.
 */
import { type ChildProcess, spawn } from "node:child_process";
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
  existsSync,
} from "node:fs";
import { createServer } from "node:net";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as pace } from "node:timers/promises";
import { describe, expect, onTestFinished, test } from "vitest";
import { createEmulator, type Emulator } from "../emulator/emulator.ts";

const src = join(import.meta.dirname, "../../src");
/** As `npm start` does. */
const compileCache = new URL("../../scripts/compile-cache.mjs", import.meta.url).href;
/** Each test starts a few programs of half a second each; a loaded machine takes ten times as long. */
const waitMs = 60_000;

type Program = {
  readonly child: ChildProcess;
  readonly exit: Promise<number | null>;
  readonly out: () => string;
  readonly error: () => string;
  /** Resolves when `wanted` was printed; rejects when the program ends before. */
  printed(wanted: string): Promise<void>;
};

function run(args: readonly string[], environment: Readonly<Record<string, string>>): Program {
  const child = spawn(process.execPath, ["--import", compileCache, join(src, "cli.ts"), ...args], {
    env: { PATH: "/usr/bin:/bin", ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  let out = "";
  let error = "";
  const listeners = new Set<() => void>();
  child.stdout.on("data", (text: Buffer) => {
    out += text.toString();
    for (const look of listeners) look();
  });
  child.stderr.on("data", (text: Buffer) => (error += text.toString()));
  const exit = once(child, "close").then(([code]) => code as number | null);
  return {
    child,
    exit,
    out: () => out,
    error: () => error,
    printed: (wanted) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (out.includes(wanted)) resolve();
        };
        listeners.add(look);
        look();
        void exit.then((code) => reject(new Error(`it ended with ${code}: ${out}${error}`)));
      }),
  };
}

/** A home that does not exist yet, and the environment of a start on it: demo, page on any free port. */
function fresh(): { readonly home: string; readonly environment: Record<string, string> } {
  const dir = realpathSync(mkdtempSync(join(tmpdir(), "signalbox cli-")));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const home = join(dir, "state");
  return {
    home,
    environment: {
      HOME: dir,
      TMPDIR: dir,
      SIGNALBOX_HOME: home,
      SIGNALBOX_DRIVER: "demo",
      SIGNALBOX_WEB: "127.0.0.1:0",
    },
  };
}

function telegramOf(emulator: Emulator): Record<string, string> {
  return {
    TELEGRAM_BOT_TOKEN: emulator.token,
    TELEGRAM_ALLOWED_USERS: `${emulator.owner.id}`,
    TELEGRAM_API_ROOT: emulator.apiRoot,
  };
}

describe("the command line", () => {
  test.each([[[]], [["start", "--help"]], [["doctor", "-h"]]])(
    "signalbox %j prints help and starts nothing",
    async (args) => {
      const { home, environment } = fresh();
      const program = run(args, environment);
      expect(await program.exit).toBe(0);
      expect(program.out()).toContain("signalbox ");
      expect(existsSync(home)).toBe(false);
    },
    waitMs,
  );

  test("the help on start names every setting that the program knows", async () => {
    const program = run(["help", "start"], {});
    await program.exit;
    const source = ["settings.ts", "written.ts"].map((file) => readFileSync(join(src, "config", file), "utf8")).join();
    const known = source.match(/"(SIGNALBOX|TELEGRAM)_[A-Z_]+"/g) ?? [];
    const names = [...new Set(known.map((name) => name.slice(1, -1)))];
    expect(names.length).toBeGreaterThan(12);
    expect(names.filter((name) => !program.out().includes(name))).toEqual([]);
  });

  test("--version prints the package's version", async () => {
    const program = run(["--version"], {});
    expect(await program.exit).toBe(0);
    expect(program.out()).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  test.each([
    [["strat"], /^signalbox: unknown command: strat\. Commands: start, doctor, link, schedule, help\.\n$/],
    [["start", "--fast"], /^signalbox: start: Unknown option '--fast'. See signalbox start --help\.\n$/],
    [["doctor", "now"], /^signalbox: doctor: Unexpected argument 'now'.* See signalbox doctor --help\.\n$/],
    [["help", "nothing"], /^signalbox: no help on nothing\./],
  ])("signalbox %j is refused in one line", async (args, line) => {
    const program = run(args, {});
    expect(await program.exit).toBe(2);
    expect(program.error()).toMatch(line);
  });
});

describe("a start that cannot be", { timeout: waitMs }, () => {
  test("a wrong setting ends it with 2 and one line, before anything was made", async () => {
    const { home, environment } = fresh();
    const program = run(["start"], { ...environment, SIGNALBOX_MAX_RUNS: "none" });
    expect(await program.exit).toBe(2);
    expect(program.error()).toMatch(/^signalbox: SIGNALBOX_MAX_RUNS is "none"; allowed: [^\n]*\n$/);
    expect(existsSync(home)).toBe(false);
  });

  test("a token that Telegram refuses ends it with 2 and one line without the token", async () => {
    await using emulator = await createEmulator();
    const wrong = `999${emulator.token}`;
    const program = run(["start"], { ...fresh().environment, ...telegramOf(emulator), TELEGRAM_BOT_TOKEN: wrong });
    expect(await program.exit).toBe(2);
    expect(program.error()).toBe(
      "signalbox: Telegram refuses TELEGRAM_BOT_TOKEN (401). Get the right one from @BotFather.\n",
    );
    expect(program.out()).toBe("");
  });

  test("a second instance on the same home is refused; the first goes on", async () => {
    const { environment } = fresh();
    const first = run(["start"], environment);
    await first.printed("Page:");
    const second = run(["start"], environment);
    expect(await second.exit).toBe(1);
    expect(second.error()).toMatch(/^signalbox: another Signalbox is running with SIGNALBOX_HOME [^\n]*\n$/);
    first.child.kill("SIGTERM");
    expect(await first.exit).toBe(0);
  });

  test("a port in use is named, with what to do", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    onTestFinished(() => void server.close());
    await once(server, "listening");
    const { port } = server.address() as { port: number };
    const program = run(["start"], { ...fresh().environment, SIGNALBOX_WEB: `127.0.0.1:${port}` });
    expect(await program.exit).toBe(1);
    expect(program.error()).toMatch(
      new RegExp(`^signalbox: port ${port} on 127\\.0\\.0\\.1 is in use\\. [^\\n]*SIGNALBOX_WEB[^\\n]*\\n$`),
    );
  });

  test.each<[string, (file: string) => void, RegExp]>([
    ["of a newer version", (file) => alter(file, "PRAGMA user_version = 9999"), /was written by a newer version/],
    ["that is none", (file) => writeFileSync(file, "x".repeat(10_000)), /cannot be read/],
  ])("a database %s is refused in one line, and what is in it stays", async (_what, spoil, line) => {
    const { home, environment } = fresh();
    const first = run(["start"], environment);
    await first.printed("Page:");
    first.child.kill("SIGTERM");
    await first.exit;
    const file = join(home, "signalbox.db");
    spoil(file);
    const before = readFileSync(file);
    const program = run(["start"], environment);
    expect(await program.exit).toBe(1);
    expect(program.error()).toMatch(/^signalbox: [^\n]*\n$/);
    expect(program.error()).toMatch(line);
    expect(readFileSync(file).equals(before)).toBe(true);
  });

  test("a home that cannot be made is named", async () => {
    const { environment } = fresh();
    writeFileSync(join(environment["HOME"] ?? "", "file"), "");
    const program = run(["start"], { ...environment, SIGNALBOX_HOME: join(environment["HOME"] ?? "", "file", "home") });
    expect(await program.exit).toBe(1);
    expect(program.error()).toMatch(
      /^signalbox: SIGNALBOX_HOME \/[^\n]*file\/home cannot be made \(ENOTDIR\)[^\n]*\n$/,
    );
  });
});

function alter(file: string, statement: string): void {
  using database = new DatabaseSync(file);
  database.exec(statement);
}

describe("a start that works", { timeout: waitMs }, () => {
  test("without any setting of Telegram it prints the page's link, and the link is in no file", async () => {
    const { home, environment } = fresh();
    const program = run(["start"], environment);
    await program.printed("Page:");
    const link = /http:\/\/127\.0\.0\.1:\d+\/enter\?token=(?<token>[\w.-]+)/.exec(program.out());
    await program.printed("Agent: demo (built in).");
    expect(program.out()).toContain("Telegram: off");
    expect((await fetch(link?.[0] ?? "", { redirect: "manual" })).status).toBe(302);
    program.child.kill("SIGINT");
    expect(await program.exit).toBe(0);
    expect(everythingIn(home)).not.toContain(link?.groups?.["token"]);
  });

  test("a workspace that does not exist is told at the start, and does not stop it", async () => {
    const { environment } = fresh();
    const program = run(["start"], { ...environment, SIGNALBOX_WORKSPACE: "/does/not/exist" });
    await program.printed("Page:");
    expect(program.error()).toMatch(
      /The workspace \/does\/not\/exist cannot be used \(ENOENT\)\. Create it, or set SIGNALBOX_WORKSPACE/,
    );
    program.child.kill("SIGTERM");
    expect(await program.exit).toBe(0);
  });

  test("the bot's token is in no file, in no output and in no process that an agent starts (T10)", async () => {
    await using emulator = await createEmulator();
    const { home, environment } = fresh();
    const program = run(["start"], {
      ...environment,
      ...telegramOf(emulator),
      SIGNALBOX_LOG: "debug",
      SIGNALBOX_DRAIN_GRACE_SECONDS: "0",
    });
    await program.printed("Page:");
    // A network that fails puts the token where libraries like to print it.
    emulator.faults.next("sendMessage", { kind: "reset-before" });
    emulator.owner.sends(`run 1000.${process.pid}`);
    const child = await sleeper(`1000.${process.pid}`);
    const names = readFileSync(`/proc/${child}/environ`, "utf8")
      .split("\0")
      .map((pair) => pair.split("=")[0] ?? "");
    expect(names).toContain("PATH");
    expect(names.filter((name) => /^(TELEGRAM_|SIGNALBOX_|DATABASE_URL)/.test(name))).toEqual([]);
    program.child.kill("SIGTERM");
    expect(await program.exit).toBe(0);
    expect(sleepersNow(`1000.${process.pid}`)).toEqual([]);
    const secret = emulator.token.split(":")[1] ?? "";
    expect(secret.length).toBeGreaterThan(20);
    expect(everythingIn(home) + program.out() + program.error()).not.toContain(secret);
  });

  test("a running turn may finish within the grace; a second signal ends it now, with proof, and the chat is told", async () => {
    await using emulator = await createEmulator();
    const { environment } = fresh();
    const program = run(["start"], { ...environment, ...telegramOf(emulator), SIGNALBOX_DRAIN_GRACE_SECONDS: "3600" });
    await program.printed("Page:");
    const seconds = `1001.${process.pid}`;
    emulator.owner.sends(`run ${seconds}`);
    await sleeper(seconds);
    program.child.kill("SIGTERM");
    await program.printed("Ctrl-C again stops them now");
    expect(sleepersNow(seconds)).toHaveLength(1);
    program.child.kill("SIGINT");
    expect(await program.exit).toBe(0);
    expect(sleepersNow(seconds)).toEqual([]);
    expect(emulator.owner.chat().rendered).toContain("interrupted");
  });
});

/** The pid of `sleep <seconds>`, once it runs. Bounded by the test's timeout. */
async function sleeper(seconds: string): Promise<number> {
  for (;;) {
    const [found] = sleepersNow(seconds);
    if (found !== undefined) return Number(found);
    await pace(5);
  }
}

function sleepersNow(seconds: string): readonly string[] {
  return readdirSync("/proc").filter((name) => /^\d+$/.test(name) && commandLine(name) === `sleep\0${seconds}\0`);
}

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    // It ended since the list was made.
    return "";
  }
}

/** The contents of every file below a directory, as one text. */
function everythingIn(directory: string): string {
  const names = readdirSync(directory, { recursive: true, encoding: "utf8" }).map((name) => join(directory, name));
  return names
    .filter((name) => statSync(name).isFile())
    .map((name) => readFileSync(name, "latin1"))
    .join("\n");
}

describe("the doctor", { timeout: waitMs }, () => {
  test("finds nothing wrong before the first start, and makes nothing", async () => {
    const { home, environment } = fresh();
    const program = run(["doctor"], environment);
    expect(await program.exit).toBe(0);
    expect(program.out()).toContain("\u2714 Node ");
    expect(program.out()).toContain("does not exist yet");
    expect(program.out()).toContain("All well.");
    expect(existsSync(home)).toBe(false);
  });

  test("may be asked while Signalbox runs, and leaves it running", async () => {
    const { environment } = fresh();
    const program = run(["start"], environment);
    await program.printed("Page:");
    const doctor = run(["doctor"], environment);
    expect(await doctor.exit).toBe(0);
    expect(doctor.out()).toContain("\u2714 Signalbox is running with this home.");
    expect(doctor.out()).toContain("\u2714 Every message is accounted for: 0 received.");
    program.child.kill("SIGTERM");
    expect(await program.exit).toBe(0);
    expect(program.error()).toBe("");
  });

  test("finds books that do not balance and a missing workspace", async () => {
    const { home, environment } = fresh();
    const program = run(["start"], environment);
    await program.printed("Page:");
    program.child.kill("SIGTERM");
    await program.exit;
    alter(join(home, "signalbox.db"), "UPDATE instance SET received = received + 1");
    const doctor = run(["doctor"], { ...environment, SIGNALBOX_WORKSPACE: "/does/not/exist" });
    expect(await doctor.exit).toBe(1);
    expect(doctor.out()).toContain("\u2716 The books do not balance: 1 messages were received, but 0 are recorded");
    expect(doctor.out()).toContain("\u2716 The workspace directory /does/not/exist does not exist.");
    expect(doctor.out()).toContain("2 problems.");
  });

  test("says which setting is wrong, with exit code 2", async () => {
    const doctor = run(["doctor"], { ...fresh().environment, SIGNALBOX_LOG: "loud" });
    expect(await doctor.exit).toBe(2);
    expect(doctor.error()).toMatch(/^\u2716 SIGNALBOX_LOG is "loud"; allowed: /);
  });

  test("asks Telegram about the token only with --online", async () => {
    await using emulator = await createEmulator();
    const environment = { ...fresh().environment, ...telegramOf(emulator) };
    const quiet = run(["doctor"], environment);
    expect(await quiet.exit).toBe(0);
    expect(emulator.journal.calls("getMe")).toHaveLength(0);
    const asking = run(["doctor", "--online"], environment);
    expect(await asking.exit).toBe(0);
    expect(asking.out()).toMatch(/\u2714 Telegram: the token is that of @\w+; 1 user may use it\./);
    const refused = run(["doctor", "--online"], { ...environment, TELEGRAM_BOT_TOKEN: `999${emulator.token}` });
    expect(await refused.exit).toBe(1);
    expect(refused.out()).toContain("\u2716 Telegram refuses TELEGRAM_BOT_TOKEN (401).");
  });
});
