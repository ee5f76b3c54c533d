/**
 * Everything that Signalbox itself says in a conversation, as data. It is stored in the outbox in the same transaction as
 * the decision it tells of; each channel draws it in its own way from `describeNotice`.
 */
import type { ChannelName, ConversationId } from "./conversation.ts";
import type { AccountLimit, AgentLimits, Usage, UsageTally } from "./agent-event.ts";
import type { AgentModel, ModelChoice } from "./agent-model.ts";
import type { StoredSession } from "./agent-session.ts";
import { describeFault, type Fault } from "./faults.ts";
import type { ItemId } from "./inbox-item.ts";
import { describePermissions, type PermissionMode, permissionModes } from "./permission-mode.ts";
import { settingLine, type SettingChange } from "./conversation-settings.ts";
import { describeRefusal, describeRole, type PairedRole, type Role } from "./person.ts";
import type { Evidence, ProcessRef } from "./run.ts";
import type { RunDetail } from "./run-details.ts";

export type QueueEntry = { readonly item: ItemId; readonly text: string };

/** An error as the log has it; `id` is in its line there. */
export type LogEntry = { readonly id: string; readonly atMs: number; readonly text: string };

export type LaneReport = {
  readonly conversation: ConversationId;
  readonly title: string | null;
  readonly workspace: string;
  readonly state: "idle" | "waiting" | "running" | "stopping" | "quarantined";
  readonly driver: string | null;
  readonly elapsedMs: number | null;
  readonly queued: number;
  readonly held: number;
  /** The conversation that holds this lane's workspace, when that is what it waits for. */
  readonly waitsFor: ConversationId | null;
  readonly background: readonly ProcessRef[];
};

