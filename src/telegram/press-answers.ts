/**
 * Answers to pressed buttons. They leave beside the poll loop, which never waits for them (I7); few at a time, and a burst that
 * goes beyond is dropped and logged: an unanswered press only spins a little longer on the phone.
 */
import type { Log } from "../engine/ports.ts";
import type { TelegramClient } from "./client.ts";

export type PressAnswers = {
  /** Returns at once. `text` is shown to the person; null only ends the spinner. */
  answer(query: string, text: string | null): void;
  /** Resolves when everything that was taken has been answered or given up. */
  settled(): Promise<void>;
};

/** Enough for several people tapping at once, few enough to leave connections to messages. */
const atOnceMax = 8;
/** More than any group of people taps in the time that eight answers take. */
const waitingMax = 200;

export function createPressAnswers(deps: {
  readonly client: Pick<TelegramClient, "answerPress">;
  readonly log: Log;
  readonly signal: AbortSignal;
}): PressAnswers {
  const waiting: { readonly query: string; readonly text: string | null }[] = [];
  const workers = new Set<Promise<void>>();

  async function work(): Promise<void> {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const outcome = await deps.client.answerPress(next.query, next.text, deps.signal);
      if (outcome.kind !== "done") deps.log.warn({ outcome }, "a pressed button could not be answered");
    }
  }

  return {
    answer(query, text) {
      if (waiting.length >= waitingMax) {
        deps.log.warn({ waitingMax }, "too many presses at once; one is left unanswered");
        return;
      }
      waiting.push({ query, text });
      if (workers.size >= atOnceMax) return;
      const worker = work().finally(() => workers.delete(worker));
      workers.add(worker);
    },
    async settled() {
      while (workers.size > 0) await Promise.all(workers);
    },
  };
}
