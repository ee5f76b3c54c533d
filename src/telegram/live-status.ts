/**
 * The status messages of live runs, edited in place from the newest snapshot (I12); in private chats that want it, drafts instead, which
 * the run's last message replaces.
 *
 * 1. I8: an edit is drawn only while its run is live; from the look at the run to the request nothing is awaited.
 * 2. An edit decorates: one that fails is not repeated, the next one shows everything anyway.
 */
import type { ConversationId } from "../domain/conversation.ts";
import type { RunId } from "../domain/run.ts";
import type { Clock, Engine, Log, RunSnapshot } from "../engine/ports.ts";
import type { Chats, Delivered } from "./chats.ts";
import type { Address, Keyboard, Outcome, TelegramClient } from "./client.ts";
import { type FormattedText, ofOrigin } from "./formatted-text.ts";
import type { ChatPace } from "./pacing.ts";
import { type RenderMarkdown, renderStatus, type StatusView } from "./render.ts";

export type LiveStatusDeps = {
  readonly client: TelegramClient;
  readonly engine: Pick<Engine, "snapshot">;
  /** Loaded when the first text needs it: the parser is a good part of the program's start. */
  readonly markdown: () => Promise<RenderMarkdown>;
  /** How many messages wait behind the run of a conversation. Never rejects. */
  readonly waiting: (conversation: ConversationId) => Promise<number>;
  readonly clock: Clock;
  readonly log: Log;
};

/** A message that is edited, or a draft that is gone with the next message of the bot, or 30 s after it was last written. */
export type Surface =
  | { readonly kind: "message"; readonly message: number; readonly keyboard: Keyboard }
  | { readonly kind: "draft"; readonly draft: number };

/** The status of a live run, as it is shown. */
export type LiveStatus = {
  readonly run: RunId;
  readonly address: Address;
  readonly surface: Surface;
  readonly view: StatusView;
  /** The schedule that it is of. */
  readonly origin: string | null;
  shown: RunSnapshot;
  shownText: string;
  notBeforeMs: number;
};

export interface LiveStatuses {
  readonly all: ReadonlyMap<RunId, LiveStatus>;
  /** It was sent, and shows `shown`. */
  add(sent: Pick<LiveStatus, "run" | "address" | "surface" | "shown" | "view" | "origin">, pace: ChatPace): void;
  /** Shows the run as a draft from now on. False where drafts are not possible: a message is to be sent then. */
  draft(opened: Pick<LiveStatus, "run" | "address" | "view" | "origin">): boolean;
  /** Draws the newest snapshot of a live run. Never rejects for Telegram's sake. */
  edit(status: LiveStatus, pace: ChatPace): Promise<Delivered>;
  /** Nothing more is drawn of this run. */
  forget(run: RunId): void;
}

/** After a failed edit the next one shows everything anyway. */
const editFailedPauseMs = 5_000;

/** `signal` cuts requests in flight: the program is about to be gone. */
export function createLiveStatuses(deps: LiveStatusDeps, chats: Chats, signal: AbortSignal): LiveStatuses {
  const { client, engine, clock, log } = deps;
  const all = new Map<RunId, LiveStatus>();
  /** Chats whose drafts were refused: by an older server, say. */
  const draftless = new Set<number>();

  function draw({ surface, address }: LiveStatus, text: FormattedText): Promise<Outcome<null>> {
    switch (surface.kind) {
      case "message":
        return client.editText(address, surface.message, text, surface.keyboard, signal);
      case "draft":
        return client.sendDraft(address, surface.draft, text, signal);
      default:
        return surface satisfies never;
    }
  }

  async function edit(status: LiveStatus, pace: ChatPace): Promise<Delivered> {
    const renderMarkdown = await deps.markdown();
    const conversation = engine.snapshot(status.run)?.owner.conversation;
    const waiting = conversation === undefined ? 0 : await deps.waiting(conversation);
    const snapshot = engine.snapshot(status.run);
    if (snapshot === null) return { kind: "free" };
    // Whoever has pressed a draft's Stop does not want to see another one.
    if (status.surface.kind === "draft" && snapshot.state === "stopping") {
      all.delete(status.run);
      return { kind: "free" };
    }
    const drawn = renderStatus(snapshot, clock.now(), renderMarkdown, { view: status.view, waiting });
    const text = ofOrigin(status.origin, drawn);
    // I8: from the look at the live run to the request nothing is awaited.
    const outcome: Outcome<null> =
      text.text === status.shownText ? { kind: "done", value: null } : await draw(status, text);
    status.notBeforeMs = clock.now() + (outcome.kind === "done" ? pace.editEveryMs : editFailedPauseMs);
    switch (outcome.kind) {
      case "done":
        status.shown = snapshot;
        status.shownText = text.text;
        return { kind: "free" };
      case "retry-later":
        return { kind: "held", untilMs: clock.now() + outcome.afterMs };
      case "rejected":
        log.info({ outcome }, "a status can not be shown any more");
        all.delete(status.run);
        if (status.surface.kind === "draft") draftless.add(status.address.chat);
        if (outcome.why === "forbidden") chats.close(status.address.chat);
        return { kind: "free" };
      case "moved":
        chats.moved(status.address.chat, outcome.chat);
        all.delete(status.run); // messages of the old group cannot be edited from the new one
        return { kind: "free" };
      case "unauthorised":
        return { kind: "unauthorised" };
      case "unreachable":
      case "unknown":
      case "conflict":
        return { kind: "free" };
      default:
        return outcome satisfies never;
    }
  }

  return {
    all,
    add(sent, pace) {
      all.set(sent.run, { ...sent, shownText: "", notBeforeMs: clock.now() + pace.editEveryMs });
    },
    draft({ run, address, view, origin }) {
      const snapshot = engine.snapshot(run);
      if (address.chat < 0 || draftless.has(address.chat) || snapshot === null) return false;
      const shown = { ...snapshot, transcript: { ...snapshot.transcript } }; // nothing of it is shown yet: all is news
      const surface = { kind: "draft" as const, draft: draftOf(run) };
      all.set(run, { run, address, view, origin, surface, shown, shownText: "", notBeforeMs: clock.now() });
      return true;
    },
    edit,
    forget: (run) => void all.delete(run),
  };
}

/** The same for all drafts of a run, so that Telegram animates them; never 0. */
function draftOf(run: RunId): number {
  let hash = 0;
  for (const character of run) hash = (Math.imul(hash, 31) + (character.codePointAt(0) ?? 0)) & 0x7fffffff;
  return hash === 0 ? 1 : hash;
}
