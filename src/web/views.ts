/**
 * What the page is shown, read from the history and the newest snapshots. Reading never locks and never blocks a run (I12).
 *
 * 1. What waits is shown in one place, with the buttons that act on it, wherever the notice that carried them stands.
 * 2. A button that can no longer do anything is not shown: its item is not waiting, its run is over.
 * 3. A message stands where its run began, so that a question is followed by its answer and not by the next question.
 */
import { type Button, type ButtonAction, buttonLabel } from "../domain/button.ts";
import { channelOf, type ConversationId } from "../domain/conversation.ts";
import { type ItemId, promptCharsMax, type Request } from "../domain/inbox-item.ts";
import { commandList, describeNotice, type Notice } from "../domain/notice.ts";
import type { RunId } from "../domain/run.ts";
import { emptyTranscript } from "../domain/transcript.ts";
import type { Engine, History, Lane, LiveRun, OutboxRow, RunSnapshot, StoredItem } from "../engine/ports.ts";
import type {
  Agent,
  ButtonView,
  ConversationView,
  Cursor,
  Entry,
  LaneView,
  LaneViewState,
  Overview,
  RunView,
  Tone,
  Waiting,
  WaitsFor,
} from "./wire.ts";

/** A list that is still read. What does not fit is counted. */
export const lanesShownMax = 200;
/** Items and messages of one conversation that a page holds: hours of work, and still drawn in a blink. */
export const entriesShownMax = 300;
/** The newest tools of a run; the rest is counted. */
const toolsShownMax = 12;

export type ViewsDeps = {
  readonly engine: Pick<Engine, "snapshot">;
  readonly history: History;
  readonly now: () => number;
  readonly version: string;
  readonly agent: Agent;
  readonly workspaceDefault: string;
  readonly runsMax: number;
};

export type Views = {
  /** `cursor` must be read before the history is, so that nothing that changes meanwhile is missed. */
  overview(cursor: Cursor): Promise<Overview>;
  conversation(id: ConversationId): Promise<ConversationView>;
};

type LaneRow = Lane & { readonly queued: number; readonly held: number };

export function createViews(deps: ViewsDeps): Views {
  const { history } = deps;

  function waitsFor(lane: LaneRow, lanes: readonly LaneRow[], live: readonly LiveRun[]): WaitsFor | null {
    const holder = live.find(({ workspace }) => workspace === lane.workspace)?.owner.conversation;
    const holding = lanes.find(({ conversation }) => conversation === holder);
    if (holding !== undefined) {
      return { kind: "workspace", holder: holding.conversation, holderName: nameOf(holding) };
    }
    return live.length >= deps.runsMax ? { kind: "slot" } : null;
  }

  async function laneView(lane: LaneRow, lanes: readonly LaneRow[], live: readonly LiveRun[]): Promise<LaneView> {
    const [newest] = await history.items(lane.conversation, 1);
    const run = live.find(({ owner }) => owner.conversation === lane.conversation) ?? null;
    return {
      conversation: lane.conversation,
      channel: channelOf(lane.conversation),
      name: nameOf(lane),
      workspace: lane.workspace,
      state: laneState(lane, run),
      driver: run?.driver ?? null,
      startedAtMs: run?.startedAtMs ?? null,
      queued: lane.queued,
      held: lane.held,
      waitsFor: run === null && lane.queued > 0 ? waitsFor(lane, lanes, live) : null,
      usedAtMs: newest?.acceptedAtMs ?? null,
    };
  }

  return {
    async overview(cursor) {
      const [lanes, live] = await Promise.all([history.lanes(), history.liveRuns()]);
      const views = await Promise.all(lanes.map((lane) => laneView(lane, lanes, live)));
      const ordered = views.toSorted((a, b) => activity(b) - activity(a) || (b.usedAtMs ?? 0) - (a.usedAtMs ?? 0));
      return {
        cursor,
        nowMs: deps.now(),
        version: deps.version,
        agent: deps.agent,
        workspaceDefault: deps.workspaceDefault,
        runsMax: deps.runsMax,
        promptCharsMax,
        lanes: ordered.slice(0, lanesShownMax),
        lanesHidden: Math.max(0, ordered.length - lanesShownMax),
        commands: commandList,
      };
    },

    async conversation(id) {
      const [lanes, live, items, rows, queued, onHold] = await Promise.all([
        history.lanes(),
        history.liveRuns(),
        history.items(id, entriesShownMax),
        history.messages(id, entriesShownMax),
        history.waiting(id, "queued"),
        history.waiting(id, "held"),
      ]);
      const lane = lanes.find(({ conversation }) => conversation === id) ?? null;
      const run = live.find(({ owner }) => owner.conversation === id) ?? null;
      const buttons = createButtonPicker(items, rows, run, lane);
      return {
        conversation: id,
        channel: channelOf(id),
        lane: lane === null ? null : await laneView(lane, lanes, live),
        entries: entriesOf(items, rows, buttons),
        queue: waitingOf(queued, buttons),
        held: waitingOf(onHold, buttons),
        heldButtons: buttons.ofHeld(),
        run: run === null ? null : runView(deps.engine.snapshot(run.owner.run) ?? withoutTranscript(run)),
        isCut: items.length === entriesShownMax || rows.length === entriesShownMax,
      };
    },
  };
}

