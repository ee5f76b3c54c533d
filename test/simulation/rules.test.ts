/** The checks themselves, each shown a history that breaks its rule; most would never come from a sound engine. */
import { describe, expect, test } from "vitest";
import { telegramConversation } from "../../src/domain/conversation.ts";
import type { ItemId, ItemState, Request } from "../../src/domain/inbox-item.ts";
import type { RunId } from "../../src/domain/run.ts";
import { noTools } from "../no-tools.ts";
import type { Change, RunState } from "./journal.ts";
import { createMirror } from "./mirror.ts";
import type { Rule, RuleContext } from "./rule.ts";
import { rulesOfItems } from "./rules-of-items.ts";
import { rulesOfMessages } from "./rules-of-messages.ts";
import { rulesOfOrder } from "./rules-of-order.ts";
import { rulesOfRuns } from "./rules-of-runs.ts";
import { createWorld } from "./world.ts";

const conversation = telegramConversation(1, null);
const other = telegramConversation(2, null);

function setUp() {
  const violations: string[] = [];
  const violated = (invariant: string): void => void violations.push(invariant);
  const mirror = createMirror();
  const world = createWorld(violated);
  const released = new Set<string>();
  const asked = { released, again: new Map<ItemId, number>(), moved: new Set<ItemId>() };
  const clock = { bootedAtMs: () => 0, downtimeMs: 600_000 };
  const limits = { retries: 2, stallMs: 60_000, runMsMax: null, costUsdMax: null };
  const context: RuleContext = { mirror, world, asked, runsMax: 2, limits, life: () => 1, violated, ...clock };
  const rules: readonly Rule[] = [rulesOfRuns, rulesOfItems, rulesOfOrder, rulesOfMessages].map((make) =>
    make(context),
  );
  const history = (...changes: readonly Change[]): readonly string[] => {
    for (const change of changes) {
      for (const rule of rules) rule.before?.(change);
      mirror.apply(change);
      for (const rule of rules) rule.after?.(change);
    }
    return violations;
  };
  history(decision(), lane(conversation, "/w", 0), lane(other, "/v", 0));
  return { world, released, history };
}

const decision = (life = 1): Change => ({ what: "decision", life, number: 0 });
const lane = (conversation: typeof other, workspace: string, epoch: number, epochBefore = 0): Change => ({
  what: "lane",
  conversation,
  workspace,
  epochBefore,
  epoch,
});
const stop: Request = { kind: "command", command: { name: "stop", scope: "conversation" } };
function item(id: number, state: ItemState = "queued", request: Request = prompt(id), where = conversation): Change {
  const row = {
    id: id as ItemId,
    key: `k${id}`,
    conversation: where,
    state,
    priority: "interactive" as const,
    request,
  };
  return { what: "item-added", ...row, acceptedAtMs: 0, rank: 0, position: id };
}
function prompt(id: number, placement: "queue" | "interrupt" = "queue"): Request {
  return { kind: "prompt", placement, prompt: { text: `do p${id}` } };
}
function moved(id: number, from: ItemState, to: ItemState, run: string | null = null): Change {
  return { what: "item-changed", id: id as ItemId, from, to, run, rank: 0, position: id };
}
const session = { session: "s", driver: "alpha" };
function begun(id: string, of: number, slot = 1, workspace = "/w", where = conversation): readonly Change[] {
  const run = { id, conversation: where, workspace, item: of as ItemId, slot, incarnation: 1, ...session };
  return [{ what: "run-added", ...run }, moved(of, "queued", "running", id)];
}
function changed(
  id: string,
  from: RunState,
  to: RunState,
  rest: Partial<Change & { what: "run-changed" }> = {},
): Change {
  return { what: "run-changed", id, from, to, epochBefore: 0, epoch: 0, stopWhy: null, outcome: null, ...rest };
}
const finished = { outcome: { kind: "finished" } } as const;
function said(id: number, run: string | null, notice: string | null, kind = "notice"): Change {
  const row = { id, conversation, run, kind, notice, ask: null, dedupe: `d${id}` };
  return { what: "said", ...row, state: "pending", notBeforeMs: 0 };
}

function liveTurn({ world }: ReturnType<typeof setUp>, run: string) {
  const owner = { run: run as RunId, conversation, epoch: 0 };
  const session = { id: "s", resume: null };
  const settings = { permissions: "bypass" as const, model: null, tools: noTools };
  const turn = world.beginTurn({ owner, session, workspace: "/w", prompt: { text: "p1" }, ...settings }, 1, "alpha");
  return world.spawn(turn, "agent", "ask");
}

describe("what the rules let pass", () => {
  test("a message that is run, answered and settled", () => {
    const { history } = setUp();
    const end = [
      changed("r1", "starting", "settled", finished),
      moved(1, "running", "done", "r1"),
      said(1, "r1", null, "answer"),
    ];
    expect(history(item(1), ...begun("r1", 1), decision(), ...end)).toEqual([]);
  });
});

