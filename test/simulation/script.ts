/** What one turn's agent will do, drawn by chance before it begins. */
import type { AgentEvent, TurnEnd } from "../../src/domain/agent-event.ts";
import type { Ask } from "../../src/domain/ask.ts";
import type { Fault } from "../../src/domain/faults.ts";
import type { Random } from "./random.ts";
import type { AgentHabits } from "./scenario.ts";
import type { Toughness } from "./world.ts";

/** `asks`: something that only a person's answer lets happen; `call`: a tool of ours. Their marks are given when they are taken. */
export type ScriptStep =
  | AgentEvent
  | { readonly kind: "asks"; readonly what: Ask["kind"]; readonly waits: boolean }
  | { readonly kind: "call"; readonly tool: "ask_user" | "notify" | "new_session" | "switch_model" };

export type Script = {
  readonly steps: readonly ScriptStep[];
  /** Takes back what it asked, before there is an answer. */
  readonly withdraws: boolean;
  /** Does not wait any more when the answer comes, and has not said so. */
  readonly missesAnswer: boolean;
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
export function createScript(random: Random, habits: AgentHabits | null, nowMs: number): Script {
  const steps = drawSteps(random, habits);
  const isFaulty = habits !== null;
  const has = (probability: number | undefined): boolean => isFaulty && random.chance(probability ?? 0);
  const failsAtStart = has(habits?.failsAtStart);
  return {
    steps: failsAtStart ? [] : steps,
    hangsAt: has(habits?.hangs) ? random.int(steps.length + 1) : null,
    diesAt: has(habits?.dies) ? random.int(steps.length + 1) : null,
    withdraws: has(habits?.withdraws),
    missesAnswer: has(habits?.missesAnswer),
    end: failsAtStart || has(habits?.fails) ? failure(random, nowMs) : completion(random),
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

function failure(random: Random, nowMs: number): TurnEnd {
  const agent = "scripted";
  const fault = random.weighted<Fault>([
    { weight: 5, value: { kind: "overloaded" } },
    { weight: 1, value: { kind: "model-unreachable" } },
    { weight: 1, value: { kind: "rate-limited", resetsAtMs: random.chance(0.5) ? null : nowMs + random.int(300_000) } },
    { weight: 1, value: { kind: "agent-died", agent, detail: "by script" } },
    { weight: 2, value: { kind: "quota-exhausted", resetsAtMs: null } },
    { weight: 5, value: { kind: "agent-error", agent, detail: "by script" } },
  ]);
  return { kind: "failed", fault };
}

function completion(random: Random): TurnEnd {
  if (random.chance(0.1)) return { kind: "interrupted" };
  return { kind: "completed", answer: random.chance(0.1) ? "" : "Done." };
}

function drawSteps(random: Random, habits: AgentHabits | null): ScriptStep[] {
  // The session's name is the driver's to give: it knows whether the turn goes on in one.
  const steps: ScriptStep[] = random.chance(0.9) ? [{ kind: "session", resume: "" }] : [];
  let tools = 0;
  for (let left = random.int(6); left > 0; left -= 1) {
    if (habits !== null && random.chance(habits.asks)) {
      const what = random.pick(["approval", "approval", "questions", "plan"] as const);
      steps.push({ kind: "asks", what, waits: random.chance(0.6) });
      continue;
    }
    if (habits !== null && random.chance(habits.calls)) {
      const tool = random.pick(["notify", "notify", "notify", "ask_user", "new_session", "switch_model"] as const);
      steps.push({ kind: "call", tool });
      continue;
    }
    const roll = random.int(7);
    if (roll === 0) steps.push({ kind: "thinking", delta: "hm" });
    else if (roll <= 2) steps.push({ kind: "text", delta: "word " });
    else if (roll === 3) steps.push({ kind: "retrying", fault: { kind: "overloaded" }, attempt: 1, delayMs: 100 });
    else if (roll === 4) steps.push({ kind: "usage", usage: { ...noUsage, costUsd: random.pick([null, 0.4, 2]) } });
    else {
      tools += 1;
      steps.push({ kind: "tool-started", tool: { id: `t${tools}`, name: "Bash", target: "make" } });
      if (random.chance(0.5)) steps.push({ kind: "tool-ended", id: `t${tools}`, ok: true });
    }
  }
  return steps;
}

const noUsage = { inputTokens: 1, outputTokens: 1, cacheReadTokens: 0, cacheWriteTokens: 0 };

/** The words hold the mark, by which the ask's row is known again. */
export function askWith(what: Ask["kind"], mark: string, random: Random): Ask {
  switch (what) {
    case "approval": {
      const action = { kind: "command" as const, command: `make ${mark}`, directory: null };
      return { kind: "approval", action, reason: null, scopes: random.chance(0.5) ? ["once", "session"] : ["once"] };
    }
    case "plan":
      return { kind: "plan", plan: `1. ${mark}` };
    case "questions": {
      const options = [
        { label: "red", description: "" },
        { label: "blue", description: "" },
      ];
      const question = { header: "", text: mark, options, takesText: random.chance(0.7) };
      const more = random.chance(0.4);
      const first = { ...question, choice: random.pick(["one", "many"] as const) };
      return { kind: "questions", questions: more ? [first, { ...question, choice: "one" }] : [first] };
    }
    default:
      return what satisfies never;
  }
}
