/**
 * What the server and the page say to each other, as JSON. Types only: the page imports nothing else of the server.
 *
 * 1. The words of notices, buttons and faults are written once, in src/domain, and arrive here as text.
 * 2. A view is a snapshot: the newest replaces the one before it (I12).
 */
import type { Usage } from "../domain/agent-event.ts";
import type { ModelChoice } from "../domain/agent-model.ts";
import type { Ask, AskState, AskStep } from "../domain/ask.ts";
import type { ChannelName } from "../domain/conversation.ts";
import type { ItemState } from "../domain/inbox-item.ts";
import type { Notice } from "../domain/notice.ts";
import type { PermissionMode } from "../domain/permission-mode.ts";
import type { RunOutcome } from "../domain/run.ts";
import type { MissedPolicy, OccurrenceTrigger, SchedulePlan, ScheduleWork } from "../domain/schedule.ts";
import type { Phase, ToolRecord, Transcript } from "../domain/transcript.ts";

/** Where a reader of the event stream stands: "<life of the server>.<sequence>". Opaque to the page. */
export type Cursor = string;

/** The control room. Times are epoch milliseconds by the server's clock, which reads `nowMs`. */
export type Overview = {
  readonly cursor: Cursor;
  readonly nowMs: number;
  readonly version: string;
  readonly agent: Agent;
  readonly workspaceDefault: string;
  readonly runsMax: number;
  readonly promptCharsMax: number;
  readonly filesMax: number;
  /** Live ones first, then the most recently used; at most `lanesShownMax`. */
  readonly lanes: readonly LaneView[];
  /** Lanes that did not fit into `lanes`. */
  readonly lanesHidden: number;
  readonly commands: readonly { readonly command: string; readonly description: string }[];
};

export type Agent = { readonly name: string; readonly version: string | null; readonly isDemo: boolean };

export type LaneViewState = "idle" | "waiting" | "starting" | "running" | "stopping" | "quarantined";

export type LaneView = {
  readonly conversation: string;
  readonly channel: ChannelName;
  /** What a list calls it: its title, else the head of the first thing said. */
  readonly name: string;
  /** Of a side conversation, in which schedules run: the one that it belongs to. */
  readonly home: { readonly conversation: string; readonly name: string } | null;
  readonly workspace: string;
  readonly state: LaneViewState;
  readonly driver: string | null;
  /** With what the next run works. */
  readonly choice: Choice;
  readonly startedAtMs: number | null;
  /** What the live run waits for an answer to. */
  readonly asks: number;
  readonly queued: number;
  readonly held: number;
  /** Why the head of the queue does not start. */
  readonly waitsFor: WaitsFor | null;
  readonly usedAtMs: number | null;
};

/** `model` null: the agent's own default. */
export type Choice = {
  readonly driver: string;
  readonly model: ModelChoice | null;
  readonly permissions: PermissionMode;
};

export type WaitsFor =
  | { readonly kind: "slot" }
  | { readonly kind: "workspace"; readonly holder: string; readonly holderName: string };

export type ConversationView = {
  readonly conversation: string;
  readonly channel: ChannelName;
  /** Null until the first message of a new thread is accepted. */
  readonly lane: LaneView | null;
  readonly entries: readonly Entry[];
  readonly queue: readonly Waiting[];
  readonly held: readonly Waiting[];
  /** What to do with the held ones, when the engine asked. */
  readonly heldButtons: readonly ButtonView[];
  readonly run: RunView | null;
  /** Older entries exist that are not shown. */
  readonly isCut: boolean;
};

/** `weight` says how it looks beside others: what most people want, what ends something, what is risky. */
export type ButtonView = {
  readonly id: string;
  readonly label: string;
  readonly weight: "main" | "plain" | "quiet" | "danger";
};

/** A button of an ask. One that was pressed already is shown as spent. */
export type AskButton = ButtonView & { readonly step: AskStep; readonly isSpent: boolean };

/** A message that waits. `key` is the one that the page sent it with, null for another channel's. */
export type Waiting = {
  readonly item: number;
  readonly key: string | null;
  readonly text: string;
  readonly atMs: number;
  readonly isInterrupt: boolean;
  readonly buttons: readonly ButtonView[];
};

