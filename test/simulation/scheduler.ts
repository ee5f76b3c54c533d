/**
 * Decides every interleaving. Whatever may happen next is a choice: a commit, the news of it, an event of an agent, a timer,
 * a message. One choice is taken by chance, then everything that follows from it in the same turn of the event loop is let
 * run to its end, so that between two choices nothing moves.
 *
 * A choice belongs to a life (one incarnation of the program) or to the outside world. A life that ends takes its choices
 * with it: its promises never resume.
 */
import type { Random } from "./random.ts";
import type { Trace } from "./trace.ts";

/**
 * flush: the store commits; resolve: someone learns of its commit; agent: an agent acts; quiet: proof of the end of a turn
 * arrives; machine: the operating system answers; file: what was sent is fetched and read; channel: a message travels; timer: time passes; chat: a person or the
 * network acts; late: somebody who owns a run no more writes of it; crash, jump: as they say.
 */
export type ChoiceKind =
  | "flush"
  | "resolve"
  | "agent"
  | "quiet"
  | "machine"
  | "file"
  | "channel"
  | "timer"
  | "chat"
  | "crash"
  | "late"
  | "jump";

export const choiceKinds: readonly ChoiceKind[] = [
  "flush",
  "resolve",
  "agent",
  "quiet",
  "machine",
  "file",
  "channel",
  "timer",
  "chat",
  "crash",
  "late",
  "jump",
];

/** `life` is null for what outlives the program: people, processes, time. */
export type Choice = {
  readonly kind: ChoiceKind;
  readonly label: string;
  readonly life: number | null;
  readonly run: () => void;
};

/** Something that could happen at any moment: asked before each step whether it could, and what it would be only when it is chosen. */
export type Source = {
  readonly kind: ChoiceKind;
  readonly isPossible: () => boolean;
  /** Null when it turns out that nothing can happen after all: then nothing does in this step. */
  readonly choice: () => Choice | null;
};

export type Weights = Readonly<Record<ChoiceKind, number>>;

export interface Scheduler {
  offer(choice: Choice): void;
  withdraw(choice: Choice): void;
  /** A promise that resolves when the scheduler chooses so, with the value of that moment. */
  pending<T>(kind: ChoiceKind, label: string, life: number | null, value: () => T | Promise<T>): Promise<T>;
  addSource(source: Source): void;
  setWeights(weights: Weights): void;
  /** How many choices of these kinds wait; sources are not counted. */
  waiting(kinds: readonly ChoiceKind[], life: number | null): number;
  /** Nothing that this life waits for happens any more, whatever it still asks for. */
  endLife(life: number): void;
  /** Takes one choice and lets everything follow from it; false when nothing can happen. */
  step(): Promise<boolean>;
  readonly steps: () => number;
}

/** Whether news of commits may overtake each other. */
export type ResolveOrder = "in-order" | "any";

export function createScheduler(random: Random, trace: Trace, resolveOrder: ResolveOrder): Scheduler {
  const sources: Source[] = [];
  const waiting = new Map<ChoiceKind, Choice[]>(choiceKinds.map((kind) => [kind, []]));
  let weights = Object.fromEntries(choiceKinds.map((kind) => [kind, 1])) as Weights;
  let steps = 0;

  const ended = new Set<number>();

  const add = (choice: Choice): void => {
    if (choice.life === null || !ended.has(choice.life)) listOf(choice.kind).push(choice);
  };

  const listOf = (kind: ChoiceKind): Choice[] => waiting.get(kind)!;

  const withdraw = (choice: Choice): void => {
    const list = listOf(choice.kind);
    const index = list.indexOf(choice);
    if (index >= 0) list.splice(index, 1);
  };

  function choose(): Choice | "nothing" | null {
    const possible = sources.filter((source) => source.isPossible());
    const entries: { value: ChoiceKind; weight: number }[] = [];
    let total = 0;
    for (const kind of choiceKinds) {
      if (listOf(kind).length === 0 && !possible.some((source) => source.kind === kind)) continue;
      entries.push({ value: kind, weight: weights[kind] });
      total += weights[kind];
    }
    if (total <= 0) return null;
    const kind = random.weighted(entries);
    const own = listOf(kind);
    const others = possible.filter((source) => source.kind === kind);
    const index = kind === "resolve" && resolveOrder === "in-order" ? 0 : random.int(own.length + others.length);
    return index < own.length ? own.splice(index, 1)[0]! : (others[index - own.length]!.choice() ?? "nothing");
  }

  return {
    offer: add,
    withdraw,
    pending: <T>(kind: ChoiceKind, label: string, life: number | null, value: () => T | Promise<T>) =>
      new Promise<T>((resolve) => {
        add({ kind, label, life, run: () => resolve(value()) });
      }),
    addSource: (source) => {
      sources.push(source);
    },
    setWeights: (next) => {
      weights = next;
    },
    waiting: (kinds, life) =>
      kinds.reduce((sum, kind) => sum + listOf(kind).filter((choice) => choice.life === life).length, 0),
    endLife: (life) => {
      ended.add(life);
      for (const kind of choiceKinds) {
        waiting.set(
          kind,
          listOf(kind).filter((choice) => choice.life !== life),
        );
      }
    },
    step: async () => {
      const choice = choose();
      if (choice === null) return false;
      steps += 1;
      if (choice === "nothing") return true;
      trace.line(`${steps} ${choice.kind} ${choice.label}`);
      choice.run();
      await drained();
      return true;
    },
    steps: () => steps,
  };
}

/**
 * Resolves when no microtask is left: a tick that a microtask asks for runs only after the last of them. Cheaper than a turn of the
 * event loop.
 */
async function drained(): Promise<void> {
  await Promise.resolve();
  await new Promise<void>((resolve) => {
    process.nextTick(resolve);
  });
}

/** Resolves when no microtask is left and the event loop has turned: what waits in it for an immediate has run. */
export function settled(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
