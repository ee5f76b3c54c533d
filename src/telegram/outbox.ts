/**
 * The only sender of messages: which chat sends what, and when. What one row needs is in delivery.ts, what a
 * live run's message shows in live-status.ts.
 *
 * 1. Per chat one request at a time, rows in their order; chats do not wait for each other.
 * 2. A live status is drawn from the newest snapshot when its turn comes; nothing queues up (I12). Finals go before questions, these
 *    before what shows how a run stands, that before typing: in each chat, and of what Telegram takes overall (pacing.ts).
 * 3. Nothing of a run is drawn after its end: an edit begins only while the run is live, and what follows in its chat waits
 *    for the edit in flight (I8).
 * 4. A wait that Telegram asks for (429) holds one chat, and is kept.
 * 5. Waking up is a hint: rows are read again every `sweepMs` at the latest.
 */
import { channelOf } from "../domain/conversation.ts";
import type { Engine, OutboxRow, RunSnapshot } from "../engine/ports.ts";
import { createBackoff } from "./backoff.ts";
import { createBell } from "./bell.ts";
import { createChats, type Delivered } from "./chats.ts";
import { createDelivery, type DeliveryDeps } from "./delivery.ts";
import { createLiveStatuses, type LiveStatus, type LiveStatusDeps } from "./live-status.ts";
import { createReceipts, type ReceiptDeps, type WantedReceipt } from "./receipts.ts";
import { type ChatPace, createPacing, type Deed, type Urgency } from "./pacing.ts";

export type OutboxDeps = DeliveryDeps &
  Pick<LiveStatusDeps, "waiting"> &
  Pick<ReceiptDeps, "reacts"> & { readonly engine: Pick<Engine, "snapshot" | "snapshots" | "watch"> };

export interface TelegramOutbox {
  /**
   * Delivers until `signal` fires, then what is still due for at most `flushMaxMs`. Resolves when nothing is in flight:
   * `unauthorised` when Telegram refused the token before. Never rejects.
   */
  run(signal: AbortSignal): Promise<"ended" | "unauthorised">;
  /** The chat showed that it can be written to. Returns at once. */
  reopen(chat: number): void;
  /** A message that is kept nowhere: sent once when its chat has no rows to send. Returns at once. */
  mention(chat: number, text: string): void;
}

/** A lost wake-up costs a message at most this long. */
const sweepMs = 1_000;
/** While a run has no status message yet: its row becomes due without a sound. */
const statusSweepMs = 200;
/** Rows looked at together: more than the chats of the few people that a bot of this kind listens to. */
const rowsAtOnce = 1_000;
/** As many chats as may send within a second (telegram.md: about 30 a second overall). */
const chatsAtOnceMax = 30;
/** So long the first file of a live run waits for others: agents send what belongs together in one breath. */
const albumGatherMs = 1_500;
/** Long enough for an answer to be on its way before the last line is drawn over its status. */
const answerPassesMs = 100;
/** When Telegram is slow, edits do not take all connections: an answer finds one. */
const editsAtOnceMax = 20;
/** Telegram shows a chat action for 5 seconds. */
const typingEveryMs = 4_000;
/** A quick answer needs no sign of life before it, and one that came late would outlast it. */
const typingAfterMs = 500;
/** A status whose run is silent still counts its seconds, this often. */
const heartbeatMs = 10_000;
/** Last words at the end of the program; what is left is sent at its next start. */
const flushMaxMs = 5_000;
/** The database is on this machine: what ails it is either over at once or needs a person. */
const storeBackoff = { firstMs: 200, maxMs: 10_000 };

type ChatLane = {
  readonly chat: number;
  readonly pace: ChatPace;
  readonly mentions: string[];
  /** The request in flight; null when the chat is free. */
  request: Promise<void> | null;
  heldUntilMs: number;
};

type Phase = "open" | "flushing" | "unauthorised";

