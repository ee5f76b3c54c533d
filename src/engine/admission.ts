/**
 * Admission: the one door for everything that comes in, whatever the channel. An item is stored and decided in the same
 * transaction, and what is answered is a row of it too.
 *
 * I4: every item gets a row whose state says what became of it; a refusal is a row and a text.
 * I5: the caller acknowledges after this transaction's commit.
 * I7: a command or a press is decided here, at once; nothing of it waits for a run, a queue or a send.
 */
import type { ButtonAction } from "../domain/button.ts";
import type { ConversationId } from "../domain/conversation.ts";
import type { Command, InboxItem, ItemId, ItemKey, Prompt, Request } from "../domain/inbox-item.ts";
import { decide, type LaneEffect } from "../domain/lane-machine.ts";
import { entriesShownMax, excerpt, plural, type QueueEntry } from "../domain/notice.ts";
import { type RunOwner, sameOwner, type StopWhy } from "../domain/run.ts";
import { emptyTranscript } from "../domain/transcript.ts";
import type { Lane, Receipt, StoredItem } from "./ports.ts";
import { laneReports } from "./reports.ts";
import { sayQuarantined, settleForced } from "./settlement.ts";
import { addButton, heldButtons, say, type Work } from "./work.ts";

/** Messages that may wait in one conversation. A person does not keep more than this in mind; reaching it is told. */
export const laneCapacity = 20;

export type AdmissionSettings = {
  readonly workspace: string;
  readonly downtimeMs: number;
  readonly runsMax: number;
  readonly driverName: string;
  readonly version: string;
};

export async function admit(
  work: Work,
  items: readonly InboxItem[],
  chosen: { readonly workspace: string } | undefined,
  settings: AdmissionSettings,
): Promise<Receipt[]> {
  const receipts: Receipt[] = [];
  const late = new Set<ConversationId>();
  for (const item of items) {
    const lane = await openLane(work, item.conversation, chosen, settings);
    receipts.push(await admitOne(work, item, lane, late, settings));
    await work.claim();
  }
  for (const conversation of late) await offerHeld(work, conversation, "downtime");
  return receipts;
}

async function openLane(
  work: Work,
  conversation: ConversationId,
  chosen: { workspace: string } | undefined,
  settings: AdmissionSettings,
): Promise<Lane> {
  const known = await work.tx.lane(conversation);
  if (known !== null) return known;
  await work.tx.openLane(conversation, chosen?.workspace ?? settings.workspace, chosen !== undefined, work.newId());
  const lane = await work.tx.lane(conversation);
  if (lane === null) throw new Error(`the lane of ${conversation} could not be opened`);
  return lane;
}

async function admitOne(
  work: Work,
  item: InboxItem,
  lane: Lane,
  late: Set<ConversationId>,
  settings: AdmissionSettings,
): Promise<Receipt> {
  work.touched.add(item.conversation);
  const { request } = item;
  switch (request.kind) {
    case "prompt":
      return admitPrompt(work, item, request, lane, late, settings);
    case "command":
      return admitCommand(work, item, request.command, lane, settings);
    case "press":
      return admitPress(work, item, request, settings);
    case "unsupported": {
      if ((await work.tx.addItem(item, "rejected", work.atMs)) === null) return seenBefore(item);
      await reply(work, item, { kind: "unsupported", what: request.what });
      return fresh(item, null);
    }
    default:
      return request satisfies never;
  }
}

// ---------------------------------------------------------------- prompts

async function admitPrompt(
  work: Work,
  item: InboxItem,
  request: Request & { kind: "prompt" },
  lane: Lane,
  late: Set<ConversationId>,
  settings: AdmissionSettings,
): Promise<Receipt> {
  const queued = (await work.tx.items(item.conversation, "queued")).length;
  const held = (await work.tx.items(item.conversation, "held")).length;
  const queue = { queued: queued + held, capacity: laneCapacity };
  const decision = decide(lane.state, { kind: "prompt", placement: request.placement }, queue);
  const isRefused = decision.effects.some((effect) => effect.kind === "reject-full");
  const isLate = work.atMs - item.sentAtMs > settings.downtimeMs;
  const id = await work.tx.addItem(item, isRefused ? "rejected" : isLate ? "held" : "queued", work.atMs);
  if (id === null) return seenBefore(item);
  if (isRefused) {
    await reply(work, item, { kind: "lane-full", capacity: laneCapacity });
    return fresh(item, null);
  }
  if (lane.title === null) await work.tx.setTitle(item.conversation, excerpt(request.prompt.text));
  if (isLate) {
    late.add(item.conversation); // L6: what waited too long is offered, not run; an old interrupt interrupts nothing
    return fresh(item, null);
  }
  work.waiting.push(id);
  await carryOut(work, item, id, lane, decision.effects);
  return fresh(item, null);
}

