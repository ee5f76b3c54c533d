/** What one turn's agent will do, drawn by chance before it begins. */
import type { AgentEvent, TurnEnd } from "../../src/domain/agent-event.ts";
import type { Random } from "./random.ts";
import type { AgentHabits } from "./scenario.ts";
import type { Toughness } from "./world.ts";

export type Script = {
  readonly steps: readonly AgentEvent[];
  /** The step before which it hangs until it is stopped, or until faults stop. */
  hangsAt: number | null;
  /** The step before which its process dies. */
  readonly diesAt: number | null;
  readonly end: TurnEnd;
  /** ended: as the contract wants it; none: the events never end; breaks-off: they end without an end. */
  readonly lastWord: "ended" | "none" | "breaks-off";
  readonly toughness: Toughness;
  /** Its process stays after the end of the turn until it is told to go. */
  readonly lingers: boolean;
  readonly leavesBackground: boolean;
  readonly talksAfterEnd: boolean;
  /** What outlives SIGKILL finds no end and hears no stop either: it goes on working until faults stop. */
  goesOn: boolean;
  readonly provesFirst: boolean;
  readonly finishesWhenAsked: boolean;
};

/** `habits` is null for an agent without faults. */
export function createScript(random: Random, habits: AgentHabits | null): Script {
  const steps = drawSteps(random);
  const isFaulty = habits !== null;
  const has = (probability: number | undefined): boolean => isFaulty && random.chance(probability ?? 0);
  const failsAtStart = has(habits?.failsAtStart);
  return {
    steps: failsAtStart ? [] : steps,
    hangsAt: has(habits?.hangs) ? random.int(steps.length + 1) : null,
    diesAt: has(habits?.dies) ? random.int(steps.length + 1) : null,
    end: failsAtStart || has(habits?.fails) ? failure(random) : completion(random),
    lastWord: has(habits?.diesSilently) ? "none" : has(habits?.breaksOff) ? "breaks-off" : "ended",
    toughness: habits === null ? "ask" : drawToughness(random, habits),
    lingers: has(habits?.lingers),
    leavesBackground: has(habits?.leavesBackground),
    talksAfterEnd: has(habits?.talksAfterEnd),
    goesOn: has(0.5),
    provesFirst: has(habits?.provesFirst),
    finishesWhenAsked: has(habits?.finishesWhenAsked),
  };
}

export function drawToughness(random: Random, habits: AgentHabits): Toughness {
  if (!random.chance(habits.resists)) return "ask";
  if (!random.chance(habits.resists)) return "terminate";
  return random.chance(habits.isImmortal) ? "never" : "kill";
}

function failure(random: Random): TurnEnd {
  return random.chance(0.5)
    ? { kind: "failed", fault: { kind: "overloaded" } }
    : { kind: "failed", fault: { kind: "agent-error", agent: "scripted", detail: "by script" } };
}

function completion(random: Random): TurnEnd {
  if (random.chance(0.1)) return { kind: "interrupted" };
  return { kind: "completed", answer: random.chance(0.1) ? "" : "Done." };
}

function drawSteps(random: Random): AgentEvent[] {
  const steps: AgentEvent[] = random.chance(0.9) ? [{ kind: "session", resume: `s${random.int(1_000)}` }] : [];
  let tools = 0;
  for (let left = random.int(6); left > 0; left -= 1) {
    const roll = random.int(6);
    if (roll === 0) steps.push({ kind: "thinking", delta: "hm" });
    else if (roll <= 2) steps.push({ kind: "text", delta: "word " });
    else if (roll === 3) steps.push({ kind: "retrying", fault: { kind: "overloaded" }, attempt: 1, delayMs: 100 });
    else {
      tools += 1;
      steps.push({ kind: "tool-started", tool: { id: `t${tools}`, name: "Bash", target: "make" } });
      if (random.chance(0.7)) steps.push({ kind: "tool-ended", id: `t${tools}`, ok: true });
    }
  }
  return steps;
}