export function runView(snapshot: RunSnapshot): RunView {
  const { transcript } = snapshot;
  return {
    run: snapshot.owner.run,
    conversation: snapshot.owner.conversation,
    driver: snapshot.driver,
    state: snapshot.state,
    startedAtMs: snapshot.startedAtMs,
    phase: transcript.phase.kind === "ended" ? { kind: "ended" } : transcript.phase,
    text: transcript.text,
    tools: transcript.tools.slice(-toolsShownMax),
    toolCount: transcript.toolCount,
    notices: transcript.notices,
    usage: transcript.usage,
  };
}

/** A run whose process is not ours any more (quarantined at boot) has a row and nothing else. */
function withoutTranscript(run: LiveRun): RunSnapshot {
  const { owner, driver, state, startedAtMs } = run;
  return { owner, driver, state, startedAtMs, transcript: emptyTranscript };
}

// ---------------------------------------------------------------- lanes

function laneState(lane: LaneRow, run: LiveRun | null): LaneViewState {
  if (run !== null) return run.state;
  return lane.queued > 0 ? "waiting" : "idle";
}

function activity(lane: LaneView): number {
  return lane.state === "idle" ? 0 : lane.state === "waiting" ? 1 : 2;
}

/** The engine takes the first thing said for a title; before it there is only the address. */
function nameOf({ conversation, title }: Lane): string {
  if (title !== null) return title;
  return channelOf(conversation) === "telegram" ? `Telegram ${conversation.slice("telegram:".length)}` : "Page thread";
}

// ---------------------------------------------------------------- entries

/** `place` orders what happened in one millisecond: rows by their id, a message just before the first row of its run. */
type Placed = { readonly entry: Entry; readonly atMs: number; readonly place: number };

type Beginnings = ReadonlyMap<RunId, { readonly atMs: number; readonly place: number }>;

function entriesOf(items: readonly StoredItem[], rows: readonly OutboxRow[], buttons: ButtonPicker): readonly Entry[] {
  const begins = runBeginnings(rows);
  const placed = [
    ...items.flatMap((item) => placeItem(item, begins)),
    ...rows.flatMap((row) => placeRow(row, buttons)),
  ];
  const knownFromMs = Math.max(
    cutAtMs(items.map((item) => item.acceptedAtMs)),
    cutAtMs(rows.map((row) => row.createdAtMs)),
  );
  return placed
    .filter(({ atMs }) => atMs >= knownFromMs)
    .toSorted((a, b) => a.atMs - b.atMs || a.place - b.place)
    .map(({ entry }) => entry);
}

/** Before this, one of the two lists was cut, and showing only the other would tell a wrong story. */
function cutAtMs(timesMs: readonly number[]): number {
  return timesMs.length < entriesShownMax ? 0 : (timesMs[0] ?? 0);
}

function runBeginnings(rows: readonly OutboxRow[]): Beginnings {
  const begins = new Map<RunId, { atMs: number; place: number }>();
  for (const { run, createdAtMs, id } of rows) {
    if (run !== null && !begins.has(run)) begins.set(run, { atMs: createdAtMs, place: id - 0.5 });
  }
  return begins;
}

