/**
 * The event stream of one turn, between whoever speaks for the agent and the one consumer.
 *
 * 1. Exactly one `ended`, and it is the last: what is emitted after it is ignored, a second one too.
 * 2. Emitting never waits, and nobody has to read: a turn ends and becomes quiet although its consumer is gone.
 * 3. Text that waits is joined, so that a slow reader costs the text and not an object per token.
 */
import type { AgentEvent, TurnEnd } from "../domain/agent-event.ts";

export type TurnEvents = {
  emit(event: AgentEvent): void;
  /** To be iterated once. Never rejects. */
  readonly events: AsyncIterable<AgentEvent>;
  /** Null while the turn goes on. */
  readonly end: TurnEnd | null;
};

export function createTurnEvents(): TurnEvents {
  const waiting: AgentEvent[] = [];
  let end: TurnEnd | null = null;
  let arrived = Promise.withResolvers<void>();

  async function* read(): AsyncGenerator<AgentEvent, void, void> {
    for (;;) {
      const event = waiting.shift();
      if (event === undefined) {
        await arrived.promise;
        continue;
      }
      if (waiting.length === 0) arrived = Promise.withResolvers<void>();
      yield event;
      if (event.kind === "ended") return;
    }
  }

  return {
    emit(event) {
      if (end !== null) return;
      if (event.kind === "ended") end = event.end;
      const joined = join(waiting.at(-1), event);
      if (joined === null) waiting.push(event);
      else waiting[waiting.length - 1] = joined;
      arrived.resolve();
    },
    events: read(),
    get end() {
      return end;
    },
  };
}

function join(last: AgentEvent | undefined, event: AgentEvent): AgentEvent | null {
  if (last?.kind === "text" && event.kind === "text") return { kind: "text", delta: last.delta + event.delta };
  if (last?.kind === "thinking" && event.kind === "thinking") {
    return { kind: "thinking", delta: last.delta + event.delta };
  }
  return null;
}
