/**
 * Every change of the rows that matter, in the order in which they were made, read from the database itself: temporary
 * triggers write them down inside the same transaction, so what is rolled back was never there. Nothing here asks the engine.
 */
import type { DatabaseSync } from "node:sqlite";
import type { ModelChoice } from "../../src/domain/agent-model.ts";
import type { Ask, AskState } from "../../src/domain/ask.ts";
import type { ButtonAction } from "../../src/domain/button.ts";
import { type ConversationSettings, readConversationSettings } from "../../src/domain/conversation-settings.ts";
import type { ConversationId } from "../../src/domain/conversation.ts";
import type { ItemId, ItemState, Priority, Request } from "../../src/domain/inbox-item.ts";
import type { PermissionMode } from "../../src/domain/permission-mode.ts";
import type { RunOutcome, StopWhy } from "../../src/domain/run.ts";
import type { OccurrenceTrigger, SchedulePlan, ScheduleState, Skipped } from "../../src/domain/schedule.ts";
import type { OutboxState } from "../../src/engine/ports.ts";

export type RunState = "starting" | "running" | "stopping" | "quarantined" | "settled";

/** An ask as a message shows it. */
export type ShownAsk = { readonly id: string; readonly state: AskState };

/**
 * `decision` separates one transaction of the engine from the next and names the life that made it; `number` is that of the transaction,
 * counted by whoever began it, and `atMs` the wall clock at its beginning.
 */
export type Change =
  | { readonly what: "decision"; readonly life: number; readonly number: number; readonly atMs: number }
  /** The running count of admissions, as the database has it from here on. */
  | { readonly what: "counted"; readonly received: number }
  | {
      readonly what: "item-added";
      readonly id: ItemId;
      readonly key: string;
      readonly conversation: ConversationId;
      readonly state: ItemState;
      readonly priority: Priority;
      readonly request: Request;
      readonly acceptedAtMs: number;
      readonly rank: number;
      readonly position: number;
      readonly isReady: boolean;
      readonly partOf: ItemId | null;
    }
  /** `request` is null where it is what it was. */
  | {
      readonly what: "item-changed";
      readonly id: ItemId;
      readonly from: ItemState;
      readonly to: ItemState;
      readonly run: string | null;
      readonly rank: number;
      readonly position: number;
      readonly isReady: boolean;
      readonly partOf: ItemId | null;
      readonly request: Request | null;
    }
  | { readonly what: "item-deleted"; readonly id: ItemId }
  | {
      readonly what: "run-added";
      readonly id: string;
      readonly conversation: ConversationId;
      readonly workspace: string;
      readonly item: ItemId;
      readonly slot: number;
      readonly incarnation: number;
      readonly session: string;
      readonly driver: string;
    }
  | {
      readonly what: "run-changed";
      readonly id: string;
      readonly from: RunState;
      readonly to: RunState;
      readonly epochBefore: number;
      readonly epoch: number;
      readonly stopWhy: StopWhy | null;
      readonly outcome: RunOutcome | null;
    }
  | {
      readonly what: "lane";
      readonly conversation: ConversationId;
      readonly workspace: string;
      readonly epochBefore: number;
      readonly epoch: number;
    }
  /** What a conversation goes on with: null for what was never chosen. */
  | {
      readonly what: "choice";
      readonly conversation: ConversationId;
      readonly session: string;
      readonly driver: string | null;
      readonly permissions: PermissionMode | null;
    }
  | { readonly what: "settings"; readonly conversation: ConversationId; readonly settings: ConversationSettings }
  | {
      readonly what: "session";
      readonly id: string;
      readonly conversation: ConversationId;
      readonly driver: string | null;
      readonly resume: string | null;
      readonly model: ModelChoice | null;
    }
  | {
      readonly what: "ask-added";
      readonly id: string;
      readonly run: string;
      readonly agentId: string;
      readonly ask: Ask;
    }
  | { readonly what: "ask-changed"; readonly id: string; readonly from: AskState; readonly to: AskState }
  | {
      readonly what: "said";
      readonly id: number;
      readonly conversation: ConversationId;
      readonly run: string | null;
      readonly kind: string;
      readonly notice: string | null;
      readonly ask: ShownAsk | null;
      readonly dedupe: string;
      readonly state: OutboxState;
      readonly pause: Pause;
    }
  | {
      readonly what: "said-changed";
      readonly id: number;
      readonly from: OutboxState;
      readonly to: OutboxState;
      readonly pause: Pause;
      readonly isUncertain: boolean;
    }
  | {
      readonly what: "button";
      readonly id: string;
      readonly conversation: ConversationId;
      readonly action: ButtonAction;
    }
  | { readonly what: "button-used"; readonly id: string; readonly wasUsed: boolean }
  | ({ readonly what: "schedule" } & ScheduleRow)
  | {
      readonly what: "occurrence";
      readonly schedule: number;
      readonly trigger: OccurrenceTrigger;
      readonly dueAtMs: number;
      readonly item: ItemId | null;
      readonly skipped: Skipped | null;
    }
  /** `role` null: they were removed. */
  | { readonly what: "person"; readonly user: string; readonly role: string | null };

