/** An agent that a conversation chose and the configuration does not name any more: its runs say so. */
import type { Fault } from "../domain/faults.ts";
import type { Driver, Turn } from "../engine/ports.ts";
import { noProcesses } from "./no-processes.ts";
import { createTurnEvents } from "./turn-events.ts";
import { withoutCatalogue } from "./without-catalogue.ts";

export function createMissingDriver(name: string): Driver {
  const remedy = "It is not in the configuration any more. Put it back, or choose another agent with /switch.";
  const fault: Fault = { kind: "agent-missing", agent: name, remedy };
  return {
    name,
    ...withoutCatalogue(name),
    health: () => Promise.resolve({ kind: "unavailable", fault }),
    start: () => failedTurn(fault),
    prewarm: () => undefined,
    pool: () => noProcesses,
    forget: () => Promise.resolve(),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

/** A turn that never began: it has ended and is quiet. */
export function failedTurn(fault: Fault): Turn {
  const stream = createTurnEvents();
  stream.emit({ kind: "ended", end: { kind: "failed", fault } });
  return {
    events: stream.events,
    steer: () => Promise.resolve("too-late"),
    answer: () => Promise.resolve("too-late"),
    interrupt: () => undefined,
    quiet: Promise.resolve({ adopted: [] }),
    survivors: () => Promise.resolve({ processes: [], note: "" }),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}