export type Notice =
  | { readonly kind: "welcome"; readonly driver: string; readonly workspace: string; readonly isDemo: boolean }
  | { readonly kind: "help" }
  | { readonly kind: "unknown-command"; readonly text: string }
  | { readonly kind: "unsupported"; readonly what: string }
  | {
      readonly kind: "queued";
      readonly position: number;
      readonly waitsFor: "run" | "slot" | "workspace" | "files";
      readonly workspace: string;
    }
  | { readonly kind: "lane-full"; readonly capacity: number }
  /** What was understood of a voice message. An answer to this message corrects it. */
  | { readonly kind: "heard"; readonly item: ItemId; readonly text: string; readonly state: "runs" | "asks" }
  /** The message is kept and waits for a decision. */
  | { readonly kind: "files-failed"; readonly reasons: readonly string[] }
  /** `isEmpty`: nothing was left of the message. */
  | { readonly kind: "files-left-out"; readonly reasons: readonly string[]; readonly isEmpty: boolean }
  | { readonly kind: "edited"; readonly text: string }
  | {
      readonly kind: "files";
      readonly files: readonly { readonly name: string; readonly bytes: number; readonly receivedAtMs: number }[];
      /** How many there are besides. */
      readonly more: number;
      readonly atMs: number;
    }
  | { readonly kind: "files-removed"; readonly count: number }
  | { readonly kind: "edit-late"; readonly state: "running" | "over" }
  | { readonly kind: "stopping" }
  | { readonly kind: "stopped"; readonly why: "user" | "replaced"; readonly held: number; readonly forced: boolean }
  | { readonly kind: "stopping-all"; readonly runs: number }
  | { readonly kind: "stopped-all"; readonly stopped: number; readonly quarantined: number }
  | { readonly kind: "nothing-to-stop"; readonly held: number }
  | { readonly kind: "quarantined"; readonly evidence: Evidence }
  | { readonly kind: "failed"; readonly fault: Fault }
  | { readonly kind: "interrupted"; readonly text: string; readonly cause: "crash" | "shutdown" | "agent" }
  | {
      readonly kind: "held";
      readonly count: number;
      readonly reason: "stop" | "downtime" | "steer";
      readonly entries: readonly QueueEntry[];
    }
  | { readonly kind: "released"; readonly count: number; readonly how: "run-each" | "run-as-one" | "discard" }
  | {
      readonly kind: "queue";
      readonly entries: readonly QueueEntry[];
      readonly count: number;
      readonly held: number;
      readonly isRunning: boolean;
    }
  | { readonly kind: "item-cancelled"; readonly text: string }
  | { readonly kind: "queue-cleared"; readonly count: number }
  | { readonly kind: "new-session"; readonly isRunActive: boolean; readonly ended: number }
  | { readonly kind: "background-ended"; readonly ended: number; readonly alive: readonly ProcessRef[] }
  | {
      readonly kind: "status";
      readonly lanes: readonly LaneReport[];
      readonly runsMax: number;
      readonly version: string;
    }
  | { readonly kind: "agents"; readonly current: string; readonly names: readonly string[] }
  | {
      readonly kind: "agent-chosen";
      readonly driver: string;
      readonly isRunActive: boolean;
      readonly continues: boolean;
    }
  | {
      readonly kind: "models";
      readonly driver: string;
      readonly chosen: ModelChoice | null;
      readonly models: readonly AgentModel[];
    }
  | {
      readonly kind: "model-chosen";
      readonly driver: string;
      readonly model: ModelChoice;
      readonly isRunActive: boolean;
    }
  | { readonly kind: "project"; readonly workspace: string }
  | { readonly kind: "project-chosen"; readonly workspace: string; readonly isRunActive: boolean }
  | { readonly kind: "project-refused"; readonly happened: string; readonly next: string }
  | { readonly kind: "permissions"; readonly mode: PermissionMode }
  | { readonly kind: "permissions-chosen"; readonly mode: PermissionMode; readonly isRunActive: boolean }
  | {
      readonly kind: "sessions";
      readonly driver: string;
      readonly search: string | null;
      readonly sessions: readonly StoredSession[];
      /** How many there are besides. */
      readonly more: number;
      readonly atMs: number;
    }
  /** `terminal` is the line that goes on with it in the terminal. */
  | {
      readonly kind: "session-taken";
      readonly how: "resumed" | "forked";
      readonly driver: string;
      readonly title: string | null;
      readonly terminal: string | null;
      readonly isRunActive: boolean;
    }
  | { readonly kind: "session-held"; readonly title: string | null }
  | { readonly kind: "nothing-to-fork" }
  /** `line` goes on with the present session in a terminal; null where the agent has no such thing, or no memory yet. */
  | { readonly kind: "terminal"; readonly driver: string; readonly line: string | null; readonly isRunActive: boolean }
  | {
      readonly kind: "not-a-choice";
      readonly what: string;
      readonly given: string;
      readonly choices: readonly string[];
    }
  | { readonly kind: "agent-cannot"; readonly fault: Fault }
  /** `run` is the newest run's own, `session` the sum of the present session. */
  | {
      readonly kind: "usage";
      readonly run: Usage | null;
      readonly session: UsageTally | null;
      readonly day: readonly UsageTally[];
      readonly limits: readonly AgentLimits[];
      readonly atMs: number;
    }
  | {
      readonly kind: "context";
      readonly driver: string;
      readonly context: { readonly usedTokens: number; readonly windowTokens: number | null } | null;
    }
  | { readonly kind: "debug"; readonly facts: readonly { readonly name: string; readonly value: string }[] }
  | { readonly kind: "logs"; readonly entries: readonly LogEntry[]; readonly atMs: number }
  /** What the running agent tells through `notify`. */
  | { readonly kind: "from-agent"; readonly text: string }
  /** Why an answer in words was not taken. */
  | { readonly kind: "answer-ignored"; readonly text: string }
  /** What a run did; `page` counts from 1. */
  | {
      readonly kind: "details";
      readonly page: number;
      readonly pages: number;
      readonly details: readonly RunDetail[];
    }
  /** What a run changed, as a unified diff; empty when it is not known any more. */
  | { readonly kind: "changes"; readonly diff: string }
  | { readonly kind: "unanswered"; readonly command: string }
  /** `changed` is what was just chosen; null when they are only shown. */
  | {
      readonly kind: "settings";
      readonly settings: readonly SettingChange[];
      readonly changed: SettingChange | null;
      readonly driver: string;
      readonly model: ModelChoice | null;
      readonly permissions: PermissionMode;
      readonly workspace: string;
    }
  /** What somebody asked for is not theirs to ask for. */
  | { readonly kind: "not-allowed"; readonly role: Role | null; readonly needed: Role }
  | { readonly kind: "pairing-asked"; readonly user: string; readonly name: string; readonly code: string }
  | { readonly kind: "pairing-unknown"; readonly code: string }
  | {
      readonly kind: "people";
      readonly owners: readonly string[];
      readonly people: readonly Who[];
      readonly asking: readonly { readonly user: string; readonly name: string; readonly code: string | null }[];
    }
  /** An owner decided about somebody. `cancelled` counts what waited of theirs, `running` the turns that they began. */
  | {
      readonly kind: "person";
      readonly user: string;
      readonly name: string;
      readonly became: PairedRole | "denied" | "removed";
      readonly cancelled: number;
      readonly running: number;
    }
  | { readonly kind: "let-in"; readonly role: Role }
  | { readonly kind: "shutting-down" };

