/**
 * One seed: a storm of messages, faults and crashes on the real engine and the real store, then a calm in which everything
 * must come to rest by itself. After every step the rows and the ledger are held against the invariants.
 */
import type { Log, RunSnapshot } from "../../src/engine/ports.ts";
import type { Arena } from "./arena.ts";
import { createChat } from "./chat.ts";
import { describeChange, note } from "./change-words.ts";
import { beginLife, downtimeMs, type Life } from "./life.ts";
import type { RunOwner } from "../../src/domain/run.ts";
import type { Fault } from "./faults.ts";
import type { Change } from "./journal.ts";
import type { RunRow } from "./mirror.ts";
import { createIncoming } from "./incoming.ts";
import { createLateWriters } from "./late-writers.ts";
import { createMachine } from "./machine.ts";
import { createMessenger } from "./messenger.ts";
import { createMirror } from "./mirror.ts";
import { createRandom } from "./random.ts";
import { atRest } from "./rest.ts";
import type { Rule, RuleContext } from "./rule.ts";
import { rulesOfAsks } from "./rules-of-asks.ts";
import { rulesOfAttempts } from "./rules-of-attempts.ts";
import { rulesOfChoices } from "./rules-of-choices.ts";
import { rulesOfItems, tagsOfItem } from "./rules-of-items.ts";
import { rulesOfMessages } from "./rules-of-messages.ts";
import { rulesOfOrder } from "./rules-of-order.ts";
import { createPunctuality } from "./punctuality.ts";
import { guest } from "./schedule-orders.ts";
import { rulesOfSchedules } from "./rules-of-schedules.ts";
import { rulesOfRoom } from "./rules-of-room.ts";
import { rulesOfWholes } from "./rules-of-wholes.ts";
import { rulesOfRuns } from "./rules-of-runs.ts";
import { calmWeightsOf, drawScenario, type Scenario, withSchedules } from "./scenario.ts";
import { type Choice, createScheduler, settled } from "./scheduler.ts";
import { createScriptedAgents } from "./scripted-driver.ts";
import { createStandingChecks } from "./standing-checks.ts";
import { createTrace } from "./trace.ts";
import { createVirtualClock } from "./virtual-clock.ts";
import { createWorld } from "./world.ts";

export type Failure = {
  readonly invariant: string;
  readonly what: string;
  readonly step: number;
  readonly tail: readonly string[];
};

export type Outcome = {
  readonly seed: number;
  readonly steps: number;
  /** Equal for two runs of the same seed on the same sources. */
  readonly hash: string;
  readonly failure: Failure | null;
  /** The kinds of things that happened: how one knows that the seeds reach what they are to reach. */
  readonly seen: ReadonlySet<string>;
  readonly met: ReadonlySet<Fault>;
  readonly tally: {
    readonly runs: number;
    readonly crashes: number;
    readonly items: number;
    readonly messages: number;
  };
};

export type SimulateOptions = {
  /** Steps of the storm at most; a bound for seeds that never tire. */
  readonly stepsMax: number;
  /** Lines of the trace that a failure keeps. */
  readonly tailLines: number;
};

export const defaultOptions: SimulateOptions = { stepsMax: 1_500, tailLines: 60 };

/**
 * Far more than any world needs to come to rest; reaching it is a failure. After a long absence hundreds of reminders may be on their way,
 * eight steps each.
 */
const calmStepsMax = 12_000;
const minuteMs = 60_000;
/** The storm goes on for a while after the last action, so that crashes meet every stage. */
const afterLastActionMax = 60;

/** Resolves, never rejects: what the program throws at its owner is a failure of the seed. */
export async function simulate(arena: Arena, seed: number, options: SimulateOptions): Promise<Outcome> {
  arena.clear();
  const simulation = createSimulation(arena, seed, options);
  try {
    await simulation.run();
  } catch (error) {
    simulation.violated("internal", error instanceof Error ? (error.stack ?? error.message) : String(error));
  }
  await simulation.end();
  return simulation.outcome();
}