export type ScheduleRow = {
  readonly id: number;
  readonly home: ConversationId;
  readonly lane: ConversationId;
  readonly name: string;
  readonly user: string;
  readonly plan: SchedulePlan;
  readonly state: ScheduleState;
  readonly nextAtMs: number | null;
  readonly failures: number;
};

/** A message that may not go yet, by the wall clock. One that was set back to before `fromMs` says nothing of the wait. */
export type Pause = { readonly fromMs: number; readonly untilMs: number };

export function isPaused({ fromMs, untilMs }: Pause, nowMs: number): boolean {
  return fromMs <= nowMs && nowMs < untilMs;
}

export interface Journal {
  /** To be called inside an open transaction of the engine. */
  mark(life: number, number: number, atMs: number): void;
  /** What was committed since the last reading. */
  read(): readonly Change[];
  /** The start times of the processes that are recorded as left behind on purpose. */
  adopted(): ReadonlySet<string>;
  /** The running count of admissions and the count of rows, as the database has them. */
  counts(): { readonly received: number; readonly rows: number };
}

type Row = readonly [
  what: Change["what"],
  id: string | number,
  a: never,
  b: never,
  c: never,
  d: never,
  e: never,
  f: never,
  g: never,
];

const columns = "what, id, a, b, c, d, e, f, g";
const session = "'session', NEW.id, NEW.conversation, NEW.driver, NEW.resume, NEW.model, NEW.effort, NULL, NULL";
const schedule = `'schedule', NEW.id, NEW.home, NEW.lane, json_array(NEW.name, NEW.user, NEW.state), NEW.plan, NEW.next_at_ms,
  NEW.failures, NULL`;
