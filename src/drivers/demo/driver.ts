/**
 * The built-in agent that needs no key and no network: it answers that it is a demo, and runs one harmless real process when it
 * is asked to, so that stopping and its proof are real.
 *
 * I2: a turn is quiet when its own work has ended and the process table shows nothing with the turn's marker.
 * I14: a turn holds its text and at most one process; a hundred turns at once are a hundred timers.
 */
import type { TurnEnd } from "../../domain/agent-event.ts";
import type { AgentPrompt } from "../../domain/agent-prompt.ts";
import type { Evidence, ProcessRef } from "../../domain/run.ts";
import type { Clock, Driver, InterruptLevel, Quiet, Turn, TurnRequest } from "../../engine/ports.ts";
import { newId } from "../../lib/ids.ts";
import { endProcesses, survivors } from "../../lib/process-group.ts";
import { withMarkers, type Scan } from "../../lib/process-scan.ts";
import { refOf } from "../agent-process.ts";
import { failedTurn } from "../missing.ts";
import { endWithProof } from "../processes.ts";
import { noProcesses } from "../no-processes.ts";
import { withoutCatalogue } from "../without-catalogue.ts";
import { createTurnEvents } from "../turn-events.ts";
import { quote, readPrompt, type DemoScript } from "./script.ts";
import { startTool } from "./tool.ts";

export type DemoDeps = {
  readonly clock: Clock;
  readonly scan: Scan;
  /** What the demo's processes inherit, the markers of this instance among it. */
  readonly environment: Readonly<Record<string, string>>;
};

const name = "demo";

/** Pacing of the show, in milliseconds: readable live, over before anybody waits. */
const thinkPaceMs = 120;
const wordsPaceMs = 25;
const countPaceMs = 180;
/** Words in one delta: about what a model streams at once. */
const wordsPerDelta = 3;

export function createDemoDriver(deps: DemoDeps): Driver {
  const live = new Set<Turn>();
  const marker = `demo.${newId()}`;
  const environment = withMarkers(deps.environment, [marker]);
  let isDisposed = false;
  let hadProcesses = false;

  return {
    name,
    ...withoutCatalogue(name),
    health: () => Promise.resolve({ kind: "ready", version: "built in" }),
    start(request) {
      const turn = isDisposed
        ? failedTurn({ kind: "agent-died", agent: name, detail: "it was shut down" })
        : startTurn({ ...deps, environment, onProcess: () => (hadProcesses = true) }, request);
      live.add(turn);
      void turn.quiet.then(() => live.delete(turn)); // never rejects
      return turn;
    },
    prewarm: () => undefined,
    pool: () => noProcesses,
    forget: () => Promise.resolve(),
    async [Symbol.asyncDispose]() {
      isDisposed = true;
      await Promise.all([...live].map((turn) => turn[Symbol.asyncDispose]()));
      // What finished turns left in the background ends with the driver.
      if (hadProcesses) await endWithProof({ marker, roots: [] }, deps.scan, new AbortController().signal);
    },
  };
}

