/**
 * The channel's side of the outbox: takes what is due and carries it to the chat, where it is refused for a while (429),
 * arrives without our learning of it, is lost on its way, or can never arrive (blocked). The database may refuse any of its verbs,
 * before the commit or after it.
 *
 * 1. What became of an attempt is written until it is durable; each verb is conditional, so a repetition changes nothing.
 * 2. Whether a rejected `begin` was kept is not known: the row is put back as one that nobody sent.
 * I6: a message goes out again only after a refusal, or marked as uncertain.
 */
import type { ConversationId } from "../../src/domain/conversation.ts";
import type { OutboxQueue, OutboxRow } from "../../src/engine/ports.ts";
import type { Meet } from "./faults.ts";
import { isPaused } from "./journal.ts";
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
  /** At rest what people see of each ask is how it stands. */
  checkCards(): void;
}

type MessengerDeps = {
  readonly mirror: Mirror;
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly clock: VirtualClock;
  readonly habits: ChannelHabits;
  readonly meet: Meet;
  readonly violated: (invariant: string, what: string) => void;
};

/** Telegram asks for a pause of some seconds; the longest that is tried here. */
const pauseMsMax = 30_000;
const dueMax = 5;

/** What a verb that was rejected has instead of a value. */
const refused = Symbol("refused");

export function createMessenger(deps: MessengerDeps): Messenger {
  const { mirror, scheduler, random, clock, habits } = deps;
  const blocked = new Set<ConversationId>();
  const arrivals = new Map<number, number>();
  /** What people see of each ask. */
  const cards = new Map<string, string>();
  let serving: { readonly life: number; readonly outbox: OutboxQueue } | null = null;
  let booting = 0;
  let busy = 0;
  let isCalm = false;

  /** The oldest undelivered row of its conversation, apart from a status, or the last line of a finished run, that waits for its moment. */
  function mayGo(row: SaidRow): boolean {
    if (row.state !== "pending" || isPaused(row.pause, clock.now())) return false;
    for (const other of mirror.undelivered) {
      if (other.conversation !== row.conversation || other === row) continue;
      if (other.state === "sending") return false;
      const mayBePassed = other.kind === "status" || other.dedupe.endsWith(":summary:finished");
      if (other.id < row.id && !(mayBePassed && isPaused(other.pause, clock.now()))) return false;
    }
    return true;
  }

  /** Resolves whatever the database says: a failed look is followed by another. */
  async function pump(life: number, outbox: OutboxQueue): Promise<void> {
    const rows = await read(() => outbox.due("telegram", dueMax), []);
    await Promise.all(rows.map((row) => deliver(life, outbox, row)));
    if (serving?.life === life) busy -= 1;
  }

  async function deliver(life: number, outbox: OutboxQueue, row: OutboxRow): Promise<void> {
    const first =
      row.body.kind === "summary"
        ? `run:${row.body.summary.run}:status`
        : row.body.kind === "ask"
          ? row.body.replaces
          : null;
    if (first !== null) await untilKept(life, () => outbox.sentAs(first));
    const begun = await read<boolean | "unknown">(() => outbox.begin(row.id), "unknown");
    if (begun === "unknown") return untilKept(life, () => outbox.again(row.id, clock.now(), "refused"));
    if (!begun) return;
    const outcome = await scheduler.pending("channel", `send message ${row.id}`, life, () => send(row, life));
    const nowMs = clock.now();
    const pauseMs = random.between(1, pauseMsMax);
    switch (outcome) {
      case "arrived":
        return untilKept(life, () => outbox.sent(row.id, `m${row.id}`));
      case "refused":
        return untilKept(life, () => outbox.again(row.id, nowMs + pauseMs, "refused"));
      case "unknown":
        return untilKept(life, () => outbox.again(row.id, nowMs, "unknown"));
      case "blocked":
        return untilKept(life, () => outbox.end(row.id, "undeliverable"));
      default:
        return outcome satisfies never;
    }
  }

  async function read<T>(verb: () => Promise<T>, otherwise: T): Promise<T> {
    try {
      return await verb();
    } catch {
      return otherwise; // a fault of the simulation, or a life that was succeeded
    }
  }

  /** Until the database took it; a life that was succeeded is refused for ever and gives up. */
  async function untilKept(life: number, verb: () => Promise<unknown>): Promise<void> {
    while (booting === life) {
      if ((await read<unknown>(verb, refused)) !== refused) return;
    }
  }

  async function recover(life: number, outbox: OutboxQueue): Promise<void> {
    while (booting === life) {
      if ((await read<unknown>(() => outbox.recover("telegram"), refused)) === refused) continue;
      if (booting === life) serving = { life, outbox };
      return;
    }
  }

  type Delivery = "arrived" | "refused" | "unknown" | "blocked";

  function send(row: OutboxRow, life: number): Delivery | Promise<Delivery> {
    if (serving?.life !== life) return new Promise(() => {}); // a ghost sends nothing
    if (!isCalm && random.chance(habits.blocks)) blocked.add(row.conversation);
    if (blocked.has(row.conversation)) {
      deps.meet("the chat is blocked");
      return "blocked";
    }
    if (!isCalm && random.chance(habits.refuses)) {
      deps.meet("the chat refuses for a while (429)");
      return "refused";
    }
    if (!isCalm && random.chance(habits.loses)) {
      deps.meet("a message is lost on its way");
      return "unknown";
    }
    const before = arrivals.get(row.id) ?? 0;
    arrivals.set(row.id, before + 1);
    if (row.body.kind === "ask") cards.set(row.body.id, JSON.stringify(row.body.state));
    if (before > 0 && !row.uncertain) deps.violated("I6", `message ${row.id} arrives again, and does not say so`);
    if (isCalm || !random.chance(habits.timesOut)) return "arrived";
    deps.meet("the chat's answer is lost");
    return "unknown";
  }

  return {
    begin: (life, outbox) => {
      serving = null;
      busy = 0;
      blocked.clear();
      booting = life;
      void recover(life, outbox);
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
          void pump(life, outbox); // never rejects
        };
        return { kind: "channel", label: "look for messages", life, run };
      },
    },
    nextDueMs: () => {
      let first: number | null = null;
      for (const row of mirror.undelivered) {
        if (row.state !== "pending" || !isPaused(row.pause, clock.now())) continue;
        if (first === null || row.pause.untilMs < first) first = row.pause.untilMs;
      }
      return first;
    },
    isIdle: () => busy === 0,
    checkCards: () => {
      const lost = new Set<string>();
      for (const { state, ask } of mirror.said.values())
        if (state === "undeliverable" && ask !== null) lost.add(ask.id);
      for (const [id, card] of cards) {
        const state = JSON.stringify(mirror.asks.get(id)?.state);
        if (card !== state && !lost.has(id))
          deps.violated("card", `people see ${card} of ask ${id}, which is ${state}`);
      }
    },
  };
}
