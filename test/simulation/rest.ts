/**
 * When a world has come to rest: every message that came in has found its end or waits for a person, everything said is
 * delivered, and nothing lives that no row knows of. What a quarantined run keeps occupied may wait behind it.
 */
import type { Chat } from "./chat.ts";
import type { Messenger } from "./messenger.ts";
import type { ItemRow, Mirror } from "./mirror.ts";
import type { Scheduler } from "./scheduler.ts";
import type { World } from "./world.ts";

export type RestLook = {
  readonly mirror: Mirror;
  readonly chat: Chat;
  readonly messenger: Messenger;
  readonly scheduler: Scheduler;
  readonly world: World;
  /** Its settlement throws: it rests in quarantine. */
  readonly isCursed: (run: string) => boolean;
  readonly life: () => number;
};

/** Null at rest; otherwise what is not. */
export function atRest({ mirror, chat, messenger, scheduler, world, isCursed, life }: RestLook): string | null {
  if (scheduler.waiting(["flush", "resolve"], life()) > 0) return "a commit is under way";
  if (scheduler.waiting(["file"], life()) > 0) return "a file is on its way";
  if (!chat.isIdle()) return "an update was not acknowledged";
  if (!messenger.isIdle()) return "a message is under way";
  for (const row of mirror.undelivered) return `message ${row.id} is ${row.state}`;
  // Orphans have one verdict: as long as one of them lives, every run that a crash cut may be quarantined.
  const isHaunted = world.orphans().length > 0;
  for (const run of mirror.live) {
    const isAlive = world.turnsOf(run.id).some((turn) => turn.processes.some((process) => process.alive));
    if (run.state !== "quarantined" || !(isAlive || isHaunted || isCursed(run.id))) return `${run.id} is ${run.state}`;
  }
  for (const item of mirror.items.values()) {
    const reason = unrested(mirror, item);
    if (reason !== null) return reason;
  }
  return null;
}

function unrested(mirror: Mirror, item: ItemRow): string | null {
  const holder = (): boolean => {
    for (const run of mirror.live) {
      const lane = mirror.lanes.get(item.conversation);
      if (run.conversation === item.conversation || run.workspace === lane?.workspace) return true;
    }
    return false;
  };
  switch (item.state) {
    case "queued":
      if (!item.isReady) return `item ${item.id} is not whole`;
      return holder() || mirror.live.size > 0 ? null : `item ${item.id} is still in line`;
    case "running":
      return item.run !== null && mirror.live.has(mirror.runs.get(item.run)!)
        ? null
        : `item ${item.id} is still running`;
    case "held":
    case "merged":
    case "done":
    case "failed":
    case "interrupted":
    case "cancelled":
    case "rejected":
      return null;
    default:
      return item.state satisfies never;
  }
}
