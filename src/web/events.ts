/**
 * Server-sent events: what happens, to every open tab.
 *
 * I12: a tab is told to look, and shown newest snapshots; nothing waits in line for a slow one. Its whole backlog is a place
 *      in one shared list of changes and a set of runs that moved.
 * I14: the list, the number of tabs and the rate of snapshots are bounded. A tab that the list overtakes is closed; it comes
 *      back with its last id, which is not known any more, and is told to fetch everything again.
 * 1. An id names the life of this server as well: after a restart no id of the life before is mistaken for one of this.
 * 2. A chunk is made when the tab is ready to read it, so it always holds the newest.
 */
import type { ConversationId } from "../domain/conversation.ts";
import type { RunId } from "../domain/run.ts";
import type { Clock, Engine, EngineListener, RunSnapshot } from "../engine/ports.ts";
import { runView } from "./run-view.ts";
import type { Cursor, RunProgress, StreamEvents } from "./wire.ts";

/** Conversations whose newest change is remembered. A tab that missed more fetches everything, which is one request. */
export const changesMax = 1_000;
/** Browsers allow about six connections to one host, so this is ten browsers. */
export const tabsMax = 64;
/** Ten times a second is as fast as a person sees text grow. In milliseconds. */
export const progressGapMs = 100;
/** Proxies and browsers take a silent connection for a dead one after 30 to 60 seconds. */
export const pingGapMs = 15_000;
/** What the browser waits before it connects again. */
const reconnectMs = 1_000;

export type EventsDeps = {
  readonly clock: Clock;
  /** Names this life of the server; letters, digits, - and _. */
  readonly life: string;
  readonly engine: Pick<Engine, "snapshot" | "snapshots">;
};

export type Events = {
  readonly listener: EngineListener;
  cursor(): Cursor;
  /** The stream of one tab; "full" when there are too many. It ends with the tab, or with `close`. */
  open(since: Cursor | null): ReadableStream<Uint8Array> | "full";
  tabs(): number;
  /** Ends every stream; none opens after. */
  close(): void;
};

/** Stands among the conversations for what changed in the times of schedules. */
const ofSchedules = "schedules";

/** One open tab. `seq` is the newest change that it was told of. */
type Tab = {
  seq: number;
  needsReset: boolean;
  readonly moved: Set<RunId>;
  /** The diffs that it was told, by run. */
  readonly diffs: Map<RunId, string | null>;
  progressFromMs: number;
  pingAtMs: number;
  wake: PromiseWithResolvers<void>;
  readonly end: AbortController;
};

