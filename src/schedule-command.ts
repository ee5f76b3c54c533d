/**
 * `signalbox schedule`: the schedules of a Signalbox that runs already, from a terminal. What is changed goes the way of `/cron` in the
 * conversation, through the running program's page; its answer is printed.
 *
 * 1. It is let in as whoever opens a link of this home is (link.ts): who cannot read the home's secret cannot use it.
 * 2. What only reads says nothing in a conversation.
 * 3. What comes from agents and chats is printed so that it cannot steer a terminal (T5).
 */
import { join } from "node:path";
import { readConfig } from "./config.ts";
import { ConfigError } from "./config/refusal.ts";
import { parseConversationId, channelOf } from "./domain/conversation.ts";
import { newId } from "./lib/ids.ts";
import type { Terminal } from "./lib/log.ts";
import { visibleText } from "./lib/visible.ts";
import { signLink } from "./web/access.ts";
import { readWebSecret } from "./web/web-secret.ts";
import type {
  Problem,
  ScheduleAnswer,
  ScheduleBody,
  ScheduleHistory,
  ScheduleHome,
  SchedulesView,
  ScheduleView,
} from "./web/wire.ts";

export const scheduleVerbs = ["add", "list", "show", "run", "pause", "resume", "edit", "rm", "history"] as const;

type Verb = (typeof scheduleVerbs)[number];

/** `words` are those after the verb, as they would be typed after `/cron`. */
export type ScheduleOrder = {
  readonly verb: Verb;
  readonly words: readonly string[];
  readonly conversation: string | null;
  readonly isJson: boolean;
};

/** Resolves with the exit code: 0 done, 1 refused, unknown or not running, 2 a wrong command or setting. */
export async function runSchedule(args: readonly string[], terminal: Terminal): Promise<number> {
  const order = readScheduleOrder(args);
  if (typeof order === "string") {
    terminal.error(`signalbox: schedule: ${order} See signalbox schedule --help.`);
    return 2;
  }
  try {
    const page = await enterPage();
    const out = (text: string): void => terminal.out(visibleText(text));
    await carryOut(page, order, out);
    return 0;
  } catch (error) {
    if (!(error instanceof ConfigError) && !(error instanceof Refusal)) throw error;
    terminal.error(`signalbox: ${visibleText(error.message)}`);
    return error instanceof ConfigError ? 2 : 1;
  }
}

/** What was asked for; a sentence when it is no such command. */
export function readScheduleOrder(args: readonly string[]): ScheduleOrder | string {
  let conversation: string | null = null;
  let isJson = false;
  const words: string[] = [];
  for (let i = 0; i < args.length; i += 1) {
    const arg = args[i] ?? "";
    if (arg === "--json") isJson = true;
    else if (arg === "--conversation") conversation = args[(i += 1)] ?? "";
    else if (arg.startsWith("--conversation=")) conversation = arg.slice("--conversation=".length);
    else words.push(arg);
  }
  const [first = "list", ...rest] = words;
  const verb = scheduleVerbs.find((one) => one === first);
  if (verb === undefined) return `unknown: ${first}. There are ${scheduleVerbs.join(", ")}.`;
  if (conversation === "") return "--conversation needs the id or the name of one.";
  if (isJson && verb !== "list" && verb !== "show" && verb !== "history")
    return "--json is for list, show and history.";
  if (verb === "add" && rest.length === 0) return "add needs a time and a text.";
  if (verb === "list" && rest.length > 0) return `list takes no ${rest[0]}.`;
  if (verb !== "add" && verb !== "list" && rest.length === 0) return `${verb} needs the name of a schedule.`;
  if (verb !== "add" && verb !== "list" && verb !== "edit" && rest.length > 1) return `${verb} takes one name.`;
  return { verb, words: rest, conversation, isJson };
}

/** The words as they would be typed: what the shell took for one word is one again. */
export function typedOf(verb: Verb, words: readonly string[]): string {
  return [verb, ...words.map(quoted)].join(" ");
}

