/** The checks themselves, each shown a history that breaks its rule; most would never come from a sound engine. */
import { describe, expect, test } from "vitest";
import type { AskId, AskState } from "../../src/domain/ask.ts";
import { telegramConversation } from "../../src/domain/conversation.ts";
import type { ItemId, ItemState, Request } from "../../src/domain/inbox-item.ts";
import type { PromptFile } from "../../src/domain/prompt.ts";
import type { RunId } from "../../src/domain/run.ts";
import { noTools } from "../no-tools.ts";
import { nameOf } from "./incoming.ts";
import type { Change, RunState } from "./journal.ts";
import { createMirror } from "./mirror.ts";
import type { Rule, RuleContext } from "./rule.ts";
import { rulesOfAsks } from "./rules-of-asks.ts";
import { rulesOfAttempts } from "./rules-of-attempts.ts";
import { rulesOfChoices } from "./rules-of-choices.ts";
import { rulesOfItems } from "./rules-of-items.ts";
import { rulesOfMessages } from "./rules-of-messages.ts";
import { rulesOfOrder } from "./rules-of-order.ts";
import { rulesOfRuns } from "./rules-of-runs.ts";
import { rulesOfWholes } from "./rules-of-wholes.ts";
import { stopWords } from "./speech.ts";
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
  const asks = rulesOfAsks(context);
  const speech = new Map<string, string>([["f9", stopWords]]);
  const refused = new Set(["f8"]);
  const rules: readonly Rule[] = [
    ...[rulesOfRuns, rulesOfItems, rulesOfOrder, rulesOfMessages, rulesOfChoices].map((make) => make(context)),
    rulesOfWholes(context, { speech, incoming: { refused }, meet: () => undefined }),
    asks,
  ];
  const history = (...changes: readonly Change[]): readonly string[] => {
    for (const change of changes) {
      for (const rule of rules) rule.before?.(change);
      mirror.apply(change);
      for (const rule of rules) rule.after?.(change);
    }
    return violations;
  };
  history(decision(), lane(conversation, "/w", 0), lane(other, "/v", 0));
  const attempts = rulesOfAttempts(context, () => undefined);
  return { world, released, history, asks, attempts, violations };
}

const decision = (life = 1): Change => ({ what: "decision", life, number: 0, atMs: 0 });
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
  return { what: "item-added", ...row, acceptedAtMs: 0, rank: 0, position: id, isReady: true, partOf: null };
}
function prompt(id: number, placement: "queue" | "interrupt" = "queue"): Request {
  return { kind: "prompt", placement, prompt: { text: `do p${id}` } };
}
function moved(id: number, from: ItemState, to: ItemState, run: string | null = null): Change {
  const rest = { rank: 0, position: id, isReady: true, partOf: null, request: null };
  return { what: "item-changed", id: id as ItemId, from, to, run, ...rest };
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
  return { what: "said", ...row, state: "pending", pause: { fromMs: 0, untilMs: 0 } };
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
      pause: { fromMs: 0, untilMs: 0 },
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

  test("background work is passed over by people's messages as often as these come, and by other such work as others are (K6)", () => {
    const background = (id: number, where = conversation): Change => ({
      ...(item(id, "queued", prompt(id), where) as Change & { what: "item-added" }),
      priority: "background",
    });
    const run = (of: Change & { what: "item-added" }): readonly Change[] => {
      const id = `r${of.id}`;
      const end = [changed(id, "starting", "settled", finished), moved(of.id, "running", "done", id)];
      return [of, ...begun(id, of.id), ...end];
    };
    const several = (of: (id: number) => Change): readonly Change[] =>
      [2, 3, 4].flatMap((id) => run(of(id) as Change & { what: "item-added" }));
    expect(setUp().history(background(1, other), ...several(item))).toEqual([]);
    expect(setUp().history(background(1, other), ...several(background))).toContain("I9");
    expect(setUp().history(item(1, "queued", prompt(1), other), background(2), ...begun("r2", 2))).toContain("K6");
  });

  test("what starts by itself after a stop, and after a long time off (S2, L6)", () => {
    expect(setUp().history(item(1), item(2, "done", stop), ...begun("r1", 1))).toContain("S2");
    const old = { ...item(1), acceptedAtMs: -3_600_000 } as Change;
    expect(setUp().history(old, decision(2), ...begun("r1", 1))).toContain("L6");
  });
});

