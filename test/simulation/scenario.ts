/**
 * What one seed's world is like: how many conversations, slots and directories, how agents misbehave, how often the program
 * crashes. Each seed draws its own mixture ("swarm testing": a fault that is rare everywhere is common somewhere).
 */
import { type ConversationSettings, policies } from "../../src/domain/conversation-settings.ts";
import type { ConversationId } from "../../src/domain/conversation.ts";
import { telegramConversation, webConversation } from "../../src/domain/conversation.ts";
import type { RunLimits } from "../../src/engine/run-watch.ts";
import type { Random } from "./random.ts";
import { type ChoiceKind, choiceKinds, type ResolveOrder, type Weights } from "./scheduler.ts";

/** `workspace` is null for a conversation that uses the default directory. */
export type Place = { readonly conversation: ConversationId; readonly workspace: string | null };

/** Probabilities per turn or per process, 0..1. */
export type AgentHabits = {
  readonly hangs: number;
  readonly failsAtStart: number;
  readonly fails: number;
  readonly dies: number;
  readonly diesSilently: number;
  readonly breaksOff: number;
  readonly lingers: number;
  readonly leavesBackground: number;
  readonly talksAfterEnd: number;
  readonly provesFirst: number;
  /** How often a process is tougher than the next weaker request. */
  readonly resists: number;
  readonly isImmortal: number;
  readonly finishesWhenAsked: number;
  readonly acceptsSteer: number;
  readonly refusesWorkspace: number;
  /** Per step of a turn. */
  readonly asks: number;
  readonly calls: number;
  readonly withdraws: number;
  readonly missesAnswer: number;
  /** Per consultation: it hears nothing, or cannot. */
  readonly ignoresConsultation: number;
  readonly refusesConsultation: number;
};

/** Probabilities per message, 0..1. */
export type ChannelHabits = {
  readonly refuses: number;
  /** It arrives, and nobody learns of it. */
  readonly timesOut: number;
  /** It does not arrive, and nobody learns of that. */
  readonly loses: number;
  readonly blocks: number;
};

/** Probabilities per fetch, 0..1. */
export type FileHabits = {
  /** Nothing comes of it until its life ends, or faults do. */
  readonly hangs: number;
  readonly failsForNow: number;
  readonly failsForGood: number;
};

export type Scenario = {
  readonly places: readonly Place[];
  readonly defaultWorkspace: string;
  readonly runsMax: number;
  readonly actionsMax: number;
  readonly crashesMax: number;
  readonly agent: AgentHabits;
  readonly channel: ChannelHabits;
  /** How many of the prompts have the priority of background work. */
  readonly backgroundWork: number;
  readonly duplicates: number;
  readonly reorders: number;
  readonly commitFails: number;
  /** How often a verb of the outbox rejects, before its commit or after it. */
  readonly outboxFails: number;
  /** How often the settlement of a run throws by itself, each time, until the run is in quarantine. */
  readonly settlementFails: number;
  readonly survivesCrash: number;
  /** A deposed life goes on writing for a while after its successor booted. */
  readonly zombies: number;
  /** How long a crash keeps the program down, in milliseconds at most. */
  readonly downtimeMsMax: number;
  readonly resolveOrder: ResolveOrder;
  readonly weights: Weights;
  /** Once faults stop, even what outlived SIGKILL goes; else it stays, and its lane with it. */
  readonly immortalsDie: boolean;
  /** How many times the program is shut down in order and started again. */
  readonly drainsMax: number;
  readonly limits: RunLimits;
  /** How much of what people do is choosing: agents, models, permissions, sessions. */
  readonly choosing: number;
  readonly files: FileHabits;
  /** How much of what people send comes in several messages, with files, or is spoken. */
  readonly media: number;
  /** How much of what people do is changing what they sent. */
  readonly editing: number;
  /** How much of what people do is setting what a message does while a turn runs, and what becomes of what is heard. */
  readonly setting: number;
  /** What they like best a message to do. */
  readonly policy: ConversationSettings["policy"];
  /** How often people answer what is asked before they do anything else, 0..1. */
  readonly answering: number;
  /** How much of what people do is about schedules; 0: there is no timer either. */
  readonly scheduling: number;
  /** How often what they do about schedules is done by somebody who may be removed, 0..1. */
  readonly guests: number;
};

