/** The ports that the tests of this folder own: time, chance, the outbox in memory, an engine that only records. */
import type { ConversationId } from "../domain/conversation.ts";
import type { InboxItem } from "../domain/inbox-item.ts";
import type { RunId } from "../domain/run.ts";
import { emptyTranscript, type Transcript } from "../domain/transcript.ts";
import type {
  Access,
  Clock,
  Engine,
  EngineListener,
  Log,
  OutboxId,
  OutboxQueue,
  OutboxRow,
  Outgoing,
  Receipt,
  RunSnapshot,
  Stranger,
} from "../engine/ports.ts";
import type { FileMessage, Keyboard, Outcome, TelegramClient } from "./client.ts";

// ---------------------------------------------------------------- time

export type ManualClock = Clock & {
  /** Moves time to each sleeper in turn, and lets everything that it woke run until it waits again. */
  advance(ms: number): Promise<void>;
  /** Lets everything run until it waits. */
  settle(): Promise<void>;
};

/** Where manual clocks begin, and when runs started unless told. */
const testEpochMs = 1_700_000_000_000;

export function createManualClock(startMs = testEpochMs): ManualClock {
  let nowMs = startMs;
  const sleepers = new Set<{ readonly atMs: number; wake(): void }>();
  const settle = async (): Promise<void> => {
    for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  };
  return {
    now: () => nowMs,
    sleep(ms, signal) {
      if (signal.aborted || ms <= 0) return Promise.resolve();
      return new Promise((resolve) => {
        const sleeper = {
          atMs: nowMs + ms,
          wake() {
            sleepers.delete(sleeper);
            signal.removeEventListener("abort", sleeper.wake);
            resolve();
          },
        };
        sleepers.add(sleeper);
        signal.addEventListener("abort", sleeper.wake, { once: true });
      });
    },
    settle,
    async advance(ms) {
      const untilMs = nowMs + ms;
      await settle();
      for (;;) {
        const next = [...sleepers].filter(({ atMs }) => atMs <= untilMs).toSorted((a, b) => a.atMs - b.atMs)[0];
        if (next === undefined) break;
        nowMs = Math.max(nowMs, next.atMs);
        next.wake();
        await settle();
      }
      nowMs = untilMs;
      await settle();
    },
  };
}

/** No spread: a backoff takes its whole pause. */
export const noChance = (): number => 1;

// ---------------------------------------------------------------- log

export type RecordedLog = Log & {
  readonly lines: readonly { readonly level: string; readonly text: string }[];
  /** Resolves when a line with these words is, or was, written. */
  said(words: string): Promise<void>;
};

export function createRecordedLog(): RecordedLog {
  const lines: { level: string; text: string }[] = [];
  const waiting = new Map<() => void, string>();
  const at =
    (level: string) =>
    (fields: object, message: string): void => {
      const text = `${message} ${JSON.stringify(fields)}`;
      lines.push({ level, text });
      for (const [resolve, words] of waiting) if (text.includes(words)) resolve();
    };
  return {
    lines,
    said: (words) =>
      new Promise((resolve) => {
        if (lines.some(({ text }) => text.includes(words))) resolve();
        waiting.set(resolve, words);
      }),
    debug: at("debug"),
    info: at("info"),
    warn: at("warn"),
    error: at("error"),
  };
}

// ---------------------------------------------------------------- outbox

export type MemoryOutbox = OutboxQueue & {
  add(
    conversation: ConversationId,
    body: Outgoing,
    options?: { readonly notBeforeMs?: number; readonly origin?: string },
  ): OutboxId;
  row(id: OutboxId): OutboxRow;
  /** The run is over: see `Tx.endStatus`. */
  endStatus(run: RunId): boolean;
  /** A row that an earlier life of the program was sending when it ended. */
  leaveSending(id: OutboxId): void;
  /** The next `times` writes of this kind reject. */
  fail(verb: "sent" | "begin" | "due" | "recover", times: number): void;
};

