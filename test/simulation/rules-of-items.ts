/**
 * I4: an item moves only along known ways, is never deleted, and its end is told.
 * I11: work that was preempted goes back to the line, unconsumed; only background work is.
 * I6: an item is run once, unless it was preempted or a person pressed "Run again"; what an agent saw is not given again.
 */
import type { ItemId, ItemState, Request } from "../../src/domain/inbox-item.ts";
import type { Prompt } from "../../src/domain/prompt.ts";
import type { Change } from "./journal.ts";
import { sourceNamed } from "./incoming.ts";
import type { ItemRow } from "./mirror.ts";
import type { Rule, RuleContext } from "./rule.ts";
import { spokenStop } from "./speech.ts";
import { type LedgerTurn, tagsOf } from "./world.ts";

const nextStates: Readonly<Record<ItemState, readonly ItemState[]>> = {
  queued: ["queued", "held", "running", "cancelled", "merged", "rejected", "done"],
  held: ["held", "queued", "cancelled", "merged", "rejected"],
  // While it is being steered a message is the run's: it goes into it, back to the line, or on hold.
  running: ["running", "done", "failed", "interrupted", "cancelled", "queued", "merged", "held"],
  merged: ["merged"],
  done: [],
  failed: [],
  interrupted: [],
  cancelled: [],
  rejected: [],
};