const plan = { kind: "plan", plan: "mark1" } as const;
const open: AskState = { kind: "open", answers: [], ticked: [] };
const allowed: AskState = { kind: "answered", answer: { kind: "allow", scope: "once" } };
function asked(id: string, run: string): readonly Change[] {
  return [{ what: "ask-added", id, run, agentId: "q1", ask: plan }, card(id, run, open)];
}
function card(id: string, run: string, state: AskState): Change {
  return { ...(said(Number(id.slice(1)), run, null, "ask") as Change & { what: "said" }), ask: { id, state } };
}
function answered(id: string, run: string, by: number, to: AskState = allowed): readonly Change[] {
  const words: Request = { kind: "answer", ask: id as AskId, text: "go" };
  return [
    decision(),
    item(by, "done", words),
    { what: "ask-changed", id, from: open, to },
    { ...(card(id, run, to) as Change & { what: "said" }), id: 900 + by },
  ];
}

describe("what the rules of asks, choices and attempts refuse", () => {
  const running = [item(1), ...begun("r1", 1), changed("r1", "starting", "running")];

  test("an ask that is answered from another conversation, by nobody, twice, or while its run is told to stop", () => {
    const asking = [...running, decision(), ...asked("a1", "r1")];
    expect(setUp().history(...asking, ...answered("a1", "r1", 2), decision())).toEqual([]);
    const change: Change = { what: "ask-changed", id: "a1", from: open, to: allowed };
    const words: Request = { kind: "answer", ask: "a1" as AskId, text: "go" };
    expect(setUp().history(...asking, decision(), change)).toContain("ask");
    expect(setUp().history(...asking, decision(), item(2, "done", words, other), change)).toContain("ask");
    expect(setUp().history(...asking, decision(), item(2, "done", words), { ...change, from: allowed })).toContain(
      "ask",
    );
    const stopping = changed("r1", "running", "stopping", { stopWhy: "user" });
    expect(setUp().history(...asking, stopping, ...answered("a1", "r1", 2))).toContain("ask");
    expect(setUp().history(...running, stopping, decision(), ...asked("a1", "r1"))).toContain("ask");
  });

  test("an ask that is open when its run is settled, and a card that shows something else", () => {
    const asking = [...running, decision(), ...asked("a1", "r1")];
    expect(setUp().history(...asking, decision(), changed("r1", "running", "settled", finished), decision())).toContain(
      "ask",
    );
    const unseen: Change = { what: "ask-changed", id: "a1", from: open, to: { kind: "withdrawn" } };
    expect(setUp().history(...asking, decision(), unseen, decision())).toEqual(["card"]);
  });

  test("an answer that reaches a turn before it is stored, twice, or a turn that did not ask", () => {
    const house = setUp();
    house.history(...running, decision(), ...asked("a1", "r1"));
    const { turn } = liveTurn(house, "r1");
    turn.asks.push({ id: "q1", mark: "mark1", state: "waiting", handed: 0 });
    const answer = { kind: "allow", scope: "once" } as const;
    house.asks.handed(turn, "q1", answer);
    expect(house.violations.splice(0)).toEqual(["ask"]);
    turn.asks.splice(0, 1, { id: "q1", mark: "mark1", state: "waiting", handed: 0 });
    house.history(...answered("a1", "r1", 2));
    house.asks.handed(turn, "q1", answer);
    expect(house.violations).toEqual([]);
    house.asks.handed(turn, "q1", answer);
    house.asks.handed(turn, "q2", answer);
    expect(house.violations).toEqual(["ask", "ask"]);
  });

  test("two conversations in one memory, and a conversation that goes on otherwise without anybody's word", () => {
    const house = setUp();
    const memory = { what: "session", driver: "alpha", resume: "alpha-m1", model: null } as const;
    const goesOn = { what: "choice", driver: "alpha", permissions: null } as const;
    const first = [
      { ...memory, id: "s1", conversation },
      { ...goesOn, conversation, session: "s1" },
    ];
    expect(house.history(decision(), ...first, decision())).toEqual([]);
    house.history({ ...memory, id: "s2", conversation: other }, { ...goesOn, conversation: other, session: "s2" });
    expect(house.history(decision())).toEqual(["memory"]);
    house.violations.splice(0);
    house.history({ ...goesOn, conversation, session: "s3", driver: "beta" });
    expect(house.history(decision())).toEqual(["choice"]);
  });

  test("a further turn after a stop that was seen, without a look, after a quarantine, a completion, or too often (I10)", () => {
    const tried = () => {
      const house = setUp();
      house.history(item(1), ...begun("r1", 1), {
        what: "session",
        id: "s",
        conversation,
        driver: "alpha",
        resume: null,
        model: null,
      });
      const { turn } = liveTurn(house, "r1");
      for (const process of turn.processes) house.world.end(process);
      turn.said = { kind: "failed", fault: { kind: "overloaded" } };
      return { ...house, turn, again: () => house.attempts.began(liveTurn(house, "r1").turn) };
    };
    const sound = tried();
    sound.history({ what: "decision", life: 1, number: 5, atMs: 0 });
    sound.attempts.holding("/w", 1, 5);
    sound.again();
    expect(sound.violations).toEqual([]);
    sound.again();
    sound.again();
    expect(sound.violations).toContain("I10");

    const blind = tried();
    blind.attempts.holding("/w", 1, null);
    expect(blind.violations).toEqual(["I10"]);

    const stopped = tried();
    stopped.history(decision(), changed("r1", "starting", "stopping", { stopWhy: "user" }));
    stopped.history({ what: "decision", life: 1, number: 6, atMs: 0 });
    stopped.attempts.holding("/w", 1, 6);
    expect(stopped.violations).toEqual(["I10"]);

    const quarantined = tried();
    quarantined.history(changed("r1", "starting", "quarantined"));
    quarantined.again();
    expect(quarantined.violations).toEqual(["I10"]);

    const completed = tried();
    completed.turn.said = { kind: "completed", answer: "done" };
    completed.again();
    expect(completed.violations).toEqual(["I10"]);
  });
});

