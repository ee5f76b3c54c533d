/**
 * I9: within a conversation first in, first out, apart from interrupts and what a person moved; across conversations a lane
 * that could start is passed over by each other lane at most once; one whose first is background work, by each other such lane.
 * K6: background work does not start while a person's message could.
 * S2: after a person's stop nothing that waited starts by itself.
 * L6: what a person wrote and waited through a long time off is offered, and starts only when a person says so.
 */
import type { ConversationId } from "../../src/domain/conversation.ts";
import type { ItemId, Priority } from "../../src/domain/inbox-item.ts";
import type { Change } from "./journal.ts";
import type { ItemRow } from "./mirror.ts";
import type { Rule, RuleContext } from "./rule.ts";
import { spokenStop } from "./speech.ts";

export function rulesOfOrder({ mirror, asked, downtimeMs, bootedAtMs, violated }: RuleContext): Rule {
  /** How often others started while this lane could have, since it drew its ticket. */
  const passedOver = new Map<ConversationId, number>();
  /** Of the first in line, once it is whole: what a lane draws its ticket for. */
  const drawnFor = new Map<ConversationId, Priority | null>();
  /** Items up to this one were on hold after a person's stop. */
  const stoppedAt = new Map<ConversationId, ItemId>();
  /** Items that a person took off hold, since they were last put on hold. */
  const released = new Set<ItemId>();
  /** Interrupts by the conversation's choice, or by a part of theirs. */
  const interrupting = new Set<ItemId>();
  /** Once on hold, an interrupt has lost its moment. */
  const beenHeld = new Set<ItemId>();
  let newest = 0 as ItemId;
  /** The newest item when the present life began. */
  let newestAtBoot = 0 as ItemId;

  function claimed(change: Change & { what: "run-added" }): void {
    const item = mirror.items.get(change.item)!;
    const queue = mirror.queue(item.conversation);
    const head = queue[0];
    if (head !== item) violated("I9", `item ${item.id} starts although ${head?.id} is first in line`);
    for (const other of queue) {
      if (other.id < item.id && other.rank <= item.rank && !mayOvertake(item)) {
        violated("I9", `item ${item.id} overtakes item ${other.id}`);
      }
    }
    const interrupt = queue.find((other) => isInterrupt(other) && !beenHeld.has(other.id));
    if (interrupt !== undefined && interrupt.id > item.id && !mayOvertake(item)) {
      violated("I9", `item ${item.id} starts before the interrupt ${interrupt.id}`);
    }
    const stop = stoppedAt.get(item.conversation) ?? 0;
    if (item.id < stop && !released.has(item.id)) {
      violated("S2", `item ${item.id} starts by itself although its conversation was stopped (by item ${stop})`);
    }
    const waitedMs = bootedAtMs() - item.acceptedAtMs;
    const isPersons = item.priority === "interactive";
    if (isPersons && item.id <= newestAtBoot && waitedMs > downtimeMs && !released.has(item.id)) {
      violated("L6", `item ${item.id} had waited ${Math.round(waitedMs / 1000)} s at the boot and starts unasked`);
    }
    for (const lane of mirror.lanes.values()) {
      if (lane.conversation === item.conversation) passedOver.set(lane.conversation, 0);
      else if (mirror.isStartable(lane)) pass(lane.conversation, item);
    }
  }

  function mayOvertake(item: ItemRow): boolean {
    return isInterrupt(item) || asked.moved.has(item.id) || interrupting.has(item.id);
  }

  function pass(conversation: ConversationId, starting: ItemRow): void {
    if (mirror.head(conversation)?.priority === "background") {
      if (starting.priority === "interactive") return;
    } else if (starting.priority === "background")
      violated("K6", `item ${starting.id} is background work and starts before ${conversation}, which could`);
    const times = (passedOver.get(conversation) ?? 0) + 1;
    passedOver.set(conversation, times);
    if (times > mirror.lanes.size - 1) violated("I9", `${conversation} could start and was passed over ${times} times`);
  }

  function added(change: Change & { what: "item-added" }): void {
    newest = change.id;
    if (change.state === "held") beenHeld.add(change.id);
    const { request, priority } = change;
    if (request.kind === "prompt") {
      const isPolicy = mirror.settings.get(change.conversation)?.policy === "interrupt" && priority === "interactive";
      if (isPolicy || request.placement === "interrupt") interrupting.add(change.partOf ?? change.id);
    }
    if (request.kind !== "command" || request.command.name !== "stop") return;
    if (request.command.scope === "conversation") stoppedAt.set(change.conversation, change.id);
    else for (const conversation of mirror.lanes.keys()) stoppedAt.set(conversation, change.id);
  }

  /** A lane draws a ticket when its first in line becomes whole, and another when that is of the other priority. */
  function look(conversation: ConversationId): void {
    const head = mirror.head(conversation);
    const now = head?.isReady === true ? head.priority : null;
    if (drawnFor.get(conversation) === now) return;
    drawnFor.set(conversation, now);
    passedOver.set(conversation, 0);
  }

  return {
    before: (change) => {
      if (change.what === "decision" && change.life !== mirror.decision().life) newestAtBoot = newest;
      if (change.what === "run-added") claimed(change);
      if (change.what === "item-added") added(change);
      const spoken = spokenStop(mirror, change);
      if (spoken?.scope === "conversation") stoppedAt.set(spoken.item.conversation, newest);
      if (spoken?.scope === "all") for (const conversation of mirror.lanes.keys()) stoppedAt.set(conversation, newest);
      if (change.what === "item-changed" && change.from === "held" && change.to === "queued") {
        released.add(change.id);
      }
      if (change.what === "item-changed" && change.to === "held") {
        released.delete(change.id);
        beenHeld.add(change.id);
      }
      if (change.what === "run-changed" && change.stopWhy === "user") {
        const run = mirror.runs.get(change.id)!;
        if (run.stopWhy !== "user") stoppedAt.set(run.conversation, newest);
      }
    },
    after: (change) => {
      if (change.what === "item-added" || change.what === "item-changed")
        look(mirror.items.get(change.id)!.conversation);
    },
  };
}

function isInterrupt(item: ItemRow): boolean {
  return item.request.kind === "prompt" && item.request.placement === "interrupt";
}
