/** The rows as the journal told of them: what the checks and the people of the simulation look at. */
import type { ModelChoice } from "../../src/domain/agent-model.ts";
import type { Ask, AskState } from "../../src/domain/ask.ts";
import type { ButtonAction } from "../../src/domain/button.ts";
import type { ConversationSettings } from "../../src/domain/conversation-settings.ts";
import { channelOf, type ConversationId } from "../../src/domain/conversation.ts";
import type { ItemId, ItemState, Priority, Request } from "../../src/domain/inbox-item.ts";
import type { PermissionMode } from "../../src/domain/permission-mode.ts";
import type { RunOutcome, StopWhy } from "../../src/domain/run.ts";
import type { OutboxState } from "../../src/engine/ports.ts";
import type { Change, Pause, RunState, ScheduleRow, ShownAsk } from "./journal.ts";

export type ItemRow = {
  readonly id: ItemId;
  readonly key: string;
  readonly conversation: ConversationId;
  readonly priority: Priority;
  readonly acceptedAtMs: number;
  partOf: ItemId | null;
  request: Request;
  isReady: boolean;
  state: ItemState;
  run: string | null;
  rank: number;
  position: number;
};

export type RunRow = {
  readonly id: string;
  readonly conversation: ConversationId;
  readonly workspace: string;
  readonly item: ItemId;
  readonly slot: number;
  readonly session: string;
  readonly driver: string;
  /** What was chosen when it was claimed. */
  readonly permissions: PermissionMode | null;
  readonly model: ModelChoice | null;
  state: RunState;
  stopWhy: StopWhy | null;
  outcome: RunOutcome | null;
  /** The number of the decision that settled it. */
  settledIn: number | null;
  /** That of the first decision to stop it. */
  stoppedIn: number | null;
  wasQuarantined: boolean;
  /** How the schedule that asked for it was set when it settled; null where no schedule did. */
  view: "shown" | "silent" | null;
};

export type AskRow = {
  readonly id: string;
  readonly run: string;
  readonly conversation: ConversationId;
  readonly ask: Ask;
  state: AskState;
};

export type SessionRow = {
  readonly id: string;
  readonly conversation: ConversationId;
  readonly driver: string | null;
  readonly resume: string | null;
  readonly model: ModelChoice | null;
};

export type ChoiceRow = {
  readonly session: string;
  readonly driver: string | null;
  readonly permissions: PermissionMode | null;
};

export type LaneRow = { readonly conversation: ConversationId; workspace: string; epoch: number };

export type SaidRow = {
  readonly id: number;
  readonly conversation: ConversationId;
  readonly run: string | null;
  readonly kind: string;
  readonly notice: string | null;
  readonly ask: ShownAsk | null;
  readonly dedupe: string;
  state: OutboxState;
  pause: Pause;
  isUncertain: boolean;
};

export type ButtonRow = { readonly id: string; readonly conversation: ConversationId; readonly action: ButtonAction };

