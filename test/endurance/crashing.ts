/**
 * The crash test: the real program under load from many people, killed with SIGKILL at random moments and started again in the same
 * home, as often as is asked; then the load ends, everything comes to rest, and the witnesses are heard (crash-verdict.ts).
 *
 * 1. The moment of a kill is a number of requests that the emulator has seen since the start, then a number of turns of the event
 *    loop, or the next message that is being sent: it falls into boots, polls, commits and sends alike. The seed chooses the moments and what people do; when the operating
 *    system lets which process run is its own choice, so a seed repeats the test, not the exact interleaving.
 * 2. I5 is checked at every poll: when an offset confirms an update, its row is in the database.
 * 3. The database is opened for a moment only, never held: an open connection would take part in the recovery.
 */
import { spawn } from "node:child_process";
import { mkdirSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { telegramConversation } from "../../src/domain/conversation.ts";
import { newId } from "../../src/lib/ids.ts";
import { belonging, createScan, type Scan } from "../../src/lib/process-scan.ts";
import { openSqliteStore } from "../../src/store/sqlite-store.ts";
import { type Bridge, type BridgeOptions, spawnBridge } from "../e2e/bridge.ts";
import { createHome, type Home } from "../e2e/home.ts";
import { assertBooksBalance, assertStoppedIsStopped } from "../e2e/house-rules.ts";
import { createEmulator, type Emulator } from "../emulator/emulator.ts";
import { createRandom, type Random } from "../simulation/random.ts";
import { type Books, readBooks, unrest } from "./books.ts";
import { type CrashCrowd, createCrashCrowd, type Member } from "./crash-crowd.ts";
import { type BeatFigures, endBeats, giveBeat, judgeBeats } from "./beats.ts";
import { judge, lifeMarker, liveRunIds, missingDeeds, type Verdict } from "./crash-verdict.ts";
import { pause } from "./pause.ts";
import { createStartedLog } from "./started-log.ts";

export type CrashOptions = {
  readonly kills: number;
  readonly seed: number;
  readonly people: number;
  readonly tell: (line: string) => void;
};

export type CrashReport = {
  readonly options: CrashOptions;
  readonly kills: number;
  /** Kills that came before the program was ready. */
  readonly killsInBoot: number;
  /** Runs that were alive at a kill. */
  readonly runsCut: number;
  /** Processes that outlived a kill, for the next boot to end. */
  readonly orphansLeft: number;
  /** Boots after which the process table was read. */
  readonly orphanChecks: number;
  readonly orphans: number;
  /** From the start of the process to ready, milliseconds. */
  readonly bootMs: readonly number[];
  readonly polls: number;
  readonly books: Books;
  readonly figures: Verdict["figures"];
  readonly beats: BeatFigures;
  readonly doctor: string;
  readonly violations: readonly string[];
};

/** Pacing of the crowd: somebody does something this often, whether the program is up or not. */
const actEveryMs = 90;
/** As many as write at once to a bot of this kind; one in four shares the default workspace. */
const runsMax = 8;
/** A life whose moment does not come is stuck. */
const lifeMaxMs = 60_000;
/** One person in so many has a schedule. */
const beatEvery = 3;
const readyMaxMs = 30_000;
const settleMaxMs = 120_000;
const root = fileURLToPath(new URL("../..", import.meta.url));

export async function crash(options: CrashOptions): Promise<CrashReport> {
  const begunMs = performance.now();
  const random = createRandom(options.seed);
  await using emulator = await createEmulator();
  await using home = createHome();
  const scan = createScan();
  const started = createStartedLog(home.path);
  const members = invite(emulator, options.people);
  const databasePath = join(home.state, "signalbox.db");
  await giveWorkspaces(home, databasePath, members);
  const stranger = emulator.user({ firstName: "Stranger", started: true });
  const crowd = createCrashCrowd({ emulator, members, stranger, random: createRandom(options.seed + 1) });
  const program: BridgeOptions = {
    ...{ home, emulator, driver: "demo", users: members.map(({ person }) => person) },
    env: {
      PATH: [started.directory, dirname(process.execPath), "/usr/bin", "/bin"].join(":"),
      SIGNALBOX_MAX_RUNS: String(runsMax),
      SIGNALBOX_LOG: "info",
    },
  };

  const violations: string[] = [];
  const cut = new Set<string>();
  const bootMs: number[] = [];
  const tally = { kills: 0, killsInBoot: 0, orphansLeft: 0, orphanChecks: 0, orphans: 0, polls: 0 };
  const polls = watchPolls(emulator, crowd, databasePath, violations);
  const acting = setInterval(() => crowd.act(), actEveryMs);
  try {
    while (tally.kills < options.kills && violations.length === 0) await oneLife();
    clearInterval(acting);
    await lastLife();
  } finally {
    clearInterval(acting);
    tally.polls = polls.end();
  }
  const verdict = judge({ emulator, crowd, members, databasePath, started: started.read(), cut });
  const books = readBooks(databasePath);
  const beats = judgeBeats(databasePath);
  const doctor = await askDoctor(home);
  return {
    ...{ options, bootMs, books, doctor: doctor.line, runsCut: cut.size, figures: verdict.figures },
    beats: beats.figures,
    ...tally,
    violations: [
      ...violations,
      ...verdict.violations,
      ...books.violations,
      ...beats.violations,
      ...unrest(databasePath).map((line) => `at the end: ${line}`),
      ...houseRules(emulator, home),
      ...doctor.violations,
    ],
  };

  async function oneLife(): Promise<void> {
    const startedAtMs = performance.now();
    const bridge = spawnBridge(program);
    let isReady = false;
    const ready = becomeReady(bridge, startedAtMs).then(() => (isReady = true));
    const moment = momentOf(emulator, random);
    const came = await Promise.race([
      moment.came.then(() => "came" as const),
      ready.then(() => never<string>(), describeError),
    ]);
    moment.forget();
    await bridge.kill();
    await ready.catch(() => undefined); // it was killed before it was ready, or told above
    if (came !== "came") violations.push(`the program did not come up by itself: ${came}`);
    tally.kills += 1;
    if (!isReady) tally.killsInBoot += 1;
    await examineTheDead();
    if (tally.kills % 10 === 0) options.tell(progressLine());
  }

  /** Resolves when the program is ready and its process table was looked at; rejects when it exits before that. */
  async function becomeReady(bridge: Bridge, startedAtMs: number): Promise<void> {
    await bridge.printed(/^Page: /m, readyMaxMs);
    bootMs.push(performance.now() - startedAtMs);
    const left = await orphansBeside(bridge, home, scan, databasePath);
    if (!bridge.isRunning) return;
    tally.orphanChecks += 1;
    tally.orphans += left.length;
    if (left.length > 0) violations.push(`I2 orphans after boot ${tally.kills + 1}: ${left.join(", ")}`);
  }

  async function examineTheDead(): Promise<void> {
    tally.orphansLeft += (await home.processes()).length;
    for (const id of liveRunIds(databasePath)) cut.add(id);
    violations.push(...readBooks(databasePath).violations.map((line) => `after kill ${tally.kills}: ${line}`));
    violations.push(...judgeBeats(databasePath).violations.map((line) => `after kill ${tally.kills}: ${line}`));
    const confirmed = crowd.deeds.filter(({ update }) => update <= emulator.updates.confirmed);
    for (const { update } of missingDeeds(databasePath, confirmed))
      violations.push(`I5 after kill ${tally.kills}: update ${update} is confirmed and not stored`);
  }

  /** The load is over: what waits runs, what is owed is sent, and the program ends as it should. */
  async function lastLife(): Promise<void> {
    const startedAtMs = performance.now();
    endBeats(databasePath);
    const bridge = spawnBridge(program);
    try {
      await becomeReady(bridge, startedAtMs);
      options.tell(`the load ends after ${Math.round((performance.now() - begunMs) / 1000)} s`);
      const untilMs = performance.now() + settleMaxMs;
      while (emulator.updates.pending().length > 0 || unrest(databasePath).length > 0) {
        if (performance.now() > untilMs) {
          violations.push(`not at rest ${settleMaxMs / 1000} s after the load ended`);
          break;
        }
        await pause(100);
      }
      const code = await bridge.terminate();
      if (code !== 0) violations.push(`SIGTERM ended it with ${code}, not 0`);
      await home.assertNothingRuns();
    } catch (error) {
      violations.push(`the last life: ${describeError(error)}`);
      await bridge.kill();
    }
  }

  function progressLine(): string {
    const books = readBooks(databasePath);
    const inBoot = `${tally.kills} kills (${tally.killsInBoot} in a boot)`;
    const cuts = `${cut.size} runs cut, ${tally.orphansLeft} processes left behind`;
    return `${inBoot}, ${books.received} received, ${books.runs} runs, ${cuts}, ${violations.length} violations`;
  }
}

const never = <T>(): Promise<T> => new Promise<T>(() => {});

function describeError(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Plain people and lively ones; of both some share the default workspace. */
function invite(emulator: Emulator, count: number): readonly Member[] {
  return Array.from({ length: count }, (_, index) => ({
    person: emulator.user({ firstName: `Person ${index}`, started: true }),
    kind: index % 3 === 0 ? ("plain" as const) : ("lively" as const),
    number: index,
  }));
}

/**
 * A chat of Telegram works in the default workspace; most of these get one of their own, so that runs overlap. One in three has a schedule,
 * which works where its chat does.
 */
async function giveWorkspaces(home: Home, databasePath: string, members: readonly Member[]): Promise<void> {
  mkdirSync(home.state, { mode: 0o700 });
  await using store = await openSqliteStore({ path: databasePath, now: () => Date.now(), newId });
  for (const { person, number } of members) {
    const conversation = telegramConversation(person.chatId, null);
    const isOwn = number % 4 !== 0;
    const workspace = isOwn ? join(home.path, `workspace ${number}`) : home.workspace;
    mkdirSync(workspace, { recursive: true });
    const real = realpathSync(workspace);
    await store.transact((tx) => tx.openLane(conversation, real, isOwn, newId()));
    if (number % beatEvery === 1) await giveBeat(store, conversation, String(person.id), real);
  }
}

/** I5, as it happens: what an offset confirms is stored. */
function watchPolls(
  emulator: Emulator,
  crowd: CrashCrowd,
  databasePath: string,
  violations: string[],
): { end(): number } {
  let seen = emulator.journal.entries.length;
  let confirmed = 0;
  let deeds = 0;
  let polls = 0;
  const forget = emulator.onChange(() => {
    for (; seen < emulator.journal.entries.length; seen += 1) {
      const entry = emulator.journal.entries[seen];
      if (entry?.method !== "getUpdates") continue;
      polls += 1;
      const offset = Number(entry.params["offset"] ?? 0);
      if (offset <= confirmed) continue;
      confirmed = offset;
      const next = crowd.deeds.findIndex(({ update }, index) => index >= deeds && update >= offset);
      const fresh = crowd.deeds.slice(deeds, next < 0 ? undefined : next);
      deeds += fresh.length;
      for (const { update } of missingDeeds(databasePath, fresh))
        violations.push(`I5 poll #${entry.seq} confirms update ${update}, which is not stored`);
    }
  });
  return {
    end() {
      forget();
      return polls;
    },
  };
}

type Moment = { readonly came: Promise<void>; forget(): void };

/** Some moments lie in the boot, most in the work after it. */
function momentOf(emulator: Emulator, random: Random): Moment {
  const requests = random.weighted([
    { value: random.between(1, 8), weight: 20 },
    { value: random.between(20, 60), weight: 50 },
    { value: random.between(61, 140), weight: 30 },
  ]);
  // Telegram has a message, and nobody has written down that it has: the moment for repetitions.
  const isAtSend = random.chance(0.35);
  const turns = isAtSend || random.chance(0.3) ? 0 : random.int(2_000);
  const from = emulator.journal.entries.length;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const bound = setTimeout(() => reject(new Error(`a life of ${lifeMaxMs} ms without its moment`)), lifeMaxMs);
  const forgetChange = emulator.onChange(look);
  let hasCome = false;

  function look(): void {
    const newest = emulator.journal.entries.at(-1);
    if (hasCome || emulator.journal.entries.length - from < requests) return;
    if (isAtSend && (newest?.method !== "sendMessage" || newest.outcome.kind !== "pending")) return;
    hasCome = true;
    spin(turns);
  }

  function spin(left: number): void {
    if (left === 0) resolve();
    else setImmediate(spin, left - 1);
  }

  return {
    came: promise,
    forget() {
      clearTimeout(bound);
      forgetChange();
    },
  };
}

/**
 * I2: whatever is alive beside the program was started by this life of it. A process between fork and exec still shows its parent's
 * environment, so what looks like an orphan is looked at again.
 */
async function orphansBeside(bridge: Bridge, home: Home, scan: Scan, databasePath: string): Promise<readonly string[]> {
  const life = lifeMarker(databasePath);
  let left: readonly string[] = [];
  for (let look = 0; look < 4; look += 1) {
    const snapshot = await scan([]);
    left = belonging(snapshot, { marker: home.marker, roots: [] })
      .filter((entry) => entry.pid !== bridge.pid && !snapshot.carries(entry, life))
      .map(({ pid, name }) => `${pid} ${name}`);
    if (left.length === 0) return [];
  }
  return left;
}

function houseRules(emulator: Emulator, home: Home): readonly string[] {
  const rules = [
    () => assertBooksBalance(home),
    () => assertStoppedIsStopped(emulator, home),
    () => emulator.journal.assertClean(),
  ];
  return rules.flatMap((rule) => {
    try {
      rule();
      return [];
    } catch (error) {
      return [describeError(error)];
    }
  });
}

/** `signalbox doctor` on the home that all this left behind: its line about the books. */
async function askDoctor(home: Home): Promise<{ line: string; violations: readonly string[] }> {
  const child = spawn(process.execPath, [join(root, "src/cli.ts"), "doctor"], {
    env: {
      ...{ PATH: dirname(process.execPath), HOME: home.path, TMPDIR: home.tmp },
      ...{ SIGNALBOX_HOME: home.state, SIGNALBOX_WORKSPACE: home.workspace },
      ...{ SIGNALBOX_DRIVER: "demo", SIGNALBOX_WEB: "off" },
    },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let text = "";
  child.stdout.setEncoding("utf8").on("data", (more: string) => (text += more));
  await new Promise((resolve) => child.once("close", resolve));
  const line = text.split("\n").find((one) => one.includes("accounted for"));
  const isSound = text.includes("The database is sound.");
  return {
    line: line?.replace(/^\W+/, "") ?? "",
    violations: line !== undefined && isSound ? [] : [`doctor is not content:\n${text}`],
  };
}
