/**
 * What the page knows: snapshots of the server, what this person typed, and where they are.
 *
 * 1. A text leaves the box only into a list of unsent ones, and that list only when the server has it: a failed or unanswered
 *    send keeps the text and its key, so that sending again is safe.
 * 2. A snapshot replaces the one before. While one is being fetched, further hints ask for one more, not for many.
 * 3. Progress of a run is shown only for the run that the conversation names as its live one (I12).
 */
import { batch, computed, effect, type ReadonlySignal, type Signal, signal } from "@preact/signals";

import type {
  Accepted,
  ConversationView,
  LaneView,
  Overview,
  PressBody,
  RunView,
  SendBody,
  StopBody,
} from "../wire.ts";
import { type Connection, createConnection, type Link } from "./connection.ts";
import { type Failure, newKey, request } from "./request.ts";

export type Route = { kind: "lanes" } | { kind: "new" } | { kind: "conversation"; id: string };

export type Unsent = {
  readonly conversation: string;
  readonly body: SendBody;
  readonly state: { kind: "sending" } | { kind: "failed"; failure: Failure };
};

export type Model = {
  readonly route: ReadonlySignal<Route>;
  readonly link: ReadonlySignal<Link | "signed-out">;
  readonly overview: ReadonlySignal<Overview | null>;
  readonly view: ReadonlySignal<ConversationView | null>;
  /** The live run of the conversation on screen. */
  readonly run: ReadonlySignal<RunView | null>;
  readonly progress: ReadonlySignal<ReadonlyMap<string, RunView>>;
  readonly unsent: ReadonlySignal<readonly Unsent[]>;
  readonly toast: ReadonlySignal<string | null>;
  /** The server's clock, once a second while something runs. */
  readonly nowMs: ReadonlySignal<number>;
  /** Buttons that were pressed here: they work once. */
  readonly pressed: ReadonlySignal<ReadonlySet<string>>;
  /** Counts what this person did: the reader wants to see what comes of it. */
  readonly deeds: ReadonlySignal<number>;
  /** What is in the box. */
  readonly draft: Signal<string>;
  readonly workspace: Signal<string>;
  /** The first Escape was pressed; a second one stops. */
  readonly isStopArmed: ReadonlySignal<boolean>;
  start(): void;
  go(route: Route): void;
  send(): void;
  sendAgain(key: string): void;
  takeBack(key: string): void;
  discard(key: string): void;
  sendCommand(text: string): void;
  press(button: string): void;
  stop(): void;
  escape(): void;
  say(toast: string): void;
};

const toastMs = 5_000;
/** Long enough to press a key twice on purpose, too short to do it by accident. */
const armedMs = 1_500;
const tickMs = 1_000;
/** A server that restarts is back after a second or two. */
const retryMs = 2_000;
const draftsKey = "signalbox-drafts";
const unsentKey = "signalbox-unsent";

