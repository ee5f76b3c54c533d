/**
 * I8: "Stopped" is said after proof, and nothing of a run is said after the decision that settled it.
 * I6: a message is delivered twice only where the row says that it may be.
 * I4: what became of each run and each refused message is told.
 */
import type { Change } from "./journal.ts";
import type { RunRow } from "./mirror.ts";
import type { OutboxState } from "../../src/engine/ports.ts";
import type { Rule, RuleContext } from "./rule.ts";

const nextStates: Readonly<Record<OutboxState, readonly OutboxState[]>> = {
  pending: ["pending", "sending", "superseded", "undeliverable"],
  sending: ["sending", "pending", "sent", "superseded", "undeliverable"],
  sent: ["sent"],
  superseded: ["superseded"],
  undeliverable: ["undeliverable"],
};

export function rulesOfMessages({ mirror, world, violated }: RuleContext): Rule {
  /** Runs that were live when "stop all" was asked for, by the key of the command. */
  const stopAlls = new Map<string, readonly RunRow[]>();
  /** Runs that were quarantined once: the words for "stop all" count them, whatever a restart makes of them later. */
  const quarantined = new Set<string>();

  function said(change: Change & { what: "said" }): void {
    if (change.notice === "stopped-all") saidStoppedAll(change.dedupe);
    if (change.notice === "stopped" && change.run === null)
      violated("I8", `"stopped" is said of no run (${change.dedupe})`);
    if (change.run === null) return;
    const run = mirror.runs.get(change.run);
    if (run === undefined) return violated("I3", `something is said of ${change.run}, which has no row`);
    const text = change.notice ?? change.kind;
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
      (outcome === "finished" && texts.has("answer")) ||
      (outcome === "failed" && texts.has("failed")) ||
      (outcome === "stopped" && texts.has("stopped")) ||
      (outcome === "interrupted" && (texts.has("interrupted") || texts.has("stopped")));
    if (!isTold) violated("I4", `${run.id} settled as ${outcome}, and nobody was told`);
  }

  return {
    before: (change) => {
      if (change.what === "said-changed") delivered(change);
    },
    after: (change) => {
      if (change.what === "said") said(change);
      if (change.what === "run-changed" && change.to === "quarantined") quarantined.add(change.id);
      if (change.what !== "item-added" || change.request.kind !== "command") return;
      const { command } = change.request;
      if (command.name === "stop" && command.scope === "all") stopAlls.set(change.key, [...mirror.live]);
    },
    end: () => {
      const texts = new Map<string, Set<string>>();
      const dedupes = new Set<string>();
      for (const row of mirror.said.values()) {
        dedupes.add(row.dedupe);
        if (row.run === null) continue;
        const known = texts.get(row.run) ?? new Set();
        texts.set(row.run, known.add(row.notice ?? row.kind));
      }
      for (const run of mirror.runs.values()) if (run.state === "settled") told(run, texts.get(run.id) ?? new Set());
      for (const item of mirror.items.values()) {
        if (item.state !== "rejected") continue;
        const isTold = [...dedupes].some((dedupe) => dedupe.startsWith(`item:${item.key}:`));
        if (!isTold) violated("I4", `item ${item.id} was rejected, and nobody was told`);
      }
    },
  };
}
