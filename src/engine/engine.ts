/**
 * The engine: what comes in is admitted, what waits is claimed, what runs is owned until it is proven gone. Few verbs outside
 * (ports.ts: Engine); inside, every change is one transaction followed by what may act on the world.
 *
 * I1, I9: claims are made in the transaction that makes them possible (claims.ts).
 * I5: `accept` resolves after the commit.
 * I7: nothing here waits for a run before it decides; the only waits are commits.
 */
import type { ConversationId } from "../domain/conversation.ts";
import type { InboxItem, ItemId } from "../domain/inbox-item.ts";
import { decide } from "../domain/lane-machine.ts";
import type { ProcessRef, RunId } from "../domain/run.ts";
import { admit } from "./admission.ts";
import { answerCameLate } from "./asks.ts";
import { askAgent, noAnswer } from "./choices.ts";
import { claimReady, makeRoom, tellWaiting } from "./claims.ts";
import type {
  Clock,
  Driver,
  Engine,
  EngineListener,
  Files,
  IncomingFiles,
  Lane,
  Log,
  NewId,
  Processes,
  Receipt,
  RunSnapshot,
  Store,
  Workspaces,
} from "./ports.ts";
import { createHostTools } from "./host-tools.ts";
import { createIntake } from "./intake.ts";
import { inviteOwner, knock } from "./people.ts";
import { fireDue } from "./occurrences.ts";
import { deposeEarlierLife, endEarlierLife, holdWhatWaitedLong } from "./recovery.ts";
import { type Claim, createLiveRun, type LiveRun } from "./run.ts";
import { keepUnsettled } from "./unsettled.ts";
import { type After, beginWork, driverNameOf, type EngineSettings, persist, say, type Work } from "./work.ts";

export type EngineDeps = {
  readonly store: Store;
  readonly processes: Processes;
  readonly workspaces: Workspaces;
  /** An agent by its name, loaded when needed; null when it is not known. Resolves, never rejects. */
  readonly openDriver: (name: string) => Promise<Driver | null>;
  /** Which agent serves a lane: asked at each claim, so a change takes effect at a turn boundary. */
  readonly driverFor: (lane: Lane) => Driver;
  readonly drivers: readonly Driver[];
  readonly files: Files;
  readonly incoming: IncomingFiles;
  readonly clock: Clock;
  readonly newId: NewId;
  readonly log: Log;
  readonly settings: EngineSettings;
};

/** An agent that has to be started first answers in seconds; a person who waits longer believes that nothing happens. */
const consultMsMax = 30_000;

/** Claims are made only while `open`. */
type EnginePhase = "booting" | "open" | "draining" | "closed";

