/**
 * One decision of the engine while its transaction is open: the store's verbs, the moment, and what is to happen after the
 * commit. Everything that is said is a row of the same transaction; everything that acts outside waits in `after`.
 */
import type { AskAnswer, AskId } from "../domain/ask.ts";
import { type Button, type ButtonAction, type ButtonId, buttonLifeMs } from "../domain/button.ts";
import type { ConversationId } from "../domain/conversation.ts";
import type { InboxItem, ItemId } from "../domain/inbox-item.ts";
import type { Prompt } from "../domain/prompt.ts";
import type { Notice } from "../domain/notice.ts";
import type { LogEntry } from "../domain/notices/reports.ts";
import type { PermissionMode } from "../domain/permission-mode.ts";
import type { ProcessRef, RunId, RunOwner } from "../domain/run.ts";
import type { Transcript } from "../domain/transcript.ts";
import type { Question } from "./choices.ts";
import type { RunLimits } from "./run-watch.ts";
import {
  type Clock,
  isOutage,
  type Lane,
  type Log,
  type NewId,
  type PoolCounts,
  type Receipt,
  type Timetable,
  type Tx,
} from "./ports.ts";

/** I3: the writer is no longer the owner. Thrown inside a transaction, it rolls back everything with it. */
export class Deposed extends Error {
  constructor(owner: RunOwner) {
    super(`run ${owner.run} is no longer the owner of its conversation (epoch ${owner.epoch})`);
  }
}

/** What to do once the commit is durable. Data, so that a decision can be read and tested. */
export type After =
  | { readonly kind: "stop"; readonly owner: RunOwner }
  | { readonly kind: "release"; readonly owner: RunOwner }
  | { readonly kind: "steer"; readonly owner: RunOwner; readonly item: ItemId; readonly prompt: Prompt }
  | {
      readonly kind: "answer";
      readonly owner: RunOwner;
      readonly ask: AskId;
      readonly agentId: string;
      readonly answer: AskAnswer;
    }
  | { readonly kind: "consult"; readonly item: InboxItem; readonly id: ItemId; readonly question: Question }
  | { readonly kind: "forget"; readonly session: string }
  /** The times of schedules changed: the timer looks again. */
  | { readonly kind: "rescheduled" }
  /** Brings what this item still lacks. */
  | { readonly kind: "complete"; readonly item: ItemId }
  | {
      readonly kind: "end-background";
      readonly conversation: ConversationId;
      readonly processes: readonly ProcessRef[];
    };

export type Work = {
  readonly tx: Tx;
  readonly settings: EngineSettings;
  /** What a live run of this process shows at this moment. */
  readonly live: (run: RunId) => Transcript | null;
  readonly atMs: number;
  readonly newId: NewId;
  readonly after: After[];
  /** Conversations whose rows this transaction touched. */
  readonly touched: Set<ConversationId>;
  /** Prompts put in line by this transaction: those not claimed by its end are told their place. */
  readonly waiting: ItemId[];
  /**
   * Claims all that can start now. Every transaction ends with it; an admission also calls it between two items, so that items which
   * arrive together are decided as if they had come one by one.
   */
  readonly claim: () => Promise<void>;
};

export function beginWork({
  claim,
  ...given
}: Pick<Work, "tx" | "settings" | "live" | "atMs" | "newId"> & { claim: (work: Work) => Promise<void> }): Work {
  const work: Work = { ...given, after: [], touched: new Set(), waiting: [], claim: () => claim(work) };
  return work;
}

/** One engine transaction; rejects with what `decide` threw, or when it did not commit. */
export type Commit = <T>(decide: (work: Work) => Promise<T>) => Promise<T>;

/** A database that refuses to commit (disk full) is asked again at this pace, doubling up to the bound. In milliseconds. */
const commitRetryMs = 200;
const commitRetryMsMax = 30_000;

/**
 * A decision that throws by itself (rows that contradict each other, a bug) will throw again. After this many times in a row, some
 * seconds, what could have been in its way for a moment is gone, and its caller is told.
 */
const decisionFailuresMax = 5;

/**
 * Commits what must not be lost: tries until it is durable, the decision is `Deposed`, `signal` fires, or the decision itself has thrown
 * `decisionFailuresMax` times in a row; then it rejects with the last failure. A database that does not commit (a full disk) delays
 * what depends on it; it never loses it.
 */
