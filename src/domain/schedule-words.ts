/**
 * What a person types about schedules, after `/cron` or `signalbox schedule`: read into a command, or into what is wrong with it. When
 * something is due is read as words here; the timetable turns them into times, with the zone.
 */
import { parsePermissionMode, type PermissionMode } from "./permission-mode.ts";
import { everyMsMin, type MissedPolicy, overlaps, parseScheduleName, runMsLeast, runMsMost } from "./schedule.ts";

/** `date` null: the next day at which it is that time; else it is "today", "tomorrow" or as in "2026-12-01". `time` is "07:00". */
export type When =
  | { readonly kind: "in"; readonly ms: number }
  | { readonly kind: "at"; readonly date: string | null; readonly time: string }
  | { readonly kind: "instant"; readonly atMs: number }
  | { readonly kind: "every"; readonly everyMs: number }
  | { readonly kind: "cron"; readonly expression: string };

/** What stands with `--`; what is not there keeps its value, or its default. */
export type ScheduleOptions = {
  readonly name?: string;
  readonly zone?: string;
  /** `own`, `conversation`, or the name of one that several share. */
  readonly session?: string;
  readonly missed?: MissedPolicy;
  readonly overlap?: (typeof overlaps)[number];
  readonly view?: "shown" | "silent";
  readonly memory?: "kept" | "fresh";
  readonly permissions?: PermissionMode;
  readonly driver?: string;
  readonly model?: string;
  readonly workspace?: string;
  /** Null: no limit of its own. */
  readonly runMsMax?: number | null;
  readonly work?: "prompt" | "reminder" | "digest";
};

export type ScheduleCommand =
  | { readonly kind: "list" }
  | { readonly kind: "add"; readonly when: When; readonly text: string; readonly options: ScheduleOptions }
  | {
      readonly kind: "edit";
      readonly name: string;
      readonly when: When | null;
      readonly text: string | null;
      readonly options: ScheduleOptions;
    }
  | { readonly kind: "show" | "run" | "pause" | "resume" | "delete" | "history"; readonly name: string }
  | { readonly kind: "wrong"; readonly what: string };

/** Pure; never throws. */
export function readScheduleCommand(typed: string): ScheduleCommand {
  const { word, rest } = firstWord(typed);
  const verb = word.toLowerCase();
  switch (verb) {
    case "":
    case "list":
    case "ls":
      return { kind: "list" };
    case "add":
    case "new":
      return readAdd(rest);
    case "edit":
    case "set":
      return readEdit(rest);
    case "show":
    case "run":
    case "pause":
    case "resume":
    case "history":
      return named(verb, rest);
    case "delete":
    case "remove":
    case "rm":
      return named("delete", rest);
    default:
      return { kind: "wrong", what: `There is no /cron ${word}. It knows: ${verbs.join(", ")}.` };
  }
}

const verbs = ["list", "add", "show", "run", "pause", "resume", "edit", "history", "rm"] as const;

function named(kind: "show" | "run" | "pause" | "resume" | "delete" | "history", rest: string): ScheduleCommand {
  const name = parseScheduleName(firstWord(rest).word);
  return name === null ? wrong(`Which one? /cron lists them with their names.`) : { kind, name };
}

function readAdd(rest: string): ScheduleCommand {
  const before = readOptions(rest);
  if (typeof before === "string") return wrong(before);
  if (before.rest === "") return wrong("It needs a time and a text.");
  const split = splitWhen(before.rest);
  if (typeof split === "string") return wrong(split);
  const after = readOptions(split.rest);
  if (typeof after === "string") return wrong(after);
  const options = { ...before.options, ...after.options };
  const text = unquoted(after.rest);
  if (text === "" && options.work !== "digest")
    return wrong("It needs a text: what the agent is to do, or with --remind what you are to be told.");
  return { kind: "add", when: split.when, text, options };
}

function readEdit(rest: string): ScheduleCommand {
  const { word, rest: after } = firstWord(rest);
  const name = parseScheduleName(word);
  if (name === null) return wrong("Which one? /cron lists them with their names.");
  const given = readOptions(after);
  if (typeof given === "string") return wrong(given);
  const { options } = given;
  const { word: part, rest: value } = firstWord(given.rest);
  switch (part.toLowerCase()) {
    case "":
      return Object.keys(options).length === 0
        ? wrong(
            `What of it? For example: /cron edit ${name} when daily 8:00, /cron edit ${name} text New words, /cron edit ${name} --silent`,
          )
        : { kind: "edit", name, when: null, text: null, options };
    case "when": {
      const split = splitWhen(value);
      if (typeof split === "string") return wrong(split);
      if (split.rest !== "") return wrong(`After the time stands "${split.rest}", which is no time.`);
      return { kind: "edit", name, when: split.when, text: null, options };
    }
    case "text":
    case "prompt": {
      const text = unquoted(value.trim());
      return text === "" ? wrong("The new text is missing.") : { kind: "edit", name, when: null, text, options };
    }
    default:
      return wrong(`"${part}" is nothing that can be edited. It is when, text, or an option such as --silent.`);
  }
}

