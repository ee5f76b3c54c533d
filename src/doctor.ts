/**
 * `signalbox doctor`: looks at everything that a start needs, says what is wrong and what to do about it. Changes nothing, and may
 * be asked while Signalbox runs.
 *
 * I4: it checks the books: every message that was received is in exactly one state.
 */
import { constants, existsSync, statSync } from "node:fs";
import { access } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { agentNames, loadAgent } from "./agents.ts";
import { type Config, readConfig } from "./config.ts";
import { ConfigError } from "./config/refusal.ts";
import { describeFault } from "./domain/faults.ts";
import { type Counts, StoreFault } from "./engine/ports.ts";
import { createWorkspaces } from "./drivers/workspaces.ts";
import { createSystemClock } from "./lib/clock.ts";
import { tryFileLock } from "./lib/file-lock.ts";
import { createScrub, type Terminal } from "./lib/log.ts";
import { createScan } from "./lib/process-scan.ts";
import { readCounts } from "./store/inbox.ts";
import { migrate } from "./store/migrations.ts";
import { createSql } from "./store/sql.ts";

/** ok: as it should be. note: worth knowing. problem: something needs the person. */
export type Finding = { readonly mark: "ok" | "note" | "problem"; readonly text: string };

/** The questions to Telegram and to agents are answered within seconds, or not at all. */
const answerMaxMs = 15_000;
/** The first Node that runs this program without a flag. */
const nodeAtLeast = [24, 12] as const;

/** Resolves with the exit code: 0 all well, 1 a problem, 2 a wrong setting. Rejects for bugs only. */
export async function examine({ isOnline }: { readonly isOnline: boolean }, terminal: Terminal): Promise<number> {
  let config: Config;
  try {
    config = readConfig();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    terminal.error(`\u2716 ${error.message}`);
    return 2;
  }
  const scrub = createScrub(config.secrets);
  let problems = 0;
  for await (const { mark, text } of findings(config, isOnline)) {
    if (mark === "problem") problems += 1;
    terminal.out(scrub(`${{ ok: "\u2714", note: "\u2013", problem: "\u2716" }[mark]} ${text}`));
  }
  terminal.out(problems === 0 ? "All well." : problems === 1 ? "1 problem." : `${problems} problems.`);
  return problems === 0 ? 0 : 1;
}

async function* findings(config: Config, isOnline: boolean): AsyncGenerator<Finding> {
  yield checkNode(process.versions.node);
  yield await checkHome(config.home);
  const isRunning = isInstanceRunning(config.home);
  yield isRunning ? ok("Signalbox is running with this home.") : note("Signalbox is not running with this home.");
  yield* checkDatabase(join(config.home, "signalbox.db"));
  yield await checkWorkspace(config);
  yield* checkAgents(config);
  yield* await checkSpeech(config);
  yield await checkTelegram(config, isOnline);
  yield await checkPage(config, isRunning);
}

export function checkNode(version: string): Finding {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const isNewEnough = major > nodeAtLeast[0] || (major === nodeAtLeast[0] && minor >= nodeAtLeast[1]);
  return isNewEnough
    ? ok(`Node ${version}.`)
    : problem(`Node ${version} is too old. Install Node ${nodeAtLeast.join(".")} or newer (https://nodejs.org).`);
}