export function createTelegramOutbox(deps: OutboxDeps): TelegramOutbox {
  const { client, engine, outbox, clock, log } = deps;
  const hardStop = new AbortController();
  const chats = createChats(clock);
  const live = createLiveStatuses(deps, chats, hardStop.signal);
  const receipts = createReceipts(deps);
  const delivery = createDelivery(deps, chats, live, receipts, hardStop.signal);
  const pacing = createPacing(clock);
  const store = createBackoff(storeBackoff, deps.random);
  const bell = createBell(clock);
  const lanes = new Map<number, ChatLane>();
  const typing = new Map<string, { readonly atMs: number; readonly request: Promise<void> }>();

  let phase: Phase = "open";
  /** The rows of the last look, less those that were begun since. */
  let rows: readonly OutboxRow[] = [];
  let isStale = true;
  let lookAgainAtMs = 0;

  async function run(signal: AbortSignal): Promise<"ended" | "unauthorised"> {
    const flush = (): void => {
      if (phase === "open") phase = "flushing";
      look();
    };
    signal.addEventListener("abort", flush, { once: true });
    if (signal.aborted) flush();
    using _watching = engine.watch({
      changed: (conversation) => {
        if (channelOf(conversation) === "telegram") look();
      },
      progressed: ({ owner }) => {
        const status = live.all.get(owner.run);
        if (status !== undefined && status.notBeforeMs <= clock.now()) bell.ring();
      },
    });
    await recover();
    await deliverWhile("open", Number.POSITIVE_INFINITY);
    await deliverWhile("flushing", clock.now() + flushMaxMs);
    signal.removeEventListener("abort", flush);
    hardStop.abort();
    await Promise.all([...lanes.values()].map(({ request }) => request ?? Promise.resolve()));
    await Promise.all([...typing.values()].map(({ request }) => request));
    await receipts.settled();
    return phase === "unauthorised" ? "unauthorised" : "ended";
  }

  /** Boot: rows of a former life that may have been sent are sent once more, and say so (I6). */
  async function recover(): Promise<void> {
    while (phase === "open") {
      try {
        return await outbox.recover("telegram");
      } catch (error) {
        log.error({ error }, "the outbox could not be opened; trying again");
        await bell.wait(store.next());
      }
    }
  }

  async function deliverWhile(during: Phase, untilMs: number): Promise<void> {
    while (phase === during && clock.now() < untilMs) {
      await readRows();
      const nextMs = startWhatIsReady();
      const isIdle = [...lanes.values()].every(({ request }) => request === null);
      if (during === "flushing" && isIdle && !isStale && nextMs >= untilMs) return;
      await bell.wait(Math.min(nextMs, lookAgainAtMs, untilMs) - clock.now());
    }
  }

  async function readRows(): Promise<void> {
    if (!isStale && clock.now() < lookAgainAtMs) return;
    isStale = false;
    lookAgainAtMs = clock.now() + (isStatusAwaited() ? statusSweepMs : sweepMs);
    try {
      rows = await outbox.due("telegram", rowsAtOnce);
    } catch (error) {
      rows = [];
      lookAgainAtMs = clock.now() + store.next();
      log.error({ error }, "the outbox could not be read; trying again");
    }
  }

  function isStatusAwaited(): boolean {
    return engine.snapshots().some(({ owner, state }) => state !== "quarantined" && !live.all.has(owner.run));
  }

  /** Starts a request in every chat that may have one; returns when there will be more to start, epoch milliseconds. */
  function startWhatIsReady(): number {
    const nowMs = clock.now();
    const times = [Number.POSITIVE_INFINITY];
    const waitingBy = [...byChat(rows)].map(([chat, waiting]) => ({
      lane: laneOf(chat),
      waiting: waiting.toSorted(byUrgency),
    }));
    // What all chats share goes to the most urgent first.
    waitingBy.sort((a, b) => byUrgency(a.waiting[0], b.waiting[0]));
    for (const { lane, waiting } of waitingBy) times.push(startRow(lane, waiting, nowMs));
    for (const lane of lanes.values()) times.push(startMention(lane, nowMs));
    if (phase === "open") {
      // Of several in one group each has its turn.
      for (const status of [...live.all.values()].toSorted((a, b) => a.notBeforeMs - b.notBeforeMs))
        times.push(startEdit(status, nowMs));
      for (const snapshot of engine.snapshots()) times.push(startTyping(snapshot, nowMs));
      for (const wanted of receipts.waiting()) times.push(startReceipt(wanted, nowMs));
    }
    forgetRested(nowMs);
    return Math.min(...times);
  }

  function byChat(all: readonly OutboxRow[]): ReadonlyMap<number, readonly OutboxRow[]> {
    // A row without an address is nobody's: chat 0 ends it as undeliverable.
    return Map.groupBy(all, (row) => chats.addressOf(row.conversation)?.chat ?? 0);
  }

  function startRow(lane: ChatLane, waiting: readonly OutboxRow[], nowMs: number): number {
    if (!isFree(lane, nowMs)) return lane.heldUntilMs > nowMs ? lane.heldUntilMs : Number.POSITIVE_INFINITY;
    let nextMs = Number.POSITIVE_INFINITY;
    for (const row of waiting) {
      const dueMs = Math.max(row.notBeforeMs, gatheredAtMs(row), nowMs + paceMs(lane, row));
      if (dueMs <= nowMs) {
        rows = rows.filter((other) => other !== row);
        if (!chats.isClosed(lane.chat)) lane.pace.count(deedOf(row));
        request(lane, deedOf(row), () => delivery.deliver(row, lane.pace));
        return nextMs;
      }
      if (row.notBeforeMs <= nowMs && mayBePassed(row)) {
        rows = rows.filter((other) => other !== row);
        request(lane, "message", () => delivery.putOff(row, dueMs - nowMs));
        return nextMs;
      }
      nextMs = Math.min(nextMs, dueMs);
    }
    return nextMs;
  }

  /** A run that is over sends no more files, and one that was tried is late enough. A clock that was set back makes nobody wait. */
  function gatheredAtMs({ body, attempts, createdAtMs }: OutboxRow): number {
    const isGathering = body.kind === "file" && attempts === 0 && engine.snapshot(body.run) !== null;
    return isGathering && createdAtMs <= clock.now() ? createdAtMs + albumGatherMs : 0;
  }

  /** A chat that forbids us gets no request: its rows end at once. */
  function paceMs(lane: ChatLane, row: OutboxRow): number {
    if (chats.isClosed(lane.chat)) return 0;
    const waitMs = lane.pace.waitMs(urgencyOf(row), deedOf(row), runsIn(lane.chat));
    // Its answer was settled in the same commit: that is what the person waits for.
    return row.body.kind === "summary" && mayBePassed(row) && row.attempts === 0
      ? Math.max(waitMs, answerPassesMs)
      : waitMs;
  }

  function startMention(lane: ChatLane, nowMs: number): number {
    const [text] = lane.mentions;
    if (text === undefined || !isFree(lane, nowMs)) return Number.POSITIVE_INFINITY; // whoever is in the way rings the bell
    const waitMs = lane.pace.waitMs("final", "message", 0);
    if (waitMs > 0) return nowMs + waitMs;
    lane.mentions.shift();
    lane.pace.count("message");
    request(lane, "message", () => delivery.sendOnce({ chat: lane.chat, thread: null }, text));
    return Number.POSITIVE_INFINITY;
  }

  function startEdit(status: LiveStatus, nowMs: number): number {
    const snapshot = engine.snapshot(status.run);
    if (snapshot === null) {
      live.forget(status.run); // I8
      return Number.POSITIVE_INFINITY;
    }
    const isNews = snapshot.transcript !== status.shown.transcript || snapshot.state !== status.shown.state;
    // An agent that waits for a person may wait for hours: nothing of it is news.
    if (!isNews && isAsking(snapshot)) return Number.POSITIVE_INFINITY;
    const dueMs = status.notBeforeMs + (isNews ? 0 : heartbeatMs);
    if (dueMs > nowMs) return dueMs; // news before then rings the bell
    const lane = laneOf(status.address.chat);
    if (!isFree(lane, nowMs)) return lane.heldUntilMs > nowMs ? lane.heldUntilMs : Number.POSITIVE_INFINITY;
    if (requestsNow() >= editsAtOnceMax) return Number.POSITIVE_INFINITY; // whoever ends rings the bell
    const urgency = status.surface.kind === "draft" ? "draft" : "status";
    const waitMs = lane.pace.waitMs(urgency, "edit", runsIn(lane.chat));
    if (waitMs > 0) return nowMs + waitMs;
    lane.pace.count("edit");
    request(lane, "edit", () => live.edit(status, lane.pace));
    return Number.POSITIVE_INFINITY;
  }

  function startTyping(snapshot: RunSnapshot, nowMs: number): number {
    const { owner, state, startedAtMs } = snapshot;
    const address = chats.addressOf(owner.conversation);
    if (address === null || state === "quarantined" || isAsking(snapshot)) return Number.POSITIVE_INFINITY;
    const lastMs = typing.get(owner.conversation)?.atMs ?? Number.NEGATIVE_INFINITY;
    const dueMs = Math.max(startedAtMs + typingAfterMs, lastMs + typingEveryMs);
    if (dueMs > nowMs) return dueMs;
    const { heldUntilMs, pace } = laneOf(address.chat);
    const isWelcome = heldUntilMs <= nowMs && !chats.isClosed(address.chat) && pace.waitMs("typing", "action", 0) === 0;
    if (isWelcome) pace.count("action");
    // Best effort: whatever comes of it changes nothing.
    const request = isWelcome ? client.showTyping(address, hardStop.signal).then(() => {}) : Promise.resolve();
    typing.set(owner.conversation, { atMs: nowMs, request });
    return nowMs + typingEveryMs;
  }

  /** What cannot go now is looked at with the next thing that happens, or at the next sweep. */
  function startReceipt(wanted: WantedReceipt, nowMs: number): number {
    const { heldUntilMs, pace } = laneOf(wanted.chat);
    const waitMs = Math.max(heldUntilMs - nowMs, pace.waitMs("typing", "action", 0));
    if (waitMs > 0) return nowMs + waitMs;
    if (!chats.isClosed(wanted.chat) && receipts.send(wanted, hardStop.signal)) pace.count("action");
    return Number.POSITIVE_INFINITY;
  }

  function isFree(lane: ChatLane, nowMs: number): boolean {
    return lane.request === null && lane.heldUntilMs <= nowMs && requestsNow() < chatsAtOnceMax;
  }

  function runsIn(chat: number): number {
    return engine.snapshots().filter(({ owner }) => chats.addressOf(owner.conversation)?.chat === chat).length;
  }

  function requestsNow(): number {
    return [...lanes.values()].filter(({ request }) => request !== null).length;
  }

  function request(lane: ChatLane, deed: Deed, work: () => Promise<Delivered>): void {
    const settle = async (): Promise<void> => {
      try {
        const result = await work();
        if (result.kind === "held") lane.heldUntilMs = Math.max(lane.heldUntilMs, result.untilMs);
        if (result.kind === "unauthorised") phase = "unauthorised";
        store.reset();
      } catch (error) {
        // The database would not begin a row: it keeps its place, and its chat waits with it.
        lane.heldUntilMs = clock.now() + store.next();
        log.error({ error, chat: lane.chat }, "the outbox could not be written; trying again");
      }
      if (deed === "redraw" || deed === "edit") lane.pace.answered();
      lane.request = null;
      look();
    };
    lane.request = settle();
  }

  /** A chat that has rested is forgotten: its rate is full again, and nothing waits for it. */
  function forgetRested(nowMs: number): void {
    for (const [chat, lane] of lanes) {
      const isResting = lane.request === null && lane.heldUntilMs <= nowMs && lane.mentions.length === 0;
      if (isResting && lane.pace.isRested()) lanes.delete(chat);
    }
    for (const [conversation, { atMs }] of typing) {
      if (nowMs - atMs > typingEveryMs * 2) typing.delete(conversation);
    }
  }

  function laneOf(chat: number): ChatLane {
    const known = lanes.get(chat);
    if (known !== undefined) return known;
    const lane: ChatLane = { chat, pace: pacing.chat(chat), mentions: [], request: null, heldUntilMs: 0 };
    lanes.set(chat, lane);
    return lane;
  }

  function look(): void {
    isStale = true;
    bell.ring();
  }

  return {
    run,
    reopen: (chat) => chats.reopen(chat),
    mention(chat, text) {
      laneOf(chat).mentions.push(text);
      bell.ring();
    },
  };
}

