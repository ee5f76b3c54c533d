/**
 * The sender of the soak: takes what is due from the outbox as the channel's own sender does, to a chat that sometimes refuses, sometimes
 * does not answer and now and then forbids. What it delivered is shown, for people to press.
 */
import type { Button } from "../../src/domain/button.ts";
import type { OutboxRow } from "../../src/engine/ports.ts";
import type { Random } from "../simulation/random.ts";
import { pause } from "./pause.ts";
import type { Shown } from "./shown.ts";
import type { SoakLife } from "./soak-life.ts";

export type Messenger = {
  readonly delivered: number;
  /** Resolves when the life is over or `signal` fires, and nothing is in flight. Never rejects. */
  readonly done: Promise<void>;
};

/** Pacing of the looks into the outbox, and of the next attempt after a refusal. */
const lookEveryMs = 150;
const againAfterMs = 300;
const rowsAtOnce = 200;

export function startMessenger(life: SoakLife, shown: Shown, random: Random, signal: AbortSignal): Messenger {
  const { outbox, engine } = life;
  let delivered = 0;
  const isOver = (): boolean => life.isOver || signal.aborted;

  async function work(): Promise<void> {
    if ((await insist(() => outbox.recover("telegram"))) === "over") return;
    while (!isOver()) {
      const due = await attempt(() => outbox.due("telegram", rowsAtOnce));
      if (due !== "failed") await Promise.all(due.map(deliver));
      await pause(lookEveryMs);
    }
  }

  async function deliver(row: OutboxRow): Promise<void> {
    if (row.body.kind === "status" && engine.snapshot(row.body.run) === null) {
      await insist(() => outbox.end(row.id, "superseded"));
      return;
    }
    if ((await attempt(() => outbox.begin(row.id))) !== true) return;
    const luck = random.next();
    if (luck < 0.04) return void (await insist(() => outbox.again(row.id, Date.now() + againAfterMs, "refused")));
    if (luck < 0.06) return void (await insist(() => outbox.again(row.id, Date.now() + againAfterMs, "unknown")));
    if (luck < 0.065) return void (await insist(() => outbox.end(row.id, "undeliverable")));
    if ((await insist(() => outbox.sent(row.id, String(row.id)))) === "over") return;
    delivered += 1;
    shown.add(buttonsOf(row).map((button) => ({ conversation: row.conversation, button })));
  }

  /** One try; a database that refuses, or a life that ends, is "failed". */
  async function attempt<T>(call: () => Promise<T>): Promise<T | "failed"> {
    try {
      const answer = await life.during(call());
      return answer === "cut" ? "failed" : answer;
    } catch {
      return "failed"; // a fault of this soak's own making; the next look tries again
    }
  }

  /** The outcome of a send must be written: until it is, or the life is over. */
  async function insist(call: () => Promise<void>): Promise<"done" | "over"> {
    while (!life.isOver) {
      if ((await attempt(() => call().then(() => "written"))) === "written") return "done";
      await pause(lookEveryMs);
    }
    return "over";
  }

  return {
    get delivered() {
      return delivered;
    },
    done: work(),
  };
}

function buttonsOf({ body }: OutboxRow): readonly Button[] {
  if (body.kind === "status") return [body.stop];
  return body.kind === "notice" ? body.buttons.flat() : [];
}