const defaultWorkspace = "/projects/default";

/** The agents of this world; the first serves conversations that chose none. */
export const agentNames = ["alpha", "beta"] as const;
export type AgentName = (typeof agentNames)[number];

export function drawScenario(random: Random): Scenario {
  const rate = (often: number): number => (random.chance(0.5) ? 0 : random.next() * often);
  /** Now and then hardly anything ends when it is told to. */
  const isStubborn = random.chance(0.12);
  /** Now and then people do little else than choose, in conversations that share one directory and so see each other's sessions. */
  const isChoosy = random.chance(0.2);
  /** Now and then agents fail again and again of what passes. */
  const isFlaky = !isChoosy && random.chance(0.35);
  /** Now and then people do little else than send files, and change their minds about them. */
  const isMedia = !isChoosy && !isFlaky && random.chance(0.5);
  return {
    places: isChoosy ? drawPlaces(random, 2, 1) : drawPlaces(random, random.between(1, 5), random.between(1, 3)),
    defaultWorkspace,
    runsMax: random.between(1, 3),
    actionsMax: random.between(isChoosy ? 22 : isStubborn ? 14 : 4, isChoosy ? 30 : 22),
    crashesMax: isChoosy || isFlaky ? random.int(2) : random.pick([0, 0, 1, 1, 2, 3]),
    agent: {
      hangs: isChoosy || isFlaky ? 0.05 : rate(0.5),
      failsAtStart: isFlaky ? 0 : rate(0.3),
      fails: isChoosy ? 0.05 : isFlaky ? 0.8 : rate(0.3),
      dies: isFlaky ? 0 : rate(0.2),
      diesSilently: isFlaky ? 0 : rate(0.3),
      breaksOff: isFlaky ? 0 : rate(0.3),
      lingers: rate(0.4),
      leavesBackground: isFlaky ? 0.7 : rate(0.5),
      talksAfterEnd: rate(0.5),
      provesFirst: rate(0.5),
      resists: isChoosy ? 0.1 : isStubborn ? 0.8 : rate(0.6),
      isImmortal: isStubborn ? 0.8 : rate(0.4),
      finishesWhenAsked: rate(0.6),
      acceptsSteer: random.pick([0.2, 0.5, 0.9]),
      refusesWorkspace: isFlaky ? 0 : rate(0.2),
      asks: isChoosy ? 0 : isFlaky ? 0.25 : random.pick([0, 0.2, 0.4, 0.7]),
      calls: isFlaky ? 0.5 : random.chance(0.6) ? 0 : random.next() * 0.4,
      withdraws: rate(0.6),
      missesAnswer: rate(0.3),
      ignoresConsultation: rate(0.4),
      refusesConsultation: rate(0.3),
    },
    channel: { refuses: rate(0.4), timesOut: rate(0.4), loses: rate(0.3), blocks: rate(0.2) },
    duplicates: rate(0.4),
    reorders: rate(0.4),
    commitFails: rate(0.15),
    outboxFails: rate(0.2),
    settlementFails: random.chance(0.9) ? 0 : 0.3,
    backgroundWork: random.pick([0, 0.1, 0.5]),
    survivesCrash: random.pick([0, 0.5, 1]),
    zombies: random.pick([0, 0.3, 1]),
    downtimeMsMax: random.pick([1_000, 60_000, 3_600_000]),
    resolveOrder: random.chance(0.8) ? "in-order" : "any",
    weights: drawWeights(random, isStubborn, isFlaky || isMedia),
    immortalsDie: random.chance(0.6),
    drainsMax: random.pick([0, 0, 0, 1, 2]),
    limits: {
      retries: isFlaky ? 2 : random.pick([0, 2, 2]),
      stallMs: random.pick([8_000, 60_000, 600_000]),
      runMsMax: isFlaky ? null : random.pick([null, null, null, 60_000]),
      costUsdMax: isFlaky ? null : random.pick([null, null, 1]),
    },
    files: {
      hangs: isMedia ? random.pick([0, 0.1, 0.5]) : 0.05,
      failsForNow: isMedia ? random.pick([0, 0.2, 0.5]) : 0.1,
      failsForGood: isMedia ? random.pick([0, 0.1, 0.3]) : 0.05,
    },
    media: isMedia ? 3 : random.pick([0, 0, 0.5]),
    editing: isMedia ? random.pick([1, 3]) : random.pick([0, 0, 0.5]),
    policy: random.pick(policies),
    setting: isMedia ? random.pick([0, 2, 4]) : random.pick([0, 0, 0.3]),
    choosing: isChoosy ? 30 : random.pick([0, 0, 1, 4]),
    answering: isFlaky ? 0.9 : random.pick([0.1, 0.5, 0.9]),
    scheduling: 0,
    guests: 0,
  };
}

