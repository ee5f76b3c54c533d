/**
 * What became of a row at Telegram, written down. It has happened, so trouble with the database is waited out: the row would
 * otherwise be repeated. Given up only when the program ends; the row is uncertain at its next start then (I6).
 */
import type { Clock, Log, OutboxQueue, OutboxRow } from "../engine/ports.ts";
import { createBackoff } from "./backoff.ts";
import type { Delivered } from "./chats.ts";

export type LedgerDeps = {
  readonly outbox: OutboxQueue;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
};

/** No entry rejects. */
export interface Ledger {
  sent(row: OutboxRow, message: string): Promise<void>;
  /** It is tried again after `waitMs`, and its chat waits with it. `refused`: Telegram certainly did nothing. */
  again(row: OutboxRow, waitMs: number, outcome: "refused" | "unknown"): Promise<Delivered>;
  end(row: OutboxRow, state: "superseded" | "undeliverable"): Promise<Delivered>;
}

/** The database is on this machine: what ails it is either over at once or needs a person. */
const storeBackoff = { firstMs: 200, maxMs: 10_000 };

export function createLedger({ outbox, clock, random, log }: LedgerDeps, signal: AbortSignal): Ledger {
  async function persist(write: () => Promise<void>): Promise<void> {
    const backoff = createBackoff(storeBackoff, random);
    for (;;) {
      try {
        return await write();
      } catch (error) {
        log.error({ error }, "what became of a message could not be written down; trying again");
        if (signal.aborted) return;
        // Pacing: the next attempt at a database that just refused.
        await clock.sleep(backoff.next(), signal);
      }
    }
  }

  return {
    sent: (row, message) => persist(() => outbox.sent(row.id, message)),
    async again(row, waitMs, outcome) {
      const untilMs = clock.now() + waitMs;
      await persist(() => outbox.again(row.id, untilMs, outcome));
      return { kind: "held", untilMs };
    },
    async end(row, state) {
      await persist(() => outbox.end(row.id, state));
      return { kind: "free" };
    },
  };
}
