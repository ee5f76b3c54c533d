/**
 * Every seam of the engine. Adapters (store, drivers, telegram, web) implement these; nothing here knows of any of them.
 *
 * I2: only `Turn.quiet` and `Processes` speak of proof, and they resolve on evidence alone.
 * I3: every write of a run goes through a `Tx` verb that takes its owner and answers whether it still is the owner.
 */
import type { AccountLimit, AgentEvent, AgentLimits, Usage, UsageTally } from "../domain/agent-event.ts";
import type { AgentPrompt } from "../domain/agent-prompt.ts";
import type { AgentModel, ModelChoice } from "../domain/agent-model.ts";
import type { StoredSession } from "../domain/agent-session.ts";
import type { Ask, AskAnswer, AskId, AskState } from "../domain/ask.ts";
import type { Attachment, FileKind, FileRefusal, SentFile } from "../domain/attachment.ts";
import type { Button, ButtonAction, ButtonId } from "../domain/button.ts";
import type { ConversationSettings } from "../domain/conversation-settings.ts";
import type { ChannelName, ConversationId } from "../domain/conversation.ts";
import type { Fault } from "../domain/faults.ts";
import type { HostTool, HostToolResult } from "../domain/host-tool.ts";
import type { InboxItem, ItemId, ItemKey, ItemState, Request } from "../domain/inbox-item.ts";
import type { LaneState } from "../domain/lane-machine.ts";
import type { Notice } from "../domain/notice.ts";
import type { PermissionMode } from "../domain/permission-mode.ts";
import type { Pairing, Person } from "../domain/person.ts";
import type { DueTimes, OccurrenceTrigger, Schedule, ScheduleId, Skipped, Timing } from "../domain/schedule.ts";
import type { When } from "../domain/schedule-words.ts";
import type { Evidence, ProcessRef, Quiescence, RunId, RunOutcome, RunOwner, StopWhy } from "../domain/run.ts";
import type { Transcript } from "../domain/transcript.ts";

// ---------------------------------------------------------------- drivers

/**
 * `session.id` is ours and names the warm process; `session.resume` is the agent's own id of an earlier turn's memory, null
 * for a session that has none yet. `workspace` is a real path. `model` null: the agent's own default. Model and
 * permissions may differ from those of the session's turn before: they are those of this turn.
 */
export type TurnRequest = {
  readonly owner: RunOwner;
  readonly session: { readonly id: string; readonly resume: string | null };
  readonly workspace: string;
  readonly prompt: AgentPrompt;
  readonly permissions: PermissionMode;
  readonly model: ModelChoice | null;
  readonly tools: HostTools;
};

/** The tools that this turn's agent may call. The list is the same for every turn of a program's life. */
export interface HostTools {
  readonly list: readonly HostTool[];
  /** Acts for the run that it was given to. Resolves, never rejects; after the run's end it says so. */
  call(name: string, input: unknown, signal: AbortSignal): Promise<HostToolResult>;
}

/** What a driver answers that has to ask its agent, or that its agent may not be able to do. */
export type Asked<T> =
  | { readonly kind: "known"; readonly value: T }
  | { readonly kind: "unavailable"; readonly fault: Fault };

/** What a quiet turn left running on purpose (a dev server): empty after a stop. */
export type Quiet = { readonly adopted: readonly ProcessRef[] };

/**
 * The agent's processes, and how this life's turns met one: kept warm by an earlier turn of its session, prepared before there was a
 * session, or started for the turn. `idle` are those of `live` that no turn is using.
 */
export type PoolCounts = {
  readonly live: number;
  readonly idle: number;
  readonly takenWarm: number;
  readonly takenPrepared: number;
  readonly started: number;
};

export interface Driver extends AsyncDisposable {
  readonly name: string;
  /** Whether a turn could be started now; resolves, never rejects. Must be cheap: no model request. */
  health(
    signal: AbortSignal,
  ): Promise<
    { readonly kind: "ready"; readonly version: string } | { readonly kind: "unavailable"; readonly fault: Fault }
  >;
  /** The live catalogue, best first. Resolves, never rejects; may start the agent, and no model request is made. */
  models(workspace: string, signal: AbortSignal): Promise<Asked<readonly AgentModel[]>>;
  /**
   * The sessions in this directory that the agent's own store holds, newest first, at most `limit`; also those begun in the terminal.
   * Resolves, never rejects.
   */
  sessions(workspace: string, limit: number, signal: AbortSignal): Promise<Asked<readonly StoredSession[]>>;
  /** Copies a session's memory; the original stays as it is. Resolves with the copy's id, never rejects. No turn begins. */
  fork(resume: string, workspace: string, signal: AbortSignal): Promise<Asked<string>>;
  /** The line that goes on with a session in the terminal, to be run in its workspace; null where the agent has no such thing. */
  terminalCommand(resume: string): string | null;
  /**
   * Begins a turn and returns its handle at once, so there is no window in which a stop finds nothing. What goes wrong while
   * it starts arrives as the turn's `ended` event. Never throws.
   */
  start(request: TurnRequest): Turn;
  /** A hint that the next new session will be in `workspace`. Never throws, never blocks. */
  prewarm(workspace: string): void;
  pool(): PoolCounts;
  /** The session will not be used again: its warm process may go. Resolves when it is gone, never rejects. */
  forget(session: string): Promise<void>;
  /** Ends every process of the driver, with proof as far as it can be had. */
  [Symbol.asyncDispose](): Promise<void>;
}

