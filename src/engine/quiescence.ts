/**
 * From "stop" to proof: ask, wait for proof, terminate, wait, kill, wait, and only then a verdict.
 *
 * I2: the verdict `quiet` comes from `turn.quiet` alone. The waits below bound how long each step may take to work; when one
 * is over the next, stronger step is taken. They never stand for proof.
 */
import type { Quiescence } from "../domain/run.ts";
import type { Clock, InterruptLevel, Quiet, Turn } from "./ports.ts";

/** Claude Code needs up to 1.5 s to end a tool that ignores SIGTERM, and 0.2 to 1.6 s to end itself: twice that, rounded up. */
export const askMs = 3_000;
export const terminateMs = 3_000;
/** SIGKILL works at once or never; this leaves time to look again at a loaded machine. */
export const killMs = 3_000;
/** After the turn's own end its processes are gone within milliseconds; a turn that lingers longer is ended like a stopped one. */
export const endedMs = 5_000;
/** Reading the process table takes milliseconds; a driver that cannot answer in this time has no evidence to give. */
const survivorsMs = 2_000;

const escalation: readonly { readonly level: InterruptLevel; readonly waitMs: number }[] = [
  { level: "ask", waitMs: askMs },
  { level: "terminate", waitMs: terminateMs },
  { level: "kill", waitMs: killMs },
];

export type Verdict = { readonly kind: "quiet"; readonly quiet: Quiet } | (Quiescence & { kind: "unconfirmed" });

/**
 * Waits until the turn is quiet. Escalates once `stopAsked` fires, or when the turn has `ended` and does not become quiet.
 * `strengthened()` gives the signal that a further stop fires: it cuts the present wait short. Resolves, never rejects.
 */
export async function proveQuiet(
  turn: Turn,
  ended: Promise<unknown>,
  stopAsked: AbortSignal,
  strengthened: () => AbortSignal,
  clock: Clock,
): Promise<Verdict> {
  const over = new AbortController();
  // Bound: a turn that said its end and is not quiet after this is ended like a stopped one.
  const overdue = ended.then(() => clock.sleep(endedMs, over.signal)).then(() => undefined);
  const early = await Promise.race([quietOf(turn), overdue, fired(stopAsked)]);
  over.abort("proven");
  if (early !== undefined) return early;
  for (const step of escalation) {
    turn.interrupt(step.level);
    const waitSignal = step.level === "kill" ? new AbortController().signal : strengthened();
    const quiet = await within(turn, step.waitMs, waitSignal, clock);
    if (quiet !== undefined) return quiet;
  }
  return { kind: "unconfirmed", evidence: await evidenceOf(turn, clock) };
}

/** How long to wait before looking again at processes that did not end: their end is told at most this late. */
const lookAgainMs = 2_000;

/**
 * Ends processes that nobody can wait for, again and again, until a look proves them gone (resolves "quiet") or `signal` fires.
 * Resolves, never rejects.
 */
export async function untilEnded(
  end: () => Promise<Quiescence>,
  clock: Clock,
  signal: AbortSignal,
): Promise<"quiet" | "aborted"> {
  while (!signal.aborted) {
    // Pacing: the next look.
    await clock.sleep(lookAgainMs, signal);
    if (!signal.aborted && (await end()).kind === "quiet") return "quiet";
  }
  return "aborted";
}

async function quietOf(turn: Turn): Promise<Verdict> {
  return { kind: "quiet", quiet: await turn.quiet };
}

/** The verdict if it comes within `ms`; undefined when the bound or the signal comes first. */
async function within(turn: Turn, ms: number, signal: AbortSignal, clock: Clock): Promise<Verdict | undefined> {
  const over = new AbortController();
  // Bound: the next, stronger step is due after it.
  const waited = clock.sleep(ms, AbortSignal.any([signal, over.signal])).then(() => undefined);
  const verdict = await Promise.race([quietOf(turn), waited]);
  over.abort();
  return verdict;
}

async function evidenceOf(turn: Turn, clock: Clock) {
  const over = new AbortController();
  const none = { processes: [], note: "the agent gives no account of its processes" };
  // Bound: a quarantine must be told even when the driver cannot say what is left.
  const silence = clock.sleep(survivorsMs, over.signal).then(() => none);
  const evidence = await Promise.race([turn.survivors(), silence]);
  over.abort();
  return evidence;
}

function fired(signal: AbortSignal): Promise<undefined> {
  if (signal.aborted) return Promise.resolve(undefined);
  return new Promise((resolve) => {
    signal.addEventListener("abort", () => resolve(undefined), { once: true });
  });
}
