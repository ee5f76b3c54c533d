/**
 * I10: a further turn of a run is begun by the run that owns the lane, after a look at its row; never after a stop, a replacement or a
 * quarantine that was there at the look, never for what will not pass by itself, and never more often than allowed.
 * choice: a turn has the agent, the session, the model and the permissions that were chosen when its run was claimed.
 */
import type { Fault } from "../../src/domain/faults.ts";
import type { Meet } from "./faults.ts";
import type { RunRow } from "./mirror.ts";
import type { RuleContext } from "./rule.ts";
import type { LedgerTurn } from "./world.ts";

export type RulesOfAttempts = {
  /** The run is about to begin a turn; `heard` is the transaction of which it has just heard. */
  readonly holding: (workspace: string, life: number, heard: number | null) => void;
  /** A turn begins; the ledger has it already. */
  readonly began: (turn: LedgerTurn) => void;
};

/** Of conversations that chose none. */
const defaultPermissions = "bypass";

export function rulesOfAttempts({ mirror, world, limits, violated }: RuleContext, meet: Meet): RulesOfAttempts {
  function holding(workspace: string, life: number, heard: number | null): void {
    for (const run of mirror.live) {
      if (run.workspace !== workspace || !world.turnsOf(run.id).some((turn) => turn.life === life)) continue;
      const look = heard === null ? null : mirror.decidedAs(heard);
      if (look === null) violated("I10", `${run.id} tries again without a look at its row`);
      else if (run.stoppedIn !== null && run.stoppedIn < look)
        violated("I10", `${run.id} tries again although it saw that it is to stop (${run.stopWhy})`);
    }
  }

  function began(turn: LedgerTurn): void {
    const run = mirror.runs.get(turn.owner.run);
    if (run === undefined) return; // said by the rules of items
    const before = world.turnsOf(run.id).filter((other) => other !== turn);
    checkChoice(turn, run, before.at(-1));
    if (before.length > limits.retries) violated("I10", `${run.id} is tried ${before.length + 1} times`);
    const last = before.at(-1);
    if (last === undefined) return;
    meet("a run is tried again");
    if (before.length === 2) meet("a run is tried a third time");
    if (last.asked !== null) meet("a turn that was cut is tried again");
    if (run.state === "settled") violated("I10", `${run.id} is tried again after it settled`);
    if (run.wasQuarantined) violated("I10", `${run.id} is tried again after its quarantine`);
    if (last.asked !== null) return; // it was cut, and its last word may have come too late
    if (last.said?.kind === "completed") violated("I10", `${run.id} is tried again after it completed`);
    if (last.said?.kind !== "failed") return; // it broke off
    const hasUsedTools = before.some((other) => other.hasUsedTools);
    if (!passes(last.said.fault, hasUsedTools))
      violated("I10", `${run.id} is tried again after "${last.said.fault.kind}"`);
  }

  function passes({ kind }: Fault, hasUsedTools: boolean): boolean {
    if (kind === "agent-died") return !hasUsedTools;
    return kind === "overloaded" || kind === "model-unreachable" || kind === "rate-limited";
  }

  function checkChoice(turn: LedgerTurn, run: RunRow, before: LedgerTurn | undefined): void {
    const { agent, session, permissions, model } = turn;
    const row = mirror.sessions.get(session.id);
    if (agent !== run.driver) violated("choice", `${run.id} of ${run.driver} is begun by ${agent}`);
    if (session.id !== run.session || row?.driver !== agent || row.conversation !== run.conversation)
      violated("choice", `${run.id} of ${agent} works in session ${session.id} of ${row?.driver}`);
    if (session.resume !== null && !session.resume.startsWith(`${agent}-`))
      violated("choice", `${run.id} of ${agent} resumes ${session.resume}`);
    if (permissions !== (run.permissions ?? defaultPermissions))
      violated("choice", `${run.id} may ${permissions}, chosen was ${run.permissions}`);
    if (JSON.stringify(model) !== JSON.stringify(run.model))
      violated("choice", `${run.id} works with ${model?.id}, chosen was ${run.model?.id}`);
    if (before !== undefined && before.session.resume !== null && before.session.resume !== session.resume)
      violated("I10", `${run.id} is tried again in another memory than before`);
  }

  return { holding, began };
}
