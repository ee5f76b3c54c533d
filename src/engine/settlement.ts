/**
 * How a run leaves its lane: settled with its outcome, or quarantined while proof is missing. One transaction each, fenced by
 * the run's owner (I3), with everything that is said about it in the same commit.
 *
 * I2: `settle` is reached with proof (`quiet`) or by a person's force release; nothing else frees a lane.
 * I8: what is said last about a run is said here, once; the row that carries it is deduplicated by the run.
 */
import type { TurnEnd } from "../domain/agent-event.ts";
import type { Button } from "../domain/button.ts";
import type { ConversationSettings } from "../domain/conversation-settings.ts";
import type { ItemState } from "../domain/inbox-item.ts";
import { decide, type LaneDecision, type LaneInput } from "../domain/lane-machine.ts";
import type { Fault } from "../domain/faults.ts";
import type { Evidence, RunOutcome, RunOwner } from "../domain/run.ts";
import type { Transcript } from "../domain/transcript.ts";
import { expireAsks } from "./asks.ts";
import type { LiveRun, RunLine, RunSummary, StoredItem } from "./ports.ts";
import { dayOf } from "./reports.ts";
import { detailButtons } from "./run-details.ts";
import { occurrenceEnded } from "./occurrences.ts";
import { offerHeld, textOf } from "./waiting-line.ts";
import { addButton, Deposed, heldButtons, say, type Work } from "./work.ts";

/** Proof is in: ends the run's occupation and tells what came of it. Throws `Deposed` when the owner is not the owner. */
export async function settleQuiet(work: Work, owner: RunOwner, end: TurnEnd, transcript: Transcript): Promise<void> {
  await settleBy(work, { kind: "quiet", owner, end }, owner, end, transcript);
}

/** A person takes the risk: frees the lane without proof. Throws `Deposed` when the run is no longer quarantined. */
export async function settleForced(work: Work, owner: RunOwner, transcript: Transcript): Promise<void> {
  await settleBy(work, { kind: "force-release", owner }, owner, { kind: "interrupted" }, transcript);
  work.after.push({ kind: "release", owner });
}

/** No proof after the whole escalation: keeps the lane occupied, says what is left and offers the release. */
export async function quarantine(
  work: Work,
  owner: RunOwner,
  evidence: Evidence,
  transcript: Transcript,
): Promise<void> {
  const live = await liveRun(work, owner);
  const { decision } = await decideFor(work, owner, { kind: "unconfirmed", owner, evidence });
  if (decision.effects.length === 0) return; // already quarantined: the first word stands
  if (!(await work.tx.quarantineRun(owner, evidence))) throw new Deposed(owner);
  await addSummary(work, live, { kind: "quarantined" }, transcript);
  await sayQuarantined(work, owner, evidence, `run:${owner.run}:quarantined`);
  await endStopWaits(work, owner, "quarantined");
}

/** The quarantine notice with a fresh button: at the quarantine itself, and again whenever a person asks for a stop. */
export async function sayQuarantined(work: Work, owner: RunOwner, evidence: Evidence, dedupe: string): Promise<void> {
  const release = await addButton(work, owner.conversation, { kind: "force-release", owner });
  await say(
    work,
    owner.conversation,
    { kind: "quarantined", evidence },
    { dedupe, run: owner.run, buttons: [[release]] },
  );
}