export function createModel(window: Window): Model {
  const route = signal<Route>(readRoute(window.location.hash));
  const link = signal<Link | "signed-out">("connecting");
  const overview = signal<Overview | null>(null);
  const view = signal<ConversationView | null>(null);
  const progress = signal<ReadonlyMap<string, RunView>>(new Map());
  const unsent = signal<readonly Unsent[]>(readStored<Unsent[]>(window, unsentKey, []).map(unanswered));
  const toast = signal<string | null>(null);
  const nowMs = signal(Date.now());
  const pressed = signal<ReadonlySet<string>>(new Set());
  const drafts = signal(readStored<Record<string, string>>(window, draftsKey, {}));
  const draft = signal("");
  const workspace = signal("");
  const isStopArmed = signal(false);
  const deeds = signal(0);
  let toastTimer = 0;
  let armedTimer = 0;
  let retryTimer = 0;

  const place = computed(() => (route.value.kind === "conversation" ? route.value.id : "new"));
  const run = computed(() => {
    const live = view.value?.conversation === place.value ? view.value.run : null;
    return live === null ? null : newest(live, progress.value.get(live.conversation));
  });

  // ---- what the server says

  const refreshLanes = createRefresher(async () => {
    const answer = await request<Overview>("/api/overview");
    if (answer.kind === "failed") return unreadable(answer.failure);
    const isFirst = overview.value === null;
    batch(() => {
      overview.value = answer.value;
      progress.value = keepLive(progress.value, answer.value.lanes);
      nowMs.value = answer.value.nowMs;
      if (link.value === "signed-out") link.value = "connecting";
      if (isFirst) showSomething(answer.value.lanes);
    });
    if (isFirst) connection.open(answer.value.cursor);
  });

  const refreshView = createRefresher(async () => {
    const at = place.value;
    if (at === "new") return;
    const answer = await request<ConversationView>(pathOf(at));
    if (answer.kind === "failed") return unreadable(answer.failure);
    if (place.value !== at) return refreshView();
    batch(() => {
      view.value = answer.value;
      keepUnsent(({ conversation, body }) => conversation !== at || !hasArrived(answer.value, body.key));
    });
  });

  /** The event stream tells of most ends of the connection; a read that failed for itself is tried again. */
  function unreadable(failure: Failure): void {
    if (failure.code === "not-signed-in") {
      link.value = "signed-out";
      return;
    }
    if (overview.value === null) link.value = "lost";
    if (failure.code !== "unreachable") say(failure.happened);
    window.clearTimeout(retryTimer);
    // Pacing of reads that fail.
    retryTimer = window.setTimeout(() => {
      refreshLanes();
      refreshView();
    }, retryMs);
  }

  const connection: Connection = createConnection({
    window,
    changed(conversation) {
      refreshLanes();
      if (conversation === place.value) refreshView();
    },
    progressed(moved) {
      progress.value = new Map(progress.value).set(moved.conversation, moved);
    },
    reset() {
      refreshLanes();
      refreshView();
    },
    linkChanged(now) {
      if (link.value !== "signed-out" || now === "live") link.value = now;
    },
    refused: () => refreshLanes(),
  });

  // ---- where we are

  function show(next: Route): void {
    batch(() => {
      keepDraft();
      route.value = next;
      if (view.value?.conversation !== place.value) view.value = null;
      draft.value = drafts.value[place.value] ?? "";
    });
    refreshView();
  }

  /** A wide screen always has room for a conversation; a narrow one begins with the list. */
  function showSomething(lanes: readonly LaneView[]): void {
    // The address may be newer than the route: its event is still on the way.
    if (readRoute(window.location.hash).kind !== "lanes") return;
    const latest = lanes.toSorted((a, b) => (b.usedAtMs ?? 0) - (a.usedAtMs ?? 0))[0];
    const isWide = window.matchMedia(wideScreen).matches;
    if (latest === undefined) replaceAddress({ kind: "new" });
    else if (isWide) replaceAddress({ kind: "conversation", id: latest.conversation });
  }

  /** The person did not choose this, so going back does not lead here. */
  function replaceAddress(next: Route): void {
    window.location.replace(writeRoute(next));
  }

  function go(next: Route): void {
    const hash = writeRoute(next);
    if (window.location.hash === hash) show(next);
    else window.location.hash = hash; // the event shows it, also when the person goes back
  }

  function keepDraft(): void {
    const { [place.value]: _, ...others } = drafts.value;
    drafts.value = draft.value === "" ? others : { ...others, [place.value]: draft.value };
    store(window, draftsKey, drafts.value);
  }

  // ---- what this person does

  function send(): void {
    if (draft.value.trim() === "") return;
    const isNew = place.value === "new";
    const conversation = isNew ? `web:${newKey()}` : place.value;
    const chosen = isNew && workspace.value.trim() !== "" ? { workspace: workspace.value.trim() } : {};
    const body: SendBody = { key: newKey(), text: draft.value, ...chosen };
    batch(() => {
      deeds.value += 1;
      draft.value = "";
      keepDraft();
      setUnsent([...unsent.value, { conversation, body, state: { kind: "sending" } }]);
    });
    if (isNew) go({ kind: "conversation", id: conversation });
    deliver(conversation, body);
  }

  /** Owns its request: what goes wrong becomes the state of the unsent text. */
  function deliver(conversation: string, body: SendBody): void {
    void request<Accepted>(`${pathOf(conversation)}/messages`, body).then((answer) => {
      if (answer.kind === "failed") return mark(body.key, { kind: "failed", failure: answer.failure });
      refreshLanes();
      refreshView();
      return undefined;
    });
  }

  function mark(key: string, state: Unsent["state"]): void {
    setUnsent(unsent.value.map((one) => (one.body.key === key ? { ...one, state } : one)));
  }

  function setUnsent(next: readonly Unsent[]): void {
    unsent.value = next;
    store(window, unsentKey, next);
  }

  function keepUnsent(isKept: (one: Unsent) => boolean): void {
    if (!unsent.value.every(isKept)) setUnsent(unsent.value.filter(isKept));
  }

  const findUnsent = (key: string): Unsent | undefined => unsent.value.find(({ body }) => body.key === key);

  /** Owns its request: what goes wrong is said. */
  function act(path: string, body: SendBody | PressBody | StopBody): void {
    deeds.value += 1;
    void request<Accepted>(path, body).then((answer) => {
      if (answer.kind === "failed") return say(`${answer.failure.happened} ${answer.failure.next}`);
      if (answer.value.toast !== null) say(answer.value.toast);
      return refreshView();
    });
  }

  function stop(): void {
    disarm();
    if (place.value !== "new") act(`${pathOf(place.value)}/stop`, { key: newKey(), scope: "conversation" });
  }

  function disarm(): void {
    window.clearTimeout(armedTimer);
    isStopArmed.value = false;
  }

  function say(text: string): void {
    toast.value = text;
    window.clearTimeout(toastTimer);
    // How long a passing remark stays.
    toastTimer = window.setTimeout(() => (toast.value = null), toastMs);
  }

  return {
    ...{
      route,
      link,
      overview,
      view,
      run,
      progress,
      unsent,
      toast,
      nowMs,
      pressed,
      draft,
      workspace,
      isStopArmed,
      deeds,
    },
    start() {
      draft.value = drafts.value[place.value] ?? "";
      window.addEventListener("hashchange", () => show(readRoute(window.location.hash)));
      window.addEventListener("pagehide", keepDraft);
      effect(() => {
        const isTicking = overview.value?.lanes.some(({ startedAtMs }) => startedAtMs !== null) ?? false;
        if (!isTicking) return undefined;
        const offsetMs = (overview.peek()?.nowMs ?? Date.now()) - Date.now();
        // Pacing of what counts the seconds on screen.
        const timer = window.setInterval(() => (nowMs.value = Date.now() + offsetMs), tickMs);
        return () => window.clearInterval(timer);
      });
      refreshLanes();
      refreshView();
    },
    go,
    send,
    sendAgain(key) {
      const one = findUnsent(key);
      if (one === undefined) return;
      mark(key, { kind: "sending" });
      deliver(one.conversation, one.body);
    },
    takeBack(key) {
      const one = findUnsent(key);
      if (one === undefined) return;
      keepUnsent(({ body }) => body.key !== key);
      if (view.value?.lane !== null) {
        draft.value = joined(one.body.text, draft.value);
        return;
      }
      // A thread that never came to be is begun again, with its directory.
      workspace.value = one.body.workspace ?? "";
      drafts.value = { ...drafts.value, new: joined(one.body.text, drafts.value["new"] ?? "") };
      go({ kind: "new" });
    },
    discard: (key) => keepUnsent(({ body }) => body.key !== key),
    sendCommand(text) {
      act(`${pathOf(place.value)}/messages`, { key: newKey(), text });
    },
    press(button) {
      pressed.value = new Set(pressed.value).add(button);
      act(`${pathOf(place.value)}/presses`, { key: newKey(), button });
    },
    stop,
    escape() {
      if (run.value === null) return;
      if (isStopArmed.value) return stop();
      isStopArmed.value = true;
      // A bound: two presses belong together only when they follow each other.
      armedTimer = window.setTimeout(disarm, armedMs);
    },
    say,
  };
}