export type InterruptLevel = "ask" | "terminate" | "kill";

/** A turn in progress. Disposing it ends what still runs of it and waits for `quiet`. */
export interface Turn extends AsyncDisposable {
  /** To be consumed once. Holds exactly one `ended`, as its last event; never rejects. */
  readonly events: AsyncIterable<AgentEvent>;
  /** Adds to the running turn. `too-late` means that the agent will not see it. */
  steer(prompt: AgentPrompt): Promise<"accepted" | "too-late">;
  /** Answers an `asked` of this turn. `too-late`: the turn is over or stopping, or does not wait for it any more. */
  answer(ask: string, answer: AskAnswer): Promise<"accepted" | "too-late">;
  /** Idempotent and strengthening; returns at once. After `ask`, nothing of the turn may go on by the agent's will. */
  interrupt(level: InterruptLevel): void;
  /** Resolves when it is proven that nothing of the turn still runs, except what it adopts; may stay pending for ever. */
  readonly quiet: Promise<Quiet>;
  /** What is alive of this turn at this moment: the evidence for a quarantine. Resolves, never rejects. */
  survivors(): Promise<Evidence>;
}

// ---------------------------------------------------------------- processes, workspaces

export interface Processes {
  /**
   * Ends every process that an earlier life of this instance left behind (found by their marker) and proves it.
   * Resolves, never rejects.
   */
  endOrphans(signal: AbortSignal): Promise<Quiescence>;
  /** Ends these processes and their descendants, with proof. Resolves, never rejects. */
  end(processes: readonly ProcessRef[], signal: AbortSignal): Promise<Quiescence>;
  /** Those of `processes` that are alive. */
  alive(processes: readonly ProcessRef[]): Promise<readonly ProcessRef[]>;
}

export type WorkspaceHold =
  | { readonly kind: "held"; readonly lock: AsyncDisposable }
  | { readonly kind: "refused"; readonly fault: Fault };

/** `happened` and `next` are sentences for the person. */
export type WorkspaceChoice =
  | { readonly kind: "ok"; readonly path: string }
  | { readonly kind: "refused"; readonly happened: string; readonly next: string };

export interface Workspaces {
  /** The real path of the directory that a person typed, if agents can work there. Resolves, never rejects. */
  choose(typed: string): Promise<WorkspaceChoice>;
  /**
   * Checks the directory and takes the operating system's lock on it against other instances. Within this instance the run's row
   * holds the directory already: a hold of a directory that this instance still holds (a run that was released by force is on its
   * way out) shares the lock, and the last one gives it back. Resolves, never rejects.
   */
  hold(path: string): Promise<WorkspaceHold>;
}

// ---------------------------------------------------------------- files

/** A copy that is ours: what the agent does with the original afterwards does not matter. `name` is safe to show and to save under. */
export type OutgoingFile = { readonly id: string; readonly name: string; readonly bytes: number };

export interface Files {
  /**
   * Copies a file that an agent wants to send. Refused, with a sentence for the agent: what is outside of the workspace, no regular file,
   * too large, or looks like a secret (T8). Resolves, never rejects.
   */
  take(
    path: string,
    workspace: string,
  ): Promise<
    { readonly kind: "taken"; readonly file: OutgoingFile } | { readonly kind: "refused"; readonly why: string }
  >;
  /** Where the copy is; null when it is gone. */
  find(id: string): Promise<string | null>;
}

export type FileRefused = { readonly kind: "refused" } & FileRefusal;

/**
 * Takes the bytes of a file as they come. After `enough` (too large, no room) no more are taken: whoever fetches stops, and what it
 * answers then does not matter. Resolves, never rejects.
 */
export type FileSink = (bytes: Uint8Array) => Promise<"more" | "enough">;

/**
 * Fetches what the channel knows as `source` into the sink, from its beginning. A channel that learns that there are more than
 * `bytesMax` refuses at once. Resolves, never rejects.
 */
export type FetchFile = (
  source: string,
  bytesMax: number,
  sink: FileSink,
  signal: AbortSignal,
) => Promise<{ readonly kind: "fetched" } | FileRefused>;

/** A file that came with a message and is still kept. `bytes` is what it takes on the disk, with what was unpacked of it. */
export type StoredFile = {
  readonly id: string;
  readonly kind: FileKind;
  readonly name: string;
  readonly bytes: number;
  readonly receivedAtMs: number;
};

export type FetchedFile = { readonly kind: "read"; readonly attachment: Attachment } | FileRefused;

