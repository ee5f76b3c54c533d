/**
 * Choosing another model in a conversation whose session is warm, with two models in turn: from `/model <id>` to the reply that names it,
 * and what the turn after it takes beyond the one that follows it, which switches nothing. The whole switch is both together, round by
 * round. A turn before anybody chose a model stands beside, because a choice is told to the agent at every turn.
 */
import { setTimeout as pause } from "node:timers/promises";
import type { Person } from "../test/emulator/people.ts";
import { type BenchAgent, claude, codex } from "./agent.ts";
import { atMost, type Figure, type Section } from "./figure.ts";
import { spreadOf, timed } from "./spread.ts";
import { bridgeTurnMs, delivered, openStage, personOf, type Stage } from "./stage.ts";

const rounds = 32;
const peopleCount = 4;
const turnsBefore = 4;
/** A switch and two turns are three messages in a chat; with four people each has four rounds to earn them. */
const roundMs = 1_100;

type Switched = { readonly replyMs: number; readonly nextMs: number; readonly laterMs: number };

const title = "another model in a warm conversation";

export const claudeModel: Section = {
  name: "model-claude",
  title: `Claude Code: ${title}`,
  measure: (say) => measureSwitches(claude, say),
};

export const codexModel: Section = {
  name: "model-codex",
  title: `Codex: ${title}`,
  measure: (say) => measureSwitches(codex, say),
};

async function measureSwitches(agent: BenchAgent, say: (line: string) => void): Promise<readonly Figure[]> {
  await using stage = await openStage({ peopleCount, agent });
  await using _bridge = await stage.bridge();
  const unchosen: number[] = [];
  for (let turn = -2; turn < turnsBefore; turn += 1) {
    say(`model ${agent.driver}: turns before`);
    const paced = pause(roundMs);
    for (const person of stage.people) {
      const ms = await bridgeTurnMs(stage, person, `before ${turn}`);
      if (turn >= 0) unchosen.push(ms); // before that, processes were cold
    }
    await paced;
  }
  const switched: Switched[] = [];
  for (let round = -peopleCount; round < rounds; round += 1) {
    say(`model ${agent.driver}: round ${round + 1} of ${rounds}`);
    const paced = pause(roundMs);
    // Each person's rounds take the models in turn.
    const turnOfPerson = Math.floor((round + peopleCount) / peopleCount);
    const model = agent.models[turnOfPerson % 2 === 0 ? 1 : 0];
    const one = await switchTo(stage, personOf(stage, round + peopleCount), model, round);
    if (round >= 0) switched.push(one); // before that, nobody had chosen
    await paced;
  }
  assertUsed(stage, agent);
  const spread = (of: (one: Switched) => number) => spreadOf(switched.map(of));
  return [
    {
      name: "the whole switch: the reply, and what the next turn takes longer",
      unit: "ms",
      spread: spread(({ replyMs, nextMs, laterMs }) => replyMs + nextMs - laterMs),
      beside: [],
      targets: [atMost("median", 200)],
    },
    {
      name: "/model <id> sent to the reply delivered",
      unit: "ms",
      spread: spread(({ replyMs }) => replyMs),
      beside: [],
      targets: [atMost("median", 200)],
    },
    {
      name: "the next turn, with the other model",
      unit: "ms",
      spread: spread(({ nextMs }) => nextMs),
      beside: [
        { name: "the turn after it, with the same model", spread: spread(({ laterMs }) => laterMs) },
        { name: "a warm turn before any model was chosen", spread: spreadOf(unchosen) },
      ],
      targets: [atMost("difference", 200)],
    },
  ];
}

async function switchTo(stage: Stage, person: Person, model: string, round: number): Promise<Switched> {
  const told = delivered(stage, person, new RegExp(`^From now on ${stage.agent.driver} uses ${model}`));
  const { ms: replyMs } = await timed(() => {
    person.sends(`/model ${model}`);
    return told;
  });
  const nextMs = await bridgeTurnMs(stage, person, `next ${round}`);
  const laterMs = await bridgeTurnMs(stage, person, `later ${round}`);
  return { replyMs, nextMs, laterMs };
}

/** A switch that switches nothing would be quick. */
function assertUsed({ model }: Stage, { models }: BenchAgent): void {
  const used = model.requests.map(({ body }) => body.model ?? "");
  for (const one of models)
    if (!used.some((name) => name.includes(one))) throw new Error(`no turn was made with ${one}: ${used.at(-1)}`);
}