export type Who = { readonly user: string; readonly name: string; readonly role: Role };

/** Why a lane's reply text ends in a list of commands: one line each, as the command menu shows them. */
export const commandList: readonly { readonly command: string; readonly description: string }[] = [
  { command: "stop", description: "Stop the running turn (/stop all: everything)" },
  { command: "status", description: "What runs where, and who waits for what" },
  { command: "queue", description: "Show, cancel, reorder or clear waiting messages" },
  { command: "new", description: "Begin a new session with the agent" },
  { command: "model", description: "Choose the model, and how hard it thinks" },
  { command: "project", description: "Work in another directory" },
  { command: "permissions", description: "What the agent may do without asking" },
  { command: "settings", description: "What a message does while a turn runs, and what you see of it" },
  { command: "switch", description: "Work with another agent" },
  { command: "resume", description: "Go on with an earlier session, also one from the terminal" },
  { command: "fork", description: "Work in a copy of this session" },
  { command: "terminal", description: "Go on with this session in the terminal" },
  { command: "files", description: "Files that came in, and removing them" },
  { command: "context", description: "How full the agent's memory is" },
  { command: "usage", description: "Tokens, cost and limits" },
  { command: "people", description: "Who may use this bot, and who asks to" },
  { command: "logs", description: "The newest errors" },
  { command: "debug", description: "What Signalbox knows of this conversation" },
  { command: "help", description: "How to use Signalbox" },
  { command: "start", description: "Say hello" },
];

