/**
 * Turns of the real program with a real agent and a model that answers at once, from the update at Telegram to the answer
 * there: what we add to the agent. The same turns by the agent's own protocol alone (Claude Code: its SDK; Codex: turn/start to turn/completed) are the floor, a process
 * for each turn is the ceiling.
 */
import { setTimeout as pause } from "node:timers/promises";
import { scripted } from "../test/model/script.ts";
import { type BenchAgent, claude, codex } from "./agent.ts";
import { atMost, type Figure, type Section } from "./figure.ts";
import { spreadOf, timed } from "./spread.ts";
import { bridgeTurnMs, delivered, openStage, untilAgentRests } from "./stage.ts";

const rounds = 60;
/** Two conversations take turns, so that each has at most one message a second. */
const roundMs = 550;
/** A process for each turn is slow and needs no precision. */
const coldEvery = 6;

const title = "a message to a warm conversation, until Telegram has the answer";

export const warm: Section = { name: "warm", title, measure: (say) => measureWarm(claude, say) };

export const codexWarm: Section = {
  name: "codex-warm",
  title: `Codex: ${title}`,
  measure: (say) => measureWarm(codex, say),
};

async function measureWarm(agent: BenchAgent, say: (line: string) => void): Promise<readonly Figure[]> {
  await using stage = await openStage({ peopleCount: 2, agent });
  await using _bridge = await stage.bridge();
  const lanes = await Promise.all(stage.people.map(async (person) => ({ person, bare: await stage.startBare() })));
  await using bares = new AsyncDisposableStack();
  for (const { bare } of lanes) bares.use(bare);
  for (const { person } of lanes) for (const text of ["one", "two"]) await bridgeTurnMs(stage, person, text);

  const ours: number[] = [];
  const floor: number[] = [];
  const ceiling: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    say(`warm ${agent.driver}: round ${round + 1} of ${rounds}`);
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
      ceiling.push(await agent.coldTurnMs(stage.bareHome, stage.model, scripted([[`cold ${round}`]])));
  }
  return [
    {
      name: "warm turn, update available to answer delivered",
      unit: "ms",
      spread: spreadOf(ours),
      beside: [
        { name: agent.bareName, spread: spreadOf(floor) },
        { name: agent.coldName, spread: spreadOf(ceiling) },
      ],
      targets: [atMost("ratio", 1.5)],
    },
  ];
}

const lives = 8;

export const first: Section = {
  name: "first",
  title: "the first message of a new conversation",
  async measure(say) {
    await using stage = await openStage({ peopleCount: lives });
    const prepared: number[] = [];
    const unprepared: number[] = [];
    const cold: number[] = [];
    for (const [index, person] of stage.people.entries()) {
      say(`first: life ${index + 1} of ${lives}`);
      {
        await using _bridge = await stage.bridge();
        await untilAgentRests(stage);
        prepared.push(await bridgeTurnMs(stage, person, `first ${index}`));
      }
      cold.push(await stage.agent.coldTurnMs(stage.bareHome, stage.model, scripted([[`cold ${index}`]])));
    }
    await using _bridge = await stage.bridge();
    // `/new` begins a new session, and by now the prepared process is taken.
    for (const [index, person] of stage.people.entries()) {
      await untilAgentRests(stage);
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
