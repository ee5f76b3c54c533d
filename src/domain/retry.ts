/**
 * Whether a run tries again after a turn that failed, and with what words. Pure; the run waits and starts (engine/run.ts).
 *
 * I10: a retry is part of its run. I6: what an agent may have half done is never repeated blindly: the session is resumed, and the agent
 * is told to look first; after a crash in which tools were used, a person decides.
 */
import type { TurnEnd } from "./agent-event.ts";
import type { Prompt } from "./prompt.ts";

/** Retries are for trouble that passes: soon, and then once more after what a service needs to recover. In milliseconds. */
const retryDelaysMs = [5_000, 30_000] as const;
export const retriesMax = retryDelaysMs.length;
/** A limit that ends later than this is told to the person instead. In milliseconds. */
const rateLimitWaitMsMax = 120_000;

/**
 * How long to wait before the next attempt, in milliseconds; null: the run has failed. `retries` is how many there were already, `allowed`
 * how many there may be.
 */
export function retryDelay(
  end: TurnEnd,
  { retries, allowed, hasUsedTools, nowMs }: { retries: number; allowed: number; hasUsedTools: boolean; nowMs: number },
): number | null {
  const delayMs = retryDelaysMs[retries];
  if (end.kind !== "failed" || delayMs === undefined || retries >= allowed) return null;
  const { fault } = end;
  switch (fault.kind) {
    case "overloaded":
    case "model-unreachable":
      return delayMs;
    case "rate-limited": {
      const waitMs = fault.resetsAtMs === null ? delayMs : fault.resetsAtMs - nowMs;
      return waitMs <= rateLimitWaitMsMax ? Math.max(waitMs, delayMs) : null;
    }
    case "agent-died":
      return hasUsedTools ? null : delayMs;
    case "stalled":
      return 0;
    case "agent-missing":
    case "agent-not-logged-in":
    case "agent-error":
    case "unsupported":
    case "model-refused":
    case "quota-exhausted":
    case "limit-reached":
    case "workspace-missing":
    case "workspace-not-writable":
    case "workspace-locked":
    case "internal":
      return null;
    default:
      return fault satisfies never;
  }
}

/** What the agent is told at a retry: its session may or may not hold the request already. */
export function retryPrompt(prompt: Prompt, cause: string): Prompt {
  const head =
    `Your work on the request below was cut off (${cause}) Parts of it may be done already. ` +
    "First look at the present state of the files and of what you started; then finish it, without repeating what is done.";
  return { ...prompt, text: `${head}\n\n${prompt.text}` };
}