/** The effects of a prompt or a stop on the lane's rows. */
async function carryOut(
  work: Work,
  item: InboxItem,
  id: ItemId,
  lane: Lane,
  effects: readonly LaneEffect[],
): Promise<void> {
  for (const effect of effects) {
    switch (effect.kind) {
      case "enqueue":
        if (effect.place === "front") await work.tx.moveItemFirst(id);
        break;
      case "stop-run":
        await stopRun(work, effect.owner, effect.why);
        if (effect.first) await reply(work, item, { kind: "stopping" });
        break;
      case "hold-queue":
        await holdQueue(work, lane.conversation);
        if (lane.state.kind === "idle") await offerHeld(work, lane.conversation, "stop");
        break;
      case "nothing-to-stop":
        await sayNothingToStop(work, item);
        break;
      case "reject-full":
      case "start":
      case "quarantine":
      case "settle":
        throw new Error(`${effect.kind} is no effect of an admission`);
      default:
        effect satisfies never;
    }
  }
}

/** Durable first; the signal is fired after the commit. A repeated one strengthens. */
async function stopRun(work: Work, owner: RunOwner, why: StopWhy): Promise<void> {
  await work.tx.markStopping(owner, why, work.atMs);
  work.after.push({ kind: "stop", owner });
}

async function holdQueue(work: Work, conversation: ConversationId): Promise<number> {
  const queued = await work.tx.items(conversation, "queued");
  for (const waiting of queued) await work.tx.moveItem(waiting.id, "queued", "held");
  return queued.length;
}

/** One offer for all that is on hold in the conversation. */
export async function offerHeld(work: Work, conversation: ConversationId, reason: "stop" | "downtime"): Promise<void> {
  const held = await work.tx.items(conversation, "held");
  if (held.length === 0) return;
  const buttons = await heldButtons(work, conversation);
  await say(
    work,
    conversation,
    { kind: "held", count: held.length, reason, entries: entriesOf(held) },
    { dedupe: `held:${work.newId()}`, buttons },
  );
}

function entriesOf(items: readonly StoredItem[]): QueueEntry[] {
  return items.slice(0, entriesShownMax).map((item) => ({ item: item.id, text: textOf(item) }));
}

function textOf(item: StoredItem): string {
  return item.request.kind === "prompt" ? excerpt(item.request.prompt.text) : "";
}

// ---------------------------------------------------------------- commands

async function admitCommand(
  work: Work,
  item: InboxItem,
  command: Command,
  lane: Lane,
  settings: AdmissionSettings,
): Promise<Receipt> {
  const isPending = command.name === "stop" && command.scope === "all";
  const state = command.name === "unknown" ? "rejected" : isPending ? "running" : "done";
  const id = await work.tx.addItem(item, state, work.atMs);
  if (id === null) return seenBefore(item);
  switch (command.name) {
    case "start":
      await reply(work, item, {
        kind: "welcome",
        driver: settings.driverName,
        workspace: lane.workspace,
        isDemo: settings.driverName === "demo",
      });
      break;
    case "help":
      await reply(work, item, { kind: "help" });
      break;
    case "unknown":
      await reply(work, item, { kind: "unknown-command", text: command.text });
      break;
    case "status":
      await sayStatus(work, item, settings);
      break;
    case "queue":
      await sayQueue(work, item, lane);
      break;
    case "stop":
      await (command.scope === "all" ? stopAll(work, item, id) : stopConversation(work, item, id, lane));
      break;
    case "new":
      await beginSession(work, item, lane, command.title);
      break;
    default:
      command satisfies never;
  }
  return fresh(item, null);
}

async function stopConversation(work: Work, item: InboxItem, id: ItemId, lane: Lane): Promise<void> {
  const queued = (await work.tx.items(lane.conversation, "queued")).length;
  const decision = decide(lane.state, { kind: "stop", why: "user", owner: null }, { queued, capacity: laneCapacity });
  await carryOut(work, item, id, lane, decision.effects);
  if (lane.state.kind === "quarantined") {
    await sayQuarantined(work, lane.state.owner, lane.state.evidence, `item:${item.key}:quarantined`);
    if (queued > 0) await offerHeld(work, lane.conversation, "stop");
  }
}