async function settleBy(
  work: Work,
  input: LaneInput,
  owner: RunOwner,
  end: TurnEnd,
  transcript: Transcript,
): Promise<void> {
  const live = await liveRun(work, owner);
  const { decision, session, settings } = await decideFor(work, owner, input);
  const effect = decision.effects.find((candidate) => candidate.kind === "settle");
  if (effect === undefined) throw new Deposed(owner);
  if (!(await work.tx.settleRun(owner, effect.outcome, transcript, work.atMs))) throw new Deposed(owner);
  const item = await moveOwnItem(work, live, effect.outcome);
  if (transcript.usage !== null) await work.tx.addUsage(live.session, dayOf(work.atMs), live.driver, transcript.usage);
  const unanswered = await holdUnansweredSteers(work, owner);
  await expireAsks(work, owner);
  const isSummed = await addSummary(work, live, effect.outcome, transcript);
  const unsummed = isSummed ? null : { transcript, hasLine: settings.stream === "drafts" && settings.view !== "quiet" };
  if ((await occurrenceEnded(work, item, effect.outcome)) === "told")
    await tellOutcome(work, live, item, effect.outcome, end, effect.forced, unsummed);
  if (unanswered > 0 && effect.outcome.kind !== "stopped") await offerHeld(work, owner.conversation, "steer");
  await endStopWaits(work, owner, "stopped");
  // `/new` during the run left the old session to it; now nothing uses it.
  if (session !== live.session) work.after.push({ kind: "forget", session: live.session });
}

async function liveRun(work: Work, owner: RunOwner): Promise<LiveRun> {
  const live = await work.tx.run(owner);
  if (live === null) throw new Deposed(owner);
  work.touched.add(owner.conversation);
  return live;
}

async function decideFor(
  work: Work,
  owner: RunOwner,
  input: LaneInput,
): Promise<{ decision: LaneDecision; session: string; settings: ConversationSettings }> {
  const lane = await work.tx.lane(owner.conversation);
  if (lane === null) throw new Deposed(owner);
  return {
    decision: decide(lane.state, input, { queued: 0, capacity: 0 }),
    session: lane.session.id,
    settings: lane.settings,
  };
}

async function moveOwnItem(work: Work, live: LiveRun, outcome: RunOutcome): Promise<StoredItem> {
  const item = await work.tx.item(live.item);
  if (item === null) throw new Error(`run ${live.owner.run} has no inbox item ${live.item}`);
  const to = itemStateAfter(outcome);
  if (!(await work.tx.moveItem(item.id, "running", to)))
    throw new Error(`item ${item.id} of run ${live.owner.run} was not running`);
  return item;
}

/**
 * Messages that were being handed to this turn when it ended, without an answer from the agent: whether it saw them is not known, so
 * they are offered and not run (I6). Returns how many.
 */
async function holdUnansweredSteers(work: Work, owner: RunOwner): Promise<number> {
  const unanswered = await work.tx.itemsOfRun(owner.run, "running");
  for (const item of unanswered) await work.tx.moveItem(item.id, "running", "held", null);
  return unanswered.length;
}

function itemStateAfter(outcome: RunOutcome): ItemState {
  switch (outcome.kind) {
    case "finished":
      return "done";
    case "failed":
      return "failed";
    case "stopped":
      return "cancelled";
    case "preempted":
      return "queued"; // I11: preempted work goes back to the queue
    case "interrupted":
      return "interrupted";
    default:
      return outcome satisfies never;
  }
}

/** The live status message gets its last state, if it was ever shown; false when it was not. */
async function addSummary(
  work: Work,
  live: LiveRun,
  outcome: RunSummary["outcome"],
  transcript: Transcript,
): Promise<boolean> {
  const { owner } = live;
  if (!(await work.tx.endStatus(owner.run))) return false;
  // What was asked and answered in detail is kept once, with the run.
  const shown = { ...transcript, details: [] };
  const summary: RunSummary = { run: owner.run, outcome, durationMs: work.atMs - live.startedAtMs, transcript: shown };
  const buttons = await detailButtons(work, owner.conversation, owner.run, transcript);
  const row = {
    conversation: owner.conversation,
    run: owner.run,
    body: { kind: "summary" as const, summary, buttons },
    notBeforeMs: 0,
  };
  await work.tx.addOutgoing({ ...row, dedupe: `run:${owner.run}:summary:${outcome.kind}` }, work.atMs);
  return true;
}

/** A run without a summary: what that would have shown stands under its last words. A draft is gone with them, and so has its line there. */
type Unsummed = { readonly transcript: Transcript; readonly hasLine: boolean };

