/** What Signalbox knows and is asked for: status, usage, the fill of a memory, the log. */
import type { AccountLimit, AgentLimits, Usage, UsageTally } from "../agent-event.ts";
import { type ConversationId, sideNameOf } from "../conversation.ts";
import type { ProcessRef } from "../run.ts";
import { duration, excerpt, plural } from "../wording.ts";
import { processes } from "./runs.ts";

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

export type ReportNotice =
  | {
      readonly kind: "status";
      readonly lanes: readonly LaneReport[];
      readonly runsMax: number;
      readonly version: string;
    }
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
  | { readonly kind: "logs"; readonly entries: readonly LogEntry[]; readonly atMs: number };

export function describeReportNotice(notice: ReportNotice): string {
  switch (notice.kind) {
    case "status":
      return status(notice);
    case "usage":
      return usage(notice);
    case "context":
      return context(notice);
    case "debug":
      return notice.facts.map(({ name, value }) => `${name}: ${value}`).join("\n");
    case "logs":
      return logs(notice);
    default:
      return notice satisfies never;
  }
}

function status(notice: ReportNotice & { kind: "status" }): string {
  const busy = notice.lanes.filter((lane) => lane.state !== "idle" || lane.held > 0 || lane.background.length > 0);
  const running = notice.lanes.filter((lane) => lane.state !== "idle" && lane.state !== "waiting").length;
  const head = `${running} of ${notice.runsMax} run slots in use. Signalbox ${notice.version}.`;
  return busy.length === 0 ? `${head}\nNothing runs and nothing waits.` : [head, ...busy.map(laneLine)].join("\n");
}

function laneLine(lane: LaneReport): string {
  const since = lane.elapsedMs === null ? "" : ` for ${duration(lane.elapsedMs)}`;
  const parts = [`${nameOf(lane)}: ${lane.state}${since}`, `in ${lane.workspace}`];
  if (lane.queued > 0) parts.push(`${lane.queued} waiting`);
  if (lane.held > 0) parts.push(`${lane.held} on hold`);
  if (lane.waitsFor !== null) parts.push(`waits for ${lane.waitsFor}`);
  if (lane.background.length > 0) parts.push(`background: ${processes(lane.background)}`);
  return parts.join(", ");
}

function nameOf({ conversation, title }: LaneReport): string {
  const side = sideNameOf(conversation);
  return side === null ? (title ?? conversation) : `\u23F0 ${side}`;
}

function usage(notice: ReportNotice & { kind: "usage" }): string {
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

function context({ driver, context: fill }: ReportNotice & { kind: "context" }): string {
  if (fill === null) return `${driver} has not said how full its memory is.`;
  if (fill.windowTokens === null) return `${driver} has ${short(fill.usedTokens)} tokens in its memory.`;
  const percent = Math.round((100 * fill.usedTokens) / fill.windowTokens);
  const hint = percent >= 80 ? " /new begins with an empty one." : "";
  return `${driver} has ${short(fill.usedTokens)} of ${short(fill.windowTokens)} tokens in its memory (${percent} %).${hint}`;
}

function logs({ entries, atMs }: ReportNotice & { kind: "logs" }): string {
  if (entries.length === 0) return "No errors since the start.";
  return [
    "The newest errors (the log file has them by their ids):",
    ...entries.map((one) => `${one.id}, ${duration(atMs - one.atMs)} ago: ${excerpt(one.text)}`),
  ].join("\n");
}
