/**
 * Fifty conversations on Codex: one has its turn in a program that has just begun, then the other 49 send at once (four run at a time,
 * as the program does it unless told), and it is looked at when each has had its answer. Counted are the processes that run
 * `codex app-server`, at every look while the turns go on and after them; memory is what the processes of Codex, and the program itself,
 * really hold then (VmRSS), beside the same after the first conversation's turn.
 */
import { setTimeout as pause } from "node:timers/promises";
import type { Person } from "../test/emulator/people.ts";
import { scripted } from "../test/model/script.ts";
import { codex } from "./agent.ts";
import { atMost, type Section } from "./figure.ts";
import { commandLine, residentMb } from "./proc.ts";
import { spreadOf } from "./spread.ts";
import { bridgeTurnMs, openStage, type Stage } from "./stage.ts";

const conversations = 50;
const lives = 3;
/** It is a look at every process of the machine. */
const lookEveryMs = 200;

/** A bound of a wait that has failed: fifty turns, four at a time, are over in seconds. */
const allWithinMs = 120_000;

type Memory = { readonly codexMb: number; readonly programMb: number };

export const codexCrowd: Section = {
  name: "codex-crowd",
  title: `Codex: ${conversations} conversations, each after a turn`,
  async measure(say) {
    const servers: number[] = [];
    const one: Memory[] = [];
    const all: Memory[] = [];
    for (let life = 0; life < lives; life += 1) {
      say(`codex-crowd: life ${life + 1} of ${lives}`);
      await using stage = await openStage({ peopleCount: conversations, agent: codex });
      await using bridge = await stage.bridge();
      const [first, ...others] = stage.people;
      if (first === undefined) throw new Error("there are no people");
      await bridgeTurnMs(stage, first, "first");
      one.push(await memoryOf(stage, bridge.pid));
      const counts: number[] = [];
      const over = new AbortController();
      const looking = look(stage, counts, over.signal);
      try {
        await Promise.all(others.map((person, index) => turnOf(stage, person, `answer ${index}`)));
      } finally {
        over.abort();
      }
      await looking;
      counts.push(await serversOf(stage));
      servers.push(Math.max(...counts));
      all.push(await memoryOf(stage, bridge.pid));
    }
    const mb = (of: readonly Memory[], what: keyof Memory) => spreadOf(of.map((memory) => memory[what]));
    const first = (what: keyof Memory) => [{ name: "after the first conversation's turn", spread: mb(one, what) }];
    return [
      {
        name: "app-server processes, the most at any look",
        unit: "processes",
        spread: spreadOf(servers),
        beside: [],
        targets: [atMost("max", 1)],
      },
      {
        name: "resident memory of all processes of Codex",
        unit: "MB",
        spread: mb(all, "codexMb"),
        beside: first("codexMb"),
        targets: [],
      },
      {
        name: "resident memory of the program",
        unit: "MB",
        spread: mb(all, "programMb"),
        beside: first("programMb"),
        targets: [],
      },
    ];
  },
};

/** Not timed: fifty at once wait for each other, and for Telegram's rate. */
async function turnOf({ emulator }: Stage, person: Person, answer: string): Promise<void> {
  person.sends(scripted([[answer]]));
  await emulator.until(() => person.chat().fromBot.some(({ text }) => text === answer), {
    what: answer,
    withinMs: allWithinMs,
  });
}

async function look(stage: Stage, counts: number[], signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    counts.push(await serversOf(stage));
    await pause(lookEveryMs);
  }
}

async function serversOf(stage: Stage): Promise<number> {
  return (await codexPids(stage)).filter((pid) => commandLine(pid).includes("app-server")).length;
}

async function memoryOf(stage: Stage, programPid: number): Promise<Memory> {
  const sizes = (await codexPids(stage)).map(residentMb);
  return { codexMb: sizes.reduce((sum, mb) => sum + mb, 0), programMb: residentMb(programPid) };
}

async function codexPids({ home, agent }: Stage): Promise<readonly number[]> {
  return (await home.processes()).filter(({ name }) => name.startsWith(agent.processName)).map(({ pid }) => pid);
}