describe("what the rules refuse", () => {
  test("a second live run of a conversation, a workspace or a slot (I1)", () => {
    expect(setUp().history(item(1), item(2), ...begun("r1", 1), ...begun("r2", 2, 2, "/x"))).toContain("I1");
    expect(
      setUp().history(
        item(1),
        item(2, "queued", prompt(2), other),
        ...begun("r1", 1),
        ...begun("r2", 2, 2, "/w", other),
      ),
    ).toContain("I1");
    expect(
      setUp().history(
        item(1),
        item(2, "queued", prompt(2), other),
        ...begun("r1", 1),
        ...begun("r2", 2, 1, "/v", other),
      ),
    ).toContain("I1");
    expect(setUp().history(item(1), ...begun("r1", 1, 3))).toContain("I1");
  });

  test("a settlement while a process of the run lives, unless it was released (I2)", () => {
    const careless = setUp();
    careless.history(item(1), ...begun("r1", 1));
    liveTurn(careless, "r1");
    expect(careless.history(changed("r1", "starting", "settled", finished))).toContain("I2");
    const released = setUp();
    released.history(item(1), ...begun("r1", 1), changed("r1", "starting", "quarantined"));
    liveTurn(released, "r1");
    released.released.add("r1");
    expect(released.history(changed("r1", "quarantined", "settled", finished))).toEqual([]);
  });

  test("a write by an earlier life, to a settled run, or with an epoch that is not the newest (I3)", () => {
    expect(setUp().history(decision(0), item(1))).toContain("I3");
    const run = [item(1), ...begun("r1", 1), changed("r1", "starting", "settled", finished)];
    expect(setUp().history(...run, changed("r1", "settled", "settled", finished))).toContain("I3");
    expect(setUp().history(item(1), ...begun("r1", 1), changed("r1", "starting", "running", { epoch: 1 }))).toContain(
      "I3",
    );
    expect(setUp().history(lane(conversation, "/w", 0, 1))).toContain("I3");
  });

  test("an item that comes back from its end, or is deleted (I4)", () => {
    expect(setUp().history(item(1, "done"), moved(1, "done", "queued"))).toContain("I4");
    expect(setUp().history(item(1), { what: "item-deleted", id: 1 as ItemId })).toContain("I4");
  });

  test("an item that runs twice, and a button that works twice (I6)", () => {
    const first = [
      item(1),
      ...begun("r1", 1),
      changed("r1", "starting", "settled", finished),
      moved(1, "running", "queued", "r1"),
    ];
    expect(setUp().history(...first, ...begun("r2", 1))).toContain("I6");
    expect(setUp().history({ what: "button-used", id: "b", wasUsed: true })).toContain("I6");
  });

  test("a message that comes back from its end (I6)", () => {
    const over: Change = { ...(said(1, null, "queued") as Change & { what: "said" }), state: "superseded" };
    const begun: Change = {
      what: "said-changed",
      id: 1,
      from: "superseded",
      to: "sending",
      notBeforeMs: 0,
      isUncertain: false,
    };
    expect(setUp().history(over, begun)).toContain("I6");
  });

  test("preempted work that does not come back to the line, and a person's message that is preempted (I11)", () => {
    const preempted = { outcome: { kind: "preempted" } } as const;
    const background: Change = { ...(item(1) as Change & { what: "item-added" }), priority: "background" };
    const run = (of: Change): readonly Change[] => [
      of,
      ...begun("r1", 1),
      changed("r1", "starting", "settled", preempted),
    ];
    const back = moved(1, "running", "queued", "r1");
    expect(setUp().history(...run(background), back, ...begun("r2", 1))).toEqual([]);
    expect(setUp().history(...run(background), moved(1, "running", "done", "r1"))).toContain("I11");
    expect(setUp().history(...run(item(1)), back)).toContain("I11");
  });

  test("words of a run after the decision that settled it (I8)", () => {
    const run = [item(1), ...begun("r1", 1), changed("r1", "starting", "settled", finished)];
    expect(setUp().history(...run, decision(), said(1, "r1", null, "answer"))).toContain("I8");
  });

  test("'Stopped' before the proof, and a stopped run that finishes after all (I8)", () => {
    const stopping = [item(1), ...begun("r1", 1), changed("r1", "starting", "stopping", { stopWhy: "user" })];
    expect(setUp().history(...stopping, said(1, "r1", "stopped"))).toContain("I8");
    const end = changed("r1", "stopping", "settled", { stopWhy: "user", ...finished });
    expect(setUp().history(...stopping, end)).toContain("I8");
  });

  test("a younger item that overtakes, and an interrupt that is overtaken (I9)", () => {
    expect(setUp().history(item(1), item(2), ...begun("r1", 2))).toContain("I9");
    const interrupt = item(2, "queued", prompt(2, "interrupt"));
    expect(setUp().history(item(1), interrupt, ...begun("r1", 1))).toContain("I9");
  });

  test("a lane that could start and is passed over more often than there are others (I9)", () => {
    const { history } = setUp();
    history(item(1, "queued", prompt(1), other));
    for (const id of [2, 3, 4]) {
      const run = `r${id}`;
      history(
        item(id),
        ...begun(run, id),
        changed(run, "starting", "settled", finished),
        moved(id, "running", "done", run),
      );
    }
    expect(history()).toContain("I9");
  });

  test("what starts by itself after a stop, and after a long time off (S2, L6)", () => {
    expect(setUp().history(item(1), item(2, "done", stop), ...begun("r1", 1))).toContain("S2");
    const old = { ...item(1), acceptedAtMs: -3_600_000 } as Change;
    expect(setUp().history(old, decision(2), ...begun("r1", 1))).toContain("L6");
  });
});