function placeItem(item: StoredItem, begins: Beginnings): Placed[] {
  if (item.request.kind === "press" || item.state === "queued" || item.state === "held") return [];
  const began = item.run === null ? undefined : begins.get(item.run);
  const accepted = { atMs: item.acceptedAtMs, place: 0 };
  const entry: Entry = {
    kind: "said",
    id: `i${item.id}`,
    key: pageKey(item),
    text: textOf(item.request),
    isCommand: item.request.kind === "command",
    isInterrupt: isInterrupt(item.request),
    state: item.state === "cancelled" && item.run !== null ? "stopped" : item.state,
    atMs: item.acceptedAtMs,
  };
  // What was given to a running turn stands where it was said.
  return [{ entry, ...(began !== undefined && began.atMs >= accepted.atMs ? began : accepted) }];
}

function placeRow(row: OutboxRow, buttons: ButtonPicker): Placed[] {
  const entry = row.state === "superseded" ? null : rowEntry(row, buttons);
  return entry === null ? [] : [{ entry, atMs: row.createdAtMs, place: row.id }];
}

function rowEntry(row: OutboxRow, buttons: ButtonPicker): Entry | null {
  const { body, createdAtMs: atMs } = row;
  const id = `m${row.id}`;
  switch (body.kind) {
    case "status":
      return null; // the live run is drawn from its snapshot
    case "answer":
      return { kind: "answer", id, markdown: body.text, atMs };
    case "summary": {
      const { outcome, durationMs, transcript } = body.summary;
      const text = outcome.kind === "finished" ? "" : transcript.text; // a finished run's text is its answer
      const { tools, toolCount, notices, usage } = transcript;
      return { kind: "summary", id, outcome: outcome.kind, durationMs, text, tools, toolCount, notices, usage, atMs };
    }
    case "notice":
      return isShownElsewhere(body.notice)
        ? null
        : {
            kind: "notice",
            id,
            notice: body.notice.kind,
            tone: toneOf(body.notice),
            text: describeNotice(body.notice, "web"),
            buttons: buttons.ofNotice(body.buttons),
            atMs,
          };
    default:
      return body satisfies never;
  }
}

/** The queue and the held ones have their own place beside the composer, and "Stopping…" is the state of the live run. */
function isShownElsewhere(notice: Notice): boolean {
  return notice.kind === "queued" || notice.kind === "held" || notice.kind === "stopping";
}

function toneOf(notice: Notice): Tone {
  switch (notice.kind) {
    case "failed":
    case "quarantined":
      return "danger";
    case "interrupted":
    case "lane-full":
    case "unsupported":
    case "unknown-command":
      return "warning";
    case "stopped":
      return notice.forced ? "warning" : "plain";
    case "background-ended":
      return notice.alive.length > 0 ? "warning" : "plain";
    case "stopped-all":
      return notice.quarantined > 0 ? "warning" : "plain";
    case "welcome":
    case "help":
    case "queued":
    case "stopping":
    case "stopping-all":
    case "nothing-to-stop":
    case "held":
    case "released":
    case "queue":
    case "item-cancelled":
    case "queue-cleared":
    case "new-session":
    case "status":
    case "shutting-down":
      return "plain";
    default:
      return notice satisfies never;
  }
}

function waitingOf(waiting: readonly StoredItem[], buttons: ButtonPicker): readonly Waiting[] {
  return waiting.map((item) => ({
    item: item.id,
    key: pageKey(item),
    text: textOf(item.request),
    atMs: item.acceptedAtMs,
    isInterrupt: isInterrupt(item.request),
    buttons: buttons.ofItem(item.id),
  }));
}

function pageKey(item: StoredItem): string | null {
  return item.key.startsWith("web:") ? item.key.slice("web:".length) : null;
}

function isInterrupt(request: Request): boolean {
  return request.kind === "prompt" && request.placement === "interrupt";
}

function textOf(request: Request): string {
  switch (request.kind) {
    case "prompt":
      return request.prompt.text;
    case "command":
      return commandText(request.command);
    case "unsupported":
      return `(${request.what})`;
    case "press":
      return "";
    default:
      return request satisfies never;
  }
}

function commandText(command: (Request & { kind: "command" })["command"]): string {
  switch (command.name) {
    case "unknown":
      return command.text;
    case "stop":
      return command.scope === "all" ? "/stop all" : "/stop";
    case "new":
      return command.title === null ? "/new" : `/new ${command.title}`;
    case "start":
    case "help":
    case "status":
    case "queue":
      return `/${command.name}`;
    default:
      return command satisfies never;
  }
}