export function createMemoryOutbox(clock: Clock): MemoryOutbox {
  const rows: OutboxRow[] = [];
  const faults = new Map<string, number>();
  const at = (id: OutboxId): OutboxRow => {
    const row = rows[id - 1];
    if (row === undefined) throw new Error(`there is no row ${id}`);
    return row;
  };
  const change = (id: OutboxId, changes: Partial<OutboxRow>): void => void (rows[id - 1] = { ...at(id), ...changes });
  const meet = (verb: string): void => {
    const left = faults.get(verb) ?? 0;
    if (left === 0) return;
    faults.set(verb, left - 1);
    throw new Error("database is locked");
  };
  return {
    async due(channel, limit) {
      meet("due");
      const seen = new Set<ConversationId>();
      const due = rows.filter((row) => {
        const { conversation, state, notBeforeMs, body } = row;
        if (state !== "pending" && state !== "sending") return false;
        const mayBePassed =
          body.kind === "status" || (body.kind === "summary" && body.summary.outcome.kind === "finished");
        if (mayBePassed && notBeforeMs > clock.now()) return false;
        if (seen.has(conversation)) return false;
        seen.add(conversation);
        return state === "pending" && notBeforeMs <= clock.now();
      });
      return channel === "telegram" ? due.slice(0, limit) : [];
    },
    async behind({ id, conversation }, limit) {
      return rows
        .filter((row) => row.id > id && row.conversation === conversation)
        .filter(({ state }) => state === "pending" || state === "sending")
        .slice(0, limit);
    },
    async begin(id) {
      meet("begin");
      if (at(id).state !== "pending") return false;
      change(id, { state: "sending", attempts: at(id).attempts + 1 });
      return true;
    },
    async sent(id, message) {
      meet("sent");
      if (at(id).state === "sending") change(id, { state: "sent", message });
    },
    async again(id, notBeforeMs, outcome) {
      if (at(id).state !== "sending") return;
      change(id, { state: "pending", notBeforeMs, uncertain: at(id).uncertain || outcome === "unknown" });
    },
    async end(id, state) {
      if (at(id).state === "pending" || at(id).state === "sending") change(id, { state });
    },
    async sentAs(dedupe) {
      return rows.find((row) => keyOf(row) === dedupe && row.state === "sent") ?? null;
    },
    async recover() {
      meet("recover");
      for (const { id, state } of rows) if (state === "sending") change(id, { state: "pending", uncertain: true });
    },
    add(conversation, body, options) {
      const id = (rows.length + 1) as OutboxId;
      rows.push({
        id,
        conversation,
        run: "run" in body ? body.run : body.kind === "summary" ? body.summary.run : null,
        origin: options?.origin ?? null,
        body,
        state: "pending",
        message: null,
        attempts: 0,
        uncertain: false,
        createdAtMs: clock.now(),
        notBeforeMs: options?.notBeforeMs ?? 0,
      });
      return id;
    },
    row: at,
    endStatus(run) {
      const status = rows.find((row) => row.run === run && row.body.kind === "status");
      if (status === undefined) return false;
      if (status.state === "pending") change(status.id, { state: "superseded" });
      return status.state === "sent" || status.state === "sending" || status.uncertain;
    },
    leaveSending: (id) => change(id, { state: "sending", attempts: 1 }),
    fail: (verb, times) => void faults.set(verb, times),
  };
}

/** The key under which the engine says what may be drawn over later. */
function keyOf({ body }: OutboxRow): string | null {
  if (body.kind === "status") return `run:${body.run}:status`;
  return body.kind === "ask" && body.replaces === null ? `ask:${body.id}` : null;
}

// ---------------------------------------------------------------- engine

export type RecordingEngine = Pick<Engine, "accept" | "access" | "knock" | "snapshot" | "snapshots" | "watch"> & {
  /** Who was let in, and where everything is heard. */
  letIn: Access;
  /** Strangers that the engine was told of. */
  readonly knocks: readonly Stranger[];
  /** What was committed, in order, each key once. */
  readonly accepted: readonly InboxItem[];
  /** The batches as they came, repetitions included. */
  readonly batches: readonly (readonly InboxItem[])[];
  /** The toast that presses get. */
  toast: string | null;
  /** Decides about the next batches: a rejection stands for a database in trouble. */
  beforeCommit: () => Promise<void>;
  changed(conversation: ConversationId): void;
  progressed(snapshot: RunSnapshot): void;
  show(
    run: RunId,
    conversation: ConversationId,
    changes?: Partial<Omit<RunSnapshot, "transcript">> & { readonly transcript?: Partial<Transcript> },
  ): void;
  settle(run: RunId): void;
};

