/**
 * An engine and its history in memory, for tests of the page: the ports' promises without a store and without agents. A test
 * plays the agent: it says what happens in a run, and when proof of its end is in.
 */
import { defaultConversationSettings } from "../domain/conversation-settings.ts";
import type { AgentEvent, TurnEnd } from "../domain/agent-event.ts";
import type { AgentModel, ModelChoice } from "../domain/agent-model.ts";
import { type Ask, type AskId, type AskState, type AskStep, decideAsk, isAllowable, openAsk } from "../domain/ask.ts";
import type { Button, ButtonAction, ButtonId } from "../domain/button.ts";
import type { ConversationId } from "../domain/conversation.ts";
import {
  type Command,
  type InboxItem,
  type ItemId,
  type ItemKey,
  type ItemState,
  itemStates,
} from "../domain/inbox-item.ts";
import type { Notice } from "../domain/notice.ts";
import { excerpt } from "../domain/wording.ts";
import { parsePermissionMode, type PermissionMode, permissionModes } from "../domain/permission-mode.ts";
import type { Evidence, RunId, RunOutcome, StopWhy } from "../domain/run.ts";
import { emptyTranscript, reduce } from "../domain/transcript.ts";
import type {
  Clock,
  Engine,
  EngineListener,
  History,
  Lane,
  LiveRun,
  OutboxId,
  OutboxRow,
  Outgoing,
  OutgoingFile,
  Receipt,
  RunSnapshot,
  StoredAsk,
  StoredItem,
} from "../engine/ports.ts";

export type FakeEngine = Pick<Engine, "accept" | "snapshot" | "snapshots" | "watch"> & {
  readonly history: History;
  /** Every item in the order of admission. */
  readonly accepted: readonly StoredItem[];
  /** The agent of this conversation's live run does something. */
  event(conversation: ConversationId, event: AgentEvent): void;
  /** The turn ended and proof is in: the run settles, and the next one of the lane begins. */
  settle(conversation: ConversationId, end?: TurnEnd): void;
  quarantine(conversation: ConversationId, evidence: Evidence): void;
  /** As a boot after a crash: the live run is cut. */
  crash(conversation: ConversationId): void;
  say(conversation: ConversationId, notice: Notice, buttons?: readonly ButtonAction[]): void;
  /** The agent of this conversation's live run asks. */
  ask(conversation: ConversationId, ask: Ask): AskId;
  /** It does not want to know any more, or did not wait. */
  closeAsk(id: AskId, state: AskState & { kind: "withdrawn" | "late" }): void;
  readonly asks: ReadonlyMap<AskId, StoredAsk>;
  /** From here on a step of this ask does nothing, as while its run is being stopped. */
  forgetAsk(id: AskId): void;
  sendFile(conversation: ConversationId, file: OutgoingFile, caption: string | null): void;
  /** While set, `accept` rejects with it. */
  failure: Error | null;
};

type FakeLane = {
  conversation: ConversationId;
  workspace: string;
  title: string | null;
  driver: string | null;
  model: ModelChoice | null;
  permissions: PermissionMode | null;
  epoch: number;
  run: { live: LiveRun; snapshot: RunSnapshot; why: StopWhy | null } | null;
};

export const fakeCapacity = 3;
const fakeAgents = ["claude", "codex", "gemini"] as const;
const fakeModels: readonly AgentModel[] = [
  { id: "opus", name: "Opus", description: "For hard work", efforts: ["low", "medium", "high"], isDefault: true },
  { id: "sonnet", name: "Sonnet", description: null, efforts: ["low", "medium", "high"], isDefault: false },
  { id: "haiku", name: "Haiku", description: "Fast", efforts: [], isDefault: false },
];
const fakeSessions = [
  { resume: "8c1f", title: "Faster builds", preview: "The build takes almost a minute", workspace: "/w" },
  {
    resume: "77ab",
    title: null,
    preview: "Collect last week's error reports and group them by cause",
    workspace: "/w",
  },
];