async function sayNothingToStop(work: Work, item: InboxItem): Promise<void> {
  const held = (await work.tx.items(item.conversation, "held")).length;
  const buttons = held > 0 ? await heldButtons(work, item.conversation) : [];
  const said = { dedupe: `item:${item.key}:nothing-to-stop`, replyTo: item.message, buttons };
  await say(work, item.conversation, { kind: "nothing-to-stop", held }, said);
}

/** S5: every conversation. The command's row stays `running` until each run that it stopped is proven gone. */
async function stopAll(work: Work, item: InboxItem, id: ItemId): Promise<void> {
  let runs = 0;
  const quarantined: RunOwner[] = [];
  for (const lane of await work.tx.lanes()) {
    await holdQueue(work, lane.conversation);
    work.touched.add(lane.conversation);
    const stop = decide(lane.state, { kind: "stop", why: "user", owner: null }, { queued: 0, capacity: 0 });
    for (const effect of stop.effects) {
      if (effect.kind !== "stop-run") continue;
      runs += 1;
      await stopRun(work, effect.owner, effect.why);
      await work.tx.addStopWait(id, effect.owner.run);
      if (effect.first && lane.conversation !== item.conversation) {
        await say(
          work,
          lane.conversation,
          { kind: "stopping" },
          { dedupe: `item:${item.key}:stopping:${lane.conversation}` },
        );
      }
    }
    if (lane.state.kind === "quarantined") quarantined.push(lane.state.owner);
    if (lane.state.kind === "idle" && lane.queued > 0) await offerHeld(work, lane.conversation, "stop");
  }
  await endBackground(work, null, item.conversation);
  await sayStoppingAll(work, item, id, runs, quarantined);
}

async function sayStoppingAll(
  work: Work,
  item: InboxItem,
  id: ItemId,
  runs: number,
  quarantined: readonly RunOwner[],
): Promise<void> {
  if (runs > 0) {
    await reply(work, item, { kind: "stopping-all", runs });
    return;
  }
  await work.tx.moveItem(id, "running", "done");
  if (quarantined.length > 0)
    await reply(work, item, { kind: "stopped-all", stopped: 0, quarantined: quarantined.length });
  else await sayNothingToStop(work, item);
}

async function sayStatus(work: Work, item: InboxItem, settings: AdmissionSettings): Promise<void> {
  const lanes = await laneReports(work, settings.runsMax);
  const hasBackground = lanes.some((lane) => lane.background.length > 0);
  const buttons = hasBackground ? [[await addButton(work, item.conversation, { kind: "end-background" })]] : [];
  const notice = { kind: "status" as const, lanes, runsMax: settings.runsMax, version: settings.version };
  await say(work, item.conversation, notice, { dedupe: `item:${item.key}:status`, buttons, replyTo: item.message });
}

async function sayQueue(work: Work, item: InboxItem, lane: Lane): Promise<void> {
  const { conversation } = item;
  const queued = await work.tx.items(conversation, "queued");
  const held = await work.tx.items(conversation, "held");
  const buttons = [];
  for (const [index, { id }] of queued.slice(0, entriesShownMax).entries()) {
    const named = { item: id, ordinal: index + 1 };
    const cancel = await addButton(work, conversation, { kind: "cancel", ...named });
    buttons.push(
      index === 0 ? [cancel] : [cancel, await addButton(work, conversation, { kind: "move-first", ...named })],
    );
  }
  if (queued.length > 1) buttons.push([await addButton(work, conversation, { kind: "clear-queue" })]);
  if (held.length > 0) buttons.push(...(await heldButtons(work, conversation)));
  const notice = {
    kind: "queue" as const,
    entries: entriesOf(queued),
    held: held.length,
    isRunning: lane.state.kind !== "idle",
  };
  await say(work, conversation, notice, { dedupe: `item:${item.key}:queue`, buttons, replyTo: item.message });
}

async function beginSession(work: Work, item: InboxItem, lane: Lane, title: string | null): Promise<void> {
  await work.tx.newSession(item.conversation, work.newId(), title);
  const isRunActive = lane.state.kind !== "idle";
  if (!isRunActive) work.after.push({ kind: "forget", session: lane.session.id });
  const ended = await endBackground(work, item.conversation, item.conversation);
  await reply(work, item, { kind: "new-session", isRunActive, ended });
}