export function createEvents({ clock, life, engine }: EventsDeps): Events {
  const tabs = new Set<Tab>();
  const encoder = new TextEncoder();
  /** The newest change of each conversation, oldest first: an older one says nothing that the page would not fetch. */
  const changes = new Map<ConversationId | typeof ofSchedules, number>();
  let seq = 0;
  let forgottenSeq = 0;
  let isClosed = false;

  const listener: EngineListener = {
    changed: noteChange,
    rescheduled: () => noteChange(ofSchedules),
    progressed({ owner }) {
      for (const tab of tabs) {
        // A tab that already has something to show is awake, or waits for its next turn.
        if (tab.moved.size === 0) tab.wake.resolve();
        tab.moved.add(owner.run);
        if (tab.moved.size > changesMax) endTab(tab);
      }
    },
  };

  function noteChange(what: ConversationId | typeof ofSchedules): void {
    seq += 1;
    changes.delete(what);
    changes.set(what, seq);
    forgetOldest();
    for (const tab of tabs) tab.wake.resolve();
  }

  function forgetOldest(): void {
    const oldest = changes.entries().next().value;
    if (changes.size <= changesMax || oldest === undefined) return;
    changes.delete(oldest[0]);
    forgottenSeq = oldest[1];
    for (const tab of tabs) if (tab.seq < forgottenSeq) endTab(tab);
  }

  function endTab(tab: Tab): void {
    tabs.delete(tab);
    tab.end.abort();
    tab.wake.resolve();
  }

  function createTab(since: Cursor | null): Tab {
    const at = since === null ? seq : readCursor(since, life);
    const isKnown = at !== null && at <= seq && at >= forgottenSeq;
    return {
      seq: isKnown ? at : seq,
      needsReset: !isKnown,
      moved: new Set(engine.snapshots().map(({ owner }) => owner.run)),
      diffs: new Map(),
      progressFromMs: 0,
      pingAtMs: clock.now() + pingGapMs,
      wake: Promise.withResolvers(),
      end: new AbortController(),
    };
  }

  /** What this tab is to be told now; empty when there is nothing. */
  function take(tab: Tab): string {
    const nowMs = clock.now();
    let text = "";
    if (tab.needsReset) {
      tab.needsReset = false;
      text += event(tab, "reset", {});
    }
    for (const [what, at] of changes) {
      if (at <= tab.seq) continue;
      tab.seq = at;
      text += what === ofSchedules ? event(tab, "rescheduled", {}) : event(tab, "changed", { conversation: what });
    }
    if (tab.moved.size > 0 && nowMs >= tab.progressFromMs) {
      tab.progressFromMs = nowMs + progressGapMs;
      for (const run of tab.moved) {
        const snapshot = engine.snapshot(run);
        if (snapshot !== null) text += event(tab, "progress", progressOf(tab, snapshot)); // I12: null is a run that is over
      }
      tab.moved.clear();
      for (const run of tab.diffs.keys()) if (engine.snapshot(run) === null) tab.diffs.delete(run);
    }
    if (text === "" && nowMs >= tab.pingAtMs) text = event(tab, "ping", {});
    if (text !== "") tab.pingAtMs = nowMs + pingGapMs;
    return text;
  }

  function progressOf(tab: Tab, snapshot: RunSnapshot): RunProgress {
    const { diff, ...progress } = runView(snapshot);
    const { run } = snapshot.owner;
    if (tab.diffs.has(run) && tab.diffs.get(run) === diff) return progress;
    tab.diffs.set(run, diff);
    return { ...progress, diff };
  }

  function event<K extends keyof StreamEvents>(tab: Tab, name: K, data: StreamEvents[K]): string {
    return `id: ${life}.${tab.seq}\nevent: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
  }

  /** Null when the tab is over. */
  async function nextChunk(tab: Tab): Promise<string | null> {
    while (!tab.end.signal.aborted) {
      tab.wake = Promise.withResolvers();
      const text = take(tab);
      if (text !== "") return text;
      const dueAtMs = tab.moved.size > 0 ? Math.min(tab.progressFromMs, tab.pingAtMs) : tab.pingAtMs;
      const nap = new AbortController();
      // Pacing: the next snapshots, or the next ping.
      await Promise.race([tab.wake.promise, clock.sleep(dueAtMs - clock.now(), nap.signal)]);
      nap.abort();
    }
    return null;
  }

  return {
    listener,
    cursor: () => `${life}.${seq}`,
    tabs: () => tabs.size,
    open(since) {
      if (isClosed || tabs.size >= tabsMax) return "full";
      const tab = createTab(since);
      tabs.add(tab);
      let greeting: string | null = `retry: ${reconnectMs}\n\n`;
      return new ReadableStream<Uint8Array>(
        {
          async pull(controller) {
            const text = greeting ?? (await nextChunk(tab));
            greeting = null;
            if (text !== null) return controller.enqueue(encoder.encode(text));
            if (!isCancelled(tab)) controller.close();
          },
          cancel() {
            tab.end.abort("cancelled");
            endTab(tab);
          },
        },
        // Nothing is made ahead: what is sent is what is true when it is sent.
        { highWaterMark: 0 },
      );
    },
    close() {
      isClosed = true;
      for (const tab of tabs) endTab(tab);
    },
  };
}

/** The browser closed the tab: its stream is closed already. */
function isCancelled(tab: Tab): boolean {
  return tab.end.signal.reason === "cancelled";
}

/** Null for a cursor of another life, or none at all. */
function readCursor(cursor: Cursor, life: string): number | null {
  const [ofLife, seq] = cursor.split(".");
  return ofLife === life && seq !== undefined && /^\d{1,15}$/.test(seq) ? Number(seq) : null;
}
