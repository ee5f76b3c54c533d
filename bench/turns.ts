/**
 * Turns of the real program with the real Claude Code and a model that answers at once, from the update at Telegram to the answer
 * there: what we add to the agent. The same turns by the agent's SDK alone are the floor, a process for each turn is the ceiling.
 */
import { setTimeout as pause } from "node:timers/promises";
import type { Person } from "../test/emulator/people.ts";
import { scripted } from "../test/model/script.ts";
import { coldTurnMs, startWarmClaude } from "./bare-claude.ts";
import { atMost, type Section } from "./figure.ts";
import { spreadOf, timed } from "./spread.ts";
import { delivered, openStage, type Stage, untilAgentRests } from "./stage.ts";

const rounds = 60;
/** Two conversations take turns, so that each has at most one message a second. */
const roundMs = 550;
/** A process for each turn is slow and needs no precision. */
const coldEvery = 6;

export const warm: Section = {
  name: "warm",
  title: "a message to a warm conversation, until Telegram has the answer",
  async measure(say) {
    await using stage = await openStage(2);
    await using _bridge = await stage.bridge();
    const lanes = await Promise.all(
      stage.people.map(async (person) => ({ person, bare: await startWarmClaude(stage.bareHome, stage.model) })),
    );
    await using bares = new AsyncDisposableStack();
    for (const { bare } of lanes) bares.use(bare);
    for (const { person } of lanes) for (const text of ["one", "two"]) await bridgeTurnMs(stage, person, text);

    const ours: number[] = [];
    const floor: number[] = [];
    const ceiling: number[] = [];
    for (let round = 0; round < rounds; round += 1) {
      say(`warm: round ${round + 1} of ${rounds}`);
      const lane = lanes[round % lanes.length];
      if (lane === undefined) throw new Error("there are no conversations");
      const paced = pause(roundMs);
      const measureOurs = async (): Promise<unknown> =>
        ours.push(await bridgeTurnMs(stage, lane.person, `ours ${round}`));
      const measureFloor = async (): Promise<unknown> =>
        floor.push((await timed(() => lane.bare.turn(scripted([[`bare ${round}`]])))).ms);
      // Neither is always the first after the pause.
      const isOursFirst = Math.floor(round / lanes.length) % 2 === 0;
      for (const measure of isOursFirst ? [measureOurs, measureFloor] : [measureFloor, measureOurs]) await measure();
      await paced;
      if (round % coldEvery === 0)
        ceiling.push(await coldTurnMs(stage.bareHome, stage.model, scripted([[`cold ${round}`]])));
    }
    return [
      {
        name: "warm turn, update available to answer delivered",
        unit: "ms",
        spread: spreadOf(ours),
        beside: [
          { name: "the bare warm CLI by its SDK", spread: spreadOf(floor) },
          { name: "a process for each turn", spread: spreadOf(ceiling) },
        ],
        targets: [atMost("ratio", 1.5)],
      },
    ];
  },
};

const lives = 8;

export const first: Section = {
  name: "first",
  title: "the first message of a new conversation",
  async measure(say) {
    await using stage = await openStage(lives);
    const prepared: number[] = [];
    const unprepared: number[] = [];
    const cold: number[] = [];
    for (const [index, person] of stage.people.entries()) {
      say(`first: life ${index + 1} of ${lives}`);
      {
        await using _bridge = await stage.bridge();
        await untilAgentRests(stage.home);
        prepared.push(await bridgeTurnMs(stage, person, `first ${index}`));
      }
      cold.push(await coldTurnMs(stage.bareHome, stage.model, scripted([[`cold ${index}`]])));
    }
    await using _bridge = await stage.bridge();
    // `/new` begins a new session, and by now the prepared process is taken.
    for (const [index, person] of stage.people.entries()) {
      await untilAgentRests(stage.home);
      const told = delivered(stage, person, /./);
      person.sends("/new");
      await told;
      if (index > 0) unprepared.push(await bridgeTurnMs(stage, person, `next ${index}`));
      else await bridgeTurnMs(stage, person, "takes the prepared one");
    }
    const beside = [{ name: "the bare cold CLI by its SDK", spread: spreadOf(cold) }];
    return [
      {
        name: "first turn after the start, update available to answer delivered",
        unit: "ms",
        spread: spreadOf(prepared),
        beside,
        targets: [atMost("ratio", 0.5)],
      },
      {
        name: "first turn of a later new conversation, the same",
        unit: "ms",
        spread: spreadOf(unprepared),
        beside,
        targets: [atMost("ratio", 0.5)],
      },
    ];
  },
};

async function bridgeTurnMs(stage: Stage, person: Person, answer: string): Promise<number> {
  const answered = delivered(stage, person, answer);
  const { ms } = await timed(() => {
    person.sends(scripted([[answer]]));
    return answered;
  });
  stage.emulator.journal.clear();
  return ms;
}