function wrong(what: string): ScheduleCommand {
  return { kind: "wrong", what };
}

// ---------------------------------------------------------------- options

/** Phones write one long dash for two hyphens. */
const optionPattern = /^(?:--|[\u2013\u2014]{1,2})([a-z]+)(?:[=\s]|$)/i;

/** The options that `text` begins with, and what follows them; or what is wrong. */
function readOptions(text: string): { readonly options: ScheduleOptions; readonly rest: string } | string {
  let options: ScheduleOptions = {};
  let rest = text.trim();
  // Bound: each turn takes an option off the text.
  for (;;) {
    const [, option] = optionPattern.exec(rest) ?? [];
    if (option === undefined) return { options, rest };
    const after = rest.replace(/^(--|[\u2013\u2014]{1,2})[a-z]+=?/i, "").trimStart();
    const flag = flags[option.toLowerCase()];
    if (flag !== undefined) {
      options = { ...options, ...flag };
      rest = after;
      continue;
    }
    const { word, rest: next } = firstWord(after);
    const read = readOption(option.toLowerCase(), word);
    if (typeof read === "string") return read;
    options = { ...options, ...read };
    rest = next;
  }
}

const flags: Readonly<Record<string, ScheduleOptions>> = {
  silent: { view: "silent" },
  shown: { view: "shown" },
  fresh: { memory: "fresh" },
  remember: { memory: "kept" },
  prompt: { work: "prompt" },
  remind: { work: "reminder" },
  reminder: { work: "reminder" },
  digest: { work: "digest" },
};

function readOption(option: string, value: string): ScheduleOptions | string {
  if (value === "") return `--${option} needs a value.`;
  switch (option) {
    case "name": {
      const name = parseScheduleName(value);
      return name === null ? `A name is made of letters, digits and hyphens, at most 32: not "${value}".` : { name };
    }
    case "zone":
      return { zone: value };
    case "session": {
      const session = parseScheduleName(value);
      return session === null ? `--session is own, conversation, or a name: not "${value}".` : { session };
    }
    case "missed":
      return readMissed(value);
    case "overlap": {
      const overlap = overlaps.find((one) => one === value.toLowerCase());
      return overlap === undefined ? `--overlap is skip or queue: not "${value}".` : { overlap };
    }
    case "mode":
    case "permissions": {
      const permissions = parsePermissionMode(value);
      return permissions === null ? `--mode is plan, ask, edit or bypass: not "${value}".` : { permissions };
    }
    case "agent":
      return { driver: value };
    case "model":
      return { model: value };
    case "project":
      return { workspace: value };
    case "limit":
      return readLimit(value);
    default:
      return `There is no option --${option}. There are ${optionNames}.`;
  }
}

const optionNames =
  "--name, --zone, --session, --missed, --overlap, --mode, --agent, --model, --project, --limit, --silent, --shown, --fresh, --remember, --prompt, --remind and --digest";

function readMissed(value: string): ScheduleOptions | string {
  const [policy, window] = value.toLowerCase().split(":");
  if (policy === "latest" || policy === "skip") return { missed: { kind: policy } };
  const windowMs = window === undefined ? windowMsUsual : readDuration(window);
  return policy === "all" && windowMs !== null
    ? { missed: { kind: "all", windowMs } }
    : `--missed is latest, skip, all or all:6h: not "${value}".`;
}

/** "All that were missed" means those of a day, unless a person says otherwise. */
const windowMsUsual = 24 * 60 * 60 * 1000;

function readLimit(value: string): ScheduleOptions | string {
  if (value.toLowerCase() === "none") return { runMsMax: null };
  const runMsMax = readDuration(value);
  return runMsMax === null || runMsMax < runMsLeast || runMsMax > runMsMost
    ? `--limit is how long a run may take, from 1m to 24h, or none: not "${value}".`
    : { runMsMax };
}

// ---------------------------------------------------------------- when

