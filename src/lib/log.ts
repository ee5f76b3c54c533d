/**
 * The log: JSON lines in a file for whoever looks for a cause, a few short lines on the terminal for the person in front of it.
 *
 * 1. T10: whatever ends up in a line, the last thing before it is written is the scrubber: bot tokens by their form, other
 *    secrets by their text. Errors are written by our own serializer, which takes no fields but the known ones.
 * 2. Logging never fails and never waits: a line that the disk refuses is counted, and the count is the next line that fits.
 * 3. I14: a line, a file and the number of files are bounded.
 */
import { closeSync, fstatSync, mkdirSync, openSync, renameSync, writeSync } from "node:fs";
import { join } from "node:path";
import { pino } from "pino";

export type LogLevel = "debug" | "info" | "warn" | "error" | "silent";

export type LogOptions = {
  /** Created (0700) when it is missing. */
  readonly directory: string;
  /** What goes into the file. Warnings and errors are told on the terminal whatever it is. */
  readonly level: LogLevel;
  readonly terminal: Terminal;
  readonly scrub: Scrub;
};

/** One line each, without its end. */
export type Terminal = { out(line: string): void; error(line: string): void };

/** `text` is scrubbed; `atMs` is epoch milliseconds. */
export type RecentError = { readonly id: string; readonly atMs: number; readonly text: string };

export type FileLog = Disposable & {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  /** The newest errors, newest first; each has its id in the file's line too. */
  recent(): readonly RecentError[];
  /** For the person: a line on the terminal, and an info line in the file. */
  say(line: string): void;
};

/** Removes every secret from a text. */
export type Scrub = (text: string) => string;

/** What a person reads on a phone; the rest is in the file. */
const recentMax = 10;
/** Old lines are for the last days' riddles: 4 files of this many bytes, 40 MB in all. */
const fileBytesMax = 10_000_000;
const oldFilesMax = 3;
/** A longer line is a dump of something; its head says what. In UTF-16 units. */
const lineCharsMax = 20_000;

export function createLog(options: LogOptions): FileLog {
  const file = openLogFile(options.directory);
  const write = (line: string): void => file.write(bounded(options.scrub(line)));
  const log = pino({ level: options.level, base: null, formatters: { log: plainFields } }, { write });
  let lastTold = "";
  const recent: RecentError[] = [];
  let errors = 0;

  /** The id is short enough to be read aloud, and told apart from those of other lives by the time in front of it. */
  function remember(fields: object, message: string): string {
    const atMs = Date.now();
    const id = `${Math.trunc(atMs / 1_000).toString(36)}-${(errors += 1)}`;
    recent.unshift({ id, atMs, text: options.scrub(`${message}${causeOf(fields)}`) });
    recent.length = Math.min(recent.length, recentMax);
    return id;
  }

  /** The same trouble again is in the file; on the terminal it would only push everything else away. */
  function tell(fields: object, message: string): void {
    const line = options.scrub(`${message}${causeOf(fields)}`);
    if (line === lastTold) return;
    lastTold = line;
    options.terminal.error(line);
  }

  return {
    debug: (fields, message) => log.debug(fields, message),
    info: (fields, message) => log.info(fields, message),
    warn(fields, message) {
      log.warn(fields, message);
      tell(fields, message);
    },
    error(fields, message) {
      const named = fields instanceof Error ? { error: fields } : fields;
      log.error({ ...named, id: remember(fields, message) }, message);
      tell(fields, message);
    },
    recent: () => [...recent],
    say(line) {
      log.info({}, line);
      options.terminal.out(options.scrub(line));
    },
    [Symbol.dispose]: () => file.close(),
  };
}

/** `secrets` are masked wherever they appear, also escaped in JSON or in a URL; bot tokens are masked even when nobody named them. */
export function createScrub(secrets: readonly string[]): Scrub {
  const forms = secrets
    .filter((secret) => secret.length >= secretCharsMin)
    .flatMap((secret) => [secret, JSON.stringify(secret).slice(1, -1), encodeURIComponent(secret)]);
  const known = [...new Set(forms)].toSorted((a, b) => b.length - a.length);
  return (text) => known.reduce((rest, secret) => rest.replaceAll(secret, mask), text).replace(botToken, mask);
}

