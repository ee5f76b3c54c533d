/**
 * The real engine on the real store in memory, with a driver whose steps the test takes and a clock that the test moves: for
 * tests that control one interleaving by hand.
 */
import { noFiles, noIncomingFiles } from "./no-files.ts";
import { DatabaseSync } from "node:sqlite";
import type { AskId } from "../src/domain/ask.ts";
import { type ButtonAction, type ButtonId, buttonLabel } from "../src/domain/button.ts";
import { type ConversationId, webConversation } from "../src/domain/conversation.ts";
import { type ConversationSettings, defaultConversationSettings } from "../src/domain/conversation-settings.ts";
import type { InboxItem, ItemKey, Part, Request } from "../src/domain/inbox-item.ts";
import type { Notice } from "../src/domain/notice.ts";
import type { Evidence, ProcessRef, Quiescence } from "../src/domain/run.ts";
import { readText } from "../src/domain/typed-text.ts";
import type { RunLimits } from "../src/engine/run-watch.ts";
import { createEngine } from "../src/engine/engine.ts";
import type { Clock, Engine, IncomingFiles, Outgoing, Receipt, Store } from "../src/engine/ports.ts";
import { createTimetable } from "../src/schedule/timetable.ts";
import { openSqliteStore } from "../src/store/sqlite-store.ts";
import { createScriptedDriver, type ScriptedDriver } from "./scripted-driver.ts";

export type ManualClock = Clock & {
  /** Lets `ms` pass and wakes, in order, every sleeper whose time has come. */
  advance(ms: number): Promise<void>;
};

export type HouseOptions = {
  readonly runsMax?: number;
  readonly database?: DatabaseSync;
  readonly driver?: ScriptedDriver;
  /** Agents beside `driver`, to be switched to by their names. */
  readonly others?: readonly ScriptedDriver[];
  readonly limits?: Partial<RunLimits>;
  /** Ids of people; "1" and "7" unless told. */
  readonly owners?: readonly string[];
  readonly orphans?: () => Promise<Quiescence>;
  /** None: no file can be received. */
  readonly incoming?: IncomingFiles;
};

/** What a channel says of a message beside what is asked; each has a default. */
export type Given = {
  readonly key?: string;
  readonly workspace?: string;
  readonly sentAtMs?: number;
  readonly message?: string;
  readonly repliesTo?: string;
  readonly part?: Part;
  readonly priority?: InboxItem["priority"];
};

export type House = AsyncDisposable & {
  readonly engine: Engine;
  readonly store: Store;
  readonly driver: ScriptedDriver;
  readonly clock: ManualClock;
  readonly database: DatabaseSync;
  /** Processes that `Processes.end` was asked to end. */
  readonly endedProcesses: readonly ProcessRef[];
  conversation(name: string): ConversationId;
  /** Text as a person types it, in the conversation's own workspace unless one is named. */
  send(name: string, text: string, given?: Given): Promise<Receipt>;
  /** Any request, as a channel brings it. */
  give(name: string, request: Request, given?: Given): Promise<Receipt>;
  /** What a person set for this conversation, which is there already; the rest keeps its default. */
  choose(name: string, settings: Partial<ConversationSettings>): Promise<void>;
  /** Several texts in one delivery, as one poll may bring them. */
  sendTogether(name: string, ...texts: readonly string[]): Promise<void>;
  /** Words that answer what an agent asks. */
  answer(name: string, ask: AskId, text: string): Promise<Receipt>;
  command(name: string, command: (Request & { kind: "command" })["command"]): Promise<Receipt>;
  /** Presses the newest button of the conversation whose action is of this kind. */
  press(
    name: string,
    kind: ButtonAction["kind"],
    options?: { readonly how?: string; readonly id?: ButtonId },
  ): Promise<Receipt>;
  button(name: string, kind: ButtonAction["kind"], how?: string): Promise<ButtonId>;
  /** Everything said in the conversation, oldest first. */
  said(name: string): Promise<Outgoing[]>;
  notices(name: string): Promise<Notice["kind"][]>;
  /** States of the conversation's items, oldest first. */
  items(name: string): Promise<string[]>;
  /** Resolves once every promise that can go on without a step of the test has gone on. */
  settled(): Promise<void>;
};

