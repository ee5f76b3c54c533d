// Waiting for evidence: looks now and after every change of state, never at the clock. The bound only ends a wait that
// has failed, with everything a reader needs to see why.

import { abortReason } from "./abort-reason.ts";
import type { Changes } from "./changes.ts";

export interface UntilOptions {
  readonly signal?: AbortSignal;
  /** The bound of the wait. */
  readonly withinMs?: number;
  /** What is waited for, in words, for the error. */
  readonly what?: string;
}

type Falsy = undefined | null | false | "" | 0;

/** Long enough for a slow machine, short enough that a broken test says so. */
const withinMsDefault = 10_000;

export type Until = <T>(look: () => T | Falsy, options?: UntilOptions) => Promise<T>;

/** Rejects when `look` throws, when the signal fires, and after the bound (with `dump` in the message). */
export function createUntil(changes: Changes, dump: () => string): Until {
  return (look, options = {}) =>
    new Promise((resolve, reject) => {
      const withinMs = options.withinMs ?? withinMsDefault;
      const finish = (settle: () => void) => {
        unlisten();
        clearTimeout(timer);
        options.signal?.removeEventListener("abort", aborted);
        settle();
      };
      const tryLook = () => {
        try {
          const found = look();
          if (found) finish(() => resolve(found));
        } catch (error) {
          const failure = error instanceof Error ? error : new Error(String(error));
          finish(() => reject(failure));
        }
      };
      const aborted = () => finish(() => reject(abortReason(options.signal)));
      const unlisten = changes.listen(tryLook);
      const timer = setTimeout(() => {
        const what = options.what ?? look.toString();
        finish(() => reject(new Error(`waited ${withinMs} ms in vain for ${what}\n\n${dump()}`)));
      }, withinMs);
      options.signal?.addEventListener("abort", aborted, { once: true });
      if (options.signal?.aborted === true) aborted();
      else tryLook();
    });
}