/** The words of a notice, plain text, at most a few lines; the same on every channel. */
export function describeNotice(notice: Notice, channel: ChannelName): string {
  switch (notice.kind) {
    case "welcome":
      return welcome(notice, channel);
    case "help":
      return help(channel);
    case "unknown-command":
      return `Unknown command: ${notice.text}. Nothing was done. /help lists the commands.`;
    case "unsupported":
      return `${notice.what} cannot be given to the agent. Nothing was started and your queue is unchanged; say it in words.`;
    case "queued":
      return queued(notice);
    case "lane-full":
      return `This conversation already has ${notice.capacity} messages waiting, so this one was not accepted. Nothing else changed. Cancel some with /queue, then send it again.`;
    case "heard":
      return `\u201c${notice.text}\u201d\n${notice.state === "asks" ? "Run this? Answer this message to correct it." : "Answer this message to correct it."}`;
    case "files-failed":
      return `${notice.reasons.join("\n")}\nYour message is kept.`;
    case "files-left-out":
      return notice.isEmpty
        ? `${notice.reasons.join("\n")}\nNothing was started.`
        : `${notice.reasons.join("\n")}\nThe rest of your message goes on without it.`;
    case "files":
      return keptFiles(notice);
    case "files-removed":
      return notice.count === 0 ? "That file was gone already." : `${plural(notice.count, "file")} removed.`;
    case "edited":
      return `Changed: ${notice.text}`;
    case "edit-late":
      return notice.state === "running"
        ? "The agent already works on that message. Is the new text a correction for it?"
        : "That message was already answered, so the change has no effect. Send it as a new message.";
    case "stopping":
      return "Stopping\u2026";
    case "stopped":
      return stopped(notice);
    case "stopping-all":
      return notice.runs === 1 ? "Stopping 1 run\u2026" : `Stopping ${notice.runs} runs\u2026`;
    case "stopped-all":
      return notice.quarantined === 0
        ? `Everything is stopped (${plural(notice.stopped, "run")}).`
        : `${plural(notice.stopped, "run")} stopped. ${plural(notice.quarantined, "run")} could not be proven gone; see /status.`;
    case "nothing-to-stop":
      return notice.held === 0
        ? "Nothing to stop."
        : `Nothing to stop: no run is active. ${plural(notice.held, "message")} on hold.`;
    case "quarantined":
      return quarantined(notice.evidence);
    case "failed":
      return `The run failed. ${describeFault(notice.fault)}`;
    case "interrupted":
      return interrupted(notice);
    case "held":
      return held(notice);
    case "released":
      return {
        "run-each": `${plural(notice.count, "message")} back in the queue, in order.`,
        "run-as-one": `${plural(notice.count, "message")} joined into one and queued.`,
        discard: `${plural(notice.count, "message")} discarded.`,
      }[notice.how];
    case "queue":
      return queue(notice);
    case "item-cancelled":
      return `Cancelled: ${notice.text}`;
    case "queue-cleared":
      return notice.count === 0 ? "The queue was empty." : `${plural(notice.count, "waiting message")} cancelled.`;
    case "new-session":
      return `${notice.isRunActive ? "A new session begins with your next message. The running turn finishes in the old one." : "New session. The agent starts with an empty memory."}${notice.ended > 0 ? ` ${plural(notice.ended, "background task")} ended.` : ""}`;
    case "background-ended":
      return notice.alive.length === 0
        ? `${plural(notice.ended, "background task")} ended.`
        : `Still alive: ${processes(notice.alive)}`;
    case "status":
      return status(notice);
    case "agents":
      return `This conversation works with ${notice.current}. It can be switched between turns; each agent keeps its own session here.`;
    case "agent-chosen":
      return `${from(notice.isRunActive)} ${notice.driver} works here${notice.continues ? ", in its session of before" : ""}.`;
    case "models":
      return models(notice);
    case "model-chosen":
      return `${from(notice.isRunActive)} ${notice.driver} uses ${modelName(notice.model)}.`;
    case "project":
      return `This conversation works in ${notice.workspace}. Another directory: /project <path>.`;
    case "project-chosen":
      return `${from(notice.isRunActive)} this conversation works in ${notice.workspace}, in a new session.`;
    case "project-refused":
      return `${notice.happened} Nothing was changed. ${notice.next}`;
    case "permissions":
      return [
        `Permissions: ${describePermissions(notice.mode)}.`,
        "",
        ...permissionModes.map((mode) => `\u2022 ${describePermissions(mode)}`),
      ].join("\n");
    case "permissions-chosen":
      return `${from(notice.isRunActive)} permissions are ${describePermissions(notice.mode)}.`;
    case "sessions":
      return sessions(notice);
    case "session-taken":
      return sessionTaken(notice);
    case "session-held":
      return `Another conversation${notice.title === null ? "" : ` (\u201c${notice.title}\u201d)`} works in that session. Two at once would damage it, so nothing was changed. You can work in a copy of it.`;
    case "terminal":
      return terminal(notice);
    case "nothing-to-fork":
      return "This session has no memory yet, so there is nothing to copy. Nothing was changed.";
    case "not-a-choice":
      return `${notice.given} is not one of the ${notice.what}: ${notice.choices.join(", ")}. Nothing was changed.`;
    case "agent-cannot":
      return `Nothing was changed. ${describeFault(notice.fault)}`;
    case "usage":
      return usage(notice);
    case "context":
      return context(notice);
    case "debug":
      return notice.facts.map(({ name, value }) => `${name}: ${value}`).join("\n");
    case "logs":
      return logs(notice);
    case "from-agent":
    case "answer-ignored":
      return notice.text;
    case "details":
      return [detailsTitle(notice), ...notice.details.map(detailLines)].join("\n\n");
    case "changes":
      return notice.diff === "" ? "Nothing was changed." : notice.diff;
    case "unanswered":
      return `Signalbox ended before ${notice.command} was answered. Nothing was changed; send it again.`;
    case "settings":
      return settings(notice);
    case "not-allowed":
      return describeRefusal(notice.role, notice.needed);
    case "pairing-asked":
      return pairingAsked(notice);
    case "pairing-unknown":
      return `Nobody waits with the code ${notice.code}: it is not right, or older than an hour. Nobody was let in. /people shows who asks.`;
    case "people":
      return people(notice);
    case "person":
      return person(notice);
    case "let-in":
      return letIn(notice.role);
    case "shutting-down":
      return "Signalbox is shutting down. What waits is kept and goes on at the next start.";
    default:
      return notice satisfies never;
  }
}