export async function createHouse(options: HouseOptions = {}): Promise<House> {
  const database = options.database ?? new DatabaseSync(":memory:");
  const clock = createManualClock();
  const driver = options.driver ?? createScriptedDriver();
  const drivers = [driver, ...(options.others ?? [])];
  let ids = 0;
  const salt = Math.trunc(clock.now()).toString(36) + houses(database);
  const newId = (): string => `id${salt}x${(ids += 1)}`;
  const store = await openSqliteStore({ database, now: () => clock.now(), newId });
  const endedProcesses: ProcessRef[] = [];
  const engine = createEngine({
    store,
    clock,
    newId,
    driverFor: (lane) => drivers.find((one) => one.name === lane.driver) ?? driver,
    drivers,
    openDriver: (name) => Promise.resolve(drivers.find((one) => one.name === name) ?? null),
    files: noFiles,
    incoming: options.incoming ?? noIncomingFiles,
    processes: {
      endOrphans: options.orphans ?? (() => Promise.resolve({ kind: "quiet" })),
      end: (processes) => {
        endedProcesses.push(...processes);
        return Promise.resolve({ kind: "quiet" });
      },
      alive: (processes) => Promise.resolve(processes.filter((one) => !endedProcesses.includes(one))),
    },
    workspaces: {
      choose: (typed) =>
        Promise.resolve(
          typed.startsWith("/")
            ? { kind: "ok", path: typed }
            : { kind: "refused", happened: "That is not a full path of a directory.", next: "Write the whole path." },
        ),
      hold: () => Promise.resolve({ kind: "held", lock: { [Symbol.asyncDispose]: () => Promise.resolve() } }),
    },
    log: {
      debug() {},
      info() {},
      warn() {},
      error: (fields, message) => console.error(message, fields),
    },
    settings: {
      runsMax: options.runsMax ?? 4,
      permissions: "ask",
      owners: new Set(options.owners ?? ["1", "7"]),
      workspace: "/projects",
      downtimeMs: 600_000,
      driverName: "scripted",
      driverNames: drivers.map((one) => one.name),
      recentErrors: () => [],
      limits: { stallMs: 600_000, retries: 0, runMsMax: null, costUsdMax: null, ...options.limits },
      terminalCommand: (name, resume) => drivers.find((one) => one.name === name)?.terminalCommand(resume) ?? null,
      pool: (name) => drivers.find((one) => one.name === name)?.pool() ?? null,
      timetable: createTimetable("UTC"),
      version: "0",
    },
  });
  await engine.boot();
  let keys = 0;

  async function give(name: string, request: Request, given: Given = {}): Promise<Receipt> {
    const [receipt] = await engine.accept([itemOf(name, request, given)], {
      workspace: given.workspace ?? `/projects/${name}`,
    });
    await settled();
    if (receipt === undefined) throw new Error("no receipt");
    return receipt;
  }

  function itemOf(name: string, request: Request, given: Given = {}): InboxItem {
    return {
      key: (given.key ?? `test:${salt}:${(keys += 1)}`) as ItemKey,
      conversation: webConversation(name),
      user: "1",
      message: given.message ?? null,
      ...(given.repliesTo === undefined ? {} : { repliesTo: given.repliesTo }),
      ...(given.part === undefined ? {} : { part: given.part }),
      priority: given.priority ?? "interactive",
      request,
      sentAtMs: given.sentAtMs ?? clock.now(),
    };
  }

  async function sendTogether(name: string, ...texts: readonly string[]): Promise<void> {
    await engine.accept(
      texts.map((text) => itemOf(name, readText(text))),
      { workspace: `/projects/${name}` },
    );
    await settled();
  }

  async function said(name: string): Promise<Outgoing[]> {
    await settled();
    return (await store.history.messages(webConversation(name), 1_000)).map((row) => row.body);
  }

  async function button(name: string, kind: ButtonAction["kind"], how?: string): Promise<ButtonId> {
    const all = (await said(name)).flatMap((body) =>
      "buttons" in body ? (body.buttons ?? []).flat() : body.kind === "status" ? [body.stop] : [],
    );
    const found = all.findLast(
      ({ action }) =>
        action.kind === kind &&
        (how === undefined || (action.kind === "held" && action.how === how) || buttonLabel(action) === how),
    );
    if (found === undefined) throw new Error(`no ${kind} button in ${name}`);
    return found.id;
  }

  return {
    engine,
    store,
    driver,
    clock,
    database,
    endedProcesses,
    conversation: webConversation,
    sendTogether,
    send: (name, text, given) => give(name, readText(text), given),
    give,
    choose: async (name, settings) => {
      await store.transact((tx) =>
        tx.chooseSettings(webConversation(name), { ...defaultConversationSettings, ...settings }),
      );
    },
    answer: (name, ask, text) => give(name, { kind: "answer", ask, text }),
    command: (name, command) => give(name, { kind: "command", command }),
    press: async (name, kind, given = {}) =>
      give(name, { kind: "press", button: given.id ?? (await button(name, kind, given.how)) }),
    button,
    said,
    notices: async (name) => (await said(name)).flatMap((body) => (body.kind === "notice" ? [body.notice.kind] : [])),
    items: async (name) => {
      await settled();
      return (await store.history.items(webConversation(name), 1_000)).map((item) => item.state);
    },
    settled,
    [Symbol.asyncDispose]: async () => {
      for (const turn of drivers.flatMap((one) => one.turns)) turn.obey("ask");
      const closing = engine[Symbol.asyncDispose]();
      await settled();
      await clock.advance(60_000); // past every bound of a shutdown
      await closing;
      await store[Symbol.asyncDispose]();
    },
  };

  /** A few rounds of the event loop: commits are flushed by setImmediate and lead to further commits. */
  async function settled(): Promise<void> {
    for (let round = 0; round < 30; round += 1) await new Promise((resolve) => setImmediate(resolve));
  }
}

