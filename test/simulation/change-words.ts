/** Changes of the rows in words: for the trace of a seed, and for what its seeds reached. */
import type { Change } from "./journal.ts";

/** Adds the kind of thing that a change is to those that happened. */
export function note(seen: Set<string>, change: Change): void {
  if (change.what === "item-changed" && change.from !== change.to) seen.add(`item ${change.from} -> ${change.to}`);
  if (change.what === "item-added") seen.add(`item ${change.state}`);
  if (change.what === "run-changed" && change.from !== change.to) seen.add(`run ${change.from} -> ${change.to}`);
  if (change.what === "run-changed" && change.outcome !== null) seen.add(`outcome ${change.outcome.kind}`);
  if (change.what === "said") seen.add(`said ${change.notice ?? change.kind}`);
  if (change.what === "schedule") seen.add(`schedule ${change.state}`);
  if (change.what === "occurrence") seen.add(`occurrence ${change.skipped?.why ?? change.trigger}`);
  if (change.what === "ask-added") seen.add(`ask ${change.ask.kind}`);
  if (change.what === "ask-changed") seen.add(`ask ${change.from.kind} -> ${change.to.kind}`);
  if (change.what === "said-changed" && change.from !== change.to) seen.add(`message ${change.from} -> ${change.to}`);
}

/** One line of a trace; null for what nobody reads. */
export function describeChange(change: Change): string | null {
  switch (change.what) {
    case "item-added":
      return `item ${change.id} (${change.key}) ${change.conversation} ${change.state}${change.partOf === null ? "" : ` of ${change.partOf}`}${change.isReady ? "" : " not whole"}`;
    case "item-changed":
      return `item ${change.id} ${change.from} -> ${change.to}${change.run === null ? "" : ` run ${change.run}`}${change.isReady ? "" : " not whole"}${change.request === null ? "" : `: ${JSON.stringify(change.request)}`}`;
    case "item-deleted":
      return `item ${change.id} deleted`;
    case "run-added":
      return `run ${change.id} of item ${change.item}, ${change.conversation} in ${change.workspace}, slot ${change.slot}`;
    case "run-changed":
      return `run ${change.id} ${change.from} -> ${change.to} epoch ${change.epoch} ${change.stopWhy ?? ""} ${change.outcome?.kind ?? ""}`;
    case "said":
      return `message ${change.id} to ${change.conversation}: ${change.notice ?? change.kind} ${change.run ?? ""}`;
    case "said-changed":
      return `message ${change.id} ${change.from} -> ${change.to}`;
    case "settings":
      return `${change.conversation} is set to ${change.settings.policy}, ${change.settings.hearing}`;
    case "choice":
      return `${change.conversation} goes on with ${change.driver} in ${change.session}, ${change.permissions}`;
    case "session":
      return `session ${change.id} of ${change.driver}: ${change.resume} ${change.model?.id ?? ""}`;
    case "ask-added":
      return `ask ${change.id} (${change.agentId}) of ${change.run}: ${change.ask.kind}`;
    case "ask-changed":
      return `ask ${change.id} ${change.from.kind} -> ${change.to.kind}`;
    case "schedule":
      return `schedule ${change.id} (${change.name} of ${change.user}) ${change.state}, next ${clockTime(change.nextAtMs)}, ${change.failures} failures, in ${change.lane}: ${JSON.stringify(change.plan.timing)} ${change.plan.work.kind} ${change.plan.overlap} ${change.plan.missed.kind} ${change.plan.view}`;
    case "occurrence":
      return `schedule ${change.schedule}: ${change.trigger} ${clockTime(change.dueAtMs)} ${change.item === null ? JSON.stringify(change.skipped) : `item ${change.item}`}`;
    case "person":
      return `${change.user} is ${change.role ?? "nobody"}`;
    case "decision":
    case "counted":
    case "lane":
    case "button":
    case "button-used":
      return null;
    default:
      return change satisfies never;
  }
}

function clockTime(atMs: number | null): string {
  return atMs === null ? "never" : new Date(atMs).toISOString().slice(8, 23);
}