export function detailsTitle({ page, pages }: Notice & { kind: "details" }): string {
  return pages === 1 ? "What the run did" : `What the run did, page ${page} of ${pages}`;
}

function detailLines(detail: RunDetail): string {
  switch (detail.kind) {
    case "tool": {
      const head = `${toolMarks[detail.state]} ${detail.name} ${detail.target}`.trim();
      return [head, detail.input, detail.result].filter((text) => text !== null && text !== "").join("\n");
    }
    case "thinking":
      return `Thinking: ${detail.text}`;
    case "notice":
      return detail.text;
    case "forgotten":
      return forgottenTools(detail.tools);
    default:
      return detail satisfies never;
  }
}

export const toolMarks = { ok: "\u2714", failed: "\u2716", running: "\u2026" } as const;

export function forgottenTools(tools: number): string {
  return `\u2026 ${plural(tools, "earlier tool")} not kept`;
}

export function plural(count: number, noun: string): string {
  return count === 1 ? `1 ${noun}` : `${count} ${noun}s`;
}

function welcome(notice: Notice & { kind: "welcome" }, channel: ChannelName): string {
  const head = `Signalbox is ready. Send a message and the agent works on it in ${notice.workspace}.`;
  const agent = notice.isDemo
    ? "Agent: demo. It only shows how Signalbox works. To connect a real one, install Claude Code and log in (run `claude` once), then restart Signalbox."
    : `Agent: ${notice.driver}.`;
  return `${head}\n${agent}\n\n${help(channel)}`;
}

function help(channel: ChannelName): string {
  const lines = commandList.map(({ command, description }) => `/${command} \u2013 ${description}`);
  const where =
    channel === "telegram"
      ? "While a turn runs, new messages wait in line."
      : "While a turn runs, what you send waits in line.";
  return [`${where} Say stop (or !) to stop it; !text stops it and runs the text next.`, "", ...lines].join("\n");
}

function queued(notice: Notice & { kind: "queued" }): string {
  switch (notice.waitsFor) {
    case "run":
      return `Queued, number ${notice.position} in line.`;
    case "slot":
      return `Queued, number ${notice.position} in line. All run slots are in use; it starts when one is free.`;
    case "files":
      return `Queued, number ${notice.position} in line. It starts when its files are here.`;
    case "workspace":
      return `Queued, number ${notice.position} in line. Another conversation is working in ${notice.workspace}; it starts when that is free.`;
    default:
      return notice.waitsFor satisfies never;
  }
}

function stopped(notice: Notice & { kind: "stopped" }): string {
  const how = notice.forced
    ? "Released by you, without proof that it ended."
    : notice.why === "replaced"
      ? "Stopped. Running your message next."
      : "Stopped.";
  return notice.held === 0 ? how : `${how} ${plural(notice.held, "message")} on hold.`;
}

function quarantined(evidence: Evidence): string {
  const alive = evidence.processes.length === 0 ? evidence.note : processes(evidence.processes);
  return `This run was told to stop, but it is not proven that it ended. Still there: ${alive}\nNothing else starts in this conversation or its directory until it is gone. It is released by itself when it ends; "Force release" frees it now, at your risk.`;
}