export function createEngine(deps: EngineDeps): Engine {
  const { store, clock, log, settings } = deps;
  const runs = new Map<RunId, LiveRun>();
  const listeners = new Set<EngineListener>();
  /** Every promise that a commit started: awaited at the end of the engine's life. */
  const started = new Set<Promise<void>>();
  const closed = new AbortController();
  let phase: EnginePhase = "booting";
  const waitingSinceStart: ItemId[] = [];
  const keeping = { commit, clock, log };
  const intake = createIntake({ ...keeping, incoming: deps.incoming, own, closed: closed.signal });

  return {
    boot,
    accept,
    fire,
    access: () => store.history.access(),
    knock: (stranger) => commit((work) => knock(work, stranger)),
    inviteOwner: () => commit(inviteOwner),
    snapshot: (run) => runs.get(run)?.snapshot() ?? null,
    snapshots: () => [...runs.values()].map((run) => run.snapshot()),
    watch,
    drain,
    [Symbol.asyncDispose]: close,
  };

  async function boot(): Promise<void> {
    const left = await commit((work) => deposeEarlierLife(work));
    const recovery = { processes: deps.processes, clock, log, commit };
    const { watched } = await endEarlierLife(recovery, left, closed.signal);
    own(watched);
    await commit(holdWhatWaitedLong);
    for (const { id } of await store.transact((tx) => tx.unready())) intake.complete(id);
    phase = "open"; // only now: what is to be held is durably held before anything is claimed
    await commit(async (work) => void work.waiting.push(...waitingSinceStart));
  }

  async function accept(
    items: readonly InboxItem[],
    chosen?: { readonly workspace: string },
  ): Promise<readonly Receipt[]> {
    const dead = items.some(asksForStatus) ? await deadBackground() : [];
    return commit(async (work) => {
      await work.tx.dropAdopted(dead);
      return admit(work, items, chosen);
    });
  }

  async function fire(): Promise<number | null> {
    // Bound: what is due gets less with each turn, since schedules move past the present.
    while (phase === "open") {
      if ((await commit(fireDue)) === "all") return store.transact((tx) => tx.nextDueAt());
    }
    return null;
  }

  /** Background tasks that ended by themselves: a status names only what is alive. */
  async function deadBackground(): Promise<readonly ProcessRef[]> {
    const adopted = (await store.transact((tx) => tx.adopted(null))).map((one) => one.process);
    if (adopted.length === 0) return [];
    return without(adopted, await deps.processes.alive(adopted));
  }

  function watch(listener: EngineListener): Disposable {
    listeners.add(listener);
    return { [Symbol.dispose]: () => void listeners.delete(listener) };
  }

  /** One transaction, the claims that it makes possible, and after its commit what it asked for. Rejects when it did not commit. */
  async function commit<T>(decide: (work: Work) => Promise<T>): Promise<T> {
    const claimed: LiveRun[] = [];
    const claim = async (work: Work): Promise<void> => {
      if (phase !== "open") return;
      const claims = await claimReady(work, deps.driverFor);
      claimed.push(...claims.map(hold));
      await makeRoom(work);
    };
    try {
      const { value, work } = await store.transact(async (tx) => {
        const work = beginWork({
          tx,
          settings,
          live: (run) => runs.get(run)?.snapshot().transcript ?? null,
          atMs: clock.now(),
          newId: deps.newId,
          claim,
        });
        const value = await decide(work);
        await work.claim();
        // Before that nothing can be claimed, so nothing truly waits: the boot's last transaction tells those that it does not claim.
        if (phase === "booting") waitingSinceStart.push(...work.waiting);
        else await tellWaiting(work);
        return { value, work };
      });
      for (const run of claimed) own(seeThrough(run));
      for (const effect of work.after) carryOut(effect);
      for (const conversation of work.touched) {
        intake.changed(conversation);
        tellChanged(conversation);
      }
      return value;
    } catch (error) {
      for (const run of claimed) runs.delete(run.owner.run);
      throw error;
    }
  }

  /** The handle exists before the row can be seen: a stop that finds the row finds the handle. */
  function hold(claim: Claim): LiveRun {
    const run = createLiveRun(
      {
        workspaces: deps.workspaces,
        processes: deps.processes,
        clock,
        log,
        permissions: settings.permissions,
        limits: settings.limits,
        tools: ({ workspace, permissions }, owner, ask) => {
          const { files, incoming, openDriver } = deps;
          return createHostTools({
            workspaces: deps.workspaces,
            owner,
            workspace,
            permissions: permissions ?? settings.permissions,
            commit,
            ask,
            files,
            incoming,
            openDriver,
            settings,
          });
        },
        commit,
        progressed,
      },
      claim,
    );
    runs.set(claim.owner.run, run);
    return run;
  }

  async function seeThrough(run: LiveRun): Promise<void> {
    try {
      await run.live();
    } catch (error) {
      await keepUnsettled(keeping, run.owner, run.snapshot().transcript, error, closed.signal);
    } finally {
      runs.delete(run.owner.run);
      tellChanged(run.owner.conversation);
    }
  }

  function carryOut(effect: After): void {
    switch (effect.kind) {
      case "stop":
        runs.get(effect.owner.run)?.stop();
        break;
      case "release":
        runs.get(effect.owner.run)?.release();
        break;
      case "steer":
        own(steer(effect));
        break;
      case "answer":
        own(answer(effect));
        break;
      case "consult":
        own(consult(effect));
        break;
      case "forget":
        own(forget(effect.session));
        break;
      case "rescheduled":
        for (const listener of listeners) listener.rescheduled?.();
        break;
      case "complete":
        intake.complete(effect.item);
        break;
      case "end-background":
        own(endBackground(effect));
        break;
      default:
        effect satisfies never;
    }
  }

  /** Until the agent has answered, the message is the run's own (`running`); the run's end settles it otherwise (settlement.ts). */
  async function steer(effect: After & { kind: "steer" }): Promise<void> {
    const answer = (await runs.get(effect.owner.run)?.steer(effect.prompt)) ?? "too-late";
    await persist(
      keeping,
      (work) => (answer === "accepted" ? steerTaken(work, effect) : steerFailed(work, effect)),
      closed.signal,
    );
  }

  async function steerTaken(work: Work, { owner, item }: After & { kind: "steer" }): Promise<void> {
    work.touched.add(owner.conversation);
    await work.tx.moveItem(item, "running", "merged");
  }

  /** The agent never saw it: back in line, or on hold with the rest where the run was told to stop. */
  async function steerFailed(work: Work, { owner, item }: After & { kind: "steer" }): Promise<void> {
    const live = await work.tx.run(owner);
    if (live === null) return; // its end has put the message on hold
    work.touched.add(owner.conversation);
    const to = live.state === "starting" || live.state === "running" ? "queued" : "held";
    if ((await work.tx.moveItem(item, "running", to, null)) && to === "queued") work.waiting.push(item);
  }

  async function answer(effect: After & { kind: "answer" }): Promise<void> {
    const taken = (await runs.get(effect.owner.run)?.answer(effect.agentId, effect.answer)) ?? "too-late";
    if (taken === "too-late") await persist(keeping, (work) => answerCameLate(work, effect.ask), closed.signal);
  }

  /** The command's row is `running` until its answer is stored. */
  async function consult({ item, id, question }: After & { kind: "consult" }): Promise<void> {
    const lane = await persist(keeping, (work) => work.tx.lane(item.conversation), closed.signal);
    if (lane === null) return;
    const about = { lane, settings, open: deps.openDriver, workspaces: deps.workspaces, incoming: deps.incoming };
    const bound = new AbortController();
    const signal = AbortSignal.any([closed.signal, bound.signal]);
    // Bound: nobody waits longer for a list, whatever its agent does.
    const silence = clock.sleep(consultMsMax, signal).then(() => noAnswer(driverNameOf(lane, settings)));
    const reply = await Promise.race([askAgent(about, question, signal), silence]);
    bound.abort();
    if (closed.signal.aborted) return; // nobody was silent for too long: the next start tells that it was not answered
    const conclude = async (work: Work): Promise<void> => {
      const now = await work.tx.lane(item.conversation);
      if (now === null || !(await work.tx.moveItem(id, "running", "done"))) return;
      await reply(work, item, now);
      work.touched.add(item.conversation);
    };
    await persist(keeping, conclude, closed.signal);
  }

  async function forget(session: string): Promise<void> {
    await Promise.all(deps.drivers.map((driver) => driver.forget(session)));
  }

  async function endBackground(effect: After & { kind: "end-background" }): Promise<void> {
    await deps.processes.end(effect.processes, closed.signal);
    const alive = await deps.processes.alive(effect.processes);
    const gone = without(effect.processes, alive);
    const record = async (work: Work): Promise<void> => {
      await work.tx.dropAdopted(gone);
      const notice = { kind: "background-ended" as const, ended: gone.length, alive };
      await say(work, effect.conversation, notice, { dedupe: `background:${work.newId()}` });
    };
    await persist(keeping, record, closed.signal);
  }

  function progressed(snapshot: RunSnapshot): void {
    for (const listener of listeners) listener.progressed(snapshot);
  }

  function tellChanged(conversation: ConversationId): void {
    for (const listener of listeners) listener.changed(conversation);
  }

  /** Gives a started promise an owner: its failure is logged, its end is awaited by `close`. */
  function own(work: Promise<void>): void {
    const owned = work
      .catch((error: unknown) => log.error({ error }, "a task of the engine failed"))
      .finally(() => started.delete(owned));
    started.add(owned);
  }

  async function drain(graceMs: number): Promise<void> {
    if (phase === "closed") return;
    phase = "draining";
    try {
      await commit(tellShuttingDown);
    } catch (error) {
      log.warn({ error }, "nobody could be told of the shutdown; it goes on"); // a courtesy, not a state
    }
    const over = new AbortController();
    // Bound: the grace that the person configured for running turns.
    await Promise.race([allSettled(), clock.sleep(graceMs, over.signal)]);
    over.abort();
    await commit(stopForShutdown);
    await allSettled();
  }

  /** A handle outlives its settling commit until the news arrives: the row says whether the run is still live (I8). */
  async function tellShuttingDown(work: Work): Promise<void> {
    for (const { owner } of runs.values()) {
      if ((await work.tx.run(owner)) === null) continue;
      const said = { dedupe: `run:${owner.run}:shutting-down`, run: owner.run };
      await say(work, owner.conversation, { kind: "shutting-down" }, said);
    }
  }

  async function stopForShutdown(work: Work): Promise<void> {
    for (const { owner } of runs.values()) {
      const lane = await work.tx.lane(owner.conversation);
      if (lane === null) continue;
      for (const effect of decide(lane.state, { kind: "stop", why: "shutdown", owner }, { queued: 0, capacity: 0 })
        .effects) {
        if (effect.kind !== "stop-run") continue;
        await work.tx.markStopping(owner, effect.why, work.atMs);
        work.after.push({ kind: "stop", owner });
      }
    }
  }

  /** Resolves when every run of this process has settled or is quarantined: the latter's row keeps its lane for the next boot. */
  async function allSettled(): Promise<void> {
    while (runs.size > 0 && [...runs.values()].some((run) => run.snapshot().state !== "quarantined")) {
      await new Promise<void>((resolve) => {
        const listener = { changed: look, progressed: look };
        const watching = watch(listener);
        function look(): void {
          watching[Symbol.dispose]();
          resolve();
        }
      });
    }
  }

  async function close(): Promise<void> {
    if (phase === "open") await drain(0);
    phase = "closed";
    closed.abort();
    for (const run of runs.values()) run.release();
    await Promise.all(started);
  }
}

/** By pid and start time: a reused pid is another process. */
function without(processes: readonly ProcessRef[], others: readonly ProcessRef[]): readonly ProcessRef[] {
  return processes.filter((one) => !others.some((other) => other.pid === one.pid && other.startTime === one.startTime));
}

function asksForStatus(item: InboxItem): boolean {
  return item.request.kind === "command" && item.request.command.name === "status";
}