/** Adopted processes of a conversation (null: of all) are ended after the commit; the result is told to `teller`. */
async function endBackground(work: Work, of: ConversationId | null, teller: ConversationId): Promise<number> {
  const processes = (await work.tx.adopted(of)).map((adopted) => adopted.process);
  if (processes.length > 0) work.after.push({ kind: "end-background", conversation: teller, processes });
  return processes.length;
}

// ---------------------------------------------------------------- presses

async function admitPress(
  work: Work,
  item: InboxItem,
  request: Request & { kind: "press" },
  settings: AdmissionSettings,
): Promise<Receipt> {
  const id = await work.tx.addItem(item, "done", work.atMs);
  if (id === null) return seenBefore(item);
  const use = await work.tx.useButton(request.button, item.conversation, work.atMs);
  switch (use.kind) {
    case "used":
      return fresh(item, await act(work, item, id, use.action, settings));
    case "spent":
      return fresh(item, "Already done.");
    case "expired":
      return fresh(item, "This button is too old. /status and /queue give fresh ones.");
    case "unknown":
      return fresh(item, "This button does not belong here. Nothing was done.");
    default:
      return use satisfies never;
  }
}

/** Carries out a button's action; returns the words for the person who pressed. */
async function act(
  work: Work,
  item: InboxItem,
  id: ItemId,
  action: ButtonAction,
  settings: AdmissionSettings,
): Promise<string> {
  switch (action.kind) {
    case "stop":
      return pressStop(work, item, id, action.owner);
    case "force-release":
      return pressRelease(work, action.owner);
    case "steer":
      return pressSteer(work, item.conversation, action.item);
    case "stop-and-run":
      return pressStopAndRun(work, item, action.item);
    case "cancel":
      return pressCancel(work, item, action.item);
    case "move-first":
      return pressMoveFirst(work, item.conversation, action.item);
    case "clear-queue": {
      const cancelled = await endQueued(work, item.conversation, "queued");
      await reply(work, item, { kind: "queue-cleared", count: cancelled });
      return `${plural(cancelled, "message")} cancelled.`;
    }
    case "run-again":
      return pressRunAgain(work, item, action.item, settings);
    case "held":
      return pressHeld(work, item, action.how);
    case "end-background":
      return (await endBackground(work, null, item.conversation)) === 0
        ? "No background task is left."
        : "Stopping\u2026";
    default:
      return action satisfies never;
  }
}

async function pressStop(work: Work, item: InboxItem, id: ItemId, owner: RunOwner): Promise<string> {
  const lane = await work.tx.lane(owner.conversation);
  if (lane === null || lane.state.kind === "idle" || !sameOwner(lane.state.owner, owner)) return "That run is over.";
  if (lane.state.kind === "quarantined") return "It was stopped, but is not proven gone. See the message about it.";
  const queued = (await work.tx.items(lane.conversation, "queued")).length;
  const decision = decide(lane.state, { kind: "stop", why: "user", owner }, { queued, capacity: laneCapacity });
  await carryOut(work, item, id, lane, decision.effects);
  return "Stopping\u2026";
}

async function pressRelease(work: Work, owner: RunOwner): Promise<string> {
  const lane = await work.tx.lane(owner.conversation);
  if (
    lane === null ||
    decide(lane.state, { kind: "force-release", owner }, { queued: 0, capacity: 0 }).effects.length === 0
  ) {
    return "That run is not held any more.";
  }
  await settleForced(work, owner, emptyTranscript);
  return "Released.";
}

async function pressSteer(work: Work, conversation: ConversationId, id: ItemId): Promise<string> {
  const waiting = await queuedItem(work, conversation, id);
  if (waiting === null) return "That message is not waiting any more.";
  const lane = await work.tx.lane(conversation);
  if (lane?.state.kind !== "running") return "No turn is running to steer; the message keeps its place.";
  const { owner } = lane.state;
  // Merged before it is handed over: a crash in between interrupts the run, which is told, and never runs the message twice (I6).
  await work.tx.moveItem(id, "queued", "merged", owner.run);
  work.after.push({ kind: "steer", owner, item: id, prompt: waiting.prompt });
  return "Handed to the running turn.";
}

async function pressStopAndRun(work: Work, item: InboxItem, id: ItemId): Promise<string> {
  if ((await queuedItem(work, item.conversation, id)) === null) return "That message is not waiting any more.";
  await work.tx.moveItemFirst(id);
  const lane = await work.tx.lane(item.conversation);
  if (lane === null || (lane.state.kind !== "running" && lane.state.kind !== "stopping")) return "It is next in line.";
  const { owner } = lane.state;
  const decision = decide(lane.state, { kind: "stop", why: "replaced", owner }, { queued: 0, capacity: laneCapacity });
  await carryOut(work, item, id, lane, decision.effects);
  return "Stopping; this one runs next.";
}

