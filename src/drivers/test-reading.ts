/** A turn as a test reads it: to its end, with a way to wait for what it says. */
import type { AgentEvent, TurnEnd } from "../domain/agent-event.ts";
import type { Turn } from "../engine/ports.ts";

export type Reading = {
  readonly events: readonly AgentEvent[];
  /** Rejects when the events end with anything else than an end. */
  readonly end: Promise<TurnEnd>;
  /** Resolves with the first event (also a past one) of which `is` is true; rejects when the turn ends before. */
  when(is: (event: AgentEvent) => boolean): Promise<AgentEvent>;
  /** Resolves with the n-th event of the kind, from 1. */
  first<K extends AgentEvent["kind"]>(kind: K, nth?: number): Promise<Extract<AgentEvent, { kind: K }>>;
};

export function readTurn(turn: Turn): Reading {
  const events: AgentEvent[] = [];
  const watchers = new Set<() => void>();
  const read = async (): Promise<TurnEnd> => {
    for await (const event of turn.events) {
      events.push(event);
      for (const look of watchers) look();
    }
    const last = events.at(-1);
    if (last?.kind !== "ended") throw new Error("the stream did not end with an end");
    return last.end;
  };
  const found = <T>(find: () => T | undefined): Promise<T> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const value = find();
        if (value !== undefined) resolve(value);
        else if (events.at(-1)?.kind === "ended")
          reject(new Error(`the turn ended without it: ${JSON.stringify(events)}`));
        else return;
        watchers.delete(look);
      };
      watchers.add(look);
      look();
    });
  return {
    events,
    end: read(),
    when: (is) => found(() => events.find(is)),
    first: <K extends AgentEvent["kind"]>(kind: K, nth = 1) =>
      found(() => events.filter((event): event is Extract<AgentEvent, { kind: K }> => event.kind === kind)[nth - 1]),
  };
}
