/**
 * What a turn has asked a person and not yet been told.
 *
 * 1. An ask is answered once or withdrawn once; whichever comes first counts.
 * 2. When the turn stops or ends, everything that is open is withdrawn, and nothing more can be asked.
 */
import type { AgentEvent } from "../../domain/agent-event.ts";
import type { Ask, AskAnswer } from "../../domain/ask.ts";

export type Asks = {
  /** Resolves with null when it is withdrawn: `signal` is the agent's, which no longer wants to know. Never rejects. */
  put(ask: Ask, signal: AbortSignal): Promise<AskAnswer | null>;
  answer(id: string, answer: AskAnswer): "accepted" | "too-late";
  /** Idempotent. */
  close(): void;
};

export function createAsks(emit: (event: AgentEvent) => void): Asks {
  const open = new Map<string, (answer: AskAnswer | null) => void>();
  let isClosed = false;
  let serial = 0;

  function withdraw(id: string): void {
    const settle = open.get(id);
    if (!settle) return;
    open.delete(id);
    emit({ kind: "ask-withdrawn", id });
    settle(null);
  }

  return {
    put(ask, signal) {
      if (isClosed || signal.aborted) return Promise.resolve(null);
      const id = String((serial += 1));
      const leave = (): void => withdraw(id);
      signal.addEventListener("abort", leave, { once: true });
      const settled = new Promise<AskAnswer | null>((resolve) => open.set(id, resolve));
      emit({ kind: "asked", id, ask });
      return settled.finally(() => signal.removeEventListener("abort", leave));
    },
    answer(id, answer) {
      const settle = open.get(id);
      if (!settle) return "too-late";
      open.delete(id);
      settle(answer);
      return "accepted";
    },
    close() {
      isClosed = true;
      for (const id of open.keys()) withdraw(id);
    },
  };
}
