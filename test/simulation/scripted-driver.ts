/**
 * An agent that keeps to a script drawn by chance, with the faults of real ones: it hangs, resists a stop, lingers after its
 * end, dies without a word, goes on talking, proves late or never. Its processes live in the ledger, which outlives it.
 *
 * It is honest about one thing alone: `quiet` resolves only after the ledger says so.
 */
import type { AgentEvent, TurnEnd } from "../../src/domain/agent-event.ts";
import type { Evidence, ProcessRef } from "../../src/domain/run.ts";
import { noProcesses } from "../../src/drivers/no-processes.ts";
import { withoutCatalogue } from "../../src/drivers/without-catalogue.ts";
import type { Driver, InterruptLevel, Quiet, Turn, TurnRequest } from "../../src/engine/ports.ts";
import type { Meet } from "./faults.ts";
import type { Random } from "./random.ts";
import type { AgentHabits } from "./scenario.ts";
import type { Choice, Scheduler } from "./scheduler.ts";
import { createScript, drawToughness, type Script } from "./script.ts";
import { endsBy, type LedgerProcess, type LedgerTurn, tagsOf, type World } from "./world.ts";

export interface ScriptedAgents {
  driver(life: number): Driver;
  /** Faults stop: who hangs goes on; with `immortalsDie`, what outlived SIGKILL goes. */
  calm(immortalsDie: boolean): void;
}

type AgentDeps = {
  readonly world: World;
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly habits: AgentHabits;
  readonly meet: Meet;
  /** Whether the program holds the directory against other instances. */
  readonly isHeld: (path: string, life: number) => boolean;
  readonly violated: (invariant: string, what: string) => void;
};

type ScriptedTurn = { readonly turn: Turn; readonly calm: (immortalsDie: boolean) => void };

export function createScriptedAgents(deps: AgentDeps): ScriptedAgents {
  const turns: ScriptedTurn[] = [];
  let isCalm = false;
  return {
    driver: (life) => ({
      name: "scripted",
      ...withoutCatalogue("scripted"),
      health: () => deps.scheduler.pending("machine", "health", life, () => ({ kind: "ready" as const, version: "1" })),
      start: (request) => {
        const script = createScript(deps.random, isCalm ? null : deps.habits);
        const scripted = createScriptedTurn(deps, request, life, script);
        turns.push(scripted);
        return scripted.turn;
      },
      prewarm: () => {},
      pool: () => noProcesses,
      forget: () => deps.scheduler.pending("machine", "forget session", life, () => {}),
      [Symbol.asyncDispose]: () => deps.scheduler.pending("machine", "close driver", life, () => {}),
    }),
    calm: (immortalsDie) => {
      isCalm = true;
      for (const scripted of turns) scripted.calm(immortalsDie);
      if (!immortalsDie) return;
      for (const process of deps.world.orphans()) deps.world.end(process);
    },
  };
}

