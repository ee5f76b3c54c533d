#!/usr/bin/env node
/**
 * The command line: what was asked for, and the exit code. 0: done. 1: it failed, or the doctor found something. 2: a wrong
 * command, a wrong setting or a refused token: nothing was started.
 */
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";

type Command = {
  readonly summary: string;
  readonly help: string;
  /** `words`: it reads what follows by itself. */
  readonly options: Readonly<Record<string, { readonly type: "boolean" }>> | "words";
  run(options: Readonly<Record<string, unknown>>, words: readonly string[]): Promise<number>;
};

async function main(args: readonly string[]): Promise<number> {
  const [name = "help", ...rest] = args;
  if (name === "--version" || name === "-v") return print(readVersion());
  if (name === "--help" || name === "-h" || name === "help") return help(rest[0]);
  const command = commandOf(name);
  if (command === undefined) return refuse(`unknown command: ${name}. ${knownCommands()}`);
  const options = readOptions(command, rest);
  if (typeof options === "string") return refuse(`${name}: ${options}. See signalbox ${name} --help.`);
  return options["help"] === true ? print(command.help) : command.run(options, rest);
}

function commandOf(name: string): Command | undefined {
  switch (name) {
    case "start":
      return { summary: "run Signalbox until it is told to stop", help: startHelp(), options: {}, run: start };
    case "doctor":
      return {
        summary: "check the installation and say what to do",
        help: doctorHelp(),
        options: { online: { type: "boolean" } },
        run: doctor,
      };
    case "link":
      return {
        summary: "print a new link to the page of a running Signalbox",
        help: linkHelp(),
        options: {},
        run: link,
      };
    case "schedule":
      return {
        summary: "list, add and change schedules of a running Signalbox",
        help: scheduleHelp(),
        options: "words",
        run: schedule,
      };
    default:
      return undefined;
  }
}

async function start(): Promise<number> {
  const { startSignalbox } = await import("./main.ts");
  return startSignalbox(readVersion(), terminal);
}

async function doctor(options: Readonly<Record<string, unknown>>): Promise<number> {
  const { examine } = await import("./doctor.ts");
  return examine({ isOnline: options["online"] === true }, terminal);
}

async function link(): Promise<number> {
  const { makeLink } = await import("./link.ts");
  return makeLink(terminal);
}

async function schedule(_: Readonly<Record<string, unknown>>, words: readonly string[]): Promise<number> {
  const { runSchedule } = await import("./schedule-command.ts");
  return runSchedule(words, terminal);
}

const terminal = {
  out: (line: string): void => void process.stdout.write(`${line}\n`),
  error: (line: string): void => void process.stderr.write(`${line}\n`),
};

/** The options, or what is wrong with them. */
function readOptions(command: Command, args: readonly string[]): Readonly<Record<string, unknown>> | string {
  if (command.options === "words") return { help: args.some((arg) => arg === "--help" || arg === "-h") };
  const known = { ...command.options, help: { type: "boolean", short: "h" } } as const;
  try {
    return parseArgs({ args: [...args], options: known, strict: true, allowPositionals: false }).values;
  } catch (error) {
    // parseArgs says which argument it did not know; its advice on "--" does not fit here.
    return error instanceof Error ? (error.message.split(/\.\s|\.$/)[0] ?? "wrong arguments") : "wrong arguments";
  }
}

function help(name: string | undefined): number {
  if (name === undefined) return print(mainHelp());
  const command = commandOf(name);
  return command === undefined ? refuse(`no help on ${name}. ${knownCommands()}`) : print(command.help);
}

function knownCommands(): string {
  return "Commands: start, doctor, link, schedule, help.";
}

function print(text: string): number {
  terminal.out(text);
  return 0;
}

function refuse(line: string): number {
  terminal.error(`signalbox: ${line}`);
  return 2;
}