function joined(before: string, after: string): string {
  return after === "" ? before : `${before}\n${after}`;
}

/** The screen has room for the list and a conversation side by side: the same number as in style.css. */
const wideScreen = "(min-width: 48rem)";

/** Runs `load` now; asked again while it runs, once more after. Owns the promise: `load` never rejects. */
function createRefresher(load: () => Promise<void>): () => void {
  let state: "idle" | "loading" | "again" = "idle";
  async function loop(): Promise<void> {
    do {
      state = "loading";
      await load();
    } while (isAskedAgain());
    state = "idle";
  }
  const isAskedAgain = (): boolean => state === "again";
  return () => {
    if (state === "idle") void loop();
    else state = "again";
  };
}

function newest(live: RunView, moved: RunView | undefined): RunView {
  if (moved === undefined || moved.run !== live.run) return live;
  // The row knows of a stop before the next event of the run does.
  return { ...moved, state: live.state === "running" || live.state === "starting" ? moved.state : live.state };
}

function keepLive(progress: ReadonlyMap<string, RunView>, lanes: readonly LaneView[]): ReadonlyMap<string, RunView> {
  const live = new Set(lanes.filter(({ startedAtMs }) => startedAtMs !== null).map(({ conversation }) => conversation));
  return new Map([...progress].filter(([conversation]) => live.has(conversation)));
}

