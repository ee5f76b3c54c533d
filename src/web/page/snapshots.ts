/**
 * What the server last said: the list of lanes, the conversation on screen, what moved in runs, and whether it is there.
 *
 * 1. A snapshot replaces the one before. While one is being fetched, further hints ask for one more, not for many.
 * 2. Progress of a run is shown only for the run that the conversation names as its live one (I12).
 */
import { batch, computed, effect, type ReadonlySignal, signal } from "@preact/signals";

import type { ConversationView, LaneView, Overview, RunProgress, RunView } from "../wire.ts";
import { type Connection, createConnection, type Link } from "./connection.ts";
import { createRefresher } from "./refresher.ts";
import { conversationPath, type Failure, request } from "./request.ts";

export type Snapshots = {
  readonly link: ReadonlySignal<Link | "signed-out">;
  readonly overview: ReadonlySignal<Overview | null>;
  readonly view: ReadonlySignal<ConversationView | null>;
  /** The live run of the conversation on screen. */
  readonly run: ReadonlySignal<RunView | null>;
  readonly progress: ReadonlySignal<ReadonlyMap<string, RunProgress>>;
  /** The server's clock, once a second while something runs. */
  readonly nowMs: ReadonlySignal<number>;
  /** To be called once. */
  start(): void;
  refresh(): void;
  refreshView(): void;
  /** Another place is on screen: what is known of the one before is not shown there. */
  turnPage(): void;
};

export type SnapshotsDeps = {
  readonly window: Window;
  /** The conversation on screen, or "new". */
  readonly place: ReadonlySignal<string>;
  /** The first overview is here; part of the same change. */
  begun(lanes: readonly LaneView[]): void;
  /** A newer view is here; part of the same change. */
  seen(view: ConversationView): void;
  troubled(happened: string): void;
  /** What else is read may be older now than what is true. */
  hinted(): void;
};

const tickMs = 1_000;
/** A server that restarts is back after a second or two. */
const retryMs = 2_000;

export function createSnapshots({ window, place, begun, seen, troubled, hinted }: SnapshotsDeps): Snapshots {
  const link = signal<Link | "signed-out">("connecting");
  const overview = signal<Overview | null>(null);
  const view = signal<ConversationView | null>(null);
  const progress = signal<ReadonlyMap<string, RunProgress>>(new Map());
  const nowMs = signal(Date.now());
  let retryTimer = 0;

  const run = computed(() => {
    const live = view.value?.conversation === place.value ? view.value.run : null;
    return live === null ? null : newest(live, progress.value.get(live.conversation));
  });

  const refreshLanes = createRefresher(async () => {
    const answer = await request<Overview>("/api/overview");
    if (answer.kind === "failed") return unreadable(answer.failure);
    const isFirst = overview.value === null;
    batch(() => {
      overview.value = answer.value;
      progress.value = keepLive(progress.value, answer.value.lanes);
      nowMs.value = answer.value.nowMs;
      if (link.value === "signed-out") link.value = "connecting";
      if (isFirst) begun(answer.value.lanes);
    });
    if (isFirst) connection.open(answer.value.cursor);
  });

  const refreshView = createRefresher(async () => {
    const at = place.value;
    if (at === "new") return;
    const answer = await request<ConversationView>(conversationPath(at));
    if (answer.kind === "failed") return unreadable(answer.failure);
    if (place.value !== at) return refreshView();
    batch(() => {
      view.value = answer.value;
      seen(answer.value);
    });
  });

  function refresh(): void {
    refreshLanes();
    refreshView();
  }

  /** The event stream tells of most ends of the connection; a read that failed for itself is tried again. */
  function unreadable(failure: Failure): void {
    if (failure.code === "not-signed-in") {
      link.value = "signed-out";
      return;
    }
    if (overview.value === null) link.value = "lost";
    if (failure.code !== "unreachable") troubled(failure.happened);
    window.clearTimeout(retryTimer);
    // Pacing of reads that fail.
    retryTimer = window.setTimeout(refresh, retryMs);
  }

  const connection: Connection = createConnection({
    window,
    changed(conversation) {
      refreshLanes();
      if (conversation === place.value) refreshView();
      hinted();
    },
    rescheduled: hinted,
    progressed(moved) {
      const before = progress.value.get(moved.conversation);
      progress.value = new Map(progress.value).set(moved.conversation, withDiff(moved, before));
    },
    reset() {
      refresh();
      hinted();
    },
    linkChanged(now) {
      if (link.value !== "signed-out" || now === "live") link.value = now;
    },
    glance: () => refreshLanes(),
    refused: () => refreshLanes(),
  });

  /** Seconds are counted on screen while something runs. */
  function keepTime(): (() => void) | undefined {
    const isTicking = overview.value?.lanes.some(({ startedAtMs }) => startedAtMs !== null) ?? false;
    if (!isTicking) return undefined;
    const offsetMs = (overview.peek()?.nowMs ?? Date.now()) - Date.now();
    // Pacing of what counts the seconds on screen.
    const timer = window.setInterval(() => (nowMs.value = Date.now() + offsetMs), tickMs);
    return () => window.clearInterval(timer);
  }

  return {
    ...{ link, overview, view, run, progress, nowMs },
    start() {
      effect(keepTime);
      refresh();
    },
    refresh,
    refreshView,
    turnPage() {
      if (view.value?.conversation !== place.value) view.value = null;
    },
  };
}

/** A diff that was told before is not told again. */
function withDiff(moved: RunProgress, before: RunProgress | undefined): RunProgress {
  if (moved.diff !== undefined || before?.diff === undefined || before.run !== moved.run) return moved;
  return { ...moved, diff: before.diff };
}

function newest(live: RunView, moved: RunProgress | undefined): RunView {
  if (moved === undefined || moved.run !== live.run) return live;
  // The row knows of a stop before the next event of the run does.
  const { diff = live.diff } = moved;
  return { ...moved, diff, state: live.state === "running" || live.state === "starting" ? moved.state : live.state };
}

function keepLive(
  progress: ReadonlyMap<string, RunProgress>,
  lanes: readonly LaneView[],
): ReadonlyMap<string, RunProgress> {
  const live = new Set(lanes.filter(({ startedAtMs }) => startedAtMs !== null).map(({ conversation }) => conversation));
  return new Map([...progress].filter(([conversation]) => live.has(conversation)));
}
