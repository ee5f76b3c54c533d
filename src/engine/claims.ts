/**
 * Claiming: which waiting message runs next, under the caps. It happens inside the very transactions that make something
 * claimable (an admission, a settlement, the boot), so there is no wake-up that could be lost.
 *
 * I1: the row of the run, with its unique indexes, is the claim; a refused insert takes the whole decision back.
 * I9: the oldest ticket goes first; a lane draws a new one each time it ran.
 */
import { decide } from "../domain/lane-machine.ts";
import type { RunId } from "../domain/run.ts";
import type { Driver, Lane, StoredItem } from "./ports.ts";
import { type Task, taskOf } from "./occurrences.ts";
import type { Claim } from "./run.ts";
import { stopRun } from "./stops.ts";
import { addButton, say, type Work } from "./work.ts";

/**
 * A quick answer arrives before its status message would: the status waits this long, and is never sent when the run is over by
 * then. Below what a person notices as silence.
 */
const statusDelayMs = 400;

/** Claims all that can start now. */
export async function claimReady(work: Work, driverFor: (lane: Lane) => Driver): Promise<Claim[]> {
  const claims: Claim[] = [];
  // Bound: every claim takes one of runsMax slots.
  for (;;) {
    const next = await work.tx.nextReady(work.settings.runsMax);
    if (next === null) return claims;
    const task = await taskOf(work, next.item);
    if (task === null) await work.tx.moveItem(next.item.id, "queued", "cancelled");
    else claims.push(await claim(work, next, task, driverFor));
  }
}

/**
 * K6: background runs that a person's message waits for are stopped, with proof like any other, and go back in line. Asked after each decision
 * and not only at a new message, so that none can be missed.
 */
export async function makeRoom(work: Work): Promise<void> {
  for (const owner of await work.tx.inTheWay(work.settings.runsMax)) {
    const lane = await work.tx.lane(owner.conversation);
    if (lane === null) continue;
    const { effects } = decide(lane.state, { kind: "stop", why: "preempted", owner }, { queued: 0, capacity: 0 });
    if (effects.some(({ kind }) => kind === "stop-run")) await stopRun(work, owner, "preempted");
    work.touched.add(owner.conversation);
  }
}

async function claim(
  work: Work,
  next: { lane: Lane; item: StoredItem; slot: number },
  { prompt, schedule }: Task,
  driverFor: (lane: Lane) => Driver,
): Promise<Claim> {
  const { item, slot } = next;
  const driver = driverFor(next.lane);
  // Each agent has its own session here: one of another agent cannot be resumed.
  const used =
    next.lane.session.driver === driver.name
      ? next.lane
      : await work.tx.sessionFor(next.lane.conversation, driver.name, work.newId());
  const lane = schedule?.isFresh === true ? await withEmptyMemory(work, used) : used;
  const owner = await work.tx.insertRun(work.newId() as RunId, lane, item.id, slot, driver.name, work.atMs);
  if (decide(lane.state, { kind: "claim", owner }, { queued: 0, capacity: 0 }).state.kind !== "running") {
    throw new Error(`lane ${lane.conversation} was claimed while it was ${lane.state.kind}`);
  }
  if (!(await work.tx.moveItem(item.id, "queued", "running", owner.run)))
    throw new Error(`item ${item.id} was not in line`);
  if (schedule?.isSilent !== true) await addStatus(work, lane, owner, item.message);
  work.touched.add(lane.conversation);
  const permissions = schedule?.permissions ?? lane.permissions;
  const runMsMax = schedule?.runMsMax ?? null;
  return { owner, lane: { ...lane, permissions }, prompt, driver, startedAtMs: work.atMs, runMsMax };
}

async function withEmptyMemory(work: Work, { conversation, session }: Lane): Promise<Lane> {
  await work.tx.newSession(conversation, work.newId(), null);
  work.after.push({ kind: "forget", session: session.id });
  const lane = await work.tx.lane(conversation);
  if (lane === null) throw new Error(`the lane of ${conversation} is gone`);
  return lane;
}

async function addStatus(work: Work, lane: Lane, owner: Claim["owner"], about: string | null): Promise<void> {
  const stop = await addButton(work, lane.conversation, { kind: "stop", owner });
  const { view, stream } = lane.settings;
  const row = {
    conversation: lane.conversation,
    run: owner.run,
    body: { kind: "status" as const, run: owner.run, stop, about, view, stream },
  };
  await work.tx.addOutgoing(
    { ...row, dedupe: `run:${owner.run}:status`, notBeforeMs: work.atMs + statusDelayMs },
    work.atMs,
  );
}

/** Prompts of this transaction that did not start are told their place and what they wait for. */
export async function tellWaiting(work: Work): Promise<void> {
  for (const id of work.waiting) {
    const item = await work.tx.item(id);
    if (item?.state !== "queued") continue;
    const lane = await work.tx.lane(item.conversation);
    if (lane !== null) await acknowledge(work, item, lane);
  }
}

async function acknowledge(work: Work, item: StoredItem, lane: Lane): Promise<void> {
  const { conversation, id } = item;
  const queued = await work.tx.items(conversation, "queued");
  const position = queued.findIndex((other) => other.id === id) + 1;
  const waitsFor = (await work.tx.waitsFor(conversation, work.settings.runsMax))?.kind ?? "run";
  const buttons = [[await addButton(work, conversation, { kind: "cancel", item: id })]];
  if (lane.state.kind === "running") {
    const steer = await addButton(work, conversation, { kind: "steer", item: id });
    buttons.unshift([steer, await addButton(work, conversation, { kind: "stop-and-run", item: id })]);
  }
  const notice = { kind: "queued" as const, position, waitsFor, workspace: lane.workspace };
  const dedupe = `item:${item.key}:queued:${work.newId()}`; // put in line again (a steer that came too late), told again
  await say(work, conversation, notice, { dedupe, buttons, replyTo: item.message, acknowledges: id });
}