export interface IncomingFiles {
  /** Fetches one file and reads it. Resolves, never rejects. */
  read(file: SentFile, conversation: ConversationId, signal: AbortSignal): Promise<FetchedFile>;
  /** The files that are kept of a conversation, newest first, bounded. Resolves, never rejects. */
  list(conversation: ConversationId): Promise<readonly StoredFile[]>;
  /** Removes the file of this id, or with `all` every one; resolves with how many are gone, never rejects. */
  remove(conversation: ConversationId, id: string): Promise<number>;
}

// ---------------------------------------------------------------- time, chance

export interface Clock {
  /** Epoch milliseconds. */
  now(): number;
  /** Resolves after `ms`, or at once when `signal` fires. It wakes its caller to look; it proves nothing. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

/** An id that cannot be guessed and never meets another: 30 characters of base64url. */
export type NewId = () => string;

export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

// ---------------------------------------------------------------- timetable

/** When something is due, by the calendar of a zone. Pure: the present is a parameter. */
export interface Timetable {
  /** The zone of this machine, an IANA name. */
  readonly zone: string;
  isZone(name: string): boolean;
  /** The timing that a person's words mean; or what is wrong with them, as a sentence. What is past is wrong. */
  read(
    when: When,
    zone: string,
    nowMs: number,
  ): { readonly kind: "timing"; readonly timing: Timing } | { readonly kind: "wrong"; readonly what: string };
  /** The first time after `afterMs`; null when there is none. */
  next(timing: Timing, zone: string, afterMs: number): number | null;
  /** Those from `fromMs`, which is one of them, until `atMs`, both included. */
  due(timing: Timing, zone: string, fromMs: number, atMs: number): DueTimes;
  /** A moment as it is said in the zone: "Tue 24 Nov 2026, 07:00". */
  say(atMs: number, zone: string): string;
}

// ---------------------------------------------------------------- store

/** A time of a schedule, and what became of it. */
export type Occurrence = {
  readonly trigger: OccurrenceTrigger;
  readonly dueAtMs: number;
  readonly firedAtMs: number;
  readonly became:
    | { readonly kind: "fired"; readonly item: ItemId; readonly state: ItemState }
    | { readonly kind: "skipped"; readonly skipped: Skipped };
  /** Its newest run, when that ended, and why it failed. */
  readonly run: RunId | null;
  readonly endedAtMs: number | null;
  readonly fault: Fault | null;
};

/** I11. Part of a `Tx`. */
export interface ScheduleVerbs {
  addSchedule(schedule: Omit<Schedule, "id">): Promise<ScheduleId>;
  /** Also one that was deleted. */
  schedule(id: ScheduleId): Promise<Schedule | null>;
  scheduleNamed(home: ConversationId, name: string): Promise<Schedule | null>;
  /** Without those that were deleted; null: of every conversation. */
  schedules(home: ConversationId | null): Promise<readonly Schedule[]>;
  schedulesOfLane(lane: ConversationId): Promise<readonly Schedule[]>;
  /** What can change of it: all but its home, its name and when it was made. */
  changeSchedule(schedule: Schedule): Promise<void>;
  /** Forward only, and only from `fromMs`; null: it is over. False, and nothing changed, when it stands elsewhere. */
  advanceSchedule(id: ScheduleId, fromMs: number, toMs: number | null): Promise<boolean>;
  /** Whose next time is not after `atMs`, by home. */
  dueSchedules(atMs: number, limit: number): Promise<readonly Schedule[]>;
  /** The last of its due times that there is a record of; null: of none. */
  reachedBy(id: ScheduleId): Promise<number | null>;
  nextDueAt(): Promise<number | null>;
  /** Rejects when the timer's time has a row already. */
  addOccurrence(occurrence: {
    readonly schedule: ScheduleId;
    readonly trigger: OccurrenceTrigger;
    readonly dueAtMs: number;
    readonly firedAtMs: number;
    readonly became:
      | { readonly kind: "fired"; readonly item: ItemId }
      | { readonly kind: "skipped"; readonly skipped: Skipped };
  }): Promise<void>;
  /** Newest first. */
  occurrences(schedule: ScheduleId, limit: number): Promise<readonly Occurrence[]>;
}

/**
 * `isReady` false: parts or files of it are still on their way; it keeps its place and is not claimed. `gathers` is what further messages
 * join, `partOf` the item that a message has joined.
 */
export type StoredItem = Omit<InboxItem, "part"> & {
  readonly id: ItemId;
  readonly state: ItemState;
  readonly run: RunId | null;
  readonly acceptedAtMs: number;
  readonly isReady: boolean;
  readonly gathers: string | null;
  readonly partOf: ItemId | null;
};

export type Lane = {
  readonly conversation: ConversationId;
  readonly workspace: string;
  readonly title: string | null;
  readonly epoch: number;
  readonly state: LaneState;
  /** The session that the next run uses. `driver` null: none has used it yet. */
  readonly session: { readonly id: string; readonly resume: string | null; readonly driver: string | null };
  /** What was chosen for this conversation; null follows the program's default, or the agent's own. `model` belongs to the session. */
  readonly driver: string | null;
  readonly permissions: PermissionMode | null;
  readonly model: ModelChoice | null;
  readonly settings: ConversationSettings;
};

/** `drawn` is how often its card was redrawn. */
export type StoredAsk = {
  readonly id: AskId;
  readonly owner: RunOwner;
  readonly agentId: string;
  readonly ask: Ask;
  readonly state: AskState;
  readonly drawn: number;
};

/** A live run's row. `slot` is in 1..runsMax. */
export type LiveRun = {
  readonly owner: RunOwner;
  readonly item: ItemId;
  readonly workspace: string;
  readonly session: string;
  readonly driver: string;
  readonly slot: number;
  readonly incarnation: number;
  readonly state: "starting" | "running" | "stopping" | "quarantined";
  readonly stopWhy: StopWhy | null;
  readonly isBackground: boolean;
  readonly startedAtMs: number;
};

/** What a run leaves to show: drawn as the last state of its status message. */
export type RunSummary = {
  readonly run: RunId;
  readonly outcome: RunOutcome | { readonly kind: "quarantined" };
  readonly durationMs: number;
  readonly transcript: Transcript;
};

/** What a run came to, on one line. */
export type RunLine = Pick<RunSummary, "durationMs"> & Pick<Transcript, "toolCount" | "usage">;

/**
 * A message on its way to a conversation. `status` is the live status message of a run: the sender draws the newest snapshot;
 * `summary` replaces it with its last state; `answer` is the agent's final text (Markdown).
 */
export type Outgoing =
  /** `about` is the channel's id of the person's message. None of the optional ones is in what older versions stored. */
  | {
      readonly kind: "status";
      readonly run: RunId;
      readonly stop: Button;
      readonly about?: string | null;
      readonly view?: ConversationSettings["view"];
      readonly stream?: ConversationSettings["stream"];
    }
  /** No `buttons` in what older versions stored. */
  | { readonly kind: "summary"; readonly summary: RunSummary; readonly buttons?: readonly (readonly Button[])[] }
  /** `line` and `buttons` where the run has no last line of its own: nothing that could be drawn over was shown of it. */
  | {
      readonly kind: "answer";
      readonly run: RunId;
      readonly text: string;
      readonly about?: string | null;
      readonly line?: RunLine | null;
      readonly buttons?: readonly (readonly Button[])[];
    }
  | { readonly kind: "file"; readonly run: RunId; readonly file: OutgoingFile; readonly caption: string | null }
  /** What the agent asks, as it stands. The first of an ask is a message; each further one replaces it (`replaces`). */
  | {
      readonly kind: "ask";
      readonly run: RunId;
      readonly id: AskId;
      readonly ask: Ask;
      readonly state: AskState;
      readonly replaces: string | null;
      readonly buttons: readonly (readonly Button[])[];
    }
  | {
      readonly kind: "notice";
      readonly notice: Notice;
      readonly buttons: readonly (readonly Button[])[];
      readonly replyTo: string | null;
    };

/**
 * pending -> sending -> sent; a row found `sending` at boot has an unknown outcome. `superseded`: the row no longer says
 * anything true (a status of a run that is over). `undeliverable`: the chat refused it for good; kept as a record.
 */
export type OutboxState = "pending" | "sending" | "sent" | "superseded" | "undeliverable";

export type OutboxId = number & { readonly brand: "OutboxId" };

export type OutboxRow = {
  readonly id: OutboxId;
  readonly conversation: ConversationId;
  readonly run: RunId | null;
  /** The name of the schedule that its run is of (T16). */
  readonly origin: string | null;
  readonly body: Outgoing;
  readonly state: OutboxState;
  /** The channel's id of the message once it is known. */
  readonly message: string | null;
  readonly attempts: number;
  /** An attempt ended without a known outcome: one more may be made, and it says that it may be a repetition. */
  readonly uncertain: boolean;
  readonly createdAtMs: number;
  readonly notBeforeMs: number;
};

/** How an item begins that is not whole yet, or that belongs to one. */
export type Gathering =
  | { readonly kind: "unready"; readonly gathers: string | null }
  | { readonly kind: "part"; readonly of: ItemId };

/** Which question the store answers when a button is pressed. */
export type ButtonUse =
  /** `conversation` is its own: the one it was pressed in, or a side conversation of it. */
  | { readonly kind: "used"; readonly action: ButtonAction; readonly conversation: ConversationId }
  | { readonly kind: "spent" }
  | { readonly kind: "expired" }
  /** No such button, or it belongs to another conversation. */
  | { readonly kind: "unknown" };

/**
 * One transaction. Verbs that name an owner return false when the owner is deposed (I3): the caller then throws `Deposed`, and
 * everything in the transaction is rolled back. Inside a transaction nothing but these verbs may be awaited.
 */
export interface Tx extends ScheduleVerbs {
  // -- items
  /** Insert-or-ignore by key; null when the key was seen before. Positions follow admission order. */
  addItem(item: InboxItem, state: ItemState, atMs: number, gathering?: Gathering): Promise<ItemId | null>;
  item(id: ItemId): Promise<StoredItem | null>;
  /** In running order: priority, then position. */
  items(conversation: ConversationId, state: "queued" | "held"): Promise<readonly StoredItem[]>;
  /** How many there are of each: every message asks, few need the items themselves. */
  waiting(conversation: ConversationId): Promise<{ readonly queued: number; readonly held: number }>;
  /** Conditional on `from`: false, and nothing changed, when the item is in another state. `run` is kept when undefined. */
  moveItem(id: ItemId, from: ItemState, to: ItemState, run?: RunId | null): Promise<boolean>;
  /** Puts a queued item before all others of its conversation, the held ones included: they come back in their old places. */
  moveItemFirst(id: ItemId): Promise<void>;
  /** Replaces the prompt of a queued or held item, or of a part that is not in the prompt of its whole yet. */
  rewriteItem(id: ItemId, request: Request): Promise<void>;
  /** The newest queued or held item of the conversation that gathers `of`. */
  gathering(conversation: ConversationId, of: string): Promise<StoredItem | null>;
  /** The messages that joined this item and are not in its prompt yet, in the order of their coming. */
  partsOf(item: ItemId): Promise<readonly StoredItem[]>;
  /** Replaces the prompt of a queued or held item by one that has all its parts in it. */
  takeParts(item: ItemId, request: Request): Promise<void>;
  /** What was a message of its own is in the prompt of `whole` from here on. */
  joinItem(id: ItemId, whole: ItemId): Promise<void>;
  /** Says whether a queued or held item may be claimed. */
  setReady(id: ItemId, isReady: boolean): Promise<void>;
  /** The queued items of all conversations that are not ready. */
  unready(): Promise<readonly StoredItem[]>;
  /** The prompt that came in as this message of the channel, if it is one of the conversation's newest. */
  itemOfMessage(conversation: ConversationId, message: string): Promise<StoredItem | null>;
  /** The item that a message of ours tells of, if it is one of the conversation's newest. */
  itemToldIn(conversation: ConversationId, message: string): Promise<ItemId | null>;
  /** What was steered into a run, in order: `merged` once the agent took it, `running` until it answered. Not the run's own item. */
  itemsOfRun(run: RunId, state: "merged" | "running"): Promise<readonly StoredItem[]>;
  // -- lanes
  /** Locks the lane; null when the conversation was never opened. */
  lane(conversation: ConversationId): Promise<Lane | null>;
  /** Insert-or-ignore. `chosen` tells a directory picked for this conversation from the default one. */
  openLane(conversation: ConversationId, workspace: string, chosen: boolean, session: string): Promise<void>;
  lanes(): Promise<readonly (Lane & { readonly queued: number; readonly held: number })[]>;
  /** Begins a new session of the same agent, with the same model. */
  newSession(conversation: ConversationId, session: string, title: string | null): Promise<void>;
  /** Goes on with a memory that the agent has: `resume` of `driver`. */
  takeSession(
    conversation: ConversationId,
    session: { readonly id: string; readonly driver: string; readonly resume: string; readonly title: string | null },
  ): Promise<void>;
  /** The lane goes on in its newest session of this agent, or in a new one with the id `fresh`; one that nobody used yet becomes this agent's. */
  sessionFor(conversation: ConversationId, driver: string, fresh: string): Promise<Lane>;
  /** The conversation whose present session has this memory; null when there is none. */
  holderOf(driver: string, resume: string): Promise<ConversationId | null>;
  /** The conversation whose live run in this directory has not said yet which memory is its, where no session is known to have this one. */
  possibleHolderOf(driver: string, resume: string, workspace: string): Promise<ConversationId | null>;
  /** The lane's next run works there (a real path), in a new session of the same agent: an agent's memory belongs to its directory. */
  chooseWorkspace(conversation: ConversationId, workspace: string, session: string): Promise<void>;
  chooseDriver(conversation: ConversationId, driver: string): Promise<void>;
  choosePermissions(conversation: ConversationId, permissions: PermissionMode): Promise<void>;
  chooseSettings(conversation: ConversationId, settings: ConversationSettings): Promise<void>;
  /** For the present session and those that begin after it. */
  chooseModel(conversation: ConversationId, model: ModelChoice | null): Promise<void>;
  setTitle(conversation: ConversationId, title: string): Promise<void>;
  /** Moves every lane that uses the default workspace (not `chosen`) to this one. Boot only. */
  moveDefaultLanes(workspace: string): Promise<void>;
  // -- claims
  /**
   * The fair next: the ready lane (an item queued, no live run, its workspace free) with the oldest ticket, and the lowest free
   * slot of 1..runsMax; null when there is none. Locks what it returns.
   */
  nextReady(runsMax: number): Promise<{ readonly lane: Lane; readonly item: StoredItem; readonly slot: number } | null>;
  /** Why the head of this lane does not start now; null when nothing is queued or it is about to start. */
  waitsFor(
    conversation: ConversationId,
    runsMax: number,
  ): Promise<
    | { readonly kind: "run" | "slot" | "files" | "background" }
    | { readonly kind: "workspace"; readonly holder: ConversationId }
    | null
  >;
  /**
   * K6: the background runs, not told to stop yet, that a person's message waits for: in its conversation, in its directory, or because
   * all slots are taken, as many as are needed.
   */
  inTheWay(runsMax: number): Promise<readonly RunOwner[]>;
  /**
   * Inserts the run at the lane's next epoch. The database refuses a second live run of the conversation, the workspace or the
   * slot (I1): this rejects then.
   */
  insertRun(run: RunId, lane: Lane, item: ItemId, slot: number, driver: string, atMs: number): Promise<RunOwner>;
  // -- runs: all fenced by owner (I3)
  run(owner: RunOwner): Promise<LiveRun | null>;
  liveRuns(): Promise<readonly LiveRun[]>;
  /** starting -> running, and the agent's session id for resuming. */
  confirmRun(owner: RunOwner, resume: string | null): Promise<boolean>;
  markStopping(owner: RunOwner, why: StopWhy, atMs: number): Promise<boolean>;
  quarantineRun(owner: RunOwner, evidence: Evidence): Promise<boolean>;
  /** Ends the run's occupation of lane, workspace and slot; the lane draws a new ticket when items wait. */
  settleRun(owner: RunOwner, outcome: RunOutcome, transcript: Transcript, atMs: number): Promise<boolean>;
  /** Boot: every live run's lane goes to a new epoch under this incarnation, state `stopping`, why `crash`. Returns them re-owned. */
  deposeAll(atMs: number): Promise<readonly LiveRun[]>;
  // -- what agents ask
  /** Fenced; false also when the run is being stopped. */
  addAsk(owner: RunOwner, ask: { readonly id: AskId; readonly agentId: string; readonly ask: Ask }): Promise<boolean>;
  ask(id: AskId): Promise<StoredAsk | null>;
  openAsks(run: RunId): Promise<readonly StoredAsk[]>;
  /** Counts the redrawing; the number is part of what is shown. */
  setAsk(id: AskId, state: AskState): Promise<void>;
  /** The ask that a message of the channel shows, and the conversation that it was asked in: this one, or a side conversation of it. */
  askOfMessage(
    conversation: ConversationId,
    message: string,
  ): Promise<{ readonly ask: AskId; readonly conversation: ConversationId } | null>;
  // -- what was used
  /** `day` is a date, "2026-11-23". */
  addUsage(session: string, day: string, driver: string, usage: Usage): Promise<void>;
  usageOf(session: string): Promise<UsageTally | null>;
  usageOfDay(day: string): Promise<readonly UsageTally[]>;
  /** How many runs settled from `fromMs` until before `toMs`, by their outcome. */
  endedBetween(fromMs: number, toMs: number): Promise<Readonly<Partial<Record<RunOutcome["kind"], number>>>>;
  setLimits(driver: string, limits: readonly AccountLimit[], atMs: number): Promise<void>;
  limits(): Promise<readonly AgentLimits[]>;
  /** Of the newest run of the conversation that has settled. */
  lastTranscript(conversation: ConversationId): Promise<Transcript | null>;
  transcriptOf(run: RunId): Promise<Transcript | null>;
  // -- commands whose answer waits for an agent
  /** Every command that an earlier life had not answered. */
  unansweredCommands(): Promise<readonly StoredItem[]>;
  // -- /stop all waits for several runs
  addStopWait(item: ItemId, run: RunId): Promise<void>;
  /** Resolves the waits on this run; returns the stop commands that now wait for nothing, with their tallies. */
  endStopWaits(
    run: RunId,
    how: "stopped" | "quarantined",
  ): Promise<readonly { readonly item: StoredItem; readonly stopped: number; readonly quarantined: number }[]>;
  // -- background processes adopted from finished turns
  adopt(conversation: ConversationId, run: RunId, processes: readonly ProcessRef[]): Promise<void>;
  adopted(
    conversation: ConversationId | null,
  ): Promise<readonly { readonly conversation: ConversationId; readonly process: ProcessRef }[]>;
  dropAdopted(processes: readonly ProcessRef[]): Promise<void>;
  // -- buttons
  addButton(button: Button, conversation: ConversationId, expiresAtMs: number): Promise<void>;
  /** What it does, used or not, and where it belongs; null when there is no such button in the conversation or a side conversation of it. */
  button(
    id: ButtonId,
    conversation: ConversationId,
  ): Promise<{ readonly action: ButtonAction; readonly conversation: ConversationId } | null>;
  /** Single use by one atomic update. */
  useButton(id: ButtonId, conversation: ConversationId, atMs: number): Promise<ButtonUse>;
  // -- outbox
  /** Insert-or-ignore by `dedupe`. Rows of a channel that reads (`web`) are stored as sent. */
  addOutgoing(
    row: {
      readonly conversation: ConversationId;
      readonly run: RunId | null;
      /** The message tells that this item waits: it goes after everything else, and not at all once the item waits no more. */
      readonly acknowledges?: ItemId;
      readonly dedupe: string;
      readonly body: Outgoing;
      readonly notBeforeMs: number;
    },
    atMs: number,
  ): Promise<void>;
  /**
   * The run is over: its status message, if not begun yet, is superseded. True when the status was shown or may have been, so
   * that a summary has something to replace.
   */
  endStatus(run: RunId): Promise<boolean>;
  // -- people
  person(user: string): Promise<Person | null>;
  people(): Promise<readonly Person[]>;
  /** Replaces what was known of the same person. */
  addPerson(person: Person): Promise<void>;
  /** Resolves with who it was; null when nobody. */
  removePerson(user: string): Promise<Person | null>;
  /** Who asks, or was answered within the hour. */
  pairings(): Promise<readonly (Pairing & { readonly state: "pending" | "over" })[]>;
  /** Replaces what the same person asked before. */
  addPairing(pairing: Pairing): Promise<void>;
  /** pending -> over, once; false when it is not pending. */
  endPairing(user: string): Promise<boolean>;
  dropPairings(beforeMs: number): Promise<void>;
  // -- counters
  counts(): Promise<Counts>;
}

/** I4: `received` is a running count of admissions, kept apart from the rows so that a lost row shows. */
export type Counts = { readonly received: number; readonly byState: Readonly<Record<ItemState, number>> };

/**
 * disk-full: no space; nothing of the transaction was kept. unreadable: not a database of ours, or damaged. newer-version:
 * written by a later Signalbox. locked: another program is writing. unwritable: missing directory or no permission.
 * deposed: the database was opened by a newer process. refused: a constraint said no. misused: a bug in the caller.
 */
export type StoreFaultKind =
  | "disk-full"
  | "unreadable"
  | "newer-version"
  | "locked"
  | "unwritable"
  | "deposed"
  | "refused"
  | "misused"
  | "internal";

export class StoreFault extends Error {
  override readonly name = "StoreFault";
  readonly kind: StoreFaultKind;