function hasArrived(view: ConversationView, key: string): boolean {
  const isIt = (one: { key: string | null }): boolean => one.key === key;
  return (
    view.queue.some(isIt) || view.held.some(isIt) || view.entries.some((entry) => entry.kind === "said" && isIt(entry))
  );
}

/** A page that was closed while it sent does not know the answer; the key makes asking again safe. */
function unanswered(one: Unsent): Unsent {
  const failure: Failure = {
    code: "unreachable",
    happened: "The page was closed before this was answered.",
    kept: "Your text is kept here.",
    next: "Send it again: it is never run twice.",
  };
  return one.state.kind === "sending" ? { ...one, state: { kind: "failed", failure } } : one;
}

const pathOf = (conversation: string): string => `/api/conversations/${encodeURIComponent(conversation)}`;

// ---- where we are, as an address

function readRoute(hash: string): Route {
  if (hash === "#/new") return { kind: "new" };
  const id = /^#\/c\/(.+)$/.exec(hash)?.[1];
  return id === undefined ? { kind: "lanes" } : { kind: "conversation", id: decode(id) };
}

function writeRoute(route: Route): string {
  switch (route.kind) {
    case "lanes":
      return "#/";
    case "new":
      return "#/new";
    case "conversation":
      return `#/c/${encodeURIComponent(route.id)}`;
    default:
      return route satisfies never;
  }
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // a broken escape names nothing; the server says so
  }
}

// ---- what survives a reload, in this tab only

function readStored<T>(window: Window, key: string, otherwise: T): T {
  try {
    return JSON.parse(window.sessionStorage.getItem(key) ?? "") as T;
  } catch {
    return otherwise; // nothing stored, storage switched off, or written by another version
  }
}

function store(window: Window, key: string, value: unknown): void {
  try {
    window.sessionStorage.setItem(key, JSON.stringify(value));
  } catch {
    // Storage is full or switched off: only a reload loses what is in the box.
  }
}