export async function persist<T>(
  deps: { commit: Commit; clock: Clock; log: Log },
  decide: (work: Work) => Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  let failures = 0;
  for (let delayMs = commitRetryMs; ; delayMs = Math.min(delayMs * 2, commitRetryMsMax)) {
    const before = failures;
    const watched = async (work: Work): Promise<T> => {
      failures = before + 1;
      const value = await decide(work);
      failures = 0;
      return value;
    };
    try {
      return await deps.commit(watched);
    } catch (error) {
      if (isOutage(error)) failures = before;
      if (error instanceof Deposed || signal.aborted || failures >= decisionFailuresMax) throw error;
      deps.log.error({ error }, "what must not be lost could not be committed; trying again");
    }
    // Pacing: the next attempt at a database that just refused.
    await deps.clock.sleep(delayMs, signal);
  }
}

export type Saying = {
  /** The same key is said once. */
  readonly dedupe: string;
  readonly run?: RunId;
  readonly buttons?: readonly (readonly Button[])[];
  readonly replyTo?: string | null;
  /** What this tells is that the item waits. */
  readonly acknowledges?: ItemId;
};

export async function say(work: Work, conversation: ConversationId, notice: Notice, saying: Saying): Promise<void> {
  work.touched.add(conversation);
  const body = { kind: "notice" as const, notice, buttons: saying.buttons ?? [], replyTo: saying.replyTo ?? null };
  const row = { conversation, run: saying.run ?? null, dedupe: saying.dedupe, body, notBeforeMs: 0 };
  const acknowledges = saying.acknowledges === undefined ? {} : { acknowledges: saying.acknowledges };
  await work.tx.addOutgoing({ ...row, ...acknowledges }, work.atMs);
}

export async function addButton(work: Work, conversation: ConversationId, action: ButtonAction): Promise<Button> {
  const button: Button = { id: work.newId() as ButtonId, action };
  await work.tx.addButton(button, conversation, work.atMs + buttonLifeMs);
  return button;
}

/** The three ways out of a hold, as one row of buttons each. */
export async function heldButtons(work: Work, conversation: ConversationId): Promise<readonly (readonly Button[])[]> {
  return [
    [
      await addButton(work, conversation, { kind: "held", how: "run-each" }),
      await addButton(work, conversation, { kind: "held", how: "run-as-one" }),
    ],
    [await addButton(work, conversation, { kind: "held", how: "discard" })],
  ];
}

/**
 * Asks an agent or the machine after the commit, on a person's behalf. The row of what asked for it (a command, a press) is `running` until the
 * answer is stored.
 */
export async function consult(work: Work, item: InboxItem, id: ItemId, question: Question): Promise<void> {
  await work.tx.moveItem(id, "done", "running");
  work.after.push({ kind: "consult", item, id, question });
}

/** The agent that serves the lane. */
export function driverNameOf(lane: Lane, settings: EngineSettings): string {
  return lane.driver ?? settings.driverName;
}

/** What the engine needs to know of the program. `workspace` is the default one's real path. */
export type EngineSettings = {
  readonly workspace: string;
  /** What waited longer than this while Signalbox was off is offered instead of run. */
  readonly downtimeMs: number;
  readonly runsMax: number;
  /** The agent of conversations that did not choose one. */
  readonly driverName: string;
  /** All that can be chosen. */
  readonly driverNames: readonly string[];
  readonly permissions: PermissionMode;
  /** Who is an owner whatever is stored: the channel's ids of people. */
  readonly owners: ReadonlySet<string>;
  readonly limits: RunLimits;
  /** The line that goes on with an agent's session in the terminal; null where there is none. */
  readonly terminalCommand: (driver: string, resume: string) => string | null;
  /** Of the agent with this name; null where it was not loaded. */
  readonly pool: (driver: string) => PoolCounts | null;
  readonly timetable: Timetable;
  /** The newest errors of this life, newest first. */
  readonly recentErrors: () => readonly LogEntry[];
  readonly version: string;
};

/** The answer to an item, as a message of its conversation. Resolves with what was said. */
export async function reply(
  work: Work,
  to: Addressee,
  notice: Notice,
  buttons: readonly (readonly Button[])[] = [],
): Promise<Notice> {
  await say(work, to.conversation, notice, { dedupe: `item:${to.key}:${notice.kind}`, buttons, replyTo: to.message });
  return notice;
}

/** Who asked: an item, or a tool call of a run. */
export type Addressee = Pick<InboxItem, "key" | "conversation" | "message">;

export function fresh(item: InboxItem, toast: string | null): Receipt {
  return { key: item.key, fresh: true, toast };
}

export function seenBefore(item: InboxItem): Receipt {
  return { key: item.key, fresh: false, toast: null };
}