async function tellOutcome(
  work: Work,
  live: LiveRun,
  item: StoredItem,
  outcome: RunOutcome,
  end: TurnEnd,
  forced: boolean,
  unsummed: Unsummed | null,
): Promise<void> {
  const { conversation, run } = live.owner;
  const said = { dedupe: `run:${run}:outcome`, run, replyTo: item.message };
  const below = async () =>
    unsummed === null ? [] : await detailButtons(work, conversation, run, unsummed.transcript);
  switch (outcome.kind) {
    case "finished": {
      const text =
        end.kind === "completed" && end.answer.trim() !== "" ? end.answer : "(The agent finished without a text.)";
      const line = unsummed?.hasLine === true ? lineOf(work, live, unsummed.transcript) : null;
      const body = { kind: "answer" as const, run, text, about: item.message, line, buttons: await below() };
      await work.tx.addOutgoing({ conversation, run, dedupe: said.dedupe, body, notBeforeMs: 0 }, work.atMs);
      return;
    }
    case "failed":
      await say(
        work,
        conversation,
        { kind: "failed", fault: outcome.fault },
        { ...said, buttons: [...(await afterFailure(work, live, item, outcome.fault)), ...(await below())] },
      );
      return;
    case "stopped": {
      const { held } = await work.tx.waiting(conversation);
      const buttons = [...(held > 0 ? await heldButtons(work, conversation) : []), ...(await below())];
      await say(work, conversation, { kind: "stopped", why: outcome.why, held, forced }, { ...said, buttons });
      return;
    }
    case "preempted":
      return; // the message is back in the queue and will speak when it ends
    case "interrupted":
      await tellInterrupted(work, live, item, forced, said, await below());
      return;
    default:
      outcome satisfies never;
  }
}

function lineOf(work: Work, live: LiveRun, { toolCount, usage }: Transcript): RunLine {
  return { durationMs: work.atMs - live.startedAtMs, toolCount, usage };
}

/** I6: told, and offered again; never repeated by itself. */
async function tellInterrupted(
  work: Work,
  live: LiveRun,
  item: StoredItem,
  forced: boolean,
  said: { dedupe: string; run: RunOwner["run"]; replyTo: string | null },
  below: readonly (readonly Button[])[],
): Promise<void> {
  const { conversation } = live.owner;
  const buttons = [...(await runAgain(work, item)), ...below];
  if (forced) {
    await say(work, conversation, { kind: "stopped", why: "user", held: 0, forced }, { ...said, buttons });
    return;
  }
  const cause = live.stopWhy === "crash" || live.stopWhy === "shutdown" ? live.stopWhy : "agent";
  const text = item.request.kind === "occurrence" ? "" : textOf(item); // whose it is stands before it
  await say(work, conversation, { kind: "interrupted", text, cause }, { ...said, buttons });
}

/** An agent whose account is used up will not be better in a minute; another one may be. */
async function afterFailure(
  work: Work,
  live: LiveRun,
  item: StoredItem,
  fault: Fault,
): Promise<readonly (readonly Button[])[]> {
  const rows = [...(await runAgain(work, item))];
  if (fault.kind !== "rate-limited" && fault.kind !== "quota-exhausted") return rows;
  for (const driver of work.settings.driverNames) {
    if (driver === live.driver || driver === "demo") continue;
    rows.push([await addButton(work, item.conversation, { kind: "continue-with", driver, item: item.id })]);
  }
  return rows;
}

async function runAgain(work: Work, item: StoredItem): Promise<readonly (readonly Button[])[]> {
  return [[await addButton(work, item.conversation, { kind: "run-again", item: item.id })]];
}

/** Tells whoever asked to stop everything, once the last run that was waited for is settled or quarantined. */
export async function endStopWaits(work: Work, owner: RunOwner, how: "stopped" | "quarantined"): Promise<void> {
  for (const ended of await work.tx.endStopWaits(owner.run, how)) {
    const { item, stopped, quarantined } = ended;
    await work.tx.moveItem(item.id, "running", "done");
    await say(
      work,
      item.conversation,
      { kind: "stopped-all", stopped, quarantined },
      { dedupe: `item:${item.key}:stopped-all` },
    );
  }
}