async function checkHome(home: string): Promise<Finding> {
  if (!existsSync(home)) return note(`The home ${home} does not exist yet; the first start makes it.`);
  try {
    await access(home, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch {
    return problem(`The home ${home} cannot be written. Change its permissions, or set SIGNALBOX_HOME.`);
  }
  return (statSync(home).mode & 0o077) === 0
    ? ok(`The home ${home} belongs to you alone.`)
    : problem(`The home ${home} can be read by others. Run: chmod 700 ${JSON.stringify(home)}`);
}

/** Takes the lock for a moment where nobody has it. */
function isInstanceRunning(home: string): boolean {
  const file = join(home, "signalbox.lock");
  if (!existsSync(file)) return false;
  try {
    const lock = tryFileLock(file);
    // Released at once; nothing was started under it.
    void lock?.[Symbol.asyncDispose]();
    return lock === null;
  } catch {
    // It cannot be opened: checkHome says why.
    return false;
  }
}

// ---- The database

function* checkDatabase(path: string): Generator<Finding> {
  if (!existsSync(path)) {
    yield note("There is no database yet; the first start makes it.");
    return;
  }
  try {
    using database = new DatabaseSync(path, { readOnly: true });
    yield checkVersion(database, path);
    yield checkIntegrity(database, path);
    yield checkBooks(readCounts(createSql(database, path)));
  } catch (error) {
    yield problem(
      error instanceof StoreFault ? error.message : `The database ${path} cannot be read (${messageOf(error)}).`,
    );
  }
}

function checkVersion(database: DatabaseSync, path: string): Finding {
  const { user_version: version } = database.prepare("PRAGMA user_version").get() as { user_version: number };
  try {
    // On a connection that cannot write this only compares.
    migrate(database, path);
    return ok(`The database ${path} has version ${version}.`);
  } catch (error) {
    if (!(error instanceof StoreFault) || error.kind !== "unwritable") throw error;
    return note(`The database ${path} has version ${version}; the next start brings it up to date.`);
  }
}

function checkIntegrity(database: DatabaseSync, path: string): Finding {
  const rows = database.prepare("PRAGMA quick_check(1)").all() as { quick_check: string }[];
  const verdict = rows[0]?.quick_check ?? "no answer";
  return verdict === "ok"
    ? ok("The database is sound.")
    : problem(
        `The database ${path} is damaged (${verdict}). Restore it from a copy, or move it away to begin a new one.`,
      );
}

/** I4 */
export function checkBooks({ received, byState }: Counts): Finding {
  const states = Object.entries(byState).filter(([, count]) => count > 0);
  const accounted = states.reduce((sum, [, count]) => sum + count, 0);
  const list = states.map(([state, count]) => `${count} ${state}`).join(", ");
  return accounted === received
    ? ok(`Every message is accounted for: ${received} received${list === "" ? "" : ` = ${list}`}.`)
    : problem(
        `The books do not balance: ${received} messages were received, but ${accounted} are recorded (${list}). Please report this.`,
      );
}

// ---- Around it

async function checkWorkspace({ home, workspace }: Config): Promise<Finding> {
  if (workspace === join(home, "workspace") && !existsSync(workspace)) {
    return note(`The workspace ${workspace} does not exist yet; the first start makes it.`);
  }
  const hold = await createWorkspaces({ tmpDir: tmpdir(), uid: process.getuid?.() ?? 0 }).hold(workspace);
  if (hold.kind === "held") {
    await hold.lock[Symbol.asyncDispose]();
    return ok(`The workspace ${workspace} can be written.`);
  }
  return hold.fault.kind === "workspace-locked"
    ? note(`A run is working in the workspace ${workspace}.`)
    : problem(describeFault(hold.fault));
}

async function* checkAgents(config: Config): AsyncGenerator<Finding> {
  const deps = {
    config,
    instance: "doctor",
    version: "doctor",
    environment: config.agentEnvironment,
    scan: createScan(),
    clock: createSystemClock(),
    log: silent,
  };
  let ready = 0;
  for (const name of agentNames(config).filter((one) => one !== "demo")) {
    await using driver = await loadAgent(name, deps);
    const health = await driver.health(AbortSignal.timeout(answerMaxMs));
    if (health.kind === "ready") ready += 1;
    if (health.kind === "ready") yield ok(`Agent ${name}: ${health.version}.`);
    else
      yield {
        mark: config.driver === name ? "problem" : "note",
        text: `Agent ${name}: ${describeFault(health.fault)}`,
      };
  }
  if (config.driver === "demo") yield note("SIGNALBOX_DRIVER is demo: it answers, but does no work.");
  else if (config.driver === null && ready === 0) yield note("No agent is ready, so the demo answers in its place.");
}

async function checkSpeech({ speech, agentEnvironment }: Config): Promise<readonly Finding[]> {
  const { examineSpeech } = await import("./media/speech/speech-health.ts");
  return examineSpeech(speech, agentEnvironment["PATH"] ?? "");
}

async function checkTelegram({ telegram }: Config, isOnline: boolean): Promise<Finding> {
  if (telegram === null) return note("Telegram is off. Set TELEGRAM_BOT_TOKEN to use it.");
  const named = telegram.users.length;
  const users = named === 0 ? "whom its owner lets in" : named === 1 ? "1 user" : `${named} users`;
  if (!isOnline) return ok(`Telegram is set up for ${users}; doctor --online asks it whether the token works.`);
  const { createTelegramClient } = await import("./telegram/client.ts");
  const answer = await createTelegramClient(telegram).getMe(AbortSignal.timeout(answerMaxMs));
  switch (answer.kind) {
    case "done":
      return ok(`Telegram: the token is that of @${answer.value.username}; ${users} may use it.`);
    case "unauthorised":
      return problem("Telegram refuses TELEGRAM_BOT_TOKEN (401). Get the right one from @BotFather.");
    case "rejected":
    case "retry-later":
    case "moved":
    case "unreachable":
    case "unknown":
    case "conflict":
      return problem(
        `Telegram at ${telegram.apiRoot} gave no answer (${answer.kind}). Check the network and TELEGRAM_API_ROOT.`,
      );
    default:
      return answer satisfies never;
  }
}

async function checkPage({ web }: Config, isRunning: boolean): Promise<Finding> {
  if (web === null) return note("The page is off (SIGNALBOX_WEB).");
  const failure = await tryListen(web.host, web.port);
  if (failure === null) return ok(`The page can open on ${web.host}:${web.port}.`);
  if (failure === "EADDRINUSE" && isRunning) return ok(`The page's port ${web.port} is in use, as it should be.`);
  return problem(
    `The page cannot open on ${web.host}:${web.port} (${failure}). Set SIGNALBOX_WEB to another host:port, or to off.`,
  );
}

/** Null when the port is free; the error's code otherwise. */
async function tryListen(host: string, port: number): Promise<string | null> {
  const server = createServer();
  const { promise, resolve } = Promise.withResolvers<string | null>();
  server.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.name));
  server.listen({ host, port }, () => server.close(() => resolve(null)));
  return promise;
}

const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

function ok(text: string): Finding {
  return { mark: "ok", text };
}

function note(text: string): Finding {
  return { mark: "note", text };
}

function problem(text: string): Finding {
  return { mark: "problem", text };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : "unknown reason";
}
