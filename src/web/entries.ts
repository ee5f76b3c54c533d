/**
 * What was said in a conversation, in order: by the person, by the agent, by Signalbox. Pure.
 *
 * 1. A message stands where its run began, so that a question is followed by its answer and not by the next question.
 * 2. What is shown in a place of its own (the live run, the queue, what is on hold) is not among the entries.
 */
import type { AskId } from "../domain/ask.ts";
import { type ConversationId, sideNameOf } from "../domain/conversation.ts";
import { describeNotice, type Notice } from "../domain/notice.ts";
import type { RunId } from "../domain/run.ts";
import type { OutboxId, OutboxRow, Outgoing, StoredItem } from "../engine/ports.ts";
import type { LiveButtons } from "./live-buttons.ts";
import { saidEntry } from "./said.ts";
import type { Entry, Tone } from "./wire.ts";

/** Items and messages of one conversation that a page holds: hours of work, and still drawn in a blink. */
export const entriesShownMax = 300;

/** The newest `entriesShownMax` items and as many rows, oldest first. */
export function entriesOf(
  items: readonly StoredItem[],
  rows: readonly OutboxRow[],
  buttons: LiveButtons,
): readonly Entry[] {
  const begins = runBeginnings(rows);
  const asks = newestAsks(rows);
  const placed = [
    ...items.flatMap((item) => placeItem(item, begins)),
    ...rows.flatMap((row) => placeRow(row, asks, buttons)),
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

/** `place` orders what happened in one millisecond: rows by their id, a message just before the first row of its run. */
type Placed = { readonly entry: Entry; readonly atMs: number; readonly place: number };

type Beginnings = ReadonlyMap<RunId, { readonly atMs: number; readonly place: number }>;

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
  const entry = saidEntry(item);
  if (entry === null) return [];
  const began = item.run === null ? undefined : begins.get(item.run);
  const accepted = { atMs: item.acceptedAtMs, place: 0 };
  // What was given to a running turn stands where it was said.
  return [{ entry, ...(began !== undefined && began.atMs >= accepted.atMs ? began : accepted) }];
}

type Asks = ReadonlyMap<AskId, { readonly first: OutboxId; readonly newest: Outgoing & { kind: "ask" } }>;

/** Each row of an ask is the same card redrawn: the newest counts, at the place of the first. */
function newestAsks(rows: readonly OutboxRow[]): Asks {
  const asks = new Map<AskId, { first: OutboxId; newest: Outgoing & { kind: "ask" } }>();
  for (const { id, body } of rows) {
    if (body.kind === "ask") asks.set(body.id, { first: asks.get(body.id)?.first ?? id, newest: body });
  }
  return asks;
}

function placeRow(row: OutboxRow, asks: Asks, buttons: LiveButtons): Placed[] {
  const { body } = row;
  const entry =
    body.kind === "ask"
      ? askEntry(row, asks.get(body.id), buttons)
      : row.state === "superseded"
        ? null
        : rowEntry({ ...row, body }, buttons);
  return entry === null ? [] : [{ entry, atMs: row.createdAtMs, place: row.id }];
}

function askEntry(
  { id, origin: ranFor, conversation, createdAtMs: atMs }: OutboxRow,
  asked: { readonly first: OutboxId; readonly newest: Outgoing & { kind: "ask" } } | undefined,
  buttons: LiveButtons,
): Entry | null {
  if (asked === undefined || asked.first !== id) return null;
  const { newest } = asked;
  const origin = originIn(conversation, ranFor);
  const isOver = newest.state.kind === "open" && !buttons.isWaiting(newest);
  return {
    kind: "ask",
    id: `m${id}`,
    origin,
    ask: newest.id,
    about: newest.ask,
    state: isOver ? { kind: "expired" } : newest.state,
    buttons: isOver ? [] : buttons.ofAsk(newest),
    atMs,
  };
}

/** In a side conversation all is said by its schedule. */
function originIn(conversation: ConversationId, origin: string | null): string | null {
  return sideNameOf(conversation) === null ? origin : null;
}

type PlainRow = Omit<OutboxRow, "body"> & { readonly body: Exclude<Outgoing, { kind: "ask" }> };

function rowEntry(row: PlainRow, buttons: LiveButtons): Entry | null {
  const { body, createdAtMs: atMs } = row;
  const id = `m${row.id}`;
  const origin = originIn(row.conversation, row.origin);
  switch (body.kind) {
    case "status":
      return null; // the live run is drawn from its snapshot
    case "answer":
      return { kind: "answer", id, origin, markdown: body.text, atMs };
    case "summary": {
      const { outcome, durationMs, transcript } = body.summary;
      const text = outcome.kind === "finished" ? "" : transcript.text; // a finished run's text is its answer
      const { tools, toolCount, notices, usage, context, diff } = transcript;
      const done = { tools, toolCount, notices, usage, context, diff };
      return { kind: "summary", id, origin, outcome: outcome.kind, durationMs, text, ...done, atMs };
    }
    case "file": {
      const { id: file, name, bytes } = body.file;
      return { kind: "file", id, origin, file, name, bytes, caption: body.caption, atMs };
    }
    case "notice":
      return isShownElsewhere(body.notice)
        ? null
        : {
            kind: "notice",
            id,
            origin,
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
    case "agent-cannot":
    case "not-a-choice":
    case "project-refused":
    case "session-held":
    case "unanswered":
    case "not-allowed":
    case "pairing-unknown":
    case "schedule-unknown":
    case "schedule-wrong":
    case "schedule-skipped":
    case "schedule-paused":
    case "schedules-missed":
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
    case "agents":
    case "agent-chosen":
    case "models":
    case "model-chosen":
    case "permissions":
    case "permissions-chosen":
    case "project":
    case "project-chosen":
    case "terminal":
    case "sessions":
    case "session-taken":
    case "nothing-to-fork":
    case "from-agent":
    case "answer-ignored":
    case "heard":
    case "files-failed":
    case "files-left-out":
    case "files":
    case "files-removed":
    case "edited":
    case "edit-late":
    case "usage":
    case "context":
    case "debug":
    case "logs":
    case "settings":
    case "pairing-asked":
    case "people":
    case "person":
    case "let-in":
    case "details":
    case "changes":
    case "schedules":
    case "schedule":
    case "schedule-help":
    case "schedule-run":
    case "schedule-deleted":
    case "schedule-history":
    case "reminder":
    case "digest":
      return "plain";
    default:
      return notice satisfies never;
  }
}