  constructor(kind: StoreFaultKind, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.kind = kind;
  }
}

/** Whether it may be over later, by itself or by a person's hand: what must not be lost is tried again until then. */
export function isOutage(error: unknown): boolean {
  if (!(error instanceof StoreFault)) return false;
  switch (error.kind) {
    case "disk-full":
    case "locked":
    case "unreadable":
    case "unwritable":
      return true;
    case "newer-version":
    case "deposed":
    case "refused":
    case "misused":
    case "internal":
      return false;
    default:
      return error.kind satisfies never;
  }
}

export interface Store extends AsyncDisposable {
  /** A random id of this database, the instance part of the process marker. */
  readonly instance: string;
  /** Grows by one at each opening for writing. */
  readonly incarnation: number;
  /**
   * Runs `decide` in one transaction and resolves after the commit is durable; rejects with what it threw, after a rollback.
   * Concurrent transactions run one after the other and may share a commit.
   */
  transact<T>(decide: (tx: Tx) => Promise<T>): Promise<T>;
  readonly outbox: OutboxQueue;
  readonly history: History;
}

/** What a channel needs to deliver. Each verb is one transaction; all resolve after the commit. */
export interface OutboxQueue {
  /** Deliverable rows of a channel (`pending`), oldest first per conversation; also rows found `sending` from an earlier life. */
  due(channel: ChannelName, limit: number): Promise<readonly OutboxRow[]>;
  /** The undelivered rows of its conversation that go after this one, in that order; acknowledgements of waiting messages are not among them. */
  behind(row: Pick<OutboxRow, "id" | "conversation">, limit: number): Promise<readonly OutboxRow[]>;
  /** pending -> sending; false when it is not pending any more (superseded meanwhile). */
  begin(id: OutboxId): Promise<boolean>;
  sent(id: OutboxId, message: string | null): Promise<void>;
  /** sending -> pending: the outcome is known to be "not delivered" (refused for now), or unknown. */
  again(id: OutboxId, notBeforeMs: number, outcome: "refused" | "unknown"): Promise<void>;
  end(id: OutboxId, state: "superseded" | "undeliverable"): Promise<void>;
  /** The row that was said under this key, once it was sent: its message can be edited. */
  sentAs(dedupe: string): Promise<OutboxRow | null>;
  /** Boot: rows of this channel found `sending` become pending and uncertain. */
  recover(channel: ChannelName): Promise<void>;
}

/** Reading for the page and for tools: never locks, never blocks a run. */
export interface History {
  lanes(): Promise<readonly (Lane & { readonly queued: number; readonly held: number })[]>;
  liveRuns(): Promise<readonly LiveRun[]>;
  /** Newest `limit` items and messages of a conversation, oldest first. */
  items(conversation: ConversationId, limit: number): Promise<readonly StoredItem[]>;
  messages(conversation: ConversationId, limit: number): Promise<readonly OutboxRow[]>;
  /** In the order in which they will run. */
  waiting(conversation: ConversationId, state: "queued" | "held"): Promise<readonly StoredItem[]>;
  openAsks(run: RunId): Promise<readonly StoredAsk[]>;
  /** Of every conversation, without those that were deleted. */
  schedules(): Promise<readonly Schedule[]>;
  /** Newest first. */
  occurrences(schedule: ScheduleId, limit: number): Promise<readonly Occurrence[]>;
  counts(): Promise<Counts>;
  /** Those of a conversation that was never opened are the defaults. */
  settings(conversation: ConversationId): Promise<ConversationSettings>;
  access(): Promise<Access>;
  figures(): Promise<Figures>;
}

/** In numbers, without a name of a person or a conversation. `ended` and `stops` are of this life of the program, `used` of all time. */
export type Figures = {
  /** Items that wait or are on hold. */
  readonly pending: number;
  readonly oldestPendingAtMs: number | null;
  readonly live: readonly { readonly driver: string; readonly state: LiveRun["state"]; readonly count: number }[];
  readonly undelivered: readonly { readonly channel: string; readonly count: number }[];
  readonly used: readonly UsageTally[];
  readonly ended: readonly EndedRuns[];
  readonly stops: readonly StoppedRuns[];
  readonly decisions: readonly { readonly labels: { readonly decision: Decision }; readonly value: number }[];
  /** Messages of which it was not known for a time whether they had arrived. */
  readonly uncertain: number;
  readonly lateness: Lateness;
};

/** How late due times of the timer fired; those that were missed are none of them. `lateMs` is a sum, `within` counts those up to a bound. */
export type Lateness = {
  readonly fired: number;
  readonly lateMs: number;
  readonly within: readonly { readonly boundMs: number; readonly fired: number }[];
};

/** What became of an approval or a plan. */
export type Decision = "allowed_once" | "allowed_session" | "denied" | Exclude<AskState["kind"], "open" | "answered">;

/** `durationMs` and `waitMs` are sums. */
export type EndedRuns = {
  readonly driver: string;
  readonly trigger: InboxItem["priority"];
  readonly outcome: RunOutcome["kind"];
  readonly runs: number;
  readonly durationMs: number;
  readonly waitMs: number;
};

/** `toQuietMs` is a sum: from the order to the settled end. */
export type StoppedRuns = { readonly driver: string; readonly runs: number; readonly toQuietMs: number };

/** Somebody who wrote without being let in. `claim.key` is that of what they wrote. */
export type Stranger = {
  readonly user: string;
  readonly name: string;
  readonly claim?: { readonly code: string; readonly key: ItemKey };
};

/** Whom a channel lets through besides the owners, and the conversations in which it hears everything. */
export type Access = { readonly people: readonly Person[]; readonly listening: readonly ConversationId[] };

// ---------------------------------------------------------------- the engine, as channels see it

/** `text` is for the person who pressed (a toast); null for other items. `fresh` is false for a key that was seen before. */
export type Receipt = { readonly key: ItemKey; readonly fresh: boolean; readonly toast: string | null };

/** A live run as a viewer sees it at one moment. */
export type RunSnapshot = {
  readonly owner: RunOwner;
  readonly driver: string;
  readonly state: "starting" | "running" | "stopping" | "quarantined";
  readonly startedAtMs: number;
  readonly transcript: Transcript;
};

/** Told after every commit and every event; a hint to look, never a queue (I12). Must not throw, must return at once. */
export type EngineListener = {
  changed(conversation: ConversationId): void;
  progressed(snapshot: RunSnapshot): void;
  /** The times of schedules changed. */
  rescheduled?(): void;
};

export interface Engine extends AsyncDisposable {
  /** Ends orphans, settles what a crash cut, offers what waited too long, then begins to claim. */
  boot(): Promise<void>;
  /**
   * Stores and decides these items in one transaction, in order; resolves after the commit: only then may the channel move its
   * offset or answer the press (I5). `chosen` gives a new conversation its own directory (a real path).
   */
  accept(items: readonly InboxItem[], chosen?: { readonly workspace: string }): Promise<readonly Receipt[]>;
  /**
   * Fires what is due of the schedules: it is skipped with a record, or waits in line like everything else. Resolves after the commit with the
   * next time at which something is due; null when nothing will be, or when no more is claimed. Rejects when it did not commit.
   */
  fire(): Promise<number | null>;
  access(): Promise<Access>;
  /**
   * A stranger wrote: resolves after the commit with the code that they are to be told, once an hour, or null when they are to be told
   * nothing. Nothing of what they wrote gets here (T1) but a `claim`: a code, which makes an owner of who read it in the terminal.
   */
  knock(stranger: Stranger): Promise<string | null>;
  /** The code that makes an owner of whoever sends it within the hour; null when there is one. An earlier one is good no more. */
  inviteOwner(): Promise<string | null>;
  /** The newest snapshot of a live run; null when it is not live in this process. */
  snapshot(run: RunId): RunSnapshot | null;
  snapshots(): readonly RunSnapshot[];
  watch(listener: EngineListener): Disposable;
  /** Claims nothing more; lets runs finish for `graceMs`, then stops them with proof. Resolves when no run is live here. */
  drain(graceMs: number): Promise<void>;
}