function createSimulation(arena: Arena, seed: number, options: SimulateOptions) {
  const { database, journal, subject } = arena;
  const random = createRandom(seed);
  const scenario: Scenario = withSchedules(drawScenario(random), createRandom(-seed));
  const trace = createTrace();
  const scheduler = createScheduler(random, trace, scenario.resolveOrder);
  const clock = createVirtualClock(scheduler, random);
  const mirror = createMirror();
  const seen = new Set<string>();
  const met = new Set<Fault>();
  const meet = (fault: Fault): void => void met.add(fault);
  /** Runs whose settlement throws until they are in quarantine. */
  const cursed = new Map<string, boolean>();
  let failure: Failure | null = null;
  let life: Life | null = null;
  const ghosts: Life[] = [];
  let lives = 0;
  let ids = 0;
  let decisions = 0;
  let bootedAtMs = 0;
  let phase: "booting" | "open" | "draining" | "closing" | "over" = "booting";
  let crashesLeft = scenario.crashesMax;
  let drainsLeft = scenario.drainsMax;
  let isCalm = false;
  let isCrashed = false;
  /** Something may have been committed since the journal was read. */
  let isDirty = false;

  const violated = (invariant: string, what: string): void => {
    failure ??= { invariant, what, step: scheduler.steps(), tail: [] };
  };
  const habits = scenario.agent;
  // A program that ends lets go of its locks, whatever a quarantined run still does there: its row keeps the directory.
  const isHeld = (path: string, of: number): boolean => phase === "closing" || machine.isHeld(path, of);
  const world = createWorld(violated);
  const machine = createMachine({ world, scheduler, random, habits, meet, violated });
  const messenger = createMessenger({ mirror, scheduler, random, clock, habits: scenario.channel, meet, violated });
  const speech = new Map<string, string>();
  const chat = createChat({ mirror, scheduler, random, clock, scenario, speech, meet, violated });
  const incoming = createIncoming({ scheduler, random, habits: scenario.files, speech, isWanted, meet });
  const lateWriters = createLateWriters({ mirror, random, asked: chat.asked, meet, violated });
  const context: RuleContext = {
    mirror,
    world,
    asked: chat.asked,
    runsMax: scenario.runsMax,
    limits: scenario.limits,
    downtimeMs,
    bootedAtMs: () => bootedAtMs,
    life: () => lives,
    violated,
  };
  const asks = rulesOfAsks(context);
  const attempts = rulesOfAttempts(context, meet);
  const room = rulesOfRoom(context, () => phase === "open");
  const rules: readonly Rule[] = [
    rulesOfRuns(context),
    rulesOfItems(context),
    rulesOfOrder(context),
    rulesOfMessages(context),
    rulesOfChoices(context),
    rulesOfWholes(context, { speech, incoming, meet }),
    asks,
    room,
    rulesOfSchedules(context, meet),
  ];
  const { began } = attempts;
  const { handed, answeredByTool } = asks;
  const told = { began, handed, answeredByTool, isHeld, meet, violated };
  const agents = createScriptedAgents({ world, scheduler, random, habits, now: clock.now, ...told });
  const punctuality = createPunctuality(context, scheduler, clock, () => isCalm || scenario.commitFails === 0);
  const checks = createStandingChecks(context, scheduler, journal, machine);
  clock.alarm(messenger.nextDueMs);
  scheduler.setWeights(scenario.weights);
  const isStorm = (): boolean => !isCalm && life !== null;
  scheduler.addSource(chat.source);
  scheduler.addSource(messenger.source);
  scheduler.addSource({ kind: "crash", isPossible: () => crashesLeft > 0 && isStorm(), choice: crash });
  scheduler.addSource({
    kind: "crash",
    isPossible: () => drainsLeft > 0 && phase === "open" && isStorm(),
    choice: drain,
  });
  scheduler.addSource({
    kind: "late",
    isPossible: () => lateWriters.isAny() && isStorm() && !life!.isCut(),
    choice: () => lateWriters.choice(life!),
  });
  scheduler.addSource({ kind: "jump", isPossible: isStorm, choice: jump });

  // ---- lives

  async function begin(): Promise<void> {
    lives += 1;
    const number = lives;
    bootedAtMs = clock.now();
    phase = "booting";
    const begun = await beginLife({
      number,
      subject,
      database,
      journal,
      flushed: () => {
        isDirty = true;
      },
      scheduler,
      random,
      clock,
      machine,
      agents,
      incoming,
      scenario,
      workspace: scenario.defaultWorkspace,
      newId: () => `i${(ids += 1)}`,
      nextDecision: () => (decisions += 1),
      holding: (path, heard) => attempts.holding(path, number, heard),
      commitFails: () => !isCalm && scenario.commitFails > 0 && random.chance(scenario.commitFails),
      outboxFails: () =>
        isCalm || !random.chance(scenario.outboxFails) ? null : random.chance(0.5) ? "before" : "after",
      isCursed,
      meet,
      log: quiet,
    });
    life = begun;
    begun.engine.watch({ changed: () => {}, progressed: watchLate(begun) });
    void begun.engine.boot().then(
      () => {
        enter(number, "open");
        if (scenario.scheduling > 0) begun.beginTimer();
      },
      () => enter(number, "over"),
    );
    messenger.begin(number, begun.outbox);
    chat.attach(begun);
  }

  function enter(number: number, next: typeof phase): void {
    if (lives === number) phase = next;
  }

  /** I12: a view never hears of a run that is over for the engine. */
  function watchLate(begun: Life): (snapshot: RunSnapshot) => void {
    return ({ owner }) => {
      if (life !== begun || begun.engine.snapshot(owner.run) !== null) return;
      violated("I12", `${owner.run} is shown although it is over`);
    };
  }

  function crash(): Choice {
    const calls = random.chance(0.5) ? random.between(1, 12) : 0;
    return {
      kind: "crash",
      label: calls === 0 ? "now" : `in ${calls} calls`,
      life: null,
      run: () => {
        crashesLeft -= 1;
        if (calls === 0) meet("a crash between two steps");
        if (calls === 0) isCrashed = true;
        else life!.arm(calls);
      },
    };
  }

  /** An orderly end: nothing new is claimed, what runs may finish for a while, then it is stopped with proof. */
  function drain(): Choice {
    const draining = life!;
    const graceMs = random.int(20_000);
    const run = (): void => {
      drainsLeft -= 1;
      meet("an orderly shutdown");
      phase = "draining";
      void shutDown(draining, graceMs).then(
        () => enter(draining.number, "over"),
        () => enter(draining.number, "over"),
      );
    };
    return { kind: "crash", label: `drain within ${graceMs}ms`, life: null, run };
  }

  async function shutDown({ engine, number, endTimer }: Life, graceMs: number): Promise<void> {
    await engine.drain(graceMs);
    for (const run of mirror.live) {
      if (lives === number && run.state !== "quarantined") violated("I2", `drained although ${run.id} is ${run.state}`);
    }
    chat.attach(null);
    phase = "closing";
    if (isConsulting()) meet("a shutdown cuts a consultation");
    await endTimer();
    await engine[Symbol.asyncDispose]();
  }

  function jump(): Choice {
    const { fault, ms } = random.weighted<{ fault: Fault; ms: number }>([
      { weight: 4, value: { fault: "the wall clock jumps forward", ms: 1 + random.int(20 * minuteMs) } },
      { weight: 1, value: { fault: "the wall clock jumps days ahead", ms: (1 + random.int(3)) * 24 * 60 * minuteMs } },
      { weight: 4, value: { fault: "the wall clock jumps back", ms: -1 - random.int(5_000) } },
      { weight: 1, value: { fault: "the wall clock jumps hours back", ms: -random.between(1, 30) * 60 * minuteMs } },
    ]);
    const run = (): void => {
      meet(fault);
      clock.jump(ms);
      // What the boot finds too old is measured by the clock of its look, which may stand earlier than its beginning.
      if (phase === "booting") bootedAtMs = Math.min(bootedAtMs, clock.now());
    };
    return { kind: "jump", label: `${ms}ms`, life: null, run };
  }

  // ---- ends

  /** A settlement that throws does so each time. In quarantine the curse is over: a person's release must work. */
  function isCursed({ run }: RunOwner): boolean {
    if (!cursed.has(run)) cursed.set(run, random.chance(scenario.settlementFails));
    if (cursed.get(run) === false || mirror.runs.get(run)?.state === "quarantined") return false;
    meet("a settlement throws by itself");
    if (phase === "booting") meet("a settlement throws by itself at the boot");
    return true;
  }

  function noteCrash(dead: Life): void {
    if (phase === "booting") meet("a crash during the boot");
    if (phase === "draining" || phase === "closing") meet("a crash during a shutdown");
    if (scheduler.waiting(["flush"], dead.number) > 0) meet("a crash before a commit");
    if (scheduler.waiting(["resolve"], dead.number) > 0) meet("a crash after a commit, before its news");
    for (const run of mirror.live) {
      if (run.state === "stopping") meet("a crash while a run stops");
      if (run.state === "running") meet("a crash while an agent works");
      if (isBetweenAttempts(run)) meet("a crash between two attempts");
    }
    if (mirror.openAsks.size > 0) meet("an ask is open at a crash");
    if (isConsulting()) meet("a crash cuts a consultation");
    for (const { state, isReady } of mirror.items.values())
      if (state === "queued" && !isReady) meet("a message is not whole at a crash");
  }

  /** The program is dead: what it held is lost, what it started may live on. */
  async function reboot(): Promise<void> {
    const dead = life!;
    isCrashed = false;
    life = null;
    chat.attach(null);
    if (phase !== "over") noteCrash(dead);
    const mayHaunt = phase === "open" || (phase === "booting" && scenario.scheduling > 0);
    const isGhost = mayHaunt && !isCalm && random.chance(scenario.zombies) && !dead.isCut();
    if (isGhost) {
      if (phase === "booting") meet("two programs boot at once");
      meet("a program that was succeeded goes on writing");
      dead.haunt();
      ghosts.push(dead);
      chat.haunt(dead);
    } else {
      dead.end();
      scheduler.endLife(dead.number);
      clock.endLife(dead.number);
    }
    machine.endLife(dead.number);
    world.orphan(dead.number);
    for (const process of world.orphans()) {
      if (!random.chance(scenario.survivesCrash) && process.toughness !== "never") world.end(process);
    }
    clock.pass(random.int(scenario.downtimeMsMax));
    // What the dead program still had in the event loop comes to nothing first.
    await settled();
    readJournal();
    await begin();
    trace.line(`  life ${lives}${isGhost ? " (its predecessor does not know)" : ""}`);
  }

  // ---- checks

  function readJournal(): void {
    if (database.isTransaction || !isDirty) return;
    isDirty = false;
    const changes = journal.read();
    if (changes.length === 0) return;
    for (const change of changes) {
      for (const rule of rules) rule.before?.(change);
      noteRun(change);
      mirror.apply(change);
      lateWriters.note(change);
      noteBackground(change);
      for (const rule of rules) rule.after?.(change);
      note(seen, change);
      const line = describeChange(change);
      if (line !== null) trace.line(`  ${line}`);
    }
    if (mirror.received() !== mirror.items.size) {
      violated("I4", `${mirror.received()} received, ${mirror.items.size} journalled`);
    }
  }

  /** Its last turn has failed and is gone, and the run goes on. */
  function isBetweenAttempts({ id, state, stopWhy }: RunRow): boolean {
    const last = world.turnsOf(id).at(-1);
    const isGone = last !== undefined && last.life === lives && last.processes.every((process) => !process.alive);
    return isGone && last.said?.kind === "failed" && state === "running" && stopWhy === null;
  }

  function isWanted(source: string): boolean {
    for (const item of mirror.items.values())
      if (
        (item.state === "queued" || item.state === "held" || item.state === "merged") &&
        tagsOfItem(item).includes(source)
      )
        return true;
    return false;
  }

  function isConsulting(): boolean {
    for (const { state, run, request } of mirror.items.values()) {
      if (state !== "running" || run !== null) continue;
      if (request.kind === "press" || (request.kind === "command" && request.command.name !== "stop")) return true;
    }
    return false;
  }

  /** What a run went through, by the change that is about to be. */
  function noteRun(change: Change): void {
    if (change.what !== "run-changed") return;
    const run = mirror.runs.get(change.id)!;
    const isAsking = [...mirror.openAsks].some((ask) => ask.run === run.id);
    const isStopped = run.stopWhy === null && (change.stopWhy === "user" || change.stopWhy === "replaced");
    const isReplaced = change.stopWhy === "replaced";
    if (isStopped && isAsking)
      meet(isReplaced ? "an ask is open when its run is replaced" : "an ask is open when its run is stopped");
    if (isStopped && isBetweenAttempts(run))
      meet(isReplaced ? "a run is replaced between two attempts" : "a run is stopped between two attempts");
    if (change.to === "quarantined" && isAsking) meet("an ask is open in a quarantine");
    const fault = change.outcome?.kind === "failed" ? change.outcome.fault.kind : null;
    if (fault === "stalled") meet("a run fails because it was silent");
    if (fault === "limit-reached") meet("a run reaches a limit");
  }

  function noteBackground(change: Change): void {
    if (change.what !== "run-added") return;
    if (mirror.items.get(change.item)!.priority === "background") meet("background work runs");
    const waits = mirror
      .queue(change.conversation)
      .some((item) => item.id < change.item && item.priority === "background");
    if (waits) meet("background work waits behind a person's message");
  }

  /** The journal tells of each row as it comes and goes; at the end the rows themselves are counted. */
  function checkCounts(): void {
    const { received, rows } = journal.counts();
    if (received !== rows || rows !== mirror.items.size) {
      violated("I4", `${received} received, ${rows} rows, ${mirror.items.size} journalled`);
    }
  }

  function checkStep(): void {
    if (database.isTransaction) violated("internal", "a transaction is open between two steps");
    readJournal();
    if (life === null || life.isCut()) return;
    chat.check();
    if (phase === "open") checks.progress();
    room.check();
    punctuality.check(phase === "open");
    checks.stops();
  }

  async function step(): Promise<boolean> {
    const isAlive = await scheduler.step();
    checkStep();
    if (isCrashed || life?.isCut() === true || phase === "over") await reboot();
    return isAlive;
  }

  // ---- phases

  async function storm(): Promise<void> {
    let rest = random.int(afterLastActionMax);
    for (let steps = 0; steps < options.stepsMax && failure === null; steps += 1) {
      if (!(await step())) return;
      if (chat.actionsLeft() === 0) rest -= 1;
      if (rest < 0) return;
    }
  }

  async function calm(): Promise<void> {
    isCalm = true;
    trace.line("  faults stop");
    scheduler.setWeights(calmWeightsOf(scenario));
    chat.calm();
    messenger.calm();
    machine.calm();
    agents.calm(scenario.immortalsDie);
    incoming.calm();
    const isCursedRun = (run: string): boolean => cursed.get(run) === true;
    const look = { mirror, chat, messenger, scheduler, world, isCursed: isCursedRun, life: () => lives };
    for (let steps = 0; failure === null; steps += 1) {
      if (phase === "open" && atRest(look) === null) return;
      const isAlive = await step();
      if (isAlive && steps < calmStepsMax) continue;
      return violated("liveness", `${isAlive ? "no rest in time" : "nothing can happen"}: ${atRest(look) ?? phase}`);
    }
  }

  /** Somebody was let in before the first life that is looked at. */
  function letIn(): void {
    database.exec(
      `INSERT INTO person (user, name, role, admitted_by, admitted_at_ms) VALUES ('${guest}', 'Guest', 'operator', 'first', 0)`,
    );
    isDirty = true;
    readJournal();
  }

  async function run(): Promise<void> {
    if (scenario.guests > 0) letIn();
    await begin();
    trace.line("  life 1");
    await storm();
    if (failure === null) await calm();
    if (failure === null && life !== null) checks.left(life.engine);
    if (failure === null) for (const rule of rules) rule.end?.();
    if (failure === null) messenger.checkCards();
    if (failure === null) checkCounts();
  }

  function outcome(): Outcome {
    const found = failure === null ? null : { ...failure, tail: trace.tail(options.tailLines) };
    const messages = mirror.said.size;
    const tally = { runs: mirror.runs.size, crashes: lives - 1, items: mirror.items.size, messages };
    return { seen, met, seed, steps: scheduler.steps(), hash: trace.hash(), failure: found, tally };
  }

  /** Nothing of this seed is left when the next one begins. */
  async function end(): Promise<void> {
    for (const one of [...ghosts, ...(life === null ? [] : [life])]) {
      one.end();
      clock.endLife(one.number);
    }
    await settled();
    await settled();
  }

  return { run, end, outcome, violated };
}

/** What the engine logs is not looked at: a log line proves nothing. */
const quiet: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