export function createFakeEngine(deps: { clock: Clock; workspace: string; runsMax: number }): FakeEngine {
  const listeners = new Set<EngineListener>();
  const lanes = new Map<ConversationId, FakeLane>();
  const items: StoredItem[] = [];
  const rows: OutboxRow[] = [];
  const buttons = new Map<ButtonId, { action: ButtonAction; conversation: ConversationId; isUsed: boolean }>();
  const asks = new Map<AskId, StoredAsk>();
  let ids = 0;

  const nextId = (): number => (ids += 1);
  const waiting = (conversation: ConversationId, state: ItemState): StoredItem[] =>
    items.filter((item) => item.conversation === conversation && item.state === state);
  const changed = (conversation: ConversationId): void => {
    for (const listener of listeners) listener.changed(conversation);
  };

  function openLane(conversation: ConversationId, workspace: string): FakeLane {
    const chosen = { driver: null, model: null, permissions: null };
    const lane = lanes.get(conversation) ?? { conversation, workspace, title: null, ...chosen, epoch: 0, run: null };
    lanes.set(conversation, lane);
    return lane;
  }

  function laneOf(conversation: ConversationId): FakeLane {
    const lane = lanes.get(conversation);
    if (lane === undefined) throw new Error(`no lane ${conversation}`);
    return lane;
  }

  function liveOf(conversation: ConversationId): NonNullable<FakeLane["run"]> {
    const { run } = laneOf(conversation);
    if (run === null) throw new Error(`nothing runs in ${conversation}`);
    return run;
  }

  function move(id: ItemId, change: Partial<StoredItem>): void {
    const index = items.findIndex((item) => item.id === id);
    const item = items[index];
    if (item !== undefined) items[index] = { ...item, ...change };
  }

  function post(conversation: ConversationId, body: Outgoing, run: RunId | null = null): void {
    rows.push({
      id: nextId() as OutboxId,
      conversation,
      run,
      origin: null,
      body,
      state: "sent",
      message: null,
      attempts: 0,
      uncertain: false,
      createdAtMs: deps.clock.now(),
      notBeforeMs: 0,
    });
  }

  function button(conversation: ConversationId, action: ButtonAction): Button {
    const id = `button-${nextId()}-abcdefgh` as ButtonId;
    buttons.set(id, { action, conversation, isUsed: false });
    return { id, action };
  }

  function say(conversation: ConversationId, notice: Notice, actions: readonly ButtonAction[] = []): void {
    const row = actions.map((action) => button(conversation, action));
    post(conversation, { kind: "notice", notice, buttons: row.length === 0 ? [] : [row], replyTo: null });
  }

  /** I1 and I8 in their simplest form: one run per conversation and workspace, at most `runsMax`. */
  function wake(): void {
    for (const lane of lanes.values()) {
      const live = [...lanes.values()].flatMap(({ run }) => (run === null ? [] : [run.live]));
      const isFree =
        lane.run === null && live.length < deps.runsMax && !live.some((one) => one.workspace === lane.workspace);
      const queue = waiting(lane.conversation, "queued");
      const item =
        queue.find(({ request }) => request.kind === "prompt" && request.placement === "interrupt") ?? queue[0];
      if (isFree && item !== undefined) begin(lane, item);
    }
  }

  function begin(lane: FakeLane, item: StoredItem): void {
    lane.epoch += 1;
    const owner = { conversation: lane.conversation, run: `run-${nextId()}` as RunId, epoch: lane.epoch };
    const startedAtMs = deps.clock.now();
    const { workspace } = lane;
    const state = "running" as const;
    const base = { owner, driver: "claude", startedAtMs };
    const row = {
      item: item.id,
      workspace,
      session: "s",
      slot: 1,
      incarnation: 1,
      state,
      stopWhy: null,
      isBackground: false,
    };
    lane.run = { live: { ...base, ...row }, snapshot: { ...base, state, transcript: emptyTranscript }, why: null };
    move(item.id, { state: "running", run: owner.run });
    post(
      lane.conversation,
      { kind: "status", run: owner.run, stop: button(lane.conversation, { kind: "stop", owner }) },
      owner.run,
    );
    changed(lane.conversation);
  }

  function setState(lane: FakeLane, state: LiveRun["state"]): void {
    if (lane.run === null) return;
    const { live, snapshot } = lane.run;
    lane.run = { ...lane.run, live: { ...live, state }, snapshot: { ...snapshot, state } };
  }

  function stop(lane: FakeLane, why: StopWhy): void {
    const held = why === "user" ? waiting(lane.conversation, "queued") : [];
    for (const { id } of held) move(id, { state: "held" });
    if (lane.run === null) return say(lane.conversation, { kind: "nothing-to-stop", held: held.length });
    lane.run.why = why;
    setState(lane, "stopping");
    return say(lane.conversation, { kind: "stopping" });
  }

  function finish(lane: FakeLane, end: TurnEnd, itemState: ItemState, outcome: RunOutcome): void {
    const run = liveOf(lane.conversation);
    const transcript = reduce(run.snapshot.transcript, { kind: "ended", end });
    const { owner, startedAtMs } = run.live;
    const durationMs = deps.clock.now() - startedAtMs;
    move(run.live.item, { state: itemState });
    for (const one of openAsks(owner.run)) putAsk(one, { kind: "expired" });
    lane.run = null;
    post(
      lane.conversation,
      { kind: "summary", summary: { run: owner.run, outcome, durationMs, transcript } },
      owner.run,
    );
  }

  // ---- asks: as engine/asks.ts does it

  function openAsks(run: RunId): readonly StoredAsk[] {
    return [...asks.values()].filter(({ owner, state }) => owner.run === run && state.kind === "open");
  }

  function putAsk(asked: StoredAsk, state: AskState): void {
    const now = { ...asked, state, drawn: asked.drawn + 1 };
    asks.set(asked.id, now);
    drawAsk(now);
  }

  function drawAsk({ id, owner, ask, state, drawn }: StoredAsk): void {
    const { conversation, run } = owner;
    const steps = state.kind === "open" ? askSteps(ask, state) : [];
    const row = steps.map(([step, label]) => button(conversation, { kind: "answer", ask: id, step, label }));
    const replaces = drawn === 0 ? null : `ask:${id}`;
    post(conversation, { kind: "ask", run, id, ask, state, replaces, buttons: row.map((one) => [one]) }, run);
  }

  function answerAsk(conversation: ConversationId, id: AskId, step: AskStep): string {
    const asked = asks.get(id);
    if (asked?.owner.conversation !== conversation) return "This question does not belong here. Nothing was done.";
    const decision = decideAsk(asked.ask, asked.state, step);
    if (decision.kind === "ignored") return decision.toast;
    putAsk(asked, decision.kind === "open" ? decision.state : { kind: "answered", answer: decision.answer });
    return decision.toast;
  }

  function settle(conversation: ConversationId, end: TurnEnd = { kind: "completed", answer: "Done." }): void {
    const lane = laneOf(conversation);
    const { live, why } = liveOf(conversation);
    const held = waiting(conversation, "held");
    if (why !== null) {
      const stopWhy = why === "replaced" ? "replaced" : "user";
      finish(lane, end, "cancelled", { kind: "stopped", why: stopWhy });
      say(conversation, { kind: "stopped", why: stopWhy, held: held.length, forced: false });
      if (held.length > 0) offerHeld(conversation, held);
    } else if (end.kind === "failed") {
      finish(lane, end, "failed", { kind: "failed", fault: end.fault });
      say(conversation, { kind: "failed", fault: end.fault });
    } else {
      finish(lane, end, "done", { kind: "finished" });
      const text = end.kind === "completed" ? end.answer : "";
      post(conversation, { kind: "answer", run: live.owner.run, text }, live.owner.run);
    }
    wake();
    changed(conversation);
  }

  function offerHeld(conversation: ConversationId, held: readonly StoredItem[]): void {
    const entries = held.map((item) => ({ item: item.id, text: excerpt(textOf(item)) }));
    const actions = (["run-each", "run-as-one", "discard"] as const).map((how) => ({ kind: "held", how }) as const);
    say(conversation, { kind: "held", count: held.length, reason: "stop", entries }, actions);
  }

  function crash(conversation: ConversationId): void {
    const lane = laneOf(conversation);
    const { live } = liveOf(conversation);
    const item = items.find(({ id }) => id === live.item);
    finish(lane, { kind: "interrupted" }, "interrupted", { kind: "interrupted" });
    const text = item === undefined ? "" : excerpt(textOf(item));
    say(conversation, { kind: "interrupted", text, cause: "crash" }, [{ kind: "run-again", item: live.item }]);
    wake();
    changed(conversation);
  }

  function runAgain(conversation: ConversationId, id: ItemId): void {
    const before = items.find((item) => item.id === id);
    if (before === undefined) return;
    const again = {
      ...before,
      id: nextId() as ItemId,
      key: `again:${before.key}` as ItemKey,
      acceptedAtMs: deps.clock.now(),
    };
    items.push({ ...again, state: "queued", run: null });
    changed(conversation);
  }

  function act(conversation: ConversationId, action: ButtonAction): string {
    const lane = laneOf(conversation);
    switch (action.kind) {
      case "stop":
        stop(lane, "user");
        return "Stopping\u2026";
      case "force-release":
        finish(lane, { kind: "interrupted" }, "cancelled", { kind: "stopped", why: "user" });
        say(conversation, { kind: "stopped", why: "user", held: 0, forced: true });
        return "Released.";
      case "cancel":
        move(action.item, { state: "cancelled" });
        return "Cancelled.";
      case "steer":
        move(action.item, { state: "merged", run: liveOf(conversation).live.owner.run });
        return "Given to the running turn.";
      case "stop-and-run":
        stop(lane, "replaced");
        return "Stopping, then running this.";
      case "move-first":
      case "end-background":
        return "Done.";
      case "clear-queue":
        for (const { id } of waiting(conversation, "queued")) move(id, { state: "cancelled" });
        return "Cleared.";
      case "continue-with":
        lane.driver = action.driver;
        runAgain(conversation, action.item);
        return "Queued again.";
      case "run-again":
        runAgain(conversation, action.item);
        return "Queued again.";
      case "answer":
        return answerAsk(conversation, action.ask, action.step);
      case "switch":
        lane.driver = action.driver;
        say(conversation, { kind: "agent-chosen", driver: action.driver, isRunActive: false, continues: false });
        return "One moment\u2026";
      case "model":
        lane.model = action.model;
        say(conversation, { kind: "model-chosen", driver: action.driver, model: action.model, isRunActive: false });
        return "";
      case "permissions":
        lane.permissions = action.mode;
        say(conversation, { kind: "permissions-chosen", mode: action.mode, isRunActive: lane.run !== null });
        return "";
      case "project":
        say(conversation, { kind: "project-chosen", workspace: action.typed, isRunActive: false });
        return "";
      case "resume":
      case "fork": {
        const { driver, title } = action;
        const how = action.kind === "fork" ? "forked" : "resumed";
        const terminal = `${driver} --resume ${action.resume}`;
        say(conversation, { kind: "session-taken", how, driver, title, terminal, isRunActive: false });
        return "";
      }
      case "held": {
        const held = waiting(conversation, "held");
        for (const { id } of held) move(id, { state: action.how === "discard" ? "cancelled" : "queued" });
        say(conversation, { kind: "released", count: held.length, how: action.how });
        return "Done.";
      }
      case "settings":
      case "pair":
      case "details":
      case "changes":
      case "remove-person":
      case "remove-file":
      case "schedule":
        return "";
      case "held-item":
        move(action.item, { state: action.how === "discard" ? "cancelled" : "queued" });
        return "Done.";
      default:
        return action satisfies never;
    }
  }

  function press(conversation: ConversationId, id: ButtonId): string {
    const found = buttons.get(id);
    if (found === undefined || found.conversation !== conversation) return "This button is not known.";
    if (found.isUsed) return "This was already done.";
    found.isUsed = true;
    return act(conversation, found.action);
  }

  function decide(item: StoredItem, lane: FakeLane): string | null {
    const { conversation, request } = item;
    switch (request.kind) {
      case "prompt": {
        lane.title ??= excerpt(request.prompt.text);
        const queue = waiting(conversation, "queued");
        if (queue.length > fakeCapacity) {
          move(item.id, { state: "rejected" });
          say(conversation, { kind: "lane-full", capacity: fakeCapacity });
        } else if (request.placement === "interrupt" && lane.run !== null) {
          stop(lane, "replaced");
        } else if (lane.run !== null || queue.length > 1) {
          const actions = (["steer", "stop-and-run", "cancel"] as const).map(
            (kind) => ({ kind, item: item.id }) as const,
          );
          const { workspace } = lane;
          say(conversation, { kind: "queued", position: queue.length, waitsFor: "run", workspace }, actions);
        }
        return null;
      }
      case "command":
        command(lane, request.command);
        return null;
      case "answer":
        return answerAsk(conversation, request.ask, { kind: "text", text: request.text });
      case "press":
        return press(conversation, request.button);
      case "unsupported":
      case "edit":
      case "occurrence":
        return null;
      default:
        return request satisfies never;
    }
  }

  function command(lane: FakeLane, command: Command): void {
    const { conversation } = lane;
    const driver = lane.driver ?? fakeAgents[0];
    switch (command.name) {
      case "stop":
        return stop(lane, "user");
      case "help":
        return say(conversation, { kind: "help" });
      case "unknown":
        return say(conversation, { kind: "unknown-command", text: command.text });
      case "switch": {
        const others = fakeAgents.filter((name) => name !== driver);
        const actions = others.map((name) => ({ kind: "switch", driver: name }) as const);
        return say(conversation, { kind: "agents", current: driver, names: fakeAgents }, actions);
      }
      case "model": {
        const actions = fakeModels.map(
          ({ id, name }) => ({ kind: "model", driver, model: { id, effort: null }, label: name }) as const,
        );
        return say(conversation, { kind: "models", driver, chosen: lane.model, models: fakeModels }, actions);
      }
      case "permissions": {
        const mode = lane.permissions ?? "ask";
        const asked = command.mode === null ? null : parsePermissionMode(command.mode);
        if (asked !== null) lane.permissions = asked;
        if (asked !== null)
          return say(conversation, { kind: "permissions-chosen", mode: asked, isRunActive: lane.run !== null });
        const others = permissionModes.filter((one) => one !== mode);
        const actions = others.map((one) => ({ kind: "permissions", mode: one }) as const);
        return say(conversation, { kind: "permissions", mode }, actions);
      }
      case "resume": {
        const { search } = command;
        const named = fakeSessions.map((session) => ({ ...session, updatedAtMs: deps.clock.now() - 7_500_000 }));
        const actions = named.map(
          ({ resume, title, preview }, index) =>
            ({ kind: "resume", driver, resume, title: title ?? preview, label: `${index + 1}` }) as const,
        );
        const notice = { kind: "sessions", driver, search, sessions: named, more: 3, atMs: deps.clock.now() } as const;
        return say(conversation, notice, actions);
      }
      default:
        return undefined; // what the page does not draw in a way of its own
    }
  }

  function acceptOne(item: InboxItem, workspace: string): Receipt {
    if (items.some(({ key }) => key === item.key)) return { key: item.key, fresh: false, toast: null };
    const lane = openLane(item.conversation, workspace);
    const state: ItemState = item.request.kind === "prompt" ? "queued" : "done";
    const { part: _, ...given } = item;
    const whole = { isReady: true, gathers: null, partOf: null };
    const row = { id: nextId() as ItemId, state, run: null, acceptedAtMs: deps.clock.now() };
    const stored: StoredItem = { ...given, ...whole, ...row };
    items.push(stored);
    const toast = decide(stored, lane);
    wake();
    changed(item.conversation);
    return { key: item.key, fresh: true, toast };
  }

  const engine: FakeEngine = {
    failure: null,
    accepted: items,
    async accept(incoming, chosen) {
      if (engine.failure !== null) throw engine.failure;
      return incoming.map((item) => acceptOne(item, chosen?.workspace ?? deps.workspace));
    },
    snapshot: (run) => engine.snapshots().find(({ owner }) => owner.run === run) ?? null,
    snapshots: () => [...lanes.values()].flatMap(({ run }) => (run === null ? [] : [run.snapshot])),
    watch(listener) {
      listeners.add(listener);
      return { [Symbol.dispose]: () => void listeners.delete(listener) };
    },
    event(conversation, event) {
      const run = liveOf(conversation);
      run.snapshot = { ...run.snapshot, transcript: reduce(run.snapshot.transcript, event) };
      for (const listener of listeners) listener.progressed(run.snapshot);
    },
    settle,
    quarantine(conversation, evidence) {
      const lane = laneOf(conversation);
      const { owner } = liveOf(conversation).live;
      setState(lane, "quarantined");
      say(conversation, { kind: "quarantined", evidence }, [{ kind: "force-release", owner }]);
      changed(conversation);
    },
    crash,
    asks,
    ask(conversation, ask) {
      const { owner } = liveOf(conversation).live;
      const id = `ask-${nextId()}-abcdefgh` as AskId;
      const asked = { id, owner, agentId: `a${nextId()}`, ask, state: openAsk, drawn: 0 };
      asks.set(id, asked);
      drawAsk(asked);
      engine.event(conversation, { kind: "asked", id: asked.agentId, ask });
      changed(conversation);
      return id;
    },
    closeAsk(id, state) {
      const asked = asks.get(id);
      if (asked === undefined) throw new Error(`no ask ${id}`);
      putAsk(asked, state);
      changed(asked.owner.conversation);
    },
    forgetAsk: (id) => void asks.delete(id),
    sendFile(conversation, file, caption) {
      const { run } = liveOf(conversation).live.owner;
      post(conversation, { kind: "file", run, file, caption }, run);
      changed(conversation);
    },
    say(conversation, notice, actions = []) {
      say(conversation, notice, actions);
      changed(conversation);
    },
    history: {
      async lanes() {
        return [...lanes.values()].map((lane) => ({
          ...laneRow(lane),
          queued: waiting(lane.conversation, "queued").length,
          held: waiting(lane.conversation, "held").length,
        }));
      },
      liveRuns: async () => [...lanes.values()].flatMap(({ run }) => (run === null ? [] : [run.live])),
      items: async (conversation, limit) => items.filter((item) => item.conversation === conversation).slice(-limit),
      waiting: async (conversation, state) => waiting(conversation, state),
      messages: async (conversation, limit) => rows.filter((row) => row.conversation === conversation).slice(-limit),
      openAsks: async (run) => openAsks(run),
      figures: async () => ({
        ...{ pending: items.filter(({ state }) => state === "queued" || state === "held").length, live: [] },
        ...{ oldestPendingAtMs: null, undelivered: [], used: [], ended: [], stops: [], decisions: [], uncertain: 0 },
        lateness: { fired: 0, lateMs: 0, within: [] },
      }),
      settings: async () => defaultConversationSettings,
      access: async () => ({ people: [], listening: [] }),
      schedules: async () => [],
      occurrences: async () => [],
      async counts() {
        const byState = Object.fromEntries(
          itemStates.map((state) => [state, items.filter((item) => item.state === state).length]),
        ) as Record<ItemState, number>;
        return { received: items.length, byState };
      },
    },
  };
  return engine;
}

