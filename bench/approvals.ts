/**
 * From the tap on "Allow once" to the allowed command's first effect, with permissions "ask". It begins when Telegram has the press for
 * the program's open getUpdates; it ends when the file that the command writes first appears in the workspace, as the operating system
 * tells it (inotify). The floor is the bare agent, allowed at once by its own protocol, to the same file: the SDK's canUseTool for
 * Claude Code, the answer to item/commandExecution/requestApproval for Codex, which runs the command in the same sandbox.
 *
 * Beside it: from the prompt to the card, and from the tap to the toast that answers it.
 */
import { type FSWatcher, watch } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import type { Person } from "../test/emulator/people.ts";
import { scripted } from "../test/model/script.ts";
import { type BareAgent, type BenchAgent, claude, codex } from "./agent.ts";
import { atMost, type Figure, type Section } from "./figure.ts";
import { spreadOf } from "./spread.ts";
import { delivered, openStage, personOf, type Stage } from "./stage.ts";

const rounds = 32;
const peopleCount = 4;
/** An approval costs its chat up to five messages: the card, the status, both when they close, the answer. */
const roundMs = 1_250;
/** People read before they tap; what the card brought about is over then. */
const readMs = 300;
const button = "Allow once";

type Approved = { readonly cardMs: number; readonly toastMs: number; readonly startedMs: number };

const title = 'the tap on "Allow once", until the command has begun';

export const claudeApprovals: Section = {
  name: "approvals-claude",
  title: `Claude Code: ${title}`,
  measure: (say) => measureApprovals(claude, say),
};

export const codexApprovals: Section = {
  name: "approvals-codex",
  title: `Codex: ${title}`,
  measure: (say) => measureApprovals(codex, say),
};

async function measureApprovals(agent: BenchAgent, say: (line: string) => void): Promise<readonly Figure[]> {
  await using stage = await openStage({ peopleCount, agent, permissions: "ask" });
  await using _bridge = await stage.bridge();
  using files = watchFiles(stage.home.workspace);
  using bareFiles = watchFiles(stage.bareHome.workspace);
  let allowedAtMs = 0;
  const allowed = async (): Promise<void> => {
    await pause(readMs);
    allowedAtMs = performance.now();
  };
  await using bare = await stage.startBare({ kind: "ask", allowed });
  const ours: Approved[] = [];
  const floor: number[] = [];
  for (let round = -peopleCount; round < rounds; round += 1) {
    say(`approvals ${agent.driver}: round ${round + 1} of ${rounds}`);
    const paced = pause(roundMs);
    const name = `began${round + peopleCount}`;
    const one = await approveOurs(stage, files, personOf(stage, round + peopleCount), name);
    const startedAtMs = await startBare(bare, bareFiles, name);
    if (round >= 0) ours.push(one); // before that, processes were cold
    if (round >= 0) floor.push(startedAtMs - allowedAtMs);
    await paced;
  }
  const spread = (what: keyof Approved) => spreadOf(ours.map((one) => one[what]));
  return [
    {
      name: "tap on Allow once to the command's first effect",
      unit: "ms",
      spread: spread("startedMs"),
      beside: [{ name: `allowed at ${agent.bareName} to the same`, spread: spreadOf(floor) }],
      targets: [atMost("median", 150)],
    },
    { name: "tap on Allow once to its toast", unit: "ms", spread: spread("toastMs"), beside: [], targets: [] },
    { name: "prompt sent to the card delivered", unit: "ms", spread: spread("cardMs"), beside: [], targets: [] },
  ];
}

async function approveOurs(stage: Stage, files: WatchedFiles, person: Person, name: string): Promise<Approved> {
  const { emulator } = stage;
  const card = delivered(stage, person, /^Run this command\?/);
  const askedAtMs = performance.now();
  person.sends(promptOf(name));
  await card;
  const cardMs = performance.now() - askedAtMs;
  await pause(readMs);
  const started = files.appeared(name);
  const answered = delivered(stage, person, `done ${name}`);
  const begin = performance.now();
  const tap = person.presses(button);
  const toast = emulator
    .until(() => emulator.answerTo(tap), { what: `an answer to the tap for ${name}`, withinMs: 30_000 })
    .then(() => performance.now());
  const [startedAtMs, toastAtMs] = await Promise.all([started, toast, answered]);
  emulator.journal.clear();
  return { cardMs, startedMs: startedAtMs - begin, toastMs: toastAtMs - begin };
}

/** Resolves with the moment at which the command began. */
async function startBare(bare: BareAgent, files: WatchedFiles, name: string): Promise<number> {
  const started = files.appeared(name);
  await bare.turn(promptOf(name));
  return started;
}

/** The shell itself makes the file, before anything else. */
const promptOf = (name: string): string =>
  scripted([[{ tool: "Bash", input: { command: `echo began > ${name}` } }], [`done ${name}`]]);

// ---- Files

type WatchedFiles = Disposable & {
  /** Resolves with the moment at which a new file of this name was seen; rejects when none appears within 30 s. */
  appeared(name: string): Promise<number>;
};

/** A command that was allowed runs at once or never. */
const appearsWithinMs = 30_000;

function watchFiles(directory: string): WatchedFiles {
  const waiting = new Map<string, (atMs: number) => void>();
  const watcher: FSWatcher = watch(directory, (_event, name) => {
    if (name !== null) waiting.get(name)?.(performance.now());
  });
  return {
    appeared(name) {
      const { promise, resolve, reject } = Promise.withResolvers<number>();
      const late = setTimeout(() => reject(new Error(`${name} did not appear in ${directory}`)), appearsWithinMs);
      waiting.set(name, (atMs) => {
        clearTimeout(late);
        waiting.delete(name);
        resolve(atMs);
      });
      return promise;
    },
    [Symbol.dispose]: () => watcher.close(),
  };
}
