/**
 * K6: background work that a person's message waits for is told to make room by the very transaction that made the message wait: in its
 * conversation, in its directory, and for as many slots as messages lack. Nothing is told to make room that nobody waits for, and what was told
 * to settles as preempted, unless it had done its work, a person stopped it or the program was cut.
 */
import type { ConversationId } from "../../src/domain/conversation.ts";
import type { Change } from "./journal.ts";
import type { ItemRow, RunRow } from "./mirror.ts";
import type { Rule, RuleContext } from "./rule.ts";

export type RulesOfRoom = Rule & {
  /** Between two steps. */
  readonly check: () => void;
};

/** `isOpen`: the life claims, and nothing of it is booting or draining. */
export function rulesOfRoom({ mirror, asked, runsMax, violated }: RuleContext, isOpen: () => boolean): RulesOfRoom {
  /** Of the decision that is being read: nobody was waiting for these when they were told. */
  let preempted: RunRow[] = [];

  function check(): void {
    // Somebody may have stopped it, and what waited for it, in the same decision.
    for (const run of preempted) if (run.stopWhy === "preempted") checkWanted(run);
    preempted = [];
    if (!isOpen()) return;
    const background = [...mirror.live].filter((run) => isBackground(run) && goesOn(run));
    if (background.length === 0) return;
    const missing = waitingForSlot() - freeing();
    for (const run of background) {
      const item = ownItem(run);
      const next = mirror.head(run.conversation);
      if (next !== null && isPersons(next) && isBefore(next, item))
        violated("K6", `item ${next.id} waits for ${run.id} in its conversation, which makes no room`);
      const other = waitingFor(run);
      if (other !== null) violated("K6", `${other} waits for ${run.id} in ${run.workspace}, which makes no room`);
      if (missing > 0) violated("K6", `${missing} messages lack a slot, and ${run.id} makes no room`);
    }
  }

  /** Something of a person's waits that it was in the way of, or is about to start in its place. */
  function isWanted(run: RunRow): boolean {
    return [...mirror.items.values()].some((item) => item.state === "queued" && isHeldUpBy(item, run));
  }

  function checkWanted(run: RunRow): void {
    if (!isWanted(run)) violated("K6", `${run.id} is told to make room, and nobody waits for it`);
  }

  function isHeldUpBy(item: ItemRow, run: RunRow): boolean {
    const { id, conversation } = item;
    if (asked.moved.has(id) && conversation === run.conversation) return true;
    // What interrupts does so at once, whole or not.
    if (conversation === run.conversation && item.priority === "interactive" && isInterrupt(item)) return true;
    if (!isPersons(item)) return false;
    if (conversation === run.conversation) return true;
    return mirror.lanes.get(conversation)?.workspace === run.workspace || mirror.live.size >= runsMax;
  }

  /** Any part of it may be what interrupts. */
  function isInterrupt({ id, request, conversation }: ItemRow): boolean {
    const requests = [request, ...mirror.partsOf(id).map((part) => part.request)];
    const isSaid = requests.some((one) => one.kind === "prompt" && one.placement === "interrupt");
    return isSaid || mirror.settings.get(conversation)?.policy === "interrupt";
  }

  function waitingFor(run: RunRow): ConversationId | null {
    for (const lane of mirror.lanes.values()) {
      if (lane.workspace !== run.workspace || mirror.liveIn(lane.conversation) !== null) continue;
      const next = mirror.head(lane.conversation);
      if (next !== null && isPersons(next)) return lane.conversation;
    }
    return null;
  }

  /** Each directory takes one slot. */
  function waitingForSlot(): number {
    const workspaces = new Set<string>();
    for (const lane of mirror.lanes.values()) {
      if (mirror.isStartable(lane) && mirror.head(lane.conversation)?.priority === "interactive")
        workspaces.add(lane.workspace);
    }
    return workspaces.size;
  }

  function freeing(): number {
    return [...mirror.live].filter(({ state, slot }) => state === "stopping" && slot <= runsMax).length;
  }

  function ownItem(run: RunRow): ItemRow {
    return mirror.items.get(run.item)!;
  }

  function isBackground(run: RunRow): boolean {
    return ownItem(run).priority === "background";
  }

  function changed(change: Change & { what: "run-changed" }): void {
    const run = mirror.runs.get(change.id)!;
    if (run.stopWhy === null && change.stopWhy === "preempted") {
      if (!isBackground(run)) violated("K6", `${run.id} is a person's, and is told to make room`);
      // Later in the same decision it may have been stopped.
      if (!isWanted(run)) preempted.push(run);
    }
    const isDone = change.outcome?.kind === "preempted" || change.outcome?.kind === "finished";
    if (change.to === "settled" && run.stopWhy === "preempted" && !isDone)
      violated("I11", `${run.id} made room and settles as ${change.outcome?.kind}`);
  }

  return {
    before: (change) => {
      if (change.what === "decision") check();
      if (change.what === "run-changed") changed(change);
    },
    check,
  };
}

function goesOn({ state }: RunRow): boolean {
  return state === "starting" || state === "running";
}

function isPersons({ priority, isReady }: ItemRow): boolean {
  return priority === "interactive" && isReady;
}

function isBefore(a: ItemRow, b: ItemRow): boolean {
  return a.rank < b.rank || (a.rank === b.rank && a.position < b.position);
}
