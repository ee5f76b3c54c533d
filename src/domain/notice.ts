/**
 * Everything that Signalbox itself says in a conversation, as data. It is stored in the outbox in the same transaction as
 * the decision it tells of; each channel draws it in its own way from `describeNotice`.
 */
import type { ChannelName } from "./conversation.ts";
import { describeChoiceNotice, type ChoiceNotice } from "./notices/choices.ts";
import { describeFileNotice, type FileNotice } from "./notices/files.ts";
import { describePeopleNotice, type PeopleNotice } from "./notices/people.ts";
import { describeQueueNotice, type QueueNotice } from "./notices/queue.ts";
import { describeReportNotice, type ReportNotice } from "./notices/reports.ts";
import { describeRunNotice, type RunNotice } from "./notices/runs.ts";
import { describeScheduleNotice, type ScheduleNotice } from "./notices/schedules.ts";

export type Notice =
  | { readonly kind: "welcome"; readonly driver: string; readonly workspace: string; readonly isDemo: boolean }
  | { readonly kind: "help" }
  | { readonly kind: "unknown-command"; readonly text: string }
  | { readonly kind: "unsupported"; readonly what: string }
  /** Why an answer in words was not taken. */
  | { readonly kind: "answer-ignored"; readonly text: string }
  | { readonly kind: "unanswered"; readonly command: string }
  | { readonly kind: "shutting-down" }
  | RunNotice
  | QueueNotice
  | FileNotice
  | ChoiceNotice
  | ReportNotice
  | ScheduleNotice
  | PeopleNotice;

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
  { command: "cron", description: "Schedules: list, add, run now, pause, delete" },
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
    case "answer-ignored":
      return notice.text;
    case "unanswered":
      return `Signalbox ended before ${notice.command} was answered. Nothing was changed; send it again.`;
    case "shutting-down":
      return "Signalbox is shutting down. What waits is kept and goes on at the next start.";
    case "stopping":
    case "stopped":
    case "stopping-all":
    case "stopped-all":
    case "nothing-to-stop":
    case "quarantined":
    case "failed":
    case "interrupted":
    case "background-ended":
    case "from-agent":
    case "details":
    case "changes":
      return describeRunNotice(notice);
    case "queued":
    case "lane-full":
    case "edited":
    case "edit-late":
    case "held":
    case "released":
    case "queue":
    case "item-cancelled":
    case "queue-cleared":
      return describeQueueNotice(notice);
    case "heard":
    case "files-failed":
    case "files-left-out":
    case "files":
    case "files-removed":
      return describeFileNotice(notice);
    case "new-session":
    case "agents":
    case "agent-chosen":
    case "models":
    case "model-chosen":
    case "project":
    case "project-chosen":
    case "project-refused":
    case "permissions":
    case "permissions-chosen":
    case "sessions":
    case "session-taken":
    case "session-held":
    case "terminal":
    case "nothing-to-fork":
    case "not-a-choice":
    case "agent-cannot":
    case "settings":
      return describeChoiceNotice(notice);
    case "status":
    case "usage":
    case "context":
    case "debug":
    case "logs":
      return describeReportNotice(notice);
    case "schedules":
    case "schedule":
    case "schedule-help":
    case "schedule-run":
    case "schedule-deleted":
    case "schedule-history":
    case "schedule-unknown":
    case "schedule-wrong":
    case "schedules-missed":
    case "schedule-skipped":
    case "schedule-paused":
    case "reminder":
    case "digest":
      return describeScheduleNotice(notice);
    case "not-allowed":
    case "pairing-asked":
    case "pairing-unknown":
    case "people":
    case "person":
    case "let-in":
      return describePeopleNotice(notice);
    default:
      return notice satisfies never;
  }
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