/** `id` is unique in the conversation and stable. `origin` names the schedule whose run said it, where others say something as well. */
export type Entry =
  | {
      readonly kind: "said";
      readonly id: string;
      readonly key: string | null;
      readonly text: string;
      readonly isCommand: boolean;
      readonly isInterrupt: boolean;
      /** A schedule's time came; a person may have asked for it now. */
      readonly by: "person" | "schedule" | "schedule-now";
      /** "stopped": cancelled after it had begun to run. */
      readonly state: ItemState | "stopped";
      readonly atMs: number;
    }
  | {
      readonly kind: "answer";
      readonly id: string;
      readonly origin: string | null;
      readonly markdown: string;
      readonly atMs: number;
    }
  | {
      readonly kind: "notice";
      readonly id: string;
      readonly origin: string | null;
      readonly notice: Notice["kind"];
      readonly tone: Tone;
      readonly text: string;
      readonly buttons: readonly (readonly ButtonView[])[];
      readonly atMs: number;
    }
  | {
      readonly kind: "summary";
      readonly id: string;
      readonly origin: string | null;
      readonly outcome: RunOutcome["kind"] | "quarantined";
      readonly durationMs: number;
      readonly text: string;
      readonly tools: readonly ToolRecord[];
      readonly toolCount: number;
      readonly notices: readonly string[];
      readonly usage: Usage | null;
      readonly context: Transcript["context"];
      readonly diff: string | null;
      readonly atMs: number;
    }
  /** What the agent asks, as it stands now, at the place where it began to ask. */
  | {
      readonly kind: "ask";
      readonly id: string;
      readonly origin: string | null;
      readonly ask: string;
      readonly about: Ask;
      readonly state: AskState;
      readonly buttons: readonly AskButton[];
      readonly atMs: number;
    }
  /** What the agent sent. `file` names it in the address to load it from. */
  | {
      readonly kind: "file";
      readonly id: string;
      readonly origin: string | null;
      readonly file: string;
      readonly name: string;
      readonly bytes: number;
      readonly caption: string | null;
      readonly atMs: number;
    };

/** plain: something was said. warning: look at it. danger: something went wrong. */
export type Tone = "plain" | "warning" | "danger";

/** A live run. `text` is the newest block of Markdown; `tools` the newest `toolsShownMax`. */
export type RunView = {
  readonly run: string;
  readonly conversation: string;
  readonly driver: string;
  readonly state: "starting" | "running" | "stopping" | "quarantined";
  readonly startedAtMs: number;
  readonly phase: Exclude<Phase, { kind: "ended" }> | { readonly kind: "ended" };
  readonly text: string;
  readonly tools: readonly ToolRecord[];
  readonly toolCount: number;
  readonly notices: readonly string[];
  readonly usage: Usage | null;
  readonly context: Transcript["context"];
  /** What the turn has changed so far, a unified diff. */
  readonly diff: string | null;
};

/** `diff` is left out while it is the one that this stream told before: a long one would be told ten times a second. */
export type RunProgress = Omit<RunView, "diff"> & { readonly diff?: string | null };

// ---------------------------------------------------------------- schedules

/** Those that are due next come first, then what will not fire. At most `schedulesShownMax`; the rest is counted. */
export type SchedulesView = {
  readonly nowMs: number;
  readonly schedules: readonly ScheduleView[];
  readonly schedulesHidden: number;
  /** The first is where a schedule belongs unless told otherwise. */
  readonly homes: readonly ScheduleHome[];
};

/** A conversation that a schedule may belong to. `zone` is an IANA name. */
export type ScheduleHome = {
  readonly conversation: string;
  readonly name: string;
  readonly channel: ChannelName;
  readonly zone: string;
};

