/**
 * Stopping a running shell command of a real agent: from the person's /stop to the child's death (seen from outside), and to "Stopped" at
 * Telegram. The floor is the bare warm agent's own interrupt (Claude Code: that of its SDK; Codex: turn/interrupt and
 * thread/backgroundTerminals/clean), which proves nothing.
 */
import { DatabaseSync } from "node:sqlite";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { Person } from "../test/emulator/people.ts";
import { scripted } from "../test/model/script.ts";
import { type BareAgent, type BenchAgent, claude, codex } from "./agent.ts";
import { atMost, type Figure, type Section } from "./figure.ts";
import { type HeldChild, type HeldChildren, listenForChildren } from "./held-child.ts";
import { spreadOf } from "./spread.ts";
import { delivered, openStage, personOf, type Stage } from "./stage.ts";

const rounds = 32;
const stubbornRounds = 6;
const peopleCount = 4;
/** A stop costs its chat up to four messages; with four people each has four rounds to earn them. */
const roundMs = 1_100;

type Stopped = { readonly deadMs: number; readonly toldMs: number };

export const stop: Section = {
  name: "stop",
  title: "stopping a running shell command",
  measure: (say) => measureStops(claude, say),
};

export const codexStop: Section = {
  name: "codex-stop",
  title: "Codex: stopping a running shell command",
  measure: (say) => measureStops(codex, say),
};

async function measureStops(agent: BenchAgent, say: (line: string) => void): Promise<readonly Figure[]> {
  await using stage = await openStage({ peopleCount, agent });
  await using children = await listenForChildren();
  await using _bridge = await stage.bridge();
  await using bare = await stage.startBare();
  const ours: Stopped[] = [];
  const floor: Stopped[] = [];
  for (let round = -peopleCount; round < rounds; round += 1) {
    say(`stop ${agent.driver}: round ${round + 1} of ${rounds}`);
    const paced = pause(roundMs);
    const one = await stopOurs(stage, children, personOf(stage, round + peopleCount), "plain");
    const other = await stopBare(bare, children.child("plain"));
    if (round >= 0) ours.push(one); // before that, processes were cold
    if (round >= 0) floor.push(other);
    await paced;
  }
  const proofs = proofsMs(stage).slice(peopleCount);
  const stubborn: Stopped[] = [];
  for (let round = 0; round < stubbornRounds; round += 1) {
    say(`stop ${agent.driver}: stubborn round ${round + 1} of ${stubbornRounds}`);
    stubborn.push(await stopOurs(stage, children, personOf(stage, round), "stubborn"));
  }
  const { bareName } = agent;
  const spread = (of: readonly Stopped[], what: keyof Stopped) => spreadOf(of.map((one) => one[what]));
  return [
    {
      name: "/stop sent to the child's death",
      unit: "ms",
      spread: spread(ours, "deadMs"),
      beside: [{ name: `the interrupt of ${bareName} to the child's death`, spread: spread(floor, "deadMs") }],
      targets: [atMost("median", 120), atMost("p99", 400)],
    },
    {
      name: '/stop sent to "Stopped" delivered',
      unit: "ms",
      spread: spread(ours, "toldMs"),
      beside: [{ name: `the interrupt of ${bareName} to the turn's end`, spread: spread(floor, "toldMs") }],
      targets: [atMost("median", 120), atMost("p99", 400)],
    },
    {
      name: "the stop on the row to the settled proof",
      unit: "ms",
      spread: spreadOf(proofs),
      beside: [],
      targets: [atMost("median", 120), atMost("p99", 400)],
    },
    {
      name: 'a child that ignores TERM: /stop sent to "Stopped" delivered',
      unit: "ms",
      spread: spread(stubborn, "toldMs"),
      beside: [],
      targets: [atMost("max", 2_500)],
    },
  ];
}

async function stopOurs(
  stage: Stage,
  children: HeldChildren,
  person: Person,
  kind: "plain" | "stubborn",
): Promise<Stopped> {
  const child = children.child(kind);
  person.sends(scripted([[{ tool: "Bash", input: { command: child.command } }], ["never said"]]));
  await child.started;
  const told = delivered(stage, person, /^Stopped/);
  const begin = performance.now();
  const since = async (moment: Promise<void>): Promise<number> => {
    await moment;
    return performance.now() - begin;
  };
  person.sends("/stop");
  const [deadMs, toldMs] = await Promise.all([since(child.gone), since(told)]);
  stage.emulator.journal.clear();
  return { deadMs, toldMs };
}

async function stopBare(bare: BareAgent, child: HeldChild): Promise<Stopped> {
  const turn = bare.turn(scripted([[{ tool: "Bash", input: { command: child.command } }], ["never said"]]));
  await child.started;
  const begin = performance.now();
  const since = async (moment: Promise<void>): Promise<number> => {
    await moment;
    return performance.now() - begin;
  };
  bare.interrupt();
  const [deadMs, toldMs] = await Promise.all([since(child.gone), since(turn)]);
  return { deadMs, toldMs };
}

/** What the database says of every stop by a person, oldest first. */
function proofsMs({ home }: Stage): readonly number[] {
  const database = new DatabaseSync(join(home.state, "signalbox.db"), { readOnly: true });
  try {
    const rows = database
      .prepare("SELECT ended_at_ms - stop_at_ms AS ms FROM run WHERE stop_why = 'user' ORDER BY stop_at_ms")
      .all();
    return rows.map((row) => Number(row["ms"]));
  } finally {
    database.close();
  }
}
