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
import type { Claim } from "./run.ts";
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
    claims.push(await claim(work, next, driverFor));
  }
}

async function claim(
  work: Work,
  next: { lane: Lane; item: StoredItem; slot: number },
  driverFor: (lane: Lane) => Driver,
): Promise<Claim> {
  const { item, slot } = next;
  const driver = driverFor(next.lane);
  // Each agent has its own session here: one of another agent cannot be resumed.
  const lane =
    next.lane.session.driver === driver.name
      ? next.lane
      : await work.tx.sessionFor(next.lane.conversation, driver.name, work.newId());
  const owner = await work.tx.insertRun(work.newId() as RunId, lane, item.id, slot, driver.name, work.atMs);
  if (decide(lane.state, { kind: "claim", owner }, { queued: 0, capacity: 0 }).state.kind !== "running") {
    throw new Error(`lane ${lane.conversation} was claimed while it was ${lane.state.kind}`);
  }
  if (item.request.kind !== "prompt")
    throw new Error(`item ${item.id} in line is a ${item.request.kind}, not a prompt`);
  if (!(await work.tx.moveItem(item.id, "queued", "running", owner.run)))
    throw new Error(`item ${item.id} was not in line`);
  await addStatus(work, lane, owner, item.message);
  work.touched.add(lane.conversation);
  return { owner, lane, prompt: item.request.prompt, driver, startedAtMs: work.atMs };
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