// ---------------------------------------------------------------- buttons

type ButtonPicker = {
  ofItem(item: ItemId): readonly ButtonView[];
  ofNotice(rows: readonly (readonly Button[])[]): readonly (readonly ButtonView[])[];
  ofHeld(): readonly ButtonView[];
};

type ItemAction = ButtonAction & { kind: "steer" | "stop-and-run" | "cancel" | "move-first" };

/** The order in which a waiting message's buttons stand, whichever notice brought them. */
const itemActions = ["steer", "stop-and-run", "move-first", "cancel"] as const;

function createButtonPicker(
  items: readonly StoredItem[],
  rows: readonly OutboxRow[],
  run: LiveRun | null,
  lane: LaneRow | null,
): ButtonPicker {
  const pressed = new Set(items.flatMap(({ request }) => (request.kind === "press" ? [request.button] : [])));
  const byItem = new Map<ItemId, Map<ItemAction["kind"], ButtonView>>();
  let held: readonly ButtonView[] = [];
  for (const { body } of rows) {
    if (body.kind !== "notice") continue;
    const buttons = body.buttons.flat();
    for (const button of buttons) {
      if (isItemAction(button.action) && !pressed.has(button.id)) addItemButton(byItem, button.action, button);
    }
    const offer = buttons.filter(({ action }) => action.kind === "held");
    if (offer.length > 0) held = offer.map(buttonView);
  }
  const states = new Map(items.map(({ id, state }) => [id, state]));

  function isAlive(action: ButtonAction): boolean {
    switch (action.kind) {
      case "stop":
      case "force-release":
        return run?.owner.run === action.owner.run && (action.kind === "stop" || run.state === "quarantined");
      case "run-again":
        return ["interrupted", "failed", "cancelled"].includes(states.get(action.item) ?? "");
      case "clear-queue":
        return (lane?.queued ?? 0) > 0;
      case "held":
        return false; // shown with the messages on hold
      case "end-background":
        return true;
      case "steer":
      case "stop-and-run":
      case "cancel":
      case "move-first":
        return false; // shown with the waiting message
      default:
        return action satisfies never;
    }
  }

  /** Steering and stopping need a turn that runs, and what is on hold is decided on as a whole. */
  function isUseful(kind: ItemAction["kind"], item: ItemId): boolean {
    if (kind === "cancel") return true;
    return states.get(item) === "queued" && (kind === "move-first" || run?.state === "running");
  }

  return {
    ofItem(item) {
      const found = byItem.get(item);
      return itemActions.filter((kind) => isUseful(kind, item)).flatMap((kind) => found?.get(kind) ?? []);
    },
    ofNotice: (buttonRows) =>
      buttonRows
        .map((row) => row.filter(({ id, action }) => !pressed.has(id) && isAlive(action)).map(buttonView))
        .filter((row) => row.length > 0),
    ofHeld: () => ((lane?.held ?? 0) > 0 ? held : []),
  };
}

function isItemAction(action: ButtonAction): action is ItemAction {
  return itemActions.some((kind) => kind === action.kind);
}

/** Later rows replace earlier ones: their buttons live longer. */
function addItemButton(
  byItem: Map<ItemId, Map<ItemAction["kind"], ButtonView>>,
  action: ItemAction,
  button: Button,
): void {
  const found = byItem.get(action.item) ?? new Map<ItemAction["kind"], ButtonView>();
  found.set(action.kind, buttonView(button));
  byItem.set(action.item, found);
}

function buttonView({ id, action }: Button): ButtonView {
  // Here a button stands beside its message, whichever list brought it.
  const label = isItemAction(action) ? buttonLabel({ kind: action.kind, item: action.item }) : buttonLabel(action);
  return { id, label, weight: weightOf(action) };
}

function weightOf(action: ButtonAction): ButtonView["weight"] {
  switch (action.kind) {
    case "steer":
    case "run-again":
      return "main";
    case "held":
      return action.how === "discard" ? "quiet" : "main";
    case "cancel":
    case "clear-queue":
      return "quiet";
    case "stop":
    case "force-release":
      return "danger";
    case "stop-and-run":
    case "move-first":
    case "end-background":
      return "plain";
    default:
      return action satisfies never;
  }
}