export interface Mirror {
  readonly items: ReadonlyMap<ItemId, ItemRow>;
  readonly itemByKey: ReadonlyMap<string, ItemRow>;
  readonly runs: ReadonlyMap<string, RunRow>;
  /** Runs that occupy a lane, a workspace and a slot. */
  readonly live: ReadonlySet<RunRow>;
  readonly lanes: ReadonlyMap<ConversationId, LaneRow>;
  readonly said: ReadonlyMap<number, SaidRow>;
  /** Rows of Telegram that are not delivered yet. */
  readonly undelivered: ReadonlySet<SaidRow>;
  readonly buttons: readonly ButtonRow[];
  readonly asks: ReadonlyMap<string, AskRow>;
  /** By the mark that an agent of the simulation puts into each of its asks. */
  askOf(mark: string): AskRow | null;
  readonly openAsks: ReadonlySet<AskRow>;
  readonly sessions: ReadonlyMap<string, SessionRow>;
  readonly choices: ReadonlyMap<ConversationId, ChoiceRow>;
  /** The further messages that joined this item, in the order of their coming. */
  partsOf(item: ItemId): readonly ItemRow[];
  /** What people set; a conversation that set nothing is not there. */
  readonly settings: ReadonlyMap<ConversationId, ConversationSettings>;
  readonly schedules: ReadonlyMap<number, ScheduleRow>;
  /** What stored people may do. */
  readonly people: ReadonlyMap<string, string>;
  /** The schedule that asked for an item; null where a person did. */
  scheduleOf(item: ItemRow): ScheduleRow | null;
  /** The running count of admissions, as the database has it. */
  received(): number;
  /** Decisions journalled so far, the life that made the last one, and when. */
  decision(): { readonly count: number; readonly life: number; readonly atMs: number };
  /** What `decision` counted when the transaction of this number was committed; null when it was not. */
  decidedAs(number: number): number | null;
  apply(change: Change): void;
  /** Items in line, in running order. */
  queue(conversation: ConversationId): readonly ItemRow[];
  liveIn(conversation: ConversationId): RunRow | null;
  /** The first in line. */
  head(conversation: ConversationId): ItemRow | null;
  /** A message waits that is whole, and nothing stands in the way of its run but the lack of a claim. */
  isStartable(lane: LaneRow): boolean;
}

const markPattern = /\bmark\d+\b/;

/** The mark in an ask; null for one that no agent of the simulation made. */
function markOf(ask: Ask): string | null {
  return markPattern.exec(JSON.stringify(ask))?.[0] ?? null;
}