const triggers: readonly (readonly [name: string, event: string, values: string])[] = [
  ["counted", "UPDATE OF received ON instance", "'counted', NEW.received, NULL, NULL, NULL, NULL, NULL, NULL, NULL"],
  [
    "item_added",
    "INSERT ON inbox",
    "'item-added', NEW.id, NEW.key, NEW.conversation, NEW.state, json_array(NEW.priority, json(NEW.request), NEW.is_ready, NEW.part_of), NEW.accepted_at_ms, NEW.rank, NEW.position",
  ],
  [
    "item_changed",
    "UPDATE ON inbox",
    `'item-changed', NEW.id, OLD.state, NEW.state, NEW.run, NEW.rank, NEW.position, json_array(NEW.is_ready, NEW.part_of),
     iif(OLD.request = NEW.request, NULL, NEW.request)`,
  ],
  ["item_deleted", "DELETE ON inbox", "'item-deleted', OLD.id, NULL, NULL, NULL, NULL, NULL, NULL, NULL"],
  [
    "run_added",
    "INSERT ON run",
    "'run-added', NEW.id, NEW.conversation, NEW.workspace, NEW.item, NEW.slot, NEW.incarnation, json_array(NEW.session, NEW.driver), NULL",
  ],
  [
    "run_changed",
    "UPDATE ON run",
    "'run-changed', NEW.id, OLD.state, NEW.state, OLD.epoch, NEW.epoch, NEW.stop_why, NEW.outcome, NULL",
  ],
  ["lane_added", "INSERT ON lane", "'lane', NEW.conversation, NEW.workspace, 0, NEW.epoch, NULL, NULL, NULL, NULL"],
  [
    "lane_changed",
    "UPDATE OF epoch, workspace ON lane",
    "'lane', NEW.conversation, NEW.workspace, OLD.epoch, NEW.epoch, NULL, NULL, NULL, NULL",
  ],
  [
    "choice_added",
    "INSERT ON lane",
    "'choice', NEW.conversation, NEW.session, NEW.driver, NEW.permissions, NULL, NULL, NULL, NULL",
  ],
  [
    "choice_changed",
    `UPDATE OF session, driver, permissions ON lane
     WHEN (OLD.session, OLD.driver, OLD.permissions) IS NOT (NEW.session, NEW.driver, NEW.permissions)`,
    "'choice', NEW.conversation, NEW.session, NEW.driver, NEW.permissions, NULL, NULL, NULL, NULL",
  ],
  [
    "settings_changed",
    "UPDATE OF settings ON lane",
    "'settings', NEW.conversation, NEW.settings, NULL, NULL, NULL, NULL, NULL, NULL",
  ],
  ["session_added", "INSERT ON session", session],
  ["session_changed", "UPDATE ON session", session],
  ["ask_added", "INSERT ON ask", "'ask-added', NEW.id, NEW.run, NEW.agent_id, NEW.ask, NULL, NULL, NULL, NULL"],
  ["ask_changed", "UPDATE ON ask", "'ask-changed', NEW.id, OLD.state, NEW.state, NULL, NULL, NULL, NULL, NULL"],
  [
    "said",
    "INSERT ON outbox",
    `'said', NEW.id, NEW.conversation, NEW.run, NEW.kind,
     iif(NEW.kind = 'ask', json_object('id', NEW.body ->> '$.id', 'state', NEW.body -> '$.state'), NEW.body ->> '$.notice.kind'),
     NEW.dedupe, NEW.state, json_object('fromMs', NEW.paused_at_ms, 'untilMs', NEW.not_before_ms)`,
  ],
  [
    "said_changed",
    "UPDATE ON outbox",
    `'said-changed', NEW.id, OLD.state, NEW.state, json_object('fromMs', NEW.paused_at_ms, 'untilMs', NEW.not_before_ms),
     NEW.is_uncertain, NULL, NULL, NULL`,
  ],
  [
    "button_used",
    "UPDATE OF used_at_ms ON button",
    "'button-used', NEW.id, OLD.used_at_ms IS NOT NULL, NULL, NULL, NULL, NULL, NULL, NULL",
  ],
  ["schedule_added", "INSERT ON schedule", schedule],
  ["schedule_changed", "UPDATE ON schedule", schedule],
  [
    "occurrence_added",
    "INSERT ON occurrence",
    `'occurrence', NEW.schedule, NEW."trigger", NEW.due_at_ms, NEW.item, NEW.skipped, NULL, NULL, NULL`,
  ],
  ["person_added", "INSERT ON person", "'person', NEW.user, NEW.role, NULL, NULL, NULL, NULL, NULL, NULL"],
  ["person_changed", "UPDATE ON person", "'person', NEW.user, NEW.role, NULL, NULL, NULL, NULL, NULL, NULL"],
  ["person_removed", "DELETE ON person", "'person', OLD.user, NULL, NULL, NULL, NULL, NULL, NULL, NULL"],
  ["button_added", "INSERT ON button", "'button', NEW.id, NEW.conversation, NEW.action, NULL, NULL, NULL, NULL, NULL"],
];