function laneRow(lane: FakeLane): Lane {
  const { conversation, workspace, title, driver, model, permissions, epoch, run } = lane;
  const session = { id: "s", resume: null, driver };
  const state = run === null ? ({ kind: "idle" } as const) : ({ kind: "running", owner: run.live.owner } as const);
  const settings = defaultConversationSettings;
  return { conversation, workspace, title, epoch, state, session, driver, model, permissions, settings };
}

/** One button to a row, in the engine's order and with its words. */
function askSteps(ask: Ask, state: AskState & { kind: "open" }): readonly (readonly [AskStep, string])[] {
  switch (ask.kind) {
    case "approval": {
      const session = [{ kind: "allow", scope: "session" }, "Allow for this session"] as const;
      const once = [{ kind: "allow", scope: "once" }, "Allow once"] as const;
      if (!isAllowable(ask)) return [[{ kind: "deny" }, "Deny"]];
      return [once, ...(ask.scopes.includes("session") ? [session] : []), [{ kind: "deny" }, "Deny"]];
    }
    case "plan":
      return [
        [{ kind: "allow", scope: "once" }, "Go, ask before edits"],
        [{ kind: "allow", scope: "session" }, "Go, edit freely"],
        [{ kind: "deny" }, "Keep planning"],
      ];
    case "questions": {
      const number = state.answers.length;
      const question = ask.questions[number];
      const options = (question?.options ?? []).map(
        ({ label }) => [{ kind: "option", question: number, label } as const, label] as const,
      );
      return question?.choice === "many"
        ? [...options, [{ kind: "ticked", question: number }, "Done"] as const]
        : options;
    }
    default:
      return ask satisfies never;
  }
}

function textOf(item: StoredItem): string {
  return item.request.kind === "prompt" ? item.request.prompt.text : "";
}

/** A clock that stands still until a test moves it. */
export type StepClock = Clock & { advance(ms: number): void };

export function createStepClock(startMs: number): StepClock {
  let nowMs = startMs;
  const sleepers = new Set<{ untilMs: number; wake: () => void }>();
  return {
    now: () => nowMs,
    sleep(ms, signal) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const sleeper = { untilMs: nowMs + ms, wake: resolve };
      sleepers.add(sleeper);
      signal.addEventListener("abort", () => resolve(), { once: true });
      if (ms <= 0 || signal.aborted) resolve();
      return promise.finally(() => sleepers.delete(sleeper));
    },
    advance(ms) {
      nowMs += ms;
      for (const sleeper of sleepers) if (sleeper.untilMs <= nowMs) sleeper.wake();
    },
  };
}