export const noEvidence: Evidence = { processes: [], note: "a process that does not end" };

function houses(database: DatabaseSync): string {
  const tables = database.prepare("SELECT count(*) AS n FROM sqlite_schema WHERE name = 'inbox'").get();
  return tables?.["n"] === 0 ? "a" : `b${String(database.prepare("SELECT count(*) AS n FROM inbox").get()?.["n"])}`;
}

function createManualClock(): ManualClock {
  let nowMs = Date.parse("2026-11-23T07:00:00Z");
  let sleepers: { atMs: number; wake: () => void }[] = [];
  return {
    now: () => nowMs,
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        if (signal.aborted) return resolve();
        const wake = (): void => {
          sleepers = sleepers.filter((other) => other !== sleeper);
          resolve();
        };
        const sleeper = { atMs: nowMs + ms, wake };
        sleepers.push(sleeper);
        signal.addEventListener("abort", wake, { once: true });
      }),
    async advance(ms) {
      const untilMs = nowMs + ms;
      for (;;) {
        const next = sleepers.filter((sleeper) => sleeper.atMs <= untilMs).toSorted((a, b) => a.atMs - b.atMs)[0];
        if (next === undefined) break;
        nowMs = Math.max(nowMs, next.atMs);
        next.wake();
        for (let round = 0; round < 30; round += 1) await new Promise((resolve) => setImmediate(resolve));
      }
      nowMs = untilMs;
    },
  };
}