type File = PromptFile["state"];

/** A prompt with files, each in a state; f12 came with the message 12. */
function media(text: string, ...files: readonly (readonly [source: string, state: File])[]): Request {
  const all = files.map(([source, state]): PromptFile => {
    const name = nameOf(source);
    if (state === "missing") return { state, name, why: "It is broken." };
    const file = { kind: "photo" as const, source, message: source, name, mediaType: null, bytes: 1, seconds: null };
    if (state === "sent") return { state, file };
    const content = { kind: "image" as const };
    const attachment = {
      kind: "photo" as const,
      name,
      path: `/f/${source}`,
      mediaType: "image/png",
      bytes: 1,
      content,
    };
    return { state, source, attachment };
  });
  return { kind: "prompt", placement: "queue", prompt: { text, files: all } };
}

function unready(id: number, request: Request, of: number | null = null): Change {
  const whole = item(id, of === null ? "queued" : "merged", request) as Change & { what: "item-added" };
  return { ...whole, isReady: false, partOf: of as ItemId | null };
}

function rewritten(id: number, state: ItemState, request: Request | null, isReady: boolean): Change {
  return { ...(moved(id, state, state) as Change & { what: "item-changed" }), request, isReady };
}

describe("what the rules of messages that come in parts, or with files, refuse", () => {
  const album = [unready(1, media("do p1", ["f1", "sent"])), unready(2, media("", ["f2", "sent"]), 1)];
  const taken = rewritten(2, "merged", null, true);
  const whole = (request: Request): Change => rewritten(1, "queued", request, true);
  const both = media("do p1", ["f1", "read"], ["f2", "read"]);

  test("nothing of an album that runs whole, once, in its order", () => {
    expect(setUp().history(...album, decision(), whole(both), taken, ...begun("r1", 1), decision())).toEqual([]);
  });

  test.each([
    ["runs although it is not whole", [...album, decision(), taken, ...begun("r1", 1)]],
    ["runs without a part", [...album, decision(), whole(both), ...begun("r1", 1)]],
    ["runs without a file of a part", [...album, whole(media("do p1", ["f1", "read"])), taken, ...begun("r1", 1)]],
    [
      "runs with a part twice",
      [...album, whole(media("do p1", ["f1", "read"], ["f2", "read"], ["f2", "read"])), taken, ...begun("r1", 1)],
    ],
    [
      "runs in another order",
      [...album, whole(media("do p1", ["f2", "read"], ["f1", "read"])), taken, ...begun("r1", 1)],
    ],
    [
      "runs with a file that is not there",
      [...album, whole(media("do p1", ["f1", "read"], ["f2", "sent"])), taken, ...begun("r1", 1)],
    ],
    [
      "runs without a file that could be had",
      [...album, whole(media("do p1", ["f1", "read"], ["f2", "missing"])), taken, ...begun("r1", 1)],
    ],
    ["loses a file while it waits", [...album, decision(), whole(media("do p1"))]],
    ["is rewritten while it runs", [item(1), ...begun("r1", 1), decision(), rewritten(1, "running", prompt(2), true)]],
    ["joins what is over", [item(1, "cancelled"), unready(2, media("", ["f2", "sent"]), 1)]],
    [
      "loses the words of others by an edit",
      [
        item(1, "queued", media("do p1\ndo p2")),
        decision(),
        item(3, "done", { kind: "edit", message: "1", text: "do p3" }),
        rewritten(1, "queued", media("do p3"), true),
      ],
    ],
    [
      "is joined on hold into nothing",
      [
        item(1, "held"),
        item(2, "held"),
        decision(),
        moved(1, "held", "queued"),
        moved(2, "held", "merged"),
        decision(),
      ],
    ],
  ] as const)("a message that %s", (_, changes) => {
    expect(setUp().history(...changes)).toContain("whole");
  });

  test("but not a file that could not be had", () => {
    const message = unready(1, media("do p1", ["f8", "sent"]));
    const without = rewritten(1, "queued", media("do p1", ["f8", "missing"]), true);
    expect(setUp().history(message, decision(), without, ...begun("r1", 1))).toEqual([]);
  });

  test("a stop that was spoken and runs as a prompt, and a prompt that ends as if it were a stop", () => {
    const spoken = unready(1, media("", ["f9", "sent"]));
    const heard = rewritten(1, "queued", media("stop", ["f9", "read"]), true);
    expect(setUp().history(spoken, decision(), heard, ...begun("r1", 1))).toContain("S1");
    expect(setUp().history(spoken, decision(), heard, moved(1, "queued", "done"), decision())).toEqual([]);
    expect(setUp().history(item(1), decision(), moved(1, "queued", "done"))).toContain("S1");
  });

  test("but not what ran as words among words and is run again", () => {
    const spoken = unready(1, media("", ["f9", "sent"]));
    const words = media("do p2", ["f9", "read"]);
    const amended = [item(2, "done"), rewritten(1, "queued", words, true), ...begun("r1", 1)];
    const again = [item(3, "queued", words), ...begun("r2", 3, 2)];
    expect(setUp().history(spoken, decision(), ...amended, decision(), ...again)).not.toContain("S1");
    expect(setUp().history(spoken, decision(), item(3, "queued", words), ...begun("r2", 3, 2))).toContain("S1");
  });
});
