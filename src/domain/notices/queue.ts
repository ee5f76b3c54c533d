/** What becomes of messages that wait: their place in line, what is on hold, what was cancelled or changed. */
import type { ItemId } from "../inbox-item.ts";
import { plural } from "../wording.ts";

export type QueueEntry = { readonly item: ItemId; readonly text: string };

export type QueueNotice =
  | {
      readonly kind: "queued";
      readonly position: number;
      readonly waitsFor: "run" | "slot" | "workspace" | "files" | "background";
      readonly workspace: string;
    }
  | { readonly kind: "lane-full"; readonly capacity: number }
  | { readonly kind: "edited"; readonly text: string }
  /** `waiting`: joined with others, from whose words its own cannot be told any more. */
  | { readonly kind: "edit-late"; readonly state: "waiting" | "running" | "over" }
  | {
      readonly kind: "held";
      readonly count: number;
      readonly reason: "stop" | "downtime" | "steer";
      readonly entries: readonly QueueEntry[];
    }
  | { readonly kind: "released"; readonly count: number; readonly how: "run-each" | "run-as-one" | "discard" }
  | {
      readonly kind: "queue";
      readonly entries: readonly QueueEntry[];
      readonly count: number;
      readonly held: number;
      readonly isRunning: boolean;
    }
  | { readonly kind: "item-cancelled"; readonly text: string }
  | { readonly kind: "queue-cleared"; readonly count: number };

export function describeQueueNotice(notice: QueueNotice): string {
  switch (notice.kind) {
    case "queued":
      return queued(notice);
    case "lane-full":
      return `This conversation already has ${notice.capacity} messages waiting, so this one was not accepted. Nothing else changed. Cancel some with /queue, then send it again.`;
    case "edited":
      return `Changed: ${notice.text}`;
    case "edit-late":
      return {
        waiting:
          "That message waits joined with others, and cannot be changed there. Is the new text to be a message of its own?",
        running: "The agent already works on that message. Is the new text a correction for it?",
        over: "That message was already answered, so the change has no effect. Send it as a new message.",
      }[notice.state];
    case "held":
      return held(notice);
    case "released":
      return {
        "run-each": `${plural(notice.count, "message")} back in the queue, in order.`,
        "run-as-one": `${plural(notice.count, "message")} joined into one and queued.`,
        discard: `${plural(notice.count, "message")} discarded.`,
      }[notice.how];
    case "queue":
      return queue(notice);
    case "item-cancelled":
      return `Cancelled: ${notice.text}`;
    case "queue-cleared":
      return notice.count === 0 ? "The queue was empty." : `${plural(notice.count, "waiting message")} cancelled.`;
    default:
      return notice satisfies never;
  }
}

function queued(notice: QueueNotice & { kind: "queued" }): string {
  switch (notice.waitsFor) {
    case "run":
      return `Queued, number ${notice.position} in line.`;
    case "slot":
      return `Queued, number ${notice.position} in line. All run slots are in use; it starts when one is free.`;
    case "files":
      return `Queued, number ${notice.position} in line. It starts when its files are here.`;
    case "workspace":
      return `Queued, number ${notice.position} in line. Another conversation is working in ${notice.workspace}; it starts when that is free.`;
    case "background":
      return "It starts in a moment: scheduled work makes room for it, and begins again afterwards.";
    default:
      return notice.waitsFor satisfies never;
  }
}

function held(notice: QueueNotice & { kind: "held" }): string {
  const messages = plural(notice.count, "message");
  const head = {
    downtime: `${messages} arrived while I was off:`,
    stop: `${messages} on hold after the stop:`,
    steer: `${messages} on hold. The turn ended before the agent said whether it took what was handed to it:`,
  }[notice.reason];
  return [head, ...entryLines(notice.entries, notice.count)].join("\n");
}

function queue(notice: QueueNotice & { kind: "queue" }): string {
  const holds = notice.held > 0 ? [`${plural(notice.held, "message")} on hold.`] : [];
  const running = notice.isRunning ? ["A turn is running."] : [];
  if (notice.count === 0) return [...running, "No messages waiting.", ...holds].join(" ");
  return [
    ...running,
    `${plural(notice.count, "message")} waiting:`,
    ...entryLines(notice.entries, notice.count),
    ...holds,
  ].join("\n");
}

/** A card lists this many messages; the rest is counted. */
export const entriesShownMax = 10;

function entryLines(entries: readonly QueueEntry[], count: number): string[] {
  const shown = entries.slice(0, entriesShownMax);
  const lines = shown.map((entry, index) => `${index + 1}. ${entry.text}`);
  return count > shown.length ? [...lines, `\u2026 and ${count - shown.length} more`] : lines;
}
