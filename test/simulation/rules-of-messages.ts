/**
 * I8: "Stopped" is said after proof, and nothing of a run is said after the decision that settled it.
 * I6: a message is delivered twice only where the row says that it may be.
 * I4: what became of each run and each refused message is told.
 */
import type { ItemId } from "../../src/domain/inbox-item.ts";
import type { Change } from "./journal.ts";
import type { RunRow } from "./mirror.ts";
import type { OutboxState } from "../../src/engine/ports.ts";
import type { Rule, RuleContext } from "./rule.ts";
import { spokenStop } from "./speech.ts";

const nextStates: Readonly<Record<OutboxState, readonly OutboxState[]>> = {
  pending: ["pending", "sending", "superseded", "undeliverable"],
  sending: ["sending", "pending", "sent", "superseded", "undeliverable"],
  sent: ["sent"],
  superseded: ["superseded"],
  undeliverable: ["undeliverable"],
};

/** What tools of ours do for a run. */
const toolWords = /^run:[^:]+:(notify|new-session|file):/;

export function rulesOfMessages({ mirror, world, violated }: RuleContext): Rule {
  /** Runs that were live when "stop all" was asked for, by the key of the command. */
  const stopAlls = new Map<string, readonly RunRow[]>();
  /** Runs that were quarantined once: the words for "stop all" count them, whatever a restart makes of them later. */
  const quarantined = new Set<string>();
  /** Items that waited for an agent. */
  const consulted = new Set<ItemId>();

  function said(change: Change & { what: "said" }): void {
    if (change.notice === "stopped-all") saidStoppedAll(change.dedupe);
    if (change.notice === "stopped" && change.run === null)
      violated("I8", `"stopped" is said of no run (${change.dedupe})`);
    if (change.run === null) return;
    const run = mirror.runs.get(change.run);
    if (run === undefined) return violated("I3", `something is said of ${change.run}, which has no row`);
    const text = change.notice ?? change.kind;
    if (toolWords.test(change.dedupe) && run.state !== "starting" && run.state !== "running")
      violated("I8", `a tool of ${run.id} acts ("${text}") although the run is ${run.state}`);
    // Of an ask the card alone may be corrected later: its answer reached nobody.
    if (change.ask?.state.kind === "late") return;
    if (run.settledIn !== null && run.settledIn !== mirror.decision().count) {
      violated("I8", `"${text}" is said of ${run.id} after it settled`);
    }
    if (change.notice === "stopped") {
      const alive = world.turnsOf(run.id).flatMap((turn) => (turn.isReleased ? [] : world.alive(turn)));
      if (run.state !== "settled" || alive.length > 0) violated("I8", `"stopped" is said of ${run.id}, which lives`);
    }
  }

  function saidStoppedAll(dedupe: string): void {
    const key = dedupe.split(":").slice(1, -1).join(":");
    for (const run of stopAlls.get(key) ?? []) {
      if (run.state !== "settled" && !quarantined.has(run.id)) {
        violated("I8", `everything is said to be stopped while ${run.id} is ${run.state}`);
      }
    }
  }

  function delivered(change: Change & { what: "said-changed" }): void {
    const row = mirror.said.get(change.id)!;
    if (!nextStates[change.from].includes(change.to)) {
      violated("I6", `message ${change.id} goes from ${change.from} to ${change.to}`);
    }
    if (change.from !== "pending" || change.to !== "sending" || row.run === null || row.kind !== "status") return;
    if (mirror.runs.get(row.run)?.state === "settled")
      violated("I8", `the status of ${row.run} is sent after it settled`);
  }

  function told(run: RunRow, texts: ReadonlySet<string>): void {
    const outcome = run.outcome?.kind;
    const isTold =
      outcome === "preempted" ||
      // Of a silent schedule only what keeps failing is heard.
      (run.view === "silent" && (outcome === "finished" || outcome === "failed")) ||
      (outcome === "finished" && texts.has("answer")) ||
      (outcome === "failed" && texts.has("failed")) ||
      (outcome === "stopped" && texts.has("stopped")) ||
      (outcome === "interrupted" && (texts.has("interrupted") || texts.has("stopped")));
    if (!isTold) violated("I4", `${run.id} settled as ${outcome}, and nobody was told`);
  }

  return {
    before: (change) => {
      if (change.what === "said-changed") delivered(change);
      const spoken = spokenStop(mirror, change);
      if (spoken?.scope === "all") stopAlls.set(spoken.item.key, [...mirror.live]);
    },
    after: (change) => {
      if (change.what === "said") said(change);
      if (change.what === "item-changed" && change.from === "done" && change.to === "running") consulted.add(change.id);
      if (change.what === "run-changed" && change.to === "quarantined") quarantined.add(change.id);
      if (change.what !== "item-added" || change.request.kind !== "command") return;
      const { command } = change.request;
      if (command.name === "stop" && command.scope === "all") stopAlls.set(change.key, [...mirror.live]);
    },
    end: () => {
      const texts = new Map<string, Set<string>>();
      const dedupes = new Set<string>();
      const notified = new Map<string, number>();
      for (const row of mirror.said.values()) {
        dedupes.add(row.dedupe);
        const [, run = "", tool] = row.dedupe.split(":");
        if (tool === "notify") notified.set(run, (notified.get(run) ?? 0) + 1);
        if (row.run === null) continue;
        const known = texts.get(row.run) ?? new Set();
        texts.set(row.run, known.add(row.notice ?? row.kind));
      }
      for (const run of mirror.runs.values()) if (run.state === "settled") told(run, texts.get(run.id) ?? new Set());
      for (const turn of world.turns()) {
        const left = (notified.get(turn.owner.run) ?? 0) - turn.told.length;
        notified.set(turn.owner.run, left);
        if (left < 0) violated("I4", `${turn.owner.run} was told that a person is told, and nothing was said`);
      }
      for (const item of mirror.items.values()) {
        const isTold = [...dedupes].some((dedupe) => dedupe.startsWith(`item:${item.key}:`));
        if (item.state === "rejected" && !isTold) violated("I4", `item ${item.id} was rejected, and nobody was told`);
        if (consulted.has(item.id) && !isTold) violated("I4", `item ${item.id} asked an agent, and nobody was told`);
      }
    },
  };
}
