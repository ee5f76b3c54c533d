/**
 * A figure: something measured, the floor (or ceiling) measured beside it in the same run, and what it should be.
 *
 * 1. A number of one machine says little; its ratio to a floor that was measured in turn with it says what we add. The ratio is that of
 *    the medians.
 * 2. A target that was missed is printed as missed. Nothing here makes a run fail: small machines are noisy, and people read the table.
 */
import type { Spread } from "./spread.ts";

export type Unit = "ms" | "MB" | "us" | "per second" | "processes" | "% of a core";

export type Beside = { readonly name: string; readonly spread: Spread };

export type Figure = {
  readonly name: string;
  readonly unit: Unit;
  readonly spread: Spread;
  /** The first one is what the ratio is over. */
  readonly beside: readonly Beside[];
  readonly targets: readonly Target[];
};

export type Target = {
  /** Of the ratio over the first of `beside`, of its difference to it, or of the spread itself. */
  readonly of: "ratio" | "difference" | "median" | "p99" | "max";
  readonly kind: "at most" | "at least";
  readonly bound: number;
};

export const atMost = (of: Target["of"], bound: number): Target => ({ of, kind: "at most", bound });
export const atLeast = (of: Target["of"], bound: number): Target => ({ of, kind: "at least", bound });

export type Section = {
  readonly name: string;
  readonly title: string;
  /** Measures; `say` is for a person who waits. Leaves nothing behind: no process, no file, no timer. */
  measure(say: (line: string) => void): Promise<readonly Figure[]>;
};

/** Null where nothing was measured beside it. */
export function ratioOf({ spread, beside }: Figure): number | null {
  const floor = beside[0]?.spread.median;
  return floor === undefined || floor === 0 ? null : spread.median / floor;
}

export type Judged = Target & { readonly actual: number; readonly isMet: boolean };

export function judge(figure: Figure): readonly Judged[] {
  return figure.targets.map((target) => {
    const actual = actualOf(figure, target.of);
    return { ...target, actual, isMet: target.kind === "at most" ? actual <= target.bound : actual >= target.bound };
  });
}

function actualOf(figure: Figure, of: Target["of"]): number {
  switch (of) {
    case "ratio":
      return ratioOf(figure) ?? Number.NaN;
    case "difference":
      return figure.spread.median - (figure.beside[0]?.spread.median ?? Number.NaN);
    case "median":
    case "p99":
    case "max":
      return figure.spread[of];
    default:
      return of satisfies never;
  }
}