/** How many worlds have schedules. */
const scheduledWorlds = 0.3;

/**
 * Now and then people do little else than set up schedules. It has chance of its own, so that the other worlds are what they were before there
 * were schedules.
 */
export function withSchedules(scenario: Scenario, random: Random): Scenario {
  if (!random.chance(scheduledWorlds)) return scenario;
  const isFailing = random.chance(0.2);
  const { agent, weights } = scenario;
  return {
    ...scenario,
    places: drawPlaces(random, random.between(1, 2), random.between(1, 2)),
    actionsMax: random.between(10, 24),
    crashesMax: random.pick([0, 1, 2, 3]),
    downtimeMsMax: random.pick([1_000, 600_000, 3_600_000]),
    agent: isFailing ? { ...agent, fails: 0.95, hangs: 0, failsAtStart: 0.5 } : agent,
    limits: isFailing ? { ...scenario.limits, retries: 0 } : scenario.limits,
    settlementFails: 0,
    weights: { ...weights, timer: 3 * random.pick([0.4, 1, 2]), jump: 0.06 },
    choosing: 0,
    media: 0,
    editing: 0,
    setting: random.pick([0, 0.3]),
    scheduling: random.pick([10, 20, 60]),
    guests: random.pick([0, 0, 0.5]),
  };
}

function drawPlaces(random: Random, count: number, shared: number): Place[] {
  return Array.from({ length: count }, (_, index) => {
    const conversation = random.chance(0.15)
      ? webConversation(`thread${index}`)
      : telegramConversation(100 + index, random.chance(0.3) ? index : null);
    const workspace = shared > 1 && random.chance(0.4) ? null : `/projects/${random.int(shared)}`;
    return { conversation, workspace };
  });
}

/** Some kinds of choice are hurried and some held back, by up to two orders of magnitude: that is where races show. */
function drawWeights(random: Random, isStubborn: boolean, isPatient: boolean): Weights {
  const base: Record<ChoiceKind, number> = {
    flush: 6,
    resolve: 6,
    agent: isPatient ? 8 : 3,
    quiet: 3,
    machine: 3,
    // Much happens while a file is on its way.
    file: 0.4,
    channel: 2,
    // Only time leads to a quarantine, to a further attempt, and to the whole of a message.
    timer: isStubborn || isPatient ? 2 : 0.5,
    chat: 2,
    crash: 0.06,
    late: 0.15,
    jump: 0.03,
  };
  const weights = { ...base };
  for (const kind of choiceKinds) weights[kind] = base[kind] * random.pick([0.1, 0.4, 1, 1, 1, 3]);
  return weights;
}

/** Where schedules go on for ever, time passes mostly when nothing else can happen. */
export function calmWeightsOf({ scheduling }: Scenario): Weights {
  return scheduling === 0 ? calmWeights : { ...calmWeights, timer: 0.01 };
}

/** Once faults stop: everything happens, nothing new comes. */
const calmWeights: Weights = {
  flush: 6,
  resolve: 6,
  agent: 3,
  quiet: 3,
  machine: 3,
  file: 3,
  channel: 3,
  timer: 0.3,
  chat: 3,
  crash: 0,
  late: 0,
  jump: 0,
};