/** Beside src/ in a checkout, beside dist/ in a package. */
function readVersion(): string {
  const file = new URL("../package.json", import.meta.url);
  return (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
}

// ---- Help

function mainHelp(): string {
  return `Signalbox ${readVersion()}: operate coding agents on this machine from Telegram and a local page.

  signalbox start      ${commandOf("start")?.summary}
  signalbox doctor     ${commandOf("doctor")?.summary}
  signalbox link       ${commandOf("link")?.summary}
  signalbox schedule   ${commandOf("schedule")?.summary}
  signalbox help       this text; "signalbox help start" lists the settings
  signalbox --version  ${readVersion()}`;
}

function startHelp(): string {
  return `signalbox start

Opens the page (its link is printed and works once) and, with a bot token, Telegram. Ctrl-C or SIGTERM ends it: running turns
may go on for a grace, then they are stopped with proof. A second Ctrl-C skips the grace.

Settings come from the environment, or from config.json in SIGNALBOX_HOME under the name in brackets:
  SIGNALBOX_HOME                 state: database, logs, config.json (default ~/.signalbox)
  SIGNALBOX_WORKSPACE            [workspace] where agents work (default SIGNALBOX_HOME/workspace)
  SIGNALBOX_DRIVER               [driver] claude, codex, demo or a name of [agents] (default: the first that is ready, else demo)
  SIGNALBOX_PERMISSIONS          [permissions] plan, ask, edit or bypass (default ask)
  SIGNALBOX_MAX_RUNS             [maxRuns] runs at once, 1 to 100 (default 4)
  SIGNALBOX_WEB                  [web] host:port of the page, or off (default 127.0.0.1:8474)
  SIGNALBOX_WEB_ALLOW_REMOTE     [webAllowRemote] true: the page may be reached from other machines (default false)
  SIGNALBOX_LOG                  [log] debug, info, warn, error or silent (default info)
  SIGNALBOX_CLAUDE_PATH          [claude.path] the Claude Code executable (default: found on PATH, then in node_modules)
  SIGNALBOX_CODEX_PATH           [codex.path] the Codex executable (default: found on PATH)
  SIGNALBOX_RETRIES              [retries] how often a run tries again after trouble that passes, 0 to 2 (default 2)
  SIGNALBOX_STALL_MINUTES        [stallMinutes] an agent silent for longer, with no tool running, is stopped (default 10)
  SIGNALBOX_MAX_RUN_MINUTES      [maxRunMinutes] a run is stopped after it (default: no limit)
  SIGNALBOX_MAX_RUN_COST_USD     [maxRunCostUsd] a run is stopped at it (default: no limit)
  SIGNALBOX_DOWNTIME_MINUTES     [downtimeMinutes] what waited longer while off is offered, not run (default 10)
  SIGNALBOX_DRAIN_GRACE_SECONDS  [drainGraceSeconds] how long turns may go on at shutdown (default 20)
  SIGNALBOX_TRANSCRIBE           [transcribe.with] who hears voice messages: openai, local or command (default: nobody; docs/voice.md)
  SIGNALBOX_TRANSCRIBE_MODEL     [transcribe.model] for openai a model's name (default whisper-1), for local a model's directory
  SIGNALBOX_TRANSCRIBE_COMMAND   [transcribe.command] for command: words or a JSON array, with {file} for the path
  OPENAI_API_KEY                 [transcribe.apiKey] for openai; agents do not get it then
  OPENAI_BASE_URL                [transcribe.baseUrl] for openai (default https://api.openai.com/v1)
  TELEGRAM_BOT_TOKEN             [telegram.token] from @BotFather
  TELEGRAM_ALLOWED_USERS         [telegram.allowedUsers] owners of the bot: numeric ids, separated by commas
  TELEGRAM_API_ROOT              [telegram.apiRoot] (default https://api.telegram.org)
Only in the file: [agents] agents of the Agent Client Protocol, like "agents": { "gemini": {} } (docs/agents.md)`;
}

function doctorHelp(): string {
  return `signalbox doctor [--online]

Checks the settings, the state directory, the database and its books (every message received is accounted for), the workspace,
the agents, speech to text and the page's port. Changes nothing. Exit code 0: all well; 1: something needs you; 2: a wrong setting.

  --online   also asks Telegram whether the bot token works`;
}

function linkHelp(): string {
  return `signalbox link

Prints a link that signs one browser in to the page of the Signalbox that runs with the same settings. It opens once, within 10
minutes. Exit code 1 when no page answers there, 2 for a wrong setting.`;
}

function scheduleHelp(): string {
  return `signalbox schedule <what> [--conversation <id or name>]

Speaks to the Signalbox that runs with the same settings (SIGNALBOX_HOME, SIGNALBOX_WEB), and does what /cron does in a chat.
  list                              the schedules of all conversations; also what is done without a word
  add [options] <when> <text>       a new one
  show <name>                       what it is, and its next five times
  run | pause | resume <name>       now, besides its times; fires no more until it is resumed
  edit <name> [options] [when <when> | text <text>]
  rm <name>                         deletes it, and cancels what waits of it
  history <name>                    what became of its newest 50 times

When: in 20m, at 7:00, at 2026-12-01T07:00, tomorrow 9:00, every 2h, every monday 9:00, daily 7:00, weekdays 8:30, hourly, or a
cron expression of five fields in quotes: "0 7 * * 1-5".
Options: --name, --zone Europe/Berlin, --session own|conversation|<name>, --missed latest|skip|all:6h, --overlap skip|queue,
--mode plan|ask|edit|bypass, --agent, --model, --project <directory>, --limit 30m, --silent, --shown, --fresh (a run begins with an
empty memory), --remember, --remind (no agent runs: you are told the text), --digest (no text: what the agents did the day before).

A new one belongs to the private chat of Telegram where Signalbox knows exactly one owner's, else to the page's main thread
(web:main): there its results are told. --conversation chooses another by its id (telegram:42, web:main) or its name. A name that
only one conversation has needs none.
  --json     with list, show and history: for programs

For example: signalbox schedule add daily 7:00 "Summarize what changed since yesterday"

Exit code 0: done; 1: refused, unknown, or no Signalbox runs there; 2: a wrong command or setting.`;
}

// Last, so that everything above exists.
process.exit(await main(process.argv.slice(2)));
