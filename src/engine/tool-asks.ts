/** Questions that a tool of ours asks on the agent's behalf (`ask_user`): they wait here, and are shown as the agent's own. */
import type { AgentEvent } from "../domain/agent-event.ts";
import type { Ask, AskAnswer } from "../domain/ask.ts";

export type ToolAsks = {
  /** Null when `signal` or the end of the turn came before the answer. Never rejects. */
  ask(ask: Ask, signal: AbortSignal): Promise<AskAnswer | null>;
  /** False when none of them waits under this id. */
  answer(id: string, answer: AskAnswer): boolean;
};

/** `over` is the signal of the present turn's end: what still waits then is closed with the turn, and a later call asks nobody. */
export function createToolAsks(observe: (event: AgentEvent) => void, over: () => AbortSignal): ToolAsks {
  const waiting = new Map<string, (answer: AskAnswer | null) => void>();
  let serial = 0;
  return {
    ask(ask, signal) {
      const turnOver = over();
      const ended = AbortSignal.any([signal, turnOver]);
      if (ended.aborted) return Promise.resolve(null);
      const id = `tool:${(serial += 1)}`;
      const { promise, resolve } = Promise.withResolvers<AskAnswer | null>();
      const giveUp = (): void => {
        waiting.delete(id);
        if (!turnOver.aborted) observe({ kind: "ask-withdrawn", id });
        resolve(null);
      };
      ended.addEventListener("abort", giveUp, { once: true });
      waiting.set(id, (answer) => {
        waiting.delete(id);
        ended.removeEventListener("abort", giveUp);
        resolve(answer);
      });
      observe({ kind: "asked", id, ask });
      return promise;
    },
    answer(id, answer) {
      const resolve = waiting.get(id);
      resolve?.(answer);
      return resolve !== undefined;
    },
  };
}
