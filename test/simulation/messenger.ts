/**
 * The channel's side of the outbox: takes what is due and carries it to the chat, where it is refused for a while (429),
 * arrives without our learning of it, or can never arrive (blocked).
 *
 * I6: a message goes out again only after a refusal, or marked as uncertain.
 */
import type { ConversationId } from "../../src/domain/conversation.ts";
import type { OutboxQueue, OutboxRow } from "../../src/engine/ports.ts";
import type { Mirror, SaidRow } from "./mirror.ts";
import type { Random } from "./random.ts";
import type { ChannelHabits } from "./scenario.ts";
import type { Scheduler, Source } from "./scheduler.ts";
import type { VirtualClock } from "./virtual-clock.ts";

export interface Messenger {
  /** A new life of the program begins to deliver. */
  begin(life: number, outbox: OutboxQueue): void;
  /** Faults stop. */
  calm(): void;
  readonly source: Source;
  /** When the earliest message that may not go yet may go, by the wall clock. */
  nextDueMs(): number | null;
  isIdle(): boolean;
}

type MessengerDeps = {
  readonly mirror: Mirror;
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly clock: VirtualClock;
  readonly habits: ChannelHabits;
  readonly violated: (invariant: string, what: string) => void;
};

/** Telegram asks for a pause of some seconds; the longest that is tried here. */
const pauseMsMax = 30_000;
const dueMax = 5;

/** Only a life that was succeeded is refused by the store; it has nobody to tell. */
const refused = (): void => {};

export function createMessenger(deps: MessengerDeps): Messenger {
  const { mirror, scheduler, random, clock, habits } = deps;
  const blocked = new Set<ConversationId>();
  const arrivals = new Map<number, number>();
  let serving: { readonly life: number; readonly outbox: OutboxQueue } | null = null;
  let busy = 0;
  let isCalm = false;

  /** The oldest undelivered row of its conversation, apart from a status that waits for its moment. */
  function mayGo(row: SaidRow): boolean {
    if (row.state !== "pending" || row.notBeforeMs > clock.now()) return false;
    for (const other of mirror.undelivered) {
      if (other.conversation !== row.conversation || other === row) continue;
      if (other.state === "sending") return false;
      const isLaterStatus = other.kind === "status" && other.notBeforeMs > clock.now();
      if (other.id < row.id && !isLaterStatus) return false;
    }
    return true;
  }

  async function pump(life: number, outbox: OutboxQueue): Promise<void> {
    const rows = await outbox.due("telegram", dueMax);
    await Promise.all(rows.map((row) => deliver(life, outbox, row)));
    if (serving?.life === life) busy -= 1;
  }

  async function deliver(life: number, outbox: OutboxQueue, row: OutboxRow): Promise<void> {
    if (!(await outbox.begin(row.id))) return;
    if (row.body.kind === "summary") await outbox.statusOf(row.body.summary.run);
    const outcome = await scheduler.pending("channel", `send message ${row.id}`, life, () => send(row, life));
    switch (outcome) {
      case "arrived":
        return outbox.sent(row.id, `m${row.id}`);
      case "refused":
        return outbox.again(row.id, clock.now() + random.between(1, pauseMsMax), "refused");
      case "unknown":
        return outbox.again(row.id, clock.now(), "unknown");
      case "blocked":
        return outbox.end(row.id, "undeliverable");
      default:
        return outcome satisfies never;
    }
  }

  type Delivery = "arrived" | "refused" | "unknown" | "blocked";

  function send(row: OutboxRow, life: number): Delivery | Promise<Delivery> {
    if (serving?.life !== life) return new Promise(() => {}); // a ghost sends nothing
    if (!isCalm && random.chance(habits.blocks)) blocked.add(row.conversation);
    if (blocked.has(row.conversation)) return "blocked";
    if (!isCalm && random.chance(habits.refuses)) return "refused";
    const before = arrivals.get(row.id) ?? 0;
    arrivals.set(row.id, before + 1);
    if (before > 0 && !row.uncertain) deps.violated("I6", `message ${row.id} arrives again, and does not say so`);
    if (isCalm || !random.chance(habits.timesOut)) return "arrived";
    return "unknown";
  }

  return {
    begin: (life, outbox) => {
      serving = null;
      busy = 0;
      blocked.clear();
      const serve = (): void => {
        serving = { life, outbox };
      };
      void outbox.recover("telegram").then(serve, refused);
    },
    calm: () => {
      isCalm = true;
    },
    source: {
      kind: "channel",
      isPossible: () => {
        if (serving === null || busy > 0) return false;
        for (const row of mirror.undelivered) if (mayGo(row)) return true;
        return false;
      },
      choice: () => {
        const { life, outbox } = serving!;
        const run = (): void => {
          busy += 1;
          void pump(life, outbox).catch(refused);
        };
        return { kind: "channel", label: "look for messages", life, run };
      },
    },
    nextDueMs: () => {
      let first: number | null = null;
      for (const row of mirror.undelivered) {
        if (row.state !== "pending" || row.notBeforeMs <= clock.now()) continue;
        if (first === null || row.notBeforeMs < first) first = row.notBeforeMs;
      }
      return first;
    },
    isIdle: () => busy === 0,
  };
}