export function createMirror(): Mirror {
  const items = new Map<ItemId, ItemRow>();
  const itemByKey = new Map<string, ItemRow>();
  const queued = new Set<ItemRow>();
  const runs = new Map<string, RunRow>();
  const live = new Set<RunRow>();
  const lanes = new Map<ConversationId, LaneRow>();
  const said = new Map<number, SaidRow>();
  const undelivered = new Set<SaidRow>();
  const buttons: ButtonRow[] = [];
  const asks = new Map<string, AskRow>();
  const askByMark = new Map<string, AskRow>();
  const openAsks = new Set<AskRow>();
  const sessions = new Map<string, SessionRow>();
  const choices = new Map<ConversationId, ChoiceRow>();
  const settings = new Map<ConversationId, ConversationSettings>();
  const parts = new Map<ItemId, ItemRow[]>();
  const joined = (whole: ItemId, item: ItemRow): void => void parts.set(whole, [...(parts.get(whole) ?? []), item]);
  const decisions = new Map<number, number>();
  const schedules = new Map<number, ScheduleRow>();
  const people = new Map<string, string>();
  let count = 0;
  let life = 0;
  let atMs = 0;
  let received = 0;

  function apply(change: Change): void {
    switch (change.what) {
      case "decision":
        count += 1;
        life = change.life;
        atMs = change.atMs;
        decisions.set(change.number, count);
        break;
      case "counted":
        received = change.received;
        break;
      case "item-added": {
        const { what: _, ...row } = change;
        const item: ItemRow = { ...row, run: null };
        items.set(item.id, item);
        itemByKey.set(item.key, item);
        if (item.state === "queued") queued.add(item);
        if (item.partOf !== null) joined(item.partOf, item);
        break;
      }
      case "item-changed": {
        const item = items.get(change.id)!;
        item.state = change.to;
        item.run = change.run;
        item.rank = change.rank;
        item.position = change.position;
        item.isReady = change.isReady;
        if (change.partOf !== null && item.partOf === null) joined(change.partOf, item);
        item.partOf = change.partOf;
        item.request = change.request ?? item.request;
        if (item.state === "queued") queued.add(item);
        else queued.delete(item);
        break;
      }
      case "item-deleted":
        break;
      case "run-added": {
        const { what: _, incarnation: __, ...row } = change;
        const asksFor = scheduleOf(items.get(change.item));
        const permissions = asksFor?.plan.permissions ?? choices.get(change.conversation)?.permissions ?? null;
        const model = sessions.get(change.session)?.model ?? null;
        const begun = { state: "starting" as const, stopWhy: null, outcome: null, settledIn: null, stoppedIn: null };
        const run: RunRow = { ...row, permissions, model, ...begun, wasQuarantined: false, view: null };
        runs.set(run.id, run);
        live.add(run);
        break;
      }
      case "run-changed": {
        const run = runs.get(change.id)!;
        run.state = change.to;
        run.stopWhy = change.stopWhy;
        run.outcome = change.outcome;
        if (change.stopWhy !== null) run.stoppedIn ??= count;
        if (change.to === "quarantined") run.wasQuarantined = true;
        if (change.to !== "settled") break;
        run.settledIn ??= count;
        run.view = scheduleOf(items.get(run.item))?.plan.view ?? null;
        live.delete(run);
        break;
      }
      case "lane":
        lanes.set(change.conversation, {
          conversation: change.conversation,
          workspace: change.workspace,
          epoch: change.epoch,
        });
        break;
      case "choice": {
        const { what: _, conversation, ...row } = change;
        choices.set(conversation, row);
        break;
      }
      case "settings":
        settings.set(change.conversation, change.settings);
        break;
      case "session": {
        const { what: _, ...row } = change;
        sessions.set(row.id, row);
        break;
      }
      case "ask-added": {
        const { id, run, ask } = change;
        const { conversation } = runs.get(run)!;
        const row: AskRow = { id, run, conversation, ask, state: { kind: "open", answers: [], ticked: [] } };
        asks.set(id, row);
        openAsks.add(row);
        const mark = markOf(ask);
        if (mark !== null) askByMark.set(mark, row);
        break;
      }
      case "ask-changed": {
        const row = asks.get(change.id)!;
        row.state = change.to;
        if (change.to.kind !== "open") openAsks.delete(row);
        break;
      }
      case "said": {
        const { what: _, ...row } = change;
        const message: SaidRow = { ...row, isUncertain: false };
        said.set(message.id, message);
        if (channelOf(message.conversation) === "telegram") undelivered.add(message);
        break;
      }
      case "said-changed": {
        const message = said.get(change.id)!;
        message.state = change.to;
        message.pause = change.pause;
        message.isUncertain = change.isUncertain;
        if (message.state !== "pending" && message.state !== "sending") undelivered.delete(message);
        break;
      }
      case "button":
        buttons.push(change);
        break;
      case "schedule": {
        const { what: _, ...row } = change;
        schedules.set(row.id, row);
        break;
      }
      case "person":
        if (change.role === null) people.delete(change.user);
        else people.set(change.user, change.role);
        break;
      case "button-used":
      case "occurrence":
        break;
      default:
        change satisfies never;
    }
  }

  function scheduleOf(item: ItemRow | undefined): ScheduleRow | null {
    return item?.request.kind === "occurrence" ? (schedules.get(item.request.schedule) ?? null) : null;
  }

  function head(conversation: ConversationId): ItemRow | null {
    let first: ItemRow | null = null;
    for (const item of queued) {
      if (item.conversation !== conversation) continue;
      if (first === null || (item.rank - first.rank || item.position - first.position) < 0) first = item;
    }
    return first;
  }

  return {
    items,
    settings,
    partsOf: (item) => parts.get(item) ?? [],
    head,
    itemByKey,
    runs,
    live,
    lanes,
    said,
    undelivered,
    buttons,
    asks,
    askOf: (mark) => askByMark.get(mark) ?? null,
    openAsks,
    sessions,
    choices,
    received: () => received,
    decision: () => ({ count, life, atMs }),
    schedules,
    people,
    scheduleOf,
    decidedAs: (number) => decisions.get(number) ?? null,
    apply,
    queue: (conversation) =>
      [...queued]
        .filter((item) => item.conversation === conversation)
        .toSorted((a, b) => a.rank - b.rank || a.position - b.position),
    liveIn: (conversation) => {
      for (const run of live) if (run.conversation === conversation) return run;
      return null;
    },
    isStartable: (lane) => {
      for (const run of live) {
        if (run.conversation === lane.conversation || run.workspace === lane.workspace) return false;
      }
      return head(lane.conversation)?.isReady === true;
    },
  };
}
