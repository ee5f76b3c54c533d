/**
 * An agent that keeps to a script drawn by chance, with the faults of real ones: it hangs, resists a stop, lingers after its
 * end, dies without a word, goes on talking, proves late or never. Its processes live in the ledger, which outlives it.
 *
 * It is honest about one thing alone: `quiet` resolves only after the ledger says so.
 */
import { noProcesses } from "../../src/drivers/no-processes.ts";
import type { AgentEvent, TurnEnd } from "../../src/domain/agent-event.ts";
import type { AgentModel } from "../../src/domain/agent-model.ts";
import type { Ask, AskAnswer } from "../../src/domain/ask.ts";
import type { Evidence, ProcessRef } from "../../src/domain/run.ts";
import type { Asked, Driver, InterruptLevel, Quiet, Turn, TurnRequest } from "../../src/engine/ports.ts";
import type { Meet } from "./faults.ts";
import type { Random } from "./random.ts";
import type { AgentHabits, AgentName } from "./scenario.ts";
import type { Choice, Scheduler } from "./scheduler.ts";
import { askWith, createScript, drawToughness, type Script, type ScriptStep } from "./script.ts";
import { endsBy, type LedgerAsk, type LedgerProcess, type LedgerTurn, tagsOf, type World } from "./world.ts";

export interface ScriptedAgents {
  driver(agent: AgentName, life: number): Driver;
  /** Faults stop: who hangs goes on; with `immortalsDie`, what outlived SIGKILL goes. */
  calm(immortalsDie: boolean): void;
}

type AgentDeps = {
  readonly world: World;
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly habits: AgentHabits;
  readonly now: () => number;
  readonly meet: Meet;
  /** A turn has begun; nothing of it is alive yet. */
  readonly began: (turn: LedgerTurn) => void;
  /** An answer was handed to a turn, whatever becomes of it there. */
  readonly handed: (turn: LedgerTurn, id: string, answer: AskAnswer) => void;
  /** A tool of ours said that a person answered. */
  readonly answeredByTool: (turn: LedgerTurn, mark: string, text: string) => void;
  /** Whether the program holds the directory against other instances. */
  readonly isHeld: (path: string, life: number) => boolean;
  readonly violated: (invariant: string, what: string) => void;
};

type ScriptedTurn = { readonly turn: Turn; readonly calm: (immortalsDie: boolean) => void };

/** What the turns of all agents share: nothing in it is said twice. */
type Serials = { readonly mark: () => string; readonly memory: (agent: AgentName, workspace: string) => string };

const catalogue: readonly AgentModel[] = [
  { id: "big", name: "Big", description: null, efforts: ["low", "high"], isDefault: true },
  { id: "small", name: "Small", description: null, efforts: [], isDefault: false },
];

