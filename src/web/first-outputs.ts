/**
 * How long runs took to show something: from a run's start to the first word, thought or tool of its agent.
 *
 * It is watched from the page's opening, and counted when it happens; a run that ends without a word is not in it.
 */
import type { RunId } from "../domain/run.ts";
import type { Transcript } from "../domain/transcript.ts";
import type { Clock, Engine, EngineListener } from "../engine/ports.ts";

/** `toFirstOutputMs` is a sum. */
export type FirstOutputs = { readonly driver: string; readonly runs: number; readonly toFirstOutputMs: number };

export function createFirstOutputs({ engine, clock }: { engine: Pick<Engine, "snapshot">; clock: Clock }): {
  readonly listener: EngineListener;
  read(): readonly FirstOutputs[];
} {
  const sums = new Map<string, FirstOutputs>();
  /** Runs that have shown something. As many as are live, and those that ended since the newest of them began to speak. */
  const heard = new Set<RunId>();
  return {
    listener: {
      changed: () => undefined,
      progressed({ owner: { run }, driver, startedAtMs, transcript }) {
        // What comes late of a run that is over is no first word.
        if (heard.has(run) || !hasOutput(transcript) || engine.snapshot(run) === null) return;
        for (const other of heard) if (engine.snapshot(other) === null) heard.delete(other);
        heard.add(run);
        const sum = sums.get(driver) ?? { driver, runs: 0, toFirstOutputMs: 0 };
        const toFirstOutputMs = sum.toFirstOutputMs + Math.max(0, clock.now() - startedAtMs);
        sums.set(driver, { driver, runs: sum.runs + 1, toFirstOutputMs });
      },
    },
    read: () => [...sums.values()],
  };
}

function hasOutput({ text, thinking, toolCount }: Transcript): boolean {
  return text !== "" || thinking !== "" || toolCount > 0;
}