export function rulesOfItems({ mirror, world, asked, violated }: RuleContext): Rule {
  const runsOfItem = new Map<ItemId, string[]>();
  /** Steered, seen by the agent, and its turn over before that was written down: offered, and a person may run it again. */
  const doubtful = new Set<ItemId>();
  let turnsSeen = 0;

  function moved(change: Change & { what: "item-changed" }): void {
    const item = mirror.items.get(change.id)!;
    const asksAgent = change.from === "done" && change.to === "running" && mayAskAgent(item);
    if (!asksAgent && !nextStates[change.from].includes(change.to)) {
      violated("I4", `item ${change.id} goes from ${change.from} to ${change.to}`);
    }
    // A stop that was spoken; and a message of which no file could be had.
    if (change.from === "queued" && change.to === "done" && spokenStop(mirror, change) === null)
      violated("I4", `item ${change.id} is done and was never begun`);
    if (change.to === "rejected" && tagsOfItem(item, change.request ?? item.request).length > 0)
      violated("I4", `item ${change.id} waited and is rejected`);
    const isSteer = item.run !== null && mirror.runs.get(item.run)?.item !== item.id;
    if (change.from === "running" && !isSteer) checkPreempted(item, change.to);
    if (change.from === "running" && change.to === "held" && !isSteer)
      violated("I4", `item ${change.id} ran and is on hold`);
    if (change.from === "running" && change.to === "held" && wasSteered(item)) doubtful.add(item.id);
    if (change.from === "running" && change.to === "queued" && isSteer && wasSteered(item)) {
      violated("I6", `item ${change.id} was taken by a running turn and is put in line again`);
    }
  }

  /** Its run was settled earlier in the same transaction. */
  function checkPreempted(item: ItemRow, to: ItemState): void {
    const run = item.run === null ? undefined : mirror.runs.get(item.run);
    if (run?.outcome?.kind !== "preempted") return;
    if (to !== "queued") violated("I11", `${run.id} was preempted, and its item ${item.id} is ${to}`);
    if (item.priority !== "background")
      violated("I11", `${run.id} was preempted, and its item ${item.id} is a person's`);
  }

  function wasSteered(item: ItemRow): boolean {
    const tag = tagOf(item);
    return tag !== null && item.run !== null && world.turnsOf(item.run).some((turn) => turn.prompts.includes(tag));
  }

  function started(change: Change & { what: "run-added" }): void {
    const item = mirror.items.get(change.item)!;
    if (item.state !== "queued") violated("I6", `${change.id} runs item ${item.id}, which is ${item.state}`);
    const before = runsOfItem.get(item.id) ?? [];
    for (const run of before) {
      const outcome = mirror.runs.get(run)?.outcome?.kind;
      if (outcome !== "preempted")
        violated("I6", `item ${item.id} runs as ${change.id} after it ran as ${run} (${outcome})`);
    }
    runsOfItem.set(item.id, [...before, change.id]);
  }

  /** How often a prompt may have been given to agents: once, and once more for each "Run again" or preemption that covers it. */
  function allowedStarts(tag: string): number {
    let allowed = 1;
    for (const id of doubtful) if (tagsOfItem(mirror.items.get(id)!).includes(tag)) allowed += 1;
    for (const [id, presses] of asked.again) if (coveredBy(id).includes(tag)) allowed += presses;
    for (const [id, runs] of runsOfItem) {
      if (tagsOfItem(mirror.items.get(id)!).includes(tag)) {
        allowed += runs.filter((run) => mirror.runs.get(run)?.outcome?.kind === "preempted").length;
      }
    }
    return allowed;
  }

  /** What "Run again" of an item gives to the agent: its text, and what was steered into its run. */
  function coveredBy(id: ItemId): readonly string[] {
    const item = mirror.items.get(id);
    if (item === undefined) return [];
    const tags = [...tagsOfItem(item)];
    for (const run of runsOfItem.get(id) ?? []) {
      for (const other of mirror.items.values()) if (other.run === run) tags.push(...tagsOfItem(other));
    }
    // "Run again" of what was joined covers all that was joined into it.
    for (const turn of world.turns()) {
      if ((runsOfItem.get(id) ?? []).includes(turn.owner.run)) tags.push(...turn.prompts);
    }
    return tags;
  }

  function checkStarts(): void {
    const turns = world.turns();
    for (; turnsSeen < turns.length; turnsSeen += 1) {
      checkTurn(turns[turnsSeen]!);
      for (const tag of turns[turnsSeen]!.prompts) {
        const times = world.starts.get(tag) ?? 0;
        if (times <= 1) continue;
        const allowed = allowedStarts(tag);
        if (times > allowed) violated("I6", `${tag} was given to an agent ${times} times, ${allowed} asked for`);
      }
    }
  }

  /** TX-2: what the agent was given is what the run's row says, not what somebody else left in a variable. */
  function checkTurn({ owner, workspace, prompts }: LedgerTurn): void {
    const run = mirror.runs.get(owner.run);
    const item = run === undefined ? undefined : mirror.items.get(run.item);
    if (run === undefined || item === undefined)
      return violated("I3", `a turn of ${owner.run} began, which has no row`);
    const isSame = run.conversation === owner.conversation && run.workspace === workspace;
    if (!isSame || !tagsOfItem(item).every((tag) => prompts.includes(tag))) {
      violated("TX-2", `${owner.run} was begun with ${prompts.join(" ")} in ${workspace}, its row says otherwise`);
    }
    if (new Set(prompts).size < prompts.length) violated("I4", `${owner.run} was begun with ${prompts.join(" ")}`);
  }

  return {
    before: (change) => {
      if (change.what === "item-changed") moved(change);
      if (change.what === "item-deleted") violated("I4", `item ${change.id} was deleted`);
      if (change.what === "run-added") started(change);
      if (change.what === "button-used" && change.wasUsed) violated("I6", `button ${change.id} works a second time`);
      checkStarts();
    },
    end: () => {
      checkStarts();
      for (const item of mirror.items.values()) {
        if (item.state === "merged" && item.run !== null && !wasSteered(item)) checkCovered(item);
      }
    },
  };

  /** A message that was merged into a run and never reached its agent: only a run that was cut or stopped may keep it. */
  function checkCovered(item: ItemRow): void {
    const run = mirror.runs.get(item.run!);
    const outcome = run?.outcome?.kind;
    if (outcome === "finished" || outcome === "failed") {
      violated("I4", `item ${item.id} was merged into ${item.run}, which ${outcome} without having seen it`);
    }
  }
}

/** What asks an agent is done once the agent has answered: its row is made running by the decision that stores it. */
function mayAskAgent({ request }: ItemRow): boolean {
  return request.kind === "command" || request.kind === "press";
}

function tagOf(item: ItemRow): string | null {
  return tagsOfItem(item)[0] ?? null;
}

/** Of its words, and of its files but for those that cannot be had. */
export function tagsOfItem(item: ItemRow, request: Request = item.request): readonly string[] {
  return request.kind === "prompt" ? [...tagsOf(request.prompt.text), ...sourcesOf(request.prompt, "had")] : [];
}

export function sourcesOf({ files = [] }: Prompt, which: "all" | "had"): readonly string[] {
  return files.flatMap((file) =>
    file.state === "missing"
      ? which === "had"
        ? []
        : [sourceNamed(file.name)]
      : [file.state === "read" ? file.source : file.file.source],
  );
}