/** The tables must exist; their rows so far are not journalled. */
export function createJournal(database: DatabaseSync): Journal {
  database.exec(`PRAGMA temp_store = MEMORY; CREATE TEMP TABLE journal (seq INTEGER PRIMARY KEY, ${columns})`);
  for (const [name, event, values] of triggers) {
    database.exec(
      `CREATE TEMP TRIGGER ${name} AFTER ${event} BEGIN INSERT INTO journal (${columns}) VALUES (${values}); END`,
    );
  }
  const mark = database.prepare("INSERT INTO temp.journal (what, id, a, b) VALUES ('decision', ?, ?, ?)");
  const readAll = database.prepare(`SELECT ${columns} FROM temp.journal ORDER BY seq`);
  readAll.setReturnArrays(true);
  const clear = database.prepare("DELETE FROM temp.journal");
  const adopted = database.prepare("SELECT start_time FROM adopted");
  const counts = database.prepare(
    "SELECT (SELECT received FROM instance) AS received, (SELECT count(*) FROM inbox) AS rows",
  );
  return {
    mark: (life, number, atMs) => {
      mark.run(life, number, atMs);
    },
    read: () => {
      const rows = readAll.all() as unknown as readonly Row[];
      if (rows.length === 0) return [];
      clear.run();
      return rows.map(toChange);
    },
    adopted: () => new Set(adopted.all().map((row) => String(row["start_time"]))),
    counts: () => counts.get() as { received: number; rows: number },
  };
}

function toChange(row: Row): Change {
  const [what, , a, b, c, d, e, f, g] = row;
  const id = row[1] as never;
  switch (what) {
    case "decision":
      return { what, life: Number(id), number: Number(a), atMs: Number(b) };
    case "counted":
      return { what, received: Number(id) };
    case "item-added": {
      const [priority, request, isReady, partOf] = JSON.parse(d) as [Priority, Request, 0 | 1, ItemId | null];
      return {
        what,
        id,
        key: a,
        conversation: b,
        state: c,
        priority,
        request,
        acceptedAtMs: e,
        rank: f,
        position: g,
        isReady: isReady === 1,
        partOf,
      };
    }
    case "item-changed": {
      const [isReady, partOf] = JSON.parse(f) as [0 | 1, ItemId | null];
      return {
        what,
        id,
        from: a,
        to: b,
        run: c,
        rank: d,
        position: e,
        isReady: isReady === 1,
        partOf,
        request: g === null ? null : (JSON.parse(g) as Request),
      };
    }
    case "item-deleted":
      return { what, id };
    case "run-added": {
      const [session, driver] = JSON.parse(f) as [string, string];
      return { what, id, conversation: a, workspace: b, item: c, slot: d, incarnation: e, session, driver };
    }
    case "run-changed":
      return {
        what,
        id,
        from: a,
        to: b,
        epochBefore: c,
        epoch: d,
        stopWhy: e,
        outcome: f === null ? null : JSON.parse(f),
      };
    case "lane":
      return { what, conversation: id, workspace: a, epochBefore: b, epoch: c };
    case "choice":
      return { what, conversation: id, session: a, driver: b, permissions: c };
    case "settings":
      return { what, conversation: id, settings: readConversationSettings(a) };
    case "session": {
      const model = d === null ? null : { id: d, effort: e };
      return { what, id, conversation: a, driver: b, resume: c, model };
    }
    case "ask-added":
      return { what, id, run: a, agentId: b, ask: JSON.parse(c) as Ask };
    case "ask-changed":
      return { what, id, from: JSON.parse(a) as AskState, to: JSON.parse(b) as AskState };
    case "said":
      return {
        what,
        id,
        conversation: a,
        run: b,
        kind: c,
        notice: c === "ask" ? null : d,
        ask: c === "ask" ? (JSON.parse(d) as ShownAsk) : null,
        dedupe: e,
        state: f,
        pause: JSON.parse(g) as Pause,
      };
    case "said-changed":
      return { what, id, from: a, to: b, pause: JSON.parse(c) as Pause, isUncertain: d === 1 };
    case "button":
      return { what, id, conversation: a, action: JSON.parse(b) };
    case "button-used":
      return { what, id, wasUsed: a === 1 };
    case "schedule": {
      const [name, user, state] = JSON.parse(c) as [string, string, ScheduleState];
      const plan = JSON.parse(d) as SchedulePlan;
      return { what, id, home: a, lane: b, name, user, plan, state, nextAtMs: e, failures: f };
    }
    case "occurrence":
      return {
        what,
        schedule: id,
        trigger: a,
        dueAtMs: b,
        item: c,
        skipped: d === null ? null : (JSON.parse(d) as Skipped),
      };
    case "person":
      return { what, user: String(id), role: a };
    default:
      return what satisfies never;
  }
}
