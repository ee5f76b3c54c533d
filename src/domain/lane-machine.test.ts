import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { TurnEnd } from "./agent-event.ts";
import type { ConversationId } from "./conversation.ts";
import { decide, type LaneDecision, type LaneInput, type LaneState } from "./lane-machine.ts";
import type { RunId, RunOwner, StopWhy } from "./run.ts";

const conversation = "web:a" as ConversationId;
const owner: RunOwner = { conversation, run: "r2" as RunId, epoch: 2 };
const older: RunOwner = { conversation, run: "r1" as RunId, epoch: 1 };
const evidence = { processes: [], note: "still there" };
const room = { queued: 0, capacity: 20 };
const completed: TurnEnd = { kind: "completed", answer: "42" };

const running: LaneState = { kind: "running", owner };
const stopping = (why: StopWhy): LaneState => ({ kind: "stopping", owner, why });
const quarantined: LaneState = { kind: "quarantined", owner, why: "user", evidence };

describe("the lane machine", () => {
  it("lets only an idle lane be claimed (I1)", () => {
    expect(decide({ kind: "idle" }, { kind: "claim", owner }, room).state).toEqual(running);
    for (const state of [running, stopping("user"), quarantined]) {
      expect(decide(state, { kind: "claim", owner: { ...owner, epoch: 3 } }, room)).toEqual({ state, effects: [] });
    }
  });

  it("leaves stopping for idle by proof or by a person's release, whatever else comes in (I2)", () => {
    const anyInput = fc.constantFrom<LaneInput>(
      { kind: "prompt", placement: "queue", over: "interactive" },
      { kind: "prompt", placement: "interrupt", over: "interactive" },
      { kind: "stop", why: "user", owner: null },
      { kind: "stop", why: "replaced", owner },
      { kind: "claim", owner: older },
      { kind: "quiet", owner: older, end: completed },
      { kind: "unconfirmed", owner, evidence },
      { kind: "force-release", owner: older },
    );
    fc.assert(
      fc.property(fc.array(anyInput, { maxLength: 30 }), (inputs) => {
        const end = inputs.reduce<LaneState>((state, input) => decide(state, input, room).state, stopping("user"));
        expect(end.kind).not.toBe("idle");
      }),
    );
    expect(decide(stopping("user"), { kind: "quiet", owner, end: completed }, room).state.kind).toBe("idle");
  });

  it("ignores what names an older owner, in every state (I3)", () => {
    const stale: LaneInput[] = [
      { kind: "quiet", owner: older, end: completed },
      { kind: "unconfirmed", owner: older, evidence },
      { kind: "force-release", owner: older },
      { kind: "stop", why: "user", owner: older },
    ];
    for (const state of [{ kind: "idle" } as const, running, stopping("user"), quarantined]) {
      for (const input of stale) expect(decide(state, input, room)).toEqual({ state, effects: [] });
    }
  });

  it("settles a run that was told to stop as stopped, even when its turn ended by itself (I8)", () => {
    expect(outcomeOf(decide(stopping("user"), { kind: "quiet", owner, end: completed }, room))).toEqual({
      kind: "stopped",
      why: "user",
    });
    expect(outcomeOf(decide(stopping("crash"), { kind: "quiet", owner, end: completed }, room))).toEqual({
      kind: "interrupted",
    });
  });

  it("counts background work done that had ended by itself when it was to make room, and puts any other back in line (I11)", () => {
    const settled = (end: TurnEnd) => outcomeOf(decide(stopping("preempted"), { kind: "quiet", owner, end }, room));
    expect(settled(completed)).toEqual({ kind: "finished" });
    expect(settled({ kind: "interrupted" })).toEqual({ kind: "preempted" });
    expect(settled({ kind: "failed", fault: { kind: "internal", detail: "cut" } })).toEqual({ kind: "preempted" });
  });

  it("keeps the answer of a turn that finished within the grace of a shutdown", () => {
    expect(outcomeOf(decide(stopping("shutdown"), { kind: "quiet", owner, end: completed }, room))).toEqual({
      kind: "finished",
    });
    expect(
      outcomeOf(decide(stopping("shutdown"), { kind: "quiet", owner, end: { kind: "interrupted" } }, room)),
    ).toEqual({ kind: "interrupted" });
  });

  it("strengthens a second stop instead of swallowing it, and lets a plain stop outrank a replacement (H-5)", () => {
    const second = decide(stopping("replaced"), { kind: "stop", why: "user", owner: null }, room);
    expect(second.effects).toEqual([{ kind: "stop-run", owner, why: "user", first: false }]);
    const replaced = decide(stopping("user"), { kind: "prompt", placement: "interrupt", over: "interactive" }, room);
    expect(replaced.state).toEqual(stopping("user"));
  });

  it("holds what waits when a person stops, and not when a message replaces the run (S4)", () => {
    const busy = { queued: 2, capacity: 20 };
    expect(decide(running, { kind: "stop", why: "user", owner: null }, busy).effects).toContainEqual({
      kind: "hold-queue",
    });
    expect(
      decide(running, { kind: "prompt", placement: "interrupt", over: "interactive" }, busy).effects,
    ).not.toContainEqual({
      kind: "hold-queue",
    });
  });

  it("refuses a message for a full lane before it has any effect (N-16)", () => {
    const full = { queued: 20, capacity: 20 };
    expect(decide(running, { kind: "prompt", placement: "interrupt", over: "interactive" }, full)).toEqual({
      state: running,
      effects: [{ kind: "reject-full" }],
    });
  });

  it("says that there is nothing to stop only when nothing runs and nothing waits", () => {
    expect(decide({ kind: "idle" }, { kind: "stop", why: "user", owner: null }, room).effects).toEqual([
      { kind: "nothing-to-stop" },
    ]);
    expect(
      decide({ kind: "idle" }, { kind: "stop", why: "user", owner: null }, { queued: 1, capacity: 20 }).effects,
    ).toEqual([{ kind: "hold-queue" }]);
  });

  it("releases by force only a quarantined run", () => {
    expect(decide(running, { kind: "force-release", owner }, room).effects).toEqual([]);
    const released = decide(quarantined, { kind: "force-release", owner }, room);
    expect(released.state.kind).toBe("idle");
    expect(released.effects).toEqual([
      { kind: "settle", owner, outcome: { kind: "stopped", why: "user" }, forced: true },
    ]);
  });
});

function outcomeOf(decision: LaneDecision) {
  const effect = decision.effects.find((candidate) => candidate.kind === "settle");
  return effect?.kind === "settle" ? effect.outcome : null;
}