async function pressCancel(work: Work, item: InboxItem, id: ItemId): Promise<string> {
  const waiting = await work.tx.item(id);
  const isWaiting =
    waiting !== null &&
    waiting.conversation === item.conversation &&
    (waiting.state === "queued" || waiting.state === "held");
  if (!isWaiting) return "That message is not waiting any more.";
  await work.tx.moveItem(id, waiting.state, "cancelled");
  await reply(work, item, { kind: "item-cancelled", text: textOf(waiting) });
  return "Cancelled.";
}

async function pressMoveFirst(work: Work, conversation: ConversationId, id: ItemId): Promise<string> {
  if ((await queuedItem(work, conversation, id)) === null) return "That message is not waiting any more.";
  await work.tx.moveItemFirst(id);
  return "It is next in line.";
}

async function pressRunAgain(work: Work, item: InboxItem, id: ItemId, settings: AdmissionSettings): Promise<string> {
  const before = await work.tx.item(id);
  if (before === null || before.conversation !== item.conversation || before.request.kind !== "prompt")
    return "That message is gone.";
  const steered =
    before.run === null ? [] : (await work.tx.itemsOfRun(before.run)).filter((other) => other.state === "merged");
  const prompt = joined([before, ...steered]);
  const lane = await openLane(work, item.conversation, undefined, settings);
  const again: InboxItem = {
    ...item,
    key: `again:${item.key}` as ItemKey,
    message: before.message,
    request: { kind: "prompt", prompt, placement: "queue" },
    sentAtMs: work.atMs,
  };
  await admitOne(work, again, lane, new Set(), settings);
  return "Queued again.";
}

async function pressHeld(work: Work, item: InboxItem, how: "run-each" | "run-as-one" | "discard"): Promise<string> {
  const { conversation } = item;
  const held = await work.tx.items(conversation, "held");
  if (held.length === 0) return "Nothing is on hold any more.";
  if (how === "discard") await endQueued(work, conversation, "held");
  else await requeue(work, held, how);
  await reply(work, item, { kind: "released", count: held.length, how });
  return { "run-each": "Back in the queue.", "run-as-one": "Joined and queued.", discard: "Discarded." }[how];
}

async function requeue(work: Work, held: readonly StoredItem[], how: "run-each" | "run-as-one"): Promise<void> {
  const [first, ...rest] = held;
  if (first === undefined) return;
  await work.tx.moveItem(first.id, "held", "queued");
  if (how === "run-as-one" && rest.length > 0) {
    await work.tx.rewriteItem(first.id, { kind: "prompt", placement: "queue", prompt: joined(held) });
  }
  for (const other of rest) await work.tx.moveItem(other.id, "held", how === "run-as-one" ? "merged" : "queued");
}

async function endQueued(work: Work, conversation: ConversationId, state: "queued" | "held"): Promise<number> {
  const waiting = await work.tx.items(conversation, state);
  for (const item of waiting) await work.tx.moveItem(item.id, state, "cancelled");
  return waiting.length;
}

async function queuedItem(
  work: Work,
  conversation: ConversationId,
  id: ItemId,
): Promise<(StoredItem & { prompt: Prompt }) | null> {
  const item = await work.tx.item(id);
  if (item === null || item.conversation !== conversation || item.state !== "queued" || item.request.kind !== "prompt")
    return null;
  return { ...item, prompt: item.request.prompt };
}

/** Several messages as one prompt, in their order. */
function joined(items: readonly StoredItem[]): Prompt {
  const texts = items.flatMap((item) => (item.request.kind === "prompt" ? [item.request.prompt.text] : []));
  return { text: texts.join("\n\n") };
}

// ---------------------------------------------------------------- answers

async function reply(work: Work, item: InboxItem, notice: Parameters<typeof say>[2]): Promise<void> {
  await say(work, item.conversation, notice, { dedupe: `item:${item.key}:${notice.kind}`, replyTo: item.message });
}

function fresh(item: InboxItem, toast: string | null): Receipt {
  return { key: item.key, fresh: true, toast };
}

function seenBefore(item: InboxItem): Receipt {
  return { key: item.key, fresh: false, toast: null };
}