const mask = "<secret>";
/** Something shorter is no secret, and masking it would make the log unreadable. */
const secretCharsMin = 8;
/** Telegram's own form (123456789:AA...), alone, after "bot" in a URL, and with the colon encoded. */
const botToken = /\d{3,20}(?::|%3A)[\w-]{30,}/gi;

// ---- Errors and other fields

/** Causes further down than this repeat what is above them. */
const depthMax = 4;
/** An AggregateError of a hundred refused connections says the same a hundred times. */
const errorsMax = 5;

/** What JSON would make of an error is an empty object or, worse, whatever a library hung on it. */
function plainFields(fields: object): Record<string, unknown> {
  return plain(fields, 0) as Record<string, unknown>;
}

function plain(value: unknown, depth: number): unknown {
  if (value instanceof Error) return plainError(value, depth);
  if (typeof value === "bigint") return `${value}`;
  if (typeof value !== "object" || value === null) return value;
  if (depth >= depthMax) return "(deeper)";
  if (Array.isArray(value)) return value.map((one) => plain(one, depth + 1));
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, plain(one, depth + 1)]));
}

function plainError(error: Error, depth: number): unknown {
  if (depth >= depthMax) return "(deeper)";
  const inner = "error" in error ? error.error : error.cause;
  return {
    name: error.name,
    message: error.message,
    ...("code" in error && { code: plain(error.code, depthMax) }),
    ...(error.stack !== undefined && { stack: error.stack }),
    ...(inner !== undefined && { cause: plain(inner, depth + 1) }),
    ...(error instanceof AggregateError && {
      errors: error.errors.slice(0, errorsMax).map((one) => plain(one, depth + 1)),
    }),
  };
}

/** ": what the error said", for the terminal. */
function causeOf(fields: object): string {
  const error = fields instanceof Error ? fields : "error" in fields ? fields.error : undefined;
  return error instanceof Error ? `: ${error.message.split("\n", 1)[0]}` : "";
}

function bounded(line: string): string {
  return line.length <= lineCharsMax
    ? line
    : `${JSON.stringify({ level: 50, cut: line.length, msg: line.slice(0, lineCharsMax / 2) })}\n`;
}

// ---- The file

type LogFile = { write(line: string): void; close(): void };

function openLogFile(directory: string): LogFile {
  const name = join(directory, "signalbox.log");
  let open: { readonly descriptor: number; bytes: number } | null = null;
  let lost = 0;

  function append(line: string): void {
    open ??= openFile(directory, name);
    if (open.bytes > 0 && open.bytes + line.length > fileBytesMax) {
      closeSync(open.descriptor);
      open = null;
      rotate(name);
      open = openFile(directory, name);
    }
    open.bytes += writeSync(open.descriptor, line);
  }

  return {
    write(line) {
      try {
        if (lost > 0) append(`${JSON.stringify({ level: 40, lost, msg: "lines that could not be written" })}\n`);
        lost = 0;
        append(line);
      } catch {
        // Disk full, or the directory is gone: there is nowhere to say it but the count.
        lost += 1;
      }
    },
    close() {
      if (open !== null) closeSync(open.descriptor);
      open = null;
    },
  };
}

function openFile(directory: string, name: string): { descriptor: number; bytes: number } {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const descriptor = openSync(name, "a", 0o600);
  return { descriptor, bytes: fstatSync(descriptor).size };
}

/** signalbox.log becomes signalbox.1.log, and so on; the oldest is replaced. */
function rotate(name: string): void {
  const old = (age: number): string => (age === 0 ? name : name.replace(/\.log$/, `.${age}.log`));
  for (let age = oldFilesMax; age > 0; age -= 1) {
    try {
      renameSync(old(age - 1), old(age));
    } catch (error) {
      // Not that many files yet.
      if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
    }
  }
}