const unitsMs: Readonly<Record<string, number>> = {
  s: 1_000,
  m: 60_000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

/** "20m", "1h30m", "90 min"; null when it is none. In milliseconds. */
export function readDuration(text: string): number | null {
  const parts = [
    ...text.toLowerCase().matchAll(/(\d{1,6})\s*(seconds?|secs?|minutes?|mins?|hours?|hrs?|days?|weeks?|[smhdw])\s*/g),
  ];
  if (parts.length === 0 || parts.map(([part]) => part).join("") !== text.toLowerCase()) return null;
  const ms = parts.reduce((sum, [, count, unit = ""]) => sum + Number(count) * (unitsMs[unit[0] ?? ""] ?? 0), 0);
  return ms > 0 && ms <= durationMsMax ? ms : null;
}

/** Longer is a mistake in a number. */
const durationMsMax = 366 * 86_400_000;

const weekdays: Readonly<Record<string, string>> = {
  day: "*",
  weekday: "1-5",
  monday: "1",
  tuesday: "2",
  wednesday: "3",
  thursday: "4",
  friday: "5",
  saturday: "6",
  sunday: "0",
};

/** The time that `text` begins with, and what follows it; or what is wrong. */
export function splitWhen(text: string): { readonly when: When; readonly rest: string } | string {
  const quoted = /^["\u201c\u201d\u201e']([^"\u201c\u201d\u201e']*)["\u201c\u201d']\s*([\s\S]*)$/.exec(text.trim());
  if (quoted !== null) {
    const [, inner = "", rest = ""] = quoted;
    const when = readQuoted(inner.trim());
    return typeof when === "string" ? when : { when, rest };
  }
  const { word, rest } = firstWord(text);
  switch (word.toLowerCase()) {
    case "in":
      return splitDuration(rest, (ms) => ({ kind: "in", ms }), `"in" needs a time, such as in 20m or in 1h30m`);
    case "every":
      return splitEvery(rest);
    case "daily":
      return splitWeekly("*", rest);
    case "weekdays":
      return splitWeekly("1-5", rest);
    case "hourly":
      return { when: { kind: "cron", expression: "0 * * * *" }, rest };
    case "at":
      return splitAt(rest);
    case "today":
    case "tomorrow":
      return splitTime(word.toLowerCase(), rest);
    default:
      return splitBareCron(text) ?? `"${word}" is no time. ${whenHelp}`;
  }
}

const whenHelp =
  'Times are: in 20m, at 7:00, at 2026-12-01T07:00, tomorrow 7:00, every 10m, every monday 9:00, daily 7:00, or a cron expression in quotes such as "0 7 * * 1-5".';

function readQuoted(inner: string): When | string {
  if (inner.split(/\s+/).length === 5 && /^[\d*]/.test(inner)) return { kind: "cron", expression: inner };
  const split = /^(in|every|daily|weekdays|hourly|at|today|tomorrow)\b/i.test(inner) ? splitWhen(inner) : null;
  if (typeof split === "string") return split;
  if (split !== null && split.rest === "") return split.when;
  return { kind: "cron", expression: inner };
}

/** Five fields of digits and stars can be nothing else. */
function splitBareCron(text: string): { readonly when: When; readonly rest: string } | null {
  const match =
    /^((?:[\d*][\d*,/-]*\s+){4}(?:[\d*][\d*,/-]*|(?:mon|tue|wed|thu|fri|sat|sun)[a-z,-]*))(?:\s+([\s\S]*))?$/i.exec(
      text.trim(),
    );
  if (match === null) return null;
  const [, expression = "", rest = ""] = match;
  return { when: { kind: "cron", expression: expression.replace(/\s+/g, " ") }, rest };
}

function splitDuration(
  text: string,
  then: (ms: number) => When,
  otherwise: string,
): { readonly when: When; readonly rest: string } | string {
  const { word, rest } = firstWord(text);
  const alone = readDuration(word);
  if (alone !== null) return { when: then(alone), rest };
  const unit = firstWord(rest); // "20 minutes"
  const together = /^\d+$/.test(word) ? readDuration(`${word} ${unit.word}`) : null;
  return together === null
    ? `${otherwise}${word === "" ? "." : `; "${word}" is none.`}`
    : { when: then(together), rest: unit.rest };
}

function splitEvery(text: string): { readonly when: When; readonly rest: string } | string {
  const { word, rest } = firstWord(text);
  const day = weekdays[word.toLowerCase()] ?? weekdays[word.toLowerCase().replace(/s$/, "")];
  if (day !== undefined) return splitWeekly(day, rest);
  const single = { hour: 3_600_000, minute: 60_000, week: 604_800_000 }[word.toLowerCase()];
  const split =
    single === undefined
      ? splitDuration(
          text,
          (everyMs) => ({ kind: "every", everyMs }),
          `"every" needs an interval or a day, such as every 10m, every 2h or every monday 9:00`,
        )
      : { when: { kind: "every" as const, everyMs: single }, rest };
  if (typeof split === "string") return split;
  return split.when.kind === "every" && split.when.everyMs < everyMsMin
    ? "Every minute is as often as it gets: what is more frequent belongs into one run."
    : split;
}

function splitWeekly(day: string, text: string): { readonly when: When; readonly rest: string } | string {
  const { rest, time } = splitClock(text);
  if (time === null) return `At what time of the day? For example 7:00. ${whenHelp}`;
  const [hour, minute] = time.split(":");
  return { when: { kind: "cron", expression: `${Number(minute)} ${Number(hour)} * * ${day}` }, rest };
}

function splitTime(date: string, text: string): { readonly when: When; readonly rest: string } | string {
  const { rest, time } = splitClock(text);
  return time === null
    ? `At what time of the day? For example ${date} 7:00.`
    : { when: { kind: "at", date, time }, rest };
}

function splitAt(text: string): { readonly when: When; readonly rest: string } | string {
  const { word, rest } = firstWord(text);
  if (/^(today|tomorrow)$/i.test(word)) return splitTime(word.toLowerCase(), rest);
  const [, date, time, offset] =
    /^(\d{4}-\d{2}-\d{2})(?:T(\d{1,2}:\d{2})(?::\d{2})?(Z|[+-]\d{2}:?\d{2})?)?$/i.exec(word) ?? [];
  if (date !== undefined && time !== undefined) {
    const clock = readClock(time);
    if (clock === null) return `"${time}" is no time of a day.`;
    if (offset === undefined) return { when: { kind: "at", date, time: clock }, rest };
    const atMs = Date.parse(`${date}T${clock}:00${offset.toUpperCase()}`);
    return Number.isNaN(atMs) ? `"${word}" is no time.` : { when: { kind: "instant", atMs }, rest };
  }
  if (date !== undefined) return splitTime(date, rest);
  const clock = splitClock(text);
  return clock.time === null
    ? `"${word}" is no time. For example: at 7:00, at 2026-12-01T07:00.`
    : { when: { kind: "at", date: null, time: clock.time }, rest: clock.rest };
}

/** "7:00", "07:00", "7am", "7:30 pm" at the beginning of the text. */
function splitClock(text: string): { readonly time: string | null; readonly rest: string } {
  const [, typed = "", rest = ""] =
    /^(?:at\s+)?(\d{1,2}(?::\d{2})?(?:\s?[ap]m)?)(?=\s|$)\s*([\s\S]*)$/i.exec(text.trim()) ?? [];
  return { time: readClock(typed), rest };
}

function readClock(typed: string): string | null {
  const [, hour, minute = "00", half] = /^(\d{1,2})(?::(\d{2}))?\s?([ap]m)?$/i.exec(typed) ?? [];
  if (hour === undefined || (!typed.includes(":") && half === undefined)) return null;
  const isLate = half?.toLowerCase() === "pm";
  const hours = half === undefined ? Number(hour) : (Number(hour) % 12) + (isLate ? 12 : 0);
  if (hours > 23 || Number(minute) > 59 || (half !== undefined && Number(hour) > 12)) return null;
  return `${`${hours}`.padStart(2, "0")}:${minute}`;
}

// ---------------------------------------------------------------- words

/** The first word, a quoted one without its quotes, and the rest. */
function firstWord(text: string): { readonly word: string; readonly rest: string } {
  const trimmed = text.trim();
  const [, quoted, after = ""] =
    /^["\u201c\u201e]([^"\u201c\u201d]*)["\u201c\u201d](?=\s|$)\s*([\s\S]*)$/.exec(trimmed) ?? [];
  if (quoted !== undefined) return { word: quoted.trim(), rest: after };
  const [, word = "", rest = ""] = /^(\S*)\s*([\s\S]*)$/.exec(trimmed) ?? [];
  return { word, rest };
}

/** A text that is quoted as a whole, as a shell's user would. */
function unquoted(text: string): string {
  const [, inner] = /^["\u201c\u201e]([^"\u201c\u201d]*)["\u201c\u201d]$/.exec(text.trim()) ?? [];
  return (inner ?? text).trim();
}
