/**
 * The composition: everything is built here, in order, and given back in the opposite order. Start, wait for a signal, drain, end.
 *
 * 1. Nothing starts before the configuration is right and this instance is alone in its home (T14).
 * 2. Telegram is polled before anything slow is loaded: what comes in is stored (I5), and claimed once the engine has booted.
 * 3. What stops the start is one clear line, and an exit code: 2 for a setting or a token, 1 for everything else.
 */
import { mkdirSync, realpathSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { type Agents, type Choice, createAgents } from "./agents.ts";
import { type Config, readConfig } from "./config.ts";
import { ConfigError } from "./config/refusal.ts";
import { createProcesses } from "./drivers/processes.ts";
import { createWorkspaces } from "./drivers/workspaces.ts";
import { createEngine } from "./engine/engine.ts";
import {
  type Clock,
  type Engine,
  type Files,
  type FetchFile,
  type Store,
  StoreFault,
  type Workspaces,
} from "./engine/ports.ts";
import { createOutgoingFiles } from "./media/outgoing-files.ts";
import { createSystemClock } from "./lib/clock.ts";
import { tryFileLock } from "./lib/file-lock.ts";
import { newId } from "./lib/ids.ts";
import { createLog, createScrub, type FileLog, type Terminal } from "./lib/log.ts";
import { createScan, withMarkers } from "./lib/process-scan.ts";
import { createReceiving } from "./receiving.ts";
import { createTimetable } from "./schedule/timetable.ts";
import { startTimer } from "./schedule/timer.ts";
import { openSqliteStore } from "./store/sqlite-store.ts";
import type { TelegramFigures } from "./telegram/counts.ts";
import type { TelegramFatal, TelegramHealth, TelegramStart } from "./telegram/telegram.ts";

/** Resolves with the exit code when Signalbox has ended, however that came. Never rejects. */
export async function startSignalbox(version: string, terminal: Terminal): Promise<number> {
  const stop = listenForStop();
  try {
    const config = readConfig();
    makeHome(config.home);
    const scrub = createScrub(config.secrets);
    using log = createLog({ directory: join(config.home, "logs"), level: config.log, terminal, scrub });
    reportCrashes(log);
    return await serve({ config, version, terminal, log, clock: createSystemClock(), stop });
  } catch (error) {
    const { line, exitCode } = failureOf(error);
    terminal.error(`signalbox: ${line}`);
    return exitCode;
  }
}

type House = {
  readonly config: Config;
  readonly version: string;
  readonly terminal: Terminal;
  readonly log: FileLog;
  readonly clock: Clock;
  readonly stop: Stop;
};

/** The order matters: what is acquired later is given back earlier, so input ends before the engine, and the lock is last. */
async function serve(house: House): Promise<number> {
  const { config, version, log, clock, stop } = house;
  await using parts = new AsyncDisposableStack();
  parts.use(lockHome(config.home));
  const store = parts.use(
    await openSqliteStore({ path: join(config.home, "signalbox.db"), now: () => clock.now(), newId }),
  );
  const { instance } = store;
  const life = `${instance}.${store.incarnation}`;
  const scan = createScan();
  // Every driver starts its processes from this environment, so each of them carries the instance and the life.
  const environment = withMarkers(config.agentEnvironment, [instance, life]);
  const agents = parts.use(createAgents({ config, instance, environment, version, scan, clock, log }));
  const workspace = openWorkspace(config, log);
  const workspaces = createWorkspaces({ tmpDir: tmpdir(), uid: process.getuid?.() ?? 0 });
  const files = createOutgoingFiles({ directory: join(config.home, "outgoing"), clock, log });
  const fetchers: { telegram?: FetchFile; web?: FetchFile } = {};
  const receiving = { config, fetchers, scan, newId, environment, clock, log };
  const incoming = parts.use(createReceiving(receiving));
  const { runsMax, permissions, limits, downtimeMs } = config;
  const engine = parts.use(
    createEngine({
      store,
      processes: createProcesses({ scan, instance, life }),
      workspaces,
      driverFor: (lane) => agents.serving(lane.driver),
      openDriver: (name) => agents.open(name),
      drivers: agents.loaded,
      files,
      incoming,
      clock,
      newId,
      log,
      settings: {
        ...{ runsMax, permissions, limits, workspace, downtimeMs, version },
        owners: new Set(config.telegram?.users.map(String)),
        // Known for sure once the agent was chosen, which is before anything runs.
        get driverName() {
          return agents.name;
        },
        driverNames: agents.names,
        recentErrors: () => log.recent(),
        terminalCommand: (driver, resume) =>
          agents.loaded.find(({ name }) => name === driver)?.terminalCommand(resume) ?? null,
        pool: (driver) => agents.loaded.find(({ name }) => name === driver)?.pool() ?? null,
        timetable: createTimetable(),
      },
    }),
  );
  const telegram =
    config.telegram === null
      ? null
      : await connectTelegram(house, config.telegram, { store, engine, files, fetchers, parts });
  // Before anything else is loaded: loading keeps the program busy, and the first poll would wait for it.
  const answer = telegram === null ? null : await firstAnswer(telegram, house);
  if (answer === "unauthorised") throw new StartFailure(tokenRefused, 2);
  const choice = await agents.choose(stop.asked);
  const around = { workspace, workspaces, store, engine, files, fetchers, agents, choice, telegram, parts };
  const page = config.web === null ? null : await openPage(house, config.web, around);
  // What conversations chose in an earlier life, before anything of them runs.
  for (const { driver } of await store.history.lanes()) if (driver !== null) await agents.open(driver);
  if (stop.asked.aborted) return 0;
  await engine.boot();
  parts.use(startTimer({ engine, clock, log }));
  choice.driver.prewarm(workspace);
  await greet(house, { engine, choice, workspace, page, answer });
  // Without a page, a Telegram that is lost leaves no way in.
  const end = await Promise.race([stop.first, ...(telegram !== null && page === null ? [telegram.lost] : [])]);
  if (end !== undefined) log.error({ reason: end }, "Telegram was the only way in, and it is lost: Signalbox ends");
  await drain(house, engine);
  return end === undefined ? 0 : end === "unauthorised" ? 2 : 1;
}

type Greeting = {
  readonly engine: Engine;
  readonly choice: Choice;
  readonly workspace: string;
  readonly page: Page | null;
  readonly answer: FirstAnswer | null;
};

async function greet(house: House, { engine, choice, workspace, page, answer }: Greeting): Promise<void> {
  const { config, log, terminal, version } = house;
  log.say(`Signalbox ${version} works in ${workspace}.`);
  log.say(`Telegram: ${telegramLine(config, answer)}`);
  const code = config.telegram === null ? null : await engine.inviteOwner();
  // To the terminal only, as the page's link: both let in who has them (I13).
  if (code !== null) terminal.out(`Telegram: nobody may use the bot yet. Send it this within an hour: /pair ${code}`);
  terminal.out(page === null ? "Page: off." : `Page: ${page.newLink()} (opens once, within 10 minutes)`);
  const agent = await choice.state;
  const name = agent.version === null ? choice.driver.name : `${choice.driver.name} (${agent.version})`;
  log.say(`Agent: ${name}.${agent.remark === null ? "" : ` ${agent.remark}`}`);
}

// ---- Telegram

type TelegramLine = {
  readonly started: Promise<TelegramStart>;
  /** Resolves when Telegram can not be used any more in this life; the log has told why. */
  readonly lost: Promise<TelegramFatal>;
  health(): TelegramHealth;
  figures(): TelegramFigures;
};

type TelegramParts = {
  readonly store: Store;
  readonly engine: Engine;
  readonly files: Files;
  readonly fetchers: { telegram?: FetchFile };
  readonly parts: AsyncDisposableStack;
};

/** A program without Telegram must not wait for its code. */
async function connectTelegram(
  { clock, log }: House,
  { token, users, apiRoot }: NonNullable<Config["telegram"]>,
  { store, engine, files, fetchers, parts }: TelegramParts,
): Promise<TelegramLine> {
  const { createTelegram } = await import("./telegram/telegram.ts");
  const lost = Promise.withResolvers<TelegramFatal>();
  const telegram = parts.use(
    createTelegram({
      token,
      apiRoot,
      owners: new Set(users),
      engine,
      outbox: store.outbox,
      history: store.history,
      files,
      clock,
      random: Math.random,
      log,
      onFatal: (reason) => lost.resolve(reason),
    }),
  );
  fetchers.telegram = telegram.fetchFile;
  // Polling goes on while runs are drained, so that a stop still arrives (I7); the disposal ends it.
  const started = telegram.start(new AbortController().signal);
  // An answer that comes after the start went on without it. Never rejects.
  void started.then((answer) => {
    if (answer.kind === "unauthorised") lost.resolve("unauthorised");
  });
  return { started, lost: lost.promise, health: () => telegram.health(), figures: () => telegram.figures() };
}

/** The bot's name, or why there is none. */
type FirstAnswer = { readonly username: string } | "unauthorised" | "unreachable";

/** A refused token stops the start; a network that is away does not. */
const telegramAnswerMs = 2_000;

async function firstAnswer(telegram: TelegramLine, { clock, log, stop }: House): Promise<FirstAnswer> {
  const over = new AbortController();
  // Bound: after it Telegram goes on trying by itself, and the rest starts without it.
  const silence = clock.sleep(telegramAnswerMs, AbortSignal.any([stop.asked, over.signal])).then(() => null);
  const answer = await Promise.race([telegram.started, silence]);
  over.abort();
  switch (answer?.kind) {
    case "started":
      // One turn of the event loop puts the first poll on its way.
      await new Promise((resolve) => void setImmediate(resolve));
      return { username: answer.username };
    case "unauthorised":
      return "unauthorised";
    case "stopped":
    case undefined:
      // Never rejects.
      void telegram.started.then(({ kind }) => kind === "unauthorised" && log.error({}, tokenRefused));
      return "unreachable";
    default:
      return answer satisfies never;
  }
}

function telegramLine({ telegram }: Config, answer: Greeting["answer"]): string {
  if (telegram === null) return "off. Set TELEGRAM_BOT_TOKEN to use it.";
  if (answer === null || typeof answer === "string") return "not reachable yet; trying again.";
  if (telegram.users.length === 0) return `@${answer.username}, for whom its owner lets in.`;
  return `@${answer.username}, for ${telegram.users.length === 1 ? "1 user" : `${telegram.users.length} users`}.`;
}

const tokenRefused = "Telegram refuses TELEGRAM_BOT_TOKEN (401). Get the right one from @BotFather.";

// ---- The page

type Page = { newLink(): string };

type PageParts = {
  readonly workspace: string;
  readonly workspaces: Workspaces;
  readonly store: Store;
  readonly engine: Engine;
  readonly files: Files;
  readonly fetchers: { web?: FetchFile };
  readonly agents: Agents;
  readonly choice: Choice;
  readonly telegram: TelegramLine | null;
  readonly parts: AsyncDisposableStack;
};

async function openPage(house: House, listen: NonNullable<Config["web"]>, around: PageParts): Promise<Page> {
  const { config, clock, log, version } = house;
  const { workspace, workspaces, store, engine, files, fetchers, agents, choice, telegram } = around;
  const [{ createWeb }, { readWebSecret }, { createUploads }] = await Promise.all([
    import("./web/web.ts"),
    import("./web/web-secret.ts"),
    import("./web/uploads.ts"),
  ]);
  const uploads = createUploads({ directory: join(config.home, "uploads"), newId, now: () => clock.now() });
  fetchers.web = uploads.fetchFile;
  const { name } = choice.driver;
  let agentVersion: string | null = null;
  void choice.state.then((state) => (agentVersion = state.version)); // never rejects
  const page = around.parts.use(
    createWeb({
      engine,
      history: store.history,
      clock,
      log,
      newId,
      secret: await readWebSecret(join(config.home, "web-secret")),
      listen,
      pageDir: pageDirectory(),
      files,
      uploads,
      chooseWorkspace: (typed) => workspaces.choose(typed),
      permissions: config.permissions,
      workspaceDefault: workspace,
      runsMax: config.runsMax,
      timetable: createTimetable(),
      owners: new Set(config.telegram?.users.map(String)),
      version,
      agent: {
        name,
        isDemo: name === "demo",
        get version() {
          return agentVersion;
        },
      },
      pools: () => agents.loaded.map((driver) => ({ driver: driver.name, ...driver.pool() })),
      telegram: () => telegram?.figures() ?? null,
      ready: () => readiness(store, telegram),
    }),
  );
  const started = await page.start();
  switch (started.kind) {
    case "listening":
      return { newLink: () => started.newLink() };
    case "port-in-use":
      throw new StartFailure(
        `port ${started.port} on ${started.host} is in use. End the program that uses it, or set SIGNALBOX_WEB to another host:port, or to off.`,
      );
    case "address-refused":
      throw new StartFailure(
        `the page cannot be opened on ${started.host}:${started.port} (${started.code}). Set SIGNALBOX_WEB to another host:port, or to off.`,
      );
    default:
      return started satisfies never;
  }
}

/** Ready: the database takes a commit from us, and Telegram, where it is used, is polled. */
async function readiness(
  store: Store,
  telegram: TelegramLine | null,
): Promise<{ readonly kind: "ready" } | { readonly kind: "not-ready"; readonly why: string }> {
  try {
    await store.transact(() => Promise.resolve());
  } catch (error) {
    return { kind: "not-ready", why: error instanceof StoreFault ? `database: ${error.kind}` : "database" };
  }
  const health = telegram?.health() ?? "polling";
  return health === "polling" ? { kind: "ready" } : { kind: "not-ready", why: `Telegram: ${health}` };
}

/** In a checkout the page is built into dist/page; in a package this file is in dist itself. */
function pageDirectory(): string {
  const here = import.meta.dirname;
  return basename(here) === "src" ? join(dirname(here), "dist", "page") : join(here, "page");
}

// ---- The home and the workspace

function makeHome(home: string): void {
  try {
    // Conversations and the page's key lie there: for its owner alone.
    mkdirSync(home, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new StartFailure(
      `SIGNALBOX_HOME ${home} cannot be made (${codeOf(error)}). Choose a directory that you may write.`,
    );
  }
}

function lockHome(home: string): AsyncDisposable {
  let lock: AsyncDisposable | null;
  try {
    lock = tryFileLock(join(home, "signalbox.lock"));
  } catch (error) {
    throw new StartFailure(
      `SIGNALBOX_HOME ${home} cannot be written (${codeOf(error)}). Change its permissions, or choose another directory.`,
    );
  }
  if (lock !== null) return lock;
  throw new StartFailure(
    `another Signalbox is running with SIGNALBOX_HOME ${home}. Stop it first, or give this one a home of its own.`,
  );
}

/** The real path, where there is one: I1 compares real paths. A missing directory does not stop the start; its runs say so. */
function openWorkspace({ home, workspace }: Config, log: FileLog): string {
  try {
    if (workspace === join(home, "workspace")) mkdirSync(workspace, { recursive: true });
    return realpathSync(workspace);
  } catch (error) {
    log.warn(
      { workspace },
      `The workspace ${workspace} cannot be used (${codeOf(error)}). Create it, or set SIGNALBOX_WORKSPACE.`,
    );
    return workspace;
  }
}

// ---- The end

async function drain({ config, log, stop }: House, engine: Engine): Promise<void> {
  if (engine.snapshots().length > 0) {
    log.say(`Stopping. Running turns may go on for ${config.drainGraceMs / 1000} s; Ctrl-C again stops them now.`);
  }
  const drained = engine.drain(config.drainGraceMs);
  // A second signal: the grace is over for everything that still runs. Its failure is that of the first drain.
  const hastened = stop.second.then(() => engine.drain(0));
  await Promise.race([drained, hastened]);
  await drained;
}

type Stop = {
  /** Resolves with the first signal. */
  readonly first: Promise<void>;
  readonly second: Promise<void>;
  /** Fires with the first signal. */
  readonly asked: AbortSignal;
};

/**
 * Before anything is built, so that a signal during the start is not lost. A supervisor's SIGTERM may arrive twice (by the group, and
 * passed on by whoever started us) and asks the same thing; a person's further Ctrl-C means more: the second ends the grace, the
 * third ends the program as it is.
 */
function listenForStop(): Stop {
  const first = Promise.withResolvers<void>();
  const second = Promise.withResolvers<void>();
  const asked = new AbortController();
  let interrupts = 0;
  const ask = (): void => {
    asked.abort();
    first.resolve();
  };
  process.on("SIGTERM", ask);
  process.on("SIGHUP", ask);
  process.on("SIGINT", () => {
    if (asked.signal.aborted) interrupts += 1;
    ask();
    if (interrupts === 1) second.resolve();
    // What still runs is found and ended at the next start.
    if (interrupts === 2) process.exit(1);
  });
  return { first: first.promise, second: second.promise, asked: asked.signal };
}

/** A bug ends the program, as it would by itself, but through the scrubber: Node's own report may hold the token (T10). */
function reportCrashes(log: FileLog): void {
  const crash = (error: unknown): void => {
    log.error(
      { error },
      "Signalbox failed and ends; at its next start it says what was interrupted. The log has the cause",
    );
    process.exit(1);
  };
  process.on("uncaughtException", crash);
  process.on("unhandledRejection", crash);
}

// ---- What stops the start

/** Its message is the line for the person. */
class StartFailure extends Error {
  override readonly name = "StartFailure";
  readonly exitCode: 1 | 2;

  constructor(line: string, exitCode: 1 | 2 = 1) {
    super(line);
    this.exitCode = exitCode;
  }
}

function failureOf(error: unknown): { readonly line: string; readonly exitCode: number } {
  if (error instanceof ConfigError) return { line: error.message, exitCode: 2 };
  if (error instanceof StartFailure) return { line: error.message, exitCode: error.exitCode };
  if (error instanceof StoreFault) return { line: error.message, exitCode: 1 };
  // A bug, or a system that has no way to do it: Node's own report would go past the scrubber (T10).
  const detail = error instanceof Error ? (error.stack ?? error.message) : "unknown reason";
  return { line: createScrub([])(`this should not happen, please report it: ${detail}`), exitCode: 1 };
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "unknown reason";
}