function startTurn(deps: DemoDeps & { readonly onProcess: () => void }, request: TurnRequest): Turn {
  const stream = createTurnEvents();
  const stop = createStop();
  const steered: AgentPrompt[] = [];
  const query = { marker: `demo.${request.owner.run}.${request.owner.epoch}`, roots: [] };
  let hasProcess = false;
  let isQuiet = false;

  const quiet = live().then((adopted): Quiet => {
    isQuiet = true;
    return { adopted };
  });

  return {
    events: stream.events,
    quiet,
    steer(prompt) {
      if (stream.end !== null || stop.level() !== null) return Promise.resolve("too-late");
      steered.push(prompt);
      return Promise.resolve("accepted");
    },
    answer: () => Promise.resolve("too-late"),
    interrupt(level) {
      if (!isQuiet) stop.strengthen(level);
    },
    survivors: () => (isQuiet || !hasProcess ? Promise.resolve(nothing) : account()),
    async [Symbol.asyncDispose]() {
      // A natural end is left to adopt its background process; anything else is ended.
      if (stream.end === null || stop.level() !== null) stop.strengthen("kill");
      await quiet;
    },
  };

  /** From the first word to the proof. Never rejects; stays pending while there is no proof. */
  async function live(): Promise<readonly ProcessRef[]> {
    const end = await play().catch(faultOf);
    stream.emit({ kind: "ended", end: stop.level() === null ? end : { kind: "interrupted" } });
    return hasProcess ? prove() : [];
  }

  async function play(): Promise<TurnEnd> {
    const turn = turnNumber(request.session.resume);
    stream.emit({ kind: "session", resume: `demo-${turn}` });
    const script = readPrompt(request.prompt.text, turn);
    await say("thinking", script.thinking, thinkPaceMs, deps, stop.signal, stream);
    if (script.tool !== null) await runTool(script.tool);
    for (let i = 1; i <= script.countTo; i += 1) await say("text", `${i} `, countPaceMs, deps, stop.signal, stream);
    let answer = "";
    for (let words: string | undefined = script.words; words !== undefined; words = nextSteered(steered)) {
      await say("text", words, wordsPaceMs, deps, stop.signal, stream);
      answer += words;
    }
    stream.emit({ kind: "usage", usage: noUsage });
    return { kind: "completed", answer };
  }

  async function runTool(tool: NonNullable<DemoScript["tool"]>): Promise<void> {
    if (stop.level() !== null) return;
    stream.emit({
      kind: "tool-started",
      tool: { id: "sleep", name: "Sleep", target: `${tool.seconds} s (${tool.style})` },
    });
    hasProcess = true;
    deps.onProcess();
    const child = startTool(tool, request.workspace, withMarkers(deps.environment, [query.marker]));
    // A stop does not wait for the process: prove() ends it.
    const ok = await Promise.race([child, stop.asked]);
    stream.emit({ kind: "tool-ended", id: "sleep", ok });
  }

  /** Without a stop, what lives now was left on purpose; with one, everything is ended, and this returns when it is gone. */
  async function prove(): Promise<readonly ProcessRef[]> {
    try {
      const left = await survivors(query, [], deps.scan);
      if (stop.level() === null) return left.map(refOf);
      for (;;) {
        const kill = stop.level() === "kill" ? "SIGKILL" : "SIGTERM";
        const proof = await endProcesses(query, [], kill, deps.scan, stop.strengthened());
        if (proof.kind === "gone") return [];
      }
    } catch {
      // The process table cannot be read, so there will be no proof; survivors() says so.
      return new Promise(() => undefined);
    }
  }

  async function account(): Promise<Evidence> {
    try {
      return { processes: (await survivors(query, [], deps.scan)).map(refOf), note: "a process of the demo agent" };
    } catch {
      return { processes: [], note: "the system's process table cannot be read" };
    }
  }
}

const nothing: Evidence = { processes: [], note: "" };
const noUsage = { inputTokens: 0, outputTokens: 0, cacheReadTokens: 0, cacheWriteTokens: 0, costUsd: 0 };

/** Says `text` a few words at a time; falls silent when `signal` fires. */
async function say(
  kind: "text" | "thinking",
  text: string,
  paceMs: number,
  deps: DemoDeps,
  signal: AbortSignal,
  stream: ReturnType<typeof createTurnEvents>,
): Promise<void> {
  const words = text.split(/(?<=\s)(?=\S)/);
  for (let i = 0; i < words.length; i += wordsPerDelta) {
    // Pacing: as fast as a person likes to see text appear.
    await deps.clock.sleep(paceMs, signal);
    if (signal.aborted) return;
    stream.emit({ kind, delta: words.slice(i, i + wordsPerDelta).join("") });
  }
}

function nextSteered(steered: AgentPrompt[]): string | undefined {
  const prompt = steered.shift();
  return prompt && `\n\nYou added: ${quote(prompt.text)}`;
}

/** The demo's whole memory is how many turns the session has had. */
function turnNumber(resume: string | null): number {
  return Number(/^demo-(\d{1,9})$/.exec(resume ?? "")?.[1] ?? 0) + 1;
}

function faultOf(error: unknown): TurnEnd {
  const detail = error instanceof Error ? error.message : "its process could not be started";
  return { kind: "failed", fault: { kind: "agent-error", agent: name, detail } };
}

const strength: readonly InterruptLevel[] = ["ask", "terminate", "kill"];

/** A stop that only grows stronger. `strengthened()` fires at the next stronger word. */
function createStop() {
  const asked = Promise.withResolvers<false>();
  const signal = new AbortController();
  let level: InterruptLevel | null = null;
  let next = new AbortController();
  return {
    signal: signal.signal,
    /** Resolves with the tool's verdict when a stop comes first. */
    asked: asked.promise,
    level: (): InterruptLevel | null => level,
    strengthened: (): AbortSignal => next.signal,
    strengthen(to: InterruptLevel): void {
      if (level !== null && strength.indexOf(to) <= strength.indexOf(level)) return;
      level = to;
      asked.resolve(false);
      signal.abort();
      const before = next;
      next = new AbortController();
      before.abort();
    },
  };
}