function createScriptedTurn(deps: AgentDeps, request: TurnRequest, life: number, script: Script): ScriptedTurn {
  const { world, scheduler, random, habits, meet } = deps;
  const { run } = request.owner;
  const ledger = world.beginTurn(request, life);
  const agent = world.spawn(ledger, "agent", script.toughness);
  const events = createEvents();
  const proof = Promise.withResolvers<Quiet>();
  let next = 0;
  let hasEnded = false;
  let isProven = false;
  let working: Choice | null = null;
  let proving: Choice | null = null;
  ledger.onEnd = review;
  continueWork();

  // ---- work

  function continueWork(): void {
    if (!agent.alive || hasEnded) return;
    if (next === script.hangsAt) return meet("an agent hangs");
    working = { kind: "agent", label: `${run} acts`, life, run: act };
    scheduler.offer(working);
  }

  function act(): void {
    working = null;
    if (!agent.alive) return;
    if (ledger.isReleased) meet("an agent goes on after its run was released");
    // I1: inside one instance the row holds the directory, against others the lock does, for as long as the turn acts.
    if (!ledger.isReleased && !ledger.isOrphan && !deps.isHeld(ledger.workspace, life)) {
      deps.violated("I1", `${run} acts in ${ledger.workspace}, which its program does not hold`);
    }
    const isUnheard = ledger.asked !== null || next >= script.steps.length;
    if (script.goesOn && agent.toughness === "never" && isUnheard) {
      events.emit({ kind: "text", delta: "and on " });
      return continueWork();
    }
    if (next === script.diesAt) {
      meet("an agent dies at work");
      return world.end(agent);
    }
    const step = script.steps[next];
    next += 1;
    if (step === undefined) return finish(script.end);
    if (step.kind === "tool-started") world.spawn(ledger, "tool", drawToughness(random, habits));
    if (step.kind === "tool-ended") endOneTool();
    events.emit(step);
    continueWork();
  }

  function endOneTool(): void {
    const tool = toolsAlive().find((one) => one.toughness !== "never");
    if (tool !== undefined) world.end(tool);
  }

  /** The agent's own end of the turn. */
  function finish(end: TurnEnd): void {
    if (script.steps.length === 0 && end.kind === "failed") meet("an agent cannot start");
    if (!script.leavesBackground) for (const _ of toolsAlive()) endOneTool();
    say(end);
    // Who lingers without having said the end is one who hangs, and that is a fault of its own.
    if (!script.lingers || script.lastWord === "none") world.end(agent);
    else meet("an agent lingers after its end");
  }

  function say(end: TurnEnd): void {
    if (hasEnded) return;
    hasEnded = true;
    if (working !== null) scheduler.withdraw(working);
    if (script.lastWord === "none") return meet("an agent ends without a word");
    const speak = (): void => {
      if (isProven) meet("an agent is proven gone before its last word");
      if (script.lastWord === "breaks-off") {
        meet("an agent's events break off");
        return events.close();
      }
      events.emit({ kind: "ended", end });
      if (!script.talksAfterEnd) return;
      meet("an agent talks after its end");
      meet("an agent ends twice");
      events.emit({ kind: "text", delta: "after the end" });
      events.emit({ kind: "ended", end: { kind: "completed", answer: "a second end" } });
    };
    // The proof may overtake the last word, and the other way round.
    if (script.provesFirst) scheduler.offer({ kind: "agent", label: `${run} last word`, life, run: speak });
    else speak();
  }

  // ---- stop

  function interrupt(level: InterruptLevel): void {
    if (isProven || (ledger.asked !== null && endsBy(ledger.asked, level))) return;
    ledger.asked = level;
    withdrawProof();
    scheduler.offer({ kind: "agent", label: `${run} hears ${level}`, life, run: () => obey(level) });
  }

  function obey(level: InterruptLevel): void {
    for (const tool of toolsAlive()) if (endsBy(level, tool.toughness)) world.end(tool);
    if (level === "kill" && world.alive(ledger).some((process) => process.toughness === "never")) {
      meet("a process outlives SIGKILL");
    }
    if (agent.alive && !endsBy(level, agent.toughness)) {
      if (level === "ask") meet("an agent ignores the request to stop");
      if (level === "terminate") meet("an agent ignores terminate");
    }
    if (!agent.alive || !endsBy(level, agent.toughness)) return review();
    if (script.finishesWhenAsked) meet("an agent finishes although it was stopped");
    const answer = `late answer of ${run}`;
    if (script.finishesWhenAsked) say({ kind: "completed", answer });
    else if (level === "ask") say({ kind: "interrupted" });
    else say({ kind: "failed", fault: { kind: "agent-died", agent: "scripted", detail: level } });
    world.end(agent);
  }

  function toolsAlive(): LedgerProcess[] {
    return ledger.processes.filter((process) => process.alive && process.role === "tool");
  }

  // ---- proof

  /** Someone's end changed what can be proven. */
  function review(): void {
    if (!agent.alive && !hasEnded) {
      say({ kind: "failed", fault: { kind: "agent-died", agent: "scripted", detail: "killed" } });
    }
    const isQuiet = !agent.alive && (toolsAlive().length === 0 || ledger.asked === null);
    if (!isQuiet) return withdrawProof();
    if (isProven || proving !== null) return;
    proving = { kind: "quiet", label: run, life, run: prove };
    scheduler.offer(proving);
  }

  function withdrawProof(): void {
    if (proving !== null) scheduler.withdraw(proving);
    proving = null;
  }

  function prove(): void {
    isProven = true;
    const left = toolsAlive();
    if (left.length > 0) meet("an agent leaves a task behind");
    for (const tool of left) tool.role = "background";
    proof.resolve({ adopted: left.map((tool) => tool.ref) });
  }

  async function survivors(): Promise<Evidence> {
    return scheduler.pending("machine", `survivors of ${run}`, life, () => {
      const processes: ProcessRef[] = world.alive(ledger).map((process) => process.ref);
      return { processes, note: "alive" };
    });
  }

  const turn: Turn = {
    events: events.iterable,
    steer: (prompt) =>
      scheduler.pending("agent", `${run} is steered`, life, () => {
        if (!agent.alive || hasEnded || ledger.asked !== null || !random.chance(habits.acceptsSteer)) {
          meet("a steer comes too late");
          return "too-late" as const;
        }
        steered(ledger, prompt.text);
        return "accepted" as const;
      }),
    answer: () => Promise.resolve("too-late"),
    interrupt,
    quiet: proof.promise,
    survivors,
    [Symbol.asyncDispose]: async () => {
      interrupt("kill");
      await proof.promise;
    },
  };

  return {
    turn,
    calm: (immortalsDie) => {
      for (const process of ledger.processes) {
        if (process.toughness !== "never" || !immortalsDie) continue;
        process.toughness = "kill";
        if (ledger.asked === "kill" && process.role !== "background") world.end(process);
      }
      script.goesOn = false;
      const hangs = script.hangsAt === next;
      script.hangsAt = null;
      if (hangs) continueWork();
    },
  };
}

function steered(ledger: LedgerTurn, text: string): void {
  ledger.prompts.push(...tagsOf(text));
}

/** A queue of events for one consumer, faithful to nothing but the order: what a broken driver emits arrives. */
function createEvents() {
  const waiting: AgentEvent[] = [];
  let isClosed = false;
  let wake: (() => void) | null = null;
  const stir = (): void => {
    wake?.();
    wake = null;
  };
  async function* read(): AsyncGenerator<AgentEvent, void, void> {
    for (;;) {
      const event = waiting.shift();
      if (event !== undefined) yield event;
      else if (isClosed) return;
      else await new Promise<void>((resolve) => (wake = resolve));
    }
  }
  return {
    iterable: read(),
    emit: (event: AgentEvent): void => {
      waiting.push(event);
      stir();
    },
    close: (): void => {
      isClosed = true;
      stir();
    },
  };
}