const urgencies: readonly Urgency[] = ["final", "question", "status", "draft", "typing"];

function urgencyOf({ body }: OutboxRow): Urgency {
  switch (body.kind) {
    case "answer":
    case "notice":
    case "file":
      return "final";
    case "ask":
      return "question";
    case "status":
      return "status";
    case "summary":
      return body.summary.outcome.kind === "finished" ? "status" : "final"; // the word of the stop is behind it
    default:
      return body satisfies never;
  }
}

/**
 * What only shows how a run stands is put off while it may not go: the store lets the rest of a conversation pass it then. The last line of
 * a run that was stopped is no such thing: nothing of the run is drawn after the word of the stop (I8).
 */
function mayBePassed({ body }: OutboxRow): boolean {
  return body.kind === "status" || (body.kind === "summary" && body.summary.outcome.kind === "finished");
}

function deedOf({ body }: OutboxRow): Deed {
  return body.kind === "summary" || (body.kind === "ask" && body.replaces !== null) ? "redraw" : "message";
}

function byUrgency(a: OutboxRow | undefined, b: OutboxRow | undefined): number {
  if (a === undefined || b === undefined) return 0;
  return urgencies.indexOf(urgencyOf(a)) - urgencies.indexOf(urgencyOf(b)) || a.id - b.id;
}

/** The person is to do something, not the agent. */
function isAsking({ state, transcript }: RunSnapshot): boolean {
  return transcript.phase.kind === "asking" && state !== "stopping";
}
