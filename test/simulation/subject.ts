/** What is simulated: the engine, the store and the timer of schedules, loaded from the sources or from a mutated copy of them. */
import { pathToFileURL } from "node:url";
import type { createEngine as CreateEngine } from "../../src/engine/engine.ts";
import type { startTimer as StartTimer } from "../../src/schedule/timer.ts";
import type { openSqliteStore as OpenSqliteStore } from "../../src/store/sqlite-store.ts";

export type Subject = {
  readonly createEngine: typeof CreateEngine;
  readonly openSqliteStore: typeof OpenSqliteStore;
  readonly startTimer: typeof StartTimer;
};

/** `sources` is a directory laid out like `src/`. Rejects when something is missing there. */
export async function loadSubject(sources: string): Promise<Subject> {
  const engine = (await import(pathToFileURL(`${sources}/engine/engine.ts`).href)) as Pick<Subject, "createEngine">;
  const store = (await import(pathToFileURL(`${sources}/store/sqlite-store.ts`).href)) as Pick<
    Subject,
    "openSqliteStore"
  >;
  const timer = (await import(pathToFileURL(`${sources}/schedule/timer.ts`).href)) as Pick<Subject, "startTimer">;
  return {
    createEngine: engine.createEngine,
    openSqliteStore: store.openSqliteStore,
    startTimer: timer.startTimer,
  };
}