/** A word that has quotes in it stands as it is: the grammar has no way to write a quote within quotes. */
function quoted(word: string): string {
  if (word === "") return "";
  const [, option, value] = /^(--[a-z]+)=([\s\S]*\s[\s\S]*)$/.exec(word) ?? [];
  if (option !== undefined && value !== undefined) return `${option} ${quoted(value)}`;
  return /\s/.test(word) && !/["\u201c\u201d\u201e]/.test(word) ? `"${word}"` : word;
}

// ---------------------------------------------------------------- what is asked for

/** Its message is the line for the person, with what to do. */
class Refusal extends Error {
  override readonly name = "Refusal";
}

type Out = (text: string) => void;

async function carryOut(page: Page, order: ScheduleOrder, out: Out): Promise<void> {
  const view = await page.get<SchedulesView>("/api/schedules");
  const home = order.conversation === null ? null : homeNamed(view.homes, order.conversation);
  const schedules = view.schedules.filter((one) => home === null || one.home === home);
  const [name = ""] = order.words;
  switch (order.verb) {
    case "list":
      return order.isJson ? out(JSON.stringify(schedules, null, 2)) : list(schedules, view.schedulesHidden, out);
    case "show": {
      const found = oneNamed(schedules, name);
      return out(order.isJson ? JSON.stringify(found, null, 2) : shown(found));
    }
    case "history": {
      const history = await page.get<ScheduleHistory>(`/api/schedules/${oneNamed(schedules, name).id}/history`);
      return out(order.isJson ? JSON.stringify(history.occurrences, null, 2) : told(history));
    }
    case "add":
      return give(page, home ?? view.homes[0]?.conversation ?? "", order, out);
    case "run":
    case "pause":
    case "resume":
    case "edit":
    case "rm":
      return give(page, oneNamed(schedules, name).home, order, out);
    default:
      return order.verb satisfies never;
  }
}

async function give(page: Page, home: string, { verb, words }: ScheduleOrder, out: Out): Promise<void> {
  const body: ScheduleBody = { key: newId(), typed: typedOf(verb, words) };
  const answer = await page.post<ScheduleAnswer>(`/api/conversations/${encodeURIComponent(home)}/schedules`, body);
  switch (answer.kind) {
    case "done":
      return out(answer.text);
    case "refused":
      throw new Refusal(answer.text.replaceAll("/cron ", "signalbox schedule "));
    case "later":
      return out(`It is stored; its answer comes in the conversation ${home}.`);
    default:
      return answer satisfies never;
  }
}

function homeNamed(homes: readonly ScheduleHome[], named: string): string {
  const known = homes.find(({ conversation }) => conversation === named);
  const called = homes.filter(({ name }) => name.toLowerCase() === named.toLowerCase());
  if (known !== undefined) return known.conversation;
  if (called[0] !== undefined && called.length === 1) return called[0].conversation;
  const id = parseConversationId(named);
  if (id !== null && channelOf(id) === "web") return id; // one that begins with this
  const all = homes.map(({ conversation, name }) => `  ${conversation}  ${name}`).join("\n");
  throw new Refusal(
    `there is no conversation ${named}${called.length > 1 ? " alone of that name" : ""}. There are:\n${all}`,
  );
}

/** Names are unique in one conversation; in a terminal one is mostly enough. */
function oneNamed(schedules: readonly ScheduleView[], typed: string): ScheduleView {
  const name = typed.toLowerCase();
  const found = schedules.filter((one) => one.name === name);
  const [first] = found;
  if (first === undefined) {
    const names = [...new Set(schedules.map((one) => one.name))];
    throw new Refusal(
      `there is no schedule "${typed}"${names.length === 0 ? "; nothing is scheduled" : `. There are: ${names.join(", ")}`}.`,
    );
  }
  if (found.length === 1) return first;
  const homes = found.map((one) => `  --conversation ${one.home}  (${one.homeName})`).join("\n");
  throw new Refusal(`several conversations have a schedule "${typed}". Say which:\n${homes}`);
}

// ---------------------------------------------------------------- how it is printed

function list(schedules: readonly ScheduleView[], hidden: number, out: Out): void {
  if (schedules.length === 0) {
    return out('Nothing is scheduled. For example: signalbox schedule add daily 7:00 "Summarize what changed"');
  }
  const rows = schedules.map((one) => [one.name, one.when, nextOf(one), stateOf(one), one.home]);
  out(table([["NAME", "WHEN", "NEXT", "STATE", "CONVERSATION"], ...rows]));
  if (hidden > 0) out(`${hidden} more are not shown.`);
}

function nextOf({ times, zone }: ScheduleView): string {
  const [next] = times;
  return next === undefined ? "-" : `${next.said} ${zone}`;
}

function stateOf({ state, failures }: ScheduleView): string {
  return failures === 0 ? state : `${state}, failed ${failures === 1 ? "once" : `${failures} times in a row`}`;
}

function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

function shown(schedule: ScheduleView): string {
  const { name, when, zone, work, home, homeName, works, session, missed, missedWindow, overlap, limit } = schedule;
  const sessions = {
    own: "its own",
    conversation: "the conversation's",
    named: session.kind === "named" ? session.name : "",
  };
  const facts: readonly (readonly [string, string])[] = [
    ["conversation", `${home} (${homeName})`],
    ...(works === null
      ? []
      : ([
          ["session", sessions[session.kind]],
          ["agent", `${works.driver}${works.model === null ? "" : ` ${works.model}`} in ${works.workspace}`],
          ["permissions", schedule.permissions],
          ["you see", schedule.view === "silent" ? "what it notifies you of, and repeated failures" : "each run"],
          ["memory", schedule.memory === "fresh" ? "each run begins anew" : "a run remembers those before it"],
          ["overlap", overlap],
          ["limit", limit ?? "none of its own"],
        ] as const)),
    ["missed", missed === "all" ? `all of the last ${missedWindow}` : missed],
    ["last", schedule.last === null ? "not due yet" : `${schedule.last.due}: ${schedule.last.words}`],
  ];
  return [
    `${name}: ${when} (${zone}), ${stateOf(schedule)}`,
    work.kind === "digest" ? "What the agents did the day before" : work.text,
    "",
    table(facts.map(([key, value]) => [`${key}:`, value])),
    ...(schedule.times.length === 0 ? [] : ["", "Next:", ...schedule.times.map(({ said }) => `  ${said}`)]),
  ].join("\n");
}

function told({ name, zone, occurrences }: ScheduleHistory): string {
  if (occurrences.length === 0) return `${name} has not been due yet.`;
  return [
    `${name}, newest first (${zone}):`,
    ...occurrences.map(({ due, trigger, words }) => `${due}${trigger === "person" ? " (run now)" : ""}: ${words}`),
  ].join("\n");
}

// ---------------------------------------------------------------- the running program

/** Each rejects with a Refusal when the program does not answer, or answers that it cannot. */
type Page = { get<T>(path: string): Promise<T>; post<T>(path: string, body: object): Promise<T> };

/** The page is on this machine: it answers at once, but for an order that looks at a directory first. */
const answerMaxMs = 10_000;

async function enterPage(): Promise<Page> {
  const { home, web } = readConfig();
  if (web === null) throw new Refusal("the page is off (SIGNALBOX_WEB=off); schedules are reached through it.");
  const host = web.host === "0.0.0.0" || web.host === "::" ? "127.0.0.1" : web.host;
  const url = `http://${host.includes(":") ? `[${host}]` : host}:${web.port}`;
  const missing = `no Signalbox answers on ${url}. Start it (signalbox start), or give this command the same SIGNALBOX_WEB.`;
  await ask(`${url}/healthz`, {}, missing); // before the secret is read: it would be made where there is none
  const token = signLink(await readWebSecret(join(home, "web-secret")), newId(), Date.now());
  const entered = await ask(`${url}/enter?token=${token}`, { redirect: "manual" }, missing);
  const cookie = entered.headers.get("set-cookie")?.split(";")[0];
  if (cookie === undefined)
    throw new Refusal(
      `the Signalbox on ${url} is not the one of ${home}. Give this command the same SIGNALBOX_HOME and SIGNALBOX_WEB.`,
    );

  async function read<T>(path: string, init: RequestInit): Promise<T> {
    const response = await ask(url + path, init, missing);
    if (response.ok) return (await response.json()) as T;
    throw new Refusal(await problemOf(response));
  }
  return {
    get: (path) => read(path, { headers: { cookie } }),
    post: (path, body) =>
      read(path, {
        method: "POST",
        headers: { cookie, origin: url, "content-type": "application/json" },
        body: JSON.stringify(body),
      }),
  };
}

async function ask(url: string, init: RequestInit, missing: string): Promise<Response> {
  try {
    // Bound: a program that takes the connection and says nothing is not our page.
    return await fetch(url, { ...init, signal: AbortSignal.timeout(answerMaxMs) });
  } catch {
    throw new Refusal(missing); // refused, silent, or no HTTP
  }
}

async function problemOf(response: Response): Promise<string> {
  try {
    const { happened, kept, next } = ((await response.json()) as Problem).error;
    return `${happened} ${kept} ${next}`;
  } catch {
    return `Signalbox answered with HTTP ${response.status}.`; // not our words: another program on that port
  }
}