function usage(notice: Notice & { kind: "usage" }): string {
  const lines = [
    ...(notice.run === null ? [] : [`Last run: ${tokens(notice.run)}`]),
    ...(notice.session === null
      ? []
      : [`This session: ${tokens(notice.session)}, ${plural(notice.session.runs, "run")}`]),
    ...notice.day.map((tally) => `Today, ${tally.driver}: ${tokens(tally)}, ${plural(tally.runs, "run")}`),
    ...notice.limits.flatMap(({ driver, limits }) => limits.map((limit) => limitLine(driver, limit, notice.atMs))),
  ];
  return lines.length === 0 ? "Nothing was used yet." : lines.join("\n");
}

function tokens(used: Usage): string {
  const input = used.inputTokens + used.cacheReadTokens + used.cacheWriteTokens;
  const cached = input === 0 ? "" : ` (${Math.round((100 * used.cacheReadTokens) / input)} % from the cache)`;
  const cost = used.costUsd === null ? "" : `, ${used.costUsd.toFixed(2)} USD`;
  return `${short(input)} tokens in${cached}, ${short(used.outputTokens)} out${cost}`;
}

/** "950", "12.3k", "1.2M" */
function short(count: number): string {
  if (count < 1_000) return `${count}`;
  return count < 999_950 ? `${(count / 1_000).toFixed(1)}k` : `${(count / 1_000_000).toFixed(1)}M`;
}

function limitLine(driver: string, limit: AccountLimit, atMs: number): string {
  const used = limit.usedPercent === null ? "unknown" : `${Math.round(limit.usedPercent)} % used`;
  const resets = limit.resetsAtMs === null ? "" : `, free again in ${duration(limit.resetsAtMs - atMs)}`;
  return `Limit of ${driver}, ${limit.window}: ${used}${resets}`;
}

function context({ driver, context: fill }: Notice & { kind: "context" }): string {
  if (fill === null) return `${driver} has not said how full its memory is.`;
  if (fill.windowTokens === null) return `${driver} has ${short(fill.usedTokens)} tokens in its memory.`;
  const percent = Math.round((100 * fill.usedTokens) / fill.windowTokens);
  const hint = percent >= 80 ? " /new begins with an empty one." : "";
  return `${driver} has ${short(fill.usedTokens)} of ${short(fill.windowTokens)} tokens in its memory (${percent} %).${hint}`;
}

function logs({ entries, atMs }: Notice & { kind: "logs" }): string {
  if (entries.length === 0) return "No errors since the start.";
  return [
    "The newest errors (the log file has them by their ids):",
    ...entries.map((one) => `${one.id}, ${duration(atMs - one.atMs)} ago: ${excerpt(one.text)}`),
  ].join("\n");
}

function keptFiles({ files, more, atMs }: Notice & { kind: "files" }): string {
  if (files.length === 0) return "No files of this conversation are kept.";
  const lines = files.map(
    ({ name, bytes, receivedAtMs }, index) =>
      `${index + 1}. ${excerpt(name)}, ${size(bytes)}, ${duration(atMs - receivedAtMs)} ago`,
  );
  return ["Files of this conversation:", ...lines, ...(more > 0 ? [`\u2026 and ${more} more`] : [])].join("\n");
}

/** "950 B", "12.3 kB", "1.2 MB" */
function size(bytes: number): string {
  if (bytes < 1_000) return `${bytes} B`;
  return bytes < 999_950 ? `${(bytes / 1_000).toFixed(1)} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`;
}

/** Settings take effect at a turn's boundary. */
function from(isRunActive: boolean): string {
  return isRunActive ? "The running turn goes on as it is. From the next one on," : "From now on";
}

function modelName(model: ModelChoice): string {
  return model.effort === null ? model.id : `${model.id} (${model.effort})`;
}

function models(notice: Notice & { kind: "models" }): string {
  const chosen = notice.chosen === null ? "its default" : modelName(notice.chosen);
  const lines = notice.models.map((model) => {
    const efforts = model.efforts.length === 0 ? "" : ` (${model.efforts.join(", ")})`;
    return `\u2022 ${model.id}${model.isDefault ? ", the default" : ""}${efforts}`;
  });
  return [`${notice.driver} uses ${chosen}. Choose below, or write /model <id> [effort].`, "", ...lines].join("\n");
}

