/** Presses of buttons: single use, and each looks again whether what it was offered for is still so. */
import type { ButtonAction } from "../domain/button.ts";
import type { ConversationId } from "../domain/conversation.ts";
import type { InboxItem, ItemId, ItemKey, Request } from "../domain/inbox-item.ts";
import { decide } from "../domain/lane-machine.ts";
import type { ScheduleId } from "../domain/schedule.ts";
import { plural } from "../domain/wording.ts";
import { answerAsk } from "./asks.ts";
import { type Question, setModel, setPermissions, takeSession } from "./choices.ts";
import type { Receipt } from "./ports.ts";
import { requeueHeld } from "./intake.ts";
import { runNow } from "./occurrences.ts";
import { pressPair, pressRemove } from "./people.ts";
import { admitPrompt } from "./prompts.ts";
import { detailAction, showDetails } from "./run-details.ts";
import { setSetting } from "./settings.ts";
import { steerNow } from "./steering.ts";
import { pressSchedule } from "./schedules.ts";
import { carryOut, endBackground, pressRelease, pressStop, runningIn } from "./stops.ts";
import { endQueued, joined, laneCapacity, queuedItem, requeue, textOf } from "./waiting-line.ts";
import { consult, fresh, reply, seenBefore, type Work } from "./work.ts";

export async function admitPress(work: Work, item: InboxItem, request: Request & { kind: "press" }): Promise<Receipt> {
  const id = await work.tx.addItem(item, "done", work.atMs);
  if (id === null) return seenBefore(item);
  // What only shows something is not used up by it.
  const known = await work.tx.button(request.button, item.conversation);
  const shown = detailAction(known?.action ?? null);
  if (known !== null && shown !== null)
    return fresh(item, await showDetails(work, { ...item, conversation: known.conversation }, shown));
  const use = await work.tx.useButton(request.button, item.conversation, work.atMs);
  switch (use.kind) {
    case "used":
      return fresh(item, await act(work, { ...item, conversation: use.conversation }, id, use.action));
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
async function act(work: Work, item: InboxItem, id: ItemId, action: ButtonAction): Promise<string> {
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
      return pressRunAgain(work, item, action.item);
    case "held":
      return pressHeld(work, item, action.how);
    case "remove-file":
      return pressConsult(work, item, id, { kind: "remove-files", which: action.file });
    case "held-item":
      return pressHeldItem(work, item, action);
    case "end-background":
      return (await endBackground(work, null, item.conversation)) === 0
        ? "No background task is left."
        : "Stopping\u2026";
    case "answer":
      return (await answerAsk(work, item.conversation, action.ask, action.step)).toast;
    case "switch":
      return pressConsult(work, item, id, { kind: "switch", driver: action.driver });
    case "fork":
    case "project":
    case "continue-with":
      return pressConsult(work, item, id, action);
    case "model":
    case "permissions":
    case "resume":
    case "settings":
      return pressChoice(work, item, action);
    case "pair":
      return pressPair(work, item, action);
    case "remove-person":
      return pressRemove(work, item, action.user);
    case "schedule":
      return pressSchedule(work, item, action);
    case "details":
    case "changes":
      return showDetails(work, item, action);
    default:
      return action satisfies never;
  }
}

/** The press is answered at once. */
async function pressConsult(work: Work, item: InboxItem, id: ItemId, question: Question): Promise<string> {
  await consult(work, item, id, question);
  return "One moment\u2026";
}

/** What came of it is told in the conversation. */
async function pressChoice(
  work: Work,
  item: InboxItem,
  action: ButtonAction & { kind: "model" | "permissions" | "resume" | "settings" },
): Promise<string> {
  const lane = await work.tx.lane(item.conversation);
  if (lane === null) return "That conversation is gone.";
  switch (action.kind) {
    case "model":
      await setModel(work, item, lane, action.driver, action.model);
      return "";
    case "permissions":
      await setPermissions(work, item, lane, action.mode);
      return "";
    case "resume":
      await takeSession(work, item, lane, action);
      return "";
    case "settings":
      await setSetting(work, item, lane, action.change);
      return "";
    default:
      return action satisfies never;
  }
}

async function pressSteer(work: Work, conversation: ConversationId, id: ItemId): Promise<string> {
  const steered = await steerNow(work, conversation, id);
  return {
    handed: "Handed to the running turn.",
    "not-waiting": "That message is not waiting any more.",
    "not-whole": "Its files are still on their way; it keeps its place.",
    "no-turn": "No turn is running to steer; the message keeps its place.",
  }[steered];
}

/** What a person decides about one message that is on hold by itself. */
async function pressHeldItem(
  work: Work,
  item: InboxItem,
  { item: id, how, files }: ButtonAction & { kind: "held-item" },
): Promise<string> {
  if (how === "discard") return pressCancel(work, item, id);
  const without = (source: string): boolean => how === "without" && (files?.includes(source) ?? true);
  if (!(await requeueHeld(work, item.conversation, id, without))) return "That message is not on hold any more.";
  if (how === "steer") return pressSteer(work, item.conversation, id);
  if (how === "stop-and-run") return pressStopAndRun(work, item, id);
  return how === "again" ? "Trying again\u2026" : "Back in line.";
}

async function pressStopAndRun(work: Work, item: InboxItem, id: ItemId): Promise<string> {
  if ((await queuedItem(work, item.conversation, id)) === null) return "That message is not waiting any more.";
  await work.tx.moveItemFirst(id);
  const lane = await work.tx.lane(item.conversation);
  if (lane === null || (lane.state.kind !== "running" && lane.state.kind !== "stopping")) return "It is next in line.";
  const { owner } = lane.state;
  const why = (await runningIn(work, lane)) === "background" ? "preempted" : "replaced";
  const decision = decide(lane.state, { kind: "stop", why, owner }, { queued: 0, capacity: laneCapacity });
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
  const waiting = await work.tx.item(id);
  if (waiting?.conversation !== conversation || waiting.state !== "queued")
    return "That message is not waiting any more.";
  await work.tx.moveItemFirst(id);
  return "It is next in line.";
}

async function pressRunAgain(work: Work, item: InboxItem, id: ItemId): Promise<string> {
  const before = await work.tx.item(id);
  if (before === null || before.conversation !== item.conversation) return "That message is gone.";
  if (before.request.kind === "occurrence") return pressOccurrenceAgain(work, item, before.request.schedule);
  if (before.request.kind !== "prompt") return "That message is gone.";
  const steered = before.run === null ? [] : await work.tx.itemsOfRun(before.run, "merged");
  const prompt = joined(before, steered);
  const lane = await work.tx.lane(item.conversation);
  if (lane === null) return "That conversation is gone.";
  const request = { kind: "prompt" as const, prompt, placement: "queue" as const };
  const key = `again:${item.key}` as ItemKey;
  const again: InboxItem = { ...item, key, message: before.message, request, sentAtMs: work.atMs };
  await admitPrompt(work, again, request, lane, new Set());
  return "Queued again.";
}

async function pressOccurrenceAgain(work: Work, item: InboxItem, id: ScheduleId): Promise<string> {
  const schedule = await work.tx.schedule(id);
  if (schedule === null || schedule.state === "deleted") return "That schedule is gone.";
  return (await runNow(work, schedule, item)) === "full" ? "Its line is full. Nothing was started." : "Queued again.";
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
