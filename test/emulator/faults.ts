// What can go wrong between the bot and Telegram (F10), switched by the test: per method, for the next n calls.
//
// A call meets at most one hold and one fault. A hold is the test's steering wheel: the call stands still until released.

import { abortReason } from "./abort-reason.ts";
import type { Changes } from "./changes.ts";

export type Fault =
  /** The connection breaks before Telegram did anything. */
  | { readonly kind: "reset-before" }
  /** Telegram did it, then the connection breaks: the caller cannot know. */
  | { readonly kind: "reset-after" }
  /** No answer until the caller gives up. `processed` says whether Telegram does it first. */
  | { readonly kind: "hang"; readonly processed?: boolean }
  /** 502 with an HTML page, as a proxy in front of Telegram sends it. */
  | { readonly kind: "bad-gateway" }
  | { readonly kind: "unauthorized" }
  | { readonly kind: "too-many"; readonly retryAfterSeconds: number }
  /** Of a download (F7): the link is dead. */
  | { readonly kind: "dead-link" }
  /** Of a download: no more than so many bytes a second. */
  | { readonly kind: "slow"; readonly bytesPerSecond: number }
  /** Of a download: the connection ends after so many bytes, although more were announced. */
  | { readonly kind: "truncated"; readonly afterBytes: number }
  /** Of a download: so many bytes, then nothing until the caller gives up. */
  | { readonly kind: "stall"; readonly afterBytes: number }
  | { readonly kind: "error"; readonly code: number; readonly description: string };

export interface FaultOptions {
  /** How many calls it hits; 1 unless told. */
  readonly times?: number;
  readonly chat?: number;
}

export interface PlannedFault {
  /** How many calls it has hit. */
  readonly fired: number;
  cancel(): void;
}

export interface Hold {
  /** Resolves when a call stands at the hold (the first one, or the one after `count`). Rejects with the signal's reason. */
  arrived(count?: number, signal?: AbortSignal): Promise<void>;
  /** Calls standing here now. */
  readonly held: number;
  /** Lets them go, to a fault if one is given, and holds nobody any more. */
  release(fault?: Fault): void;
}

export interface Faults {
  /** `"*"` is every method but getUpdates; `downloadFile` is the download of a file. */
  next(method: string, fault: Fault, options?: FaultOptions): PlannedFault;
  always(method: string, fault: Fault, options?: Omit<FaultOptions, "times">): PlannedFault;
  hold(method: string, options?: Omit<FaultOptions, "times">): Hold;
  /** Refuses every connection (open ones break) until disposed; then the same port listens again. */
  refuse(): Promise<AsyncDisposable>;
}

/** The server's side: what to do with this call. Resolves once no hold stands in its way. */
export interface FaultGate {
  meet(method: string, chatId: number | undefined, signal: AbortSignal): Promise<Fault | undefined>;
}

interface Plan {
  readonly method: string;
  readonly chat: number | undefined;
  readonly fault: Fault;
  left: number;
  fired: number;
}

interface HoldPlan {
  readonly method: string;
  readonly chat: number | undefined;
  readonly released: PromiseWithResolvers<Fault | undefined>;
  arrivals: number;
  held: number;
  state: "holding" | "released";
}

export function createFaults(changes: Changes, refuse: () => Promise<AsyncDisposable>): Faults & FaultGate {
  const plans = new Set<Plan>();
  const holds = new Set<HoldPlan>();

  const fits = (plan: { method: string; chat: number | undefined }, method: string, chatId: number | undefined) =>
    (plan.method === method || (plan.method === "*" && method !== "getUpdates")) &&
    (plan.chat === undefined || plan.chat === chatId);

  function plan(method: string, fault: Fault, options: FaultOptions, times: number): PlannedFault {
    const planned: Plan = { method, chat: options.chat, fault, left: times, fired: 0 };
    plans.add(planned);
    return {
      get fired() {
        return planned.fired;
      },
      cancel: () => void plans.delete(planned),
    };
  }

  function takeFault(method: string, chatId: number | undefined): Fault | undefined {
    for (const planned of plans) {
      if (!fits(planned, method, chatId)) continue;
      planned.left -= 1;
      planned.fired += 1;
      if (planned.left <= 0) plans.delete(planned);
      return planned.fault;
    }
    return undefined;
  }

  async function standAt(hold: HoldPlan, signal: AbortSignal): Promise<Fault | undefined> {
    const gone = Promise.withResolvers<never>();
    const leave = () => gone.reject(abortReason(signal));
    signal.addEventListener("abort", leave, { once: true });
    hold.arrivals += 1;
    hold.held += 1;
    changes.ring();
    try {
      return await Promise.race([hold.released.promise, gone.promise]);
    } finally {
      hold.held -= 1;
      signal.removeEventListener("abort", leave);
    }
  }

  return {
    next: (method, fault, options = {}) => plan(method, fault, options, options.times ?? 1),
    always: (method, fault, options = {}) => plan(method, fault, options, Number.POSITIVE_INFINITY),
    hold(method, options = {}) {
      const hold: HoldPlan = {
        method,
        chat: options.chat,
        released: Promise.withResolvers(),
        arrivals: 0,
        held: 0,
        state: "holding",
      };
      holds.add(hold);
      return {
        arrived: (count = 1, signal) => untilTrue(() => hold.arrivals >= count, changes, signal),
        get held() {
          return hold.held;
        },
        release(fault) {
          hold.state = "released";
          holds.delete(hold);
          hold.released.resolve(fault);
        },
      };
    },
    refuse,
    async meet(method, chatId, signal) {
      for (const hold of holds) {
        if (!fits(hold, method, chatId)) continue;
        const fault = await standAt(hold, signal);
        if (fault !== undefined) return fault;
        break;
      }
      return takeFault(method, chatId);
    },
  };
}

function untilTrue(isTrue: () => boolean, changes: Changes, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const look = () => {
      if (!isTrue()) return;
      stop();
      resolve();
    };
    const leave = () => {
      stop();
      reject(abortReason(signal));
    };
    const stop = () => {
      unlisten();
      signal?.removeEventListener("abort", leave);
    };
    const unlisten = changes.listen(look);
    signal?.addEventListener("abort", leave, { once: true });
    if (signal?.aborted) leave();
    else look();
  });
}
