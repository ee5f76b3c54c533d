/** The part of a driver whose agent has no catalogue of models and no store of sessions. */
import type { Fault } from "../domain/faults.ts";
import type { Driver } from "../engine/ports.ts";

export function withoutCatalogue(agent: string): Pick<Driver, "models" | "sessions" | "fork" | "terminalCommand"> {
  const lacks = (what: string) => () => {
    const fault: Fault = { kind: "unsupported", agent, what };
    return Promise.resolve({ kind: "unavailable", fault } as const);
  };
  return {
    models: lacks("choosing a model"),
    sessions: lacks("listing its sessions"),
    fork: lacks("copying a session"),
    terminalCommand: () => null,
  };
}