function sessions(notice: Notice & { kind: "sessions" }): string {
  const found = notice.search === null ? "" : ` with \u201c${notice.search}\u201d`;
  if (notice.sessions.length === 0) return `${notice.driver} has no session${found} in this directory.`;
  const lines = notice.sessions.map((session, index) => {
    const name = session.title ?? session.preview ?? session.resume;
    const preview = session.preview === null || session.preview === name ? "" : `\n    ${excerpt(session.preview)}`;
    return `${index + 1}. ${excerpt(name)}, ${duration(notice.atMs - session.updatedAtMs)} ago${preview}`;
  });
  const more = notice.more > 0 ? [`\u2026 and ${notice.more} more; /resume <words> searches.`] : [];
  return [`Sessions of ${notice.driver} in this directory${found}:`, ...lines, ...more].join("\n");
}

function terminal({ driver, line, isRunActive }: Notice & { kind: "terminal" }): string {
  if (line === null) return `This session of ${driver} cannot be continued in the terminal (yet).`;
  const head = isRunActive
    ? "Wait until the running turn is over; two at once would damage the session. Then, on the machine:"
    : "On the machine that Signalbox runs on:";
  return `${head}\n${line}\nWhat happens there is part of the session: your next message here goes on from it.`;
}

function sessionTaken(notice: Notice & { kind: "session-taken" }): string {
  const name = notice.title === null ? "that session" : `\u201c${excerpt(notice.title)}\u201d`;
  const what = notice.how === "resumed" ? name : `a copy of ${name}`;
  const terminal = notice.terminal === null ? [] : [`In the terminal: ${notice.terminal}`];
  return [`${from(notice.isRunActive)} ${notice.driver} goes on in ${what}.`, ...terminal].join("\n");
}

function settings(notice: Notice & { kind: "settings" }): string {
  const head =
    notice.changed === null ? "Settings of this conversation:" : `From now on: ${settingLine(notice.changed)}`;
  const model = notice.model === null ? "its default" : modelName(notice.model);
  return [
    head,
    "",
    ...notice.settings.map(settingLine),
    "",
    `Agent: ${notice.driver} (/switch), model: ${model} (/model)`,
    `Permissions: ${notice.permissions} (/permissions)`,
    `Project: ${notice.workspace} (/project)`,
    "",
    "Choose below, or write /settings <word> <value>.",
  ].join("\n");
}

function pairingAsked({ user, name, code }: Notice & { kind: "pairing-asked" }): string {
  return [
    `${name} (id ${user}) asks to use this bot. They were told the code ${code}.`,
    "Let them in only if the person that you know tells you the same code; a name can be anyone's. An operator's agent works on this machine with your rights.",
    `It is good for an hour. Also: /pair ${code} operator, or /pair ${code} viewer.`,
  ].join("\n");
}

function people({ owners, people: others, asking }: Notice & { kind: "people" }): string {
  const known = others.map(({ user, name, role }) => `${name} (id ${user}), ${role}`);
  const ask = asking.map(
    ({ user, name, code }) =>
      `${name} (id ${user}) asks${code === null ? "; decide in your private chat with me" : `, code ${code}`}`,
  );
  return [
    `Owners by the configuration: ${owners.length === 0 ? "none" : owners.join(", ")}`,
    ...(known.length === 0 ? ["Nobody else may use this bot."] : known),
    ...ask,
  ].join("\n");
}

function person({ user, name, became, cancelled, running }: Notice & { kind: "person" }): string {
  const who = `${name} (id ${user})`;
  switch (became) {
    case "denied":
      return `${who} was not let in.`;
    case "removed": {
      const rest = [
        ...(cancelled === 0 ? [] : [`${plural(cancelled, "waiting message")} of theirs cancelled.`]),
        ...(running === 0 ? [] : [`What they began and still runs: ${plural(running, "turn")}. /stop ends it.`]),
      ];
      return [`${who} may not use this bot any more.`, ...rest].join(" ");
    }
    case "operator":
    case "viewer":
      return `${who} may use this bot now, as ${describeRole(became)}. /people takes it back.`;
    default:
      return became satisfies never;
  }
}