export function createRecordingEngine(): RecordingEngine {
  const accepted: InboxItem[] = [];
  const batches: (readonly InboxItem[])[] = [];
  const listeners = new Set<EngineListener>();
  const runs = new Map<RunId, RunSnapshot>();
  const knocks: Stranger[] = [];
  const engine: RecordingEngine = {
    letIn: { people: [], listening: [] },
    knocks,
    access: () => Promise.resolve(engine.letIn),
    knock(stranger) {
      knocks.push(stranger);
      return Promise.resolve(
        knocks.some((one, index) => one.user === stranger.user && index < knocks.length - 1) ? null : "ACDE-3467",
      );
    },
    accepted,
    batches,
    toast: null,
    beforeCommit: () => Promise.resolve(),
    async accept(items) {
      batches.push(items);
      await engine.beforeCommit();
      return items.map((item): Receipt => {
        const fresh = accepted.every(({ key }) => key !== item.key);
        if (fresh) accepted.push(item);
        return { key: item.key, fresh, toast: item.request.kind === "press" ? engine.toast : null };
      });
    },
    snapshot: (run) => runs.get(run) ?? null,
    snapshots: () => [...runs.values()],
    watch(listener) {
      listeners.add(listener);
      return { [Symbol.dispose]: () => void listeners.delete(listener) };
    },
    changed(conversation) {
      for (const listener of listeners) listener.changed(conversation);
    },
    progressed(snapshot) {
      for (const listener of listeners) listener.progressed(snapshot);
    },
    show(run, conversation, changes) {
      const before = runs.get(run);
      const snapshot: RunSnapshot = {
        owner: { conversation, run, epoch: 1 },
        driver: "demo",
        state: "running",
        startedAtMs: before?.startedAtMs ?? changes?.startedAtMs ?? testEpochMs,
        ...changes,
        transcript: { ...(before?.transcript ?? emptyTranscript), ...changes?.transcript },
      };
      runs.set(run, snapshot);
      engine.progressed(snapshot);
    },
    settle: (run) => void runs.delete(run),
  };
  return engine;
}

// ---------------------------------------------------------------- Telegram

export type Call = {
  readonly method: "text" | "file" | "album" | "edit" | "typing" | "draft" | "react" | "press" | "me" | "commands";
  readonly chat: number;
  readonly thread: number | null;
  readonly text: string;
  readonly message: number | null;
  readonly labels: readonly string[];
  readonly entities: number;
};

export type ScriptedTelegram = TelegramClient & {
  readonly calls: readonly Call[];
  /** Calls that a person would see, as "text 1: hello". */
  readonly seen: readonly string[];
  /** Every attempt. */
  readonly files: readonly FileMessage[];
  /** What becomes of a call; null for success. Set by a test. */
  meet: (call: Call) => Promise<Outcome<never> | null> | Outcome<never> | null;
};

/** A Bot API that does what it is told, and remembers. Message ids count from 101. */
export function createScriptedTelegram(): ScriptedTelegram {
  const calls: Call[] = [];
  const files: FileMessage[] = [];
  let nextMessage = 101;
  const met = async <T>(call: Partial<Call> & Pick<Call, "method">, value: () => T): Promise<Outcome<T>> => {
    const whole: Call = { chat: 0, thread: null, text: "", message: null, labels: [], entities: 0, ...call };
    calls.push(whole);
    return (await telegram.meet(whole)) ?? { kind: "done", value: value() };
  };
  const labels = (keyboard: Keyboard): string[] => keyboard.flat().map(({ label }) => label);
  const telegram: ScriptedTelegram = {
    calls,
    files,
    get seen() {
      return calls
        .filter(({ method }) => method === "text" || method === "edit" || method === "file" || method === "album")
        .map(({ method, chat, text }) => `${method} ${chat}: ${text}`);
    },
    meet: () => null,
    getMe: () => met({ method: "me" }, () => ({ id: 1, username: "box_bot" })),
    getUpdates: () => Promise.resolve({ kind: "done", value: [] }),
    sendText: (to, message) =>
      met(
        {
          method: "text",
          ...to,
          text: message.text.text,
          labels: labels(message.keyboard),
          entities: message.text.entities.length,
        },
        () => nextMessage++,
      ),
    sendFile(to, file) {
      files.push(file);
      const words = { text: file.caption.text, labels: labels(file.keyboard) };
      return met({ method: "file", ...to, ...words }, () => nextMessage++);
    },
    async sendAlbum(to, album) {
      files.push(...album);
      const words = album.map(({ name, caption }) => [name, caption.text].filter(Boolean).join(" "));
      return met({ method: "album", ...to, text: words.join(", ") }, () => album.map(() => nextMessage++));
    },
    editText: (to, message, { text, entities }, keyboard) =>
      met({ method: "edit", ...to, message, text, labels: labels(keyboard), entities: entities.length }, () => null),
    openFile: () => Promise.resolve({ kind: "rejected", code: 400, why: "other", description: "no files here" }),
    showTyping: (to) => met({ method: "typing", ...to }, () => null),
    sendDraft: (to, draft, { text, entities }) =>
      met({ method: "draft", ...to, message: draft, text, entities: entities.length }, () => null),
    react: (chat, message, emoji) => met({ method: "react", chat, message, text: emoji ?? "" }, () => null),
    answerPress: (_query, text) => met({ method: "press", text: text ?? "" }, () => null),
    setCommands: () => met({ method: "commands" }, () => null),
    removeWebhook: () => Promise.resolve({ kind: "done", value: false }),
  };
  return telegram;
}