export function createScriptedAgents(deps: AgentDeps): ScriptedAgents {
  const { scheduler, random, habits, meet } = deps;
  const turns: ScriptedTurn[] = [];
  /** What the agents' own stores hold, oldest first. */
  const memories: { readonly agent: AgentName; readonly resume: string; readonly workspace: string }[] = [];
  let marks = 0;
  let isCalm = false;

  const serials: Serials = {
    mark: () => `mark${(marks += 1)}`,
    memory: (agent, workspace) => {
      const resume = `${agent}-m${memories.length + 1}`;
      memories.push({ agent, resume, workspace });
      return resume;
    },
  };

  /** It answers, late; or it cannot; or it hears nothing and gives up only when its caller does. */
  function consulted<T>(
    agent: AgentName,
    life: number,
    what: string,
    signal: AbortSignal,
    value: () => T,
  ): Promise<Asked<T>> {
    const cannot: Asked<T> = { kind: "unavailable", fault: { kind: "agent-error", agent, detail: "by script" } };
    return new Promise((resolve) => {
      const giveUp = (): void => {
        meet("a consultation is given up");
        resolve(cannot);
      };
      if (signal.aborted) return giveUp();
      signal.addEventListener("abort", giveUp, { once: true });
      if (random.chance(habits.ignoresConsultation)) return meet("an agent does not hear a consultation");
      const answer = (): void => {
        signal.removeEventListener("abort", giveUp);
        const isUnable = !isCalm && random.chance(habits.refusesConsultation);
        if (isUnable) meet("an agent cannot be consulted");
        resolve(isUnable ? cannot : { kind: "known", value: value() });
      };
      scheduler.offer({ kind: "machine", label: `${agent} ${what}`, life, run: answer });
    });
  }

  return {
    driver: (agent, life) => ({
      name: agent,
      health: async (signal) => {
        const health = await consulted(agent, life, "health", signal, () => "1");
        return health.kind === "known" ? { kind: "ready", version: health.value } : health;
      },
      models: (_workspace, signal) => consulted(agent, life, "models", signal, () => catalogue),
      sessions: (workspace, limit, signal) =>
        consulted(agent, life, "sessions", signal, () =>
          memories
            .filter((memory) => memory.agent === agent && memory.workspace === workspace)
            .toReversed()
            .slice(0, limit)
            .map(({ resume }) => ({ resume, workspace, title: null, preview: resume, updatedAtMs: 0 })),
        ),
      fork: (_resume, workspace, signal) =>
        consulted(agent, life, "fork", signal, () => serials.memory(agent, workspace)),
      terminalCommand: () => null,
      start: (request) => {
        const script = createScript(deps.random, isCalm ? null : deps.habits, deps.now());
        const scripted = createScriptedTurn(deps, serials, agent, request, life, script);
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

function createScriptedTurn(
  deps: AgentDeps,
  serials: Serials,
  name: AgentName,
  request: TurnRequest,
  life: number,
  script: Script,
): ScriptedTurn {
  const { world, scheduler, random, habits, meet } = deps;
  const { run } = request.owner;
  const ledger = world.beginTurn(request, life, name);
  deps.began(ledger);
  const agent = world.spawn(ledger, "agent", script.toughness);
  const events = createEvents();
  const proof = Promise.withResolvers<Quiet>();
  const calls = new Set<AbortController>();
  let next = 0;
  let hasEnded = false;
  let isProven = false;
  let isCalm = false;
  let working: Choice | null = null;
  let proving: Choice | null = null;
  /** What the agent waits for before it goes on. */
  let blocker: LedgerAsk | "call" | null = null;
  ledger.onEnd = review;
  continueWork();

  // ---- work

  function continueWork(): void {
    if (!agent.alive || hasEnded || blocker !== null || working !== null) return;
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
      if (random.chance(0.3)) callUnheard();
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
    take(step);
    continueWork();
  }

  function take(step: ScriptStep): void {
    switch (step.kind) {
      case "asks":
        return ask(step.what, step.waits);
      case "call":
        blocker = "call";
        return call(step.tool, () => {
          if (blocker === "call") blocker = null;
          continueWork();
        });
      case "session":
        return events.emit({ ...step, resume: request.session.resume ?? serials.memory(name, request.workspace) });
      case "tool-started":
        ledger.hasUsedTools = true;
        world.spawn(ledger, "tool", drawToughness(random, habits));
        return events.emit(step);
      case "tool-ended":
        endOneTool();
        return events.emit(step);
      default:
        return events.emit(step);
    }
  }

  // ---- asks

  /** The agent's own names for its asks are the same in each turn. */
  function ask(what: Ask["kind"], waits: boolean): void {
    meet("an agent asks a person");
    const asked: LedgerAsk = { id: `q${ledger.asks.length + 1}`, mark: serials.mark(), state: "waiting", handed: 0 };
    ledger.asks.push(asked);
    if (waits) blocker = asked;
    events.emit({ kind: "asked", id: asked.id, ask: askWith(what, asked.mark, random) });
    if (isCalm) return giveUp(asked);
    if (script.withdraws && random.chance(0.5))
      scheduler.offer({ kind: "agent", label: `${run} withdraws ${asked.id}`, life, run: () => withdraw(asked, what) });
  }

  function withdraw(asked: LedgerAsk, what: Ask["kind"]): void {
    if (asked.state !== "waiting" || !agent.alive || hasEnded) return;
    meet("an agent withdraws what it asked");
    giveUp(asked);
    if (blocker !== null || !random.chance(0.4)) return;
    meet("an agent asks again");
    ask(what, true);
  }

  function giveUp(asked: LedgerAsk): void {
    asked.state = "given-up";
    events.emit({ kind: "ask-withdrawn", id: asked.id });
    goOnAfter(asked);
  }

  function goOnAfter(asked: LedgerAsk): void {
    if (blocker === asked) blocker = null;
    continueWork();
  }

  /** What was asked for happens here, and nowhere else. */
  function hear(id: string, answer: AskAnswer): "accepted" | "too-late" {
    const asked = ledger.asks.find((one) => one.id === id && one.state === "waiting");
    const isOver = !agent.alive || hasEnded || ledger.asked !== null;
    if (asked === undefined || isOver || script.missesAnswer) {
      meet("an answer comes too late");
      if (asked !== undefined) asked.state = "given-up";
      if (asked !== undefined && !isOver) goOnAfter(asked);
      return "too-late";
    }
    asked.state = "answered";
    if (answer.kind === "allow") world.spawn(ledger, "tool", drawToughness(random, habits));
    goOnAfter(asked);
    return "accepted";
  }

  // ---- tools of ours

  function call(tool: (ScriptStep & { kind: "call" })["tool"], then: () => void): void {
    const mark = serials.mark();
    const ended = new AbortController();
    calls.add(ended);
    if (isCalm) ended.abort();
    if (ledger.asked !== null) meet("a tool of ours is called by a turn that was told to stop");
    const input = { question: mark, text: mark, title: mark, model: "small", options: ["red", "blue"] };
    if (tool === "ask_user") meet("an agent asks by a tool of ours");
    void request.tools.call(tool, input, ended.signal).then((result) => {
      calls.delete(ended);
      if (result.kind === "ok" && tool === "notify") ledger.told.push(mark);
      if (result.kind === "ok" && tool === "ask_user") deps.answeredByTool(ledger, mark, result.text);
      then();
    }); // never rejects
  }

  /** A process that nobody can end calls on, also when its run is not its own any more. */
  function callUnheard(): void {
    if (ledger.isReleased) meet("a tool of ours is called after its run was released");
    call(random.pick(["ask_user", "notify", "new_session"]), () => {});
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
    ledger.said = script.lastWord === "ended" ? end : null;
    if (working !== null) scheduler.withdraw(working);
    working = null;
    if (random.chance(0.5)) for (const one of [...calls]) one.abort();
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
      events.emit({ kind: "asked", id: "q1", ask: askWith("plan", serials.mark(), random) });
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
    answer: (id, answer) => {
      deps.handed(ledger, id, answer);
      return scheduler.pending("agent", `${run} hears the answer to ${id}`, life, () => hear(id, answer));
    },
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
      isCalm = true;
      for (const asked of ledger.asks) if (asked.state === "waiting" && agent.alive && !hasEnded) giveUp(asked);
      for (const one of [...calls]) one.abort();
      script.goesOn = false;
      script.hangsAt = null;
      continueWork();
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