function letIn(role: Role): string {
  const head = `You may use this bot now, as ${describeRole(role)}.`;
  return role === "viewer"
    ? `${head} /status and /queue show it.`
    : `${head} Send a message and the agent works on it.`;
}

/** A chat line holds a few processes; the rest is counted. */
const processesShownMax = 5;

function processes(list: readonly ProcessRef[]): string {
  const shown = list.slice(0, processesShownMax).map((process) => `${process.command} (pid ${process.pid})`);
  const rest = list.length - shown.length;
  return rest > 0 ? `${shown.join(", ")} and ${rest} more` : shown.join(", ");
}

function interrupted(notice: Notice & { kind: "interrupted" }): string {
  const cause = {
    crash: "Signalbox ended while it ran",
    shutdown: "Signalbox was shut down while it ran",
    agent: "the agent ended it",
  }[notice.cause];
  return `This run was interrupted (${cause}): \u201c${notice.text}\u201d\nNothing of it runs any more, and it is not repeated by itself. Your session is kept.`;
}

function held(notice: Notice & { kind: "held" }): string {
  const messages = plural(notice.count, "message");
  const head = {
    downtime: `${messages} arrived while I was off:`,
    stop: `${messages} on hold after the stop:`,
    steer: `${messages} on hold. The turn ended before the agent said whether it took what was handed to it:`,
  }[notice.reason];
  return [head, ...entryLines(notice.entries, notice.count)].join("\n");
}

function queue(notice: Notice & { kind: "queue" }): string {
  const holds = notice.held > 0 ? [`${plural(notice.held, "message")} on hold.`] : [];
  const running = notice.isRunning ? ["A turn is running."] : [];
  if (notice.count === 0) return [...running, "No messages waiting.", ...holds].join(" ");
  return [
    ...running,
    `${plural(notice.count, "message")} waiting:`,
    ...entryLines(notice.entries, notice.count),
    ...holds,
  ].join("\n");
}

/** A card lists this many messages; the rest is counted. */
export const entriesShownMax = 10;

function entryLines(entries: readonly QueueEntry[], count: number): string[] {
  const shown = entries.slice(0, entriesShownMax);
  const lines = shown.map((entry, index) => `${index + 1}. ${entry.text}`);
  return count > shown.length ? [...lines, `\u2026 and ${count - shown.length} more`] : lines;
}

function status(notice: Notice & { kind: "status" }): string {
  const busy = notice.lanes.filter((lane) => lane.state !== "idle" || lane.held > 0 || lane.background.length > 0);
  const running = notice.lanes.filter((lane) => lane.state !== "idle" && lane.state !== "waiting").length;
  const head = `${running} of ${notice.runsMax} run slots in use. Signalbox ${notice.version}.`;
  return busy.length === 0 ? `${head}\nNothing runs and nothing waits.` : [head, ...busy.map(laneLine)].join("\n");
}

function laneLine(lane: LaneReport): string {
  const since = lane.elapsedMs === null ? "" : ` for ${duration(lane.elapsedMs)}`;
  const parts = [`${lane.title ?? lane.conversation}: ${lane.state}${since}`, `in ${lane.workspace}`];
  if (lane.queued > 0) parts.push(`${lane.queued} waiting`);
  if (lane.held > 0) parts.push(`${lane.held} on hold`);
  if (lane.waitsFor !== null) parts.push(`waits for ${lane.waitsFor}`);
  if (lane.background.length > 0) parts.push(`background: ${processes(lane.background)}`);
  return parts.join(", ");
}

/** Milliseconds as a person says them: "8 s", "3 min 5 s", "2 h 10 min". */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  return minutes < 60 ? `${minutes} min ${seconds % 60} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** One line of a message, for lists; in UTF-16 units. */
const excerptCharsMax = 80;

export function excerpt(text: string): string {
  const line = text.replace(/\s+/g, " ").trim();
  return line.length <= excerptCharsMax
    ? line
    : `${line.slice(0, excerptCharsMax - 1).replace(/[\uD800-\uDBFF]$/, "")}\u2026`;
}