/** Words of time are in `zone`. */
export type ScheduleView = {
  readonly id: number;
  readonly home: string;
  readonly homeName: string;
  readonly channel: ChannelName;
  /** Where its runs are seen. */
  readonly lane: string;
  readonly session:
    | { readonly kind: "own" | "conversation" }
    /** Shared with others. */
    | { readonly kind: "named"; readonly name: string };
  /** Unique in its home. */
  readonly name: string;
  readonly work: ScheduleWork;
  readonly when: string;
  /** What would be typed for it. */
  readonly typed: string;
  readonly zone: string;
  readonly state: "active" | "paused" | "over";
  readonly nextAtMs: number | null;
  /** At most five, the next one first. */
  readonly times: readonly { readonly atMs: number; readonly said: string }[];
  readonly missed: MissedPolicy["kind"];
  /** As it would be typed: "6h". */
  readonly missedWindow: string | null;
  readonly overlap: SchedulePlan["overlap"];
  readonly view: SchedulePlan["view"];
  readonly memory: SchedulePlan["memory"];
  readonly permissions: PermissionMode;
  /** Of a run, as it would be typed: "1h30m". */
  readonly limit: string | null;
  /** With what an agent works on it; null where none does. `model` null: the agent's own default. */
  readonly works: { readonly driver: string; readonly model: string | null; readonly workspace: string } | null;
  /** In a row. */
  readonly failures: number;
  /** Its newest time. */
  readonly last: OccurrenceView | null;
};

export type ScheduleOutcome =
  | "waits"
  /** A person's message came; it begins again. */
  | "made-room"
  | "held"
  | "runs"
  | "done"
  | "stopped"
  | "cancelled"
  | "failed"
  | "interrupted"
  | "rejected"
  | "skipped";

export type OccurrenceView = {
  readonly trigger: OccurrenceTrigger;
  readonly dueAtMs: number;
  readonly due: string;
  readonly outcome: ScheduleOutcome;
  readonly words: string;
  readonly endedAtMs: number | null;
};

/** Newest first, at most `occurrencesShownMax`. */
export type ScheduleHistory = {
  readonly name: string;
  readonly zone: string;
  readonly occurrences: readonly OccurrenceView[];
};

/** What a time that somebody types means. */
export type ScheduleCheck =
  | { readonly kind: "right"; readonly when: string; readonly zone: string; readonly times: ScheduleView["times"] }
  | { readonly kind: "wrong"; readonly what: string };

// ---------------------------------------------------------------- server-sent events

export type StreamEvents = {
  /** Something about this conversation was committed: fetch it again. */
  readonly changed: { readonly conversation: string };
  /** The times of schedules changed. */
  readonly rescheduled: Record<string, never>;
  readonly progress: RunProgress;
  /** What happened since your cursor is not known any more: fetch everything again. */
  readonly reset: Record<string, never>;
  readonly ping: Record<string, never>;
};

// ---------------------------------------------------------------- requests

/** `key` is made once per message by the page; sending it again is safe. `workspace` only matters for a new thread. */
/** A file that was uploaded before; `name` and `type` are what the browser says of it. */
export type SentUpload = { readonly id: string; readonly name: string; readonly type: string; readonly bytes: number };
/** At most `Overview.filesMax` files; the text may be empty where there is one. */
export type SendBody = {
  readonly key: string;
  readonly text: string;
  readonly workspace?: string;
  readonly files?: readonly SentUpload[];
};
/** The answer to an upload. */
export type Uploaded = { readonly id: string; readonly bytes: number };

export type PressBody = { readonly key: string; readonly button: string };
/** An answer in words. */
export type AnswerBody = { readonly key: string; readonly ask: string; readonly text: string };
export type StopBody = { readonly key: string; readonly scope: "conversation" | "all" };

/** What follows `/cron`, as it would be typed in the conversation. */
export type ScheduleBody = { readonly key: string; readonly typed: string };
/** What the engine answered; it stands in the conversation as well. */
export type ScheduleAnswer =
  | { readonly kind: "done" | "refused"; readonly text: string }
  /** It is stored, and its answer comes later, in the conversation. */
  | { readonly kind: "later" };
/** `zone` null: that of the conversation. */
export type ScheduleCheckBody = { readonly conversation: string; readonly when: string; readonly zone: string | null };

/** `fresh` is false when this key was accepted before. `toast` is for the person who pressed. */
export type Accepted = { readonly fresh: boolean; readonly toast: string | null };

export type ProblemCode =
  | "link-invalid"
  | "not-signed-in"
  | "foreign-host"
  | "foreign-origin"
  | "not-found"
  | "file-gone"
  | "bad-request"
  | "too-long"
  | "file-too-large"
  | "empty"
  | "read-only"
  | "workspace-invalid"
  | "too-many-tabs"
  | "not-stored"
  | "internal";

/** What happened, what was kept, what to do: three sentences for a person. */
export type Problem = {
  readonly error: {
    readonly code: ProblemCode;
    readonly happened: string;
    readonly kept: string;
    readonly next: string;
  };
};
