/**
 * ask: what an agent asks is answered by a person of its own conversation, while its run goes on and is not told to stop; the answer is
 * stored first (I5), reaches the turn that asked and no other (I3), once (I6). When its run is settled, nothing of it is open.
 * card: what is shown last of an ask is how it stands.
 */
import type { AskAnswer } from "../../src/domain/ask.ts";
import { homeOf } from "../../src/domain/conversation.ts";
import type { Change } from "./journal.ts";
import type { AskRow, ItemRow } from "./mirror.ts";
import type { Rule, RuleContext } from "./rule.ts";
import type { LedgerTurn } from "./world.ts";

export type RulesOfAsks = Rule & {
  /** An answer was handed to a turn. */
  readonly handed: (turn: LedgerTurn, id: string, answer: AskAnswer) => void;
  /** A tool of ours told a turn that a person answered. */
  readonly answeredByTool: (turn: LedgerTurn, mark: string, text: string) => void;
};

export function rulesOfAsks({ mirror, violated }: RuleContext): RulesOfAsks {
  /** What the last message of each ask shows. */
  const cards = new Map<string, string>();
  /** Of the decision that is being read. */
  let changed = new Set<string>();
  let settled: string[] = [];
  let item: ItemRow | null = null;

  function endOfDecision(): void {
    for (const id of changed) {
      const state = JSON.stringify(mirror.asks.get(id)?.state);
      if (cards.get(id) !== state) violated("card", `ask ${id} is ${state}, and its card shows ${cards.get(id)}`);
    }
    for (const run of settled) {
      for (const ask of mirror.openAsks)
        if (ask.run === run) violated("ask", `${run} is settled, and ask ${ask.id} is open`);
    }
    changed = new Set();
    settled = [];
    item = null;
  }

  function goesOn(run: string): boolean {
    const state = mirror.runs.get(run)?.state;
    return state === "starting" || state === "running";
  }

  function changes({ id, from, to }: Change & { what: "ask-changed" }): void {
    const ask = mirror.asks.get(id)!;
    if (from.kind !== "open" && !(from.kind === "answered" && to.kind === "late"))
      violated("ask", `ask ${id} goes from ${from.kind} to ${to.kind}`);
    if (to.kind !== "answered" && to.kind !== "open") return;
    if (!goesOn(ask.run))
      violated("ask", `ask ${id} is answered although ${ask.run} is ${mirror.runs.get(ask.run)?.state}`);
    if (item === null || !isAbout(item, ask))
      violated("ask", `ask ${id} is answered, and not by a person who was asked`);
  }

  /** What came in means this ask, and comes from the conversation that was asked. */
  function isAbout({ conversation, request }: ItemRow, ask: AskRow): boolean {
    if (conversation !== homeOf(ask.conversation)) return false;
    switch (request.kind) {
      case "press": {
        const action = mirror.buttons.find((button) => button.id === request.button)?.action;
        return action?.kind === "answer" && action.ask === ask.id;
      }
      case "answer":
        return request.ask === ask.id;
      case "prompt": // a reply to one of its messages
        return true;
      case "command":
      case "edit":
      case "occurrence":
      case "unsupported":
        return false;
      default:
        return request satisfies never;
    }
  }

  function handed({ owner, asks }: LedgerTurn, id: string, answer: AskAnswer): void {
    const asked = asks.findLast((one) => one.id === id);
    const row = asked === undefined ? null : mirror.askOf(asked.mark);
    if (asked === undefined || row === null)
      return violated("ask", `${owner.run} is answered ${id}, which it did not ask`);
    const { state } = row;
    const isThis = state.kind === "answered" && JSON.stringify(state.answer) === JSON.stringify(answer);
    if (!isThis)
      violated("ask", `${owner.run} is given "${answer.kind}" for ask ${row.id}, which is ${JSON.stringify(state)}`);
    asked.handed += 1;
    if (asked.handed > 1) violated("ask", `ask ${row.id} is answered ${asked.handed} times`);
  }

  function answeredByTool({ owner }: LedgerTurn, mark: string, text: string): void {
    const state = mirror.askOf(mark)?.state;
    const isThis =
      state?.kind === "answered" &&
      (state.answer.kind !== "answers" || state.answer.answers.flat().join("\n") === text);
    if (!isThis)
      violated("ask", `${owner.run} is told "${text}" by a tool, and the person said ${JSON.stringify(state)}`);
  }

  return {
    handed,
    answeredByTool,
    before: (change) => {
      if (change.what === "decision") endOfDecision();
      if (change.what === "ask-added" && !goesOn(change.run))
        violated("ask", `${change.run} asks although it is ${mirror.runs.get(change.run)?.state}`);
      if (change.what === "ask-changed") changes(change);
    },
    after: (change) => {
      if (change.what === "item-added") item = mirror.items.get(change.id) ?? null;
      if (change.what === "ask-added" || change.what === "ask-changed") changed.add(change.id);
      if (change.what === "said" && change.ask !== null) cards.set(change.ask.id, JSON.stringify(change.ask.state));
      if (change.what === "run-changed" && change.to === "settled") settled.push(change.id);
    },
    end: endOfDecision,
  };
}
