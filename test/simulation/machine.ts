/**
 * The operating system as the engine sees it: processes that can be looked for and ended, directories that can be held. It
 * answers from the ledger, late, and its verdicts are honest; what it is asked to end may resist.
 */
import type { ProcessRef, Quiescence } from "../../src/domain/run.ts";
import type { Processes, WorkspaceHold, Workspaces } from "../../src/engine/ports.ts";
import type { Meet } from "./faults.ts";
import type { Random } from "./random.ts";
import type { AgentHabits } from "./scenario.ts";
import type { Scheduler } from "./scheduler.ts";
import { endsBy, type LedgerProcess, type World } from "./world.ts";

export interface Machine {
  processes(life: number): Processes;
  workspaces(life: number): Workspaces;
  /** The operating system drops the locks of a dead program. */
  endLife(life: number): void;
  /** Whether this life holds the directory against other instances. */
  isHeld(path: string, life: number): boolean;
  /** The directories that are held. */
  held(): readonly string[];
  /** Faults stop: directories are there again. */
  calm(): void;
}

type MachineDeps = {
  readonly world: World;
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly habits: AgentHabits;
  readonly meet: Meet;
  readonly violated: (invariant: string, what: string) => void;
};

export function createMachine(deps: MachineDeps): Machine {
  const { world, scheduler, random, habits } = deps;
  /** Locks by directory: one life holds each, as often as it asked for it. */
  const locks = new Map<string, { readonly life: number; count: number }>();
  const gone = new Set<number>();
  let isCalm = false;

  /** Kills them one by one, each at a moment of its own, looks again for what they started meanwhile, and tells what is left. */
  async function endAll(
    life: number,
    what: string,
    find: () => readonly LedgerProcess[],
    signal: AbortSignal,
  ): Promise<Quiescence> {
    const tried = new Set<LedgerProcess>();
    for (;;) {
      const next = find().find((process) => !tried.has(process));
      if (next === undefined || signal.aborted) break;
      await scheduler.pending("machine", `kill ${what} ${next.ref.startTime}`, life, () => {
        tried.add(next);
        if (endsBy("kill", next.toughness)) world.end(next);
        else if (next.turn.isOrphan) deps.meet("an orphan of a crash lives on");
      });
    }
    return scheduler.pending("machine", `${what} verdict`, life, () => {
      const left = find();
      return left.length === 0
        ? { kind: "quiet" as const }
        : {
            kind: "unconfirmed" as const,
            evidence: { processes: left.map((process) => process.ref), note: "outlived SIGKILL" },
          };
    });
  }

  function hold(life: number, path: string): WorkspaceHold | Promise<WorkspaceHold> {
    if (gone.has(life)) return new Promise(() => {}); // a ghost asks the operating system in vain
    if (!isCalm && random.chance(habits.refusesWorkspace)) {
      deps.meet("a directory is refused");
      return { kind: "refused", fault: { kind: "workspace-missing", path } };
    }
    const lock = locks.get(path) ?? { life, count: 0 };
    if (lock.life !== life) deps.violated("I1", `${path} is asked for while life ${lock.life} holds it`);
    lock.count += 1;
    locks.set(path, lock);
    const release = (): void => {
      lock.count -= 1;
      if (lock.count === 0 && locks.get(path) === lock) locks.delete(path);
    };
    return {
      kind: "held",
      lock: { [Symbol.asyncDispose]: () => scheduler.pending("machine", `unlock ${path}`, life, release) },
    };
  }

  return {
    processes: (life) => ({
      endOrphans: (signal) => endAll(life, "orphan", world.orphans, signal),
      end: (refs, signal) => endAll(life, "process", () => world.find(refs), signal),
      alive: (refs) =>
        scheduler.pending("machine", "look for processes", life, (): readonly ProcessRef[] =>
          world.find(refs).map((process) => process.ref),
        ),
    }),
    workspaces: (life) => ({
      hold: (path) => scheduler.pending("machine", `hold ${path}`, life, () => hold(life, path)),
      choose: (typed) => scheduler.pending("machine", `choose ${typed}`, life, () => ({ kind: "ok", path: typed })),
    }),
    endLife: (life) => {
      gone.add(life);
      for (const [path, lock] of locks) if (lock.life === life) locks.delete(path);
    },
    isHeld: (path, life) => locks.get(path)?.life === life,
    held: () => [...locks.keys()],
    calm: () => {
      isCalm = true;
    },
  };
}
